// Geohash, the public text form of a place (Niemeyer 2008): base 32, longitude first, a prefix is a larger
// box.
#pragma once

#include "kernel/wall.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "geo/point.hpp"

namespace tenfold::geo::geohash {

inline constexpr int max_precision = 12;     // characters: 37 × 19 mm at the equator
inline constexpr size_t max_cover = 10'000;  // cells that cover() returns at most

// Degrees.
struct Box {
  double south;
  double west;
  double north;
  double east;
};

// Latitude 90 and longitude 180 belong to the last cell. Code::invalid_precision outside 1 … 12.
Result<std::string> encode(Point p, int precision);

// Upper case is accepted. Code::invalid_geohash: empty, longer than 12, or a character outside the alphabet.
Result<Box> decode(std::string_view text);

// In the order n, ne, e, se, s, sw, w, nw. Wraps around the date line; beyond a pole there is no cell: empty
// text.
Result<std::array<std::string, 8>> neighbors(std::string_view text);

// Every cell that shares a point with the disc, sorted. Code::invalid_precision outside 1 … 12, and when the
// disc touches more than max_cover cells.
Result<std::vector<std::string>> cover(Point origin, double radius_m, int precision);

}  // namespace tenfold::geo::geohash
