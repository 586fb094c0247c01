-- How far consumers are behind, for people and alarms.

-- What is committed counts, ticked or not. From the oldest on, up to a bound.
CREATE OR REPLACE FUNCTION tenfold._unread(c tenfold.consumer, p tenfold.consumer_position, bound int, OUT events bigint, OUT oldest timestamptz)
LANGUAGE plpgsql
SET enable_seqscan = off  -- no statistics are kept of the log
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  SELECT count(*), min(u.published_at) INTO events, oldest FROM (
    SELECT e.published_at FROM tenfold._batch(p.incarnation, p.snapshot, '9223372036854775807:9223372036854775807:', c.topic_ids) e
    WHERE p.after_event = 0 OR NOT tenfold._is_finished(p, e) LIMIT bound) u;
  IF events < bound AND p.incarnation < (SELECT e.incarnation FROM tenfold._event_place() e) THEN
    SELECT events + count(*), least(oldest, min(u.published_at)) INTO events, oldest FROM (
      SELECT e.published_at FROM tenfold.event e
      WHERE e.incarnation > p.incarnation AND (c.topic_ids IS NULL OR e.topic_id = ANY (c.topic_ids)) LIMIT bound - events) u;
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._unread IS 'how many events stand before a consumer, counted up to a bound, and when the oldest of these was published';

CREATE OR REPLACE FUNCTION tenfold._consumer_lag(
  OUT consumer text, OUT epoch bigint, OUT owner text, OUT tick bigint, OUT behind_events bigint, OUT behind_seconds double precision,
  OUT retrying bigint, OUT parked bigint, OUT dead bigint, OUT partitions_kept bigint) RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER  -- operators see the lag, and none of the tables behind it
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  c tenfold.consumer;
  p tenfold.consumer_position;
  unread record;
  bound CONSTANT int := 10000;
BEGIN
  FOR c IN SELECT * FROM tenfold.consumer n ORDER BY n.name LOOP
    BEGIN
      p := tenfold._position(c.consumer_id);
      SELECT * INTO unread FROM tenfold._unread(c, p, bound);
      consumer := c.name;
      epoch := c.epoch;
      owner := c.owner;
      tick := p.tick_id;
      behind_events := CASE WHEN unread.events < bound THEN unread.events ELSE greatest(tenfold._event_seq() - p.event_seq, bound) END;
      behind_seconds := coalesce(extract(epoch FROM clock_timestamp() - unread.oldest), 0);
      SELECT count(*) FILTER (WHERE r.state = 'retry'), count(*) FILTER (WHERE r.state = 'parked'), count(*) FILTER (WHERE r.state = 'dead')
        INTO retrying, parked, dead FROM tenfold.event_retry r WHERE r.consumer_id = c.consumer_id;
      partitions_kept := (SELECT count(*) FROM generate_series(0, tenfold._slots() - 1) s WHERE NOT tenfold._is_empty_slot(s) AND tenfold._has_unseen(s, p));
      RETURN NEXT;
    EXCEPTION WHEN OTHERS THEN
      PERFORM tenfold._note_bad_row('outbox_lag', format('consumer %s', c.name), SQLSTATE, SQLERRM);
    END;
  END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold._consumer_lag FROM PUBLIC;
COMMENT ON FUNCTION tenfold._consumer_lag IS 'the rows of tenfold.outbox_lag';

CREATE OR REPLACE FUNCTION tenfold._event_metrics(OUT name text, OUT labels jsonb, OUT value double precision) RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  l record;
  consumer jsonb;
BEGIN
  -- all or none: what is looked at one by one is in _consumer_lag()
  FOR l IN SELECT * FROM tenfold._consumer_lag() LOOP
    consumer := jsonb_build_object('consumer', l.consumer);
    RETURN QUERY SELECT * FROM tenfold._samples(jsonb_build_object('tenfold_consumer_behind_events', l.behind_events,
      'tenfold_consumer_behind_seconds', l.behind_seconds, 'tenfold_consumer_partitions_kept', l.partitions_kept), consumer);
    RETURN QUERY SELECT 'tenfold_consumer_failed_events', consumer || jsonb_build_object('state', s.state), s.events::double precision
      FROM (VALUES ('retry', l.retrying), ('parked', l.parked), ('dead', l.dead)) AS s(state, events);
  END LOOP;
  RETURN QUERY SELECT 'tenfold_consumer_audit_failed', jsonb_build_object('consumer', a.consumer), (NOT a.ok)::int::double precision FROM tenfold.audit_events() a;
  RETURN QUERY SELECT s.* FROM tenfold._newest_tick() t CROSS JOIN LATERAL tenfold._samples(jsonb_build_object(
    'tenfold_event_ids_total', tenfold._event_seq(), 'tenfold_event_tick_age_seconds', CASE WHEN tenfold._event_seq() > t.event_seq THEN extract(epoch FROM clock_timestamp() - t.ticked_at) ELSE 0 END,
    'tenfold_event_slots_empty', (SELECT count(*) FILTER (WHERE tenfold._is_empty_slot(s)) FROM generate_series(0, tenfold._slots() - 1) s),
    'tenfold_event_log_bytes', (SELECT sum(pg_total_relation_size(i.inhrelid)) FROM pg_inherits i
      WHERE i.inhparent IN ('tenfold.event'::regclass, 'tenfold.tick'::regclass, 'tenfold.consumer_position'::regclass)))) s;
END
$$;
COMMENT ON FUNCTION tenfold._event_metrics IS 'the metrics of the log of events and its consumers';
