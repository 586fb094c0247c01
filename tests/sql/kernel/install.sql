-- The installer and what it says of itself. What needs clusters of its own is in tests/process.
BEGIN;
SET search_path = public, pg_temp;
SELECT plan(25);

SELECT is(tenfold.install('hotel'), '{kernel,geo,hotel}', 'a module and what it needs');
SELECT is(tenfold.install('geo'), '{kernel,geo}', 'no more than that');
SELECT throws_ok($$SELECT tenfold.install('moat')$$, 'TF001');
SELECT throws_ok($$SELECT tenfold.install(NULL)$$, 'TF001');
SELECT throws_ok($$SELECT tenfold.uninstall('geo', confirm => 'geo')$$, '2BP01');
SELECT throws_ok($$SELECT tenfold.uninstall('hotel')$$, 'TF005');
SELECT throws_ok($$SELECT tenfold.uninstall('hotel', confirm => 'geo')$$, 'TF005');
SELECT throws_ok('DROP EXTENSION tenfold CASCADE', 'TF007');
UPDATE tenfold.migration_source SET body = body || ' ' WHERE name = 'tables/001_hotel';
SELECT throws_ok($$SELECT tenfold.install('hotel')$$, 'TF006', NULL, 'an applied migration that changed');
SELECT is(current_setting('role'), 'none', 'a failed install leaves the role as it was');

SELECT is_empty('SELECT * FROM tenfold.doctor() WHERE NOT ok AND "check" <> ''pg_cron database''', 'doctor finds all in order');
ALTER SEQUENCE tenfold.event_id CACHE 32;
SELECT results_eq($$SELECT "check", mend FROM tenfold.doctor() WHERE NOT ok AND "check" = 'event ids'$$,
  $$VALUES ('event ids', 'ALTER SEQUENCE tenfold.event_id CACHE 1 INCREMENT 1 NO CYCLE;')$$, 'ids of events that a backend keeps back are found');
ALTER SEQUENCE tenfold.event_id CACHE 1 INCREMENT 1 NO CYCLE;
SELECT is((SELECT ok FROM tenfold.doctor() WHERE "check" = 'event ids'), true, '… and mended as it says');
SELECT is(count(*), count(DISTINCT sqlstate), 'each error has its SQLSTATE') FROM tenfold.error_code;
SELECT is_empty($$SELECT * FROM tenfold.error_code WHERE sqlstate !~ '^(TF[0-9A-Z]{3}|22004|22023|42804|0A000|2200H|53200|57014|XX000)$'$$, 'standard, or class TF');
SELECT is((SELECT array_agg(name ORDER BY name) FROM tenfold.scheduled_job_status WHERE scheduled), (SELECT array_agg(name ORDER BY name) FROM tenfold.scheduled_job), 'every job is scheduled');
SELECT throws_ok($$SELECT tenfold._declare_job('x', 'kernel', 'every minute', 'SELECT 1', 'x', '1 s')$$, '23514');

SELECT is_empty($$SELECT raised[1] FROM pg_proc p, regexp_matches(p.prosrc, 'ERRCODE = ''(TF\w{3})''', 'g') raised
  WHERE p.pronamespace IN (SELECT schema_name::regnamespace FROM tenfold.module_source) EXCEPT SELECT sqlstate FROM tenfold.error_code$$,
  'what SQL raises is in the table');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN (SELECT schema_name::regnamespace FROM tenfold.module_source)
    AND p.proname !~ '^_' AND p.provolatile <> 'v' AND p.proparallel <> 's'
  EXCEPT VALUES ('tenfold.doctor()'::regprocedure), ('hotel.nearby(float8, float8, float8, date, date, int)')$$,
  'public functions that only read may run in parallel');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN (SELECT schema_name::regnamespace FROM tenfold.module_source)
    AND p.prosecdef AND (p.proowner = 'tenfold_owner'::regrole AND 'search_path=pg_catalog, pg_temp' = ANY (p.proconfig)) IS NOT TRUE$$,
  'SECURITY DEFINER means tenfold_owner, with a search_path of its own');

-- Members of an extension, and functions in SQL with a body of text, are not there yet when pg_upgrade makes tables; a column that
-- depends on a member goes with DROP EXTENSION … CASCADE.
SELECT is_empty($$SELECT pg_describe_object(d.classid, d.objid, 0), p.oid::regprocedure FROM pg_depend d JOIN pg_proc p ON p.oid = d.refobjid
  WHERE d.refclassid = 'pg_proc'::regclass AND p.pronamespace IN (SELECT schema_name::regnamespace FROM tenfold.module_source)
    AND d.classid IN ('pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_class'::regclass, 'pg_type'::regclass)
    AND (p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'sql') AND p.prosqlbody IS NULL
      OR EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e'))$$,
  'no column, CHECK, index or default calls what pg_upgrade makes later');

SELECT is_empty($$SELECT t.tgrelid::regclass FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE p.prosrc ~ '_relation_changed' AND t.tgenabled <> 'A'$$,
  'what logical replication applies reaches every backend''s copy');

-- Whatever PUBLIC may call must be on this list.
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname IN ('tenfold', 'geo', 'hotel', 'tenfold_api') AND has_function_privilege('public', p.oid, 'EXECUTE')$$, 'PUBLIC may call none of our functions');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname IN ('tenfold', 'geo', 'hotel', 'tenfold_api') AND obj_description(p.oid, 'pg_proc') IS NULL$$, 'every function has a COMMENT');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname IN ('tenfold', 'geo', 'hotel', 'tenfold_api') AND c.relkind IN ('r', 'v', 'p') AND NOT c.relispartition AND obj_description(c.oid, 'pg_class') IS NULL$$, 'every table and view has a COMMENT');
SELECT * FROM finish();
ROLLBACK;
