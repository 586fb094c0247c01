-- Identity over HTTP, and the description of the API. What every function of a route has is not written here: see
-- tenfold._open_routes().
SELECT tenfold._forget_routes('kernel');

INSERT INTO tenfold.api_schema (module, name, schema) VALUES
  ('kernel', 'Problem', '{"type": "object", "required": ["code", "message"], "properties": {
    "code": {"type": "string", "description": "an SQLSTATE, or a PGRST code of the gateway"},
    "message": {"type": "string"}, "details": {"type": ["string", "null"]}, "hint": {"type": ["string", "null"]}}}'),
  ('kernel', 'Tokens', '{"type": "object", "required": ["access_token", "token_type", "expires_in", "refresh_token", "role"], "properties": {
    "access_token": {"type": "string", "description": "a JWT: send Authorization: Bearer ACCESS_TOKEN"},
    "token_type": {"const": "Bearer"}, "expires_in": {"type": "integer", "description": "seconds"},
    "refresh_token": {"type": "string", "description": "good for one use, at /token/refresh"},
    "role": {"enum": ["tenfold_user", "tenfold_merchant", "tenfold_operator"]}}}');

-- Runs before every function, in its transaction. Checks what the edge cannot: that the client does not ask too often,
-- that the token is for us (PostgREST lets one without aud pass), and that its session was not ended. A token without sid is a service's, signed by who has
-- the key. Its own cost is part of every request.
CREATE OR REPLACE FUNCTION tenfold_api.pre_request() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  claims jsonb := tenfold.request_claims();
  too_many text := tenfold._limit_request();
BEGIN
  IF too_many IS NOT NULL THEN
    PERFORM tenfold._raise_limited(too_many);
  END IF;
  -- Without a token the door says this much, and a token that says no more gets no more.
  IF claims IS NULL OR claims IN ('{}', '{"role": "tenfold_anonymous"}') THEN
    RETURN;
  END IF;
  IF jsonb_typeof(claims -> 'exp') IS DISTINCT FROM 'number' THEN
    RAISE EXCEPTION 'the token has no end' USING ERRCODE = 'TF012', HINT = 'Its exp must be a time, in seconds since 1970.';
  END IF;
  IF NOT coalesce(jsonb_typeof(claims -> 'aud') IN ('string', 'array') AND claims -> 'aud' ? tenfold._setting('jwt_audience'), false) THEN
    RAISE EXCEPTION 'the token is not for this service'
      USING ERRCODE = 'TF012', HINT = 'Its aud must be ' || tenfold._setting('jwt_audience');
  END IF;
  IF claims ? 'sub' AND tenfold._uuid_of(claims ->> 'sub') IS NULL THEN
    RAISE EXCEPTION 'the claim sub is no UUID' USING ERRCODE = 'TF012', HINT = 'A service''s token needs no sub.';
  END IF;
  IF claims ? 'sid' AND NOT EXISTS (
      SELECT FROM tenfold.session s WHERE s.session_id = tenfold._uuid_of(claims ->> 'sid') AND s.revoked_at IS NULL) THEN
    RAISE EXCEPTION 'the session of this token has ended' USING ERRCODE = 'TF012', HINT = 'Log in again.';
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold_api.pre_request FROM PUBLIC;
COMMENT ON FUNCTION tenfold_api.pre_request IS
  'what gateway and PostgREST (db-pre-request) run before every function. Errors: TF030 (429) too many requests, TF012 (401) the token is not for us, or its session has ended';

