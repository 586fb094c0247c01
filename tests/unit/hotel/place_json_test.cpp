#include "hotel/place_json.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>

namespace tenfold::hotel {
namespace {

Place place_at(double lat, double lng, double distance, Attributes a) {
  return {distance, 7, geo::key_of(geo::cell_of({lat, lng})), pack(a)};
}

}  // namespace

TEST(PlaceJson, WritesWhatIsKnown) {
  const Place places[] = {place_at(48.8505268, -2.5, 63.02609918, {4, 2, 435}),
                          place_at(-0.0000001, 180, 0, {})};
  EXPECT_EQ(
      to_json(places),
      R"([{"hotel_id":7,"distance_m":63.02609918,"lat":48.8505268,"lng":-2.5,"stars":4,"rating":4.35,"price_range":"$$"},)"
      R"({"hotel_id":7,"distance_m":0,"lat":-0.0000001,"lng":180,"stars":null,"rating":null,"price_range":null}])");
}

// As of a damaged index: memory and form stay right, whatever the numbers mean.
TEST(PlaceJson, TakesAnyKey) {
  for (const int64_t key :
       {std::numeric_limits<int64_t>::min(), int64_t{-1}, std::numeric_limits<int64_t>::max()}) {
    const Place place{0, key, key, static_cast<int32_t>(key)};
    EXPECT_LE(to_json({&place, 1}).size(), most_json_bytes(1));
  }
}

TEST(PlaceJson, KeepsEveryNanometer) {
  const Place places[] = {place_at(0, 0, 1000000.000000001, {5, 4, 500})};
  EXPECT_EQ(
      to_json(places),
      R"([{"hotel_id":7,"distance_m":1000000.000000001,"lat":0,"lng":0,"stars":5,"rating":5,"price_range":"$$$$"}])");
}

// The C library's digits, without trailing zeros.
std::string decimal(int64_t number, int places) {
  const uint64_t size = std::abs(number), one = std::llround(std::pow(10, places));
  char text[64];
  std::snprintf(text, sizeof text, "%s%lu.%0*lu", number < 0 ? "-" : "", size / one, places, size % one);
  std::string out = text;
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
  return out;
}

TEST(PlaceJson, WritesTheDigitsThatTheLibraryWrites) {
  std::mt19937_64 random(21);
  for (int i = 0; i < 200'000; i++) {
    const auto number = [&](uint64_t most) {
      const uint64_t power = std::llround(std::pow(10, random() % 12));
      return static_cast<int64_t>(random() % most / power * (random() % 2 ? power : 1));
    };
    const int64_t lat = number(1'800'000'001) - geo::grid_equator,
                  lng = number(3'600'000'001) - geo::grid_greenwich;
    const int64_t nanometers = number(4'000'000'000'000'000);
    const auto hotel_id = static_cast<int64_t>(random() >> random() % 64);
    const int rating = 1 + i % 500;
    const geo::Cell cell{static_cast<uint32_t>(lat + geo::grid_equator),
                         static_cast<uint32_t>(lng + geo::grid_greenwich)};
    const Place place{nanometers / 1e9, hotel_id, geo::key_of(cell), pack({1, 1, rating})};
    ASSERT_EQ(to_json({&place, 1}), R"([{"hotel_id":)" + std::to_string(hotel_id) + R"(,"distance_m":)" +
                                        decimal(nanometers, 9) + R"(,"lat":)" + decimal(lat, 7) +
                                        R"(,"lng":)" + decimal(lng, 7) + R"(,"stars":1,"rating":)" +
                                        decimal(rating, 2) + R"(,"price_range":"$"}])");
  }
}

TEST(PlaceJson, TheLongestFits) {
  const Place place{20003931.123456789, std::numeric_limits<int64_t>::min(), geo::key_of({1, 1}),
                    pack({5, 4, 499})};
  EXPECT_LT(to_json({&place, 1}).size(), most_json_bytes(1) - 8);
}

TEST(PlaceJson, NoPlaceIsAnEmptyArray) {
  EXPECT_EQ(to_json({}), "[]");
}

}  // namespace tenfold::hotel
