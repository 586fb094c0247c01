#include "geo/cover.hpp"

#include <gtest/gtest.h>

#include "geo/zorder.hpp"
#include "place_sampler.hpp"

namespace tenfold::geo {
namespace {

bool holds(const Ranges& ranges, Point p) {
  const int64_t key = key_of(cell_of(p));
  return std::any_of(ranges.begin(), ranges.end(), [&](KeyRange r) { return r.low <= key && key <= r.high; });
}

}  // namespace

TEST(CoverDisc, HoldsEveryPlaceOfTheDisc) {
  PlaceSampler random(5);
  for (int i = 0; i < 200'000; i++) {
    const Point origin = random.place();
    const double radius = std::min(random.log_uniform(0, 7.302), max_distance_m);
    // Half of them at the very edge, where a cover fails first.
    const Point p = random.at_distance(origin, i % 2 ? radius : radius * std::sqrt(random.uniform()));
    if (random.true_distance(origin, p) > radius) continue;
    EXPECT_TRUE(holds(cover_disc(origin, radius), p)) << origin.lat << ' ' << origin.lng << ' ' << radius;
  }
}

TEST(CoverDisc, BothNamesOfTheDateLineBelongToIt) {
  for (double lng : {179.99, -179.99, 180.0, -180.0}) {
    const Ranges ranges = cover_disc({10, lng}, 2000);
    EXPECT_TRUE(holds(ranges, {10, 180}) && holds(ranges, {10, -180})) << lng;
  }
}

TEST(CoverDisc, ThePolesHaveAllLongitudes) {
  for (double lat : {90.0, 89.999, -89.999, -90.0})
    for (double lng = -180; lng <= 180; lng += 7.5)
      EXPECT_TRUE(holds(cover_disc({lat, 20}, 500), {lat > 0 ? 90.0 : -90.0, lng}));
}

TEST(CoverDisc, RangesAscendAndStayApart) {
  PlaceSampler random(6);
  for (int i = 0; i < 50'000; i++) {
    const Ranges ranges = cover_disc(random.place(), random.log_uniform(0, 7.3));
    ASSERT_FALSE(ranges.empty());
    for (size_t k = 0; k < ranges.size(); k++) {
      EXPECT_LE(ranges[k].low, ranges[k].high);
      EXPECT_TRUE(k == 0 || ranges[k].low > ranges[k - 1].high);
    }
  }
}

TEST(CoverDisc, ReadsLittleMoreThanTheDisc) {
  PlaceSampler random(7);
  double keys = 0, disc = 0, ranges_total = 0;
  constexpr int rounds = 20'000;
  for (int i = 0; i < rounds; i++) {
    const Point origin{random.uniform() * 120 - 60, random.uniform() * 340 - 170};
    const double radius = random.log_uniform(2, 5);
    const Ranges ranges = cover_disc(origin, radius);
    for (KeyRange r : ranges) keys += (r.high - r.low) / (radius * radius);
    disc += 3.14159 * 80.7 / std::cos(origin.lat * 3.14159 / 180) * 100;  // grid positions in a square meter
    ranges_total += ranges.size();
  }
  EXPECT_LT(ranges_total / rounds, 6);
  EXPECT_LT(keys / disc, 4) << "grid positions read for each one in the disc";
}

}  // namespace tenfold::geo
