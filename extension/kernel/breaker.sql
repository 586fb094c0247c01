CREATE OR REPLACE FUNCTION tenfold._breaker_acquire(
  provider text, OUT permitted boolean, OUT permit bigint, OUT retry_after double precision)
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_breaker_acquire';
COMMENT ON FUNCTION tenfold._breaker_acquire IS 'tenfold.breaker_acquire(), without the rows';

CREATE OR REPLACE FUNCTION tenfold._breaker_report(provider text, permit bigint, outcome text, took_s double precision) RETURNS text
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_breaker_report';
COMMENT ON FUNCTION tenfold._breaker_report IS 'tenfold.breaker_report(), without the rows';

CREATE OR REPLACE FUNCTION tenfold._breaker_claim_changes(
  provider text, OUT at timestamptz, OUT state text, OUT reason text, OUT calls int, OUT failures int, OUT slow int, OUT open_for_s double precision)
RETURNS SETOF record
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_breaker_claim_changes';
COMMENT ON FUNCTION tenfold._breaker_claim_changes IS
  'the trips and closes that no committed transaction has written: whoever asks writes them, and nobody else is given them unless his transaction rolls back';

CREATE OR REPLACE FUNCTION tenfold._breaker_status(
  provider text, OUT state text, OUT since timestamptz, OUT retry_after double precision, OUT failures_in_a_row int, OUT openings int,
  OUT tries int, OUT calls int, OUT failures int, OUT slow int, OUT unwritten_events int, OUT lost_events bigint)
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_breaker_status';
COMMENT ON FUNCTION tenfold._breaker_status IS 'what tenfold.breaker_status shows of one provider';

CREATE OR REPLACE FUNCTION tenfold._call_permit(
  provider text, day date, OUT permitted boolean, OUT permit bigint, OUT reason text, OUT retry_after double precision, OUT wants_block boolean)
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_call_permit';
COMMENT ON FUNCTION tenfold._call_permit IS
  'tenfold.call_permit() as far as memory goes; wants_block: the permit is good once a call of this day is reserved in the table';
