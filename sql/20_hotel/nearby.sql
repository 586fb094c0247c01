CREATE OR REPLACE FUNCTION hotel.nearby(
  lat double precision, lng double precision, radius_m double precision DEFAULT NULL,
  min_stars int DEFAULT NULL, min_rating double precision DEFAULT NULL, price_ranges text[] DEFAULT NULL,
  amenities text[] DEFAULT NULL, row_limit int DEFAULT 20,
  after_distance_m double precision DEFAULT NULL, after_hotel_id bigint DEFAULT NULL)
RETURNS TABLE (hotel_id bigint, distance_m double precision, place_lat double precision, place_lng double precision,
  stars smallint, rating double precision, price_range text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  SELECT * FROM tenfold._hotel_nearby(lat, lng, radius_m, min_stars, min_rating, price_ranges, amenities, row_limit,
    after_distance_m, after_hotel_id, NULL, NULL, NULL, NULL);
END;
COMMENT ON FUNCTION hotel.nearby(double precision, double precision, double precision, int, double precision, text[], text[], int, double precision, bigint) IS
  'hotels within radius_m meters of a point (without a radius: the nearest wherever they are), by (distance, hotel_id): every one, at its distance on the WGS84 ellipsoid. '
  'price_ranges: any of $ … $$$$; amenities: all of them; the next page starts after the last row''s distance and id. '
  'Errors: 22004 NULL where a value must be, TFG01 coordinate, TFG02 radius, TFH01 limit, TFH02 amenity, TFH03 stars, rating or price';

CREATE OR REPLACE FUNCTION hotel.nearby_json(
  lat double precision, lng double precision, radius_m double precision DEFAULT NULL,
  min_stars int DEFAULT NULL, min_rating double precision DEFAULT NULL, price_ranges text[] DEFAULT NULL,
  amenities text[] DEFAULT NULL, row_limit int DEFAULT 20,
  after_distance_m double precision DEFAULT NULL, after_hotel_id bigint DEFAULT NULL)
RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
RETURN tenfold._hotel_nearby_json(lat, lng, radius_m, min_stars, min_rating, price_ranges, amenities, row_limit,
  after_distance_m, after_hotel_id, NULL, NULL, NULL, NULL);
COMMENT ON FUNCTION hotel.nearby_json IS
  'hotel.nearby as one JSON array [{hotel_id, distance_m, lat, lng, stars, rating, price_range}, …]: half the work of as many rows. Errors: those of hotel.nearby';

-- With dates: a stay needs the inventory of rooms, which does not exist yet. A function of its own, since a default
-- could not tell "no dates" from a forgotten one.
CREATE OR REPLACE FUNCTION hotel.nearby(
  lat double precision, lng double precision, radius_m double precision, checkin date, checkout date, guests int DEFAULT 2)
RETURNS TABLE (hotel_id bigint, distance_m double precision, place_lat double precision, place_lng double precision,
  stars smallint, rating double precision, price_range text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION 'nearby search by dates is not available yet'
    USING ERRCODE = '0A000', HINT = 'Leave out checkin, checkout and guests: they come with the inventory of rooms.';
END
$$;
COMMENT ON FUNCTION hotel.nearby(double precision, double precision, double precision, date, date, int) IS
  'hotels with a free room for a stay: not available yet. Errors: 0A000 always';

CREATE OR REPLACE FUNCTION hotel.within_box(
  south double precision, west double precision, north double precision, east double precision,
  min_stars int DEFAULT NULL, min_rating double precision DEFAULT NULL, price_ranges text[] DEFAULT NULL,
  amenities text[] DEFAULT NULL, row_limit int DEFAULT 20,
  after_distance_m double precision DEFAULT NULL, after_hotel_id bigint DEFAULT NULL)
RETURNS TABLE (hotel_id bigint, distance_m double precision, place_lat double precision, place_lng double precision,
  stars smallint, rating double precision, price_range text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  SELECT * FROM tenfold._hotel_nearby(NULL, NULL, NULL, min_stars, min_rating, price_ranges, amenities, row_limit,
    after_distance_m, after_hotel_id, south, west, north, east);
END;
COMMENT ON FUNCTION hotel.within_box IS
  'hotels in a box of degrees, edges included, west > east across the date line; from the box''s center outwards, paged as hotel.nearby. Errors: those of hotel.nearby; TFG01 also for south > north';

CREATE OR REPLACE FUNCTION hotel.within_polygon(
  polygon @postgis@.geography,
  min_stars int DEFAULT NULL, min_rating double precision DEFAULT NULL, price_ranges text[] DEFAULT NULL,
  amenities text[] DEFAULT NULL, row_limit int DEFAULT 20,
  after_distance_m double precision DEFAULT NULL, after_hotel_id bigint DEFAULT NULL)
RETURNS TABLE (hotel_id bigint, distance_m double precision, place_lat double precision, place_lng double precision,
  stars smallint, rating double precision, price_range text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  SELECT h.hotel_id, d.distance_m, h.lat::double precision, h.lng::double precision, h.stars,
    h.rating_average::double precision, repeat('$', h.price_range)
  FROM tenfold._hotel_filter(min_stars, min_rating, price_ranges, amenities, row_limit) f
  CROSS JOIN hotel.hotel h
  CROSS JOIN LATERAL (SELECT @postgis@.ST_Distance(@postgis@.ST_Centroid(polygon), h.location, true)) AS d(distance_m)
  WHERE h.removed_at IS NULL AND @postgis@.ST_Covers(polygon, h.location)
    AND h.amenities & f.amenity_mask = f.amenity_mask
    AND coalesce(h.stars, 0) >= f.stars AND coalesce(h.rating_average, 0) >= f.rating
    AND f.price_bits >> coalesce(h.price_range, 0) & 1 = 1
    AND (after_distance_m IS NULL OR (d.distance_m, h.hotel_id) > (after_distance_m, after_hotel_id))
  ORDER BY d.distance_m, h.hotel_id
  LIMIT (SELECT f.checked_limit FROM tenfold._hotel_filter(min_stars, min_rating, price_ranges, within_polygon.amenities, row_limit) f);
END;
COMMENT ON FUNCTION hotel.within_polygon IS
  'hotels that a polygon covers, by distance from its centroid, through PostGIS and the GiST index; paged as hotel.nearby. Errors: those of hotel.nearby, but for coordinates and radius';
