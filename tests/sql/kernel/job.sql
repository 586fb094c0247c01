-- Jobs: from enqueue to done, dead and back; what is refused, and with which SQLSTATE.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
SELECT tenfold.create_queue('q', max_attempts => 3, max_payload_bytes => 100, backoff_base => '1 min', backoff_cap => '3 min');
SELECT tenfold.create_queue('twice', concurrency => 2);

CREATE FUNCTION pg_temp.claim(queue text, how_many int DEFAULT 1) RETURNS bigint[] LANGUAGE sql AS
  $$ SELECT array_agg(c.job_id ORDER BY c.epoch) FROM tenfold.claim_jobs(queue, 'w', how_many) c $$;
CREATE FUNCTION pg_temp.epoch(id bigint) RETURNS bigint LANGUAGE sql AS $$ SELECT r.epoch FROM tenfold.job_running r WHERE r.job_id = id $$;
CREATE FUNCTION pg_temp.state(id bigint) RETURNS text LANGUAGE sql AS $$ SELECT s.state FROM tenfold.job_status s WHERE s.job_id = id $$;
CREATE FUNCTION pg_temp.complete(ids bigint[]) RETURNS bigint[] LANGUAGE sql AS
  $$ SELECT tenfold.complete_jobs(ids, ARRAY(SELECT pg_temp.epoch(id) FROM unnest(ids) id)) $$;
-- Jobs of earlier are due now.
CREATE FUNCTION pg_temp.hurry() RETURNS void LANGUAGE sql AS $$ UPDATE tenfold.job SET due_at = clock_timestamp() WHERE due_at > clock_timestamp() $$;

-- Bad input.
SELECT throws_ok($$SELECT tenfold.enqueue('nix', '{}')$$, 'TF020', 'unknown queue "nix"', 'an unknown queue');
SELECT throws_ok($$SELECT tenfold.enqueue_many('nix', '{"{}"}')$$, 'TF020', NULL, '… for a set');
SELECT throws_ok($$SELECT tenfold.claim_jobs('nix', 'w')$$, 'TF020', NULL, '… for a claim');
SELECT throws_ok($$SELECT tenfold.redrive('nix')$$, 'TF020', NULL, '… to redrive');
SELECT throws_ok($$SELECT tenfold.enqueue('q', to_jsonb(repeat('x', 99)))$$, 'TF022', 'a payload of 101 bytes is too large for queue "q"', 'a payload above the limit');
SELECT lives_ok($$SELECT tenfold.enqueue('q', to_jsonb(repeat('x', 98)))$$, 'one of the very limit');
SELECT throws_ok($$SELECT tenfold.enqueue_many('q', ARRAY['{}', to_jsonb(repeat('x', 99))])$$, 'TF022', NULL, '… one of a set');
SELECT throws_ok($$SELECT tenfold.enqueue('q', NULL)$$, '22004', NULL, 'no payload');
SELECT throws_ok($$SELECT tenfold.enqueue('q', '{}', dedupe_key => repeat('é', 256))$$, 'TF023', NULL, 'a dedupe key of 256 characters');
SELECT lives_ok($$SELECT tenfold.enqueue('q', '{}', dedupe_key => repeat('é', 255))$$, 'one of 255');
SELECT throws_ok($$SELECT tenfold.enqueue('q', '{}', concurrency_key => repeat('x', 256))$$, 'TF023', NULL, 'a concurrency key of 256');
SELECT throws_ok($$SELECT tenfold.enqueue_many('q', '{"{}"}', concurrency_keys => ARRAY[repeat('x', 256)])$$, 'TF023', NULL, '… in a set');
SELECT throws_ok($$SELECT tenfold.claim_jobs('q', repeat('x', 256))$$, 'TF023', NULL, 'a worker''s name of 256');
SELECT throws_ok($$SELECT tenfold.enqueue('q', '{}', -1)$$, 'TF025', 'priority -1 is not in 0 … 9', 'a negative priority');
SELECT throws_ok($$SELECT tenfold.enqueue_many('q', '{"{}"}', 10)$$, 'TF025', NULL, 'a priority of 10');
SELECT throws_ok($$SELECT tenfold.enqueue('q', '{}', run_at => '9999-12-31')$$, 'TF026', NULL, 'run_at in the year 9999');
SELECT throws_ok($$SELECT tenfold.enqueue('q', '{}', run_at => 'infinity')$$, 'TF026', NULL, '… and never');
SELECT throws_ok($$SELECT tenfold.enqueue('q', '{}', max_attempts => 0)$$, '22023', NULL, 'no attempt at all');
SELECT throws_ok($$SELECT tenfold.claim_jobs('q', 'w', 0)$$, '22023', NULL, 'a claim of none');
SELECT throws_ok($$SELECT tenfold.create_queue('Q!')$$, '23514', NULL, 'a queue''s name');
SELECT throws_ok($$SELECT tenfold.create_queue('q2', lease => '0 s')$$, '23514', NULL, 'a lease of no time');
SELECT throws_ok($$SELECT tenfold.cancel_job(-1)$$, 'TF024', NULL, 'an unknown job');
SELECT is(tenfold.create_queue('q', max_attempts => 3, max_payload_bytes => 100, backoff_base => '1 min', backoff_cap => '3 min'),
  (SELECT queue_id FROM tenfold.queue WHERE name = 'q'), 'create_queue() twice changes one queue');
