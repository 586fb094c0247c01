CREATE OR REPLACE FUNCTION tenfold._lock(kind text, key bigint) RETURNS void
LANGUAGE c VOLATILE STRICT AS '$libdir/tenfold', 'tf_lock';
COMMENT ON FUNCTION tenfold._lock IS
  'waits for a lock until the transaction ends, and holds it. Only tenfold can take it: not pg_advisory_lock(), which any login may call. kind: install, log, job_key, kafka_source';

CREATE OR REPLACE FUNCTION tenfold._try_lock(kind text, key bigint) RETURNS boolean
LANGUAGE c VOLATILE STRICT AS '$libdir/tenfold', 'tf_try_lock';
COMMENT ON FUNCTION tenfold._try_lock IS 'takes a lock of _lock() if it is free now; false: somebody else has it';
