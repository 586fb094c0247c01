#include "sidecar/http_client.hpp"

#include <curl/curl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>

namespace tenfold::sidecar {
namespace {

bool is_our_fault(CURLcode code) {
  return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_OUT_OF_MEMORY ||
         code == CURLE_WRITE_ERROR;
}

constexpr auto as_tuple = asio::experimental::as_tuple(asio::use_awaitable);

}  // namespace

// A call under way: what libcurl writes into, and who waits.
struct HttpClient::Transfer {
  HttpCall call;
  HttpReply reply;
  CURL* easy = curl_easy_init();
  curl_slist* headers = nullptr;
  asio::experimental::channel<void(boost::system::error_code)> done;

  Transfer(HttpCall asked, asio::any_io_executor executor)
      : call(std::move(asked)), done(std::move(executor), 1) {}
  ~Transfer() {
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  static size_t on_body(const char* data, size_t, size_t size, Transfer* self) {
    if (self->reply.body.size() + size > self->call.most_bytes) return 0;  // libcurl gives up
    self->reply.body.append(data, size);
    return size;
  }

  static size_t on_header(const char* data, size_t, size_t size, Transfer* self) {
    std::string_view line(data, size);
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return size;
    std::string name(line.substr(0, colon));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    line.remove_prefix(colon + 1);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    self->reply.headers[name] = line;
    return size;
  }

  void prepare() {
    for (const std::string& header : call.headers) headers = curl_slist_append(headers, header.c_str());
    curl_easy_setopt(easy, CURLOPT_URL, call.url.c_str());
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call.method.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(call.deadline.count()));
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
    if (call.method == "HEAD") curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (!call.body.empty()) {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call.body.c_str());
    }
  }
};

// A socket of libcurl's, borrowed: it opens and closes them.
struct HttpClient::Socket {
  int fd;
  int wanted = 0;  // CURL_POLL_IN, CURL_POLL_OUT or both
  bool reading = false, writing = false;
  asio::posix::stream_descriptor descriptor;

  Socket(asio::io_context& io, int number) : fd(number), descriptor(io, number) {}
};

HttpClient::HttpClient(Loop& loop, size_t most_in_flight)
    : loop_(loop), most_in_flight_(most_in_flight), multi_(curl_multi_init()), timer_(loop.io()) {
  if (multi_ == nullptr) throw std::runtime_error("libcurl cannot start");
  auto* multi = static_cast<CURLM*>(multi_);
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &HttpClient::on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &HttpClient::on_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
}

HttpClient::~HttpClient() {
  for (auto& [fd, socket] : sockets_) socket->descriptor.release();
  curl_multi_cleanup(static_cast<CURLM*>(multi_));
}

Task<HttpReply> HttpClient::send(HttpCall call) {
  if (in_flight_ >= most_in_flight_) co_return HttpReply{0, {}, {}, "too many calls are under way", true};
  in_flight_++;
  Transfer transfer(std::move(call), loop_.io().get_executor());
  transfer.prepare();
  curl_multi_add_handle(static_cast<CURLM*>(multi_), transfer.easy);
  co_await transfer.done.async_receive(as_tuple);
  curl_multi_remove_handle(static_cast<CURLM*>(multi_), transfer.easy);
  in_flight_--;
  co_return std::move(transfer.reply);
}

int HttpClient::on_socket(void*, int fd, int what, HttpClient* self, Socket*) {
  self->watch(fd, what);
  return 0;
}

void HttpClient::watch(int fd, int what) {
  auto& socket = sockets_[fd];
  if (what == CURL_POLL_REMOVE) {
    if (socket) socket->descriptor.release();
    if (socket) socket->wanted = 0;
    sockets_.erase(fd);
    return;
  }
  if (!socket) socket = std::make_shared<Socket>(loop_.io(), fd);
  socket->wanted = what;
  if ((what & CURL_POLL_IN) != 0 && !socket->reading)
    asio::co_spawn(loop_.io(), wait(socket, true), asio::detached);
  if ((what & CURL_POLL_OUT) != 0 && !socket->writing)
    asio::co_spawn(loop_.io(), wait(socket, false), asio::detached);
}

Task<void> HttpClient::wait(std::shared_ptr<Socket> socket, bool to_read) {
  bool& waiting = to_read ? socket->reading : socket->writing;
  const int poll = to_read ? CURL_POLL_IN : CURL_POLL_OUT;
  waiting = true;
  while ((socket->wanted & poll) != 0) {
    const auto [failure] = co_await socket->descriptor.async_wait(
        to_read ? asio::posix::descriptor_base::wait_read : asio::posix::descriptor_base::wait_write,
        as_tuple);
    if (failure || (socket->wanted & poll) == 0) break;
    act(socket->fd, to_read ? CURL_CSELECT_IN : CURL_CSELECT_OUT);
  }
  waiting = false;
}

int HttpClient::on_timer(void*, long milliseconds, HttpClient* self) {
  self->timer_.cancel();
  if (milliseconds < 0) return 0;
  self->timer_.expires_after(std::chrono::milliseconds(milliseconds));
  self->timer_.async_wait([self](boost::system::error_code cancelled) {
    if (!cancelled) self->act(CURL_SOCKET_TIMEOUT, 0);
  });
  return 0;
}

void HttpClient::act(int fd, int events) {
  int running = 0;
  curl_multi_socket_action(static_cast<CURLM*>(multi_), fd, events, &running);
  finish_done();
}

void HttpClient::finish_done() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(static_cast<CURLM*>(multi_), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    Transfer* transfer = nullptr;
    long status = 0;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
    if (message->data.result == CURLE_OK)
      transfer->reply.status = static_cast<int>(status);
    else
      transfer->reply.error = curl_easy_strerror(message->data.result);
    transfer->reply.is_our_fault = is_our_fault(message->data.result);
    transfer->done.try_send(boost::system::error_code{});
  }
}

}  // namespace tenfold::sidecar
