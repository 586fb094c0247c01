CREATE OR REPLACE FUNCTION tenfold.create_roles() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
  role_name text;
  member regprocedure;
BEGIN
  FOREACH role_name IN ARRAY tenfold._role_names() LOOP
    IF to_regrole(role_name) IS NULL THEN
      EXECUTE format('CREATE ROLE %I', role_name);
    END IF;
  END LOOP;
  -- Each may do what the one before it may; a worker acts for the system and inherits nothing.
  GRANT tenfold_anonymous TO tenfold_user;
  GRANT tenfold_user TO tenfold_merchant;
  GRANT tenfold_merchant TO tenfold_operator;
  -- The front door's login. NOINHERIT: it has no right but to become one of these, request by request.
  ALTER ROLE tenfold_authenticator LOGIN NOINHERIT;
  GRANT tenfold_anonymous, tenfold_user, tenfold_merchant, tenfold_operator, tenfold_worker TO tenfold_authenticator;
  -- PostgREST sets none of its own; the gateway does. A value of yours stays.
  IF NOT EXISTS (SELECT FROM pg_db_role_setting s, unnest(s.setconfig) setting
                 WHERE s.setrole = 'tenfold_authenticator'::regrole AND setting LIKE 'statement_timeout=%') THEN
    ALTER ROLE tenfold_authenticator SET statement_timeout = '30s';
  END IF;

  EXECUTE format('GRANT CREATE ON DATABASE %I TO tenfold_owner', current_database());
  ALTER SCHEMA tenfold OWNER TO tenfold_owner;
  FOR member IN SELECT m.oid FROM tenfold._members() m LOOP
    EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO tenfold_owner WITH GRANT OPTION', member);
  END LOOP;
  GRANT USAGE ON LANGUAGE tenfold_cached TO tenfold_owner;
  GRANT pg_read_all_stats TO tenfold_owner;  -- tenfold.metric tells of snapshots that sessions hold
  PERFORM tenfold._open_cron();
END
$$;
COMMENT ON FUNCTION tenfold.create_roles IS
  'creates the roles that are absent (roles belong to the cluster; give tenfold_authenticator, the front door''s login, a password; its statements end after 30 s unless you set another time), hands schema tenfold to tenfold_owner and opens pg_cron to it; superuser, idempotent';

-- pg_cron shows a job and its runs only to the role that scheduled it.
CREATE OR REPLACE FUNCTION tenfold._open_cron() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
    RETURN;
  END IF;
  GRANT USAGE ON SCHEMA cron TO tenfold_owner;
  IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = 'cron.job'::regclass AND polname = 'tenfold') THEN
    CREATE POLICY tenfold ON cron.job FOR SELECT TO tenfold_owner USING (jobname LIKE 'tenfold:%');
    CREATE POLICY tenfold ON cron.job_run_details FOR SELECT TO tenfold_owner
      USING (EXISTS (SELECT FROM cron.job j WHERE j.jobid = job_run_details.jobid AND j.jobname LIKE 'tenfold:%'));
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._open_cron IS
  'lets tenfold_owner schedule jobs and see the runs of tenfold''s; superuser, idempotent, nothing where pg_cron is absent';

CREATE OR REPLACE FUNCTION tenfold._close_cron() RETURNS void
LANGUAGE plpgsql
SET client_min_messages = warning
AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
    DROP POLICY IF EXISTS tenfold ON cron.job;
    DROP POLICY IF EXISTS tenfold ON cron.job_run_details;
    REVOKE USAGE ON SCHEMA cron FROM tenfold_owner;
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._close_cron IS 'takes back what _open_cron() did; superuser, idempotent';

CREATE OR REPLACE FUNCTION tenfold._role_names() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY['tenfold_owner', 'tenfold_anonymous', 'tenfold_user', 'tenfold_merchant', 'tenfold_operator', 'tenfold_worker',
  'tenfold_authenticator'];
COMMENT ON FUNCTION tenfold._role_names IS 'the roles of tenfold; but for tenfold_authenticator all NOLOGIN: grant them to your own login roles';
