#include "kernel/client.hpp"

#include <gtest/gtest.h>

namespace tenfold {
namespace {

TEST(client, what_the_edge_wrote) {
  const std::string_view headers =
      R"({"user-agent":"\"x-real-ip\":\"9.9.9.9\"","x-real-ip":"1.2.3.4", "accept": "x-real-ip"})";
  EXPECT_EQ(edge_header(headers, "x-real-ip"), "1.2.3.4");
  EXPECT_EQ(edge_header(headers, "accept"), "x-real-ip");
  EXPECT_EQ(edge_header(headers, "user-agent"), "");
  EXPECT_EQ(edge_header(headers, "x-rate-class"), "");
  for (const char* odd : {"", "{}", R"({"a":)", R"({"a":5})", R"({"a":")", R"({"a": )"})
    EXPECT_EQ(edge_header(odd, "a"), "") << odd;
}

TEST(client, the_next_page_has_the_same_query) {
  const auto link = [](const std::string& query) {
    return next_link(R"({"x-query": ")" + query + "\"}", "2_3");
  };
  EXPECT_EQ(next_link("", "2_3"), "<?cursor=2_3>; rel=\"next\"");
  EXPECT_EQ(link(""), "<?cursor=2_3>; rel=\"next\"");
  EXPECT_EQ(link("cursor=1_2"), link(""));
  EXPECT_EQ(link("a=1&cursor=1_2&b=%24&"), "<?a=1&b=%24&cursor=2_3>; rel=\"next\"");
  EXPECT_EQ(link(R"(q=\"a\\b\/\u007f\"&xcursor=1)"),
            "<?q=%22a%5Cb/%7f%22&xcursor=1&cursor=2_3>; rel=\"next\"");
  EXPECT_EQ(next_link(R"({"x-query": "a\)", "2_3"), "<?a%5C&cursor=2_3>; rel=\"next\"");
}

TEST(client, a_link_holds_a_uri) {
  EXPECT_EQ(next_link("{\"x-query\": \"q=a<b>;c|{}`^ \xc3\xbc%20+&e=1\"}", "2_3"),
            "<?q=a%3Cb%3E;c%7C%7B%7D%60%5E%20%C3%BC%20+&e=1&cursor=2_3>; rel=\"next\"");
}

TEST(client, who_counts_as_one) {
  EXPECT_EQ(client_key("1.2.3.4"), client_key("::ffff:1.2.3.4"));
  EXPECT_NE(client_key("1.2.3.4"), client_key("1.2.3.5"));
  EXPECT_EQ(client_key("2001:db8:1:2::1"), client_key("2001:db8:1:2:ffff::"));
  EXPECT_NE(client_key("2001:db8:1:2::1"), client_key("2001:db8:1:3::1"));
  EXPECT_EQ(client_key("unix:"), "unix:");
  EXPECT_EQ(client_key(""), "");
}

}  // namespace
}  // namespace tenfold
