-- Capture, void, refund, each under a key of its own; and cancel, which finds out itself which of them it takes.

CREATE OR REPLACE FUNCTION payment._locked(merchant bigint, wanted uuid) RETURNS payment.payment
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  p payment.payment;
BEGIN
  SELECT * INTO p FROM payment.payment f WHERE (f.merchant_id, f.payment_id) = (merchant, wanted) FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'payment % does not exist', coalesce(wanted::text, 'NULL') USING ERRCODE = 'TFP09', HINT = 'GET /payments lists a merchant''s own.';
  END IF;
  RETURN p;
END
$$;
COMMENT ON FUNCTION payment._locked IS 'a payment''s row, locked. Errors: TFP09 the merchant has none of this id';

CREATE OR REPLACE FUNCTION payment._refuse_state(p payment.payment, kind text, hint text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION 'payment % is %: no % now', p.payment_id, p.state, kind USING ERRCODE = 'TFP10', HINT = hint;
END
$$;
COMMENT ON FUNCTION payment._refuse_state IS 'raises TFP10';

CREATE OR REPLACE FUNCTION payment._check_no_other(p payment.payment, kind text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  other text := (SELECT o.kind FROM payment.operation o WHERE (o.merchant_id, o.payment_id) = (p.merchant_id, p.payment_id)
    AND o.kind IN ('capture', 'void') AND o.state <> 'failed' LIMIT 1);
BEGIN
  IF other IS NOT NULL THEN
    PERFORM payment._refuse_state(p, kind, format('A %s is under way.', other));
  END IF;
END
$$;
COMMENT ON FUNCTION payment._check_no_other IS 'raises TFP10 where a capture or a void is under way, or was done';

CREATE OR REPLACE FUNCTION payment._reserve(p payment.payment, kind text, wanted bigint) RETURNS payment.payment
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  free bigint := CASE kind WHEN 'refund' THEN p.captured_minor - p.refund_minor ELSE p.held_minor END;
BEGIN
  IF kind = 'refund' AND p.state <> 'success' THEN
    PERFORM payment._refuse_state(p, kind, 'Only what succeeded is refunded.');
  ELSIF kind <> 'refund' AND p.state <> 'authorized' THEN
    PERFORM payment._refuse_state(p, kind, 'Only what is authorized is captured or voided; what succeeded is refunded.');
  ELSIF kind <> 'refund' THEN
    PERFORM payment._check_no_other(p, kind);
  END IF;
  IF coalesce(wanted, free) NOT BETWEEN 1 AND free THEN
    RAISE EXCEPTION '% % of payment % is not between % and %', kind, tenfold.from_minor(coalesce(wanted, free), p.currency), p.payment_id,
      tenfold.from_minor(1, p.currency), tenfold.from_minor(free, p.currency) USING ERRCODE = 'TFP11', HINT = 'That is what is held, or left to refund.';
  END IF;
  IF kind = 'capture' THEN
    p.captured_minor := coalesce(wanted, free);
  ELSIF kind = 'refund' THEN
    p.refund_minor := p.refund_minor + coalesce(wanted, free);
  END IF;
  RETURN p;
END
$$;
COMMENT ON FUNCTION payment._reserve IS 'the payment with what an operation takes of it. Errors: TFP10 its state, TFP11 more than there is';

CREATE OR REPLACE FUNCTION payment._operate(merchant bigint, wanted uuid, key text, kind text, amount bigint, reason text,
  OUT status int, OUT answer json, OUT replayed boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  body CONSTANT jsonb := jsonb_strip_nulls(jsonb_build_object('amount_minor', amount, 'reason', reason));
  print CONSTANT bytea := payment._fingerprint(format('POST /payments/%s/%s', wanted, kind), body);
  before payment.request;
  p payment.payment;
  taken payment.payment;
  made int;
BEGIN
  PERFORM payment._check_key(key), payment._check_no_card(body - 'amount_minor');
  before := payment._replay(merchant, key, print);
  IF before.answer IS NULL THEN
    p := payment._locked(merchant, wanted);
    before := payment._replay(merchant, key, print);  -- whoever held the lock may have had this key
  END IF;
  IF before.answer IS NOT NULL THEN
    status := 200;
    answer := payment._replayed_answer(before.answer);
    replayed := true;
    RETURN;
  END IF;
  taken := payment._reserve(p, kind, amount);
  made := payment._open_operation(p, kind, CASE kind WHEN 'capture' THEN taken.captured_minor WHEN 'void' THEN p.held_minor ELSE taken.refund_minor - p.refund_minor END);
  PERFORM payment._save(taken, '{}');
  status := 202;
  answer := format('{"transaction_id": "%s", "operation_id": "%s", "status": "pending", "amount": %s, "currency": "%s"}', wanted,
    tenfold._uuid_v5(wanted, made::text), tenfold.from_minor((SELECT o.amount_minor FROM payment.operation o
      WHERE (o.merchant_id, o.payment_id) = (merchant, wanted) AND o.number = made), p.currency), p.currency);
  replayed := false;
  IF NOT payment._claim_key((merchant, key, print, kind, wanted, body, status, answer::text, clock_timestamp())) THEN
    PERFORM payment._replay(merchant, key, print);
    RAISE EXCEPTION 'a request with the idempotency key "%" is being answered', key USING ERRCODE = 'TFP04', HINT = 'Repeat it in a second.';
  END IF;
END
$$;
COMMENT ON FUNCTION payment._operate IS 'what payment.capture(), void() and refund() do: the replay, or reservation, operation, job and answer in one commit';

CREATE OR REPLACE FUNCTION payment.capture(merchant_id bigint, payment_id uuid, idempotency_key text, amount_minor bigint DEFAULT NULL,
  OUT status int, OUT answer json, OUT replayed boolean)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT o.status, o.answer, o.replayed FROM payment._operate($1, $2, $3, 'capture', $4, NULL) o $$;
COMMENT ON FUNCTION payment.capture IS
  'captures an authorized payment, once: all of it, or so much; the rest is given back. Errors: TFP01 key, TFP03 key of another request, TFP04 key in flight, TFP09 no such payment, TFP10 not authorized, TFP11 more than is held';

CREATE OR REPLACE FUNCTION payment.void(merchant_id bigint, payment_id uuid, idempotency_key text, OUT status int, OUT answer json, OUT replayed boolean)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT o.status, o.answer, o.replayed FROM payment._operate($1, $2, $3, 'void', NULL, NULL) o $$;
COMMENT ON FUNCTION payment.void IS 'gives back what is held for an authorized payment. Errors: those of payment.capture()';

CREATE OR REPLACE FUNCTION payment.refund(merchant_id bigint, payment_id uuid, idempotency_key text, amount_minor bigint DEFAULT NULL, reason text DEFAULT NULL,
  OUT status int, OUT answer json, OUT replayed boolean)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT o.status, o.answer, o.replayed FROM payment._operate($1, $2, $3, 'refund', $4, left($5, 500)) o $$;
COMMENT ON FUNCTION payment.refund IS
  'pays back what a payment captured: what is left of it, or so much; as often as there is something left. Errors: those of payment.capture(), TFP10 it did not succeed';

CREATE OR REPLACE FUNCTION payment.cancel(merchant_id bigint, payment_id uuid, reason text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER  -- operators cancel, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  p payment.payment := payment._locked($1, $2);
  was_sent boolean;
BEGIN
  IF p.state IN ('failed', 'canceled') THEN
    RETURN p.state;
  ELSIF p.state = 'authorized' THEN
    IF NOT EXISTS (SELECT FROM payment.operation o WHERE (o.merchant_id, o.payment_id) = ($1, $2) AND o.kind = 'void' AND o.state <> 'failed') THEN
      PERFORM payment._open_operation(payment._reserve(p, 'void', NULL), 'void', p.held_minor);
    END IF;
    RETURN p.state;
  ELSIF p.state = 'success' THEN
    IF p.captured_minor > p.refund_minor THEN
      PERFORM payment._open_operation(p, 'refund', p.captured_minor - p.refund_minor);
      p.refund_minor := p.captured_minor;
      PERFORM payment._save(p, '{}');
    END IF;
    RETURN p.state;
  END IF;
  was_sent := EXISTS (SELECT FROM payment.operation o WHERE (o.merchant_id, o.payment_id) = ($1, $2) AND o.state IN ('sent', 'unknown'));
  p.failure_message := left(reason, 1000);
  PERFORM payment._to_canceled(p, was_sent);
  IF was_sent THEN
    PERFORM payment._ask_later(p, 1);
  END IF;
  RETURN tenfold._next_state('payment', p.state, 'cancel');
END
$$;
REVOKE EXECUTE ON FUNCTION payment.cancel FROM PUBLIC;
COMMENT ON FUNCTION payment.cancel IS
  'nobody wants this payment any more: ends it, voids what is held, refunds what was taken; what was sent and may still be executed is voided or refunded when we learn of it. '
  'Gives its state; idempotent. Errors: TFP09 no such payment, TFP10 a capture is under way';

-- Over HTTP, by operators, and by tests: a payment whose id is all that one has.
CREATE OR REPLACE FUNCTION payment._find(wanted uuid) RETURNS payment.payment
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT p.* FROM payment.payment p WHERE p.payment_id = wanted AND p.created_at BETWEEN tenfold._uuid_time(wanted) - interval '1 min' AND tenfold._uuid_time(wanted) + interval '1 min'
$$;
COMMENT ON FUNCTION payment._find IS 'a payment by its id alone: the time in it tells where to look';

CREATE OR REPLACE FUNCTION payment.resolve(payment_id uuid, number int, executed boolean, evidence text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER  -- operators resolve, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  p payment.payment := payment._find($1);
  o payment.operation;
BEGIN
  SELECT * INTO o FROM payment.operation f WHERE (f.merchant_id, f.payment_id) = (p.merchant_id, $1) AND f.number = $2;
  IF o.number IS NULL THEN
    RAISE EXCEPTION 'payment % has no operation %', $1, $2 USING ERRCODE = 'TFP09', HINT = 'payment.explain(payment_id) tells which it has.';
  ELSIF coalesce(evidence, '') = '' THEN
    RAISE EXCEPTION 'there is no evidence' USING ERRCODE = '22023', HINT = 'Say where you saw it: the provider''s page, its report, a mail.';
  END IF;
  RETURN payment.observe(ARRAY[jsonb_build_object('merchant_id', p.merchant_id, 'payment_id', $1, 'number', $2, 'source', 'operator',
    'class', CASE WHEN NOT executed THEN 'declined' WHEN o.kind = 'authorize' THEN 'authorized' ELSE 'succeeded' END,
    'word', tenfold.caller_role(), 'message', evidence)]);
END
$$;
REVOKE EXECUTE ON FUNCTION payment.resolve FROM PUBLIC;
COMMENT ON FUNCTION payment.resolve IS
  'ends an operation that stays unknown, with what a person found out and where. Gives the payment''s state. Errors: TFP09 no such operation, 22023 no evidence';
