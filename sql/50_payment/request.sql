-- What a merchant asks: each under a key of its own, claimed by the row that also keeps the answer.

CREATE OR REPLACE FUNCTION payment._create_schema() RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{"type": "object", "required": ["amount", "currency", "customer_id", "payment_method"], "additionalProperties": false, "properties": {
  "amount": {"type": "number", "description": "a decimal of the currency, with at most its digits"},
  "currency": {"type": "string", "description": "ISO 4217"},
  "customer_id": {"type": ["integer", "string"], "description": "your own name for who pays"},
  "payment_method": {"type": "string", "description": "card, upi, wallet"},
  "payment_token": {"type": ["string", "null"], "maxLength": 255, "description": "the provider''s, of what is charged; without it the customer acts at the provider''s page"},
  "capture": {"type": "string", "enum": ["automatic", "manual"]},
  "country": {"type": ["string", "null"], "pattern": "^[A-Z]{2}$", "description": "ISO 3166-1 alpha-2"},
  "metadata": {"type": ["object", "null"]},
  "idempotency_key": {"type": "string", "description": "if it is there, that of the header"},
  "merchant_id": {"type": "integer", "description": "if it is there, that of the token"}}}'::jsonb;
COMMENT ON FUNCTION payment._create_schema IS 'the JSON Schema of what payment.create() takes';

