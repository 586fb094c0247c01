"""Kafka to Postgres by the worker `sink`: offsets and effects in one transaction."""
import json
import re
import signal
import time

import pytest
from gateway import wait_until

HANDLER = '''CREATE FUNCTION public.take_{0}(topic text, keys text[], payloads jsonb[], headers jsonb[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.taken_{0} (key, n, who) SELECT k, (p ->> 'n')::int, h ->> 'who' FROM unnest(keys, payloads, headers) AS m(k, p, h);
END $$'''


@pytest.fixture
def table(db, name):
    db.execute(f'CREATE TABLE public.taken_{name} (id bigserial, key text, n int CHECK (n < 1000), who text)')
    db.execute(f'GRANT ALL ON public.taken_{name}, public.taken_{name}_id_seq TO tenfold_owner')
    db.execute(HANDLER.format(name))
    db.execute(f'GRANT EXECUTE ON FUNCTION public.take_{name} TO tenfold_owner')
    return f'public.taken_{name}'


@pytest.fixture
def sink(db, kafka, name, table):
    kafka.create_topic(name, 3)
    db.execute('SELECT tenfold.create_kafka_sink(%s, %s, %s)', [name, name, f'public.take_{name}'])
    return name


def message(number, key=None, **more):
    return (key or f'k{number % 7}').encode(), json.dumps({'n': number} | more).encode(), {'who': f'w{number}'.encode()}


def taken(db, table):
    return [row[0] for row in db.execute(f'SELECT n FROM {table} ORDER BY id').fetchall()]


def dead(db, name):
    return db.execute('SELECT partition, payload, reason FROM tenfold.kafka_dead WHERE source = %s ORDER BY reason', [name]).fetchall()


def check_once(db, table, expected):
    assert sorted(taken(db, table)) == list(expected)
    for key, numbers in db.execute(f'SELECT key, array_agg(n ORDER BY id) FROM {table} GROUP BY key'):
        assert numbers == sorted(numbers), key


def test_messages_are_applied_once_and_in_order(db, kafka, sink, table, start):
    kafka.send(sink, [message(n) for n in range(100)])
    daemon = start('sink', **{'events.lease': '1s'})
    wait_until(lambda: len(taken(db, table)) == 100, 'all are applied')
    daemon.__exit__()  # SIGKILL
    kafka.send(sink, [message(n) for n in range(100, 200)])
    start('sink', **{'events.lease': '1s'})
    wait_until(lambda: len(taken(db, table)) >= 200, 'all are applied')
    check_once(db, table, range(200))
    assert db.execute(f'SELECT count(*) FROM {table} WHERE who = %s || n', ['w']).fetchone()[0] == 200


def test_a_sink_that_begins_at_the_end(db, kafka, sink, table, start):
    kafka.send(sink, [message(n) for n in range(10)])
    db.execute("UPDATE tenfold.kafka_sink SET start = 'end' WHERE source = %s", [sink])
    start('sink')
    wait_until(lambda: db.execute('SELECT count(*) FROM tenfold.kafka_offset WHERE source = %s AND next_offset IS NOT NULL', [sink]).fetchone()[0] == 3,
               'the ends are noted')
    kafka.send(sink, [message(n) for n in range(10, 20)])
    wait_until(lambda: len(taken(db, table)) >= 10, 'the new ones are applied')
    check_once(db, table, range(10, 20))


def test_poison_becomes_dead_letters_and_the_rest_goes_on(db, kafka, sink, table, start):
    """No JSON, no UTF-8, a header that is none, a zero in a JSON string, what the handler's table refuses."""
    bad = [(b'k1', b'{"n": '), (b'k1', b'{"n": "\xff"}'), (b'\xff', b'{"n": 1}'), (b'k1', b'{"n": 1}', {'h': b'\xff'}),
           (b'k1', b'{"n": 1, "x": "\\u0000"}'), message(1000), (b'k1', b'{"n": "word"}')]
    kafka.send(sink, [message(n) for n in range(50)] + bad + [message(n) for n in range(50, 100)])
    daemon = start('sink')
    wait_until(lambda: len(taken(db, table)) >= 100 and len(dead(db, sink)) >= len(bad), 'all have ended')
    check_once(db, table, range(100))
    reasons = [row[2] for row in dead(db, sink)]
    assert len(reasons) == len(bad)
    for state in ('22P02', '22P05', '23514', 'key is not UTF-8', 'payload is not UTF-8', 'header is not UTF-8'):
        assert any(state in reason for reason in reasons), (state, reasons)
    wait_until(lambda: f'tenfold_sink_dead_total {len(bad)}' in daemon.admin('/metrics')[1], 'a metric counts')


