#include "kernel/uuid.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "kernel/bucket.hpp"

namespace tenfold {
namespace {

std::string hex(const Uuid& id) {
  std::string text;
  for (const uint8_t byte : id) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

uint64_t milliseconds_of(const Uuid& id) {
  return std::stoull(hex(id).substr(0, 12), nullptr, 16);
}

constexpr Uuid dns{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
                   0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};

TEST(Uuid, TheRfcsExamples) {
  EXPECT_EQ(hex(uuid_v5(dns, "www.example.com")), "2ed6657de927568b95e12665a8aea6a2");  // RFC 9562 A.4
  // A.6: rand_a 0xCC3 is our bucket and the two upper bits of the tail, rand_b its rest.
  EXPECT_EQ(hex(uuid_v7(0x017F22E279B0, 0xCC3 >> 2, uint64_t{3} << 62 | 0x18C4DC0C0C07398F)),
            "017f22e279b07cc398c4dc0c0c07398f");
}

TEST(Uuid, OfVersion7GivesItsBucketBack) {
  for (int bucket = 0; bucket < bucket_count; bucket++) {
    EXPECT_EQ(bucket_of(uuid_v7(~uint64_t{0}, bucket, ~uint64_t{0})).value(), bucket);
    EXPECT_EQ(bucket_of(uuid_v7(0, bucket, 0)).value(), bucket);
  }
}

TEST(Uuid, OfAnotherVersionOrVariantHasNone) {
  EXPECT_EQ(bucket_of(uuid_v5(dns, "x")).error().code, Code::invalid_parameter);
  EXPECT_EQ(bucket_of(Uuid{}).error().code, Code::invalid_parameter);
  Uuid microsoft = uuid_v7(1, 1, 1);
  microsoft[8] |= 0xC0;
  EXPECT_EQ(bucket_of(microsoft).error().code, Code::invalid_parameter);
}

// A clock that mostly stands still, and sometimes goes back.
TEST(UuidClock, ThoseOfOneBucketAscend) {
  std::mt19937_64 random(1);
  UuidClock clock;
  std::vector<Uuid> last(bucket_count);
  int64_t now = 1'700'000'000'000;
  for (int i = 0; i < 200'000; i++) {
    if (random() % 100 == 0) now += static_cast<int64_t>(random() % 20) - 8;
    const int bucket = static_cast<int>(random() % 4);
    const Uuid id = clock.next(now, bucket, random());
    ASSERT_LT(last[bucket], id);
    ASSERT_EQ(bucket_of(id).value(), bucket);
    last[bucket] = id;
  }
}

TEST(UuidClock, ANewMillisecondIsTheClocks) {
  UuidClock clock;
  EXPECT_EQ(milliseconds_of(clock.next(1000, 0, 7)), 1000U);
  EXPECT_EQ(milliseconds_of(clock.next(1001, 0, 7)), 1001U);
  EXPECT_EQ(milliseconds_of(clock.next(900, 0, 7)), 1001U) << "a clock that goes back stands still";
  EXPECT_EQ(milliseconds_of(UuidClock().next(-5, 0, 7)), 0U) << "before 1970 there are none";
}

TEST(UuidClock, ATailThatOverflowsBorrowsTheNextMillisecond) {
  UuidClock clock(1000, ~uint64_t{0} - 1);
  EXPECT_EQ(clock.next(1000, 5, 0), uuid_v7(1000, 5, ~uint64_t{0})) << "the last of its millisecond";
  EXPECT_EQ(clock.next(1000, 5, 8), uuid_v7(1001, 5, 4));
  EXPECT_EQ(clock.next(1001, 5, 0), uuid_v7(1001, 5, 5));
}

}  // namespace
}  // namespace tenfold
