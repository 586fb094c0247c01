#include "payment/card_number.hpp"

#include <gtest/gtest.h>

namespace tenfold::payment {
namespace {

// The numbers that the networks publish for tests.
TEST(CardNumber, FindsThoseOfTheNetworks) {
  for (const char* number :
       {"4242424242424242", "4000056655665556", "5555555555554444", "2223003122003222", "378282246310005",
        "6011111111111117", "36227206271667", "6200000000000005", "4222222222222"}) {
    EXPECT_TRUE(holds_card_number(number)) << number;
    EXPECT_TRUE(holds_card_number("card " + std::string(number) + ", thanks")) << number;
  }
}

TEST(CardNumber, FindsThemAsPeopleWriteThem) {
  EXPECT_TRUE(holds_card_number("4242 4242 4242 4242"));
  EXPECT_TRUE(holds_card_number("4242-4242-4242-4242"));
  EXPECT_FALSE(holds_card_number("4242  4242 4242 4242"));
}

TEST(CardNumber, LeavesOtherNumbersAlone) {
  for (const char* text : {"", "4242424242424241", "424242424242", "42424242424242424242", "1111111111111117",
                           "+91 98765 43210", "2026-12-01 10:00", "4242.4242.4242.4242"})
    EXPECT_FALSE(holds_card_number(text)) << text;
}

TEST(CardNumber, SaysWhere) {
  EXPECT_EQ(*card_number_in(R"({"metadata": {"a": [1, {"b": "x 4242424242424242"}]}})"), "metadata.a[1].b");
  EXPECT_EQ(*card_number_in(R"({"4242424242424242": 1})"), "4242424242424242");
  EXPECT_EQ(*card_number_in(R"({"a": 4242424242424242})"), "a");
  EXPECT_EQ(*card_number_in(R"({"amount": 4242424242424242, "b": null, "c": true})"), std::nullopt);
}

TEST(CardNumber, ReadsEscapes) {
  EXPECT_EQ(*card_number_in(R"({"a": "\u0034242424242424242"})"), "a");
}

}  // namespace
}  // namespace tenfold::payment
