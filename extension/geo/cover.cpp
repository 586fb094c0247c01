#include "geo/cover.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "geo/geodesic.hpp"
#include "geo/zorder.hpp"

namespace tenfold::geo {
namespace {

constexpr double deg = 180 / std::numbers::pi;

// Grid numbers, both ends included.
struct Span {
  uint32_t low, high;
};

uint32_t on_grid(double degrees_from_edge, uint32_t most, double (*round)(double)) {
  const double steps = round(degrees_from_edge * grid_steps_per_degree);
  return static_cast<uint32_t>(std::clamp(steps, 0.0, static_cast<double>(most)));
}

Span grid_span(double low, double high, double edge, uint32_t most) {
  // One step of margin for the rounding of places to the grid.
  return {on_grid(low + edge - 1e-7, most, std::floor), on_grid(high + edge + 1e-7, most, std::ceil)};
}

// How far a disc reaches north and south. A degree of latitude is shortest at the equator.
double half_height_deg(double radius_m) {
  constexpr double least_meridian_radius = wgs84::a * (1 - wgs84::e2);
  return radius_m / least_meridian_radius * deg;
}

// How far it reaches east and west, when it holds no pole. On the auxiliary sphere of a geodesic the arc is
// at most radius / b, the latitude at most the geodetic one, and the difference of longitude at least that on
// the ellipsoid.
double half_width_deg(double lat, double radius_m) {
  const double share = std::sin(radius_m / wgs84::b) / std::cos(lat / deg);
  return share < 1 ? std::asin(share) * deg : 180;
}

// The disc's box. One that crosses the date line, or touches it, has two spans of longitude.
struct DiscBox {
  Span lat;
  Span lng[2];
  int lng_count;
};

DiscBox box_of(Point origin, double radius_m) {
  const double height = half_height_deg(radius_m);
  DiscBox box{grid_span(origin.lat - height, origin.lat + height, 90, grid_lat_max), {}, 1};
  const bool holds_pole = std::abs(origin.lat) + height >= 90 - 1e-7;
  const double width = holds_pole ? 180 : half_width_deg(origin.lat, radius_m);
  const double west = origin.lng - width - 1e-7, east = origin.lng + width + 1e-7;
  if (east - west >= 360) {
    box.lng[0] = {0, grid_lng_max};
  } else {
    box.lng[0] = grid_span(west, east, 180, grid_lng_max);
    if (west <= -180) box.lng[box.lng_count++] = grid_span(west + 360, 180, 180, grid_lng_max);
    if (east >= 180) box.lng[box.lng_count++] = grid_span(-180, east - 360, 180, grid_lng_max);
  }
  return box;
}

// Cells of 2^level steps that a span touches.
uint32_t cells(Span span, int level) {
  return static_cast<uint32_t>((uint64_t{span.high} >> level) - (uint64_t{span.low} >> level) + 1);
}

int level_for(const DiscBox& box) {
  constexpr uint32_t most_cells = 6;
  for (int level = 0;; level++) {
    uint64_t columns = 0;
    for (int i = 0; i < box.lng_count; i++) columns += cells(box.lng[i], level);
    if (columns * cells(box.lat, level) <= most_cells) return level;
  }
}

// The part of a span inside the n-th cell it touches.
Span part(Span span, int level, uint32_t n) {
  const uint64_t first = ((uint64_t{span.low} >> level) + n) << level;
  const uint64_t last = first + (uint64_t{1} << level) - 1;
  return {static_cast<uint32_t>(std::max<uint64_t>(first, span.low)),
          static_cast<uint32_t>(std::min<uint64_t>(last, span.high))};
}

// Sorted, and joined where the cells are neighbours in key order.
void join(std::array<KeyRange, Ranges::capacity>& found, size_t count, int level, Ranges& out) {
  std::sort(found.begin(), found.begin() + count, [](KeyRange a, KeyRange b) { return a.low < b.low; });
  KeyRange current = found[0];
  for (size_t i = 1; i < count; i++) {
    const bool touches = (found[i].low >> 2 * level) <= (current.high >> 2 * level) + 1;
    if (!touches)
      out.push_back(std::exchange(current, found[i]));
    else
      current.high = std::max(current.high, found[i].high);
  }
  out.push_back(current);
}

}  // namespace

Ranges cover_disc(Point origin, double radius_m) {
  const DiscBox box = box_of(origin, radius_m);
  const int level = level_for(box);
  std::array<KeyRange, Ranges::capacity> found;
  size_t count = 0;
  for (int i = 0; i < box.lng_count; i++)
    for (uint32_t y = 0; y < cells(box.lat, level); y++)
      for (uint32_t x = 0; x < cells(box.lng[i], level); x++) {
        const Span lat = part(box.lat, level, y), lng = part(box.lng[i], level, x);
        // A key grows with both coordinates, so a rectangle's corners have its least and its greatest key.
        found[count++] = {key_of({lat.low, lng.low}), key_of({lat.high, lng.high})};
      }
  Ranges ranges;
  join(found, count, level, ranges);
  return ranges;
}

}  // namespace tenfold::geo
