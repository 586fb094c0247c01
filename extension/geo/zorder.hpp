// The grid that places are kept on, and the 64-bit key that sorts neighbors close together.
//
// A grid step is 1e-7 degree (11 mm of latitude), the resolution of OpenStreetMap and of numeric(9,7). Key
// and grid position determine each other, so an index on the key alone gives exact coordinates.
#pragma once

#include "kernel/wall.hpp"

#include <cmath>
#include <cstdint>

#include "geo/point.hpp"

namespace tenfold::geo {

// Grid numbers, counted from the south pole and from longitude -180.
struct Cell {
  uint32_t lat;
  uint32_t lng;

  friend bool operator==(const Cell&, const Cell&) = default;
};

inline constexpr int64_t grid_steps_per_degree = 10'000'000;
inline constexpr uint32_t grid_lat_max = 180 * grid_steps_per_degree;
inline constexpr uint32_t grid_lng_max = 360 * grid_steps_per_degree;
inline constexpr int64_t grid_equator = 90 * grid_steps_per_degree;
inline constexpr int64_t grid_greenwich = 180 * grid_steps_per_degree;

// The nearest grid position. Longitude 180 stays grid_lng_max, as typed, although it is the meridian of 0.
inline Cell cell_of(Point p) {
  // Scaled before shifted: the addition of 90 or 180 would cost digits that decide the rounding.
  int64_t lat = std::llround(p.lat * grid_steps_per_degree) + grid_equator;
  int64_t lng = std::llround(p.lng * grid_steps_per_degree) + grid_greenwich;
  return {static_cast<uint32_t>(lat), static_cast<uint32_t>(lng)};
}

// One division of exact numbers: the double nearest to the seven-digit decimal, the same that its text reads
// as.
inline Point point_of(Cell c) {
  constexpr double steps = grid_steps_per_degree;
  return {(static_cast<int64_t>(c.lat) - grid_equator) / steps,
          (static_cast<int64_t>(c.lng) - grid_greenwich) / steps};
}

// Bit i of the number moves to bit 2i.
inline uint64_t spread_bits(uint32_t number) {
  uint64_t x = number;
  x = (x | x << 16) & 0x0000ffff0000ffff;
  x = (x | x << 8) & 0x00ff00ff00ff00ff;
  x = (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
  x = (x | x << 2) & 0x3333333333333333;
  return (x | x << 1) & 0x5555555555555555;
}

// The inverse of spread_bits; bits at odd places are ignored.
inline uint32_t gather_bits(uint64_t x) {
  x &= 0x5555555555555555;
  x = (x | x >> 1) & 0x3333333333333333;
  x = (x | x >> 2) & 0x0f0f0f0f0f0f0f0f;
  x = (x | x >> 4) & 0x00ff00ff00ff00ff;
  x = (x | x >> 8) & 0x0000ffff0000ffff;
  return static_cast<uint32_t>(x | x >> 16);
}

// The Z-order key: each latitude bit stands above the longitude bit of the same weight. Latitudes need 31
// bits only, so the sign bit stays clear, and signed order is Z-order. (It also makes the blocks of an odd
// number of key bits twice as wide as high in degrees: nearly square on the ground where most people live.)
inline int64_t key_of(Cell c) {
  return static_cast<int64_t>(spread_bits(c.lat) << 1 | spread_bits(c.lng));
}

inline Cell cell_of_key(int64_t key) {
  auto bits = static_cast<uint64_t>(key);
  return {gather_bits(bits >> 1), gather_bits(bits)};
}

}  // namespace tenfold::geo
