-- The whole story of one payment, in the order in which it happened; and whether all stories add up.
CREATE OR REPLACE FUNCTION payment._transfer_ids(p payment.payment) RETURNS uuid[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT ARRAY(
  SELECT tenfold._uuid_v5(p.payment_id, n) FROM unnest('{1:pending,1:pending:2}'::text[]) n
  UNION ALL SELECT tenfold._uuid_v5(tenfold._uuid_v5(p.payment_id, n), 'end') FROM unnest('{1:pending,1:pending:2}'::text[]) n
  UNION ALL SELECT tenfold._uuid_v5(p.payment_id, '1:direct')
  UNION ALL SELECT tenfold._uuid_v5(p.payment_id, o.number || ':direct') FROM payment.operation o
    WHERE (o.merchant_id, o.payment_id) = (p.merchant_id, p.payment_id) AND o.number > 1)
$$;
COMMENT ON FUNCTION payment._transfer_ids IS 'the ids that transfers of a payment can have: by them they are found, without an index of their own';

CREATE OR REPLACE FUNCTION payment._story(p payment.payment, OUT at timestamptz, OUT what text, OUT detail jsonb) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT r.created_at, 'asked: ' || r.operation, jsonb_build_object('key', r.idempotency_key, 'status', r.status, 'body', r.body)
    FROM payment.request r WHERE r.merchant_id = p.merchant_id AND r.payment_id = p.payment_id
      AND (r.idempotency_key = p.idempotency_key OR EXISTS (SELECT FROM payment.operation o WHERE (o.merchant_id, o.payment_id) = (p.merchant_id, p.payment_id) AND o.number > 1))
  UNION ALL
  SELECT a.began_at, format('call %s of operation %s (%s) at %s', a.attempt, a.number, o.kind, a.provider), jsonb_build_object('provider_key', a.provider_key, 'deadline_at', a.deadline_at)
    FROM payment.attempt a JOIN payment.operation o USING (merchant_id, payment_id, number) WHERE (a.merchant_id, a.payment_id) = (p.merchant_id, p.payment_id)
  UNION ALL
  SELECT b.at, format('%s of operation %s: %s, %s', b.source, b.number, b.class, f.description),
      jsonb_strip_nulls(jsonb_build_object('word', b.word, 'code', b.code, 'message', b.message, 'provider_ref', b.provider_ref, 'executed', f.executed))
    FROM payment.observation b JOIN payment.failure_class f USING (class) WHERE (b.merchant_id, b.payment_id) = (p.merchant_id, p.payment_id)
  UNION ALL
  SELECT t.at, format('ledger: %s %s %s to %s', t.phase, tenfold.from_minor(t.amount_minor, t.currency), t.debit, t.credit), '{}'
    FROM payment.transfer t WHERE t.merchant_id = p.merchant_id AND t.transfer_id = ANY (payment._transfer_ids(p))
  UNION ALL
  SELECT d.created_at, format('webhook %s to %s: %s', m.event_type, coalesce(e.url, 'an endpoint that is gone'), d.state),
      jsonb_strip_nulls(jsonb_build_object('tries', d.tries, 'last_status', d.last_status, 'last_error', d.last_error))
    FROM payment.webhook_message m JOIN payment.webhook_delivery d USING (merchant_id, message_id)
    LEFT JOIN payment.webhook_endpoint e USING (merchant_id, endpoint_id) WHERE m.merchant_id = p.merchant_id AND m.payment_id = p.payment_id
$$;
COMMENT ON FUNCTION payment._story IS 'what happened to a payment';

CREATE OR REPLACE FUNCTION payment._next_step(p payment.payment) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN CASE p.state
  WHEN 'pending' THEN 'a worker calls a provider, before ' || p.expires_at
  WHEN 'processing' THEN format('the answer of %s; without one we ask', p.provider)
  WHEN 'unknown' THEN format('we ask %s again; payment.resolve(payment_id, number, executed, evidence) ends it by hand', p.provider)
  WHEN 'requires_action' THEN 'the customer acts, before ' || p.expires_at
  WHEN 'authorized' THEN 'the merchant captures or voids, before ' || p.expires_at
  WHEN 'canceled' THEN CASE WHEN p.exposed THEN 'we learn whether it was executed, and give it back' ELSE 'nothing: it has ended' END
  ELSE 'nothing: it has ended' END;
COMMENT ON FUNCTION payment._next_step IS 'what is to come for a payment';

CREATE OR REPLACE FUNCTION payment.explain(payment_id uuid, OUT at timestamptz, OUT what text, OUT detail jsonb) RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER  -- operators read stories, and no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  p payment.payment := payment._find($1);
BEGIN
  IF p.payment_id IS NULL THEN
    RAISE EXCEPTION 'payment % does not exist', coalesce($1::text, 'NULL') USING ERRCODE = 'TFP09', HINT = 'payment.payment_status has them.';
  END IF;
  RETURN QUERY SELECT s.at, s.what, s.detail FROM payment._story(p) s ORDER BY s.at;
  RETURN QUERY SELECT clock_timestamp(), 'now: ' || p.state, jsonb_strip_nulls(jsonb_build_object('next', payment._next_step(p), 'held_minor', p.held_minor,
    'captured_minor', p.captured_minor, 'refund_minor', p.refund_minor, 'exposed', p.exposed, 'failure', p.failure_code));
END
$$;
REVOKE EXECUTE ON FUNCTION payment.explain FROM PUBLIC;
COMMENT ON FUNCTION payment.explain IS 'the story of a payment: what was asked, called, learned, booked and told, in order, and what comes next. Errors: TFP09 no such payment';

CREATE OR REPLACE FUNCTION payment._ledger_of(p payment.payment, OUT moved bigint, OUT pending bigint) RETURNS record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(sum(CASE WHEN t.phase IN ('post', 'direct') THEN CASE t.credit WHEN 'merchant' THEN t.amount_minor ELSE -t.amount_minor END END), 0)::bigint,
    count(*) FILTER (WHERE t.phase = 'pending') - count(*) FILTER (WHERE t.phase IN ('post', 'void'))
  FROM payment.transfer t WHERE t.merchant_id = p.merchant_id AND t.transfer_id = ANY (payment._transfer_ids(p))
$$;
COMMENT ON FUNCTION payment._ledger_of IS 'what the ledger moved for a payment, and how many transfers are pending';

CREATE OR REPLACE FUNCTION payment._expected_ledger(p payment.payment) RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE WHEN p.state IN ('success', 'canceled') THEN p.captured_minor ELSE 0 END
  - (SELECT coalesce(sum(o.amount_minor), 0) FROM payment.operation o
     WHERE (o.merchant_id, o.payment_id) = (p.merchant_id, p.payment_id) AND o.kind = 'refund' AND o.state = 'succeeded')
$$;
COMMENT ON FUNCTION payment._expected_ledger IS 'what the ledger should have moved for a payment: what was captured, less what was refunded';

CREATE OR REPLACE FUNCTION payment.audit("window" interval DEFAULT NULL, OUT problem text, OUT merchant_id bigint, OUT payment_id uuid, OUT expected bigint, OUT found bigint) RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER  -- operators audit, and read no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  since CONSTANT timestamptz := CASE WHEN "window" IS NULL THEN '-infinity' ELSE clock_timestamp() - tenfold._in_range('window', "window", interval '0', interval '100 years') END;
BEGIN
  RETURN QUERY SELECT 'the ledger is not what was captured less what was refunded', p.merchant_id, p.payment_id, payment._expected_ledger(p), l.moved
    FROM payment.payment p CROSS JOIN LATERAL payment._ledger_of(p) l WHERE p.created_at > since AND l.moved <> payment._expected_ledger(p);
  RETURN QUERY SELECT 'a transfer is pending that should not be, or is not that should', p.merchant_id, p.payment_id, (p.state IN ('pending', 'processing', 'unknown', 'requires_action', 'authorized'))::int::bigint, l.pending
    FROM payment.payment p CROSS JOIN LATERAL payment._ledger_of(p) l
    WHERE p.created_at > since AND l.pending <> (p.state IN ('pending', 'processing', 'unknown', 'requires_action', 'authorized'))::int;
  RETURN QUERY SELECT 'open refunds and done ones are not what is reserved', p.merchant_id, p.payment_id, s.refunds, p.refund_minor
    FROM payment.payment p CROSS JOIN LATERAL (SELECT coalesce(sum(o.amount_minor), 0)::bigint FROM payment.operation o
      WHERE (o.merchant_id, o.payment_id) = (p.merchant_id, p.payment_id) AND o.kind = 'refund' AND o.state <> 'failed') s(refunds)
    WHERE p.created_at > since AND s.refunds <> p.refund_minor;
  RETURN QUERY SELECT 'a payment has no request, or not its own', p.merchant_id, p.payment_id, 1::bigint, 0::bigint FROM payment.payment p
    WHERE p.created_at > since AND NOT EXISTS (SELECT FROM payment.request r WHERE (r.merchant_id, r.idempotency_key, r.payment_id) = (p.merchant_id, p.idempotency_key, p.payment_id));
  RETURN QUERY SELECT format('the folded balance of %s in %s is not the sum of its transfers', b.account, b.currency), b.merchant_id, NULL::uuid, s.minor, b.minor
    FROM (SELECT DISTINCT ON (f.merchant_id, f.account, f.currency) f.* FROM payment.balance f WHERE "window" IS NULL ORDER BY f.merchant_id, f.account, f.currency, f.folded_to DESC) b
    CROSS JOIN LATERAL (SELECT coalesce(sum(m.minor), 0)::bigint FROM payment._movements(b.merchant_id, '-infinity', b.folded_to) m WHERE (m.account, m.currency) = (b.account, b.currency)) s(minor)
    WHERE s.minor <> b.minor;
END
$$;
REVOKE EXECUTE ON FUNCTION payment.audit FROM PUBLIC;
COMMENT ON FUNCTION payment.audit IS
  'what does not add up, of the payments that were made within the window (NULL: ever; then folded balances, too): no row means all does. Errors: 22023 window';

CREATE OR REPLACE FUNCTION payment.run_audit() RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  problems bigint;
  example text;
BEGIN
  SELECT count(*), min(a.problem || ': payment ' || coalesce(a.payment_id::text, '-')) INTO problems, example FROM payment.audit('1 day') a;
  INSERT INTO payment.audit_result (problems) VALUES (problems);
  DELETE FROM payment.audit_result r WHERE r.audited_at < clock_timestamp() - interval '30 days';
  IF problems > 0 THEN
    RAISE WARNING 'payments do not add up: % problems, for example %', problems, example USING HINT = 'SELECT * FROM payment.audit();';
  END IF;
  RETURN problems;
END
$$;
COMMENT ON FUNCTION payment.run_audit IS 'keeps how much payment.audit() finds wrong in a day, and warns in the server''s log; gives the number';
