-- What the log can prove of itself. Of an event that was handled it keeps nothing, and an id may be rolled back: so nothing is
-- counted. But ticks have no gaps, each slot has those of one stretch, and a position is a copy of a tick.

CREATE OR REPLACE FUNCTION tenfold._lost_ticks(position_tick bigint) RETURNS bigint
LANGUAGE plpgsql
SET enable_seqscan = off  -- no statistics are kept of the log
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN (
    WITH slot AS MATERIALIZED (
      SELECT r.first, r.last FROM generate_series(0, tenfold._slots() - 1) n
      CROSS JOIN LATERAL (SELECT min(t.tick_id) AS first, max(t.tick_id) AS last FROM tenfold.tick t WHERE t.slot = n) r WHERE r.last IS NOT NULL
    ), unread AS (  -- who began at the beginning had no right to what was gone by then
      SELECT CASE WHEN position_tick = 0 THEN min(s.first) - 1 ELSE position_tick END AS after, max(s.last) AS newest FROM slot s
    )
    SELECT u.newest - u.after - (SELECT coalesce(sum(s.last - greatest(s.first - 1, u.after)), 0) FROM slot s WHERE s.last > u.after) FROM unread u);
END
$$;
COMMENT ON FUNCTION tenfold._lost_ticks IS 'how many ticks after this one are not in the log; negative: this one is beyond it';

CREATE OR REPLACE FUNCTION tenfold._has_foreign_events() RETURNS boolean
LANGUAGE plpgsql
SET enable_seqscan = off  -- no statistics are kept of the log
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  newest tenfold.tick := tenfold._newest_tick();
BEGIN
  RETURN (
    SELECT NOT s.is_copy AND pg_snapshot_xmax(newest.snapshot) <= x.next AND EXISTS (
      SELECT FROM tenfold.event e WHERE e.xid >= x.next AND e.xid IS DISTINCT FROM pg_current_xact_id_if_assigned() AND e.incarnation >= s.incarnation)
    FROM tenfold._event_place() s CROSS JOIN (SELECT pg_snapshot_xmax(pg_current_snapshot()) AS next) x);
END
$$;
COMMENT ON FUNCTION tenfold._has_foreign_events IS 'whether there are events of transactions that this cluster has not had, and no tick will tell that it is a copy';

CREATE OR REPLACE FUNCTION tenfold._log_problem(p tenfold.consumer_position) RETURNS text
LANGUAGE plpgsql
SET enable_seqscan = off  -- no statistics are kept of the log
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  lost bigint := tenfold._lost_ticks(p.tick_id);
BEGIN
  RETURN CASE
    WHEN p.tick_id IS NULL THEN 'it has no position, so it gets nothing'
    WHEN lost < 0 THEN format('it stands at tick %s, beyond the log: it gets nothing until the log is there', p.tick_id)
    WHEN EXISTS (SELECT FROM tenfold.tick t WHERE t.tick_id = p.tick_id AND (t.incarnation, t.event_seq, t.snapshot::text) <> (p.incarnation, p.event_seq, p.snapshot::text))
      THEN format('tick %s of the log is not the one that it stands at: the two are of different copies', p.tick_id)
    WHEN lost > 0 THEN format('%s ticks after its position are gone from the log, with their events', lost)
    WHEN tenfold._has_foreign_events() THEN 'the log holds events of transactions that this cluster has not had'
  END;
END
$$;
COMMENT ON FUNCTION tenfold._log_problem IS 'what is wrong between a position and the log; NULL: nothing';

-- A slot may be emptied between two looks: what is found twice is so.
CREATE OR REPLACE FUNCTION tenfold.audit_events(OUT consumer text, OUT "position" bigint, OUT problem text, OUT ok boolean) RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER  -- operators audit, and read no table of the log
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  c record;
  p tenfold.consumer_position;
BEGIN
  FOR c IN SELECT n.consumer_id, n.name FROM tenfold.consumer n ORDER BY n.name LOOP
    BEGIN
      FOR look IN 1..2 LOOP
        p := tenfold._position(c.consumer_id);
        problem := tenfold._log_problem(p);
        EXIT WHEN problem IS NULL;
      END LOOP;
    EXCEPTION WHEN OTHERS THEN
      PERFORM tenfold._note_bad_row('audit_events', format('consumer %s', c.name), SQLSTATE, SQLERRM);
      problem := SQLERRM;
    END;
    consumer := c.name;
    "position" := p.tick_id;
    ok := problem IS NULL;
    RETURN NEXT;
  END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.audit_events FROM PUBLIC;
COMMENT ON FUNCTION tenfold.audit_events IS
  'proves for each consumer that every tick between its position and the newest is still in the log, and that the position is one of this log: so nothing that it has not read was emptied, nothing is passed over, and nothing comes twice, as after tables that were restored one by one. '
  'It looks at the ends of each partition, never at the events, and costs nothing when they are written. It cannot tell whether what was read was handled, nor whether rows were deleted within a partition. Where a relay and Kafka differ is in tenfold.relay_status';
