CREATE OR REPLACE FUNCTION tenfold._http_status(state text) RETURNS int
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_http_status';
COMMENT ON FUNCTION tenfold._http_status IS 'the status of an SQLSTATE where PostgREST''s own would be another; else NULL';
