-- Pages over HTTP, far away and with few digits: the cursor must be exact, or hotels are skipped.
BEGIN;
SET search_path = public, pg_temp;
SET LOCAL extra_float_digits = 0;
SELECT plan(3);
SELECT count(hotel.add_hotel('h' || i, 'FR', 'x', 48 + i * 0.0000001, 2, reference => 'cursor ' || i)) FROM generate_series(1, 60) i;

CREATE FUNCTION pg_temp.all_pages() RETURNS TABLE (hotel_id bigint) LANGUAGE plpgsql AS $$
DECLARE
  page json;
  cursor text;
BEGIN
  LOOP
    page := tenfold_api.hotels_nearby(lat => -33, lng => 151, "limit" => 7, cursor => cursor);
    RETURN QUERY SELECT (h ->> 'hotel_id')::bigint FROM json_array_elements(page -> 'hotels') h;
    cursor := page ->> 'next';
    EXIT WHEN cursor IS NULL;
  END LOOP;
END $$;
CREATE TEMP TABLE found AS SELECT * FROM pg_temp.all_pages();
SELECT is(count(*), (SELECT count(*) FROM hotel.hotel WHERE removed_at IS NULL), 'every hotel is on some page') FROM found;
SELECT is(count(*), count(DISTINCT hotel_id), '… and on one') FROM found;
SELECT is(tenfold._exact(0.1::double precision + 0.2), '0.30000000000000004', 'a number of a cursor is exact');
SELECT * FROM finish();
ROLLBACK;
