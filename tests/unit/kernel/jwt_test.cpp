#include "kernel/jwt.hpp"

#include <gtest/gtest.h>

namespace tenfold {
namespace {

// RFC 7515, appendix A.1: somebody else's token and key.
constexpr auto rfc_secret =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
constexpr std::string_view rfc_text =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
constexpr std::string_view rfc_signature = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

Key rfc_key() {
  return {"", *decode_base64url(rfc_secret)};
}

TEST(jwt, the_rfcs_signature) {
  EXPECT_TRUE(is_signed_by(rfc_key(), rfc_text, *decode_base64url(rfc_signature)));
  EXPECT_FALSE(is_signed_by(rfc_key(), rfc_text, ""));
  EXPECT_FALSE(is_signed_by(rfc_key(), rfc_text.substr(1), *decode_base64url(rfc_signature)));
}

TEST(jwt, what_is_signed_names_its_key) {
  Key key = rfc_key();
  key.id = "of 2026";
  const std::string token = sign_jwt(R"({"sub":"x"})", key);
  const size_t first = token.find('.'), last = token.rfind('.');
  EXPECT_EQ(*decode_base64url(token.substr(0, first)), R"({"alg":"HS256","kid":"of 2026","typ":"JWT"})");
  EXPECT_EQ(*decode_base64url(token.substr(first + 1, last - first - 1)), R"({"sub":"x"})");
  EXPECT_TRUE(is_signed_by(key, token.substr(0, last), *decode_base64url(token.substr(last + 1))));
}

TEST(jwt, keys) {
  const std::string k = R"("k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T")";
  EXPECT_EQ(parse_keys(R"({"keys":[{"kty":"oct","kid":"a",)" + k + R"(},{"kty":"oct",)" + k + "}]}")->size(),
            2U);
  for (const std::string& bad :
       {std::string("x"), std::string("[]"), std::string(R"({"keys":[{"kty":"oct","k":"AAAA"}]})"),
        R"({"kty":"RSA",)" + k + "}", R"({"kty":"oct","alg":"HS512",)" + k + "}",
        R"({"kty":"oct","kid":5,)" + k + "}", std::string(R"({"keys":5})")})
    EXPECT_FALSE(parse_keys(bad)) << bad;
}

std::string error_of(const std::string& k) {
  const auto keys = parse_keys(R"({"kty":"oct","k":")" + k + R"("})");
  return keys ? "" : keys.error().message;
}

TEST(jwt, secrets_that_everybody_knows) {
  const std::string message = "a key is an example that everybody knows";
  EXPECT_EQ(error_of(rfc_secret), message);
  EXPECT_EQ(error_of("cmVhbGx5cmVhbGx5cmVhbGx5cmVhbGx5dmVyeXNhZmU"), message);  // PostgREST's, as base64url
  EXPECT_EQ(error_of(std::string(43, 'A')), message);                           // 32 zeros
  EXPECT_EQ(error_of("eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg"), message);  // 32 x
  EXPECT_EQ(error_of("eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHk"), "");       // the last is y
}

// RFC 4648 §10, without padding.
TEST(base64url, vectors) {
  for (const auto& [bytes, text] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foobar", "Zm9vYmFy"}, {"\xFB\xFF", "-_8"}}) {
    EXPECT_EQ(encode_base64url(bytes), text);
    EXPECT_EQ(decode_base64url(text), bytes);
  }
  for (const char* bad : {"Z", "Zg==", "Zh", "Zm9", "+/8", "Zm 8", "Zm9vY"})
    EXPECT_FALSE(decode_base64url(bad)) << bad;
}

}  // namespace
}  // namespace tenfold
