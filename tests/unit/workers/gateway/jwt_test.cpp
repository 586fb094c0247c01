#include "workers/gateway/jwt.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tenfold::gateway {
namespace {

// RFC 7515, appendix A.1: somebody else's token and key.
constexpr auto rfc_secret =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
constexpr auto rfc_token =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
constexpr int64_t rfc_expiry = 1300819380;

JwtRules rfc_rules() {
  return {{{"", *decode_base64url(rfc_secret)}}, "", "anonymous"};
}

int status_at(int64_t now, std::string_view token = rfc_token) {
  const auto claims = authenticate("Bearer " + std::string(token), rfc_rules(), now);
  return claims ? 200 : claims.problem().status;
}

TEST(jwt, the_rfcs_token) {
  auto claims = authenticate(std::string("Bearer ") + rfc_token, rfc_rules(), rfc_expiry - 100);
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->role, "anonymous");
  EXPECT_EQ(nlohmann::json::parse(claims->json)["iss"], "joe");
}

TEST(jwt, thirty_seconds_of_skew) {
  EXPECT_EQ(status_at(rfc_expiry + 29), 200);
  EXPECT_EQ(status_at(rfc_expiry + 30), 401);
}

TEST(jwt, every_changed_letter_is_seen) {
  for (size_t i = 0; i < std::string_view(rfc_token).size(); i++) {
    std::string token = rfc_token;
    token[i] = token[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(status_at(0, token), 401) << i;
  }
}

TEST(jwt, nobody) {
  auto claims = authenticate("", rfc_rules(), 0);
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->json, R"({"role":"anonymous"})");
  EXPECT_FALSE(authenticate("Basic YTpi", rfc_rules(), 0));
  EXPECT_FALSE(authenticate("Bearer", rfc_rules(), 0));
}

}  // namespace
}  // namespace tenfold::gateway
