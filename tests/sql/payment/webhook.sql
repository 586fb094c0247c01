-- Webhooks: those of providers, once and genuine; those to merchants, signed, in lanes, ten times at most.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
SELECT diag('webhooks need tenfold.payment_secrets_file: ' || current_setting('tenfold.payment_secrets_file')) WHERE current_setting('tenfold.payment_secrets_file') = '';
CREATE TEMP TABLE shop AS SELECT payment.create_merchant('a') AS m;
CREATE FUNCTION pg_temp.hex_hmac(body bytea, secret text) RETURNS text LANGUAGE sql AS $$ SELECT encode(hmac(body, secret::bytea, 'sha256'), 'hex') $$;
CREATE FUNCTION pg_temp.signed(body text, at bigint, secret text DEFAULT 'whsec_stripe') RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object('stripe-signature', format('t=%s,v1=%s', at, pg_temp.hex_hmac(convert_to(at || '.' || body, 'UTF8'), secret))) $$;
CREATE FUNCTION pg_temp.now_s(plus int DEFAULT 0) RETURNS bigint LANGUAGE sql AS $$ SELECT extract(epoch FROM clock_timestamp())::bigint + plus $$;
CREATE FUNCTION pg_temp.get(body text, headers jsonb, provider text DEFAULT 'stripe') RETURNS text LANGUAGE sql AS $$ SELECT payment.receive_event(provider, headers, convert_to(body, 'UTF8')) $$;

-- In.
CREATE TEMP TABLE paid AS SELECT (c.answer ->> 'transaction_id')::uuid AS p FROM shop, payment.create(m, 'k', '{"amount": 100, "currency": "INR", "customer_id": 7, "payment_method": "card", "payment_token": "tok_1"}') c;
SELECT is(c.action, 'send', 'a payment is on its way') FROM shop, paid, payment.begin_calls(ARRAY[m], ARRAY[p], ARRAY[1]) c;
CREATE TEMP TABLE told AS SELECT format('{"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 10000, "amount_received": 10000, "currency": "inr", "latest_charge": "ch_1", "metadata": {"reference": "%s/%s/1"}}}}', m, p) AS body FROM shop, paid;
SELECT throws_ok(format('SELECT pg_temp.get(%L, %L)', body, h.headers), 'TFP13', NULL, h.what) FROM told, LATERAL (VALUES
  ('no signature', '{}'::jsonb), ('another secret', pg_temp.signed(body, pg_temp.now_s(), 'whsec_other')), ('another body', pg_temp.signed(body || ' ', pg_temp.now_s())),
  ('too old', pg_temp.signed(body, pg_temp.now_s(-400))), ('from the future', pg_temp.signed(body, pg_temp.now_s(400))),
  ('a time that comes twice', jsonb_build_object('stripe-signature', 't=1,' || (pg_temp.signed(body, pg_temp.now_s()) ->> 'stripe-signature'))), ('nonsense', '{"stripe-signature": "x"}')) h(what, headers);
SELECT is_empty('SELECT * FROM payment.provider_event', 'none of that was stored');
SELECT is(pg_temp.get(body, pg_temp.signed(body, pg_temp.now_s())), 'new', 'a genuine one is') FROM told;
SELECT is(pg_temp.get(body, pg_temp.signed(body, pg_temp.now_s(1))), 'known', 'once') FROM told;
SELECT throws_ok(format('SELECT payment.receive_event(%L, %L, %L)', p, '{}', ''), 'TF040', NULL, 'of an unknown provider') FROM unnest('{nobody,"",stripe-eu}'::text[]) p;
SELECT is(payment.apply_events(), 1::bigint, 'applied after');
SELECT is(state, 'success', 'it was the first to know') FROM payment.payment JOIN paid ON payment_id = p;
SELECT is(payment.apply_events(), 0::bigint, 'once');
SELECT is((SELECT o FROM payment.observe(ARRAY[jsonb_build_object('merchant_id', m, 'payment_id', p, 'source', 'reply', 'class', 'succeeded', 'provider_ref', 'pi_1')]) o), 'success', 'the reply comes after it') FROM shop, paid;
SELECT is_empty('SELECT * FROM payment.audit()', 'and it adds up');
SELECT is(pg_temp.get(b, jsonb_build_object('x-razorpay-signature', pg_temp.hex_hmac(convert_to(b, 'UTF8'), 'rzp_secret'), 'x-razorpay-event-id', 'e1'), 'razorpay'), 'new', 'Razorpay''s') FROM (VALUES ('{"event": "payment.failed"}')) v(b);
SELECT is(pg_temp.get(b, jsonb_build_object('x-razorpay-signature', pg_temp.hex_hmac(convert_to(b, 'UTF8'), 'rzp_secret'), 'x-razorpay-event-id', 'e2'), 'razorpay'), 'known', 'whose event id is not signed: the same bytes are the same') FROM (VALUES ('{"event": "payment.failed"}')) v(b);
SELECT throws_ok($$SELECT pg_temp.get('{"event_type": "X"}', '{}', 'paypal')$$, 'TFP13', NULL, 'PayPal''s that names nothing of ours');
SELECT is(pg_temp.get('no JSON', pg_temp.signed('no JSON', pg_temp.now_s())), 'new', 'a signed riddle is kept');
SELECT lives_ok('SELECT payment.apply_events()', 'stops no other');
SELECT is(count(*), 1::bigint, 'and says why it waits') FROM payment.provider_event_due WHERE last_error IS NOT NULL AND tries = 1;

