-- Consumers: batches, leases, retries in the order of their keys, rotation. Each statement is a transaction: nothing can be
-- consumed before it is committed.
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
SELECT tenfold.create_topic('ct'), tenfold.create_topic('ct_other');
SELECT tenfold.publish('ct', 'k', '"before"');

CREATE FUNCTION pg_temp.tick() RETURNS void LANGUAGE plpgsql AS $$ BEGIN WHILE tenfold.tick() IS NULL LOOP END LOOP; END $$;
CREATE FUNCTION pg_temp.read(c text, OUT from_tick bigint, OUT to_tick bigint, OUT events jsonb[]) LANGUAGE plpgsql AS $$
BEGIN
  SELECT b.from_tick, b.to_tick INTO from_tick, to_tick FROM tenfold.next_batch(c, (SELECT epoch FROM tenfold.consumer WHERE name = c)) b;
  IF FOUND THEN
    events := ARRAY(SELECT e.payload FROM tenfold.batch_events(c, from_tick, to_tick) e);
  END IF;
END $$;
CREATE FUNCTION pg_temp.finish(c text) RETURNS void LANGUAGE sql AS
  $$ SELECT tenfold.finish_batch(c, (SELECT epoch FROM tenfold.consumer WHERE name = c), b.from_tick, b.to_tick) FROM pg_temp.read(c) b $$;
-- Ticks, reads and finishes all there is.
CREATE FUNCTION pg_temp.consume(c text) RETURNS jsonb[] LANGUAGE plpgsql AS $$
DECLARE b record; seen jsonb[] := '{}';
BEGIN
  PERFORM pg_temp.tick();
  LOOP
    SELECT * INTO b FROM pg_temp.read(c);
    EXIT WHEN b.from_tick IS NULL;
    seen := seen || b.events;
    PERFORM tenfold.finish_batch(c, (SELECT epoch FROM tenfold.consumer WHERE name = c), b.from_tick, b.to_tick);
  END LOOP;
  RETURN seen;
END $$;
CREATE FUNCTION pg_temp.fail(c text, id bigint, retry boolean DEFAULT true) RETURNS text LANGUAGE sql AS
  $$ SELECT tenfold.fail_event(c, (SELECT epoch FROM tenfold.consumer WHERE name = c), id, 'bad', retry) $$;
CREATE FUNCTION pg_temp.retries(c text) RETURNS jsonb[] LANGUAGE sql AS
  $$ SELECT ARRAY(SELECT r.payload FROM tenfold.next_retries(c, (SELECT epoch FROM tenfold.consumer WHERE name = c)) r) $$;
CREATE FUNCTION pg_temp.finish_retries(c text, payloads jsonb[]) RETURNS void LANGUAGE sql AS
  $$ SELECT tenfold.finish_retries(c, (SELECT epoch FROM tenfold.consumer WHERE name = c), ARRAY(SELECT f.event_id FROM tenfold.event_failure f WHERE f.consumer = c AND f.payload = ANY (payloads))) $$;
CREATE FUNCTION pg_temp.id(payload jsonb) RETURNS bigint LANGUAGE sql AS $$ SELECT max(e.event_id) FROM tenfold.event e WHERE e.payload = $1 $$;
CREATE FUNCTION pg_temp.states(c text) RETURNS text[] LANGUAGE sql AS
  $$ SELECT ARRAY(SELECT f.payload::text || ' ' || f.state FROM tenfold.event_failure f WHERE f.consumer = c ORDER BY f.event_id) $$;

-- Bad input.
SELECT throws_ok($$SELECT tenfold.create_consumer('x', '{nix}')$$, 'TF053', NULL, 'an unknown topic');
SELECT throws_ok($$SELECT tenfold.create_consumer('x', '{}')$$, '22023', NULL, 'no topic');
SELECT throws_ok($$SELECT tenfold.create_consumer('x', '{ct}', start => 'now')$$, '22023', NULL, 'an unknown start');
SELECT throws_ok($$SELECT tenfold.create_consumer('x', '{ct}', on_dead => 'cry')$$, '23514', NULL, 'an unknown on_dead');
SELECT throws_ok($$SELECT tenfold.create_consumer('x', '{ct}', max_attempts => 0)$$, '23514', NULL, 'no attempt');
SELECT throws_ok($$SELECT tenfold.next_batch('nix', 0)$$, 'TF052', NULL, 'an unknown consumer');
SELECT throws_ok($$SELECT tenfold.drop_consumer('nix')$$, 'TF052', NULL, '… to drop');
SELECT throws_ok($$SELECT tenfold.redrive_events('nix')$$, 'TF052', NULL, '… to redrive');
SELECT throws_ok($$SELECT tenfold.acquire_consumers('i', '{nix}')$$, 'TF052', NULL, '… to acquire');

