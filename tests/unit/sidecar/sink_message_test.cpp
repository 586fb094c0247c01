#include "workers/sink/message.hpp"

#include <gtest/gtest.h>

namespace tenfold::sink {
namespace {

using namespace std::string_view_literals;

TEST(Poison, TextIsNone) {
  EXPECT_FALSE(poison("k", R"({"a": "é😀"})", {{"h", "x"}}));
  EXPECT_FALSE(poison(std::nullopt, std::nullopt, {}));
  EXPECT_FALSE(poison("", "", {{"h", ""}}));
}

TEST(Poison, NamesWhatIsNoText) {
  EXPECT_EQ(poison("\xff", "{}", {}), "the key is not UTF-8");
  EXPECT_EQ(poison("k", "{\"a\": \"\xc3\"}", {}), "the payload is not UTF-8");
  EXPECT_EQ(poison("k", "a\0b"sv, {}), "the payload is not UTF-8");
  EXPECT_EQ(poison("k", "{}", {{"h", "\xed\xa0\x80"}}), "a header is not UTF-8");
  EXPECT_EQ(poison("k", "{}", {{"\xff", "x"}}), "a header is not UTF-8");
}

TEST(Headers, AreAnObject) {
  EXPECT_EQ(json_of({}), "{}");
  EXPECT_EQ(json_of({{"b", "1"}, {"a", "\"\n"}, {"b", "2"}}), R"({"a":"\"\n","b":"2"})");
  EXPECT_EQ(json_of({{"h", "\xff"}}), "{\"h\":\"\uFFFD\"}");
}

}  // namespace
}  // namespace tenfold::sink
