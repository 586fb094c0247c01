CREATE OR REPLACE FUNCTION tenfold._geo_place_key(lat double precision, lng double precision) RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_geo_place_key';
COMMENT ON FUNCTION tenfold._geo_place_key IS 'frozen: the Z-order key of a place on the grid of 1e-7 degree';
