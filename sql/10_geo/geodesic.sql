CREATE OR REPLACE FUNCTION geo.haversine_m(
  lat1 double precision, lng1 double precision, lat2 double precision, lng2 double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN tenfold._geo_haversine_m(lat1, lng1, lat2, lng2);
COMMENT ON FUNCTION geo.haversine_m IS
  'great-circle distance in meters on a sphere of radius 6,371,008.8 m: up to 0.6 % off; for comparison with others. Errors: TFG01 coordinate';

CREATE OR REPLACE FUNCTION geo.geodesic_m(
  lat1 double precision, lng1 double precision, lat2 double precision, lng2 double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN tenfold._geo_geodesic_m(lat1, lng1, lat2, lng2);
COMMENT ON FUNCTION geo.geodesic_m IS
  'shortest path in meters on the WGS84 ellipsoid (Karney 2013), to 15 nm; equals ST_Distance of two geographies. Errors: TFG01 coordinate';
