CREATE OR REPLACE FUNCTION tenfold._payment_card_number_in(value json) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_payment_card_number_in';
COMMENT ON FUNCTION tenfold._payment_card_number_in IS
  'the path of the first text, number or name of a member that holds what looks like the number of a card; NULL: none. Errors: 22023 as _canonical_json()';
