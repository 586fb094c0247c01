// Random places that crowd where the Earth is awkward: the poles, the date line, the equator.
#pragma once

#include <geodesic.h>

#include <cmath>
#include <random>

#include "geo/geodesic.hpp"

namespace tenfold::geo {

class PlaceSampler {
 public:
  explicit PlaceSampler(uint64_t seed) : random_(seed) { geod_init(&earth_, wgs84::a, wgs84::f); }

  double uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }

  // 10^low … 10^high.
  double log_uniform(double low, double high) { return std::pow(10, low + uniform() * (high - low)); }

  Point place() {
    const double near_edge = log_uniform(-6, 0.5);
    double lat = uniform() * 180 - 90, lng = uniform() * 360 - 180;
    switch (random_() % 6) {
      case 0:
        lat = 90 - near_edge;
        break;
      case 1:
        lat = near_edge - 90;
        break;
      case 2:
        lat = uniform() - 0.5;
        break;
      default:
        break;
    }
    switch (random_() % 4) {
      case 0:
        lng = 180 - near_edge;
        break;
      case 1:
        lng = near_edge - 180;
        break;
      default:
        break;
    }
    return point_of(cell_of({lat, lng}));
  }

  // At this distance in a random direction, rounded to the grid.
  Point at_distance(Point from, double meters) {
    double lat, lng;
    geod_direct(&earth_, from.lat, from.lng, uniform() * 360, meters, &lat, &lng, nullptr);
    return point_of(cell_of({lat, lng}));
  }

  // What we compare with: PROJ's geodesic.
  double true_distance(Point a, Point b) const {
    double meters;
    geod_inverse(&earth_, a.lat, a.lng, b.lat, b.lng, &meters, nullptr, nullptr);
    return meters;
  }

 private:
  std::mt19937_64 random_;
  geod_geodesic earth_;
};

}  // namespace tenfold::geo