DELETE FROM tenfold.job;
DELETE FROM tenfold.job_key;

-- From enqueue to done.
SELECT tenfold.enqueue('q', '{"n": 1}') AS a, tenfold.enqueue('q', '{"n": 2}') AS b \gset
SELECT results_eq($$SELECT job_id, attempts, payload, worker, expires_at - leased_at BETWEEN '30 s' AND '30.1 s' FROM tenfold.claim_jobs('q', 'w')$$,
  format($$VALUES (%s::bigint, 1, '{"n": 1}'::jsonb, 'w', true)$$, :a), 'the first is claimed, with a lease');
SELECT is(tenfold.heartbeat_job(:a, pg_temp.epoch(:a)), false, 'a heartbeat');
SELECT is(tenfold.progress_job(:a, pg_temp.epoch(:a), 0.5, 'half'), false, 'progress');
SELECT row_eq(format('SELECT state, progress, note FROM tenfold.job_status WHERE job_id = %s', :a), ROW('running'::text, 0.5::real, 'half'::text), '… is seen');
SELECT lives_ok(format('SELECT tenfold.progress_job(%s, %s, 5e-324)', :a, pg_temp.epoch(:a)), 'progress of less than a real holds');
SELECT throws_ok(format('SELECT tenfold.progress_job(%s, %s, 1.5)', :a, pg_temp.epoch(:a)), '22023', NULL, 'beyond 1');
SELECT is(tenfold.complete_jobs(ARRAY[:a], ARRAY[pg_temp.epoch(:a)], '{"{\"r\": 1}"}'), ARRAY[:a]::bigint[], 'done');
SELECT row_eq(format('SELECT state, result FROM tenfold.job_status WHERE job_id = %s', :a), ROW('done'::text, '{"r": 1}'::jsonb), 'with its result');
SELECT is(tenfold.cancel_job(:a), 'done', 'too late to cancel');

-- A lease of a dead epoch.
SELECT pg_temp.claim('q');
SELECT throws_ok(format('SELECT tenfold.heartbeat_job(%s, 0)', :b), 'TF021', NULL, 'heartbeat with a dead epoch');
SELECT throws_ok(format('SELECT tenfold.progress_job(%s, 0, 0.1)', :b), 'TF021', NULL, 'progress with one');
SELECT throws_ok(format('SELECT tenfold.fail_job(%s, 0, $e$x$e$)', :b), 'TF021', NULL, 'fail with one');
SELECT throws_ok(format('SELECT tenfold.complete_jobs(ARRAY[%s], ARRAY[0])', :b), 'TF021', format('the lease of job %s with epoch 0 is over', :b), 'complete with one');
SELECT is(tenfold.complete_jobs(ARRAY[:b], ARRAY[0], skip_stale => true), '{}', '… or skipped');
SELECT is_empty(format('SELECT tenfold.heartbeat_jobs(ARRAY[%s], ARRAY[0], true)', :b), 'heartbeats skip, too');
SELECT is(tenfold.release_jobs(ARRAY[:b], ARRAY[0]), '{}', 'nothing to give back');

