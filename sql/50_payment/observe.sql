-- What was learned of an operation, from whatever source, in whatever order, however often: stored, then judged by the
-- rows of tenfold.state_machine. What is no move there is only stored. Whoever writes here holds the payment's row.

CREATE OR REPLACE FUNCTION payment._located(seen jsonb, OUT merchant bigint, OUT payment uuid, OUT number int)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  reference text[] := regexp_match(seen ->> 'reference', '^([0-9]{1,18})/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/([0-9]{1,4})$');
BEGIN
  IF seen ? 'payment_id' THEN
    merchant := seen ->> 'merchant_id';
    payment := seen ->> 'payment_id';
    number := coalesce((seen ->> 'number')::int, 1);
  ELSIF reference IS NOT NULL THEN
    merchant := reference[1];
    payment := reference[2];
    number := reference[3];
  ELSE
    SELECT o.merchant_id, o.payment_id, o.number INTO merchant, payment, number FROM payment.provider_object o
      WHERE o.provider = seen ->> 'provider' AND o.provider_ref IN (SELECT seen ->> 'provider_ref'
        UNION ALL SELECT r.ref FROM jsonb_array_elements_text(CASE jsonb_typeof(seen -> 'refs') WHEN 'array' THEN seen -> 'refs' END) r(ref)) LIMIT 1;
  END IF;
END
$$;
COMMENT ON FUNCTION payment._located IS 'of which operation an observation tells: by its ids, by our reference, by the provider''s ids; NULL: of none that we know';

