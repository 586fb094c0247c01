#include "http/client.hpp"

#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>
#include <utility>

namespace tenfold::sidecar {
namespace {

bool is_our_fault(CURLcode code) {
  return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_OUT_OF_MEMORY ||
         code == CURLE_WRITE_ERROR;
}

using namespace std::chrono_literals;

// Nobody can end a thread in getaddrinfo. It gives up by itself: 5 s for each of three servers, twice.
constexpr auto longest_lookup = 30s;
constexpr auto crowded_pause = 20ms;

std::optional<asio::ip::address> address_of(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    return asio::ip::address_v4(ntohl(four.sin_addr.s_addr));
  }
  if (address.sa_family != AF_INET6) return std::nullopt;
  const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
  asio::ip::address_v6::bytes_type bytes;
  std::copy_n(six.sin6_addr.s6_addr, bytes.size(), bytes.begin());
  return asio::ip::address_v6(bytes);
}

bool has_body_by_rule(const std::string& method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

template <class T>
T info(CURL* easy, CURLINFO which) {
  T value{};
  curl_easy_getinfo(easy, which, &value);
  return value;
}

constexpr auto as_tuple = asio::experimental::as_tuple(asio::use_awaitable);

}  // namespace

// Threads that look names up, those among them that nobody waits for any more.
struct HttpClient::Lookups {
  size_t most, count = 0;
};

// A call under way: what libcurl writes into, and the coroutine that waits.
struct HttpClient::Transfer {
  const HttpCall& call;
  const AddressRules& allowed;
  std::shared_ptr<Lookups> lookups;
  bool looks_up = false, is_crowded = false;
  HttpReply reply;
  CURL* easy = curl_easy_init();
  curl_slist* headers = nullptr;
  asio::experimental::channel<void(boost::system::error_code)> done;

