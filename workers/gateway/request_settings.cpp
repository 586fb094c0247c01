#include "workers/gateway/request_settings.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json_text.hpp"

namespace tenfold::gateway {
namespace {

using nlohmann::json;
using sidecar::append_json_string;
using sidecar::HttpHeader;

constexpr std::string_view path_header = "x-path-", query_header = "x-query";
constexpr std::string_view client_header = "x-real-ip", class_header = "x-rate-class";

bool is_always_ours(std::string_view name) {
  return name == "cookie" || name == "x-request-id";
}

bool is_ours(std::string_view name) {
  return is_always_ours(name) || name == query_header || name == client_header || name == class_header ||
         name.starts_with(path_header);
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (out.size() > 1) out += ',';
  append_json_string(out, name);
  out += ':';
  append_json_string(out, value);
}

std::string header_of(std::string_view parameter) {
  std::string name(path_header);
  for (const char c : parameter) name += c == '_' ? '-' : c;
  return name;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

Problem malformed_headers() {
  return {500, "PGRST111",
          "response.headers guc must be a JSON array composed of objects with a single key and a "
          "string value"};
}

// Appends those that `drops` does not name, equal names joined.
void append_headers(std::string& out, const std::vector<HttpHeader>& headers,
                    bool (*drops)(std::string_view)) {
  for (auto one = headers.begin(); one != headers.end(); one++) {
    const auto same_name = [&](const HttpHeader& other) { return other.name == one->name; };
    if (drops(one->name) || std::any_of(headers.begin(), one, same_name)) continue;
    if (std::none_of(one + 1, headers.end(), same_name)) {
      append_member(out, one->name, one->value);
      continue;
    }
    std::string joined(one->value);
    for (auto next = one + 1; next != headers.end(); next++)
      if (same_name(*next)) joined.append(", ").append(next->value);
    append_member(out, one->name, joined);
  }
}

}  // namespace

std::string headers_json(const sidecar::HttpRequest& request, const Form& path_values, const Edge& edge) {
  std::string out = "{";
  out.reserve(512);
  append_headers(out, request.headers, is_ours);
  for (const auto& [name, value] : path_values) append_member(out, header_of(name), value);
  if (!edge.query.empty()) append_member(out, query_header, edge.query);
  append_member(out, client_header, edge.client);
  append_member(out, class_header, edge.rate_class);
  append_member(out, "x-request-id", request.request_id);
  return out + '}';
}

std::string proxied_headers_json(const sidecar::HttpRequest& request) {
  std::string out = "{";
  out.reserve(512);
  append_headers(out, request.headers, is_always_ours);
  append_member(out, "x-request-id", request.request_id);
  return out + '}';
}

std::string cookies_json(std::string_view cookie) {
  if (cookie.empty()) return "{}";
  std::string out = "{";
  while (!cookie.empty()) {
    const size_t end = std::min(cookie.find(';'), cookie.size());
    const std::string_view pair = trimmed(cookie.substr(0, end));
    cookie.remove_prefix(std::min(end + 1, cookie.size()));
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    append_member(out, pair.substr(0, equals), pair.substr(equals + 1));
  }
  return out + '}';
}

std::optional<Problem> apply_response_settings(std::optional<std::string_view> status,
                                               std::optional<std::string_view> headers,
                                               sidecar::HttpAnswer& answer) {
  if (status) {
    const auto [end, failure] =
        std::from_chars(status->data(), status->data() + status->size(), answer.status);
    if (failure != std::errc{} || end != status->data() + status->size() || answer.status < 200 ||
        answer.status > 599)
      return Problem{500, "PGRST112", "response.status guc must be a valid status code"};
  }
  if (!headers) return std::nullopt;
  const json array = json::parse(*headers, nullptr, false);
  if (!array.is_array()) return malformed_headers();
  for (const json& object : array) {
    if (!object.is_object() || object.size() != 1 || !object.begin()->is_string()) return malformed_headers();
    answer.set_header(object.begin().key(), object.begin()->get<std::string>());
  }
  return std::nullopt;
}

}  // namespace tenfold::gateway
