#include "http/wire.hpp"

#include <zlib.h>

#include <algorithm>
#include <cctype>

#include "base/json_text.hpp"

namespace tenfold::sidecar {
namespace {

bool is_bodiless(int status) {
  return status < 200 || status == 204 || status == 304;
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (const char c : value)
    if (c != '\r' && c != '\n' && c != '\0') out += c;
  out += "\r\n";
}

// RFC 9110 §5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](unsigned char c) {
    return (c < 0x80 && std::isalnum(c) != 0) || marks.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

// What says where this answer ends, and what becomes of the connection: not for a handler to say.
bool is_framing(std::string_view name) {
  constexpr std::string_view names[] = {"Connection", "Content-Length", "Date",    "Keep-Alive",
                                        "TE",         "Trailer",        "Upgrade", "Transfer-Encoding"};
  return std::ranges::any_of(names, [&](std::string_view one) { return equal_ignoring_case(one, name); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// q=0, q=0.0 … refuse; everything else takes.
bool is_zero_weight(std::string_view parameter) {
  parameter = trimmed(parameter);
  if (!parameter.starts_with("q=0") && !parameter.starts_with("Q=0")) return false;
  return parameter.substr(3).find_first_not_of(".0") == std::string_view::npos;
}

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_worth_compressing(const HttpAnswer& answer, size_t least_size) {
  if (answer.body.size() < least_size || answer.header("Content-Encoding") != nullptr) return false;
  const std::string* type = answer.header("Content-Type");
  if (type == nullptr) return false;
  return type->starts_with("text/") || type->find("json") != std::string::npos ||
         type->find("xml") != std::string::npos || type->find("javascript") != std::string::npos;
}

}  // namespace

std::string wire_head(const HttpAnswer& answer, const WireFrame& frame) {
  std::string out;
  out.reserve(512);
  out += "HTTP/1.1 ";
  out += std::to_string(answer.status);
  out += ' ';
  out += reason_of(answer.status);
  out += "\r\n";
  append_header(out, "Date", frame.date);
  for (const auto& [name, value] : answer.headers)
    if (is_token(name) && !is_framing(name)) append_header(out, name, value);
  if (!frame.request_id.empty()) append_header(out, "X-Request-Id", frame.request_id);
  if (!is_bodiless(answer.status)) append_header(out, "Content-Length", std::to_string(answer.body.size()));
  if (!frame.keep_alive) append_header(out, "Connection", "close");
  out += "\r\n";
  return out;
}

std::string_view origin_form(std::string_view target) {
  const size_t colon = target.find("://");
  if (colon == std::string_view::npos) return target;
  const std::string_view scheme = target.substr(0, colon);
  if (!equal_ignoring_case(scheme, "http") && !equal_ignoring_case(scheme, "https")) return target;
  const size_t end = target.find_first_of("/?", colon + 3);
  return end == std::string_view::npos ? "/" : target.substr(end);
}

HttpAnswer refusal(int status, std::string_view message) {
  HttpAnswer answer{status, {{"Content-Type", "application/json; charset=utf-8"}}};
  answer.body = R"({"code":"HTTP)" + std::to_string(status) + R"(","message":)";
  append_json_string(answer.body, message);
  answer.body += R"(,"details":null,"hint":null})";
  return answer;
}

bool has_body(const HttpAnswer& answer, const WireFrame& frame) {
  return !frame.is_head && !is_bodiless(answer.status) && !answer.body.empty();
}

bool accepts_gzip(std::string_view accept_encoding) {
  bool by_star = false;
  while (!accept_encoding.empty()) {
    const size_t comma = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view item = accept_encoding.substr(0, comma);
    accept_encoding.remove_prefix(std::min(comma + 1, accept_encoding.size()));
    const size_t semicolon = std::min(item.find(';'), item.size());
    const std::string_view coding = trimmed(item.substr(0, semicolon));
    const bool taken = semicolon == item.size() || !is_zero_weight(item.substr(semicolon + 1));
    if (equal_ignoring_case(coding, "gzip")) return taken;  // named: stronger than the star
    if (coding == "*") by_star = taken;
  }
  return by_star;
}

std::optional<std::string> gzip(std::string_view text) {
  constexpr int level = 4, gzip_window = 15 + 16, memory = 8;
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, gzip_window, memory, Z_DEFAULT_STRATEGY) != Z_OK)
    return std::nullopt;
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int done = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (done != Z_STREAM_END) return std::nullopt;
  return out;
}

void compress_answer(HttpAnswer& answer, std::string_view accept_encoding, size_t least_size) {
  if (!is_worth_compressing(answer, least_size)) return;
  const std::string* vary = answer.header("Vary");
  answer.set_header("Vary", vary == nullptr ? "Accept-Encoding" : *vary + ", Accept-Encoding");
  if (!accepts_gzip(accept_encoding)) return;
  auto compressed = gzip(answer.body);
  if (!compressed) return;
  answer.body = std::move(*compressed);
  answer.set_header("Content-Encoding", "gzip");
  // Other bytes may not have the same strong tag (RFC 9110 §8.8.3).
  const std::string* etag = answer.header("ETag");
  if (etag != nullptr && etag->starts_with('"')) answer.set_header("ETag", "W/" + *etag);
}

bool is_request_id(std::string_view text) {
  constexpr size_t longest = 64;
  return !text.empty() && text.size() <= longest && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

std::string_view trace_id_of(std::string_view traceparent) {
  constexpr size_t length = 55;  // 00-<32 hex>-<16 hex>-<2 hex>
  if (traceparent.size() != length || !traceparent.starts_with("00-")) return {};
  const std::string_view trace = traceparent.substr(3, 32), span = traceparent.substr(36, 16);
  if (traceparent[35] != '-' || traceparent[52] != '-' || !is_hex(trace) || !is_hex(span)) return {};
  return trace.find_first_not_of('0') == std::string_view::npos ? std::string_view{} : trace;
}

}  // namespace tenfold::sidecar
