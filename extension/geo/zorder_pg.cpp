#include "geo/zorder.hpp"

#include "pg/datum.hpp"
#include "pg/guard.hpp"

namespace pg = tenfold::pg;
namespace geo = tenfold::geo;

// Frozen: generated columns, and the indexes over them, hold its results.
TF_FUNCTION(tf_geo_place_key) {
  const auto place =
      geo::checked_point(args.get<double>(0, "latitude"), args.get<double>(1, "longitude")).value();
  return pg::datum(geo::key_of(geo::cell_of(place)));
}
