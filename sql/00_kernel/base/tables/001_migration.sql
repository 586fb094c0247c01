CREATE TABLE tenfold.module (
  module text PRIMARY KEY,
  version text NOT NULL,
  installed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE tenfold.module IS 'the modules installed in this database, each with the version that was installed last';

CREATE TABLE tenfold.migration (
  module text NOT NULL,
  name text NOT NULL,
  checksum text NOT NULL,
  version text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (module, name)
);
COMMENT ON TABLE tenfold.migration IS 'the once-only scripts that were applied: md5 of the text, and the version that brought it';
