CREATE OR REPLACE FUNCTION tenfold._next_state(machine text, from_state text, event text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_next_state';
COMMENT ON FUNCTION tenfold._next_state IS 'tenfold.next_state()';
