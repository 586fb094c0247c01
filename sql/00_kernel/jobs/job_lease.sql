-- What workers do with jobs that they have: heartbeat, complete, fail, give back. job_key.sql says in which order they lock.

CREATE OR REPLACE FUNCTION tenfold._refuse_stale(job_ids bigint[], epochs bigint[], answered bigint[], skip_stale boolean) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
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
  PERFORM tenfold._lock_running(job_ids);
  -- all or none: or, with skip_stale, those that are left
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
  -- A real holds no fraction below 1e-45.
  UPDATE tenfold.job_running r SET progress = CASE WHEN fraction < 1e-6 THEN 0 ELSE fraction END, note = left(coalesce(progress_job.note, r.note), 1000), expires_at = clock_timestamp() + q.lease
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
  PERFORM tenfold._lock_running(job_ids);
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
    DELETE FROM tenfold.job_key k USING unnest(ended.queue_ids, ended.dedupe_keys) AS f(queue_id, dedupe_key)
      WHERE k.queue_id = f.queue_id AND k.dedupe_key = f.dedupe_key;
    PERFORM tenfold._release_keys(ended.queue_ids, ended.concurrency_keys);
  END IF;
  RETURN ended.job_ids;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.complete_jobs FROM PUBLIC;
COMMENT ON FUNCTION tenfold.complete_jobs IS
  'ends jobs that were done, with their results, and gives the ids of those that it ended. With skip_stale, jobs whose lease was lost are left out; without, they are an error, and none is ended. Errors: TF021 a lease is over';

-- In seconds: an interval overflows at 292,000 years, which three hours are after 31 failures.
CREATE OR REPLACE FUNCTION tenfold._backoff(base interval, cap interval, attempts int) RETURNS interval
LANGUAGE sql VOLATILE
RETURN make_interval(secs => least(extract(epoch FROM cap)::float8, extract(epoch FROM base)::float8 * 2 ^ least(attempts - 1, 30))
  * (0.5 + random() / 2));
COMMENT ON FUNCTION tenfold._backoff IS 'the wait after the nth failed attempt: doubled each time up to the cap, half of it random, so that what failed together does not come back together';

CREATE OR REPLACE FUNCTION tenfold._end_attempt(job tenfold.job_running, reason text, retry boolean) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
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
  IF outcome <> 'retry' THEN
    DELETE FROM tenfold.job_key k WHERE k.queue_id = job.queue_id AND k.dedupe_key = job.dedupe_key;
  END IF;
  RETURN outcome;
END
$$;
COMMENT ON FUNCTION tenfold._end_attempt IS 'what becomes of a job whose lease has just been taken away: retry, dead or cancelled. Its concurrency key is left to the caller';

CREATE OR REPLACE FUNCTION tenfold.fail_job(job_id bigint, epoch bigint, reason text, retry boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER  -- as claim_jobs
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  job tenfold.job_running;
  outcome text;
BEGIN
  DELETE FROM tenfold.job_running r WHERE r.job_id = fail_job.job_id AND r.epoch = fail_job.epoch RETURNING * INTO job;
  PERFORM tenfold._refuse_stale(ARRAY[job_id], ARRAY[epoch], CASE WHEN FOUND THEN ARRAY[job_id] ELSE '{}' END, false);
  outcome := tenfold._end_attempt(job, left(coalesce(reason, 'no reason given'), 10000), coalesce(retry, true));
  PERFORM tenfold._release_keys(ARRAY[job.queue_id], ARRAY[job.concurrency_key]);
  RETURN outcome;
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
  PERFORM tenfold._lock_running(job_ids);
  -- all or none: what a worker gives back
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
  longest_free CONSTANT interval := '1 day';  -- else a provider that always says "later" keeps a job for ever
  counts boolean;
BEGIN
  PERFORM tenfold._in_range('delay', delay, '0', interval '1 year');
  DELETE FROM tenfold.job_running r WHERE r.job_id = postpone_job.job_id AND r.epoch = postpone_job.epoch RETURNING * INTO job;
  PERFORM tenfold._refuse_stale(ARRAY[job_id], ARRAY[epoch], CASE WHEN FOUND THEN ARRAY[job_id] ELSE '{}' END, false);
  counts := clock_timestamp() - job.created_at > longest_free;
  IF job.cancel_asked OR counts AND job.attempts >= job.max_attempts THEN
    PERFORM tenfold._end_attempt(job, left(coalesce(reason, 'no reason given'), 10000), true);
  ELSE
    INSERT INTO tenfold.job VALUES (job.job_id, job.queue_id, job.priority, tenfold._due_at(clock_timestamp() + delay),
      CASE WHEN counts THEN job.attempts ELSE job.attempts - 1 END, job.max_attempts, job.created_at,
      job.dedupe_key, job.concurrency_key, left(reason, 10000), job.payload);
  END IF;
  PERFORM tenfold._release_keys(ARRAY[job.queue_id], ARRAY[job.concurrency_key]);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.postpone_job FROM PUBLIC;
COMMENT ON FUNCTION tenfold.postpone_job IS
  'gives a job back that could not begin now, as when a breaker is open: due after the delay, and this attempt does not count, unless the job is more than a day old; the last attempt makes it a dead letter. Errors: TF021 the lease is over, 22023 the delay';
