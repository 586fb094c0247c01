-- What the demo's events are handed to: a ledger, and a function that notes an order in it, directly or, with with_kafka=yes,
-- behind Kafka. A run begins anew: what another left, by either way, would hold the log, and old dead letters pass for new ones.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS demo;
CREATE TABLE IF NOT EXISTS demo.ledger (event_id bigint PRIMARY KEY, customer text NOT NULL, amount int NOT NULL);
TRUNCATE demo.ledger;
CREATE OR REPLACE FUNCTION demo.note_order(id text, topic text, key text, payload jsonb, headers jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO demo.ledger VALUES (id::bigint, key, (payload ->> 'amount')::int);
END
$$;
CREATE OR REPLACE FUNCTION demo.note_orders(topic text, keys text[], payloads jsonb[], headers jsonb[]) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM demo.note_order(m.headers ->> 'event_id', topic, m.key, m.payload, m.headers)
    FROM unnest(keys, payloads, note_orders.headers) AS m(key, payload, headers);
END
$$;
GRANT USAGE ON SCHEMA demo TO tenfold_worker, tenfold_owner;
SELECT tenfold.drop_consumer(c.name) FROM tenfold.consumer c WHERE c.name IN ('demo', 'kafka:demo');
SELECT tenfold.drop_kafka_sink('demo', 'demo.order');
DELETE FROM tenfold.kafka_dead WHERE source = 'demo';
SELECT tenfold.create_topic('demo.order', partitions => 3);
\if :with_kafka
SELECT tenfold.create_consumer('kafka:demo', ARRAY['demo.order']), tenfold.create_kafka_sink('demo', 'demo.order', 'demo.note_orders');
\else
SELECT tenfold.create_consumer('demo', ARRAY['demo.order'], max_attempts => 3, backoff_base => '100 ms', on_dead => 'park');
\endif
