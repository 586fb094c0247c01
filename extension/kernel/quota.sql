CREATE OR REPLACE FUNCTION tenfold._quota_take(provider text, day date, calls int) RETURNS boolean
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_quota_take';
COMMENT ON FUNCTION tenfold._quota_take IS 'takes calls from what is reserved and not called yet; false if there are not as many, or no shared memory';

CREATE OR REPLACE FUNCTION tenfold._quota_reserved(provider text, day date, "left" int) RETURNS void
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_quota_reserved';
COMMENT ON FUNCTION tenfold._quota_reserved IS 'hands calls that this transaction has reserved to everybody, once it commits; makes its commit synchronous';

CREATE OR REPLACE FUNCTION tenfold._quota_left(provider text, day date) RETURNS int
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_quota_left';
COMMENT ON FUNCTION tenfold._quota_left IS 'calls that are reserved and not called yet';
