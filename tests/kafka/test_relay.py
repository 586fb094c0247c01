"""Postgres to Kafka by the worker `relay`: every event once, in order per key, whatever is away or wrong."""
import json
import os
import signal
import subprocess

import psycopg
from gateway import wait_until

PUBLISH = '''SELECT tenfold.publish(%s, %s, jsonb_build_object('n', %s::int))'''
MANY = '''SELECT tenfold.publish_many(%s, array_agg('k' || n %% 7), array_agg(jsonb_build_object('n', n)))
  FROM generate_series(%s::int, %s::int) n'''


def publish(db, topic, first, last):
    db.execute(MANY, [topic, first, last])


def numbers(messages):
    return [json.loads(message.payload)['n'] for message in messages]


def check_once(kafka, topic, expected):
    """All of them have come, none twice, and each key's in order."""
    messages = kafka.read(topic)
    assert sorted(numbers(messages)) == list(expected)
    assert len({message.headers['event_id'] for message in messages}) == len(messages)
    keys = {}
    for message in messages:
        keys.setdefault(message.key, []).append(message)
    for own in keys.values():
        assert numbers(own) == sorted(numbers(own))
        assert len({message.partition for message in own}) == 1


def wait_for(kafka, topic, count):
    wait_until(lambda: has_topic(kafka, topic) and len(kafka.read(topic)) >= count, f'{count} messages of {topic}')


def has_topic(kafka, topic):
    try:
        return kafka.read(topic) is not None
    except RuntimeError:
        return False


def refusal(db, name):
    return db.execute('SELECT problem, hint FROM tenfold.relay_status WHERE consumer = %s AND problem IS NOT NULL', [f'kafka:{name}']).fetchone()


def adopt(db, name, trust):
    db.execute('SELECT tenfold.adopt_kafka_marker(%s, %s)', [f'kafka:{name}', trust])


def test_events_arrive_with_key_time_and_headers(db, kafka, topic, start):
    event_id = db.execute("SELECT tenfold.publish(%s, 'a', '{\"n\": 1}', '{\"trace_id\": \"t-1\", \"who\": \"é\"}')", [topic]).fetchone()[0]
    db.execute("SELECT tenfold.publish(%s, NULL, '{\"n\": 2}')", [topic])
    start('relay')
    wait_for(kafka, topic, 2)
    first, second = sorted(kafka.read(topic), key=lambda message: message.payload)
    assert (first.key, json.loads(first.payload)) == (b'a', {'n': 1})
    assert first.headers['event_id'] == str(event_id) and int(first.headers['tick']) > 0
    assert (first.headers['trace_id'], first.headers['who']) == ('t-1', 'é')
    assert second.key is None


def test_what_is_rolled_back_never_arrives(db, cluster, kafka, topic, start):
    start('relay')
    with psycopg.connect(cluster.dsn()) as other:
        publish(other, topic, 100, 199)
        other.rollback()
    publish(db, topic, 1, 50)
    wait_for(kafka, topic, 50)
    check_once(kafka, topic, range(1, 51))


def test_killed_again_and_again(db, kafka, topic, start):
    """SIGKILL wherever it is: the next one goes on after what Kafka has."""
    for turn in range(4):
        daemon = start('relay', **{'events.lease': '1s', 'relay.batch': 20})
        for number in range(5):
            publish(db, topic, turn * 100 + number * 20 + 1, turn * 100 + number * 20 + 20)
        wait_for(kafka, topic, turn * 100 + 1)
        daemon.__exit__()
    start('relay', **{'events.lease': '1s'})
    wait_for(kafka, topic, 400)
    check_once(kafka, topic, range(1, 401))


def test_sigterm_ends_it_and_another_takes_over_at_once(db, kafka, topic, start):
    daemon = start('relay')
    publish(db, topic, 1, 10)
    wait_for(kafka, topic, 10)
    daemon.signal(signal.SIGTERM)
    assert daemon.process.wait(10) == 0
    start('relay')  # the lease would last 30 s
    publish(db, topic, 11, 20)
    wait_for(kafka, topic, 20)
    check_once(kafka, topic, range(1, 21))


