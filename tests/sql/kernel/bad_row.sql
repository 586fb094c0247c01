-- One bad row stops no other: each loop over rows of users passes over it, and says which it was.
BEGIN;
SET search_path = public, pg_temp;
SET client_min_messages = error;
SELECT * FROM no_plan();
SELECT tenfold.create_queue('good', concurrency => 1, backoff_base => '0', backoff_cap => '0'), tenfold.create_queue('bad');
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'never' USING ERRCODE = 'UUUUU'; END $$;
CREATE FUNCTION pg_temp.bad(task text) RETURNS text[] LANGUAGE sql AS
  $$ SELECT array_agg(b.name || ' ' || b.state ORDER BY b.name) FROM tenfold.bad_row b WHERE b.task = $1 $$;
CREATE FUNCTION pg_temp.claim_silently(queue text) RETURNS bigint LANGUAGE sql AS $$
  WITH mine AS (SELECT c.job_id FROM tenfold.claim_jobs(queue, 'w') c) SELECT job_id FROM mine $$;

-- A backoff that no interval holds.
SELECT tenfold.create_queue('slow', max_attempts => 60, backoff_base => '3 hours', backoff_cap => '1 day');
SELECT lives_ok($$SELECT tenfold._backoff('3 hours', '1 day', n) FROM generate_series(1, 1000) n$$, 'a backoff never overflows');
SELECT lives_ok($$SELECT tenfold._backoff('30 days', '30 days', n) FROM generate_series(1, 1000) n$$, '… of the longest, too');
SELECT tenfold.enqueue('slow', '{}') AS slow \gset
SELECT pg_temp.claim_silently('slow');
UPDATE tenfold.job_running SET attempts = 31, expires_at = clock_timestamp() - interval '1 s';
SELECT is(tenfold.check_jobs(), 1::bigint, 'its 31st lease expires');

-- A job that cannot be ended.
SELECT tenfold.enqueue('bad', '{}') AS bad, tenfold.enqueue('good', '{}', concurrency_key => 'k') AS good, tenfold.enqueue('good', '{}', concurrency_key => 'k') AS parked \gset
SELECT pg_temp.claim_silently('bad'), pg_temp.claim_silently('good'), pg_temp.claim_silently('good');
UPDATE tenfold.job_running SET expires_at = clock_timestamp() - interval '1 s';
SELECT format('CREATE TRIGGER refuse BEFORE INSERT ON tenfold.job FOR EACH ROW WHEN (NEW.queue_id = %s) EXECUTE FUNCTION pg_temp.refuse()',
  (SELECT queue_id FROM tenfold.queue WHERE name = 'bad')) AS refuse \gset
:refuse;
SELECT is(tenfold.check_jobs(), 1::bigint, 'a lease expires beside one that cannot');
SELECT is(pg_temp.bad('expire_leases'), ARRAY[format('job %s UUUUU', :bad)], '… which is named');
SELECT bag_eq('SELECT job_id FROM tenfold.job WHERE concurrency_key = $e$k$e$', format('VALUES (%s::bigint), (%s)', :good, :parked), '… and the key that was held is free');
SELECT is(tenfold.expire_leases(1), 0::bigint, 'it is not in the way of others until it is asked again');
SELECT row_eq($$SELECT ok, detail LIKE '%job%' FROM tenfold.doctor() WHERE "check" = 'bad rows'$$, ROW(false, true), 'doctor tells of it');
SELECT is((SELECT value FROM tenfold.metric WHERE name = 'tenfold_bad_rows'), 1::double precision, '… and so does the metric');
INSERT INTO tenfold.job_dead SELECT r.job_id, r.queue_id, r.priority, r.due_at, 1, 1, r.created_at, NULL, NULL, NULL, r.payload, 'x', 'w', clock_timestamp()
  FROM tenfold.job_running r WHERE r.job_id = :bad;
