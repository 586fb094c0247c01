"""Searches read index pages by themselves: they must stay right while others write, vacuum, split and delete
pages, on a standby, and after a crash.

The truth is what the executor sees in the same snapshot. Its distances are our own: that they are right is
test_nearby_recall's business.
"""
import contextlib
import os
import random
import signal
import subprocess
import threading
import time

import psycopg
import pytest
from process.conftest import connect, new_cluster
from services.cluster import TOOL

HOTELS = 40_000
SEARCHES = 120

# Every tenth in the south has a restaurant; those are never changed.
FILL = """
INSERT INTO hotel.hotel (name, country, city, lat, lng, stars, amenities)
SELECT 'h', 'FR', 'x', lat, 2 + random(), 1 + i %% 5, CASE WHEN i %% 10 = 0 AND lat < 48.4 THEN 32 ELSE 0 END
FROM generate_series(1, %s) i, LATERAL (SELECT 48 + random() AS lat WHERE i > 0) AS place
"""

OURS = """
SELECT array_agg(hotel_id ORDER BY distance_m, hotel_id)
FROM hotel.nearby(%(lat)s, %(lng)s, %(radius)s, min_stars => %(stars)s, row_limit => 200)
"""
TRUTH = """
SELECT array_agg(hotel_id ORDER BY d, hotel_id) FROM (
  SELECT hotel_id, d
  FROM hotel.hotel, LATERAL (SELECT geo.geodesic_m(lat::float8, lng::float8, %(lat)s, %(lng)s)) AS far(d)
  WHERE removed_at IS NULL AND stars >= %(stars)s AND d <= %(radius)s
  ORDER BY d, hotel_id LIMIT 200) AS nearest
"""

# Every writer is a session that repeats its statements.
SOME = 'amenities = 0 AND hotel_id IN (SELECT (random() * 40000)::bigint FROM generate_series(1, 50))'
# Entries die in one page and split another.
MOVE = [f'UPDATE hotel.hotel SET lat = 48 + random(), lng = 2 + random() WHERE {SOME}']
REMOVE = [f"""UPDATE hotel.hotel SET stars = 1 + (stars + 1) % 5,
    removed_at = CASE WHEN removed_at IS NULL AND random() < 0.3 THEN now() END WHERE {SOME}"""]
# Whole stretches vanish and come back: pages are emptied, deleted, recycled.
DELETE = [
    """DELETE FROM hotel.hotel
    USING (SELECT min(place_key) AS low FROM hotel.hotel WHERE lat > 48.4) AS stretch
    WHERE amenities = 0 AND place_key BETWEEN low AND low + (1::bigint << 42)""",
    """INSERT INTO hotel.hotel (name, country, city, lat, lng, stars)
    SELECT 'back', 'FR', 'x', 48.4 + random() / 10, 2 + random(), 5 FROM generate_series(1, 500)""",
]
# One small place fills and empties: its few pages split all the time.
CROWD = [
    """INSERT INTO hotel.hotel (name, country, city, lat, lng)
    SELECT 'crowd', 'FR', 'x', 48.2 + random() / 20, 2.2 + random() / 20 FROM generate_series(1, 300)""",
    "DELETE FROM hotel.hotel WHERE name = 'crowd' AND random() < 0.3 AND lat BETWEEN 48.2 AND 48.25",
]
VACUUM = ['VACUUM hotel.hotel']

# What the search for restaurants must always find around the crowd.
REMEMBER = """
CREATE TEMP TABLE wanted AS
SELECT q.lat, q.lng, array_agg(hotel_id ORDER BY d, hotel_id) AS ids
FROM (SELECT 48.2 + random() / 20 AS lat, 2.2 + random() / 20 AS lng FROM generate_series(1, 50)) AS q
CROSS JOIN hotel.hotel h
CROSS JOIN LATERAL (SELECT geo.geodesic_m(h.lat::float8, h.lng::float8, q.lat, q.lng)) AS far(d)
WHERE amenities = 32 AND d <= 2000 GROUP BY q.lat, q.lng
"""
MISSED = """
SELECT count(*) FROM wanted w WHERE ids <> ARRAY(
  SELECT hotel_id FROM hotel.nearby(w.lat, w.lng, 2000, amenities => '{restaurant}', row_limit => 1000)
  ORDER BY distance_m, hotel_id)
"""


class Writer(threading.Thread):
    """Repeats statements until told to stop; a failure is remembered."""

    def __init__(self, cluster, statements):
        super().__init__(daemon=True)
        self.cluster, self.statements = cluster, statements
        self.stopped, self.rounds, self.failure = threading.Event(), 0, None

    def run(self):
        try:
            with connect(self.cluster) as db:
                while not self.stopped.is_set():
                    for statement in self.statements:
                        with contextlib.suppress(psycopg.errors.DeadlockDetected):  # rows in any order
                            db.execute(statement)
                    self.rounds += 1
        except psycopg.Error as error:
            self.failure = error


@contextlib.contextmanager
def writing(cluster, *works):
    """Writers at work until the block ends; each must have done something, and none failed."""
    writers = [Writer(cluster, work) for work in works]
    for writer in writers:
        writer.start()
    try:
        yield
    finally:
        for writer in writers:
            writer.stopped.set()
            writer.join()
    assert [writer.failure for writer in writers] == [None] * len(writers)
    assert all(writer.rounds > 0 for writer in writers)


