-- The log of events: why no event is skipped, and nothing grows under a held snapshot.
--
-- 1. An event is one row, inserted in its publisher's transaction, never updated. It carries that transaction's xid.
-- 2. A tick is a row with a snapshot. A batch is what the newer of two ticks sees and the older does not. So an event whose
--    transaction took an hour comes in the first batch after its commit, and delays no other.
-- 3. The events and ticks of a while stand in one of twelve partitions, a ring. Once every consumer has seen all of one, it
--    is emptied by TRUNCATE, which no snapshot hinders. What comes next goes to any empty one: a consumer that stays
--    behind keeps only its own. While none is empty, the current one grows. With each partition that is kept, the next
--    one lasts twice as long: the ring holds 34 hours before it is full.
-- 4. How far a consumer is stands in rows that are only inserted; the newest counts. They carry the snapshot, so that
--    they need no tick. Their ring has three tables: 5 minutes go to each by the clock, then the newest row of each consumer
--    is copied on, and the table is emptied.
-- 5. Xids belong to one cluster. Each event and tick has an incarnation, a number for the life of the log in one database.
--    The row of tenfold.event_state knows the cluster, and the transaction that wrote it: where it stands as it was
--    copied by a dump, this is another database, and events get the next number. Its first tick closes the old
--    incarnation: by a snapshot that sees everything. No batch crosses that border.
--
-- Without a key, which every event would pay for. What copies of a database change goes into a publication by the whole row.
--
-- Without autovacuum: there is nothing dead in these tables, and one that is full is read a few times, then emptied. (Against a
-- wraparound of xids Postgres vacuums them all the same.)

