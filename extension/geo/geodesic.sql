CREATE OR REPLACE FUNCTION tenfold._geo_haversine_m(
  lat1 double precision, lng1 double precision, lat2 double precision, lng2 double precision) RETURNS double precision
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_geo_haversine_m';
COMMENT ON FUNCTION tenfold._geo_haversine_m IS 'what geo.haversine_m calls';

CREATE OR REPLACE FUNCTION tenfold._geo_geodesic_m(
  lat1 double precision, lng1 double precision, lat2 double precision, lng2 double precision) RETURNS double precision
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_geo_geodesic_m';
COMMENT ON FUNCTION tenfold._geo_geodesic_m IS 'what geo.geodesic_m calls';
