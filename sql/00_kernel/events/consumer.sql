-- Consumers, and what each batch holds. consumer_lease.sql has who may read, consumer_retry.sql what failed.

CREATE OR REPLACE FUNCTION tenfold._consumer(consumer text) RETURNS tenfold.consumer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  found_consumer tenfold.consumer;
BEGIN
  SELECT * INTO found_consumer FROM tenfold.consumer c WHERE c.name = consumer;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'unknown consumer "%"', consumer USING ERRCODE = 'TF052', HINT = format('SELECT tenfold.create_consumer(%L, ''{…topics}'');', consumer);
  END IF;
  RETURN found_consumer;
END
$$;
COMMENT ON FUNCTION tenfold._consumer IS 'the row of a consumer; raises TF052 where there is none';

CREATE OR REPLACE FUNCTION tenfold._refuse_fenced(c tenfold.consumer, epoch bigint) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF c.epoch IS DISTINCT FROM epoch THEN
    RAISE EXCEPTION 'consumer "%" was given on: epoch % is over', c.name, epoch
      USING ERRCODE = 'TF050', HINT = 'Another instance has it by now: roll back, and ask acquire_consumers().';
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._refuse_fenced IS 'raises TF050 unless this is the consumer''s epoch';

-- Locked until the transaction ends, so that of two who finish the same batch the second sees what the first did.
CREATE OR REPLACE FUNCTION tenfold._lock_consumer(consumer text, epoch bigint) RETURNS tenfold.consumer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  c tenfold.consumer;
BEGIN
  PERFORM tenfold._refuse_old_snapshot();
  SELECT * INTO c FROM tenfold.consumer n WHERE n.name = consumer FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM tenfold._consumer(consumer);
  END IF;
  PERFORM tenfold._refuse_fenced(c, epoch);
  RETURN c;
END
$$;
COMMENT ON FUNCTION tenfold._lock_consumer IS 'the row of a consumer, locked; raises 25001, TF052 or TF050';

CREATE OR REPLACE FUNCTION tenfold._position(consumer_id int) RETURNS tenfold.consumer_position
LANGUAGE plpgsql
SET enable_seqscan = off  -- no statistics are kept of the log
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  newest tenfold.consumer_position;
BEGIN
  SELECT * INTO newest FROM tenfold.consumer_position p WHERE p.consumer_id = _position.consumer_id ORDER BY p.tick_id DESC, p.after_event DESC LIMIT 1;
  RETURN newest;
END
$$;
COMMENT ON FUNCTION tenfold._position IS 'how far a consumer is';

CREATE OR REPLACE FUNCTION tenfold._position_slot() RETURNS smallint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT (extract(epoch FROM clock_timestamp())::bigint / 300 % 3)::smallint $$;
COMMENT ON FUNCTION tenfold._position_slot IS 'the table of positions that these five minutes go to';

CREATE OR REPLACE FUNCTION tenfold._move_position(consumer_id int, tick_id bigint, event_seq bigint, incarnation int, snapshot pg_snapshot,
  within_tick bigint DEFAULT 0, after_event bigint DEFAULT 0) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO tenfold.consumer_position (tick_id, event_seq, within_tick, after_event, moved_at, consumer_id, incarnation, slot, snapshot)
  VALUES (tick_id, event_seq, within_tick, after_event, clock_timestamp(), consumer_id, incarnation, tenfold._position_slot(), snapshot)
$$;
COMMENT ON FUNCTION tenfold._move_position IS 'sets how far a consumer is';

