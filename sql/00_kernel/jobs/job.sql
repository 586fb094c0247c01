-- Queues, and what may be asked of a job from outside: enqueue, cancel, redrive. job_claim.sql and job_lease.sql have what workers do.

CREATE OR REPLACE FUNCTION tenfold.create_queue(
  name text, max_attempts int DEFAULT 5, lease interval DEFAULT '30 seconds', backoff_base interval DEFAULT '1 second',
  backoff_cap interval DEFAULT '1 hour', retention interval DEFAULT '1 day', paused boolean DEFAULT false,
  max_payload_bytes int DEFAULT 262144, concurrency int DEFAULT 1, aging interval DEFAULT '1 minute') RETURNS int
LANGUAGE sql VOLATILE SECURITY DEFINER  -- operators make queues, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO tenfold.queue AS q (name, max_attempts, lease, backoff_base, backoff_cap, retention, paused, max_payload_bytes, concurrency, aging)
  VALUES (name, max_attempts, lease, backoff_base, backoff_cap, retention, paused, max_payload_bytes, concurrency, aging)
  ON CONFLICT ON CONSTRAINT queue_name_key DO UPDATE SET (max_attempts, lease, backoff_base, backoff_cap, retention, paused, max_payload_bytes, concurrency, aging) =
    (excluded.max_attempts, excluded.lease, excluded.backoff_base, excluded.backoff_cap, excluded.retention, excluded.paused,
     excluded.max_payload_bytes, excluded.concurrency, excluded.aging)
  RETURNING q.queue_id;
$$;
REVOKE EXECUTE ON FUNCTION tenfold.create_queue FROM PUBLIC;
COMMENT ON FUNCTION tenfold.create_queue IS
  'makes a queue, or gives the one of this name new settings; gives its id. A wait of `aging` is worth one step of priority. Errors: 23514 a setting out of range, 22004 or 23502 one that is NULL';

