#include "kernel/hmac.hpp"

#include <gtest/gtest.h>

namespace tenfold {
namespace {

// RFC 4231, test cases 1 and 2.
TEST(Hmac, is_as_the_rfc_says) {
  EXPECT_EQ(encode_hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(encode_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Hmac, equal_bytes_are_of_equal_length) {
  EXPECT_TRUE(equal_bytes("abc", "abc"));
  EXPECT_TRUE(equal_bytes("", ""));
  EXPECT_FALSE(equal_bytes("abc", "abd"));
  EXPECT_FALSE(equal_bytes("abc", "ab"));
}

// RFC 4648 §10.
TEST(Base64, is_as_the_rfc_says) {
  EXPECT_EQ(encode_base64(""), "");
  EXPECT_EQ(encode_base64("f"), "Zg==");
  EXPECT_EQ(encode_base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(decode_base64("Zm9vYg=="), "foob");
  EXPECT_EQ(decode_base64(""), "");
}

TEST(Base64, a_value_has_one_text) {
  for (const char* text :
       {"Zg=", "Zg", "Zh==", " Zg==", "Zg==\n", "Zg==Zg==", "Z g=", "====", "Zm9v====", "-_=="})
    EXPECT_FALSE(decode_base64(text)) << text;
}

}  // namespace
}  // namespace tenfold
