-- What a function learns of its request, and what the pre-request refuses.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();

CREATE FUNCTION pg_temp.state_with(claims text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  message text;
BEGIN
  PERFORM set_config('request.jwt.claims', claims, true);
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
SELECT is(current_setting('response.headers')::jsonb, '[{"Link": "<?a=1&b=%24&cursor=2_3>; rel=\"next\""}]', '… has the Link of the next: the same query with another cursor');

SELECT is(pg_temp.state_with(claims), state, claims) FROM (VALUES
  ('', 'ok'), ('{"role": "tenfold_anonymous"}', 'ok'),
  ('{"role": "tenfold_user", "aud": "tenfold"}', 'ok'), ('{"role": "tenfold_user", "aud": ["x", "tenfold"]}', 'ok'),
  ('{"role": "tenfold_user", "exp": 1}', 'TF012'), ('{"role": "tenfold_user", "aud": "x"}', 'TF012'), ('{"aud": {"tenfold": 1}}', 'ok'),
  ('{"aud": "tenfold", "sub": "ada"}', 'TF012'), ('{"aud": "tenfold", "sub": 5}', 'TF012'), ('{"aud": "tenfold", "sub": null}', 'TF012'),
  ('{"aud": "tenfold", "sub": "00000000-0000-0000-0000-000000000001"}', 'ok'),
  ('{"aud": "tenfold", "sid": "00000000-0000-0000-0000-000000000001"}', 'TF012'), ('{"aud": "tenfold", "sid": "x"}', 'TF012'),
  ('{"aud": "tenfold", "sid": null}', 'TF012')) AS t(claims, state);
SELECT set_config('tenfold.jwt_audience', 'elsewhere', true);
SELECT is(pg_temp.state_with('{"aud": "tenfold"}'), 'TF012', 'the audience is a setting');

SELECT throws_ok(format('SELECT tenfold.raise_http(%L, %L, %L, %L)', state, 'm', 'd', 'h'), raised, NULL, state || ' is raised as ' || raised) FROM (VALUES
  ('TFH04', 'PGRST'), ('40001', 'PGRST'), ('40P01', 'PGRST'), ('55P03', 'PGRST'), ('23P01', 'PGRST'), ('0A000', 'PGRST'), ('23505', '23505'), ('22023', '22023')) AS t(state, raised);
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
SELECT is(pg_temp.raised('40001') -> 1, '{"status": 503, "headers": {"Retry-After": "1"}}', 'what may be repeated says so');
SELECT is_empty('SELECT sqlstate FROM tenfold.error_code WHERE http_status NOT BETWEEN 400 AND 599', 'every code has a status');

SELECT throws_ok(format('SELECT tenfold.check_body(%L, %L, %L)', body, 'POST', '/hotels'), '22023', NULL, coalesce(body, 'NULL')) FROM (VALUES
  (NULL), ('[]'), ('null'), ('1'), ('"x"'), ('{}'), ('{"name": "x", "country": "FR", "city": "x", "lat": 1}'),
  ('{"name": 1, "country": "FR", "city": "x", "lat": 1, "lng": 1}'), ('{"name": "x", "country": "FR", "city": "x", "lat": "1", "lng": 1}'),
  ('{"name": "x", "country": "FR", "city": "x", "lat": 1, "lng": 1, "stars": 1.5}'), ('{"name": "x", "country": "FR", "city": "x", "lat": 1, "lng": 1, "role": "x"}')) AS bad(body);
SELECT lives_ok($$SELECT tenfold.check_body('{"name": "x", "country": "FR", "city": "x", "lat": 1, "lng": 1.5, "stars": null}', 'POST', '/hotels')$$);

SELECT * FROM finish();
ROLLBACK;
