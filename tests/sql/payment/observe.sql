-- begin_calls() and observe(): what is sent with which key, and where each observation leads.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
CREATE TEMP TABLE shop AS SELECT payment.create_merchant('a') AS m;
CREATE TEMP SEQUENCE keys;
CREATE FUNCTION pg_temp.pay(changes jsonb DEFAULT '{}') RETURNS uuid LANGUAGE sql AS $$
  SELECT (c.answer ->> 'transaction_id')::uuid FROM shop, payment.create(m, 'k' || nextval('keys'),
    '{"amount": 100.00, "currency": "INR", "customer_id": 7, "payment_method": "card", "payment_token": "tok_1"}'::jsonb || changes) c $$;
CREATE FUNCTION pg_temp.begin(p uuid, number int DEFAULT 1) RETURNS payment.call LANGUAGE sql AS $$
  SELECT c FROM shop, payment.begin_calls(ARRAY[m], ARRAY[p], ARRAY[number]) c $$;
CREATE FUNCTION pg_temp.see(p uuid, class text, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
  SELECT o FROM shop, payment.observe(ARRAY[jsonb_build_object('merchant_id', m, 'payment_id', p, 'number', 1, 'source', 'reply', 'class', class) || more]) o $$;
CREATE FUNCTION pg_temp.sent(changes jsonb DEFAULT '{}') RETURNS uuid LANGUAGE sql AS $$
  SELECT p FROM (SELECT pg_temp.pay(changes) AS p OFFSET 0) x WHERE (pg_temp.begin(p)).action = 'send' $$;
CREATE FUNCTION pg_temp.posted(p uuid) RETURNS bigint LANGUAGE sql AS $$
  SELECT coalesce(sum(CASE debit WHEN 'providers' THEN amount_minor ELSE -amount_minor END), 0)::bigint FROM payment.transfer t WHERE t.payment_id = p AND phase IN ('post', 'direct') $$;
CREATE FUNCTION pg_temp.is_open(p uuid) RETURNS boolean LANGUAGE sql AS $$ SELECT payment._pending_of(x) IS NOT NULL FROM payment.payment x WHERE x.payment_id = p $$;
CREATE FUNCTION pg_temp.events(p uuid) RETURNS text[] LANGUAGE sql AS $$
  SELECT array_agg(e.payload ->> 'event_type' ORDER BY e.event_id) FROM tenfold.event e WHERE e.key = p::text $$;
CREATE FUNCTION pg_temp.jobs(p uuid, queue text) RETURNS bigint LANGUAGE sql AS $$
  SELECT count(*) FROM tenfold.job j JOIN tenfold.queue q USING (queue_id) WHERE q.name = queue AND j.payload ->> 'payment_id' = p::text $$;
CREATE FUNCTION pg_temp.age(p uuid, by interval) RETURNS void LANGUAGE sql AS $$
  UPDATE payment.attempt SET began_at = began_at - by WHERE payment_id = p;
  UPDATE payment.operation SET created_at = created_at - by WHERE payment_id = p;
  UPDATE payment.payment SET expires_at = expires_at - by WHERE payment_id = p $$;

-- An attempt is there before a byte is sent.
CREATE TEMP TABLE first AS SELECT p, pg_temp.begin(p) AS c FROM (SELECT pg_temp.pay() AS p OFFSET 0) x;
SELECT results_eq('SELECT (c).action, (c).kind, (c).provider, (c).attempt, (c).amount_minor, (c).payment_token FROM first', $$VALUES ('send', 'charge', 'stripe', 1, 10000::bigint, 'tok_1')$$, 'a call is sent');
SELECT is((c).provider_key, tenfold.uuid_v5(p, '1:1'), 'its key is made of payment, operation and attempt') FROM first;
SELECT is((c).reference, m || '/' || p || '/1', 'our reference goes with it') FROM first, shop;
SELECT is(state, 'processing', 'the payment is processing') FROM payment.payment JOIN first ON payment_id = p;
SELECT is(body, (c).body, 'what is sent is kept') FROM payment.attempt JOIN first ON payment_id = p;
SELECT results_eq('SELECT (again.c).action, (again.c).provider_key, (again.c).body FROM (SELECT pg_temp.begin(p) AS c FROM first) again', 'SELECT ''ask'', (c).provider_key, (c).body FROM first',
  'whoever finds an attempt without an end asks first');
SELECT is((SELECT count(*) FROM payment.attempt JOIN first ON payment_id = p), 1::bigint, 'and begins no second one');
SELECT is(pg_temp.see(p, 'not_found', '{"source": "query"}'), 'processing', 'not found too early proves nothing') FROM first;
SELECT is((pg_temp.begin(p)).action, 'send', 'not found, and the key is known: the same again') FROM first, LATERAL pg_temp.age(p, '2 min');
SELECT is(pg_temp.see(p, 'succeeded', '{"provider_ref": "pi_1"}'), 'success', 'it succeeds') FROM first;
SELECT is((pg_temp.begin(p)).action, 'none', 'what has ended is not called') FROM first;
SELECT results_eq('SELECT held_minor, captured_minor, refund_minor, pg_temp.posted(p), pg_temp.is_open(p) FROM payment.payment JOIN first ON payment_id = p', 'VALUES (10000::bigint, 10000::bigint, 0::bigint, 10000::bigint, false)', 'all of it, posted once');
SELECT is(pg_temp.events(p), '{payment.initiated,payment.success}', 'with its event') FROM first;
SELECT is(pg_temp.see(p, 'succeeded'), 'success', 'again changes nothing') FROM first;
SELECT is(pg_temp.see(p, 'declined'), 'success', 'a no afterwards neither') FROM first;
SELECT is(pg_temp.posted(p), 10000::bigint, 'and posts nothing') FROM first;
SELECT is((SELECT action FROM payment.begin_calls(ARRAY[0], ARRAY[p], ARRAY[1])), 'none', 'of another merchant there is nothing to do') FROM first;
SELECT throws_ok('SELECT payment.begin_calls(ARRAY[1], ARRAY[]::uuid[], ARRAY[1])', '2202E', NULL, 'lists are of one length');

-- Declined.
SELECT is(pg_temp.see(p, 'declined', '{"code": "insufficient_funds", "message": "no"}'), 'failed', 'a no is a no') FROM (SELECT pg_temp.sent() AS p) x;
CREATE TEMP TABLE declined AS SELECT pg_temp.sent() AS p;
SELECT is(pg_temp.see(p, 'declined', '{"code": "insufficient_funds", "message": "no"}'), 'failed', 'declined') FROM declined;
SELECT results_eq('SELECT failure_code, failure_message, pg_temp.posted(p), pg_temp.is_open(p) FROM payment.payment JOIN declined ON payment_id = p', $$VALUES ('insufficient_funds', 'no', 0::bigint, false)$$, 'says why, and voids');
SELECT is(pg_temp.see(p, 'succeeded', '{"source": "event"}'), 'success', 'a success that comes late counts') FROM declined;
SELECT is(pg_temp.posted(p), 10000::bigint, 'by a direct transfer') FROM declined;
SELECT is(pg_temp.events(p), '{payment.initiated,payment.failed,payment.success,payment.late_success}', 'and is told as late') FROM declined;

-- Ambiguous: never failed, never another provider; asked for.
CREATE TEMP TABLE riddle AS SELECT pg_temp.sent() AS p;
SELECT is(pg_temp.see(p, 'ambiguous', '{"word": "timeout"}'), 'unknown', 'a timeout is unknown') FROM riddle;
SELECT is(pg_temp.jobs(p, 'payment_query'), 1::bigint, 'and asked for') FROM riddle;
SELECT ok(exposed, 'it may have been executed') FROM payment.payment JOIN riddle ON payment_id = p;
SELECT results_eq('SELECT (pg_temp.begin(p)).action FROM riddle', $$VALUES ('ask')$$, 'nothing is sent meanwhile');
SELECT is(pg_temp.see(p, 'not_found', '{"source": "query"}'), 'unknown', 'not found before it can be seen is nothing') FROM riddle, LATERAL pg_temp.age(p, '30 s');
SELECT is(pg_temp.jobs(p, 'payment_call'), 0::bigint, 'nothing is sent again') FROM riddle;
SELECT is(pg_temp.see(p, 'not_found', '{"source": "query"}'), 'unknown', 'later the same key goes again') FROM riddle, LATERAL pg_temp.age(p, '2 min');
SELECT is(pg_temp.jobs(p, 'payment_call'), 1::bigint, 'by a job') FROM riddle;
SELECT is((pg_temp.begin(p)).provider_key, tenfold.uuid_v5(p, '1:1'), 'with the same key') FROM riddle;
SELECT is(pg_temp.see(p, 'not_found', '{"source": "query"}'), 'failed', 'past the deadline it has failed') FROM riddle, LATERAL pg_temp.age(p, '2 hours');
SELECT is(pg_temp.events(p), '{payment.initiated,payment.unknown,payment.failed}', 'each told once') FROM riddle;

-- Not executed: four tries of one key, then the next provider, then failed.
INSERT INTO payment.capability SELECT 'stripe-two', method, flow, key_life, visible_after, auth_life, deadline, worst_case FROM payment.capability WHERE (provider, method) = ('stripe', 'card');
INSERT INTO payment.route VALUES ('card', 'INR', '*', 'stripe-two', 0);
CREATE TEMP TABLE refused AS SELECT pg_temp.pay() AS p;
CREATE FUNCTION pg_temp.try_four(p uuid) RETURNS text[] LANGUAGE sql AS $$
  SELECT array_agg((c).provider || (c).attempt || ' ' || pg_temp.see(p, CASE WHEN i % 2 = 0 THEN 'busy' ELSE 'not_sent' END) ORDER BY i) FROM (SELECT i, pg_temp.begin(p) AS c FROM generate_series(1, 1) i) x $$;
SELECT is(pg_temp.try_four(p), '{stripe1 processing}', 'try 1') FROM refused;
SELECT is(pg_temp.try_four(p), '{stripe1 processing}', 'try 2') FROM refused;
SELECT is(pg_temp.try_four(p), '{stripe1 processing}', 'try 3') FROM refused;
SELECT is(pg_temp.try_four(p), '{stripe1 processing}', 'try 4: another may be asked') FROM refused;
SELECT is(pg_temp.try_four(p), '{stripe-two2 processing}', 'with another key') FROM refused;
SELECT is(pg_temp.try_four(p), '{stripe-two2 processing}', 'try 2') FROM refused;
SELECT is(pg_temp.try_four(p), '{stripe-two2 processing}', 'try 3') FROM refused;
SELECT is(pg_temp.try_four(p), '{stripe-two2 failed}', 'nobody is left') FROM refused;

-- The customer must act.
CREATE TEMP TABLE asked AS SELECT pg_temp.sent('{"payment_token": null}') AS p;
SELECT is(pg_temp.see(p, 'requires_action', '{"next_action": {"url": "https://example.com/"}}'), 'requires_action', 'the customer must act') FROM asked;
SELECT is(next_action ->> 'url', 'https://example.com/', 'and sees where') FROM payment.payment JOIN asked ON payment_id = p;
SELECT is(pg_temp.see(p, 'requires_action', '{"source": "query"}'), 'requires_action', 'not yet') FROM asked;
SELECT is(pg_temp.see(p, 'requires_action', '{"source": "query"}'), 'failed', 'not in time') FROM asked, LATERAL pg_temp.age(p, '2 hours');

-- Authorized, then captured in part, refunded twice.
CREATE TEMP TABLE held AS SELECT pg_temp.sent('{"capture": "manual"}') AS p;
SELECT is(pg_temp.see(p, 'authorized', '{"provider_ref": "pi_2"}'), 'authorized', 'held') FROM held;
SELECT is(pg_temp.posted(p), 0::bigint, 'nothing moved yet') FROM held;
SELECT throws_ok(format('SELECT payment.capture(%s, %L, %L, 10001)', m, p, 'c0'), 'TFP11', NULL, 'not more than is held') FROM held, shop;
SELECT throws_ok(format('SELECT payment.capture(%s, %L, %L, 0)', m, p, 'c0'), 'TFP11', NULL, 'nor nothing') FROM held, shop;
SELECT throws_ok(format('SELECT payment.refund(%s, %L, %L)', m, p, 'r0'), 'TFP10', NULL, 'nothing to refund yet') FROM held, shop;
CREATE TEMP TABLE captured AS SELECT c.* FROM held, shop, payment.capture(m, p, 'c1', 6000) c;
SELECT is(status, 202, 'a capture is taken') FROM captured;
SELECT is((SELECT c.answer::text FROM held, shop, payment.capture(m, p, 'c1', 6000) c), left(answer::text, -1) || ',"cached":true}', 'the same key again, the same answer') FROM captured;
SELECT throws_ok(format('SELECT payment.capture(%s, %L, %L, 6001)', m, p, 'c1'), 'TFP03', NULL, 'of another amount it is refused') FROM held, shop;
SELECT throws_ok(format('SELECT payment.void(%s, %L, %L)', m, p, 'v1'), 'TFP10', NULL, 'no void beside a capture') FROM held, shop;
SELECT throws_ok(format('SELECT payment.capture(%s, %L, %L, 1)', m, p, 'c2'), 'TFP10', NULL, 'nor a second capture') FROM held, shop;
SELECT is((pg_temp.begin(p, 2)).parent_ref, 'pi_2', 'it names what it captures') FROM held;
SELECT is(pg_temp.see(p, 'succeeded', '{"number": 2, "provider_ref": "pi_2"}'), 'success', 'captured') FROM held;
SELECT results_eq('SELECT held_minor, captured_minor, pg_temp.posted(p) FROM payment.payment JOIN held ON payment_id = p', 'VALUES (10000::bigint, 6000::bigint, 6000::bigint)', 'what was captured is posted');
SELECT is((SELECT status FROM payment.refund(m, p, 'r1', 4000)), 202, 'a refund') FROM held, shop;
SELECT throws_ok(format('SELECT payment.refund(%s, %L, %L, 2001)', m, p, 'r2'), 'TFP11', NULL, 'not above what is left') FROM held, shop;
SELECT is((pg_temp.begin(p, 3)).kind, 'refund', 'called') FROM held;
SELECT is(pg_temp.see(p, 'declined', '{"number": 3}'), 'success', 'declined: it goes back') FROM held;
SELECT is(refund_minor, 0::bigint, 'all is left again') FROM payment.payment JOIN held ON payment_id = p;
SELECT is((SELECT status FROM payment.refund(m, p, 'r3')), 202, 'what is left') FROM held, shop;
SELECT is((pg_temp.begin(p, 4)).amount_minor, 6000::bigint, 'is all') FROM held;
SELECT is(pg_temp.see(p, 'ambiguous', '{"number": 4}'), 'success', 'unknown: it stays reserved') FROM held;
SELECT is(refund_minor, 6000::bigint, 'reserved') FROM payment.payment JOIN held ON payment_id = p;
SELECT is(pg_temp.see(p, 'succeeded', '{"number": 4, "source": "query"}'), 'success', 'refunded') FROM held;
SELECT is(pg_temp.posted(p), 0::bigint, 'nothing of it is left') FROM held;
SELECT is(pg_temp.events(p), '{payment.initiated,payment.authorized,payment.success,payment.refunded}', 'each told once') FROM held;

-- Void.
CREATE TEMP TABLE voided AS SELECT pg_temp.sent('{"capture": "manual"}') AS p;
SELECT is(pg_temp.see(p, 'authorized'), 'authorized', 'held') FROM voided;
SELECT is((SELECT status FROM payment.void(m, p, 'v2')), 202, 'a void') FROM voided, shop;
SELECT is((pg_temp.begin(p, 2)).kind, 'void', 'called') FROM voided;
SELECT is(pg_temp.see(p, 'succeeded', '{"number": 2}'), 'canceled', 'voided') FROM voided;
SELECT ok(NOT pg_temp.is_open(p), 'and its transfer, too') FROM voided;

-- Cancel, and what comes late.
CREATE TEMP TABLE gone AS SELECT pg_temp.pay() AS p;
SELECT is(payment.cancel(m, p, 'changed my mind'), 'canceled', 'canceled before anything was sent') FROM gone, shop;
SELECT ok(NOT exposed AND NOT pg_temp.is_open(p), 'nothing is open') FROM payment.payment JOIN gone ON payment_id = p;
SELECT is((pg_temp.begin(p)).action, 'none', 'nothing is sent any more') FROM gone;
CREATE TEMP TABLE late AS SELECT pg_temp.sent() AS p;
SELECT is(payment.cancel(m, p, 'too slow'), 'canceled', 'canceled while it is sent') FROM late, shop;
SELECT ok(exposed, 'it may still be executed') FROM payment.payment JOIN late ON payment_id = p;
SELECT is((pg_temp.begin(p)).action, 'ask', 'and is asked for') FROM late;
SELECT is(pg_temp.see(p, 'succeeded', '{"source": "event", "provider_ref": "pi_3"}'), 'canceled', 'it was executed') FROM late;
SELECT is(pg_temp.posted(p), 10000::bigint, 'which the ledger has') FROM late;
SELECT results_eq('SELECT kind, amount_minor, state FROM payment.operation JOIN late ON payment_id = p AND number = 2', $$VALUES ('refund', 10000::bigint, 'open')$$, 'it is refunded by itself');
SELECT is(pg_temp.see(p, 'succeeded', '{"source": "reply"}'), 'canceled', 'once') FROM late;
SELECT is(count(*), 2::bigint, 'one refund') FROM payment.operation JOIN late ON payment_id = p;
SELECT is((pg_temp.begin(p, 2)).parent_ref, 'pi_3', 'of what was taken') FROM late;
SELECT is(pg_temp.see(p, 'succeeded', '{"number": 2}'), 'canceled', 'refunded') FROM late;
SELECT is(pg_temp.posted(p), 0::bigint, 'nothing is left') FROM late;
SELECT is(payment.cancel(m, p, 'again'), 'canceled', 'again is nothing') FROM late, shop;
CREATE TEMP TABLE late_hold AS SELECT pg_temp.sent('{"capture": "manual"}') AS p;
SELECT payment.cancel(m, p, 'too slow') FROM late_hold, shop;
SELECT is(pg_temp.see(p, 'authorized'), 'canceled', 'a hold that comes late') FROM late_hold;
SELECT results_eq('SELECT kind FROM payment.operation JOIN late_hold ON payment_id = p AND number = 2', $$VALUES ('void')$$, 'is voided by itself');
SELECT throws_ok(format('SELECT payment.cancel(%s, %L, %L)', m, gen_random_uuid(), 'x'), 'TFP09', NULL, 'a payment that is none') FROM shop;

-- Where it may come from.
CREATE TEMP TABLE event AS SELECT pg_temp.sent() AS p;
SELECT is((SELECT o FROM payment.observe(ARRAY[jsonb_build_object('reference', m || '/' || p || '/1', 'source', 'event', 'class', 'processing', 'provider', 'stripe', 'provider_ref', 'pi_9', 'refs', '["ch_9"]'::jsonb)]) o),
  'processing', 'by our reference') FROM event, shop;
SELECT is((SELECT o FROM payment.observe('{"{\"source\": \"event\", \"class\": \"succeeded\", \"provider\": \"stripe\", \"provider_ref\": \"ch_9\"}"}') o), 'success', 'by an id of the provider''s');
SELECT is((SELECT o FROM payment.observe('{"{\"source\": \"event\", \"class\": \"succeeded\", \"provider\": \"stripe\", \"provider_ref\": \"ch_none\"}"}') o), NULL, 'of none that we know');
SELECT throws_ok($$SELECT payment.observe('{"{\"source\": \"event\", \"class\": \"great\"}"}')$$, '22023', NULL, 'an unknown class');
SELECT throws_ok($$SELECT payment.observe('{"{\"source\": \"dream\", \"class\": \"declined\"}"}')$$, '22023', NULL, 'an unknown source');
SELECT throws_ok($$SELECT payment.observe('{"[]"}')$$, '22023', NULL, 'no object');

-- A person ends it.
CREATE TEMP TABLE stuck AS SELECT pg_temp.sent() AS p;
SELECT is(pg_temp.see(p, 'ambiguous'), 'unknown', 'unknown') FROM stuck;
SELECT throws_ok(format('SELECT payment.resolve(%L, 1, true, %L)', p, ''), '22023', NULL, 'evidence is asked for') FROM stuck;
SELECT throws_ok(format('SELECT payment.resolve(%L, 2, true, %L)', p, 'x'), 'TFP09', NULL, 'of an operation that is there') FROM stuck;
SELECT is(payment.resolve(p, 1, true, 'seen on their page'), 'success', 'resolved') FROM stuck;

-- Nothing of all that is out of balance, and no event of a payment came before its row.
SELECT is_empty('SELECT currency FROM shop, payment.balances(m) GROUP BY currency HAVING sum(minor) <> 0', 'balances sum to zero');
SELECT * FROM finish();
ROLLBACK;
