REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA geo FROM PUBLIC;

GRANT USAGE ON SCHEMA geo TO tenfold_anonymous, tenfold_worker;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA geo TO tenfold_anonymous, tenfold_worker;
-- The public functions are inlined, so that callers need the members as well.
GRANT EXECUTE ON FUNCTION
  tenfold._geo_geohash_encode(double precision, double precision, int), tenfold._geo_geohash_decode(text),
  tenfold._geo_geohash_neighbors(text), tenfold._geo_geohash_cover(double precision, double precision, double precision, int),
  tenfold._geo_haversine_m(double precision, double precision, double precision, double precision),
  tenfold._geo_geodesic_m(double precision, double precision, double precision, double precision),
  tenfold._geo_place_key(double precision, double precision)
TO tenfold_anonymous, tenfold_worker;
