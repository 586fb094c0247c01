CREATE OR REPLACE FUNCTION tenfold._add_response_header(name text, value text) RETURNS void
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_add_response_header';
COMMENT ON FUNCTION tenfold._add_response_header IS 'adds one header to the answer: what tenfold.respond() does for many, in a twentieth of its time';