  Transfer(const HttpCall& asked, const AddressRules& rules, std::shared_ptr<Lookups> under_way,
           asio::any_io_executor executor)
      : call(asked), allowed(rules), lookups(std::move(under_way)), done(std::move(executor), 1) {}
  ~Transfer() {
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  static size_t on_body(const char* data, size_t, size_t size, Transfer* self) {
    if (self->call.take) return self->call.take({data, size}) ? size : 0;
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

  static size_t on_upload(char* place, size_t, size_t most, Transfer* self) {
    return self->call.give(place, most);
  }

  // Comes before each look-up that no cache spares.
  static int on_lookup(void*, void*, Transfer* self) {
    self->is_crowded = self->lookups->count >= self->lookups->most;
    if (self->is_crowded) return 1;
    self->lookups->count++;
    self->looks_up = true;
    return 0;
  }

  // Comes with each address that a name has, so that a name cannot lead where its address may not.
  static curl_socket_t on_open(Transfer* self, curlsocktype, curl_sockaddr* address) {
    self->end_lookup();
    const auto wanted = address_of(address->addr);
    if (!wanted || !self->allowed.allow(*wanted)) {
      self->reply.is_denied = true;
      self->reply.error = (wanted ? wanted->to_string() : "this address") +
                          " is not on the public internet, and http.allow does not list it";
      return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }

  void end_lookup() {
    if (std::exchange(looks_up, false)) lookups->count--;
  }

  void prepare() {
    for (const std::string& header : call.headers) headers = curl_slist_append(headers, header.c_str());
    headers = curl_slist_append(headers, "Expect:");  // libcurl would wait for a 100 before large bodies
    curl_easy_setopt(easy, CURLOPT_URL, call.url.c_str());
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call.method.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");       // none, whatever the environment says
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // does not wait for a thread that still looks a name up
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, on_lookup);
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, this);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
    if (call.method == "HEAD") curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (call.on_new_connection || call.give) curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    prepare_body();
  }

  // A POST of nothing says so: Content-Length: 0.
  void prepare_body() {
    if (call.give) {
      curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
      curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(call.given));
      curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_upload);
      curl_easy_setopt(easy, CURLOPT_READDATA, this);
      curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call.method.c_str());
    } else if (!call.body.empty() || has_body_by_rule(call.method)) {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call.body.c_str());
    }
  }

  void finish(CURLcode result) {
    const long status = info<long>(easy, CURLINFO_RESPONSE_CODE);
    const auto seconds = info<curl_off_t>(easy, CURLINFO_RETRY_AFTER);
    if (seconds > 0) reply.retry_after = std::chrono::seconds(seconds);
    reply.reach = status >= 200                                 ? HttpReach::answered
                  : info<long>(easy, CURLINFO_REQUEST_SIZE) > 0 ? HttpReach::perhaps
                                                                : HttpReach::not_sent;
    // Of several addresses one was allowed, it seems: that it was denied another is nobody's concern.
    if (reply.reach != HttpReach::not_sent || result == CURLE_OK) reply.is_denied = false;
    if (result == CURLE_OK)
      reply.status = static_cast<int>(status);
    else if (!reply.is_denied)
      reply.error = curl_easy_strerror(result);
    if (result == CURLE_OK) reply.error.clear();
    reply.is_our_fault = reply.is_denied || is_our_fault(result);
    if (result == CURLE_COULDNT_RESOLVE_HOST) end_lookup();
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

HttpClient::HttpClient(Loop& loop, HttpClientOptions options)
    : loop_(loop),
      options_(std::move(options)),
      multi_(curl_multi_init()),
      timer_(loop.io()),
      lookups_(std::make_shared<Lookups>(Lookups{options_.most_lookups})) {
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
  const auto deadline = Clock::now() + call.deadline;
  HttpReply reply;
  reply.had_no_place = reply.is_our_fault = true;
  reply.error = "too many calls were under way";
  if (!co_await wait_for_place(deadline)) co_return reply;
  // A name that cannot be looked up yet is tried again: who looks up now is soon done, or given up.
  while (Clock::now() < deadline) {
    if (auto answer = co_await try_send(call, deadline)) {
      leave_place();
      co_return std::move(*answer);
    }
    co_await sleep_for(crowded_pause);
  }
  leave_place();
  reply.error = "no time was left for the call";
  co_return reply;
}

// Nothing: too many names are being looked up.
Task<std::optional<HttpReply>> HttpClient::try_send(const HttpCall& call, Clock::time_point deadline) {
  Transfer transfer(call, options_.allowed, lookups_, loop_.io().get_executor());
  transfer.prepare();
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  curl_easy_setopt(transfer.easy, CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(left)));  // 0: no limit
  curl_multi_add_handle(static_cast<CURLM*>(multi_), transfer.easy);
  co_await transfer.done.async_receive(as_tuple);
  curl_multi_remove_handle(static_cast<CURLM*>(multi_), transfer.easy);
  if (transfer.looks_up) asio::co_spawn(loop_.io(), forget_lookup(lookups_), asio::detached);
  if (transfer.is_crowded) co_return std::nullopt;
  co_return std::move(transfer.reply);
}

// Its thread goes on, and counts until it must have ended.
Task<void> HttpClient::forget_lookup(std::shared_ptr<Lookups> lookups) {
  co_await sleep_for(longest_lookup);
  lookups->count--;
}

// In the order of their coming: a place that becomes free is handed to the first that waits.
Task<bool> HttpClient::wait_for_place(Clock::time_point deadline) {
  if (Clock::now() >= deadline) co_return false;
  if (in_flight_ < options_.most_in_flight) {
    in_flight_++;
    co_return true;
  }
  asio::steady_timer turn(loop_.io(), deadline);
  waiting_.push_back(&turn);
  const auto [called] = co_await turn.async_wait(as_tuple);
  if (called) co_return true;
  std::erase(waiting_, &turn);
  co_return false;
}

void HttpClient::leave_place() {
  while (!waiting_.empty()) {
    asio::steady_timer* next = waiting_.front();
    waiting_.pop_front();
    if (next->cancel() > 0) return;  // else its deadline came first
  }
  in_flight_--;
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
    auto* transfer = info<Transfer*>(message->easy_handle, CURLINFO_PRIVATE);
    transfer->finish(message->data.result);
    transfer->done.try_send(boost::system::error_code{});
  }
}

}  // namespace tenfold::sidecar