CREATE OR REPLACE FUNCTION tenfold._topic_ids(topics text[]) RETURNS int[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._check_lists('topics', topics);
  IF topics = '{*}' THEN
    RETURN NULL;
  ELSIF coalesce(cardinality(topics), 0) = 0 THEN
    RAISE EXCEPTION 'a consumer needs topics' USING ERRCODE = '22023', HINT = '{*} means all.';
  END IF;
  RETURN ARRAY(SELECT DISTINCT (tenfold._topic(name)).topic_id FROM unnest(topics) name ORDER BY 1);
END
$$;
COMMENT ON FUNCTION tenfold._topic_ids IS 'the ids of topics by name, NULL for {*}; raises TF053';

-- A tick of its own, so that "end" is now. Before the first tick there is nothing that was seen.
CREATE OR REPLACE FUNCTION tenfold._start_consumer(consumer_id int, start text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  newest tenfold.tick;
BEGIN
  PERFORM tenfold._refuse_old_snapshot();
  PERFORM tenfold._lock('log', 0);
  newest := tenfold._tick();
  IF start = 'end' THEN
    PERFORM tenfold._move_position(consumer_id, newest.tick_id, newest.event_seq, newest.incarnation, newest.snapshot);
  ELSE
    PERFORM tenfold._move_position(consumer_id, 0, 0, 0, '1:1:');
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._start_consumer IS 'gives a new consumer its position; nobody ticks until the transaction ends';

CREATE OR REPLACE FUNCTION tenfold.create_consumer(
  name text, topics text[], start text DEFAULT 'end', max_attempts int DEFAULT 5, on_dead text DEFAULT 'skip',
  backoff_base interval DEFAULT '1 second', backoff_cap interval DEFAULT '1 hour') RETURNS int
LANGUAGE plpgsql SECURITY DEFINER  -- workers make consumers, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  ids int[] := tenfold._topic_ids(topics);
  id int;
  is_new boolean;
BEGIN
  IF start IS NULL OR start NOT IN ('end', 'beginning') THEN
    RAISE EXCEPTION 'a consumer cannot start at %', quote_nullable(start) USING ERRCODE = '22023', HINT = 'At ''end'', or at the ''beginning'' of what is kept.';
  END IF;
  INSERT INTO tenfold.consumer AS c (name, topic_ids, max_attempts, on_dead, backoff_base, backoff_cap)
    VALUES (create_consumer.name, ids, create_consumer.max_attempts, create_consumer.on_dead, create_consumer.backoff_base, create_consumer.backoff_cap)
    ON CONFLICT ON CONSTRAINT consumer_name_key DO UPDATE SET (topic_ids, max_attempts, on_dead, backoff_base, backoff_cap) =
      (excluded.topic_ids, excluded.max_attempts, excluded.on_dead, excluded.backoff_base, excluded.backoff_cap)
      WHERE (c.topic_ids, c.max_attempts, c.on_dead, c.backoff_base, c.backoff_cap) IS DISTINCT FROM
        (excluded.topic_ids, excluded.max_attempts, excluded.on_dead, excluded.backoff_base, excluded.backoff_cap);
  SELECT c.consumer_id INTO id FROM tenfold.consumer c WHERE c.name = create_consumer.name;
  IF (tenfold._position(id)).tick_id IS NULL THEN
    PERFORM tenfold._start_consumer(id, start);
  END IF;
  RETURN id;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.create_consumer FROM PUBLIC;
COMMENT ON FUNCTION tenfold.create_consumer IS
  'makes a consumer of these topics ({*}: all there ever are), or gives the one of this name new settings; gives its id. start: at the end, or at the beginning of what is kept. An event that failed max_attempts times is a dead letter: with on_dead skip, later ones of its key go on, with park they wait until it is redriven or discarded. '
  'Nobody ticks until the transaction ends. Errors: TF053 unknown topic, 23514 a setting out of range, 22023 start or no topics, 25001 not READ COMMITTED';

CREATE OR REPLACE FUNCTION tenfold.drop_consumer(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- as create_consumer
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  id int := (tenfold._consumer(name)).consumer_id;
BEGIN
  DELETE FROM tenfold.consumer c WHERE c.consumer_id = id;
  DELETE FROM tenfold.event_retry r WHERE r.consumer_id = id;
  DELETE FROM tenfold.kafka_relay r WHERE r.consumer = drop_consumer.name;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.drop_consumer FROM PUBLIC;
COMMENT ON FUNCTION tenfold.drop_consumer IS 'forgets a consumer, its position and its failed events, and of a relay that Kafka must have a marker. Errors: TF052 unknown consumer';

-- Two index scans: what began after the older snapshot, and what was under way then. Inlined where it is used.
CREATE OR REPLACE FUNCTION tenfold._batch(wanted_incarnation int, seen pg_snapshot, visible pg_snapshot, topic_ids int[]) RETURNS SETOF tenfold.event
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT e.* FROM tenfold.event e
  WHERE e.xid >= pg_snapshot_xmax(seen) AND e.xid < pg_snapshot_xmax(visible) AND pg_visible_in_snapshot(e.xid, visible)
    AND e.incarnation = wanted_incarnation AND (topic_ids IS NULL OR e.topic_id = ANY (topic_ids))
  UNION ALL
  SELECT e.* FROM tenfold.event e
  WHERE e.xid = ANY (ARRAY(SELECT pg_snapshot_xip(seen))) AND pg_visible_in_snapshot(e.xid, visible)
    AND e.incarnation = wanted_incarnation AND (topic_ids IS NULL OR e.topic_id = ANY (topic_ids))
$$;
COMMENT ON FUNCTION tenfold._batch IS 'the events of an incarnation that one snapshot sees and an older one does not';

CREATE OR REPLACE FUNCTION tenfold._is_seen(p tenfold.consumer_position, incarnation int, xid xid8) RETURNS boolean
LANGUAGE sql STABLE
RETURN incarnation < (p).incarnation OR (incarnation = (p).incarnation AND pg_visible_in_snapshot(xid, (p).snapshot));
COMMENT ON FUNCTION tenfold._is_seen IS 'whether a consumer is beyond an event';

-- By the number of ids given out, in which rolled back ones count.
CREATE OR REPLACE FUNCTION tenfold._next_tick(p tenfold.consumer_position, max_events int) RETURNS tenfold.tick
LANGUAGE plpgsql
SET enable_seqscan = off  -- no statistics are kept of the log
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  first tenfold.tick;
  furthest tenfold.tick;
BEGIN
  IF p.within_tick > 0 THEN
    RETURN tenfold._tick_after(p, p.within_tick);
  END IF;
  SELECT * INTO first FROM tenfold.tick t WHERE t.tick_id > p.tick_id ORDER BY t.tick_id LIMIT 1;
  SELECT * INTO furthest FROM tenfold.tick t WHERE t.event_seq <= p.event_seq + max_events ORDER BY t.event_seq DESC, t.tick_id DESC LIMIT 1;
  IF furthest.incarnation <> first.incarnation AND furthest.tick_id > first.tick_id THEN
    SELECT * INTO furthest FROM tenfold.tick t WHERE t.tick_id > p.tick_id AND t.incarnation = first.incarnation ORDER BY t.tick_id DESC LIMIT 1;
  END IF;
  RETURN CASE WHEN furthest.tick_id > first.tick_id THEN furthest ELSE first END;
END
$$;
COMMENT ON FUNCTION tenfold._next_tick IS 'the tick that ends the next batch of a consumer; NULL where there is none yet';

CREATE OR REPLACE FUNCTION tenfold.next_batch(consumer text, epoch bigint, max_events int DEFAULT 10000,
  OUT from_tick bigint, OUT to_tick bigint, OUT after_event bigint) RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER  -- workers consume, and read no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  c tenfold.consumer := tenfold._consumer(consumer);
  p tenfold.consumer_position;
BEGIN
  PERFORM tenfold._refuse_old_snapshot(), tenfold._refuse_fenced(c, epoch);
  PERFORM tenfold._in_range('max_events', max_events, 1, 1000000);
  p := tenfold._position(c.consumer_id);
  from_tick := p.tick_id;
  after_event := p.after_event;
  to_tick := (tenfold._next_tick(p, max_events)).tick_id;
  IF to_tick IS NOT NULL THEN
    RETURN NEXT;
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.next_batch FROM PUBLIC;
COMMENT ON FUNCTION tenfold.next_batch IS
  'the ticks around a consumer''s next batch, of about max_events (one tick''s may be more); no row: nothing new. after_event: up to this id it is finished already (0: not begun). Errors: TF052 unknown consumer, TF050 it was given on, 22023 max_events, 25001 not READ COMMITTED';

CREATE OR REPLACE FUNCTION tenfold._at(c tenfold.consumer, from_tick bigint) RETURNS tenfold.consumer_position
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  p tenfold.consumer_position := tenfold._position(c.consumer_id);
BEGIN
  IF p.tick_id IS DISTINCT FROM from_tick THEN
    RAISE EXCEPTION 'consumer "%" is at tick %, not at %', c.name, p.tick_id, from_tick
      USING ERRCODE = 'TF051', HINT = 'This batch was finished before: roll back, and ask next_batch().';
  END IF;
  RETURN p;
END
$$;
COMMENT ON FUNCTION tenfold._at IS 'the position of a consumer; raises TF051 unless it is at this tick';

CREATE OR REPLACE FUNCTION tenfold._tick_after(p tenfold.consumer_position, to_tick bigint) RETURNS tenfold.tick
LANGUAGE plpgsql
SET enable_seqscan = off  -- no statistics are kept of the log
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  t tenfold.tick;
BEGIN
  SELECT * INTO t FROM tenfold.tick n WHERE n.tick_id = to_tick AND n.tick_id > p.tick_id AND p.within_tick IN (0, to_tick);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no batch ends at tick %', to_tick USING ERRCODE = '22023', HINT = 'next_batch() names its ticks.';
  END IF;
  RETURN t;
END
$$;
COMMENT ON FUNCTION tenfold._tick_after IS 'a tick beyond a position, the end of the batch of which a part is finished; raises 22023 where there is none';

CREATE OR REPLACE FUNCTION tenfold._seen_before(p tenfold.consumer_position, t tenfold.tick) RETURNS pg_snapshot
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (p).incarnation = (t).incarnation THEN (p).snapshot ELSE '1:1:'::pg_snapshot END;
COMMENT ON FUNCTION tenfold._seen_before IS 'what a position has seen of a tick''s incarnation: nothing of the next one';

CREATE OR REPLACE FUNCTION tenfold._refuse_finished(c tenfold.consumer, p tenfold.consumer_position) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION 'consumer "%" has finished this batch up to event %', c.name, p.after_event
    USING ERRCODE = 'TF051', HINT = 'This part was finished before: roll back, and ask next_batch().';
END
$$;
COMMENT ON FUNCTION tenfold._refuse_finished IS 'raises TF051: a part of a batch was finished before';

-- Of what failed or was set aside there is a copy. Inlined; without retries, nobody looks for one.
CREATE OR REPLACE FUNCTION tenfold._batch_part(c tenfold.consumer, t tenfold.tick, seen pg_snapshot, after bigint, has_retries boolean)
RETURNS SETOF tenfold.event
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT e.* FROM tenfold._batch((t).incarnation, seen, (t).snapshot, (c).topic_ids) e
  WHERE e.event_id > after AND (NOT has_retries OR NOT EXISTS (
    SELECT FROM tenfold.event_retry r WHERE r.consumer_id = (c).consumer_id AND r.event_id = e.event_id))
$$;
COMMENT ON FUNCTION tenfold._batch_part IS 'the events of a batch above an id, without those that have a copy';

-- Ahead of its position nothing of the log is emptied: there, a tick is as good.
CREATE OR REPLACE FUNCTION tenfold._from(c tenfold.consumer, from_tick bigint) RETURNS tenfold.consumer_position
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  p tenfold.consumer_position := tenfold._position(c.consumer_id);
  t tenfold.tick;
BEGIN
  IF p.tick_id < from_tick THEN
    p.within_tick := 0;
    p.after_event := 0;
    t := tenfold._tick_after(p, from_tick);
    p.tick_id := t.tick_id;
    p.event_seq := t.event_seq;
    p.incarnation := t.incarnation;
    p.snapshot := t.snapshot;
    RETURN p;
  END IF;
  RETURN tenfold._at(c, from_tick);
END
$$;
COMMENT ON FUNCTION tenfold._from IS 'the position that a consumer has at this tick, or will have; raises TF051 where it is beyond, 22023 where there is no such tick';

-- The position is looked at again at the end: had somebody moved it, the events might be gone by now.
CREATE OR REPLACE FUNCTION tenfold.batch_events(
  consumer text, from_tick bigint, to_tick bigint, after_event bigint DEFAULT NULL, max_bytes bigint DEFAULT NULL,
  OUT event_id bigint, OUT topic text, OUT key text, OUT payload jsonb, OUT headers jsonb, OUT published_at timestamptz, OUT is_last boolean)
RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER  -- as next_batch
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off  -- no statistics are kept of the log
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  c tenfold.consumer := tenfold._consumer(consumer);
  p tenfold.consumer_position := tenfold._from(c, from_tick);
  t tenfold.tick := tenfold._tick_after(p, to_tick);
  seen pg_snapshot := tenfold._seen_before(p, t);
  after bigint := greatest(after_event, p.after_event);
  has_retries boolean := EXISTS (SELECT FROM tenfold.event_retry r WHERE r.consumer_id = c.consumer_id);
BEGIN
  IF max_bytes < 1 THEN
    RAISE EXCEPTION 'a batch of % bytes', max_bytes USING ERRCODE = '22023', HINT = 'At least 1; NULL: all that there are.';
  ELSIF after_event < p.after_event THEN
    PERFORM tenfold._refuse_finished(c, p);
  END IF;
  IF has_retries THEN
    PERFORM tenfold._park_blocked(c, t, seen);
  END IF;
  IF max_bytes IS NULL THEN
    RETURN QUERY SELECT e.event_id, n.name, e.key, e.payload, e.headers, e.published_at, NULL::boolean
      FROM tenfold._batch_part(c, t, seen, after, has_retries) e JOIN tenfold.topic n ON n.topic_id = e.topic_id ORDER BY e.event_id;
  ELSE
    RETURN QUERY SELECT b.event_id, b.name, b.key, b.payload, b.headers, b.published_at, b.is_last
      FROM (SELECT e.*, n.name, sum(e.bytes) OVER w AS bytes_with, lead(e.event_id) OVER w IS NULL AS is_last
            FROM tenfold._batch_part(c, t, seen, after, has_retries) e JOIN tenfold.topic n ON n.topic_id = e.topic_id
            WINDOW w AS (ORDER BY e.event_id ROWS UNBOUNDED PRECEDING)) b
      WHERE b.bytes_with <= max_bytes OR b.bytes_with = b.bytes ORDER BY b.event_id;
  END IF;
  PERFORM tenfold._from(c, from_tick);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.batch_events FROM PUBLIC;
COMMENT ON FUNCTION tenfold.batch_events IS
  'the events of a batch, in the order of their ids. Those behind a failed event of their key are set aside, for next_retries(). after_event: only those above this id; NULL: those that are not finished. '
  'max_bytes: as many as have no more bytes of key, payload and headers as text, and at least one; is_last then tells whether no event of the batch comes after this one. So a batch can be read and finished in parts, or read in parts and finished as a whole. '
  'from_tick may be ahead of the consumer''s position, for who reads on before a batch is finished: what fails in that batch would not be behind it yet. '
  'Errors: TF052 unknown consumer, TF051 it is beyond from_tick or after_event, 22023 no such ticks, max_bytes';

CREATE OR REPLACE FUNCTION tenfold.finish_batch(consumer text, epoch bigint, from_tick bigint, to_tick bigint,
  after_event bigint DEFAULT NULL, last_event bigint DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- as next_batch
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  c tenfold.consumer := tenfold._lock_consumer(consumer, epoch);
  p tenfold.consumer_position := tenfold._at(c, from_tick);
  t tenfold.tick := tenfold._tick_after(p, to_tick);
BEGIN
  IF after_event <> p.after_event OR last_event <= p.after_event THEN
    PERFORM tenfold._refuse_finished(c, p);
  END IF;
  PERFORM tenfold._park_followers(c, t, tenfold._seen_before(p, t));
  IF last_event IS NULL THEN
    PERFORM tenfold._move_position(c.consumer_id, t.tick_id, t.event_seq, t.incarnation, t.snapshot);
  ELSE
    PERFORM tenfold._move_position(c.consumer_id, p.tick_id, p.event_seq, p.incarnation, p.snapshot, to_tick, last_event);
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.finish_batch FROM PUBLIC;
COMMENT ON FUNCTION tenfold.finish_batch IS
  'ends a batch, in the transaction of its effects: both are committed, or neither. last_event: only its part up to this id; next_batch() then gives the same batch, and batch_events() what comes after. after_event: where the part began, as next_batch() said (NULL: is not compared). '
  'Errors, after which the transaction must roll back: TF050 the consumer was given on, TF051 the batch or its part was finished before, 25001 not READ COMMITTED; TF052 unknown consumer, 22023 to_tick';
