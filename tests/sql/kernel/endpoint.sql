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
CREATE FUNCTION tenfold_api.take(jsonb) RETURNS json LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE FUNCTION tenfold_api.take_text(json) RETURNS json LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE FUNCTION tenfold_api.nowhere(jsonb) RETURNS json LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN $1; END';
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
INSERT INTO tenfold.api_schema (module, name, schema) VALUES
  ('endpoint', 'Tree', '{"type": "object", "properties": {"leaf": {"type": "boolean"}, "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}}}');
INSERT INTO tenfold.route (module, method, path, shape, function, body, roles) VALUES
  ('endpoint', 'POST', '/take', 'J', 'tenfold_api.take(jsonb)', '{"type": "object", "required": ["n"], "additionalProperties": false, "properties": {
    "n": {"type": "integer", "minimum": 1, "maximum": 9007199254740993}, "s": {"type": "string", "minLength": 2, "maxLength": 3, "pattern": "^[a-z]+$"},
    "of": {"enum": ["a", 1, null]}, "list": {"type": "array", "items": {"type": "object", "properties": {"a/b": {"type": "boolean"}}}, "maxItems": 2, "uniqueItems": true},
    "one": {"oneOf": [{"type": "string"}, {"type": "string", "maxLength": 1}]}, "any": {"anyOf": [{"required": ["x"]}, {"required": ["y"]}]},
    "tree": {"$ref": "#/components/schemas/Tree"}}}', '{tenfold_user}'),
  ('endpoint', 'POST', '/take-text', 'J', 'tenfold_api.take_text(json)', '{"type": "object"}', '{tenfold_user}');
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

-- What a function of shape J gets is as its route's schema wants it, by SQL, too.
SELECT set_config('request.method', '', true);
SELECT is(pg_temp.raised(format('SELECT tenfold_api.take(%L)', body)), jsonb_build_array('22023', message, pointer, hint), coalesce(body, 'NULL'))
FROM (VALUES
  (NULL, 'the body must be an object, not null', '', 'openapi.json describes it.'),
  ('[]', 'the body must be an object, not an array', '', 'openapi.json describes it.'),
  ('{}', 'the body lacks "n"', '', 'openapi.json describes it.'),
  ('{"n": 1, "m": 1}', 'the body has an unknown member "m"', '', 'Known are: any, list, n, of, one, s, tree'),
  ('{"n": 0}', '/n of the body must be at least 1, not 0', '/n', 'openapi.json describes it.'),
  ('{"n": 1.5}', '/n of the body must be an integer, not 1.5', '/n', 'openapi.json describes it.'),
  ('{"n": 9007199254740994}', '/n of the body must be at most 9007199254740993, not 9007199254740994', '/n', 'openapi.json describes it.'),
  ('{"n": 1, "s": "é"}', '/s of the body must have at least 2 characters, not 1', '/s', 'openapi.json describes it.'),
  ('{"n": 1, "s": "AB"}', '/s of the body must match ^[a-z]+$', '/s', 'openapi.json describes it.'),
  ('{"n": 1, "s": "ab\n"}', '/s of the body must match ^[a-z]+$', '/s', 'openapi.json describes it.'),
  ('{"n": 1, "of": "b"}', '/of of the body is not one of those allowed', '/of', 'Allowed: "a", 1, null'),
  ('{"n": 1, "list": [{}, {}]}', '/list/1 of the body was there before', '/list/1', 'Leave it out.'),
  ('{"n": 1, "list": [{}, {"a/b": 1}]}', '/list/1/a~1b of the body must be a boolean, not 1', '/list/1/a~1b', 'openapi.json describes it.'),
  ('{"n": 1, "one": "x"}', '/one of the body fits 2 of the alternatives', '/one', 'It must fit one.'),
  ('{"n": 1, "any": {}}', '/any of the body fits none of the alternatives: it lacks "x"; or it lacks "y"', '/any', 'openapi.json describes it.'),
  ('{"n": 1, "tree": {"parts": [{"parts": [{"leaf": 1}]}]}}', '/tree/parts/0/parts/0/leaf of the body must be a boolean, not 1', '/tree/parts/0/parts/0/leaf', 'openapi.json describes it.'))
  AS t(body, message, pointer, hint);
SELECT lives_ok(format('SELECT tenfold_api.take(%L)', body), body)
FROM unnest(ARRAY['{"n": 1.0}', '{"n": 9007199254740993, "of": 1.0}', '{"n": 1, "s": "ab", "one": "xy", "any": {"y": 1}, "list": [{}, {"a/b": true}]}']) body;
SELECT is(pg_temp.raised(format('SELECT tenfold_api.take_text(%L)', body)) ->> 1, message, body) FROM (VALUES
  ('{"a": 1, "b": {"c": 1, "\u0063": 2}}', 'the body has the member "c" twice'), ('[1]', 'the body must be an object, not an array')) AS t(body, message);
SELECT is(pg_temp.raised(format('SELECT tenfold_api.take(%L)', repeat('{"n":', 300) || '1' || repeat('}', 300))) ->> 1, 'the body nests too deep', 'many levels');
SELECT is(pg_temp.raised(format('SELECT tenfold_api.take_text(%L)', '{"n": 1e99999999999999999999}')) ->> 1, 'the body has a number of more than 1,000 digits', 'many digits');
SELECT is(pg_temp.raised($$SELECT tenfold_api.nowhere('{}')$$) ->> 0, '0A000', 'a function without a route is not called');
UPDATE tenfold.route SET body = 'true' WHERE path = '/take';
SELECT lives_ok($$SELECT tenfold_api.take('[]')$$, 'a new schema counts at once');
UPDATE tenfold.route SET body = '{"if": true}' WHERE path = '/take';
SELECT is(pg_temp.raised($$SELECT tenfold_api.take('[]')$$) ->> 1, 'the JSON Schema has the keyword "if", which nobody checks', 'a schema of which not all is checked');
SELECT lives_ok($$SELECT tenfold_api.take_text('{}')$$, '… stops no other function');
SELECT throws_ok($$SELECT tenfold._open_routes('endpoint')$$, '22023', NULL, '… and no module is installed with it');
SELECT throws_ok(format('SELECT tenfold._check_schema(%L)', schema), '22023', NULL, schema) FROM unnest(ARRAY['[]', '{"type": "float"}', '{"type": 1}', '{"minimum": "1"}',
  '{"maxLength": -1}', '{"pattern": "(?=a)"}', '{"pattern": "("}', '{"required": "a"}', '{"properties": []}', '{"anyOf": []}', '{"$ref": "#/components/schemas/None"}',
  '{"properties": {"a": {"multipleOf": 2}}}', '{"enum": 1}', '{"uniqueItems": 1}']) schema;
SELECT throws_ok($$SELECT tenfold.create_topic('bad', schema => '{"contains": {}}')$$, '22023', NULL, 'a topic''s schema, too');
SELECT * FROM finish();
ROLLBACK;
