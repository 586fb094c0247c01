// One connection of the HTTP server, plain or TLS.
#pragma once

#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <deque>
#include <optional>
#include <string>

#include "http/server.hpp"
#include "http/wire.hpp"

namespace tenfold::sidecar {

namespace beast = boost::beast;

template <class Stream>
class HttpSession {
 public:
  HttpSession(HttpServer& server, Stream stream)
      : server_(server),
        stream_(std::move(stream)),
        deadline_(stream_.get_executor()),
        buffer_(server.options_.limits.header_bytes + largest_piece) {
    beast::error_code ignored;
    peer_ = beast::get_lowest_layer(stream_).socket().remote_endpoint(ignored).address().to_string();
  }

  // Until either side closes.
  Task<void> run();

 private:
  using Parser = beast::http::request_parser<beast::http::string_body>;
  // What is read at once of a body. Chunk extensions and trailers count to no limit but the buffer's.
  static constexpr size_t largest_piece = 64 * 1024;

  Task<bool> wait_for_request();
  Task<bool> serve_request();
  Task<beast::error_code> read_request(Parser& parser, HttpRequest& request);
  Task<beast::error_code> read_in_time(Parser& parser, HttpRequest& request);
  void watch_deadline(std::weak_ptr<bool> is_late);
  Task<bool> answer_request(const HttpRequest& request, bool keep_alive);
  Task<HttpAnswer> ask_handler(const HttpRequest& request);
  bool is_in_first_line(const Parser& parser) const;
  Task<void> refuse(int status);
  Task<void> drop_the_rest();
  Task<bool> write(const HttpAnswer& answer, const WireFrame& frame);
  HttpRequest view_of(const Parser::value_type& message);
  void add_header(HttpRequest& request, std::string_view name, std::string_view value);
  void expire_after(std::chrono::milliseconds duration) {
    beast::get_lowest_layer(stream_).expires_after(duration);
  }

  HttpServer& server_;
  Stream stream_;
  asio::steady_timer deadline_;  // of a request's arrival
  beast::flat_buffer buffer_;
  std::string peer_;
  std::string names_;               // header names in lower case, seen by the request
  std::deque<std::string> joined_;  // values of several lines, likewise
  std::string request_id_;
};

}  // namespace tenfold::sidecar
