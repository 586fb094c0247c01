-- Postgres to Kafka, the database's part: what the worker `relay` asks and notes. workers/relay/marker.hpp says how it decides.

CREATE OR REPLACE FUNCTION tenfold._database_identity() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT tenfold._system_identifier() || '.' || d.oid FROM pg_database d WHERE d.datname = current_database() $$;
COMMENT ON FUNCTION tenfold._database_identity IS 'names this database among all that exist: a restored dump has another one, a standby that took over the same';

CREATE OR REPLACE FUNCTION tenfold._tick_fingerprint(tick_id bigint) RETURNS text
LANGUAGE plpgsql STABLE
SET enable_seqscan = off  -- no statistics are kept of the log
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN (SELECT md5(concat_ws(' ', t.incarnation, t.event_seq, t.snapshot, extract(epoch FROM t.ticked_at))) FROM tenfold.tick t
          WHERE t.tick_id = _tick_fingerprint.tick_id);
END
$$;
COMMENT ON FUNCTION tenfold._tick_fingerprint IS 'the content of a tick, which copies of a database share up to where they part; NULL: there is no such tick';

CREATE OR REPLACE FUNCTION tenfold.relay_state(consumer text, marker_tick bigint DEFAULT NULL, OUT identity text, OUT "position" bigint, OUT newest bigint,
  OUT has_relayed boolean, OUT fingerprint text, OUT trust text, OUT retry bigint, OUT retry_pending boolean)
LANGUAGE plpgsql SECURITY DEFINER  -- workers read no table of the log
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  relay tenfold.kafka_relay;
BEGIN
  SELECT r.* INTO relay FROM tenfold.kafka_relay r WHERE r.consumer = relay_state.consumer;
  identity := tenfold._database_identity();
  "position" := (tenfold._position((tenfold._consumer(consumer)).consumer_id)).tick_id;
  newest := (tenfold._newest_tick()).tick_id;
  has_relayed := relay.first_at IS NOT NULL;
  fingerprint := coalesce(tenfold._tick_fingerprint(marker_tick), '');
  trust := coalesce(relay.trust, '');
  retry := coalesce(relay.retry, 0);
  retry_pending := relay.retry_ids IS NOT NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.relay_state FROM PUBLIC;
COMMENT ON FUNCTION tenfold.relay_state IS 'what a relay holds Kafka''s marker against when it starts. fingerprint: of the tick that the marker names, empty where this database has none';

-- While Kafka takes one batch, the relay reads the next, from where that one will end. Each statement has its own snapshot: a tick
-- may be younger than the first.
CREATE OR REPLACE FUNCTION tenfold.next_relay_batch(consumer text, epoch bigint, "position" bigint, from_tick bigint, max_events int DEFAULT 10000, OUT to_tick bigint, OUT fingerprint text)
RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER  -- as relay_state
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  c tenfold.consumer := tenfold._consumer(consumer);
BEGIN
  PERFORM tenfold._refuse_old_snapshot(), tenfold._refuse_fenced(c, epoch), tenfold._at(c, "position"),
    tenfold._in_range('max_events', max_events, 1, 1000000);
  to_tick := (tenfold._next_tick(tenfold._from(c, from_tick), max_events)).tick_id;
  IF to_tick IS NOT NULL THEN
    fingerprint := tenfold._tick_fingerprint(to_tick);
    RETURN NEXT;
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.next_relay_batch FROM PUBLIC;
COMMENT ON FUNCTION tenfold.next_relay_batch IS
  'the tick that ends the batch after from_tick, with its content for the marker in Kafka; no row: nothing new. Errors: TF052 unknown consumer, TF050 it was given on, TF051 it is not at position, or beyond from_tick, 22023 max_events, 25001 not READ COMMITTED';

