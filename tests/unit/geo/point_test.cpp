#include "geo/point.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace tenfold::geo {

TEST(CheckedPoint, TakesTheWholeEarth) {
  for (double lat : {-90.0, 0.0, 90.0})
    for (double lng : {-180.0, 0.0, 180.0}) EXPECT_TRUE(checked_point(lat, lng));
}

TEST(CheckedPoint, RefusesTheRest) {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  for (double bad : {90.0000001, -91.0, nan, infinity, -infinity}) {
    const auto refused = checked_point(bad, 0);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, Code::invalid_coordinate);
    EXPECT_FALSE(refused.error().hint.empty());
  }
  for (double bad : {180.0000001, -181.0, nan, infinity, -infinity})
    EXPECT_FALSE(checked_point(0, bad)) << bad;
  EXPECT_NE(checked_point(91, 0).error().message.find("91"), std::string::npos);
  // The value as it came: fewer digits would say that 90 is out of range.
  EXPECT_NE(checked_point(90.00000000000003, 0).error().message.find("90.00000000000003"), std::string::npos);
}

TEST(CheckedRadius, RunsFromZeroToTheOtherSide) {
  EXPECT_TRUE(checked_radius(0));
  EXPECT_TRUE(checked_radius(max_distance_m));
  for (double bad : {-1.0, 1e9, std::nan(""), std::numeric_limits<double>::infinity()})
    EXPECT_EQ(checked_radius(bad).error().code, Code::invalid_radius) << bad;
}

}  // namespace tenfold::geo