def test_redrive(db, kafka, sink, table, start):
    kafka.send(sink, [message(1), message(2000), message(2)])
    start('sink')
    wait_until(lambda: dead(db, sink), 'a dead letter')
    assert db.execute('SELECT * FROM tenfold.redrive_kafka(%s)', [sink]).fetchone() == (0, 1, 0)
    db.execute(f'ALTER TABLE {table} DROP CONSTRAINT taken_{sink}_n_check')
    assert db.execute('SELECT * FROM tenfold.redrive_kafka(%s)', [sink]).fetchone() == (1, 0, 0)
    assert sorted(taken(db, table)) == [1, 2, 2000] and not dead(db, sink)


def test_what_is_no_messages_fault_is_tried_again(db, kafka, sink, table, start):
    db.execute(f'ALTER TABLE {table} RENAME TO away_{sink}')
    kafka.send(sink, [message(n) for n in range(10)])
    daemon = start('sink')
    wait_until(lambda: any('42P01' in error for error in daemon.errors()), 'the log says why')
    assert not dead(db, sink)
    db.execute(f'ALTER TABLE public.away_{sink} RENAME TO taken_{sink}')
    wait_until(lambda: len(taken(db, table)) >= 10, 'all are applied')
    check_once(db, table, range(10))


def test_instances_share_the_partitions(db, kafka, sink, table, start):
    settings = {'events.lease': '1s'}
    daemons = [start('sink', **settings), start('sink', **settings)]
    owners = 'SELECT count(DISTINCT owner) FROM tenfold.kafka_offset WHERE source = %s'
    wait_until(lambda: db.execute(owners, [sink]).fetchone()[0] == 2, 'both have some')
    kafka.send(sink, [message(n) for n in range(300)])
    wait_until(lambda: len(taken(db, table)) >= 300, 'all are applied')
    daemons[0].__exit__()
    kafka.send(sink, [message(n) for n in range(300, 600)])
    wait_until(lambda: len(taken(db, table)) >= 600, 'the other took over')
    check_once(db, table, range(600))


def test_a_zombie_is_fenced(db, kafka, sink, table, start):
    settings = {'events.lease': '1s', 'sink.batch': 1}
    zombie = start('sink', **settings)
    kafka.send(sink, [message(n) for n in range(10)])
    wait_until(lambda: len(taken(db, table)) >= 10, 'all are applied')
    zombie.signal(signal.SIGSTOP)
    start('sink', **settings)
    kafka.send(sink, [message(n) for n in range(10, 20)])
    wait_until(lambda: len(taken(db, table)) >= 20, 'the other took over')
    zombie.signal(signal.SIGCONT)
    kafka.send(sink, [message(n) for n in range(20, 200)])
    wait_until(lambda: len(taken(db, table)) >= 200, 'all are applied')
    check_once(db, table, range(200))


def test_a_batch_may_take_longer_than_the_lease(db, kafka, sink, table, start):
    """Two instances took the partitions from each other, and neither got on."""
    db.execute(f"""CREATE OR REPLACE FUNCTION public.take_{sink}(topic text, keys text[], payloads jsonb[], headers jsonb[]) RETURNS void
      LANGUAGE sql AS $$ SELECT pg_sleep(3); INSERT INTO {table} (key, n) SELECT k, (p ->> 'n')::int FROM unnest(keys, payloads) AS m(k, p) $$""")
    kafka.send(sink, [message(n) for n in range(30)])
    for daemon in [start('sink', **{'events.lease': '2s'}) for _ in range(2)]:
        assert daemon.process.poll() is None
    wait_until(lambda: len(taken(db, table)) >= 30, 'all are applied')
    check_once(db, table, range(30))
    epochs = db.execute('SELECT max(epoch) FROM tenfold.kafka_offset WHERE source = %s', [sink]).fetchone()[0]
    assert epochs <= 4, 'shared once or twice, and not lost for being slow'


def test_one_partition_that_fails_pauses_alone(db, kafka, sink, table, start):
    """Each pause held up all of them."""
    kafka.send(sink, [message(n, f'k{n}') for n in range(30)])
    key = next(m.key.decode() for m in kafka.read(sink) if m.partition == 1)
    db.execute(f"""CREATE OR REPLACE FUNCTION public.take_{sink}(topic text, keys text[], payloads jsonb[], headers jsonb[]) RETURNS void
      LANGUAGE plpgsql AS $$ BEGIN
        IF '{key}' = ANY (keys) THEN RAISE EXCEPTION 'not now' USING ERRCODE = '55P03'; END IF;
        INSERT INTO {table} (key, n) SELECT k, (p ->> 'n')::int FROM unnest(keys, payloads) AS m(k, p);
      END $$""")
    others = [json.loads(m.payload)['n'] for m in kafka.read(sink) if m.partition != 1]
    daemon = start('sink', **{'events.lease': '1s', 'sink.retry_most': '30s'})
    wait_until(lambda: set(taken(db, table)) == set(others), 'the other partitions are done')
    wait_until(lambda: any('55P03' in error for error in daemon.errors()), 'the log says why')
    for number in range(100, 110):  # each comes at once, while that one pauses
        kafka.send(sink, [message(number, next(m.key.decode() for m in kafka.read(sink) if m.partition != 1))])
        wait_until(lambda: number in taken(db, table), 'it is applied', patience=5)


