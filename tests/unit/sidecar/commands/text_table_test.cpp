#include "commands/text_table.hpp"

#include <gtest/gtest.h>

namespace tenfold::sidecar {
namespace {

TEST(TextTable, NumbersStandRight) {
  EXPECT_EQ(text_table({"name", "n"}, {{"a", "100"}, {"größer", ""}, {"b", "2.5"}}),
            "name      n\n"
            "a       100\n"
            "größer\n"
            "b       2.5\n");
}

TEST(TextTable, NoRows) {
  EXPECT_EQ(text_table({"a", "b"}, {}), "a  b\n");
}

TEST(TextTable, ControlCharactersAreShown) {
  EXPECT_EQ(text_table({"a"}, {{"x\033[2J\n"}}), "a\nx?[2J?\n");
}

}  // namespace
}  // namespace tenfold::sidecar
