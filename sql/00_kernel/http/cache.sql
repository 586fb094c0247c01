CREATE OR REPLACE FUNCTION tenfold.cache_clear(tag text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN tenfold._cache_clear(tag);
REVOKE EXECUTE ON FUNCTION tenfold.cache_clear FROM PUBLIC;
COMMENT ON FUNCTION tenfold.cache_clear IS
  'makes every cached answer of this tag stale, at once and whatever becomes of the transaction; without a tag all of them. Takes as long for a million as for one. Error: TF008 not preloaded';