CREATE OR REPLACE FUNCTION tenfold.pause_queue(queue text, paused boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- operators pause, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE tenfold.queue q SET paused = pause_queue.paused WHERE q.queue_id = (tenfold._queue(queue)).queue_id;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.pause_queue FROM PUBLIC;
COMMENT ON FUNCTION tenfold.pause_queue IS 'no job of this queue is claimed until pause_queue(queue, false); those that run go on. Errors: TF020 unknown queue';

CREATE OR REPLACE FUNCTION tenfold._queue(queue text) RETURNS tenfold.queue
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  found_queue tenfold.queue;
BEGIN
  SELECT * INTO found_queue FROM tenfold.queue q WHERE q.name = queue;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'unknown queue "%"', queue USING ERRCODE = 'TF020',
      HINT = coalesce('The queues are: ' || (SELECT string_agg(q.name, ', ' ORDER BY q.name) FROM tenfold.queue q) || '.',
        format('There is none yet: SELECT tenfold.create_queue(%L);', queue));
  END IF;
  RETURN found_queue;
END
$$;
COMMENT ON FUNCTION tenfold._queue IS 'the row of a queue; raises TF020 where there is none';

CREATE OR REPLACE FUNCTION tenfold._check_key(what text, key text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF length(key) > 255 THEN
    RAISE EXCEPTION '% has % characters', what, length(key) USING ERRCODE = 'TF023', HINT = 'At most 255: a hash of it would do.';
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._check_key IS 'raises TF023 for more than 255 characters';

CREATE OR REPLACE FUNCTION tenfold._check_job(queue tenfold.queue, priority int, run_at timestamptz, max_attempts int) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF priority NOT BETWEEN 0 AND 9 THEN
    RAISE EXCEPTION 'priority % is not in 0 … 9', priority USING ERRCODE = 'TF025', HINT = '0 is the usual one, 9 the most urgent.';
  ELSIF run_at > clock_timestamp() + interval '1 year' THEN
    RAISE EXCEPTION 'run_at % is more than a year ahead', run_at USING ERRCODE = 'TF026', HINT = 'Keep such dates in a table, and let a recurring job look.';
  ELSIF max_attempts NOT BETWEEN 1 AND 1000 THEN
    RAISE EXCEPTION 'max_attempts % is not in 1 … 1000', max_attempts USING ERRCODE = '22023', HINT = format('NULL means that of the queue: %s.', queue.max_attempts);
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._check_job IS 'raises TF025, TF026 or 22023 for what no job may have';

CREATE OR REPLACE FUNCTION tenfold._check_payload(queue tenfold.queue, payload jsonb) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF payload IS NULL THEN
    RAISE EXCEPTION 'a payload is NULL' USING ERRCODE = '22004', HINT = 'An empty one is {}.';
  ELSIF tenfold._json_bytes(payload) > queue.max_payload_bytes THEN
    RAISE EXCEPTION 'a payload of % bytes is too large for queue "%"', tenfold._json_bytes(payload), queue.name
      USING ERRCODE = 'TF022', HINT = format('It takes %s. Keep what is large elsewhere, and enqueue its id.', queue.max_payload_bytes);
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._check_payload IS 'raises 22004 or TF022 for a payload that the queue does not take';

-- The transaction has its id before the clock is read: see tables/005_job.sql.
CREATE OR REPLACE FUNCTION tenfold._due_at(run_at timestamptz DEFAULT NULL) RETURNS timestamptz
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM pg_current_xact_id();
  RETURN greatest(run_at, clock_timestamp());
END
$$;
COMMENT ON FUNCTION tenfold._due_at IS 'the place in its line of a row that is inserted now';

CREATE OR REPLACE FUNCTION tenfold.enqueue(
  queue text, payload jsonb, priority int DEFAULT 0, run_at timestamptz DEFAULT NULL, dedupe_key text DEFAULT NULL,
  concurrency_key text DEFAULT NULL, max_attempts int DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER  -- who may enqueue does not write the table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  q tenfold.queue := tenfold._queue(queue);
  due timestamptz := tenfold._due_at(run_at);
  id bigint := nextval('tenfold.job_id');
  first bigint;
BEGIN
  IF priority <> 0 OR run_at IS NOT NULL OR max_attempts IS NOT NULL THEN
    PERFORM tenfold._check_job(q, priority, run_at, max_attempts);
  END IF;
  PERFORM tenfold._check_payload(q, payload);
  IF concurrency_key IS NOT NULL THEN
    PERFORM tenfold._check_key('concurrency_key', concurrency_key);
  END IF;
  IF dedupe_key IS NOT NULL THEN
    first := tenfold._take_dedupe_key(q.queue_id, dedupe_key, id);
    IF first <> id THEN
      RETURN first;
    END IF;
  END IF;
  INSERT INTO tenfold.job VALUES (id, q.queue_id, coalesce(priority, 0), due, 0, coalesce(max_attempts, q.max_attempts), least(due, clock_timestamp()),
    dedupe_key, concurrency_key, NULL, payload);
  IF q.retention > interval '0' THEN
    INSERT INTO tenfold.job_entry VALUES (id, q.queue_id, clock_timestamp());
  END IF;
  RETURN id;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.enqueue FROM PUBLIC;
COMMENT ON FUNCTION tenfold.enqueue IS
  'puts a job into a queue, in the caller''s transaction, and gives its id. priority 0 … 9, higher first. While a job with this dedupe_key waits or runs in the queue, gives that one''s id and adds none. Of one concurrency_key at most queue.concurrency run at once. '
  'Errors: TF020 unknown queue, TF022 payload too large, TF023 key above 255 characters, TF025 priority, TF026 run_at more than a year ahead, 22004 no payload, 22023 max_attempts';

CREATE OR REPLACE FUNCTION tenfold._take_dedupe_key(queue_id int, dedupe_key text, job_id bigint) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  first bigint;
BEGIN
  PERFORM tenfold._check_key('dedupe_key', dedupe_key);
  LOOP  -- the job that had the key may end between the two statements
    INSERT INTO tenfold.job_key VALUES (queue_id, dedupe_key, job_id) ON CONFLICT DO NOTHING RETURNING job_key.job_id INTO first;
    IF first IS NULL THEN
      SELECT k.job_id INTO first FROM tenfold.job_key k
        WHERE k.queue_id = _take_dedupe_key.queue_id AND k.dedupe_key = _take_dedupe_key.dedupe_key;
    END IF;
    EXIT WHEN first IS NOT NULL;
  END LOOP;
  RETURN first;
END
$$;
COMMENT ON FUNCTION tenfold._take_dedupe_key IS 'gives the key to this job unless another has it; gives the id of who has it';

CREATE OR REPLACE FUNCTION tenfold.enqueue_many(
  queue text, payloads jsonb[], priority int DEFAULT 0, run_at timestamptz DEFAULT NULL, dedupe_keys text[] DEFAULT NULL,
  concurrency_keys text[] DEFAULT NULL, max_attempts int DEFAULT NULL) RETURNS SETOF bigint
LANGUAGE plpgsql SECURITY DEFINER  -- as enqueue
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  q tenfold.queue := tenfold._queue(queue);
  due timestamptz := tenfold._due_at(run_at);
BEGIN
  PERFORM tenfold._check_job(q, priority, run_at, max_attempts),
    tenfold._check_lists('payloads dedupe_keys? concurrency_keys?', payloads, dedupe_keys, concurrency_keys);
  PERFORM tenfold._check_payload(q, p.payload), tenfold._check_key('concurrency_key', p.concurrency_key)
    FROM ROWS FROM (unnest(payloads), unnest(concurrency_keys)) AS p(payload, concurrency_key);
  IF dedupe_keys IS NOT NULL THEN
    RETURN QUERY SELECT * FROM tenfold._enqueue_deduped(q, payloads, coalesce(priority, 0), due, dedupe_keys, concurrency_keys, coalesce(max_attempts, q.max_attempts));
    RETURN;
  END IF;
  RETURN QUERY WITH added AS (
    INSERT INTO tenfold.job AS j
    SELECT nextval('tenfold.job_id'), q.queue_id, coalesce(priority, 0), due, 0, coalesce(max_attempts, q.max_attempts), least(due, clock_timestamp()), NULL, p.concurrency_key, NULL, p.payload
    FROM ROWS FROM (unnest(payloads), unnest(concurrency_keys)) AS p(payload, concurrency_key) RETURNING j.job_id
  ), entered AS (
    INSERT INTO tenfold.job_entry SELECT a.job_id, q.queue_id, clock_timestamp() FROM added a WHERE q.retention > interval '0'
  )
  SELECT a.job_id FROM added a;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.enqueue_many FROM PUBLIC;
COMMENT ON FUNCTION tenfold.enqueue_many IS
  'enqueue() for a set: one payload a job, keys beside them in the same order. Gives the ids in that order. All or none. Errors: as enqueue(), 2202E the arrays are no lists, or not as long as each other';

-- The keys in ascending order, since who wants one of another transaction waits for it; the jobs in that of the arrays.
CREATE OR REPLACE FUNCTION tenfold._enqueue_deduped(
  q tenfold.queue, payloads jsonb[], priority int, due timestamptz, dedupe_keys text[], concurrency_keys text[], max_attempts int) RETURNS SETOF bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY WITH wanted AS MATERIALIZED (
    SELECT p.*, nextval('tenfold.job_id') AS id
    FROM ROWS FROM (unnest(payloads), unnest(dedupe_keys), unnest(concurrency_keys)) WITH ORDINALITY AS p(payload, dedupe_key, concurrency_key, n)
  ), sorted AS MATERIALIZED (
    SELECT w.* FROM wanted w ORDER BY w.dedupe_key, w.n
  ), given AS MATERIALIZED (
    SELECT s.*, CASE WHEN s.dedupe_key IS NULL THEN s.id ELSE tenfold._take_dedupe_key(q.queue_id, s.dedupe_key, s.id) END AS first FROM sorted s
  ), added AS (
    INSERT INTO tenfold.job
    SELECT g.id, q.queue_id, priority, due, 0, max_attempts, least(due, clock_timestamp()), g.dedupe_key, g.concurrency_key, NULL, g.payload
    FROM given g WHERE g.first = g.id ORDER BY g.n
  ), entered AS (
    INSERT INTO tenfold.job_entry SELECT g.id, q.queue_id, clock_timestamp() FROM given g WHERE g.first = g.id AND q.retention > interval '0'
  )
  SELECT g.first FROM given g ORDER BY g.n;
END
$$;
COMMENT ON FUNCTION tenfold._enqueue_deduped IS 'enqueue_many() of jobs with dedupe keys: gives the id of each one''s job, or of the one that has its key';

-- A job moves from waiting to running, or back, while we look: look twice.
CREATE OR REPLACE FUNCTION tenfold.cancel_job(job_id bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER  -- who may cancel writes no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  state text;
BEGIN
  FOR attempt IN 1 .. 2 LOOP
    IF tenfold._cancel_waiting(job_id) OR tenfold._cancel_dead(job_id) THEN
      RETURN 'cancelled';
    END IF;
    UPDATE tenfold.job_running r SET cancel_asked = true WHERE r.job_id = cancel_job.job_id;
    IF FOUND THEN
      RETURN 'cancelling';
    END IF;
    SELECT d.outcome INTO state FROM tenfold.job_done d WHERE d.job_id = cancel_job.job_id;
    IF FOUND THEN
      RETURN state;
    END IF;
  END LOOP;
  RAISE EXCEPTION 'unknown job %', job_id USING ERRCODE = 'TF024', HINT = 'Jobs that ended are kept for the retention of their queue.';
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.cancel_job FROM PUBLIC;
COMMENT ON FUNCTION tenfold.cancel_job IS
  'cancels a job. cancelled: it waited, or was dead, and is gone; cancelling: it runs, and its worker learns by the next heartbeat; done: too late. Errors: TF024 unknown job';

CREATE OR REPLACE FUNCTION tenfold._cancel_waiting(id bigint) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  gone tenfold.job;
BEGIN
  DELETE FROM tenfold.job j WHERE j.job_id = id RETURNING * INTO gone;
  IF NOT FOUND THEN
    DELETE FROM tenfold.job_parked j WHERE j.job_id = id RETURNING * INTO gone;
  END IF;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO tenfold.job_done SELECT id, gone.queue_id, 'cancelled', gone.attempts, gone.created_at, NULL, clock_timestamp(), NULL, NULL
    FROM tenfold.queue q WHERE q.queue_id = gone.queue_id AND q.retention > interval '0';
  DELETE FROM tenfold.job_key k WHERE k.queue_id = gone.queue_id AND k.dedupe_key = gone.dedupe_key;
  PERFORM tenfold._release_keys(ARRAY[gone.queue_id], ARRAY[gone.concurrency_key]);
  RETURN true;
END
$$;
COMMENT ON FUNCTION tenfold._cancel_waiting IS 'takes a job out of its line, if it stands there';

CREATE OR REPLACE FUNCTION tenfold._cancel_dead(id bigint) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  gone tenfold.job_dead;
BEGIN
  DELETE FROM tenfold.job_dead d WHERE d.job_id = id RETURNING * INTO gone;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO tenfold.job_done SELECT id, gone.queue_id, 'cancelled', gone.attempts, gone.created_at, NULL, clock_timestamp(), gone.worker, NULL
    FROM tenfold.queue q WHERE q.queue_id = gone.queue_id AND q.retention > interval '0';
  RETURN true;
END
$$;
COMMENT ON FUNCTION tenfold._cancel_dead IS 'ends a dead letter as cancelled: it leaves a trace, or the audit would miss it';

CREATE OR REPLACE FUNCTION tenfold._redrive_job(dead tenfold.job_dead) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  -- Another job may have its dedupe key by now: this one then runs without.
  IF dead.dedupe_key IS NOT NULL AND tenfold._take_dedupe_key(dead.queue_id, dead.dedupe_key, dead.job_id) <> dead.job_id THEN
    dead.dedupe_key := NULL;
  END IF;
  DELETE FROM tenfold.job_dead d WHERE d.job_id = dead.job_id;
  INSERT INTO tenfold.job VALUES (dead.job_id, dead.queue_id, dead.priority, tenfold._due_at(), 0, dead.max_attempts, dead.created_at,
    dead.dedupe_key, dead.concurrency_key, dead.reason, dead.payload);
END
$$;
COMMENT ON FUNCTION tenfold._redrive_job IS 'brings a dead job back';

CREATE OR REPLACE FUNCTION tenfold.redrive(job_ids bigint[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER  -- operators redrive, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  dead tenfold.job_dead;
  redriven bigint := 0;
BEGIN
  PERFORM tenfold._check_lists('job_ids', job_ids);
  FOR dead IN SELECT * FROM tenfold.job_dead d WHERE d.job_id = ANY (job_ids) ORDER BY d.queue_id, d.dedupe_key, d.job_id FOR UPDATE LOOP
    BEGIN
      PERFORM tenfold._redrive_job(dead);
      redriven := redriven + 1;
    EXCEPTION WHEN OTHERS THEN
      PERFORM tenfold._note_bad_row('redrive', format('job %s', dead.job_id), SQLSTATE, SQLERRM);
    END;
  END LOOP;
  RETURN redriven;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.redrive(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION tenfold.redrive(bigint[]) IS 'brings dead jobs back, with all their attempts before them; gives how many. Ids that are not dead are passed over, and jobs that cannot be brought back: tenfold.bad_row names these';

CREATE OR REPLACE FUNCTION tenfold.redrive(queue text, most int DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER  -- as above
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  q tenfold.queue := tenfold._queue(queue);
BEGIN
  PERFORM tenfold._in_range('most', coalesce(most, 1), 1, 2147483647);
  RETURN tenfold.redrive(ARRAY(SELECT d.job_id FROM tenfold.job_dead d WHERE d.queue_id = q.queue_id ORDER BY d.died_at LIMIT most FOR UPDATE SKIP LOCKED));
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.redrive(text, int) FROM PUBLIC;
COMMENT ON FUNCTION tenfold.redrive(text, int) IS 'brings the dead jobs of a queue back, the oldest first, `most` at a time (NULL: all); gives how many. Errors: TF020 unknown queue, 22023 most';

-- What worker `jobs` of the daemon runs. An operator's settings stay.
SELECT tenfold.create_queue('http_call') WHERE NOT EXISTS (SELECT FROM tenfold.queue q WHERE q.name = 'http_call');
