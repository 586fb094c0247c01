-- Kafka to Postgres, the database's part: who reads which partition, and the batches.

CREATE OR REPLACE FUNCTION tenfold.create_kafka_sink(source text, topic text, handler regproc, start text DEFAULT 'beginning') RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  name text := (SELECT format('%I.%I', n.nspname, p.proname) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = handler);
BEGIN
  IF to_regprocedure(name || '(text, text[], jsonb[], jsonb[])') IS NULL THEN
    RAISE EXCEPTION 'function % does not take (topic text, keys text[], payloads jsonb[], headers jsonb[])', quote_nullable(name)
      USING ERRCODE = '42883', HINT = 'It is called with a batch: the n-th key, payload and headers are those of the n-th message.';
  END IF;
  PERFORM tenfold._refuse_other_kind(source, false);
  INSERT INTO tenfold.kafka_sink VALUES (source, topic, name, start)
    ON CONFLICT ON CONSTRAINT kafka_sink_pkey DO UPDATE SET handler = excluded.handler, start = excluded.start;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.create_kafka_sink FROM PUBLIC;
COMMENT ON FUNCTION tenfold.create_kafka_sink IS
  'the worker `sink` hands the messages of a topic to this function, as arrays, in the transaction that moves the offset. It runs as the owner of tenfold, so only who may do everything says which. start: where a partition begins that was never read, beginning or end. '
  'Errors: 42883 the function''s arguments, 23514 names, start, 42710 the source is a worker''s';

CREATE OR REPLACE FUNCTION tenfold.drop_kafka_sink(source text, topic text) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  DELETE FROM tenfold.kafka_sink s WHERE s.source = drop_kafka_sink.source AND s.topic = drop_kafka_sink.topic;
  DELETE FROM tenfold.kafka_offset o WHERE o.source = drop_kafka_sink.source AND o.topic = drop_kafka_sink.topic;
$$;
REVOKE EXECUTE ON FUNCTION tenfold.drop_kafka_sink FROM PUBLIC;
COMMENT ON FUNCTION tenfold.drop_kafka_sink IS 'reads this topic no more, and forgets its offsets; its dead letters stay';

CREATE OR REPLACE FUNCTION tenfold.claim_kafka_partitions(source text, instance text, topics text[], partitions int[], lease interval DEFAULT '30 s',
  OUT topic text, OUT partition int, OUT next_offset bigint, OUT epoch bigint, OUT start text, OUT made_at bigint)
RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER  -- workers write no table
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  share bigint;
BEGIN
  PERFORM tenfold._check_lists('topics partitions', topics, partitions);
  PERFORM tenfold._in_range('lease', lease, '1 second', interval '1 day');
  PERFORM tenfold._check_key('source', source), tenfold._check_key('instance', instance);
  PERFORM tenfold._check_key('topic', t) FROM unnest(topics) t;
  PERFORM tenfold._lock('kafka_source', hashtextextended(claim_kafka_partitions.source, 0));  -- claims of a source, one after the other
  INSERT INTO tenfold.kafka_instance AS i VALUES (claim_kafka_partitions.source, claim_kafka_partitions.instance, clock_timestamp() + lease)
    ON CONFLICT ON CONSTRAINT kafka_instance_pkey DO UPDATE SET expires_at = excluded.expires_at;
  DELETE FROM tenfold.kafka_instance i WHERE i.source = claim_kafka_partitions.source AND i.expires_at < clock_timestamp();
  INSERT INTO tenfold.kafka_offset (source, topic, partition)
    SELECT claim_kafka_partitions.source, p.* FROM unnest(topics, partitions) AS p
    ON CONFLICT DO NOTHING;
  share := (SELECT ceil(cardinality(topics)::numeric / count(*)) FROM tenfold.kafka_instance i WHERE i.source = claim_kafka_partitions.source);
  UPDATE tenfold.kafka_offset o SET owner = NULL WHERE o.source = claim_kafka_partitions.source AND o.owner = claim_kafka_partitions.instance
    AND (o.topic, o.partition) NOT IN (SELECT n.topic, n.partition FROM tenfold._kafka_share(claim_kafka_partitions.source, topics, partitions, claim_kafka_partitions.instance, share) n);
  UPDATE tenfold.kafka_offset o SET owner = claim_kafka_partitions.instance, epoch = o.epoch + 1
    FROM tenfold._kafka_share(claim_kafka_partitions.source, topics, partitions, claim_kafka_partitions.instance, share) n
    WHERE o.source = claim_kafka_partitions.source AND o.topic = n.topic AND o.partition = n.partition AND o.owner IS DISTINCT FROM claim_kafka_partitions.instance;
  RETURN QUERY SELECT o.topic, o.partition, o.next_offset, o.epoch, s.start, o.made_at
    FROM tenfold.kafka_offset o JOIN tenfold.kafka_sink s USING (source, topic)
    WHERE o.source = claim_kafka_partitions.source AND o.owner = claim_kafka_partitions.instance ORDER BY o.topic, o.partition;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.claim_kafka_partitions FROM PUBLIC;
