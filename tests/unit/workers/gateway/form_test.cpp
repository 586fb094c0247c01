#include "workers/gateway/form.hpp"

#include <gtest/gtest.h>

namespace tenfold::gateway {
namespace {

using std::string_literals::operator""s;

TEST(form, percent_decode) {
  EXPECT_EQ(percent_decode("a%20b+c%C3%A9", Plus::is_space), "a b cé");
  EXPECT_EQ(percent_decode("a+b", Plus::is_plus), "a+b");
  EXPECT_EQ(percent_decode("%2F%3d", Plus::is_plus), "/=");
  for (const char* bad : {"%", "%4", "%zz", "%00", "%ff", "%C3", "%-1"})
    EXPECT_FALSE(percent_decode(bad, Plus::is_space)) << bad;
  EXPECT_FALSE(percent_decode("a\0b"s, Plus::is_space));
}

TEST(form, pairs_in_their_order) {
  EXPECT_EQ(parse_form("a=1&b=&c&&a=2=3"), (Form{{"a", "1"}, {"b", ""}, {"c", ""}, {"a", "2=3"}}));
  EXPECT_EQ(parse_form(""), Form{});
  EXPECT_EQ(parse_form("&&"), Form{});
  EXPECT_EQ(parse_form("a%26b=c%3Dd"), (Form{{"a&b", "c=d"}}));
  EXPECT_FALSE(parse_form("a=1&b=%"));
  EXPECT_FALSE(parse_form("%ff=1"));
}

TEST(form, finds_the_first) {
  const Form form{{"a", "1"}, {"a", "2"}};
  EXPECT_EQ(*find_value(form, "a"), "1");
  EXPECT_EQ(find_value(form, "b"), nullptr);
}

}  // namespace
}  // namespace tenfold::gateway
