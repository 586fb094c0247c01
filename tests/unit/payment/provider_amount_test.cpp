#include "payment/provider_amount.hpp"

#include <gtest/gtest.h>

namespace tenfold::payment {
namespace {

TEST(ProviderAmount, digits_differ_in_both_directions) {
  EXPECT_EQ(*to_provider(10050, {2, 2, 1}), 10050);
  EXPECT_EQ(*to_provider(500, {2, 0, 1}), 5) << "Stripe takes MGA whole, PayPal HUF";
  EXPECT_FALSE(to_provider(550, {2, 0, 1}));
  EXPECT_EQ(*to_provider(7, {0, 2, 100}), 700) << "Stripe writes UGX in hundredths";
  EXPECT_EQ(*to_provider(1230, {3, 3, 10}), 1230) << "Stripe takes KWD in steps of ten";
  EXPECT_FALSE(to_provider(1234, {3, 3, 10}));
  EXPECT_FALSE(to_provider(INT64_MAX, {0, 2, 1}));
}

TEST(ProviderAmount, comes_back_as_it_went) {
  for (const Digits digits : {Digits{2, 2, 1}, Digits{2, 0, 1}, Digits{0, 2, 100}, Digits{3, 3, 10}})
    for (const int64_t amount : {int64_t{100}, int64_t{99'900}, int64_t{123'456'789'000}})
      EXPECT_EQ(from_provider(*to_provider(amount, digits), digits), amount);
  EXPECT_FALSE(from_provider(150, {0, 2, 100})) << "half a UGX";
}

TEST(ProviderAmount, decimals) {
  EXPECT_EQ(decimal_text(1050, 2), "10.50");
  EXPECT_EQ(decimal_text(5, 3), "0.005");
  EXPECT_EQ(decimal_text(1050, 0), "1050");
  EXPECT_EQ(read_decimal("10.50", 2), 1050);
  EXPECT_EQ(read_decimal("10.5", 2), 1050);
  EXPECT_EQ(read_decimal("10", 2), 1000);
  EXPECT_EQ(read_decimal("10.00", 0), 10);
  for (const char* text : {"", ".5", "10.505", "1e3", "-1", "10,5", "99999999999999999999", "1.-5"})
    EXPECT_FALSE(read_decimal(text, 2)) << text;
}

}  // namespace
}  // namespace tenfold::payment
