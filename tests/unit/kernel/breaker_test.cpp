#include "kernel/breaker.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace tenfold {
namespace {

using enum Breaker::Outcome;
using Reason = Breaker::Reason;
using State = Breaker::State;

constexpr int64_t second = 1'000'000;

// In the order of the members: 5 in a row; half of at least 10 within 10 s, or 80 % slow; open for 4 s, 8 s …
// at most 20 s, without jitter; one try at a time, for 3 s; two good ones close.
constexpr Breaker::Rules rules{5, 10, 10, 0.5, 0.8, 4 * second, 2, 20 * second, 0, 1, 2, 3 * second};

struct Fixture : testing::Test {
  std::optional<Breaker::Change> call(Breaker::Outcome outcome) {
    const auto permit = breaker.acquire(now, rules);
    EXPECT_TRUE(permit.permitted);
    return breaker.report(permit.number, outcome, now, rules, 0);
  }
  void calls(int count, Breaker::Outcome outcome) {
    for (int i = 0; i < count; i++) EXPECT_FALSE(call(outcome)) << i;
  }
  // Opens a closed one.
  Breaker::Change trip() {
    calls(4, failure);
    const auto change = call(failure);
    EXPECT_TRUE(change);
    return change.value_or(Breaker::Change{});
  }
  State state() const { return breaker.status(now, rules).state; }

