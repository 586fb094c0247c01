-- What the demo's events are handed to: a topic, a consumer, and a function that notes each event in a ledger.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS demo;
CREATE TABLE IF NOT EXISTS demo.ledger (event_id bigint PRIMARY KEY, customer text NOT NULL, amount int NOT NULL);
CREATE OR REPLACE FUNCTION demo.note_order(id text, topic text, key text, payload jsonb, headers jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO demo.ledger VALUES (id::bigint, key, (payload ->> 'amount')::int);
END
$$;
GRANT USAGE ON SCHEMA demo TO tenfold_worker;
SELECT tenfold.create_topic('demo.order'), tenfold.create_consumer('demo', ARRAY['demo.order'], max_attempts => 3, backoff_base => '100 ms', on_dead => 'park');
