-- The conservation of jobs: whatever is done to them by tenfold's functions keeps it, and what is done behind their back is found.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
SELECT tenfold.create_queue('a', max_attempts => 1), tenfold.create_queue('b', concurrency => 1), tenfold.create_queue('short', retention => '0');

CREATE FUNCTION pg_temp.claim(queue text, how_many int DEFAULT 1) RETURNS bigint[] LANGUAGE sql AS
  $$ SELECT array_agg(c.job_id ORDER BY c.epoch) FROM tenfold.claim_jobs(queue, 'w', how_many) c $$;
CREATE FUNCTION pg_temp.epoch(id bigint) RETURNS bigint LANGUAGE sql AS $$ SELECT r.epoch FROM tenfold.job_running r WHERE r.job_id = id $$;
CREATE FUNCTION pg_temp.complete(ids bigint[]) RETURNS bigint[] LANGUAGE sql AS
  $$ SELECT tenfold.complete_jobs(ids, ARRAY(SELECT pg_temp.epoch(id) FROM unnest(ids) id)) $$;
-- due, sent, done, cancelled, waiting, parked, running, dead, difference, ok
CREATE FUNCTION pg_temp.audit(name text, "window" interval DEFAULT NULL) RETURNS text LANGUAGE sql AS
  $$ SELECT concat_ws(' ', due, sent, done, cancelled, waiting, parked, running, dead, difference, ok) FROM tenfold.audit("window") WHERE queue = name $$;

SELECT is(pg_temp.audit('a'), '0 0 0 0 0 0 0 0 0 t', 'nothing due, nothing lost');
SELECT tenfold.enqueue_many('a', array_fill('{}'::jsonb, ARRAY[6]));
SELECT tenfold.enqueue('a', '{}', run_at => clock_timestamp() + interval '1 hour');
SELECT is(pg_temp.audit('a'), '7 7 0 0 7 0 0 0 0 t', 'enqueued, alone and as a set');

-- Ids that no job has.
SAVEPOINT rolled_back;
SELECT tenfold.enqueue('a', '{}');
ROLLBACK TO rolled_back;
SELECT tenfold.enqueue('a', '{}', dedupe_key => 'k') AS first \gset
SELECT is(tenfold.enqueue('a', '{}', dedupe_key => 'k'), :first::bigint);
SELECT is(pg_temp.audit('a'), '8 8 0 0 8 0 0 0 0 t', 'what is rolled back or turned away was never due');

-- Each way through the tables.
SELECT pg_temp.claim('a', 4) AS ids \gset
SELECT is(pg_temp.audit('a'), '8 8 0 0 4 0 4 0 0 t', 'four run');
SELECT pg_temp.complete((:'ids'::bigint[])[1:1]);
SELECT tenfold.fail_job((:'ids'::bigint[])[2], pg_temp.epoch((:'ids'::bigint[])[2]), 'x'), tenfold.fail_job((:'ids'::bigint[])[3], pg_temp.epoch((:'ids'::bigint[])[3]), 'x');
SELECT is(pg_temp.audit('a'), '8 8 1 0 4 0 1 2 0 t', 'one is done, two are dead');
SELECT tenfold.release_jobs((:'ids'::bigint[])[4:4], ARRAY[pg_temp.epoch((:'ids'::bigint[])[4])]);
SELECT is(tenfold.redrive((:'ids'::bigint[])[2:2]), 1::bigint);
SELECT is(tenfold.cancel_job((:'ids'::bigint[])[3]), 'cancelled', 'a dead one is cancelled');
SELECT is(pg_temp.audit('a'), '8 8 1 1 6 0 0 0 0 t', '… and leaves a trace');
SELECT is(tenfold.cancel_job((:'ids'::bigint[])[3]), 'cancelled', '… by which it is known');
SELECT tenfold.enqueue('b', '{}', concurrency_key => 'k') FROM generate_series(1, 3);
SELECT pg_temp.claim('b', 3);
SELECT is(pg_temp.audit('b'), '3 3 0 0 0 2 1 0 0 t', 'parked ones count');
UPDATE tenfold.job_running SET expires_at = clock_timestamp() - interval '1 s';
SELECT tenfold.expire_leases();
SELECT is(split_part(pg_temp.audit('b'), ' ', 9), '0', 'a worker that falls silent loses none');

