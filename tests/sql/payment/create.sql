-- payment.create(): one commit a payment, the same answer again, and nothing written for what is refused.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
CREATE TEMP TABLE shop AS SELECT payment.create_merchant('a') AS a, payment.create_merchant('b') AS b;
CREATE FUNCTION pg_temp.body(changes jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
  AS $$ SELECT '{"amount": 100.00, "currency": "INR", "customer_id": 7, "payment_method": "card"}'::jsonb || changes $$;
CREATE FUNCTION pg_temp.refused(state text, changes jsonb, what text, key text DEFAULT 'new') RETURNS text LANGUAGE sql
  AS $$ SELECT throws_ok(format('SELECT payment.create(%s, %L, pg_temp.body(%L))', (SELECT a FROM shop), key, changes), state, NULL, what) $$;

-- What one call writes.
CREATE TEMP TABLE made AS SELECT c.* FROM shop, payment.create(a, 'one', pg_temp.body()) c;
SELECT is(status, 202, 'a new payment is 202') FROM made;
SELECT ok(NOT replayed, 'and no replay') FROM made;
SELECT is(array_agg(k ORDER BY o), '{transaction_id,status,amount,amount_minor,currency,payment_method,customer_id,created_at}', 'its answer has these members')
  FROM made, json_object_keys(answer) WITH ORDINALITY AS j(k, o);
SELECT matches(answer::text, '"amount": 100.00, "amount_minor": 10000,', 'amounts are a decimal with the currency''s digits, and minor units') FROM made;
CREATE TEMP VIEW one AS SELECT p.* FROM payment.payment p, made WHERE p.payment_id = (answer ->> 'transaction_id')::uuid;
SELECT results_eq('SELECT state, amount_minor, currency, method, exposed, held_minor FROM one', $$VALUES ('pending', 10000::bigint, 'INR', 'card', false, 0::bigint)$$, 'the payment is pending');
SELECT is(tenfold.bucket_of(payment_id), tenfold.bucket_of_key(merchant_id), 'its id carries its merchant''s bucket') FROM one;
SELECT results_eq('SELECT debit, credit, amount_minor, phase FROM payment.transfer t JOIN one USING (payment_id, amount_minor)', $$VALUES ('providers', 'merchant', 10000::bigint, 'pending')$$, 'a pending transfer');
SELECT is(count(*), 1::bigint, 'one event, with the payment as its key') FROM tenfold.event e JOIN one ON e.key = payment_id::text
  WHERE e.payload @> jsonb_build_object('event_type', 'payment.initiated', 'transaction_id', payment_id, 'merchant_id', one.merchant_id, 'amount_minor', 10000, 'currency', 'INR', 'idempotency_key', 'one', 'status', 'pending');

-- Again.
CREATE TEMP TABLE again AS SELECT c.* FROM shop, payment.create(a, 'one', pg_temp.body('{"amount": 1e2}')) c;
SELECT is(status, 200, 'the same again is 200: numbers count by value') FROM again;
SELECT ok(replayed, 'and a replay') FROM again;
SELECT is(again.answer::text, left(made.answer::text, -1) || ',"cached":true}', 'the same bytes, and "cached":true') FROM again, made;
SELECT is(count(*), 1::bigint, 'and writes nothing') FROM payment.payment p, shop WHERE p.merchant_id = a;
SELECT isnt((c.answer ->> 'transaction_id')::uuid, payment_id, 'another merchant''s same key is another payment') FROM one, shop, payment.create(b, 'one', pg_temp.body()) c;
SELECT pg_temp.refused('TFP03', v.changes, 'the same key, other ' || v.changes::text, 'one')
  FROM (VALUES ('{"amount": 100.01}'::jsonb), ('{"currency": "USD"}'), ('{"customer_id": "7"}'), ('{"metadata": {"a": 1}}'), ('{"capture": "manual"}')) v(changes);

-- What is refused, and that it wrote nothing.
SELECT pg_temp.refused('TFP01', '{}', 'a key is needed', NULL);
SELECT pg_temp.refused('TFP01', '{}', 'an empty one is none', '');
SELECT pg_temp.refused('TFP01', '{}', 'nor one of 256 characters', repeat('k', 256));
SELECT pg_temp.refused('TFP05', v.changes, 'amount ' || v.changes::text) FROM (VALUES ('{"amount": 0}'::jsonb), ('{"amount": -1}'), ('{"amount": 1.005}'), ('{"amount": 1e14}'),
  ('{"amount": 1.5, "currency": "JPY"}'), ('{"amount": 1.0005, "currency": "KWD"}')) v(changes);
SELECT pg_temp.refused('TFP06', jsonb_build_object('currency', c), 'currency ' || c) FROM unnest('{XAU,XXX,XTS,XDR,CLF,inr,ZZZ,INRR,""}'::text[]) c;
SELECT pg_temp.refused('TFP07', v.changes, 'no route ' || v.changes::text) FROM (VALUES ('{"payment_method": "cheque"}'::jsonb), ('{"payment_method": "upi", "currency": "USD"}'),
  ('{"payment_method": "upi", "capture": "manual"}')) v(changes);
SELECT pg_temp.refused('TFP08', v.changes, 'a card number') FROM (VALUES ('{"metadata": {"note": "4242 4242 4242 4242"}}'::jsonb), ('{"metadata": {"a": [{"b": 5555555555554444}]}}'),
  ('{"metadata": {"378282246310005": 1}}'), ('{"payment_token": "6011-1111-1111-1117"}'), ('{"customer_id": "x4242424242424242y"}')) v(changes);
SELECT pg_temp.refused('22023', v.changes, 'body ' || left(v.changes::text, 60)) FROM (VALUES ('{"amount": "100"}'::jsonb), ('{"amount": null}'), ('{"more": 1}'), ('{"capture": "later"}'), ('{"metadata": []}'),
  ('{"payment_method": 1}'), ('{"customer_id": true}'), ('{"country": "IND"}'), (jsonb_build_object('metadata', jsonb_build_object('a', repeat('x', 20000)))), (jsonb_build_object('payment_token', repeat('x', 256)))) v(changes);
SELECT throws_ok(format('SELECT payment.create(%s, %L, %L)', a, 'new', v.body), '22023', NULL, 'body ' || v.body) FROM shop, (VALUES ('[]'), ('1'), ('{}'), ('{"amount": 1, "currency": "INR", "customer_id": 1}')) v(body);
SELECT is(count(*), 0::bigint, 'none of that wrote a request') FROM payment.request WHERE idempotency_key = 'new';

-- Amounts in the digits of their currencies.
SELECT is((c.answer ->> 'amount_minor')::bigint, v.minor, v.amount || ' ' || v.currency)
  FROM shop, (VALUES (5000, 'JPY', 5000::bigint), (1.5, 'USD', 150), (1.234, 'KWD', 1234), (10000000, 'VND', 10000000)) v(amount, currency, minor),
  LATERAL payment.create(a, v.currency, pg_temp.body(jsonb_build_object('amount', v.amount, 'currency', v.currency))) c;

-- No number in the metadata that a card has not.
SELECT lives_ok(format('SELECT payment.create(%s, %L, pg_temp.body(%L))', a, 'no card ' || v.metadata::text, jsonb_build_object('metadata', v.metadata)), 'no card: ' || v.metadata::text)
  FROM shop, (VALUES ('{"order": "4242424242424241"}'::jsonb), ('{"order": "42424242424242424242"}'), ('{"phone": "+91 98765 43210"}'), ('{"order": 7992739871300002}')) v(metadata);

SELECT * FROM finish();
ROLLBACK;
