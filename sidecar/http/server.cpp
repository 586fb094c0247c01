#include "http/server.hpp"

#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <stdexcept>

#include "http/session.hpp"

namespace tenfold::sidecar {
namespace {

using asio::ip::tcp;

constexpr auto as_tuple = asio::experimental::as_tuple(asio::use_awaitable);

// "127.0.0.1:8080" or "[::1]:8080".
tcp::endpoint parse_address(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) throw std::runtime_error("no port in the address \"" + text + "\"");
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  boost::system::error_code failure;
  const auto address = asio::ip::make_address(host, failure);
  const char* const end = text.data() + text.size();
  uint16_t port = 0;
  const auto [parsed, wrong] = std::from_chars(text.data() + colon + 1, end, port);
  if (failure || wrong != std::errc{} || parsed != end)
    throw std::runtime_error("\"" + text + "\" is no address; write 127.0.0.1:8080 or [::1]:8080");
  return {address, port};
}

std::string text_of(const tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

tcp::acceptor bind_to(Loop& loop, const std::string& address) {
  const tcp::endpoint endpoint = parse_address(address);
  tcp::acceptor acceptor(loop.io(), endpoint.protocol());
  acceptor.set_option(tcp::acceptor::reuse_address(true));
  boost::system::error_code failure;
  if (acceptor.bind(endpoint, failure); failure)
    throw std::runtime_error("cannot listen on " + address + ": " + failure.message());
  acceptor.listen(4096);
  return acceptor;
}

std::optional<asio::ssl::context> load_tls(const HttpServerOptions& options) {
  if (options.tls_certificate.empty() != options.tls_key.empty())
    throw std::runtime_error("TLS needs both a certificate and its key; without both: plain HTTP");
  if (options.tls_certificate.empty()) return std::nullopt;
  asio::ssl::context context(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  boost::system::error_code failure;
  if (context.use_certificate_chain_file(options.tls_certificate, failure); failure)
    throw std::runtime_error("no certificate in " + options.tls_certificate + ": " + failure.message());
  if (context.use_private_key_file(options.tls_key, asio::ssl::context::pem, failure); failure)
    throw std::runtime_error("no private key in " + options.tls_key + ": " + failure.message());
  if (SSL_CTX_check_private_key(context.native_handle()) != 1)
    throw std::runtime_error("the private key in " + options.tls_key + " is not that of the certificate in " +
                             options.tls_certificate);
  return context;
}

}  // namespace

HttpServer::HttpServer(Loop& loop, const Log& log, HttpServerOptions options, HttpHandler handler)
    : loop_(loop),
      log_(log),
      options_(std::move(options)),
      handler_(std::move(handler)),
      tls_(load_tls(options_)),
      acceptor_(bind_to(loop, options_.listen)) {}

void HttpServer::start() {
  loop_.keep("accept on " + options_.listen, [this] { return accept(); });
}

// Connections that are open hold what they began with.
void HttpServer::reload() {
  auto fresh = load_tls(options_);
  tls_ = std::move(fresh);
}

void HttpServer::drain() {
  draining_ = true;
  acceptor_.close();
}

std::string HttpServer::address() const {
  return text_of(acceptor_.local_endpoint());
}

Task<void> HttpServer::accept() {
  while (!draining_) {
    auto [failure, socket] = co_await acceptor_.async_accept(as_tuple);
    if (draining_) break;
    if (failure) {
      // Out of file descriptors, as a rule. They come back when connections end.
      log_.warning("cannot accept a connection", {{"error", failure.message()}});
      co_await sleep_for(std::chrono::milliseconds(100));
    } else if (connections_ < options_.limits.connections) {
      connections_++;
      asio::co_spawn(loop_.io(), serve(std::move(socket)),
                     [this](const std::exception_ptr&) { connections_--; });
    }
  }
}

Task<void> HttpServer::serve(tcp::socket socket) {
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  try {
    if (tls_) {
      HttpSession session(*this,
                          asio::ssl::stream<beast::tcp_stream>(beast::tcp_stream(std::move(socket)), *tls_));
      co_await session.run();
    } else {
      HttpSession session(*this, beast::tcp_stream(std::move(socket)));
      co_await session.run();
    }
  } catch (const std::exception& failure) {
    log_.error("a connection failed", {{"error", failure.what()}});
  }
}

// The same text for a whole second.
std::string_view HttpServer::date() {
  const std::time_t now = std::time(nullptr);
  if (now != date_of_) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[64];
    date_.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts));
    date_of_ = now;
  }
  return date_;
}

}  // namespace tenfold::sidecar