-- Failures, backoff, dead letter, redrive.
SELECT is(tenfold.fail_job(:b, pg_temp.epoch(:b), 'one'), 'retry', 'the first failure');
SELECT ok(due_at - clock_timestamp() BETWEEN '25 s' AND '1 min', 'waits half a minute to one') FROM tenfold.job WHERE job_id = :b;
SELECT is(pg_temp.claim('q'), NULL, 'and is not claimed before');
SELECT pg_temp.hurry(), pg_temp.claim('q');
SELECT tenfold.fail_job(:b, pg_temp.epoch(:b), 'two');
SELECT ok(due_at - clock_timestamp() BETWEEN '55 s' AND '2 min', 'twice as long after the second') FROM tenfold.job WHERE job_id = :b;
SELECT pg_temp.hurry(), pg_temp.claim('q');
SELECT is(tenfold.fail_job(:b, pg_temp.epoch(:b), 'three'), 'dead', 'the third is the last');
SELECT row_eq(format('SELECT reason, attempts FROM tenfold.job_dead WHERE job_id = %s', :b), ROW('three'::text, 3), 'dead with its reason');
SELECT is(tenfold.redrive('q'), 1::bigint, 'redriven by its queue');
SELECT is(pg_temp.claim('q'), ARRAY[:b]::bigint[], '… it runs again');
SELECT is(tenfold.fail_job(:b, pg_temp.epoch(:b), 'hopeless', retry => false), 'dead', 'without a retry it is dead at once');
SELECT is(tenfold.redrive(ARRAY[:b, -1]), 1::bigint, 'redriven by its id');
SELECT is(tenfold.cancel_job(:b), 'cancelled', 'cancelled as it waits');
SELECT is(pg_temp.state(:b), 'cancelled', '… and that is known');
SELECT ok(tenfold._backoff(q.backoff_base, q.backoff_cap, 1000) BETWEEN '1.5 min' AND '3 min', 'backoff has a cap') FROM tenfold.queue q WHERE name = 'q';

-- Cancelled while it runs.
SELECT tenfold.enqueue('q', '{}') AS c \gset
SELECT pg_temp.claim('q');
SELECT is(tenfold.cancel_job(:c), 'cancelling', 'a running job is asked to stop');
SELECT is(tenfold.heartbeat_job(:c, pg_temp.epoch(:c)), true, '… its worker learns it');
SELECT is(tenfold.fail_job(:c, pg_temp.epoch(:c), 'stopped'), 'cancelled', '… and a failure is no retry then');

-- A worker that fell silent.
SELECT tenfold.enqueue('q', '{}') AS d \gset
SELECT pg_temp.claim('q');
SELECT is(tenfold.expire_leases(), 0::bigint, 'no lease is over');
UPDATE tenfold.job_running SET expires_at = clock_timestamp() - interval '1 s';
SELECT is(tenfold.check_jobs(), 1::bigint, 'one is');
SELECT matches(last_error, '^worker w fell silent', 'and that is the reason') FROM tenfold.job WHERE job_id = :d;
SELECT pg_temp.hurry(), pg_temp.claim('q');
SELECT is(tenfold.release_jobs(ARRAY[:d], ARRAY[pg_temp.epoch(:d)]), ARRAY[:d]::bigint[], 'given back');
SELECT is(attempts, 1, '… which is no attempt') FROM tenfold.job WHERE job_id = :d;
SELECT pg_temp.claim('q');
SELECT throws_ok(format('SELECT tenfold.postpone_job(%s, 0, $i$1 s$i$, NULL)', :d), 'TF021', NULL, 'postpone with a dead epoch');
SELECT throws_ok(format('SELECT tenfold.postpone_job(%s, 0, $i$-1 s$i$, NULL)', :d), '22023', NULL, 'postpone into the past');
SELECT tenfold.postpone_job(:d, pg_temp.epoch(:d), '1 min', 'the breaker is open');
SELECT row_eq(format($$SELECT attempts, last_error, due_at > clock_timestamp() + interval '55 s' FROM tenfold.job WHERE job_id = %s$$, :d),
  ROW(1, 'the breaker is open'::text, true), 'postponed, which is no attempt');
