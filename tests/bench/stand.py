"""The measuring stand: the loaded cluster, the driver, Redis, rounds and ratios."""
import os
import socket
import statistics
import subprocess
import tempfile
from contextlib import contextmanager

import psycopg
from services.cluster import ROOT, Cluster

ROUNDS = int(os.environ.get('BENCH_ROUNDS', '5'))
SECONDS = int(os.environ.get('BENCH_SECONDS', '4'))
HOTELS = int(os.environ.get('BENCH_HOTELS', '1000000'))
CLIENTS = 4
POINTS_A_ROUND = 100
SETTINGS = {'shared_buffers': '2GB', 'max_wal_size': '8GB', 'autovacuum': 'off', 'jit': 'off'}

VISIBLE = "SELECT relallvisible::float8 / relpages FROM pg_class WHERE oid = 'hotel.hotel'::regclass"

# Points beside hotels, as people ask: where hotels are, there are questions.
QUERY_POINTS = """
SELECT round((lat + (random() - 0.5) / 100)::numeric, 6)::float8,
  round((lng + (random() - 0.5) / 100)::numeric, 6)::float8
FROM hotel.hotel WHERE abs(lat) < 80 AND abs(lng) < 179 ORDER BY random() LIMIT %s
"""

# Redis knows no places beyond 85.05 degrees.
REDIS_HOTELS = 'SELECT hotel_id, lat::float8, lng::float8 FROM hotel.hotel WHERE abs(lat) < 85'


def loaded_cluster(batch_rows=200_000):
    """A running cluster with HOTELS hotels, vacuumed; made when absent, or when it has another number.

    Each batch is sorted by place before it is written, so the fewer there are, the less of the heap a search must read.
    """
    cluster = Cluster(ROOT / '.run' / f'bench-{batch_rows}', preload='pg_cron,tenfold', settings=SETTINGS)
    start(cluster)
    if int(cluster.psql('-c', 'SELECT count(*) FROM hotel.hotel')) != HOTELS:
        cluster.remove()
        start(cluster)
        subprocess.run([ROOT / 'tests' / 'data' / 'load', cluster.path, str(HOTELS)], check=True,
                       env=os.environ | {'BATCH_ROWS': str(batch_rows)})
    cluster.psql('-c', 'VACUUM (ANALYZE) hotel.hotel', '-c', 'REINDEX INDEX hotel.hotel_place')
    visible = cluster.psql('-c', VISIBLE)
    assert float(visible) > 0.99, f'only {visible} of the heap is all-visible'
    return cluster


def start(cluster):
    cluster.start()
    cluster.install_tenfold()


def connect(cluster):
    return psycopg.connect(cluster.dsn(), autocommit=True)


def query_points(db, rounds=ROUNDS):
    """The points (lat, lng) of all rounds, the same in every run."""
    db.execute('SELECT setseed(0.7)')
    return db.execute(QUERY_POINTS, (rounds * POINTS_A_ROUND,)).fetchall()


class Driver:
    """tests/bench/driver.cpp: the same client for Postgres and for Redis."""

    def __init__(self, cluster):
        self.conninfo = cluster.dsn()
        self.program = ROOT / '.run' / 'driver'
        flags = subprocess.check_output(['pkg-config', '--cflags', '--libs', 'libpq'], text=True).split()
        source = ROOT / 'tests' / 'bench' / 'driver.cpp'
        subprocess.run(['g++', '-O2', '-std=c++20', '-pthread', '-o', self.program, source, *flags,
                        '-lhiredis'], check=True)

    def sql(self, statement, points):
        """Executions a second of a statement with $1 and $2 for latitude and longitude."""
        return self._run('postgres', self.conninfo, statement, points)

    def redis(self, path, radius, points):
        return self._run('redis', path, str(radius), points)

    def redis_get(self, path, key, points):
        return self._run('redis-get', path, key, points)

    def _run(self, kind, where, what, points):
        command = [self.program, kind, where, str(CLIENTS), str(SECONDS), what]
        text = '\n'.join(f'{lat} {lng}' for lat, lng in points)
        return float(subprocess.check_output(command, input=text, text=True))


@contextmanager
def redis_with_hotels(db):
    """A Redis that holds every hotel under key `hotels`; gives its socket's path."""
    with redis() as path:
        fill_redis(path, db)
        yield path


@contextmanager
def redis():
    """An empty Redis on a Unix socket; gives the socket's path."""
    with tempfile.TemporaryDirectory(prefix='tenfold-redis-') as folder:
        path = f'{folder}/redis.sock'
        server = subprocess.Popen(['redis-server', '--port', '0', '--unixsocket', path, '--save', '',
                                   '--appendonly', 'no'], stdout=subprocess.DEVNULL)
        try:
            wait_for_socket(path, server)
            yield path
        finally:
            server.terminate()
            server.wait()


def wait_for_socket(path, server):
    while server.poll() is None:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(path)
            return
        except OSError:
            continue
    raise RuntimeError('redis-server ended at its start')


def fill_redis(path, db):
    """GEOADD through redis-cli --pipe, which is how Redis wants mass insertion."""
    commands = bytearray()
    for hotel_id, lat, lng in db.execute(REDIS_HOTELS):
        commands += command('GEOADD', 'hotels', repr(lng), repr(lat), str(hotel_id))
    subprocess.run(['redis-cli', '-s', path, '--pipe'], input=bytes(commands), check=True,
                   stdout=subprocess.DEVNULL)


def command(*words):
    """A command in Redis' own protocol."""
    encoded = [word.encode() for word in words]
    return b'*%d\r\n' % len(encoded) + b''.join(b'$%d\r\n%s\r\n' % (len(word), word) for word in encoded)


def medians(measurements, points, rounds=ROUNDS):
    """Runs every measurement in turn, so many rounds; gives the median of each, and prints as it goes.

    Each round has points of its own, the same for all: where the crowd is matters more than anything else.
    """
    seen = {name: [] for name in measurements}
    for number in range(rounds):
        share = points[number * POINTS_A_ROUND:(number + 1) * POINTS_A_ROUND]
        for name, measure in measurements.items():
            seen[name].append(measure(share))
            print(f'round {number + 1} of {rounds}: {name} {seen[name][-1]:,.0f} a second', flush=True)
    return {name: statistics.median(values) for name, values in seen.items()}


def print_rates(rate):
    for name, value in rate.items():
        print(f'{name:18} {value:12,.0f} a second')


def print_ratio(name, value, floor, target):
    print(f'ratio {name} {value:.2f} floor {floor} target {target}')
