// How an answer looks on the wire, and the small decisions of HTTP that need no socket.
#pragma once

#include "kernel/wall.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace tenfold::sidecar {

// What the connection adds to an answer.
struct WireFrame {
  std::string_view date;        // the value of Date
  std::string_view request_id;  // becomes X-Request-Id
  bool keep_alive = true;
  bool is_head = false;  // Content-Length says what a GET would have got
};

// The status line and the headers, up to the empty line. Values lose what could end a header (CR, LF, NUL);
// names that are no token, and those that belong to the connection (Content-Length, Transfer-Encoding …), are
// left out. 1xx, 204 and 304 get no Content-Length.
std::string wire_head(const HttpAnswer& answer, const WireFrame& frame);

// The path and query of a target, which a proxy's client may send with scheme and host before them.
std::string_view origin_form(std::string_view target);

// The answer to what is refused before a handler sees it, in the form of all errors; the connection closes.
HttpAnswer refusal(int status, std::string_view message);

// Whether a body follows the head.
bool has_body(const HttpAnswer& answer, const WireFrame& frame);

// Whether Accept-Encoding (RFC 9110 §12.5.3) takes gzip: named, or by *, with a weight above 0.
bool accepts_gzip(std::string_view accept_encoding);

// The text in gzip form; nothing if zlib is out of memory.
std::optional<std::string> gzip(std::string_view text);

// Compresses the body and says so in the headers, where the client takes it and it is worth it.
void compress_answer(HttpAnswer& answer, std::string_view accept_encoding, size_t least_size);

// A request id of a client is taken over only if nothing odd can come of it: 1 … 64 letters, digits, -, _ and
// dots.
bool is_request_id(std::string_view text);

// The trace id of a traceparent header (W3C Trace Context, version 00); empty if it is malformed.
std::string_view trace_id_of(std::string_view traceparent);

}  // namespace tenfold::sidecar