-- Where it starts, and what it reads.
SELECT tenfold.create_consumer('new', '{ct}'), tenfold.create_consumer('all', '{*}'), tenfold.create_consumer('old', '{ct}', start => 'beginning');
SELECT is(pg_temp.consume('new'), '{}', 'from the end: nothing of before');
SELECT ok(pg_temp.consume('old') @> ARRAY['"before"'::jsonb], 'from the beginning: what is kept');
SELECT tenfold.publish('ct', 'k', '1'), tenfold.publish('ct_other', 'k', '2'), tenfold.publish('ct', NULL, '3');
SELECT is((SELECT to_tick FROM pg_temp.read('new')), NULL, 'no batch before a tick');
SELECT is(pg_temp.consume('new'), '{1,3}', 'of its topics');
SELECT is(pg_temp.consume('all'), '{1,2,3}', '… or of all');
SELECT is(pg_temp.consume('new'), '{}', '… once');
SELECT is(tenfold.tick(), tenfold.tick(), 'no tick without anything new');
SELECT is(tenfold.create_consumer('new', '{ct}', start => 'beginning', backoff_base => '0', max_attempts => 2), (SELECT consumer_id FROM tenfold.consumer WHERE name = 'new'), 'create_consumer() twice changes one');
SELECT is(pg_temp.consume('new'), '{}', '… and not its position');

-- Positions and epochs.
SELECT tenfold.publish('ct', 'k', '4');
SELECT pg_temp.tick();
SELECT b.from_tick AS f, b.to_tick AS t FROM pg_temp.read('new') b \gset
SELECT throws_ok(format('SELECT tenfold.finish_batch(%L, 99, %s, %s)', 'new', :f, :t), 'TF050', NULL, 'another epoch');
SELECT throws_ok(format('SELECT tenfold.finish_batch(%L, 0, %s, %s)', 'new', :f + 1, :t), 'TF051', NULL, 'another position');
SELECT throws_ok(format('SELECT tenfold.finish_batch(%L, 0, %s, %s)', 'new', :f, :t + 1000), '22023', NULL, 'a tick that is not there');
SELECT throws_ok(format('SELECT tenfold.finish_batch(%L, 0, %s, %s)', 'new', :f, :f), '22023', NULL, 'a batch of no tick');
SELECT lives_ok(format('SELECT tenfold.finish_batch(%L, 0, %s, %s)', 'new', :f, :t), 'its own');
SELECT throws_ok(format('SELECT tenfold.finish_batch(%L, 0, %s, %s)', 'new', :f, :t), 'TF051', NULL, '… once');
SELECT throws_ok(format('SELECT tenfold.batch_events(%L, %s, %s)', 'new', :f, :t), 'TF051', NULL, 'nor is it read once more');

