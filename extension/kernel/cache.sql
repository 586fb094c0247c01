CREATE OR REPLACE FUNCTION tenfold._cached(query text, argument anyelement, tags text[], ttl int) RETURNS json
LANGUAGE c STABLE AS '$libdir/tenfold', 'tf_cached';
COMMENT ON FUNCTION tenfold._cached IS
  'the one text that query gives for argument ($1, a jsonb or a row), kept for ttl seconds and until a commit touches one of the tags (at most 4); run as the caller, and kept for his role. Bypassed without preload, on a standby, from REPEATABLE READ on, and in a transaction that has written';

CREATE OR REPLACE FUNCTION tenfold._cache_touch(tags text[]) RETURNS void
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_cache_touch';
COMMENT ON FUNCTION tenfold._cache_touch IS 'what is kept under these tags is good until the caller''s transaction commits, and no longer; a rollback touches nothing';

CREATE OR REPLACE FUNCTION tenfold._cache_clear(tag text) RETURNS void
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_cache_clear';
COMMENT ON FUNCTION tenfold._cache_clear IS 'tenfold.cache_clear()';

CREATE OR REPLACE FUNCTION tenfold._cache_counts(
  OUT entries bigint, OUT used_bytes bigint, OUT bytes bigint, OUT hits bigint, OUT misses bigint, OUT bypassed bigint,
  OUT refused bigint, OUT evicted bigint)
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_cache_counts';
COMMENT ON FUNCTION tenfold._cache_counts IS 'what tenfold.stat_cache shows';
