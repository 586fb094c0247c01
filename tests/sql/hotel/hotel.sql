-- Hotels written one by one: hotel.add_hotel and its sisters.
BEGIN;
SET search_path = public, pg_temp;
SELECT plan(36);

CREATE TEMP TABLE added AS SELECT hotel.add_hotel('Taj', 'IN', 'Mumbai', 18.92170001, 72.8332, 5, '{wifi,pool}', 45000, 'USD', reference => 'taj') AS id;

SELECT is(row(name, country, lat, lng, stars, price_range, amenities, version)::text,
  '(Taj,IN,18.9217000,72.8332000,5,$$$$,"{wifi,pool}",1)', 'what was added, coordinates on the grid') FROM hotel.details;
SELECT is(geohash, geo.geohash_encode(18.9217, 72.8332), 'the geohash is derived') FROM hotel.details;
SELECT is(hotel.add_hotel('Taj Palace', 'IN', 'Mumbai', 18.9217, 72.8332, reference => 'taj'), id, 'the same reference is the same hotel') FROM added;
SELECT is(name || version, 'Taj Palace2', '… updated') FROM hotel.details;
SELECT isnt(hotel.add_hotel('Taj', 'IN', 'Agra', 27.1751, 78.0421), id, 'without a reference, another') FROM added;
SELECT isnt(hotel.add_hotel('Taj', 'IN', 'Agra', 27.1751, 78.0421, reference => 'taj', owner_id => '00000000-0000-0000-0000-000000000001'), id, 'another owner, another hotel') FROM added;
SELECT throws_ok($$INSERT INTO hotel.hotel (name, country, city, lat, lng, geohash) VALUES ('x', 'IN', 'y', 0, 0, 'te7u')$$, '428C9', NULL, 'a geohash cannot be typed in');

SELECT is(hotel.update_hotel(id, '{"stars": 4, "amenities": ["spa"]}', 2), 3, 'an update gives the next version') FROM added;
SELECT is(row(stars, amenities, name)::text, '(4,{spa},"Taj Palace")', 'it changes what it names, and no more') FROM hotel.details WHERE hotel_id = (SELECT id FROM added);
SELECT is(hotel.update_hotel(id, '{"stars": null, "average_price_minor": 7499, "currency": "USD"}'), 4, 'null is a value') FROM added;
SELECT is(row(stars, price_range)::text, '(,$)', 'stars forgotten, price range derived') FROM hotel.details WHERE hotel_id = (SELECT id FROM added);
SELECT is(hotel.price_range_of(minor, 'USD'), range::smallint, minor || ' cents a night') FROM (VALUES (0, 1), (7500, 2), (15000, 3), (29999, 3), (30000, 4)) AS p(minor, range);
SELECT is(hotel.price_range_of(100, 'XTS'), NULL, 'no bands, no range');
SELECT lives_ok(format('SELECT hotel.set_rating(%s, 4.35, 12)', id)) FROM added;
SELECT is(rating_average, 4.35, 'the rating is written') FROM hotel.details WHERE hotel_id = (SELECT id FROM added);

SELECT throws_ok(format('SELECT hotel.update_hotel(%s, %L, 2)', id, '{}'), 'TFH05', NULL, 'a stale version') FROM added;
SELECT throws_ok(format('SELECT hotel.remove_hotel(%s, 2)', id), 'TFH05', NULL, 'a stale version') FROM added;
SELECT throws_ok($$SELECT hotel.update_hotel(-1, '{}')$$, 'TFH04', NULL, 'no such hotel');
SELECT throws_ok($$SELECT hotel.update_hotel(NULL, '{}')$$, 'TFH04', NULL, 'no hotel at all');
SELECT throws_ok(format('SELECT hotel.update_hotel(%s, %L)', id, changes), state, NULL, changes) FROM added, (VALUES
  ('{"hotel_id": 1}', '22023'), ('[]', '22023'), ('{"amenities": "wifi"}', '22023'), ('{"amenities": ["moat"]}', 'TFH02'),
  ('{"lat": 91}', 'TFG01')) AS bad(changes, state);
SELECT throws_ok(format($$SELECT hotel.add_hotel('x', 'FR', 'y', %L, 2)$$, lat), 'TFG01', NULL, 'a latitude of ' || lat) FROM (VALUES ('1e131071'), ('-1e131071'), ('NaN')) AS bad(lat);
SELECT lives_ok($$SELECT hotel.add_hotel('x', 'FR', 'y', 1e-16383, 2, reference => 'tiny')$$, 'one that no double can hold');
SELECT lives_ok(format('SELECT hotel.remove_hotel(%s)', id)) FROM added;
SELECT throws_ok(format('SELECT hotel.remove_hotel(%s)', id), 'TFH04', NULL, 'a removed hotel does not exist') FROM added;
SELECT is((SELECT count(*) FROM hotel.details WHERE hotel_id = (SELECT id FROM added)), 0::bigint, 'nor is it shown');
SELECT is(hotel.purge_removed('0'), 1::bigint, 'a purge deletes it');
SELECT * FROM finish();
ROLLBACK;
