-- What pg_cron does, and what an operator sees.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
CREATE TEMP TABLE shop AS SELECT payment.create_merchant('a') AS m;
CREATE TEMP SEQUENCE keys;
CREATE FUNCTION pg_temp.pay(changes jsonb DEFAULT '{}') RETURNS uuid LANGUAGE sql AS $$
  SELECT (c.answer ->> 'transaction_id')::uuid FROM shop, payment.create(m, 'k' || nextval('keys'), '{"amount": 100, "currency": "INR", "customer_id": 7, "payment_method": "card", "payment_token": "tok_1"}'::jsonb || changes) c $$;
CREATE FUNCTION pg_temp.begin(p uuid) RETURNS text LANGUAGE sql AS $$ SELECT action FROM shop, payment.begin_calls(ARRAY[m], ARRAY[p], ARRAY[1]) $$;
CREATE FUNCTION pg_temp.see(p uuid, class text) RETURNS text LANGUAGE sql AS $$
  SELECT o FROM shop, payment.observe(ARRAY[jsonb_build_object('merchant_id', m, 'payment_id', p, 'source', 'reply', 'class', class, 'provider_ref', 'pi_' || p)]) o $$;
CREATE TEMP TABLE made (name text PRIMARY KEY, p uuid);
INSERT INTO made SELECT 'forgotten', pg_temp.pay();
INSERT INTO made SELECT 'lapsed', pg_temp.pay('{"capture": "manual"}');
INSERT INTO made SELECT 'lost', pg_temp.pay();
INSERT INTO made SELECT 'fresh', pg_temp.pay();
INSERT INTO made SELECT 'done', pg_temp.pay();
SELECT pg_temp.begin(p) FROM made WHERE name IN ('lapsed', 'lost', 'done');
SELECT pg_temp.see(p, 'authorized') FROM made WHERE name = 'lapsed';
SELECT pg_temp.see(p, 'ambiguous') FROM made WHERE name = 'lost';
SELECT pg_temp.see(p, 'succeeded') FROM made WHERE name = 'done';
UPDATE payment.payment SET expires_at = clock_timestamp() - interval '1 s' FROM made WHERE payment_id = p AND name IN ('forgotten', 'lapsed');
UPDATE payment.payment SET next_at = clock_timestamp() - interval '1 s' FROM made WHERE payment_id = p AND name IN ('lost', 'done');
DELETE FROM tenfold.job;
SELECT is(pg_temp.begin(p), 'none', 'a payment whose time is over is not begun') FROM made WHERE name = 'forgotten';
SELECT is(payment.expire_payments(), 2::bigint, 'what was never begun, and what lapsed, ends');
SELECT is(payment.expire_payments(), 0::bigint, 'once');
SELECT results_eq($$SELECT name, state, failure_code FROM made JOIN payment.payment ON payment_id = p WHERE name IN ('forgotten', 'lapsed') ORDER BY 1$$, $$VALUES ('forgotten', 'failed', 'expired'), ('lapsed', 'canceled', NULL)$$, 'failed, and canceled');
SELECT is(payment.requeue_payments(), 1::bigint, 'what lost its job gets one');
SELECT results_eq($$SELECT q.name, j.payload ->> 'payment_id' FROM tenfold.job j JOIN tenfold.queue q USING (queue_id)$$, $$SELECT 'payment_query', p::text FROM made WHERE name = 'lost'$$, 'which asks');
SELECT is(payment.requeue_payments(), 0::bigint, 'once');
SELECT throws_ok($$SELECT payment.requeue_payments('-1 s')$$, '22023', NULL, 'a window is none');
SELECT throws_ok($$SELECT payment.expire_payments(NULL)$$, '22023', NULL, 'NULL neither');

-- Stories.
SELECT results_eq($$SELECT what FROM made, payment.explain(p) WHERE name = 'done'$$, $$VALUES ('asked: create'), ('ledger: pending 100.00 providers to merchant'), ('call 1 of operation 1 (charge) at stripe'),
  ('reply of operation 1: succeeded, the money moved'), ('ledger: post 100.00 providers to merchant'), ('now: success')$$, 'the story of one payment');
