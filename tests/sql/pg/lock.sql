-- Locks that only tenfold can take. tests/isolation/lock.spec shows that a plain login stops nobody.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
SELECT ok(tenfold._try_lock('log', 7), 'a lock is taken');
SELECT lives_ok($$SELECT tenfold._lock('job_key', -1), tenfold._lock('install', 0), tenfold._lock('kafka_source', 1)$$, 'one of each kind');
SELECT throws_ok($$SELECT tenfold._lock('nix', 0)$$, 'XX000', NULL, 'a kind that does not exist');
SELECT is_empty($$SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objsubid IN (1, 2)$$, 'none of a class that pg_advisory_lock() has');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), 4::bigint, '… but locks they are');
SELECT pg_advisory_unlock_all();
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), 4::bigint, '… that end with the transaction only');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname IN ('tenfold', 'tenfold_api', 'geo', 'hotel') AND p.prosrc ~ 'advisory'$$, 'no function of ours takes a lock that any login can take');
SELECT is_empty($$SELECT r.rolname, f FROM pg_roles r, unnest(ARRAY['tenfold._lock(text,bigint)', 'tenfold._try_lock(text,bigint)']::regprocedure[]) f
  WHERE NOT r.rolsuper AND r.rolname <> 'tenfold_owner' AND NOT pg_has_role(r.oid, 'tenfold_owner', 'USAGE') AND has_function_privilege(r.oid, f, 'EXECUTE')$$, 'nobody but the owner may take one');
SELECT * FROM finish();
ROLLBACK;
