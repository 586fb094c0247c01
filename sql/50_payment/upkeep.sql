-- What pg_cron does: nothing stays open for ever, and nothing is lost while no worker runs. Each looks through the payments of
-- a time; a deep look, once a day, finds what an outage left behind.

CREATE OR REPLACE FUNCTION payment._expire(p payment.payment) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF p.state = 'pending' THEN
    PERFORM payment._to_failed(p, '{"code": "expired", "message": "it was not begun in time"}');
    RETURN true;
  ELSIF p.state = 'authorized' AND NOT EXISTS (SELECT FROM payment.operation o WHERE (o.merchant_id, o.payment_id) = (p.merchant_id, p.payment_id)
      AND o.number > 1 AND o.state IN ('open', 'sent', 'unknown')) THEN
    PERFORM payment._to_canceled(p, false);
    RETURN true;
  END IF;
  RETURN false;
END
$$;
COMMENT ON FUNCTION payment._expire IS 'ends a payment whose time is over: one that was never begun, or whose authorization lapsed; false: it is neither';

CREATE OR REPLACE FUNCTION payment.expire_payments("window" interval DEFAULT '4 hours') RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  since CONSTANT timestamptz := clock_timestamp() - tenfold._in_range('window', "window", interval '0', interval '10 years');
  p payment.payment;
  expired bigint := 0;
BEGIN
  FOR p IN SELECT * FROM payment.payment f WHERE f.created_at > since AND f.state IN ('pending', 'authorized') AND f.expires_at < clock_timestamp()
      ORDER BY f.merchant_id, f.payment_id LIMIT 10000 FOR NO KEY UPDATE SKIP LOCKED LOOP
    BEGIN
      expired := expired + payment._expire(p)::int;
    EXCEPTION WHEN OTHERS THEN
      IF tenfold._is_our_fault(SQLSTATE) THEN
        RAISE;
      END IF;
      PERFORM tenfold._note_bad_row('expire_payments', p.payment_id::text, SQLSTATE, SQLERRM);
    END;
  END LOOP;
  RETURN expired;
END
$$;
COMMENT ON FUNCTION payment.expire_payments IS 'ends payments of this time whose own is over; gives how many. Errors: 22023 window';

CREATE OR REPLACE FUNCTION payment._lost_operations(since timestamptz, OUT merchant_id bigint, OUT payment_id uuid, OUT number int, OUT was_sent boolean) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT p.merchant_id, p.payment_id, coalesce(o.number, 1), o.state IN ('sent', 'unknown')
  FROM payment.payment p LEFT JOIN payment.operation o ON (o.merchant_id, o.payment_id) = (p.merchant_id, p.payment_id)
  WHERE p.created_at > since AND p.next_at < clock_timestamp()
    AND (o.state IN ('open', 'sent', 'unknown') OR o.state IS NULL AND p.state = 'pending' AND p.expires_at > clock_timestamp())
$$;
COMMENT ON FUNCTION payment._lost_operations IS 'operations that have not ended, and of which nobody has looked when a job should have';

CREATE OR REPLACE FUNCTION payment.requeue_payments("window" interval DEFAULT '4 hours') RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  since CONSTANT timestamptz := clock_timestamp() - tenfold._in_range('window', "window", interval '0', interval '10 years');
  requeued bigint;
BEGIN
  SELECT count(payment._enqueue(CASE WHEN l.was_sent THEN 'payment_query' ELSE 'payment_call' END, l.merchant_id, l.payment_id, l.number, '0', 'requeued'))
    INTO requeued FROM (SELECT * FROM payment._lost_operations(since) ORDER BY 1, 2, 3 LIMIT 10000) l;
  RETURN requeued;
END
$$;
COMMENT ON FUNCTION payment.requeue_payments IS 'makes a job for each open operation that has lost its own; gives how many. Errors: 22023 window';

CREATE OR REPLACE FUNCTION payment.look_deep("window" interval DEFAULT '60 days') RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN payment.expire_payments("window") + payment.requeue_payments("window");
END
$$;
COMMENT ON FUNCTION payment.look_deep IS 'expire_payments() and requeue_payments() over a long time: for what an outage left behind. Errors: 22023 window';

CREATE OR REPLACE FUNCTION payment.purge(keep interval DEFAULT '30 days') RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  oldest timestamptz := clock_timestamp() - tenfold._checked_keep(keep);
  purged bigint;
BEGIN
  WITH events AS (
    DELETE FROM payment.provider_event e WHERE e.at < oldest
      AND NOT EXISTS (SELECT FROM payment.provider_event_due d WHERE (d.provider, d.event_id) = (e.provider, e.event_id)) RETURNING 1
  ), deliveries AS (
    DELETE FROM payment.webhook_delivery d WHERE d.created_at < oldest AND d.state IN ('delivered', 'dead') RETURNING 1
  ), messages AS (
    DELETE FROM payment.webhook_message m WHERE m.created_at < oldest - interval '7 days' RETURNING 1
  )
  SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM deliveries) + (SELECT count(*) FROM messages) INTO purged;
  DELETE FROM payment.balance b USING payment.balance newer WHERE b.folded_to < oldest
    AND (newer.merchant_id, newer.account, newer.currency) = (b.merchant_id, b.account, b.currency) AND newer.folded_to > b.folded_to AND newer.folded_to < oldest;
  RETURN purged;
END
$$;
COMMENT ON FUNCTION payment.purge IS 'forgets webhooks in and out that ended longer ago than keep; payments, ledger and what was learned stay. Gives their number. Errors: 22023 keep';
