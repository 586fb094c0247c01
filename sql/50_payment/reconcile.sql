-- What a provider says that it did, against what we have.
CREATE OR REPLACE FUNCTION payment.reconcile(provider text, report jsonb, OUT problem text, OUT provider_ref text, OUT payment_id uuid, OUT number int, OUT ours_minor bigint, OUT theirs_minor bigint) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER  -- operators reconcile, and read no table
SET search_path = pg_catalog, pg_temp
AS $$
  WITH theirs AS MATERIALIZED (
    SELECT l.merchant, l.payment, l.number, t.value ->> 'provider_ref' AS ref, (t.value ->> 'amount_minor')::bigint AS minor
    FROM jsonb_array_elements(report) t CROSS JOIN LATERAL payment._located((t.value - 'payment_id') || jsonb_build_object('provider', $1)) l
  ), named AS (
    SELECT min(tenfold._uuid_time(t.payment)) AS first, max(tenfold._uuid_time(t.payment)) AS last FROM theirs t
  ), ours AS (
    SELECT o.merchant_id, o.payment_id, o.number, o.provider_ref,
      CASE WHEN o.kind = 'charge' OR o.kind = 'capture' THEN coalesce(nullif(p.captured_minor, 0), o.amount_minor) ELSE o.amount_minor END AS minor
    FROM payment.payment p JOIN payment.operation o ON (o.merchant_id, o.payment_id) = (p.merchant_id, p.payment_id), named n
    WHERE p.provider = $1 AND p.created_at BETWEEN n.first - interval '1 min' AND n.last + interval '1 min'
      AND o.kind IN ('charge', 'capture', 'refund') AND o.state = 'succeeded'
  )
  SELECT CASE WHEN t.payment IS NULL AND o.payment_id IS NULL THEN 'only they know it' WHEN o.payment_id IS NULL THEN 'they did it, and we do not know it'
      WHEN t.ref IS NULL AND t.payment IS NULL THEN 'we have it, and they do not' ELSE 'the amounts differ' END,
    coalesce(t.ref, o.provider_ref), coalesce(t.payment, o.payment_id), coalesce(t.number, o.number), o.minor, t.minor
  FROM theirs t FULL JOIN ours o ON (o.merchant_id, o.payment_id, o.number) = (t.merchant, t.payment, t.number)
  WHERE t.minor IS DISTINCT FROM o.minor
$$;
REVOKE EXECUTE ON FUNCTION payment.reconcile FROM PUBLIC;
COMMENT ON FUNCTION payment.reconcile IS
  'what a provider''s report and we disagree about: a row for each charge, capture or refund that only one of us has, or with another amount. report: [{provider_ref, reference, amount_minor}, …], '
  'where our reference or theirs says which; it is held against what we have of the time that it covers. No row: it is settled';
