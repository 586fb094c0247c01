#include "http/call.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>
#include <string_view>

namespace tenfold::sidecar {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 4> methods{"POST", "PUT", "PATCH", "DELETE"};

Error wrong(std::string message) {
  return {
      Code::invalid_parameter, std::move(message),
      R"(a payload is {"url": "https://…", "body": …, "method": "POST", "headers": {…}, "provider": "name"})"};
}

bool is_plain(std::string_view text) {
  return std::ranges::none_of(text, [](unsigned char letter) { return letter < 0x20 || letter == 0x7f; });
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char letter) { return std::tolower(letter); });
  return text;
}

// What says where a request ends and where it goes is the client's own, and so is what is for one connection.
constexpr std::array<std::string_view, 12> framing{
    "connection",          "content-length",   "expect", "host",    "http2-settings",    "keep-alive",
    "proxy-authorization", "proxy-connection", "te",     "trailer", "transfer-encoding", "upgrade"};

// RFC 9110 §5.6.2.
bool is_token(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char letter) {
    return std::isalnum(letter) != 0 ||
           std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(letter)) != std::string_view::npos;
  });
}

Result<std::string> header_line(const std::string& name, const json& value) {
  if (!is_token(name) || !value.is_string() || !is_plain(value.get_ref<const std::string&>()))
    return wrong("header \"" + name + "\" is no line of text");
  if (std::ranges::find(framing, lower(name)) != framing.end())
    return wrong("header \"" + name + "\" is not the payload's to set");
  // libcurl takes "Name:" for a header that is not to be sent, and "Name;" for an empty one.
  const auto& text = value.get_ref<const std::string&>();
  return text.find_first_not_of(' ') == std::string::npos ? name + ";" : name + ": " + text;
}

bool has_header(const json& headers, std::string_view name) {
  return std::ranges::any_of(headers.items(), [&](const auto& one) { return lower(one.key()) == name; });
}

}  // namespace

Result<HttpCallRequest> read_http_call(const std::string& payload, int64_t job_id, int64_t epoch) {
  const json whole = json::parse(payload, nullptr, false);
  if (!whole.is_object()) return wrong("the payload is no object");
  HttpCallRequest request;
  if (!whole.contains("url") || !whole["url"].is_string()) return wrong("the payload has no url");
  request.url = whole["url"];
  if (!request.url.starts_with("http://") && !request.url.starts_with("https://"))
    return wrong("url \"" + request.url + "\" is neither http nor https");
  if (whole.contains("method")) request.method = whole["method"].is_string() ? whole["method"] : json("");
  if (std::ranges::find(methods, request.method) == methods.end())
    return wrong("method \"" + request.method + "\" is not POST, PUT, PATCH or DELETE");
  if (whole.contains("provider") && !whole["provider"].is_string()) return wrong("provider is no name");
  request.provider = whole.value("provider", "");
  const json headers = whole.value("headers", json::object());
  if (!headers.is_object()) return wrong("headers are no object");
  for (const auto& [name, value] : headers.items()) {
    auto line = header_line(name, value);
    if (!line) return line.error();
    request.headers.push_back(std::move(*line));
  }
  if (!has_header(headers, "content-type")) request.headers.push_back("Content-Type: application/json");
  if (!has_header(headers, "idempotency-key"))
    request.headers.push_back("Idempotency-Key: " + std::to_string(job_id));
  request.headers.push_back("Job-Epoch: " + std::to_string(epoch));
  if (whole.contains("body")) request.body = whole["body"].dump();
  return request;
}

HttpOutcome outcome_of(int status) {
  if (status >= 200 && status < 300) return HttpOutcome::done;
  if (status == 0 || status == 408 || status == 425 || status == 429 || status >= 500)
    return HttpOutcome::retry;
  return HttpOutcome::dead;
}

}  // namespace tenfold::sidecar