CREATE OR REPLACE FUNCTION payment._store_observation(o payment.operation, p payment.payment, seen jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  provider text := coalesce(seen ->> 'provider', p.provider);
BEGIN
  INSERT INTO payment.observation (merchant_id, payment_id, seq, number, attempt, source, class, word, code, message, amount_minor, provider_ref)
    SELECT p.merchant_id, p.payment_id, 1 + (SELECT coalesce(max(b.seq), 0) FROM payment.observation b WHERE (b.merchant_id, b.payment_id) = (p.merchant_id, p.payment_id)),
      o.number, coalesce((seen ->> 'attempt')::int, (SELECT max(a.attempt) FROM payment.attempt a
        WHERE (a.merchant_id, a.payment_id, a.number) = (p.merchant_id, p.payment_id, o.number))),
      seen ->> 'source', seen ->> 'class', left(seen ->> 'word', 200), left(seen ->> 'code', 200), left(seen ->> 'message', 1000),
      (seen ->> 'amount_minor')::bigint, left(seen ->> 'provider_ref', 255);
  IF provider IS NOT NULL THEN
    INSERT INTO payment.provider_object (provider, provider_ref, merchant_id, payment_id, number)
      SELECT provider, r.ref, p.merchant_id, p.payment_id, o.number FROM (
        SELECT seen ->> 'provider_ref' UNION SELECT * FROM jsonb_array_elements_text(CASE jsonb_typeof(seen -> 'refs') WHEN 'array' THEN seen -> 'refs' END)) r(ref)
      WHERE length(r.ref) BETWEEN 1 AND 255 ON CONFLICT ON CONSTRAINT provider_object_pkey DO NOTHING;
  END IF;
  UPDATE payment.operation u SET provider_ref = left(seen ->> 'provider_ref', 255)
    WHERE (u.merchant_id, u.payment_id, u.number) = (p.merchant_id, p.payment_id, o.number) AND seen ->> 'provider_ref' <> ''
      AND (u.provider_ref IS NULL OR seen ->> 'class' IN ('authorized', 'succeeded'));
END
$$;
COMMENT ON FUNCTION payment._store_observation IS 'an observation as a row, and the provider''s ids that came with it';

-- Between 5 s and an hour, by how often it was asked.
CREATE OR REPLACE FUNCTION payment._next_query(p payment.payment, number int) RETURNS interval
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(('{5 s,15 s,1 min,5 min,15 min}'::interval[])[1 + count(*)], '1 hour') FROM payment.observation b
  WHERE (b.merchant_id, b.payment_id) = (p.merchant_id, p.payment_id) AND b.number = $2 AND b.source = 'query'
$$;
COMMENT ON FUNCTION payment._next_query IS 'after which time to ask (again)';

CREATE OR REPLACE FUNCTION payment._ask_later(p payment.payment, number int, wait interval DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM payment._enqueue('payment_query', p.merchant_id, p.payment_id, number, coalesce(wait, payment._next_query(p, number)),
    'ask' || (SELECT count(*) FROM payment.observation b WHERE (b.merchant_id, b.payment_id) = (p.merchant_id, p.payment_id)));
END
$$;
COMMENT ON FUNCTION payment._ask_later IS 'a job payment_query; a further observation makes a further one';

CREATE OR REPLACE FUNCTION payment._call_later(p payment.payment, number int, wait interval) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM payment._enqueue('payment_call', p.merchant_id, p.payment_id, number, wait,
    'call' || (SELECT count(*) FROM payment.observation b WHERE (b.merchant_id, b.payment_id) = (p.merchant_id, p.payment_id)));
END
$$;
COMMENT ON FUNCTION payment._call_later IS 'a job payment_call; a further observation makes a further one';

-- What an observation is to the state machines: where a class alone does not say, what was tried and how long ago does.
CREATE OR REPLACE FUNCTION payment._event_of(p payment.payment, o payment.operation, class text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  known text := (SELECT f.event FROM payment.failure_class f WHERE f.class = $3);
  a payment.attempt;
  visible interval;
BEGIN
  IF known = 'action' AND p.state = 'requires_action' AND clock_timestamp() > p.expires_at THEN
    RETURN 'absent';  -- the customer's time is over
  ELSIF known NOT IN ('not_executed', 'not_found') THEN
    RETURN known;
  END IF;
  SELECT * INTO a FROM payment.attempt f WHERE (f.merchant_id, f.payment_id, f.number) = (p.merchant_id, p.payment_id, o.number) ORDER BY f.attempt DESC LIMIT 1;
  IF known = 'not_executed' THEN
    RETURN CASE WHEN NOT EXISTS (SELECT FROM payment._candidates(p, o, a)) OR p.state = 'canceled' AND o.number = 1
      OR clock_timestamp() > greatest(p.expires_at, o.created_at + interval '1 hour') THEN 'gave_up' ELSE known END;
  END IF;
  visible := (SELECT c.visible_after FROM payment.capability c WHERE c.provider = a.provider AND c.method = p.method);
  RETURN CASE WHEN clock_timestamp() < a.began_at + visible THEN 'too_early'
    WHEN NOT payment._may_send(o, a, p) AND (p.state = 'canceled' OR clock_timestamp() > p.expires_at) OR clock_timestamp() > greatest(p.expires_at, o.created_at + interval '1 hour')
      THEN 'absent' ELSE known END;
END
$$;
COMMENT ON FUNCTION payment._event_of IS 'the event of the state machines that an observation of this class is now';

CREATE OR REPLACE FUNCTION payment._request_body(p payment.payment) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT r.body FROM payment.request r WHERE r.merchant_id = p.merchant_id AND r.idempotency_key = p.idempotency_key $$;
COMMENT ON FUNCTION payment._request_body IS 'what the merchant asked when it made the payment';

-- The row, the ledger, then the event: whoever hears of it finds it.
CREATE OR REPLACE FUNCTION payment._save(p payment.payment, types text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  type text;
BEGIN
  UPDATE payment.payment u SET (state, held_minor, captured_minor, refund_minor, exposed, expires_at, next_action, failure_code, failure_message, changed_at) =
      (p.state, p.held_minor, p.captured_minor, p.refund_minor, p.exposed, p.expires_at, p.next_action, p.failure_code, p.failure_message, clock_timestamp())
    WHERE (u.merchant_id, u.payment_id) = (p.merchant_id, p.payment_id);
  FOREACH type IN ARRAY types LOOP
    PERFORM payment._publish(p, 'payment.' || type, payment._request_body(p));
  END LOOP;
END
$$;
COMMENT ON FUNCTION payment._save IS 'writes what moved of a payment, and publishes these events';

CREATE OR REPLACE FUNCTION payment._open_operation(p payment.payment, kind text, amount_minor bigint) RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  number int;
BEGIN
  INSERT INTO payment.operation AS o (merchant_id, payment_id, number, kind, amount_minor)
    SELECT p.merchant_id, p.payment_id, 1 + greatest(1, max(f.number)), $2, $3 FROM payment.operation f
      WHERE (f.merchant_id, f.payment_id) = (p.merchant_id, p.payment_id) RETURNING o.number INTO number;
  PERFORM payment._enqueue('payment_call', p.merchant_id, p.payment_id, number, '0', 'first');
  RETURN number;
END
$$;
COMMENT ON FUNCTION payment._open_operation IS 'a further operation of a payment and its job; gives its number';

CREATE OR REPLACE FUNCTION payment._to_failed(p payment.payment, seen jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  p.state := 'failed';
  p.failure_code := left(coalesce(seen ->> 'code', seen ->> 'class'), 200);
  p.failure_message := left(coalesce(seen ->> 'message', (SELECT f.description FROM payment.failure_class f WHERE f.class = seen ->> 'class')), 1000);
  p.next_action := NULL;
  PERFORM payment._end_pending(p, 'void', p.amount_minor);
  PERFORM payment._save(p, '{failed}');
END
$$;
COMMENT ON FUNCTION payment._to_failed IS 'a payment that is certain not to have been executed';

CREATE OR REPLACE FUNCTION payment._to_authorized(p payment.payment, seen jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF p.state = 'failed' THEN
    PERFORM payment._begin_pending(p);
  END IF;
  p.state := 'authorized';
  p.held_minor := p.amount_minor;
  p.expires_at := clock_timestamp() + (SELECT greatest(max(c.auth_life), interval '1 day') FROM payment.capability c WHERE c.provider = p.provider AND c.method = p.method);
  p.next_action := NULL;
  p.failure_code := NULL;
  p.failure_message := NULL;
  PERFORM payment._save(p, '{authorized}');
END
$$;
COMMENT ON FUNCTION payment._to_authorized IS 'a payment whose amount the provider holds';

CREATE OR REPLACE FUNCTION payment._to_success(p payment.payment, seen jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  is_late boolean := p.state = 'failed';
BEGIN
  p.state := 'success';
  p.held_minor := p.amount_minor;
  p.captured_minor := coalesce(nullif(p.captured_minor, 0), p.amount_minor);
  p.next_action := NULL;
  p.failure_code := NULL;
  p.failure_message := NULL;
  IF NOT payment._end_pending(p, 'post', p.captured_minor) THEN
    PERFORM payment._transfer(p, 1, p.captured_minor, false);
  END IF;
  PERFORM payment._save(p, CASE WHEN is_late THEN '{success,late_success}'::text[] ELSE '{success}' END);
END
$$;
COMMENT ON FUNCTION payment._to_success IS 'a payment whose money moved: of an open capture what that reserved, else all';

CREATE OR REPLACE FUNCTION payment._late_after_cancel(p payment.payment, event text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  p.held_minor := p.amount_minor;
  IF event = 'captured' THEN
    IF NOT payment._transfer(p, 1, p.amount_minor, false) THEN
      RETURN;  -- known by now
    END IF;
    p.captured_minor := p.amount_minor;
    p.refund_minor := p.amount_minor;
    PERFORM payment._save(p, '{late_success}');
    PERFORM payment._open_operation(p, 'refund', p.amount_minor);
  ELSIF NOT EXISTS (SELECT FROM payment.operation o WHERE (o.merchant_id, o.payment_id) = (p.merchant_id, p.payment_id) AND o.number > 1) THEN
    PERFORM payment._save(p, '{}');
    PERFORM payment._open_operation(p, 'void', p.amount_minor);
  END IF;
END
$$;
COMMENT ON FUNCTION payment._late_after_cancel IS 'a payment that was canceled, and executed nevertheless: it is voided or refunded';

CREATE OR REPLACE FUNCTION payment._to_canceled(p payment.payment, was_exposed boolean) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  p.state := 'canceled';
  p.exposed := was_exposed;
  p.next_action := NULL;
  PERFORM payment._end_pending(p, 'void', p.amount_minor);
  PERFORM payment._save(p, '{canceled}');
END
$$;
COMMENT ON FUNCTION payment._to_canceled IS 'a payment that nobody wants any more; exposed: what was sent may still be executed';

CREATE OR REPLACE FUNCTION payment._to_open(p payment.payment, next text, event text, seen jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  was CONSTANT text := p.state;
BEGIN
  p.state := next;
  p.exposed := p.exposed OR event = 'ambiguous';
  IF event = 'action' THEN
    p.next_action := seen -> 'next_action';
    p.expires_at := greatest(p.expires_at, clock_timestamp() + interval '15 min');
  END IF;
  IF p.state <> was OR event IN ('action', 'ambiguous') THEN
    PERFORM payment._save(p, CASE WHEN p.state <> was AND p.state <> 'processing' THEN ARRAY[p.state] ELSE '{}' END);
  END IF;
END
$$;
COMMENT ON FUNCTION payment._to_open IS 'a payment that is not decided yet';

-- The next job of an operation that has not ended, whatever the payment's state is.
CREATE OR REPLACE FUNCTION payment._follow_up(p payment.payment, o payment.operation, event text, seen jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  a payment.attempt;
  wait interval := make_interval(secs => least(greatest((seen ->> 'retry_after_s')::double precision, 0), 86400));
BEGIN
  IF event = 'hint' THEN
    PERFORM payment._ask_later(p, o.number, '0');
  ELSIF event = 'approved' THEN
    PERFORM payment._call_later(p, o.number, '0');
  ELSIF event IN ('not_executed', 'not_found') THEN
    SELECT * INTO a FROM payment.attempt f WHERE (f.merchant_id, f.payment_id, f.number) = (p.merchant_id, p.payment_id, o.number) ORDER BY f.attempt DESC LIMIT 1;
    IF event = 'not_found' AND NOT payment._may_send(o, a, p) THEN
      PERFORM payment._ask_later(p, o.number);
    ELSE
      PERFORM payment._call_later(p, o.number, coalesce(wait, least(interval '1 s' * 2 ^ greatest(payment._tries(a) - 1, 0), interval '8 s')));
    END IF;
  ELSIF event IN ('ambiguous', 'working', 'too_early', 'action') THEN
    PERFORM payment._ask_later(p, o.number, CASE WHEN event = 'action' THEN greatest(interval '1 min', payment._next_query(p, o.number)) END);
  END IF;
END
$$;
COMMENT ON FUNCTION payment._follow_up IS 'enqueues what comes next: the call again after 1, 2, 4 s or as the provider said, or a question';

CREATE OR REPLACE FUNCTION payment._move_payment(p payment.payment, event text, seen jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  next text := tenfold._next_state('payment', p.state, event);
BEGIN
  IF next IS NULL THEN
    RETURN;
  ELSIF p.state = 'canceled' THEN
    PERFORM payment._late_after_cancel(p, event);
  ELSIF next = 'failed' THEN
    PERFORM payment._to_failed(p, seen);
  ELSIF next = 'authorized' THEN
    PERFORM payment._to_authorized(p, seen);
  ELSIF next = 'success' THEN
    PERFORM payment._to_success(p, seen);
  ELSIF next = 'canceled' THEN
    PERFORM payment._to_canceled(p, false);
  ELSE
    PERFORM payment._to_open(p, next, event, seen);
  END IF;
END
$$;
COMMENT ON FUNCTION payment._move_payment IS 'moves a payment by an event of its first operation, if it is a move';

-- Captures, voids and refunds: what they do once they are done, and what they give back if they are not.
CREATE OR REPLACE FUNCTION payment._operation_done(p payment.payment, o payment.operation) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF o.kind = 'capture' THEN
    p.captured_minor := o.amount_minor;
    PERFORM payment._move_payment(p, 'captured', '{}');
  ELSIF o.kind = 'void' THEN
    IF p.state = 'canceled' THEN
      p.exposed := false;
      PERFORM payment._save(p, '{}');
    ELSE
      PERFORM payment._move_payment(p, 'voided', '{}');
    END IF;
  ELSIF payment._transfer(p, o.number, o.amount_minor, true) THEN
    p.refund_minor := least(p.captured_minor, CASE o.state WHEN 'failed' THEN p.refund_minor + o.amount_minor ELSE p.refund_minor END);
    p.exposed := p.exposed AND p.state <> 'canceled';
    PERFORM payment._save(p, '{refunded}');
  END IF;
END
$$;
COMMENT ON FUNCTION payment._operation_done IS 'what a capture, void or refund does to its payment once the provider has done it';

CREATE OR REPLACE FUNCTION payment._operation_failed(p payment.payment, o payment.operation) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF o.kind = 'capture' THEN
    p.captured_minor := CASE p.state WHEN 'authorized' THEN 0 ELSE p.captured_minor END;
    PERFORM payment._save(p, '{}');
  ELSIF o.kind = 'refund' THEN
    p.refund_minor := greatest(0, p.refund_minor - o.amount_minor);
    PERFORM payment._save(p, '{}');
  END IF;
END
$$;
COMMENT ON FUNCTION payment._operation_failed IS 'gives back what a capture or refund had reserved, since it certainly was not done';

CREATE OR REPLACE FUNCTION payment._move_operation(p payment.payment, o payment.operation, event text, seen jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  next text := tenfold._next_state('payment_operation', o.state, CASE WHEN event IN ('authorized', 'captured') THEN 'done' ELSE event END);
BEGIN
  IF next IS NOT NULL AND next <> o.state THEN
    UPDATE payment.operation u SET state = next, reason = CASE next WHEN 'failed' THEN left(coalesce(seen ->> 'message', seen ->> 'code', seen ->> 'class'), 1000) END
      WHERE (u.merchant_id, u.payment_id, u.number) = (o.merchant_id, o.payment_id, o.number);
    IF o.number = 1 AND next = 'failed' AND p.state = 'canceled' THEN
      p.exposed := false;
      PERFORM payment._save(p, '{}');
    ELSIF o.number > 1 AND next = 'succeeded' THEN
      PERFORM payment._operation_done(p, o);
    ELSIF o.number > 1 AND next = 'failed' THEN
      PERFORM payment._operation_failed(p, o);
    END IF;
  END IF;
END
$$;
COMMENT ON FUNCTION payment._move_operation IS 'moves an operation by an event, if it is a move';

CREATE OR REPLACE FUNCTION payment._check_observation(seen jsonb) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF jsonb_typeof(seen) IS DISTINCT FROM 'object' THEN
    RAISE EXCEPTION 'an observation is %, not an object', coalesce(jsonb_typeof(seen), 'NULL') USING ERRCODE = '22023', HINT = 'sql/50_payment/README.md has its members.';
  ELSIF NOT EXISTS (SELECT FROM payment.failure_class f WHERE f.class = seen ->> 'class') THEN
    RAISE EXCEPTION 'unknown class "%"', left(seen ->> 'class', 50) USING ERRCODE = '22023', HINT = 'payment.failure_class has them.';
  ELSIF (seen ->> 'source' IN ('reply', 'query', 'event', 'operator')) IS NOT TRUE THEN
    RAISE EXCEPTION 'unknown source "%"', left(seen ->> 'source', 50) USING ERRCODE = '22023', HINT = 'One of reply, query, event, operator.';
  END IF;
END
$$;
COMMENT ON FUNCTION payment._check_observation IS 'raises 22023 for what payment.observe() does not take';

CREATE OR REPLACE FUNCTION payment._observe(merchant bigint, payment uuid, wanted int, seen jsonb) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  p payment.payment;
  o payment.operation;
  event text;
BEGIN
  SELECT * INTO p FROM payment.payment f WHERE (f.merchant_id, f.payment_id) = (merchant, payment);
  SELECT * INTO o FROM payment.operation f WHERE (f.merchant_id, f.payment_id, f.number) = (merchant, payment, wanted);
  IF o.number IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM payment._store_observation(o, p, seen);
  event := payment._event_of(p, o, seen ->> 'class');
  PERFORM payment._move_operation(p, o, event, seen);
  IF o.number = 1 THEN
    PERFORM payment._move_payment(p, event, seen);
  END IF;
  SELECT f.state INTO o.state FROM payment.operation f WHERE (f.merchant_id, f.payment_id, f.number) = (merchant, payment, wanted);
  IF o.state NOT IN ('succeeded', 'failed') THEN
    PERFORM payment._follow_up(p, o, event, seen);
  END IF;
  RETURN (SELECT f.state FROM payment.payment f WHERE (f.merchant_id, f.payment_id) = (merchant, payment));
END
$$;
COMMENT ON FUNCTION payment._observe IS 'one observation of a payment whose row is locked; gives its state afterwards, NULL: no such operation';

CREATE OR REPLACE FUNCTION payment.observe(observations jsonb[]) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER  -- workers write no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  seen jsonb;
  place record;
BEGIN
  PERFORM payment._check_observation(o) FROM unnest(observations) o;
  PERFORM payment._lock(array_agg(l.merchant), array_agg(l.payment)) FROM unnest(observations) o CROSS JOIN LATERAL payment._located(o) l WHERE l.payment IS NOT NULL;
  FOREACH seen IN ARRAY observations LOOP
    SELECT * INTO place FROM payment._located(seen);
    RETURN NEXT payment._observe(place.merchant, place.payment, place.number, seen);
  END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION payment.observe FROM PUBLIC;
COMMENT ON FUNCTION payment.observe IS
  'what was learned of operations, from whatever source, in whatever order, however often; enqueues what follows. Gives the state of each one''s payment afterwards; NULL: of none that we know. Errors: 22023 what is no observation';
