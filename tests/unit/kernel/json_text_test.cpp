#include "kernel/json_text.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace tenfold {
namespace {

std::string quoted(std::string_view text) {
  JsonText json(1);
  json.string(text);
  return std::string(json.view());
}

TEST(json_text, escapes_what_the_server_escapes_and_nothing_else) {
  EXPECT_EQ(quoted(""), R"("")");
  EXPECT_EQ(quoted("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(quoted("\b\f\n\r\t"), R"("\b\f\n\r\t")");
  EXPECT_EQ(quoted("\x01\x1f\x7f"), "\"\\u0001\\u001f\x7f\"");
  EXPECT_EQ(quoted("é 日本 🎈 \u2028 </script>"), "\"é 日本 🎈 \u2028 </script>\"");
}

TEST(json_text, grows_before_each_piece) {
  JsonText json(1);
  std::string expected;
  for (int i = 0; i < 1000; i++) {
    json.string(std::string(static_cast<size_t>(i), '\x02'));
    json.integer(i);
    json.raw(", ");
    expected += '"';
    for (int k = 0; k < i; k++) expected += "\\u0002";
    expected += '"' + std::to_string(i) + ", ";
  }
  EXPECT_EQ(json.view(), expected);
}

TEST(json_text, the_longest_integers) {
  JsonText json(1);
  json.integer(std::numeric_limits<int64_t>::min());
  json.integer(std::numeric_limits<int64_t>::max());
  EXPECT_EQ(json.view(), "-92233720368547758089223372036854775807");
}

}  // namespace
}  // namespace tenfold
