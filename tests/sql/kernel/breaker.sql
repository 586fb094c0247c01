-- The breaker as SQL sees it. Its rules are tested where they are decided, in tests/unit/kernel/breaker_test.cpp.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();

SELECT tenfold.create_provider('amadeus');
UPDATE tenfold.provider SET (open_for, open_at_most, open_jitter, rate_window, minimum_calls) = ('1 hour', '10 hours', 0, '60 s', 10);

CREATE FUNCTION pg_temp.call(outcome text, took interval DEFAULT '1 ms') RETURNS text LANGUAGE sql AS $$
  SELECT tenfold.breaker_report('amadeus', a.permit, outcome, took) FROM tenfold.breaker_acquire('amadeus') a $$;
CREATE FUNCTION pg_temp.calls(number int, outcome text, took interval DEFAULT '1 ms') RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(pg_temp.call(outcome, took), ' ') FROM generate_series(1, number) $$;
-- Asks until the open time is over.
CREATE FUNCTION pg_temp.wait_for_permit() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  asked record;
BEGIN
  FOR i IN 1 .. 1000 LOOP
    SELECT * INTO asked FROM tenfold.breaker_acquire('amadeus');
    EXIT WHEN asked.permitted;
    PERFORM pg_sleep(least(asked.retry_after, 0.01));
  END LOOP;
  RETURN asked.permit;
END $$;

SELECT is(row(state, since, calls)::text, '(closed,,0)', 'nobody has asked yet') FROM tenfold.breaker_status WHERE provider = 'amadeus';
SELECT ok(permitted AND permit > 0 AND retry_after = 0, 'a closed one lets pass') FROM tenfold.breaker_acquire('amadeus');

-- Five in a row. A neutral outcome says nothing.
SELECT is(pg_temp.calls(4, 'failure'), NULL, 'four failures change nothing');
SELECT is(pg_temp.calls(20, 'neutral'), NULL, 'nor does what is nobody''s fault');
SELECT is(row(failures_in_a_row, calls, failures)::text, '(4,4,4)', 'as the view shows') FROM tenfold.breaker_status WHERE provider = 'amadeus';
SELECT is(pg_temp.call('failure'), 'open', 'the fifth opens it');
SELECT ok(NOT permitted AND permit IS NULL AND retry_after BETWEEN 3590 AND 3600, 'nobody passes') FROM tenfold.breaker_acquire('amadeus');
SELECT is(row(state, openings, unwritten_events, lost_events)::text, '(open,1,1,0)', 'the view knows') FROM tenfold.breaker_status WHERE provider = 'amadeus';
SELECT is(row(state, reason, calls, failures, slow, open_for)::text, '(open,"failures in a row",5,5,0,01:00:00)', 'the trip is a row') FROM tenfold.breaker_event WHERE provider = 'amadeus';
SELECT ok(clock_timestamp() - at < '1 min', 'of now') FROM tenfold.breaker_event WHERE provider = 'amadeus';

-- Changed rows are known at once; half open, one try at a time. A provider of its own, since open times are fixed when it opens.
DELETE FROM tenfold.provider;
SELECT throws_ok($$SELECT tenfold.breaker_acquire('amadeus')$$, 'TF040', NULL, 'a removed provider is unknown');
SELECT tenfold.create_provider('amadeus');
UPDATE tenfold.provider SET (open_for, open_jitter, failures_in_a_row, permit_life) = ('20 ms', 0, 2, '50 ms');
SELECT is(state, 'closed', 'one of the same name starts anew') FROM tenfold.breaker_status WHERE provider = 'amadeus';
SELECT is(pg_temp.calls(2, 'failure'), 'open', 'two are enough by now');
CREATE TEMP TABLE try AS SELECT pg_temp.wait_for_permit() AS permit;
SELECT is(row(state, tries)::text, '(half_open,1)', 'after its time it is half open') FROM tenfold.breaker_status WHERE provider = 'amadeus';
SELECT ok(NOT permitted AND retry_after <= 0.05, 'for one at a time') FROM tenfold.breaker_acquire('amadeus');
SELECT ok(pg_temp.wait_for_permit() > permit, 'a try that is not reported is given to another') FROM try;
SELECT is(tenfold.breaker_report('amadeus', permit, 'failure'), NULL, 'whose report comes too late') FROM try;
UPDATE tenfold.provider SET permit_life = '30 s';
SELECT is(tenfold.breaker_report('amadeus', pg_temp.wait_for_permit(), 'success'), NULL, 'a good try');
SELECT is(tenfold.breaker_report('amadeus', pg_temp.wait_for_permit(), 'success'), 'closed', 'and another one close it');
SELECT results_eq($$SELECT state, reason FROM tenfold.breaker_event WHERE provider = 'amadeus' AND event_id > (SELECT min(event_id) FROM tenfold.breaker_event) ORDER BY event_id$$,
  $$VALUES ('open', 'failures in a row'), ('closed', 'tries succeeded')$$, 'both are rows');

