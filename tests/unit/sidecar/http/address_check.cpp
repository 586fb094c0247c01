#include <gtest/gtest.h>

#include "http/address_rules.hpp"

namespace tenfold::sidecar {
namespace {

bool allows(std::string_view listed, const char* address) {
  return AddressRules::read(listed)->allow(boost::asio::ip::make_address(address));
}

TEST(addresses, the_internet_is_open) {
  for (const char* address :
       {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.0", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255", "223.255.255.255",
        "2606:4700::1111", "2a00::1", "::ffff:1.1.1.1", "64:ff9b::101:101"})
    EXPECT_TRUE(allows("", address)) << address;
}

TEST(addresses, what_is_inside_is_not) {
  for (const char* address : {"0.0.0.0",
                              "10.0.0.0",
                              "10.255.255.255",
                              "100.64.0.0",
                              "127.0.0.1",
                              "127.255.255.255",
                              "169.254.169.254",
                              "172.16.0.0",
                              "172.31.255.255",
                              "192.168.0.1",
                              "224.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "fe80::1",
                              "fd00:ec2::254",
                              "fc00::",
                              "ff02::1",
                              "::ffff:127.0.0.1",
                              "::ffff:169.254.169.254",
                              "64:ff9b::7f00:1",
                              "64:ff9b::a9fe:a9fe",
                              "2002:7f00:1::",
                              "2002:a00:1::1",
                              "::7f00:1",
                              "2001::1",
                              "fec0::1"})
    EXPECT_FALSE(allows("", address)) << address;
}

TEST(addresses, what_is_listed_is_open) {
  const char* listed = "127.0.0.1, 10.1.0.0/16 ,fd00::/8,::1";
  for (const char* address : {"127.0.0.1", "10.1.2.3", "fd12::1", "::1", "::ffff:10.1.0.1"})
    EXPECT_TRUE(allows(listed, address)) << address;
  for (const char* address : {"127.0.0.2", "10.2.0.0", "fc00::1", "169.254.169.254"})
    EXPECT_FALSE(allows(listed, address)) << address;
  EXPECT_TRUE(allows("10.1.2.3/8", "10.200.0.1"));
}

TEST(addresses, a_list_that_is_none) {
  for (const char* listed : {"localhost", "10.0.0.0/33", "10.0.0", "10.0.0.0/8;127.0.0.1", "::/129", "*"})
    EXPECT_FALSE(AddressRules::read(listed)) << listed;
  for (const char* listed : {"", " ", ",", "10.0.0.1,"}) EXPECT_TRUE(AddressRules::read(listed)) << listed;
}

}  // namespace
}  // namespace tenfold::sidecar