def test_offsets_that_kafka_does_not_have(db, kafka, sink, table, start):
    daemon = start('sink', **{'events.lease': '1s'})
    kafka.send(sink, [message(n) for n in range(10)])
    wait_until(lambda: len(taken(db, table)) == 10, 'all are applied')
    daemon.__exit__()
    db.execute('UPDATE tenfold.kafka_offset SET next_offset = 1000 WHERE source = %s AND partition = 0', [sink])
    daemon = start('sink', **{'events.lease': '1s'})
    error = wait_until(lambda: next((e for e in daemon.errors() if 'set_kafka_offset' in e), None), 'it says what an operator can do')
    assert re.search(r'read up to 1000, and Kafka has 0 to \d+', error)


def refused(db, name):
    return db.execute('SELECT partition, problem FROM tenfold.kafka_sink_status WHERE source = %s AND problem IS NOT NULL', [name]).fetchall()


@pytest.mark.parametrize('running', [True, False])
def test_a_topic_that_was_made_anew(db, kafka, sink, table, start, running):
    """With more messages than were read of the old one: what stands below the offset would be passed over."""
    kafka.send(sink, [message(n) for n in range(50)])
    daemon = start('sink', **{'events.lease': '1s'})
    wait_until(lambda: len(taken(db, table)) == 50, 'all are applied')
    if not running:
        daemon.__exit__()
    kafka.client('drop', sink)
    wait_until(lambda: re_made(kafka, sink), 'the topic is made anew')
    kafka.send(sink, [message(n) for n in range(100, 300)])
    if not running:
        daemon = start('sink', **{'events.lease': '1s'})
    wait_until(lambda: len(refused(db, sink)) == 3, 'each partition says so')
    assert all('made anew' in problem and 'set_kafka_offset' in problem for _, problem in refused(db, sink))
    assert any('made anew' in error for error in daemon.errors())
    metric = "SELECT value FROM tenfold.metric WHERE name = 'tenfold_kafka_refused_partitions' AND labels ->> 'source' = %s"
    assert db.execute(metric, [sink]).fetchone()[0] == 3
    assert len(taken(db, table)) == 50
    db.execute('SELECT tenfold.set_kafka_offset(source, topic, partition, 0) FROM tenfold.kafka_offset WHERE source = %s', [sink])
    wait_until(lambda: len(taken(db, table)) >= 250, 'all of the new one are applied')
    check_once(db, table, [*range(50), *range(100, 300)])
    assert refused(db, sink) == []


def re_made(kafka, name):
    """Not before the old one is gone."""
    kafka.create_topic(name, 3)
    return kafka.read(name) == []


def test_messages_after_a_silence(db, kafka, sink, table, start):
    """The one before is looked at again, also where Kafka has deleted it meanwhile; compaction may have, too."""
    start('sink')
    for first in range(0, 30, 10):
        kafka.send(sink, [message(n) for n in range(first, first + 10)])
        wait_until(lambda: len(taken(db, table)) == first + 10, 'they are applied')
        time.sleep(1.5)  # a silence is what this is about
    check_once(db, table, range(30))


def test_a_topic_that_does_not_exist(db, kafka, name, table, start):
    db.execute('SELECT tenfold.create_kafka_sink(%s, %s, %s)', [name, name, f'public.take_{name}'])
    daemon = start('sink', **{'events.lease': '1s'})
    wait_until(lambda: any(line.get('topics') == name for line in daemon.log), 'the log says which')
    daemon.wait_for_metric('tenfold_sink_absent_topics', 1)
    kafka.create_topic(name)
    kafka.send(name, [message(n) for n in range(5)])
    wait_until(lambda: len(taken(db, table)) == 5, 'all are applied')
    daemon.wait_for_metric('tenfold_sink_absent_topics', 0)


def test_there_and_back_through_the_broker(db, kafka, sink, table, start):
    """What is published here comes back by Kafka."""
    db.execute('SELECT tenfold.create_topic(%s, 3)', [sink])
    start('relay,sink')
    db.execute('''SELECT tenfold.publish_many(%s, array_agg('k' || n %% 7), array_agg(jsonb_build_object('n', n))) FROM generate_series(0, 499) n''', [sink])
    wait_until(lambda: len(taken(db, table)) >= 500, 'all came back')
    check_once(db, table, range(500))
    db.execute('SELECT tenfold.drop_consumer(%s)', [f'kafka:{sink}'])