-- Endpoints.
SELECT throws_ok(format('SELECT payment.create_endpoint(%s, %L, %L)', m, u, '{}'), 'TFP14', NULL, u) FROM shop, unnest(ARRAY['http://shop.example.com/', 'https://127.0.0.1/', 'https://localhost/x', 'https://10.1.2.3/',
  'https://192.168.0.1/', 'https://169.254.169.254/latest', 'https://[::1]/', 'https://[fe80::1]/', 'https://[::ffff:127.0.0.1]/', 'https://[fd00::1]/', 'https://2130706433/', 'https://0x7f.1/', 'https://0177.0.0.1/', 'https://intranet/',
  'https://a.internal/', 'ftp://shop.example.com/', 'https://user:x@shop.example.com/', 'https://shop.example.com:99999/', 'https://shop.example.com/ x', 'https://shop.example.com/#x', 'javascript:alert(1)', '', 'https://[2002:7f00:1::]/']) u;
SELECT lives_ok(format('SELECT payment.create_endpoint(%s, %L, %L)', payment.create_merchant('u'), u, '{}'), u) FROM unnest(ARRAY['https://shop.example.com', 'https://shop.example.com:8443/hooks?a=1', 'https://93.184.216.34/', 'https://[2606:2800:220:1::1]/x']) u;
SELECT throws_ok(format('SELECT payment.create_endpoint(%s, %L, %L)', m, 'https://shop.example.com', '{payment.great}'), '22023', NULL, 'an unknown event') FROM shop;
CREATE TEMP TABLE hook AS SELECT e.*, 'https://shop.example.com/a' AS url FROM shop, payment.create_endpoint(m, 'https://shop.example.com/a', '{payment.success,payment.refunded}') e;
SELECT matches(secret, '^whsec_[A-Za-z0-9+/]{43}=$', 'a secret as Standard Webhooks writes it') FROM hook;

