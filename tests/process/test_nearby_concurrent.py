"""Searches read index pages by themselves: they must stay right while others write, vacuum, split and delete pages, on a
standby, and after a crash."""
import contextlib
import os
import signal
import subprocess
import threading

import psycopg
import pytest
from process.conftest import connect, new_cluster

HOTELS = 40_000
SEARCHES = 120

FILL = """INSERT INTO hotel.hotel (name, country, city, lat, lng, stars, amenities)
  SELECT 'h', 'FR', 'x', 48 + random(), 2 + random(), 1 + i %% 5, i %% 16 FROM generate_series(1, %s) i"""

OURS = 'SELECT array_agg(hotel_id ORDER BY distance_m, hotel_id) FROM hotel.nearby(%(lat)s, %(lng)s, %(r)s, min_stars => %(stars)s, row_limit => 200)'
TRUTH = """SELECT array_agg(hotel_id) FROM (SELECT hotel_id FROM hotel.hotel WHERE removed_at IS NULL AND stars >= %(stars)s
    AND tenfold._geo_geodesic_m(lat::float8, lng::float8, %(lat)s, %(lng)s) <= %(r)s
  ORDER BY tenfold._geo_geodesic_m(lat::float8, lng::float8, %(lat)s, %(lng)s), hotel_id LIMIT 200) AS nearest"""


class Worker(threading.Thread):
    """Repeats statements until told to stop; a failure is remembered."""

    def __init__(self, cluster, *statements):
        super().__init__(daemon=True)
        self.cluster, self.statements, self.stopped, self.rounds, self.failure = cluster, statements, threading.Event(), 0, None

    def run(self):
        try:
            with connect(self.cluster) as db:
                while not self.stopped.is_set():
                    for statement in self.statements:
                        with contextlib.suppress(psycopg.errors.DeadlockDetected):  # they lock rows in any order
                            db.execute(statement)
                    self.rounds += 1
        except psycopg.Error as error:
            self.failure = error


WRITERS = [
    # Moves, so that entries die in one page and split another.
    ('UPDATE hotel.hotel SET lat = 48 + random(), lng = 2 + random() WHERE hotel_id IN (SELECT (random() * 40000)::bigint FROM generate_series(1, 50))',),
    ('UPDATE hotel.hotel SET stars = 1 + (stars + 1) % 5, removed_at = CASE WHEN removed_at IS NULL AND random() < 0.3 THEN now() END '
     'WHERE hotel_id IN (SELECT (random() * 40000)::bigint FROM generate_series(1, 50))',),
    # Whole stretches vanish and come back: pages are emptied, deleted, recycled.
    ('DELETE FROM hotel.hotel WHERE place_key BETWEEN (SELECT min(place_key) FROM hotel.hotel WHERE lat > 48.4) AND (SELECT min(place_key) FROM hotel.hotel WHERE lat > 48.4) + (1::bigint << 42)',
     "INSERT INTO hotel.hotel (name, country, city, lat, lng, stars) SELECT 'back', 'FR', 'x', 48.4 + random() / 10, 2 + random(), 5 FROM generate_series(1, 500)"),
    ('VACUUM hotel.hotel',),
]


@pytest.fixture(scope='module')
def filled(cluster):
    with connect(cluster) as db:
        db.execute(FILL, (HOTELS,))
        db.execute('VACUUM ANALYZE hotel.hotel')
    return cluster


def compare(db, count):
    """Ours and the truth in one snapshot each time."""
    for _ in range(count):
        with db.transaction():
            db.execute('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
            lat, lng, r, stars = db.execute('SELECT 48 + random(), 2 + random(), 300 * power(20, random()), 1 + floor(random() * 3)::int').fetchone()
            search = {'lat': lat, 'lng': lng, 'r': r, 'stars': stars}
            assert db.execute(OURS, search).fetchone() == db.execute(TRUTH, search).fetchone(), search


def test_while_others_write_and_vacuum(filled):
    workers = [Worker(filled, *statements) for statements in WRITERS]
    with connect(filled, autocommit=True) as db:
        for worker in workers:
            worker.start()
        try:
            compare(db, SEARCHES)
        finally:
            for worker in workers:
                worker.stopped.set()
                worker.join()
    assert [worker.failure for worker in workers] == [None] * len(workers)
    assert all(worker.rounds > 0 for worker in workers)


def test_after_a_crash(filled):
    """A backend that dies in the middle of a write takes all others down; the server recovers from its WAL."""
    victim = connect(filled, autocommit=False)
    victim.execute('UPDATE hotel.hotel SET lat = lat + 0.0001 WHERE hotel_id < 5000')
    with connect(filled) as db:
        db.execute('UPDATE hotel.hotel SET lat = lat - 0.0001 WHERE hotel_id > 35000')
        os.kill(victim.info.backend_pid, signal.SIGKILL)
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                db.execute('SELECT 1')
    with connect_again(filled) as db:
        compare(db, 50)


def connect_again(cluster):
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            return connect(cluster)


def test_on_a_standby(filled, tmp_path):
    """A standby has the pages, not the scans' own hints; it must answer as its primary does."""
    with connect(filled) as db:
        # Dead entries, and scans that mark them.
        db.execute('UPDATE hotel.hotel SET lat = lat + 0.0001 WHERE hotel_id < 5000')
        db.execute('SELECT count(*) FROM hotel.hotel WHERE place_key > 0')
    with new_cluster('standby') as standby:
        standby.stop()
        data = data_folder(standby)
        subprocess.run(as_server_user(data, 'find', data, '-mindepth', '1', '-delete'), check=True)
        subprocess.run(as_server_user(data, 'pg_basebackup', '-D', data, '-R', '-c', 'fast', '-X', 'stream', '-d', filled.dsn('postgres')), check=True)
        standby.start()
        with connect(filled) as primary, connect(standby) as db:
            assert db.execute('SELECT pg_is_in_recovery()').fetchone() == (True,)
            primary.execute('UPDATE hotel.hotel SET lat = lat - 0.0001 WHERE hotel_id < 5000')
            primary.execute('VACUUM hotel.hotel')
            (wanted,) = primary.execute('SELECT pg_current_wal_lsn()').fetchone()
            while db.execute('SELECT pg_last_wal_replay_lsn() < %s::pg_lsn', (wanted,)).fetchone()[0]:
                pass
            compare(db, 50)


def data_folder(cluster):
    with_data = [path for path in cluster.path.resolve().rglob('PG_VERSION') if path.parent.parent == cluster.path.resolve()]
    return str(with_data[0].parent)


def as_server_user(data, *command):
    """Files of a cluster belong to the user who runs it."""
    bindir = subprocess.check_output([os.path.join(os.path.dirname(__file__), '..', '..', 'dev', 'cluster'), 'bindir'], text=True).strip()
    command = [f'{bindir}/{command[0]}' if command[0].startswith('pg_') else command[0], *command[1:]]
    owner = os.stat(data).st_uid
    return command if owner == os.geteuid() else ['setpriv', f'--reuid={owner}', f'--regid={os.stat(data).st_gid}', '--clear-groups', *command]
