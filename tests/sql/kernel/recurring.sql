-- When recurring jobs are due, against brute force: every real minute around the days on which zones change their clocks.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
SELECT tenfold.create_queue('q');

-- A schedule of some hours is due in the minute in which the zone's clock first shows a named minute, or has jumped over it;
-- one of every hour in each real minute whose clock fits.
CREATE FUNCTION pg_temp.due_minutes(schedule text, zone text, since timestamptz, until timestamptz) RETURNS SETOF timestamptz LANGUAGE sql AS $$
  WITH f AS MATERIALIZED (SELECT * FROM tenfold._cron_fields(schedule)),
    clock AS MATERIALIZED (SELECT m, m AT TIME ZONE zone AS shown FROM generate_series(since, until, interval '1 minute') m),
    moved AS MATERIALIZED (SELECT c.*, max(shown) OVER (ORDER BY m ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS furthest FROM clock c),
    named AS MATERIALIZED (SELECT t FROM f, generate_series((SELECT min(shown) FROM clock), (SELECT max(shown) FROM clock), interval '1 minute') t
      WHERE extract(minute FROM t)::int = ANY (f.minutes) AND extract(hour FROM t)::int = ANY (f.hours) AND extract(month FROM t)::int = ANY (f.months)
        AND CASE WHEN f.either_day THEN extract(day FROM t)::int = ANY (f.days) OR extract(dow FROM t)::int = ANY (f.weekdays)
            ELSE extract(day FROM t)::int = ANY (f.days) AND extract(dow FROM t)::int = ANY (f.weekdays) END)
  SELECT DISTINCT v.m FROM f, moved v JOIN named n ON n.t <= v.shown AND n.t >= least(v.shown, v.furthest + interval '1 minute')
  WHERE v.furthest IS NOT NULL AND CASE WHEN f.hours @> ARRAY(SELECT generate_series(0, 23)) THEN n.t = v.shown ELSE n.t > v.furthest END $$;
-- Each due time is the last one from then to the next.
CREATE FUNCTION pg_temp.wrong(schedule text, zone text, since timestamptz, until timestamptz) RETURNS bigint LANGUAGE sql AS $$
  WITH due AS MATERIALIZED (SELECT d FROM pg_temp.due_minutes(schedule, zone, since, until) d),
    asked AS (SELECT since + n * interval '97 minutes 30 s' AS at FROM generate_series(0, 29) n UNION SELECT d FROM due UNION SELECT d - interval '1 s' FROM due)
  SELECT count(*) FROM asked a
  WHERE a.at <= until AND tenfold._last_due(schedule, zone, since, a.at) IS DISTINCT FROM (SELECT max(d) FROM due WHERE d <= a.at) $$;
SELECT is(pg_temp.wrong(schedule, zone, day::timestamptz - interval '20 hours', day::timestamptz + interval '28 hours'), 0::bigint, format('%s in %s around %s', schedule, zone, day))
FROM (VALUES ('Europe/Berlin', '2026-03-29'), ('Europe/Berlin', '2026-10-25'), ('America/New_York', '2026-03-08'), ('America/New_York', '2026-11-01'),
    ('Australia/Lord_Howe', '2026-04-05'), ('Australia/Lord_Howe', '2026-10-04'), ('America/Santiago', '2026-04-05'), ('America/Santiago', '2026-09-06'),
    ('Pacific/Apia', '2011-12-30'), ('Asia/Kolkata', '2026-03-29'), ('Pacific/Kiritimati', '2026-10-25'), ('UTC', '2026-10-25')) AS z(zone, day),
  unnest('{30 2 * * *,0 * * * *,15 */2 * * *,*/20 1-3 * * *,0 0 * * *,0 3 1 * 0}'::text[]) schedule;

CREATE FUNCTION pg_temp.last(schedule text, since text, until text, zone text DEFAULT 'Europe/Berlin') RETURNS text LANGUAGE sql AS
  $$ SELECT to_char(tenfold._last_due(schedule, zone, since::timestamptz, until::timestamptz) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') $$;
SELECT is(pg_temp.last('30 2 * * *', '2026-10-25 00:30Z', '2026-10-25 12:00Z'), NULL, 'the October day has one 2:30');
SELECT is(pg_temp.last('30 2 * * *', '2026-03-28 12:00Z', '2026-03-29 12:00Z'), '2026-03-29 01:00', 'that of the March day is when its gap is over');
SELECT is(pg_temp.last('0 4 * * 1', '2026-06-01 12:00Z', '2026-06-28 12:00Z'), '2026-06-22 02:00', 'a weekly run that a pause of weeks missed');
SELECT is(pg_temp.last('0 4 1 * *', '2026-01-02 12:00Z', '2026-06-28 12:00Z'), '2026-06-01 02:00', '… a monthly one');
SELECT is(pg_temp.last('0 * 1 * *', '2026-01-02 12:00Z', '2026-06-28 12:00Z'), '2026-06-01 21:00', '… and one of every hour of a day');
SELECT is(pg_temp.last('0 4 29 2 *', '2024-03-02 12:00Z', '2029-06-28 12:00Z'), '2028-02-29 03:00', '… one of leap years');
SELECT is(pg_temp.last('0 4 30 2 *', '2000-01-01 12:00Z', '2029-06-28 12:00Z'), NULL, 'a day that never is');

-- The last run is remembered, however long ago: else a monthly job would run again once its run is purged.
SELECT tenfold.set_recurring_job('monthly', 'q', '0 4 1 * *');
UPDATE tenfold.recurring_job SET changed_at = '2020-01-01';
SELECT is(tenfold.run_recurring_jobs('2026-06-11 12:00Z'), 1::bigint, 'a monthly run is made up for');
SELECT tenfold.purge_jobs();
SELECT is(tenfold.run_recurring_jobs('2026-06-12 12:00Z'), 0::bigint, '… once');
SELECT is(tenfold.run_recurring_jobs('2026-07-01 04:00Z'), 1::bigint, '… and the next one comes');
SELECT * FROM finish();
ROLLBACK;
