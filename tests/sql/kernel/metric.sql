-- Metrics: what they say, how they are written, and that no source can hide the others.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
SELECT tenfold.create_queue('q', max_attempts => 1);
SELECT tenfold.create_consumer('c', '{*}');

CREATE FUNCTION pg_temp.value(name text, labels jsonb DEFAULT '{}') RETURNS double precision LANGUAGE sql AS
  $$ SELECT m.value FROM tenfold.metric m WHERE m.name = $1 AND m.labels = $2 $$;
CREATE FUNCTION pg_temp.jobs(state text) RETURNS double precision LANGUAGE sql AS
  $$ SELECT pg_temp.value('tenfold_queue_jobs', jsonb_build_object('queue', 'q', 'state', state)) $$;

SELECT is_empty($$SELECT name FROM tenfold.metric WHERE kind = 'untyped'$$, 'every name is declared');
SELECT is_empty($$SELECT name FROM tenfold.declared_metric EXCEPT SELECT name FROM tenfold.metric
  EXCEPT VALUES ('tenfold_scheduled_job_last_run_age_seconds'), ('tenfold_audit_difference_jobs'), ('tenfold_audit_age_seconds'),
    ('tenfold_relay_refused'), ('tenfold_kafka_dead_messages'), ('tenfold_kafka_refused_partitions'),
    ('tenfold_payment_success_ratio'), ('tenfold_payment_latency_p99_seconds'), ('tenfold_payment_rejected_hour'),
    ('tenfold_payment_calls_hour'), ('tenfold_payment_audit_problems')$$, 'every declared name is there, but for what has not run');
SELECT is_empty($$SELECT name, labels FROM tenfold.metric GROUP BY 1, 2 HAVING count(*) > 1$$, 'none is there twice');
SELECT is_empty($$SELECT * FROM tenfold.metric WHERE value IS NULL OR value < 0$$, 'all are numbers');
SELECT is_empty($$SELECT labels FROM tenfold.metric WHERE name = 'tenfold_metric_source_up' AND value <> 1$$, 'every source works');

-- Queues.
SELECT tenfold.enqueue_many('q', array_fill('{}'::jsonb, ARRAY[4]));
SELECT tenfold.enqueue('q', '{}', run_at => clock_timestamp() + interval '1 hour');
SELECT is(array[pg_temp.jobs('waiting'), pg_temp.jobs('delayed'), pg_temp.jobs('running'), pg_temp.jobs('dead')], '{4,1,0,0}', 'jobs by state');
UPDATE tenfold.job SET due_at = due_at - interval '100 s' WHERE due_at <= clock_timestamp();
SELECT ok(pg_temp.value('tenfold_queue_oldest_wait_seconds', '{"queue": "q"}') BETWEEN 100 AND 1000, 'the oldest wait');
SELECT tenfold.fail_job(c.job_id, c.epoch, 'x') FROM tenfold.claim_jobs('q', 'w') c;
SELECT tenfold.complete_jobs(ARRAY[c.job_id], ARRAY[c.epoch]) FROM tenfold.claim_jobs('q', 'w') c;
SELECT count(*) FROM tenfold.claim_jobs('q', 'w');
UPDATE tenfold.job_running SET expires_at = clock_timestamp() - interval '1 s';
SELECT is(array[pg_temp.jobs('waiting'), pg_temp.jobs('running'), pg_temp.jobs('dead'), pg_temp.value('tenfold_queue_expired_leases', '{"queue": "q"}'),
  pg_temp.value('tenfold_queue_ended_jobs', '{"queue": "q", "outcome": "done"}')], '{1,1,1,1,1}', 'dead, done, and a lease that expired');
SELECT tenfold.pause_queue('q');
SELECT is(pg_temp.value('tenfold_queue_paused', '{"queue": "q"}'), 1::double precision, 'paused');

-- Limiter and cache.
SELECT pg_temp.value('tenfold_limiter_allowed_total') AS before \gset
SELECT count(tenfold.take_permit('login_account', 'metric')) FROM generate_series(1, 10);  -- empty for some time: a full bucket is not in use
SELECT is(pg_temp.value('tenfold_limiter_allowed_total'), :before + 10::double precision, 'the limiter counts');
SELECT cmp_ok(pg_temp.value('tenfold_limiter_buckets_in_use'), '>=', 1::double precision, '… its buckets, too');
SELECT cmp_ok(pg_temp.value('tenfold_cache_size_bytes'), '>', 0::double precision, 'the cache has a size');

-- Text.
SELECT is(tenfold._metric_labels(E'{"b": "q\\"\\\\\\n", "a": "é"}'), E'{a="é",b="q\\"\\\\\\n"}', 'labels are escaped');
SELECT is(tenfold._metric_labels('{}'), '', 'none');
CREATE FUNCTION pg_temp.mine(OUT name text, OUT labels jsonb, OUT value double precision) RETURNS SETOF record LANGUAGE sql AS
  $$ VALUES ('mine_a', E'{"x": "a\\nb"}'::jsonb, 'Infinity'::double precision), ('mine_a', '{"x": "c"}', '-Infinity'), ('mine_b_total', '{}', 'NaN'), ('mine_c', '{}', 1e20) $$;
CREATE FUNCTION pg_temp.broken(OUT name text, OUT labels jsonb, OUT value double precision) RETURNS SETOF record LANGUAGE sql AS $$ VALUES ('x', '{}'::jsonb, 1 / 0::double precision) $$;
SELECT 'pg_temp_' || s AS temp FROM regexp_replace(pg_my_temp_schema()::regnamespace::text, '^pg_temp_', '') s \gset
SELECT tenfold._declare_metric('mine', :'temp' || '.mine()', 'mine_a', 'gauge', E'one \\ two\nthree'), tenfold._declare_metric('mine', :'temp' || '.mine()', 'mine_b_total', 'counter', 'b');
SELECT cmp_ok(strpos(tenfold._metrics_text(), E'# HELP mine_a one \\\\ two\\nthree\n# TYPE mine_a gauge\nmine_a{x="a\\nb"} +Inf\nmine_a{x="c"} -Inf\n# HELP mine_b_total b\n# TYPE mine_b_total counter\nmine_b_total NaN\n'),
  '>', 0, 'a module''s own, and what is no number');
SELECT cmp_ok(strpos(tenfold._metrics_text(), E'# TYPE mine_c untyped\nmine_c 1e+20\n'), '>', 0, 'what is not declared is untyped');
SELECT tenfold._declare_metric('mine', :'temp' || '.broken()', 'x', 'gauge', 'x'), tenfold._declare_metric('mine', 'mine.absent()', 'y', 'gauge', 'y');
SET LOCAL client_min_messages = error;
SELECT is((SELECT count(*) FROM tenfold.metric WHERE name = 'tenfold_metric_source_up' AND value = 0), 2::bigint, 'sources that fail, or are not there, are told of');
SELECT is(pg_temp.jobs('dead'), 1::double precision, '… and hide nothing');
SELECT throws_ok($$SELECT tenfold._declare_metric('mine', 'f()', 'mine_d_total', 'gauge', 'd')$$, '23514', NULL, 'a total is a counter');
SELECT throws_ok($$SELECT tenfold._declare_metric('mine', 'f()', 'mine-d', 'gauge', 'd')$$, '23514', NULL, 'a name that Prometheus would refuse');
SELECT lives_ok($$SELECT tenfold.install('kernel')$$);
SELECT is(count(*), 4::bigint, 'metrics of the user''s own outlive an install') FROM tenfold.declared_metric WHERE module = 'mine';
SELECT * FROM finish();
ROLLBACK;
