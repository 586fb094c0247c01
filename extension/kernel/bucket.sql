CREATE OR REPLACE FUNCTION tenfold._next_id(sequence regclass, bucket int) RETURNS bigint
LANGUAGE c VOLATILE STRICT AS '$libdir/tenfold', 'tf_next_id';
COMMENT ON FUNCTION tenfold._next_id IS 'tenfold.next_id()';

CREATE OR REPLACE FUNCTION tenfold._bucket_of_key(key text) RETURNS int
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_bucket_of_key';
COMMENT ON FUNCTION tenfold._bucket_of_key IS 'frozen: what tenfold.bucket_of_key calls';

CREATE OR REPLACE FUNCTION tenfold._bucket_of_id(id bigint) RETURNS int
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_bucket_of_id';
COMMENT ON FUNCTION tenfold._bucket_of_id IS 'frozen: what tenfold.bucket_of(bigint) calls';
