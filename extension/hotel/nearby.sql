CREATE OR REPLACE FUNCTION tenfold._hotel_attributes(stars int, price_range int, rating double precision) RETURNS int
LANGUAGE c IMMUTABLE PARALLEL SAFE AS '$libdir/tenfold', 'tf_hotel_attributes';
COMMENT ON FUNCTION tenfold._hotel_attributes IS 'frozen: stars, price range and rating packed for the index on places';

CREATE OR REPLACE FUNCTION tenfold._hotel_amenity_mask(amenities text[]) RETURNS bigint
LANGUAGE c STABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_hotel_amenity_mask';
COMMENT ON FUNCTION tenfold._hotel_amenity_mask IS 'the bits of hotel.amenity that these codes have; TFH02 for an unknown one';

CREATE OR REPLACE FUNCTION tenfold._hotel_nearby(
  lat double precision, lng double precision, radius_m double precision, min_stars int, min_rating double precision,
  price_ranges text[], amenities text[], row_limit int, after_distance_m double precision, after_hotel_id bigint,
  south double precision, west double precision, north double precision, east double precision,
  OUT hotel_id bigint, OUT distance_m double precision, OUT place_lat double precision, OUT place_lng double precision,
  OUT stars smallint, OUT rating double precision, OUT price_range text)
RETURNS SETOF record
LANGUAGE c STABLE PARALLEL SAFE COST 1000 ROWS 20 AS '$libdir/tenfold', 'tf_hotel_nearby';
COMMENT ON FUNCTION tenfold._hotel_nearby IS 'what hotel.nearby and hotel.within_box call: around a point, or in a box from its center outwards';

CREATE OR REPLACE FUNCTION tenfold._hotel_nearby_json(
  lat double precision, lng double precision, radius_m double precision, min_stars int, min_rating double precision,
  price_ranges text[], amenities text[], row_limit int, after_distance_m double precision, after_hotel_id bigint,
  south double precision, west double precision, north double precision, east double precision)
RETURNS json
LANGUAGE c STABLE PARALLEL SAFE COST 1000 AS '$libdir/tenfold', 'tf_hotel_nearby_json';
COMMENT ON FUNCTION tenfold._hotel_nearby_json IS 'the rows of tenfold._hotel_nearby as one JSON array';

CREATE OR REPLACE FUNCTION tenfold._hotel_nearby_page(
  lat double precision, lng double precision, radius_km double precision, min_stars int, min_rating double precision,
  price_ranges text, amenities text, row_limit int, cursor text)
RETURNS json
LANGUAGE c STABLE PARALLEL SAFE COST 1000 AS '$libdir/tenfold', 'tf_hotel_nearby_page';
COMMENT ON FUNCTION tenfold._hotel_nearby_page IS
  'what GET /hotels/nearby answers, {"next" : cursor or null, "hotels" : [{hotel_id, name, country, city, distance_m, lat, lng, stars, rating, price_range}, …]}: the rows of hotel.nearby with their names. price_ranges and amenities with commas between. Errors: those of hotel.nearby, and 22023 a cursor that is none';

CREATE OR REPLACE FUNCTION tenfold._hotel_filter(
  min_stars int, min_rating double precision, price_ranges text[], amenities text[], row_limit int,
  OUT amenity_mask bigint, OUT stars int, OUT rating double precision, OUT price_bits int, OUT checked_limit int)
LANGUAGE c STABLE PARALLEL SAFE AS '$libdir/tenfold', 'tf_hotel_filter';
COMMENT ON FUNCTION tenfold._hotel_filter IS 'a search''s filter after its checks, for SQL that tests rows by itself';

CREATE OR REPLACE FUNCTION tenfold._hotel_unknown_amenity(amenities text[]) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_hotel_unknown_amenity';
COMMENT ON FUNCTION tenfold._hotel_unknown_amenity IS 'the first code that hotel.amenity lacks, or NULL';
