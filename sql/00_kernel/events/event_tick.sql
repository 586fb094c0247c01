-- Ticks: the ends of batches.

-- Two ticks must not have one snapshot, and a position must not be read as it was.
CREATE OR REPLACE FUNCTION tenfold._refuse_old_snapshot() RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'a transaction of % cannot see how far the log is', upper(current_setting('transaction_isolation') COLLATE "C")
      USING ERRCODE = '25001', HINT = 'Begin it with ISOLATION LEVEL READ COMMITTED.';
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._refuse_old_snapshot IS 'raises 25001 unless each statement has a snapshot of its own';

CREATE OR REPLACE FUNCTION tenfold._newest_tick() RETURNS tenfold.tick
LANGUAGE plpgsql
SET enable_seqscan = off  -- no statistics are kept of the log
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  newest tenfold.tick;
BEGIN
  SELECT * INTO newest FROM tenfold.tick t ORDER BY t.tick_id DESC LIMIT 1;
  RETURN newest;
END
$$;
COMMENT ON FUNCTION tenfold._newest_tick IS 'the newest tick; there always is one';

CREATE OR REPLACE FUNCTION tenfold._event_seq() RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END FROM tenfold.event_id s $$;
COMMENT ON FUNCTION tenfold._event_seq IS 'the highest event id given out so far';

-- Who publishes in the copy counts its events to the next incarnation already. There may be such events from another
-- copy, which was dumped before it ever ticked: committed, with xids that this cluster may not have reached.
-- Where this is no copy, though its xids were set back, who publishes does not know: he is waited for (each has read the
-- state), since the closing tick sees what is not committed, too.
CREATE OR REPLACE FUNCTION tenfold._open_incarnation(last tenfold.tick, is_copy boolean) RETURNS tenfold.tick
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  closed int := (SELECT s.incarnation FROM tenfold.event_state s);
BEGIN
  IF NOT is_copy THEN
    LOCK TABLE tenfold.event_state IN ACCESS EXCLUSIVE MODE;
  END IF;
  UPDATE tenfold.event e SET xid = '1' WHERE e.incarnation > closed AND e.xid >= pg_snapshot_xmax(pg_current_snapshot());
  last := (last.tick_id + 1, greatest(last.event_seq, tenfold._event_seq()), NULL, clock_timestamp(), closed, (SELECT e.slot FROM tenfold._event_place() e),
    '9223372036854775807:9223372036854775807:');
  INSERT INTO tenfold.tick SELECT last.*;
  UPDATE tenfold.event_state SET incarnation = closed + 1, system_identifier = tenfold._system_identifier(), written_by = '0';
  UPDATE tenfold.event_state SET written_by = xmin;
  RETURN last;
END
$$;
COMMENT ON FUNCTION tenfold._open_incarnation IS 'closes the incarnation by a tick that sees all of it, opens the next one; gives that tick';

-- pg_current_snapshot() never lists the transaction that asks, and once a younger one has ended counts it among those that
-- are over. But what it publishes is yet to be seen: a consumer that begins at its own tick would miss it.
CREATE OR REPLACE FUNCTION tenfold._tick_snapshot() RETURNS pg_snapshot
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  now CONSTANT pg_snapshot := pg_current_snapshot();
  own CONSTANT xid8 := pg_current_xact_id_if_assigned();
BEGIN
  IF own IS NULL OR own >= pg_snapshot_xmax(now) THEN
    RETURN now;
  END IF;
  RETURN format('%s:%s:%s', least(pg_snapshot_xmin(now), own), pg_snapshot_xmax(now),
    (SELECT string_agg(x.xid::text, ',' ORDER BY x.xid) FROM (SELECT pg_snapshot_xip(now) UNION SELECT own) AS x(xid)))::pg_snapshot;
END
$$;
COMMENT ON FUNCTION tenfold._tick_snapshot IS 'the snapshot of a tick: as of now, with the caller''s own transaction under way';

-- Under the lock, each step in a statement of its own: the sequence is read before the snapshot is taken. Relays hand out what
-- a tick shows, so it must survive a crash once it is seen.
CREATE OR REPLACE FUNCTION tenfold._tick() RETURNS tenfold.tick
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  is_young boolean := pg_current_xact_id_if_assigned() IS NULL;
  last tenfold.tick := tenfold._newest_tick();
  is_foreign boolean := pg_snapshot_xmax(last.snapshot) > pg_snapshot_xmax(pg_current_snapshot());
  place record;
  made tenfold.tick;
BEGIN
  SELECT * INTO place FROM tenfold._event_place();
  IF place.is_copy OR is_foreign THEN
    last := tenfold._open_incarnation(last, place.is_copy);
    SELECT * INTO place FROM tenfold._event_place();
    is_young := false;
  END IF;
  made.event_seq := greatest(last.event_seq, tenfold._event_seq());
  IF last.incarnation = place.incarnation AND last.event_seq = made.event_seq THEN
    IF pg_snapshot_xmin(last.snapshot) >= last.settled_xid THEN
      RETURN last;
    END IF;
    made.settled_xid := last.settled_xid;
  END IF;
  IF made.settled_xid IS NULL AND is_young THEN
    made.settled_xid := pg_current_xact_id();
  END IF;
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'local', true);
  END IF;
  INSERT INTO tenfold.tick AS t (tick_id, event_seq, settled_xid, ticked_at, incarnation, slot, snapshot)
    VALUES (last.tick_id + 1, made.event_seq, made.settled_xid, clock_timestamp(), place.incarnation, place.slot, tenfold._tick_snapshot())
    RETURNING * INTO made;
  RETURN made;
END
$$;
COMMENT ON FUNCTION tenfold._tick IS 'the work of tick(), for who holds its lock';

CREATE OR REPLACE FUNCTION tenfold.tick() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER  -- workers tick, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._refuse_old_snapshot();
  IF tenfold._try_lock('log', 0) THEN
    RETURN (tenfold._tick()).tick_id;
  END IF;
  RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.tick FROM PUBLIC;
COMMENT ON FUNCTION tenfold.tick IS
  'ends a batch: what is committed by now can be consumed. Gives the newest tick, an old one while there is nothing new to see; NULL: somebody else ticks right now. In a copy of the database (a restored dump) it first closes what was published before. Errors: 25001 not READ COMMITTED';
