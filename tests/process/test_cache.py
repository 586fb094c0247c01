"""The cache never lies: many clients at once, prepared transactions, a standby and its promotion."""
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from process.conftest import connect, new_cluster
from process.test_nearby_concurrent import catch_up, follow, wait_until

from services.cache_truth import SETUP, Truth, Worker, ask

COUNTS = 'SELECT hits, misses, bypassed FROM tenfold.stat_cache'


@pytest.fixture(scope='module')
def cluster():
    with new_cluster('cache', settings={'max_prepared_transactions': 20, 'wal_level': 'replica', 'tenfold.cache_size': '2MB'}) as made:
        made.install_tenfold()
        made.psql('-c', SETUP)
        yield made


def run_clients(cluster, truth, seconds, clients=8, writers=3):
    """Until the time is over, or somebody was lied to."""
    end = time.monotonic() + seconds

    def work(number):
        worker = Worker(truth, random.Random(number), f'of{number}', 0.3 if number < writers else 0)
        with connect(cluster) as db:
            while time.monotonic() < end and not truth.lies:
                worker.step(db)

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(work, range(clients)))


def test_no_answer_is_older_than_a_commit_before_the_question(cluster):
    """CACHE_SECONDS (20; ten minutes in make faults)."""
    with connect(cluster) as db:
        truth = Truth(db)
        run_clients(cluster, truth, float(os.environ.get('CACHE_SECONDS', '20')))
        hits, misses, bypassed = db.execute(COUNTS).fetchone()
    assert not truth.lies
    assert truth.answers > 500 and hits > 100 and misses > 100 and bypassed > 100, (truth.answers, hits, misses, bypassed)


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


@pytest.fixture
def standby(cluster):
    with new_cluster('cache_standby', settings={'max_prepared_transactions': 20}) as made:
        with connect(cluster) as db:
            db.execute('SELECT ask(1)')
        follow(made, cluster)
        yield made


def test_a_standby_asks_its_tables_and_starts_empty_when_promoted(cluster, standby):
    with connect(cluster) as primary, connect(standby) as db:
        for _ in range(3):
            (value,) = primary.execute('SELECT change(1)').fetchone()
            catch_up(db, primary)
            assert ask(db, 1) == value
        assert db.execute(COUNTS).fetchone() == (0, 0, 3)
        db.execute('SELECT pg_promote()')
        assert ask(db, 1) == value
        assert db.execute('SELECT change(1)').fetchone() == (value + 1,)
        assert ask(db, 1) == value + 1
        assert db.execute(COUNTS).fetchone()[1] > 0


def test_what_was_prepared_before_a_promotion_and_committed_after_it(cluster, standby):
    """The backend that touched the tags is on another machine: only COMMIT PREPARED tells this one's cache. Clients ask all the
    while, and change things once they may."""
    with connect(cluster) as primary, connect(standby) as db:
        changed = {}
        for place in (1, 2, 3):
            primary.execute('BEGIN')
            (changed[place],) = primary.execute('SELECT change(%s)', (place,)).fetchone()
            primary.execute(f"PREPARE TRANSACTION 'before{place}'")
        catch_up(db, primary)
        truth = Truth(db)
        with ThreadPoolExecutor(1) as pool:
            readers = pool.submit(run_clients, standby, truth, 3, clients=4, writers=0)
            db.execute('SELECT pg_promote()')
            wait_until(lambda: db.execute('SELECT hits > 50 FROM tenfold.stat_cache').fetchone() == (True,))
            for place, deed in ((1, 'COMMIT'), (2, 'ROLLBACK'), (3, 'COMMIT')):
                assert ask(db, place) == changed[place] - 1
                db.execute(f"{deed} PREPARED 'before{place}'")
                truth.committed(place, changed[place] - (deed == 'ROLLBACK'))
                assert ask(db, place) == truth.least[place]
            readers.result()
        run_clients(standby, truth, 2)
        assert not truth.lies
