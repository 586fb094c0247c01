-- Who may call it may be anybody: only tenfold_owner may.
CREATE OR REPLACE FUNCTION tenfold._sign_jwt(claims text) RETURNS text
LANGUAGE c VOLATILE STRICT AS '$libdir/tenfold', 'tf_sign_jwt';
COMMENT ON FUNCTION tenfold._sign_jwt IS
  'a token with these claims (a JSON object), signed with the first key of the file that tenfold.jwks_file names. Errors: TF010 no key, or others can read it';
