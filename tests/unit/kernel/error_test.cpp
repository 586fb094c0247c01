#include "kernel/error.hpp"

#include <gtest/gtest.h>

#include <set>

#include "kernel/result.hpp"

namespace tenfold {

TEST(ErrorCodes, EachHasItsOwnSqlstateAndName) {
  std::set<std::string> states, names;
  for (const auto& row : error_codes()) {
    EXPECT_EQ(std::string(row.sqlstate).size(), 5U);
    EXPECT_TRUE(states.insert(row.sqlstate).second) << row.sqlstate;
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(row.http_status >= 400 && row.http_status < 600);
  }
}

TEST(ErrorCodes, RowOfFindsTheCode) {
  EXPECT_STREQ(row_of(Code::unknown_amenity).sqlstate, "TFH02");
}

TEST(Result, HoldsAValueOrAnError) {
  Result<int> good = 7, bad = Error{Code::internal, "broken"};
  EXPECT_TRUE(good);
  EXPECT_EQ(std::move(good).value(), 7);
  EXPECT_FALSE(bad);
  EXPECT_EQ(bad.error().message, "broken");
  EXPECT_THROW(std::move(bad).value(), Failure);
}

}  // namespace tenfold
