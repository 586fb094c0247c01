-- What tenfold.install() runs travels here, and is filled anew by every extension script. Not config-dumped: a
-- restored database gets the text of the library that it is restored into.
CREATE TABLE IF NOT EXISTS tenfold.module_source (
  module text PRIMARY KEY,
  ordinal int NOT NULL UNIQUE,
  schema_name text NOT NULL,
  needs text[] NOT NULL,
  extensions text[] NOT NULL
);
COMMENT ON TABLE tenfold.module_source IS 'the modules this version can install, in load order: the modules and extensions each one needs';

CREATE TABLE IF NOT EXISTS tenfold.migration_source (
  module text NOT NULL REFERENCES tenfold.module_source,
  position int NOT NULL,
  name text NOT NULL,
  once boolean NOT NULL,
  body text NOT NULL,
  PRIMARY KEY (module, name)
);
COMMENT ON TABLE tenfold.migration_source IS 'the SQL of each module in order: tables once, everything else at every install';

GRANT SELECT ON tenfold.module_source, tenfold.migration_source TO PUBLIC;
