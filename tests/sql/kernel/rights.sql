-- What each role may not do.
BEGIN;
SET search_path = public, pg_temp;
SELECT plan(45);
SELECT hotel.add_hotel('h', 'FR', 'x', 48, 2);

CREATE FUNCTION pg_temp.state_as(role_name text, sql text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SET LOCAL ROLE %I', role_name);
  EXECUTE sql;
  RESET ROLE;
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END $$;

CREATE TEMP TABLE deed (sql text, anonymous bool, usr bool, merchant bool, operator bool, worker bool);
INSERT INTO deed VALUES
  ('SELECT * FROM hotel.nearby(48, 2, 10)', true, true, true, true, true),
  ('SELECT * FROM hotel.details', true, true, true, true, true),
  ('SELECT geo.geohash_encode(1, 2)', true, true, true, true, true),
  ($$SELECT hotel.add_hotel('y', 'FR', 'x', 1, 1)$$, false, false, false, true, false),
  ($$UPDATE hotel.hotel SET name = 'mine'$$, false, false, false, true, false),
  ($$INSERT INTO hotel.staging (reference) VALUES ('x')$$, false, false, false, true, false),
  ('SELECT * FROM tenfold.migration', false, false, false, true, false),
  ('SELECT tenfold.create_roles()', false, false, false, false, false),
  ($$SELECT tenfold.install('hotel')$$, false, false, false, false, false);

SELECT is(pg_temp.state_as('tenfold_' || role_name, sql), CASE WHEN may THEN 'ok' ELSE '42501' END, role_name || ': ' || sql)
FROM deed, LATERAL (VALUES ('anonymous', anonymous), ('user', usr), ('merchant', merchant), ('operator', operator), ('worker', worker)) AS r(role_name, may);
SELECT * FROM finish();
ROLLBACK;
