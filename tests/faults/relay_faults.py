"""Events through a real broker and back while what carries them dies: a publisher writes, two daemons relay to Kafka and
apply what comes back; one of sidecar, backend, postmaster and broker is killed, or stopped for 0.2 to 3 seconds. Then a reader
that sees committed messages only has each event that was committed once, none twice, each key in order; so has the table.
"""
import json
import os
import random
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psycopg
from gateway import Gateway, wait_until
from services.cluster import ROOT, Cluster
from services.kafka import Kafka

DAEMONS = 2
PATIENCE = 60  # seconds
PUBLISH = 'SELECT tenfold.publish_many(%s, %s::text[], %s::jsonb[])'
SETUP = '''
CREATE TABLE IF NOT EXISTS public.taken (topic text, event_id bigint);
GRANT ALL ON public.taken TO tenfold_owner;
CREATE OR REPLACE FUNCTION public.take(topic text, keys text[], payloads jsonb[], headers jsonb[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO public.taken SELECT topic, (h ->> 'event_id')::bigint FROM unnest(headers) h $$;
GRANT EXECUTE ON FUNCTION public.take TO tenfold_owner'''


class KafkaDaemon(Gateway):
    workers = 'relay,sink'


class Publisher(threading.Thread):
    """Small transactions, one after the other; some are rolled back. Who gets no answer does not know."""

    def __init__(self, cluster, topic, chance):
        super().__init__(daemon=True)
        self.cluster, self.topic, self.chance = cluster, topic, chance
        self.committed, self.number, self.stopping = set(), 0, False
        self.start()

    def run(self):
        while not self.stopping:
            with suppress(psycopg.OperationalError), connect(self.cluster, 1) as db:
                while not self.stopping:
                    self.publish(db)
                    time.sleep(self.chance.uniform(0, 0.01))

    def publish(self, db):
        count = self.chance.randint(1, 20)
        numbers = range(self.number, self.number + count)
        self.number += count
        is_kept = self.chance.random() > 0.1
        with db.transaction():
            db.execute(PUBLISH, [self.topic, [f'k{n % 7}' for n in numbers], [json.dumps({'n': n}) for n in numbers]])
            if not is_kept:
                raise psycopg.Rollback
        if is_kept:
            self.committed.update(numbers)

    def stop(self):
        self.stopping = True
        self.join()


class Relays:
    """Two daemons that relay to Kafka, and apply what comes back."""

    def __init__(self, cluster, kafka, topic):
        self.cluster, self.kafka, self.topic = cluster, kafka, topic
        self.processes = [self.begin() for _ in range(DAEMONS)]

    def begin(self):
        dsn = self.cluster.known_dsn.replace('user=postgres', 'user=tenfold_authenticator')
        return KafkaDaemon(dsn, wait_until_ready=False, **{
            'kafka.bootstrap': self.kafka.address, 'relay.name': self.topic, 'relay.topics': self.topic, 'sink.source': self.topic,
            'events.lease': '1s', 'relay.retry_most': '200ms', 'sink.retry_most': '200ms', 'database.connections': 3,
            'database.answer_timeout': '5s'}).__enter__()

    def kill(self, victim):
        self.processes[victim].__exit__()  # SIGKILL
        self.processes[victim] = self.begin()

    def pid(self, victim):
        return self.processes[victim].process.pid

    def close(self):
        for process in self.processes:
            process.__exit__()


