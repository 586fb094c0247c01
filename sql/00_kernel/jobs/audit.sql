-- due = sent = done + in flight + dead: the ledger of tables/008_audit.sql against the tables that jobs go through. One
-- statement, so one snapshot: a job that moves meanwhile is in exactly one of them.
CREATE OR REPLACE FUNCTION tenfold.audit(
  "window" interval DEFAULT NULL, OUT queue text, OUT due bigint, OUT sent bigint, OUT done bigint, OUT cancelled bigint, OUT waiting bigint,
  OUT parked bigint, OUT running bigint, OUT dead bigint, OUT difference bigint, OUT lost_ids bigint[], OUT ok boolean) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE
SET enable_nestloop = off  -- statistics of a queue are always of another time
SET search_path = pg_catalog, pg_temp
AS $$
  WITH since AS MATERIALIZED (
    SELECT CASE WHEN "window" IS NULL THEN '-infinity' ELSE clock_timestamp() - tenfold._in_range('window', "window", '0', interval '100 years') END AS at
  ), entry AS MATERIALIZED (
    SELECT e.job_id, e.queue_id FROM tenfold.job_entry e WHERE e.entered_at >= (SELECT s.at FROM since s)
  ), state AS (
    SELECT j.job_id, 'waiting' AS name FROM tenfold.job j
    UNION ALL SELECT p.job_id, 'parked' AS name FROM tenfold.job_parked p
    UNION ALL SELECT r.job_id, 'running' AS name FROM tenfold.job_running r
    UNION ALL SELECT d.job_id, 'dead' AS name FROM tenfold.job_dead d
    UNION ALL SELECT f.job_id, f.outcome AS name FROM tenfold.job_done f
  ), due AS (
    SELECT e.queue_id, count(*) AS jobs FROM entry e GROUP BY e.queue_id
  ), found AS (  -- a row a state: none is a loss, two are a double
    SELECT e.queue_id, count(*) AS rows, count(*) FILTER (WHERE s.name IS NULL) AS lost,
      count(*) FILTER (WHERE s.name = 'done') AS done, count(*) FILTER (WHERE s.name = 'cancelled') AS cancelled,
      count(*) FILTER (WHERE s.name = 'waiting') AS waiting, count(*) FILTER (WHERE s.name = 'parked') AS parked,
      count(*) FILTER (WHERE s.name = 'running') AS running, count(*) FILTER (WHERE s.name = 'dead') AS dead,
      (array_agg(e.job_id ORDER BY e.job_id) FILTER (WHERE s.name IS NULL))[1:10] AS lost_ids
    FROM entry e LEFT JOIN state s USING (job_id) GROUP BY e.queue_id
  )
  SELECT q.name, coalesce(d.jobs, 0), coalesce(d.jobs - f.lost, 0), coalesce(f.done, 0), coalesce(f.cancelled, 0), coalesce(f.waiting, 0),
    coalesce(f.parked, 0), coalesce(f.running, 0), coalesce(f.dead, 0), x.difference, coalesce(f.lost_ids, '{}'),
    CASE WHEN q.retention > interval '0' THEN x.difference = 0 END
  FROM since s CROSS JOIN tenfold.queue q LEFT JOIN due d USING (queue_id) LEFT JOIN found f USING (queue_id)
  CROSS JOIN LATERAL (SELECT coalesce(f.lost + (f.rows - d.jobs), 0) AS difference) x
  ORDER BY q.name
$$;
REVOKE EXECUTE ON FUNCTION tenfold.audit FROM PUBLIC;
COMMENT ON FUNCTION tenfold.audit IS
  'proves for each queue that no job is lost and none is there twice: due = sent = done + cancelled + waiting + parked + running + dead. due: the jobs whose enqueue was committed, by a ledger that no claim, retry or end touches '
  '("window": of those enqueued within it; NULL: all of which anything is known); waiting includes delayed ones. difference: how many are in no state, or in two; lost_ids: the first ten that are in none. '
  'It finds whatever takes a job away but its own end, by id. It cannot tell whether a job that is done did its work; a job that vanished with its ledger entry (both tables restored from the same older backup) is not missed; '
  'a queue with a retention of 0 forgets what it ends, so there ok is NULL. Errors: 22023 the window. Rolled back enqueues and those that a dedupe key turned away have no entry: gaps in the ids mean nothing';

CREATE OR REPLACE FUNCTION tenfold.run_audit() RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  at timestamptz := clock_timestamp();
  failed bigint;
  queues text;
  consumers text;
BEGIN
  INSERT INTO tenfold.audit_result
    SELECT a.queue, at, a.due, a.sent, a.done, a.cancelled, a.waiting, a.parked, a.running, a.dead, a.difference, a.lost_ids, a.ok FROM tenfold.audit() a;
  DELETE FROM tenfold.audit_result r WHERE r.audited_at < at - interval '30 days';
  SELECT count(*), string_agg(r.queue, ', ') INTO failed, queues FROM tenfold.audit_result r WHERE r.audited_at = at AND NOT r.ok;
  IF failed > 0 THEN
    RAISE WARNING 'jobs are lost, or there twice, in %', queues USING HINT = 'SELECT * FROM tenfold.audit() WHERE NOT ok;';
  END IF;
  SELECT failed + count(*), string_agg(e.consumer, ', ') INTO failed, consumers FROM tenfold.audit_events() e WHERE NOT e.ok;
  IF consumers IS NOT NULL THEN
    RAISE WARNING 'events are lost, or will be, for %', consumers USING HINT = 'SELECT * FROM tenfold.audit_events() WHERE NOT ok;';
  END IF;
  RETURN failed;
END
$$;
COMMENT ON FUNCTION tenfold.run_audit IS 'keeps what tenfold.audit() says in tenfold.audit_result for 30 days, asks tenfold.audit_events(), and warns in the server''s log; gives the number of queues and consumers that failed. pg_cron runs it each hour';

CREATE OR REPLACE FUNCTION tenfold.write_off_jobs(job_ids bigint[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER  -- operators write off, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  written_off bigint;
BEGIN
  PERFORM tenfold._check_lists('job_ids', job_ids);
  DELETE FROM tenfold.job_entry e WHERE e.job_id = ANY (job_ids)
    AND NOT EXISTS (SELECT FROM tenfold.job j WHERE j.job_id = e.job_id) AND NOT EXISTS (SELECT FROM tenfold.job_parked p WHERE p.job_id = e.job_id)
    AND NOT EXISTS (SELECT FROM tenfold.job_running r WHERE r.job_id = e.job_id) AND NOT EXISTS (SELECT FROM tenfold.job_dead d WHERE d.job_id = e.job_id)
    AND NOT EXISTS (SELECT FROM tenfold.job_done f WHERE f.job_id = e.job_id);
  GET DIAGNOSTICS written_off = ROW_COUNT;
  RETURN written_off;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.write_off_jobs FROM PUBLIC;
COMMENT ON FUNCTION tenfold.write_off_jobs IS
  'takes lost jobs out of the ledger, once somebody has seen to them, so that audit() is ok again; gives how many. Ids of jobs that are there are passed over';
