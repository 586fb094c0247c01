-- The rings: what every consumer has seen is emptied, and what comes next goes elsewhere.

CREATE OR REPLACE FUNCTION tenfold._slots() RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 12::smallint;
COMMENT ON FUNCTION tenfold._slots IS 'how many partitions the ring of events and ticks has';

CREATE OR REPLACE FUNCTION tenfold._is_empty_slot(slot int) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN pg_relation_size(format('tenfold.event_%s', slot)::regclass) + pg_relation_size(format('tenfold.tick_%s', slot)::regclass) = 0;
COMMENT ON FUNCTION tenfold._is_empty_slot IS 'whether nothing was written to a slot since it was emptied';

-- Whom a slot must still serve: consumers, and whoever will begin at the newest tick.
CREATE OR REPLACE FUNCTION tenfold._readers() RETURNS SETOF tenfold.consumer_position
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  t tenfold.tick := tenfold._newest_tick();
BEGIN
  RETURN QUERY SELECT p.* FROM tenfold.consumer c CROSS JOIN LATERAL tenfold._position(c.consumer_id) p WHERE p.tick_id IS NOT NULL;
  RETURN NEXT (t.tick_id, t.event_seq, 0, 0, t.ticked_at, 0, t.incarnation, t.slot, t.snapshot)::tenfold.consumer_position;
END
$$;
COMMENT ON FUNCTION tenfold._readers IS 'the position of each consumer, and the newest tick as that of consumer 0';

