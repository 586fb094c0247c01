"""What is away, wrong or full around relay and sink: the log says it clearly, a metric counts, they try again, nothing is lost.

The outage of the broker lasts OUTAGE_SECONDS: 5, and 300 in `make faults`.
"""
import os
import shutil
import subprocess
import time
from contextlib import contextmanager

import pytest
from gateway import wait_until
from services.kafka import Kafka, is_alive
from test_relay import check_once, publish, secure, wait_for
from test_sink import check_once as check_table
from test_sink import sink, table, taken  # noqa: F401  fixtures

OUTAGE_SECONDS = float(os.environ.get('OUTAGE_SECONDS', 5))
PATIENCE = 120  # seconds
LAG = 'SELECT behind_events, behind_seconds FROM tenfold.outbox_lag WHERE consumer = %s'
METRICS = '''SELECT name, value FROM tenfold.metric WHERE name IN ('tenfold_consumer_behind_events', 'tenfold_consumer_behind_seconds')
  AND labels ->> 'consumer' = %s ORDER BY name'''
BOTH = pytest.mark.parametrize('worker', ['relay', 'sink'])


def wait_for_trouble(daemon, worker, word):
    """One line of the log that says what is wrong, and a metric."""
    wait_until(lambda: any(word in error for error in daemon.errors()), f'the log says {word}')
    wait_until(lambda: f'\ntenfold_{worker}_troubles_total 0\n' not in daemon.admin('/metrics')[1], 'a metric counts')


def wait_for_refusal(daemon):
    """A relay whose transaction is under way waits for the broker, and may go on with it: no trouble of its own yet. The
    connections say what is wrong; that events wait, the lag."""
    wait_until(lambda: any('refused' in line.get('says', '') for line in daemon.log), 'the log says why')


def now(db):
    return db.execute('SELECT extract(epoch FROM clock_timestamp())::float').fetchone()[0]


class Ages:
    """Between which bounds the age of the oldest event must be."""

    def __init__(self, db, topic):
        self.db, self.before = db, now(db)
        publish(db, topic, 1, 1)
        self.after = now(db)

    def check(self, consumer, published):
        """Lag and metrics tell the truth. Beyond 10,000 the lag counts ids that were given out."""
        start = now(self.db)
        events, seconds = self.db.execute(LAG, [consumer]).fetchone()
        metrics = dict(self.db.execute(METRICS, [consumer]).fetchall())
        end = now(self.db)
        assert events == published == metrics['tenfold_consumer_behind_events']
        for age in (seconds, metrics['tenfold_consumer_behind_seconds']):
            assert start - self.after <= age <= end - self.before


def test_an_outage_of_the_broker(db, kafka, sink, table, start):  # noqa: F811
    """Meanwhile the lag tells the truth; then everything arrives once, in the order of each key, there and back."""
    db.execute('SELECT tenfold.create_topic(%s, 3)', [sink])
    db.execute(f'ALTER TABLE {table} DROP CONSTRAINT taken_{sink}_n_check')
    daemon = start('relay,sink')
    consumer = f'kafka:{sink}'
    publish(db, sink, 0, 0)
    wait_until(lambda: taken(db, table) == [0], 'events flow')
    wait_until(lambda: db.execute(LAG, [consumer]).fetchone() == (0, 0), 'there is no lag')
    kafka.kill()
    began, published, ages = time.monotonic(), 1, Ages(db, sink)
    while time.monotonic() < began + OUTAGE_SECONDS:
        publish(db, sink, published + 1, published + 20)
        published += 20
        ages.check(consumer, published)
        time.sleep(0.1)
    wait_for_trouble(daemon, 'sink', 'refused')
    wait_for_refusal(daemon)
    kafka.start()
    back = time.monotonic()
    wait_until(lambda: len(taken(db, table)) > published, 'everything came back', PATIENCE)
    print(f'# {published} events in an outage of {OUTAGE_SECONDS} s; all were back {time.monotonic() - back:.1f} s after the broker')
    check_once(kafka, sink, range(published + 1))
    check_table(db, table, range(published + 1))
    wait_until(lambda: db.execute(LAG, [consumer]).fetchone() == (0, 0), 'no lag is left')
    db.execute('SELECT tenfold.drop_consumer(%s)', [consumer])


def flow(db, kafka, name, table):
    """Five events out, which come back."""
    db.execute('SELECT tenfold.create_topic(%s, 3)', [name])
    publish(db, name, 1, 5)

    def arrived():
        wait_for(kafka, name, 5)
        check_once(kafka, name, range(1, 6))
        wait_until(lambda: len(taken(db, table)) == 5, 'they came back')
        db.execute('SELECT tenfold.drop_consumer(%s)', [f'kafka:{name}'])

    return arrived


@BOTH
def test_a_broker_that_refuses(db, kafka, sink, table, start, worker):  # noqa: F811
    arrived = flow(db, kafka, sink, table)
    wrong = start(worker, **{'kafka.bootstrap': '127.0.0.1:1', 'events.lease': '1s'})
    wait_for_trouble(wrong, worker, 'refused')
    wrong.__exit__()
    start('relay,sink')
    arrived()


@BOTH
@pytest.mark.parametrize('setting, value, word', [('kafka.ca', '/etc/ssl/certs/ca-certificates.crt', 'certificate'),
                                                  ('kafka.sasl_password', 'guess', 'uthentication')])
def test_a_wrong_certificate_and_a_wrong_password(db, kafka, sink, table, start, worker, setting, value, word):  # noqa: F811
    arrived = flow(db, kafka, sink, table)
    wrong = start(worker, **secure(kafka, **{setting: value, 'events.lease': '1s'}))
    wait_for_trouble(wrong, worker, word)
    assert 'guess' not in str(wrong.log)
    wrong.__exit__()
    start('relay,sink', **secure(kafka))
    arrived()


@contextmanager
def small_disk(kafka, place):
    """Moves the broker's data to a file system of 64 MB. Gives what fills it and what empties it."""
    place.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', place], capture_output=True).returncode:
        pytest.skip('no right to mount')
    try:
        kafka.stop()
        data = kafka.path / 'data'
        shutil.move(data, place / 'data')
        data.symlink_to(place / 'data')
        kafka.start()
        yield place / 'filler'
    finally:
        kafka.stop()
        subprocess.run(['umount', place], check=True)


def fill(filler):
    """To the last byte."""
    with filler.open('wb', buffering=0) as file:
        try:
            while file.write(bytes(1 << 16)):
                pass
        except OSError as full:
            assert full.errno == 28  # ENOSPC


def test_a_full_disk_of_the_broker(db, topic, start, tmp_path):
    """It ends itself then. With room again, everything arrives once."""
    with Kafka(tmp_path / 'kafka') as kafka, small_disk(kafka, tmp_path / 'disk') as filler:
        daemon = start('relay', **{'kafka.bootstrap': kafka.address, 'relay.transaction_timeout': '5s'})
        publish(db, topic, 1, 50)
        wait_for(kafka, topic, 50)
        fill(filler)
        for first in range(51, 1051, 100):
            publish(db, topic, first, first + 99)
        wait_until(lambda: not is_alive(kafka.pid()) and not kafka.listens(), 'the broker ends', PATIENCE)
        assert 'No space left on device' in (kafka.path / 'log').read_text()
        wait_for_refusal(daemon)
        filler.unlink()
        kafka.start()
        wait_until(lambda: db.execute(LAG, [f'kafka:{topic}']).fetchone() == (0, 0), 'no lag is left', PATIENCE)
        check_once(kafka, topic, range(1, 1051))
