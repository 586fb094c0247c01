-- Claims: the first jobs of the ten lines of a queue. job_key.sql says in which order they lock.

-- From the heads of the ten lines, in the order of age and priority.
CREATE OR REPLACE FUNCTION tenfold._due_shares(q tenfold.queue, how_many int, OUT priority int, OUT mark timestamptz, OUT jobs int)
RETURNS SETOF record
LANGUAGE plpgsql
SET enable_seqscan = off  -- as above
SET enable_bitmapscan = off
SET plan_cache_mode = force_generic_plan
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  now timestamptz := clock_timestamp();
BEGIN
  RETURN QUERY SELECT head.priority, head.mark, count(*)::int FROM (
    SELECT line.priority, m.mark, j.due_at
    FROM generate_series(0, 9) AS line(priority)
    CROSS JOIN LATERAL tenfold._mark(q.queue_id, line.priority) m
    CROSS JOIN LATERAL (SELECT w.due_at FROM tenfold.job w WHERE w.queue_id = q.queue_id AND w.priority = line.priority AND w.due_at >= m.mark AND w.due_at <= now
                        ORDER BY w.due_at LIMIT how_many) j
    ORDER BY j.due_at - line.priority * q.aging LIMIT how_many) head
  GROUP BY head.priority, head.mark;
END
$$;
COMMENT ON FUNCTION tenfold._due_shares IS 'how many of the next jobs stand in which line';

-- What another claim has locked is passed over. A job with a concurrency key is parked first: _admit() says who of its
-- key may run. It comes back without an epoch.
CREATE OR REPLACE FUNCTION tenfold._take_due(q tenfold.queue, priority int, mark timestamptz, jobs int, worker text) RETURNS SETOF tenfold.job_running
LANGUAGE plpgsql
SET enable_seqscan = off  -- as above
SET enable_bitmapscan = off
SET plan_cache_mode = force_generic_plan
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  now timestamptz := clock_timestamp();
BEGIN
  RETURN QUERY WITH taken AS (
    DELETE FROM tenfold.job j WHERE j.ctid = ANY (ARRAY(
      SELECT c.ctid FROM tenfold.job c
      WHERE c.queue_id = q.queue_id AND c.priority = _take_due.priority AND c.due_at >= mark AND c.due_at <= now
      ORDER BY c.due_at LIMIT jobs FOR UPDATE SKIP LOCKED))
    RETURNING j.*
  ), parked AS (
    INSERT INTO tenfold.job_parked SELECT t.* FROM taken t WHERE t.concurrency_key IS NOT NULL RETURNING *
  ), running AS (
    INSERT INTO tenfold.job_running
    SELECT t.job_id, t.queue_id, t.priority, t.due_at, t.attempts + 1, t.max_attempts, t.created_at, t.dedupe_key, t.concurrency_key, t.last_error, t.payload,
      nextval('tenfold.job_epoch'), worker, clock_timestamp(), clock_timestamp() + q.lease
    FROM taken t WHERE t.concurrency_key IS NULL RETURNING *
  )
  SELECT * FROM running UNION ALL SELECT p.*, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM parked p;
END
$$;
COMMENT ON FUNCTION tenfold._take_due IS 'takes the first jobs of a line';

CREATE OR REPLACE FUNCTION tenfold._may_run(q tenfold.queue, keys text[]) RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN (SELECT coalesce(sum(least(k.jobs, greatest(0, q.concurrency - (
            SELECT count(*) FROM tenfold.job_running r WHERE r.queue_id = q.queue_id AND r.concurrency_key = k.key)))), 0)
          FROM (SELECT u.key, count(*) AS jobs FROM unnest(keys) AS u(key) GROUP BY u.key) k);
END
$$;
COMMENT ON FUNCTION tenfold._may_run IS 'how many of just parked jobs will be admitted, by a look without the locks of their keys (one key a job)';

-- Who was parked though he may run goes back to his line, once the claim has all it wants: nobody's end would let him go on.
CREATE OR REPLACE FUNCTION tenfold._admit_keys(q tenfold.queue, keys text[], worker text, most int) RETURNS SETOF tenfold.job_running
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  parked record;
  admitted int;
BEGIN
  -- all or none: a claim
  FOR parked IN SELECT DISTINCT u.key, tenfold._key_lock(q.queue_id, u.key) AS lock FROM unnest(keys) AS u(key) ORDER BY lock LOOP
    RETURN QUERY SELECT * FROM tenfold._admit(q, parked.key, worker, most);
    GET DIAGNOSTICS admitted = ROW_COUNT;
    most := most - admitted;
    IF most = 0 THEN
      PERFORM tenfold._release_key(q, parked.key);
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION tenfold._admit_keys IS 'starts up to so many parked jobs of these keys; locks each key once, in their order';

CREATE OR REPLACE FUNCTION tenfold._check_worker(worker text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF worker IS NULL THEN
    RAISE EXCEPTION 'a worker without a name claims jobs' USING ERRCODE = '22023', HINT = 'Say which process it is: host and pid, say.';
  END IF;
  PERFORM tenfold._check_key('worker', worker);
END
$$;
COMMENT ON FUNCTION tenfold._check_worker IS 'raises 22023 where a worker has no name, TF023 where it is above 255 characters';

CREATE OR REPLACE FUNCTION tenfold.claim_jobs(queue text, worker text, how_many int DEFAULT 1) RETURNS SETOF tenfold.job_running
LANGUAGE plpgsql SECURITY DEFINER  -- workers take leases, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  q tenfold.queue := tenfold._queue(queue);
  job tenfold.job_running;
  share record;
  wanted int := tenfold._in_range('how_many', how_many, 1, 10000);
  more int;
  before int;
  keys text[] := '{}';
BEGIN
  PERFORM tenfold._check_worker(worker);
  FOR round IN 1 .. CASE WHEN q.paused THEN 0 ELSE 10 END LOOP  -- again where those that stood in front were only parked
    more := wanted - tenfold._may_run(q, keys);
    EXIT WHEN more <= 0;
    before := cardinality(keys);
    -- all or none: a claim
    FOR share IN SELECT * FROM tenfold._due_shares(q, more) LOOP
      FOR job IN SELECT * FROM tenfold._take_due(q, share.priority, share.mark, share.jobs, worker) LOOP
        IF job.epoch IS NULL THEN
          keys := keys || job.concurrency_key;
        ELSE
          RETURN NEXT job;
          wanted := wanted - 1;
        END IF;
      END LOOP;
      PERFORM tenfold._move_mark(q.queue_id, share.priority) WHERE random() * 32 < share.jobs;
    END LOOP;
    EXIT WHEN cardinality(keys) = before;
  END LOOP;
  RETURN QUERY SELECT * FROM tenfold._admit_keys(q, keys, worker, wanted);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.claim_jobs FROM PUBLIC;
COMMENT ON FUNCTION tenfold.claim_jobs IS
  'gives a worker the next jobs, each under a lease of queue.lease by the database''s clock and with an epoch that every later word on it must name. Urgent and old ones first. No two callers get the same job. Keep the transaction short. '
  'Errors: TF020 unknown queue, TF023 a name above 255 characters, 22023 how_many, or a worker without a name';
