CREATE OR REPLACE FUNCTION tenfold.doctor(OUT "check" text, OUT ok boolean, OUT detail text, OUT mend text) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  finding record;
BEGIN
  FOR finding IN
    SELECT * FROM tenfold._doctor_server() UNION ALL
    SELECT * FROM tenfold._doctor_extensions() UNION ALL
    SELECT * FROM tenfold._doctor_versions()
  LOOP
    "check" := finding."check";
    ok := finding.ok;
    detail := finding.detail;
    mend := CASE WHEN finding.ok THEN 'ok' ELSE finding.mend END;
    RETURN NEXT;
  END LOOP;
END
$$;
COMMENT ON FUNCTION tenfold.doctor IS 'what is in order and what is not; mend says ok or the one command that puts it right';

CREATE OR REPLACE FUNCTION tenfold._cron_database() RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF pg_has_role('pg_read_all_settings', 'USAGE') THEN
    RETURN current_setting('cron.database_name', true);
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION tenfold._cron_database IS 'the database that has pg_cron; NULL where it is not loaded, or the caller may not know';

CREATE OR REPLACE FUNCTION tenfold._doctor_server(OUT "check" text, OUT ok boolean, OUT detail text, OUT mend text) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT 'preload', tenfold._preloaded(), CASE WHEN tenfold._preloaded() THEN 'preloaded' ELSE 'loaded on demand' END,
    'ALTER SYSTEM SET shared_preload_libraries = ''pg_cron'', ''tenfold''; -- then restart'
  UNION ALL
  -- One database of the cluster has it; its jobs run in any.
  SELECT 'pg_cron database', EXISTS (SELECT FROM pg_catalog.pg_database d WHERE d.datname = tenfold._cron_database()),
    coalesce(tenfold._cron_database(), 'pg_cron is not loaded'),
    format('ALTER SYSTEM SET cron.database_name = %L; -- then restart', current_database())
  WHERE pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE')  -- others may not read it
  UNION ALL
  SELECT 'roles', count(r.oid) = count(*), count(r.oid) || ' of ' || count(*), 'SELECT tenfold.create_roles();'
  FROM unnest(tenfold._role_names()) AS wanted(name) LEFT JOIN pg_catalog.pg_roles r ON r.rolname = wanted.name
  UNION ALL
  SELECT 'event ids', s.seqcache = 1 AND s.seqincrement = 1 AND NOT s.seqcycle,  -- ticks rely on the last one given out
    format('cache %s, increment %s', s.seqcache, s.seqincrement), 'ALTER SEQUENCE tenfold.event_id CACHE 1 INCREMENT 1 NO CYCLE;'
  FROM pg_catalog.pg_sequence s WHERE s.seqrelid = to_regclass('tenfold.event_id')
  UNION ALL
  SELECT 'drop guard', count(*) = 1, CASE count(*) WHEN 1 THEN 'event trigger' ELSE 'absent or disabled' END,
    'ALTER EVENT TRIGGER tenfold_guard_drop ENABLE;'
  FROM pg_catalog.pg_event_trigger WHERE evtname = 'tenfold_guard_drop' AND evtenabled <> 'D'
  UNION ALL
  -- They run as whoever gives the command.
  SELECT 'event triggers', count(*) = 0, coalesce(string_agg(e.evtname || ' calls a function of ' || r.rolname, ', '), 'call functions of superusers'),
    coalesce(string_agg(format('DROP EVENT TRIGGER %I;', e.evtname), ' '), '')
  FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid JOIN pg_catalog.pg_roles r ON r.oid = p.proowner
  WHERE NOT r.rolsuper;
END;
COMMENT ON FUNCTION tenfold._doctor_server IS 'the rows of doctor() on the server and its roles';

CREATE OR REPLACE FUNCTION tenfold._doctor_extensions(OUT "check" text, OUT ok boolean, OUT detail text, OUT mend text) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT 'extension ' || wanted.name, e.oid IS NOT NULL, coalesce(e.extversion, 'absent'), format('CREATE EXTENSION %I;', wanted.name)
  FROM (SELECT DISTINCT unnest(s.extensions) FROM tenfold.module_source s
    UNION SELECT 'pg_cron' WHERE tenfold._cron_database() = current_database()) AS wanted(name)
  LEFT JOIN pg_catalog.pg_extension e ON e.extname = wanted.name
  ORDER BY wanted.name;
END;
COMMENT ON FUNCTION tenfold._doctor_extensions IS 'the rows of doctor() on other extensions';

-- The library may be newer than the catalog (packages were upgraded), the catalog newer than the schema.
CREATE OR REPLACE FUNCTION tenfold._doctor_versions(OUT "check" text, OUT ok boolean, OUT detail text, OUT mend text) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY SELECT 'catalog version', e.extversion = tenfold.version(),
      format('catalog %s, library %s', e.extversion, tenfold.version()), 'ALTER EXTENSION tenfold UPDATE;'
    FROM pg_extension e WHERE e.extname = 'tenfold';
  IF to_regclass('tenfold.module') IS NULL THEN
    RETURN QUERY SELECT 'schema version', false, 'nothing installed', 'CALL tenfold.install_all();';
  ELSE
    RETURN QUERY SELECT f.* FROM jsonb_to_recordset(tenfold._doctor_asks(
        'SELECT jsonb_agg(d) FROM (SELECT ''module '' || s.module AS "check", coalesce(m.version = tenfold.version(), false) AS ok,
           coalesce(m.version, ''not installed'') AS detail, format(''SELECT tenfold.install(%L);'', s.module) AS mend
         FROM tenfold.module_source s LEFT JOIN tenfold.module m USING (module)
         UNION ALL SELECT j.* FROM tenfold._doctor_jobs() j UNION ALL SELECT r.* FROM tenfold._doctor_rows() r) d')) f("check" text, ok boolean, detail text, mend text);
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._doctor_versions IS 'the rows of doctor() on versions of library, catalog, modules and jobs';

-- Tables and functions of tenfold_owner's may be others by now: a superuser asks them as tenfold_owner.
CREATE OR REPLACE FUNCTION tenfold._doctor_asks(query text) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  answer jsonb;
BEGIN
  IF current_setting('is_superuser')::boolean THEN
    RETURN tenfold._run_as_owner(query);
  END IF;
  EXECUTE query INTO answer;
  RETURN answer;
END
$$;
COMMENT ON FUNCTION tenfold._doctor_asks IS 'the answer to a query over what is tenfold_owner''s, one jsonb';
