// A place on Earth, and the checks that every latitude, longitude and radius from outside passes once.
#pragma once

#include "kernel/wall.hpp"

#include "kernel/result.hpp"

namespace tenfold::geo {

// Degrees on WGS84: lat -90 … 90, lng -180 … 180. All functions of geo take it as checked.
struct Point {
  double lat;
  double lng;
};

// Meters. The longest geodesic of WGS84 is about 20,003,931.46 m, so a larger radius can only be a mistake.
inline constexpr double max_distance_m = 20003932;

// Code::invalid_coordinate: NaN, infinity or out of range; the message names the value.
Result<Point> checked_point(double lat, double lng);

// 0 … max_distance_m, else Code::invalid_radius.
Result<double> checked_radius(double meters);

}  // namespace tenfold::geo
