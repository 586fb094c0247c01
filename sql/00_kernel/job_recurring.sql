-- Recurring jobs. pg_cron asks each minute which are due; a due time is a row of tenfold.recurring_run, and its key lets
-- one runner of several enqueue.

CREATE OR REPLACE FUNCTION tenfold._cron_field(field text, lowest int, highest int) RETURNS int[]
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
  named int[] := '{}';
  part text;
  piece text[];
  first int;
  last int;
BEGIN
  FOREACH part IN ARRAY string_to_array(field, ',') LOOP
    piece := regexp_match(part, '^(?:(\*)|(\d{1,2})(?:-(\d{1,2}))?)(?:/([1-9]\d?))?$');
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

-- As cron has it: where both days are restricted, either will do.
CREATE OR REPLACE FUNCTION tenfold._last_cron_minute(schedule text, time_zone text, after timestamptz, until timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE
AS $$
  WITH field AS MATERIALIZED (
    SELECT tenfold._cron_field(f[1], 0, 59) AS minutes, tenfold._cron_field(f[2], 0, 23) AS hours, tenfold._cron_field(f[3], 1, 31) AS days,
      tenfold._cron_field(f[4], 1, 12) AS months, tenfold._cron_field(f[5], 0, 7) AS weekdays, f[3] LIKE '*%' AS any_day, f[5] LIKE '*%' AS any_weekday
    FROM (SELECT regexp_split_to_array(trim(schedule), '\s+')) AS s(f)
  )
  SELECT m FROM field, generate_series(date_trunc('minute', until), greatest(after, until - interval '1 day'), interval '-1 minute') m,
    LATERAL (SELECT m AT TIME ZONE time_zone) AS local(t),
    LATERAL (SELECT extract(day FROM t)::int = ANY (days), extract(dow FROM t)::int = ANY (weekdays) OR extract(isodow FROM t)::int = ANY (weekdays)) AS fits(day, weekday)
  WHERE m > after AND extract(minute FROM t)::int = ANY (minutes) AND extract(hour FROM t)::int = ANY (hours) AND extract(month FROM t)::int = ANY (months)
    AND CASE WHEN any_day OR any_weekday THEN day AND weekday ELSE day OR weekday END
  ORDER BY m DESC LIMIT 1
$$;
COMMENT ON FUNCTION tenfold._last_cron_minute IS 'the last minute of (after, until] that a cron schedule names, at most a day back; raises TF027';

CREATE OR REPLACE FUNCTION tenfold._last_due(schedule text, time_zone text, after timestamptz, until timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  every interval;
  due timestamptz;
BEGIN
  IF schedule ~ '^\s*(\S+\s+){4}\S+\s*$' THEN
    RETURN tenfold._last_cron_minute(schedule, time_zone, after, until);
  END IF;
  every := schedule::interval;
  IF every < interval '1 minute' OR extract(month FROM every) <> 0 OR extract(epoch FROM every)::numeric % 60 <> 0 THEN
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
  'enqueues this payload again and again from now on: schedule is five fields of cron in time_zone, or an interval of whole minutes. With a dedupe_key a run is left out while the one before waits or runs. After a pause of the clock the last due time is made up for, not all. '
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
    UPDATE tenfold.recurring_run u SET problem = SQLERRM WHERE u.name = recurring.name AND u.due_at = due;
  END;
  RETURN id IS NOT NULL;
END
$$;
COMMENT ON FUNCTION tenfold._run_recurring IS 'enqueues a recurring job for one due time, unless another runner has';

CREATE OR REPLACE FUNCTION tenfold.run_recurring_jobs(until timestamptz DEFAULT clock_timestamp()) RETURNS bigint
LANGUAGE sql VOLATILE
AS $$
  SELECT count(*) FILTER (WHERE tenfold._run_recurring(r, d.due))
  FROM tenfold.recurring_job r
  CROSS JOIN LATERAL (SELECT tenfold._last_due(r.schedule, r.time_zone,
    greatest(r.changed_at, (SELECT max(u.due_at) FROM tenfold.recurring_run u WHERE u.name = r.name)), until)) AS d(due)
  WHERE r.enabled AND d.due IS NOT NULL;
$$;
COMMENT ON FUNCTION tenfold.run_recurring_jobs IS 'enqueues what is due, once for each due time, whoever runs it and how often; gives how many it enqueued. pg_cron calls it each minute';
