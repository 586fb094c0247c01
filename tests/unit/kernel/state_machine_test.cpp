#include "kernel/state_machine.hpp"

#include <gtest/gtest.h>

namespace tenfold {
namespace {

TEST(StateMachines, KnowWhereAnEventLeads) {
  StateMachines machines;
  machines.add({"door", "closed", "open", "open"});
  machines.add({"door", "open", "close", "closed"});
  EXPECT_EQ(*machines.next("door", "closed", "open"), "open");
  EXPECT_EQ(*machines.next("door", "open", "open"), std::nullopt);
  EXPECT_EQ(*machines.next("door", "ajar", "open"), std::nullopt);
}

TEST(StateMachines, RefuseAnUnknownMachine) {
  const auto next = StateMachines().next("window", "closed", "open");
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, Code::invalid_parameter);
}

}  // namespace
}  // namespace tenfold
