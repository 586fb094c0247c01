#include "sidecar/http_session.hpp"

#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/version.hpp>
#include <memory>
#include <random>

namespace tenfold::sidecar {
namespace {

namespace http = beast::http;

constexpr auto as_tuple = asio::experimental::as_tuple(asio::use_awaitable);
// What an idle connection holds ready for its next request; most fit.
constexpr size_t first_read = 2048;

// 128 random bits in hex.
std::string new_request_id() {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  constexpr char digits[] = "0123456789abcdef";
  std::string id;
  for (int half = 0; half < 2; half++) {
    const uint64_t bits = random();
    for (int shift = 60; shift >= 0; shift -= 4) id += digits[(bits >> shift) & 15U];
  }
  return id;
}

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

// Counts itself for as long as it lives.
class Counted {
 public:
  explicit Counted(size_t& count) : count_(count) { count_++; }
  ~Counted() { count_--; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  size_t& count_;
};

// 0: there is nobody left to tell.
int status_of(beast::error_code failure) {
  if (failure == beast::error::timeout) return 408;
  if (failure == http::error::header_limit) return 431;
  if (failure == http::error::body_limit) return 413;
  if (failure.category() == http::make_error_code(http::error::bad_method).category() &&
      failure != http::error::end_of_stream && failure != http::error::partial_message)
    return 400;
  return 0;
}

std::string_view meaning_of(int status) {
  switch (status) {
    case 408:
      return "the request did not arrive in the time that this server waits";
    case 413:
      return "the body is larger than this server takes";
    case 431:
      return "the headers are larger than this server takes";
    default:
      return "the request is no valid HTTP";
  }
}

}  // namespace

template <class Stream>
Task<void> HttpSession<Stream>::run() {
  if constexpr (!std::is_same_v<Stream, beast::tcp_stream>) {
    expire_after(server_.options_.limits.receive);
    const auto [failure] = co_await stream_.async_handshake(asio::ssl::stream_base::server, as_tuple);
    if (failure) co_return;
  }
  while (true) {
    const bool arrived = co_await wait_for_request();
    if (!arrived) break;
    const bool keep_alive = co_await serve_request();
    if (!keep_alive) break;
    if (buffer_.size() == 0 && buffer_.capacity() > first_read) buffer_ = {};
  }
  beast::error_code ignored;
  beast::get_lowest_layer(stream_).socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

// Bytes may be there already: the client has sent a request behind the last one.
template <class Stream>
Task<bool> HttpSession<Stream>::wait_for_request() {
  if (buffer_.size() > 0) co_return true;
  expire_after(server_.options_.limits.idle);
  const auto [failure, size] = co_await stream_.async_read_some(buffer_.prepare(first_read), as_tuple);
  buffer_.commit(size);
  co_return !failure;
}

template <class Stream>
Task<bool> HttpSession<Stream>::serve_request() {
  const Counted active(server_.active_);
  Parser parser;
  parser.header_limit(server_.options_.limits.header_bytes);
  parser.body_limit(server_.options_.limits.body_bytes);
  const auto failure = co_await read_in_time(parser);
  if (failure) {
    co_await refuse(failure);
    co_return false;
  }
  co_return co_await answer_request(parser.get());
}

// The deadline ends the reading, where Beast's own would close the socket: who was slow is told so.
template <class Stream>
Task<beast::error_code> HttpSession<Stream>::read_in_time(Parser& parser) {
  const auto is_late = std::make_shared<bool>(false);
  beast::get_lowest_layer(stream_).expires_never();
  deadline_.expires_after(server_.options_.limits.receive);
  // A timer that has run out cannot be recalled: it may be heard when the reading, or all of this, is over.
  deadline_.async_wait([this, reading = std::weak_ptr(is_late)](beast::error_code cancelled) {
    const auto late = reading.lock();
    if (cancelled || !late) return;
    *late = true;
    beast::get_lowest_layer(stream_).cancel();
  });
  const auto failure = co_await read_request(parser);
  deadline_.cancel();
  co_return failure&&* is_late ? beast::error_code(beast::error::timeout) : failure;
}

template <class Stream>
Task<beast::error_code> HttpSession<Stream>::read_request(Parser& parser) {
  const auto [head_failure, head_size] = co_await http::async_read_header(stream_, buffer_, parser, as_tuple);
  if (head_failure || parser.is_done()) co_return head_failure;
  if (view(parser.get()[http::field::expect]) == "100-continue") {
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto buffer = asio::buffer(go_on);
    const auto [failure, size] = co_await asio::async_write(stream_, buffer, as_tuple);
    if (failure) co_return failure;
  }
  const auto [failure, size] = co_await http::async_read(stream_, buffer_, parser, as_tuple);
  co_return failure;
}

template <class Stream>
Task<bool> HttpSession<Stream>::answer_request(const Parser::value_type& message) {
  const HttpRequest request = view_of(message);
  beast::get_lowest_layer(stream_).expires_never();  // the handler has deadlines of its own
  HttpAnswer answer = co_await server_.handler_(request);
  compress_answer(answer, request.header("accept-encoding"), server_.options_.limits.gzip_least);
  WireFrame frame{server_.date(), request.request_id};
  frame.keep_alive = message.keep_alive() && !server_.draining_;
  frame.is_head = request.method == "HEAD";
  const bool written = co_await write(answer, frame);
  co_return written&& frame.keep_alive;
}

template <class Stream>
HttpRequest HttpSession<Stream>::view_of(const Parser::value_type& message) {
  HttpRequest request;
  request.method = view(message.method_string());
  const std::string_view target = view(message.target());
  const size_t mark = target.find('?');
  request.path = target.substr(0, mark);
  if (mark != std::string_view::npos) request.query = target.substr(mark + 1);
  request.body = message.body();

  names_.clear();
  for (const auto& field : message)
    for (const char c : view(field.name_string()))
      names_ += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  size_t begin = 0;
  for (const auto& field : message) {
    const size_t length = field.name_string().size();
    request.headers.push_back({std::string_view(names_).substr(begin, length), view(field.value())});
    begin += length;
  }
  const std::string_view sent = request.header("x-request-id");
  request_id_ = is_request_id(sent) ? std::string(sent) : new_request_id();
  request.request_id = request_id_;
  request.trace_id = trace_id_of(request.header("traceparent"));
  request.peer = peer_;
  return request;
}

// The connection ends here; what the client still sends is not read.
template <class Stream>
Task<void> HttpSession<Stream>::refuse(beast::error_code failure) {
  const int status = status_of(failure);
  if (status == 0) co_return;
  WireFrame frame{server_.date(), {}};
  frame.keep_alive = false;
  const HttpAnswer answer = refusal(status, meaning_of(status));
  co_await write(answer, frame);
}

template <class Stream>
Task<bool> HttpSession<Stream>::write(const HttpAnswer& answer, const WireFrame& frame) {
  const std::string head = wire_head(answer, frame);
  const std::string_view body = has_body(answer, frame) ? std::string_view(answer.body) : std::string_view();
  const std::array<asio::const_buffer, 2> buffers{asio::buffer(head), asio::buffer(body)};
  expire_after(server_.options_.limits.send);
  const auto [failure, size] = co_await asio::async_write(stream_, buffers, as_tuple);
  co_return !failure;
}

template class HttpSession<beast::tcp_stream>;
template class HttpSession<asio::ssl::stream<beast::tcp_stream>>;

}  // namespace tenfold::sidecar
