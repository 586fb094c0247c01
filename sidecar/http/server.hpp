// An HTTP/1.1 server on the loop: keep-alive, limits, deadlines, TLS, gzip. What is asked for goes to a
// handler.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "http/message.hpp"

namespace tenfold::sidecar {

template <class Stream>
class HttpSession;

using HttpHandler = std::function<Task<HttpAnswer>(const HttpRequest&)>;

struct HttpLimits {
  size_t connections = 10'000;
  uint32_t header_bytes = 16 * 1024;
  size_t headers = 100;  // lines of them
  uint64_t body_bytes = 1024 * 1024;
  std::chrono::milliseconds idle{75'000};  // between two requests
  std::chrono::milliseconds receive{
      10'000};                             // for a whole request, from its first byte: a trickle wins nothing
  std::chrono::milliseconds send{30'000};  // for a whole answer
  size_t gzip_least = 1400;                // smaller answers fit one packet anyway
  size_t answer_bytes = 64 * 1024 * 1024;  // of one body; more is 500
  size_t unsent_bytes = 256 * 1024 * 1024;  // of all bodies that wait for their readers; more is 503
};

struct HttpServerOptions {
  std::string listen;                              // "127.0.0.1:8080", "[::1]:0"; port 0 takes a free one
  std::string tls_certificate = {}, tls_key = {};  // PEM files; both or none
  HttpLimits limits = {};
};

class HttpServer {
 public:
  // Binds at once. Throws std::runtime_error that names the address or the file.
  HttpServer(Loop& loop, const Log& log, HttpServerOptions options, HttpHandler handler);

  void start();
  // Reads the certificate and its key again, for new connections. Throws as the constructor does; those
  // before stay in use then.
  void reload();
  // Accepts no more, and closes each connection with its next answer. Idle ones stay: they end with the
  // process.
  void drain();

  size_t connections() const { return connections_; }
  size_t active() const { return active_; }  // requests that were begun and are not answered
  std::string address() const;               // with the port that was taken

 private:
  template <class Stream>
  friend class HttpSession;

  Task<void> accept();
  Task<void> serve(asio::ip::tcp::socket socket);
  std::string_view date();

  Loop& loop_;
  const Log& log_;
  HttpServerOptions options_;
  HttpHandler handler_;
  std::optional<asio::ssl::context> tls_;
  asio::ip::tcp::acceptor acceptor_;
  size_t connections_ = 0;
  size_t active_ = 0;
  size_t unsent_ = 0;  // bytes of bodies
  bool draining_ = false;
  std::string date_;
  std::time_t date_of_ = 0;
};

}  // namespace tenfold::sidecar
