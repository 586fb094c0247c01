#include "geo/geodesic.hpp"

#include <geodesic.h>

#include <numbers>

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

double square(double x) {
  return x * x;
}

// From one longitude to another the short way, -180 … 180. Across the date line each is first counted from
// there, which is exact: a difference near 360 would be rounded, by 3 nm.
double turn(double from, double to) {
  const double degrees = to - from;
  if (std::abs(degrees) <= 180) return degrees;
  const double date_line = std::copysign(180, degrees);
  return (to - date_line) - (from + date_line);
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
  lat_steps_ = c.lat + (origin.lat - snapped.lat) * grid_steps_per_degree;
  lng_steps_ = c.lng + (origin.lng - snapped.lng) * grid_steps_per_degree;
  north_m_ = normal_ * (1 - wgs84::e2) / w2_ * radians_per_step;
  east_m_ = normal_ * radians_per_step;
}

double Ruler::distance_m(Point p) const {
  const double near = near_m(p);
  const double meters = near <= near_reach_m ? near : geodesic_m(origin_, p);
  return std::round(meters * 1e9) / 1e9;
}

// The chord through the Earth, and from it the arc of the circle that fits the ellipsoid at the middle
// latitude, in the chord's direction (Euler's radius of curvature). With normals N and s, c = sin, cos of
// latitude the ellipsoid's points are (N c cos λ, N c sin λ, N (1 - e²) s); all in differences, which lose no
// digits when the points are near.
double Ruler::near_m(Point p) const {
  using wgs84::a, wgs84::e2;
  const double d_lat = (p.lat - origin_.lat) * rad, d_lng = turn(origin_.lng, p.lng) * rad;
  const double middle = (p.lat + origin_.lat) * rad / 2, sin_middle = std::sin(middle),
               cos_middle = std::cos(middle);
  const double sin_half = std::sin(d_lat / 2), ds = 2 * cos_middle * sin_half,
               dc = -2 * sin_middle * sin_half;
  const double s = sin_lat_ + ds, c = cos_lat_ + dc;
  const double w = std::sqrt(1 - e2 * s * s), w0 = a / normal_, normal = a / w;
  const double d_normal = a * e2 * ds * (s + sin_lat_) / ((w + w0) * w * w0);
  const double d_axis = normal * dc + cos_lat_ * d_normal,
               dz = (1 - e2) * (normal * ds + sin_lat_ * d_normal);
  const double chord2 =
      square(d_axis) + 4 * normal * c * normal_ * cos_lat_ * square(std::sin(d_lng / 2)) + square(dz);

  const double w2 = 1 - e2 * square(sin_middle), across = a / std::sqrt(w2), along = across * (1 - e2) / w2;
  const double north = square(along * d_lat), east = square(across * cos_middle * d_lng);
  const double curvature = north + east > 0 ? (north / along + east / across) / (north + east) : 0;
  // asin by its series: x is the half chord over the radius, 2e-3 at most where the result is used.
  const double x2 = chord2 * square(curvature) / 4;
  return std::sqrt(chord2) * (1 + x2 * (1. / 6 + x2 * (3. / 40)));
}

double Ruler::arc_m(Point p) const {
  const double h = square(std::sin((p.lat - origin_.lat) * rad / 2)) +
                   cos_lat_ * std::cos(p.lat * rad) * square(std::sin((p.lng - origin_.lng) * rad / 2));
  return 2 * mean_radius * std::asin(std::sqrt(std::min(1.0, h)));
}

}  // namespace tenfold::geo
