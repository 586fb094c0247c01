-- What HTTP may call has a schema of its own: PostgREST serves all that it finds in one.
SELECT tenfold._claim_schema('tenfold_api');

CREATE TABLE tenfold.route (
  module text NOT NULL,
  method text NOT NULL CONSTRAINT method_is_known CHECK (method IN ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')),
  path text NOT NULL CONSTRAINT path_is_template CHECK (path ~ '^(/(:[a-z][a-z0-9_]*|[a-z0-9][a-z0-9.-]*))+$'),
  shape text NOT NULL CONSTRAINT shape_is_known CHECK (shape IN ('F', 'J', 'R', 'S', 'W')),
  function text NOT NULL,
  parameters jsonb NOT NULL DEFAULT '[]' CONSTRAINT parameters_are_list CHECK (jsonb_typeof(parameters) = 'array'),
  body jsonb,
  response jsonb,
  success_status int NOT NULL DEFAULT 200 CONSTRAINT status_is_success CHECK (success_status BETWEEN 200 AND 399),
  errors int[] NOT NULL DEFAULT '{}' CONSTRAINT errors_are_statuses CHECK (400 <= ALL (errors) AND 599 >= ALL (errors)),
  roles text[] NOT NULL DEFAULT '{tenfold_anonymous}' CONSTRAINT some_role_may CHECK (cardinality(roles) > 0),
  rate_class text NOT NULL DEFAULT 'default',
  example jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (method, path)
);
COMMENT ON TABLE tenfold.route IS
  'the public API, a row a path: the gateway, the nginx file, OpenAPI and the tests are made of it. A module writes its rows anew at each install; rows of yours go under a module name of your own';
COMMENT ON COLUMN tenfold.route.path IS 'without /api/v1; :name is a parameter';
COMMENT ON COLUMN tenfold.route.shape IS
  'what the function gets: F named parameters, J one jsonb, or one json to tell members that come twice, R one bytea, S a stream through COPY, W a WebSocket';
COMMENT ON COLUMN tenfold.route.function IS 'in schema tenfold_api, as to_regprocedure() reads it; its COMMENT describes the path';
COMMENT ON COLUMN tenfold.route.parameters IS
  '[{"name", "in": "path" or "query", "pattern": a regular expression of the whole value, "required", "description"}, …]';
COMMENT ON COLUMN tenfold.route.body IS 'JSON Schema of the body of shape J: the function gets no other; a pattern is RE2''s';
COMMENT ON COLUMN tenfold.route.response IS 'JSON Schema of the answer; NULL: no body';
COMMENT ON COLUMN tenfold.route.errors IS 'statuses of this path beyond those that every path may answer';
COMMENT ON COLUMN tenfold.route.roles IS 'who may call; whoever inherits from one of these may, too';
COMMENT ON COLUMN tenfold.route.rate_class IS 'the class of the rate limiter';
COMMENT ON COLUMN tenfold.route.example IS '{"path": {…}, "query": {…}, "body": {…}, "response": …}';

CREATE TABLE tenfold.api_schema (
  name text PRIMARY KEY CONSTRAINT name_is_component CHECK (name ~ '^[A-Z][A-Za-z]*$'),
  module text NOT NULL,
  schema jsonb NOT NULL
);
COMMENT ON TABLE tenfold.api_schema IS 'JSON Schemas that several routes name: {"$ref": "#/components/schemas/NAME"}';
