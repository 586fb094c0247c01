-- NULL, 0, negative, infinite and absurd values of every limit, lease and interval: 22023 from functions, 23514 from settings.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
SELECT tenfold.create_queue('q'), tenfold.create_consumer('c', '{*}'), tenfold.create_topic('t');
SELECT epoch AS epoch FROM tenfold.acquire_consumers('i', '{c}') \gset
CREATE TEMP TABLE limited (call text, least text, absurd text);
INSERT INTO limited VALUES
  ('SELECT tenfold.claim_jobs($$q$$, $$w$$, %s)', '0', '10001'), ('SELECT tenfold.expire_leases(%s)', '0', '100001'),
  (format('SELECT tenfold.next_batch($$c$$, %s, %%s)', :epoch), '0', '1000001'), (format('SELECT tenfold.next_retries($$c$$, %s, %%s)', :epoch), '0', '1000001'),
  (format('SELECT tenfold.next_relay_batch($$c$$, %s, (SELECT tick FROM tenfold.outbox_lag WHERE consumer = $$c$$), 1, %%s)', :epoch), '0', '1000001'),
  (format('SELECT tenfold.begin_relay_retries($$c$$, %s, 0, %%s)', :epoch), '0', '1000001'),
  ('SELECT tenfold.redrive_kafka($$s$$, NULL, %s)', '0', '1000001'), ('SELECT * FROM tenfold.redriven_kafka($$s$$, $$i$$, %s)', '0', '1000001'),
  ('SELECT hotel.load_batch(%s)', '0', '1000001'), ('CALL hotel.load_staging(%s)', '0', '1000001');
CREATE TEMP TABLE lasting (call text, least text);
INSERT INTO lasting VALUES
  ('SELECT tenfold.acquire_consumers($$i$$, $${c}$$, %s)', '0 s'), ('SELECT tenfold.claim_kafka_partitions($$s$$, $$i$$, $${t}$$, $${0}$$, %s)', '0 s'),
  ('SELECT tenfold.postpone_job(1, 1, %s, NULL)', '-1 s'), ('SELECT tenfold.purge_job_runs(%s)', '-1 s'), ('SELECT tenfold.purge_sessions(%s)', '-1 s'),
  ('SELECT tenfold.purge_quota_days(%s)', '-1 s'), ('SELECT tenfold.purge_breaker_events(%s)', '-1 s'), ('SELECT hotel.purge_removed(%s)', '-1 s'),
  ('SELECT hotel.purge_rejected(%s)', '-1 s');
SELECT throws_ok(format(call, value), '22023', NULL, format(call, value))
  FROM limited, unnest(ARRAY['NULL', least, '-1', absurd, '2147483647']) value;
SELECT throws_ok(format(call, value), '22023', NULL, format(call, value))
  FROM lasting, unnest(ARRAY['NULL', quote_literal(least), '$$-100 years$$', '$$1000 years$$', '$$170000000 years$$']) value;
SELECT throws_ok(format('SELECT tenfold.%s', call), '22023', NULL, call) FROM unnest(ARRAY[
  'redrive($$q$$, 0)', 'redrive($$q$$, -1)', 'audit($$-1 s$$)', 'audit($$170000000 years$$)', 'set_kafka_offset($$s$$, $$t$$, 0, -1)',
  'run_recurring_jobs(NULL)', 'run_recurring_jobs($$infinity$$)', 'run_recurring_jobs($$-infinity$$)', 'claim_jobs($$q$$, NULL)',
  'take_permit($$default$$, $$k$$, 0)', 'take_permit($$default$$, $$k$$, -1)', 'take_permit($$default$$, $$k$$, 2147483647)']) call;
SELECT throws_ok(format('SELECT tenfold.set_recurring_job($$r$$, $$q$$, %L)', schedule), 'TF027', NULL, 'schedule ' || schedule)
  FROM unnest('{1 year,1000 years,200000000 days,-1 day,NaN}'::text[]) schedule;
SELECT lives_ok(call, call) FROM unnest(ARRAY['SELECT tenfold.redrive($$q$$)', 'SELECT * FROM tenfold.audit()', 'SELECT * FROM tenfold.audit($$1 day$$)',
  'SELECT tenfold.expire_leases()', 'SELECT tenfold.purge_quota_days()']) call;

-- Settings.
SELECT throws_ok(format('SELECT tenfold.create_queue($$s$$, %s)', setting), '23514', NULL, 'a queue of ' || setting) FROM unnest(ARRAY[
  'max_attempts => 0', 'max_attempts => 2147483647', 'lease => $$1000 years$$', 'lease => $$-1 s$$', 'backoff_base => $$-1 s$$', 'backoff_cap => $$31 days$$',
  'backoff_base => $$170000000 years$$, backoff_cap => $$170000000 years$$', 'retention => $$170000000 years$$', 'retention => $$-1 s$$', 'max_payload_bytes => 0', 'concurrency => 0',
  'concurrency => 2147483647', 'aging => $$1000 years$$', 'aging => $$-1 s$$']) setting;
SELECT throws_ok(format('SELECT tenfold.create_consumer($$s$$, $${*}$$, %s)', setting), '23514', NULL, 'a consumer of ' || setting) FROM unnest(ARRAY[
  'max_attempts => 0', 'backoff_base => $$-1 s$$', 'backoff_cap => $$31 days$$', 'on_dead => $$x$$']) setting;
SELECT throws_ok(format('SELECT tenfold.create_topic($$s$$, %s)', setting), '23514', NULL, 'a topic of ' || setting)
  FROM unnest(ARRAY['partitions => 0', 'partitions => 2147483647', 'max_bytes => 0', 'max_bytes => -1']) setting;
SELECT throws_ok(format('SELECT tenfold.create_provider($$s$$, %s)', setting), '23514', NULL, 'a provider of ' || setting)
  FROM unnest(ARRAY['quota_per_day => -1', 'spacing_per_minute => 0', 'spacing_per_minute => $$NaN$$', 'spacing_burst => 0']) setting;
SELECT tenfold.create_provider('s');
SELECT throws_ok(format('UPDATE tenfold.provider SET %s WHERE name = $$s$$', setting), '23514', NULL, 'a provider of ' || setting) FROM unnest(ARRAY[
  'rate_window = $$0$$', 'slow_after = $$1 year$$', 'open_for = $$0$$', 'open_at_most = $$1000 years$$', 'permit_life = $$-1 s$$', 'open_factor = $$NaN$$',
  'failure_rate = $$NaN$$', 'probes = 0']) setting;
SELECT throws_ok(format('UPDATE tenfold.rate_class SET %s', setting), '23514', NULL, 'a class of ' || setting)
  FROM unnest(ARRAY['burst = 0', 'burst = 2147483647', 'per_minute = 0', 'per_minute = $$NaN$$', 'per_minute = 1e9']) setting;
SELECT * FROM finish();
ROLLBACK;
