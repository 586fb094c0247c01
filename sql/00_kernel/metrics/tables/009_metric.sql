CREATE TABLE tenfold.declared_metric (
  name text PRIMARY KEY CONSTRAINT name_is_metric CHECK (name ~ '^[a-z][a-z0-9_]*$'),
  module text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL CONSTRAINT kind_is_known CHECK (kind IN ('counter', 'gauge')),
  help text NOT NULL,
  CONSTRAINT counters_are_totals CHECK ((kind = 'counter') = (name LIKE E'%\\_total'))
);
COMMENT ON TABLE tenfold.declared_metric IS
  'what the names of tenfold.metric mean. A module writes its rows anew at each install; rows of yours go under a module name of your own';
COMMENT ON COLUMN tenfold.declared_metric.source IS
  'the function that gives the samples, as to_regprocedure() reads it: without arguments, RETURNS SETOF (name text, labels jsonb, value double precision); one may give many names';
COMMENT ON COLUMN tenfold.declared_metric.kind IS 'counter: it only grows, and starts again with the server. gauge: it goes up and down';

-- PostgREST and the gateway take the name of such a domain for the Content-Type.
CREATE DOMAIN tenfold_api."text/plain" AS text;
COMMENT ON DOMAIN tenfold_api."text/plain" IS 'what a function answers that answers no JSON';
