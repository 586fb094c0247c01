#include "hotel/nearby.hpp"

#include <numbers>

namespace tenfold::hotel {

geo::Point Box::center() const {
  const double lng = west + width() / 2;
  return {(south + north) / 2, lng > 180 ? lng - 360 : lng};
}

double Box::radius_m() const {
  constexpr double meters_per_degree = geo::wgs84::a * std::numbers::pi / 180;
  // A meridian's degree is longest at the poles, by e² of the equator's radius; a parallel's by less.
  constexpr double stretch = 1.01;
  const double widest = south <= 0 && north >= 0
                            ? 1
                            : std::cos(std::min(std::abs(south), std::abs(north)) * std::numbers::pi / 180);
  return std::min(geo::max_distance_m,
                  stretch * meters_per_degree * ((north - south) / 2 + width() / 2 * widest) + 1);
}

}  // namespace tenfold::hotel
