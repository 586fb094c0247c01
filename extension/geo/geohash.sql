CREATE OR REPLACE FUNCTION tenfold._geo_geohash_encode(lat double precision, lng double precision, "precision" int) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_geo_geohash_encode';
COMMENT ON FUNCTION tenfold._geo_geohash_encode IS 'frozen: what geo.geohash_encode calls';

CREATE OR REPLACE FUNCTION tenfold._geo_geohash_decode(
  geohash text, OUT lat double precision, OUT lng double precision,
  OUT south double precision, OUT west double precision, OUT north double precision, OUT east double precision)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_geo_geohash_decode';
COMMENT ON FUNCTION tenfold._geo_geohash_decode IS 'what geo.geohash_decode calls';

CREATE OR REPLACE FUNCTION tenfold._geo_geohash_neighbors(geohash text) RETURNS text[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_geo_geohash_neighbors';
COMMENT ON FUNCTION tenfold._geo_geohash_neighbors IS 'what geo.geohash_neighbors calls';

CREATE OR REPLACE FUNCTION tenfold._geo_geohash_cover(
  lat double precision, lng double precision, radius_m double precision, "precision" int) RETURNS text[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_geo_geohash_cover';
COMMENT ON FUNCTION tenfold._geo_geohash_cover IS 'what geo.geohash_cover calls';
