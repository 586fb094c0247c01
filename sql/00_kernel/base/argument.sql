-- What every function with a limit, a lease or an interval asks first. A NULL would be no limit at all, and an interval of
-- a million years fails only where it is added to a date.
CREATE OR REPLACE FUNCTION tenfold._in_range(what text, value anycompatible, lowest anycompatible, highest anycompatible)
RETURNS anycompatible
LANGUAGE plpgsql STABLE PARALLEL SAFE  -- were it immutable, the planner would ask it, whatever condition stands before it
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF value IS NULL OR value NOT BETWEEN lowest AND highest THEN
    RAISE EXCEPTION '% % is not in % … %', what, coalesce(value::text, 'NULL'), lowest, highest
      USING ERRCODE = '22023', HINT = format('%s is from %s to %s.', what, lowest, highest);
  END IF;
  RETURN value;
END
$$;
COMMENT ON FUNCTION tenfold._in_range IS 'the value of an argument; raises 22023 where it is NULL or out of range';

CREATE OR REPLACE FUNCTION tenfold._checked_keep(keep interval) RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE
RETURN tenfold._in_range('keep', keep, interval '0', interval '100 years');
COMMENT ON FUNCTION tenfold._checked_keep IS 'how long a purge keeps what it looks at; raises 22023 unless it is from 0 to 100 years';
