CREATE OR REPLACE FUNCTION tenfold._system_identifier() RETURNS bigint
LANGUAGE c STABLE PARALLEL SAFE AS '$libdir/tenfold', 'tf_system_identifier';
COMMENT ON FUNCTION tenfold._system_identifier IS 'the number that initdb gave this cluster; its standbys have the same';

CREATE OR REPLACE FUNCTION tenfold._first_refused_event(keys text[], payloads jsonb[], headers jsonb[], max_bytes int, max_key_bytes int) RETURNS int
LANGUAGE c IMMUTABLE PARALLEL SAFE AS '$libdir/tenfold', 'tf_first_refused_event';
COMMENT ON FUNCTION tenfold._first_refused_event IS
  'the number, from 1, of the first event of a set that has no payload, more bytes of text than that, or headers that are no object of texts; NULL: none. Arrays of keys or headers that are NULL: none';

CREATE OR REPLACE FUNCTION tenfold._insert_events(incarnation int, topic_id int, slot smallint, keys text[], payloads jsonb[], headers jsonb[]) RETURNS bigint
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_insert_events';
COMMENT ON FUNCTION tenfold._insert_events IS
  'inserts a set of events as COPY would, and gives the last id (0 of an empty set); NULL, and nothing is done: the table has columns, triggers or constraints that are not ours. The caller has checked its arguments';

CREATE OR REPLACE FUNCTION tenfold._publish(topic text, key text, payload jsonb, headers jsonb) RETURNS bigint
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_publish';
COMMENT ON FUNCTION tenfold._publish IS
  'puts an event into the log, and gives its id; NULL, and nothing is done: no topic of this name without a schema is known here, it does not take the event, or the log''s table has columns, triggers or constraints that are not ours';
