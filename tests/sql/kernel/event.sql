-- Publishing: what is refused, and with which SQLSTATE; what stands in the log then. consumer.sql has what becomes of it.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
SELECT tenfold.create_topic('t', max_bytes => 100), tenfold.create_topic('free');
SELECT tenfold.create_topic('typed', schema => '{"properties": {"n": {"type": ["integer"]}, "s": {"type": ["string", "null"]}}, "required": ["n"]}');

-- Topics.
SELECT throws_ok($$SELECT tenfold.create_topic('a topic')$$, '23514', NULL, 'a name that Kafka does not take');
SELECT throws_ok($$SELECT tenfold.create_topic('..')$$, '23514', NULL, '… nor that');
SELECT throws_ok($$SELECT tenfold.create_topic(repeat('x', 250))$$, '23514', NULL, 'one of 250 characters');
SELECT lives_ok($$SELECT tenfold.create_topic(repeat('x', 249))$$, 'one of 249');
SELECT throws_ok($$SELECT tenfold.create_topic('p', partitions => 0)$$, '23514', NULL, 'no partition');
SELECT throws_ok($$SELECT tenfold.create_topic('p', schema => '[]')$$, '23514', NULL, 'a schema that is no object');
SELECT is(tenfold.create_topic('t', 3, max_bytes => 100), (SELECT topic_id FROM tenfold.topic WHERE name = 't'), 'create_topic() twice changes one topic');
SELECT is((SELECT partitions FROM tenfold.topic WHERE name = 't'), 3, '… indeed');

-- Bad input, one by one and in sets.
SELECT throws_ok($$SELECT tenfold.publish('nix', 'k', '{}')$$, 'TF053', 'unknown topic "nix"', 'an unknown topic');
SELECT throws_ok($$SELECT tenfold.publish_many('nix', '{k}', '{"{}"}')$$, 'TF053', NULL, '… for a set');
SELECT throws_ok($$SELECT tenfold.publish('free', 'k', NULL)$$, '22004', NULL, 'no payload');
SELECT throws_ok($$SELECT tenfold.publish_many('free', '{k,k}', ARRAY['1', NULL]::jsonb[])$$, '22004', NULL, '… in a set');
SELECT throws_ok($$SELECT tenfold.publish('free', 'k', '1', '[]')$$, 'TF054', NULL, 'headers that are no object');
SELECT throws_ok($$SELECT tenfold.publish('free', 'k', '1', '{"a": "x", "b": 1}')$$, 'TF054', NULL, 'a header that is no text');
SELECT throws_ok($$SELECT tenfold.publish('free', 'k', '1', '{"a": null}')$$, 'TF054', NULL, '… that is null');
SELECT throws_ok($$SELECT tenfold.publish_many('free', '{k,k}', '{1,2}', ARRAY['{"a": "x"}', '{"a": {"b": "c"}}']::jsonb[])$$, 'TF054', NULL, '… in a set');
SELECT throws_ok($$SELECT tenfold.publish_many('free', '{k}', '{1,2}')$$, '2202E', NULL, 'too few keys');
SELECT throws_ok($$SELECT tenfold.publish_many('free', '{k,k}', '{1,2}', '{"{}"}')$$, '2202E', NULL, 'too few headers');
SELECT throws_ok($$SELECT tenfold.publish('free', repeat('é', 513), '1')$$, 'TF023', NULL, 'a key of 1026 bytes');
SELECT throws_ok($$SELECT tenfold.publish_many('free', ARRAY['k', repeat('é', 513)], '{1,2}')$$, 'TF023', NULL, '… in a set');
CREATE TEMP TABLE stored AS SELECT repeat('x', 3000) AS key;  -- too long for a row as it is
SELECT throws_ok('SELECT tenfold.publish(''free'', s.key, ''1'') FROM stored s', 'TF023', NULL, '… as a table keeps it, compressed');
SELECT throws_ok('SELECT tenfold.publish_many(''free'', ARRAY[s.key], ''{1}'') FROM stored s', 'TF023', NULL, '… in a set');
SELECT lives_ok($$SELECT tenfold.publish('free', repeat('é', 512), '1')$$, 'one of 1024');
SELECT throws_ok($$SELECT tenfold.publish('t', 'k', to_jsonb(repeat('x', 96)))$$, 'TF055', 'an event of 101 bytes is too large for topic "t"', 'one byte too many: key, payload with quotes, headers');
SELECT lives_ok($$SELECT tenfold.publish('t', 'k', to_jsonb(repeat('x', 95)))$$, 'and not one too many');
SELECT throws_ok($$SELECT tenfold.publish_many('t', NULL, ARRAY['1', to_jsonb(repeat('x', 97))])$$, 'TF055', NULL, '… in a set');
SELECT lives_ok($$SELECT tenfold.publish_many('t', NULL, ARRAY['1', to_jsonb(repeat('x', 96))])$$, '… that just fits');
SELECT throws_ok($$SELECT tenfold.publish('typed', 'k', '{}')$$, 'TF054', 'topic "typed" does not take this payload: it lacks "n"', 'what the schema requires');
SELECT throws_ok($$SELECT tenfold.publish('typed', 'k', '{"n": 1.5}')$$, 'TF054', NULL, 'a wrong type');
SELECT throws_ok($$SELECT tenfold.publish('typed', 'k', '{"n": 1, "x": 1}')$$, 'TF054', NULL, 'an unknown member');
SELECT throws_ok($$SELECT tenfold.publish('typed', 'k', '7')$$, 'TF054', NULL, 'no object');
SELECT throws_ok($$SELECT tenfold.publish_many('typed', '{k,k}', ARRAY['{"n": 1}', '{"s": "x"}']::jsonb[])$$, 'TF054', NULL, '… in a set');
SELECT lives_ok($$SELECT tenfold.publish('typed', 'k', '{"n": 1, "s": null}')$$, 'what the schema allows');

