-- Kafka to the handlers of workers: as kafka_sink.sql, but a daemon handles each message, and brings its effects.

CREATE OR REPLACE FUNCTION tenfold._refuse_other_kind(source text, is_workers boolean) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._lock('kafka_source', hashtextextended(source, 0));
  IF EXISTS (SELECT FROM tenfold.kafka_sink s WHERE s.source = _refuse_other_kind.source AND (s.handler IS NULL) <> is_workers) THEN
    RAISE EXCEPTION 'source "%" of Kafka is read by %', source, CASE WHEN is_workers THEN 'functions' ELSE 'a worker' END
      USING ERRCODE = '42710', HINT = 'Its partitions are shared among those that read it: take another name.';
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._refuse_other_kind IS 'raises 42710 where a source is read by functions and was to be a worker''s, or the other way round';

CREATE OR REPLACE FUNCTION tenfold.create_kafka_source(source text, topics text[], start text DEFAULT 'end') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- workers make sources, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._refuse_other_kind(source, true), tenfold._check_lists('topics', topics);
  INSERT INTO tenfold.kafka_sink (source, topic, start) SELECT create_kafka_source.source, t, create_kafka_source.start FROM unnest(topics) t ON CONFLICT DO NOTHING;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.create_kafka_source FROM PUBLIC;
COMMENT ON FUNCTION tenfold.create_kafka_source IS
  'these topics are read by a handler of a worker, under this name; what exists stays as it is. start: where a partition begins that was never read, end or beginning. tenfold.drop_kafka_sink() forgets a topic. '
  'Errors: 42710 the source is read by functions, 23514 names, start';

CREATE OR REPLACE FUNCTION tenfold.redriven_kafka(source text, instance text, most int DEFAULT 1000,
  OUT topic text, OUT partition int, OUT "offset" bigint, OUT epoch bigint, OUT key text, OUT payload text, OUT headers jsonb) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER  -- workers read no table
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT d.topic, d.partition, d."offset", o.epoch, convert_from(d.key, 'UTF8'), convert_from(d.payload, 'UTF8'), d.headers
  FROM tenfold.kafka_dead d JOIN tenfold.kafka_offset o USING (source, topic, partition)
  WHERE d.source = redriven_kafka.source AND d.is_redriven AND o.owner = redriven_kafka.instance
  ORDER BY d.topic, d.partition, d."offset" LIMIT tenfold._in_range('most', most, 1, 1000000)
$$;
REVOKE EXECUTE ON FUNCTION tenfold.redriven_kafka FROM PUBLIC;
COMMENT ON FUNCTION tenfold.redriven_kafka IS 'dead letters that an operator redrives, of the partitions that this instance reads: it handles them, and tells by end_kafka_redrive(). Errors: 22023 most';

-- The offset's row is locked: who reads the partition next waits for the transaction, and then finds the letter's end.
CREATE OR REPLACE FUNCTION tenfold.end_kafka_redrive(source text, topic text, partition int, epoch bigint, "offset" bigint, reason text DEFAULT NULL, attempts int DEFAULT 0) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- as redriven_kafka
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  is_ours boolean;
  letter tenfold.kafka_dead;
BEGIN
  SELECT o.epoch = end_kafka_redrive.epoch INTO is_ours FROM tenfold.kafka_offset o
    WHERE (o.source, o.topic, o.partition) = (end_kafka_redrive.source, end_kafka_redrive.topic, end_kafka_redrive.partition) FOR NO KEY UPDATE;
  SELECT d.* INTO letter FROM tenfold.kafka_dead d WHERE d.is_redriven
    AND (d.source, d.topic, d.partition, d."offset") = (end_kafka_redrive.source, end_kafka_redrive.topic, end_kafka_redrive.partition, end_kafka_redrive."offset") FOR UPDATE;
  IF is_ours IS NOT TRUE OR letter.source IS NULL THEN
    RAISE EXCEPTION 'dead letter %/%/% does not wait for a worker under epoch %', topic, partition, "offset", epoch
      USING ERRCODE = 'TF062', HINT = 'Another instance may have the partition by now, or it was done before: ask redriven_kafka().';
  ELSIF reason IS NULL THEN
    DELETE FROM tenfold.kafka_dead d WHERE (d.source, d.topic, d.partition, d."offset") = (letter.source, letter.topic, letter.partition, letter."offset");
  ELSE
    PERFORM tenfold._bury(letter.source, letter.topic, letter.partition, letter."offset", letter.key, letter.payload, letter.headers, reason, attempts);
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.end_kafka_redrive FROM PUBLIC;
COMMENT ON FUNCTION tenfold.end_kafka_redrive IS
  'a redriven dead letter is handled, in the transaction of its effects; or with a reason, it stays one, after so many more attempts. Errors: TF062 it does not wait, or the partition is another''s';
