-- Arrays that are read side by side: lists, as long as each other, without NULLs where none may be.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
SELECT lives_ok($$SELECT tenfold._check_lists('a b?', '{1,2}'::int[], '{x,NULL}'::text[])$$, 'two of two');
SELECT lives_ok($$SELECT tenfold._check_lists('a b', NULL::int[], '[7:8]={x,y}'::text[])$$, 'one that is NULL, one that counts from 7');
SELECT lives_ok($$SELECT tenfold._check_lists('a b', '{}'::int[], '{}'::text[])$$, 'empty ones');
SELECT throws_ok($$SELECT tenfold._check_lists('a b', '{1,2}'::int[], '{x}'::text[])$$, '2202E', '1 b for 2 a', 'one too few');
SELECT throws_ok($$SELECT tenfold._check_lists('a b?', '{1,NULL}'::int[], '{x,NULL}'::text[])$$, '22004', 'a has a NULL', 'a NULL');
SELECT throws_ok($$SELECT tenfold._check_lists('a', '{{1},{2}}'::int[])$$, '2202E', 'a is an array of 2 dimensions', 'two dimensions');
SELECT throws_ok($$SELECT tenfold._check_lists('a', 'x'::text)$$, 'XX000', NULL, 'no array');

-- Every function that users give arrays.
SELECT tenfold.create_queue('lists'), tenfold.create_topic('lists'), tenfold.create_consumer('lists', '{lists}');
CREATE TEMP TABLE call AS SELECT * FROM (VALUES
  ($$tenfold.publish_many('lists', '{{k}}', '{{1}}')$$, '2202E'),
  ($$tenfold.publish_many('lists', '{k}', ARRAY[NULL]::jsonb[])$$, '22004'),
  ($$tenfold.enqueue_many('lists', '{{1,2}}')$$, '2202E'),
  ($$tenfold.enqueue_many('lists', '{1,2}', dedupe_keys => '{a}')$$, '2202E'),
  ($$tenfold.enqueue_many('lists', '{1}', concurrency_keys => '{a,b}')$$, '2202E'),
  ($$tenfold.enqueue_many('lists', ARRAY['1', NULL]::jsonb[])$$, '22004'),
  ($$tenfold.heartbeat_jobs('{1,2}', '{1}')$$, '2202E'),
  ($$tenfold.heartbeat_jobs('{1,NULL}', '{1,2}', true)$$, '22004'),
  ($$tenfold.complete_jobs('{{1}}', '{{1}}')$$, '2202E'),
  ($$tenfold.complete_jobs('{1,2}', '{1,2}', '{1}')$$, '2202E'),
  ($$tenfold.release_jobs('{1}', '{1,2}')$$, '2202E'),
  ($$tenfold.redrive('{{1}}'::bigint[])$$, '2202E'),
  ($$tenfold.redrive('{NULL}'::bigint[])$$, '22004'),
  ($$tenfold.write_off_jobs('{NULL}')$$, '22004'),
  ($$tenfold.create_consumer('x', '{{lists}}')$$, '2202E'),
  ($$tenfold.create_consumer('x', '{lists,NULL}')$$, '22004'),
  ($$tenfold.acquire_consumers('i', '{{lists}}')$$, '2202E'),
  ($$tenfold.acquire_consumers('i', '{NULL}')$$, '22004'),
  ($$tenfold.finish_retries('lists', 0, '{{1}}')$$, '2202E'),
  ($$tenfold.redrive_events('lists', '{NULL}')$$, '22004'),
  ($$tenfold.discard_events('lists', '{{1}}')$$, '2202E'),
  ($$tenfold.create_kafka_source('s', '{{t}}')$$, '2202E'),
  ($$tenfold.claim_kafka_partitions('s', 'i', '{t,t}', '{0}')$$, '2202E'),
  ($$tenfold.apply_kafka_batch('s', 't', 0, 1, NULL, 2, '{0,1}', '{a}', '{1,2}', '{"{}","{}"}')$$, '2202E'),
  ($$tenfold.cache_clear('x'), tenfold._cache_touch('{{a}}')$$, '2202E'),
  ($$hotel.nearby(0, 0, amenities => '{{wifi}}')$$, '2202E'),
  ($$hotel.nearby(0, 0, price_ranges => '{{$}}')$$, '2202E'),
  ($$hotel.nearby(0, 0, price_ranges => '{NULL}')$$, '22004')) AS c(text, state);
SELECT throws_ok('SELECT ' || text, state, NULL, text) FROM call;

-- By position, whatever the bounds.
SELECT set_eq($$SELECT tenfold.enqueue_many('lists', '[4:5]={1,2}', dedupe_keys => '[0:1]={a,b}')$$, 'SELECT job_id FROM tenfold.job WHERE dedupe_key IN (''a'', ''b'')', 'jobs');
SELECT results_eq($$SELECT payload, dedupe_key FROM tenfold.job WHERE dedupe_key IS NOT NULL ORDER BY job_id$$, $$VALUES ('1'::jsonb, 'a'), ('2', 'b')$$, '… each with its key');
CREATE TABLE public.got (key text, payload jsonb);
GRANT INSERT ON public.got TO tenfold_owner;
CREATE FUNCTION public.get(topic text, keys text[], payloads jsonb[], headers jsonb[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1 .. cardinality(keys) LOOP
    IF payloads[i] = '"bad"' THEN
      RAISE 'bad' USING ERRCODE = '22023';
    END IF;
    INSERT INTO public.got VALUES (keys[i], payloads[i]);
  END LOOP;
END $$;
SELECT tenfold.create_kafka_sink('s', 't', 'public.get');
SELECT tenfold.claim_kafka_partitions('s', 'i', '[3:3]={t}', '[9:9]={0}');
SELECT is(tenfold.apply_kafka_batch('s', 't', 0, (SELECT epoch FROM tenfold.kafka_offset WHERE source = 's'), NULL, 4,
  '[2:4]={0,1,2}', '[0:2]={a,b,c}', '[5:7]={1,"\"bad\"",3}', '[-1:1]={"{}","{}","{}"}'), 1, 'a batch of Kafka, with a dead letter');
SELECT results_eq('SELECT key, payload FROM public.got ORDER BY 1', $$VALUES ('a', '1'::jsonb), ('c', '3')$$, '… reaches its handler');
SELECT is((SELECT convert_from(key, 'UTF8') FROM tenfold.kafka_dead WHERE source = 's'), 'b', '… and the right one is dead');
SELECT * FROM finish();
ROLLBACK;
