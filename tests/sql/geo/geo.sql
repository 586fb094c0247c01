-- geo.*: against PostGIS, and with every bad input.
BEGIN;
SET search_path = public, pg_temp;
SELECT plan(27);

CREATE TEMP TABLE place AS
  SELECT (random() * 180 - 90)::numeric(9, 7)::float8 AS lat, (random() * 360 - 180)::numeric(10, 7)::float8 AS lng
  FROM generate_series(1, 2000);

SELECT is(geo.geohash_encode(19.0760, 72.8777), 'te7ud2evv2pu', 'Mumbai');
SELECT is_empty($$SELECT * FROM place, generate_series(1, 12) p
  WHERE geo.geohash_encode(lat, lng, p) <> ST_GeoHash(ST_Point(lng, lat), p)$$, 'geohashes are those of PostGIS');
SELECT is_empty($$SELECT * FROM place p, LATERAL geo.geohash_decode(geo.geohash_encode(p.lat, p.lng, 7)) d
  WHERE NOT ST_Equals(ST_MakeEnvelope(d.west, d.south, d.east, d.north), ST_GeomFromGeoHash(geo.geohash_encode(p.lat, p.lng, 7)))$$,
  'boxes are those of PostGIS');
SELECT is_empty($$SELECT * FROM place a JOIN place b ON b.lat > 60 AND a.lat < -60
  WHERE abs(geo.geodesic_m(a.lat, a.lng, b.lat, b.lng) - ST_Distance(ST_Point(a.lng, a.lat)::geography, ST_Point(b.lng, b.lat)::geography, true)) > 1e-7$$,
  'geodesic distances are those of PostGIS');
SELECT cmp_ok(max(abs(geo.haversine_m(a.lat, a.lng, 10, 20) / geo.geodesic_m(a.lat, a.lng, 10, 20) - 1)), '<', 0.0058::float8,
  'the sphere is at most 0.58 % off') FROM place a;
SELECT is(geo.geohash_neighbors('dqcjq'), '{dqcjw,dqcjx,dqcjr,dqcjp,dqcjn,dqcjj,dqcjm,dqcjt}'::text[], 'eight neighbours');
SELECT is((geo.geohash_neighbors('zzzz'))[1], '', 'beyond the pole there is no cell');
SELECT is_empty($$SELECT * FROM place, generate_series(0, 360, 15) azimuth,
    LATERAL (SELECT ST_Project(ST_Point(lng, lat)::geography, 4999, radians(azimuth))::geometry) AS edge(p)
  WHERE abs(lat) < 85 AND lat > 60 AND NOT geo.geohash_encode(ST_Y(p), ST_X(p), 5) = ANY (geo.geohash_cover(lat, lng, 5000, 5))$$,
  'a cover holds every place of its disc');
SELECT cmp_ok(cardinality(geo.geohash_cover(0, 0, 5000, 6)), '<', 200, 'and not much more');

CREATE FUNCTION pg_temp.refusal(sql text, OUT raised text, OUT message text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE sql;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS raised = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
END $$;

SELECT is(ARRAY[r.raised, (r.hint <> '')::text, (r.message LIKE '%' || named || '%')::text], ARRAY[state, 'true', 'true'],
  call || ' is refused: ' || state || ', a hint, the value named')
FROM (VALUES
  ('geo.geohash_encode(91, 0)', 'TFG01', '91'), ('geo.geohash_encode(0, 180.5)', 'TFG01', '180.5'),
  ('geo.geohash_encode(''NaN'', 0)', 'TFG01', 'nan'), ('geo.geohash_encode(0, ''infinity'')', 'TFG01', 'inf'),
  ('geo.geodesic_m(0, 0, -90.1, 0)', 'TFG01', '-90.1'), ('geo.haversine_m(0, 0, 0, ''-infinity'')', 'TFG01', '-inf'),
  ('geo.geohash_encode(0, 0, 0)', 'TFG04', '0'), ('geo.geohash_encode(0, 0, 13)', 'TFG04', '13'),
  ('geo.geohash_decode(''te7a'')', 'TFG03', 'te7a'), ('geo.geohash_decode('''')', 'TFG03', ''),
  ('geo.geohash_neighbors(''te7ud2evv2puu'')', 'TFG03', 'te7ud2evv2puu'),
  ('geo.geohash_cover(0, 0, -1)', 'TFG02', '-1'), ('geo.geohash_cover(0, 0, 1e9)', 'TFG02', '1000000000'),
  ('geo.geohash_cover(0, 0, ''NaN'')', 'TFG02', 'nan'), ('geo.geohash_cover(0, 0, 1e6, 8)', 'TFG04', '8')
) AS bad(call, state, named), LATERAL pg_temp.refusal('SELECT ' || call) r;

SELECT is(geo.geohash_encode(NULL, 0), NULL, 'NULL in, NULL out');
SELECT is(geo.geohash_cover(0, 0, NULL), NULL, 'NULL in, NULL out');
SELECT is(geo.geodesic_m(0, 0, 0, NULL), NULL, 'NULL in, NULL out');
SELECT * FROM finish();
ROLLBACK;
