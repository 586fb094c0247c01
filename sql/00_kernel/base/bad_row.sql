-- What could not be handled, and was passed over: tables/013_bad_row.sql. Three places tell of it: the server's log, doctor()
-- and the metric tenfold_bad_rows. Where nothing can be written (a standby, a read-only transaction) it is the log alone.

CREATE OR REPLACE FUNCTION tenfold._note_bad_row(task text, name text, state text, problem text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE WARNING '% passes over %: %', task, name, problem
    USING ERRCODE = state, HINT = 'SELECT * FROM tenfold.bad_row; lists what was passed over.';
  IF current_setting('transaction_read_only') = 'off' THEN
    -- Of a name of any length as much as an index takes.
    INSERT INTO tenfold.bad_row AS b (task, name, state, problem) VALUES (left(task, 100), left(name, 400), state, left(problem, 10000))
      ON CONFLICT ON CONSTRAINT bad_row_pkey DO UPDATE SET
        (state, problem, times, last_at) = (excluded.state, excluded.problem, b.times + 1, excluded.last_at);
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._note_bad_row IS 'says which row a task passed over, and why; for the handler of a loop over rows of users';

CREATE OR REPLACE FUNCTION tenfold._recent_bad_rows() RETURNS SETOF tenfold.bad_row
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT b.* FROM tenfold.bad_row b WHERE b.last_at > clock_timestamp() - interval '1 hour' $$;
COMMENT ON FUNCTION tenfold._recent_bad_rows IS 'what was passed over within the last hour';

CREATE OR REPLACE FUNCTION tenfold._doctor_rows(OUT "check" text, OUT ok boolean, OUT detail text, OUT mend text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT 'bad rows', count(*) = 0, coalesce(string_agg(format('%s: %s', b.task, b.name), ', '), 'none within an hour'),
    'SELECT * FROM tenfold.bad_row; -- mend each: it is told of for an hour after its last failure'
  FROM tenfold._recent_bad_rows() b
$$;
COMMENT ON FUNCTION tenfold._doctor_rows IS 'the row of doctor() on what tasks passed over';

CREATE OR REPLACE FUNCTION tenfold._bad_row_metrics(OUT name text, OUT labels jsonb, OUT value double precision) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT 'tenfold_bad_rows', '{}'::jsonb, count(*)::double precision FROM tenfold._recent_bad_rows() $$;
COMMENT ON FUNCTION tenfold._bad_row_metrics IS 'the metric of what tasks passed over';
