#include "kernel/jwt.hpp"

#include <algorithm>

#include "kernel/hmac.hpp"

#define JSON_NO_IO  // no iostream in the backend
#include <nlohmann/json.hpp>

namespace tenfold {
namespace {

using nlohmann::json;

constexpr size_t least_secret = 32;
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

Error malformed(const std::string& why) {
  return {Code::invalid_parameter, "the key file " + why, "write {\"keys\":[…]}, as RFC 7517 says"};
}

// Secrets that stand in documentation, and so are no secrets.
constexpr std::string_view examples[] = {
    "reallyreallyreallyreallyverysafe",  // PostgREST's tutorials
    "reallyreallyreallyreallyverysafe123",
    "REALLYREALLYREALLYREALLYVERYSAFE",                         // PostgREST's tests
    "super-secret-jwt-token-with-at-least-32-characters-long",  // Supabase's compose file
    "a-string-secret-at-least-256-bits-long",                   // jwt.io
    // RFC 7515 A.1 and RFC 7520 §3.5, as base64url.
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
};

// Whether anybody could know it: an example, or one byte again and again.
bool is_known(std::string_view secret, std::string_view base64url) {
  return std::ranges::count(examples, secret) + std::ranges::count(examples, base64url) > 0 ||
         secret.find_first_not_of(secret.front()) == std::string_view::npos;
}

Result<Key> parse_key(const json& object) {
  Key key{object.value("kid", ""), ""};
  const std::string name = key.id.empty() ? "a key" : "key " + key.id;
  if (object.value("kty", "") != "oct" || object.value("alg", "HS256") != "HS256")
    return Error{Code::invalid_parameter, name + " is not a symmetric key for HS256",
                 "write kty oct and alg HS256"};
  auto secret = decode_base64url(object.value("k", ""));
  if (!secret || secret->size() < least_secret)
    return Error{Code::invalid_parameter, name + " has less than 32 bytes",
                 "make k the base64url of 32 random bytes, without padding"};
  if (is_known(*secret, object.value("k", "")))
    return Error{Code::invalid_parameter, name + " is an example that everybody knows",
                 "remove it; `tenfold rotate-secret` makes a random one"};
  key.secret = std::move(*secret);
  return key;
}

}  // namespace

Result<std::vector<Key>> parse_keys(std::string_view jwks) {
  const json document = json::parse(jwks, nullptr, false);
  if (!document.is_object()) return malformed("is no JSON object");
  std::vector<Key> keys;
  try {
    for (const json& object : document.contains("keys") ? document["keys"] : json::array({document})) {
      auto key = parse_key(object);
      if (!key) return key.error();
      keys.push_back(std::move(*key));
    }
  } catch (const json::exception& failure) {
    return malformed(std::string("is malformed: ") + failure.what());
  }
  return keys;
}

std::string sign_jwt(std::string_view claims, const Key& key) {
  json header{{"alg", "HS256"}, {"typ", "JWT"}};
  if (!key.id.empty()) header["kid"] = key.id;
  const std::string text = encode_base64url(header.dump()) + '.' + encode_base64url(claims);
  return text + '.' + encode_base64url(hmac_sha256(key.secret, text));
}

bool is_signed_by(const Key& key, std::string_view text, std::string_view signature) {
  return equal_bytes(signature, hmac_sha256(key.secret, text));
}

std::string encode_base64url(std::string_view bytes) {
  std::string out;
  uint32_t bits = 0;
  unsigned count = 0;
  for (const char byte : bytes) {
    bits = bits << 8U | static_cast<unsigned char>(byte);
    for (count += 8; count >= 6; count -= 6) out += alphabet[bits >> (count - 6) & 63U];
  }
  if (count > 0) out += alphabet[bits << (6 - count) & 63U];
  return out;
}

std::optional<std::string> decode_base64url(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  unsigned count = 0;
  for (const char letter : text) {
    const size_t value = alphabet.find(letter);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6U | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xFFU);
  }
  // A single letter is no byte, and bits that are left over must be zero: one text for each value.
  if (text.size() % 4 == 1 || (bits & ((1U << count) - 1)) != 0) return std::nullopt;
  return out;
}

}  // namespace tenfold
