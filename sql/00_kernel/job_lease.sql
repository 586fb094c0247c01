-- What workers do: claim, heartbeat, complete, fail. tables/005_job.sql says why a claim costs the same for ever.

-- The newest mark of a line; a line without one begins at the beginning.
CREATE OR REPLACE FUNCTION tenfold._mark(queue_id int, priority int) RETURNS tenfold.job_mark
LANGUAGE sql STABLE
AS $$
  SELECT _mark.queue_id, _mark.priority::smallint, coalesce(m.mark_id, 0), coalesce(m.mark, '-infinity'), coalesce(m.safe_at, '-infinity'),
    coalesce(m.limit_at, '-infinity'), coalesce(m.limit_xid, '3')
  FROM (VALUES (1)) AS one LEFT JOIN LATERAL (
    SELECT * FROM tenfold.job_mark n WHERE n.queue_id = _mark.queue_id AND n.priority = _mark.priority ORDER BY n.mark_id DESC LIMIT 1) m ON true
$$;
COMMENT ON FUNCTION tenfold._mark IS 'where the living rows of a line begin, as far as is known';

CREATE OR REPLACE FUNCTION tenfold._first_in_line(line tenfold.job_mark) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET enable_seqscan = off  -- statistics of a queue are always of another time
SET enable_bitmapscan = off
SET plan_cache_mode = force_generic_plan  -- planning would look at the ends of the index, which are dead entries
AS $$
BEGIN
  IF line.queue_id = 0 THEN
    RETURN (SELECT r.leased_at FROM tenfold.job_running r WHERE r.leased_at >= line.mark ORDER BY r.leased_at LIMIT 1);
  END IF;
  RETURN (SELECT j.due_at FROM tenfold.job j WHERE j.queue_id = line.queue_id AND j.priority = line.priority AND j.due_at >= line.mark
          ORDER BY j.due_at LIMIT 1);
END
$$;
COMMENT ON FUNCTION tenfold._first_in_line IS 'the place of the first living row of a line, from its mark on; NULL: there is none';

-- now() is older than this transaction's id: who read the clock before now() has an id below it.
CREATE OR REPLACE FUNCTION tenfold._move_mark(queue_id int, priority int) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  old tenfold.job_mark := tenfold._mark(queue_id, priority);
  next tenfold.job_mark := old;
BEGIN
  IF pg_snapshot_xmin(pg_current_snapshot()) >= old.limit_xid THEN
    next.safe_at := greatest(old.safe_at, old.limit_at);
    next.limit_at := now();
    next.limit_xid := pg_current_xact_id();
  END IF;
  next.mark := greatest(old.mark, least(tenfold._first_in_line(old), next.safe_at));
  IF next <> old THEN
    INSERT INTO tenfold.job_mark VALUES (queue_id, priority, DEFAULT, next.mark, next.safe_at, next.limit_at, next.limit_xid);
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._move_mark IS 'moves the mark of a line up to its first living row, as far as nothing can appear before it any more';

-- From the heads of the ten lines, in the order of age and priority.
CREATE OR REPLACE FUNCTION tenfold._due_shares(q tenfold.queue, how_many int, OUT priority int, OUT mark timestamptz, OUT jobs int)
RETURNS SETOF record
LANGUAGE plpgsql
SET enable_seqscan = off  -- as above
SET enable_bitmapscan = off
SET plan_cache_mode = force_generic_plan
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

CREATE OR REPLACE FUNCTION tenfold._key_lock(queue_id int, concurrency_key text) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN hashtextextended(concurrency_key, queue_id);
COMMENT ON FUNCTION tenfold._key_lock IS 'the key of the lock (_lock(), job_key) of a concurrency key; who takes several takes them in ascending order';

-- Under the key's lock until the transaction ends, so that two who count do not both find the last place free.
CREATE OR REPLACE FUNCTION tenfold._free_places(q tenfold.queue, key text) RETURNS bigint
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM tenfold._lock('job_key', tenfold._key_lock(q.queue_id, key));
  RETURN greatest(0, q.concurrency - (SELECT count(*) FROM tenfold.job_running r WHERE r.queue_id = q.queue_id AND r.concurrency_key = key));
END
$$;
COMMENT ON FUNCTION tenfold._free_places IS 'how many more jobs of a concurrency key may run; locks the key';

