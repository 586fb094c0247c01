#include "kernel/limiter.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace tenfold {
namespace {

using gcra::ticks_per_second;

// The textbook's token bucket, in real numbers.
class Bucket {
 public:
  explicit Bucket(gcra::Limit limit) : limit_(limit), tokens_(static_cast<double>(limit.burst)) {}

  bool take(int64_t now, int64_t cost) {
    const double back = static_cast<double>(now - at_) / static_cast<double>(limit_.interval);
    tokens_ = std::min(static_cast<double>(limit_.burst), tokens_ + back);
    at_ = now;
    if (tokens_ + 1e-9 < static_cast<double>(cost)) return false;
    tokens_ -= static_cast<double>(cost);
    return true;
  }

 private:
  gcra::Limit limit_;
  double tokens_;
  int64_t at_ = 0;
};

struct Table {
  explicit Table(int64_t buckets)
      : memory(new(std::align_val_t{64}) char[Limiter::size(buckets)]),
        limiter(Limiter::make(memory, buckets, 0, 0)) {}
  ~Table() { operator delete[](memory, std::align_val_t{64}); }

  char* memory;
  Limiter* limiter;
};

TEST(gcra, agrees_with_the_token_bucket) {
  std::mt19937_64 random(7);
  for (int trial = 0; trial < 200; trial++) {
    const gcra::Limit limit =
        gcra::limit_of(1 + static_cast<double>(random() % 100000), 1 + static_cast<int64_t>(random() % 200));
    Bucket bucket(limit);
    int64_t now = 1, arrival = 0;
    for (int i = 0; i < 2000; i++) {
      now += static_cast<int64_t>(random() % static_cast<uint64_t>(2 * limit.interval + 1));
      const auto cost = 1 + static_cast<int64_t>(random() % 3);
      const auto decision = gcra::decide(arrival, now, limit, cost);
      ASSERT_EQ(decision.allowed, bucket.take(now, cost)) << trial << ' ' << i;
      arrival = decision.arrival;
    }
  }
}

TEST(gcra, says_when_to_come_again) {
  const gcra::Limit limit = gcra::limit_of(60, 2);
  const auto first = gcra::decide(0, 100, limit, 1), second = gcra::decide(first.arrival, 100, limit, 1);
  EXPECT_EQ(first.remaining, 1);
  EXPECT_EQ(second.remaining, 0);
  EXPECT_EQ(second.reset, 2 * ticks_per_second);
  const auto third = gcra::decide(second.arrival, 100, limit, 1);
  EXPECT_FALSE(third.allowed);
  EXPECT_EQ(third.wait, ticks_per_second);
  EXPECT_FALSE(gcra::decide(third.arrival, 100 + third.wait - 1, limit, 1).allowed);
  EXPECT_TRUE(gcra::decide(third.arrival, 100 + third.wait, limit, 1).allowed);
}

TEST(gcra, more_than_the_burst_never_passes) {
  EXPECT_FALSE(gcra::decide(0, 1'000'000, gcra::limit_of(60, 2), 3).allowed);
}

TEST(limiter, keys_have_buckets_of_their_own) {
  Table table(1024);
  const gcra::Limit one{ticks_per_second, 1};
  std::mt19937_64 random(1);
  for (int i = 0; i < 500; i++) {
    const uint64_t key = random();
    EXPECT_TRUE(table.limiter->take(key, 5, one, 1).allowed);
    EXPECT_FALSE(table.limiter->take(key, 5, one, 1).allowed);
  }
  const auto counts = table.limiter->count(5);
  EXPECT_EQ(counts.allowed, 500);
  EXPECT_EQ(counts.refused, 500);
  EXPECT_EQ(counts.in_use, 500 - counts.evicted);
  EXPECT_EQ(table.limiter->count(5 + ticks_per_second).in_use, 0);
}

TEST(limiter, a_full_set_forgets_who_owes_least) {
  Table table(8);
  const gcra::Limit limit{1000, 10};
  const auto key = [](uint64_t i) { return (i + 1) << 42; };
  for (uint64_t i = 0; i < 8; i++)
    for (uint64_t taken = 0; taken <= i; taken++) table.limiter->take(key(i), 5, limit, 1);
  EXPECT_TRUE(table.limiter->take(key(8), 5, limit, 10).allowed);
  EXPECT_EQ(table.limiter->count(5).evicted, 1);
  EXPECT_FALSE(table.limiter->take(key(7), 5, limit, 3).allowed);  // owes 8, and is still known
  EXPECT_TRUE(table.limiter->take(key(7), 5, limit, 2).allowed);
}

// Four threads on few keys, starting together: never more than burst + rate × elapsed.
TEST(limiter, threads_together_never_pass_more) {
  for (int trial = 0; trial < 60; trial++) {
    Table table(64);
    const gcra::Limit limit{ticks_per_second, 50};
    std::atomic<int> passed[3] = {}, ready{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++)
      threads.emplace_back([&] {
        for (ready++; ready < 4;) {
        }
        for (uint64_t i = 0; i < 300; i++)
          if (table.limiter->take((i % 3 + 1) * 0x9E3779B97F4A7C15U, 5, limit, 1).allowed) passed[i % 3]++;
      });
    for (auto& thread : threads) thread.join();
    for (const auto& count : passed) ASSERT_EQ(count, 50) << trial;
  }
}

TEST(gcra, nothing_remains_where_the_burst_was_lowered) {
  const auto before = gcra::decide(0, 1, {100, 50}, 40);
  const auto after = gcra::decide(before.arrival, 2, {100, 5}, 1);
  EXPECT_FALSE(after.allowed);
  EXPECT_EQ(after.remaining, 0);
}

}  // namespace
}  // namespace tenfold
