#include "kernel/cache_touched.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace tenfold {
namespace {

using Counters = std::unique_ptr<std::atomic<uint64_t>[]>;

Counters fresh() {
  return Counters(new std::atomic<uint64_t>[cache_counter::count]());
}

uint64_t generations(const Counters& counters, uint32_t number) {
  EXPECT_FALSE(cache_counter::is_pending(counters[number]));
  return counters[number] / cache_counter::generation;
}

TEST(cache_touched, a_commit_is_pending_and_then_another_generation) {
  const Counters counters = fresh();
  TouchedCounters touched;
  touched.touch(7);
  touched.touch(7);
  touched.raise(counters.get());
  EXPECT_TRUE(cache_counter::is_pending(counters[7]));
  EXPECT_FALSE(cache_counter::is_pending(counters[8]));
  touched.end(counters.get());
  EXPECT_EQ(generations(counters, 7), 1);
  EXPECT_TRUE(touched.empty());
}

TEST(cache_touched, what_was_never_raised_is_not_ended) {
  const Counters counters = fresh();
  TouchedCounters touched;
  touched.touch(7);
  touched.end(counters.get());
  EXPECT_EQ(counters[7], 0);
  EXPECT_TRUE(touched.empty());
}

// COMMIT PREPARED twice in one transaction, then a touch, then the commit: each is raised once, all are
// ended.
TEST(cache_touched, raising_twice_raises_only_what_came_since) {
  const Counters counters = fresh();
  TouchedCounters touched;
  for (int i = 0; i < 2; i++) {
    touched.touch_everything();
    touched.raise(counters.get());
  }
  EXPECT_EQ(counters[cache_counter::everything], 1);
  touched.touch(9);
  touched.raise(counters.get());
  EXPECT_TRUE(cache_counter::is_pending(counters[9]));
  touched.end(counters.get());
  EXPECT_EQ(generations(counters, cache_counter::everything), 1);
  EXPECT_EQ(generations(counters, 9), 1);
}

TEST(cache_touched, every_counter_in_every_transaction) {
  const Counters counters = fresh();
  TouchedCounters touched;
  for (int transaction = 0; transaction < 3; transaction++) {
    for (uint32_t number = 0; number < cache_counter::count; number++) touched.touch(number);
    touched.raise(counters.get());
    touched.end(counters.get());
  }
  for (uint32_t number = 0; number < cache_counter::count; number++)
    EXPECT_EQ(generations(counters, number), 3);
}

}  // namespace
}  // namespace tenfold
