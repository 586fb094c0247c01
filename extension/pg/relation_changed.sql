CREATE OR REPLACE FUNCTION tenfold._relation_changed(relation bigint) RETURNS void
LANGUAGE c VOLATILE STRICT AS '$libdir/tenfold', 'tf_relation_changed';
COMMENT ON FUNCTION tenfold._relation_changed IS
  'makes every backend, a standby''s too, drop what it keeps of a small table, once and if the caller''s transaction commits; for triggers (TG_RELID)';