def test_a_zombie_is_fenced(db, kafka, topic, start):
    """It sleeps past its lease, another relays, and it wakes."""
    zombie = start('relay', **{'events.lease': '1s'})
    publish(db, topic, 1, 10)
    wait_for(kafka, topic, 10)
    zombie.signal(signal.SIGSTOP)
    publish(db, topic, 11, 20)
    start('relay', **{'events.lease': '1s'})
    wait_for(kafka, topic, 20)
    zombie.signal(signal.SIGCONT)
    publish(db, topic, 21, 30)
    wait_for(kafka, topic, 30)
    wait_until(lambda: any('is over' in error or 'fenced' in error or 'TF050' in error for error in zombie.errors()), 'the zombie knows')
    check_once(kafka, topic, range(1, 31))


def test_a_topic_that_does_not_exist(db, kafka, topic, start):
    publish(db, topic, 1, 5)
    daemon = start('relay', **{'relay.create_topics': 'off'})
    wait_until(lambda: any('does not exist' in error for error in daemon.errors()), 'the log says why')
    wait_until(lambda: '\ntenfold_relay_troubles_total 0\n' not in daemon.admin('/metrics')[1], 'a metric counts')
    kafka.create_topic(topic, 2)
    kafka.create_topic(f'tenfold.relay.{topic}')
    wait_for(kafka, topic, 5)
    check_once(kafka, topic, range(1, 6))


def test_a_topic_made_later(db, kafka, topic, start):
    start('relay', **{'relay.topics': '*'})
    publish(db, topic, 1, 5)
    wait_for(kafka, topic, 5)
    db.execute('SELECT tenfold.create_topic(%s)', [f'{topic}.later'])
    publish(db, f'{topic}.later', 1, 5)
    wait_for(kafka, f'{topic}.later', 5)


def secure(kafka, **settings):
    return {'kafka.bootstrap': kafka.secure_address, 'kafka.security': 'sasl_ssl', 'kafka.sasl_mechanism': 'PLAIN',
            'kafka.sasl_username': 'tenfold', 'kafka.sasl_password': 'secret', 'kafka.ca': kafka.certificate} | settings


def test_sasl_and_tls(db, kafka, topic, start):
    publish(db, topic, 1, 5)
    start('relay', **secure(kafka))
    wait_for(kafka, topic, 5)


def test_what_kafka_will_never_take_is_a_dead_letter(db, kafka, topic, start):
    """One that our own client refuses, one that the broker does; the rest goes on; redriven, it comes once."""
    kafka.create_topic(topic, 1, max_message_bytes='900000')
    large = '''SELECT tenfold.publish(%s, 'k', jsonb_build_object('n', %s::int, 'x', repeat('x', %s)))'''
    for number, size in enumerate([10, 2_000_000, 10, 950_000, 10]):
        db.execute(large, [topic, number, size])
    daemon = start('relay', **{'events.lease': '1s'})
    wait_for(kafka, topic, 3)
    check_once(kafka, topic, [0, 2, 4])
    dead = 'SELECT payload ->> %s, reason FROM tenfold.event_failure WHERE consumer = %s ORDER BY event_id'
    rows = wait_until(lambda: db.execute(dead, ['n', f'kafka:{topic}']).fetchall(), 'dead letters')
    assert [row[0] for row in rows] == ['1', '3'] and all(row[1] for row in rows)
    daemon.__exit__()
    kafka.client('configure', topic, 'max.message.bytes=5000000')
    start('relay', **{'events.lease': '1s', 'kafka.options': 'message.max.bytes=4000000'})
    assert db.execute('SELECT tenfold.redrive_events(%s)', [f'kafka:{topic}']).fetchone()[0] == 2
    wait_for(kafka, topic, 5)
    assert sorted(numbers(kafka.read(topic))) == [0, 1, 2, 3, 4]
    wait_until(lambda: not db.execute(dead, ['n', f'kafka:{topic}']).fetchall(), 'no dead letter is left')