  int64_t now = 1000 * second;
  Breaker breaker{now, 7};
};

using breaker_test = Fixture;

TEST_F(breaker_test, five_failures_in_a_row_open_it) {
  const auto change = trip();
  EXPECT_EQ(change.to, State::open);
  EXPECT_EQ(change.reason, Reason::failures_in_a_row);
  EXPECT_EQ(change.sums.failures, 5);
  EXPECT_EQ(change.open_for, 4 * second);
  EXPECT_EQ(state(), State::open);
  const auto refused = breaker.acquire(now + second, rules);
  EXPECT_FALSE(refused.permitted);
  EXPECT_EQ(refused.number, 0);
  EXPECT_EQ(refused.wait, 3 * second);
}

TEST_F(breaker_test, an_answer_ends_the_row) {
  for (const auto answer : {success, slow}) {
    calls(4, failure);
    calls(1, answer);
    now += 20 * second;  // so that the rate does not count
  }
  calls(4, failure);
  calls(100, neutral);
  EXPECT_EQ(call(failure)->reason, Reason::failures_in_a_row);  // a neutral one does not
}

TEST_F(breaker_test, a_rate_counts_from_the_minimum_on) {
  for (int i = 0; i < 4; i++) {
    calls(1, failure);
    calls(1, success);
  }
  calls(1, failure);
  EXPECT_EQ(call(success)->reason, Reason::failure_rate);  // the tenth call, five of them failures
}

TEST_F(breaker_test, old_calls_do_not_count) {
  for (int i = 0; i < 4; i++) {
    calls(1, failure);
    calls(1, success);
  }
  now += 10 * second;
  calls(1, failure);
  calls(1, success);
  EXPECT_EQ(breaker.status(now, rules).sums.calls, 2);
}

TEST_F(breaker_test, slow_answers_open_it_too) {
  calls(2, success);
  calls(7, slow);
  EXPECT_EQ(call(slow)->reason, Reason::slow_rate);
}

TEST_F(breaker_test, neutral_calls_are_no_calls) {
  calls(1000, neutral);
  EXPECT_EQ(breaker.status(now, rules).sums.calls, 0);
}

TEST_F(breaker_test, half_open_lets_one_try_pass_at_a_time) {
  trip();
  now += 4 * second - 1;
  EXPECT_FALSE(breaker.acquire(now, rules).permitted);
  now += 1;
  const auto first = breaker.acquire(now, rules);
  EXPECT_TRUE(first.permitted);
  EXPECT_EQ(state(), State::half_open);
  const auto second_one = breaker.acquire(now + second, rules);
  EXPECT_FALSE(second_one.permitted);
  EXPECT_EQ(second_one.wait, 2 * second);
  EXPECT_FALSE(breaker.report(first.number, success, now, rules, 0));
  const auto third = breaker.acquire(now, rules);
  EXPECT_TRUE(third.permitted);
  const auto change = breaker.report(third.number, success, now, rules, 0);
  EXPECT_EQ(change->to, State::closed);
  EXPECT_EQ(change->reason, Reason::probes_succeeded);
  EXPECT_EQ(state(), State::closed);
  EXPECT_EQ(breaker.status(now, rules).sums.calls, 0);
}

TEST_F(breaker_test, a_bad_try_opens_it_for_longer) {
  trip();
  for (const int64_t expected : {8, 16, 20, 20}) {
    now += breaker.status(now, rules).wait;
    const auto change = call(expected == 16 ? slow : failure);
    EXPECT_EQ(change->reason, Reason::probe_failed);
    EXPECT_EQ(change->open_for, expected * second);
  }
}

TEST_F(breaker_test, one_that_flaps_goes_on_growing) {
  trip();
  now += 4 * second;
  calls(1, success);
  EXPECT_EQ(call(success)->to, State::closed);
  now += second;
  EXPECT_EQ(trip().open_for, 8 * second);
  now += 8 * second;
  calls(1, success);
  EXPECT_EQ(call(success)->to, State::closed);
  now += 8 * second;
  EXPECT_EQ(trip().open_for, 4 * second);
}

TEST_F(breaker_test, a_try_that_is_never_reported_is_given_again) {
  trip();
  now += 4 * second;
  const auto lost = breaker.acquire(now, rules);
  now += 3 * second - 1;
  EXPECT_FALSE(breaker.acquire(now, rules).permitted);
  now += 1;
  const auto again = breaker.acquire(now, rules);
  EXPECT_TRUE(again.permitted);
  EXPECT_FALSE(breaker.report(lost.number, failure, now, rules, 0));  // its place is another's
  EXPECT_EQ(state(), State::half_open);
  EXPECT_FALSE(breaker.report(again.number, success, now, rules, 0));
  EXPECT_FALSE(breaker.report(again.number, success, now, rules, 0));  // twice is once
  EXPECT_EQ(breaker.status(now, rules).successes, 1);
}

TEST_F(breaker_test, a_late_report_counts_while_its_place_is_free) {
  trip();
  now += 4 * second;
  const auto late = breaker.acquire(now, rules);
  now += 60 * second;
  EXPECT_EQ(breaker.report(late.number, failure, now, rules, 0)->reason, Reason::probe_failed);
}

TEST_F(breaker_test, a_neutral_try_gives_its_place_back) {
  trip();
  now += 4 * second;
  calls(5, neutral);
  EXPECT_EQ(state(), State::half_open);
}

TEST_F(breaker_test, reports_from_before_a_change_are_late) {
  const auto early = breaker.acquire(now, rules);
  trip();
  EXPECT_FALSE(breaker.report(early.number, failure, now, rules, 0));
  now += 4 * second;
  const auto probe = breaker.acquire(now, rules);
  EXPECT_FALSE(breaker.report(early.number, failure, now, rules, 0));
  EXPECT_EQ(state(), State::half_open);
  for (const int64_t made_up : {int64_t{0}, int64_t{-1}, INT64_MAX, INT64_MIN, probe.number + 1})
    EXPECT_FALSE(breaker.report(made_up, failure, now, rules, 0));
  EXPECT_EQ(state(), State::half_open);
}

TEST_F(breaker_test, several_tries_where_the_rules_say_so) {
  trip();
  now += 4 * second;
  auto three = rules;
  three.probes = 3;
  for (int i = 0; i < 3; i++) EXPECT_TRUE(breaker.acquire(now, three).permitted);
  EXPECT_FALSE(breaker.acquire(now, three).permitted);
  EXPECT_EQ(breaker.status(now, three).probes, 3);
}

TEST(breaker, open_times_grow_are_jittered_and_bounded) {
  auto jittered = rules;
  jittered.jitter = 0.25;
  EXPECT_EQ(Breaker::open_time(jittered, 1, -1), 3 * second);
  EXPECT_EQ(Breaker::open_time(jittered, 1, 1), 5 * second);
  EXPECT_EQ(Breaker::open_time(jittered, 2, 0.5), 9 * second);
  EXPECT_EQ(Breaker::open_time(jittered, 3, 1), 20 * second);
  EXPECT_EQ(Breaker::open_time(jittered, 2'000'000'000, 1), 20 * second);
  EXPECT_EQ(Breaker::open_time(jittered, 2'000'000'000, -1), 15 * second);
}

// The ring beside a list of all calls, over many seconds and pauses of any length.
TEST(call_ring, agrees_with_a_list_of_calls) {
  struct Call {
    int64_t at;
    bool failed, slow;
  };
  std::mt19937_64 random(3);
  for (int trial = 0; trial < 50; trial++) {
    CallRing ring;
    std::vector<Call> calls;
    int64_t at = static_cast<int64_t>(random() % 1000);
    for (int i = 0; i < 500; i++) {
      if (random() % 3 == 0) at += static_cast<int64_t>(random() % 8 == 0 ? random() % 200 : random() % 3);
      calls.push_back({at, random() % 2 == 0, random() % 5 == 0});
      ring.add(at, calls.back().failed, calls.back().slow);
      const int64_t later = at + static_cast<int64_t>(random() % 4);
      const auto window = static_cast<int32_t>(1 + random() % 60);
      CallRing::Sums expected;
      for (const Call& call : calls) {
        if (call.at <= later - window) continue;
        expected.calls++;
        expected.failures += call.failed ? 1 : 0;
        expected.slow += call.slow ? 1 : 0;
      }
      const auto sums = ring.sum(later, window);
      ASSERT_EQ(sums.calls, expected.calls);
      ASSERT_EQ(sums.failures, expected.failures);
      ASSERT_EQ(sums.slow, expected.slow);
    }
  }
}

// A random walk beside a model that keeps the whole history and no ring, no leases, no generations.
TEST(breaker, agrees_with_a_model_that_remembers_everything) {
  std::mt19937_64 random(11);
  for (int trial = 0; trial < 300; trial++) {
    int64_t now = 1000 * second, closed_at = now;
    Breaker breaker(now, 1);
    State state = State::closed;
    std::vector<std::pair<int64_t, Breaker::Outcome>> history;  // since it closed
    int in_a_row = 0, good_tries = 0, openings = 0;
    int64_t until = 0, open_for = 0;
    const auto open = [&](bool again) {
      openings = again ? openings + 1 : 1;
      open_for = std::min<int64_t>(rules.open_for << std::min(openings - 1, 10), rules.open_at_most);
      state = State::open;
      until = now + open_for;
    };
    for (int i = 0; i < 400; i++) {
      now += static_cast<int64_t>(random() % static_cast<uint64_t>(second));
      const auto permit = breaker.acquire(now, rules);
      ASSERT_EQ(permit.permitted, state != State::open || now >= until) << trial << ' ' << i;
      if (!permit.permitted) continue;
      if (state == State::open) state = State::half_open, good_tries = 0;
      const auto outcome = static_cast<Breaker::Outcome>(random() % 20 < 9 ? 0 : random() % 4);
      const auto change = breaker.report(permit.number, outcome, now, rules, 0);
      const State before = state;
      if (outcome == neutral) {
      } else if (state == State::half_open) {
        if (outcome != success) {
          open(true);
        } else if (++good_tries == 2) {
          state = State::closed, closed_at = now, in_a_row = 0, history.clear();
        }
      } else {
        in_a_row = outcome == failure ? in_a_row + 1 : 0;
        history.emplace_back(now, outcome);
        int calls = 0, failures = 0, slow_ones = 0;
        for (const auto& [at, what] : history) {
          if (at / second <= now / second - rules.window) continue;
          calls++;
          failures += what == failure ? 1 : 0;
          slow_ones += what == slow ? 1 : 0;
        }
        if (in_a_row == 5 || (calls >= 10 && (2 * failures >= calls || 5 * slow_ones >= 4 * calls)))
          open(now - closed_at < open_for);
      }
      ASSERT_EQ(change.has_value(), state != before) << trial << ' ' << i;
      if (!change) continue;
      ASSERT_EQ(change->to, state) << trial << ' ' << i;
      ASSERT_EQ(change->open_for, state == State::open ? open_for : 0) << trial << ' ' << i;
    }
  }
}

// Four threads under one lock, as backends are: never more tries under way than allowed, one trip a time.
TEST(breaker, threads_together_never_have_more_tries) {
  auto two = rules;
  two.probes = 2;
  two.successes_to_close = 3;
  two.open_for = 20'000;
  two.open_at_most = 100'000;
  two.permit_life = INT64_MAX / 2;  // no try is given again
  std::mutex lock;
  int64_t now = 1000 * second;
  Breaker breaker(now, 1);
  std::set<int64_t> tries;
  State state = State::closed;
  int changes = 0;
  const auto work = [&](uint64_t seed) {
    std::mt19937_64 random(seed);
    while (true) {
      Breaker::Permit permit{};
      {
        const std::lock_guard held(lock);
        if (changes >= 300) return;
        now += 1000;
        permit = breaker.acquire(now, two);
        const State seen = breaker.status(now, two).state;
        if (seen != state) state = seen, tries.clear();
        if (permit.permitted && state == State::half_open) tries.insert(permit.number);
        ASSERT_LE(tries.size(), 2U);
      }
      if (!permit.permitted) continue;
      std::this_thread::yield();
      const std::lock_guard held(lock);
      tries.erase(permit.number);
      const auto change = breaker.report(permit.number, random() % 2 ? success : failure, now, two, 0);
      if (!change) continue;
      changes++;
      ASSERT_NE(change->to, state);
      state = change->to;
      tries.clear();
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; t++) threads.emplace_back(work, t);
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace tenfold
