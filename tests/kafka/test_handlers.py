"""One handler, three sources: messages of Kafka for the handlers of workers, by the worker `subscriber`."""
import json
import signal
import subprocess

import pytest
from gateway import DAEMON, wait_until
from services.moody_server import MoodyServer

# It notes each event, and is not unique on purpose. It fails where the key is broken.
NOTE = '''
  CREATE TABLE public.noted_{0} (n bigserial, id text, topic text, key text, payload jsonb, headers jsonb);
  CREATE TABLE public.broken_{0} (key text);
  CREATE TABLE public.late_{0} (id text UNIQUE DEFERRABLE INITIALLY DEFERRED);
  CREATE FUNCTION public.note_{0}(id text, topic text, key text, payload jsonb, headers jsonb) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
  BEGIN
    IF EXISTS (SELECT FROM public.broken_{0} b WHERE b.key = note_{0}.key) THEN
      RAISE EXCEPTION 'key % is broken', key USING ERRCODE = 'ZZ001';
    END IF;
    INSERT INTO public.late_{0} SELECT payload ->> 'late' WHERE payload ? 'late';
    INSERT INTO public.noted_{0} (id, topic, key, payload, headers) VALUES (id, topic, key, payload, headers);
  END $$;
'''
FAST = {'events.lease': '1s', 'subscriber.attempts': 3, 'subscriber.retry_least': '5ms'}


@pytest.fixture
def note(db, name):
    """The name of the function."""
    db.execute(NOTE.format(name))
    return f'public.note_{name}'


@pytest.fixture
def source(db, kafka, name):
    """Of this name, with a topic of this name, which has three partitions."""
    kafka.create_topic(name, 3)
    db.execute("SELECT tenfold.create_kafka_source(%s, ARRAY[%s], 'beginning')", [name, name])
    return name


@pytest.fixture
def server():
    with MoodyServer() as running:
        yield running


@pytest.fixture
def feed(start, source):
    """feed(TARGET, **settings) is a running daemon that hands the source's messages to it."""
    return lambda target, **settings: start('subscriber', **FAST | {'subscriber.routes': f'kafka/{source}:{source}={target}'} | settings)


def message(number, key=None, headers=None, **more):
    return f'k{number % 7}'.encode() if key is None else key, json.dumps({'n': number} | more).encode(), headers or {}


def noted(db, name):
    return [row[0] for row in db.execute(f"SELECT (payload ->> 'n')::int FROM public.noted_{name} ORDER BY n").fetchall()]


def wait_for_noted(db, name, count):
    wait_until(lambda: len(noted(db, name)) >= count, f'{count} are handled')


def check_once(db, name, expected):
    """Each once, and each key's in order."""
    assert sorted(noted(db, name)) == list(expected)
    for key, numbers in db.execute(f"SELECT key, array_agg((payload ->> 'n')::int ORDER BY n) FROM public.noted_{name} GROUP BY key"):
        assert numbers == sorted(numbers), key


def dead(db, name):
    return db.execute('SELECT topic, partition, "offset", key, payload, reason, attempts FROM tenfold.kafka_dead WHERE source = %s ORDER BY 2, 3', [name]).fetchall()


def break_key(db, name, key):
    db.execute(f'INSERT INTO public.broken_{name} VALUES (%s)', [key])


def mend(db, name):
    db.execute(f'TRUNCATE public.broken_{name}')


def applied(db, name):
    """How many messages the offsets have passed."""
    return db.execute('SELECT coalesce(sum(next_offset), 0)::int FROM tenfold.kafka_offset WHERE source = %s', [name]).fetchone()[0]


def test_one_function_and_three_sources(db, kafka, source, note, start):
    db.execute('SELECT tenfold.create_topic(%s), tenfold.create_queue(%s)', [source, f'{source}_jobs'])
    db.execute('SELECT tenfold.create_consumer(%s, ARRAY[%s])', [source, source])
    start('subscriber', **FAST | {'subscriber.routes': f'{source}:{source}={note} {source}_jobs={note} kafka/{source}:{source}={note}'})
    event = db.execute("SELECT tenfold.publish(%s, 'k', '{\"n\": 1}', '{\"from\": \"log\"}')", [source]).fetchone()[0]
    job = db.execute("SELECT tenfold.enqueue(%s, '{\"n\": 2}')", [f'{source}_jobs']).fetchone()[0]
    kafka.send(source, [message(3, b'k', {'from': b'kafka'})])
    sent, = kafka.read(source)
    wait_for_noted(db, source, 3)
    assert db.execute(f"SELECT id, topic, key, headers ->> 'from' FROM public.noted_{source} ORDER BY payload ->> 'n'").fetchall() == [
        (str(event), source, 'k', 'log'), (str(job), f'{source}_jobs', None, None), (f'{source}/{sent.partition}/{sent.offset}', source, 'k', 'kafka')]
    db.execute('SELECT tenfold.drop_consumer(%s)', [source])


