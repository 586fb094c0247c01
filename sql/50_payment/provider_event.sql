-- Webhooks of providers: checked and stored at once, applied after. Nothing of them is read before their signature holds.

CREATE OR REPLACE FUNCTION payment._check_signature(provider text, headers jsonb, body bytea) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  why text := tenfold._payment_verify(provider, coalesce(headers ->> 'stripe-signature', headers ->> 'x-razorpay-signature'),
    headers ->> 'webhook-id', headers ->> 'webhook-timestamp', headers ->> 'webhook-signature', body, extract(epoch FROM clock_timestamp())::bigint);
BEGIN
  IF why IS NOT NULL THEN
    RAISE EXCEPTION 'the signature of this webhook is %', why USING ERRCODE = 'TFP13',
      HINT = format('tenfold.payment_secrets_file holds the secrets of "%s"; our clock says %s.', provider, date_trunc('second', clock_timestamp()));
  END IF;
END
$$;
COMMENT ON FUNCTION payment._check_signature IS 'raises TFP13 unless a webhook''s signature holds. Errors: TF010 no file of secrets';

-- Of PayPal's nothing is believed: a webhook that names a payment of ours makes us ask.
CREATE OR REPLACE FUNCTION payment._check_hint(provider text, body bytea) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM json_array_elements(tenfold._payment_event(provider, convert_from(body, 'UTF8'))) e
      CROSS JOIN LATERAL payment._located(e::jsonb || jsonb_build_object('provider', provider)) l
      JOIN payment.payment p ON p.merchant_id = l.merchant AND p.payment_id = l.payment) THEN
    RAISE EXCEPTION 'this webhook names no payment of ours' USING ERRCODE = 'TFP13', HINT = 'Webhooks of this provider only tell us to ask; there is nothing to ask about.';
  END IF;
END
$$;
COMMENT ON FUNCTION payment._check_hint IS 'raises TFP13 unless an unsigned webhook names a payment that we know';

CREATE OR REPLACE FUNCTION payment._event_id(headers jsonb, body bytea) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  named text := coalesce(headers ->> 'x-razorpay-event-id', headers ->> 'webhook-id', substring(convert_from(body, 'UTF8') FROM '^[[:space:]]*[{][[:space:]]*"id"[[:space:]]*:[[:space:]]*"([^"]{1,200})"'));
BEGIN
  RETURN coalesce(left(nullif(named, ''), 255), encode(sha256(body), 'hex'));
EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
  RETURN encode(sha256(body), 'hex');
END
$$;
COMMENT ON FUNCTION payment._event_id IS 'by what a provider names an event: a header, or the id at the beginning of its body; else the SHA-256 of the body';

CREATE OR REPLACE FUNCTION payment.receive_event(provider text, headers jsonb, body bytea) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER  -- who hands them on writes no table, and knows no secret
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  id text;
BEGIN
  IF provider IS NULL OR NOT EXISTS (SELECT FROM payment.capability c WHERE c.provider = $1) THEN
    RAISE EXCEPTION 'unknown provider "%"', left(provider, 50) USING ERRCODE = 'TF040', HINT = 'payment.capability has those that are called.';
  ELSIF body IS NULL OR octet_length(body) > 1 << 20 THEN
    RAISE EXCEPTION 'a webhook has % bytes', coalesce(octet_length(body)::text, 'no') USING ERRCODE = '22023', HINT = 'At most a megabyte.';
  END IF;
  IF split_part(provider, '-', 1) = 'paypal' THEN
    PERFORM payment._check_hint(provider, body);
  ELSE
    PERFORM payment._check_signature(provider, headers, body);
  END IF;
  id := payment._event_id(headers, body);
  INSERT INTO payment.provider_event (provider, event_id, body, sha256, headers) VALUES ($1, id, $3, sha256($3),
    (SELECT coalesce(jsonb_object_agg(h.key, h.value), '{}') FROM jsonb_each(headers) h WHERE h.key ~ '^(stripe-|x-razorpay-|webhook-|paypal-|content-type)')) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN 'known';
  END IF;
  INSERT INTO payment.provider_event_due (provider, event_id) VALUES ($1, id);
  RETURN 'new';
END
$$;
REVOKE EXECUTE ON FUNCTION payment.receive_event FROM PUBLIC;
COMMENT ON FUNCTION payment.receive_event IS
  'checks a provider''s webhook and stores it, once: new, or known where its id or its bytes were here before. headers: names in lower case. Errors: TFP13 (401) signature, TF040 (404) unknown provider, TF010 no secrets';

CREATE OR REPLACE FUNCTION payment._apply_event(due payment.provider_event_due) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  e payment.provider_event;
BEGIN
  SELECT * INTO e FROM payment.provider_event f WHERE (f.provider, f.event_id) = (due.provider, due.event_id);
  PERFORM payment.observe(ARRAY(SELECT o::jsonb || jsonb_build_object('source', 'event', 'provider', due.provider)
    FROM json_array_elements(tenfold._payment_event(due.provider, convert_from(e.body, 'UTF8'))) o));
END
$$;
COMMENT ON FUNCTION payment._apply_event IS 'what a stored webhook says, as observations';

-- One that fails stops no other: it is tried again with the next minutes, ten times; then it stays, and is told of.
CREATE OR REPLACE FUNCTION payment.apply_events(most int DEFAULT 1000) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER  -- workers write no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  due payment.provider_event_due;
  applied bigint := 0;
BEGIN
  FOR due IN SELECT * FROM payment.provider_event_due d WHERE d.tries < 10 AND d.at <= clock_timestamp()
      ORDER BY d.at LIMIT tenfold._in_range('most', most, 1, 10000) FOR UPDATE SKIP LOCKED LOOP
    BEGIN
      PERFORM payment._apply_event(due);
      DELETE FROM payment.provider_event_due d WHERE (d.provider, d.event_id) = (due.provider, due.event_id);
      applied := applied + 1;
    EXCEPTION WHEN OTHERS THEN
      IF tenfold._is_our_fault(SQLSTATE) THEN
        RAISE;
      END IF;
      UPDATE payment.provider_event_due d SET tries = d.tries + 1, last_error = format('%s (%s)', SQLERRM, SQLSTATE), at = clock_timestamp() + interval '1 min'
        WHERE (d.provider, d.event_id) = (due.provider, due.event_id);
    END;
  END LOOP;
  RETURN applied;
END
$$;
REVOKE EXECUTE ON FUNCTION payment.apply_events FROM PUBLIC;
COMMENT ON FUNCTION payment.apply_events IS 'tells payment.observe() what stored webhooks say, the oldest first; gives how many. Several may run at once. Errors: 22023 most';
