-- A worker's handlers read Kafka as well: topics without a function of their own, and dead letters that wait for the worker.

ALTER TABLE tenfold.kafka_sink ALTER COLUMN handler DROP NOT NULL;
COMMENT ON TABLE tenfold.kafka_sink IS 'which topics of Kafka are read: by a function, made by tenfold.create_kafka_sink(), or by a worker, tenfold.create_kafka_source(). A source is of one kind';
COMMENT ON COLUMN tenfold.kafka_sink.handler IS 'schema-qualified; its arguments are (topic text, keys text[], payloads jsonb[], headers jsonb[]). NULL: a handler of a worker';

ALTER TABLE tenfold.kafka_dead ADD COLUMN is_redriven boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN tenfold.kafka_dead.is_redriven IS 'it waits for the worker that reads its partition, which tries it again';
CREATE INDEX kafka_dead_redriven ON tenfold.kafka_dead (source) WHERE is_redriven;

-- Both have one more column or argument now.
DROP FUNCTION IF EXISTS tenfold.redrive_kafka(text, text, int);
DROP FUNCTION IF EXISTS tenfold.bury_kafka_message(text, text, int, bigint, bytea, bytea, jsonb, text);