-- Rates.
UPDATE tenfold.provider SET (failures_in_a_row, minimum_calls, rate_window, open_for) = (1000, 10, '60 s', '1 min');
SELECT is(pg_temp.calls(5, 'success') || pg_temp.calls(4, 'failure'), NULL, 'nine calls are too few for a rate');
SELECT is(pg_temp.call('failure'), 'open', 'of ten calls five failed');
SELECT is(reason, 'failure rate', 'which the row tells') FROM tenfold.breaker_event ORDER BY event_id DESC LIMIT 1;
SELECT tenfold.create_provider('sabre');
UPDATE tenfold.provider SET (slow_after, slow_rate, minimum_calls) = ('100 ms', 0.5, 4) WHERE name = 'sabre';
SELECT is(string_agg(tenfold.breaker_report('sabre', (tenfold.breaker_acquire('sabre')).permit, 'success', took), ' '), 'open', 'slow answers open it')
  FROM (VALUES (interval '99 ms'), (NULL), ('100 ms'), ('1 min')) AS t(took);
SELECT is(row(reason, calls, failures, slow)::text, '("slow rate",4,0,2)', 'which the row tells, too') FROM tenfold.breaker_event WHERE provider = 'sabre';

-- A rollback takes back the row, and not what was seen: the next caller writes it.
SELECT tenfold.create_provider('travelport');
CREATE FUNCTION pg_temp.trip_and_roll_back() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  seen text;
BEGIN
  FOR i IN 1 .. 5 LOOP
    seen := tenfold.breaker_report('travelport', a.permit, 'failure') FROM tenfold.breaker_acquire('travelport') a;
  END LOOP;
  RAISE EXCEPTION 'away with it';
EXCEPTION WHEN raise_exception THEN
  RETURN seen;
END $$;
SELECT is(pg_temp.trip_and_roll_back(), 'open', 'a trip in a subtransaction that rolls back');
SELECT is(count(*), 0::bigint, 'has no row') FROM tenfold.breaker_event WHERE provider = 'travelport';
SELECT is(row(state, unwritten_events)::text, '(open,1)', 'and is known as unwritten') FROM tenfold.breaker_status WHERE provider = 'travelport';
SELECT is(permitted, false, 'the next caller is refused') FROM tenfold.breaker_acquire('travelport');
SELECT is(count(*), 1::bigint, 'and has written it') FROM tenfold.breaker_event WHERE provider = 'travelport';

-- Bad input.
SELECT throws_ok(sql, state, NULL, sql) FROM (VALUES
  ($$SELECT tenfold.breaker_acquire('absent')$$, 'TF040'),
  ($$SELECT tenfold.breaker_acquire(NULL)$$, '22004'),
  ($$SELECT tenfold.breaker_report('absent', 1, 'success')$$, 'TF040'),
  ($$SELECT tenfold.breaker_report('sabre', 1, 'Success')$$, '22023'),
  ($$SELECT tenfold.breaker_report('sabre', NULL, 'success')$$, '22004'),
  ($$SELECT tenfold.breaker_report('sabre', 1, NULL)$$, '22004'),
  ($$SELECT tenfold.call_permit('absent')$$, 'TF040'),
  ($$SELECT tenfold.create_provider('sabre')$$, '23505'),
  ($$SELECT tenfold.create_provider('No name')$$, '23514'),
  ($$SELECT tenfold.create_provider('x', quota_per_day => -1)$$, '23514'),
  ($$SELECT tenfold.create_provider('x', time_zone => 'Europe/Atlantis')$$, '22023'),
  ($$SELECT tenfold.create_provider('x', spacing_per_minute => 0)$$, '23514'),
  ($$UPDATE tenfold.provider SET open_for = '10 min'$$, '23514'),
  ($$UPDATE tenfold.provider SET failure_rate = 'NaN'$$, '23514'),
  ($$UPDATE tenfold.provider SET rate_window = '61 s'$$, '23514'),
  ($$UPDATE tenfold.provider SET probes = 9$$, '23514')) AS bad(sql, state);
SELECT is(tenfold.breaker_report('sabre', permit, 'failure'), NULL, 'a permit that was never given: ' || permit)
  FROM unnest(ARRAY[0, -1, 1, 9223372036854775807]::bigint[]) permit;

SELECT is(row(sqlstate, name, http_status)::text, '(TF040,unknown_provider,404)', 'the error is in the table') FROM tenfold.error_code WHERE sqlstate = 'TF040';
UPDATE tenfold.breaker_event SET at = at - interval '91 days' WHERE provider = 'sabre';
SELECT is(tenfold.purge_breaker_events(), 1::bigint, 'old events are purged');
SELECT * FROM finish();
ROLLBACK;
