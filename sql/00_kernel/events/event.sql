-- Topics and publishing. tables/010_event.sql says how the log works.

-- What is published is read for years: a member that its schema does not name is a mistake of the publisher's, unless it says so.
CREATE OR REPLACE FUNCTION tenfold._closed_schema(schema jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(schema) <> 'object' THEN schema
  ELSE '{"type": "object"}' || CASE WHEN schema ? 'properties' THEN '{"additionalProperties": false}'::jsonb ELSE '{}' END || schema END;
COMMENT ON FUNCTION tenfold._closed_schema IS
  'a topic''s schema: where it says neither, payloads are objects, and have no members but those of its properties';

CREATE OR REPLACE FUNCTION tenfold.create_topic(name text, partitions int DEFAULT 1, schema jsonb DEFAULT NULL, max_bytes int DEFAULT 900000) RETURNS int
LANGUAGE sql VOLATILE SECURITY DEFINER  -- operators make topics, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT tenfold._check_schema(schema) WHERE jsonb_typeof(schema) = 'object';
  INSERT INTO tenfold.topic AS t (name, partitions, schema, max_bytes) VALUES (name, partitions, tenfold._closed_schema(schema), max_bytes)
  ON CONFLICT ON CONSTRAINT topic_name_key DO UPDATE SET (partitions, schema, max_bytes) = (excluded.partitions, excluded.schema, excluded.max_bytes)
  RETURNING t.topic_id;
$$;
REVOKE EXECUTE ON FUNCTION tenfold.create_topic FROM PUBLIC;
COMMENT ON FUNCTION tenfold.create_topic IS
  'makes a topic, or gives the one of this name new settings; gives its id. The name is also Kafka''s. schema: a JSON Schema which each payload must fit; where it does not say otherwise, that is an object of the members that it names; max_bytes: of key, payload and headers as text. Errors: 23514 a name or setting out of range, 22023 a schema of which not all is checked';

CREATE OR REPLACE FUNCTION tenfold._topic_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER  -- who changes a row, by whatever right, calls a private function
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._relation_changed(TG_RELID::bigint);
  RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold._topic_changed FROM PUBLIC;
COMMENT ON FUNCTION tenfold._topic_changed IS 'the trigger that makes every backend read the topics anew';
CREATE OR REPLACE TRIGGER topic_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tenfold.topic FOR EACH STATEMENT EXECUTE FUNCTION tenfold._topic_changed();
ALTER TABLE tenfold.topic ENABLE ALWAYS TRIGGER topic_changed;  -- also where logical replication applies the rows

CREATE OR REPLACE FUNCTION tenfold._topic(topic text) RETURNS tenfold.topic
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  found_topic tenfold.topic;
BEGIN
  SELECT * INTO found_topic FROM tenfold.topic t WHERE t.name = topic;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'unknown topic "%"', topic USING ERRCODE = 'TF053',
      HINT = coalesce('The topics are: ' || (SELECT string_agg(t.name, ', ' ORDER BY t.name) FROM tenfold.topic t) || '.',
        format('There is none yet: SELECT tenfold.create_topic(%L);', topic));
  END IF;
  RETURN found_topic;
END
$$;
COMMENT ON FUNCTION tenfold._topic IS 'the row of a topic; raises TF053 where there is none';

-- Nothing is made text before its size is known: a number of 14 bytes may have 131,072 of text.
CREATE OR REPLACE FUNCTION tenfold._event_bytes(key text, payload jsonb, headers jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(octet_length(key), 0) + tenfold._json_bytes(payload) + tenfold._json_bytes(headers);
COMMENT ON FUNCTION tenfold._event_bytes IS 'the bytes of an event as text; NULL: payload or headers are';

CREATE OR REPLACE FUNCTION tenfold._check_event(t tenfold.topic, key text, payload jsonb, headers jsonb) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  bytes CONSTANT bigint := tenfold._event_bytes(key, payload, headers);
  wrong record;
BEGIN
  IF bytes IS NULL THEN
    RAISE EXCEPTION 'the payload or the headers are NULL' USING ERRCODE = '22004', HINT = 'Empty ones are {}.';
  ELSIF bytes > t.max_bytes THEN
    RAISE EXCEPTION 'an event of % bytes is too large for topic "%"', bytes, t.name
      USING ERRCODE = 'TF055', HINT = format('It takes %s. Keep what is large elsewhere, and publish where.', t.max_bytes);
  ELSIF octet_length(key) > 1024 THEN
    RAISE EXCEPTION 'the key of an event has % bytes', octet_length(key) USING ERRCODE = 'TF023', HINT = 'At most 1024: a hash of it would do.';
  END IF;
  PERFORM tenfold._check_headers(headers);
  IF t.schema IS NOT NULL THEN
    SELECT * INTO wrong FROM tenfold._json_problem(t.schema, payload);
    IF wrong.problem IS NOT NULL THEN
      RAISE EXCEPTION 'topic "%" does not take this payload: %', t.name, coalesce(nullif(wrong.pointer, ''), 'it') || ' ' || wrong.problem
        USING ERRCODE = 'TF054', DETAIL = wrong.pointer,
          HINT = coalesce(nullif(wrong.hint, ''), format('SELECT schema FROM tenfold.topic WHERE name = %L;', t.name));
    END IF;
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._check_event IS 'raises 22004, TF055, TF023 or TF054 for what the topic does not take';

CREATE OR REPLACE FUNCTION tenfold._check_headers(headers jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  wrong text := jsonb_typeof(headers);
BEGIN
  IF wrong = 'object' THEN
    SELECT format('"%s": %s', left(h.key, 200), jsonb_typeof(h.value)) INTO wrong
      FROM jsonb_each(headers) h WHERE jsonb_typeof(h.value) <> 'string' LIMIT 1;
  END IF;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'headers must be an object of texts, not %', wrong USING ERRCODE = 'TF054', HINT = 'For example {"trace_id": "4bf92f35"}.';
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._check_headers IS 'raises TF054 unless the headers are an object of texts, or NULL';

-- By pages where the table is as we made it, else by rows.
CREATE OR REPLACE FUNCTION tenfold._append_events(t tenfold.topic, keys text[], payloads jsonb[], headers jsonb[]) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  last_id bigint;
  place record;
BEGIN
  IF t.schema IS NOT NULL THEN
    PERFORM tenfold._count_events(keys, payloads, headers);
    PERFORM tenfold._check_events(t, keys, payloads, headers);
  END IF;
  last_id := tenfold._insert_events(t.topic_id, t.max_bytes, keys, payloads, headers);
  IF last_id IS NULL THEN
    PERFORM tenfold._check_events(t, keys, payloads, headers);
    PERFORM pg_current_xact_id();  -- before an event has its own id: ticks rely on that
    SELECT * INTO place FROM tenfold._event_place();
    INSERT INTO tenfold.event (event_id, xid, published_at, incarnation, topic_id, bytes, slot, key, payload, headers)
      SELECT nextval('tenfold.event_id'), pg_current_xact_id(), clock_timestamp(), place.incarnation, t.topic_id,
        tenfold._event_bytes(e.key, e.payload, coalesce(e.headers, '{}')), place.slot, e.key, e.payload, coalesce(e.headers, '{}')
      FROM ROWS FROM (unnest(keys), unnest(payloads), unnest(_append_events.headers)) AS e(key, payload, headers);
    last_id := currval('tenfold.event_id');
  END IF;
  RETURN last_id;
END
$$;
COMMENT ON FUNCTION tenfold._append_events IS 'puts events into the log, whatever a user has added to its table; gives the last id. Raises what _check_event() raises, and 2202E for arrays';

CREATE OR REPLACE FUNCTION tenfold._check_events(t tenfold.topic, keys text[], payloads jsonb[], headers jsonb[]) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._check_event(t, e.key, e.payload, coalesce(e.headers, '{}'))
    FROM ROWS FROM (unnest(keys), unnest(payloads), unnest(_check_events.headers)) AS e(key, payload, headers);
END
$$;
COMMENT ON FUNCTION tenfold._check_events IS 'raises what _check_event() raises, for the first of a set that the topic does not take';

CREATE OR REPLACE FUNCTION tenfold._publish_checked(topic text, key text, payload jsonb, headers jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER  -- who may publish does not write the table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN tenfold._append_events(tenfold._topic(topic), ARRAY[key], ARRAY[payload], ARRAY[headers]);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold._publish_checked FROM PUBLIC;
COMMENT ON FUNCTION tenfold._publish_checked IS 'publish() for topics with a schema, tables that a user has changed, and what is refused: raises why';

-- Inlined: what is usual is one call of C.
CREATE OR REPLACE FUNCTION tenfold.publish(topic text, key text, payload jsonb, headers jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE sql VOLATILE
RETURN coalesce(tenfold._publish(topic, key, payload, headers), tenfold._publish_checked(topic, key, payload, headers));
REVOKE EXECUTE ON FUNCTION tenfold.publish FROM PUBLIC;
COMMENT ON FUNCTION tenfold.publish IS
  'puts an event into the log, in the caller''s transaction, and gives its id. Consumers get it after the commit, once, those of one topic and key in the order of their ids; that is the order of the commits only while the publisher holds a lock on what the key stands for: '
  'change the row first, then publish. headers: an object of texts. Errors: TF053 unknown topic, TF054 payload or headers, TF055 too large, TF023 a key above 1024 bytes, 22004 no payload';

CREATE OR REPLACE FUNCTION tenfold.publish_many(topic text, keys text[], payloads jsonb[], headers jsonb[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER  -- as publish
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._append_events(tenfold._topic(topic), keys, payloads, headers);
  RETURN coalesce(cardinality(payloads), 0);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.publish_many FROM PUBLIC;
COMMENT ON FUNCTION tenfold.publish_many IS
  'publish() for a set, in the order of the arrays, which are read by position whatever their bounds; gives how many. keys or headers of NULL: none. Errors: as publish(), 2202E the arrays are no lists, or not as long as each other';
