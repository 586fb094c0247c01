CREATE OR REPLACE FUNCTION tenfold._add_response_header(name text, value text) RETURNS void
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_add_response_header';
COMMENT ON FUNCTION tenfold._add_response_header IS 'adds one header to the answer: what tenfold.respond() does for many, in a twentieth of its time';

CREATE OR REPLACE FUNCTION tenfold._with_next_link(answer json) RETURNS json
LANGUAGE c STABLE AS '$libdir/tenfold', 'tf_with_next_link';
COMMENT ON FUNCTION tenfold._with_next_link IS
  'the answer as it is. If it answers a request, and begins with {"next" : "CURSOR", as json_build_object writes it, the header Link leads to the next page: the request''s own query (X-Query, written by the edge) with this cursor, which must need no encoding';
