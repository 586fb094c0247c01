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
SET search_path = pg_catalog, pg_temp
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
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  key text := tenfold._email_key(email);
  wait double precision;
BEGIN
  IF NOT tenfold._preloaded() THEN
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM tenfold.account a JOIN tenfold.session s USING (account_id) WHERE lower(a.email COLLATE "C") = key
             AND s.client_hash = tenfold._client_hash(a.account_id)) THEN
    key := key || ' ' || tenfold._client_network();
  END IF;
  wait := tenfold._take_permit('login_account', key, 1);
  IF wait > 0 THEN
    PERFORM tenfold._raise_limited(format('{"status": 429, "headers": {"Retry-After": "%s"}}', ceil(wait)));
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._limit_account IS 'answers 429 when too many passwords are tried for one email, from whatever addresses; those from which it logged in lately are counted apart, so that strangers shut nobody out';

-- An IPv6 customer has a /64. The edge writes the header; what is no address counts as it is.
CREATE OR REPLACE FUNCTION tenfold._client_network() RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  address text := tenfold.request_header('x-real-ip');
BEGIN
  RETURN CASE WHEN address ~ ':' THEN host(network(set_masklen(address::inet, 64))) ELSE address END;
EXCEPTION WHEN invalid_text_representation OR invalid_parameter_value THEN
  RETURN address;
END
$$;
COMMENT ON FUNCTION tenfold._client_network IS 'whence the request came; NULL outside one';

CREATE OR REPLACE FUNCTION tenfold._client_hash(account_id uuid) RETURNS bytea
LANGUAGE sql STABLE
RETURN sha256(convert_to(account_id::text || ' ' || tenfold._client_network(), 'UTF8'));
COMMENT ON FUNCTION tenfold._client_hash IS 'the client''s network as a session of this account keeps it';
