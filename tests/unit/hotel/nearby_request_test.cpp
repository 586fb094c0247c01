#include "hotel/nearby_request.hpp"

#include <gtest/gtest.h>

namespace tenfold::hotel {
namespace {

using Parts = std::vector<std::string_view>;

TEST(nearby_request, a_list_has_commas_between) {
  EXPECT_EQ(parts_of(""), Parts{});
  EXPECT_EQ(parts_of("wifi"), Parts{"wifi"});
  EXPECT_EQ(parts_of("wifi,pool"), (Parts{"wifi", "pool"}));
  EXPECT_EQ(parts_of(",wifi,,"), (Parts{"", "wifi", "", ""}));
}

TEST(nearby_request, a_radius_is_in_kilometers) {
  EXPECT_EQ(*radius_m_of(5), 5000);
  EXPECT_EQ(*radius_m_of(0), 0);
  EXPECT_EQ(*radius_m_of(20038), geo::max_distance_m);
  for (const double km : {-1.0, 20038.1, std::nan(""), HUGE_VAL})
    EXPECT_EQ(radius_m_of(km).error().code, Code::invalid_radius) << km;
  EXPECT_EQ(radius_m_of(20039).error().message, "radius 20039 km out of range");
}

TEST(nearby_request, a_page_has_one_to_a_hundred) {
  EXPECT_EQ(*page_limit(1), 1u);
  EXPECT_EQ(*page_limit(100), 100u);
  for (const int32_t limit : {0, 101, -5})
    EXPECT_EQ(page_limit(limit).error().code, Code::invalid_limit) << limit;
}

TEST(nearby_request, a_cursor_is_a_distance_and_an_id) {
  EXPECT_EQ(cursor_of("447.449628857_603417")->distance_m, "447.449628857");
  EXPECT_EQ(cursor_of("447.449628857_603417")->hotel_id, "603417");
  EXPECT_TRUE(cursor_of("1e-09_1"));
  const std::string long_id = "1_" + std::string(20, '1'), long_distance = std::string(31, '1') + "_1";
  for (const std::string_view text : {"", "_", "1_", "_1", "12", "1_2_3", "1_2 ", " 1_2", "nan_1", "1_-2",
                                      long_id.c_str(), long_distance.c_str()})
    EXPECT_EQ(cursor_of(text).error().code, Code::invalid_parameter) << text;
}

}  // namespace
}  // namespace tenfold::hotel