CREATE OR REPLACE FUNCTION tenfold._has_unseen(slot int, p tenfold.consumer_position) RETURNS boolean
LANGUAGE plpgsql
SET enable_seqscan = off  -- no statistics are kept of the log
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  found_one boolean;
BEGIN
  EXECUTE format('SELECT EXISTS (SELECT FROM tenfold.tick_%s WHERE tick_id > $1)', slot) INTO found_one USING p.tick_id;
  IF NOT found_one THEN
    EXECUTE format('SELECT EXISTS (SELECT FROM tenfold.event_%1$s WHERE xid >= pg_snapshot_xmax($1) AND incarnation >= $2)
      OR EXISTS (SELECT FROM tenfold.event_%1$s WHERE xid = ANY (ARRAY(SELECT pg_snapshot_xip($1))) AND incarnation = $2)', slot)
      INTO found_one USING p.snapshot, p.incarnation;
  END IF;
  IF NOT found_one AND p.incarnation < (SELECT e.incarnation FROM tenfold._event_place() e) THEN
    EXECUTE format('SELECT EXISTS (SELECT FROM tenfold.event_%s WHERE incarnation > $1)', slot) INTO found_one USING p.incarnation;
  END IF;
  RETURN found_one;
END
$$;
COMMENT ON FUNCTION tenfold._has_unseen IS 'whether a slot holds an event or a tick that a position is not beyond';

-- Under a lock that nobody who has written here can hold beside: all there is, is committed. The newest tick moves on.
CREATE OR REPLACE FUNCTION tenfold._empty_slot(slot int) RETURNS boolean
LANGUAGE plpgsql
SET lock_timeout = '100ms'
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  EXECUTE format('LOCK TABLE tenfold.event_%1$s, tenfold.tick_%1$s IN ACCESS EXCLUSIVE MODE', slot);
  IF EXISTS (SELECT FROM tenfold._readers() p WHERE tenfold._has_unseen(_empty_slot.slot, p)) THEN
    RETURN false;
  END IF;
  INSERT INTO tenfold.tick (tick_id, event_seq, settled_xid, ticked_at, incarnation, slot, snapshot)
    SELECT t.tick_id, t.event_seq, t.settled_xid, t.ticked_at, t.incarnation, s.slot, t.snapshot
    FROM tenfold._newest_tick() t CROSS JOIN tenfold.event_state s WHERE t.slot = _empty_slot.slot;
  EXECUTE format('TRUNCATE tenfold.event_%1$s, tenfold.tick_%1$s', slot);
  RETURN true;
END
$$;
COMMENT ON FUNCTION tenfold._empty_slot IS 'empties a slot if every reader is beyond it; raises 55P03 if somebody still writes or reads it';

CREATE OR REPLACE FUNCTION tenfold._try_to_empty(slot int) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF EXISTS (SELECT FROM tenfold._readers() p WHERE tenfold._has_unseen(_try_to_empty.slot, p)) THEN
    RETURN NULL;
  END IF;
  RETURN CASE WHEN tenfold._empty_slot(slot) THEN format('emptied slot %s', slot) END;
EXCEPTION WHEN lock_not_available THEN
  RETURN format('slot %s is in use', slot);
END
$$;
COMMENT ON FUNCTION tenfold._try_to_empty IS 'empties a slot if it can; says so, or what hinders';

-- Each slot that is kept doubles how long the next one lasts.
CREATE OR REPLACE FUNCTION tenfold._turn_slots() RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  state tenfold.event_state;
  kept int;
  free int;
BEGIN
  SELECT * INTO state FROM tenfold.event_state;
  SELECT count(*) FILTER (WHERE NOT e.is_empty AND s <> state.slot), min(s) FILTER (WHERE e.is_empty AND s <> state.slot) INTO kept, free
    FROM generate_series(0, tenfold._slots() - 1) s CROSS JOIN LATERAL (SELECT tenfold._is_empty_slot(s) AS is_empty) e;
  IF tenfold._is_empty_slot(state.slot) OR clock_timestamp() < state.slot_since + interval '1 minute' * 2 ^ greatest(kept - 1, 0) THEN
    RETURN NULL;
  ELSIF free IS NULL THEN
    RETURN format('no slot is empty, so slot %s grows: a consumer stays behind', state.slot);
  END IF;
  UPDATE tenfold.event_state SET slot = free, slot_since = clock_timestamp(), written_by = '0';
  UPDATE tenfold.event_state SET written_by = xmin;
  RETURN format('turned to slot %s', free);
END
$$;
COMMENT ON FUNCTION tenfold._turn_slots IS 'lets what comes go to an empty slot, once the current one has lasted; says so';

-- In two steps, each in a transaction of its own: whoever reads sees a row here or there.
CREATE OR REPLACE FUNCTION tenfold._empty_positions(slot int) RETURNS text
LANGUAGE plpgsql
SET lock_timeout = '100ms'
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  copied int;
BEGIN
  EXECUTE format('LOCK TABLE tenfold.consumer_position_%s IN ACCESS EXCLUSIVE MODE', slot);
  INSERT INTO tenfold.consumer_position
      (tick_id, event_seq, within_tick, after_event, moved_at, consumer_id, incarnation, slot, snapshot)
    SELECT p.tick_id, p.event_seq, p.within_tick, p.after_event, p.moved_at, p.consumer_id, p.incarnation,
      tenfold._position_slot(), p.snapshot
    FROM tenfold.consumer c CROSS JOIN LATERAL tenfold._position(c.consumer_id) p
    WHERE p.slot = _empty_positions.slot AND NOT EXISTS (
      SELECT FROM tenfold.consumer_position n WHERE n.consumer_id = p.consumer_id AND n.slot <> p.slot
        AND (n.tick_id, n.after_event) = (p.tick_id, p.after_event));
  GET DIAGNOSTICS copied = ROW_COUNT;
  IF copied > 0 THEN
    RETURN format('copied %s positions', copied);
  END IF;
  EXECUTE format('TRUNCATE tenfold.consumer_position_%s', slot);
  RETURN 'emptied the oldest positions';
END
$$;
COMMENT ON FUNCTION tenfold._empty_positions IS 'copies on what is newest in a table of positions, or empties it; raises 55P03 if somebody still writes or reads it';

CREATE OR REPLACE FUNCTION tenfold._turn_positions() RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  oldest int := (tenfold._position_slot() + 1) % 3;
BEGIN
  IF pg_relation_size(format('tenfold.consumer_position_%s', oldest)::regclass) > 0 THEN
    RETURN tenfold._empty_positions(oldest);
  END IF;
  RETURN NULL;
EXCEPTION WHEN lock_not_available THEN
  RETURN 'the oldest positions are in use';
END
$$;
COMMENT ON FUNCTION tenfold._turn_positions IS 'a step towards an empty table of positions for the next five minutes; says what it did';

CREATE OR REPLACE FUNCTION tenfold.rotate_events() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER  -- workers and operators rotate, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  done text;
BEGIN
  PERFORM tenfold._refuse_old_snapshot();
  IF NOT tenfold._try_lock('log', 0) THEN
    RETURN 'somebody ticks or rotates right now';
  END IF;
  DELETE FROM tenfold.consumer_instance i WHERE i.expires_at < clock_timestamp() - interval '1 day';
  done := concat_ws('; ', tenfold._turn_positions(), (SELECT string_agg(tenfold._try_to_empty(s), '; ') FROM generate_series(0, tenfold._slots() - 1) s
    WHERE s <> (SELECT e.slot FROM tenfold.event_state e) AND NOT tenfold._is_empty_slot(s)), tenfold._turn_slots());
  RETURN coalesce(nullif(done, ''), 'nothing to do');
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.rotate_events FROM PUBLIC;
COMMENT ON FUNCTION tenfold.rotate_events IS
  'empties what every consumer is beyond, and lets what comes next go to an empty part of the log; says what it did. Whatever is in use is left for the next time. pg_cron runs it each minute. Errors: 25001 not READ COMMITTED';
