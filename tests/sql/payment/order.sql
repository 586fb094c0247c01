-- Whatever the order in which replies, queries and events come, and however often: the same end, and the same ledger.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
CREATE TEMP TABLE shop AS SELECT payment.create_merchant('a') AS m;
CREATE TEMP SEQUENCE keys;

CREATE FUNCTION pg_temp.permutations(items text[]) RETURNS SETOF text[] LANGUAGE sql AS $$
  WITH RECURSIVE p(done, left_over) AS (
    SELECT '{}'::text[], ARRAY(SELECT generate_subscripts(items, 1))
    UNION ALL SELECT p.done || items[i], array_remove(p.left_over, i) FROM p, unnest(p.left_over) i
  ) SELECT DISTINCT done FROM p WHERE left_over = '{}' $$;

-- Plays a story: how it ended, in what a merchant, the provider and an auditor see.
CREATE FUNCTION pg_temp.play(story text[], manual boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  merchant bigint := (SELECT m FROM shop);
  p uuid := (SELECT (c.answer ->> 'transaction_id')::uuid FROM payment.create(merchant, 'k' || nextval('keys'), jsonb_build_object('amount', 100, 'currency', 'INR',
    'customer_id', 7, 'payment_method', 'card', 'payment_token', 'tok_1', 'capture', CASE WHEN manual THEN 'manual' ELSE 'automatic' END)) c);
  step text;
BEGIN
  PERFORM payment.begin_calls(ARRAY[merchant], ARRAY[p], ARRAY[1]);
  FOREACH step IN ARRAY story LOOP
    PERFORM payment.observe(ARRAY[jsonb_build_object('merchant_id', merchant, 'payment_id', p, 'number', 1, 'source', (ARRAY['reply', 'query', 'event'])[1 + length(step) % 3], 'class', step)]);
  END LOOP;
  RETURN (SELECT concat_ws(' ', f.state, f.held_minor, f.captured_minor, f.refund_minor, (SELECT l.moved || '/' || l.pending FROM payment._ledger_of(f) l))
    FROM payment.payment f WHERE f.payment_id = p);
END $$;
CREATE FUNCTION pg_temp.all_end(items text[], ending text, manual boolean DEFAULT false) RETURNS text LANGUAGE sql AS $$
  SELECT is(string_agg(DISTINCT pg_temp.play(s, manual), ' or '), ending, array_to_string(items, ', ') || ' in any order') FROM pg_temp.permutations(items) s $$;

SELECT pg_temp.all_end('{succeeded,succeeded,ambiguous,processing}', 'success 10000 10000 0 10000/0');
SELECT pg_temp.all_end('{succeeded,declined,ambiguous,not_found}', 'success 10000 10000 0 10000/0');
SELECT pg_temp.all_end('{succeeded,requires_action,not_sent,hint}', 'success 10000 10000 0 10000/0');
SELECT pg_temp.all_end('{authorized,succeeded,declined,ambiguous}', 'success 10000 10000 0 10000/0');
SELECT pg_temp.all_end('{authorized,declined,ambiguous,requires_action}', 'authorized 10000 0 0 0/1', true);
SELECT pg_temp.all_end('{authorized,authorized,processing,approved}', 'authorized 10000 0 0 0/1', true);
SELECT pg_temp.all_end('{declined,declined,ambiguous,requires_action}', 'failed 0 0 0 0/0');
SELECT pg_temp.all_end('{rejected,ambiguous,not_found,hint}', 'failed 0 0 0 0/0');

-- Two hundred stories by chance, of whatever classes: a success in it is a success, and the books agree.
SELECT setseed(0.13);
CREATE TEMP TABLE told AS SELECT s.story, pg_temp.play(s.story, false) AS ending FROM (
  SELECT ARRAY(SELECT (ARRAY['succeeded', 'authorized', 'declined', 'rejected', 'not_sent', 'busy', 'ambiguous', 'requires_action', 'not_found', 'processing', 'approved', 'hint'])[1 + floor(random() * 12)::int]
    FROM generate_series(1, 1 + n % 7)) AS story FROM generate_series(1, 200) n) s;
SELECT is_empty($$SELECT story, ending FROM told WHERE ('succeeded' = ANY (story)) <> (ending LIKE 'success 10000 10000 0 10000/0')$$, 'it succeeded, if anything said so');
SELECT is_empty('SELECT * FROM payment.audit()', 'and all of it adds up');
SELECT is_empty('SELECT * FROM payment.ledger_check WHERE sum <> 0', 'the ledger sums to zero');
SELECT is_empty($$SELECT e.key FROM tenfold.event e WHERE e.payload ->> 'event_type' = 'payment.success' GROUP BY 1 HAVING count(*) > 1$$, 'a success is told once');

-- The rank never falls, but from failed to what came late.
CREATE TEMP TABLE rank AS SELECT * FROM (VALUES ('pending', 10), ('processing', 20), ('unknown', 30), ('requires_action', 40), ('failed', 50), ('authorized', 60), ('success', 70), ('canceled', 80)) r(state, rank);
SELECT is_empty($$SELECT s.from_state, s.event, s.to_state FROM tenfold.state_machine s JOIN rank f ON f.state = s.from_state JOIN rank t ON t.state = s.to_state WHERE s.machine = 'payment' AND t.rank < f.rank$$, 'no row of the machine goes down');
SELECT set_eq($$SELECT unnest(regexp_matches(pg_get_constraintdef(oid), '''([a-z_]+)''::text', 'g')) FROM pg_constraint WHERE conrelid = 'payment.payment'::regclass AND conname = 'state_is_known'$$,
  $$SELECT to_state FROM tenfold.state_machine WHERE machine = 'payment'$$, 'the states of the machine are those of the table');
SELECT set_eq($$SELECT unnest(regexp_matches(pg_get_constraintdef(oid), '''([a-z_]+)''::text', 'g')) FROM pg_constraint WHERE conrelid = 'payment.operation'::regclass AND conname = 'state_is_known'$$,
  $$SELECT to_state FROM tenfold.state_machine WHERE machine = 'payment_operation'$$, 'and of operations');
SELECT set_eq($$SELECT unnest(regexp_matches(pg_get_constraintdef(oid), '''([a-z_]+)''::text', 'g')) FROM pg_constraint WHERE conrelid = 'payment.webhook_delivery'::regclass AND conname = 'state_is_known'$$,
  $$SELECT to_state FROM tenfold.state_machine WHERE machine = 'webhook_delivery'$$, 'and of deliveries');

-- The code against the rows: each state, each class.
CREATE FUNCTION pg_temp.lead_to(state text) RETURNS text[] LANGUAGE sql AS $$
  SELECT CASE state WHEN 'processing' THEN '{}' WHEN 'unknown' THEN '{ambiguous}' WHEN 'requires_action' THEN '{requires_action}' WHEN 'failed' THEN '{declined}'
    WHEN 'authorized' THEN '{authorized}' WHEN 'success' THEN '{succeeded}' END::text[] $$;
SELECT is(split_part(pg_temp.play(pg_temp.lead_to(r.state) || f.class, true), ' ', 1),
    coalesce(tenfold.next_state('payment', r.state, CASE f.class WHEN 'not_found' THEN 'too_early' ELSE f.event END), r.state), format('%s after %s', f.class, r.state))
  FROM rank r, payment.failure_class f WHERE r.state NOT IN ('pending', 'canceled');
SELECT * FROM finish();
ROLLBACK;
