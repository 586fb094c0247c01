// Distances on the WGS84 ellipsoid, in meters.
#pragma once

#include "kernel/wall.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "geo/point.hpp"
#include "geo/zorder.hpp"

namespace tenfold::geo {

namespace wgs84 {
inline constexpr double a = 6378137;            // equatorial radius, meters
inline constexpr double f = 1 / 298.257223563;  // flattening
inline constexpr double b = a * (1 - f);        // polar radius, meters
inline constexpr double e2 = f * (2 - f);       // eccentricity squared
}  // namespace wgs84

// Great-circle distance on a sphere of the mean radius 6,371,008.8 m: up to 0.6 % off, for comparison with
// others.
double haversine_m(Point from, Point to);

// The shortest path on the ellipsoid: C. F. F. Karney, Algorithms for geodesics, J. Geodesy 87 (2013), by
// PROJ.
double geodesic_m(Point from, Point to);

// Two numbers in one register. What is done to both costs as much as done to one.
using Pair = double __attribute__((vector_size(16)));

// The plane through the middle latitude.
struct Plane {
  double lat, lng;         // the origin on the grid, with fractions
  double north_m, east_m;  // a grid step northwards; eastwards at the equator's circumference
  double sin_lat, cos_lat;
};

// Measures from one origin to many points. Longitudes -180 and 180 are the same place, as is every longitude
// of a pole.
class Ruler {
 public:
  // reach_m: the distance up to which rough_m() is wanted to be sharp; at most max_distance_m.
  explicit Ruler(Point origin, double reach_m = max_distance_m);

  // The distance tenfold orders and decides by: a pure function of origin and p, in whole nanometers, since
  // more digits would be noise. Within 4 nm of geodesic_m().
  double distance_m(Point p) const { return distances_m(p, p)[0]; }
  // The same of two places, which takes little more than one. The only way to measure: one by one a compiler
  // might round differently.
  Pair distances_m(Point p, Point q) const;

  // A cheap estimate for sorting out what need not be measured. With e = slack():
  //   distance_m(p) ≤ reach:  |rough - distance| ≤ e * distance + 1e-6 m
  //   distance_m(p) > reach:  rough ≥ reach * (1 - e) - 1e-6 m
  double rough_m(Cell c) const;
  // The same for many keys, four at a time. Both spans go up to a multiple of four.
  void rough_m(std::span<const int64_t> keys, std::span<double> out) const;

  double slack() const { return slack_; }

 private:
  // Where the Earth is flat enough for a plane. Measured errors: 9e-5 planar, 0.56 % spherical.
  static constexpr double flat_reach_m = 50'000, flat_lat = 80, flat_slack = 1e-3, arc_slack = 0.007;
  // Up to here the arc over the chord is within 3 nm; its error grows with the fifth power.
  static constexpr double near_reach_m = 30'000;

  Pair near_m(Point p, Point q) const;
  double arc_m(Point p) const;

  Point origin_;
  double sin_lat_, cos_lat_;
  double w2_;      // 1 - e² sin²
  double normal_;  // radius of curvature across the meridian
  bool flat_;
  double slack_;
  Plane plane_;
};

}  // namespace tenfold::geo
