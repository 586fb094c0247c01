-- The table of routes against the catalog, and what is made of it.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();

CREATE TEMP VIEW called AS
  SELECT r.*, p.oid AS proc, p.proargnames, p.proargtypes::oid[] AS types, p.prosecdef, p.prolang, p.provolatile, p.proowner, p.pronargs, p.pronargdefaults
  FROM tenfold.route r LEFT JOIN pg_proc p ON p.oid = to_regprocedure(r.function);

SELECT is_empty('SELECT method, path FROM called WHERE proc IS NULL', 'every route has its function');
SELECT is_empty($$SELECT function FROM called JOIN pg_language l ON l.oid = prolang WHERE prosecdef = (lanname = 'tenfold_cached') OR proowner <> 'tenfold_owner'::regrole$$,
  'which runs as tenfold_owner, by SECURITY DEFINER or by its language');
SELECT is_empty('SELECT function FROM called WHERE tenfold._is_planned_away(proc)', 'and whose call no plan leaves out');
SELECT is_empty($$SELECT function FROM called WHERE obj_description(proc, 'pg_proc') IS NULL$$, 'and is described');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'tenfold_api'::regnamespace AND p.proname <> 'pre_request'
  EXCEPT SELECT proc::regprocedure FROM called$$, 'tenfold_api holds nothing else, but for the pre-request');
SELECT is_empty($$SELECT method, path FROM called WHERE method = 'GET' AND provolatile = 'v'$$, 'GET only reads');
SELECT is_empty($$SELECT method, path FROM called WHERE shape IN ('J', 'R') AND (pronargs <> 1 OR types[0] <> ALL (CASE shape WHEN 'J' THEN '{json,jsonb}' ELSE '{bytea}' END::regtype[]))$$, 'J takes one json or jsonb, R one bytea');
SELECT is_empty($$SELECT method, path FROM called WHERE shape = 'J' AND body IS NULL$$, 'J says what its body is');
SELECT is_empty($$SELECT method, path, name FROM called, unnest(proargnames) name WHERE shape = 'F'
  EXCEPT SELECT method, path, p ->> 'name' FROM called, jsonb_array_elements(parameters) p$$, 'F names every argument');
SELECT is_empty($$SELECT method, path, p ->> 'name' FROM called, jsonb_array_elements(parameters) p WHERE shape = 'F' AND p ->> 'name' <> ALL (coalesce(proargnames, '{}'))$$, '… and no other');
SELECT is_empty($$SELECT method, path, p ->> 'name' FROM called, jsonb_array_elements(parameters) p
  WHERE shape = 'F' AND (p ->> 'in' = 'path' OR p @> '{"required": true}') <> (array_position(proargnames, p ->> 'name') <= pronargs - pronargdefaults)$$, 'what has no default is required');
SELECT is_empty($$SELECT method, path, p FROM called, jsonb_array_elements(parameters) p WHERE p ->> 'pattern' IS NULL OR p ->> 'in' NOT IN ('path', 'query')$$, 'every parameter has a pattern and a place');
SELECT is_empty($$SELECT method, path, (regexp_matches(path, ':([a-z0-9_]+)', 'g'))[1] FROM called
  EXCEPT SELECT method, path, p ->> 'name' FROM called, jsonb_array_elements(parameters) p WHERE p ->> 'in' = 'path'$$, 'every id of a path is a parameter');

CREATE TEMP TABLE http_role (name text);
INSERT INTO http_role VALUES ('tenfold_anonymous'), ('tenfold_user'), ('tenfold_merchant'), ('tenfold_operator'), ('tenfold_worker');
SELECT is_empty($$SELECT r.method, r.path, h.name FROM called r, http_role h
  WHERE has_function_privilege(h.name, proc, 'EXECUTE') <> (SELECT bool_or(pg_has_role(h.name, may, 'USAGE')) FROM unnest(r.roles) may)$$, 'who may call is who has the right');

SELECT is((SELECT count(*) FROM jsonb_each(tenfold.openapi() -> 'paths') p, jsonb_object_keys(p.value)), (SELECT count(*) FROM tenfold.route), 'OpenAPI has every route');
SELECT is_empty($$SELECT DISTINCT s.code FROM tenfold.route r, jsonb_object_keys(tenfold._openapi_responses(r)) AS s(code)
  WHERE s.code::int >= 400 AND NOT tenfold._openapi_problems() ? s.code$$, 'every status is described');
SELECT is_empty($$SELECT DISTINCT m[1] FROM regexp_matches(tenfold.openapi()::text, E'#/components/schemas/(\\w+)', 'g') m
  EXCEPT SELECT name FROM tenfold.api_schema$$, 'every schema that is named exists');

SELECT throws_ok(format('INSERT INTO tenfold.route (module, method, path, shape, function) VALUES (%L, %L, %L, %L, %L)', 'mine', method, path, shape, 'f()'), '23514', NULL, method || ' ' || path)
FROM (VALUES ('FETCH', '/x', 'F'), ('GET', 'x', 'F'), ('GET', '/x/', 'F'), ('GET', '/{x}', 'F'), ('GET', '/x', 'Q')) AS bad(method, path, shape);
INSERT INTO tenfold.route (module, method, path, shape, function, parameters) VALUES ('mine', 'GET', '/mine', 'F', 'x()', '[]');
SELECT lives_ok($$SELECT tenfold.install('kernel')$$);

-- The plan that the anonymous role made is asked for by others, as PostgREST does.
CREATE FUNCTION pg_temp.state_as(role_name text, sql text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SET LOCAL ROLE %I', role_name);
  FOR i IN 1..10 LOOP
    EXECUTE sql;
  END LOOP;
  RAISE EXCEPTION USING ERRCODE = 'ZZZZZ';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END $$;
PREPARE search AS SELECT tenfold_api.hotels_search(country => 'FR');
SELECT is(pg_temp.state_as('tenfold_anonymous', 'EXECUTE search'), 'ZZZZZ', 'anonymous clients search');
SELECT is(pg_temp.state_as('tenfold_worker', 'EXECUTE search'), '42501', 'and a worker may not, by whatever plan');

-- A plan in which a function's call is gone was checked for the role that made it only.
INSERT INTO tenfold.route (module, method, path, shape, function) VALUES ('inlined', 'GET', '/inlined', 'F', 'public.inlined()');
CREATE FUNCTION pg_temp.opens(declared text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE 'CREATE OR REPLACE FUNCTION public.inlined() RETURNS json ' || declared;
  PERFORM tenfold._open_routes('inlined');
  RETURN 'ok';
EXCEPTION WHEN feature_not_supported THEN
  RETURN SQLSTATE;
END $$;
SELECT is(pg_temp.opens(declared), outcome, declared) FROM (VALUES
  ($$LANGUAGE sql STABLE RETURN '1'::json$$, '0A000'), ($$LANGUAGE sql AS 'SELECT ''1''::json'$$, '0A000'),
  ($$LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END'$$, '0A000'), ($$LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1; END'$$, 'ok'),
  ($$LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT ''1''::json'$$, 'ok'),
  ($$LANGUAGE tenfold_cached STABLE AS '-- keep 1 s' || chr(10) || 'SELECT ''1''::json'$$, 'x')) AS form(declared, outcome) WHERE outcome <> 'x';
SELECT is(count(*), 1::bigint, 'a route of the user''s own outlives an install') FROM tenfold.route WHERE module = 'mine';
SELECT * FROM finish();
ROLLBACK;
