#include "postgres/values.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace tenfold::sidecar {
namespace {

TEST(PgValues, ArraysAreQuoted) {
  EXPECT_EQ(text_array(std::vector<std::string>{}), "{}");
  EXPECT_EQ(text_array(std::vector<std::string>{"a,b", "", R"(c"\)"}), R"({"a,b","","c\"\\"})");
}

TEST(PgValues, CleanTextIsUtf8WithoutZeroes) {
  EXPECT_EQ(clean("ä\xff"), "ä\uFFFD");
  EXPECT_EQ(clean(std::string_view("a\0b", 3)), "ab");
}

}  // namespace
}  // namespace tenfold::sidecar
