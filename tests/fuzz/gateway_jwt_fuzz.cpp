// Any token: what authenticate() lets in is let in by a second reading too, made of OpenSSL's own decoder and
// MAC.
#include "workers/gateway/jwt.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

using namespace tenfold::gateway;
using nlohmann::json;

namespace {

constexpr int64_t now = 1'700'000'000;

const JwtRules& rules() {
  static const JwtRules made{{{"new", "a secret of thirty-two bytes ..."},
                              {"", "another secret, just as long ...."},
                              {"old", "the third, of thirty-two bytes.."}},
                             "tenfold",
                             "anonymous"};
  return made;
}

constexpr std::string_view stranger = "nobody's secret: 32 bytes or more";

std::string mac(std::string_view secret, std::string_view text) {
  std::string out(32, '\0');
  size_t length = 0;
  EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, secret.data(), secret.size(),
            reinterpret_cast<const unsigned char*>(text.data()), text.size(),
            reinterpret_cast<unsigned char*>(out.data()), out.size(), &length);
  return out;
}

std::string base64url(std::string_view text) {
  std::string out(4 * (text.size() / 3 + 1) + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<size_t>(length));
  std::ranges::replace(out, '+', '-');
  std::ranges::replace(out, '/', '_');
  return out.substr(0, out.find('='));
}

// Nothing unless the text is the one encoding of what it decodes to.
std::optional<std::string> decode(std::string_view text) {
  std::string padded(text);
  std::ranges::replace(padded, '-', '+');
  std::ranges::replace(padded, '_', '/');
  while (padded.size() % 4 != 0) padded += '=';
  std::string out(padded.size(), '\0');
  const int length =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(padded.data()), static_cast<int>(padded.size()));
  if (length < 0) return std::nullopt;
  out.resize(static_cast<size_t>(length) - (padded.size() - text.size()));
  if (base64url(out) != text) return std::nullopt;
  return out;
}

json object_of(std::string_view part) {
  const auto text = decode(part);
  return text ? json::parse(*text, nullptr, false) : json();
}

bool is_at_most(const json& payload, const char* name, double bound) {
  return !payload.contains(name) || payload[name].is_null() ||
         (payload[name].is_number() && payload[name].get<double>() <= bound);
}

bool holds_now(const json& payload) {
  const bool lives = !payload.contains("exp") || payload["exp"].is_null() ||
                     (payload["exp"].is_number() && payload["exp"].get<double>() > now - 30);
  return lives && is_at_most(payload, "nbf", now + 30) && is_at_most(payload, "iat", now + 30);
}

bool is_for_us(const json& payload) {
  if (!payload.contains("aud") || payload["aud"].is_null()) return true;
  const json& audience = payload["aud"];
  return audience == "tenfold" ||
         (audience.is_array() && std::ranges::find(audience, json("tenfold")) != audience.end());
}

// The second reading. Gives the role, or nothing where nobody may come in.
std::optional<std::string> role_of(std::string_view token) {
  if (std::ranges::count(token, '.') != 2) return std::nullopt;
  const size_t first = token.find('.'), last = token.rfind('.');
  const json header = object_of(token.substr(0, first));
  const json payload = object_of(token.substr(first + 1, last - first - 1));
  if (!header.is_object() || !payload.is_object()) return std::nullopt;
  if (header.value("alg", json()) != "HS256" || header.contains("crit")) return std::nullopt;
  const bool is_signed = std::ranges::any_of(rules().keys, [&](const tenfold::Key& key) {
    if (header.contains("kid") && header["kid"] != key.id) return false;
    return base64url(mac(key.secret, token.substr(0, last))) == token.substr(last + 1);
  });
  if (!is_signed || !holds_now(payload) || !is_for_us(payload)) return std::nullopt;
  const json role = payload.value("role", json());
  if (role.is_null()) return "anonymous";
  if (!role.is_string() || role == "none") return std::nullopt;
  return role;
}

// Bytes alone would never be signed: these become header and payload, joined from pieces, and the fuzzer
// signs them, or nearly.
std::string text_of(std::string_view bytes) {
  constexpr std::string_view pieces[] = {R"({"alg":"HS256")",
                                         R"({"alg":"none")",
                                         R"(,"kid":"new")",
                                         R"(,"kid":"old")",
                                         R"(,"kid":"")",
                                         R"(,"kid":5)",
                                         R"(,"crit":[])",
                                         R"({"role":"u")",
                                         R"({"role":"none")",
                                         R"({"role":)",
                                         R"(,"aud":"tenfold")",
                                         R"(,"aud":["tenfold"])",
                                         R"(,"aud":"other")",
                                         R"(,"exp":1700000000)",
                                         R"(,"exp":1699999970)",
                                         R"(,"exp":1699999971)",
                                         R"(,"nbf":1700000030)",
                                         R"(,"nbf":1700000031)",
                                         R"(,"iat":1700000031)",
                                         R"(,"exp":"x")",
                                         "}",
                                         "null"};
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 128)
      text += c;
    else
      text += pieces[byte % std::size(pieces)];
  }
  return text;
}

std::string made_token(uint8_t choice, std::string_view bytes) {
  const size_t middle = std::min(bytes.find('\n'), bytes.size());
  std::string token = base64url(text_of(bytes.substr(0, middle))) + "." +
                      base64url(text_of(bytes.substr(std::min(middle + 1, bytes.size()))));
  const size_t key = choice & 3U;
  std::string signature = mac(key < 3 ? std::string_view(rules().keys[key].secret) : stranger, token);
  if ((choice & 4U) != 0) signature[choice >> 4U] ^= 1;
  if ((choice & 8U) != 0) signature.resize(choice >> 3U);
  return token + "." + base64url(signature);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);
  const std::string token = (data[0] & 1U) != 0 ? std::string(bytes) : made_token(data[1], bytes);
  auto claims = authenticate("Bearer " + token, rules(), now);
  const auto expected = role_of(token);
  if (claims && (!expected || claims->role != *expected)) std::abort();
  if (claims && json::parse(claims->json).value("role", "") != claims->role) std::abort();
  // Nor does it refuse what is good; 8192 bytes are the longest token, and repeated members are anybody's
  // guess.
  if (!claims && expected && token.size() <= 8192) std::abort();
  return 0;
}