SELECT is(detail ->> 'next', 'we ask stripe again; payment.resolve(payment_id, number, executed, evidence) ends it by hand', 'and what comes next') FROM made, payment.explain(p) WHERE name = 'lost' AND what = 'now: unknown';
SELECT throws_ok('SELECT * FROM payment.explain(gen_random_uuid())', 'TFP09', NULL, 'of none there is no story');
UPDATE payment.operation SET created_at = created_at - interval '1 hour' FROM made WHERE payment_id = p AND name = 'lost';
SELECT results_eq('SELECT payment_id, operation_state FROM payment.payment_stuck', $$SELECT p, 'unknown' FROM made WHERE name = 'lost'$$, 'what is stuck is seen');
SELECT is(attempts, 3::bigint, 'calls are counted') FROM payment.provider_health WHERE provider = 'stripe';

-- The fold: what is folded and what is not are one balance.
CREATE FUNCTION pg_temp.balance() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(account || ' ' || minor, ', ' ORDER BY account) FROM shop, payment.balances(m) $$;
SELECT is(pg_temp.balance(), 'merchant 10000, providers -10000', 'a balance of transfers');
SELECT payment.fold_ledger();
INSERT INTO payment.fold_mark VALUES (clock_timestamp(), '1');  -- as if those who write now had ended
SELECT is(payment.fold_ledger(), 2::bigint, 'folded');
SELECT is(pg_temp.balance(), 'merchant 10000, providers -10000', 'is the same');
SELECT pg_temp.see(p, 'succeeded') FROM made WHERE name = 'lost';
SELECT is(pg_temp.balance(), 'merchant 20000, providers -20000', 'a transfer after it counts');
INSERT INTO payment.fold_mark VALUES (clock_timestamp(), '1');
SELECT is(payment.fold_ledger(), 2::bigint, 'folded again');
SELECT is(pg_temp.balance(), 'merchant 20000, providers -20000', 'once');
SELECT is(payment.fold_ledger(), 0::bigint, 'nothing moved');
SELECT is_empty('SELECT * FROM payment.audit()', 'all adds up');
SELECT is(payment.run_audit(), 0::bigint, 'which is kept');

-- The audit finds what does not add up.
CREATE FUNCTION pg_temp.found(spoil text, what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  BEGIN
    EXECUTE spoil;
    SELECT count(*) INTO n FROM payment.audit();
    RAISE EXCEPTION USING ERRCODE = 'P0001', MESSAGE = n::text;
  EXCEPTION WHEN raise_exception THEN n := SQLERRM::bigint;
  END;
  RETURN ok(n > 0, what);
END $$;
SELECT pg_temp.found($$DELETE FROM payment.transfer WHERE phase = 'post'$$, 'a transfer that is gone');
SELECT pg_temp.found($$UPDATE payment.transfer SET amount_minor = 9999 WHERE phase = 'post'$$, 'or was changed');
SELECT pg_temp.found($$UPDATE payment.payment SET captured_minor = 1 WHERE state = 'success'$$, 'a payment that says otherwise');
SELECT pg_temp.found($$UPDATE payment.payment SET refund_minor = 1 WHERE state = 'success'$$, 'a refund of nobody''s');
SELECT pg_temp.found($$DELETE FROM payment.request$$, 'a payment that nobody asked for');
SELECT pg_temp.found($$UPDATE payment.balance SET minor = minor + 1$$, 'a balance that was changed');

-- A provider's report.
CREATE TEMP TABLE report AS SELECT jsonb_agg(jsonb_build_object('provider_ref', 'pi_' || p, 'amount_minor', 10000)) AS r FROM made WHERE name IN ('done', 'lost');
SELECT is_empty('SELECT rec.* FROM report, payment.reconcile(''stripe'', r) rec', 'we agree');
SELECT results_eq($$SELECT problem, ours_minor, theirs_minor FROM report, payment.reconcile('stripe', r - 0) $$, $$VALUES ('we have it, and they do not', 10000::bigint, NULL::bigint)$$, 'one is missing there');
SELECT results_eq($$SELECT problem FROM report, payment.reconcile('stripe', r || '[{"provider_ref": "pi_unknown", "amount_minor": 5}]')$$, $$VALUES ('only they know it')$$, 'one is missing here');
SELECT results_eq($$SELECT problem, ours_minor, theirs_minor FROM report, payment.reconcile('stripe', jsonb_set(r, '{0,amount_minor}', '9999'))$$, $$VALUES ('the amounts differ', 10000::bigint, 9999::bigint)$$, 'another amount');
SELECT lives_ok('SELECT payment.purge()', 'what is old may go');
SELECT is_empty($$SELECT m.name FROM tenfold.declared_metric m WHERE m.module = 'payment' AND m.name NOT LIKE '%events_oldest%' AND NOT EXISTS (SELECT FROM payment._metrics() s WHERE s.name = m.name)$$, 'every metric has a sample');
SELECT * FROM finish();
ROLLBACK;
