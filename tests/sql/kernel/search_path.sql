-- Whoever calls a function of ours lends it his rights, and may have a schema in his search_path that others write to.
BEGIN;
SET search_path = public, pg_temp;
SELECT plan(4);

CREATE TEMP VIEW ours AS SELECT oid FROM pg_namespace WHERE nspname IN (SELECT schema_name FROM tenfold.module_source) OR nspname = 'tenfold_api';

-- Bodies of BEGIN ATOMIC or RETURN are bound when they are declared. Procedures that commit cannot pin; the frozen three of
-- hotel's columns are called for each row that is written. Both name everything with its schema.
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
  WHERE p.pronamespace IN (SELECT oid FROM ours) AND l.lanname IN ('sql', 'plpgsql') AND p.prosqlbody IS NULL
    AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(p.proconfig, '{}'))
  EXCEPT VALUES ('hotel._place_key(numeric, numeric)'::regprocedure), ('hotel._geohash(numeric, numeric)'),
    ('hotel._attributes(smallint, smallint, numeric)'), ('tenfold.install_all()'), ('hotel.load_staging(int)')$$,
  'every text body pins its search_path');
SELECT is_empty($$SELECT name, command FROM tenfold.scheduled_job WHERE command !~ '^(SELECT|CALL) [a-z_]+[.][a-z_]+[(][)]$'$$,
  'scheduled commands name their schema');
SELECT is_empty($$SELECT rolname FROM pg_roles WHERE rolname = 'tenfold_scheduler' AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(rolconfig, '{}'))$$,
  'and run where nothing else is found');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_event_trigger e JOIN pg_proc p ON p.oid = e.evtfoid
  WHERE e.evtname LIKE 'tenfold%' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')$$,
  'event triggers call members of the extension');
SELECT * FROM finish();
ROLLBACK;
