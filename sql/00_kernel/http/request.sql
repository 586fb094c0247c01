-- What a tenfold_api function needs of its request, and how it shapes its answer: PostgREST's settings, read and written.
-- A setting is '' rather than NULL after a transaction that had it.

CREATE OR REPLACE FUNCTION tenfold.request_claims() RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('request.jwt.claims', true), '')::jsonb;
COMMENT ON FUNCTION tenfold.request_claims IS 'the claims of the request''s JWT; of a request without one, just its role; NULL outside a request';

CREATE OR REPLACE FUNCTION tenfold.current_subject() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (tenfold.request_claims() ->> 'sub')::uuid;
COMMENT ON FUNCTION tenfold.current_subject IS 'who is asking: the subject of the request''s JWT, NULL outside a request';

CREATE OR REPLACE FUNCTION tenfold.request_header(name text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('request.headers', true), '')::jsonb ->> lower(name COLLATE "C");
COMMENT ON FUNCTION tenfold.request_header IS 'a header of the request; NULL if it was not sent';

CREATE OR REPLACE FUNCTION tenfold.path_value(name text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN tenfold.request_header('x-path-' || replace(name, '_', '-'));
COMMENT ON FUNCTION tenfold.path_value IS
  'a parameter of the path, for functions of shape J and R: the edge writes it into X-Path-NAME, and drops what a client sends by that name';

-- A cursor that was rounded would skip rows, or show them twice.
CREATE OR REPLACE FUNCTION tenfold._exact(number double precision) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 1
AS $$
BEGIN
  RETURN number::text;
END
$$;
COMMENT ON FUNCTION tenfold._exact IS 'a number as the shortest text that gives it again, whatever extra_float_digits says';

-- SECURITY DEFINER changes current_user, and not the setting.
CREATE OR REPLACE FUNCTION tenfold.caller_role() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(nullif(current_setting('role'), 'none'), session_user);
COMMENT ON FUNCTION tenfold.caller_role IS 'the role that called, also within SECURITY DEFINER functions';

-- In plpgsql, which keeps its plans: as a function in SQL it took longer than a search.
CREATE OR REPLACE FUNCTION tenfold.respond(status int, headers jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  before jsonb := coalesce(nullif(current_setting('response.headers', true), ''), '[]');  -- the pre-request's stay
BEGIN
  IF status = 503 THEN
    RAISE EXCEPTION 'a function does not answer 503' USING ERRCODE = '22023',
      HINT = 'PostgREST takes it for a lost database. Answer 429 for too much now, 502 where something else is away.';
  END IF;
  PERFORM set_config('response.status', status::text, true);
  PERFORM set_config('response.headers',
    (before || (SELECT coalesce(jsonb_agg(jsonb_build_object(h.key, h.value)), '[]') FROM jsonb_each_text(headers) h))::text, true);
END
$$;
COMMENT ON FUNCTION tenfold.respond IS 'sets the status of the answer, and adds the headers {"Location": …, "ETag": …} to it';

-- PostgREST knows standard SQLSTATEs only, and some of these badly; RAISE 'PGRST' carries our own code and status.
CREATE OR REPLACE FUNCTION tenfold.raise_http(state text, message text, detail text DEFAULT NULL, hint text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  status int := tenfold._http_status(state);
BEGIN
  IF status IS NULL THEN
    -- What is not there is left out: PostgREST would answer "" where the gateway answers null.
    IF detail <> '' AND hint <> '' THEN
      RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, DETAIL = detail, HINT = hint;
    ELSIF detail <> '' THEN
      RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, DETAIL = detail;
    ELSIF hint <> '' THEN
      RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, HINT = hint;
    END IF;
    RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message;
  END IF;
  RAISE SQLSTATE 'PGRST' USING
    MESSAGE = jsonb_build_object('code', state, 'message', message, 'details', nullif(detail, ''), 'hint', nullif(hint, '')),
    DETAIL = jsonb_build_object('status', status, 'headers', CASE
      WHEN status = 429 THEN jsonb_build_object('Retry-After', coalesce(substring(detail FROM '^[0-9]{1,6}$'), '1'))
      WHEN status = 502 OR (status = 409 AND (state NOT LIKE 'TF%' OR state = 'TFP04')) THEN '{"Retry-After": "1"}'::jsonb
      WHEN status = 401 THEN '{"WWW-Authenticate": "Bearer"}' ELSE '{}' END);
END
$$;
COMMENT ON FUNCTION tenfold.raise_http IS
  'raises an error again so that PostgREST and the gateway answer with the status that tenfold.error_code names; 40001, 40P01, 55P03 and 23P01 with 409, 57014 with 504, classes 08 and 53 with 502, never 503; a 429 with the seconds of its detail as Retry-After; every other SQLSTATE as it is';

CREATE OR REPLACE FUNCTION tenfold.check_body(body jsonb, method text, path text) RETURNS void
LANGUAGE sql STABLE PARALLEL SAFE
RETURN tenfold._check_json((SELECT r.body FROM tenfold.route r WHERE (r.method, r.path) = (check_body.method, check_body.path)), body);
COMMENT ON FUNCTION tenfold.check_body IS
  'raises 22023 unless the body is as the route''s JSON Schema wants it. Functions of shape J in tenfold_api need not call it: they get no other';

-- Type and count are checked before there is any text: 4,000 times 1e131071 would be 500 MB of it.
CREATE OR REPLACE FUNCTION tenfold._json_texts(list jsonb, name text, most int) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  wrong text := CASE WHEN jsonb_typeof(list) <> 'array' THEN jsonb_typeof(list) END;
BEGIN
  IF wrong IS NULL THEN
    SELECT 'one of ' || jsonb_typeof(e.value) INTO wrong FROM jsonb_array_elements(list) AS e(value) WHERE jsonb_typeof(e.value) <> 'string' LIMIT 1;
  END IF;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION '% must be an array of texts, not %', name, wrong USING ERRCODE = '22023', HINT = 'For example ["wifi", "pool"].';
  ELSIF jsonb_array_length(list) > most THEN
    RAISE EXCEPTION '% has % texts', name, jsonb_array_length(list) USING ERRCODE = '22023', HINT = format('At most %s.', most);
  END IF;
  RETURN ARRAY(SELECT jsonb_array_elements_text(list));
END
$$;
COMMENT ON FUNCTION tenfold._json_texts IS 'the texts of a JSON array, none of NULL; raises 22023 unless it is an array of at most so many texts';
