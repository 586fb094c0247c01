-- pg_cron may be absent, so its tables are named only when they are there. SECURITY DEFINER: operators see the runs of
-- our jobs, whoever scheduled them, without any right on pg_cron.
CREATE OR REPLACE FUNCTION tenfold._job_runs(
  OUT name text, OUT active boolean, OUT started_at timestamptz, OUT ended_at timestamptz, OUT status text, OUT message text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF has_schema_privilege(to_regnamespace('cron'), 'USAGE') THEN
    RETURN QUERY EXECUTE $query$
      SELECT j.name, c.active, r.start_time, r.end_time, r.status, r.return_message
      FROM tenfold.scheduled_job j JOIN cron.job c ON c.jobname = tenfold._cron_name(j.name)
      LEFT JOIN LATERAL (SELECT * FROM cron.job_run_details d WHERE d.jobid = c.jobid ORDER BY d.runid DESC LIMIT 1) r ON true
    $query$;
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold._job_runs FROM PUBLIC;
COMMENT ON FUNCTION tenfold._job_runs IS 'the jobs that pg_cron knows, each with its last run';

-- Of the jobs of a database beside pg_cron's own only this is seen there: whether they run.
CREATE OR REPLACE FUNCTION tenfold.note_clock() RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  INSERT INTO tenfold.clock AS c (ran_at) VALUES (clock_timestamp()) ON CONFLICT (only_row) DO UPDATE SET ran_at = excluded.ran_at;
END;
COMMENT ON FUNCTION tenfold.note_clock IS 'writes down that pg_cron runs the jobs of this database';

CREATE OR REPLACE FUNCTION tenfold._doctor_jobs(OUT "check" text, OUT ok boolean, OUT detail text, OUT mend text) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF to_regnamespace('cron') IS NULL THEN
    RETURN QUERY SELECT 'scheduled jobs', coalesce(max(c.ran_at) > clock_timestamp() - interval '5 minutes', false),
        coalesce('ran last at ' || max(c.ran_at), 'never ran'),
        'SELECT tenfold.schedule_jobs(); -- prints what an administrator runs in the database of pg_cron'
      FROM tenfold.clock c;
    RETURN;
  END IF;
  RETURN QUERY SELECT 'scheduled jobs', count(r.name) = count(*), count(r.name) || ' of ' || count(*), 'SELECT tenfold.schedule_jobs();'
    FROM tenfold.scheduled_job j LEFT JOIN tenfold._job_runs() r ON r.name = j.name AND r.active;
  RETURN QUERY SELECT w.* FROM tenfold._wrong_jobs() w;
END
$$;
COMMENT ON FUNCTION tenfold._doctor_jobs IS 'the rows of doctor() on scheduled jobs';

CREATE OR REPLACE FUNCTION tenfold._wrong_jobs(OUT "check" text, OUT ok boolean, OUT detail text, OUT mend text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER  -- operators see what is wrong with our jobs, without any right on pg_cron
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF has_schema_privilege(to_regnamespace('cron'), 'USAGE') THEN
    RETURN QUERY EXECUTE $query$
      SELECT 'jobs run as', bool_and(NOT r.rolsuper) IS NOT FALSE,
        coalesce(string_agg(DISTINCT c.username, ', ' ORDER BY c.username), 'nobody'), 'SELECT tenfold.schedule_jobs(); -- as a superuser'
      FROM cron.job c LEFT JOIN pg_roles r ON r.rolname = c.username WHERE starts_with(c.jobname, 'tenfold:')
      UNION ALL
      SELECT 'jobs of other databases', count(*) = 0, coalesce('gone: ' || string_agg(DISTINCT c.database, ', '), 'none of one that is gone'),
        'SELECT tenfold.schedule_jobs(); -- as a superuser'
      FROM cron.job c WHERE starts_with(c.jobname, 'tenfold:') AND NOT EXISTS (SELECT FROM pg_database d WHERE d.datname = c.database)
    $query$;
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold._wrong_jobs FROM PUBLIC;
COMMENT ON FUNCTION tenfold._wrong_jobs IS 'the rows of doctor() on jobs that run as superusers, or in databases that are gone';

CREATE OR REPLACE FUNCTION tenfold.purge_job_runs(keep interval DEFAULT '7 days') RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  oldest timestamptz := clock_timestamp() - tenfold._checked_keep(keep);
  purged bigint := 0;
BEGIN
  IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
    DELETE FROM cron.job_run_details d USING cron.job c
      WHERE c.jobid = d.jobid AND c.jobname LIKE tenfold._cron_name('%') AND d.end_time < oldest;
    GET DIAGNOSTICS purged = ROW_COUNT;
  END IF;
  RETURN purged;
END
$$;
COMMENT ON FUNCTION tenfold.purge_job_runs IS 'forgets runs of tenfold''s jobs that ended longer ago than keep; gives their number. Errors: 22023 keep';

CREATE OR REPLACE FUNCTION tenfold._declare_job(
  name text, module text, schedule text, command text, keeps_true text, longest_run interval) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  INSERT INTO tenfold.scheduled_job VALUES (name, module, schedule, command, keeps_true, longest_run)
  ON CONFLICT (name) DO UPDATE SET (module, schedule, command, keeps_true, longest_run) =
    (excluded.module, excluded.schedule, excluded.command, excluded.keeps_true, excluded.longest_run);
END;
COMMENT ON FUNCTION tenfold._declare_job IS 'what a module says of each of its jobs; tenfold.schedule_jobs() hands them to pg_cron';

SELECT tenfold._declare_job('purge_job_runs', 'kernel', '17 3 * * *', 'SELECT tenfold.purge_job_runs()',
  'pg_cron''s own log holds a week of our runs', '5 min');
SELECT tenfold._declare_job('purge_sessions', 'kernel', '23 3 * * *', 'SELECT tenfold.purge_sessions()',
  'expired sessions are kept for a week', '5 min');
SELECT tenfold._declare_job('check_jobs', 'kernel', '* * * * *', 'SELECT tenfold.check_jobs()',
  'no lease of a silent worker is held', '1 min');
SELECT tenfold._declare_job('run_recurring_jobs', 'kernel', '* * * * *', 'SELECT tenfold.run_recurring_jobs()',
  'recurring jobs are enqueued, once for each due time', '1 min');
SELECT tenfold._declare_job('purge_jobs', 'kernel', '29 * * * *', 'SELECT tenfold.purge_jobs()',
  'finished jobs are kept for their queue''s retention', '10 min');
SELECT tenfold._declare_job('purge_breaker_events', 'kernel', '29 3 * * *', 'SELECT tenfold.purge_breaker_events()',
  'trips and closes are kept for 90 days', '5 min');
SELECT tenfold._declare_job('purge_quota_days', 'kernel', '31 3 * * *', 'SELECT tenfold.purge_quota_days()',
  'the calls of each provider''s days are kept for 90 days', '5 min');
SELECT tenfold._declare_job('audit_jobs', 'kernel', '41 * * * *', 'SELECT tenfold.run_audit()',
  'a job that was lost is known within the hour', '10 min');
SELECT tenfold._declare_job('tick_events', 'kernel', '* * * * *', 'SELECT tenfold.tick()',
  'events can be consumed while no worker ticks', '1 min');
SELECT tenfold._declare_job('rotate_events', 'kernel', '* * * * *', 'SELECT tenfold.rotate_events()',
  'the log keeps what some consumer still wants, and no more', '1 min');
SELECT tenfold._declare_job('note_clock', 'kernel', '* * * * *', 'SELECT tenfold.note_clock()',
  'doctor() knows whether the jobs run', '1 min');
