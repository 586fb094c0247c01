-- What the generated columns of hotel.hotel call. In plpgsql, whose bodies nobody reads before they run: so the columns do not
-- depend on members of the extension, which DROP EXTENSION … CASCADE would take them with, and pg_upgrade can make the table
-- before the members. It puts the body of a function in SQL into the column's expression as it makes the table, and failed.
CREATE OR REPLACE FUNCTION hotel._place_key(lat numeric, lng numeric) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
  RETURN tenfold._geo_place_key(lat::double precision, lng::double precision);
END
$$;
COMMENT ON FUNCTION hotel._place_key IS 'frozen: the Z-order key of a place';

CREATE OR REPLACE FUNCTION hotel._geohash(lat numeric, lng numeric) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
  RETURN tenfold._geo_geohash_encode(lat::double precision, lng::double precision, 12);
END
$$;
COMMENT ON FUNCTION hotel._geohash IS 'frozen: the geohash of a place, 12 characters';

CREATE OR REPLACE FUNCTION hotel._attributes(stars smallint, price_range smallint, rating_average numeric) RETURNS int
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
  RETURN tenfold._hotel_attributes(stars, price_range, rating_average::double precision);
END
$$;
COMMENT ON FUNCTION hotel._attributes IS 'frozen: stars, price range and rating as the index on places holds them';