def test_killed_again_and_again(db, kafka, source, note, feed):
    """SIGKILL wherever it is; the function's effects are there once."""
    for turn in range(4):
        daemon = feed(note, **{'subscriber.batch': 20})
        kafka.send(source, [message(n) for n in range(turn * 300, turn * 300 + 300)])
        wait_for_noted(db, source, turn * 300 + 100)
        daemon.__exit__()
    feed(note)
    wait_for_noted(db, source, 1200)
    check_once(db, source, range(1200))
    assert applied(db, source) == 1200 and not dead(db, source)


def test_two_daemons_share_and_one_dies(db, kafka, source, note, feed):
    daemons = [feed(note), feed(note)]
    owners = 'SELECT count(DISTINCT owner) FROM tenfold.kafka_offset WHERE source = %s'
    wait_until(lambda: db.execute(owners, [source]).fetchone()[0] == 2, 'both have some')
    kafka.send(source, [message(n) for n in range(300)])
    wait_for_noted(db, source, 150)
    daemons[0].__exit__()
    kafka.send(source, [message(n) for n in range(300, 600)])
    wait_for_noted(db, source, 600)
    check_once(db, source, range(600))


def test_who_slept_is_fenced(db, kafka, source, server, feed):
    """It is stopped with a message in its hands, whose end it sends when it wakes: the other has done it by then."""
    sleeper = feed(server.url('/hang'))
    kafka.send(source, [message(1)])
    wait_until(lambda: server.seen('/hang'), 'its handler runs')
    sleeper.signal(signal.SIGSTOP)
    feed(server.url('/hang'))
    wait_until(lambda: len(server.seen('/hang')) == 2, 'the heir calls too: at least once')
    server.free.set()
    wait_until(lambda: applied(db, source) == 1, 'the heir is done')
    sleeper.signal(signal.SIGCONT)
    wait_until(lambda: any('TF062' in error for error in sleeper.errors()) or sleeper.admin('/metrics')[1].count(
        f'tenfold_kafka_handled_total{{source="{source}"}} 0'), 'the sleeper has ended nothing')
    assert applied(db, source) == 1


def test_keys_in_order_and_others_beside_them(db, kafka, source, server, feed):
    feed(server.url('/hang'))
    kafka.send(source, [message(n, f'k{n % 5}'.encode()) for n in range(10)] + [message(10, b'')])
    wait_until(lambda: len(server.seen('/hang')) == 6, 'the first of each key is called')
    assert sorted(json.loads(body)['n'] for _, body, _ in server.seen('/hang')) == [0, 1, 2, 3, 4, 10]
    server.free.set()
    wait_until(lambda: applied(db, source) == 11, 'all are done')
    calls = [json.loads(body)['n'] for _, body, _ in server.seen('/hang')]
    assert len(calls) == 11 and all(calls.index(n) < calls.index(n + 5) for n in range(5))


def test_a_webhook(db, kafka, source, server, feed):
    daemon = feed(server.url('/200'), **{'subscriber.secret': 'secret'})
    kafka.send(source, [message(1, b'k', {'traceparent': b'00-1-2-01'})])
    wait_until(lambda: applied(db, source) == 1, 'it is done')
    (_, body, headers), = server.seen('/200')
    sent, = kafka.read(source)
    assert json.loads(body) == {'n': 1} and headers['Event-Topic'] == source and headers['traceparent'] == '00-1-2-01'
    assert headers['Idempotency-Key'] == headers['webhook-id'] == f'{source}/{sent.partition}/{sent.offset}'
    assert headers['webhook-signature'].startswith('v1,')
    daemon.wait_for_metric(f'tenfold_kafka_handled_total{{source="{source}"}}', 1)


def test_tried_again_then_dead_then_redriven(db, kafka, source, server, feed):
    """Answers of 503 for some time; the same id each time; nothing of it is lost."""
    daemon = feed(server.url('/mend'))
    kafka.send(source, [message(1, b'k', {'who': b'w'})])
    (topic, partition, offset, key, payload, reason, attempts), = wait_until(lambda: dead(db, source), 'it is dead')
    assert (topic, key, json.loads(payload), attempts) == (source, b'k', {'n': 1}, 3) and reason.startswith('answered 503')
    assert [headers['webhook-id'] for _, _, headers in server.seen('/mend')] == [f'{source}/{partition}/{offset}'] * 3
    daemon.wait_for_metric(f'tenfold_kafka_failed_total{{source="{source}"}}', 3)
    daemon.wait_for_metric(f'tenfold_kafka_dead_total{{source="{source}"}}', 1)
    assert db.execute('SELECT * FROM tenfold.redrive_kafka(%s)', [source]).fetchone() == (0, 0, 1)
    wait_until(lambda: dead(db, source)[0][-1] == 6, 'it failed three times more')
    server.status = 200
    assert db.execute('SELECT * FROM tenfold.redrive_kafka(%s)', [source]).fetchone() == (0, 0, 1)
    wait_until(lambda: not dead(db, source), 'it is handled')
    assert len(server.seen('/mend')) == 7 and json.loads(server.seen('/mend')[-1][1]) == {'n': 1}


