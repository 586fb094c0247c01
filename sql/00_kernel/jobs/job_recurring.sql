-- Recurring jobs. pg_cron asks each minute which are due; a due time is a row of tenfold.recurring_run, and its key lets
-- one runner of several enqueue.

CREATE OR REPLACE FUNCTION tenfold._cron_field(field text, lowest int, highest int) RETURNS int[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  named int[] := '{}';
  part text;
  piece text[];
  first int;
  last int;
BEGIN
  FOREACH part IN ARRAY string_to_array(field, ',') LOOP
    piece := regexp_match(part, E'^(?:(\\*)|(\\d{1,2})(?:-(\\d{1,2}))?)(?:/([1-9]\\d?))?$');
    first := coalesce(piece[2]::int, lowest);
    last := coalesce(piece[3]::int, CASE WHEN piece[1] IS NULL AND piece[4] IS NULL THEN first ELSE highest END);
    IF piece IS NULL OR first NOT BETWEEN lowest AND last OR last > highest THEN
      RAISE EXCEPTION '"%" in a schedule is no list of values in % … %', field, lowest, highest
        USING ERRCODE = 'TF027', HINT = 'A field is *, 5, 1-5, */10, or several with commas.';
    END IF;
    named := named || ARRAY(SELECT generate_series(first, last, coalesce(piece[4]::int, 1)));
  END LOOP;
  RETURN named;
END
$$;
COMMENT ON FUNCTION tenfold._cron_field IS 'the values that a field of a cron schedule names; raises TF027';

CREATE OR REPLACE FUNCTION tenfold._cron_fields(schedule text, OUT minutes int[], OUT hours int[], OUT days int[], OUT months int[], OUT weekdays int[],
  OUT either_day boolean)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT tenfold._cron_field(f[1], 0, 59), tenfold._cron_field(f[2], 0, 23), tenfold._cron_field(f[3], 1, 31), tenfold._cron_field(f[4], 1, 12),
    tenfold._cron_field(f[5], 0, 7), f[3] NOT LIKE '*%' AND f[5] NOT LIKE '*%'
  FROM (SELECT regexp_split_to_array(trim(schedule), E'\\s+')) AS s(f)
$$;
COMMENT ON FUNCTION tenfold._cron_fields IS 'what a cron schedule names; either_day: both days are restricted, so that, as cron has it, one that fits will do. Raises TF027';

CREATE OR REPLACE FUNCTION tenfold._cron_day_fits(fields record, day date) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  by_day boolean := extract(day FROM day)::int = ANY (fields.days);
  by_weekday boolean := extract(dow FROM day)::int = ANY (fields.weekdays) OR extract(isodow FROM day)::int = ANY (fields.weekdays);
BEGIN
  RETURN extract(month FROM day)::int = ANY (fields.months) AND CASE WHEN fields.either_day THEN by_day OR by_weekday ELSE by_day AND by_weekday END;
END
$$;
COMMENT ON FUNCTION tenfold._cron_day_fits IS 'whether a schedule names a day';

-- A zone's clock jumps and goes back. What it jumps over is reached where it lands; what it shows twice, the first time.

CREATE OR REPLACE FUNCTION tenfold._clock_reached(time_zone text, at timestamptz) RETURNS timestamp
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  shown timestamp := at AT TIME ZONE time_zone;
BEGIN
  IF shown - (at - interval '26 hours') AT TIME ZONE time_zone >= interval '26 hours' THEN
    RETURN shown;
  END IF;
  RETURN (SELECT max(m AT TIME ZONE time_zone) FROM generate_series(at - interval '26 hours', at, interval '1 minute') m);
END
$$;
COMMENT ON FUNCTION tenfold._clock_reached IS 'the furthest that a zone''s clock has shown by this whole minute';

CREATE OR REPLACE FUNCTION tenfold._clock_reaches(time_zone text, wanted timestamp) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  utc timestamptz := wanted AT TIME ZONE 'UTC';
  guess timestamptz[] := ARRAY(  -- by the zone's distance from UTC a day before and a day after
    SELECT utc - (n AT TIME ZONE time_zone - n AT TIME ZONE 'UTC') FROM unnest(ARRAY[utc - interval '1 day', utc + interval '1 day']) n ORDER BY 1);
BEGIN
  RETURN coalesce((SELECT min(m) FROM unnest(guess) m WHERE m AT TIME ZONE time_zone = wanted),
    (SELECT min(m) FROM generate_series(guess[1], guess[2], interval '1 minute') m WHERE m AT TIME ZONE time_zone > wanted));
END
$$;
COMMENT ON FUNCTION tenfold._clock_reaches IS 'when a zone''s clock first shows this minute, or a later one';

CREATE OR REPLACE FUNCTION tenfold._last_named_minute(fields record, time_zone text, after timestamptz, until timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  reached timestamp := tenfold._clock_reached(time_zone, until);
  due timestamptz;
BEGIN
  FOR day IN REVERSE reached::date - date '2000-01-01' .. (after AT TIME ZONE time_zone)::date - date '2000-01-02' LOOP
    CONTINUE WHEN NOT tenfold._cron_day_fits(fields, date '2000-01-01' + day);
    due := tenfold._clock_reaches(time_zone, (
      SELECT max(t) FROM unnest(fields.hours) h, unnest(fields.minutes) m,
        LATERAL (SELECT date '2000-01-01' + day + make_interval(hours => h, mins => m)) AS named(t) WHERE t <= reached));
    EXIT WHEN due IS NOT NULL;
  END LOOP;
  RETURN CASE WHEN due > after THEN due END;
END
$$;
COMMENT ON FUNCTION tenfold._last_named_minute IS 'the last time of (after, until] at which a zone''s clock reached a minute that a schedule names';

CREATE OR REPLACE FUNCTION tenfold._last_minute_within_a_day(fields record, time_zone text, after timestamptz, until timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  due timestamptz := until;
  shown timestamp;
BEGIN
  WHILE due > greatest(after, until - interval '26 hours') LOOP
    shown := due AT TIME ZONE time_zone;
    IF extract(minute FROM shown)::int = ANY (fields.minutes) AND tenfold._cron_day_fits(fields, shown::date) THEN
      RETURN due;
    END IF;
    due := due - interval '1 minute';
  END LOOP;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION tenfold._last_minute_within_a_day IS 'the last minute of (after, until], at most 26 hours back, that a schedule of every hour names';

-- A schedule of every hour runs each real hour: twice where the clock shows one twice, and not in one that it jumps over.
CREATE OR REPLACE FUNCTION tenfold._last_hourly_minute(fields record, time_zone text, after timestamptz, until timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  due timestamptz := tenfold._last_minute_within_a_day(fields, time_zone, after, until);
  earlier date := ((until - interval '26 hours') AT TIME ZONE time_zone)::date;
BEGIN
  IF due IS NULL AND after < until - interval '26 hours' THEN
    FOR day IN REVERSE earlier - date '2000-01-01' .. (after AT TIME ZONE time_zone)::date - date '2000-01-02' LOOP
      CONTINUE WHEN NOT tenfold._cron_day_fits(fields, date '2000-01-01' + day);
      RETURN tenfold._last_minute_within_a_day(fields, time_zone, after,
        least(until, tenfold._clock_reaches(time_zone, date '2000-01-02' + day + time '0:00') - interval '1 minute'));
    END LOOP;
  END IF;
  RETURN due;
END
$$;
COMMENT ON FUNCTION tenfold._last_hourly_minute IS 'the last time of (after, until] that a schedule of every hour names';

-- Nine years: the 29th of February comes once in eight.
CREATE OR REPLACE FUNCTION tenfold._last_cron_minute(schedule text, time_zone text, after timestamptz, until timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  fields record := tenfold._cron_fields(schedule);
  last timestamptz := date_trunc('minute', until, 'UTC');
  since timestamptz := greatest(after, last - interval '9 years');
BEGIN
  IF 24 = (SELECT count(DISTINCT h) FROM unnest(fields.hours) h) THEN
    RETURN tenfold._last_hourly_minute(fields, time_zone, since, last);
  END IF;
  RETURN tenfold._last_named_minute(fields, time_zone, since, last);
END
$$;
COMMENT ON FUNCTION tenfold._last_cron_minute IS 'the last due time of (after, until] by a cron schedule; raises TF027';

CREATE OR REPLACE FUNCTION tenfold._last_due(schedule text, time_zone text, after timestamptz, until timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  every interval;
  due timestamptz;
BEGIN
  IF schedule ~ E'^\\s*(\\S+\\s+){4}\\S+\\s*$' THEN
    RETURN tenfold._last_cron_minute(schedule, time_zone, after, until);
  END IF;
  every := schedule::interval;
  IF every < interval '1 minute' OR extract(month FROM every) <> 0 OR extract(year FROM every) <> 0 OR extract(epoch FROM every)::numeric % 60 <> 0 THEN
    RAISE invalid_datetime_format;
  END IF;
  due := date_bin(every, until, '2001-01-01 00:00Z');
  RETURN CASE WHEN due > after THEN due END;
EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow THEN
  RAISE EXCEPTION 'schedule "%" is neither cron''s nor an interval of whole minutes', schedule
    USING ERRCODE = 'TF027', HINT = 'Such as */5 * * * * or 90 minutes.';
END
$$;
COMMENT ON FUNCTION tenfold._last_due IS 'the last due time of (after, until], NULL where there is none; raises TF027. Intervals count from 2001-01-01 UTC, a Monday';

CREATE OR REPLACE FUNCTION tenfold.set_recurring_job(
  name text, queue text, schedule text, payload jsonb DEFAULT '{}', priority int DEFAULT 0, dedupe_key text DEFAULT NULL,
  time_zone text DEFAULT 'UTC', enabled boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- operators schedule, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  q tenfold.queue := tenfold._queue(queue);
BEGIN
  PERFORM tenfold._check_job(q, priority, NULL, NULL), tenfold._check_payload(q, payload), tenfold._check_key('dedupe_key', dedupe_key),
    tenfold._last_due(schedule, time_zone, clock_timestamp() - interval '2 minutes', clock_timestamp());
  INSERT INTO tenfold.recurring_job AS r VALUES (name, queue, schedule, time_zone, payload, priority, dedupe_key, enabled, clock_timestamp())
  ON CONFLICT ON CONSTRAINT recurring_job_pkey DO UPDATE SET (queue, schedule, time_zone, payload, priority, dedupe_key, enabled, changed_at) =
    (excluded.queue, excluded.schedule, excluded.time_zone, excluded.payload, excluded.priority, excluded.dedupe_key, excluded.enabled, excluded.changed_at);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.set_recurring_job FROM PUBLIC;
COMMENT ON FUNCTION tenfold.set_recurring_job IS
  'enqueues this payload again and again from now on: schedule is five fields of cron in time_zone, or an interval of whole minutes. With a dedupe_key a run is left out while the one before waits or runs. After a pause of the clock, of whatever length, the last due time is made up for, not all. '
  'A time that the zone''s clock shows twice counts once, one that it jumps over counts where it lands; but a schedule of every hour runs each real hour. '
  'Errors: TF020 unknown queue, TF027 schedule, TF022 payload, TF023 key, TF025 priority, 22023 time zone';

CREATE OR REPLACE FUNCTION tenfold.remove_recurring_job(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- as above
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  DELETE FROM tenfold.recurring_job r WHERE r.name = remove_recurring_job.name;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'unknown recurring job "%"', name USING ERRCODE = 'TF028', HINT = 'SELECT * FROM tenfold.recurring_job; lists them.';
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.remove_recurring_job FROM PUBLIC;
COMMENT ON FUNCTION tenfold.remove_recurring_job IS 'enqueues it no more; jobs that wait already stay. Errors: TF028 unknown';

-- What stops one recurring job (its queue is gone) stops no other; recurring_run says why.
CREATE OR REPLACE FUNCTION tenfold._run_recurring(recurring tenfold.recurring_job, due timestamptz) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  id bigint;
BEGIN
  INSERT INTO tenfold.recurring_run VALUES (recurring.name, due, NULL, NULL) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  BEGIN
    id := tenfold.enqueue(recurring.queue, recurring.payload, recurring.priority, dedupe_key => recurring.dedupe_key);
    UPDATE tenfold.recurring_run u SET job_id = id WHERE u.name = recurring.name AND u.due_at = due;
  EXCEPTION WHEN OTHERS THEN
    PERFORM tenfold._note_bad_row('run_recurring_jobs', recurring.name, SQLSTATE, SQLERRM);
    UPDATE tenfold.recurring_run u SET problem = SQLERRM WHERE u.name = recurring.name AND u.due_at = due;
  END;
  RETURN id IS NOT NULL;
END
$$;
COMMENT ON FUNCTION tenfold._run_recurring IS 'enqueues a recurring job for one due time, unless another runner has';

CREATE OR REPLACE FUNCTION tenfold.run_recurring_jobs(until timestamptz DEFAULT clock_timestamp()) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  recurring tenfold.recurring_job;
  due timestamptz;
  enqueued bigint := 0;
BEGIN
  PERFORM tenfold._in_range('until', until, '2000-01-01', clock_timestamp() + interval '10 years');
  FOR recurring IN SELECT * FROM tenfold.recurring_job r WHERE r.enabled ORDER BY r.name LOOP
    BEGIN
      due := tenfold._last_due(recurring.schedule, recurring.time_zone, greatest(recurring.changed_at,
        (SELECT max(u.due_at) FROM tenfold.recurring_run u WHERE u.name = recurring.name)), until);
      IF due IS NOT NULL AND tenfold._run_recurring(recurring, due) THEN
        enqueued := enqueued + 1;
      END IF;
    EXCEPTION WHEN OTHERS THEN
      PERFORM tenfold._note_bad_row('run_recurring_jobs', recurring.name, SQLSTATE, SQLERRM);
    END;
  END LOOP;
  RETURN enqueued;
END
$$;
COMMENT ON FUNCTION tenfold.run_recurring_jobs IS 'enqueues what is due, once for each due time, whoever runs it and how often; gives how many it enqueued. One that fails stops no other: tenfold.bad_row names it. pg_cron calls it each minute';
