-- What each role may not do.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
CREATE TEMP TABLE role (name text);
INSERT INTO role VALUES ('tenfold_anonymous'), ('tenfold_user'), ('tenfold_merchant'), ('tenfold_worker'), ('tenfold_operator'), ('tenfold_authenticator');
CREATE TEMP VIEW kept AS SELECT c.oid, c.relname::text AS name FROM pg_class c WHERE c.relnamespace = 'payment'::regnamespace AND c.relkind = 'r'
  AND c.relname NOT IN ('capability', 'route', 'provider_currency', 'failure_class');
SELECT is_empty($$SELECT r.name, k.name, p FROM role r, kept k, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) p WHERE has_table_privilege(r.name, k.oid, p)$$, 'nobody has a right on a table');
SELECT is_empty($$SELECT k.name FROM kept k JOIN pg_class c USING (oid) WHERE NOT c.relrowsecurity AND k.name NOT IN ('fold_mark', 'audit_result')$$, 'and if it were granted, row-level security shows nothing');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'payment'::regnamespace AND has_function_privilege('tenfold_user', p.oid, 'EXECUTE')$$, 'people call no function');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'payment'::regnamespace AND has_function_privilege('tenfold_merchant', p.oid, 'EXECUTE')$$, 'nor do merchants, but over HTTP');
SELECT is_empty($$SELECT r.name, p.oid::regprocedure FROM role r, pg_proc p WHERE p.proname IN ('_payment_verify', '_payment_sign', '_payment_endpoint_secret') AND has_function_privilege(r.name, p.oid, 'EXECUTE')$$, 'nobody signs');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'payment'::regnamespace AND p.prosecdef AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(p.proconfig, '{}'))$$, 'what runs as its owner pins its path');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'payment'::regnamespace AND p.prosecdef AND has_function_privilege('public', p.oid, 'EXECUTE')$$, 'and is nobody''s by default');
SELECT set_eq($$SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'payment'::regnamespace AND has_function_privilege('tenfold_worker', p.oid, 'EXECUTE')$$,
  '{enqueue_calls,begin_calls,observe,apply_events,receive_event,add_messages,take_deliveries,note_deliveries}'::text[], 'workers do their work, and nothing else');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'payment'::regnamespace AND p.proname IN ('create', 'capture', 'void', 'refund', 'create_endpoint', 'rotate_secret', 'observe')
  AND has_function_privilege('tenfold_operator', p.oid, 'EXECUTE')$$, 'operators pay for nobody');

-- As they try.
SET LOCAL ROLE tenfold_merchant;
SELECT throws_ok($$SELECT * FROM payment.payment$$, '42501', NULL, 'a merchant reads no payments');
SELECT throws_ok($$SELECT * FROM payment.transfer$$, '42501', NULL, 'nor the ledger');
SELECT throws_ok($$SELECT payment.create(1, 'k', '{}')$$, '42501', NULL, 'nor pays past HTTP');
SELECT throws_ok($$SELECT tenfold_api.payments()$$, 'PGRST', NULL, 'nor has any without an account');
RESET ROLE;
SET LOCAL ROLE tenfold_operator;
SELECT throws_ok($$UPDATE payment.payment SET captured_minor = 1$$, '42501', NULL, 'an operator moves no money');
SELECT throws_ok($$DELETE FROM payment.transfer$$, '42501', NULL, 'nor unwrites any');
SELECT throws_ok($$SELECT * FROM payment.webhook_endpoint$$, '42501', NULL, 'nor reads endpoints');
SELECT lives_ok($$SELECT * FROM payment.payment_status, payment.payment_stuck, payment.provider_health, payment.webhook_status, payment.ledger_check$$, 'he sees how it goes');
SELECT lives_ok($$SELECT * FROM payment.audit()$$, 'and audits');
RESET ROLE;
SET LOCAL ROLE tenfold_worker;
SELECT throws_ok($$SELECT * FROM payment.request$$, '42501', NULL, 'a worker reads no requests');
SELECT throws_ok($$SELECT payment.resolve(gen_random_uuid(), 1, true, 'x')$$, '42501', NULL, 'nor says what he did not see');
RESET ROLE;

-- The ledger refuses what does not balance, whoever writes.
SELECT throws_ok($$INSERT INTO payment.transfer (merchant_id, transfer_id, payment_id, amount_minor, currency, debit, credit, phase) VALUES (1, gen_random_uuid(), gen_random_uuid(), 0, 'INR', 'providers', 'merchant', 'direct')$$, '23514', NULL, 'no transfer of nothing');
SELECT throws_ok($$INSERT INTO payment.transfer (merchant_id, transfer_id, payment_id, amount_minor, currency, debit, credit, phase) VALUES (1, gen_random_uuid(), gen_random_uuid(), 1, 'INR', 'merchant', 'merchant', 'direct')$$, '23514', NULL, 'nor to itself');
SELECT throws_ok($$INSERT INTO payment.payment (merchant_id, payment_id, amount_minor, held_minor, captured_minor, refund_minor, expires_at, next_at, manual_capture, currency, method, idempotency_key)
  VALUES (1, gen_random_uuid(), 100, 100, 60, 61, now(), now(), false, 'INR', 'card', 'k')$$, '23514', NULL, 'no refund above what was captured');
SELECT throws_ok($$INSERT INTO payment.payment (merchant_id, payment_id, amount_minor, held_minor, captured_minor, refund_minor, expires_at, next_at, manual_capture, currency, method, idempotency_key)
  VALUES (1, gen_random_uuid(), 100, 60, 61, 0, now(), now(), false, 'INR', 'card', 'k')$$, '23514', NULL, 'no capture above what is held');
SELECT * FROM finish();
ROLLBACK;
