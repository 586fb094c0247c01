CREATE OR REPLACE FUNCTION tenfold._canonical_json(value json) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_canonical_json';
COMMENT ON FUNCTION tenfold._canonical_json IS
  'one text for all that say the same: members sorted, numbers by value, no spaces. Errors: 22023 a member twice, deeper than 64';
