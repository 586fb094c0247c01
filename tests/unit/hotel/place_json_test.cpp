#include "hotel/place_json.hpp"

#include <gtest/gtest.h>

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

TEST(PlaceJson, KeepsEveryNanometer) {
  const Place places[] = {place_at(0, 0, 1000000.000000001, {5, 4, 500})};
  EXPECT_EQ(
      to_json(places),
      R"([{"hotel_id":7,"distance_m":1000000.000000001,"lat":0,"lng":0,"stars":5,"rating":5,"price_range":"$$$$"}])");
}

TEST(PlaceJson, NoPlaceIsAnEmptyArray) {
  EXPECT_EQ(to_json({}), "[]");
}

}  // namespace tenfold::hotel
