CREATE OR REPLACE FUNCTION tenfold._json_bytes(value jsonb) RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_json_bytes';
COMMENT ON FUNCTION tenfold._json_bytes IS
  'the bytes of a value as text, counted without making the text (a number of 14 bytes may have 131,072 of text)';

CREATE OR REPLACE FUNCTION tenfold._longest_number(value jsonb) RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_longest_number';
COMMENT ON FUNCTION tenfold._longest_number IS 'the bytes as text of the longest number in a value; 0: it has none';
