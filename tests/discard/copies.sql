-- What C++ keeps copies of (providers, topics, queues, plans, Oids), while the server drops every cache at each chance. Only
-- the statements under test run so: each takes a hundred times as long. For a server with assertions: make sanitize-server.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
SELECT tenfold.create_provider('p', quota_per_day => 25), tenfold.create_queue('q'), tenfold.create_topic('t');
SELECT hotel.add_hotel('h', 'IN', 'Mumbai', 19.076, 72.8777, stars => 4) AS hotel \gset
CREATE FUNCTION pg_temp.kept(a int) RETURNS text LANGUAGE tenfold_cached STABLE AS $$ -- keep 60 s; tags x{a}
  SELECT 'value ' || a $$;

\set discard 'SET LOCAL debug_discard_caches = 1'
\set keep 'SET LOCAL debug_discard_caches = 0'

:discard;
SELECT permitted, permit FROM tenfold.breaker_acquire('p') \gset
SELECT tenfold.breaker_report('p', :permit, 'failure', '1 ms') AS first_report \gset
SELECT permitted AS again, permit FROM tenfold.breaker_acquire('p') \gset
SELECT reserved FROM tenfold.quota_reserve('p', 3) \gset
SELECT pg_temp.kept(1) AS one, pg_temp.kept(1) AS same \gset
SELECT tenfold.cache_clear('x1');
SELECT pg_temp.kept(1) AS cleared \gset
SELECT tenfold.publish('t', 'k', '{"n": 1}') AS event \gset
SELECT tenfold.publish_many('t', '{a,b}', '{"{}","{}"}') AS events \gset
SELECT tenfold.enqueue('q', '{"n": 1}') AS job \gset
SELECT job_id AS claimed, epoch FROM tenfold.claim_jobs('q', 'w') \gset
SELECT tenfold.complete_jobs(ARRAY[:claimed]::bigint[], ARRAY[:epoch]::bigint[]) AS completed \gset
SELECT count(*) AS found FROM hotel.nearby(19.076, 72.8777, 1000) \gset
SELECT hotel.nearby_json(19.076, 72.8777, 1000) AS answer \gset
:keep;

SELECT is(:'permitted' || :'again' || :'reserved', 'ttt', 'permits and quota');
SELECT is(:'one' || :'same' || :'cleared', 'value 1value 1value 1', 'a cached function');
SELECT is((SELECT count(*) FROM tenfold.event WHERE topic_id = (SELECT topic_id FROM tenfold.topic WHERE name = 't')), 3::bigint, 'events');
SELECT is(:'completed', format('{%s}', :job), 'a job, from enqueue to done');
SELECT is(:found::bigint, 1::bigint, 'the hotel nearby');
SELECT is(jsonb_array_length(:'answer'), 1, '… and its JSON');
SELECT * FROM finish();
ROLLBACK;