CREATE OR REPLACE FUNCTION payment._check_key(key text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF key IS NULL OR length(key) NOT BETWEEN 1 AND 255 THEN
    RAISE EXCEPTION 'the idempotency key %', CASE WHEN key <> '' THEN format('has %s characters', length(key)) ELSE 'is missing' END
      USING ERRCODE = 'TFP01', HINT = 'A header Idempotency-Key of 1 to 255 characters: a new one for each payment, the same to repeat it.';
  END IF;
END
$$;
COMMENT ON FUNCTION payment._check_key IS 'raises TFP01 for a key that is missing, or longer than 255 characters';

CREATE OR REPLACE FUNCTION payment._fingerprint(path text, body jsonb) RETURNS bytea
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
RETURN sha256(convert_to(path || E'\n' || tenfold._canonical_json(body::text::json), 'UTF8'));
COMMENT ON FUNCTION payment._fingerprint IS 'what two requests of one key must share: SHA-256 of method and path, and of the body by value';

CREATE OR REPLACE FUNCTION payment._replay(merchant bigint, key text, print bytea) RETURNS payment.request
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  before payment.request;
BEGIN
  SELECT * INTO before FROM payment.request r WHERE r.merchant_id = merchant AND r.idempotency_key = key;
  IF before.fingerprint <> print THEN
    RAISE EXCEPTION 'the idempotency key "%" was used for another request', key
      USING ERRCODE = 'TFP03', HINT = format('It was a %s at %s. A new request takes a new key.', before.operation, before.created_at);
  END IF;
  RETURN before;
END
$$;
COMMENT ON FUNCTION payment._replay IS 'the request that has this key; NULL: none yet. Errors: TFP03 it was another request';

CREATE OR REPLACE FUNCTION payment._replayed_answer(answer text) RETURNS json
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
RETURN (left(answer, -1) || ',"cached":true}')::json;
COMMENT ON FUNCTION payment._replayed_answer IS 'the answer of then, byte for byte, with "cached":true before the last brace';

-- Waits where another transaction holds the key, and goes on if that one rolled back.
CREATE OR REPLACE FUNCTION payment._claim_key(r payment.request) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '1s'
AS $$
BEGIN
  INSERT INTO payment.request VALUES (r.*) ON CONFLICT ON CONSTRAINT request_pkey DO NOTHING;
  RETURN FOUND;
EXCEPTION WHEN lock_not_available THEN
  RAISE EXCEPTION 'a request with the idempotency key "%" is being answered', r.idempotency_key
    USING ERRCODE = 'TFP04', HINT = 'Repeat it in a second.';
END
$$;
COMMENT ON FUNCTION payment._claim_key IS 'inserts the request; false: another has committed one with this key. Errors: TFP04 one is under way for more than a second';

CREATE OR REPLACE FUNCTION payment._check_amount(amount jsonb, currency text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  most CONSTANT bigint := 1000000000000000;  -- exact in any JSON reader
  minor numeric;
BEGIN
  IF NOT coalesce(tenfold.is_currency(currency), false) THEN
    RAISE EXCEPTION 'unknown currency "%"', left(currency, 20) USING ERRCODE = 'TFP06', HINT = 'Three capital letters of ISO 4217, of money in use: INR, USD.';
  END IF;
  minor := amount::numeric * 10::numeric ^ tenfold.currency_digits(currency);
  IF minor <= 0 OR minor <> trunc(minor) OR minor > most THEN
    RAISE EXCEPTION '% is no amount of % to pay', left(amount::text, 50), currency USING ERRCODE = 'TFP05',
      HINT = format('Above 0, with at most %s digits after the point, at most %s.', tenfold.currency_digits(currency), tenfold.from_minor(most, currency));
  END IF;
  RETURN minor;
END
$$;
COMMENT ON FUNCTION payment._check_amount IS 'a decimal amount in minor units. Errors: TFP06 unknown currency, TFP05 not above 0, too many digits, too large';

CREATE OR REPLACE FUNCTION payment._check_no_card(body jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  place text := tenfold._payment_card_number_in(body::text::json);
BEGIN
  IF place IS NOT NULL THEN
    RAISE EXCEPTION '"%" looks like the number of a card', left(regexp_replace(place, '[0-9]', '#', 'g'), 100)
      USING ERRCODE = 'TFP08', HINT = 'Send the provider''s token of the card as payment_token, and never its number.';
  END IF;
END
$$;
COMMENT ON FUNCTION payment._check_no_card IS 'raises TFP08 where a value or a name of a member passes for the number of a card; does not show it';

CREATE OR REPLACE FUNCTION payment._write_payment(p payment.payment, body jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO payment.payment VALUES (p.*);
  INSERT INTO payment.transfer (merchant_id, transfer_id, payment_id, amount_minor, at, currency, debit, credit, phase)
    VALUES (p.merchant_id, tenfold._uuid_v5(p.payment_id, '1:pending'), p.payment_id, p.amount_minor, p.created_at, p.currency, 'providers', 'merchant', 'pending');
  PERFORM payment._publish(p, 'payment.initiated', body);
END
$$;
COMMENT ON FUNCTION payment._write_payment IS 'a new payment, its pending transfer and its event';

CREATE OR REPLACE FUNCTION payment._publish(p payment.payment, type text, body jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold.publish('payment-events', p.payment_id::text, jsonb_build_object(
    'event_id', tenfold._uuid_v7(tenfold._bucket_of_uuid(p.payment_id)), 'event_type', type, 'transaction_id', p.payment_id, 'merchant_id', p.merchant_id,
    'amount', tenfold.from_minor(p.amount_minor, p.currency), 'amount_minor', p.amount_minor, 'currency', p.currency, 'status', p.state,
    'idempotency_key', p.idempotency_key, 'timestamp', clock_timestamp(), 'metadata', coalesce(body -> 'metadata', '{}')));
END
$$;
COMMENT ON FUNCTION payment._publish IS 'an event of a payment; after its row changed, under its lock: so they come in order';

CREATE OR REPLACE FUNCTION payment._new_payment(merchant bigint, key text, body jsonb) RETURNS payment.payment
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  p payment.payment;
BEGIN
  p.merchant_id := merchant;
  p.idempotency_key := key;
  p.currency := body ->> 'currency';
  p.amount_minor := payment._check_amount(body -> 'amount', p.currency);
  p.method := body ->> 'payment_method';
  p.country := body ->> 'country';
  p.manual_capture := coalesce(body ->> 'capture' = 'manual', false);
  p.created_at := clock_timestamp();
  p.expires_at := p.created_at + payment._check_route(p.method, p.currency, p.country, p.manual_capture);
  p.payment_id := tenfold._uuid_v7(tenfold.bucket_of_key(merchant));
  p.held_minor := 0;
  p.captured_minor := 0;
  p.refund_minor := 0;
  p.exposed := false;
  p.state := tenfold._next_state('payment', '[*]', 'create');
  p.next_at := p.created_at + interval '1 min';
  p.changed_at := p.created_at;
  RETURN p;
END
$$;
COMMENT ON FUNCTION payment._new_payment IS 'the row of a payment that is asked for. Errors: TFP05, TFP06, TFP07';

CREATE OR REPLACE FUNCTION payment._check_create(body jsonb) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._check_json(payment._create_schema(), body);
  IF body ->> 'capture' NOT IN ('automatic', 'manual') THEN
    RAISE EXCEPTION 'capture is "%"', left(body ->> 'capture', 50) USING ERRCODE = '22023', HINT = 'automatic, which it is without it, or manual.';
  ELSIF length(body ->> 'payment_token') > 255 OR length(body ->> 'customer_id') > 255 OR length(body ->> 'country') <> 2 THEN
    RAISE EXCEPTION 'payment_token, customer_id or country is too long' USING ERRCODE = '22023', HINT = 'At most 255 characters; a country has two letters.';
  ELSIF tenfold._json_bytes(body) > 16384 THEN
    RAISE EXCEPTION 'the body has % bytes', tenfold._json_bytes(body) USING ERRCODE = '22023', HINT = 'At most 16384: keep what is large elsewhere, and name it in metadata.';
  END IF;
  PERFORM payment._check_no_card(body);
END
$$;
COMMENT ON FUNCTION payment._check_create IS 'raises 22023 or TFP08 for what payment.create() does not take';

CREATE OR REPLACE FUNCTION payment._initial_answer(p payment.payment, body jsonb) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN format('{"transaction_id": "%s", "status": "%s", "amount": %s, "amount_minor": %s, "currency": "%s", "payment_method": %s, "customer_id": %s, "created_at": %s}',
  p.payment_id, p.state, tenfold.from_minor(p.amount_minor, p.currency), p.amount_minor, p.currency, to_json(p.method), body -> 'customer_id', to_json(p.created_at));
COMMENT ON FUNCTION payment._initial_answer IS 'what a merchant is told of a new payment';

CREATE OR REPLACE FUNCTION payment.create(merchant_id bigint, idempotency_key text, request jsonb, OUT status int, OUT answer json, OUT replayed boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  body CONSTANT jsonb := request - '{idempotency_key,merchant_id}'::text[];
  print bytea;
  before payment.request;
  p payment.payment;
  said text;
BEGIN
  PERFORM payment._check_key($2), payment._check_create(request);
  print := payment._fingerprint('POST /payments', body);
  FOR tries IN 1..3 LOOP  -- who has the key may roll back between two statements
    before := payment._replay($1, $2, print);
    IF before.answer IS NOT NULL THEN
      status := 200;
      answer := payment._replayed_answer(before.answer);
      replayed := true;
      RETURN;
    END IF;
    IF p.payment_id IS NULL THEN
      p := payment._new_payment($1, $2, body);
      said := payment._initial_answer(p, body);
    END IF;
    IF payment._claim_key(($1, $2, print, 'create', p.payment_id, body, 202, said, p.created_at)) THEN
      PERFORM payment._admit(p.method, p.currency, p.country), payment._write_payment(p, body);
      status := 202;
      answer := said;
      replayed := false;
      RETURN;
    END IF;
  END LOOP;
  RAISE EXCEPTION 'a request with the idempotency key "%" is being answered', $2 USING ERRCODE = 'TFP04', HINT = 'Repeat it in a second.';
END
$$;
COMMENT ON FUNCTION payment.create IS
  'a payment of a merchant, under its key: request, payment, pending transfer, event and answer in one commit. The same key and request again gives the answer of then. '
  'request: {amount, currency, customer_id, payment_method, payment_token, capture, country, metadata}. '
  'Errors: TFP01 key, 22023 body, TFP03 key of another request, TFP04 key in flight, TFP05 amount, TFP06 currency, TFP07 no route, TFP08 card number, TFP12 too many';
