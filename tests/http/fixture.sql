-- A small API for the tests of the gateway: the route table, and functions that show each rule.
-- Made in a database of its own, without the extension tenfold: the gateway needs nothing of it but these.
CREATE ROLE tenfold_anonymous NOLOGIN;
CREATE ROLE tenfold_user NOLOGIN;
CREATE ROLE tenfold_authenticator LOGIN NOINHERIT;
GRANT tenfold_anonymous, tenfold_user TO tenfold_authenticator;

CREATE SCHEMA tenfold;
CREATE SCHEMA tenfold_api;
GRANT USAGE ON SCHEMA tenfold TO tenfold_authenticator;
GRANT USAGE ON SCHEMA tenfold_api TO tenfold_authenticator, tenfold_anonymous, tenfold_user;

CREATE TABLE tenfold.route (
  method text NOT NULL,
  path text NOT NULL,
  shape text NOT NULL,
  function text NOT NULL,
  parameters jsonb NOT NULL DEFAULT '[]',
  success_status int NOT NULL DEFAULT 200,
  roles text[] NOT NULL DEFAULT '{tenfold_anonymous}',
  rate_class text NOT NULL DEFAULT 'default',
  example jsonb,
  PRIMARY KEY (method, path)
);
GRANT SELECT ON tenfold.route TO tenfold_authenticator;

CREATE TABLE tenfold_api.thing (
  id int PRIMARY KEY,
  name text NOT NULL CHECK (name <> 'forbidden'),
  twin int UNIQUE DEFERRABLE INITIALLY DEFERRED
);
GRANT SELECT, INSERT ON tenfold_api.thing TO tenfold_anonymous;

CREATE FUNCTION tenfold_api.pre_request() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF nullif(current_setting('request.headers', true), '')::jsonb ->> 'x-refuse' = 'yes' THEN
    RAISE SQLSTATE 'PT429' USING MESSAGE = 'too many requests', HINT = 'wait';
  END IF;
END
$$;

-- F: named parameters, a default, a path id.
CREATE FUNCTION tenfold_api.echo(text text DEFAULT 'nothing', number int DEFAULT 0) RETURNS jsonb
LANGUAGE sql STABLE
RETURN jsonb_build_object('text', text, 'number', number);

CREATE FUNCTION tenfold_api.ping() RETURNS jsonb LANGUAGE sql STABLE RETURN '{"pong": true}'::jsonb;

CREATE FUNCTION tenfold_api.show_settings(text text DEFAULT NULL) RETURNS jsonb LANGUAGE sql STABLE
RETURN jsonb_build_object(
  'role', current_user,
  'claims', current_setting('request.jwt.claims')::jsonb,
  'headers', current_setting('request.headers')::jsonb,
  'cookies', current_setting('request.cookies')::jsonb,
  'method', current_setting('request.method'),
  'path', current_setting('request.path'),
  'read_only', current_setting('transaction_read_only'));

CREATE FUNCTION tenfold_api.show_settings_json(jsonb) RETURNS jsonb LANGUAGE sql VOLATILE
RETURN jsonb_build_object('settings', tenfold_api.show_settings(), 'body', $1);

CREATE FUNCTION tenfold_api.add_thing(jsonb) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  INSERT INTO tenfold_api.thing (id, name, twin)
  VALUES (($1 ->> 'id')::int, $1 ->> 'name', ($1 ->> 'twin')::int);
  PERFORM set_config('response.headers', format('[{"Location": "/api/v1/things/%s"}]', $1 ->> 'id'), true);
  RETURN $1;
END
$$;

CREATE FUNCTION tenfold_api.get_thing(id int) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  thing tenfold_api.thing;
BEGIN
  SELECT * INTO thing FROM tenfold_api.thing AS t WHERE t.id = get_thing.id;
  IF NOT FOUND THEN
    RAISE SQLSTATE 'PT404' USING MESSAGE = format('no thing %s', id), HINT = 'add it', DETAIL = 'gone';
  END IF;
  PERFORM set_config('response.headers', format('[{"ETag": "\"%s\""}]', md5(thing.name)), true);
  RETURN to_jsonb(thing);
END
$$;

CREATE FUNCTION tenfold_api.list_things() RETURNS SETOF tenfold_api.thing LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT * FROM tenfold_api.thing ORDER BY id;
END;

CREATE FUNCTION tenfold_api.forget(id int) RETURNS void LANGUAGE sql VOLATILE BEGIN ATOMIC SELECT 1; END;

CREATE FUNCTION tenfold_api.write_in_stable() RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
  EXECUTE 'INSERT INTO tenfold_api.thing VALUES (-1, ''no'')';
  RETURN '{}';
END
$$;

CREATE FUNCTION tenfold_api.raise(code text, message text DEFAULT 'm', detail text DEFAULT '') RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, DETAIL = detail, HINT = 'h';
END
$$;

