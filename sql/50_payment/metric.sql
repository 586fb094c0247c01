CREATE OR REPLACE FUNCTION payment._metrics(OUT name text, OUT labels jsonb, OUT value double precision) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY SELECT s.* FROM tenfold._samples(jsonb_build_object(
    'tenfold_payment_oldest_unknown_seconds', (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - p.changed_at)), 0) FROM payment.payment p
      WHERE p.created_at > clock_timestamp() - interval '7 days' AND p.state = 'unknown'),
    'tenfold_payment_stuck', (SELECT count(*) FROM payment._lost_operations(clock_timestamp() - interval '1 day')),
    'tenfold_payment_events_due', (SELECT count(*) FROM payment.provider_event_due),
    'tenfold_payment_events_oldest_seconds', (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - d.at)), 0) FROM payment.provider_event_due d WHERE d.tries < 10),
    'tenfold_payment_audit_problems', (SELECT r.problems FROM payment.audit_result r ORDER BY r.audited_at DESC LIMIT 1),
    'tenfold_webhook_endpoints_disabled', (SELECT count(*) FROM payment.webhook_endpoint e WHERE e.disabled_at IS NOT NULL))) s;
  RETURN QUERY SELECT s.* FROM payment.provider_health h CROSS JOIN LATERAL tenfold._samples(jsonb_build_object(
    'tenfold_payment_calls_hour', h.attempts, 'tenfold_payment_success_ratio', h.success_rate, 'tenfold_payment_latency_p99_seconds', h.p99_s,
    'tenfold_payment_rejected_hour', h.rejected), jsonb_build_object('provider', h.provider)) s;
END
$$;
COMMENT ON FUNCTION payment._metrics IS 'the metrics of payments';

SELECT tenfold._forget_metrics('payment');
SELECT tenfold._declare_metric('payment', 'payment._metrics()', m.name, 'gauge', m.help) FROM (VALUES
  ('tenfold_payment_oldest_unknown_seconds', 'how long the payment that has been unknown for longest has been so'),
  ('tenfold_payment_stuck', 'open operations of a day of which nobody has looked when a job should have'),
  ('tenfold_payment_events_due', 'webhooks of providers that are not applied yet'),
  ('tenfold_payment_events_oldest_seconds', 'how long the oldest of them has waited'),
  ('tenfold_payment_audit_problems', 'what payment.audit() found wrong when it ran last'),
  ('tenfold_webhook_endpoints_disabled', 'merchants'' endpoints that are called no more'),
  ('tenfold_payment_calls_hour', 'calls of the last hour, by provider'),
  ('tenfold_payment_success_ratio', 'the share of them that succeeded'),
  ('tenfold_payment_latency_p99_seconds', 'the 99th percentile of their time'),
  ('tenfold_payment_rejected_hour', 'those that the provider did not take, which is ours to mend')) AS m(name, help);
