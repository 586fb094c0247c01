-- What the clock does for jobs: silent workers' leases, marks and keys that somebody forgot, what is old.

-- One whose attempt cannot be ended is asked again in a minute, and stands in nobody's way until then.
CREATE OR REPLACE FUNCTION tenfold._expire_leases(most int, OUT expired bigint, OUT queue_ids int[], OUT keys text[])
LANGUAGE plpgsql
SET enable_seqscan = off  -- statistics of a queue are always of another time
SET plan_cache_mode = force_generic_plan
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  job tenfold.job_running;
  mark timestamptz := (tenfold._mark(0, 0)).mark;
BEGIN
  expired := 0;
  FOR job IN SELECT * FROM tenfold.job_running r WHERE r.leased_at >= mark AND r.expires_at < clock_timestamp()
      ORDER BY r.job_id LIMIT most FOR UPDATE SKIP LOCKED LOOP
    BEGIN
      DELETE FROM tenfold.job_running r WHERE r.job_id = job.job_id;
      PERFORM tenfold._end_attempt(job, format('worker %s fell silent: its lease ended %s', job.worker, job.expires_at), true);
      expired := expired + 1;
      queue_ids := queue_ids || job.queue_id;
      keys := keys || job.concurrency_key;
    EXCEPTION WHEN OTHERS THEN
      PERFORM tenfold._note_bad_row('expire_leases', format('job %s', job.job_id), SQLSTATE, SQLERRM);
      UPDATE tenfold.job_running r SET expires_at = clock_timestamp() + interval '1 minute' WHERE r.job_id = job.job_id;
    END;
  END LOOP;
  PERFORM tenfold._move_mark(0, 0);
END
$$;
COMMENT ON FUNCTION tenfold._expire_leases IS 'ends the runs of workers that fell silent; gives how many, and the keys that nobody has released yet';

CREATE OR REPLACE FUNCTION tenfold.expire_leases(most int DEFAULT 1000) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER  -- as claim_jobs
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  ended record;
BEGIN
  SELECT * INTO ended FROM tenfold._expire_leases(tenfold._in_range('most', most, 1, 100000));
  PERFORM tenfold._try_release_keys(ended.queue_ids, ended.keys);
  RETURN ended.expired;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.expire_leases FROM PUBLIC;
COMMENT ON FUNCTION tenfold.expire_leases IS 'ends the runs of workers that fell silent, as a failure with a retry; gives how many. Workers call it, and pg_cron each minute. A job that cannot be ended stops no other: tenfold.bad_row names it. Errors: 22023 most';

-- What should never be needed: a clock that stepped back left rows before a mark; parked jobs whose key nobody holds.
-- The keys of both parts are released in one pass, for their order.
CREATE OR REPLACE FUNCTION tenfold.check_jobs() RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  ended record;
BEGIN
  SELECT * INTO ended FROM tenfold._expire_leases(1000);
  PERFORM tenfold._check_marks();
  PERFORM tenfold._try_release_keys(ended.queue_ids || array_agg(p.queue_id), ended.keys || array_agg(p.concurrency_key))
    FROM (SELECT DISTINCT j.queue_id, j.concurrency_key FROM tenfold.job_parked j) p;
  RETURN ended.expired;
END
$$;
COMMENT ON FUNCTION tenfold.check_jobs IS 'ends silent workers'' leases, takes back marks that a stepping clock left too late, lets forgotten parked jobs go on; gives how many leases it ended. What fails stops nothing else: tenfold.bad_row names it';

-- A job's entry in the ledger goes in one statement with the job; see tables/008_audit.sql.
CREATE OR REPLACE FUNCTION tenfold.purge_jobs() RETURNS bigint
LANGUAGE plpgsql
SET enable_nestloop = off  -- as above
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  oldest timestamptz := clock_timestamp() - (SELECT min(q.retention) FROM tenfold.queue q);
  purged bigint;
BEGIN
  WITH gone AS (
    DELETE FROM tenfold.job_done d USING tenfold.queue q
    WHERE d.queue_id = q.queue_id AND d.finished_at < clock_timestamp() - q.retention AND d.finished_at < oldest RETURNING d.job_id
  ), forgotten AS (
    DELETE FROM tenfold.job_entry e USING gone g WHERE e.job_id = g.job_id
  )
  SELECT count(*) INTO purged FROM gone;
  DELETE FROM tenfold.job_entry e WHERE NOT EXISTS (SELECT FROM tenfold.queue q WHERE q.queue_id = e.queue_id AND q.retention > interval '0');
  DELETE FROM tenfold.job_mark m WHERE m.mark_id < (tenfold._mark(m.queue_id, m.priority)).mark_id;
  DELETE FROM tenfold.recurring_run r WHERE r.due_at < clock_timestamp() - interval '7 days'
    AND r.due_at < (SELECT max(n.due_at) FROM tenfold.recurring_run n WHERE n.name = r.name);  -- the next run counts from the last
  DELETE FROM tenfold.bad_row b WHERE b.last_at < clock_timestamp() - interval '7 days';
  RETURN purged;
END
$$;
COMMENT ON FUNCTION tenfold.purge_jobs IS 'forgets jobs that ended longer ago than their queue''s retention, old marks, a recurring job''s runs but the last after a week, and bad rows that came no more; gives the number of jobs';