COMMENT ON FUNCTION tenfold.claim_kafka_partitions IS
  'says that an instance lives for another lease, and gives its share of these partitions: those it has, then free ones and those of instances that fell silent, up to ceil(n / instances). To be called every third of the lease. next_offset NULL: begin at start. made_at: the timestamp of the message before it, in milliseconds; where Kafka has another there, the topic was made anew. Errors: 22023 the lease, TF023 a name above 255 characters';

-- Its own first, so that nothing moves without need.
CREATE OR REPLACE FUNCTION tenfold._kafka_share(source text, topics text[], partitions int[], instance text, share bigint, OUT topic text, OUT partition int) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY SELECT o.topic, o.partition FROM tenfold.kafka_offset o JOIN unnest(topics, partitions) AS p(topic, partition) USING (topic, partition)
    WHERE o.source = _kafka_share.source AND (o.owner = instance OR o.owner IS NULL
      OR NOT EXISTS (SELECT FROM tenfold.kafka_instance i WHERE i.source = o.source AND i.instance = o.owner))
    ORDER BY o.owner = instance DESC NULLS LAST, o.topic, o.partition LIMIT share;
END
$$;
COMMENT ON FUNCTION tenfold._kafka_share IS 'the partitions that an instance keeps or takes';

CREATE OR REPLACE FUNCTION tenfold.release_kafka_partitions(source text, instance text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER  -- as claim_kafka_partitions
SET search_path = pg_catalog, pg_temp
AS $$
  DELETE FROM tenfold.kafka_instance i WHERE i.source = release_kafka_partitions.source AND i.instance = release_kafka_partitions.instance;
$$;
REVOKE EXECUTE ON FUNCTION tenfold.release_kafka_partitions FROM PUBLIC;
COMMENT ON FUNCTION tenfold.release_kafka_partitions IS 'an instance ends: others may take its partitions at once';

CREATE OR REPLACE FUNCTION tenfold._is_our_fault(state text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN left(state, 2) IN ('08', '25', '40', '53', '57', '58', 'XX')
  OR state IN ('55006', '55P02', '55P03', '55P04', '42883', '42P01', '42501', '42703');  -- 55000 is what functions raise
COMMENT ON FUNCTION tenfold._is_our_fault IS
  'whether an error says nothing of the message: the server is busy, stops, or lacks a function, table, column or right';

-- A message may come again: see set_kafka_offset().
CREATE OR REPLACE FUNCTION tenfold._bury(source text, topic text, partition int, "offset" bigint, key bytea, payload bytea, headers jsonb, reason text, attempts int) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO tenfold.kafka_dead AS d VALUES (source, topic, partition, "offset", key, payload, headers, left(reason, 10000), attempts, clock_timestamp())
  ON CONFLICT ON CONSTRAINT kafka_dead_pkey DO UPDATE SET reason = excluded.reason, attempts = d.attempts + excluded.attempts, is_redriven = false
$$;
COMMENT ON FUNCTION tenfold._bury IS 'makes a message a dead letter, or notes that it still is one';

CREATE OR REPLACE FUNCTION tenfold._hand_over(sink tenfold.kafka_sink, partition int, offsets bigint[], keys text[], payloads text[], headers text[]) RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  half int := cardinality(offsets) / 2;
  state text;
  why text;
BEGIN
  BEGIN
    EXECUTE format('SELECT %s($1, $2, $3::jsonb[], $4::jsonb[])', sink.handler) USING sink.topic, keys, payloads, headers;
    RETURN 0;
  EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, why = MESSAGE_TEXT;
    IF tenfold._is_our_fault(state) THEN
      RAISE;
    END IF;
  END;
  IF half = 0 THEN
    PERFORM tenfold._bury(sink.source, sink.topic, partition, offsets[1], convert_to(keys[1], 'UTF8'), convert_to(payloads[1], 'UTF8'), headers[1]::jsonb,
      why || ' (' || state || ')', 1);
    RETURN 1;
  END IF;
  RETURN tenfold._hand_over(sink, partition, offsets[:half], keys[:half], payloads[:half], headers[:half])
       + tenfold._hand_over(sink, partition, offsets[half + 1:], keys[half + 1:], payloads[half + 1:], headers[half + 1:]);
END
$$;
COMMENT ON FUNCTION tenfold._hand_over IS 'calls the handler with a batch; where it raises, with its halves, down to the messages that it raises for: these become dead letters. Gives how many';

CREATE OR REPLACE FUNCTION tenfold._kafka_sink(source text, topic text) RETURNS tenfold.kafka_sink
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  sink tenfold.kafka_sink;
BEGIN
  SELECT s.* INTO sink FROM tenfold.kafka_sink s WHERE s.source = _kafka_sink.source AND s.topic = _kafka_sink.topic;
  IF sink.handler IS NULL THEN
    RAISE EXCEPTION 'source "%" hands topic "%" to no function', source, topic USING ERRCODE = 'TF061', HINT = 'SELECT tenfold.create_kafka_sink(…) makes one; tenfold.kafka_sink lists them.';
  END IF;
  RETURN sink;
END
$$;
COMMENT ON FUNCTION tenfold._kafka_sink IS 'the row of a topic that a function gets; raises TF061 where there is none';

CREATE OR REPLACE FUNCTION tenfold._move_kafka_offset(source text, topic text, partition int, epoch bigint, expected bigint, next bigint, made_at bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE tenfold.kafka_offset o SET next_offset = next, moved_at = clock_timestamp(), made_at = _move_kafka_offset.made_at, problem = NULL
    WHERE o.source = _move_kafka_offset.source AND o.topic = _move_kafka_offset.topic AND o.partition = _move_kafka_offset.partition
      AND o.next_offset IS NOT DISTINCT FROM expected AND o.epoch = _move_kafka_offset.epoch;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'partition %/% is not at offset % under epoch %', topic, partition, expected, epoch
      USING ERRCODE = 'TF062', HINT = 'Another instance may have it by now, or it was done before: claim anew, and go on at next_offset.';
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._move_kafka_offset IS 'moves a partition''s offset, or raises TF062';

CREATE OR REPLACE FUNCTION tenfold.apply_kafka_batch(source text, topic text, partition int, epoch bigint, expected bigint, next bigint,
  offsets bigint[] DEFAULT '{}', keys text[] DEFAULT '{}', payloads text[] DEFAULT '{}', headers text[] DEFAULT '{}',
  made_at bigint DEFAULT NULL) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER  -- as claim_kafka_partitions; the handler runs as the owner, too
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._check_lists('offsets keys? payloads? headers?', offsets, keys, payloads, headers);
  PERFORM tenfold._move_kafka_offset(source, topic, partition, epoch, expected, next, made_at);
  RETURN CASE WHEN offsets = '{}' THEN 0  -- a slice counts from 1, whatever the array does
    ELSE tenfold._hand_over(tenfold._kafka_sink(source, topic), partition, offsets[:], keys[:], payloads[:], headers[:]) END;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.apply_kafka_batch FROM PUBLIC;
COMMENT ON FUNCTION tenfold.apply_kafka_batch IS
  'hands messages to the topic''s handler, and moves the offset from expected (NULL: not begun) to next: both or nothing. made_at: the timestamp of the last of them, in milliseconds. Messages that the handler raises for become dead letters; gives how many. '
  'Errors: TF062 another epoch or offset, TF061 no such topic, and what the handler raises where it says nothing of a message (08, 25, 40, 53, 55, 57, 58, XX, and what is missing)';

CREATE OR REPLACE FUNCTION tenfold.refuse_kafka_partition(source text, topic text, partition int, epoch bigint, problem text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER  -- as claim_kafka_partitions
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE tenfold.kafka_offset o SET problem = refuse_kafka_partition.problem
  WHERE (o.source, o.topic, o.partition, o.epoch) = (refuse_kafka_partition.source, refuse_kafka_partition.topic, refuse_kafka_partition.partition, refuse_kafka_partition.epoch)
    AND o.problem IS DISTINCT FROM refuse_kafka_partition.problem
$$;
REVOKE EXECUTE ON FUNCTION tenfold.refuse_kafka_partition FROM PUBLIC;
COMMENT ON FUNCTION tenfold.refuse_kafka_partition IS
  'who reads a partition says why it does not read on: tenfold.kafka_sink_status shows it until the offset moves, by a batch or by set_kafka_offset(). Under an older epoch, nothing';

CREATE OR REPLACE FUNCTION tenfold.bury_kafka_message(source text, topic text, partition int, "offset" bigint, key bytea, payload bytea, headers jsonb, reason text, attempts int DEFAULT 0) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER  -- as claim_kafka_partitions
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT tenfold._check_key('source', source), tenfold._check_key('topic', topic);
  SELECT tenfold._bury(source, topic, partition, "offset", key, payload, headers, reason, attempts);
$$;
REVOKE EXECUTE ON FUNCTION tenfold.bury_kafka_message FROM PUBLIC;
COMMENT ON FUNCTION tenfold.bury_kafka_message IS 'a message that is no text, or that a worker''s handler could not handle in so many attempts, becomes a dead letter; in the transaction of apply_kafka_batch(). Errors: TF023 a name above 255 characters';

-- A letter for a worker must be text.
CREATE OR REPLACE FUNCTION tenfold._redrive_kafka(dead tenfold.kafka_dead) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  key text;
  payload text;
  why text;
  state text;
BEGIN
  key := convert_from(dead.key, 'UTF8');
  payload := convert_from(dead.payload, 'UTF8');
  IF tenfold._is_workers(dead.source, dead.topic) THEN
    UPDATE tenfold.kafka_dead d SET is_redriven = true WHERE (d.source, d.topic, d.partition, d."offset") = (dead.source, dead.topic, dead.partition, dead."offset");
  ELSE
    EXECUTE format('SELECT %s($1, $2, $3, $4)', (tenfold._kafka_sink(dead.source, dead.topic)).handler)
      USING dead.topic, ARRAY[key], ARRAY[payload::jsonb], ARRAY[dead.headers];
    DELETE FROM tenfold.kafka_dead d WHERE (d.source, d.topic, d.partition, d."offset") = (dead.source, dead.topic, dead.partition, dead."offset");
  END IF;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, why = MESSAGE_TEXT;
  IF tenfold._is_our_fault(state) THEN
    RAISE;
  END IF;
  RETURN why || ' (' || state || ')';
END
$$;
COMMENT ON FUNCTION tenfold._redrive_kafka IS 'hands a dead letter to its function, or leaves it to its worker; NULL, or why it stays one';

CREATE OR REPLACE FUNCTION tenfold._is_workers(source text, topic text) RETURNS boolean
LANGUAGE sql STABLE
RETURN EXISTS (SELECT FROM tenfold.kafka_sink s WHERE s.source = _is_workers.source AND s.topic = _is_workers.topic AND s.handler IS NULL);
COMMENT ON FUNCTION tenfold._is_workers IS 'whether a topic is read by a handler of a worker';

CREATE OR REPLACE FUNCTION tenfold.redrive_kafka(source text, topic text DEFAULT NULL, most int DEFAULT 1000, OUT applied bigint, OUT still_dead bigint, OUT left_to_worker bigint)
LANGUAGE plpgsql SECURITY DEFINER  -- operators write no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  dead tenfold.kafka_dead;
  why text;
BEGIN
  PERFORM tenfold._in_range('most', most, 1, 1000000);
  applied := 0;
  still_dead := 0;
  left_to_worker := 0;
  -- each in a subtransaction of _redrive_kafka(), which says why a letter stays dead
  FOR dead IN SELECT d.* FROM tenfold.kafka_dead d WHERE d.source = redrive_kafka.source AND (redrive_kafka.topic IS NULL OR d.topic = redrive_kafka.topic) AND NOT d.is_redriven
      ORDER BY d.topic, d.partition, d."offset" LIMIT most FOR UPDATE LOOP
    why := tenfold._redrive_kafka(dead);
    IF why IS NOT NULL THEN
      PERFORM tenfold._bury(dead.source, dead.topic, dead.partition, dead."offset", dead.key, dead.payload, dead.headers, why, 1);
      still_dead := still_dead + 1;
    ELSIF tenfold._is_workers(dead.source, dead.topic) THEN
      left_to_worker := left_to_worker + 1;
    ELSE
      applied := applied + 1;
    END IF;
  END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.redrive_kafka FROM PUBLIC;
COMMENT ON FUNCTION tenfold.redrive_kafka IS
  'hands dead letters to their functions again, one by one in the order of their offsets: what is applied is no longer dead, what is not keeps its new reason. Those of a worker it takes up within a third of its lease. Later messages of their keys were applied meanwhile. Errors: TF061 no such topic, 22023 most';

CREATE OR REPLACE FUNCTION tenfold.set_kafka_offset(source text, topic text, partition int, next_offset bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- operators write no table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._in_range('next_offset', coalesce(next_offset, 0), 0, 9223372036854775807);
  UPDATE tenfold.kafka_offset o SET next_offset = set_kafka_offset.next_offset, epoch = o.epoch + 1, owner = NULL, moved_at = clock_timestamp(),
      made_at = NULL, problem = NULL
    WHERE o.source = set_kafka_offset.source AND o.topic = set_kafka_offset.topic AND o.partition = set_kafka_offset.partition;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'source "%" has no partition %/%', source, topic, partition USING ERRCODE = 'TF061', HINT = 'SELECT * FROM tenfold.kafka_offset; lists them.';
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.set_kafka_offset FROM PUBLIC;
COMMENT ON FUNCTION tenfold.set_kafka_offset IS
  'goes on at this offset, on an operator''s word: after Kafka deleted what was not read yet or the topic was made anew, or to read something again. NULL: at the sink''s start. Who reads now is fenced. Errors: TF061 no such partition, 22023 a negative offset';
