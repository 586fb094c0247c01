#include "http/session.hpp"

#include <algorithm>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/version.hpp>
#include <iterator>
#include <memory>
#include <random>

namespace tenfold::sidecar {
namespace {

namespace http = beast::http;

constexpr auto as_tuple = asio::experimental::as_tuple(asio::use_awaitable);
// What an idle connection holds ready for its next request; most fit.
constexpr size_t first_read = 2048;
// Of a refused request: what the client may still send before the connection is closed, and for how long. A
// close before that would reset it, and the client might never see why it was refused.
constexpr size_t most_dropped = 256 * 1024;
constexpr std::chrono::milliseconds longest_drop{1000};
// A deadline that was heard between two reads is heard again.
constexpr std::chrono::milliseconds deadline_again{100};

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
  explicit Counted(size_t& count, size_t weight = 1) : count_(count), weight_(weight) { count_ += weight_; }
  ~Counted() { count_ -= weight_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  size_t& count_;
  size_t weight_;
};

// 0: there is nobody left to tell.
int status_of(beast::error_code failure) {
  if (failure == beast::error::timeout) return 408;
  if (failure == http::error::header_limit || failure == http::error::buffer_overflow) return 431;
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
    case 414:
      return "the path and its query are longer than this server takes";
    case 431:
      return "the headers are larger than this server takes";
    default:
      return "the request is no valid HTTP";
  }
}

// What Beast lets pass and two servers in a row may understand differently (RFC 9112 §3.2, §6.1): a coding
// other than chunked, or anything but one Host.
bool is_ambiguous(const http::request_header<>& head) {
  const auto codings = head.count(http::field::transfer_encoding);
  const std::string_view coding = view(head[http::field::transfer_encoding]);
  if (codings > 1 || (codings == 1 && !equal_ignoring_case(coding, "chunked"))) return true;
  const auto hosts = head.count(http::field::host);
  constexpr unsigned http_1_0 = 10;
  return head.version() == http_1_0 ? hosts > 1 || codings > 0 : hosts != 1;
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
    if (buffer_.size() == 0 && buffer_.capacity() > first_read) buffer_.shrink_to_fit();
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
  HttpRequest request;
  const auto failure = co_await read_in_time(parser, request);
  if (failure) {
    const int status = status_of(failure);
    co_await refuse(status == 431 && is_in_first_line(parser) ? 414 : status);
    co_return false;
  }
  co_return co_await answer_request(request, parser.get().keep_alive());
}

// Whether what was read ends within the path and its query. Beast may look for the end of all headers first.
template <class Stream>
bool HttpSession<Stream>::is_in_first_line(const Parser& parser) const {
  const auto read = buffer_.cdata();
  const std::string_view text(static_cast<const char*>(read.data()), read.size());
  return parser.get().target().empty() && text.find('\n') == std::string_view::npos;
}

// The deadline ends the reading, where Beast's own would close the socket: who was slow is told so.
template <class Stream>
Task<beast::error_code> HttpSession<Stream>::read_in_time(Parser& parser, HttpRequest& request) {
  const auto is_late = std::make_shared<bool>(false);
  beast::get_lowest_layer(stream_).expires_never();
  deadline_.expires_after(server_.options_.limits.receive);
  watch_deadline(is_late);
  const auto failure = co_await read_request(parser, request);
  deadline_.cancel();
  co_return failure&&* is_late ? beast::error_code(beast::error::timeout) : failure;
}

// A timer that has run out cannot be recalled: it may be heard when the reading, or all of this, is over.
template <class Stream>
void HttpSession<Stream>::watch_deadline(std::weak_ptr<bool> is_late) {
  deadline_.async_wait([this, reading = std::move(is_late)](beast::error_code cancelled) {
    const auto late = reading.lock();
    if (cancelled || !late) return;
    *late = true;
    beast::get_lowest_layer(stream_).cancel();
    deadline_.expires_after(deadline_again);
    watch_deadline(reading);
  });
}

// What is a header is known before the body: what trails it is dropped, whatever it is called.
template <class Stream>
Task<beast::error_code> HttpSession<Stream>::read_request(Parser& parser, HttpRequest& request) {
  const auto [head_failure, head_size] = co_await http::async_read_header(stream_, buffer_, parser, as_tuple);
  if (head_failure) co_return head_failure;
  const auto& head = parser.get();
  if (std::distance(head.begin(), head.end()) > static_cast<ptrdiff_t>(server_.options_.limits.headers))
    co_return http::error::header_limit;
  if (is_ambiguous(head)) co_return http::error::bad_field;
  request = view_of(head);
  if (!parser.is_done()) {
    if (equal_ignoring_case(request.header("expect"), "100-continue")) {
      static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      const auto buffer = asio::buffer(go_on);
      const auto [failure, size] = co_await asio::async_write(stream_, buffer, as_tuple);
      if (failure) co_return failure;
    }
    const auto [failure, size] = co_await http::async_read(stream_, buffer_, parser, as_tuple);
    if (failure) co_return failure;
  }
  request.body = parser.get().body();
  co_return beast::error_code();
}

template <class Stream>
Task<bool> HttpSession<Stream>::answer_request(const HttpRequest& request, bool keep_alive) {
  beast::get_lowest_layer(stream_).expires_never();  // the handler has deadlines of its own
  HttpAnswer answer = co_await ask_handler(request);
  WireFrame frame{server_.date(), request.request_id};
  frame.keep_alive = keep_alive && !server_.draining_;
  frame.is_head = request.method == "HEAD";
  const bool written = co_await write(answer, frame);
  co_return written&& frame.keep_alive;
}

// An answer that can be sent: what fails, or what there is no memory for, is an answer too.
template <class Stream>
Task<HttpAnswer> HttpSession<Stream>::ask_handler(const HttpRequest& request) {
  const HttpLimits& limits = server_.options_.limits;
  HttpAnswer answer;
  try {
    answer = co_await server_.handler_(request);
    compress_answer(answer, request.header("accept-encoding"), limits.gzip_least);
  } catch (const std::exception& failure) {
    server_.log_.error(
        "a request failed",
        {{"path", request.path}, {"error", failure.what()}, {"request_id", request.request_id}});
    answer = refusal(500, "the server failed");
  }
  if (answer.body.size() > limits.answer_bytes)
    co_return refusal(500, "the answer is larger than this server sends: ask for less at once");
  if (server_.unsent_ + answer.body.size() <= limits.unsent_bytes) co_return answer;
  HttpAnswer busy = refusal(503, "too many answers wait for their readers");
  busy.headers.emplace_back("Retry-After", "1");
  co_return busy;
}

template <class Stream>
HttpRequest HttpSession<Stream>::view_of(const Parser::value_type& message) {
  HttpRequest request;
  request.method = view(message.method_string());
  const std::string_view target = origin_form(view(message.target()));
  const size_t mark = target.find('?');
  request.path = target.substr(0, mark);
  if (mark != std::string_view::npos) request.query = target.substr(mark + 1);

  names_.clear();
  joined_.clear();
  for (const auto& field : message)
    for (const char c : view(field.name_string()))
      names_ += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  size_t begin = 0;
  for (const auto& field : message) {
    const size_t length = field.name_string().size();
    add_header(request, std::string_view(names_).substr(begin, length), view(field.value()));
    begin += length;
  }
  const std::string_view sent = request.header("x-request-id");
  request_id_ = is_request_id(sent) ? std::string(sent) : new_request_id();
  request.request_id = request_id_;
  request.trace_id = trace_id_of(request.header("traceparent"));
  request.peer = peer_;
  return request;
}

// Lines of one name are one list (RFC 9110 §5.3): nobody can send a second one that only some see.
template <class Stream>
void HttpSession<Stream>::add_header(HttpRequest& request, std::string_view name, std::string_view value) {
  const auto before = std::ranges::find(request.headers, name, &HttpHeader::name);
  if (before == request.headers.end()) {
    request.headers.push_back({name, value});
    return;
  }
  std::string& both = joined_.emplace_back(before->value);
  both.append(name == "cookie" ? "; " : ", ").append(value);
  before->value = both;
}

// The connection ends here.
template <class Stream>
Task<void> HttpSession<Stream>::refuse(int status) {
  if (status == 0) co_return;
  WireFrame frame{server_.date(), {}};
  frame.keep_alive = false;
  const HttpAnswer answer = refusal(status, meaning_of(status));
  const bool written = co_await write(answer, frame);
  if (written) co_await drop_the_rest();
}

template <class Stream>
Task<void> HttpSession<Stream>::drop_the_rest() {
  auto& lowest = beast::get_lowest_layer(stream_);
  beast::error_code failure;
  lowest.socket().shutdown(asio::ip::tcp::socket::shutdown_send, failure);
  expire_after(longest_drop);
  std::array<char, 4096> dropped;
  for (size_t sum = 0; sum < most_dropped && !failure;) {
    const auto [stopped, size] = co_await lowest.async_read_some(asio::buffer(dropped), as_tuple);
    failure = stopped;
    sum += size;
  }
}

template <class Stream>
Task<bool> HttpSession<Stream>::write(const HttpAnswer& answer, const WireFrame& frame) {
  const std::string head = wire_head(answer, frame);
  const std::string_view body = has_body(answer, frame) ? std::string_view(answer.body) : std::string_view();
  const std::array<asio::const_buffer, 2> buffers{asio::buffer(head), asio::buffer(body)};
  expire_after(server_.options_.limits.send);
  const Counted unsent(server_.unsent_, body.size());
  const auto [failure, size] = co_await asio::async_write(stream_, buffers, as_tuple);
  co_return !failure;
}

template class HttpSession<beast::tcp_stream>;
template class HttpSession<asio::ssl::stream<beast::tcp_stream>>;

}  // namespace tenfold::sidecar