SELECT pg_temp.hurry(), pg_temp.claim('q');
UPDATE tenfold.job_running SET created_at = created_at - interval '25 h' WHERE job_id = :d;
SELECT tenfold.postpone_job(:d, pg_temp.epoch(:d), '1 min', 'still open');
SELECT row_eq(format('SELECT attempts, max_attempts FROM tenfold.job WHERE job_id = %s', :d), ROW(2, 3), '… but after a day it is one');
SELECT pg_temp.hurry(), pg_temp.claim('q');
SAVEPOINT last_attempt;
SELECT tenfold.postpone_job(:d, pg_temp.epoch(:d), '1 min', 'still open');
SELECT is(pg_temp.state(:d), 'dead', '… and the last one ends it');
ROLLBACK TO last_attempt;
SELECT tenfold.cancel_job(:d), tenfold.postpone_job(:d, pg_temp.epoch(:d), '1 min', 'still open');
SELECT is(pg_temp.state(:d), 'cancelled', 'who is asked to cancel is not put off');
ROLLBACK TO last_attempt;
SELECT pg_temp.complete(pg_temp.claim('q'));

-- Priority with aging: one step is worth a minute.
SELECT tenfold.enqueue('q', '{"p": 0}') AS low, tenfold.enqueue('q', '{"p": 5}', 5) AS high, tenfold.enqueue('q', '{"p": 0}') AS old \gset
UPDATE tenfold.job SET due_at = due_at - interval '6 min' WHERE job_id = :old;
DELETE FROM tenfold.job_mark;  -- which claims move now and then: nothing else ever comes to stand before one
SELECT is(pg_temp.claim('q') || pg_temp.claim('q') || pg_temp.claim('q'), ARRAY[:old, :high, :low]::bigint[], 'urgent before usual, old before urgent');
SELECT pg_temp.complete(ARRAY[:old, :high, :low]);
SELECT tenfold.enqueue_many('q', ARRAY(SELECT to_jsonb(n) FROM generate_series(1, 20) n), 2);
SELECT is(ARRAY(SELECT payload::int FROM tenfold.claim_jobs('q', 'w', 20) ORDER BY job_id), ARRAY(SELECT generate_series(1, 20)), 'a set in its order, in one claim');
SELECT pg_temp.complete(ARRAY(SELECT job_id FROM tenfold.job_running));

-- Later, paused.
SELECT tenfold.enqueue('q', '{}', run_at => clock_timestamp() + interval '1 h') AS later \gset
SELECT is(pg_temp.claim('q'), NULL, 'not before run_at');
SELECT is(pg_temp.state(:later), 'delayed', 'delayed');
SELECT pg_temp.hurry(), tenfold.pause_queue('q');
SELECT is(pg_temp.claim('q'), NULL, 'not while paused');
SELECT tenfold.pause_queue('q', false);
SELECT is(pg_temp.claim('q'), ARRAY[:later]::bigint[], 'then it runs');
SELECT pg_temp.complete(ARRAY[:later]);

-- Dedupe key.
SELECT tenfold.enqueue('q', '{"n": 1}', dedupe_key => 'k') AS first \gset
SELECT is(tenfold.enqueue('q', '{"n": 2}', dedupe_key => 'k'), :first::bigint, 'a second enqueue gives the first''s id');
SELECT isnt(tenfold.enqueue('twice', '{}', dedupe_key => 'k'), :first::bigint, 'in another queue it is another job');
SELECT pg_temp.claim('q');
SELECT is(tenfold.enqueue('q', '{}', dedupe_key => 'k'), :first::bigint, '… while it runs, too');
SELECT pg_temp.complete(ARRAY[:first]);
SELECT results_ne(format($$SELECT tenfold.enqueue_many('q', '{"{}","{}"}', dedupe_keys => '{k,l}')$$), format('VALUES (%s::bigint)', :first), 'then it is free');
SELECT pg_temp.complete(pg_temp.claim('q', 10)), pg_temp.complete(pg_temp.claim('twice', 10));
SELECT is_empty('SELECT * FROM tenfold.job_key', 'no key is left behind');

