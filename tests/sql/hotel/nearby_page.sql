-- The page of GET /hotels/nearby, which C++ writes, beside the same by json_agg() over the rows: byte for byte.
BEGIN;
SET search_path = public, pg_temp;
SELECT plan(25);
SELECT count(hotel.add_hotel(names.name, 'FR', 'Città "' || i || '" \ ' || chr(i % 31 + 1), 48 + i * 0.0001, 2 - i * 0.0000001, nullif(i % 6, 0), CASE WHEN i % 3 = 0 THEN '{wifi}'::text[] ELSE '{}' END,
  nullif(i % 5, 0) * 9000, 'EUR', reference => 'page ' || i, description => repeat('long ', 200)))
FROM generate_series(1, 60) i, LATERAL (SELECT (ARRAY['plain', 'with "quotes" and \ one', E'tab\t, newline\n, \x01', 'Hôtel 日本 🎈', '</script>&'])[i % 5 + 1] || repeat('ü', i) AS name) names;
SELECT count(hotel.add_hotel('far ' || i, 'FR', 'x', (i * 37 % 179 - 89) + 0.1234567, i * 71 % 359 - 179, reference => 'far ' || i)) FROM generate_series(1, 40) i;
UPDATE hotel.hotel SET rating_average = hotel_id % 51 / 10.0, rating_count = 1 WHERE hotel_id % 3 > 0;
SELECT hotel.add_hotel('zero', 'FR', 'x', 0, 0, reference => 'zero') > 0;
SELECT hotel.add_hotel('near zero', 'FR', 'x', 0.0000001, -0.0000001, reference => 'near zero') > 0;

CREATE FUNCTION pg_temp.truth(lat float8, lng float8, radius_m float8, row_limit int, after_m float8 DEFAULT NULL, after_id bigint DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  SELECT json_build_object('next', (array_agg(tenfold._exact(n.distance_m) || '_' || n.hotel_id ORDER BY n.distance_m, n.hotel_id))[row_limit],
    'hotels', coalesce(json_agg(n ORDER BY n.distance_m, n.hotel_id), '[]'))::text FROM (
    SELECT n.hotel_id, h.name, h.country, h.city, n.distance_m, n.place_lat AS lat, n.place_lng AS lng, n.stars, n.rating, n.price_range
    FROM hotel.nearby(lat, lng, radius_m, row_limit => row_limit, after_distance_m => after_m, after_hotel_id => after_id) n
    JOIN hotel.hotel h USING (hotel_id)) n $$;
CREATE FUNCTION pg_temp.page(lat float8, lng float8, radius_m float8, row_limit int, after_m float8 DEFAULT NULL, after_id bigint DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  SELECT tenfold._hotel_nearby_page(lat, lng, radius_m / 1000, NULL, NULL, NULL, NULL, row_limit, tenfold._exact(after_m) || '_' || after_id)::text $$;

SELECT is(pg_temp.page(48, 2, 5000, 100), pg_temp.truth(48, 2, 5000, 100), 'names with quotes, backslashes, control characters, unicode; NULLs');
SELECT is(count(*) FILTER (WHERE pg_temp.page(h.lat, h.lng, 20003000, 100) = pg_temp.truth(h.lat, h.lng, 20003000, 100)), 102::bigint,
  'every distance and coordinate, also far away and next to nothing') FROM hotel.hotel h;
SELECT is(pg_temp.page(0, 0, 1, 20), pg_temp.truth(0, 0, 1, 20), 'a distance with an exponent');
SELECT is(pg_temp.page(48, 2, 5000, 7), pg_temp.truth(48, 2, 5000, 7), 'a page with a next');
SELECT is(pg_temp.page(48, 2, 5000, 7, 100, 5), pg_temp.truth(48, 2, 5000, 7, 100, 5), 'the page behind a cursor');
SELECT is((SELECT array_agg((h ->> 'hotel_id')::bigint) FROM json_array_elements(tenfold._hotel_nearby_page(48, 2, 5, 3, 2, '$,$$', 'wifi', 100, NULL) -> 'hotels') h),
  (SELECT array_agg(hotel_id) FROM hotel.nearby(48, 2, 5000, 3, 2, '{$,$$}', '{wifi}', 100)), 'stars, rating, prices and amenities');
SELECT is(pg_temp.page(-40, 170, 1, 20), '{"next" : null, "hotels" : []}', 'no hotel');
SET LOCAL extra_float_digits = 0;
SELECT is(pg_temp.page(48, 2, 20003000, 100), pg_temp.truth(48, 2, 20003000, 100), 'extra_float_digits');
RESET extra_float_digits;

-- Chains of updates that share an index entry, and rows that moved to another page.
UPDATE hotel.hotel SET name = 'renamed ' || hotel_id WHERE hotel_id % 2 = 0;
UPDATE hotel.hotel SET city = 'moved', description = repeat('longer ', 500) WHERE hotel_id % 4 = 0;
SELECT hotel.remove_hotel(hotel_id) FROM hotel.hotel WHERE hotel_id % 10 = 0;
SELECT is(pg_temp.page(48, 2, 5000, 100), pg_temp.truth(48, 2, 5000, 100), 'renamed and removed in this transaction');
SELECT ok(pg_temp.page(48, 2, 5000, 100) LIKE '%renamed%', '… and it shows');
SELECT is((SELECT tenfold_api.hotels_nearby(48, 2, 5, "limit" => 7))::text, pg_temp.truth(48, 2, 5000, 7), 'what the endpoint answers');

SELECT throws_ok(format('SELECT tenfold._hotel_nearby_page(48, 2, %s)', rest), state, NULL, rest) FROM (VALUES
  ('20039, NULL, NULL, NULL, NULL, 20, NULL', 'TFG02'), ('-1, NULL, NULL, NULL, NULL, 20, NULL', 'TFG02'), ($$'NaN', NULL, NULL, NULL, NULL, 20, NULL$$, 'TFG02'),
  ('5, 6, NULL, NULL, NULL, 20, NULL', 'TFH03'), ('5, NULL, NULL, '',,'', NULL, 20, NULL', 'TFH03'), ($$5, NULL, NULL, NULL, 'wifi,', 20, NULL$$, 'TFH02'),
  ('5, NULL, NULL, NULL, NULL, 0, NULL', 'TFH01'), ('5, NULL, NULL, NULL, NULL, 101, NULL', 'TFH01'), ('5, NULL, NULL, NULL, NULL, NULL, NULL', '22004'),
  ($$5, NULL, NULL, NULL, NULL, 20, '12'$$, '22023'), ($$5, NULL, NULL, NULL, NULL, 20, 'e_1'$$, '22P02'), ($$5, NULL, NULL, NULL, NULL, 20, '1_9999999999999999999'$$, '22003'), ($$5, NULL, NULL, NULL, NULL, 20, '-1_1'$$, '22023')) AS bad(rest, state);
ALTER TABLE hotel.hotel RENAME COLUMN city TO town;
SELECT throws_ok('SELECT pg_temp.page(48, 2, 5000, 100)', '42804', NULL, 'a column that was renamed');
SELECT * FROM finish();
ROLLBACK;
