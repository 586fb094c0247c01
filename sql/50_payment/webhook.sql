-- Webhooks to merchants: one message an event, a delivery for each endpoint that wants it, a lane for each endpoint.

CREATE OR REPLACE FUNCTION payment._is_private_host(host text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  address inet;
BEGIN
  IF host ~* '(^|[.])(localhost|local|internal|home[.]arpa)[.]?$' THEN
    RETURN true;
  ELSIF host !~ '[.:]' OR host ~* '^(0x[0-9a-f]*|[0-9]+)([.](0x[0-9a-f]*|[0-9]+))*[.]?$' AND host !~ '^([0-9]|[1-9][0-9]{1,2})([.]([0-9]|[1-9][0-9]{1,2})){3}$' THEN
    RETURN true;  -- a bare name, or an address in a spelling that only hides it
  ELSIF host !~ '^[0-9.]+$' AND host !~ ':' THEN
    RETURN false;
  END IF;
  address := host;
  RETURN family(address) = 6 AND NOT address << '2000::/3'
    OR address <<= ANY ('{0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,169.254.0.0/16,172.16.0.0/12,192.0.0.0/24,192.0.2.0/24,192.88.99.0/24,192.168.0.0/16,198.18.0.0/15,198.51.100.0/24,203.0.113.0/24,224.0.0.0/3,2001::/23,2001:db8::/32,2002::/16}'::inet[]);
EXCEPTION WHEN invalid_text_representation THEN
  RETURN true;
END
$$;
COMMENT ON FUNCTION payment._is_private_host IS 'whether a host is no public one, as far as its text tells: what a name means is asked again when something is sent there';

CREATE OR REPLACE FUNCTION payment._check_url(url text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  parts text[] := regexp_match(url, '^(https?)://([A-Za-z0-9.-]{1,253}|[[][0-9A-Fa-f:.]{2,45}[]])(?::([0-9]{1,5}))?(?:[/?][!"$-~]*)?$');
  host text := trim(parts[2], '[]');
  is_ours boolean := host = ANY (string_to_array(tenfold._setting('payment_webhook_hosts'), ','));
BEGIN
  IF parts IS NULL OR length(url) > 2000 OR parts[3]::int NOT BETWEEN 1 AND 65535 THEN
    RAISE EXCEPTION 'the URL cannot be called' USING ERRCODE = 'TFP14', HINT = 'https://HOST/PATH, without a user, a fragment or spaces, of at most 2000 characters.';
  ELSIF NOT is_ours AND parts[1] <> 'https' THEN
    RAISE EXCEPTION 'the URL is not https' USING ERRCODE = 'TFP14', HINT = 'What is sent there is the business of nobody else.';
  ELSIF NOT is_ours AND payment._is_private_host(host) THEN
    RAISE EXCEPTION 'the URL is at a private address' USING ERRCODE = 'TFP14', HINT = 'Only public hosts are called.';
  END IF;
END
$$;
COMMENT ON FUNCTION payment._check_url IS 'raises TFP14 for what is no https URL of a public host; tenfold.payment_webhook_hosts names exceptions';

CREATE OR REPLACE FUNCTION payment.create_endpoint(merchant_id bigint, url text, events text[], OUT endpoint_id uuid, OUT secret text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  known CONSTANT text[] := '{payment.initiated,payment.requires_action,payment.unknown,payment.authorized,payment.success,payment.failed,payment.canceled,payment.refunded,payment.late_success}';
  wrong text := (SELECT e FROM unnest(events) e WHERE e <> ALL (known) LIMIT 1);
BEGIN
  PERFORM payment._check_url(url);
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'unknown event "%"', left(wrong, 100) USING ERRCODE = '22023', HINT = 'There are: ' || array_to_string(known, ', ') || '; none named means all.';
  ELSIF (SELECT count(*) FROM payment.webhook_endpoint w WHERE w.merchant_id = $1) >= 20 THEN
    RAISE EXCEPTION 'a merchant has at most 20 endpoints' USING ERRCODE = 'TFP14', HINT = 'Delete one first.';
  END IF;
  endpoint_id := tenfold._uuid_v7(tenfold.bucket_of_key($1));
  secret := tenfold._payment_endpoint_secret(endpoint_id::text, 1);
  INSERT INTO payment.webhook_endpoint (merchant_id, endpoint_id, url, events) VALUES ($1, create_endpoint.endpoint_id, $2, coalesce($3, '{}'));
END
$$;
COMMENT ON FUNCTION payment.create_endpoint IS
  'where a merchant wants to be told of these events ({}: all), and the secret that signs them, shown once. Errors: TFP14 the URL, 22023 unknown event, TF010 no master key';

CREATE OR REPLACE FUNCTION payment._locked_endpoint(merchant bigint, wanted uuid) RETURNS payment.webhook_endpoint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  e payment.webhook_endpoint;
BEGIN
  SELECT * INTO e FROM payment.webhook_endpoint w WHERE (w.merchant_id, w.endpoint_id) = (merchant, wanted) FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'endpoint % does not exist', wanted USING ERRCODE = 'TFP09', HINT = 'GET /webhook-endpoints lists a merchant''s own.';
  END IF;
  RETURN e;
END
$$;
COMMENT ON FUNCTION payment._locked_endpoint IS 'an endpoint''s row, locked. Errors: TFP09 the merchant has none of this id';

CREATE OR REPLACE FUNCTION payment.rotate_secret(merchant_id bigint, endpoint_id uuid) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  e payment.webhook_endpoint := payment._locked_endpoint($1, $2);
BEGIN
  UPDATE payment.webhook_endpoint w SET generation = e.generation + 1, old_until = clock_timestamp() + interval '24 hours'
    WHERE (w.merchant_id, w.endpoint_id) = ($1, $2);
  RETURN tenfold._payment_endpoint_secret($2::text, e.generation + 1);
END
$$;
COMMENT ON FUNCTION payment.rotate_secret IS 'a new secret for an endpoint; for 24 hours the old one signs, too. Errors: TFP09 no such endpoint, TF010 no master key';

CREATE OR REPLACE FUNCTION payment.delete_endpoint(merchant_id bigint, endpoint_id uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM payment._locked_endpoint($1, $2);
  DELETE FROM payment.webhook_endpoint w WHERE (w.merchant_id, w.endpoint_id) = ($1, $2);
END
$$;
COMMENT ON FUNCTION payment.delete_endpoint IS 'nothing is sent there any more. Errors: TFP09 no such endpoint';

CREATE OR REPLACE FUNCTION payment._send_later(merchant bigint, delivery uuid, endpoint uuid, at timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT tenfold.enqueue('webhook', jsonb_build_object('merchant_id', merchant, 'delivery_id', delivery), run_at => at, concurrency_key => endpoint::text) $$;
COMMENT ON FUNCTION payment._send_later IS 'a job for the next try of a delivery, in the lane of its endpoint';

CREATE OR REPLACE FUNCTION payment.enable_endpoint(merchant_id bigint, endpoint_id uuid) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  redriven bigint;
BEGIN
  PERFORM payment._locked_endpoint($1, $2);
  UPDATE payment.webhook_endpoint w SET (disabled_at, disabled_because, failing_since) = (NULL, NULL, NULL) WHERE (w.merchant_id, w.endpoint_id) = ($1, $2);
  WITH again AS (
    UPDATE payment.webhook_delivery d SET state = tenfold._next_state('webhook_delivery', d.state, 'redrive'), tries = 0, ended_at = NULL
      WHERE d.merchant_id = $1 AND d.endpoint_id = $2 AND d.state = 'dead' AND d.created_at > clock_timestamp() - interval '30 days' RETURNING d.delivery_id
  )
  SELECT count(payment._send_later($1, a.delivery_id, $2)) INTO redriven FROM (SELECT * FROM again ORDER BY delivery_id) a;
  RETURN redriven;
END
$$;
COMMENT ON FUNCTION payment.enable_endpoint IS 'an endpoint is called again, and what was dead goes there once more; gives how many. Errors: TFP09 no such endpoint';

CREATE OR REPLACE FUNCTION payment._message_body(event jsonb) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN jsonb_build_object('event_type', event -> 'event_type', 'transaction_id', event -> 'transaction_id', 'status', event -> 'status', 'amount', event -> 'amount',
  'amount_minor', event -> 'amount_minor', 'currency', event -> 'currency', 'created_at', event -> 'timestamp')::text;
COMMENT ON FUNCTION payment._message_body IS 'what a merchant is told of an event';

CREATE OR REPLACE FUNCTION payment._add_message(event jsonb) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  merchant CONSTANT bigint := event ->> 'merchant_id';
  message CONSTANT uuid := event ->> 'event_id';
  jobs bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM payment.webhook_endpoint w WHERE w.merchant_id = merchant) THEN
    RETURN false;
  END IF;
  INSERT INTO payment.webhook_message (merchant_id, message_id, payment_id, event_type, body)
    VALUES (merchant, message, (event ->> 'transaction_id')::uuid, event ->> 'event_type', payment._message_body(event)) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  WITH made AS (
    INSERT INTO payment.webhook_delivery (merchant_id, delivery_id, message_id, endpoint_id)
      SELECT merchant, tenfold._uuid_v5(message, w.endpoint_id::text), message, w.endpoint_id FROM payment.webhook_endpoint w
      WHERE w.merchant_id = merchant AND w.disabled_at IS NULL AND (w.events = '{}' OR event ->> 'event_type' = ANY (w.events)) ORDER BY w.endpoint_id
      RETURNING delivery_id, endpoint_id
  )
  SELECT count(payment._send_later(merchant, m.delivery_id, m.endpoint_id)) INTO jobs FROM made m;
  RETURN true;
END
$$;
COMMENT ON FUNCTION payment._add_message IS 'one event as a message, with its deliveries and their jobs; false: it was here before, or nobody wants it';

CREATE OR REPLACE FUNCTION payment.add_messages(events jsonb[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER  -- workers write no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  event jsonb;
  added bigint := 0;
BEGIN
  FOREACH event IN ARRAY events LOOP
    added := added + payment._add_message(event)::int;
  END LOOP;
  RETURN added;
END
$$;
REVOKE EXECUTE ON FUNCTION payment.add_messages FROM PUBLIC;
COMMENT ON FUNCTION payment.add_messages IS 'the handler of consumer payment-webhooks: events of topic payment-events become messages, each once; gives how many';

DROP FUNCTION IF EXISTS payment.take_deliveries(bigint[], uuid[]);
DROP FUNCTION IF EXISTS payment._take_delivery(bigint, uuid);
DROP TYPE IF EXISTS payment.delivery;
CREATE TYPE payment.delivery AS (merchant_id bigint, delivery_id uuid, endpoint_id uuid, url text, body text, headers jsonb);
COMMENT ON TYPE payment.delivery IS 'a signed message, to be posted as it is';

CREATE OR REPLACE FUNCTION payment._take_delivery(merchant bigint, wanted uuid) RETURNS payment.delivery
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  d payment.webhook_delivery;
  e payment.webhook_endpoint;
  text_of_body text;
  seconds bigint := extract(epoch FROM clock_timestamp());
BEGIN
  SELECT * INTO d FROM payment.webhook_delivery f WHERE (f.merchant_id, f.delivery_id) = (merchant, wanted) FOR NO KEY UPDATE;
  IF tenfold._next_state('webhook_delivery', d.state, 'take') IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT * INTO e FROM payment.webhook_endpoint w WHERE (w.merchant_id, w.endpoint_id) = (merchant, d.endpoint_id);
  IF e.url IS NULL OR e.disabled_at IS NOT NULL THEN
    UPDATE payment.webhook_delivery u SET state = tenfold._next_state('webhook_delivery', d.state, 'disabled'), ended_at = clock_timestamp(),
        last_error = coalesce(e.disabled_because, 'the endpoint was deleted') WHERE (u.merchant_id, u.delivery_id) = (merchant, wanted);
    RETURN NULL;
  END IF;
  UPDATE payment.webhook_delivery u SET state = tenfold._next_state('webhook_delivery', d.state, 'take') WHERE (u.merchant_id, u.delivery_id) = (merchant, wanted);
  text_of_body := (SELECT m.body FROM payment.webhook_message m WHERE (m.merchant_id, m.message_id) = (merchant, d.message_id));
  RETURN (merchant, wanted, d.endpoint_id, e.url, text_of_body, jsonb_build_object('content-type', 'application/json', 'webhook-id', d.message_id,
    'webhook-timestamp', seconds::text, 'webhook-signature', tenfold._payment_sign(d.endpoint_id::text, e.generation,
      coalesce(e.old_until > clock_timestamp(), false), d.message_id::text, seconds, text_of_body)));
END
$$;
COMMENT ON FUNCTION payment._take_delivery IS 'a delivery, signed with the time of now; NULL: it has ended, or its endpoint has';

CREATE OR REPLACE FUNCTION payment.take_deliveries(merchant_ids bigint[], delivery_ids uuid[]) RETURNS SETOF payment.delivery
LANGUAGE plpgsql SECURITY DEFINER  -- workers know no secret
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._check_lists('merchant_ids delivery_ids', merchant_ids, delivery_ids);
  RETURN QUERY SELECT t.* FROM (SELECT * FROM ROWS FROM (unnest(merchant_ids), unnest(delivery_ids)) AS w(merchant, delivery) ORDER BY 1, 2) w
    CROSS JOIN LATERAL payment._take_delivery(w.merchant, w.delivery) t WHERE t.delivery_id IS NOT NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION payment.take_deliveries FROM PUBLIC;
COMMENT ON FUNCTION payment.take_deliveries IS 'what to post where, signed now; those that have ended are left out. Errors: 2202E the arrays are not as long as each other, TF010 no master key';

CREATE OR REPLACE FUNCTION payment._disable_endpoint(merchant bigint, endpoint uuid, why text) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE payment.webhook_endpoint w SET disabled_at = clock_timestamp(), disabled_because = why
  WHERE (w.merchant_id, w.endpoint_id) = (merchant, endpoint) AND w.disabled_at IS NULL
$$;
COMMENT ON FUNCTION payment._disable_endpoint IS 'an endpoint that is not called any more';

CREATE OR REPLACE FUNCTION payment._next_try(tries int, asked double precision) RETURNS timestamptz
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
RETURN clock_timestamp() + greatest(('{5 s,5 min,30 min,2 hours,5 hours,10 hours,14 hours,20 hours,24 hours}'::interval[])[tries],
  make_interval(secs => least(greatest(asked, 0), 86400)));
COMMENT ON FUNCTION payment._next_try IS 'when to try again after so many tries, and not before the endpoint asked';

CREATE OR REPLACE FUNCTION payment._note_failure(d payment.webhook_delivery, result jsonb) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  again_at timestamptz := payment._next_try(d.tries, (result ->> 'retry_after_s')::double precision);
  became text := tenfold._next_state('webhook_delivery', d.state, CASE WHEN d.tries >= 10 OR d.last_status = 410 THEN 'gave_up' ELSE 'refused' END);
  since timestamptz;
BEGIN
  UPDATE payment.webhook_endpoint w SET failing_since = coalesce(w.failing_since, clock_timestamp())
    WHERE (w.merchant_id, w.endpoint_id) = (d.merchant_id, d.endpoint_id) RETURNING w.failing_since INTO since;
  IF d.last_status = 410 THEN
    PERFORM payment._disable_endpoint(d.merchant_id, d.endpoint_id, 'it answered 410, gone');
  ELSIF since < clock_timestamp() - interval '5 days' THEN
    PERFORM payment._disable_endpoint(d.merchant_id, d.endpoint_id, 'it failed for five days');
  END IF;
  UPDATE payment.webhook_delivery u SET state = became, tries = d.tries, last_status = d.last_status, last_error = d.last_error,
      next_at = CASE became WHEN 'waiting' THEN again_at END, ended_at = CASE became WHEN 'dead' THEN clock_timestamp() END
    WHERE (u.merchant_id, u.delivery_id) = (d.merchant_id, d.delivery_id);
  IF became = 'waiting' THEN
    PERFORM payment._send_later(d.merchant_id, d.delivery_id, d.endpoint_id, again_at);
  END IF;
  RETURN became;
END
$$;
COMMENT ON FUNCTION payment._note_failure IS 'a try that failed: the next one is a job, or the delivery is dead; what an endpoint does for five days, or by 410, ends it';

CREATE OR REPLACE FUNCTION payment._note_delivery(result jsonb) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  d payment.webhook_delivery;
BEGIN
  SELECT * INTO d FROM payment.webhook_delivery f
    WHERE (f.merchant_id, f.delivery_id) = ((result ->> 'merchant_id')::bigint, (result ->> 'delivery_id')::uuid) FOR NO KEY UPDATE;
  IF d.state IS DISTINCT FROM 'sending' THEN
    RETURN d.state;
  END IF;
  d.tries := d.tries + 1;
  d.last_status := nullif((result ->> 'status')::int, 0);
  d.last_error := left(coalesce(result ->> 'error', CASE WHEN result ->> 'denied' = 'true' THEN 'it is at a private address' END), 1000);
  IF (d.last_status BETWEEN 200 AND 299) IS NOT TRUE THEN
    RETURN payment._note_failure(d, result);
  END IF;
  UPDATE payment.webhook_delivery u SET state = tenfold._next_state('webhook_delivery', d.state, 'accepted'), tries = d.tries, last_status = d.last_status,
      last_error = NULL, next_at = NULL, ended_at = clock_timestamp() WHERE (u.merchant_id, u.delivery_id) = (d.merchant_id, d.delivery_id);
  UPDATE payment.webhook_endpoint w SET failing_since = NULL
    WHERE (w.merchant_id, w.endpoint_id) = (d.merchant_id, d.endpoint_id) AND w.failing_since IS NOT NULL;
  RETURN 'delivered';
END
$$;
COMMENT ON FUNCTION payment._note_delivery IS 'how a try went: {merchant_id, delivery_id, status, error, retry_after_s, denied}';

CREATE OR REPLACE FUNCTION payment.note_deliveries(results jsonb[]) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER  -- workers write no table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM FROM (SELECT (r ->> 'merchant_id')::bigint AS merchant, (r ->> 'delivery_id')::uuid AS delivery FROM unnest(results) r ORDER BY 1, 2) w
    CROSS JOIN LATERAL (SELECT FROM payment.webhook_delivery d WHERE (d.merchant_id, d.delivery_id) = (w.merchant, w.delivery) FOR NO KEY UPDATE) locked;
  RETURN QUERY SELECT payment._note_delivery(r) FROM unnest(results) WITH ORDINALITY AS u(r, o) ORDER BY o;
END
$$;
REVOKE EXECUTE ON FUNCTION payment.note_deliveries FROM PUBLIC;
COMMENT ON FUNCTION payment.note_deliveries IS
  'how tries went; gives what each delivery is now: delivered, waiting (its next try is a job), dead after the tenth try or a 410. One that comes late changes nothing';