CREATE OR REPLACE FUNCTION tenfold._take_parked(q tenfold.queue, key text, most bigint) RETURNS SETOF tenfold.job_parked
LANGUAGE sql VOLATILE
AS $$
  DELETE FROM tenfold.job_parked p WHERE p.ctid = ANY (ARRAY(
    SELECT c.ctid FROM tenfold.job_parked c WHERE c.queue_id = q.queue_id AND c.concurrency_key = key
    ORDER BY c.job_id LIMIT most FOR UPDATE SKIP LOCKED))
  RETURNING p.*;
$$;
COMMENT ON FUNCTION tenfold._take_parked IS 'takes the oldest parked jobs of a key';

CREATE OR REPLACE FUNCTION tenfold._admit(q tenfold.queue, key text, worker text) RETURNS SETOF tenfold.job_running
LANGUAGE plpgsql
AS $$
DECLARE
  places bigint := tenfold._free_places(q, key);
BEGIN
  RETURN QUERY INSERT INTO tenfold.job_running
    SELECT t.job_id, t.queue_id, t.priority, t.due_at, t.attempts + 1, t.max_attempts, t.created_at, t.dedupe_key, t.concurrency_key, t.last_error, t.payload,
      nextval('tenfold.job_epoch'), worker, clock_timestamp(), clock_timestamp() + q.lease
    FROM tenfold._take_parked(q, key, places) t RETURNING *;
END
$$;
COMMENT ON FUNCTION tenfold._admit IS 'starts as many of a key''s parked jobs as may run beside those that do';

CREATE OR REPLACE FUNCTION tenfold.claim_jobs(queue text, worker text, how_many int DEFAULT 1) RETURNS SETOF tenfold.job_running
LANGUAGE plpgsql SECURITY DEFINER  -- workers take leases, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  q tenfold.queue := tenfold._queue(queue);
  job tenfold.job_running;
  share record;
  given int := 0;
  keys text[];
BEGIN
  IF how_many NOT BETWEEN 1 AND 10000 OR worker IS NULL THEN
    RAISE EXCEPTION 'worker % may not claim % jobs', quote_nullable(worker), how_many USING ERRCODE = '22023', HINT = '1 … 10000 at once, under a name.';
  END IF;
  PERFORM tenfold._check_key('worker', worker);
  FOR round IN 1 .. CASE WHEN q.paused THEN 0 ELSE 10 END LOOP
    keys := '{}';
    FOR share IN SELECT * FROM tenfold._due_shares(q, how_many - given) LOOP
      FOR job IN SELECT * FROM tenfold._take_due(q, share.priority, share.mark, share.jobs, worker) LOOP
        IF job.epoch IS NULL THEN
          keys := keys || job.concurrency_key;
        ELSE
          RETURN NEXT job;
          given := given + 1;
        END IF;
      END LOOP;
      PERFORM tenfold._move_mark(q.queue_id, share.priority) WHERE random() * 32 < share.jobs;
    END LOOP;
    EXIT WHEN keys = '{}';
    FOR job IN SELECT a.* FROM (SELECT DISTINCT key, tenfold._key_lock(q.queue_id, key) AS lock FROM unnest(keys) key ORDER BY lock) k
        CROSS JOIN LATERAL tenfold._admit(q, k.key, worker) a LOOP
      RETURN NEXT job;
      given := given + 1;
    END LOOP;
    EXIT WHEN given >= how_many;  -- else those that stood in front were only parked
  END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.claim_jobs FROM PUBLIC;
COMMENT ON FUNCTION tenfold.claim_jobs IS
  'gives a worker the next jobs, each under a lease of queue.lease by the database''s clock and with an epoch that every later word on it must name. Urgent and old ones first. No two callers get the same job. Keep the transaction short. '
  'Errors: TF020 unknown queue, TF023 a name above 255 characters, 22023 how_many';

CREATE OR REPLACE FUNCTION tenfold._refuse_stale(job_ids bigint[], epochs bigint[], answered bigint[], skip_stale boolean) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  stale record;
BEGIN
  IF skip_stale OR cardinality(answered) = cardinality(job_ids) THEN
    RETURN;
  END IF;
  SELECT f.* INTO stale FROM unnest(job_ids, epochs) AS f(job_id, epoch) WHERE f.job_id <> ALL (answered) OR f.job_id IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the lease of job % with epoch % is over', stale.job_id, stale.epoch
      USING ERRCODE = 'TF021', HINT = 'Another worker may have the job by now: stop, and claim anew.';
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._refuse_stale IS 'raises TF021 unless every job was answered for, or the caller wants to know by the answer';

