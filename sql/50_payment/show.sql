-- What merchants see of a payment.
CREATE OR REPLACE FUNCTION payment._show_operations(p payment.payment) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('operation_id', tenfold._uuid_v5(o.payment_id, o.number::text), 'kind', o.kind,
    'status', CASE o.state WHEN 'open' THEN 'pending' WHEN 'sent' THEN 'processing' ELSE o.state END,
    'amount', tenfold.from_minor(o.amount_minor, p.currency), 'created_at', o.created_at, 'reason', o.reason)) ORDER BY o.number), '[]')
  FROM payment.operation o WHERE (o.merchant_id, o.payment_id) = (p.merchant_id, p.payment_id)
$$;
COMMENT ON FUNCTION payment._show_operations IS 'what was asked of the provider about a payment';

CREATE OR REPLACE FUNCTION payment._show(p payment.payment) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT jsonb_build_object('transaction_id', p.payment_id, 'status', p.state, 'amount', tenfold.from_minor(p.amount_minor, p.currency), 'amount_minor', p.amount_minor,
    'currency', p.currency, 'payment_method', p.method, 'customer_id', r.body -> 'customer_id', 'created_at', p.created_at, 'updated_at', p.changed_at,
    'provider', p.provider, 'held', tenfold.from_minor(p.held_minor, p.currency), 'captured', tenfold.from_minor(p.captured_minor, p.currency),
    'refunded', tenfold.from_minor(p.refund_minor, p.currency), 'next_action', p.next_action,
    'failure', CASE WHEN p.failure_code IS NOT NULL THEN jsonb_build_object('code', p.failure_code, 'message', p.failure_message) END,
    'metadata', coalesce(r.body -> 'metadata', '{}'), 'operations', payment._show_operations(p))
  FROM payment.request r WHERE (r.merchant_id, r.idempotency_key) = (p.merchant_id, p.idempotency_key)
$$;
COMMENT ON FUNCTION payment._show IS 'what a merchant sees of a payment today';

CREATE OR REPLACE FUNCTION payment._list(merchant bigint, "limit" int, before uuid) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  found uuid[] := ARRAY(SELECT p.payment_id FROM payment.payment p WHERE p.merchant_id = merchant AND (before IS NULL OR p.payment_id < before)
    ORDER BY p.payment_id DESC LIMIT "limit" + 1);
BEGIN
  RETURN json_build_object('next', CASE WHEN cardinality(found) > "limit" THEN found["limit"] END,
    'payments', (SELECT coalesce(json_agg(payment._show(p) ORDER BY p.payment_id DESC), '[]') FROM payment.payment p
      WHERE p.merchant_id = merchant AND p.payment_id = ANY (found[:"limit"])));
END
$$;
COMMENT ON FUNCTION payment._list IS 'a merchant''s payments, the newest first: ids of one bucket ascend with time';
