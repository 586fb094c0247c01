#include "payment/secrets.hpp"

#define JSON_NO_IO  // no iostream in the backend
#include <nlohmann/json.hpp>

#include "kernel/hmac.hpp"

namespace tenfold::payment {
namespace {

using nlohmann::json;

constexpr size_t shortest_master = 32;

Error wrong(const std::string& what) {
  return {Code::no_signing_key, "the file of payment secrets " + what,
          R"(It is {"master": ["BASE64"], "stripe": ["whsec_…"], …}, the newest first.)"};
}

}  // namespace

Result<SecretsOf> parse_secrets(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return wrong("is no JSON object");
  SecretsOf secrets;
  for (const auto& [name, list] : document.items()) {
    if (!list.is_array()) return wrong("has \"" + name + "\" as no list");
    for (const json& one : list) {
      if (!one.is_string() || one.get<std::string>().empty())
        return wrong("has an empty secret of \"" + name + "\"");
      auto bytes = name == "master" ? decode_base64(one.get<std::string>()) : one.get<std::string>();
      if (!bytes || (name == "master" && bytes->size() < shortest_master))
        return wrong("has a master key that is no base64 of 32 bytes");
      secrets[name].push_back(*std::move(bytes));
    }
  }
  return secrets;
}

std::string endpoint_secret(std::string_view master, std::string_view endpoint, int generation) {
  return hmac_sha256(master, "webhook " + std::string(endpoint) + ' ' + std::to_string(generation));
}

}  // namespace tenfold::payment
