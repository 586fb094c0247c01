CREATE OR REPLACE FUNCTION geo.geohash_encode(lat double precision, lng double precision, "precision" int DEFAULT 12) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN tenfold._geo_geohash_encode(lat, lng, "precision");
COMMENT ON FUNCTION geo.geohash_encode IS
  'the geohash of a place, degrees on WGS84; precision 1 … 12 characters (p5: 4.89 × 4.89 km at the equator, p6: 1.22 × 0.61 km, p7: 153 × 153 m). Errors: TFG01 coordinate, TFG04 precision';

CREATE OR REPLACE FUNCTION geo.geohash_decode(
  geohash text, OUT lat double precision, OUT lng double precision,
  OUT south double precision, OUT west double precision, OUT north double precision, OUT east double precision)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT d.lat, d.lng, d.south, d.west, d.north, d.east FROM tenfold._geo_geohash_decode(geohash) d;
END;
COMMENT ON FUNCTION geo.geohash_decode IS 'the centre and the box of a geohash, in degrees. Errors: TFG03 no geohash';

CREATE OR REPLACE FUNCTION geo.geohash_neighbors(geohash text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN tenfold._geo_geohash_neighbors(geohash);
COMMENT ON FUNCTION geo.geohash_neighbors IS
  'the eight cells around, in the order n, ne, e, se, s, sw, w, nw; empty text where a pole leaves no cell. Errors: TFG03 no geohash';

CREATE OR REPLACE FUNCTION geo.geohash_cover(
  lat double precision, lng double precision, radius_m double precision, "precision" int DEFAULT 6) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN tenfold._geo_geohash_cover(lat, lng, radius_m, "precision");
COMMENT ON FUNCTION geo.geohash_cover IS
  'every geohash cell that a disc touches, poles and date line included; at most 10,000. Errors: TFG01 coordinate, TFG02 radius, TFG04 precision (too fine for the radius, too)';