def test_an_event_that_cannot_be_read_is_a_dead_letter(db, kafka, topic, start):
    """The relay stood still before it."""
    with db.transaction():
        bad = db.execute(PUBLISH, [topic, 'k', 0]).fetchone()[0]
        db.execute("""UPDATE tenfold.event SET headers = '{"a": 1}' WHERE event_id = %s""", [bad])
        publish(db, topic, 1, 5)
    start('relay', **{'events.lease': '1s'})
    wait_for(kafka, topic, 5)
    check_once(kafka, topic, range(1, 6))
    dead = 'SELECT event_id, reason FROM tenfold.event_failure WHERE consumer = %s'
    assert db.execute(dead, [f'kafka:{topic}']).fetchall() == [(bad, 'header "a" is no text')]


def test_a_lost_marker_is_refused_until_an_operator_says_whom_to_believe(db, kafka, topic, start):
    daemon = start('relay')
    publish(db, topic, 1, 10)
    wait_for(kafka, topic, 10)
    daemon.signal(signal.SIGTERM)
    daemon.process.wait(10)
    kafka.client('forget', f'tenfold.relay.{topic}')
    publish(db, topic, 11, 20)
    daemon = start('relay')
    problem, hint = wait_until(lambda: refusal(db, topic), 'it refuses')
    assert 'lost the marker' in problem and 'adopt_kafka_marker' in hint
    daemon.wait_for_metric('tenfold_relay_refuses', 1)
    assert len(kafka.read(topic)) == 10
    adopt(db, topic, 'database')
    wait_for(kafka, topic, 20)
    check_once(kafka, topic, range(1, 21))
    wait_until(lambda: refusal(db, topic) is None, 'the refusal is over')


def test_a_restored_database_is_refused(cluster, db, kafka, topic, start):
    """A dump knows the marker's tick: an operator lets it go on, and what was not relayed comes once."""
    daemon = start('relay')
    publish(db, topic, 1, 10)
    wait_for(kafka, topic, 10)
    daemon.signal(signal.SIGTERM)
    daemon.process.wait(10)
    publish(db, topic, 11, 20)
    db.execute('SELECT tenfold.tick()')
    copy = copy_database(cluster, 'copy')
    dsn = cluster.dsn(database='copy', user='tenfold_authenticator')
    start('relay', **{'database.dsn': dsn})
    with psycopg.connect(copy, autocommit=True) as restored:
        problem, hint = wait_until(lambda: refusal(restored, topic), 'it refuses')
        assert 'of another database' in problem and "'kafka'" in hint
        adopt(restored, topic, 'kafka')
        wait_for(kafka, topic, 20)
        publish(restored, topic, 21, 30)
        wait_for(kafka, topic, 30)
    check_once(kafka, topic, range(1, 31))


def test_a_database_that_was_put_back_is_refused(cluster, db, kafka, topic, start):
    """The same cluster at an earlier time: ids of its new ticks would be those that Kafka counts as done."""
    daemon = start('relay')
    publish(db, topic, 1, 10)
    wait_for(kafka, topic, 10)
    daemon.signal(signal.SIGTERM)
    daemon.process.wait(10)
    db.execute('''DELETE FROM tenfold.consumer_position p USING tenfold.consumer c
      WHERE c.consumer_id = p.consumer_id AND c.name = %s AND p.tick_id > (SELECT min(tick_id) FROM tenfold.consumer_position q WHERE q.consumer_id = p.consumer_id)''',
               [f'kafka:{topic}'])
    db.execute('UPDATE tenfold.tick SET ticked_at = ticked_at - make_interval(secs => 1) WHERE tick_id = (SELECT max(tick_id) FROM tenfold.tick)')
    start('relay')
    problem, _ = wait_until(lambda: refusal(db, topic), 'it refuses')
    assert 'another tick' in problem


def copy_database(cluster, name):
    """By pg_dump and pg_restore, as anybody would."""
    env = cluster.env()
    bindir = subprocess.check_output([str(cluster.path.parents[2] / 'dev' / 'cluster'), 'bindir'], text=True).strip()
    dump = subprocess.run([f'{bindir}/pg_dump', '-Fc'], env=env, check=True, capture_output=True).stdout
    cluster.psql('-c', f'CREATE DATABASE {name}')
    subprocess.run([f'{bindir}/pg_restore', '-d', name], env=env | os.environ | env, input=dump, capture_output=True)
    return cluster.dsn(database=name)
