-- The limiter keeps its buckets in shared memory; rows only say how large they are. Its reader of the rows runs as the
-- caller, hence SECURITY DEFINER for who may take permits without reading them.
CREATE OR REPLACE FUNCTION tenfold.take_permit(class text, key text, cost int DEFAULT 1) RETURNS double precision
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN tenfold._take_permit(class, key, cost);
REVOKE EXECUTE ON FUNCTION tenfold.take_permit FROM PUBLIC;
COMMENT ON FUNCTION tenfold.take_permit IS
  'takes cost tokens from the bucket of this class and key, and gives 0; or takes none, and gives the seconds until they will be there. A rollback gives nothing back. Errors: 22023 unknown class, cost above its burst; TF008 not preloaded';

-- Also where logical replication applies the rows.
ALTER TABLE tenfold.rate_class ENABLE ALWAYS TRIGGER rate_class_changed;

CREATE OR REPLACE FUNCTION tenfold._raise_limited(detail text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
  RAISE SQLSTATE 'PGRST' USING DETAIL = detail,
    MESSAGE = '{"code": "TF030", "message": "too many requests", "details": null, "hint": "Wait as many seconds as Retry-After says."}';
END
$$;
COMMENT ON FUNCTION tenfold._raise_limited IS 'answers 429; detail: {"status": 429, "headers": {"Retry-After": …}}';

-- Without the library preloaded there is no limiter; doctor() says so.
CREATE OR REPLACE FUNCTION tenfold._limit_account(email text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  wait double precision := CASE WHEN tenfold._preloaded() THEN tenfold._take_permit('login_account', lower(trim(email)), 1) ELSE 0 END;
BEGIN
  IF wait > 0 THEN
    PERFORM tenfold._raise_limited(format('{"status": 429, "headers": {"Retry-After": "%s"}}', ceil(wait)));
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._limit_account IS 'answers 429 when too many passwords are tried for one email, from whatever addresses';