-- What stands in the log.
SELECT is(tenfold.publish_many('free', '{a,NULL}', '{1,"\"two\""}', ARRAY['{"h": "1"}', NULL]::jsonb[]), 2::bigint, 'a set tells its number');
SELECT is(tenfold.publish_many('free', NULL, '{}'), 0::bigint, 'an empty one, too');
SELECT results_eq($$SELECT key, payload, headers, xid = pg_current_xact_id() FROM tenfold.event ORDER BY event_id DESC LIMIT 2$$,
  $$VALUES (NULL, '"two"'::jsonb, '{}'::jsonb, true), ('a', '1', '{"h": "1"}', true)$$, 'each with its key and headers');
SELECT tenfold.publish('free', 'k', '1', NULL) AS id \gset
SELECT is(:id::bigint, (SELECT max(event_id) FROM tenfold.event), 'publish gives the id');

-- A set fills many pages, and large payloads go out of line.
SELECT tenfold.publish_many('free', NULL, ARRAY(SELECT jsonb_build_object('n', n, 'x', CASE WHEN n % 100 = 0 THEN (SELECT string_agg(md5(n::text || i), '') FROM generate_series(1, 1000) i) END)
  FROM generate_series(1, 1000) n));
SELECT is((SELECT count(*) FROM tenfold.event WHERE payload ? 'x'), 1000::bigint, 'a thousand in pages');
SELECT is((SELECT sum((payload ->> 'n')::int) FROM tenfold.event WHERE payload ? 'x' AND length(coalesce(payload ->> 'x', '')) IN (0, 32000)), 500500::bigint, '… intact');
SET LOCAL enable_seqscan = off;
SELECT is((SELECT count(*) FROM tenfold.event WHERE xid = pg_current_xact_id() AND payload ? 'x'), 1000::bigint, '… and the index knows them');

-- Bytes are counted as jsonb::text would write them.
CREATE TEMP TABLE doc AS SELECT d::jsonb FROM (VALUES ('{}'), ('[]'), ('1'), ('"é\u0001\n\t\b\f\r\"\\ /"'), ('null'), ('true'), ('[false]'), ('1e100'), ('-0.00120'), ('123456789012345678901234567890.5'),
  ('{"a": [1, 2.50, {"b": null, "c": ["x", [], {}]}], "key \"q\"": "v", "zz": -1e-20}')) AS v(d);
INSERT INTO doc SELECT jsonb_agg(d) FROM doc;
INSERT INTO doc SELECT jsonb_object_agg(n || '.', d) FROM (SELECT d, row_number() OVER () AS n FROM doc CROSS JOIN generate_series(1, 20)) x;
INSERT INTO doc SELECT to_jsonb(sign * digit * power(10::numeric, scale)) FROM unnest('{1,-1}'::int[]) sign, unnest('{1,9,10,9999,10000,123.4560}'::numeric[]) digit,
  generate_series(-40, 300, 17) scale;
