// Any disc and a place aimed at its edge: a place within the disc is within its cover.
#include "geo/cover.hpp"

#include <geodesic.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "geo/geodesic.hpp"
#include "geo/zorder.hpp"

using namespace tenfold::geo;

namespace {

// Plain doubles would hardly ever meet a disc. These are shares of what is possible, 0 … 65535.
struct Input {
  uint16_t lat, lng;  // from the pole and from the date line, each on a logarithmic scale
  uint16_t radius;    // logarithmic, 1 mm to half the Earth's girth
  uint16_t azimuth;
  uint16_t inwards;  // from the edge towards the origin, logarithmic
  uint16_t sides;    // bit 0: southern half, bit 1: western half
};

// 10^low … 10^high.
double logarithmic(uint16_t share, double low, double high) {
  return std::pow(10, low + (high - low) * share / 65535);
}

Point origin_of(const Input& in) {
  const double lat = std::max(0.0, 90 - logarithmic(in.lat, -8, std::log10(90)));
  const double lng = std::max(0.0, 180 - logarithmic(in.lng, -8, std::log10(180)));
  return {in.sides & 1 ? -lat : lat, in.sides & 2 ? -lng : lng};
}

Point aimed(Point origin, double azimuth, double meters) {
  geod_geodesic earth;
  geod_init(&earth, wgs84::a, wgs84::f);
  Point p;
  geod_direct(&earth, origin.lat, origin.lng, azimuth, meters, &p.lat, &p.lng, nullptr);
  return point_of(cell_of(p));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input in;
  if (size < sizeof in) return 0;
  std::memcpy(&in, data, sizeof in);
  const Point origin = origin_of(in);
  const double radius = std::min(logarithmic(in.radius, -3, 7.302), max_distance_m);
  const Point p = aimed(origin, in.azimuth * 360.0 / 65536, radius * (1 - logarithmic(in.inwards, -9, 0)));
  if (Ruler(origin).distance_m(p) > radius) return 0;
  const int64_t key = key_of(cell_of(p));
  for (const KeyRange range : cover_disc(origin, radius))
    if (range.low <= key && key <= range.high) return 0;
  std::abort();
}
