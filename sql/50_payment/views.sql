-- For operators, who have no right on the tables: the views read them as their owner.
CREATE OR REPLACE VIEW payment.payment_status AS
  SELECT p.merchant_id, p.payment_id, p.state, tenfold.from_minor(p.amount_minor, p.currency) AS amount, p.currency, p.method, p.provider, p.exposed,
    tenfold.from_minor(p.captured_minor, p.currency) AS captured, tenfold.from_minor(p.refund_minor, p.currency) AS refunded,
    p.failure_code, p.created_at, p.changed_at, p.expires_at, payment._next_step(p) AS next
  FROM payment.payment p;
COMMENT ON VIEW payment.payment_status IS 'where each payment stands, and what comes next';

CREATE OR REPLACE VIEW payment.payment_stuck AS
  SELECT p.merchant_id, p.payment_id, coalesce(o.number, 1) AS number, coalesce(o.kind, 'charge') AS kind, p.state, o.state AS operation_state, p.provider,
    CASE WHEN o.state IS NULL THEN 'no worker has begun it: is worker provider running?' WHEN o.state = 'open' THEN 'no worker has called: is worker provider running, the breaker open?'
      WHEN p.next_at < clock_timestamp() THEN 'it lost its job; payment.requeue_payments() makes one each minute'
      ELSE 'the provider does not say whether it was executed' END AS why,
    coalesce(o.created_at, p.created_at) AS since, p.next_at, payment._next_step(p) AS next
  FROM payment.payment p LEFT JOIN payment.operation o ON o.merchant_id = p.merchant_id AND o.payment_id = p.payment_id AND o.state IN ('open', 'sent', 'unknown')
  WHERE p.created_at > clock_timestamp() - interval '60 days' AND coalesce(o.created_at, p.created_at) < clock_timestamp() - interval '5 min'
    AND p.state <> 'requires_action' AND (o.state IS NOT NULL OR p.state = 'pending');
COMMENT ON VIEW payment.payment_stuck IS 'what has not ended after five minutes: why, since when, and what comes next';

CREATE OR REPLACE VIEW payment.provider_health AS
  SELECT a.provider, count(DISTINCT (a.merchant_id, a.payment_id, a.number, a.attempt)) AS attempts,
    count(*) FILTER (WHERE b.class IN ('succeeded', 'authorized', 'requires_action')) AS succeeded, count(*) FILTER (WHERE b.class = 'declined') AS declined,
    count(*) FILTER (WHERE b.class = 'ambiguous') AS ambiguous, count(*) FILTER (WHERE b.class IN ('not_sent', 'busy')) AS not_executed,
    count(*) FILTER (WHERE b.class = 'rejected') AS rejected,
    count(*) FILTER (WHERE b.class IN ('succeeded', 'authorized', 'requires_action'))::double precision / nullif(count(b.class), 0) AS success_rate,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM b.at - a.began_at)::double precision) AS p99_s
  FROM payment.attempt a LEFT JOIN payment.observation b ON b.merchant_id = a.merchant_id AND b.payment_id = a.payment_id AND b.number = a.number
    AND b.attempt = a.attempt AND b.source = 'reply'
  WHERE a.began_at > clock_timestamp() - interval '1 hour' GROUP BY a.provider;
COMMENT ON VIEW payment.provider_health IS 'how the calls of the last hour went, by provider: how many, with what end, and the 99th percentile of their time in seconds';

CREATE OR REPLACE VIEW payment.webhook_status AS
  SELECT e.merchant_id, e.endpoint_id, e.url, e.disabled_at, e.disabled_because, e.failing_since, count(d.*) FILTER (WHERE d.state IN ('due', 'sending')) AS due,
    count(d.*) FILTER (WHERE d.state = 'waiting') AS waiting, count(d.*) FILTER (WHERE d.state = 'delivered') AS delivered,
    count(d.*) FILTER (WHERE d.state = 'dead') AS dead, min(d.next_at) FILTER (WHERE d.state = 'waiting') AS next_at,
    (array_agg(coalesce(d.last_error, d.last_status::text) ORDER BY d.next_at DESC NULLS LAST) FILTER (WHERE d.state IN ('waiting', 'dead')))[1] AS last_problem
  FROM payment.webhook_endpoint e LEFT JOIN payment.webhook_delivery d USING (merchant_id, endpoint_id) GROUP BY e.merchant_id, e.endpoint_id;
COMMENT ON VIEW payment.webhook_status IS 'how merchants'' endpoints take what they are sent, and why one is disabled';

CREATE OR REPLACE VIEW payment.ledger_check AS
  SELECT t.currency, coalesce(sum(m.minor) FILTER (WHERE m.account = 'merchant'), 0) AS merchants, coalesce(sum(m.minor) FILTER (WHERE m.account = 'providers'), 0) AS providers,
    coalesce(sum(m.minor) FILTER (WHERE m.account = 'fees'), 0) AS fees, coalesce(sum(m.minor), 0) AS sum,
    count(*) FILTER (WHERE t.phase = 'pending' AND m.account = t.debit) - count(*) FILTER (WHERE t.phase IN ('post', 'void') AND m.account = t.debit) AS pending
  FROM payment.transfer t
  CROSS JOIN LATERAL (VALUES (t.debit, -1), (t.credit, 1)) AS a(account, sign)
  CROSS JOIN LATERAL (SELECT a.account, CASE WHEN t.phase IN ('post', 'direct') THEN a.sign * t.amount_minor ELSE 0 END) AS m(account, minor) GROUP BY t.currency;
COMMENT ON VIEW payment.ledger_check IS 'what each kind of account holds by currency, from all transfers; sum: of all accounts, which is 0; pending: transfers that have not ended';
