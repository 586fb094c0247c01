CREATE OR REPLACE FUNCTION tenfold._cached_handler() RETURNS language_handler
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_cached_handler';
COMMENT ON FUNCTION tenfold._cached_handler IS 'calls a function of language tenfold_cached';

CREATE OR REPLACE FUNCTION tenfold._cached_validator(function oid) RETURNS void
LANGUAGE c VOLATILE STRICT AS '$libdir/tenfold', 'tf_cached_validator';
COMMENT ON FUNCTION tenfold._cached_validator IS 'refuses what language tenfold_cached cannot keep';

-- Trusted, so that tenfold_owner, who is no superuser, may use it, and closed to everybody else: whoever writes such a
-- function says what others get.
CREATE OR REPLACE TRUSTED LANGUAGE tenfold_cached HANDLER tenfold._cached_handler VALIDATOR tenfold._cached_validator;
REVOKE USAGE ON LANGUAGE tenfold_cached FROM PUBLIC;
COMMENT ON LANGUAGE tenfold_cached IS
  'functions whose one json or text is kept: the body is a query that names the arguments, below a line -- keep 300 s; tags hotel, hotel:{country}; link next. It runs as the function''s owner, in UTC and under fixed settings, and sees nothing of the request. Kept by role and arguments, so many seconds and until a commit touches a tag (at most 4). Bypassed without preload, on a standby, from REPEATABLE READ on, and in a transaction that has written';

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
