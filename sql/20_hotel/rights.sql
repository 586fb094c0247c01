REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA hotel FROM PUBLIC;

-- Anybody may read hotels.
GRANT USAGE ON SCHEMA hotel TO tenfold_anonymous, tenfold_worker;
GRANT SELECT ON hotel.hotel, hotel.amenity, hotel.price_band, hotel.details TO tenfold_anonymous, tenfold_worker;
GRANT EXECUTE ON FUNCTION
  hotel.nearby(double precision, double precision, double precision, int, double precision, text[], text[], int, double precision, bigint),
  hotel.nearby_json(double precision, double precision, double precision, int, double precision, text[], text[], int, double precision, bigint),
  hotel.nearby(double precision, double precision, double precision, date, date, int),
  hotel.within_box(double precision, double precision, double precision, double precision, int, double precision, text[], text[], int, double precision, bigint),
  hotel.within_polygon(@postgis@.geography, int, double precision, text[], text[], int, double precision, bigint),
  hotel.search_json(jsonb), hotel.amenity_codes(bigint), hotel.price_range_of(bigint, text),
  tenfold._hotel_nearby(double precision, double precision, double precision, int, double precision, text[], text[], int,
    double precision, bigint, double precision, double precision, double precision, double precision),
  tenfold._hotel_nearby_json(double precision, double precision, double precision, int, double precision, text[], text[], int,
    double precision, bigint, double precision, double precision, double precision, double precision),
  tenfold._hotel_filter(int, double precision, text[], text[], int), tenfold._hotel_amenity_mask(text[])
TO tenfold_anonymous, tenfold_worker;

-- By SQL, hotels are written by operators. Merchants write their own over HTTP.
GRANT INSERT, UPDATE, DELETE ON hotel.hotel, hotel.amenity, hotel.price_band, hotel.staging, hotel.staging_rejected TO tenfold_operator;
GRANT SELECT ON hotel.staging, hotel.staging_check, hotel.staging_rejected TO tenfold_operator;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA hotel TO tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold._hotel_unknown_amenity(text[]), tenfold._hotel_attributes(int, int, double precision),
  tenfold._relation_changed(bigint), tenfold._is_our_fault(text) TO tenfold_operator;

SELECT tenfold._open_routes('hotel');
