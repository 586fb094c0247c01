-- The calls of a provider's day, and the call that asks for everything at once. Who else reserves, commits and rolls back:
-- tests/isolation/quota.spec; crashes: tests/process/test_providers.py.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();

SELECT tenfold.create_provider('small', quota_per_day => 25);
SELECT is(row(quota_per_day, reserved, not_called, remaining)::text, '(25,0,0,25)', 'a new day') FROM tenfold.quota_status WHERE provider = 'small';
SELECT is(row(q.*)::text, '(t,0)', 'a call is reserved') FROM tenfold.quota_reserve('small') q;
SELECT is(reserved, 10, 'in a block') FROM tenfold.quota_day;
SELECT is(row(q.*)::text, '(t,0)', 'nine more') FROM tenfold.quota_reserve('small', 9) q;
SELECT is(reserved, 10, 'come from the same block') FROM tenfold.quota_day;
SELECT is(reserved, true, 'more than a block at a time') FROM tenfold.quota_reserve('small', 13);
SELECT is(reserved, 23, 'is no more than was asked for') FROM tenfold.quota_day;
SELECT is(reserved, false, 'more than are left are refused') FROM tenfold.quota_reserve('small', 3);
SELECT is(count(*) FILTER (WHERE reserved), 2::bigint, 'the last two, and no more') FROM generate_series(1, 5) i, tenfold.quota_reserve('small', sign(i)::int);
SELECT is(row(reserved, not_called, remaining)::text, '(25,0,0)', 'the day is spent') FROM tenfold.quota_status WHERE provider = 'small';
SELECT ok(retry_after BETWEEN 0 AND 86400, 'until the next') FROM tenfold.quota_reserve('small');

-- A block that was taken in a subtransaction which rolls back was never taken.
SELECT tenfold.create_provider('undone', quota_per_day => 10);
SAVEPOINT before;
SELECT is(reserved, true, 'reserved') FROM tenfold.quota_reserve('undone', 10);
ROLLBACK TO before;
SELECT is(reserved, true, '… rolled back, and reserved again') FROM tenfold.quota_reserve('undone', 10);
SELECT is(reserved, false, '… once') FROM tenfold.quota_reserve('undone');

-- Changed rows are known at once; without a quota nothing is counted.
UPDATE tenfold.provider SET quota_per_day = 26 WHERE name = 'small';
SELECT is(reserved, true, 'a raised cap') FROM tenfold.quota_reserve('small');
UPDATE tenfold.provider SET quota_per_day = 1 WHERE name = 'small';
SELECT is(reserved, false, 'a lowered cap') FROM tenfold.quota_reserve('small');
UPDATE tenfold.provider SET quota_per_day = 0 WHERE name = 'small';
SELECT is(reserved, false, 'a cap of none') FROM tenfold.quota_reserve('small');
UPDATE tenfold.provider SET quota_per_day = NULL WHERE name = 'small';
SELECT is(reserved, true, 'no cap') FROM tenfold.quota_reserve('small', 1000000);
SELECT is_empty($$SELECT FROM tenfold.quota_status WHERE provider = 'small'$$, 'has no status');

-- Days begin in the provider's zone, also those of 23 and 25 hours, and those without a midnight.
SELECT is(tenfold._provider_day(zone, at), day, zone || ' ' || at) FROM (VALUES
  ('UTC', timestamptz '2026-07-01 23:59:59Z', date '2026-07-01'), ('UTC', '2026-07-02 00:00Z', '2026-07-02'),
  ('Asia/Tokyo', '2026-07-01 14:59:59Z', '2026-07-01'), ('Asia/Tokyo', '2026-07-01 15:00Z', '2026-07-02'),
  ('America/New_York', '2026-03-08 04:59:59Z', '2026-03-07'), ('America/New_York', '2026-03-08 05:00Z', '2026-03-08'),
  ('America/New_York', '2026-03-09 03:59:59Z', '2026-03-08'), ('America/New_York', '2026-03-09 04:00Z', '2026-03-09')) AS t(zone, at, day);
SELECT is(tenfold._until_next_day(zone, at) / 3600, hours::float8, zone || ' ' || at) FROM (VALUES
  ('UTC', timestamptz '2026-07-01 00:00Z', 24), ('Europe/Paris', '2026-03-28 23:00Z', 23), ('Europe/Paris', '2026-10-24 22:00Z', 25),
  ('America/New_York', '2026-03-08 05:00Z', 23), ('America/New_York', '2026-11-01 04:00Z', 25),
  ('Africa/Cairo', '2024-04-24 22:00Z', 24), ('Africa/Cairo', '2024-04-25 22:00Z', 23)) AS t(zone, at, hours);
