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

// -180 … 180, so that two places beside the date line are near each other.
double wrapped(double degrees) {
  return degrees > 180 ? degrees - 360 : degrees < -180 ? degrees + 360 : degrees;
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
  const double chord = chord_m(p);
  const double meters = chord <= arc_of_chord_m ? arc_along(p, chord) : geodesic_m(origin_, p);
  return std::round(meters * 1e9) / 1e9;
}

// The straight line through the Earth, in differences that lose no digits when the points are near: with
// reduced normals N and s, c = sin, cos of latitude, the ellipsoid's points are (N c cos λ, N c sin λ, N (1 -
// e²) s).
double Ruler::chord_m(Point p) const {
  const double half_lat = (p.lat - origin_.lat) * rad / 2, half_lng = wrapped(p.lng - origin_.lng) * rad / 2;
  const double middle = (p.lat + origin_.lat) * rad / 2, sin_half = std::sin(half_lat);
  const double ds = 2 * std::cos(middle) * sin_half, dc = -2 * std::sin(middle) * sin_half;
  const double s = sin_lat_ + ds, c = cos_lat_ + dc;
  const double w2 = 1 - wgs84::e2 * s * s, w = std::sqrt(w2), w0 = wgs84::a / normal_;
  const double normal = wgs84::a / w;
  const double d_normal = wgs84::a * wgs84::e2 * ds * (s + sin_lat_) / ((w + w0) * w * w0);
  const double d_axis = normal * dc + cos_lat_ * d_normal;
  const double dz = (1 - wgs84::e2) * (normal * ds + sin_lat_ * d_normal);
  const double across = 4 * normal * c * normal_ * cos_lat_ * square(std::sin(half_lng));
  return std::sqrt(square(d_axis) + across + square(dz));
}

// The arc over a chord, on the circle that fits the ellipsoid at the middle, in the chord's direction
// (Euler).
double Ruler::arc_along(Point p, double chord) const {
  const double middle = (p.lat + origin_.lat) * rad / 2;
  const double w2 = 1 - wgs84::e2 * square(std::sin(middle));
  const double normal = wgs84::a / std::sqrt(w2), meridian = normal * (1 - wgs84::e2) / w2;
  const double north = square(meridian * (p.lat - origin_.lat));
  const double east = square(normal * std::cos(middle) * wrapped(p.lng - origin_.lng));
  if (north + east == 0) return chord;
  const double radius = (north + east) / (north / meridian + east / normal);
  return 2 * radius * std::asin(chord / (2 * radius));
}

double Ruler::arc_m(Point p) const {
  const double h = square(std::sin((p.lat - origin_.lat) * rad / 2)) +
                   cos_lat_ * std::cos(p.lat * rad) * square(std::sin((p.lng - origin_.lng) * rad / 2));
  return 2 * mean_radius * std::asin(std::sqrt(std::min(1.0, h)));
}

}  // namespace tenfold::geo
