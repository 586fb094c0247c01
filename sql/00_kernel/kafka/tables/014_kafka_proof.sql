-- A topic of Kafka that was deleted and made anew has other messages at the old offsets, and nothing else tells. So each
-- partition remembers when the message before its offset was made: whoever reads on looks at that message first.

ALTER TABLE tenfold.kafka_offset ADD COLUMN made_at bigint, ADD COLUMN problem text;
COMMENT ON COLUMN tenfold.kafka_offset.made_at IS 'the timestamp in Kafka of the message before next_offset, in milliseconds; NULL: unknown, so not compared';
COMMENT ON COLUMN tenfold.kafka_offset.problem IS 'why the partition is not read on, until tenfold.set_kafka_offset()';

-- One has one more column, the other one more argument now.
DROP FUNCTION IF EXISTS tenfold.claim_kafka_partitions(text, text, text[], int[], interval);
DROP FUNCTION IF EXISTS tenfold._move_kafka_offset(text, text, int, bigint, bigint, bigint);
DROP FUNCTION IF EXISTS tenfold.apply_kafka_batch(text, text, int, bigint, bigint, bigint, bigint[], text[], text[], text[]);