class Stage:
    def __init__(self, cluster, kafka, seed, relays):
        self.cluster, self.kafka, self.chance = cluster, kafka, random.Random(seed)
        self.topic = f'{relays.__name__.lower()}{seed}.{os.getpid()}.{time.monotonic_ns()}'
        with connect(cluster) as db:
            db.execute('SELECT tenfold.create_topic(%s, 3)', [self.topic])
            db.execute("SELECT tenfold.create_kafka_sink(%s, %s, 'public.take')", [self.topic, self.topic])
        self.relays = relays(cluster, kafka, self.topic)
        self.publisher = Publisher(cluster, self.topic, random.Random(seed + 1))

    def close(self):
        self.publisher.stop()
        self.relays.close()
        with connect(self.cluster) as db:
            db.execute('SELECT tenfold.drop_consumer(name) FROM tenfold.consumer')
            db.execute('TRUNCATE public.taken, tenfold.kafka_sink')

    def faults(self):
        return [self.kill_daemon, self.stop_daemon, self.kill_backend, self.stop_backend, self.kill_postmaster, self.kill_broker,
                self.stop_broker]

    def play(self, faults=1):
        self.wait_for(20)  # events flow
        for _ in range(faults):
            time.sleep(self.chance.uniform(0, 0.5))
            fault = self.chance.choice(self.faults())
            fault()
            time.sleep(self.chance.uniform(0.1, 0.5))
        self.publisher.stop()
        return fault.__name__

    def kill_daemon(self):
        self.relays.kill(self.chance.randrange(DAEMONS))

    def stop_daemon(self):
        self.suspend(self.relays.pid(self.chance.randrange(DAEMONS)))

    def suspend(self, pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(self.chance.uniform(0.2, 3))
            os.kill(pid, signal.SIGCONT)

    def backend(self):
        with connect(self.cluster) as db:
            rows = db.execute("SELECT pid FROM pg_stat_activity WHERE usename = 'tenfold_authenticator' ORDER BY pid").fetchall()
        return self.chance.choice(rows)[0] if rows else None

    def kill_backend(self):
        """Postgres ends every session then, and recovers."""
        if pid := self.backend():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop_backend(self):
        if pid := self.backend():
            self.suspend(pid)

    def kill_postmaster(self):
        pid = int((self.cluster.path / 'data' / 'postmaster.pid').read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not Path(f'/proc/{pid}').exists(), 'the postmaster is dead')
        wait_until(self.started, 'Postgres starts again')

    def started(self):
        try:
            self.cluster.start()
            return True
        except RuntimeError:
            return False  # a backend of the dead one is still there

    def kill_broker(self):
        self.kafka.kill()
        time.sleep(self.chance.uniform(0, 1))
        self.kafka.start()

    def stop_broker(self):
        self.suspend(self.kafka.pid())

    def wait_for(self, count):
        """Until so many came back through the broker. Gives how many did."""
        end, seen = time.monotonic() + PATIENCE, 0
        while seen < count:
            assert time.monotonic() < end, f'only {seen} of {count} came back'
            time.sleep(0.05)
            with suppress(psycopg.OperationalError), connect(self.cluster) as db:
                seen = db.execute('SELECT count(DISTINCT event_id) FROM public.taken WHERE topic = %s', [self.topic]).fetchone()[0]
        return seen

    def check(self):
        self.wait_for(len(self.publisher.committed))
        messages = self.kafka.read(self.topic)
        numbers = [json.loads(message.payload)['n'] for message in messages]
        ids = [int(message.headers['event_id']) for message in messages]
        assert not (lost := self.publisher.committed - set(numbers)), f'lost: {sorted(lost)}'
        assert len(set(ids)) == len(ids), f'{len(ids) - len(set(ids))} are double'
        self.check_order(messages, numbers)
        self.wait_for(len(ids))
        with connect(self.cluster) as db:
            taken = [row[0] for row in db.execute('SELECT event_id FROM public.taken WHERE topic = %s', [self.topic])]
        assert sorted(taken) == sorted(ids), 'the table differs from what Kafka has'
        return len(ids)

    def check_order(self, messages, numbers):
        keys = {}
        for message, number in zip(messages, numbers):
            keys.setdefault(message.key, []).append(number)
        assert all(own == sorted(own) for own in keys.values()), 'a key is out of order'


def connect(cluster, patience=30):
    """Waits while Postgres recovers."""
    end = time.monotonic() + patience
    while True:
        try:
            return psycopg.connect(cluster.known_dsn, autocommit=True)
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def play_seed(cluster, kafka, seed):
    stage = Stage(cluster, kafka, seed, Relays)
    try:
        fault = stage.play()
        count = stage.check()
        print(f'# {fault}: {count} events', flush=True)
    except Exception:
        for daemon in stage.relays.processes:
            print(*(line for line in daemon.log[-5:]), sep='\n', file=sys.stderr)
        raise
    finally:
        stage.close()


def with_cluster_and_broker(name, play):
    with Cluster(ROOT / '.run' / 'faults' / name, preload='pg_cron,tenfold') as cluster, Kafka(ROOT / '.run' / 'faults' / f'{name}-kafka') as kafka:
        cluster.install_tenfold()
        cluster.known_dsn = cluster.dsn()  # also while it is down
        cluster.psql('-c', SETUP)
        play(cluster, kafka)


def run(seeds, passed, failed):
    def play(cluster, kafka):
        for seed in seeds:
            try:
                play_seed(cluster, kafka, seed)
            except Exception:  # the next seed may pass
                failed(seed)
            else:
                passed(seed)

    with_cluster_and_broker('relay', play)
