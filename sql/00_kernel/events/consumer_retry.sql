-- What a consumer could not handle. An event that failed blocks its key: later ones are parked behind it, so that each
-- key keeps its order. A copy can be retried once the consumer's position is beyond the event; until then its batch is not over.

CREATE OR REPLACE FUNCTION tenfold._blocks(state text, on_dead text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN state <> 'dead' OR on_dead = 'park';
COMMENT ON FUNCTION tenfold._blocks IS 'whether later events of the key wait for an event in this state';

CREATE OR REPLACE FUNCTION tenfold._park(c tenfold.consumer, e tenfold.event) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO tenfold.event_retry (consumer_id, event_id, state, attempts, due_at, xid, incarnation, topic_id, key, payload, headers, published_at)
  VALUES ((c).consumer_id, (e).event_id, 'parked', 0, clock_timestamp(), (e).xid, (e).incarnation, (e).topic_id, (e).key, (e).payload, (e).headers, (e).published_at)
  ON CONFLICT ON CONSTRAINT event_retry_pkey DO NOTHING
$$;
COMMENT ON FUNCTION tenfold._park IS 'sets an event aside until its key is free';

CREATE OR REPLACE FUNCTION tenfold._park_blocked(c tenfold.consumer, t tenfold.tick, seen pg_snapshot) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._park(c, e) FROM tenfold._batch(t.incarnation, seen, t.snapshot, c.topic_ids) e
    WHERE EXISTS (SELECT FROM tenfold.event_retry r WHERE r.consumer_id = c.consumer_id AND r.topic_id = e.topic_id AND r.key = e.key
                  AND r.event_id < e.event_id AND tenfold._blocks(r.state, c.on_dead));
END
$$;
COMMENT ON FUNCTION tenfold._park_blocked IS 'sets aside the events of a batch whose key has failed';

-- Of events that failed in this very transaction: the batch was read before that. Those behind one that is dead, too, were
-- not handled: where it blocks nothing, they come with the next retries.
CREATE OR REPLACE FUNCTION tenfold._park_followers(c tenfold.consumer, t tenfold.tick, seen pg_snapshot) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF EXISTS (SELECT FROM tenfold.event_retry r WHERE r.consumer_id = c.consumer_id AND r.failed_in = pg_current_xact_id_if_assigned()) THEN
    PERFORM tenfold._park(c, e) FROM tenfold._batch(t.incarnation, seen, t.snapshot, c.topic_ids) e
      WHERE EXISTS (SELECT FROM tenfold.event_retry r WHERE r.consumer_id = c.consumer_id AND r.topic_id = e.topic_id AND r.key = e.key
                    AND r.event_id < e.event_id AND r.failed_in = pg_current_xact_id());
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._park_followers IS 'sets aside the events of a batch that follow one that has just failed';

-- From the last tick but one before it was published: its transaction was under way then, or began later.
CREATE OR REPLACE FUNCTION tenfold._seek_event(p tenfold.consumer_position, wanted_id bigint) RETURNS tenfold.event
LANGUAGE plpgsql
SET enable_seqscan = off  -- no statistics are kept of the log
SET enable_bitmapscan = off
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  t tenfold.tick;
  seen pg_snapshot := p.snapshot;
  e tenfold.event;
BEGIN
  SELECT * INTO t FROM tenfold.tick n WHERE n.event_seq < wanted_id AND n.tick_id > p.tick_id ORDER BY n.event_seq DESC, n.tick_id DESC OFFSET 1 LIMIT 1;
  IF t.incarnation = p.incarnation THEN
    seen := t.snapshot;
  END IF;
  SELECT n.* INTO e FROM tenfold.event n
    WHERE n.event_id = wanted_id AND n.xid = ANY (ARRAY(SELECT pg_snapshot_xip(seen))) AND NOT tenfold._is_seen(p, n.incarnation, n.xid);
  IF NOT FOUND THEN
    SELECT n.* INTO e FROM tenfold.event n
      WHERE n.event_id = wanted_id AND n.xid >= pg_snapshot_xmax(seen) AND NOT tenfold._is_seen(p, n.incarnation, n.xid) ORDER BY n.xid LIMIT 1;
  END IF;
  IF NOT FOUND AND p.incarnation < (SELECT s.incarnation FROM tenfold._event_place() s) THEN
    SELECT n.* INTO e FROM tenfold.event n WHERE n.event_id = wanted_id AND n.incarnation > p.incarnation;
  END IF;
  RETURN e;
END
$$;
COMMENT ON FUNCTION tenfold._seek_event IS 'an event beyond a position, by its id; NULL where there is none';

CREATE OR REPLACE FUNCTION tenfold._is_finished(p tenfold.consumer_position, e tenfold.event) RETURNS boolean
LANGUAGE plpgsql
SET enable_seqscan = off  -- no statistics are kept of the log
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN e.event_id <= p.after_event AND EXISTS (
    SELECT FROM tenfold.tick t WHERE t.tick_id = p.within_tick AND t.incarnation = e.incarnation AND pg_visible_in_snapshot(e.xid, t.snapshot));
END
$$;
COMMENT ON FUNCTION tenfold._is_finished IS 'whether an event beyond a position belongs to the part of its batch that is finished';

CREATE OR REPLACE FUNCTION tenfold._failed_event(c tenfold.consumer, wanted_id bigint) RETURNS tenfold.event_retry
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  r tenfold.event_retry;
  e tenfold.event;
BEGIN
  SELECT * INTO r FROM tenfold.event_retry n WHERE n.consumer_id = c.consumer_id AND n.event_id = wanted_id AND n.state <> 'dead';
  IF NOT FOUND THEN
    e := tenfold._seek_event(tenfold._position(c.consumer_id), wanted_id);
    IF e.event_id IS NULL OR tenfold._is_finished(tenfold._position(c.consumer_id), e) THEN
      RAISE EXCEPTION 'event % does not stand before consumer "%"', wanted_id, c.name USING ERRCODE = 'TF056', HINT = 'It was finished before, or is dead.';
    END IF;
    PERFORM tenfold._park(c, e);
    SELECT * INTO r FROM tenfold.event_retry n WHERE n.consumer_id = c.consumer_id AND n.event_id = wanted_id;
  END IF;
  RETURN r;
END
$$;
COMMENT ON FUNCTION tenfold._failed_event IS 'the copy of an event that failed, made at its first failure; raises TF056';

CREATE OR REPLACE FUNCTION tenfold.fail_event(consumer text, epoch bigint, event_id bigint, reason text, retry boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER  -- as next_batch
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  c tenfold.consumer := tenfold._lock_consumer(consumer, epoch);
  failed tenfold.event_retry := tenfold._failed_event(c, event_id);
  is_dead boolean := NOT coalesce(retry, true) OR failed.attempts + 1 >= c.max_attempts;
  wait interval := tenfold._backoff(c.backoff_base, c.backoff_cap, failed.attempts + 1);
BEGIN
  UPDATE tenfold.event_retry r SET state = CASE WHEN is_dead THEN 'dead' ELSE 'retry' END, attempts = r.attempts + 1, due_at = clock_timestamp() + wait,
      reason = left(coalesce(fail_event.reason, 'no reason given'), 10000), failed_in = pg_current_xact_id()
    WHERE r.consumer_id = c.consumer_id AND r.event_id = fail_event.event_id;
  RETURN CASE WHEN is_dead THEN 'dead' ELSE 'retry' END;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.fail_event FROM PUBLIC;
COMMENT ON FUNCTION tenfold.fail_event IS
  'keeps a copy of an event that could not be handled, of the batch under way or of next_retries(): retry, it comes again after a wait, or dead, it was the last attempt or retry is false. In the transaction of the batch''s other effects and of finish_batch(). '
  'Later events of its topic and key in the batch must not be handled: finish_batch() sets them aside. Errors: TF050 the consumer was given on, TF056 no such event stands before it, TF052 unknown consumer, 25001 not READ COMMITTED';

-- Of each key, those from its first on, as far as nothing stands in the way.
CREATE OR REPLACE FUNCTION tenfold.next_retries(
  consumer text, epoch bigint, max_events int DEFAULT 1000, max_bytes bigint DEFAULT NULL,
  OUT event_id bigint, OUT topic text, OUT key text, OUT payload jsonb, OUT headers jsonb, OUT published_at timestamptz, OUT attempt int) RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER  -- as next_batch
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  c tenfold.consumer := tenfold._consumer(consumer);
  p tenfold.consumer_position;
BEGIN
  PERFORM tenfold._refuse_old_snapshot(), tenfold._refuse_fenced(c, epoch), tenfold._in_range('max_events', max_events, 1, 1000000);
  IF max_bytes < 1 THEN
    RAISE EXCEPTION 'retries of % bytes', max_bytes USING ERRCODE = '22023', HINT = 'At least 1; NULL: all that there are.';
  END IF;
  p := tenfold._position(c.consumer_id);
  RETURN QUERY SELECT b.event_id, b.name, b.key, b.payload, b.headers, b.published_at, b.attempts + 1
    FROM (SELECT l.*, sum(l.bytes) OVER (ORDER BY l.event_id ROWS UNBOUNDED PRECEDING) - l.bytes AS bytes_before
          FROM tenfold._due_retries(c, p, max_events, max_bytes IS NOT NULL) l) b
    WHERE b.bytes_before = 0 OR b.bytes_before + b.bytes <= max_bytes ORDER BY b.event_id;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.next_retries FROM PUBLIC;
COMMENT ON FUNCTION tenfold.next_retries IS
  'failed events that are due again, each followed by those parked behind it, in the order of their ids; attempt counts from 1. max_bytes: as many as have no more bytes of key, payload and headers as text, and at least one. '
  'Once one fails, those after it of its topic and key must not be handled: they stay parked. Errors: TF052 unknown consumer, TF050 it was given on, 22023 max_events or max_bytes, 25001 not READ COMMITTED';

CREATE OR REPLACE FUNCTION tenfold._due_retries(c tenfold.consumer, p tenfold.consumer_position, max_events int, with_bytes boolean,
  OUT event_id bigint, OUT name text, OUT key text, OUT payload jsonb, OUT headers jsonb, OUT published_at timestamptz, OUT attempts int, OUT bytes bigint)
RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY SELECT d.event_id, t.name, d.key, d.payload, d.headers, d.published_at, d.attempts,
      CASE WHEN with_bytes THEN tenfold._event_bytes(d.key, d.payload, d.headers) ELSE 0 END
    FROM (SELECT r.*, bool_and(r.state <> 'dead' AND r.due_at <= clock_timestamp() AND tenfold._is_seen(p, r.incarnation, r.xid))
            OVER (PARTITION BY r.topic_id, r.key, CASE WHEN r.key IS NULL THEN r.event_id END ORDER BY r.event_id) AS is_due
          FROM tenfold.event_retry r WHERE r.consumer_id = c.consumer_id AND tenfold._blocks(r.state, c.on_dead)) d
    JOIN tenfold.topic t ON t.topic_id = d.topic_id
    WHERE d.is_due ORDER BY d.event_id LIMIT max_events;
END
$$;
COMMENT ON FUNCTION tenfold._due_retries IS 'failed events that are due, with those parked behind them; bytes: 0 unless asked for';

CREATE OR REPLACE FUNCTION tenfold.finish_retries(consumer text, epoch bigint, event_ids bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- as next_batch
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  c tenfold.consumer := tenfold._lock_consumer(consumer, epoch);
  p tenfold.consumer_position := tenfold._position(c.consumer_id);
  finished int;
BEGIN
  PERFORM tenfold._check_lists('event_ids', event_ids);
  DELETE FROM tenfold.event_retry r WHERE r.consumer_id = c.consumer_id AND r.event_id = ANY (event_ids) AND r.state <> 'dead'
    AND tenfold._is_seen(p, r.incarnation, r.xid);
  GET DIAGNOSTICS finished = ROW_COUNT;
  IF finished <> cardinality(event_ids) THEN
    RAISE EXCEPTION 'consumer "%" has % of these % events to retry', c.name, finished, cardinality(event_ids)
      USING ERRCODE = 'TF051', HINT = 'The others were finished before: roll back, and ask next_retries().';
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.finish_retries FROM PUBLIC;
COMMENT ON FUNCTION tenfold.finish_retries IS
  'ends retries, in the transaction of their effects. Errors, after which the transaction must roll back: TF050 the consumer was given on, TF051 some were finished before; TF052 unknown consumer, 25001 not READ COMMITTED';

CREATE OR REPLACE FUNCTION tenfold.redrive_events(consumer text, event_ids bigint[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER  -- operators redrive, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  id int := (tenfold._consumer(consumer)).consumer_id;
  redriven bigint;
BEGIN
  PERFORM tenfold._check_lists('event_ids', event_ids);
  UPDATE tenfold.event_retry r SET state = 'retry', attempts = 0, due_at = clock_timestamp()
    WHERE r.consumer_id = id AND r.state = 'dead' AND (event_ids IS NULL OR r.event_id = ANY (event_ids));
  GET DIAGNOSTICS redriven = ROW_COUNT;
  RETURN redriven;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.redrive_events FROM PUBLIC;
COMMENT ON FUNCTION tenfold.redrive_events IS 'gives dead events, all or these, their attempts anew, at once; gives how many. Errors: TF052 unknown consumer';

CREATE OR REPLACE FUNCTION tenfold.discard_events(consumer text, event_ids bigint[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER  -- as redrive_events
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  id int := (tenfold._consumer(consumer)).consumer_id;
  discarded bigint;
BEGIN
  PERFORM tenfold._check_lists('event_ids', event_ids);
  DELETE FROM tenfold.event_retry r WHERE r.consumer_id = id AND r.state = 'dead' AND r.event_id = ANY (event_ids);
  GET DIAGNOSTICS discarded = ROW_COUNT;
  RETURN discarded;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.discard_events FROM PUBLIC;
COMMENT ON FUNCTION tenfold.discard_events IS 'gives up dead events: what was parked behind them goes on; gives how many. Errors: TF052 unknown consumer';
