#include "geo/point.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

namespace tenfold::geo {
namespace {

// The shortest digits that read back as the same number, without an exponent as long as people can read them.
std::string text_of(double number) {
  std::array<char, 32> text;
  const auto format = std::abs(number) < 1e15 ? std::chars_format::fixed : std::chars_format::general;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number, format);
  return error == std::errc() ? std::string(text.data(), end) : "out of all measure";
}

}  // namespace

Result<Point> checked_point(double lat, double lng) {
  if (!(std::abs(lat) <= 90))
    return Error{Code::invalid_coordinate, "latitude " + text_of(lat) + " out of range",
                 "Latitude runs from -90 to 90; are latitude and longitude swapped?"};
  if (!(std::abs(lng) <= 180))
    return Error{Code::invalid_coordinate, "longitude " + text_of(lng) + " out of range",
                 "Longitude runs from -180 to 180."};
  return Point{lat, lng};
}

Result<double> checked_radius(double meters) {
  if (!(meters >= 0 && meters <= max_distance_m))
    return Error{Code::invalid_radius, "radius " + text_of(meters) + " m out of range",
                 "A radius is in meters, from 0 to 20003932; leave it out to search everywhere."};
  return meters;
}

}  // namespace tenfold::geo
