#include "geo/geodesic.hpp"

#include "pg/datum.hpp"
#include "pg/guard.hpp"

namespace pg = tenfold::pg;
namespace geo = tenfold::geo;

namespace {

geo::Point point_at(const pg::Args& args, int first) {
  return geo::checked_point(args.get<double>(first, "latitude"), args.get<double>(first + 1, "longitude"))
      .value();
}

}  // namespace

TF_FUNCTION(tf_geo_haversine_m) {
  return pg::datum(geo::haversine_m(point_at(args, 0), point_at(args, 2)));
}

TF_FUNCTION(tf_geo_geodesic_m) {
  return pg::datum(geo::geodesic_m(point_at(args, 0), point_at(args, 2)));
}
