-- Calls are reserved before they are made, in blocks that are rows. What is left of a block is handed out from shared
-- memory, where it comes when the transaction that reserved it has committed: a crash loses it, nothing doubles it.

CREATE OR REPLACE FUNCTION tenfold._provider_day(time_zone text, at timestamptz) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (at AT TIME ZONE time_zone)::date;
COMMENT ON FUNCTION tenfold._provider_day IS 'the day in this zone';

CREATE OR REPLACE FUNCTION tenfold._known_zone(task text, name text, time_zone text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER  -- who reads quota_status may not write tenfold.bad_row
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM clock_timestamp() AT TIME ZONE time_zone;
  RETURN time_zone;
EXCEPTION WHEN invalid_parameter_value THEN
  PERFORM tenfold._note_bad_row(task, name, SQLSTATE, SQLERRM);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION tenfold._known_zone IS 'a time zone, or NULL where the server does not know it (any more): then the row is named';

CREATE OR REPLACE FUNCTION tenfold._until_next_day(time_zone text, at timestamptz) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE
RETURN extract(epoch FROM (((tenfold._in_range('at', at, timestamptz '0001-01-01 00:00Z', timestamptz '9999-01-01 00:00Z') AT TIME ZONE time_zone)::date + 1)::timestamp
  AT TIME ZONE time_zone) - at)::float8;
COMMENT ON FUNCTION tenfold._until_next_day IS 'seconds until the next day begins in this zone; 23 or 25 hours are days, too. Errors: 22023 the zone, or at is not in the years 1 … 9998';

-- Who comes while another reserves waits for his commit or rollback. Then there may be calls in memory.
CREATE OR REPLACE FUNCTION tenfold._reserve_block(provider tenfold.provider, day date, calls int) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  before int;
  taken int;
BEGIN
  IF provider.quota_per_day < calls THEN
    RETURN false;
  END IF;
  INSERT INTO tenfold.quota_day AS q (provider_id, day) VALUES (provider.provider_id, _reserve_block.day) ON CONFLICT DO NOTHING;
  SELECT q.reserved INTO STRICT before FROM tenfold.quota_day q
    WHERE q.provider_id = provider.provider_id AND q.day = _reserve_block.day FOR UPDATE;
  IF tenfold._quota_take(provider.name, day, calls) THEN
    RETURN true;
  END IF;
  taken := least(greatest(calls, CASE WHEN tenfold._preloaded() THEN provider.quota_block ELSE 0 END), provider.quota_per_day - before);
  IF taken < calls THEN
    RETURN false;
  END IF;
  UPDATE tenfold.quota_day q SET reserved = before + taken WHERE q.provider_id = provider.provider_id AND q.day = _reserve_block.day;
  PERFORM tenfold._quota_reserved(provider.name, day, taken - calls);
  RETURN true;
END
$$;
COMMENT ON FUNCTION tenfold._reserve_block IS
  'reserves calls in the table, a block of them where there is shared memory to keep the rest of it; false if the day has not as many left';

CREATE OR REPLACE FUNCTION tenfold.quota_reserve(
  provider text, calls int DEFAULT 1, OUT reserved boolean, OUT retry_after double precision)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  asked tenfold.provider := tenfold._find_provider(provider);
  began timestamptz := clock_timestamp();
  today date := tenfold._provider_day(asked.time_zone, began);
BEGIN
  IF calls IS NULL OR calls < 1 OR calls > greatest(coalesce(asked.quota_per_day, calls), 1) THEN
    RAISE EXCEPTION 'calls % is not between 1 and the % of a day', coalesce(calls::text, 'NULL'), coalesce(asked.quota_per_day::text, 'any number')
      USING ERRCODE = '22023', HINT = 'Reserve fewer at a time.';
  END IF;
  reserved := asked.quota_per_day IS NULL OR tenfold._quota_take(provider, today, calls) OR tenfold._reserve_block(asked, today, calls);
  retry_after := CASE WHEN reserved THEN 0 ELSE tenfold._until_next_day(asked.time_zone, began) END;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.quota_reserve FROM PUBLIC;
COMMENT ON FUNCTION tenfold.quota_reserve IS
  'reserves calls of the provider''s day; once the transaction commits they may be made, whatever happens then: a reservation is never given back. Else the seconds until the next day. Errors: TF040 unknown provider, 22023 calls, 25006 a block must be reserved and the transaction is read-only, 40001 at REPEATABLE READ';

CREATE OR REPLACE FUNCTION tenfold.purge_quota_days(keep interval DEFAULT '90 days') RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  oldest timestamptz := clock_timestamp() - greatest(tenfold._checked_keep(keep), '2 days');
  purged bigint;
BEGIN
  DELETE FROM tenfold.quota_day q WHERE q.day < oldest::date;
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END
$$;
COMMENT ON FUNCTION tenfold.purge_quota_days IS 'forgets days older than keep, and never the last two; gives their number. Errors: 22023 keep';
