#include "geo/geohash.hpp"

#include "pg/datum.hpp"
#include "pg/guard.hpp"

namespace pg = tenfold::pg;
namespace geo = tenfold::geo;

// Frozen: a generated column of hotel.hotel holds its results.
TF_FUNCTION(tf_geo_geohash_encode) {
  const auto place =
      geo::checked_point(args.get<double>(0, "latitude"), args.get<double>(1, "longitude")).value();
  return pg::datum(geo::geohash::encode(place, args.get<int32_t>(2, "precision")).value());
}

TF_FUNCTION(tf_geo_geohash_decode) {
  const auto box = geo::geohash::decode(args.get<std::string_view>(0, "geohash")).value();
  const NullableDatum columns[] = {pg::nullable((box.south + box.north) / 2),
                                   pg::nullable((box.west + box.east) / 2),
                                   pg::nullable(box.south),
                                   pg::nullable(box.west),
                                   pg::nullable(box.north),
                                   pg::nullable(box.east)};
  return pg::row_datum(args.info(), columns);
}

TF_FUNCTION(tf_geo_geohash_neighbors) {
  const auto around = geo::geohash::neighbors(args.get<std::string_view>(0, "geohash")).value();
  return pg::datum(std::span<const std::string>(around));
}

TF_FUNCTION(tf_geo_geohash_cover) {
  const auto origin =
      geo::checked_point(args.get<double>(0, "latitude"), args.get<double>(1, "longitude")).value();
  const double radius = geo::checked_radius(args.get<double>(2, "radius")).value();
  const auto cells = geo::geohash::cover(origin, radius, args.get<int32_t>(3, "precision")).value();
  return pg::datum(std::span<const std::string>(cells));
}