-- As a uuid: as a text it would fit no index.
CREATE OR REPLACE FUNCTION tenfold._uuid_of(claim text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN claim ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN claim::uuid END;
COMMENT ON FUNCTION tenfold._uuid_of IS 'a claim as the uuid that it must be; NULL: it is none';

CREATE OR REPLACE FUNCTION tenfold_api.openapi() RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  document jsonb := tenfold.openapi();
BEGIN
  PERFORM tenfold.respond(200, jsonb_build_object('ETag', format('"%s"', md5(document::text)), 'Cache-Control', 'public, max-age=60'));
  RETURN document;
END
$$;
COMMENT ON FUNCTION tenfold_api.openapi IS 'This document.';
INSERT INTO tenfold.route (module, method, path, shape, function, response) VALUES
  ('kernel', 'GET', '/openapi.json', 'F', 'tenfold_api.openapi()', '{"type": "object"}');

CREATE OR REPLACE FUNCTION tenfold_api.register(jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET statement_timeout = '10s'  -- of the whole call, by gateway and PostgREST: passwords are slow by design
AS $$
DECLARE
  registered uuid;
BEGIN
  registered := tenfold.register_account($1 ->> 'email', $1 ->> 'password');
  PERFORM tenfold.respond(201);
  RETURN jsonb_build_object('account_id', registered, 'role', 'tenfold_user');
END
$$;
COMMENT ON FUNCTION tenfold_api.register IS 'Makes an account. Its role is always tenfold_user; operators grant more.';
INSERT INTO tenfold.route (module, method, path, shape, function, body, response, success_status, errors, rate_class, example) VALUES
  ('kernel', 'POST', '/register', 'J', 'tenfold_api.register(jsonb)',
   '{"type": "object", "required": ["email", "password"], "additionalProperties": false, "properties": {
     "email": {"type": "string", "format": "email", "maxLength": 254}, "password": {"type": "string", "minLength": 8, "description": "at most 72 bytes"}}}',
   '{"type": "object", "required": ["account_id", "role"], "properties": {"account_id": {"type": "string", "format": "uuid"}, "role": {"const": "tenfold_user"}}}',
   201, '{409}', 'login', '{"body": {"email": "ada@example.com", "password": "correct horse"}}');

CREATE OR REPLACE FUNCTION tenfold_api.login(jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET statement_timeout = '10s'
AS $$
BEGIN
  PERFORM tenfold._limit_account($1 ->> 'email');
  RETURN tenfold._answer_tokens(tenfold.log_in($1 ->> 'email', $1 ->> 'password'));
END
$$;
COMMENT ON FUNCTION tenfold_api.login IS 'Opens a session. 401 for an unknown email as for a wrong password.';
INSERT INTO tenfold.route (module, method, path, shape, function, body, response, errors, rate_class, example) VALUES
  ('kernel', 'POST', '/login', 'J', 'tenfold_api.login(jsonb)',
   '{"type": "object", "required": ["email", "password"], "additionalProperties": false, "properties": {
     "email": {"type": "string"}, "password": {"type": "string"}}}',
   '{"$ref": "#/components/schemas/Tokens"}', '{401}', 'login', '{"body": {"email": "ada@example.com", "password": "correct horse"}}');

