-- The searches near a point, in a box, in a polygon: small cases and every bad input. tests/process compares thousands
-- of random ones with PostGIS.
BEGIN;
SET search_path = public, pg_temp;
SELECT plan(65);

-- A hotel every kilometer or so along the 60th parallel across the date line, and seven at the pole.
SELECT hotel.add_hotel('h' || i, 'RU', 'x', 60, CASE WHEN i > 0 THEN 180 - i * 0.018 ELSE -180 - i * 0.0183 END,
  stars => 1 + abs(i) % 5, amenities => CASE WHEN i % 2 = 0 THEN '{wifi}' ELSE '{wifi,pool}' END::text[],
  average_price_minor => abs(i) * 1000, currency => 'USD')
FROM generate_series(-50, 50) i ORDER BY i;
SELECT hotel.add_hotel('pole', 'NO', 'x', 90, i) FROM generate_series(-180, 180, 60) i;

CREATE FUNCTION pg_temp.truth(at_lat float8, at_lng float8, r float8) RETURNS TABLE (hotel_id bigint) LANGUAGE sql AS $$
  SELECT h.hotel_id FROM hotel.hotel h WHERE ST_DWithin(location, ST_Point(at_lng, at_lat)::geography, r, true)
  ORDER BY ST_Distance(location, ST_Point(at_lng, at_lat)::geography, true), h.hotel_id $$;

SELECT results_eq(format('SELECT hotel_id FROM hotel.nearby(%s, %s, %s, row_limit => 200)', lat, lng, r), format('SELECT * FROM pg_temp.truth(%s, %s, %s)', lat, lng, r),
  format('%s m around %s %s', r, lat, lng))
FROM (VALUES (60, 180, 20000), (60, -180, 20000), (60, 179.95, 5000), (60.01, -179.97, 12345), (90, 13, 10), (89.99, 100, 5000), (0, 0, 1000000), (59, 180, 0)) AS q(lat, lng, r);
SELECT is(count(*), 7::bigint, 'at the pole every longitude is one place') FROM hotel.nearby(90, 45, 0);
SELECT results_eq('SELECT hotel_id FROM hotel.nearby(-90, 0, row_limit => 1000)', 'SELECT * FROM pg_temp.truth(-90, 0, 20003932)', 'without a radius: all, nearest first');
SELECT is(count(*), 20::bigint, 'twenty unless told otherwise') FROM hotel.nearby(60, 180);

SELECT is_empty($$SELECT * FROM hotel.nearby(60, 180, 100000, min_stars => 4, row_limit => 100) WHERE stars < 4$$, 'min_stars');
SELECT is(count(*), 40::bigint, 'min_stars misses none') FROM hotel.nearby(60, 180, 100000, min_stars => 4, row_limit => 200);
SELECT is(count(*), 50::bigint, 'amenities: all of them') FROM hotel.nearby(60, 180, 100000, amenities => '{pool,wifi}', row_limit => 200);
SELECT set_eq($q$SELECT DISTINCT price_range FROM hotel.nearby(60, 180, 100000, price_ranges => '{$$,$$$$}', row_limit => 200)$q$, $q$VALUES ('$$'), ('$$$$')$q$, 'price ranges: any of them');
SELECT hotel.set_rating(hotel_id, 4.31, 9) FROM hotel.hotel WHERE name = 'h7';
SELECT results_eq('SELECT h.name, n.rating FROM hotel.nearby(60, 180, min_rating => 4.305) n JOIN hotel.hotel h USING (hotel_id)', $$VALUES ('h7', 4.31::float8)$$, 'min_rating');
SELECT is_empty('SELECT * FROM hotel.nearby(60, 180, min_rating => 4.311)', 'min_rating beyond it');

-- Pages.
CREATE FUNCTION pg_temp.pages(size int) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  ids bigint[] := '{}'; page bigint[]; d float8; last bigint;
BEGIN
  LOOP
    SELECT array_agg(hotel_id ORDER BY distance_m, hotel_id), max(distance_m) INTO page, d
      FROM hotel.nearby(60, 180, 60000, row_limit => size, after_distance_m => d, after_hotel_id => last);
    EXIT WHEN page IS NULL;
    ids := ids || page; last := page[cardinality(page)];
  END LOOP;
  RETURN ids;
