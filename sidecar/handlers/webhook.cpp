#include "handlers/webhook.hpp"

#include <algorithm>

#include "kernel/hmac.hpp"

namespace tenfold::sidecar {
namespace {

constexpr std::string_view prefix = "whsec_";

std::string signature_of(const std::string& secret, const std::string& text) {
  return "v1," + encode_base64(hmac_sha256(secret, text));
}

bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char letter) { return letter >= 0x20 && letter < 0x7f; });
}

}  // namespace

Result<std::string> read_webhook_secret(const std::string& text) {
  if (!text.starts_with(prefix)) return text;
  auto bytes = decode_base64(std::string_view(text).substr(prefix.size()));
  if (!bytes || bytes->empty())
    return Error{Code::invalid_parameter, "the secret of webhooks is no base64", "write whsec_ and base64"};
  return std::move(*bytes);
}

HttpCallRequest webhook_request(const std::string& url, const std::string& secret, const Event& event,
                                int64_t seconds) {
  HttpCallRequest request{.url = url, .body = event.payload, .provider = {}, .headers = {}};
  const std::string time = std::to_string(seconds);
  request.headers = {"Content-Type: application/json", "Idempotency-Key: " + event.id,
                     "webhook-id: " + event.id, "webhook-timestamp: " + time, "Event-Topic: " + event.topic};
  if (!secret.empty())
    request.headers.push_back("webhook-signature: " +
                              signature_of(secret, event.id + '.' + time + '.' + event.payload));
  const auto trace = event.headers.find("traceparent");
  if (trace != event.headers.end() && is_plain(trace->second))
    request.headers.push_back("traceparent: " + trace->second);
  return request;
}

}  // namespace tenfold::sidecar
