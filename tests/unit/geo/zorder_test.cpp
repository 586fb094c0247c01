#include "geo/zorder.hpp"

#include <gtest/gtest.h>

#include "place_sampler.hpp"

namespace tenfold::geo {

TEST(ZOrder, KeyAndCellDetermineEachOther) {
  PlaceSampler random(1);
  for (int i = 0; i < 100'000; i++) {
    const Cell c = cell_of(random.place());
    EXPECT_EQ(cell_of_key(key_of(c)), c);
  }
  for (Cell corner :
       {Cell{0, 0}, Cell{grid_lat_max, 0}, Cell{0, grid_lng_max}, Cell{grid_lat_max, grid_lng_max}})
    EXPECT_EQ(cell_of_key(key_of(corner)), corner);
}

TEST(ZOrder, AKeyGrowsWithBothCoordinates) {
  PlaceSampler random(2);
  for (int i = 0; i < 100'000; i++) {
    const Cell a = cell_of(random.place()), b = cell_of(random.place());
    const Cell low{std::min(a.lat, b.lat), std::min(a.lng, b.lng)},
        high{std::max(a.lat, b.lat), std::max(a.lng, b.lng)};
    EXPECT_LE(key_of(low), key_of(a));
    EXPECT_GE(key_of(high), key_of(a));
  }
}

TEST(ZOrder, AGridPlaceReadsAsItsSevenDigits) {
  const Point mumbai = point_of(cell_of({19.0760, 72.8777}));
  EXPECT_EQ(mumbai.lat, 19.0760);
  EXPECT_EQ(mumbai.lng, 72.8777);
  EXPECT_EQ(point_of(cell_of({-0.00000014, 0})).lat, -0.0000001);
}

}  // namespace tenfold::geo