END $$;
SELECT is(pg_temp.pages(size), ARRAY(SELECT * FROM pg_temp.truth(60, 180, 60000)), 'pages of ' || size) FROM unnest('{1,2,7,1000}'::int[]) size;

SELECT is((SELECT json_agg(json_build_object('hotel_id', hotel_id, 'distance_m', distance_m, 'lat', place_lat, 'lng', place_lng, 'stars', stars,
    'rating', rating, 'price_range', price_range) ORDER BY distance_m, hotel_id) FROM hotel.nearby(60, 180, 60000, row_limit => 50))::jsonb,
  hotel.nearby_json(60, 180, 60000, row_limit => 50)::jsonb, 'the JSON says the same as the rows, digit for digit');
SELECT is(hotel.nearby_json(0, 0, 10)::text, '[]', 'no hotel, an empty array');

SELECT is(count(*), 21::bigint, 'a box across the date line') FROM hotel.within_box(59.9, 179.81, 60.1, -179.81, row_limit => 100);
SELECT is((SELECT array_agg(hotel_id ORDER BY hotel_id) FROM hotel.within_box(59, 179, 61, 179.5, row_limit => 1000)),
  (SELECT array_agg(hotel_id ORDER BY hotel_id) FROM hotel.hotel WHERE lat BETWEEN 59 AND 61 AND lng BETWEEN 179 AND 179.5), 'a box holds its edges');
SELECT is(count(*), 108::bigint, 'the box of everything') FROM hotel.within_box(-90, -180, 90, 180, row_limit => 1000);
SELECT is(count(*), 25::bigint, 'a polygon') FROM hotel.within_polygon('POLYGON((179.5 59, 179.96 59, 179.96 61, 179.5 61, 179.5 59))', row_limit => 100);
SELECT throws_ok($$SELECT * FROM hotel.within_polygon('POLYGON((0 0,1 0,1 1,0 0))', row_limit => 0)$$, 'TFH01');

-- A changed, moved or removed hotel, in the transaction that did it.
SELECT hotel.update_hotel(hotel_id, '{"lat": 10, "lng": 10}') FROM hotel.hotel WHERE name = 'h3';
SELECT results_eq('SELECT h.name FROM hotel.nearby(10, 10, 100) JOIN hotel.hotel h USING (hotel_id)', $$VALUES ('h3')$$, 'a move is found at once');
SELECT hotel.remove_hotel(hotel_id) FROM hotel.hotel WHERE name = 'h3';
SELECT is_empty('SELECT * FROM hotel.nearby(10, 10, 100)', 'a removed hotel is not');
INSERT INTO hotel.amenity VALUES ('moat', 63, 'Moat');
UPDATE hotel.hotel SET amenities = tenfold._hotel_amenity_mask('{moat}') WHERE name = 'h4';
SELECT results_eq($$SELECT h.name FROM hotel.nearby(0, 0, amenities => '{moat}') JOIN hotel.hotel h USING (hotel_id)$$, $$VALUES ('h4')$$, 'a new amenity, the sign bit, is usable at once');
-- A bit that no mask has, which only who alters the table can make.
ALTER TABLE hotel.amenity DROP CONSTRAINT amenity_bit_check;
INSERT INTO hotel.amenity VALUES ('above', 64, 'x'), ('below', -1, 'x');
SELECT throws_ok(format('SELECT tenfold._hotel_amenity_mask(%L)', a), '22023', NULL, 'a bit ' || a) FROM (VALUES ('{above}'), ('{wifi,below}')) AS t(a);
SELECT is(tenfold._hotel_amenity_mask('{wifi,moat}'), 1 | (1::bigint << 63), '… is in the way of no other');

