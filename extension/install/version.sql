CREATE OR REPLACE FUNCTION tenfold.version() RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_version';
COMMENT ON FUNCTION tenfold.version IS 'the version of the loaded library, e.g. 0.1.0';

CREATE OR REPLACE FUNCTION tenfold._preloaded() RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_preloaded';
COMMENT ON FUNCTION tenfold._preloaded IS 'whether the library came by shared_preload_libraries';

CREATE OR REPLACE FUNCTION tenfold._error_codes(
  OUT sqlstate text, OUT name text, OUT http_status int, OUT meaning text) RETURNS SETOF record
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_error_codes';
COMMENT ON FUNCTION tenfold._error_codes IS 'the errors that tenfold raises by itself';
