CREATE OR REPLACE FUNCTION tenfold._limit_request() RETURNS text
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_limit_request';
COMMENT ON FUNCTION tenfold._limit_request IS
  'counts the request of request.headers against its class (X-Rate-Class) and address (X-Real-IP), both written by the edge, and sets the RateLimit headers of its answer; if it is one too many, the DETAIL of RAISE SQLSTATE ''PGRST''. Works in read-only transactions, and a rollback takes nothing back';

CREATE OR REPLACE FUNCTION tenfold._take_permit(class text, key text, cost int) RETURNS double precision
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_take_permit';
COMMENT ON FUNCTION tenfold._take_permit IS 'tenfold.take_permit()';

CREATE OR REPLACE FUNCTION tenfold._limiter_counts(
  OUT buckets bigint, OUT in_use bigint, OUT allowed bigint, OUT refused bigint, OUT evicted bigint)
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_limiter_counts';
COMMENT ON FUNCTION tenfold._limiter_counts IS 'what tenfold.stat_limiter shows';
