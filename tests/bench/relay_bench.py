"""From publish to a reader of Kafka that sees committed messages only, with publishers and reader at work.

The rival is the same relay without transactions: it sends a batch with the same settings of librdkafka, waits for it, and
marks it as done. BENCH_EVENTS (400,000) events of 200 bytes a round, in batches of 10,000; then 1,000 events a second, each a
commit of its own, for BENCH_SECONDS: how old each is when the reader has it.
"""
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import stand
from services.cluster import ROOT, Cluster
from services.kafka import CLIENT, Kafka, build_client

sys.path.insert(0, str(ROOT / 'tests' / 'http'))
from gateway import Gateway, wait_until  # noqa: E402

EVENTS = int(os.environ.get('BENCH_EVENTS', '400000'))
BYTES = 200
SET = 1000
BATCH = 10_000
PUBLISHERS = 2
PARTITIONS = 3
MANY = '''SELECT tenfold.publish_many('bench', array_agg('k' || n % 1000), array_agg(jsonb_build_object('n', repeat('x', {}))))
  FROM generate_series(1, {}) n'''.format(BYTES - 9, SET)
ONE = "SELECT tenfold.publish('bench', %s, %s)"


class Relay(Gateway):
    workers = 'relay'


class Ours:
    def __init__(self, cluster, kafka):
        self.cluster, self.kafka = cluster, kafka

    @contextmanager
    def running(self):
        with Relay(self.cluster.dsn(), **{'kafka.bootstrap': self.kafka.address, 'relay.name': 'bench', 'relay.topics': 'bench',
                                          'relay.batch': BATCH, 'database.connections': 2}) as daemon:
            daemon.wait_for_metric('tenfold_relay_leads', 1)
            yield
            daemon.signal(signal.SIGTERM)  # so that the next need not wait for the lease's end
            daemon.process.wait()

    def catch_up(self):
        """What the rival's round published is no part of ours."""
        with self.running():
            wait_until(lambda: self.lag() == 0, 'it has caught up')

    def lag(self):
        with stand.connect(self.cluster) as db:
            return db.execute("SELECT behind_events FROM tenfold.outbox_lag WHERE consumer = 'kafka:bench'").fetchone()[0]


class Naive(Ours):
    def catch_up(self):
        with stand.connect(self.cluster) as db:
            db.execute("SELECT tenfold.drop_consumer(name) FROM tenfold.consumer WHERE name = 'naive'")
            db.execute("SELECT tenfold.create_consumer('naive', '{bench}')")

    @contextmanager
    def running(self):
        process = subprocess.Popen([CLIENT, 'naive', self.kafka.address, 'bench', self.cluster.dsn(), 'naive', str(BATCH)])
        try:
            yield
        finally:
            process.kill()
            process.wait()


@contextmanager
def follower(kafka, count):
    """A reader that is at the end; its result is the last line."""
    process = subprocess.Popen([CLIENT, 'follow', kafka.address, 'bench', str(count)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == 'ready\n'
        yield process
    finally:
        process.kill()
        process.wait()


def publish(cluster, sets, ticks):
    with stand.connect(cluster) as db:
        for _ in range(sets):
            db.execute(MANY)
            if ticks:
                db.execute('SELECT tenfold.tick()')


def publish_all(cluster, ticks=False):
    threads = [threading.Thread(target=publish, args=[cluster, EVENTS // SET // PUBLISHERS, ticks]) for _ in range(PUBLISHERS)]
    for thread in threads:
        thread.start()
    return threads


def measure(system, backlog=False):
    """Events a second, from publishers to the reader."""
    system.catch_up()
    if backlog:
        for thread in publish_all(system.cluster, ticks=True):  # as the relay would have, so that it is no one batch
            thread.join()
    with follower(system.kafka, EVENTS) as reader, system.running():
        threads = [] if backlog else publish_all(system.cluster)
        rate = float(reader.stdout.readline().split()[0])
        for thread in threads:
            thread.join()
    return rate


def latency(system):
    """Seconds from just before the commit to the reader: the median and the 99th percentile."""
    count = 1000 * stand.SECONDS
    system.catch_up()
    with follower(system.kafka, count) as reader, system.running(), stand.connect(system.cluster) as db:
        start = time.monotonic()
        for number in range(count):
            db.execute(ONE, [f'k{number % 1000}', json.dumps({'at': time.time()})])
            time.sleep(max(0, start + number / 1000 - time.monotonic()))
        _, median, worst = map(float, reader.stdout.readline().split())
    return median, worst


def rounds(systems, **how):
    seen = {name: [] for name in systems}
    for number in range(stand.ROUNDS):
        for name, system in systems.items():
            seen[name].append(measure(system, **how))
            print(f'round {number + 1} of {stand.ROUNDS}: {name} {seen[name][-1]:,.0f} a second', flush=True)
    return {name: statistics.median(rates) for name, rates in seen.items()}


def main():
    build_client()
    cluster = Cluster(ROOT / '.run' / 'bench-relay', preload='pg_cron,tenfold', settings={'shared_buffers': '1GB', 'jit': 'off'})
    with cluster, Kafka(ROOT / '.run' / 'bench-kafka') as kafka:
        cluster.install_tenfold()
        cluster.psql('-c', f"SELECT tenfold.create_topic('bench', {PARTITIONS})")
        kafka.create_topic('bench', PARTITIONS)
        systems = {'exactly once': Ours(cluster, kafka), 'without transactions': Naive(cluster, kafka)}
        cluster.psql('-c', "SELECT tenfold.create_consumer('kafka:bench', '{bench}')")
        for system in systems.values():
            measure(system)  # the broker's Java is slow at first
        rate = rounds(systems)
        backlog = rounds(systems, backlog=True)
        raw = float(kafka.client('produce', 'bench', EVENTS, BYTES, 5000))
        ages = [latency(systems['exactly once']) for _ in range(stand.ROUNDS)]
    stand.print_rates(rate | {f'{name}, from a backlog': value for name, value in backlog.items()} | {'producer alone': raw})
    stand.print_ratio('relay_exactly_once', rate['exactly once'] / rate['without transactions'], 0.6, 0.75)
    stand.print_ratio('relay_exactly_once_backlog', backlog['exactly once'] / backlog['without transactions'], 0.6, 0.75)
    stand.print_ratio('relay_events_per_second', rate['exactly once'], 50_000, 150_000)
    stand.print_ratio('relay_median_ms', statistics.median(age[0] for age in ages) * 1000, 100, 40)
    stand.print_ratio('relay_p99_ms', statistics.median(age[1] for age in ages) * 1000, 150, 75)


if __name__ == '__main__':
    main()
