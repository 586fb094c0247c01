#include "workers/gateway/jwt.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace tenfold::gateway {
namespace {

using nlohmann::json;

constexpr size_t least_secret = 32;
constexpr size_t longest_token = 8192;
constexpr int64_t skew = 30;  // seconds

Problem refused(std::string code, std::string message, std::string hint = "ask for a new token") {
  // Within the quotes of WWW-Authenticate; no message has a quote of its own.
  const std::string challenge = "Bearer error=\"invalid_token\", error_description=\"" + message + "\"";
  return {401, std::move(code), std::move(message), std::move(hint), {}, {{"WWW-Authenticate", challenge}}};
}

Problem no_token() {
  return refused("PGRST301", "the token cannot be read",
                 "send Authorization: Bearer and a JWT signed with HS256");
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
  key.secret = std::move(*secret);
  return key;
}

bool is_signed_by(const Key& key, std::string_view text, std::string_view signature) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  HMAC(EVP_sha256(), key.secret.data(), static_cast<int>(key.secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &length);
  return signature.size() == length && CRYPTO_memcmp(signature.data(), digest.data(), length) == 0;
}

bool is_signed(const JwtRules& rules, const json& header, std::string_view text, std::string_view signature) {
  const bool has_id = header.contains("kid");
  const std::string id = has_id && header["kid"].is_string() ? header["kid"].get<std::string>() : "";
  return std::ranges::any_of(rules.keys, [&](const Key& key) {
    return (!has_id || key.id == id) && is_signed_by(key, text, signature);
  });
}

std::optional<json> parse_part(std::string_view part) {
  const auto text = decode_base64url(part);
  if (!text) return std::nullopt;
  json object = json::parse(*text, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  return object;
}

// The payload of a token that is signed as it should be.
std::optional<json> open_token(std::string_view token, const JwtRules& rules) {
  const size_t first = token.find('.'), last = token.rfind('.');
  if (token.size() > longest_token || first == std::string_view::npos || first == last) return std::nullopt;
  const auto header = parse_part(token.substr(0, first));
  const auto signature = decode_base64url(token.substr(last + 1));
  // "none", and every other algorithm that a forger would like, ends here.
  if (!header || !signature || header->value("alg", json()) != "HS256" || header->contains("crit"))
    return std::nullopt;
  if (!is_signed(rules, *header, token.substr(0, last), *signature)) return std::nullopt;
  return parse_part(token.substr(first + 1, last - first - 1));
}

// What a time claim says; absent is fine, and anything but a number is not.
enum class Time { absent, number, malformed };

Time read_time(const json& payload, const char* name, double& seconds) {
  const auto found = payload.find(name);
  if (found == payload.end() || found->is_null()) return Time::absent;
  if (!found->is_number()) return Time::malformed;
  seconds = found->get<double>();
  return Time::number;
}

std::optional<Problem> check_times(const json& payload, int64_t now) {
  const auto at = static_cast<double>(now);
  double seconds = 0;
  for (const char* name : {"exp", "nbf", "iat"}) {
    const Time time = read_time(payload, name, seconds);
    if (time == Time::malformed)
      return refused("PGRST303", std::string("the claim ") + name + " is not a number");
    if (time == Time::absent) continue;
    if (std::string_view(name) == "exp" && seconds + skew <= at) return refused("PGRST303", "JWT expired");
    if (std::string_view(name) == "nbf" && seconds - skew > at)
      return refused("PGRST303", "JWT not yet valid");
    if (std::string_view(name) == "iat" && seconds - skew > at)
      return refused("PGRST303", "JWT issued at future");
  }
  return std::nullopt;
}

bool is_for_us(const json& payload, const std::string& audience) {
  const auto found = payload.find("aud");
  if (audience.empty() || found == payload.end() || found->is_null()) return true;
  if (found->is_array()) return std::ranges::count(*found, json(audience)) > 0;
  return *found == audience;
}

Outcome<Claims> claims_of(json payload, const JwtRules& rules, int64_t now) {
  if (auto problem = check_times(payload, now)) return *problem;
  if (!is_for_us(payload, rules.audience)) return refused("PGRST303", "JWT not in audience");
  auto& role = payload["role"];
  if (role.is_null()) role = rules.anonymous_role;
  if (!role.is_string()) return refused("PGRST303", "the claim role is not a text");
  // SET ROLE none is the login role itself, which nobody is.
  if (role == "none") return refused("PGRST303", "the claim role is none");
  Claims claims{role, payload.dump()};
  return claims;
}

}  // namespace

std::optional<std::string> decode_base64url(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    uint32_t value = 0;
    if (c >= 'A' && c <= 'Z')
      value = static_cast<uint32_t>(c - 'A');
    else if (c >= 'a' && c <= 'z')
      value = static_cast<uint32_t>(c - 'a') + 26;
    else if (c >= '0' && c <= '9')
      value = static_cast<uint32_t>(c - '0') + 52;
    else if (c == '-')
      value = 62;
    else if (c == '_')
      value = 63;
    else
      return std::nullopt;
    bits = bits << 6U | value;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> static_cast<unsigned>(count) & 0xFFU);
  }
  // A single letter is no byte, and bits that are left over must be zero: one text for each value.
  if (text.size() % 4 == 1 || (bits & ((1U << static_cast<unsigned>(count)) - 1)) != 0) return std::nullopt;
  return out;
}

Result<std::vector<Key>> parse_keys(std::string_view jwks) {
  const json document = json::parse(jwks, nullptr, false);
  if (!document.is_object())
    return Error{Code::invalid_parameter, "the key file is no JSON object",
                 "write {\"keys\":[…]}, as RFC 7517 says"};
  std::vector<Key> keys;
  try {
    for (const json& object : document.contains("keys") ? document["keys"] : json::array({document})) {
      auto key = parse_key(object);
      if (!key) return key.error();
      keys.push_back(std::move(*key));
    }
  } catch (const json::exception& failure) {
    return Error{Code::invalid_parameter, std::string("the key file is malformed: ") + failure.what(),
                 "write {\"keys\":[…]}, as RFC 7517 says"};
  }
  return keys;
}

Outcome<Claims> authenticate(std::string_view authorization, const JwtRules& rules, int64_t now) {
  if (authorization.empty()) return Claims{rules.anonymous_role, json{{"role", rules.anonymous_role}}.dump()};
  const std::string_view scheme = "bearer ";
  if (!sidecar::equal_ignoring_case(authorization.substr(0, scheme.size()), scheme)) return no_token();
  auto payload = open_token(authorization.substr(scheme.size()), rules);
  if (!payload) return no_token();
  return claims_of(std::move(*payload), rules, now);
}

}  // namespace tenfold::gateway
