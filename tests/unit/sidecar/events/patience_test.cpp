#include "events/patience.hpp"

#include <gtest/gtest.h>

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;

int refusals_until_over(std::string_view sqlstate, std::chrono::milliseconds between) {
  Patience patience;
  int count = 1;
  for (Patience::Time now{}; !patience.is_over(sqlstate, now); now += between) count++;
  return count;
}

TEST(patience, an_error_that_a_function_always_raises_is_over_after_ten_or_two_seconds) {
  for (const char* state : {"55000", "55P03", "53400", "57000"}) {
    EXPECT_EQ(refusals_until_over(state, 10ms), 10);
    EXPECT_EQ(refusals_until_over(state, 1s), 3);
  }
}

TEST(patience, conflicts_and_a_restart_have_longer) {
  for (const char* state : {"40001", "40P01", "57P01", "57P03"}) {
    EXPECT_EQ(refusals_until_over(state, 100ms), 100);
    EXPECT_EQ(refusals_until_over(state, 10s), 4);
  }
}

TEST(patience, a_timeout_is_over_at_once) {
  EXPECT_EQ(refusals_until_over("57014", 1ms), 1);
}

}  // namespace
}  // namespace tenfold::sidecar
