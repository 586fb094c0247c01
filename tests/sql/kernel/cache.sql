-- Language tenfold_cached: who may write such a function, what it may be, and what it gives.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();

SELECT is_empty($$SELECT name FROM unnest(ARRAY['tenfold_anonymous', 'tenfold_user', 'tenfold_merchant', 'tenfold_operator', 'tenfold_worker', 'tenfold_authenticator']) name
  WHERE has_language_privilege(name, 'tenfold_cached', 'USAGE')$$, 'nobody below the owner hands query text to the cache');
SELECT ok(has_language_privilege('tenfold_owner', 'tenfold_cached', 'USAGE'), 'the owner does');
SELECT is_empty($$SELECT p.oid::regprocedure, p.proacl FROM pg_proc p WHERE p.pronamespace = 'tenfold'::regnamespace AND p.proname = '_cached'$$, 'there is no other way');

-- Each bad declaration, with its SQLSTATE.
CREATE FUNCTION pg_temp.state_of(sql text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE sql;
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END $$;
CREATE FUNCTION pg_temp.declared(head text, recipe text, body text) RETURNS text LANGUAGE sql AS $$
  SELECT pg_temp.state_of(format('CREATE OR REPLACE FUNCTION pg_temp.f%s AS %L', head, recipe || chr(10) || body)) $$;
SELECT is(pg_temp.declared(head, recipe, body), state, concat_ws(' ', head, recipe, body)) FROM (VALUES
  ('(a int) RETURNS text LANGUAGE tenfold_cached STABLE', '-- keep 1 s; tags x{a}', 'SELECT a::text', 'ok'),
  ('(a int) RETURNS text LANGUAGE tenfold_cached', '-- keep 1 s', 'SELECT a::text', '22023'),
  ('(b bigint) RETURNS text LANGUAGE tenfold_cached IMMUTABLE', '-- keep 1 s', 'SELECT b::text', '22023'),
  ('(a text) RETURNS text LANGUAGE tenfold_cached STABLE PARALLEL SAFE', '-- keep 1 s', 'SELECT a', '22023'),
  ('(a text, b int) RETURNS int LANGUAGE tenfold_cached STABLE', '-- keep 1 s', 'SELECT 1', '22023'),
  ('(a text, c int) RETURNS SETOF text LANGUAGE tenfold_cached STABLE', '-- keep 1 s', 'SELECT a', '22023'),
  ('(a anyelement) RETURNS text LANGUAGE tenfold_cached STABLE', '-- keep 1 s', 'SELECT 1::text', '22023'),
  ('(a text) RETURNS text LANGUAGE tenfold_cached STABLE', '-- keep -1 s', 'SELECT a', '22023'),
  ('(a text) RETURNS text LANGUAGE tenfold_cached STABLE', '-- keep 1 s; tags x{b}', 'SELECT a', '22023'),
  ('(a date) RETURNS text LANGUAGE tenfold_cached STABLE', '-- keep 1 s; tags x{a}', 'SELECT 1::text', '22023'),
  ('(a text) RETURNS text LANGUAGE tenfold_cached STABLE', '', 'SELECT a', '22023'),
  ('(a text) RETURNS text LANGUAGE tenfold_cached STABLE', '-- keep 1 s', 'SELEKT a', '42601'),
  ('(a text) RETURNS text LANGUAGE tenfold_cached STABLE', '-- keep 1 s', 'SELECT nobody', '42703')) AS f(head, recipe, body, state);

-- The type of what comes is looked at before it is read: a by-value int8 is no pointer.
CREATE FUNCTION pg_temp.gives_int() RETURNS text LANGUAGE tenfold_cached STABLE AS $$ -- keep 1 s
  SELECT 1::int8 $$;
SELECT throws_ok('SELECT pg_temp.gives_int()', '42804', NULL, 'another type than text');
CREATE FUNCTION pg_temp.gives_nothing() RETURNS json LANGUAGE tenfold_cached STABLE AS $$ -- keep 1 s
  SELECT '1'::json WHERE false $$;
SELECT is(pg_temp.gives_nothing()::text, NULL, 'no row is NULL');
CREATE FUNCTION pg_temp.writes() RETURNS text LANGUAGE tenfold_cached STABLE AS $$ -- keep 1 s
  DELETE FROM tenfold.rate_class RETURNING name $$;
SELECT throws_ok('SELECT pg_temp.writes()', '0A000', NULL, 'it only reads');
CREATE FUNCTION pg_temp.all_kinds(a text, b int, c bool, d numeric, e text[], f hotel.search_query, g uuid, h timestamptz) RETURNS text
LANGUAGE tenfold_cached STABLE AS $$ -- keep 1 s; tags {a}, {b}
  SELECT concat_ws('|', a, b, c, d, e, f, g, h) $$;
SELECT is(pg_temp.all_kinds('x', 1, true, 1.50, '{a,NULL}', ('(FR' || repeat(',', 16) || ')')::hotel.search_query,
  '00000000-0000-0000-0000-000000000001', 'epoch'), 'x|1|t|1.50|{a,NULL}|(FR,,,,,,,,,,,,,,,,)|00000000-0000-0000-0000-000000000001|1970-01-01 00:00:00+00');
SELECT is(pg_temp.all_kinds(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), '', 'NULLs');

-- An owner may alter a column that C++ reads: an error, and no crash.
ALTER TABLE tenfold.rate_class RENAME COLUMN name TO old_name;
ALTER TABLE tenfold.rate_class ADD COLUMN name bigint DEFAULT 7;
SELECT throws_ok($$SELECT tenfold.take_permit('default', 'k')$$, '42804', NULL, 'a column of tenfold.rate_class of another type');
SELECT * FROM finish();
ROLLBACK;
