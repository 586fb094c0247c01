#include "kernel/bucket.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tenfold {
namespace {

// By Python: int.from_bytes(hashlib.sha256(key.encode()).digest()[:2], 'big') >> 6
TEST(Bucket, OfAKeyIsFrozen) {
  EXPECT_EQ(bucket_of_key(""), 910);
  EXPECT_EQ(bucket_of_key("abc"), 745);  // FIPS 180-4's own example: BA7816BF…
  EXPECT_EQ(bucket_of_key("42"), 461);
  EXPECT_EQ(bucket_of_key("-1"), 110);
  EXPECT_EQ(bucket_of_key("9223372036854775807"), 717);
  EXPECT_EQ(bucket_of_key("größe"), 845);
}

// Chi-squared over 1,023 degrees of freedom: mean 1,023, standard deviation 45. Six of those either way:
// neither crowded nor suspiciously even.
TEST(Bucket, KeysInSequenceSpreadEvenly) {
  constexpr int keys = 1 << 18;
  std::vector<int> counts(bucket_count);
  for (int key = 0; key < keys; key++) counts[bucket_of_key(std::to_string(key))]++;
  double chi_squared = 0;
  for (const int count : counts) {
    const double expected = static_cast<double>(keys) / bucket_count;
    chi_squared += (count - expected) * (count - expected) / expected;
  }
  EXPECT_GT(chi_squared, 1023 - 6 * 45);
  EXPECT_LT(chi_squared, 1023 + 6 * 45);
}

TEST(Bucket, AnIdGivesItsBucketBack) {
  for (int bucket = 0; bucket < bucket_count; bucket++)
    for (const int64_t number : {int64_t{0}, int64_t{1}, number_limit - 1}) {
      const int64_t id = id_of(bucket, number, "s").value();
      EXPECT_EQ(bucket_of(id).value(), bucket);
      EXPECT_EQ(id % number_limit, number);
      EXPECT_EQ(static_cast<int64_t>(static_cast<double>(id)), id) << "a double holds it";
    }
  EXPECT_EQ(id_of(1023, number_limit - 1, "s").value(), (int64_t{1} << 53) - 1);
}

TEST(Bucket, WhatDoesNotFitIsRefused) {
  EXPECT_EQ(id_of(-1, 1, "s").error().code, Code::invalid_parameter);
  EXPECT_EQ(id_of(1024, 1, "s").error().code, Code::invalid_parameter);
  EXPECT_EQ(id_of(0, -1, "s").error().code, Code::sequence_exhausted);
  EXPECT_EQ(id_of(0, number_limit, "s").error().code, Code::sequence_exhausted);
  EXPECT_EQ(bucket_of(int64_t{-1}).error().code, Code::invalid_parameter);
  EXPECT_EQ(bucket_of(int64_t{1} << 53).error().code, Code::invalid_parameter);
}

}  // namespace
}  // namespace tenfold