def test_what_would_never_be_taken_is_dead_at_once(db, kafka, source, server, feed):
    feed(server.url('/404'))
    kafka.send(source, [message(1)])
    *_, reason, attempts = wait_until(lambda: dead(db, source), 'it is dead')[0]
    assert reason.startswith('answered 404') and attempts == 1 and len(server.seen('/404')) == 1


def test_a_refused_effect_is_blamed_on_its_message(db, kafka, source, note, feed):
    """In the middle of a batch: it is tried again, then dead, and the rest of the batch and of its key is there once."""
    break_key(db, source, 'bad')
    kafka.send(source, [message(n, b'bad' if n in (20, 30) else b'good') for n in range(50)])
    feed(note)
    wait_until(lambda: len(dead(db, source)) == 2, 'they are dead')
    wait_for_noted(db, source, 48)
    check_once(db, source, [n for n in range(50) if n not in (20, 30)])
    assert [row[5:] for row in dead(db, source)] == [('ZZ001: key bad is broken', 3)] * 2
    mend(db, source)
    db.execute('SELECT tenfold.redrive_kafka(%s)', [source])
    wait_for_noted(db, source, 50)
    check_once(db, source, range(50))
    assert not dead(db, source)


def test_a_failing_message_is_not_passed_and_other_partitions_go_on(db, kafka, source, note, feed):
    kafka.send(source, [message(n, f'k{n}'.encode()) for n in range(30)])
    key = next(m.key.decode() for m in kafka.read(source) if m.partition == 1)
    break_key(db, source, key)
    feed(note, **{'subscriber.attempts': 1000, 'subscriber.batch': 5})
    kafka.send(source, [message(100, key.encode())])
    others = 'SELECT sum(next_offset)::int FROM tenfold.kafka_offset WHERE source = %s AND partition <> 1'
    count = sum(m.partition != 1 for m in kafka.read(source))
    wait_until(lambda: db.execute(others, [source]).fetchone()[0] == count, 'the other partitions are done')
    place = next(m.offset for m in kafka.read(source) if m.key.decode() == key)
    assert db.execute('SELECT next_offset FROM tenfold.kafka_offset WHERE source = %s AND partition = 1', [source]).fetchone()[0] <= place
    assert 100 not in noted(db, source)
    mend(db, source)
    wait_for_noted(db, source, 31)
    check_once(db, source, [*range(30), 100])
    assert not dead(db, source)


def test_a_deferred_constraint_finds_its_message(db, kafka, source, note, feed):
    db.execute(f"INSERT INTO public.late_{source} VALUES ('x')")
    kafka.send(source, [message(1, b'k', late='y'), message(2, b'k', late='x'), message(3, b'k')])
    feed(note)
    wait_for_noted(db, source, 2)
    check_once(db, source, [1, 3])
    (*_, payload, reason, _), = wait_until(lambda: dead(db, source), 'it is dead')
    assert json.loads(payload)['n'] == 2 and reason.startswith('23505')


def test_poison_reaches_no_handler(db, kafka, source, note, feed):
    bad = [(b'k1', b'{"n": '), (b'k1', b' '), (b'k1', b'{"n": "\xff"}'), (b'\xff', b'{"n": 1}'), (b'k1', b'{"n": 1}', {'h': b'\xff'})]
    kafka.send(source, [message(n) for n in range(10)] + bad + [message(n) for n in range(10, 20)])
    daemon = feed(note)
    wait_until(lambda: applied(db, source) == 25, 'all have ended')
    check_once(db, source, range(20))
    letters = dead(db, source)
    assert sorted((row[3], row[4]) for row in letters) == sorted(pair[:2] for pair in bad) and {row[6] for row in letters} == {0}
    assert {row[5] for row in letters} == {'the payload is not JSON', 'the payload is not UTF-8', 'the key is not UTF-8', 'a header is not UTF-8'}
    daemon.wait_for_metric(f'tenfold_kafka_dead_total{{source="{source}"}}', 5)
    daemon.wait_for_metric(f'tenfold_kafka_failed_total{{source="{source}"}}', 0)
    redriven = db.execute('SELECT * FROM tenfold.redrive_kafka(%s)', [source]).fetchone()
    assert redriven == (0, 2, 3), 'those that are text are the handler\'s again'
    wait_until(lambda: len(dead(db, source)) == 4, 'one of them was only a header')