INSERT INTO doc SELECT n::jsonb FROM unnest('{0,0.0,-0.5,0.00010,1e131071,-1e-16383,12345678.000,1e63,1e64,1e256,1e-256,1e260}'::text[]) n;
SELECT is_empty($$SELECT d FROM doc WHERE tenfold._json_bytes(d) <> octet_length(d::text)$$, 'the count of bytes is exact');
SELECT is_empty($$SELECT d FROM doc WHERE jsonb_typeof(d) = 'number' AND tenfold._longest_number(d) <> octet_length(d::text)$$, '… of one number');
SELECT is(tenfold._longest_number('{"a": [1, {"b": -12.50}], "c": "1234567890"}'), 6::bigint, 'the longest number of many');
SELECT is(tenfold._longest_number('["x"]'), 0::bigint, '… of none');

-- Little jsonb, much text: refused before it is made, without adding up beyond an int.
CREATE TEMP TABLE bomb AS SELECT jsonb_agg(1e131071) AS d FROM generate_series(1, 17000);
SELECT cmp_ok(tenfold._json_bytes(d), '>', 2228000000, 'more bytes than an int counts') FROM bomb;
SELECT throws_ok($$SELECT tenfold.publish('free', 'k', d) FROM bomb$$, 'TF055', NULL, '… are too many for a topic');
SELECT throws_ok($$SELECT tenfold.publish('free', 'k', '1', jsonb_build_object('h', d)) FROM bomb$$, 'TF055', NULL, '… as headers, too');
SELECT throws_ok($$SELECT tenfold.publish_many('free', '{k,k}', ARRAY['1', d]) FROM bomb$$, 'TF055', NULL, '… in a set');
SELECT throws_ok($$SELECT tenfold.publish('typed', 'k', jsonb_build_object('n', d)) FROM bomb$$, 'TF055', NULL, '… where there is a schema');
SELECT throws_ok($$SELECT tenfold.publish('typed', 'k', '{"n": 1e1000}')$$, 'TF054', NULL, 'a schema takes no number of 1,001 digits');
SELECT lives_ok($$SELECT tenfold.publish('typed', 'k', '{"n": 1e999}')$$, '… but one of 1,000');

-- Arrays are read by position, whatever their bounds.
SELECT is(tenfold.publish_many('free', '[5:6]={a,b}', '[-1:0]={1,2}', '[2:3]={"{\"h\": \"1\"}","{\"h\": \"2\"}"}'), 2::bigint, 'subscripts from anywhere');
SELECT results_eq($$SELECT key, payload, headers FROM tenfold.event ORDER BY event_id DESC LIMIT 2$$,
  $$VALUES ('b', '2'::jsonb, '{"h": "2"}'::jsonb), ('a', '1', '{"h": "1"}')$$, '… do not part what belongs together');
SELECT throws_ok($$SELECT tenfold.publish_many('free', '{k}', '{1}', '[2:2]={"{\"a\": 1}"}')$$, 'TF054', NULL, 'nor hide what is refused');
SELECT throws_ok($$SELECT tenfold.publish_many('typed', '[2:2]={k}', '[7:7]={"{\"s\": \"x\"}"}')$$, 'TF054', NULL, '… where there is a schema');
SELECT throws_ok($$SELECT tenfold.publish_many('free', NULL, '{{1,2},{3,4}}')$$, '2202E', NULL, 'an array of two dimensions is no list');
SELECT throws_ok($$SELECT tenfold.publish_many('typed', '{{k}}', '{{"{\"n\": 1}"}}')$$, '2202E', NULL, '… where there is a schema');
SELECT throws_ok($$SELECT tenfold.publish_many('typed', '{k}', ARRAY['{"n": 1}', '{"n": 2}']::jsonb[])$$, '2202E', NULL, '… which wants as many of each, too');
SELECT is((SELECT sum(bytes) FROM tenfold.event), (SELECT sum(octet_length(payload::text) + octet_length(headers::text) + coalesce(octet_length(key), 0)) FROM tenfold.event)::bigint,
  'an event knows its bytes');

-- A table that a user has changed takes the long way.
ALTER TABLE tenfold.event ADD COLUMN note text DEFAULT 'mine';
SELECT is(tenfold.publish_many('free', '{z,z}', '{1,2}'), 2::bigint, 'a column more');
SELECT tenfold.publish('free', 'z', '3') AS id \gset
SELECT is(:id::bigint, (SELECT max(event_id) FROM tenfold.event WHERE key = 'z' AND note = 'mine'), '… gets its default');
SELECT results_eq($$SELECT key, bytes FROM tenfold.event WHERE key = 'z' AND note = 'mine' ORDER BY event_id$$, $$VALUES ('z', 4), ('z', 4), ('z', 4)$$, '… and its bytes');
ALTER TABLE tenfold.event DROP COLUMN note;
SELECT * FROM finish();
ROLLBACK;
