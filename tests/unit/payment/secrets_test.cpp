#include "payment/secrets.hpp"

#include <gtest/gtest.h>

namespace tenfold::payment {
namespace {

constexpr const char* key = "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=";

TEST(Secrets, AreReadByName) {
  const auto secrets =
      parse_secrets(R"({"master": [")" + std::string(key) + R"("], "stripe": ["whsec_new", "whsec_old"]})")
          .value();
  EXPECT_EQ(secrets.at("master"), std::vector{std::string(32, 'x')});
  EXPECT_EQ(secrets.at("stripe"), (std::vector<std::string>{"whsec_new", "whsec_old"}));
}

TEST(Secrets, RefuseWhatWouldSignBadly) {
  for (const char* text : {"", "[]", R"({"stripe": "x"})", R"({"stripe": [""]})", R"({"stripe": [1]})",
                           R"({"master": ["c2hvcnQ="]})", R"({"master": ["not base64 !"]})"})
    EXPECT_FALSE(parse_secrets(text)) << text;
}

TEST(Secrets, AreOthersForEachEndpointAndGeneration) {
  const std::string master(32, 'x');
  const std::string secret = endpoint_secret(master, "a", 1);
  EXPECT_EQ(secret.size(), 32U);
  EXPECT_EQ(secret, endpoint_secret(master, "a", 1));
  EXPECT_NE(secret, endpoint_secret(master, "a", 2));
  EXPECT_NE(secret, endpoint_secret(master, "b", 1));
  EXPECT_NE(secret, endpoint_secret(std::string(32, 'y'), "a", 1));
}

}  // namespace
}  // namespace tenfold::payment