CREATE TABLE tenfold.topic (
  topic_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE CONSTRAINT name_is_kafkas CHECK (name ~ '^[a-zA-Z0-9._-]{1,249}$' AND name NOT IN ('.', '..')),
  partitions int NOT NULL CONSTRAINT some_partitions CHECK (partitions BETWEEN 1 AND 10000),
  schema jsonb CONSTRAINT schema_is_object CHECK (jsonb_typeof(schema) = 'object'),
  max_bytes int NOT NULL CONSTRAINT some_bytes CHECK (max_bytes BETWEEN 100 AND 64 << 20),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE tenfold.topic IS 'the topics, made by tenfold.create_topic()';
COMMENT ON COLUMN tenfold.topic.partitions IS 'of the topic in Kafka; the log in Postgres has an order for each key, and needs none';
COMMENT ON COLUMN tenfold.topic.schema IS 'JSON Schema of the payloads. NULL: any JSON';
COMMENT ON COLUMN tenfold.topic.max_bytes IS 'of key, payload and headers together, as text';

CREATE SEQUENCE tenfold.event_id;
CREATE SEQUENCE tenfold.consumer_epoch;

CREATE TABLE tenfold.event_state (
  one_row boolean PRIMARY KEY DEFAULT true CONSTRAINT one_row CHECK (one_row),
  slot smallint NOT NULL,
  slot_since timestamptz NOT NULL,
  incarnation int NOT NULL,
  system_identifier bigint NOT NULL,
  written_by xid NOT NULL
);
COMMENT ON TABLE tenfold.event_state IS 'where events and ticks go now';
COMMENT ON COLUMN tenfold.event_state.written_by IS 'the xmin of this very row, unless a dump brought it here';

CREATE TABLE tenfold.event (
  event_id bigint NOT NULL,
  xid xid8 NOT NULL,
  published_at timestamptz NOT NULL,
  incarnation int NOT NULL,
  topic_id int NOT NULL,
  bytes int NOT NULL,
  slot smallint NOT NULL,
  key text,
  payload jsonb NOT NULL,
  headers jsonb NOT NULL
) PARTITION BY LIST (slot);
COMMENT ON TABLE tenfold.event IS 'the log: what tenfold.publish() wrote and some consumer may still want';
COMMENT ON COLUMN tenfold.event.xid IS 'the transaction that published it';
COMMENT ON COLUMN tenfold.event.bytes IS 'of key, payload and headers as text: batches are measured without reading what is stored aside';
CREATE INDEX event_xid ON tenfold.event (xid);

CREATE TABLE tenfold.tick (
  tick_id bigint NOT NULL,
  event_seq bigint NOT NULL,
  settled_xid xid8,
  ticked_at timestamptz NOT NULL,
  incarnation int NOT NULL,
  slot smallint NOT NULL,
  snapshot pg_snapshot NOT NULL
) PARTITION BY LIST (slot);
COMMENT ON TABLE tenfold.tick IS 'the ends of batches: what was visible when';
COMMENT ON COLUMN tenfold.tick.event_seq IS 'no event up to this id was published after the snapshot was taken';
COMMENT ON COLUMN tenfold.tick.settled_xid IS
  'once every transaction below is over, no event up to event_seq can appear any more; NULL: not known. A tick whose snapshot is that far needs no next one until something is published';
CREATE INDEX tick_id ON tenfold.tick (tick_id);
CREATE INDEX tick_event_seq ON tenfold.tick (event_seq, tick_id);

CREATE TABLE tenfold.consumer (
  consumer_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE CONSTRAINT name_is_short CHECK (length(name) BETWEEN 1 AND 255),
  topic_ids int[],
  max_attempts int NOT NULL CONSTRAINT some_attempts CHECK (max_attempts BETWEEN 1 AND 1000),
  on_dead text NOT NULL CONSTRAINT on_dead_is_known CHECK (on_dead IN ('skip', 'park')),
  backoff_base interval NOT NULL CONSTRAINT base_is_time CHECK (backoff_base BETWEEN '0' AND '30 days'),
  backoff_cap interval NOT NULL CONSTRAINT cap_is_above_base CHECK (backoff_cap BETWEEN backoff_base AND '30 days'),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  epoch bigint NOT NULL DEFAULT 0,
  owner text
);
COMMENT ON TABLE tenfold.consumer IS 'who reads the log, made by tenfold.create_consumer()';
COMMENT ON COLUMN tenfold.consumer.topic_ids IS 'NULL: every topic';
COMMENT ON COLUMN tenfold.consumer.epoch IS 'new with each owner: who comes with an older one was replaced';

CREATE TABLE tenfold.consumer_instance (
  instance text PRIMARY KEY CONSTRAINT name_is_short CHECK (length(instance) BETWEEN 1 AND 255),
  names text[] NOT NULL,
  expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE tenfold.consumer_instance IS 'the processes that share the consumers of these names among them, each with the end of its lease';

CREATE TABLE tenfold.consumer_position (
  tick_id bigint NOT NULL,
  event_seq bigint NOT NULL,
  within_tick bigint NOT NULL DEFAULT 0,
  after_event bigint NOT NULL DEFAULT 0,
  moved_at timestamptz NOT NULL,
  consumer_id int NOT NULL,
  incarnation int NOT NULL,
  slot smallint NOT NULL,
  snapshot pg_snapshot NOT NULL
) PARTITION BY LIST (slot);
COMMENT ON TABLE tenfold.consumer_position IS 'up to which tick each consumer is; the row with the highest tick_id counts, of these the one with the highest after_event';
COMMENT ON COLUMN tenfold.consumer_position.within_tick IS 'the tick that ends the batch of which a part is finished; 0: none is';
COMMENT ON COLUMN tenfold.consumer_position.after_event IS 'of that batch, the events up to this id are finished';
CREATE INDEX consumer_position_newest ON tenfold.consumer_position (consumer_id, tick_id, after_event);

CREATE TABLE tenfold.event_retry (
  consumer_id int,
  event_id bigint,
  state text NOT NULL CONSTRAINT state_is_known CHECK (state IN ('retry', 'parked', 'dead')),
  attempts int NOT NULL,
  due_at timestamptz NOT NULL,
  reason text,
  failed_in xid8,
  xid xid8 NOT NULL,
  incarnation int NOT NULL,
  topic_id int NOT NULL,
  key text,
  payload jsonb NOT NULL,
  headers jsonb NOT NULL,
  published_at timestamptz NOT NULL,
  PRIMARY KEY (consumer_id, event_id)
);
COMMENT ON TABLE tenfold.event_retry IS
  'copies of events that a consumer could not handle (retry, dead), or not yet, because an earlier one of their key has failed (parked)';
COMMENT ON COLUMN tenfold.event_retry.failed_in IS 'the transaction of the batch in which it failed: its end parks the later events of the key';
CREATE INDEX event_retry_key ON tenfold.event_retry (consumer_id, topic_id, key);

DO $$
DECLARE
  ring record;
BEGIN
  FOR ring IN SELECT parent, slot FROM (VALUES ('event', 12), ('tick', 12), ('consumer_position', 3)) AS r(parent, slots), generate_series(0, slots - 1) AS slot LOOP
    EXECUTE format('CREATE TABLE tenfold.%1$I PARTITION OF tenfold.%2$I FOR VALUES IN (%3$s) WITH (autovacuum_enabled = off)',
      ring.parent || '_' || ring.slot, ring.parent, ring.slot);
    EXECUTE format('ALTER TABLE tenfold.%I REPLICA IDENTITY FULL', ring.parent || '_' || ring.slot);
  END LOOP;
END
$$;

INSERT INTO tenfold.event_state VALUES (true, 0, clock_timestamp(), 1, tenfold._system_identifier(), '0');
UPDATE tenfold.event_state SET written_by = xmin;
INSERT INTO tenfold.tick VALUES (1, 0, NULL, clock_timestamp(), 1, 0, '1:1:');