-- A relay reads on while Kafka takes the batch before.
SELECT tenfold.publish('ct', 'k', '5');
SELECT pg_temp.tick();
SELECT tenfold.publish('ct', 'k', '6');
SELECT pg_temp.tick();
SELECT b.from_tick AS f FROM pg_temp.read('new') b \gset
SELECT n.to_tick AS one, n.fingerprint <> '' AS has_content FROM tenfold.next_relay_batch('new', 0, :f, :f, 1) n \gset
SELECT ok(:'has_content', 'the end of a batch, with its content');
SELECT n.to_tick AS two FROM tenfold.next_relay_batch('new', 0, :f, :one, 1) n \gset
SELECT is((SELECT array_agg(payload::text) FROM tenfold.batch_events('new', :one, :two)), '{6}', 'the batch after it is read before it is finished');
SELECT is((SELECT array_agg(payload::text) FROM tenfold.batch_events('new', :one, :two, pg_temp.id('5'), 1)), '{6}', '… in parts');
SELECT is_empty(format($$SELECT tenfold.batch_events('new', %s, %s, %s)$$, :one, :two, pg_temp.id('6')), '… up to its end');
SELECT is_empty(format($$SELECT tenfold.next_relay_batch('new', 0, %s, %s)$$, :f, :two), 'nothing after the last');
SELECT throws_ok(format($$SELECT tenfold.next_relay_batch('new', 0, %s, %s)$$, :f, :two + 1000), '22023', NULL, 'after a tick that is not there');
SELECT throws_ok(format($$SELECT tenfold.next_relay_batch('new', 1, %s, %s)$$, :f, :one), 'TF050', NULL, 'in another epoch');
SELECT tenfold.finish_batch('new', 0, :f, :one);
SELECT throws_ok(format($$SELECT tenfold.next_relay_batch('new', 0, %s, %s)$$, :f, :one), 'TF051', NULL, 'it is elsewhere by now');
SELECT throws_ok(format($$SELECT tenfold.next_relay_batch('new', 0, %s, %s)$$, :one, :f), 'TF051', NULL, 'what is finished is not read once more');
SELECT tenfold.finish_batch('new', 0, :one, :two);

BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT throws_ok('SELECT tenfold.tick()', '25001', NULL, 'REPEATABLE READ may not tick');
SELECT throws_ok($$SELECT tenfold.next_batch('new', 0)$$, '25001', NULL, '… nor read');
SELECT throws_ok(format('SELECT tenfold.finish_batch(%L, 0, %s, %s)', 'new', :f, :t), '25001', NULL, '… nor finish');
ROLLBACK;

-- A batch in parts: each as large as is asked for, finished once, in the order of the ids, and the whole of it in the end.
CREATE FUNCTION pg_temp.part(c text, most bigint, after bigint DEFAULT NULL) RETURNS text LANGUAGE sql AS
  $$ SELECT string_agg(e.payload::text || CASE WHEN e.is_last THEN '.' ELSE '' END, ' ' ORDER BY e.event_id)
     FROM tenfold.next_batch(c, 0) b, tenfold.batch_events(c, b.from_tick, b.to_tick, after, most) e $$;