SELECT throws_ok(format('SELECT tenfold._until_next_day($$UTC$$, %L)', at), '22023', NULL, 'a day that has no next: ' || at)
  FROM unnest('{infinity,-infinity,294276-12-31 23:59:59Z}'::text[]) at;
SELECT is_empty($$
  SELECT h FROM generate_series(timestamptz '2026-01-01 00:30Z', '2026-12-31 23:30Z', '1 hour') h
  WHERE tenfold._provider_day('Europe/Paris', h + make_interval(secs => tenfold._until_next_day('Europe/Paris', h))) <> tenfold._provider_day('Europe/Paris', h) + 1
     OR tenfold._provider_day('Europe/Paris', h + make_interval(secs => tenfold._until_next_day('Europe/Paris', h) - 1)) <> tenfold._provider_day('Europe/Paris', h)$$,
  'the next day begins when we say so, from every hour of a year');

-- What was reserved for another day is of no use today.
SELECT tenfold.create_provider('daily', quota_per_day => 100);
SELECT is(reserved, true, 'today') FROM tenfold.quota_reserve('daily');
SELECT is(tenfold._quota_take('daily', tenfold._provider_day('UTC', clock_timestamp()) + 1, 1), false, 'tomorrow knows nothing of today''s block');

-- All at once.
SELECT tenfold.create_provider('whole', quota_per_day => 3, spacing_per_minute => 1, spacing_burst => 2);
CREATE TEMP TABLE first AS SELECT * FROM tenfold.call_permit('whole');
SELECT ok(permitted AND permit > 0 AND reason IS NULL AND retry_after = 0, 'the first') FROM first;
SELECT ok(permitted, 'the second is within the burst') FROM tenfold.call_permit('whole');
SELECT ok(NOT permitted AND permit IS NULL AND reason = 'spacing' AND retry_after BETWEEN 50 AND 60, 'the third comes too soon') FROM tenfold.call_permit('whole');
SELECT is(remaining, 1, 'which costs nothing of the day') FROM tenfold.quota_status WHERE provider = 'whole';
UPDATE tenfold.provider SET spacing_per_minute = NULL WHERE name = 'whole';
SELECT ok(permitted, 'the third') FROM tenfold.call_permit('whole');
SELECT ok(NOT permitted AND permit IS NULL AND reason = 'quota' AND retry_after > 0, 'the day is spent') FROM tenfold.call_permit('whole');
UPDATE tenfold.provider SET (quota_per_day, open_for) = (1000, '1 min') WHERE name = 'whole';
SELECT is(string_agg(tenfold.breaker_report('whole', (tenfold.call_permit('whole')).permit, 'failure'), ' '), 'open', 'it fails') FROM generate_series(1, 5);
SELECT ok(NOT permitted AND permit IS NULL AND reason = 'open' AND retry_after > 30, 'and is open') FROM tenfold.call_permit('whole');

-- A try that the quota refuses gives its place to the next.
SELECT tenfold.create_provider('probed', quota_per_day => 0);
UPDATE tenfold.provider SET (failures_in_a_row, open_for) = (1, '1 ms') WHERE name = 'probed';
SELECT is(tenfold.breaker_report('probed', (tenfold.breaker_acquire('probed')).permit, 'failure'), 'open', 'open for a moment');
SELECT pg_sleep(0.01);
SELECT is(reason, 'quota', 'the quota refuses') FROM tenfold.call_permit('probed');
SELECT is(row(state, tries)::text, '(half_open,0)', 'and no try is under way') FROM tenfold.breaker_status WHERE provider = 'probed';

SELECT throws_ok(sql, state, NULL, sql) FROM (VALUES
  ($$SELECT tenfold.quota_reserve('absent')$$, 'TF040'), ($$SELECT tenfold.quota_reserve(NULL)$$, 'TF040'),
  ($$SELECT tenfold.quota_reserve('daily', 0)$$, '22023'), ($$SELECT tenfold.quota_reserve('daily', -1)$$, '22023'),
  ($$SELECT tenfold.quota_reserve('daily', 101)$$, '22023'), ($$SELECT tenfold.quota_reserve('daily', NULL)$$, '22023')) AS bad(sql, state);

INSERT INTO tenfold.quota_day SELECT provider_id, current_date - 91, 5 FROM tenfold.provider WHERE name = 'daily';
SELECT is(tenfold.purge_quota_days(), 1::bigint, 'old days are purged');
SELECT is(tenfold.purge_quota_days('0'), 0::bigint, 'today never is');
SELECT * FROM finish();
ROLLBACK;
