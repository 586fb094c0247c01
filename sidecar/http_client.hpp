// Calls to other services over HTTP, awaited: libcurl's multi interface on the loop.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sidecar/loop.hpp"

namespace tenfold::sidecar {

struct HttpCall {
  std::string method = "GET";
  std::string url;                        // http or https; redirects are not followed
  std::vector<std::string> headers = {};  // "Name: value"
  std::string body = {};
  std::chrono::milliseconds deadline{10'000};  // for everything: name, connection, TLS, answer
  size_t most_bytes = 16 * 1024 * 1024;        // of the answer's body
};

struct HttpReply {
  int status = 0;  // 0: there is no answer, and error says why
  std::string body = {};
  std::map<std::string, std::string> headers = {};  // names in lower case, the last of equals
  std::string error = {};
  bool is_our_fault = false;  // the call was malformed, or the answer more than we take: nobody else failed
};

class HttpClient {
 public:
  HttpClient(Loop& loop, size_t most_in_flight);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Never throws for what the other side does. With most_in_flight calls under way it says so at once.
  Task<HttpReply> send(HttpCall call);

 private:
  struct Transfer;
  struct Socket;

  static int on_socket(void* easy, int fd, int what, HttpClient* self, Socket* socket);
  static int on_timer(void* multi, long milliseconds, HttpClient* self);

  void watch(int fd, int what);
  Task<void> wait(std::shared_ptr<Socket> socket, bool to_read);
  void act(int fd, int events);
  void finish_done();

  Loop& loop_;
  size_t most_in_flight_;
  void* multi_;
  asio::steady_timer timer_;
  std::map<int, std::shared_ptr<Socket>> sockets_;
  size_t in_flight_ = 0;
};

}  // namespace tenfold::sidecar
