#include "geo/geohash.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "place_sampler.hpp"

namespace tenfold::geo::geohash {

TEST(Geohash, KnownPlaces) {
  EXPECT_EQ(*encode({19.0760, 72.8777}, 12), "te7ud2evv2pu");
  EXPECT_EQ(*encode({57.64911, 10.40744}, 11), "u4pruydqqvj");  // Niemeyer's own example
  EXPECT_EQ(*encode({-25.382708, -49.265506}, 8), "6gkzwgjz");
  EXPECT_EQ(*encode({90, 180}, 4), "zzzz");
  EXPECT_EQ(*encode({-90, -180}, 4), "0000");
}

TEST(Geohash, DecodeHoldsWhatWasEncoded) {
  PlaceSampler random(8);
  for (int i = 0; i < 20'000; i++) {
    const Point p = random.place();
    const std::string text = *encode(p, 1 + i % 12);
    const Box box = *decode(text);
    EXPECT_TRUE(box.south <= p.lat && p.lat <= box.north && box.west <= p.lng && p.lng <= box.east) << text;
    EXPECT_EQ(*encode({(box.south + box.north) / 2, (box.west + box.east) / 2}, 1 + i % 12), text);
  }
  EXPECT_EQ(decode("TE7UD2")->south, decode("te7ud2")->south);
}

TEST(Geohash, RefusesWhatIsNone) {
  for (const char* bad : {"", "te7a", "te7u d", "te7ud2evv2puu", "ä"})
    EXPECT_EQ(decode(bad).error().code, Code::invalid_geohash) << bad;
  for (int bad : {0, 13, -1}) EXPECT_EQ(encode({0, 0}, bad).error().code, Code::invalid_precision);
}

TEST(Geohash, NeighborsShareABorder) {
  // n, ne, e, se, s, sw, w, nw, as the npm package ngeohash has them.
  EXPECT_EQ(*neighbors("dqcjq"), (std::array<std::string, 8>{"dqcjw", "dqcjx", "dqcjr", "dqcjp", "dqcjn",
                                                             "dqcjj", "dqcjm", "dqcjt"}));
  const auto corner = *neighbors("zzzz");
  EXPECT_EQ(corner[0], "");
  EXPECT_EQ(corner[2].substr(0, 1), "b");  // around the date line
}

TEST(Geohash, NeighborsAreMutual) {
  PlaceSampler random(9);
  for (int i = 0; i < 10'000; i++) {
    const std::string text = *encode(random.place(), 1 + i % 12);
    const auto around = *neighbors(text);
    for (size_t k = 0; k < 8; k++)
      EXPECT_TRUE(around[k].empty() || (*neighbors(around[k]))[(k + 4) % 8] == text) << text << ' ' << k;
  }
}

TEST(Geohash, CoverHoldsEveryPlaceOfTheDisc) {
  PlaceSampler random(10);
  for (int i = 0; i < 3'000; i++) {
    const Point origin = random.place();
    const int precision = 1 + i % 7;
    const double radius = random.log_uniform(1, 5.5) / precision;
    const auto cells = cover(origin, radius, precision);
    if (!cells) {
      EXPECT_EQ(cells.error().code, Code::invalid_precision);
      continue;
    }
    for (int k = 0; k < 20; k++) {
      const Point p = random.at_distance(origin, k % 2 ? radius * 0.999999 : radius * random.uniform());
      EXPECT_TRUE(std::binary_search(cells->begin(), cells->end(), *encode(p, precision)))
          << origin.lat << ' ' << origin.lng << ' ' << radius << ' ' << precision;
    }
  }
}

// Beyond a quarter of the Earth's girth a disc reaches over both poles, and its far edge comes back to them.
TEST(Geohash, CoverOfAHugeDiscHoldsItsFarSide) {
  PlaceSampler random(11);
  for (int i = 0; i < 3'000; i++) {
    const Point origin = random.place();
    const int precision = 1 + i % 2;
    const double radius = random.uniform() * max_distance_m;
    const auto cells = cover(origin, radius, precision);
    ASSERT_TRUE(cells);
    for (int k = 0; k < 20; k++) {
      const Point p = random.at_distance(origin, k % 2 ? radius * 0.999999 : radius * random.uniform());
      EXPECT_TRUE(std::binary_search(cells->begin(), cells->end(), *encode(p, precision)))
          << origin.lat << ' ' << origin.lng << ' ' << radius << ' ' << precision;
    }
  }
}

TEST(Geohash, CoverRefusesAFloodOfCells) {
  EXPECT_EQ(cover({0, 0}, 1e6, 8).error().code, Code::invalid_precision);
  EXPECT_EQ(cover({90, 0}, 1000, 12).error().code, Code::invalid_precision);
}

}  // namespace tenfold::geo::geohash
