// Calls to other services over HTTP, awaited: libcurl's multi interface on the loop.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/loop.hpp"
#include "http/address_rules.hpp"

namespace tenfold::sidecar {

struct HttpCall {
  std::string method = "GET";
  std::string url;                        // http or https; redirects are not followed
  std::vector<std::string> headers = {};  // "Name: value"
  std::string body = {};
  std::chrono::milliseconds deadline{10'000};  // for everything: a place, name, connection, TLS, answer
  size_t most_bytes = 16 * 1024 * 1024;        // of the answer's body

  // A body that is not held in memory: of `given` bytes, which `give` writes, as many as it likes of those it
  // is asked for. It must not block for long, as all that runs on the loop.
  std::function<size_t(char* place, size_t most)> give = {};
  int64_t given = 0;
  // Takes the answer's body piece by piece in place of HttpReply::body; false ends the call.
  std::function<bool(std::string_view)> take = {};

  // On a connection of its own. libcurl repeats by itself what it wrote to a kept connection that the other
  // side had just closed: so a call that must not be made twice takes no kept one.
  bool on_new_connection = false;
};

// How far a call came: whoever repeats one must know whether it may have been done.
enum class HttpReach {
  not_sent,  // not one byte
  perhaps,   // some bytes, or all, and there is no answer
  answered,  // its status came, even if the rest of the answer did not
};

struct HttpReply {
  int status = 0;  // 0: there is no answer, or not all of it, and error says why
  std::string body = {};
  std::map<std::string, std::string> headers = {};  // names in lower case, the last of equals
  std::string error = {};
  bool is_our_fault = false;  // the call was malformed, or the answer more than we take: nobody else failed
  HttpReach reach = HttpReach::not_sent;
  bool is_denied = false;     // the address is not one of those that AddressRules allow
  bool had_no_place = false;  // too many calls were under way until the deadline
  std::optional<std::chrono::seconds> retry_after = {};  // as the answer said, or its date
};

struct HttpClientOptions {
  size_t most_in_flight = 256;
  size_t most_lookups = 32;  // of names; each is a thread of libcurl's
  AddressRules allowed = {};
};

class HttpClient {
 public:
  HttpClient(Loop& loop, HttpClientOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Never throws for what the other side does. With most_in_flight calls under way it waits for its turn.
  Task<HttpReply> send(HttpCall call);

  void allow_in_flight(size_t most) { options_.most_in_flight = most; }
  size_t in_flight() const { return in_flight_; }

 private:
  struct Lookups;
  struct Transfer;
  struct Socket;
  using Clock = std::chrono::steady_clock;

  static int on_socket(void* easy, int fd, int what, HttpClient* self, Socket* socket);
  static int on_timer(void* multi, long milliseconds, HttpClient* self);

  Task<bool> wait_for_place(Clock::time_point deadline);
  void leave_place();
  Task<std::optional<HttpReply>> try_send(const HttpCall& call, Clock::time_point deadline);
  static Task<void> forget_lookup(std::shared_ptr<Lookups> lookups);
  void watch(int fd, int what);
  Task<void> wait(std::shared_ptr<Socket> socket, bool to_read);
  void act(int fd, int events);
  void finish_done();

  Loop& loop_;
  HttpClientOptions options_;
  void* multi_;
  asio::steady_timer timer_;
  std::map<int, std::shared_ptr<Socket>> sockets_;
  size_t in_flight_ = 0;
  std::deque<asio::steady_timer*> waiting_;  // for a place, the first first
  std::shared_ptr<Lookups> lookups_;
};

}  // namespace tenfold::sidecar
