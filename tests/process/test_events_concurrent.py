"""The log of events against brute force: publishers that roll back, dawdle and use savepoints, consumers that crash, fail
and lose their leases, ticks and rotations all the while. Every committed event is handled once, in the order of its key."""
import os
import random
import threading
import time

import psycopg
import pytest
from process.conftest import connect

SECONDS = float(os.environ.get('EVENTS_SECONDS', '8'))
KEYS = 12
CONSUMERS = 3

SETUP = f"""
CREATE TABLE public.owner (key text PRIMARY KEY, events int NOT NULL DEFAULT 0);
INSERT INTO public.owner SELECT 'k' || k FROM generate_series(1, {KEYS}) k;
CREATE TABLE public.handled (consumer text, key text, n int, handled_at bigint GENERATED ALWAYS AS IDENTITY, event_id bigint);
SELECT tenfold.create_topic('t'), tenfold.create_topic('other');
"""
PUBLISHED = 'SELECT count(*) FROM (SELECT key, generate_series(1, events) FROM public.owner) e'
# The position of each event in its key's order is the number that its publisher drew under the key's lock.
DISORDER = """
SELECT consumer, key, count(*), count(DISTINCT n), max(n), bool_and(n = place)
FROM (SELECT *, row_number() OVER (PARTITION BY consumer, key ORDER BY handled_at) AS place FROM public.handled) h
GROUP BY consumer, key"""


class Stop(Exception):
    """What a consumer's crash looks like to it."""


def publish_for_a_while(cluster, seed, until):
    """One transaction after the other: some keys, under their locks; a third rolls back, some take long."""
    chance = random.Random(seed)
    with connect(cluster, autocommit=False) as db:
        while time.monotonic() < until:
            try:
                for key in sorted(chance.sample(range(1, KEYS + 1), chance.randint(1, 3))):
                    publish(db, chance, f'k{key}')
                if chance.random() < 0.1:
                    db.execute('SELECT pg_sleep(%s)', [chance.random() / 2])  # a long writer, not a wait
                db.rollback() if chance.random() < 0.3 else db.commit()
            except psycopg.errors.DeadlockDetected:
                db.rollback()


def publish(db, chance, key):
    with db.transaction(force_rollback=chance.random() < 0.2):  # a savepoint
        many = chance.randint(1, 4)
        last = db.execute('UPDATE public.owner SET events = events + %s WHERE key = %s RETURNING events', [many, key]).fetchone()[0]
        numbers = range(last - many + 1, last + 1)
        if chance.random() < 0.5:
            db.execute("SELECT tenfold.publish_many('t', %s, %s::jsonb[])", [[key] * many, [str(n) for n in numbers]])
        else:
            for n in numbers:
                db.execute("SELECT tenfold.publish('t', %s, to_jsonb(%s))", [key, n])


def consume_for_a_while(cluster, seed, name, done):
    """An instance after the other: each crashes now and then, and its lease with it."""
    chance = random.Random(seed)
    number = 0
    while not done.is_set():
        number += 1
        try:
            with connect(cluster) as db:
                run_instance(db, chance, f'{name}-{seed}-{number}', name, done)
        except Stop:
            pass
        except psycopg.Error as error:
            if error.sqlstate not in ('TF050', 'TF051'):  # fenced: the next instance asks anew
                raise


def run_instance(db, chance, instance, name, done):
    while not done.is_set():
        db.execute("SELECT tenfold.tick()")
        held = db.execute("SELECT epoch FROM tenfold.acquire_consumers(%s, %s, '1 s')", [instance, [name]]).fetchone()
        if held:
            handle_batch(db, chance, name, held[0])
            handle_retries(db, chance, name, held[0])
        else:
            time.sleep(0.02)  # the poll interval of one that has nothing to read


def handle_batch(db, chance, name, epoch):
    ticks = db.execute('SELECT from_tick, to_tick FROM tenfold.next_batch(%s, %s, %s)', [name, epoch, chance.choice((1, 50, 10000))]).fetchone()
    if ticks:
        events = db.execute('SELECT event_id, key, payload FROM tenfold.batch_events(%s, %s, %s)', [name, *ticks]).fetchall()
        with db.transaction():
            handle(db, chance, name, epoch, events)
            db.execute('SELECT tenfold.finish_batch(%s, %s, %s, %s)', [name, epoch, *ticks])
            crash_now_and_then(chance)


def handle_retries(db, chance, name, epoch):
    events = db.execute('SELECT event_id, key, payload FROM tenfold.next_retries(%s, %s)', [name, epoch]).fetchall()
    if events:
        with db.transaction():
            ids = handle(db, chance, name, epoch, events)
            db.execute('SELECT tenfold.finish_retries(%s, %s, %s)', [name, epoch, ids])
            crash_now_and_then(chance)


