-- Members, since superusers call them: tenfold_owner cannot replace them.
CREATE OR REPLACE FUNCTION tenfold._cron_name(job text) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN 'tenfold:' || pg_catalog.current_database() || ':' || job;
COMMENT ON FUNCTION tenfold._cron_name IS 'a job''s name in pg_cron, which is one namespace for all databases';

-- What jobs run is tenfold_owner's to replace. So they never run as a superuser.
CREATE OR REPLACE FUNCTION tenfold.schedule_jobs() RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  is_super boolean := current_setting('is_superuser')::boolean;
  runs_as text := CASE WHEN is_super THEN 'tenfold_scheduler' ELSE current_user END;
  wanted jsonb := tenfold._run_as_owner('SELECT coalesce(jsonb_agg(j ORDER BY j.name), ''[]'') FROM tenfold.scheduled_job j');
  job record;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
    RAISE NOTICE 'pg_cron is not in this database: an administrator runs these in the one that cron.database_name names';
    RETURN QUERY SELECT format('SELECT cron.schedule_in_database(%L, %L, %L, %L, %L);',
        tenfold._cron_name(j.name), j.schedule, j.command, current_database(), 'tenfold_scheduler')
      FROM jsonb_to_recordset(wanted) j(name text, schedule text, command text);
    RETURN;
  END IF;
  PERFORM tenfold._open_cron() WHERE is_super;  -- a dump leaves its policies out
  PERFORM tenfold._unschedule_others(wanted, runs_as);
  FOR job IN SELECT * FROM jsonb_to_recordset(wanted) j(name text, schedule text, command text) LOOP
    BEGIN  -- a row of yours may have a schedule that pg_cron does not take
      IF is_super THEN  -- others may not even name this function
        PERFORM cron.schedule_in_database(tenfold._cron_name(job.name), job.schedule, job.command, current_database(), runs_as);
      ELSIF NOT EXISTS (SELECT FROM cron.job c WHERE c.jobname = tenfold._cron_name(job.name) AND c.username <> runs_as) THEN
        PERFORM cron.schedule(tenfold._cron_name(job.name), job.schedule, job.command);
      END IF;
      RETURN NEXT job.name;
    EXCEPTION WHEN OTHERS THEN
      PERFORM tenfold._run_as_owner(format('SELECT tenfold._note_bad_row(%L, %L, %L, %L)', 'schedule_jobs', job.name, SQLSTATE, SQLERRM));
    END;
  END LOOP;
END
$$;
COMMENT ON FUNCTION tenfold.schedule_jobs IS
  'gives every row of tenfold.scheduled_job to pg_cron, takes away what is no longer there, and the jobs of databases that are gone; idempotent. Where pg_cron lives in another database, prints the statements for its administrator. They run as tenfold_scheduler if a superuser calls this, else as who scheduled them first. Not in a dump: run it again after a restore. Errors: 42501 another role scheduled what is no longer right, and the caller is no superuser';

CREATE OR REPLACE FUNCTION tenfold._unschedule_others(wanted jsonb, runs_as text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  found_job record;
BEGIN
  FOR found_job IN
    SELECT c.jobid, c.jobname, c.username, NOT starts_with(c.jobname, tenfold._cron_name('')) AS is_foreign, EXISTS (
      SELECT FROM jsonb_to_recordset(wanted) j(name text, schedule text, command text)
      WHERE (tenfold._cron_name(j.name), j.schedule, j.command) = (c.jobname, c.schedule, c.command)) AS is_right
    FROM cron.job c
    WHERE starts_with(c.jobname, tenfold._cron_name(''))
      OR starts_with(c.jobname, 'tenfold:') AND NOT EXISTS (SELECT FROM pg_database d WHERE d.datname = c.database)
  LOOP
    CONTINUE WHEN found_job.is_right AND (found_job.username = runs_as OR NOT current_setting('is_superuser')::boolean);
    CONTINUE WHEN found_job.is_foreign AND found_job.username <> runs_as AND NOT current_setting('is_superuser')::boolean;
    IF found_job.username <> runs_as AND NOT current_setting('is_superuser')::boolean THEN
      RAISE EXCEPTION 'role "%" has scheduled "%" otherwise', found_job.username, found_job.jobname
        USING ERRCODE = '42501', HINT = 'Run tenfold.schedule_jobs() as that role, or as a superuser, who takes it over.';
    END IF;
    PERFORM cron.unschedule(found_job.jobid);
  END LOOP;
END
$$;
COMMENT ON FUNCTION tenfold._unschedule_others IS
  'ends tenfold''s jobs that are wrong or gone, and those of other roles, if the caller may: a name of pg_cron is unique within a role only, and they would run twice';
