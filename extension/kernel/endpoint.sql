CREATE OR REPLACE FUNCTION tenfold._http_status(state text) RETURNS int
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_http_status';
COMMENT ON FUNCTION tenfold._http_status IS 'the status of an SQLSTATE where PostgREST''s own would be another; else NULL';

CREATE OR REPLACE FUNCTION tenfold._check_schema(schema jsonb, components jsonb DEFAULT '{}') RETURNS void
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_check_schema';
COMMENT ON FUNCTION tenfold._check_schema IS
  'raises 22023 unless it is a JSON Schema of which all is checked (extension/kernel/json_schema.hpp lists the keywords); components: what a $ref may name';

CREATE OR REPLACE FUNCTION tenfold._check_json(schema jsonb, body jsonb) RETURNS void
LANGUAGE c IMMUTABLE PARALLEL SAFE AS '$libdir/tenfold', 'tf_check_json';
COMMENT ON FUNCTION tenfold._check_json IS
  'raises 22023 unless the body is as the JSON Schema wants it: the message says which member and why, the detail is its JSON pointer';

CREATE OR REPLACE FUNCTION tenfold._json_problem(schema jsonb, value jsonb, OUT pointer text, OUT problem text, OUT hint text) RETURNS record
LANGUAGE c IMMUTABLE PARALLEL SAFE AS '$libdir/tenfold', 'tf_json_problem';
COMMENT ON FUNCTION tenfold._json_problem IS 'where and why a value is not as the JSON Schema wants it; NULL: it is';
