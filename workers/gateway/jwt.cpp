#include "workers/gateway/jwt.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tenfold::gateway {
namespace {

using nlohmann::json;

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
  const auto subject = payload.find("sub");
  if (subject != payload.end() && subject->is_string()) claims.subject = *subject;
  return claims;
}

}  // namespace

Outcome<Claims> authenticate(std::string_view authorization, const JwtRules& rules, int64_t now) {
  if (authorization.empty()) return Claims{rules.anonymous_role, json{{"role", rules.anonymous_role}}.dump()};
  const std::string_view scheme = "bearer ";
  if (!sidecar::equal_ignoring_case(authorization.substr(0, scheme.size()), scheme)) return no_token();
  auto payload = open_token(authorization.substr(scheme.size()), rules);
  if (!payload) return no_token();
  return claims_of(std::move(*payload), rules, now);
}

}  // namespace tenfold::gateway
