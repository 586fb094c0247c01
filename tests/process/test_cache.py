"""The cache never lies: many clients at once, prepared transactions, a standby and its promotion."""
import os
import random
import threading
import time

import pytest
from process.conftest import connect, new_cluster
from process.test_nearby_concurrent import catch_up, follow

SETUP = """
CREATE TABLE shown (place int PRIMARY KEY, value bigint NOT NULL);
INSERT INTO shown SELECT i, 0 FROM generate_series(1, 5) i;
CREATE TABLE computed (at timestamptz DEFAULT clock_timestamp());
CREATE FUNCTION read_shown(question jsonb) RETURNS text LANGUAGE sql STABLE AS
  $$ SELECT value::text FROM shown WHERE place = (question ->> 'place')::int $$;
CREATE FUNCTION ask(place int) RETURNS bigint LANGUAGE sql AS
  $$ SELECT (tenfold._cached('SELECT read_shown($1)', jsonb_build_object('place', place), ARRAY['place' || place], 60))::text::bigint $$;
CREATE FUNCTION change(at_place int) RETURNS bigint LANGUAGE sql AS
  $$ SELECT tenfold._cache_touch(ARRAY['place' || at_place]);
     UPDATE shown SET value = value + 1 WHERE place = at_place RETURNING value $$;
"""
COUNTS = 'SELECT hits, misses, bypassed FROM tenfold.stat_cache'


@pytest.fixture(scope='module')
def cluster():
    with new_cluster('cache', settings={'max_prepared_transactions': 20, 'wal_level': 'replica', 'tenfold.cache_size': '2MB'}) as made:
        made.install_tenfold()
        made.psql('-c', SETUP)
        yield made


class Truth:
    """What is known to be committed: no answer to a question asked from now on may be older."""

    def __init__(self):
        self.least = {place: 0 for place in range(1, 6)}
        self.lies = []
        self.answers = 0
        self.lock = threading.Lock()

    def committed(self, place, value):
        with self.lock:
            self.least[place] = max(self.least[place], value)

    def check(self, db):
        place = random.randint(1, 5)
        least = self.least[place]
        (value,) = db.execute('SELECT ask(%s)', (place,)).fetchone()
        self.answers += 1
        if value < least:
            self.lies.append((place, value, least))


def write(db, truth, name):
    """A change: committed, rolled back, or prepared and then committed by whoever."""
    place = random.randint(1, 5)
    db.execute('BEGIN')
    (value,) = db.execute('SELECT change(%s)', (place,)).fetchone()
    deed = random.choice(['commit', 'commit', 'rollback', 'prepare'])
    if deed == 'rollback':
        db.execute('ROLLBACK')
        return
    if deed == 'prepare':
        db.execute(f"PREPARE TRANSACTION '{name}'")
        truth.check(db)
        db.execute(f"COMMIT PREPARED '{name}'")
    else:
        db.execute('COMMIT')
    truth.committed(place, value)


def test_no_answer_is_older_than_a_commit_before_the_question(cluster):
    """CACHE_SECONDS (10; ten minutes in make faults)."""
    truth = Truth()
    end = time.monotonic() + float(os.environ.get('CACHE_SECONDS', '10'))

    def work(number):
        with connect(cluster) as db:
            while time.monotonic() < end and not truth.lies:
                if number < 3 and random.random() < 0.3:
                    write(db, truth, f'of{number}')
                else:
                    truth.check(db)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not truth.lies
    with connect(cluster) as db:
        hits, misses, _ = db.execute(COUNTS).fetchone()
    assert truth.answers > 500 and hits > 100 and misses > 100, (truth.answers, hits, misses)