def test_a_dead_letter_that_cannot_be_read_stays_one(db, kafka, source, note, feed):
    """It ended the process, again after each restart."""
    daemon = feed(note)
    wait_until(lambda: db.execute('SELECT count(owner) FROM tenfold.kafka_offset WHERE source = %s', [source]).fetchone()[0] == 3, 'it has the partitions')
    db.execute("""INSERT INTO tenfold.kafka_dead (source, topic, partition, "offset", payload, headers, reason, attempts, died_at, is_redriven)
      VALUES (%s, %s, 0, 7, '{}', '{"a": 1}', 'first', 1, now(), true)""", [source, source])
    wait_until(lambda: [row[5] for row in dead(db, source)] == ['header "a" is no text'], 'it is one again')
    kafka.send(source, [message(n) for n in range(5)])
    wait_for_noted(db, source, 5)
    assert daemon.process.poll() is None


def test_a_tombstone_has_no_payload(db, kafka, source, note, feed):
    feed(note)
    kafka.send(source, [(b'k', None)])
    wait_until(lambda: applied(db, source) == 1, 'it is done')
    assert db.execute(f'SELECT key, payload FROM public.noted_{source}').fetchall() == [('k', None)]


def test_a_source_begins_at_the_end(db, kafka, name, note, start):
    kafka.create_topic(name, 3)
    kafka.send(name, [message(n) for n in range(10)])
    start('subscriber', **FAST | {'subscriber.routes': f'kafka/{name}:{name}={note}'})
    wait_until(lambda: applied(db, name) == 10, 'the ends are noted')
    kafka.send(name, [message(n) for n in range(10, 20)])
    wait_for_noted(db, name, 10)
    check_once(db, name, range(10, 20))


def test_sigterm_ends_what_is_called_and_gives_the_partitions_back(db, kafka, source, server, feed):
    daemon = feed(server.url('/hang'), **{'events.lease': '1h'})
    kafka.send(source, [message(1)])
    wait_until(lambda: server.seen('/hang'), 'the call is there')
    daemon.signal(signal.SIGTERM)
    wait_until(lambda: 'draining' in daemon.messages(), 'it drains')
    server.free.set()
    assert daemon.process.wait(timeout=15) == 0
    assert applied(db, source) == 1
    feed(server.url('/200'), **{'events.lease': '1h'})
    kafka.send(source, [message(2)])
    wait_until(lambda: applied(db, source) == 2, 'another goes on at once')


def test_sigterm_leaves_what_waits_for_its_next_attempt(db, kafka, source, server, feed):
    daemon = feed(server.url('/503'), **{'events.lease': '1h', 'subscriber.retry_least': '1h'})
    kafka.send(source, [message(1)])
    wait_until(lambda: server.seen('/503'), 'it has failed once')
    daemon.signal(signal.SIGTERM)
    assert daemon.process.wait(timeout=15) == 0
    assert applied(db, source) == 0 and not dead(db, source)


def test_the_broker_goes_and_comes_back(db, kafka, source, note, feed):
    feed(note)
    kafka.send(source, [message(n) for n in range(50)])
    wait_for_noted(db, source, 50)
    kafka.stop()
    kafka.start()
    kafka.send(source, [message(n) for n in range(50, 100)])
    wait_for_noted(db, source, 100)
    check_once(db, source, range(100))


def test_what_is_wrong_is_told(db, kafka, source, note, start):
    db.execute(f'CREATE FUNCTION public.take_{source}(topic text, keys text[], payloads jsonb[], headers jsonb[]) RETURNS void LANGUAGE sql AS $$$$')
    db.execute('SELECT tenfold.create_kafka_sink(%s, %s, %s)', [f'{source}.f', source, f'public.take_{source}'])
    daemon = start('subscriber', **{'subscriber.routes': f'kafka/{source}.f:{source}={note}'})
    wait_until(lambda: any('42710' in error for error in daemon.errors()), 'the source is read by functions')
    with pytest.raises(AssertionError, match='kafka.bootstrap'):
        start('subscriber', **{'subscriber.routes': f'kafka/{source}:{source}={note}', 'kafka.bootstrap': ''})


def test_status_and_list(cluster, db, kafka, source, note, feed):
    feed(note)
    kafka.send(source, [message(1), (b'k', b'poison')])
    wait_until(lambda: applied(db, source) == 2, 'both have ended')
    dsn = f'--database.dsn={cluster.dsn(user="tenfold_authenticator")}'
    found = json.loads(subprocess.check_output([DAEMON, 'status', '--json', dsn], text=True))['sinks']
    ours = [one for one in found if one['source'] == source]
    assert sorted(one['partition'] for one in ours) == [0, 1, 2] and sum(one['dead'] for one in ours) == 1
    for words in (['status'], ['list', 'kafka']):
        assert source in subprocess.check_output([DAEMON, *words, dsn], text=True)
