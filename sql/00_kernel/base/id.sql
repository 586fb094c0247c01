-- Ids that route: one that stands alone in a path says in which of 1,024 buckets its row lies. All but next_id() and uuid_v7()
-- are frozen, since ids and columns hold their results; tests/sql/kernel/id.sql has vectors by other people's code. In
-- plpgsql, so that a column, CHECK or DEFAULT that calls one depends on no member of the extension (CONTRIBUTING).
CREATE OR REPLACE FUNCTION tenfold.bucket_of_key(key text) RETURNS int
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN tenfold._bucket_of_key(key);
END
$$;
COMMENT ON FUNCTION tenfold.bucket_of_key(text) IS
  'frozen: the bucket of a distribution key, 0 … 1023: the first ten bits of the SHA-256 of its UTF-8 bytes';

CREATE OR REPLACE FUNCTION tenfold.bucket_of_key(key bigint) RETURNS int
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN tenfold._bucket_of_key(key::text);
END
$$;
COMMENT ON FUNCTION tenfold.bucket_of_key(bigint) IS 'frozen: the bucket of a number is that of its decimal digits, as text';

CREATE OR REPLACE FUNCTION tenfold.bucket_of_key(key uuid) RETURNS int
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN tenfold._bucket_of_key(key::text);
END
$$;
COMMENT ON FUNCTION tenfold.bucket_of_key(uuid) IS
  'frozen: the bucket of a uuid is that of its 36 lower-case characters, as text';

CREATE OR REPLACE FUNCTION tenfold.next_id(sequence regclass, bucket int) RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN tenfold._next_id(sequence, bucket);
END
$$;
COMMENT ON FUNCTION tenfold.next_id IS
  'the next number of a sequence, on which the caller needs USAGE, with a bucket in bits 43 to 52: exact in any JSON reader. '
  'Errors: 22023 no such bucket; 2200H the sequence has passed 2^43 - 1';

CREATE OR REPLACE FUNCTION tenfold.bucket_of(id bigint) RETURNS int
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN tenfold._bucket_of_id(id);
END
$$;
COMMENT ON FUNCTION tenfold.bucket_of(bigint) IS
  'frozen: the bucket in an id of next_id(), bits 43 to 52. Errors: 22023 an id of more than 53 bits';

CREATE OR REPLACE FUNCTION tenfold.bucket_of(id uuid) RETURNS int
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN tenfold._bucket_of_uuid(id);
END
$$;
COMMENT ON FUNCTION tenfold.bucket_of(uuid) IS
  'frozen: the bucket in a uuid of uuid_v7(), the ten bits after its version. Errors: 22023 a uuid of another version';

CREATE OR REPLACE FUNCTION tenfold.uuid_v5(namespace uuid, name text) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN tenfold._uuid_v5(namespace, name);
END
$$;
COMMENT ON FUNCTION tenfold.uuid_v5 IS 'frozen: the uuid of a name in a namespace (RFC 9562, version 5): the same for ever';

CREATE OR REPLACE FUNCTION tenfold.uuid_v7(bucket int) RETURNS uuid
LANGUAGE plpgsql VOLATILE STRICT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN tenfold._uuid_v7(bucket);
END
$$;
COMMENT ON FUNCTION tenfold.uuid_v7 IS
  'a new uuid of the server''s clock (RFC 9562, version 7) with a bucket in the ten bits after the version; those of one '
  'bucket ascend within a session. Errors: 22023 no such bucket';

CREATE OR REPLACE FUNCTION tenfold._uuid_time(id uuid) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN to_timestamp(('x' || lpad(replace(left(id::text, 13), '-', ''), 16, '0'))::bit(64)::bigint / 1000.0);
END
$$;
COMMENT ON FUNCTION tenfold._uuid_time IS 'when a uuid of version 7 was made';
