CREATE OR REPLACE FUNCTION tenfold._cron_name(job text) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN 'tenfold:' || current_database() || ':' || job;
COMMENT ON FUNCTION tenfold._cron_name IS 'a job''s name in pg_cron, which is one namespace for all databases';

CREATE OR REPLACE FUNCTION tenfold.schedule_jobs() RETURNS SETOF text
LANGUAGE plpgsql
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
    RAISE NOTICE 'pg_cron is not in this database: an administrator runs these in the one that cron.database_name names';
    RETURN QUERY SELECT format('SELECT cron.schedule_in_database(%L, %L, %L, %L);',
      tenfold._cron_name(j.name), j.schedule, j.command, current_database()) FROM tenfold.scheduled_job j ORDER BY j.name;
  ELSE
    PERFORM tenfold._open_cron() WHERE current_setting('is_superuser')::boolean;  -- a dump leaves its policies out
    PERFORM tenfold._take_over_jobs();
    PERFORM cron.unschedule(c.jobid) FROM cron.job c
      WHERE starts_with(c.jobname, tenfold._cron_name(''))
        AND c.jobname NOT IN (SELECT tenfold._cron_name(j.name) FROM tenfold.scheduled_job j);
    RETURN QUERY SELECT * FROM tenfold._schedule_ours();
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold.schedule_jobs IS
  'gives every row of tenfold.scheduled_job to pg_cron, takes away what is no longer there; idempotent. Where pg_cron lives in another database, prints the statements for its administrator. They run as who scheduled them first, or as the superuser who calls this later. Not in a dump: run it again after a restore. Errors: 42501 another role scheduled what is no longer right, and the caller is no superuser';

-- A row of yours may have a schedule that pg_cron does not take.
CREATE OR REPLACE FUNCTION tenfold._schedule_ours() RETURNS SETOF text
LANGUAGE plpgsql
AS $$
DECLARE
  job tenfold.scheduled_job;
BEGIN
  FOR job IN SELECT * FROM tenfold.scheduled_job j ORDER BY j.name LOOP
    BEGIN
      PERFORM cron.schedule(tenfold._cron_name(job.name), job.schedule, job.command)
        WHERE NOT EXISTS (SELECT FROM cron.job c WHERE c.jobname = tenfold._cron_name(job.name) AND c.username <> current_user);
      RETURN NEXT job.name;
    EXCEPTION WHEN OTHERS THEN
      PERFORM tenfold._note_bad_row('schedule_jobs', job.name, SQLSTATE, SQLERRM);
    END;
  END LOOP;
END
$$;
COMMENT ON FUNCTION tenfold._schedule_ours IS 'gives pg_cron each job, but for those that another role has scheduled; gives the names of all that it has then';

CREATE OR REPLACE FUNCTION tenfold._take_over_jobs() RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  theirs record;
BEGIN
  -- all or none: the caller learns that he may not
  FOR theirs IN SELECT * FROM cron.job c WHERE starts_with(c.jobname, tenfold._cron_name('')) AND c.username <> current_user LOOP
    IF current_setting('is_superuser')::boolean THEN
      PERFORM cron.unschedule(theirs.jobid);
    ELSIF NOT EXISTS (SELECT FROM tenfold.scheduled_job j
                      WHERE (tenfold._cron_name(j.name), j.schedule, j.command) = (theirs.jobname, theirs.schedule, theirs.command)) THEN
      RAISE EXCEPTION 'role "%" has scheduled "%" otherwise', theirs.username, theirs.jobname
        USING ERRCODE = '42501', HINT = 'Run tenfold.schedule_jobs() as that role, or as a superuser, who takes it over.';
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION tenfold._take_over_jobs IS
  'ends tenfold''s jobs of other roles, if the caller may: a name of pg_cron is unique within a role only, and they would run twice';

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

CREATE OR REPLACE FUNCTION tenfold._doctor_jobs(OUT "check" text, OUT ok boolean, OUT detail text, OUT mend text)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT 'scheduled jobs' AS "check", count(r.name) = count(*) AS ok, count(r.name) || ' of ' || count(*) AS detail,
    'SELECT tenfold.schedule_jobs();' AS mend
  FROM tenfold.scheduled_job j LEFT JOIN tenfold._job_runs() r ON r.name = j.name AND r.active;
END;
COMMENT ON FUNCTION tenfold._doctor_jobs IS 'the row of doctor() on scheduled jobs';

CREATE OR REPLACE FUNCTION tenfold.purge_job_runs(keep interval DEFAULT '7 days') RETURNS bigint
LANGUAGE plpgsql
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