def handle(db, chance, name, epoch, events):
    """Gives the ids of those that were handled; what follows one that failed is left alone."""
    failed, ids = set(), []
    for event_id, key, n in events:
        if key in failed:
            continue
        if chance.random() < 0.03:
            assert db.execute("SELECT tenfold.fail_event(%s, %s, %s, 'by chance')", [name, epoch, event_id]).fetchone() == ('retry',)
            failed.add(key)
        else:
            db.execute('INSERT INTO public.handled (consumer, key, n, event_id) VALUES (%s, %s, %s, %s)', [name, key, n, event_id])
            ids.append(event_id)
    return ids


def crash_now_and_then(chance):
    if chance.random() < 0.05:
        raise Stop


def rotate_for_a_while(cluster, done):
    """As if each call came a minute after the last."""
    with connect(cluster) as db:
        while not done.is_set():
            with db.transaction():
                db.execute("UPDATE tenfold.event_state SET slot_since = slot_since - interval '1 hour', written_by = '0'")
                db.execute('UPDATE tenfold.event_state SET written_by = xmin')
            db.execute('SELECT tenfold.rotate_events()')
            db.execute("SELECT count(*) FROM tenfold.outbox_lag")


def audit_for_a_while(cluster, done):
    """Nobody is accused, whatever is moved and emptied meanwhile."""
    with connect(cluster) as db:
        while not done.wait(0.01):
            assert db.execute('SELECT consumer, problem FROM tenfold.audit_events() WHERE NOT ok').fetchall() == []


class Runner:
    """Threads whose failure is the test's."""

    def __init__(self):
        self.threads, self.failures = [], []

    def start(self, function, *arguments):
        def run():
            try:
                function(*arguments)
            except Exception as failure:
                self.failures.append(failure)
        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def join(self):
        for thread in self.threads:
            thread.join()
        assert self.failures == []


def wait_until_consumed(db, events, runner):
    """Or until it is clear that they never are."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not runner.failures:
        if db.execute('SELECT count(*) FROM public.handled').fetchone()[0] >= events * CONSUMERS:
            return
        time.sleep(0.05)


def wait_until_emptied(db):
    """A rotation leaves a slot that somebody else has locked, autovacuum say, to the next one."""
    deadline = time.monotonic() + 60
    while not db.execute("SELECT value >= 10 FROM tenfold.metric WHERE name = 'tenfold_event_slots_empty'").fetchone()[0]:
        assert time.monotonic() < deadline, 'slots stay full'
        db.execute('SELECT tenfold.rotate_events()')
        time.sleep(0.05)


@pytest.mark.parametrize('seed', [1, 2])
def test_every_event_is_handled_once_in_the_order_of_its_key(cluster, seed):
    with connect(cluster) as db:
        db.execute('DROP TABLE IF EXISTS public.owner, public.handled')
        db.execute(SETUP)
        for c in range(CONSUMERS):
            db.execute("SELECT tenfold.create_consumer(%s, '{t}', max_attempts => 1000, backoff_base => '0')", [f'c{seed}{c}'])
        publishers, consumers, done = Runner(), Runner(), threading.Event()
        for number in range(4):
            publishers.start(publish_for_a_while, cluster, seed * 100 + number, time.monotonic() + SECONDS)
        for number in range(2 * CONSUMERS):
            consumers.start(consume_for_a_while, cluster, seed * 100 + number, f'c{seed}{number % CONSUMERS}', done)
        consumers.start(rotate_for_a_while, cluster, done)
        consumers.start(audit_for_a_while, cluster, done)
        try:
            publishers.join()
            events = db.execute(PUBLISHED).fetchone()[0]
            wait_until_consumed(db, events, consumers)
        finally:
            done.set()
            consumers.join()
        assert events > 100
        published = dict(db.execute('SELECT key, events FROM public.owner').fetchall())
        for consumer, key, count, distinct, last, in_order in db.execute(DISORDER).fetchall():
            assert (count, distinct, last, in_order) == (published[key],) * 3 + (True,), (consumer, key)
        assert db.execute('SELECT count(*) FROM public.handled').fetchone()[0] == events * CONSUMERS
        lag = 'SELECT DISTINCT behind_events, retrying, parked, dead FROM tenfold.outbox_lag WHERE consumer LIKE %s'
        assert db.execute(lag, [f'c{seed}%']).fetchall() == [(0, 0, 0, 0)]
        wait_until_emptied(db)
        for c in range(CONSUMERS):
            db.execute('SELECT tenfold.drop_consumer(%s)', [f'c{seed}{c}'])
