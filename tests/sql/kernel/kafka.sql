-- Kafka, the database's part: partitions under leases, batches with their offsets, dead letters, what a relay asks and notes.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();

CREATE TABLE public.taken (n int PRIMARY KEY CHECK (n < 100), key text);
CREATE FUNCTION public.take(topic text, keys text[], payloads jsonb[], headers jsonb[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF payloads[1] ->> 'n' = 'busy' THEN
    RAISE lock_not_available;
  END IF;
  INSERT INTO public.taken SELECT (p ->> 'n')::int, k FROM unnest(keys, payloads) AS m(k, p);
END $$;
CREATE FUNCTION public.take_nothing() RETURNS void LANGUAGE sql AS '';
GRANT ALL ON public.taken TO tenfold_owner;

-- Sinks.
SELECT throws_ok($$SELECT tenfold.create_kafka_sink('s', 't', 'public.take_nothing')$$, '42883', NULL, 'a function of other arguments');
SELECT throws_ok($$SELECT tenfold.create_kafka_sink('s', 'no name', 'public.take')$$, '23514', NULL, 'a topic that Kafka would not have');
SELECT throws_ok($$SELECT tenfold.create_kafka_sink('s', 't', 'public.take', 'middle')$$, '23514', NULL, 'a start that is none');
SELECT lives_ok($$SELECT tenfold.create_kafka_sink('s', 't', 'public.take')$$, 'a sink');
SELECT is((SELECT handler FROM tenfold.kafka_sink), 'public.take', 'its handler has its schema');

-- Partitions.
CREATE FUNCTION pg_temp.claim(instance text, lease interval DEFAULT '1 min') RETURNS int[] LANGUAGE sql AS
  $$ SELECT array_agg(c.partition ORDER BY c.partition) FROM tenfold.claim_kafka_partitions('s', instance, '{t,t,t}', '{0,1,2}', lease) c $$;
CREATE FUNCTION pg_temp.epoch(p int) RETURNS bigint LANGUAGE sql AS $$ SELECT o.epoch FROM tenfold.kafka_offset o WHERE o.partition = p $$;
SELECT throws_ok(format('SELECT tenfold.claim_kafka_partitions(%L, %L, ARRAY[%L], $${0}$$)', a, b, c), 'TF023', NULL, 'a name that no index takes')
  FROM (VALUES (repeat('x', 256), 'a', 't'), ('s', repeat('x', 256), 't'), ('s', 'a', repeat('x', 256))) AS t(a, b, c);
SELECT throws_ok(format($$SELECT tenfold.bury_kafka_message(%L, %L, 0, 1, NULL, NULL, '{}', 'x')$$, a, b), 'TF023', NULL, '… and no letter has')
  FROM (VALUES (repeat('x', 256), 't'), ('s', repeat('x', 256))) AS t(a, b);
SELECT is(pg_temp.claim('a'), '{0,1,2}', 'who is alone has all');
SELECT is(pg_temp.claim('b'), NULL, 'a second one finds them taken');
SELECT is(pg_temp.claim('a'), '{0,1}', '… and the first gives up what is above its share');
SELECT is(pg_temp.claim('b'), '{2}', '… which the second takes');
SELECT is(ARRAY[pg_temp.epoch(0), pg_temp.epoch(2)], ARRAY[1, 2]::bigint[], 'a new owner has a new epoch, the old one keeps his');
UPDATE tenfold.kafka_instance SET expires_at = clock_timestamp() - interval '1 s' WHERE instance = 'b';
SELECT is(pg_temp.claim('a'), '{0,1,2}', 'who fell silent has lost his');
SELECT tenfold.release_kafka_partitions('s', 'a');
SELECT is(pg_temp.claim('b'), '{0,1,2}', 'who leaves frees his at once');

-- Batches.
CREATE FUNCTION pg_temp.apply(expected bigint, offsets bigint[], payloads text[], epoch bigint DEFAULT pg_temp.epoch(0)) RETURNS int LANGUAGE sql AS $$
  SELECT tenfold.apply_kafka_batch('s', 't', 0, epoch, expected, offsets[cardinality(offsets)] + 1, offsets,
    array_fill('k'::text, ARRAY[cardinality(offsets)]), payloads, array_fill('{}'::text, ARRAY[cardinality(offsets)])) $$;
SELECT throws_ok($$SELECT pg_temp.apply(5, '{5}', '{"{\"n\": 1}"}')$$, 'TF062', NULL, 'an offset where none is known');
SELECT is(tenfold.apply_kafka_batch('s', 't', 0, pg_temp.epoch(0), NULL, 5), 0, 'the beginning is noted');
SELECT is(pg_temp.apply(5, '{5,7}', '{"{\"n\": 1}","{\"n\": 2}"}'), 0, 'a batch; offsets have gaps');
SELECT is((SELECT next_offset FROM tenfold.kafka_offset WHERE partition = 0), 8::bigint, '… moves the offset');
SELECT throws_ok($$SELECT pg_temp.apply(5, '{5,7}', '{"{\"n\": 1}","{\"n\": 2}"}')$$, 'TF062', NULL, 'the same again is refused');
SELECT throws_ok($$SELECT pg_temp.apply(8, '{8}', '{"{\"n\": 3}"}', pg_temp.epoch(0) - 1)$$, 'TF062', NULL, '… as is an old epoch');
SELECT throws_ok($$SELECT tenfold.apply_kafka_batch('s', 'x', 0, 1, 1, 2)$$, 'TF062', NULL, '… and a topic that is not read');
SELECT is(pg_temp.apply(8, '{8,9,10,11,12}', '{"{\"n\": 3}","{\"n\": ","{\"n\": 4}","{\"n\": 100}","{\"n\": 5}"}'), 2, 'poison among others');
SELECT is((SELECT array_agg(n ORDER BY n) FROM public.taken), '{1,2,3,4,5}', 'the others are applied');
SELECT is((SELECT array_agg(format('%s %s %s %s %s', d."offset", right(d.reason, 7), convert_from(d.payload, 'UTF8'), convert_from(d.key, 'UTF8'), d.attempts) ORDER BY d."offset")
           FROM tenfold.kafka_dead d), ARRAY['9 (22P02) {"n":  k 1', '11 (23514) {"n": 100} k 1'], 'these are dead letters, with the reason');
SELECT throws_ok($$SELECT pg_temp.apply(13, '{13,14}', '{"{\"n\": \"busy\"}","{\"n\": 6}"}')$$, '55P03', NULL, 'what is no message''s fault fails the batch');
SELECT is((SELECT next_offset FROM tenfold.kafka_offset WHERE partition = 0), 13::bigint, '… which leaves the offset');

-- Dead letters.
SELECT tenfold.bury_kafka_message('s', 't', 0, 12, NULL, '\xff', '{}', 'the payload is not UTF-8');
SELECT results_eq($$SELECT * FROM tenfold.redrive_kafka('s')$$, $$VALUES (0::bigint, 3::bigint, 0::bigint)$$, 'redriven, nothing changed');
ALTER TABLE public.taken DROP CONSTRAINT taken_n_check;
SELECT results_eq($$SELECT * FROM tenfold.redrive_kafka('s', 't')$$, $$VALUES (1::bigint, 2::bigint, 0::bigint)$$, 'one of them can be applied now');
SELECT is((SELECT array_agg(d."offset" || ':' || d.attempts ORDER BY d."offset") FROM tenfold.kafka_dead d), '{9:3,12:2}', 'the others count their attempts');

-- Read again, on an operator's word.
SELECT tenfold.set_kafka_offset('s', 't', 0, 9), pg_temp.claim('a');
SELECT is(tenfold.apply_kafka_batch('s', 't', 0, pg_temp.epoch(0), 9, 10, '{9}', '{k}', '{"{\"n\":"}', '{"{}"}'), 1, 'a dead letter that comes again');
SELECT is((SELECT d.attempts FROM tenfold.kafka_dead d WHERE d."offset" = 9), 4, '… is the same one');
SELECT is((SELECT dead FROM tenfold.kafka_sink_status WHERE partition = 0), 2::bigint, 'the view counts them');

-- A topic that was made anew: the message before the offset is known by its time.
CREATE FUNCTION pg_temp.proof(OUT made_at bigint, OUT problem text) LANGUAGE sql AS
  $$ SELECT o.made_at, o.problem FROM tenfold.kafka_offset o WHERE o.source = 's' AND o.topic = 't' AND o.partition = 0 $$;
SELECT tenfold.apply_kafka_batch('s', 't', 0, pg_temp.epoch(0), 10, 12, made_at => 1700000000000);
SELECT is((SELECT c.made_at FROM tenfold.claim_kafka_partitions('s', 'a', '{t}', '{0}') c), 1700000000000, 'who claims it learns when the message before was made');
SELECT tenfold.refuse_kafka_partition('s', 't', 0, pg_temp.epoch(0) - 1, 'of old');
SELECT is((pg_temp.proof()).problem, NULL, 'an old epoch has nothing to say');
SELECT tenfold.refuse_kafka_partition('s', 't', 0, pg_temp.epoch(0), 'made anew');
SELECT is((SELECT s.problem FROM tenfold.kafka_sink_status s WHERE s.source = 's' AND s.partition = 0), 'made anew', 'the view says why it is not read on');
SELECT is((SELECT m.value FROM tenfold.metric m WHERE m.name = 'tenfold_kafka_refused_partitions' AND m.labels ->> 'source' = 's'), 1::float8, '… a metric how many');
SELECT tenfold.set_kafka_offset('s', 't', 0, 0);
SELECT results_eq('SELECT * FROM pg_temp.proof()', 'VALUES (NULL::bigint, NULL::text)', 'an operator''s word ends it');

-- A worker's handlers: topics without a function.
SELECT throws_ok($$SELECT tenfold.create_kafka_source('s', '{u}')$$, '42710', NULL, 'a source that functions read');
SELECT lives_ok($$SELECT tenfold.create_kafka_source('w', '{t,u}', 'beginning')$$, 'a source of a worker');
SELECT lives_ok($$SELECT tenfold.create_kafka_source('w', '{t,v}')$$, '… which gets a topic more');
SELECT results_eq($$SELECT topic, start, handler FROM tenfold.kafka_sink WHERE source = 'w' ORDER BY 1$$,
  $$VALUES ('t', 'beginning', NULL::text), ('u', 'beginning', NULL), ('v', 'end', NULL)$$, '… and stays as it was');
SELECT throws_ok($$SELECT tenfold.create_kafka_sink('w', 'x', 'public.take')$$, '42710', NULL, 'a function for a worker''s source');
SELECT is((SELECT array_agg(topic || start) FROM tenfold.claim_kafka_partitions('w', 'i', '{t,v}', '{0,0}')), '{tbeginning,vend}', 'partitions as for sinks');
SELECT throws_ok($$SELECT tenfold.apply_kafka_batch('w', 't', 0, 1, NULL, 1, '{0}', '{k}', '{1}', '{"{}"}')$$, 'TF061', NULL, 'no function gets its messages');
SELECT is(tenfold.apply_kafka_batch('w', 't', 0, 1, NULL, 3), 0, 'the offset moves');
SELECT tenfold.bury_kafka_message('w', 't', 0, 0, 'k', '{"n": 1}', '{"h": "x"}', 'why', 5), tenfold.bury_kafka_message('w', 't', 0, 1, NULL, '\xff', '{}', 'poison'),
  tenfold.bury_kafka_message('w', 't', 0, 2, NULL, NULL, '{}', 'why', 5);
SELECT is_empty($$SELECT tenfold.redriven_kafka('w', 'i')$$, 'dead letters wait for an operator');
SELECT results_eq($$SELECT * FROM tenfold.redrive_kafka('w')$$, $$VALUES (0::bigint, 1::bigint, 2::bigint)$$, '… who leaves to the worker what is text');
SELECT is_empty($$SELECT tenfold.redriven_kafka('w', 'j')$$, '… not to somebody else');
SELECT results_eq($$SELECT topic, partition, "offset", epoch, key, payload, headers FROM tenfold.redriven_kafka('w', 'i')$$,
  $$VALUES ('t', 0, 0::bigint, 1::bigint, 'k', '{"n": 1}', '{"h": "x"}'::jsonb), ('t', 0, 2, 1, NULL, NULL, '{}')$$, '… as they came');
SELECT results_eq($$SELECT * FROM tenfold.redrive_kafka('w')$$, $$VALUES (0::bigint, 1::bigint, 0::bigint)$$, '… once');
SELECT throws_ok($$SELECT tenfold.end_kafka_redrive('w', 't', 0, 0, 0)$$, 'TF062', NULL, 'an end under an old epoch');
SELECT lives_ok($$SELECT tenfold.end_kafka_redrive('w', 't', 0, 1, 0)$$, 'one is handled');
SELECT throws_ok($$SELECT tenfold.end_kafka_redrive('w', 't', 0, 1, 0)$$, 'TF062', NULL, '… once');
SELECT lives_ok($$SELECT tenfold.end_kafka_redrive('w', 't', 0, 1, 2, 'again', 5)$$, 'one failed again');
SELECT throws_ok($$SELECT tenfold.end_kafka_redrive('w', 't', 0, 1, 2)$$, 'TF062', NULL, '… and waits no more');
SELECT is((SELECT array_agg(d."offset" || ' ' || d.attempts || ' ' || d.reason ORDER BY d."offset") FROM tenfold.kafka_dead d WHERE d.source = 'w' AND d."offset" = 2), '{2 10 again}', '… is a dead letter with its new reason');
DELETE FROM tenfold.kafka_dead d WHERE d.source = 'w';
SELECT tenfold.drop_kafka_sink('w', topic) FROM unnest('{t,u,v}'::text[]) topic;

-- An operator's word.
SELECT throws_ok($$SELECT tenfold.set_kafka_offset('s', 't', 9, 1)$$, 'TF061', NULL, 'a partition that is not known');
SELECT lives_ok($$SELECT tenfold.set_kafka_offset('s', 't', 0, 500)$$, 'an offset by hand');
SELECT throws_ok($$SELECT pg_temp.apply(500, '{500}', '{"{\"n\": 7}"}', pg_temp.epoch(0) - 1)$$, 'TF062', NULL, '… fences who read there');
SELECT lives_ok($$SELECT tenfold.drop_kafka_sink('s', 't')$$, 'a sink is dropped');
SELECT is_empty('SELECT FROM tenfold.kafka_offset', '… with its offsets');

-- Relays.
SELECT tenfold.create_topic('t'), tenfold.create_consumer('kafka:r', '{t}', 'beginning');
CREATE FUNCTION pg_temp.state() RETURNS record LANGUAGE sql AS $$ SELECT s.has_relayed, s.trust, s.retry, s.retry_pending FROM tenfold.relay_state('kafka:r') s $$;
SELECT is(pg_temp.state(), row(false, ''::text, 0::bigint, false), 'a relay that never was');
SELECT throws_ok($$SELECT tenfold.relay_state('kafka:x')$$, 'TF052', NULL, 'an unknown one');
SELECT throws_ok($$SELECT tenfold.adopt_kafka_marker('kafka:r', 'database')$$, 'TF060', NULL, 'it refuses nothing');
SELECT throws_ok(format('SELECT tenfold.note_relay(%L, %L)', repeat('x', 256), 'because'), 'TF023', NULL, 'a consumer that cannot be');
SELECT tenfold.note_relay('kafka:r', 'because', 'do this');
SELECT is((SELECT problem || ', ' || hint FROM tenfold.relay_status), 'because, do this', 'it refuses, and says why');
SELECT throws_ok($$SELECT tenfold.adopt_kafka_marker('kafka:r', 'nobody')$$, '22023', NULL, 'nobody to believe');
SELECT tenfold.adopt_kafka_marker('kafka:r', 'kafka');
SELECT is((SELECT trust FROM tenfold.relay_state('kafka:r')), 'kafka', 'the next start hears it');
SELECT tenfold.note_relay('kafka:r');
SELECT is((SELECT (problem, trust)::text FROM tenfold.relay_status), '(,)', '… once');
SELECT is((SELECT fingerprint FROM tenfold.relay_state('kafka:r', (SELECT max(tick_id) FROM tenfold.tick))) <> '', true, 'a tick has a fingerprint');
SELECT is((SELECT fingerprint FROM tenfold.relay_state('kafka:r', 1000000)), '', '… one that there is not has none');
CREATE FUNCTION pg_temp.finish(changed text) RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT tenfold.finish_relay_batch(%L, 0, %s, %s, %L)', 'kafka:r', s.position, b.to_tick, b.fingerprint || changed)
  FROM tenfold.relay_state('kafka:r') s, tenfold.next_relay_batch('kafka:r', 0, s.position, s.position) b $$;
SELECT throws_ok(pg_temp.finish('x'), 'TF051', NULL, 'a batch whose tick is another by now is not finished');
SELECT lives_ok(pg_temp.finish(''), 'one that Kafka has is');
SELECT tenfold.note_relay('kafka:r', 'because', 'do this'), tenfold.note_relay('kafka:r', retry => 5);
SELECT is(pg_temp.state(), row(true, ''::text, 5::bigint, false), 'adopted is what Kafka has: the number of its retries, too');
SELECT tenfold.note_relay('kafka:r', 'because', 'do this'), tenfold.note_relay('kafka:r', retry => 4);
SELECT is(pg_temp.state(), row(true, ''::text, 5::bigint, false), '… which never goes back');
SELECT tenfold.drop_consumer('kafka:r');
SELECT is_empty('SELECT FROM tenfold.relay_status', 'a relay that is dropped is forgotten: Kafka need not have its marker');
SELECT * FROM finish();
ROLLBACK;