SELECT tenfold.publish_many('ct', '{k,k,k,k,k}', '{201,202,203,204,205}') FROM (SELECT pg_temp.tick()) t;
SELECT pg_temp.tick();
SELECT tenfold.publish('ct', 'k', '206');
SELECT pg_temp.tick();
SELECT b.from_tick AS f, b.to_tick AS t, b.after_event = 0 AS begins FROM tenfold.next_batch('new', 0, 1) b \gset
SELECT ok(:'begins', 'nothing of the batch is finished');
SELECT is((SELECT string_agg(e.payload::text || CASE WHEN e.is_last THEN '.' ELSE '' END, ' ') FROM tenfold.batch_events('new', :f, :t, NULL, 30) e), '201 202 203 204 205.', 'all that there are, and the last is known');
SELECT is((SELECT string_agg(e.payload::text, ' ') FROM tenfold.batch_events('new', :f, :t) e), '201 202 203 204 205', '… without a bound, too');
SELECT is((SELECT string_agg(e.payload::text, ' ') FROM tenfold.batch_events('new', :f, :t, NULL, 18) e), '201 202 203', 'events of 6 bytes: three have 18');
SELECT is((SELECT string_agg(e.payload::text, ' ') FROM tenfold.batch_events('new', :f, :t, NULL, 17) e), '201 202', '… two have 17');
SELECT is((SELECT string_agg(e.payload::text, ' ') FROM tenfold.batch_events('new', :f, :t, NULL, 1) e), '201', '… at least one');
SELECT is((SELECT string_agg(e.payload::text, ' ') FROM tenfold.batch_events('new', :f, :t, pg_temp.id('203'), 12) e), '204 205', 'it is read on from an event, before anything is finished');
SELECT throws_ok(format('SELECT tenfold.batch_events(%L, %s, %s, NULL, 0)', 'new', :f, :t), '22023', NULL, 'no byte');
SELECT lives_ok(format('SELECT tenfold.finish_batch(%L, 0, %s, %s, 0, %s)', 'new', :f, :t, pg_temp.id('202')), 'a part is finished');
SELECT throws_ok(format('SELECT tenfold.finish_batch(%L, 0, %s, %s, 0, %s)', 'new', :f, :t, pg_temp.id('202')), 'TF051', NULL, '… once');
SELECT throws_ok(format('SELECT tenfold.finish_batch(%L, 0, %s, %s, NULL, %s)', 'new', :f, :t, pg_temp.id('201')), 'TF051', NULL, '… nor a part of it');
SELECT throws_ok(format('SELECT tenfold.finish_batch(%L, 0, %s, %s, 0, %s)', 'new', :f, :t, pg_temp.id('204')), 'TF051', NULL, '… nor more, by one who began before it');
SELECT throws_ok(format('SELECT tenfold.finish_batch(%L, 0, %s, %s, 0)', 'new', :f, :t), 'TF051', NULL, '… nor all');
SELECT throws_ok(format('SELECT tenfold.batch_events(%L, %s, %s, 0)', 'new', :f, :t), 'TF051', NULL, 'what is finished is not read once more');
SELECT throws_ok(format('SELECT tenfold.finish_batch(%L, 0, %s, %s)', 'new', :f, :t + 1), '22023', NULL, 'the batch ends where it was to end');
SELECT is((SELECT (b.from_tick, b.to_tick, b.after_event) FROM tenfold.next_batch('new', 0) b), (:f::bigint, :t::bigint, pg_temp.id('202')), 'the next batch is the rest of this one');
SELECT is(pg_temp.part('new', 6), '203', '… in order');
SELECT is((SELECT l.behind_events FROM tenfold.outbox_lag l WHERE consumer = 'new'), 4::bigint, 'the lag counts what is not finished');
SELECT throws_ok(format('SELECT tenfold.fail_event(%L, 0, %s, %L)', 'new', pg_temp.id('201'), 'late'), 'TF056', NULL, 'what is finished cannot fail');
BEGIN;
SELECT pg_temp.fail('new', pg_temp.id('203'));
SELECT tenfold.finish_batch('new', 0, :f, :t, pg_temp.id('202'), pg_temp.id('203'));
COMMIT;
SELECT is(pg_temp.part('new', 600), NULL, 'what follows a failed one of its key is set aside, in later parts, too');
SELECT is(pg_temp.retries('new'), '{}', '… and it comes again when the batch is over');
SELECT is(pg_temp.read('new'), (:f::bigint, :t::bigint, '{}'::jsonb[]), 'a caller that knows of no parts ends the batch');
SELECT pg_temp.finish('new');
SELECT is(pg_temp.retries('new'), '{203,204,205}', 'it comes again');
SELECT is((SELECT array_agg(payload::text) FROM tenfold.next_retries('new', 0, 1000, 12)), '{203,204}', '… as much as memory allows');
SELECT is((SELECT array_agg(payload::text) FROM tenfold.next_retries('new', 0, 1000, 1)), '{203}', '… at least one');
SELECT throws_ok($$SELECT tenfold.next_retries('new', 0, 1000, 0)$$, '22023', NULL, '… not nothing');
SELECT pg_temp.finish_retries('new', '{203,204,205}');
SELECT is(pg_temp.part('new', 600), '206.', 'the next batch is a new one');
SELECT is(pg_temp.consume('new'), '{206}', '… and ends');

