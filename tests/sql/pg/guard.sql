-- The guards between C++ and the server (extension/pg/guard.hpp, call.hpp), by a module that fails on purpose.
BEGIN;
SET search_path = public, pg_temp;
SELECT plan(32);

CREATE FUNCTION pg_temp.declare(name text, arguments text, result text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE FUNCTION %s(%s) RETURNS %s LANGUAGE c AS %L, %L', name, arguments, result, '$libdir/guard_test', name);
END $$;
SELECT pg_temp.declare(name, arguments, result) FROM (VALUES
  ('gt_alive', '', 'int'), ('gt_run', 'text', 'void'), ('gt_try', 'text', 'text'), ('gt_throw_unknown', '', 'void'),
  ('gt_throw_in_subtransaction', '', 'void'), ('gt_throw_failure', '', 'void'), ('gt_throw_standard', '', 'void'),
  ('gt_new_too_much', '', 'bool'), ('gt_palloc_too_much', '', 'bool'), ('gt_guard_cost', 'int', 'float8')) AS f(name, arguments, result);

-- Everything that an error carries, as a plpgsql handler sees it after the error went through C++.
CREATE FUNCTION pg_temp.caught(sql text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  state text; message text; detail text; hint text; constraint_name text;
BEGIN
  EXECUTE sql;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
    hint = PG_EXCEPTION_HINT, constraint_name = CONSTRAINT_NAME;
  RETURN ARRAY[state, message, detail, hint, constraint_name];
END $$;
CREATE FUNCTION pg_temp.fail_with(state text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the message of %', state USING ERRCODE = state, DETAIL = 'the detail', HINT = 'the hint';
END $$;

SELECT is(pg_temp.caught(format('SELECT gt_run(%L)', format('SELECT pg_temp.fail_with(%L)', state))),
  ARRAY[state, 'the message of ' || state, 'the detail', 'the hint', ''], state || ' passes through C++ unchanged')
FROM unnest('{40001,23505,55P03,TFH02,P0001}'::text[]) state;
SELECT is(gt_alive(), 0, 'every destructor ran');

CREATE TEMP TABLE guarded (id int CONSTRAINT guarded_key PRIMARY KEY);
INSERT INTO guarded VALUES (1);
SELECT is((pg_temp.caught($$SELECT gt_run('INSERT INTO guarded VALUES (1)')$$))[5], 'guarded_key', 'a real 23505 keeps its constraint name');

SELECT is(gt_try('INSERT INTO guarded VALUES (2)'), NULL, 'try_call: success commits');
SELECT is(gt_try('INSERT INTO guarded VALUES (3), (4), (1)'), '23505', 'try_call: the error comes back as a value');
SELECT results_eq('SELECT id FROM guarded ORDER BY id', 'VALUES (1), (2)', 'a handled 23505 leaves no trace of the failed statement');
SELECT is(gt_try('SELECT 1 / 0'), '22012', 'try_call works again and again');
SET LOCAL enable_seqscan = off;
SELECT results_eq('SELECT id FROM guarded WHERE id > 0 ORDER BY id', 'VALUES (1), (2)', 'the index has no trace either');
SELECT is(gt_alive(), 0, 'every destructor ran');

SELECT is(pg_temp.caught('SELECT gt_throw_failure()'), ARRAY['TFH02', 'unknown amenity "moat"', 'A detail.', 'Dig one.', ''],
  'a Failure keeps code, message, detail and hint');
SELECT is((pg_temp.caught('SELECT gt_throw_standard()'))[1:2], ARRAY['XX000', 'the invariant is broken'], 'std::exception is an internal error');
SELECT is((pg_temp.caught('SELECT gt_throw_unknown()'))[1:2], ARRAY['XX000', 'exception of unknown type'], 'an exception of unknown type is an error');
SELECT is((pg_temp.caught('SELECT gt_throw_in_subtransaction()'))[1], 'XX000', 'and so it is out of a subtransaction');
SELECT is(gt_try($$SELECT gt_throw_in_subtransaction()$$), 'XX000', 'subtransactions nest');
SELECT is((pg_temp.caught('SELECT gt_new_too_much()'))[1], '53200', 'a failing new is out of memory');
SELECT is((pg_temp.caught('SELECT gt_palloc_too_much()'))[1], '53200', 'a failing palloc is out of memory');
SELECT is(gt_alive(), 0, 'every destructor ran');

SELECT lives_ok($$SELECT convert_from(convert_to((pg_temp.caught('SELECT hotel.nearby(1, 2, amenities => ARRAY[repeat(''€'', 400)])'))[2], 'UTF8'), 'UTF8')$$,
  'a message that is cut ends with a whole character');

-- The same from the top level, where no plpgsql handler stands between.
SELECT throws_ok('SELECT gt_throw_unknown()', 'XX000');
SELECT throws_ok($$SELECT gt_run('SELECT 1 / 0')$$, '22012');
SELECT throws_ok($$SELECT gt_run('SELECT gt_run(''SELECT 1 / 0'')')$$, '22012', NULL, 'through two guards');
SELECT throws_ok($$SELECT gt_run(NULL)$$, '22004', NULL, 'NULL where a value must be names the argument');
SELECT is(gt_alive(), 0, 'every destructor ran');

SELECT is(count(*), 300::bigint, 'three hundred errors in one transaction')
FROM generate_series(1, 300) WHERE pg_temp.caught('SELECT gt_throw_unknown()') IS NOT NULL;
SELECT is(gt_alive(), 0, 'and still every destructor ran');
SELECT ok((SELECT gt_try('SELECT pg_temp.fail_with(''40001'')')) = '40001', 'try_call tells a serialization failure');
SELECT cmp_ok(gt_guard_cost(1000000), '<=', 10::float8, 'the outward guard costs at most 10 ns a call');
SELECT pass('the server is alive');
SELECT * FROM finish();
ROLLBACK;
