-- OpenAPI 3.1 from tenfold.route, the functions' COMMENTs and the types of their arguments.

CREATE OR REPLACE FUNCTION tenfold._openapi_type(type oid) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
  WHEN type IN ('int2'::regtype, 'int4'::regtype) THEN '{"type": "integer", "format": "int32"}'::jsonb
  WHEN type = 'int8'::regtype THEN '{"type": "integer", "format": "int64"}'
  WHEN type IN ('float4'::regtype, 'float8'::regtype, 'numeric'::regtype) THEN '{"type": "number"}'
  WHEN type = 'bool'::regtype THEN '{"type": "boolean"}'
  WHEN type = 'date'::regtype THEN '{"type": "string", "format": "date"}'
  WHEN type = 'timestamptz'::regtype THEN '{"type": "string", "format": "date-time"}'
  WHEN type = 'uuid'::regtype THEN '{"type": "string", "format": "uuid"}'
  ELSE '{"type": "string"}' END;
COMMENT ON FUNCTION tenfold._openapi_type IS 'the JSON Schema of a parameter of this type';

CREATE OR REPLACE FUNCTION tenfold._openapi_parameters(route tenfold.route) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
    'name', p.value ->> 'name', 'in', p.value ->> 'in', 'description', p.value ->> 'description',
    'required', p.value ->> 'in' = 'path' OR coalesce((p.value ->> 'required')::boolean, false),
    'example', route.example -> (p.value ->> 'in') -> (p.value ->> 'name'),
    'schema', t.schema || CASE WHEN t.schema ->> 'type' = 'string' AND p.value ? 'pattern'
      THEN jsonb_build_object('pattern', '^(' || (p.value ->> 'pattern') || ')$') ELSE '{}' END)) ORDER BY p.ordinality), '[]')
  FROM jsonb_array_elements(route.parameters) WITH ORDINALITY p
  LEFT JOIN pg_catalog.pg_proc f ON f.oid = to_regprocedure(route.function)
  CROSS JOIN LATERAL (SELECT tenfold._openapi_type(f.proargtypes[array_position(f.proargnames, p.value ->> 'name') - 1]) AS schema) t;
END;
COMMENT ON FUNCTION tenfold._openapi_parameters IS 'a route''s parameters, as OpenAPI describes them';

CREATE OR REPLACE FUNCTION tenfold._openapi_media_type(function text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce((SELECT t.typname::text FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_type t ON t.oid = p.prorettype
  WHERE p.oid = to_regprocedure(function) AND t.typtype = 'd' AND t.typname LIKE '%/%'), 'application/json');
COMMENT ON FUNCTION tenfold._openapi_media_type IS 'what a function answers: the media type that its domain is named after, else JSON';

CREATE OR REPLACE FUNCTION tenfold._openapi_responses(route tenfold.route) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_object_agg(status, CASE WHEN status < 400 THEN
      jsonb_strip_nulls(jsonb_build_object('description', 'done', 'content', CASE WHEN route.response IS NOT NULL THEN
        jsonb_build_object(tenfold._openapi_media_type(route.function), jsonb_strip_nulls(jsonb_build_object('schema', route.response, 'example', route.example -> 'response'))) END))
    ELSE jsonb_build_object('$ref', '#/components/responses/' || status) END)
  FROM (SELECT route.success_status UNION SELECT unnest(route.errors)
        UNION SELECT unnest(ARRAY[400, 409, 429, 502, 503, 504])
        UNION SELECT unnest(ARRAY[401, 403]) WHERE route.roles <> '{tenfold_anonymous}') AS s(status);
END;
COMMENT ON FUNCTION tenfold._openapi_responses IS 'every status a route may answer, with its body';

CREATE OR REPLACE FUNCTION tenfold._openapi_operation(route tenfold.route) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_strip_nulls(jsonb_build_object(
    'tags', jsonb_build_array(route.module),
    'operationId', substring(route.function FROM '[.](.*)[(]'),
    'description', obj_description(to_regprocedure(route.function)::oid, 'pg_proc'),
    'parameters', tenfold._openapi_parameters(route),
    'requestBody', CASE WHEN route.body IS NOT NULL THEN jsonb_build_object('required', true, 'content',
      jsonb_build_object('application/json', jsonb_strip_nulls(jsonb_build_object('schema', route.body, 'example', route.example -> 'body')))) END,
    'security', CASE WHEN route.roles <> '{tenfold_anonymous}' THEN '[{"bearer": []}]'::jsonb END))
    || jsonb_build_object('responses', tenfold._openapi_responses(route));
END;
COMMENT ON FUNCTION tenfold._openapi_operation IS 'one route, as OpenAPI describes it';

-- What a status means wherever it occurs.
CREATE OR REPLACE FUNCTION tenfold._openapi_problems() RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_object_agg(status, jsonb_build_object('description', meaning, 'content',
    '{"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}'::jsonb))
  FROM (VALUES
    (400, 'a parameter or the body is not as described; message and hint say which and why'),
    (401, 'the token is missing, expired or revoked: log in, or refresh'), (402, 'the payment was declined'),
    (403, 'this role, or this account, may not do that'), (404, 'there is no such thing'),
    (409, 'it conflicts with what is there; with Retry-After: somebody changed the same thing, repeat it'), (410, 'it has expired'), (412, 'it changed since you read it: read it again'),
    (415, 'send application/json'), (422, 'understood, but it cannot be'), (429, 'too many requests: wait as long as Retry-After says'),
    (501, 'not available in this version'),
    (502, 'what this path depends on is away: repeat after Retry-After'), (503, 'not at the moment: repeat after Retry-After'),
    (504, 'it took too long: it may have been done, look before repeating')) AS p(status, meaning);
END;
COMMENT ON FUNCTION tenfold._openapi_problems IS 'the answers to what fails, by status';

CREATE OR REPLACE FUNCTION tenfold.openapi() RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_build_object(
    'openapi', '3.1.0',
    'info', jsonb_build_object('title', 'tenfold', 'version', tenfold.version(), 'description', 'Ten classic backends inside PostgreSQL.',
      'license', '{"name": "PostgreSQL", "identifier": "PostgreSQL"}'::jsonb),
    'servers', '[{"url": "/api/v1"}]'::jsonb,
    'paths', (SELECT coalesce(jsonb_object_agg(p.path, p.operations), '{}') FROM (
        SELECT regexp_replace(r.path, ':([a-z0-9_]+)', E'{\\1}', 'g') AS path, jsonb_object_agg(lower(r.method COLLATE "C"), tenfold._openapi_operation(r)) AS operations
        FROM tenfold.route r GROUP BY r.path) p),
    'components', jsonb_build_object(
      'schemas', (SELECT jsonb_object_agg(s.name, s.schema) FROM tenfold.api_schema s),
      'responses', tenfold._openapi_problems(),
      'securitySchemes', '{"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "access_token of /login"}}'::jsonb));
END;
COMMENT ON FUNCTION tenfold.openapi IS 'the OpenAPI 3.1 document of all routes';
