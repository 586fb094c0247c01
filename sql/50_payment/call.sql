-- Before a provider is called: who is called, with which key and which bytes. Committed before the first byte is sent.

DROP FUNCTION IF EXISTS payment.begin_calls(bigint[], uuid[], int[]);
DROP FUNCTION IF EXISTS payment._begin_call(payment.payment, int);
DROP TYPE IF EXISTS payment.call CASCADE;
CREATE TYPE payment.call AS (
  merchant_id bigint, payment_id uuid, number int, attempt int, action text, kind text, provider text, provider_key uuid, body text,
  amount_minor bigint, currency text, method text, country text, payment_token text, reference text, parent_ref text, provider_ref text,
  deadline_at timestamptz, permit bigint, wait_s double precision, exponent int, provider_exponent int, step int, details jsonb);
COMMENT ON TYPE payment.call IS 'what a worker does next about an operation: send, ask, wait or none';

CREATE OR REPLACE FUNCTION payment._enqueue(queue text, merchant bigint, payment uuid, number int, wait interval, key text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold.enqueue(queue, jsonb_build_object('merchant_id', merchant, 'payment_id', payment, 'number', number),
    run_at => clock_timestamp() + nullif(wait, interval '0'), dedupe_key => payment || '/' || number || '/' || key);
  UPDATE payment.payment p SET next_at = clock_timestamp() + wait + interval '2 min' WHERE p.merchant_id = merchant AND p.payment_id = _enqueue.payment;
END
$$;
COMMENT ON FUNCTION payment._enqueue IS 'a job about an operation, after a wait; of one key at most one waits or runs';

CREATE OR REPLACE FUNCTION payment.enqueue_calls(events jsonb[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER  -- workers write no table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN count(*) FROM tenfold.enqueue_many('payment_call', (
      SELECT coalesce(array_agg(jsonb_build_object('merchant_id', e -> 'merchant_id', 'payment_id', e -> 'transaction_id', 'number', 1) ORDER BY o), '{}')
      FROM unnest(events) WITH ORDINALITY AS u(e, o) WHERE e ->> 'event_type' = 'payment.initiated'),
    dedupe_keys => (SELECT coalesce(array_agg(e ->> 'transaction_id' || '/1/first' ORDER BY o), '{}')
      FROM unnest(events) WITH ORDINALITY AS u(e, o) WHERE e ->> 'event_type' = 'payment.initiated'));
END
$$;
REVOKE EXECUTE ON FUNCTION payment.enqueue_calls FROM PUBLIC;
COMMENT ON FUNCTION payment.enqueue_calls IS 'the handler of consumer payment-processor: a job payment_call for each payment.initiated of topic payment-events';

CREATE OR REPLACE FUNCTION payment._permit(provider text, OUT permitted boolean, OUT permit bigint, OUT wait_s double precision)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  permitted := true;
  IF tenfold._preloaded() AND EXISTS (SELECT FROM tenfold.provider t WHERE t.name = $1) THEN
    SELECT c.permitted, c.permit, c.retry_after INTO permitted, permit, wait_s FROM tenfold.call_permit($1) c;
  END IF;
END
$$;
COMMENT ON FUNCTION payment._permit IS 'whether breaker, quota and spacing let a provider be called; those that tenfold.provider does not name may';

CREATE OR REPLACE FUNCTION payment._call_of(p payment.payment, o payment.operation, provider text) RETURNS payment.call
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  c payment.call;
  body jsonb := (SELECT r.body FROM payment.request r WHERE r.merchant_id = p.merchant_id AND r.idempotency_key = p.idempotency_key);
BEGIN
  c.merchant_id := p.merchant_id;
  c.payment_id := p.payment_id;
  c.number := o.number;
  c.kind := o.kind;
  c.provider := provider;
  c.amount_minor := o.amount_minor;
  c.currency := p.currency;
  c.method := p.method;
  c.country := p.country;
  c.payment_token := body ->> 'payment_token';
  c.reference := p.merchant_id || '/' || p.payment_id || '/' || o.number;
  c.provider_ref := o.provider_ref;
  IF o.number > 1 THEN
    c.parent_ref := (SELECT f.provider_ref FROM payment.operation f WHERE (f.merchant_id, f.payment_id) = (p.merchant_id, p.payment_id)
      AND f.number < o.number AND (o.kind <> 'refund' OR f.kind IN ('charge', 'capture')) AND f.state = 'succeeded' ORDER BY f.number DESC LIMIT 1);
    c.parent_ref := coalesce(c.parent_ref, (SELECT f.provider_ref FROM payment.operation f WHERE (f.merchant_id, f.payment_id, f.number) = (p.merchant_id, p.payment_id, 1)));
  END IF;
  c.exponent := tenfold.currency_digits(p.currency);
  SELECT coalesce(max(k.exponent), c.exponent), coalesce(max(k.step), 1) INTO c.provider_exponent, c.step
    FROM payment.provider_currency k WHERE k.provider = split_part(_call_of.provider, '-', 1) AND k.currency = p.currency;
  c.details := jsonb_strip_nulls(jsonb_build_object('customer_id', body -> 'customer_id', 'metadata', body -> 'metadata'));
  RETURN c;
END
$$;
COMMENT ON FUNCTION payment._call_of IS 'an operation as its provider is told';

-- The last attempt without an end is one whose caller may have died: it is asked for, and never sent again before.
CREATE OR REPLACE FUNCTION payment._last_seen(o payment.operation, a payment.attempt) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT b.class FROM payment.observation b
  WHERE (b.merchant_id, b.payment_id) = (o.merchant_id, o.payment_id) AND b.number = o.number AND b.attempt = a.attempt
    AND b.class NOT IN ('hint', 'processing') ORDER BY b.seq DESC LIMIT 1
$$;
COMMENT ON FUNCTION payment._last_seen IS 'the class of what was learned last of an attempt; NULL: nothing yet';

CREATE OR REPLACE FUNCTION payment._may_send(o payment.operation, a payment.attempt, p payment.payment) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  seen text := payment._last_seen(o, a);
  life interval := (SELECT c.key_life FROM payment.capability c WHERE c.provider = a.provider AND c.method = p.method);
BEGIN
  IF p.state = 'canceled' AND o.number = 1 THEN
    RETURN false;
  ELSIF seen IN ('not_sent', 'busy', 'approved') THEN
    RETURN true;
  END IF;
  RETURN seen = 'not_found' AND clock_timestamp() < a.began_at + life;
END
$$;
COMMENT ON FUNCTION payment._may_send IS
  'whether the same bytes may be sent (again) with the same key: it was certainly not executed, or the provider has not found it and still knows the key';

CREATE OR REPLACE FUNCTION payment._new_attempt(p payment.payment, o payment.operation, c payment.call) RETURNS payment.call
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  c.action := 'send';
  c.attempt := 1 + (SELECT count(*) FROM payment.attempt a WHERE (a.merchant_id, a.payment_id, a.number) = (p.merchant_id, p.payment_id, o.number));
  c.provider_key := tenfold._uuid_v5(p.payment_id, o.number || ':' || c.attempt);
  c.deadline_at := clock_timestamp() + (SELECT k.deadline FROM payment.capability k WHERE k.provider = c.provider AND k.method = p.method);
  c.body := tenfold._payment_body(c.provider, to_json(c));
  INSERT INTO payment.attempt (merchant_id, payment_id, number, attempt, provider, provider_key, body, deadline_at)
    VALUES (p.merchant_id, p.payment_id, o.number, c.attempt, c.provider, c.provider_key, c.body, c.deadline_at);
  UPDATE payment.operation u SET state = coalesce(tenfold._next_state('payment_operation', u.state, 'begin'), u.state)
    WHERE (u.merchant_id, u.payment_id, u.number) = (p.merchant_id, p.payment_id, o.number);
  UPDATE payment.payment u SET provider = c.provider, state = coalesce(tenfold._next_state('payment', u.state, 'begin'), u.state),
      changed_at = clock_timestamp(), next_at = c.deadline_at + interval '2 min'
    WHERE (u.merchant_id, u.payment_id) = (p.merchant_id, p.payment_id);
  RETURN c;
END
$$;
COMMENT ON FUNCTION payment._new_attempt IS 'writes what is about to be sent, with the key under which the provider knows it again';

CREATE OR REPLACE FUNCTION payment._old_attempt(p payment.payment, o payment.operation, a payment.attempt, c payment.call) RETURNS payment.call
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  c.action := CASE WHEN payment._may_send(o, a, p) THEN 'send' ELSE 'ask' END;
  c.attempt := a.attempt;
  c.provider_key := a.provider_key;
  c.body := a.body;
  c.deadline_at := clock_timestamp() + (a.deadline_at - a.began_at);
  UPDATE payment.payment u SET next_at = c.deadline_at + interval '2 min' WHERE (u.merchant_id, u.payment_id) = (p.merchant_id, p.payment_id);
  RETURN c;
END
$$;
COMMENT ON FUNCTION payment._old_attempt IS 'an attempt that was begun before: sent again where that is safe, else asked for';

CREATE OR REPLACE FUNCTION payment._first_operation(p payment.payment) RETURNS payment.operation
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  o payment.operation;
BEGIN
  INSERT INTO payment.operation (merchant_id, payment_id, number, kind, amount_minor)
    VALUES (p.merchant_id, p.payment_id, 1, CASE WHEN p.manual_capture THEN 'authorize' ELSE 'charge' END, p.amount_minor) RETURNING * INTO o;
  RETURN o;
END
$$;
COMMENT ON FUNCTION payment._first_operation IS 'the operation that a pending payment implies, as a row';

-- Those that were not executed are not asked again but by their own attempt: another provider only after four tries.
CREATE OR REPLACE FUNCTION payment._candidates(p payment.payment, o payment.operation, a payment.attempt) RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF o.number > 1 THEN
    RETURN NEXT p.provider;
  ELSIF a.attempt IS NULL THEN
    RETURN QUERY SELECT * FROM payment._providers_for(p);
  ELSIF payment._tries(a) < 4 OR NOT payment._last_seen(o, a) IN ('not_sent', 'busy') THEN
    RETURN NEXT a.provider;
  ELSE
    RETURN QUERY SELECT f.* FROM payment._providers_for(p) f WHERE f NOT IN (SELECT b.provider FROM payment.attempt b
      WHERE (b.merchant_id, b.payment_id, b.number) = (p.merchant_id, p.payment_id, o.number));
  END IF;
END
$$;
COMMENT ON FUNCTION payment._candidates IS 'which providers may be called now: the one that has the operation, until four calls certainly did nothing';

CREATE OR REPLACE FUNCTION payment._tries(a payment.attempt) RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT count(*) FROM payment.observation b
  WHERE (b.merchant_id, b.payment_id, b.number, b.attempt) = (a.merchant_id, a.payment_id, a.number, a.attempt) AND b.class IN ('not_sent', 'busy')
$$;
COMMENT ON FUNCTION payment._tries IS 'how many calls of an attempt certainly did nothing';

CREATE OR REPLACE FUNCTION payment._begin_call(p payment.payment, wanted int) RETURNS payment.call
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  o payment.operation;
  a payment.attempt;
  c payment.call;
  candidate text;
  may record;
BEGIN
  SELECT * INTO o FROM payment.operation f WHERE (f.merchant_id, f.payment_id, f.number) = (p.merchant_id, p.payment_id, wanted);
  IF o.number IS NULL AND wanted = 1 AND p.state = 'pending' AND p.expires_at > clock_timestamp() THEN
    o := payment._first_operation(p);
  END IF;
  c := (p.merchant_id, p.payment_id, wanted, NULL, 'none', o.kind, p.provider, NULL, NULL, o.amount_minor, p.currency, p.method, p.country,
    NULL, NULL, NULL, o.provider_ref, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
  IF o.state IN ('succeeded', 'failed') OR o.state IS NULL THEN
    RETURN c;
  END IF;
  SELECT * INTO a FROM payment.attempt f WHERE (f.merchant_id, f.payment_id, f.number) = (p.merchant_id, p.payment_id, wanted) ORDER BY f.attempt DESC LIMIT 1;
  -- all or none: one payment's own routes
  FOR candidate IN SELECT * FROM payment._candidates(p, o, a) LOOP
    SELECT * INTO may FROM payment._permit(candidate);
    c.wait_s := least(c.wait_s, may.wait_s);
    CONTINUE WHEN NOT may.permitted;
    c := payment._call_of(p, o, candidate);
    c.permit := may.permit;
    IF a.provider = candidate THEN
      RETURN payment._old_attempt(p, o, a, c);
    END IF;
    RETURN payment._new_attempt(p, o, c);
  END LOOP;
  c.action := 'wait';
  c.wait_s := least(greatest(coalesce(c.wait_s, 1), 1), 3600);
  PERFORM payment._enqueue(CASE WHEN a.attempt IS NULL THEN 'payment_call' ELSE 'payment_query' END, p.merchant_id, p.payment_id, wanted, make_interval(secs => c.wait_s));
  RETURN c;
END
$$;
COMMENT ON FUNCTION payment._begin_call IS 'what to do next about an operation of a payment whose row is locked';

CREATE OR REPLACE FUNCTION payment.begin_calls(merchant_ids bigint[], payment_ids uuid[], numbers int[]) RETURNS SETOF payment.call
LANGUAGE plpgsql SECURITY DEFINER  -- workers write no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  p payment.payment;
  wanted record;
  c payment.call;
BEGIN
  PERFORM tenfold._check_lists('merchant_ids payment_ids numbers', merchant_ids, payment_ids, numbers);
  PERFORM payment._lock(merchant_ids, payment_ids);
  -- all or none: what a worker asks for at once
  FOR wanted IN SELECT * FROM ROWS FROM (unnest(merchant_ids), unnest(payment_ids), unnest(numbers)) AS w(merchant, payment, number) LOOP
    SELECT * INTO p FROM payment.payment f WHERE (f.merchant_id, f.payment_id) = (wanted.merchant, wanted.payment);
    IF FOUND THEN
      RETURN NEXT payment._begin_call(p, wanted.number);
    ELSE
      c := NULL;
      c.merchant_id := wanted.merchant;
      c.payment_id := wanted.payment;
      c.number := wanted.number;
      c.action := 'none';
      RETURN NEXT c;
    END IF;
  END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION payment.begin_calls FROM PUBLIC;
COMMENT ON FUNCTION payment.begin_calls IS
  'what a worker does next about these operations, one row each, in order. Commit it, then call; then payment.observe() what came of it. Errors: 2202E the arrays are not as long as each other, 22004 a NULL';

CREATE OR REPLACE FUNCTION payment._lock(merchants bigint[], payments uuid[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM FROM (SELECT DISTINCT w.merchant, w.payment FROM ROWS FROM (unnest(merchants), unnest(payments)) AS w(merchant, payment) ORDER BY 1, 2) w
    CROSS JOIN LATERAL (SELECT FROM payment.payment f WHERE f.merchant_id = w.merchant AND f.payment_id = w.payment FOR NO KEY UPDATE) locked;
END
$$;
COMMENT ON FUNCTION payment._lock IS 'locks payments in the order of their keys, so that two sets never wait for each other';
