-- Topics and publishing. tables/010_event.sql says how the log works.

CREATE OR REPLACE FUNCTION tenfold.create_topic(name text, partitions int DEFAULT 1, schema jsonb DEFAULT NULL, max_bytes int DEFAULT 900000) RETURNS int
LANGUAGE sql VOLATILE SECURITY DEFINER  -- operators make topics, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO tenfold.topic AS t (name, partitions, schema, max_bytes) VALUES (name, partitions, schema, max_bytes)
  ON CONFLICT ON CONSTRAINT topic_name_key DO UPDATE SET (partitions, schema, max_bytes) = (excluded.partitions, excluded.schema, excluded.max_bytes)
  RETURNING t.topic_id;
$$;
REVOKE EXECUTE ON FUNCTION tenfold.create_topic FROM PUBLIC;
COMMENT ON FUNCTION tenfold.create_topic IS
  'makes a topic, or gives the one of this name new settings; gives its id. The name is also Kafka''s. schema: as for tenfold.check_body(), and required of each payload; max_bytes: of key, payload and headers as text. Errors: 23514 a name or setting out of range';

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

-- The incarnation of who publishes in a copy of the database is the next one, before its first tick opens it.
CREATE OR REPLACE FUNCTION tenfold._event_place(OUT slot smallint, OUT incarnation int, OUT is_copy boolean) RETURNS SETOF record
LANGUAGE sql STABLE ROWS 1  -- of one row; a set is inlined
AS $$
  SELECT s.slot, s.incarnation + c.is_copy::int, c.is_copy
  FROM tenfold.event_state s CROSS JOIN LATERAL (SELECT s.system_identifier <> tenfold._system_identifier() OR s.xmin <> s.written_by AS is_copy) c
$$;
COMMENT ON FUNCTION tenfold._event_place IS 'where events and ticks go now, and whether this database is a copy whose incarnation is not open yet';

CREATE OR REPLACE FUNCTION tenfold._topic(topic text) RETURNS tenfold.topic
LANGUAGE plpgsql STABLE
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

CREATE OR REPLACE FUNCTION tenfold._check_event(t tenfold.topic, key text, payload jsonb, headers jsonb) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  bytes int := octet_length(payload::text) + coalesce(octet_length(key), 0) + octet_length(headers::text);
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
  IF headers <> '{}' THEN
    PERFORM tenfold._check_headers(headers);
  END IF;
  IF t.schema IS NOT NULL THEN
    SELECT * INTO wrong FROM tenfold._body_problem(t.schema, payload);
    IF wrong.problem IS NOT NULL THEN
      RAISE EXCEPTION 'topic "%" does not take this payload: it %', t.name, wrong.problem USING ERRCODE = 'TF054',
        HINT = coalesce(wrong.hint, format('SELECT schema FROM tenfold.topic WHERE name = %L;', t.name));
    END IF;
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._check_event IS 'raises 22004, TF055, TF023 or TF054 for what the topic does not take';

CREATE OR REPLACE FUNCTION tenfold._check_headers(headers jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  IF jsonb_typeof(headers) <> 'object' OR EXISTS (SELECT FROM jsonb_each(headers) h WHERE jsonb_typeof(h.value) <> 'string') THEN
    RAISE EXCEPTION 'headers must be an object of texts, not %', left(headers::text, 200) USING ERRCODE = 'TF054', HINT = 'For example {"trace_id": "4bf92f35"}.';
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._check_headers IS 'raises TF054 unless the headers are an object of texts';

-- Where the table is as we made it, by pages, else by rows. The transaction has its id before an event has its own: ticks
-- rely on that.
CREATE OR REPLACE FUNCTION tenfold._append_events(incarnation int, topic_id int, slot smallint, keys text[], payloads jsonb[], headers jsonb[]) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
  published_in xid8 := pg_current_xact_id();
  last_id bigint := tenfold._insert_events(incarnation, topic_id, slot, keys, payloads, headers);
BEGIN
  IF last_id IS NULL THEN
    INSERT INTO tenfold.event (event_id, xid, published_at, incarnation, topic_id, slot, key, payload, headers)
      SELECT nextval('tenfold.event_id'), published_in, clock_timestamp(), _append_events.incarnation, _append_events.topic_id, _append_events.slot,
        e.key, e.payload, coalesce(e.headers, '{}')
      FROM ROWS FROM (unnest(keys), unnest(payloads), unnest(_append_events.headers)) AS e(key, payload, headers);
    last_id := currval('tenfold.event_id');
  END IF;
  RETURN last_id;
END
$$;
COMMENT ON FUNCTION tenfold._append_events IS 'puts events into the log, whatever a user has added to its table; gives the last id';

CREATE OR REPLACE FUNCTION tenfold._publish_checked(topic text, key text, payload jsonb, headers jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER  -- who may publish does not write the table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._check_event(tenfold._topic(topic), key, payload, coalesce(headers, '{}'));
  RETURN tenfold._append_events(p.incarnation, t.topic_id, p.slot, ARRAY[key], ARRAY[payload], ARRAY[headers])
    FROM tenfold.topic t CROSS JOIN tenfold._event_place() p WHERE t.name = topic;
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

CREATE OR REPLACE FUNCTION tenfold._check_events(t tenfold.topic, keys text[], payloads jsonb[], headers jsonb[]) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  refused int := tenfold._first_refused_event(keys, payloads, headers, t.max_bytes, 1024);
BEGIN
  IF (cardinality(keys) = cardinality(payloads) AND cardinality(headers) = cardinality(payloads)) = false THEN
    RAISE EXCEPTION '% keys and % headers for % payloads', cardinality(keys), coalesce(cardinality(headers), 0), cardinality(payloads) USING ERRCODE = '2202E',
      HINT = 'As many of each; keys or headers of NULL: none at all.';
  ELSIF refused IS NOT NULL THEN
    PERFORM tenfold._check_event(t, keys[refused], payloads[refused], coalesce(headers[refused], '{}'));
  ELSIF t.schema IS NOT NULL THEN
    PERFORM tenfold._check_event(t, NULL, e.payload, '{}') FROM unnest(payloads) AS e(payload);
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._check_events IS 'raises what _check_event() raises, for the first of a set that the topic does not take; 2202E: the arrays are not as long as each other';

CREATE OR REPLACE FUNCTION tenfold.publish_many(topic text, keys text[], payloads jsonb[], headers jsonb[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER  -- as publish
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  t tenfold.topic := tenfold._topic(topic);
  place record;
BEGIN
  PERFORM tenfold._check_events(t, keys, payloads, headers);
  SELECT * INTO place FROM tenfold._event_place();
  PERFORM tenfold._append_events(place.incarnation, t.topic_id, place.slot, keys, payloads, headers);
  RETURN coalesce(cardinality(payloads), 0);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.publish_many FROM PUBLIC;
COMMENT ON FUNCTION tenfold.publish_many IS
  'publish() for a set, in the order of the arrays; gives how many. keys or headers of NULL: none. Errors: as publish(), 2202E the arrays are not as long as each other';