-- max_events counts ids.
SELECT tenfold.publish_many('ct', NULL, ARRAY(SELECT to_jsonb(n) FROM generate_series(100, 109) n)) FROM (SELECT pg_temp.tick()) t;
SELECT pg_temp.tick();
SELECT tenfold.publish_many('ct', NULL, ARRAY(SELECT to_jsonb(n) FROM generate_series(110, 119) n));
SELECT pg_temp.tick();
SELECT is((SELECT count(*) FROM tenfold.next_batch('new', 0, 10) b, tenfold.batch_events('new', b.from_tick, b.to_tick)), 10::bigint, 'a batch of ten');
SELECT is((SELECT count(*) FROM tenfold.next_batch('new', 0, 1) b, tenfold.batch_events('new', b.from_tick, b.to_tick)), 10::bigint, '… of one, but a tick has ten');
SELECT is((SELECT count(*) FROM tenfold.next_batch('new', 0, 1000) b, tenfold.batch_events('new', b.from_tick, b.to_tick)), 20::bigint, '… of all');
SELECT throws_ok($$SELECT tenfold.next_batch('new', 0, 0)$$, '22023', NULL, '… of none');
SELECT is((SELECT l.behind_events FROM tenfold.outbox_lag l WHERE consumer = 'new'), 20::bigint, 'the lag counts them');
SELECT is(cardinality(pg_temp.consume('new')), 20, 'they are read');
SELECT is((SELECT (l.behind_events, l.behind_seconds) FROM tenfold.outbox_lag l WHERE consumer = 'new'), (0::bigint, 0::float8), '… and there is no lag');
SELECT tenfold.publish('ct', 'k', '120');
SELECT is((SELECT l.behind_events FROM tenfold.outbox_lag l WHERE consumer = 'new'), 1::bigint, 'what is not ticked yet is a lag, too');
SELECT is(pg_temp.consume('new'), '{120}', 'no other');

-- An event fails: its key waits, the others go on.
SELECT tenfold.publish_many('ct', '{a,b,a,NULL}', '{11,12,13,14}');
SELECT pg_temp.tick();
SELECT throws_ok($$SELECT pg_temp.fail('new', -1)$$, 'TF056', NULL, 'an event that is not there');
SELECT throws_ok($$SELECT tenfold.fail_event('new', 99, 1, 'x')$$, 'TF050', NULL, 'another epoch');
BEGIN;
SELECT is(pg_temp.fail('new', pg_temp.id('11')), 'retry', 'the first failure');
SELECT pg_temp.finish('new');
COMMIT;
SELECT is(pg_temp.states('new'), '{11 retry,13 parked}', 'it is kept, and the next of its key behind it');
SELECT tenfold.publish_many('ct', '{a,b}', '{15,16}');
SELECT is(pg_temp.consume('new'), '{16}', 'later ones of the key are not in a batch');
SELECT is(pg_temp.retries('new'), '{11,13,15}', 'but come with the retry');
SELECT is(pg_temp.fail('new', pg_temp.id('11')), 'dead', 'the last failure');
SELECT is(pg_temp.retries('new'), '{13,15}', 'skipped: the key goes on');
SELECT lives_ok($$SELECT pg_temp.finish_retries('new', '{13,15}')$$, '… and is finished');
SELECT throws_ok($$SELECT tenfold.finish_retries('new', 0, ARRAY[pg_temp.id('13')])$$, 'TF051', NULL, '… once');
SELECT is((SELECT array[retrying, parked, dead] FROM tenfold.outbox_lag WHERE consumer = 'new'), '{0,0,1}', 'a dead letter');
SELECT is(tenfold.redrive_events('new'), 1::bigint, 'redriven');
SELECT is(pg_temp.retries('new'), '{11}', '… it comes again');
SELECT lives_ok($$SELECT pg_temp.finish_retries('new', '{11}')$$, '… and is done');
SELECT is(pg_temp.states('new'), '{}', 'nothing is left');

-- Parked behind a dead one.
SELECT tenfold.create_consumer('new', '{ct}', on_dead => 'park', backoff_base => '0');
SELECT tenfold.publish_many('ct', '{a,a,b}', '{21,22,23}');
SELECT pg_temp.tick();
BEGIN;
SELECT is(pg_temp.fail('new', pg_temp.id('21'), false), 'dead', 'dead at once');
SELECT pg_temp.finish('new');
COMMIT;
SELECT is(pg_temp.states('new'), '{21 dead,22 parked}', 'the key waits');
SELECT is(pg_temp.retries('new'), '{}', '… for somebody');
SELECT is(tenfold.discard_events('new', ARRAY[pg_temp.id('22')]), 0::bigint, 'what is not dead is not given up');
SELECT is(tenfold.discard_events('new', ARRAY[pg_temp.id('21')]), 1::bigint, 'the dead one is');
SELECT is(pg_temp.retries('new'), '{22}', 'and the key goes on');
SELECT pg_temp.finish_retries('new', '{22}');