DELETE FROM tenfold.job_running WHERE job_id = :bad;
INSERT INTO tenfold.job_dead SELECT j.job_id, j.queue_id, j.priority, j.due_at, 1, 1, j.created_at, NULL, NULL, NULL, j.payload, 'x', 'w', clock_timestamp()
  FROM tenfold.job j WHERE j.job_id = :slow;
DELETE FROM tenfold.job WHERE job_id = :slow;
SELECT is(tenfold.redrive(ARRAY[:bad, :slow]), 1::bigint, 'a redrive passes over one that cannot come back');
SELECT is((SELECT array_agg(job_id) FROM tenfold.job_dead), ARRAY[:bad]::bigint[], '… it stays dead');

-- Parked jobs that cannot go on.
INSERT INTO tenfold.job_parked SELECT nextval('tenfold.job_id'), q.queue_id, 0, now(), 0, 5, now(), NULL, 'stuck', NULL, '{}' FROM tenfold.queue q WHERE q.name IN ('bad', 'slow');
SELECT lives_ok('SELECT tenfold.check_jobs()', 'forgotten parked jobs, of which one cannot go on');
SELECT is((SELECT count(*) FROM tenfold.job_parked), 1::bigint, '… it stays, the other one goes on');

-- Recurring jobs and providers, whose time zone has vanished.
SELECT tenfold.set_recurring_job('a', 'good', '* * * * *', time_zone => 'Europe/Berlin'), tenfold.set_recurring_job('b', 'good', '* * * * *'),
  tenfold.set_recurring_job('c', 'good', '* * * * *');
UPDATE tenfold.recurring_job SET time_zone = 'Atlantis/Poseidonis' WHERE name = 'a';
UPDATE tenfold.recurring_job SET schedule = 'nonsense' WHERE name = 'b';
SELECT is(tenfold.run_recurring_jobs(clock_timestamp() + interval '2 minutes'), 1::bigint, 'a vanished zone and a bad schedule stop no other');
SELECT is(pg_temp.bad('run_recurring_jobs'), '{a 22023,b TF027}', '… they are named');
SELECT tenfold.create_provider('p', quota_per_day => 5), tenfold.create_provider('gone', quota_per_day => 5);
ALTER TABLE tenfold.provider DROP CONSTRAINT zone_is_known;
UPDATE tenfold.provider SET time_zone = 'Atlantis/Poseidonis' WHERE name = 'gone';
SELECT results_eq($$SELECT provider, day IS NOT NULL FROM tenfold.quota_status WHERE provider IN ('p', 'gone') ORDER BY 1$$, $$VALUES ('gone', false), ('p', true)$$, 'quotas are seen beside one');
SELECT is(pg_temp.bad('quota_status'), '{provider gone 22023}', '… which is named');
-- Of a megabyte that does not compress.
SELECT string_agg(md5(i::text), '') AS long FROM generate_series(1, 30000) i \gset
SELECT is(tenfold._known_zone(:'long', :'long', :'long'), NULL, 'a name of any length, too');
SELECT is((SELECT b.name FROM tenfold.bad_row b WHERE b.task = left(:'long', 100)), left(:'long', 400), '… by its beginning');

-- What pg_cron does not take.
INSERT INTO tenfold.scheduled_job VALUES ('bad', 'mine', '99 * * * *', 'SELECT 1', 'nothing', '1 min');
SELECT cmp_ok((SELECT count(*) FROM tenfold.schedule_jobs()), '>', 5::bigint, 'the others are scheduled');
SELECT ok((pg_temp.bad('schedule_jobs'))[1] LIKE 'bad %', '… it is named');

-- What is old is forgotten, a row that came once as well.
UPDATE tenfold.bad_row SET last_at = clock_timestamp() - interval '8 days';
SELECT tenfold.purge_jobs();
SELECT is_empty('SELECT * FROM tenfold.bad_row', 'after a week it is forgotten');
SELECT * FROM finish();
ROLLBACK;
