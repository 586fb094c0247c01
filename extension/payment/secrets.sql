-- Only tenfold_owner may call these: whoever may sign may forge.
CREATE OR REPLACE FUNCTION tenfold._payment_verify(
  provider text, signature text, id text, "timestamp" text, signatures text, body bytea, now bigint) RETURNS text
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_payment_verify';
COMMENT ON FUNCTION tenfold._payment_verify IS
  'why a webhook of this provider is not genuine; NULL: it is. signature: the header of Stripe or Razorpay; id, timestamp, signatures: those of Standard Webhooks; now: seconds since 1970. Errors: TF010 no file of secrets';

CREATE OR REPLACE FUNCTION tenfold._payment_endpoint_secret(endpoint text, generation int) RETURNS text
LANGUAGE c VOLATILE STRICT AS '$libdir/tenfold', 'tf_payment_endpoint_secret';
COMMENT ON FUNCTION tenfold._payment_endpoint_secret IS
  'the secret of an endpoint, as Standard Webhooks writes it: whsec_ and base64. Errors: TF010 no master key';

CREATE OR REPLACE FUNCTION tenfold._payment_sign(
  endpoint text, generation int, with_old boolean, id text, seconds bigint, body text) RETURNS text
LANGUAGE c VOLATILE STRICT AS '$libdir/tenfold', 'tf_payment_sign';
COMMENT ON FUNCTION tenfold._payment_sign IS
  'the value of webhook-signature for this message; with_old: by the generation before, too. Errors: TF010 no master key';
