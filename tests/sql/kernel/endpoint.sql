-- A function of a route says what it does, and nothing else: what every one needs comes from its row and the library.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();

SET LOCAL ROLE tenfold_owner;
CREATE FUNCTION tenfold_api.fail(state text, message text DEFAULT 'm', detail text DEFAULT 'd', hint text DEFAULT 'h') RETURNS json LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, DETAIL = detail, HINT = hint;
END $$;
CREATE FUNCTION tenfold_api.fail_in_sql(state text) RETURNS json LANGUAGE sql AS $$ SELECT tenfold_api.fail(state, 'm', 'd', 'h') $$;
CREATE FUNCTION tenfold_api.divide() RETURNS json LANGUAGE sql STABLE AS $$ SELECT to_json(1 / (SELECT 0)) $$;
CREATE FUNCTION tenfold_api.wait() RETURNS json LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_sleep(10);
  RETURN '1';
END $$;
INSERT INTO tenfold.route (module, method, path, shape, function, roles) VALUES
  ('endpoint', 'GET', '/fail', 'F', 'tenfold_api.fail(text, text, text, text)', '{tenfold_user}'),
  ('endpoint', 'GET', '/fail-in-sql', 'F', 'tenfold_api.fail_in_sql(text)', '{tenfold_user}'),
  ('endpoint', 'GET', '/divide', 'F', 'tenfold_api.divide()', '{tenfold_user}'),
  ('endpoint', 'GET', '/wait', 'F', 'tenfold_api.wait()', '{tenfold_user}');
SELECT tenfold._open_routes('endpoint');
RESET ROLE;

SELECT is_empty($$SELECT p.oid::regprocedure FROM tenfold.route r JOIN pg_proc p ON p.oid = r.function::regprocedure
  WHERE r.module = 'endpoint' AND NOT (p.prosecdef AND p.proconfig = '{"search_path=pg_catalog, pg_temp"}')$$,
  'every one runs as its owner, under a search_path of its own');
SELECT is_empty($$SELECT r.function, h.name FROM tenfold.route r, unnest('{tenfold_anonymous,tenfold_worker}'::text[]) h(name)
  WHERE r.module = 'endpoint' AND has_function_privilege(h.name, r.function, 'EXECUTE')$$, 'and may be called by whom its row names');
SELECT ok(has_function_privilege('tenfold_user', 'tenfold_api.divide()', 'EXECUTE'), '… who may');

CREATE FUNCTION pg_temp.raised(sql text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  detail text;
  hint text;
BEGIN
  EXECUTE sql;
  RETURN '"nothing"';
EXCEPTION WHEN query_canceled OR OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN CASE WHEN SQLSTATE = 'PGRST' THEN jsonb_build_array(SQLERRM::jsonb, detail::jsonb) ELSE jsonb_build_array(SQLSTATE, SQLERRM, detail, hint) END;
END $$;
CREATE FUNCTION pg_temp.failed(state text) RETURNS jsonb LANGUAGE sql AS $$SELECT pg_temp.raised(format('SELECT tenfold_api.fail(%L)', state))$$;

SELECT is(pg_temp.failed(state), jsonb_build_array(state, 'm', 'd', 'h'), state || ' by SQL is raised as it is')
FROM unnest('{TFH04,40001,57014,22023,53200}'::text[]) state;

SELECT set_config('request.method', 'POST', true);
SELECT is(pg_temp.failed(state), jsonb_build_array(jsonb_build_object('code', state, 'message', 'm', 'details', 'd', 'hint', 'h'),
    jsonb_build_object('status', status, 'headers', headers::jsonb)), state || ' of a request is ' || status)
FROM (VALUES ('TFH04', 404, '{}'), ('TFH05', 412, '{}'), ('TF021', 409, '{}'), ('0A000', 501, '{}'), ('57014', 504, '{}'), ('TF030', 429, '{}'),
  ('40001', 409, '{"Retry-After": "1"}'), ('40P01', 409, '{"Retry-After": "1"}'), ('55P03', 409, '{"Retry-After": "1"}'),
  ('53200', 502, '{"Retry-After": "1"}'), ('08006', 502, '{"Retry-After": "1"}'), ('57P03', 502, '{"Retry-After": "1"}'),
  ('TF011', 401, '{"WWW-Authenticate": "Bearer"}')) AS t(state, status, headers);
SELECT is(pg_temp.failed(state), jsonb_build_array(state, 'm', 'd', 'h'), state || ' has PostgREST''s own status')
FROM unnest('{22023,23505,53400,42501,P0001,XX000}'::text[]) state;
SELECT is(pg_temp.failed('23P01') -> 0 -> 'details', 'null', 'the row that broke a constraint is not shown');
SELECT is(pg_temp.raised($$SELECT tenfold_api.fail('TFH04', E'"\\\n', '', '')$$) -> 0,
  '{"code": "TFH04", "message": "\"\\\n", "details": null, "hint": null}', 'texts are escaped, and what is not there is null');
SELECT is(pg_temp.raised($$SELECT tenfold_api.fail_in_sql('TFH04')$$), pg_temp.failed('TFH04'), 'an error that leaves two functions is translated once');
SELECT is(pg_temp.raised('SELECT tenfold_api.divide()') ->> 0, '22012', 'an error of the server''s own');
SET LOCAL statement_timeout = '50ms';
SELECT is(pg_temp.raised('SELECT tenfold_api.wait()') #>> '{1,status}', '504', 'and what takes too long');
SET LOCAL statement_timeout = 0;
SELECT is(pg_temp.raised($$SELECT tenfold_api.hotels_search(country => 'FR', checkin => '2030-01-01')$$) #>> '{1,status}', '501', 'in the cached language, too');
SELECT is(pg_temp.raised($$SELECT tenfold.cancel_job(-1)$$) ->> 0, 'TF024', 'of no other function');
SELECT * FROM finish();
ROLLBACK;