-- Bad input.
CREATE FUNCTION pg_temp.refusal(sql text, OUT raised text, OUT message text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE sql;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS raised = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
END $$;
SELECT is(ARRAY[r.raised, (r.hint <> '')::text, (r.message LIKE '%' || named || '%')::text], ARRAY[state, 'true', 'true'],
  call || ' is refused: ' || state || ', a hint, the value named')
FROM (VALUES
  ('nearby(91, 0)', 'TFG01', '91'), ('nearby(''NaN'', 0)', 'TFG01', 'nan'), ('nearby(0, ''infinity'')', 'TFG01', 'inf'),
  ('nearby(0, 0, -1)', 'TFG02', '-1'), ('nearby(0, 0, 1e9)', 'TFG02', '1000000000'), ('nearby(0, 0, ''NaN'')', 'TFG02', 'nan'),
  ('nearby(0, 0, amenities => ''{drawbridge}'')', 'TFH02', 'drawbridge'), ('nearby(0, 0, amenities => ARRAY[NULL]::text[])', '22004', 'NULL'),
  ('nearby(0, 0, row_limit => 0)', 'TFH01', '0'), ('nearby(0, 0, row_limit => 1000000000)', 'TFH01', '1000000000'),
  ('nearby(0, 0, row_limit => -5)', 'TFH01', '-5'), ('nearby(0, 0, row_limit => NULL)', '22004', 'limit'),
  ('nearby(NULL, 0)', '22004', 'latitude'), ('nearby(0, NULL)', '22004', 'longitude'),
  ('nearby(0, 0, min_stars => 6)', 'TFH03', '6'), ('nearby(0, 0, min_rating => 5.5)', 'TFH03', '5.5'),
  ('nearby(0, 0, min_rating => ''NaN'')', 'TFH03', 'nan'), ('nearby(0, 0, price_ranges => ''{cheap}'')', 'TFH03', 'cheap'),
  ('nearby(0, 0, after_distance_m => 5)', '22023', 'after_hotel_id'), ('within_box(1, 0, 0, 1)', 'TFG01', 'south'),
  ('within_box(0, 0, NULL, 1)', '22004', 'north'),
  ('nearby(0, 0, 5000, checkin => ''2027-01-01'', checkout => ''2027-01-03'')', '0A000', 'dates')
) AS bad(call, state, named), LATERAL pg_temp.refusal('SELECT * FROM hotel.' || call) r;
-- In a parallel query each worker reads the dictionary of amenities for itself, and the leader anew: its copy is old.
CREATE TABLE public.many AS SELECT 60::float8 AS lat FROM generate_series(1, 2000);
ANALYZE public.many;
UPDATE hotel.amenity SET name = name;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
PREPARE in_parallel AS SELECT count(*) FROM public.many WHERE json_array_length(hotel.nearby_json(lat, 180, 1000, amenities => '{wifi}')) > 0;
CREATE FUNCTION pg_temp.plan_of(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$BEGIN RETURN QUERY EXECUTE 'EXPLAIN ' || statement; END$$;
SELECT ok(bool_or(line ~ 'Parallel Seq Scan'), 'the planner takes workers') FROM pg_temp.plan_of('EXECUTE in_parallel') line;
SELECT results_eq('in_parallel', 'VALUES (2000::bigint)', 'a search for amenities runs in parallel');

-- An index of another shape is refused: its entries would be read as what they are not, or in an order that they do not have.
CREATE FUNCTION pg_temp.remake_index(shape text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DROP INDEX hotel.hotel_place;
  EXECUTE 'CREATE INDEX hotel_place ON ' || shape;
END $$;
CREATE TABLE hotel.other AS TABLE hotel.hotel;
SELECT throws_ok(format('SELECT pg_temp.remake_index(%L), hotel.nearby_json(60, 180)', shape), '55000', NULL, shape) FROM (VALUES
  ('hotel.hotel (place_key DESC) INCLUDE (hotel_id, amenities, attributes) WHERE removed_at IS NULL'),
  ('hotel.hotel (place_key) INCLUDE (hotel_id, amenities, attributes)'),
  ('hotel.hotel (place_key) INCLUDE (hotel_id, amenities, attributes) WHERE removed_at IS NOT NULL'),
  ('hotel.hotel (place_key) INCLUDE (amenities, hotel_id, attributes) WHERE removed_at IS NULL'),
  ('hotel.hotel ((place_key + 0)) INCLUDE (hotel_id, amenities, attributes) WHERE removed_at IS NULL'),
  ('hotel.other (place_key) INCLUDE (hotel_id, amenities, attributes) WHERE removed_at IS NULL')) AS bad(shape);
SELECT lives_ok($$SELECT pg_temp.remake_index('hotel.hotel (place_key) INCLUDE (hotel_id, amenities, attributes) WHERE removed_at IS NULL'), hotel.nearby_json(60, 180)$$,
  'of the same shape it serves');
SELECT * FROM finish();
ROLLBACK;