-- Concurrency key: two at once, in their order, and nobody behind them waits for them.
SELECT tenfold.enqueue('twice', to_jsonb(n), concurrency_key => 'k') FROM generate_series(1, 5) n;
SELECT tenfold.enqueue('twice', '6');
SELECT results_eq($$SELECT payload::int FROM tenfold.claim_jobs('twice', 'w', 3) ORDER BY 1$$, 'VALUES (1), (2), (6)', 'two of the key, and who has none');
SELECT is((SELECT parked FROM tenfold.queue_stats WHERE queue = 'twice'), 3::bigint, 'the others are parked');
SELECT pg_temp.complete(ARRAY[min(job_id)]) FROM tenfold.job_running;
SELECT results_eq($$SELECT payload::int FROM tenfold.claim_jobs('twice', 'w', 3)$$, 'VALUES (3)', 'one ends, one begins');
SELECT is(tenfold.fail_job(job_id, epoch, 'x', retry => false), 'dead', 'one fails') FROM tenfold.job_running WHERE payload = '2';
SELECT tenfold.cancel_job(job_id) FROM tenfold.job WHERE payload = '4';
SELECT results_eq($$SELECT payload::int FROM tenfold.claim_jobs('twice', 'w', 3)$$, 'VALUES (5)', 'a cancelled one lets the next pass');
SELECT pg_temp.complete(ARRAY(SELECT job_id FROM tenfold.job_running));
SELECT is((SELECT count(*) FROM tenfold.job_parked), 0::bigint, 'none is left');

-- Marks: where the clock stepped back, the minute's check finds who stands before.
SELECT tenfold.enqueue('q', '{}') AS lost \gset
INSERT INTO tenfold.job_mark (queue_id, priority, mark, safe_at, limit_at, limit_xid) SELECT queue_id, 0, clock_timestamp(), clock_timestamp(), clock_timestamp(), '3' FROM tenfold.queue WHERE name = 'q';
SELECT is(pg_temp.claim('q'), NULL, 'a job before the mark is not seen');
SELECT tenfold.check_jobs();
SELECT is(pg_temp.claim('q'), ARRAY[:lost]::bigint[], '… until the check');
SELECT pg_temp.complete(ARRAY[:lost]);

-- A dump brings marks with transaction ids that this cluster has not reached: it sets a limit of its own, and believes no time of theirs.
INSERT INTO tenfold.job_mark (queue_id, priority, mark, safe_at, limit_at, limit_xid)
  SELECT queue_id, 0, '2001-01-01', '2001-01-01', clock_timestamp(), '9000000000000' FROM tenfold.queue WHERE name = 'q';
SELECT tenfold._move_mark(queue_id, 0) FROM tenfold.queue WHERE name = 'q';
SELECT ok((m).limit_xid = pg_current_xact_id() AND (m).safe_at = '2001-01-01', 'a foreign mark moves again')
  FROM tenfold.queue q CROSS JOIN LATERAL tenfold._mark(q.queue_id, 0) m WHERE q.name = 'q';
DELETE FROM tenfold.job_mark;

-- Retention.
SELECT tenfold.create_queue('q', retention => '1 hour');
UPDATE tenfold.job_done SET finished_at = finished_at - interval '2 hours' WHERE queue_id = (SELECT queue_id FROM tenfold.queue WHERE name = 'q');
SELECT cmp_ok(tenfold.purge_jobs(), '>', 20::bigint, 'what is old is purged');
SELECT is((SELECT done FROM tenfold.queue_stats WHERE queue = 'q'), 0::bigint, '… all of it');
SELECT cmp_ok((SELECT done FROM tenfold.queue_stats WHERE queue = 'twice'), '>', 0::bigint, '… and of no other queue');
SELECT tenfold.create_queue('q', retention => '0');
SELECT tenfold.enqueue('q', '{}'), pg_temp.complete(pg_temp.claim('q'));
SELECT is((SELECT count(*) FROM tenfold.job_done d JOIN tenfold.queue USING (queue_id) WHERE name = 'q'), 0::bigint, 'a retention of 0 keeps nothing');

