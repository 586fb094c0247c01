#include "handlers/webhook.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

namespace tenfold::sidecar {
namespace {

constexpr std::string_view prefix = "whsec_";

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes_of(bytes),
                  static_cast<int>(bytes.size()));
  return text;
}

std::string signature_of(const std::string& secret, const std::string& text) {
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(text), text.size(), hash,
       &length);
  return "v1," + base64({reinterpret_cast<const char*>(hash), length});
}

bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char letter) { return letter >= 0x20 && letter < 0x7f; });
}

}  // namespace

Result<std::string> read_webhook_secret(const std::string& text) {
  if (!text.starts_with(prefix)) return text;
  const std::string_view encoded = std::string_view(text).substr(prefix.size());
  std::string bytes(encoded.size(), '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), bytes_of(encoded),
                                     static_cast<int>(encoded.size()));
  if (length < 0 || encoded.empty())
    return Error{Code::invalid_parameter, "the secret of webhooks is no base64", "write whsec_ and base64"};
  bytes.resize(static_cast<size_t>(length) - (encoded.ends_with("==") ? 2 : encoded.ends_with('=') ? 1 : 0));
  return bytes;
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
