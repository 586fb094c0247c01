#include "geo/geodesic.hpp"

#include <geodesic.h>

#include <bit>
#include <cstring>
#include <numbers>

#include "kernel/simd.hpp"

namespace tenfold::geo {
namespace {

constexpr double rad = std::numbers::pi / 180;
constexpr double mean_radius = 6371008.8;

const geod_geodesic& earth() {
  static const geod_geodesic ellipsoid = [] {
    geod_geodesic g;
    geod_init(&g, wgs84::a, wgs84::f);
    return g;
  }();
  return ellipsoid;
}

template <class Number>
Number square(Number x) {
  return x * x;
}

Pair sin(Pair x) {
  return Pair{std::sin(x[0]), std::sin(x[1])};
}
Pair cos(Pair x) {
  return Pair{std::cos(x[0]), std::cos(x[1])};
}
Pair sqrt(Pair x) {
  return Pair{std::sqrt(x[0]), std::sqrt(x[1])};
}

// From one longitude to another the short way, -180 … 180. Across the date line each is first counted from
// there, which is exact: a difference near 360 would be rounded, by 3 nm.
double turn(double from, double to) {
  const double degrees = to - from;
  if (std::abs(degrees) <= 180) return degrees;
  const double date_line = std::copysign(180, degrees);
  return (to - date_line) - (from + date_line);
}

// cell_of_key() and the distance in the plane. No trigonometry: the cosine of the middle latitude is its
// series at the origin. Each step is written for latitude and longitude in turn, so that neither waits for
// itself.
TENFOLD_FOR_THIS_MACHINE void plane_m(const Plane& plane, const int64_t* keys, size_t count, double* out) {
  constexpr double half_radians_per_step = rad / 2 / grid_steps_per_degree;
  // An integer below 2^52 in the low bits of 2^52 is the double 2^52 + integer.
  constexpr double shift = uint64_t{1} << 52;
  constexpr auto shift_bits = std::bit_cast<uint64_t>(shift);
  for (size_t i = 0; i < count; i += 4) {
    Bits4 lng;
    std::memcpy(&lng, keys + i, sizeof lng);
    Bits4 lat = lng >> 1;
    lat &= 0x5555555555555555, lng &= 0x5555555555555555;
    lat = (lat | lat >> 1) & 0x3333333333333333, lng = (lng | lng >> 1) & 0x3333333333333333;
    lat = (lat | lat >> 2) & 0x0f0f0f0f0f0f0f0f, lng = (lng | lng >> 2) & 0x0f0f0f0f0f0f0f0f;
    lat = (lat | lat >> 4) & 0x00ff00ff00ff00ff, lng = (lng | lng >> 4) & 0x00ff00ff00ff00ff;
    lat = (lat | lat >> 8) & 0x0000ffff0000ffff, lng = (lng | lng >> 8) & 0x0000ffff0000ffff;
    lat = (lat | lat >> 16) & 0x00000000ffffffff, lng = (lng | lng >> 16) & 0x00000000ffffffff;
    const Doubles4 d_lat = reinterpret_cast<Doubles4>(lat | shift_bits) - shift - plane.lat;
    const Doubles4 turn = reinterpret_cast<Doubles4>(lng | shift_bits) - shift - plane.lng;
    Doubles4 d_lng = reinterpret_cast<Doubles4>(reinterpret_cast<Bits4>(turn) & 0x7fffffffffffffff);
    const Doubles4 other_way = grid_lng_max - d_lng;
    d_lng = d_lng < other_way ? d_lng : other_way;
    const Doubles4 half = d_lat * half_radians_per_step;
    const Doubles4 east =
        d_lng * plane.east_m * (plane.cos_lat * (1 - half * half / 2) - plane.sin_lat * half);
    const Doubles4 north = d_lat * plane.north_m;
    const Doubles4 square = east * east + north * north;
    for (int lane = 0; lane < 4; lane++) out[i + lane] = std::sqrt(square[lane]);
  }
}

}  // namespace

double haversine_m(Point from, Point to) {
  const double h =
      square(std::sin((to.lat - from.lat) * rad / 2)) +
      std::cos(from.lat * rad) * std::cos(to.lat * rad) * square(std::sin((to.lng - from.lng) * rad / 2));
  return 2 * mean_radius * std::asin(std::sqrt(std::min(1.0, h)));
}

double geodesic_m(Point from, Point to) {
  double meters = 0;
  geod_inverse(&earth(), from.lat, from.lng, to.lat, to.lng, &meters, nullptr, nullptr);
  return meters;
}

Ruler::Ruler(Point origin, double reach_m)
    : origin_(origin),
      sin_lat_(std::sin(origin.lat * rad)),
      // The cosine of 90 degrees in a double would make each pole a circle of 0.4 nm.
      cos_lat_(std::abs(origin.lat) == 90 ? 0 : std::cos(origin.lat * rad)),
      w2_(1 - wgs84::e2 * square(sin_lat_)),
      normal_(wgs84::a / std::sqrt(w2_)),
      flat_(reach_m <= flat_reach_m && std::abs(origin.lat) <= flat_lat),
      slack_(flat_ ? flat_slack : arc_slack) {
  constexpr double radians_per_step = rad / grid_steps_per_degree;
  const Cell c = cell_of(origin);
  const Point snapped = point_of(c);
  // Signed grid steps from the origin, which need not be on the grid itself.
  plane_ = {c.lat + (origin.lat - snapped.lat) * grid_steps_per_degree,
            c.lng + (origin.lng - snapped.lng) * grid_steps_per_degree,
            normal_ * (1 - wgs84::e2) / w2_ * radians_per_step,
            normal_ * radians_per_step,
            sin_lat_,
            cos_lat_};
}

double Ruler::rough_m(Cell c) const {
  const int64_t keys[4] = {key_of(c)};
  double out[4];
  rough_m(keys, out);
  return out[0];
}

void Ruler::rough_m(std::span<const int64_t> keys, std::span<double> out) const {
  if (flat_) return plane_m(plane_, keys.data(), keys.size(), out.data());
  for (size_t i = 0; i < keys.size(); i++) out[i] = arc_m(point_of(cell_of_key(keys[i])));
}

Pair Ruler::distances_m(Point p, Point q) const {
  Pair meters = near_m(p, q);
  if (!(meters[0] <= near_reach_m)) meters[0] = geodesic_m(origin_, p);
  if (!(meters[1] <= near_reach_m)) meters[1] = geodesic_m(origin_, q);
  return Pair{std::round(meters[0] * 1e9), std::round(meters[1] * 1e9)} / 1e9;
}

// The chord through the Earth, and from it the arc of the circle that fits the ellipsoid at the middle
// latitude, in the chord's direction (Euler's radius of curvature). With normals N and s, c = sin, cos of
// latitude the ellipsoid's points are (N c cos λ, N c sin λ, N (1 - e²) s); all in differences, which lose no
// digits when the points are near.
Pair Ruler::near_m(Point p, Point q) const {
  using wgs84::a, wgs84::e2;
  const Pair lat{p.lat, q.lat};
  const Pair d_lat = (lat - origin_.lat) * rad;
  const Pair d_lng = Pair{turn(origin_.lng, p.lng), turn(origin_.lng, q.lng)} * rad;
  const Pair middle = (lat + origin_.lat) * rad / 2, sin_middle = sin(middle), cos_middle = cos(middle);
  const Pair sin_half = sin(d_lat / 2), ds = 2 * cos_middle * sin_half, dc = -2 * sin_middle * sin_half;
  const Pair s = sin_lat_ + ds, c = cos_lat_ + dc;
  const double w0 = a / normal_;
  const Pair w = sqrt(1 - e2 * s * s), normal = a / w;
  const Pair d_normal = a * e2 * ds * (s + sin_lat_) / ((w + w0) * w * w0);
  const Pair d_axis = normal * dc + cos_lat_ * d_normal, dz = (1 - e2) * (normal * ds + sin_lat_ * d_normal);
  const Pair chord2 =
      square(d_axis) + 4 * normal * c * normal_ * cos_lat_ * square(sin(d_lng / 2)) + square(dz);

  const Pair w2 = 1 - e2 * square(sin_middle), across = a / sqrt(w2), along = across * (1 - e2) / w2;
  const Pair north = square(along * d_lat), east = square(across * cos_middle * d_lng);
  const Pair curvature = north + east > 0 ? (north / along + east / across) / (north + east) : Pair{};
  // asin by its series: x is the half chord over the radius, 2e-3 at most where the result is used.
  const Pair x2 = chord2 * square(curvature) / 4;
  return sqrt(chord2) * (1 + x2 * (1. / 6 + x2 * (3. / 40)));
}

double Ruler::arc_m(Point p) const {
  const double h = square(std::sin((p.lat - origin_.lat) * rad / 2)) +
                   cos_lat_ * std::cos(p.lat * rad) * square(std::sin((p.lng - origin_.lng) * rad / 2));
  return 2 * mean_radius * std::asin(std::sqrt(std::min(1.0, h)));
}

}  // namespace tenfold::geo