CREATE FUNCTION tenfold_api.respond(status text DEFAULT NULL, headers text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM set_config('response.status', coalesce(status, ''), true);
  PERFORM set_config('response.headers', coalesce(headers, ''), true);
  RETURN '{"answered": true}';
END
$$;

-- Not jsonb: what comes twice is still there.
CREATE FUNCTION tenfold_api.count_members(json) RETURNS bigint LANGUAGE sql STABLE
RETURN (SELECT count(*) FROM json_object_keys($1));

CREATE FUNCTION tenfold_api.sum_bytes(bytea) RETURNS text LANGUAGE sql STABLE RETURN encode(sha256($1), 'hex');

CREATE DOMAIN tenfold_api."text/csv" AS text;
CREATE FUNCTION tenfold_api.table_csv() RETURNS tenfold_api."text/csv" LANGUAGE sql STABLE
RETURN E'a,b\n1,2\n'::tenfold_api."text/csv";
CREATE DOMAIN tenfold_api."application/octet-stream" AS bytea;
CREATE FUNCTION tenfold_api.bytes() RETURNS tenfold_api."application/octet-stream" LANGUAGE sql STABLE
RETURN '\x00ff10'::bytea::tenfold_api."application/octet-stream";

CREATE FUNCTION tenfold_api.large(size int) RETURNS jsonb LANGUAGE sql STABLE
RETURN jsonb_build_object('text', repeat('x', size));

CREATE FUNCTION tenfold_api.slow(seconds double precision) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM pg_sleep(seconds);
  RETURN '{"slept": true}';
END
$$;

-- For its session, where it should be for its transaction.
CREATE FUNCTION tenfold_api.leak() RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM set_config('response.headers', '[{"X-Leak": "1"}, {"Content-Length": "1"}, {"Bad Name": "1"}]', false);
  PERFORM set_config('response.status', '202', false);
  RETURN '{}';
END
$$;

CREATE FUNCTION tenfold_api.impatient() RETURNS jsonb LANGUAGE plpgsql VOLATILE
SET statement_timeout = '100ms'
AS $$
BEGIN
  PERFORM pg_sleep(5);
  RETURN '{}';
END
$$;

CREATE FUNCTION tenfold_api.for_users() RETURNS jsonb LANGUAGE sql STABLE RETURN '{"secret": 1}'::jsonb;
REVOKE EXECUTE ON FUNCTION tenfold_api.for_users() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenfold_api.for_users() TO tenfold_user;

INSERT INTO tenfold.route (method, path, shape, function, parameters, success_status) VALUES
  ('GET', '/ping', 'F', 'tenfold_api.ping()', '[]', 200),
  ('GET', '/echo', 'F', 'tenfold_api.echo(text, int)',
    '[{"name": "text", "in": "query"}, {"name": "number", "in": "query", "pattern": "-?[0-9]{1,19}"}]', 200),
  ('GET', '/settings', 'F', 'tenfold_api.show_settings(text)', '[{"name": "text", "in": "query"}]', 200),
  ('POST', '/settings/:thing_id', 'J', 'tenfold_api.show_settings_json(jsonb)',
    '[{"name": "thing_id", "in": "path", "pattern": "[0-9]{1,19}"}]', 200),
  ('GET', '/things', 'F', 'tenfold_api.list_things()', '[]', 200),
  ('POST', '/things', 'J', 'tenfold_api.add_thing(jsonb)', '[]', 201),
  ('GET', '/things/:id', 'F', 'tenfold_api.get_thing(int)',
    '[{"name": "id", "in": "path", "pattern": "[0-9]{1,19}"}]', 200),
  ('DELETE', '/things/:id', 'F', 'tenfold_api.forget(int)',
    '[{"name": "id", "in": "path", "pattern": "[0-9]{1,19}"}]', 204),
  ('GET', '/write-in-stable', 'F', 'tenfold_api.write_in_stable()', '[]', 200),
  ('GET', '/raise', 'F', 'tenfold_api.raise(text, text, text)',
    '[{"name": "code", "in": "query", "required": true, "pattern": "[A-Z0-9]{5}"},
      {"name": "message", "in": "query"}, {"name": "detail", "in": "query"}]', 200),
  ('GET', '/respond', 'F', 'tenfold_api.respond(text, text)',
    '[{"name": "status", "in": "query"}, {"name": "headers", "in": "query"}]', 200),
  ('POST', '/members', 'J', 'tenfold_api.count_members(json)', '[]', 200),
  ('POST', '/bytes/sum', 'R', 'tenfold_api.sum_bytes(bytea)', '[]', 200),
  ('GET', '/bytes', 'F', 'tenfold_api.bytes()', '[]', 200),
  ('GET', '/table.csv', 'F', 'tenfold_api.table_csv()', '[]', 200),
  ('GET', '/large', 'F', 'tenfold_api.large(int)',
    '[{"name": "size", "in": "query", "required": true, "pattern": "[0-9]{1,7}"}]', 200),
  ('GET', '/slow', 'F', 'tenfold_api.slow(double precision)',
    '[{"name": "seconds", "in": "query", "required": true, "pattern": "[0-9.]{1,5}"}]', 200),
  ('GET', '/leak', 'F', 'tenfold_api.leak()', '[]', 200),
  ('GET', '/impatient', 'F', 'tenfold_api.impatient()', '[]', 200),
  ('GET', '/for-users', 'F', 'tenfold_api.for_users()', '[]', 200),
  ('GET', '/broken', 'F', 'tenfold_api.absent()', '[]', 200);
