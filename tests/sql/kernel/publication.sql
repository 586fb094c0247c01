-- A publication of all tables: whatever we delete or change has a key, or is told by the whole row.
BEGIN;
SET search_path = public, pg_temp;
SET client_min_messages = error;  -- wal_level may be lower: the rule is the same
SELECT plan(3);
SELECT is_empty($$
  SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname IN (SELECT schema_name FROM tenfold.module_source) AND c.relkind = 'r' AND c.relpersistence = 'p'
    AND c.relreplident <> 'f' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND (i.indisprimary OR i.indisreplident))$$,
  'every table has a replica identity');
CREATE PUBLICATION everything FOR ALL TABLES;
SELECT lives_ok('SELECT ' || call, call) FROM (VALUES ('tenfold.purge_jobs()')) c(call);
SELECT lives_ok($$UPDATE tenfold.event SET xid = xid WHERE false; DELETE FROM tenfold.tick WHERE false; DELETE FROM tenfold.consumer_position WHERE false;
  SELECT hotel.purge_rejected()$$, 'what copies and loads delete, too');
SELECT * FROM finish();
ROLLBACK;