-- Out.
CREATE TEMP TABLE event AS SELECT e.payload FROM tenfold.event e JOIN paid ON e.key = p::text;
SELECT is(payment.add_messages(array_agg(payload)), 2::bigint, 'each event is a message') FROM event;
SELECT is(payment.add_messages(array_agg(payload)), 0::bigint, 'once') FROM event;
SELECT results_eq($$SELECT m.event_type, d.state FROM payment.webhook_delivery d JOIN payment.webhook_message m USING (message_id)$$, $$VALUES ('payment.success', 'due')$$, 'sent to who wants it');
SELECT is(j.concurrency_key, endpoint_id::text, 'in the lane of its endpoint') FROM tenfold.job j JOIN tenfold.queue q USING (queue_id), hook WHERE q.name = 'webhook';
CREATE FUNCTION pg_temp.take() RETURNS payment.delivery LANGUAGE sql AS $$ SELECT t FROM (SELECT array_agg(merchant_id) AS m, array_agg(delivery_id) AS d FROM payment.webhook_delivery WHERE state NOT IN ('delivered', 'dead')) w, payment.take_deliveries(w.m, w.d) t $$;
CREATE FUNCTION pg_temp.note(status int, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
  SELECT n FROM payment.note_deliveries((SELECT array_agg(jsonb_build_object('merchant_id', merchant_id, 'delivery_id', delivery_id, 'status', status) || more) FROM payment.webhook_delivery WHERE state = 'sending')) n $$;
CREATE TEMP TABLE sent AS SELECT (pg_temp.take()).*;
SELECT results_eq('SELECT url FROM sent', 'SELECT url FROM hook', 'to its URL');
SELECT set_eq('SELECT json_object_keys(body::json) FROM sent', '{transaction_id,status,amount,amount_minor,currency,event_type,created_at}'::text[], 'with the original''s members, and ours');
SELECT is(headers ->> 'webhook-signature', 'v1,' || encode(hmac(convert_to(format('%s.%s.%s', headers ->> 'webhook-id', headers ->> 'webhook-timestamp', body), 'UTF8'), decode(substr(secret, 7), 'base64'), 'sha256'), 'base64'), 'signed as Standard Webhooks says') FROM sent, hook;
SELECT is(pg_temp.note(500, '{"error": "no"}'), 'waiting', 'an error waits');
SELECT ok(next_at BETWEEN clock_timestamp() + '4 s' AND clock_timestamp() + '6 s', 'five seconds') FROM payment.webhook_delivery;
SELECT is((pg_temp.take()).url, url, 'again') FROM hook;
SELECT is(pg_temp.note(503, '{"retry_after_s": 900}'), 'waiting', 'who asks for time');
SELECT ok(next_at > clock_timestamp() + '14 min', 'gets it') FROM payment.webhook_delivery;
SELECT is(pg_temp.note(200), NULL, 'what is not sent is not noted');
SELECT isnt(payment.rotate_secret(m, endpoint_id), secret, 'a new secret') FROM shop, hook;
SELECT is(array_length(string_to_array((pg_temp.take()).headers ->> 'webhook-signature', ' '), 1), 2, 'for a day both sign');
SELECT is(pg_temp.note(204), 'delivered', 'delivered');
SELECT is((pg_temp.take()).url, NULL, 'that is the end');
SELECT ok(failing_since IS NULL, 'it does not fail') FROM payment.webhook_endpoint JOIN hook USING (endpoint_id);

-- Ten times, then dead; enabling sends it again.
UPDATE payment.webhook_delivery SET state = 'due', tries = 0, ended_at = NULL;
SELECT is(string_agg(CASE WHEN (pg_temp.take()).url IS NOT NULL THEN pg_temp.note(500) END, ' '), 'waiting waiting waiting waiting waiting waiting waiting waiting waiting dead', 'ten tries') FROM generate_series(1, 10);
SELECT is(payment.enable_endpoint(m, endpoint_id), 1::bigint, 'redriven') FROM shop, hook;
SELECT is((pg_temp.take()).url, url, 'and sent') FROM hook;
SELECT is(pg_temp.note(410), 'dead', 'gone is gone');
SELECT is(disabled_because, 'it answered 410, gone', 'the endpoint is called no more') FROM payment.webhook_status JOIN hook USING (endpoint_id);
UPDATE payment.webhook_delivery SET state = 'due', tries = 0;
SELECT is((pg_temp.take()).url, NULL, 'nothing goes there');
SELECT payment.enable_endpoint(m, endpoint_id) FROM shop, hook;
UPDATE payment.webhook_endpoint SET failing_since = clock_timestamp() - interval '6 days';
SELECT (pg_temp.take()).url;
SELECT is(pg_temp.note(0, '{"error": "refused"}'), 'waiting', 'after five days of failures');
SELECT is(disabled_because, 'it failed for five days', 'it is disabled') FROM payment.webhook_endpoint JOIN hook USING (endpoint_id);
SELECT throws_ok(format('SELECT payment.rotate_secret(%s, %L)', payment.create_merchant('b'), endpoint_id), 'TFP09', NULL, 'another merchant''s endpoint is none') FROM hook;
SELECT throws_ok(format('SELECT payment.delete_endpoint(%s, %L)', payment.create_merchant('b'), endpoint_id), 'TFP09', NULL, 'nor is it deleted') FROM hook;
SELECT lives_ok(format('SELECT payment.delete_endpoint(%s, %L)', m, endpoint_id), 'its own is') FROM shop, hook;
SELECT * FROM finish();
ROLLBACK;
