#include "jobs/run_state.hpp"

#include <gtest/gtest.h>

#include <array>

namespace tenfold::sidecar {
namespace {

using State = RunState;
using News = RunNews;

TEST(run_state, handled_then_told) {
  EXPECT_EQ(after(State::running, News::handled), State::ending);
  EXPECT_EQ(after(State::ending, News::told), State::over);
}

TEST(run_state, the_end_of_a_lost_run_is_told_to_nobody) {
  EXPECT_EQ(after(State::running, News::taken_away), State::lost);
  EXPECT_EQ(after(State::lost, News::handled), State::over);
}

TEST(run_state, what_is_being_told_goes_on) {
  EXPECT_EQ(after(State::ending, News::taken_away), State::ending);
}

TEST(run_state, nothing_comes_back) {
  for (const News news : {News::taken_away, News::handled, News::told}) {
    EXPECT_EQ(after(State::over, news), State::over);
    EXPECT_NE(after(State::lost, news), State::running);
    EXPECT_NE(after(State::ending, news), State::running);
  }
}

TEST(run_state, leases_are_renewed_until_the_end_is_told) {
  EXPECT_TRUE(is_held(State::running) && is_held(State::ending));
  EXPECT_FALSE(is_held(State::lost) || is_held(State::over));
}

}  // namespace
}  // namespace tenfold::sidecar