def compare(db, count, seed):
    """Ours and the truth, in one snapshot each time."""
    rng = random.Random(seed)
    for _ in range(count):
        search = {'lat': 48 + rng.random(), 'lng': 2 + rng.random(), 'radius': 300 * 20 ** rng.random(),
                  'stars': rng.randint(1, 3)}
        with db.transaction():
            db.execute('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
            assert db.execute(OURS, search).fetchone() == db.execute(TRUTH, search).fetchone(), search


def wait_until(holds, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, 'waited in vain'


@pytest.fixture(scope='module')
def filled():
    # Whole pages are what carries hints to a standby.
    with new_cluster('concurrent', installed=True, settings={'full_page_writes': 'on'}) as made:
        with connect(made) as db:
            db.execute(FILL, (HOTELS,))
            db.execute('VACUUM ANALYZE hotel.hotel')
        yield made


def test_while_others_write_and_vacuum(filled):
    with connect(filled) as db, writing(filled, MOVE, REMOVE, DELETE, VACUUM):
        compare(db, SEARCHES, seed=1)


def test_what_nobody_touches_is_always_found(filled):
    """Some 100,000 searches, so that some meet a page in the middle of its split."""
    with connect(filled) as db:
        db.execute(REMEMBER)
        with writing(filled, CROWD, CROWD, VACUUM):
            for _ in range(2000):
                assert db.execute(MISSED).fetchone() == (0,)


def test_after_a_crash(filled):
    """A backend that is killed takes all others down, and the server recovers from its WAL."""
    with contextlib.closing(connect(filled, autocommit=False)) as victim, connect(filled) as db:
        victim.execute('UPDATE hotel.hotel SET lat = lat + 0.0001 WHERE hotel_id < 5000')
        db.execute('UPDATE hotel.hotel SET lat = lat - 0.0001 WHERE hotel_id > 35000')
        os.kill(victim.info.backend_pid, signal.SIGKILL)
        wait_until(lambda: not answers(db))
    wait_until(lambda: is_up(filled))
    with connect(filled) as db:
        compare(db, 50, seed=2)


def answers(db):
    with contextlib.suppress(psycopg.OperationalError):
        return bool(db.execute('SELECT 1'))
    return False


def is_up(cluster):
    with contextlib.suppress(psycopg.OperationalError):
        connect(cluster).close()
        return True
    return False


@pytest.fixture(scope='module')
def standby(filled):
    with new_cluster('standby') as made:
        follow(made, filled)
        yield made


def test_on_a_standby(filled, standby):
    with connect(filled) as primary, connect(standby) as db:
        assert db.execute('SELECT pg_is_in_recovery()').fetchone() == (True,)
        primary.execute('UPDATE hotel.hotel SET lat = lat - 0.0001 WHERE hotel_id < 5000')
        primary.execute('VACUUM hotel.hotel')
        catch_up(db, primary)
        compare(db, 50, seed=3)


def test_a_standby_trusts_no_hint_of_its_primary(filled, standby):
    """A scan of the primary notes on the page that an entry is dead; for an older snapshot of the standby it
    is not."""
    search = 'SELECT count(*) FROM hotel.nearby(10, 10, 100)'
    with connect(filled) as primary, connect(standby) as db:
        primary.execute("SELECT hotel.add_hotel('h', 'FR', 'x', 10, 10)")
        catch_up(db, primary)
        with db.transaction():
            db.execute('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
            assert db.execute(search).fetchone() == (1,)
            primary.execute('DELETE FROM hotel.hotel WHERE lat = 10')
            primary.execute('CHECKPOINT')  # the next change of a page, a hint too, goes over as a whole page
            primary.execute('SET enable_seqscan = off; SET enable_bitmapscan = off')
            primary.execute('SELECT name FROM hotel.hotel WHERE removed_at IS NULL '
                            'AND place_key = tenfold._geo_place_key(10, 10)')
            catch_up(db, primary)
            assert db.execute(search).fetchone() == (1,)


def catch_up(db, primary):
    """Waits until a standby has all that its primary wrote."""
    (written,) = primary.execute('SELECT pg_current_wal_insert_lsn()').fetchone()
    # The writer of WAL flushes hints only when there is a commit after them.
    primary.execute("SELECT pg_logical_emit_message(true, '', '')")
    replayed = 'SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn'
    wait_until(lambda: db.execute(replayed, (written,)).fetchone() == (True,))


def follow(standby, primary):
    """Makes a cluster a standby of another."""
    standby.stop()
    data = standby.path.resolve() / 'data'
    run_as_owner_of(data, 'find', data, '-mindepth', '1', '-delete')
    bindir = subprocess.check_output([TOOL, 'bindir'], text=True).strip()
    run_as_owner_of(data, f'{bindir}/pg_basebackup', '-D', data, '-R', '-c', 'fast', '-d',
                    primary.dsn('postgres'))
    standby.start()


def run_as_owner_of(folder, *command):
    """A server's files belong to the user who runs it: not to root."""
    owner = folder.stat()
    other = owner.st_uid != os.geteuid()
    subprocess.run(command, cwd='/', check=True, capture_output=True,
                   **({'user': owner.st_uid, 'group': owner.st_gid, 'extra_groups': []} if other else {}))
