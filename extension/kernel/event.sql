CREATE OR REPLACE FUNCTION tenfold._system_identifier() RETURNS bigint
LANGUAGE c STABLE PARALLEL SAFE AS '$libdir/tenfold', 'tf_system_identifier';
COMMENT ON FUNCTION tenfold._system_identifier IS 'the number that initdb gave this cluster; its standbys have the same';

CREATE OR REPLACE FUNCTION tenfold._event_place(OUT slot smallint, OUT incarnation int, OUT is_copy boolean)
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_event_place';
COMMENT ON FUNCTION tenfold._event_place IS
  'where events and ticks go now, under whatever isolation, and whether this database is a copy whose incarnation is not open yet: who publishes in one publishes into the next';

CREATE OR REPLACE FUNCTION tenfold._count_events(keys text[], payloads jsonb[], headers jsonb[]) RETURNS int
LANGUAGE c IMMUTABLE PARALLEL SAFE AS '$libdir/tenfold', 'tf_count_events';
COMMENT ON FUNCTION tenfold._count_events IS 'how many events a set has; raises 2202E where its arrays are no lists, or not as long as each other';

CREATE OR REPLACE FUNCTION tenfold._insert_events(topic_id int, max_bytes int, keys text[], payloads jsonb[], headers jsonb[]) RETURNS bigint
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_insert_events';
COMMENT ON FUNCTION tenfold._insert_events IS
  'inserts a set of events as COPY would, and gives the last id (0 of an empty set); NULL, and nothing is done: one has no payload, too many bytes or headers that are no object of texts, or the table has columns, triggers or constraints that are not ours. '
  'Arrays are read by position. Errors: 2202E they are not lists, or not as long as each other';

CREATE OR REPLACE FUNCTION tenfold._publish(topic text, key text, payload jsonb, headers jsonb) RETURNS bigint
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_publish';
COMMENT ON FUNCTION tenfold._publish IS
  'puts an event into the log, and gives its id; NULL, and nothing is done: no topic of this name without a schema is known here, it does not take the event, or the log''s table has columns, triggers or constraints that are not ours';
