#include "workers/gateway/client_address.hpp"

#include <gtest/gtest.h>

namespace tenfold::gateway {
namespace {

std::string client(std::string_view peer, std::string_view forwarded_for, std::string_view trusted) {
  return std::string(client_address(peer, forwarded_for, *parse_networks(trusted)));
}

TEST(client_address, strangers_are_not_believed) {
  EXPECT_EQ(client("9.9.9.9", "1.2.3.4", ""), "9.9.9.9");
  EXPECT_EQ(client("9.9.9.9", "1.2.3.4", "10.0.0.0/8, ::1"), "9.9.9.9");
}

TEST(client_address, the_last_that_is_no_proxy_of_ours) {
  EXPECT_EQ(client("10.1.1.1", "1.2.3.4", "10.0.0.0/8"), "1.2.3.4");
  EXPECT_EQ(client("10.1.1.1", "6.6.6.6, 1.2.3.4 ,10.2.2.2", "10.0.0.0/8"), "1.2.3.4");
  EXPECT_EQ(client("::1", "2001:db8::5", "::1"), "2001:db8::5");
  EXPECT_EQ(client("::ffff:10.1.1.1", "1.2.3.4", "10.0.0.0/8"), "1.2.3.4");
  EXPECT_EQ(client("10.1.1.1", "", "10.0.0.0/8"), "10.1.1.1");
}

TEST(client_address, without_port_and_brackets) {
  EXPECT_EQ(client("::1", "203.0.113.9:40001", "::1"), "203.0.113.9");
  EXPECT_EQ(client("::1", "[2001:db8::5]:443", "::1"), "2001:db8::5");
  EXPECT_EQ(client("::1", "6.6.6.6,\t[2001:db8::5]", "::1"), "2001:db8::5");
  EXPECT_EQ(client("::1", "1.2.3.4, 10.0.0.1:99", "::1, 10.0.0.0/8"), "1.2.3.4");
}

TEST(client_address, a_proxy_that_names_no_address_counts_itself) {
  for (const char* odd :
       {"nonsense", "unknown", "_hidden", "1.2.3.4, ", "1.2.3.4:x:y", "[", "[]", ":80", "1.2.3"})
    EXPECT_EQ(client("10.1.1.1", odd, "10.0.0.0/8"), "10.1.1.1") << odd;
  EXPECT_EQ(client("10.1.1.1", "1.2.3.4, nonsense, 10.2.2.2", "10.0.0.0/8"), "10.2.2.2");
}

TEST(client_address, one_household_is_one_network) {
  EXPECT_EQ(network_of("1.2.3.4"), network_of("::ffff:1.2.3.4"));
  EXPECT_NE(network_of("1.2.3.4"), network_of("1.2.3.5"));
  EXPECT_EQ(network_of("2001:db8:1:2::1"), network_of("2001:db8:1:2:ffff::"));
  EXPECT_NE(network_of("2001:db8:1:2::1"), network_of("2001:db8:1:3::1"));
}

TEST(client_address, networks_end_at_their_bits) {
  EXPECT_EQ(client("10.0.0.255", "1.2.3.4", "10.0.0.0/25"), "10.0.0.255");
  EXPECT_EQ(client("10.0.0.127", "1.2.3.4", "10.0.0.0/25"), "1.2.3.4");
  EXPECT_EQ(client("203.0.113.9", "1.2.3.4", "0.0.0.0/0"), "1.2.3.4");
  EXPECT_EQ(client("::5", "1.2.3.4", "0.0.0.0/0"), "::5");
}

TEST(client_address, what_is_no_network) {
  for (const char* bad :
       {"x", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", ",", "10.0.0"})
    EXPECT_FALSE(parse_networks(bad)) << bad;
}

}  // namespace
}  // namespace tenfold::gateway
