#include "hotel/filter.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace tenfold::hotel {

TEST(Attributes, PackAndUnpackAreInverse) {
  for (int stars = 0; stars <= 5; stars++)
    for (int range = 0; range <= 4; range++)
      for (int rating = 0; rating <= 500; rating += 7) {
        const Attributes a = unpack(pack({stars, range, rating}));
        EXPECT_TRUE(a.stars == stars && a.price_range == range && a.rating_hundredths == rating);
      }
}

TEST(Attributes, ThePackedFormIsFrozen) {
  EXPECT_EQ(pack({5, 4, 435}), 5 + (4 << 3) + (435 << 6));
}

TEST(Filter, PassesWhatIsWished) {
  const Filter filter = *filter_of({4, 4.305, {"$$", "$$$"}});
  EXPECT_TRUE(filter.passes(0, pack({4, 2, 431})));
  EXPECT_FALSE(filter.passes(0, pack({3, 2, 431})));
  EXPECT_FALSE(filter.passes(0, pack({4, 1, 431})));
  EXPECT_FALSE(filter.passes(0, pack({4, 2, 430}))) << "4.30 is below 4.305";
  EXPECT_FALSE(filter.passes(0, pack({4, 0, 431}))) << "an unknown price is none of those wished for";
}

TEST(Filter, WantsEveryAmenity) {
  Filter filter;
  filter.amenities = 0b101;
  EXPECT_TRUE(filter.passes(0b1101, 0));
  EXPECT_FALSE(filter.passes(0b1001, 0));
  filter.amenities = INT64_MIN;
  EXPECT_TRUE(filter.passes(-1, 0)) << "the sign bit is an amenity like any other";
}

TEST(Filter, WithoutWishesEverythingPasses) {
  EXPECT_TRUE(filter_of({})->passes(0, 0));
}

TEST(Filter, RefusesWhatIsOutOfRange) {
  EXPECT_EQ(filter_of({6, {}, {}}).error().code, Code::invalid_filter);
  EXPECT_EQ(filter_of({-1, {}, {}}).error().code, Code::invalid_filter);
  EXPECT_EQ(filter_of({{}, 5.01, {}}).error().code, Code::invalid_filter);
  EXPECT_EQ(filter_of({{}, std::nan(""), {}}).error().code, Code::invalid_filter);
  EXPECT_EQ(filter_of({{}, {}, {"$", "$$$$$"}}).error().code, Code::invalid_filter);
  EXPECT_EQ(filter_of({{}, {}, {""}}).error().code, Code::invalid_filter);
}

}  // namespace tenfold::hotel
