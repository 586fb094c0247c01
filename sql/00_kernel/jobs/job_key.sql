-- Concurrency keys, and the order in which everything about jobs is locked. Who keeps it waits in no circle:
--
-- 1. Running jobs, by ascending job_id: _lock_running(). A claim passes over what is locked, and waits for no row. So do
--    expiry and whoever takes parked jobs.
-- 2. Concurrency keys, by ascending _key_lock(), last and once in a call: _admit_keys(), _release_keys(), _try_release_keys().
--
-- A dedupe key goes with the row of its job; enqueue_many() and redrive() take several in their own order. A transaction
-- of several calls goes through all this several times: it can meet another in a circle, and must be ready for 40P01.

-- One is in order by itself.
CREATE OR REPLACE FUNCTION tenfold._lock_running(job_ids bigint[]) RETURNS void
LANGUAGE plpgsql
SET enable_seqscan = off  -- statistics of a queue are always of another time
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF cardinality(job_ids) > 1 THEN
    PERFORM FROM tenfold.job_running r WHERE r.job_id = ANY (job_ids) ORDER BY r.job_id FOR UPDATE;
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._lock_running IS 'locks running jobs, in the order of their ids, before one statement ends or changes them all';

CREATE OR REPLACE FUNCTION tenfold._key_lock(queue_id int, concurrency_key text) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN hashtextextended(concurrency_key, queue_id);
COMMENT ON FUNCTION tenfold._key_lock IS 'the key of the lock (_lock(), job_key) of a concurrency key; who takes several takes them in ascending order';

-- Under the key's lock until the transaction ends, so that two who count do not both find the last place free.
CREATE OR REPLACE FUNCTION tenfold._free_places(q tenfold.queue, key text) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._lock('job_key', tenfold._key_lock(q.queue_id, key));
  RETURN greatest(0, q.concurrency - (SELECT count(*) FROM tenfold.job_running r WHERE r.queue_id = q.queue_id AND r.concurrency_key = key));
END
$$;
COMMENT ON FUNCTION tenfold._free_places IS 'how many more jobs of a concurrency key may run; locks the key';

CREATE OR REPLACE FUNCTION tenfold._take_parked(q tenfold.queue, key text, most bigint) RETURNS SETOF tenfold.job_parked
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  DELETE FROM tenfold.job_parked p WHERE p.ctid = ANY (ARRAY(
    SELECT c.ctid FROM tenfold.job_parked c WHERE c.queue_id = q.queue_id AND c.concurrency_key = key
    ORDER BY c.job_id LIMIT most FOR UPDATE SKIP LOCKED))
  RETURNING p.*;
$$;
COMMENT ON FUNCTION tenfold._take_parked IS 'takes the oldest parked jobs of a key';

CREATE OR REPLACE FUNCTION tenfold._admit(q tenfold.queue, key text, worker text, most bigint) RETURNS SETOF tenfold.job_running
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  places bigint := least(tenfold._free_places(q, key), most);
BEGIN
  RETURN QUERY INSERT INTO tenfold.job_running
    SELECT t.job_id, t.queue_id, t.priority, t.due_at, t.attempts + 1, t.max_attempts, t.created_at, t.dedupe_key, t.concurrency_key, t.last_error, t.payload,
      nextval('tenfold.job_epoch'), worker, clock_timestamp(), clock_timestamp() + q.lease
    FROM tenfold._take_parked(q, key, places) t RETURNING *;
END
$$;
COMMENT ON FUNCTION tenfold._admit IS 'starts as many of a key''s parked jobs as may run beside those that do, and as are wanted';

-- Counting the rest is left to _free_places(): more than may run would only be parked again.
CREATE OR REPLACE FUNCTION tenfold._release_key(q tenfold.queue, key text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
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

CREATE OR REPLACE FUNCTION tenfold._release_keys(queue_ids int[], keys text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  held record;
BEGIN
  -- all or none: the end of a job and what it lets go on are one transaction
  FOR held IN SELECT DISTINCT u.queue_id, u.key, tenfold._key_lock(u.queue_id, u.key) AS lock
      FROM unnest(queue_ids, keys) AS u(queue_id, key) WHERE u.key IS NOT NULL ORDER BY lock LOOP
    PERFORM tenfold._release_key(q, held.key) FROM tenfold.queue q WHERE q.queue_id = held.queue_id;
  END LOOP;
END
$$;
COMMENT ON FUNCTION tenfold._release_keys IS 'lets the next parked jobs of these keys go on, of each pair of queue and key; locks them in their order';

CREATE OR REPLACE FUNCTION tenfold._try_release_keys(queue_ids int[], keys text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  held record;
BEGIN
  FOR held IN SELECT DISTINCT u.queue_id, u.key, tenfold._key_lock(u.queue_id, u.key) AS lock
      FROM unnest(queue_ids, keys) AS u(queue_id, key) WHERE u.key IS NOT NULL ORDER BY lock LOOP
    BEGIN
      PERFORM tenfold._release_key(q, held.key) FROM tenfold.queue q WHERE q.queue_id = held.queue_id;
    EXCEPTION WHEN OTHERS THEN
      PERFORM tenfold._note_bad_row('release_keys', format('key %s of queue %s', held.key, held.queue_id), SQLSTATE, SQLERRM);
    END;
  END LOOP;
END
$$;
COMMENT ON FUNCTION tenfold._try_release_keys IS 'as _release_keys(), but a key whose jobs cannot go on stops no other';