-- Recurring jobs.
SELECT throws_ok($$SELECT tenfold.set_recurring_job('r', 'nix', '* * * * *')$$, 'TF020', NULL, 'a recurring job for no queue');
SELECT throws_ok(format('SELECT tenfold.set_recurring_job($r$r$r$, $r$q$r$, %L)', schedule), 'TF027', NULL, 'schedule ' || schedule)
  FROM unnest('{* * * *,60 * * * *,* 24 * * *,* * 0 * *,* * * 13 *,* * * * 8,*/0 * * * *,5-1 * * * *,a * * * *,-1 * * * *,30 s,90 s,1 month,0,often}'::text[]) schedule;
SELECT throws_ok($$SELECT tenfold.set_recurring_job('r', 'q', '* * * * *', time_zone => 'Mars')$$, '22023', NULL, 'a time zone');
SELECT throws_ok($$SELECT tenfold.remove_recurring_job('r')$$, 'TF028', NULL, 'an unknown one');
CREATE FUNCTION pg_temp.due(schedule text, until text, zone text DEFAULT 'UTC') RETURNS text LANGUAGE sql AS
  $$ SELECT to_char(tenfold._last_due(schedule, zone, until::timestamptz - interval '1 day', until::timestamptz) AT TIME ZONE 'UTC', 'DD HH24:MI') $$;
SELECT is(pg_temp.due('*/15 * * * *', '2026-03-04 05:59:30Z'), '04 05:45', 'every quarter');
SELECT is(pg_temp.due('5-20/5,50 4,16 * * *', '2026-03-04 05:00Z'), '04 04:50', 'lists and ranges');
SELECT is(pg_temp.due('0 12 1 * 3', '2026-03-04 13:00Z'), '04 12:00', 'either day will do: a Wednesday');
SELECT is(pg_temp.due('0 12 * * 7', '2026-03-08 13:00Z'), '08 12:00', '7 is Sunday');
SELECT is(pg_temp.due('0 12 * * 0', '2026-03-04 13:00Z'), NULL, 'and a Wednesday is none');
SELECT is(pg_temp.due('30 9 * * *', '2026-07-04 23:00Z', 'Asia/Kolkata'), '04 04:00', 'in the zone''s time');
SELECT is(pg_temp.due('90 minutes', '2026-03-04 05:00Z'), '04 04:30', 'intervals');
SELECT tenfold.set_recurring_job('r', 'q', '* * * * *', '{"r": 1}'), tenfold.set_recurring_job('h', 'q', '1 day', dedupe_key => 'h'),
  tenfold.set_recurring_job('off', 'q', '* * * * *', enabled => false);
SELECT is(tenfold.run_recurring_jobs(clock_timestamp() + interval '25 hours'), 2::bigint, 'what is due is enqueued');
SELECT is(tenfold.run_recurring_jobs(clock_timestamp() + interval '25 hours'), 0::bigint, '… once');
SELECT is(tenfold.run_recurring_jobs(clock_timestamp() + interval '25 hours 1 minute'), 1::bigint, '… for each due time');
SELECT bag_eq($$SELECT name, job_id IS NOT NULL FROM tenfold.recurring_run$$, $$VALUES ('r', true), ('r', true), ('h', true)$$, 'and that is known');
DELETE FROM tenfold.queue WHERE name = 'q';
SELECT is(tenfold.run_recurring_jobs(clock_timestamp() + interval '49 hours'), 0::bigint, 'a queue that is gone');
SELECT is((SELECT count(*) FROM tenfold.recurring_run WHERE problem = 'unknown queue "q"'), 2::bigint, '… is told of');
SELECT tenfold.remove_recurring_job('r');
SELECT is_empty($$SELECT * FROM tenfold.recurring_run WHERE name = 'r'$$, 'removed with its runs');
SELECT * FROM finish();
ROLLBACK;
