-- What Postgres knows of Kafka.
--
-- Postgres to Kafka: the marker that says how far a relay is lives in Kafka, committed with the events. Here is only what a
-- start is checked against, and what Kafka's marker has no room for: which dead letters are under way again.
-- Kafka to Postgres: offsets live here, and move in the transaction of the effects. Who moves one must name the offset
-- that he expects, and the epoch under which he got the partition.

CREATE TABLE tenfold.kafka_relay (
  consumer text PRIMARY KEY,
  first_at timestamptz,
  trust text CONSTRAINT trust_is_known CHECK (trust IN ('database', 'kafka')),
  retry bigint NOT NULL DEFAULT 0,
  retry_ids bigint[],
  problem text,
  hint text,
  problem_at timestamptz
);
COMMENT ON TABLE tenfold.kafka_relay IS 'the relays to Kafka, each a consumer of the log';
COMMENT ON COLUMN tenfold.kafka_relay.first_at IS 'since then Kafka must have a marker';
COMMENT ON COLUMN tenfold.kafka_relay.trust IS 'whom the next start believes where Kafka and the database differ: an operator''s word, tenfold.adopt_kafka_marker()';
COMMENT ON COLUMN tenfold.kafka_relay.retry IS 'a number for each set of redriven events, which Kafka''s marker repeats';
COMMENT ON COLUMN tenfold.kafka_relay.retry_ids IS 'that set, while nobody knows whether Kafka has it';
COMMENT ON COLUMN tenfold.kafka_relay.problem IS 'why the relay refuses to go on';

CREATE TABLE tenfold.kafka_sink (
  source text CONSTRAINT source_is_name CHECK (source ~ '^[a-zA-Z0-9._-]{1,200}$'),
  topic text CONSTRAINT topic_is_kafkas CHECK (topic ~ '^[a-zA-Z0-9._-]{1,249}$'),
  handler text NOT NULL,
  start text NOT NULL CONSTRAINT start_is_known CHECK (start IN ('beginning', 'end')),
  PRIMARY KEY (source, topic)
);
COMMENT ON TABLE tenfold.kafka_sink IS 'which topics of Kafka are read, and by which function, made by tenfold.create_kafka_sink()';
COMMENT ON COLUMN tenfold.kafka_sink.handler IS 'schema-qualified; its arguments are (topic text, keys text[], payloads jsonb[], headers jsonb[])';

CREATE TABLE tenfold.kafka_offset (
  source text,
  topic text,
  partition int,
  next_offset bigint,
  epoch bigint NOT NULL DEFAULT 0,
  owner text,
  moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (source, topic, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE tenfold.kafka_offset IS 'how far each partition has been applied';
COMMENT ON COLUMN tenfold.kafka_offset.next_offset IS 'of the next message; NULL: not begun';
COMMENT ON COLUMN tenfold.kafka_offset.epoch IS 'new with each owner: who comes with an older one was replaced';

CREATE TABLE tenfold.kafka_instance (
  source text,
  instance text,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (source, instance)
) WITH (fillfactor = 50);
COMMENT ON TABLE tenfold.kafka_instance IS 'the processes that share the partitions of a source among them, each with the end of its lease';

CREATE TABLE tenfold.kafka_dead (
  source text,
  topic text,
  partition int,
  "offset" bigint,
  key bytea,
  payload bytea,
  headers jsonb NOT NULL,
  reason text NOT NULL,
  attempts int NOT NULL,
  died_at timestamptz NOT NULL,
  PRIMARY KEY (source, topic, partition, "offset")
);
COMMENT ON TABLE tenfold.kafka_dead IS 'messages that could not be applied, as they came, each with the reason. tenfold.redrive_kafka() tries them again';
COMMENT ON COLUMN tenfold.kafka_dead.payload IS 'NULL: the message had none (a tombstone)';
