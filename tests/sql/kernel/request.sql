-- What a function learns of its request, and what the pre-request refuses.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();

CREATE FUNCTION pg_temp.state_with(claims text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  message text;
BEGIN
  PERFORM set_config('request.jwt.claims', claims, true), set_config('request.method', 'GET', true);
  PERFORM tenfold_api.pre_request();
  RETURN 'ok';
EXCEPTION WHEN SQLSTATE 'PGRST' THEN
  RETURN SQLERRM::jsonb ->> 'code';
END $$;

SELECT is(tenfold.request_claims(), NULL, 'outside a request nobody asks');
SELECT set_config('request.jwt.claims', '', true), set_config('request.headers', '', true);
SELECT is(tenfold.request_claims(), NULL, 'an empty setting is none');
SELECT is(tenfold.current_subject(), NULL, '… and names no subject');
SELECT is(tenfold.request_header('accept'), NULL, '… and has no headers');
SELECT is(tenfold._with_next_link('{"next" : "2_3"}')::text, '{"next" : "2_3"}', 'who asks by SQL');
SELECT is(current_setting('response.headers', true), NULL, '… wants no Link');
SELECT set_config('request.headers', '{"accept": "*/*", "x-path-hotel-id": "7", "x-query": "a=1&cursor=0_1&b=%24"}', true);
SELECT is(tenfold.request_header('Accept'), '*/*', 'headers have no case');
SELECT is(tenfold.path_value('hotel_id'), '7', 'ids of the path come by header');
SELECT is(tenfold._with_next_link('{"next" : null, "n" : "x"}')::text, '{"next" : null, "n" : "x"}', 'the last page');
SELECT is(current_setting('response.headers', true), NULL, '… has no Link');
SELECT is(tenfold._with_next_link('{"next" : "2_3", "n" : 1}')::text, '{"next" : "2_3", "n" : 1}', 'a page');
SELECT is(current_setting('response.headers')::jsonb, E'[{"Link": "<?a=1&b=%24&cursor=2_3>; rel=\\"next\\""}]', '… has the Link of the next: the same query with another cursor');

SELECT is(pg_temp.state_with(claims), state, claims) FROM (VALUES
  ('', 'ok'), ('{}', 'ok'), ('{"role": "tenfold_anonymous"}', 'ok'),
  ('{"role": "tenfold_user"}', 'TF012'), ('{"role": "tenfold_operator"}', 'TF012'), ('{"role": "tenfold_worker"}', 'TF012'),
  ('{"role": "tenfold_operator", "aud": "tenfold"}', 'TF012'), ('{"role": "tenfold_operator", "exp": 9e9}', 'TF012'),
  ('{"role": "tenfold_operator", "aud": "tenfold", "exp": "never"}', 'TF012'), ('{"role": "tenfold_operator", "aud": "tenfold", "exp": null}', 'TF012'),
  ('{"role": "tenfold_operator", "aud": "tenfold", "exp": 9e9}', 'ok'),
  ('{"role": "tenfold_user", "aud": ["x", "tenfold"], "exp": 9e9}', 'ok'), ('{"aud": "x", "exp": 9e9}', 'TF012'), ('{"aud": {"tenfold": 1}, "exp": 9e9}', 'TF012')) AS t(claims, state);
SELECT is(pg_temp.state_with(('{"aud": "tenfold", "exp": 9e9}'::jsonb || claims::jsonb)::text), state, claims) FROM (VALUES
  ('{"sub": "ada"}', 'TF012'), ('{"sub": 5}', 'TF012'), ('{"sub": null}', 'TF012'), ('{"sub": "00000000-0000-0000-0000-000000000001"}', 'ok'),
  ('{"sid": "00000000-0000-0000-0000-000000000001"}', 'TF012'), ('{"sid": "x"}', 'TF012'), ('{"sid": null}', 'TF012')) AS t(claims, state);
SELECT set_config('tenfold.jwt_audience', 'elsewhere', true);
SELECT is(pg_temp.state_with('{"aud": "tenfold", "exp": 9e9}'), 'TF012', 'the audience is a setting');

SELECT throws_ok(format('SELECT tenfold.raise_http(%L, %L, %L, %L)', state, 'm', 'd', 'h'), raised, NULL, state || ' is raised as ' || raised) FROM (VALUES
  ('TFH04', 'PGRST'), ('40001', 'PGRST'), ('40P01', 'PGRST'), ('55P03', 'PGRST'), ('23P01', 'PGRST'), ('57014', 'PGRST'), ('53200', 'PGRST'), ('08006', 'PGRST'), ('0A000', 'PGRST'), ('53400', '53400'), ('23505', '23505'), ('22023', '22023')) AS t(state, raised);
CREATE FUNCTION pg_temp.raised(state text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  detail text;
BEGIN
  PERFORM tenfold.raise_http(state, 'm', 'd', 'h');
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN jsonb_build_array(SQLERRM::jsonb, detail::jsonb);
END $$;
SELECT is(pg_temp.raised('TFH05'), '[{"code": "TFH05", "message": "m", "details": "d", "hint": "h"}, {"status": 412, "headers": {}}]', 'our codes have our statuses');
SELECT is(pg_temp.raised(state) -> 1, '{"status": 409, "headers": {"Retry-After": "1"}}', state || ' may be repeated, and says so')
FROM unnest(ARRAY['40001', '40P01', '55P03', '23P01']) state;
SELECT is(pg_temp.raised('57014') -> 1, '{"status": 504, "headers": {}}', 'what took too long');
SELECT is(pg_temp.raised('53200') -> 1, '{"status": 502, "headers": {"Retry-After": "1"}}', 'what it depends on is away');
SELECT is(pg_temp.raised('TF021') -> 1, '{"status": 409, "headers": {}}', 'no conflict of ours is gone by waiting');
-- PostgREST takes a 503 of a function for a lost database.
SELECT is_empty('SELECT sqlstate FROM tenfold.error_code WHERE http_status = 503 OR tenfold._http_status(sqlstate) = 503', 'no function answers 503');
SELECT throws_ok('SELECT tenfold.respond(503)', '22023', NULL, '… by its own word either');
CREATE FUNCTION pg_temp.details(detail text, hint text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  seen_detail text;
  seen_hint text;
BEGIN
  PERFORM tenfold.raise_http('22023', 'm', detail, hint);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS seen_detail = PG_EXCEPTION_DETAIL, seen_hint = PG_EXCEPTION_HINT;
  RETURN ARRAY[SQLSTATE, SQLERRM, seen_detail, seen_hint];
END $$;
SELECT is(pg_temp.details(d, h), ARRAY['22023', 'm', coalesce(d, ''), coalesce(h, '')], 'raised again as it is')
FROM unnest(ARRAY[NULL, '', 'd']) d, unnest(ARRAY[NULL, '', 'h']) h;
SELECT is_empty('SELECT sqlstate FROM tenfold.error_code WHERE http_status NOT BETWEEN 400 AND 599', 'every code has a status');

SELECT throws_ok(format('SELECT tenfold.check_body(%L, %L, %L)', body, 'POST', '/hotels'), '22023', NULL, coalesce(body, 'NULL')) FROM (VALUES
  (NULL), ('[]'), ('null'), ('1'), ('"x"'), ('{}'), ('{"name": "x", "country": "FR", "lat": 1, "lng": 1}'),
  ('{"name": 1, "country": "FR", "city": "x", "lat": 1, "lng": 1}'), ('{"name": "x", "country": "FR", "city": "x", "lat": "1", "lng": 1}'),
  ('{"name": "x", "country": "FR", "city": "x", "lat": 1, "lng": 1, "stars": 1.5}'), ('{"name": "x", "country": "FR", "city": "x", "lat": 1, "lng": 1, "role": "x"}')) AS bad(body);
SELECT lives_ok($$SELECT tenfold.check_body('{"name": "x", "country": "FR", "city": "x", "lat": 1, "lng": 1.5, "stars": null}', 'POST', '/hotels')$$);

SELECT * FROM finish();
ROLLBACK;
