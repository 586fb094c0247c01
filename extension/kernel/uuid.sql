CREATE OR REPLACE FUNCTION tenfold._uuid_v5(namespace uuid, name text) RETURNS uuid
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_uuid_v5';
COMMENT ON FUNCTION tenfold._uuid_v5 IS 'frozen: what tenfold.uuid_v5 calls';

CREATE OR REPLACE FUNCTION tenfold._uuid_v7(bucket int) RETURNS uuid
LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED AS '$libdir/tenfold', 'tf_uuid_v7';
COMMENT ON FUNCTION tenfold._uuid_v7 IS 'tenfold.uuid_v7()';

CREATE OR REPLACE FUNCTION tenfold._bucket_of_uuid(id uuid) RETURNS int
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_bucket_of_uuid';
COMMENT ON FUNCTION tenfold._bucket_of_uuid IS 'frozen: what tenfold.bucket_of(uuid) calls';
