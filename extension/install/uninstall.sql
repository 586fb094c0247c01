CREATE OR REPLACE FUNCTION tenfold.uninstall(module text, confirm text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
SET client_min_messages = warning
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  part tenfold.module_source;
BEGIN
  PERFORM tenfold._check_can_install(uninstall.module);
  PERFORM tenfold._check_can_uninstall(uninstall.module, confirm);
  PERFORM tenfold._lock('install', 0);
  SELECT * INTO part FROM tenfold.module_source s WHERE s.module = uninstall.module;
  PERFORM tenfold._unschedule_jobs(part.module);
  IF part.schema_name = 'tenfold' THEN
    PERFORM tenfold._drop_kernel();
    PERFORM tenfold._close_cron() WHERE current_setting('is_superuser')::boolean;  -- as with _open_cron(), others may not
  ELSE
    PERFORM tenfold._run_as_owner(format('SELECT tenfold._forget_module(%L)', part.module));
    EXECUTE format('DROP SCHEMA %I CASCADE', part.schema_name);
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold.uninstall IS
  'drops a module with all its data; confirm must repeat the module''s name. After the last one (kernel) DROP EXTENSION tenfold is allowed. '
  'Errors: TF001 unknown or not installed, TF005 not confirmed, 2BP01 another module needs it';

CREATE OR REPLACE FUNCTION tenfold._check_can_uninstall(wanted text, confirm text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  dependants text;
BEGIN
  IF to_regclass('tenfold.module') IS NULL OR NOT EXISTS (SELECT FROM tenfold.module m WHERE m.module = wanted) THEN
    RAISE EXCEPTION 'module "%" is not installed', wanted
      USING ERRCODE = 'TF001', HINT = 'SELECT * FROM tenfold.installed; lists what is.';
  END IF;
  SELECT string_agg(m.module, ', ') INTO dependants
  FROM tenfold.module m JOIN tenfold.module_source s USING (module) WHERE wanted = ANY (s.needs);
  IF dependants IS NOT NULL THEN
    RAISE EXCEPTION 'module "%" is needed by %', wanted, dependants
      USING ERRCODE = '2BP01', HINT = 'Uninstall those first.';
  END IF;
  IF confirm IS DISTINCT FROM wanted THEN
    RAISE EXCEPTION 'uninstalling "%" drops all its tables and their rows', wanted
      USING ERRCODE = 'TF005', HINT = format('If you mean it: SELECT tenfold.uninstall(%1$L, confirm => %1$L);', wanted);
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._check_can_uninstall IS 'raises unless the module is installed, nobody needs it, and the caller confirmed';

CREATE OR REPLACE FUNCTION tenfold._forget_module(wanted text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._drop_routes(wanted);
  PERFORM tenfold._forget_metrics(wanted);
  DELETE FROM tenfold.scheduled_job j WHERE j.module = wanted;
  DELETE FROM tenfold.migration m WHERE m.module = wanted;
  DELETE FROM tenfold.module m WHERE m.module = wanted;
END
$$;
COMMENT ON FUNCTION tenfold._forget_module IS 'deletes what the kernel knows of a module; runs as tenfold_owner';

CREATE OR REPLACE FUNCTION tenfold._unschedule_jobs(wanted text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
    PERFORM cron.unschedule(c.jobid) FROM cron.job c
      JOIN jsonb_array_elements_text(tenfold._run_as_owner(format(
        'SELECT coalesce(jsonb_agg(j.name), ''[]'') FROM tenfold.scheduled_job j WHERE j.module = %L', wanted))::jsonb) AS j(name)
      ON c.jobname = tenfold._cron_name(j.name);
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._unschedule_jobs IS 'takes a module''s jobs out of pg_cron';

CREATE OR REPLACE FUNCTION tenfold._drop_routes(wanted text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  called text;
BEGIN
  FOR called IN SELECT DISTINCT r.function FROM tenfold.route r WHERE r.module = wanted LOOP
    EXECUTE format('DROP FUNCTION IF EXISTS %s', called);
  END LOOP;
  PERFORM tenfold._forget_routes(wanted);
END
$$;
COMMENT ON FUNCTION tenfold._drop_routes IS 'takes a module''s routes away, and the functions that they name';

-- Schema tenfold holds the extension's members as well: only what install() made goes.
CREATE OR REPLACE FUNCTION tenfold._drop_kernel() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  statement text;
BEGIN
  DROP SCHEMA IF EXISTS tenfold_api CASCADE;
  -- (objsubid: a column that partitions a table hangs on it, too.) An array: what the list names may go with what stands before it.
  FOREACH statement IN ARRAY ARRAY(
    SELECT format('DROP %s IF EXISTS %s CASCADE',
                  CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass)
    FROM pg_class c WHERE c.relnamespace = 'tenfold'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype IN ('e', 'a', 'i'))
    UNION ALL
    SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure)
    FROM pg_proc p WHERE p.pronamespace = 'tenfold'::regnamespace
      AND p.oid NOT IN (SELECT m.oid FROM tenfold._members() m))
  LOOP
    EXECUTE statement;
  END LOOP;
END
$$;
COMMENT ON FUNCTION tenfold._drop_kernel IS 'drops every object of schema tenfold that is not a member of the extension';
