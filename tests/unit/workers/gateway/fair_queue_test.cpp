#include "workers/gateway/fair_queue.hpp"

#include <gtest/gtest.h>

#include "workers/gateway/pace.hpp"

namespace tenfold::gateway {
namespace {

using namespace std::chrono_literals;

TEST(fair_queue, who_has_used_least_goes_next) {
  FairQueue queue;
  queue.begin("hog");
  for (uint64_t number = 1; number <= 3; number++) queue.push("hog", number);
  queue.push("other", 4);
  queue.end("hog", 1s);
  EXPECT_EQ(queue.pop(), 4U);
  EXPECT_EQ(queue.pop(), 1U);
  queue.push("other", 5);
  queue.end("other", 100ms);
  EXPECT_EQ(queue.pop(), 5U);  // 0.1 s against a second
  queue.push("other", 6);
  queue.end("other", 2s);
  EXPECT_EQ(queue.pop(), 2U);
  EXPECT_EQ(queue.pop(), 3U);
  EXPECT_EQ(queue.pop(), 6U);
  EXPECT_FALSE(queue.pop());
}

TEST(fair_queue, equals_go_by_number) {
  FairQueue queue;
  for (uint64_t number = 1; number <= 6; number++) queue.push(number % 2 == 0 ? "a" : "b", number);
  for (uint64_t number = 1; number <= 6; number++) EXPECT_EQ(queue.pop(), number);
}

TEST(fair_queue, who_was_away_has_saved_nothing_up) {
  FairQueue queue;
  queue.begin("steady");
  queue.push("steady", 1);
  queue.push("steady", 2);
  queue.end("steady", 10s);
  EXPECT_EQ(queue.pop(), 1U);
  queue.push("new", 3);
  queue.push("new", 4);
  queue.end("steady", 1s);
  EXPECT_EQ(queue.pop(), 3U);  // with the ten seconds that steady had when its turn came
  queue.end("new", 2s);
  EXPECT_EQ(queue.pop(), 2U);
}

TEST(fair_queue, who_gives_up_is_passed_over) {
  FairQueue queue;
  queue.push("a", 1);
  queue.push("a", 2);
  queue.push("b", 3);
  EXPECT_EQ(queue.head("a"), 1U);
  queue.remove("a", 1);
  queue.remove("b", 3);
  queue.remove("absent", 9);
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(queue.head("a"), 2U);
  EXPECT_FALSE(queue.head("b"));
  EXPECT_EQ(queue.pop(), 2U);
}

TEST(pace, unknown_is_slow_until_three_were_quick) {
  Pace pace;
  for (int i = 0; i < 3; i++) {
    EXPECT_TRUE(pace.is_slow());
    pace.add(1ms);
  }
  EXPECT_FALSE(pace.is_slow());
}

TEST(pace, one_slow_call_among_quick_ones_says_nothing_and_three_do) {
  Pace pace;
  for (int i = 0; i < 100; i++) pace.add(1ms);
  pace.add(60s);
  EXPECT_FALSE(pace.is_slow());
  for (int i = 0; i < 2; i++) pace.add(60s);
  EXPECT_TRUE(pace.is_slow());
}

TEST(pace, what_was_slow_is_forgiven_soon) {
  Pace pace;
  for (int i = 0; i < 100; i++) pace.add(60s);
  EXPECT_TRUE(pace.is_slow());
  int quick = 0;
  for (; pace.is_slow(); quick++) pace.add(1ms);
  EXPECT_LE(quick, 16);
  for (int i = 0; i < 100; i++) pace.add(20ms);  // between the two bounds it stays as it was
  EXPECT_FALSE(pace.is_slow());
}

}  // namespace
}  // namespace tenfold::gateway
