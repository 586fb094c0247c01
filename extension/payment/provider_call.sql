CREATE OR REPLACE FUNCTION tenfold._payment_body(provider text, call json) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_payment_body';
COMMENT ON FUNCTION tenfold._payment_body IS
  'the request for a call (a row of payment.call as JSON): {"method", "path", "headers", "body", "has_key"}, without secrets. Errors: 22023 no call, or an amount that the provider cannot take, 0A000 what it cannot do';

CREATE OR REPLACE FUNCTION tenfold._payment_event(provider text, body text) RETURNS json
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_payment_event';
COMMENT ON FUNCTION tenfold._payment_event IS
  'what the body of a provider''s webhook says of payments: a list of observations, "refs" and "reference" tell of which. Errors: 22023 no JSON object';