-- The row is made once: then there is nothing to write, and nothing that would grow.
CREATE OR REPLACE FUNCTION tenfold.finish_relay_batch(consumer text, epoch bigint, from_tick bigint, to_tick bigint, fingerprint text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- as relay_state
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold.finish_batch(consumer, epoch, from_tick, to_tick);
  IF tenfold._tick_fingerprint(to_tick) IS DISTINCT FROM fingerprint THEN
    RAISE EXCEPTION 'tick % is not the one that Kafka got', to_tick USING ERRCODE = 'TF051', HINT = 'Another server has taken over: roll back, and ask relay_state().';
  END IF;
  INSERT INTO tenfold.kafka_relay AS r (consumer, first_at) VALUES (consumer, clock_timestamp())
    ON CONFLICT ON CONSTRAINT kafka_relay_pkey DO UPDATE SET first_at = excluded.first_at WHERE r.first_at IS NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.finish_relay_batch FROM PUBLIC;
COMMENT ON FUNCTION tenfold.finish_relay_batch IS 'tenfold.finish_batch() of what Kafka has. Errors: as finish_batch; TF051 also where to_tick has another fingerprint by now';

CREATE OR REPLACE FUNCTION tenfold.begin_relay_retries(consumer text, epoch bigint, after bigint, max_events int DEFAULT 1000, max_bytes bigint DEFAULT NULL,
  OUT event_id bigint, OUT topic text, OUT key text,
  OUT payload jsonb, OUT headers jsonb, OUT published_ms bigint, OUT retry bigint)
RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER  -- as relay_state
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  number bigint;
  ids bigint[] := '{}';
BEGIN
  -- all or none: they go to Kafka under one number
  FOR event_id, topic, key, payload, headers, published_ms, retry IN
    SELECT n.event_id, n.topic, n.key, n.payload, n.headers, (extract(epoch FROM n.published_at) * 1000)::bigint,
      greatest(after, (SELECT r.retry FROM tenfold.kafka_relay r WHERE r.consumer = begin_relay_retries.consumer)) + 1
    FROM tenfold.next_retries(consumer, epoch, max_events, max_bytes) n ORDER BY n.event_id
  LOOP
    ids := ids || event_id;
    number := retry;
    RETURN NEXT;
  END LOOP;
  IF number IS NOT NULL THEN
    INSERT INTO tenfold.kafka_relay AS r (consumer, retry, retry_ids) VALUES (consumer, number, ids)
      ON CONFLICT ON CONSTRAINT kafka_relay_pkey DO UPDATE SET retry = excluded.retry, retry_ids = excluded.retry_ids;
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.begin_relay_retries FROM PUBLIC;
COMMENT ON FUNCTION tenfold.begin_relay_retries IS
  'the redriven events that are due, noted under a number that Kafka''s marker will repeat: commit, then send them. after: the number that the marker has. Errors: as next_retries';

CREATE OR REPLACE FUNCTION tenfold.finish_relay_retries(consumer text, epoch bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- as relay_state
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  ids bigint[];
BEGIN
  SELECT r.retry_ids INTO ids FROM tenfold.kafka_relay r WHERE r.consumer = finish_relay_retries.consumer FOR UPDATE;
  PERFORM tenfold.finish_retries(consumer, epoch, ids);
  UPDATE tenfold.kafka_relay r SET retry_ids = NULL WHERE r.consumer = finish_relay_retries.consumer;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.finish_relay_retries FROM PUBLIC;
COMMENT ON FUNCTION tenfold.finish_relay_retries IS 'ends what begin_relay_retries() noted: Kafka has it. Errors: as finish_retries';

CREATE OR REPLACE FUNCTION tenfold.note_relay(consumer text, problem text DEFAULT NULL, hint text DEFAULT NULL, retry bigint DEFAULT 0) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- as relay_state
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._check_key('consumer', consumer);
  IF problem IS NULL THEN
    UPDATE tenfold.kafka_relay r SET problem = NULL, hint = NULL, problem_at = NULL, trust = NULL, retry = greatest(r.retry, note_relay.retry)
      WHERE r.consumer = note_relay.consumer AND (r.problem IS NOT NULL OR r.trust IS NOT NULL);
  ELSE
    INSERT INTO tenfold.kafka_relay AS r (consumer, problem, hint, problem_at) VALUES (consumer, problem, hint, clock_timestamp())
      ON CONFLICT ON CONSTRAINT kafka_relay_pkey DO UPDATE SET problem = excluded.problem, hint = excluded.hint, problem_at = excluded.problem_at, trust = NULL;
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.note_relay FROM PUBLIC;
COMMENT ON FUNCTION tenfold.note_relay IS 'says why a relay refuses to go on; without a problem, that it goes on: what an operator said has been heard. retry: the number that Kafka''s marker has, which the database knows from then on. Errors: TF023 a name above 255 characters';

CREATE OR REPLACE FUNCTION tenfold.adopt_kafka_marker(consumer text, trust text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- operators write no table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF trust IS NULL OR trust NOT IN ('database', 'kafka') THEN
    RAISE EXCEPTION 'trust % is neither database nor kafka', quote_nullable(trust) USING ERRCODE = '22023', HINT = 'SELECT * FROM tenfold.relay_status; says what was found.';
  END IF;
  UPDATE tenfold.kafka_relay r SET trust = adopt_kafka_marker.trust WHERE r.consumer = adopt_kafka_marker.consumer AND r.problem IS NOT NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'relay "%" does not refuse anything', consumer USING ERRCODE = 'TF060', HINT = 'SELECT * FROM tenfold.relay_status; lists the relays, and what is wrong with each.';
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.adopt_kafka_marker FROM PUBLIC;
COMMENT ON FUNCTION tenfold.adopt_kafka_marker IS
  'lets a relay go on that refuses to, because Kafka and the database do not tell one story. database: after the last tick that the database knows to be in Kafka, so what Kafka got since then it gets again, and nothing is lost. '
  'kafka: after Kafka''s marker, if this database has the same tick; no tick is sent twice, and a redriven event only where this database does not know it to be sent. Good for one start. '
  'Of what only Kafka has, this database may give the ids to other events: tell readers of Kafka that pass over an event_id they know. Errors: TF060 it refuses nothing, 22023 trust';