-- A batch that is read, then not finished: what was set aside is not retried before the position is beyond it.
SELECT tenfold.publish('ct', 'a', '31');
SELECT pg_temp.tick();
SELECT pg_temp.fail('new', pg_temp.id('31'));
SELECT is(pg_temp.retries('new'), '{}', 'its batch is not over');
SELECT is(pg_temp.consume('new'), '{}', 'it is no longer in the batch');
SELECT is(pg_temp.retries('new'), '{31}', '… and comes as a retry');
SELECT pg_temp.finish_retries('new', '{31}');

-- Backoff.
SELECT tenfold.create_consumer('new', '{ct}', backoff_base => '1 min', backoff_cap => '3 min');
SELECT tenfold.publish('ct', 'a', '41');
SELECT pg_temp.tick();
SELECT pg_temp.fail('new', pg_temp.id('41'));
SELECT pg_temp.consume('new');
SELECT is(pg_temp.retries('new'), '{}', 'it waits');
SELECT ok((SELECT f.due_at - clock_timestamp() BETWEEN '29 s' AND '60 s' FROM tenfold.event_failure f WHERE consumer = 'new'), '… for its base');
SELECT pg_temp.fail('new', pg_temp.id('41')), pg_temp.fail('new', pg_temp.id('41'));
SELECT ok((SELECT f.due_at - clock_timestamp() BETWEEN '89 s' AND '180 s' FROM tenfold.event_failure f WHERE consumer = 'new'), '… and doubles up to the cap');

-- Leases.
SELECT throws_ok($$SELECT tenfold.acquire_consumers('i', '{new}', '0 s')$$, '22023', NULL, 'a lease of no time');
SELECT is(ARRAY(SELECT consumer FROM tenfold.acquire_consumers('i1', '{all,new,old}')), '{all,new,old}', 'alone: all of them');
SELECT epoch AS first FROM tenfold.consumer WHERE name = 'new' \gset
SELECT is(ARRAY(SELECT epoch FROM tenfold.acquire_consumers('i1', '{new}')), ARRAY[:first]::bigint[], 'a heartbeat keeps the epoch, and frees what is no longer named');
SELECT is(ARRAY(SELECT consumer FROM tenfold.acquire_consumers('i1', '{all,new,old}')), '{all,new,old}', 'they are taken again');
SELECT is(ARRAY(SELECT consumer FROM tenfold.acquire_consumers('i2', '{all,new,old}')), '{}', 'a second instance: none is free yet');
SELECT is((SELECT count(*) FROM tenfold.acquire_consumers('i1', '{all,new,old}')), 2::bigint, 'the first gives one up');
SELECT is((SELECT count(*) FROM tenfold.acquire_consumers('i2', '{all,new,old}')), 1::bigint, '… the second takes it');
SELECT is((SELECT count(*) FROM tenfold.acquire_consumers('i3', '{old}')), 0::bigint, 'one that wants another share');
SELECT tenfold.release_consumers('i3');
UPDATE tenfold.consumer_instance SET expires_at = clock_timestamp() - interval '1 s' WHERE instance = 'i1';
SELECT is((SELECT count(*) FROM tenfold.acquire_consumers('i2', '{all,new,old}')), 3::bigint, 'a dead instance''s are taken');
SELECT throws_ok(format('SELECT tenfold.next_batch(%L, %s)', 'new', :first), 'TF050', NULL, '… and it is fenced');
SELECT tenfold.release_consumers('i2');
SELECT is((SELECT count(*) FROM tenfold.acquire_consumers('i4', '{all,new,old}')), 3::bigint, 'released ones are free');
SELECT tenfold.release_consumers('i4'), tenfold.release_consumers('i1');

SELECT tenfold.drop_consumer('new'), tenfold.drop_consumer('all'), tenfold.drop_consumer('old');
SELECT is_empty($$SELECT * FROM tenfold.event_retry$$, 'nothing is left of them');
SELECT * FROM finish();