-- Retention: a job and its entry go together.
UPDATE tenfold.job_done SET finished_at = finished_at - interval '2 days';
SELECT is(tenfold.purge_jobs(), 2::bigint);
SELECT is(pg_temp.audit('a'), '6 6 0 0 6 0 0 0 0 t', 'what is purged is not due any more');
SELECT tenfold.enqueue('short', '{}'), tenfold.enqueue_many('short', '{"{}"}');
SELECT pg_temp.complete(pg_temp.claim('short'));
SELECT row_eq($$SELECT due, ok FROM tenfold.audit() WHERE queue = 'short'$$, ROW(0::bigint, NULL::boolean), 'without retention nothing is proved, and it says so');
UPDATE tenfold.queue SET retention = '0' WHERE name = 'b';
SELECT tenfold.purge_jobs();
UPDATE tenfold.queue SET retention = '1 day' WHERE name = 'b';
SELECT is(pg_temp.audit('b'), '0 0 0 0 0 0 0 0 0 t', 'a queue that changes to it, and back, is not accused');

SELECT is(tenfold.run_audit(), 0::bigint, 'an audit without findings');

-- Behind its back, from each table.
SELECT tenfold.create_queue('c', max_attempts => 1), tenfold.enqueue_many('c', array_fill('{}'::jsonb, ARRAY[5]));
SELECT pg_temp.complete(pg_temp.claim('c'));
SELECT tenfold.fail_job(c.job_id, c.epoch, 'x') FROM tenfold.claim_jobs('c', 'w') c;
SELECT pg_temp.claim('c');
SELECT is(pg_temp.audit('c'), '5 5 1 0 2 0 1 1 0 t', 'one in each state');
CREATE TEMP TABLE stolen (job_id bigint);
WITH gone AS (DELETE FROM tenfold.job WHERE job_id = (SELECT min(j.job_id) FROM tenfold.job j JOIN tenfold.queue q USING (queue_id) WHERE q.name = 'c') RETURNING *) INSERT INTO stolen SELECT job_id FROM gone;
SELECT is(pg_temp.audit('c'), '5 4 1 0 1 0 1 1 1 f', 'a waiting one is missed');
SELECT is(pg_temp.audit('c', '1 hour'), '5 4 1 0 1 0 1 1 1 f', '… in its window');
UPDATE tenfold.job_entry SET entered_at = entered_at - interval '2 hours';
SELECT is(pg_temp.audit('c', '1 hour'), '0 0 0 0 0 0 0 0 0 t', '… and not in a later one');
SELECT is((SELECT lost_ids FROM tenfold.audit() WHERE queue = 'c'), ARRAY(SELECT job_id FROM stolen), 'by its id');
WITH gone AS (DELETE FROM tenfold.job_running r USING tenfold.queue q WHERE q.queue_id = r.queue_id AND q.name = 'c' RETURNING r.job_id) INSERT INTO stolen SELECT job_id FROM gone;
WITH gone AS (DELETE FROM tenfold.job_dead d USING tenfold.queue q WHERE q.queue_id = d.queue_id AND q.name = 'c' RETURNING d.job_id) INSERT INTO stolen SELECT job_id FROM gone;
WITH gone AS (DELETE FROM tenfold.job_done d USING tenfold.queue q WHERE q.queue_id = d.queue_id AND q.name = 'c' RETURNING d.job_id) INSERT INTO stolen SELECT job_id FROM gone;
SELECT is(pg_temp.audit('c'), '5 1 0 0 1 0 0 0 4 f', 'a running, a dead and a done one, too');
SELECT is(tenfold.run_audit(), 1::bigint, 'the audit finds the queue');
SELECT is((SELECT value FROM tenfold.metric WHERE name = 'tenfold_audit_difference_jobs' AND labels = '{"queue": "c"}'), 4::double precision, '… a metric says so');
SELECT is((SELECT value FROM tenfold.metric WHERE name = 'tenfold_audit_difference_jobs' AND labels = '{"queue": "a"}'), 0::double precision, '… and clears the others');
SELECT is((SELECT count(*) FROM tenfold.audit_result WHERE queue = 'c'), 1::bigint, 'it is kept');
SELECT is(tenfold.write_off_jobs(ARRAY(SELECT job_id FROM stolen) || ARRAY(SELECT job_id FROM tenfold.job)), 4::bigint, 'written off: the lost ones, and no other');
SELECT is(pg_temp.audit('c'), '1 1 0 0 1 0 0 0 0 t', '… then it is in order again');

-- There twice.
INSERT INTO tenfold.job_parked SELECT j.* FROM tenfold.job j JOIN tenfold.queue q USING (queue_id) WHERE q.name = 'c';
SELECT is(pg_temp.audit('c'), '1 1 0 0 1 1 0 0 1 f', 'a job in two tables is no proof');

UPDATE tenfold.audit_result SET audited_at = audited_at - interval '31 days';
SELECT tenfold.run_audit();
SELECT is_empty($$SELECT * FROM tenfold.audit_result WHERE audited_at < clock_timestamp() - interval '30 days'$$, 'results are kept for 30 days');
SELECT * FROM finish();
ROLLBACK;