-- RFC 6749 §5.1: what holds tokens is not cached.
CREATE OR REPLACE FUNCTION tenfold._answer_tokens(tokens jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold.respond(200, '{"Cache-Control": "no-store"}');
  RETURN tokens;
END
$$;
COMMENT ON FUNCTION tenfold._answer_tokens IS 'tokens as an answer that no cache keeps';

CREATE OR REPLACE FUNCTION tenfold_api.refresh_token(jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  tokens jsonb;
BEGIN
  tokens := tenfold.refresh_session($1 ->> 'refresh_token');
  IF tokens IS NOT NULL THEN
    RETURN tenfold._answer_tokens(tokens);
  END IF;
  PERFORM tenfold.respond(401, '{"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"}');  -- no error: it would undo the revocation
  RETURN '{"code": "TF012", "message": "the refresh token is not good any more", "details": null, "hint": "Log in again."}';
END
$$;
COMMENT ON FUNCTION tenfold_api.refresh_token IS
  'New tokens for a refresh token, which is good for one use: one that comes again ends its whole session.';
INSERT INTO tenfold.route (module, method, path, shape, function, body, response, errors, rate_class, example) VALUES
  ('kernel', 'POST', '/token/refresh', 'J', 'tenfold_api.refresh_token(jsonb)',
   '{"type": "object", "required": ["refresh_token"], "additionalProperties": false, "properties": {"refresh_token": {"type": "string"}}}',
   '{"$ref": "#/components/schemas/Tokens"}', '{401}', 'login', '{"body": {"refresh_token": "5feceb66…"}}');

CREATE OR REPLACE FUNCTION tenfold_api.logout(jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  PERFORM tenfold._revoke_session((tenfold.request_claims() ->> 'sid')::uuid, 'logged out');
  PERFORM tenfold.respond(204);
END
$$;
COMMENT ON FUNCTION tenfold_api.logout IS 'Ends the session of the token: none of its tokens is good any more.';
INSERT INTO tenfold.route (module, method, path, shape, function, body, success_status, roles, example) VALUES
  ('kernel', 'POST', '/logout', 'J', 'tenfold_api.logout(jsonb)', '{"type": "object", "additionalProperties": false, "properties": {}}',
   204, '{tenfold_user}', '{"body": {}}');

CREATE OR REPLACE FUNCTION tenfold_api.change_password(jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET statement_timeout = '10s'
AS $$
BEGIN
  RETURN tenfold._answer_tokens(tenfold.change_password(tenfold.current_subject(), $1 ->> 'old_password', $1 ->> 'new_password'));
END
$$;
COMMENT ON FUNCTION tenfold_api.change_password IS 'Sets a new password, ends every session of the account and opens a new one.';
INSERT INTO tenfold.route (module, method, path, shape, function, body, response, errors, roles, rate_class, example) VALUES
  ('kernel', 'POST', '/password', 'J', 'tenfold_api.change_password(jsonb)',
   '{"type": "object", "required": ["old_password", "new_password"], "additionalProperties": false, "properties": {
     "old_password": {"type": "string"}, "new_password": {"type": "string", "minLength": 8, "description": "at most 72 bytes"}}}',
   '{"$ref": "#/components/schemas/Tokens"}', '{}', '{tenfold_user}', 'login',
   '{"body": {"old_password": "correct horse", "new_password": "battery staple"}}');

CREATE OR REPLACE FUNCTION tenfold_api.delete_account() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  IF NOT coalesce(tenfold.delete_account(tenfold.current_subject()), false) THEN
    RAISE EXCEPTION 'this token belongs to no account'
      USING ERRCODE = 'TF013', HINT = 'It may have been deleted already; a service has none.';
  END IF;
  PERFORM tenfold.respond(204);
END
$$;
COMMENT ON FUNCTION tenfold_api.delete_account IS 'Erases the account of the token and ends all its sessions.';
INSERT INTO tenfold.route (module, method, path, shape, function, success_status, errors, roles) VALUES
  ('kernel', 'DELETE', '/account', 'F', 'tenfold_api.delete_account()', 204, '{404}', '{tenfold_user}');

-- PostgREST knows media types without parameters only: the version is a header of the function's.
CREATE OR REPLACE FUNCTION tenfold_api.metrics() RETURNS tenfold_api."text/plain"
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  PERFORM tenfold.respond(200, '{"Content-Type": "text/plain; version=0.0.4; charset=utf-8", "Cache-Control": "no-store"}');
  RETURN tenfold._metrics_text();
END
$$;
COMMENT ON FUNCTION tenfold_api.metrics IS 'What tenfold.metric shows, in the text format of Prometheus.';
INSERT INTO tenfold.route (module, method, path, shape, function, response, roles, example) VALUES
  ('kernel', 'GET', '/metrics', 'F', 'tenfold_api.metrics()', '{"type": "string"}', '{tenfold_operator}',
   E'{"response": "# HELP tenfold_accounts accounts\\n# TYPE tenfold_accounts gauge\\ntenfold_accounts 3\\n"}');