def test_many_who_ask_at_once_compute_once(cluster):
    with connect(cluster) as db:
        db.execute("""CREATE FUNCTION slow(question jsonb) RETURNS text LANGUAGE plpgsql STABLE AS
            $$ BEGIN PERFORM pg_advisory_lock_shared(1), pg_advisory_unlock_shared(1); RETURN '1'; END $$""")
        db.execute('SELECT pg_advisory_lock(1)')
        before = db.execute(COUNTS).fetchone()

        def ask():
            with connect(cluster) as other:
                other.execute("SELECT tenfold._cached('SELECT slow($1)', '{}'::jsonb, '{}', 60)")

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type IN ('Lock', 'Extension') AND query LIKE '%slow%'"
        while db.execute(waiting).fetchone() != (6,):
            pass
        db.execute('SELECT pg_advisory_unlock(1)')
        for thread in threads:
            thread.join()
        after = db.execute(COUNTS).fetchone()
    assert after[1] - before[1] == 1 and after[0] - before[0] == 5


def test_an_error_while_computing_holds_nobody_up(cluster):
    with connect(cluster) as db:
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(Exception, match='division by zero'):
                db.execute("SELECT tenfold._cached('SELECT (1 / ($1 ->> ''by'')::int)::text', '{\"by\": 0}'::jsonb, '{}', 60)")
            assert time.monotonic() - began < 0.5


def test_a_terminated_leader_leaves_no_lease(cluster):
    with connect(cluster) as db, connect(cluster) as leader:
        pid = leader.info.backend_pid
        db.execute('SELECT pg_advisory_lock(2)')
        sql = "SELECT tenfold._cached('SELECT pg_advisory_lock(2)::text || ($1)::text', '{\"a\": 1}'::jsonb, '{}', 60)"
        thread = threading.Thread(target=lambda: pytest.raises(Exception, leader.execute, sql))
        thread.start()
        while db.execute("SELECT wait_event_type FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone() != ('Lock',):
            pass
        db.execute('SELECT pg_terminate_backend(%s, 5000)', (pid,))
        thread.join()
        db.execute('SELECT pg_advisory_unlock(2)')
        began = time.monotonic()
        db.execute(sql)
        assert time.monotonic() - began < 0.5


def test_what_is_too_large_or_never_good_is_not_kept(cluster):
    with connect(cluster) as db:
        for sql in ("SELECT tenfold._cached('SELECT repeat(''x'', 300000)', '{}'::jsonb, '{}', 60)",
                    "SELECT tenfold._cached('SELECT ''x''', '{}'::jsonb, '{}', 0)"):
            before = db.execute(COUNTS).fetchone()
            for _ in range(2):
                db.execute(sql)
            assert db.execute(COUNTS).fetchone()[1] - before[1] == 2
        assert db.execute('SELECT refused > 0 FROM tenfold.stat_cache').fetchone() == (True,)


def test_a_full_cache_evicts_and_stays_right(cluster):
    with connect(cluster) as db:
        for number in range(20000):
            (value,) = db.execute("SELECT tenfold._cached('SELECT $1 ->> ''n''', jsonb_build_object('n', %s::text), '{}', 60)::text", (number,)).fetchone()
            assert value == str(number)
        assert db.execute('SELECT evicted > 1000 AND used_bytes <= bytes FROM tenfold.stat_cache').fetchone() == (True,)


def test_a_standby_asks_its_tables_and_starts_empty_when_promoted(cluster):
    with new_cluster('cache_standby', settings={'max_prepared_transactions': 20}) as standby:
        with connect(cluster) as db:
            db.execute('SELECT ask(1)')
        follow(standby, cluster)
        with connect(cluster) as primary, connect(standby) as db:
            for _ in range(3):
                (value,) = primary.execute('SELECT change(1)').fetchone()
                catch_up(db, primary)
                assert db.execute('SELECT ask(1)').fetchone() == (value,)
            assert db.execute(COUNTS).fetchone() == (0, 0, 3)
            db.execute('SELECT pg_promote()')
            assert db.execute('SELECT ask(1)').fetchone() == (value,)
            assert db.execute('SELECT change(1)').fetchone() == (value + 1,)
            assert db.execute('SELECT ask(1)').fetchone() == (value + 1,)
            assert db.execute(COUNTS).fetchone()[1] > 0
