-- What the log proves of itself, and what is found when somebody goes behind its back. test_events_concurrent.py has it under
-- rotation.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
SELECT tenfold.create_topic('t'), tenfold.create_consumer('early', '{t}', 'beginning');
CREATE FUNCTION pg_temp.publish(how_many int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..how_many LOOP
    PERFORM tenfold.publish('t', 'k', '1');
    WHILE tenfold.tick() IS NULL LOOP END LOOP;
  END LOOP;
END $$;
CREATE FUNCTION pg_temp.finish(c text) RETURNS void LANGUAGE sql AS
  $$ SELECT tenfold.finish_batch(c, 0, b.from_tick, b.to_tick) FROM tenfold.next_batch(c, 0) b $$;
CREATE FUNCTION pg_temp.turn() RETURNS text LANGUAGE sql AS $$
  UPDATE tenfold.event_state SET slot_since = slot_since - interval '1 year', written_by = '0';
  UPDATE tenfold.event_state SET written_by = xmin;
  SELECT tenfold.rotate_events() $$;
CREATE FUNCTION pg_temp.slot() RETURNS int LANGUAGE sql AS 'SELECT slot FROM tenfold.event_state';
CREATE FUNCTION pg_temp.audit() RETURNS text LANGUAGE sql AS
  $$ SELECT string_agg(a.consumer || ': ' || coalesce(substring(a.problem FROM 'no position|beyond|copies|^\d+ ticks|transactions'), 'ok'), ', ' ORDER BY a.consumer)
     FROM tenfold.audit_events() a WHERE a.consumer IN ('early', 'late') $$;

SELECT is(pg_temp.audit(), 'early: ok', 'who has read nothing');
SELECT pg_temp.publish(3), tenfold.create_consumer('late', '{t}');
SELECT pg_temp.slot() AS first \gset
SELECT pg_temp.finish('early'), pg_temp.publish(2);
SELECT is(pg_temp.audit(), 'early: ok, late: ok', 'who has read some of it');
SELECT is(pg_temp.turn() LIKE '%turned%', true, 'the log turns to another slot');
SELECT pg_temp.publish(4), pg_temp.slot() AS second \gset
SELECT pg_temp.turn();
SELECT pg_temp.publish(2);
SELECT is(pg_temp.audit(), 'early: ok, late: ok', '… over three slots');
SELECT pg_temp.finish('early');
SELECT is(pg_temp.audit(), 'early: ok, late: ok', 'one that has read all, one that has not');

-- Behind its back. What is found is looked at after the rollback, which would take the tests with it.
SAVEPOINT planted;
SELECT format('TRUNCATE tenfold.event_%1$s, tenfold.tick_%1$s', :second) \gexec
SELECT pg_temp.audit() AS emptied, tenfold.run_audit() AS hourly,
  (SELECT array_agg(value ORDER BY labels ->> 'consumer') FROM tenfold.metric WHERE name = 'tenfold_consumer_audit_failed' AND labels ->> 'consumer' IN ('early', 'late')) AS metric \gset
ROLLBACK TO planted;
UPDATE tenfold.consumer_position p SET tick_id = p.tick_id + 1000 FROM tenfold.consumer c WHERE c.consumer_id = p.consumer_id AND c.name = 'late';
SELECT pg_temp.audit() AS later \gset
ROLLBACK TO planted;
UPDATE tenfold.consumer_position p SET event_seq = p.event_seq + 1 FROM tenfold.consumer c WHERE c.consumer_id = p.consumer_id AND c.name = 'late';
SELECT pg_temp.audit() AS other \gset
ROLLBACK TO planted;
DELETE FROM tenfold.consumer_position p USING tenfold.consumer c WHERE c.consumer_id = p.consumer_id AND c.name = 'late';
SELECT pg_temp.audit() AS without \gset
ROLLBACK TO planted;
UPDATE tenfold.event SET xid = '9000000000000000000' WHERE event_id = (SELECT max(event_id) FROM tenfold.event);
SELECT pg_temp.audit() AS foreign \gset
ROLLBACK TO planted;
SELECT is(:'emptied'::text, 'early: ok, late: 4 ticks', 'a slot that one has not read is gone');
SELECT is(:hourly, 1, 'the hourly audit finds it');
SELECT is(:'metric'::text, '{0,1}', '… and a metric says for whom');
SELECT is(:'later'::text, 'early: ok, late: beyond', 'a position of a log that went on');
SELECT is(:'other'::text, 'early: ok, late: copies', '… of another one');
SELECT is(:'without'::text, 'early: ok, late: no position', 'no position');
SELECT is(:'foreign'::text, 'early: transactions, late: transactions', 'events of another cluster');
SELECT is(pg_temp.audit(), 'early: ok, late: ok', 'all is put back');
SELECT * FROM finish();
ROLLBACK;