CREATE OR REPLACE FUNCTION tenfold.heartbeat_jobs(job_ids bigint[], epochs bigint[], skip_stale boolean DEFAULT false, OUT job_id bigint, OUT cancel_asked boolean, OUT expires_at timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER  -- as claim_jobs
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  answered bigint[] := '{}';
BEGIN
  PERFORM tenfold._check_lists('job_ids epochs', job_ids, epochs);
  FOR job_id, cancel_asked, expires_at IN
    UPDATE tenfold.job_running r SET expires_at = clock_timestamp() + q.lease
    FROM unnest(job_ids, epochs) AS f(job_id, epoch), tenfold.queue q
    WHERE r.job_id = f.job_id AND r.epoch = f.epoch AND q.queue_id = r.queue_id
    RETURNING r.job_id, r.cancel_asked, r.expires_at
  LOOP
    answered := answered || job_id;
    RETURN NEXT;
  END LOOP;
  PERFORM tenfold._refuse_stale(job_ids, epochs, answered, skip_stale);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.heartbeat_jobs FROM PUBLIC;
COMMENT ON FUNCTION tenfold.heartbeat_jobs IS
  'says that the worker is alive: each lease lasts queue.lease from now on. cancel_asked: somebody wants it to stop. With skip_stale, jobs whose lease was lost are missing in the answer. Errors: TF021 a lease is over (nothing was prolonged)';

CREATE OR REPLACE FUNCTION tenfold.heartbeat_job(job_id bigint, epoch bigint) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER  -- as claim_jobs
SET search_path = pg_catalog, pg_temp
AS $$ SELECT h.cancel_asked FROM tenfold.heartbeat_jobs(ARRAY[job_id], ARRAY[epoch]) h $$;
REVOKE EXECUTE ON FUNCTION tenfold.heartbeat_job FROM PUBLIC;
COMMENT ON FUNCTION tenfold.heartbeat_job IS 'heartbeat_jobs() for one: prolongs the lease; true: somebody wants the job to stop. Errors: TF021 the lease is over';

CREATE OR REPLACE FUNCTION tenfold.progress_job(job_id bigint, epoch bigint, fraction double precision, note text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER  -- as claim_jobs
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  stop boolean;
BEGIN
  IF fraction IS NULL OR fraction NOT BETWEEN 0 AND 1 THEN
    RAISE EXCEPTION 'progress % is not in 0 … 1', fraction USING ERRCODE = '22023', HINT = 'It is a fraction of the whole.';
  END IF;
  UPDATE tenfold.job_running r SET progress = fraction, note = left(coalesce(progress_job.note, r.note), 1000), expires_at = clock_timestamp() + q.lease
    FROM tenfold.queue q
    WHERE r.job_id = progress_job.job_id AND r.epoch = progress_job.epoch AND q.queue_id = r.queue_id
    RETURNING r.cancel_asked INTO stop;
  PERFORM tenfold._refuse_stale(ARRAY[job_id], ARRAY[epoch], CASE WHEN FOUND THEN ARRAY[job_id] ELSE '{}' END, false);
  RETURN stop;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.progress_job FROM PUBLIC;
COMMENT ON FUNCTION tenfold.progress_job IS
  'says how far a job is, 0 … 1 and a text of up to 1000 characters; a heartbeat, too. True: somebody wants it to stop. Errors: TF021 the lease is over, 22023 the fraction';

-- Counting the rest is left to _free_places(): more than may run would only be parked again.
CREATE OR REPLACE FUNCTION tenfold._release_key(q tenfold.queue, key text) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  places bigint := tenfold._free_places(q, key);
BEGIN
  INSERT INTO tenfold.job
    SELECT t.job_id, t.queue_id, t.priority, tenfold._due_at(), t.attempts, t.max_attempts, t.created_at, t.dedupe_key, t.concurrency_key, t.last_error, t.payload
    FROM tenfold._take_parked(q, key, places) t;
END
$$;
COMMENT ON FUNCTION tenfold._release_key IS 'lets the oldest parked jobs of a key go on, as many as may run';

CREATE OR REPLACE FUNCTION tenfold._release_keys(queue_ids int[], dedupe_keys text[], concurrency_keys text[]) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  DELETE FROM tenfold.job_key k USING unnest(queue_ids, dedupe_keys) AS f(queue_id, dedupe_key)
    WHERE k.queue_id = f.queue_id AND k.dedupe_key = f.dedupe_key;
  PERFORM tenfold._release_key(q, f.key)
    FROM (SELECT DISTINCT u.queue_id, u.key, tenfold._key_lock(u.queue_id, u.key) AS lock
          FROM unnest(queue_ids, concurrency_keys) AS u(queue_id, key) WHERE u.key IS NOT NULL ORDER BY lock) f
    JOIN tenfold.queue q USING (queue_id);
END
$$;
COMMENT ON FUNCTION tenfold._release_keys IS 'frees the keys of jobs that ended: the dedupe key for the next enqueue, the concurrency key for the next parked job';

CREATE OR REPLACE FUNCTION tenfold.complete_jobs(job_ids bigint[], epochs bigint[], results jsonb[] DEFAULT NULL, skip_stale boolean DEFAULT false) RETURNS bigint[]
LANGUAGE plpgsql SECURITY DEFINER  -- as claim_jobs
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off  -- as above
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  ended record;
BEGIN
  PERFORM tenfold._check_lists('job_ids epochs results?', job_ids, epochs, results);
  WITH gone AS (
    DELETE FROM tenfold.job_running r
    USING ROWS FROM (unnest(job_ids), unnest(epochs), unnest(results)) AS f(job_id, epoch, result)
    WHERE r.job_id = f.job_id AND r.epoch = f.epoch RETURNING r.*, f.result
  ), kept AS (
    INSERT INTO tenfold.job_done
    SELECT g.job_id, g.queue_id, 'done', g.attempts, g.created_at, g.leased_at, clock_timestamp(), g.worker, g.result
    FROM gone g JOIN tenfold.queue q ON q.queue_id = g.queue_id WHERE q.retention > interval '0'
  )
  SELECT coalesce(array_agg(g.job_id), '{}') AS job_ids,
    array_agg(g.queue_id) FILTER (WHERE g.dedupe_key IS NOT NULL OR g.concurrency_key IS NOT NULL) AS queue_ids,
    array_agg(g.dedupe_key) FILTER (WHERE g.dedupe_key IS NOT NULL OR g.concurrency_key IS NOT NULL) AS dedupe_keys,
    array_agg(g.concurrency_key) FILTER (WHERE g.dedupe_key IS NOT NULL OR g.concurrency_key IS NOT NULL) AS concurrency_keys
  INTO ended FROM gone g;
  PERFORM tenfold._refuse_stale(job_ids, epochs, ended.job_ids, skip_stale);
  IF ended.queue_ids IS NOT NULL THEN
    PERFORM tenfold._release_keys(ended.queue_ids, ended.dedupe_keys, ended.concurrency_keys);
  END IF;
  RETURN ended.job_ids;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.complete_jobs FROM PUBLIC;
COMMENT ON FUNCTION tenfold.complete_jobs IS
  'ends jobs that were done, with their results, and gives the ids of those that it ended. With skip_stale, jobs whose lease was lost are left out; without, they are an error, and none is ended. Errors: TF021 a lease is over';

CREATE OR REPLACE FUNCTION tenfold._backoff(base interval, cap interval, attempts int) RETURNS interval
LANGUAGE sql VOLATILE
RETURN least(cap, base * 2 ^ least(attempts - 1, 30)) * (0.5 + random() / 2);
COMMENT ON FUNCTION tenfold._backoff IS 'the wait after the nth failed attempt: doubled each time up to the cap, half of it random, so that what failed together does not come back together';

CREATE OR REPLACE FUNCTION tenfold._end_attempt(job tenfold.job_running, reason text, retry boolean) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  q tenfold.queue;
  outcome text := CASE WHEN job.cancel_asked THEN 'cancelled' WHEN retry AND job.attempts < job.max_attempts THEN 'retry' ELSE 'dead' END;
BEGIN
  SELECT * INTO q FROM tenfold.queue WHERE queue_id = job.queue_id;
  IF outcome = 'cancelled' THEN
    INSERT INTO tenfold.job_done SELECT job.job_id, job.queue_id, 'cancelled', job.attempts, job.created_at, job.leased_at, clock_timestamp(), job.worker, NULL
      WHERE q.retention > interval '0';
  ELSIF outcome = 'retry' THEN
    INSERT INTO tenfold.job VALUES (job.job_id, job.queue_id, job.priority, tenfold._due_at(clock_timestamp() + tenfold._backoff(q.backoff_base, q.backoff_cap, job.attempts)), job.attempts,
      job.max_attempts, job.created_at, job.dedupe_key, job.concurrency_key, reason, job.payload);
  ELSE
    INSERT INTO tenfold.job_dead VALUES (job.job_id, job.queue_id, job.priority, job.due_at, job.attempts, job.max_attempts, job.created_at,
      job.dedupe_key, job.concurrency_key, job.last_error, job.payload, reason, job.worker, clock_timestamp());
  END IF;
  PERFORM tenfold._release_keys(ARRAY[job.queue_id], ARRAY[CASE WHEN outcome <> 'retry' THEN job.dedupe_key END], ARRAY[job.concurrency_key]);
  RETURN outcome;
END
$$;
COMMENT ON FUNCTION tenfold._end_attempt IS 'what becomes of a job whose lease has just been taken away: retry, dead or cancelled';

CREATE OR REPLACE FUNCTION tenfold.fail_job(job_id bigint, epoch bigint, reason text, retry boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER  -- as claim_jobs
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  job tenfold.job_running;
BEGIN
  DELETE FROM tenfold.job_running r WHERE r.job_id = fail_job.job_id AND r.epoch = fail_job.epoch RETURNING * INTO job;
  PERFORM tenfold._refuse_stale(ARRAY[job_id], ARRAY[epoch], CASE WHEN FOUND THEN ARRAY[job_id] ELSE '{}' END, false);
  RETURN tenfold._end_attempt(job, left(coalesce(reason, 'no reason given'), 10000), retry);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.fail_job FROM PUBLIC;
COMMENT ON FUNCTION tenfold.fail_job IS
  'ends a run that failed. retry: it runs again, after a wait; dead: it was the last attempt, or retry is false; cancelled: somebody had asked for that. Errors: TF021 the lease is over';

CREATE OR REPLACE FUNCTION tenfold.release_jobs(job_ids bigint[], epochs bigint[]) RETURNS bigint[]
LANGUAGE plpgsql SECURITY DEFINER  -- as claim_jobs
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  job tenfold.job_running;
  released bigint[] := '{}';
BEGIN
  PERFORM tenfold._check_lists('job_ids epochs', job_ids, epochs);
  FOR job IN DELETE FROM tenfold.job_running r USING unnest(job_ids, epochs) AS f(job_id, epoch)
      WHERE r.job_id = f.job_id AND r.epoch = f.epoch RETURNING r.* LOOP
    INSERT INTO tenfold.job VALUES (job.job_id, job.queue_id, job.priority, tenfold._due_at(), job.attempts - 1, job.max_attempts, job.created_at,
      job.dedupe_key, job.concurrency_key, job.last_error, job.payload);
    released := released || job.job_id;
  END LOOP;
  RETURN released;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.release_jobs FROM PUBLIC;
COMMENT ON FUNCTION tenfold.release_jobs IS 'gives jobs back that were not run, or not to their end: due at once, and this attempt does not count. Gives the ids of those that were still held';

CREATE OR REPLACE FUNCTION tenfold.postpone_job(job_id bigint, epoch bigint, delay interval, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- as claim_jobs
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  job tenfold.job_running;
BEGIN
  IF delay IS NULL OR delay NOT BETWEEN '0' AND interval '1 year' THEN
    RAISE EXCEPTION 'a job cannot be postponed by %', delay USING ERRCODE = '22023', HINT = 'From 0 to a year.';
  END IF;
  DELETE FROM tenfold.job_running r WHERE r.job_id = postpone_job.job_id AND r.epoch = postpone_job.epoch RETURNING * INTO job;
  PERFORM tenfold._refuse_stale(ARRAY[job_id], ARRAY[epoch], CASE WHEN FOUND THEN ARRAY[job_id] ELSE '{}' END, false);
  INSERT INTO tenfold.job VALUES (job.job_id, job.queue_id, job.priority, tenfold._due_at(clock_timestamp() + delay), job.attempts - 1,
    job.max_attempts, job.created_at, job.dedupe_key, job.concurrency_key, left(reason, 10000), job.payload);
  PERFORM tenfold._release_keys(ARRAY[job.queue_id], ARRAY[NULL::text], ARRAY[job.concurrency_key]);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.postpone_job FROM PUBLIC;
COMMENT ON FUNCTION tenfold.postpone_job IS
  'gives a job back that could not begin now, as when a breaker is open: due after the delay, and this attempt does not count. Errors: TF021 the lease is over, 22023 the delay';

CREATE OR REPLACE FUNCTION tenfold.expire_leases(most int DEFAULT 1000) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER  -- as claim_jobs
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off  -- as above
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  job tenfold.job_running;
  mark timestamptz := (tenfold._mark(0, 0)).mark;
  expired bigint := 0;
BEGIN
  FOR job IN SELECT * FROM tenfold.job_running r WHERE r.leased_at >= mark AND r.expires_at < clock_timestamp()
      ORDER BY tenfold._key_lock(r.queue_id, r.concurrency_key) NULLS FIRST LIMIT most FOR UPDATE SKIP LOCKED LOOP
    DELETE FROM tenfold.job_running r WHERE r.job_id = job.job_id;
    PERFORM tenfold._end_attempt(job, format('worker %s fell silent: its lease ended %s', job.worker, job.expires_at), true);
    expired := expired + 1;
  END LOOP;
  PERFORM tenfold._move_mark(0, 0);
  RETURN expired;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.expire_leases FROM PUBLIC;
COMMENT ON FUNCTION tenfold.expire_leases IS 'ends the runs of workers that fell silent, as a failure with a retry; gives how many. Workers call it, and pg_cron each minute';

-- What should never be needed: a clock that stepped back left rows before a mark; parked jobs whose key nobody holds.
CREATE OR REPLACE FUNCTION tenfold.check_jobs() RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
  line tenfold.job_mark;
  seen timestamptz;
  first timestamptz;
  expired bigint := tenfold.expire_leases();
BEGIN
  FOR line IN SELECT DISTINCT ON (m.queue_id, m.priority) m.* FROM tenfold.job_mark m ORDER BY m.queue_id, m.priority, m.mark_id DESC LOOP
    seen := line.mark;
    line.mark := '-infinity';
    first := tenfold._first_in_line(line);
    IF first < seen THEN
      INSERT INTO tenfold.job_mark VALUES (line.queue_id, line.priority, DEFAULT, first, first, line.limit_at, line.limit_xid);
    END IF;
  END LOOP;
  PERFORM tenfold._release_key(q, p.concurrency_key)
    FROM (SELECT DISTINCT j.queue_id, j.concurrency_key, tenfold._key_lock(j.queue_id, j.concurrency_key) AS lock FROM tenfold.job_parked j ORDER BY lock) p
    JOIN tenfold.queue q USING (queue_id);
  RETURN expired;
END
$$;
COMMENT ON FUNCTION tenfold.check_jobs IS 'ends silent workers'' leases, takes back marks that a stepping clock left too late, lets forgotten parked jobs go on; gives how many leases it ended';

-- A job's entry in the ledger goes in one statement with the job; see tables/008_audit.sql.
CREATE OR REPLACE FUNCTION tenfold.purge_jobs() RETURNS bigint
LANGUAGE plpgsql
SET enable_nestloop = off  -- as above
AS $$
DECLARE
  oldest timestamptz := clock_timestamp() - (SELECT min(q.retention) FROM tenfold.queue q);
  purged bigint;
BEGIN
  WITH gone AS (
    DELETE FROM tenfold.job_done d USING tenfold.queue q
    WHERE d.queue_id = q.queue_id AND d.finished_at < clock_timestamp() - q.retention AND d.finished_at < oldest RETURNING d.job_id
  ), forgotten AS (
    DELETE FROM tenfold.job_entry e USING gone g WHERE e.job_id = g.job_id
  )
  SELECT count(*) INTO purged FROM gone;
  DELETE FROM tenfold.job_entry e WHERE NOT EXISTS (SELECT FROM tenfold.queue q WHERE q.queue_id = e.queue_id AND q.retention > interval '0');
  DELETE FROM tenfold.job_mark m WHERE m.mark_id < (tenfold._mark(m.queue_id, m.priority)).mark_id;
  DELETE FROM tenfold.recurring_run r WHERE r.due_at < clock_timestamp() - interval '7 days';
  RETURN purged;
END
$$;
COMMENT ON FUNCTION tenfold.purge_jobs IS 'forgets jobs that ended longer ago than their queue''s retention, old marks, and a recurring job''s runs after a week; gives the number of jobs';
