"""The cache never lies: many clients at once, prepared transactions, a standby and its promotion."""
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from process.conftest import connect, new_cluster
from process.test_nearby_concurrent import catch_up, follow, wait_until

from services.cache_truth import SETUP, Truth, Worker, ask

COUNTS = 'SELECT hits, misses, bypassed FROM tenfold.stat_cache'


@pytest.fixture(scope='module')
def cluster():
    with new_cluster('cache', installed=True, settings={'max_prepared_transactions': 20, 'wal_level': 'replica', 'tenfold.cache_size': '2MB'}) as made:
        made.psql('-c', SETUP)
        yield made


def make_cached(db, head, body, recipe='keep 60 s'):
    db.execute(f'CREATE OR REPLACE FUNCTION {head} RETURNS text LANGUAGE tenfold_cached STABLE AS $$ -- {recipe}\n{body} $$')


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
        db.execute("""CREATE FUNCTION slow() RETURNS text LANGUAGE plpgsql STABLE AS
            $$ BEGIN PERFORM pg_advisory_lock_shared(1), pg_advisory_unlock_shared(1); RETURN '1'; END $$""")
        make_cached(db, 'ask_slow()', 'SELECT public.slow()')
        db.execute('SELECT pg_advisory_lock(1)')
        before = db.execute(COUNTS).fetchone()

        def ask():
            with connect(cluster) as other:
                other.execute('SELECT ask_slow()')

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
        make_cached(db, 'divided(by int)', 'SELECT (1 / by)::text')
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(Exception, match='division by zero'):
                db.execute('SELECT divided(0)')
            assert time.monotonic() - began < 0.5


def test_a_terminated_leader_leaves_no_lease(cluster):
    with connect(cluster) as db, connect(cluster) as leader:
        pid = leader.info.backend_pid
        db.execute('SELECT pg_advisory_lock(2)')
        make_cached(db, 'locked(a int)', 'SELECT pg_advisory_lock(2)::text || a')
        sql = 'SELECT locked(1)'
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
        make_cached(db, 'large()', "SELECT repeat('x', 300000)")
        make_cached(db, 'never()', "SELECT 'x'::text", 'keep 0 s')
        for sql in ('SELECT large()', 'SELECT never()'):
            before = db.execute(COUNTS).fetchone()
            for _ in range(2):
                db.execute(sql)
            assert db.execute(COUNTS).fetchone()[1] - before[1] == 2
        assert db.execute('SELECT refused > 0 FROM tenfold.stat_cache').fetchone() == (True,)


def test_a_full_cache_evicts_and_stays_right(cluster):
    with connect(cluster) as db:
        make_cached(db, 'echoed(n int)', 'SELECT n::text')
        for number in range(20000):
            (value,) = db.execute('SELECT echoed(%s)', (number,)).fetchone()
            assert value == str(number)
        assert db.execute('SELECT evicted > 1000 AND used_bytes <= bytes FROM tenfold.stat_cache').fetchone() == (True,)


def counts_of(db, sql):
    """How many hits and misses a statement makes, and what it gives."""
    before = db.execute(COUNTS).fetchone()
    (value,) = db.execute(sql).fetchone()
    after = db.execute(COUNTS).fetchone()
    return after[0] - before[0], after[1] - before[1], value


def test_a_refused_commit_prepared_switches_nothing_off(cluster):
    """In a block the server refuses it, and a savepoint lets the transaction go on: as psql's ON_ERROR_ROLLBACK does."""
    with connect(cluster) as db, connect(cluster) as other:
        make_cached(db, 'plain()', "SELECT 'x'::text")
        db.execute('BEGIN')
        for _ in range(2):
            db.execute('SAVEPOINT a')
            with pytest.raises(psycopg.errors.ActiveSqlTransaction):
                db.execute("COMMIT PREPARED 'x'")
            db.execute('ROLLBACK TO a')
            other.execute('SELECT plain()')
            assert counts_of(other, 'SELECT plain()')[:2] == (1, 0)
        db.execute("SELECT tenfold._cache_touch('{of_plain}')")
        db.execute('COMMIT')
        with pytest.raises(psycopg.errors.UndefinedObject):
            db.execute("COMMIT PREPARED 'x'")
        other.execute('SELECT plain()')
        assert counts_of(other, 'SELECT plain()')[:2] == (1, 0)


def test_a_clear_within_a_transaction_clears_again_when_it_commits(cluster):
    with connect(cluster) as db, connect(cluster) as other:
        db.execute('CREATE TABLE cleared AS SELECT 1 AS value')
        make_cached(db, 'of_cleared()', 'SELECT value::text FROM public.cleared', 'keep 60 s; tags cleared')
        db.execute('BEGIN')
        db.execute("UPDATE cleared SET value = 2")
        db.execute("SELECT tenfold.cache_clear('cleared')")
        assert other.execute('SELECT of_cleared()').fetchone() == ('1',)
        db.execute('COMMIT')
        assert other.execute('SELECT of_cleared()').fetchone() == ('2',)


POISON = ("SET timezone = 'Asia/Tokyo'", "SET datestyle = 'SQL, DMY'", "SET intervalstyle = 'iso_8601'", "SET bytea_output = 'escape'",
          'SET search_path = poison, pg_catalog', 'SET extra_float_digits = -10', 'SET standard_conforming_strings = off',
          """SET request.jwt.claims = '{"sub": "1"}'""")
TELLING = """SELECT concat_ws(' ', to_timestamp(0), '2000-01-02'::date, '3 days'::interval, '\\x00'::bytea, 0.1::float8 / 3, lower('ABC'),
  nullif(current_setting('request.jwt.claims', true), ''), current_user)"""


def test_no_setting_of_the_caller_is_in_an_answer(cluster):
    """What one session has set, others would get for as long as the answer is kept."""
    with connect(cluster) as db, connect(cluster) as poisoner:
        db.execute("CREATE SCHEMA poison; CREATE FUNCTION poison.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'poisoned' $$")
        for number, sql in enumerate(POISON):
            make_cached(db, f'set{number}()', TELLING)
            poisoner.execute(sql)
            (poisoned,) = poisoner.execute(f'SELECT public.set{number}()').fetchone()
            assert poisoned == '1970-01-01 00:00:00+00 2000-01-02 3 days \\x00 0.03333333333333333 abc postgres', sql
            assert counts_of(db, f'SELECT set{number}()') == (1, 0, poisoned)
        assert poisoner.execute('SHOW timezone').fetchone() == ('Asia/Tokyo',)


def test_a_function_that_is_made_anew_answers_anew(cluster):
    with connect(cluster) as db, connect(cluster) as other:
        for number in range(3):
            make_cached(db, 'renewed()', f"SELECT '{number}'::text")
            for session in (db, other):
                assert session.execute('SELECT renewed()').fetchone() == (str(number),)


def test_plans_are_bounded(cluster):
    """However many functions come and go, a backend keeps the plans of at most some hundred."""
    kept = "SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'tenfold cached function'"
    with connect(cluster) as db:
        for number in range(600):
            make_cached(db, f'passing{number}()', f"SELECT '{number}'::text")
            db.execute(f'SELECT passing{number}()')
            db.execute(f'DROP FUNCTION passing{number}()')
        (count,) = db.execute(kept).fetchone()
        assert 0 < count <= 256


def test_a_cleared_tag_of_hotels_clears_the_searches_of_each_country(cluster):
    search = "SELECT tenfold_api.hotels_search(country => 'FR') ->> 'total'"
    with connect(cluster) as db, connect(cluster) as other:
        db.execute("SELECT hotel.add_hotel('h', 'FR', 'Paris', 48, 2, reference => 'cleared')")
        assert other.execute(search).fetchone() == ('1',)
        db.execute('UPDATE hotel.hotel SET removed_at = now()')
        assert other.execute(search).fetchone() == ('1',)
        db.execute("SELECT tenfold.cache_clear('hotel')")
        assert other.execute(search).fetchone() == ('0',)


def test_a_class_is_never_another_while_the_table_of_classes_changes(cluster):
    """Whoever looked a class up in a copy that was read anew meanwhile found what lay there."""
    end = time.monotonic() + 3

    def write(name):
        with connect(cluster) as db:
            while time.monotonic() < end:
                db.execute('UPDATE tenfold.rate_class SET burst = burst WHERE name = %s', (name,))

    def read(name, burst):
        with connect(cluster) as db:
            while time.monotonic() < end:
                with pytest.raises(psycopg.errors.InvalidParameterValue, match=f'the burst of {burst}'):
                    db.execute("SELECT tenfold.take_permit(%s, 'k', 2000000)", (name,))

    with connect(cluster) as db:
        db.execute("INSERT INTO tenfold.rate_class (name, per_minute, burst, description) SELECT 'wide' || i, 1000, 1000 + i, 'a test' FROM generate_series(1, 4) i")
    with ThreadPoolExecutor(8) as pool:
        tasks = [pool.submit(write, f'wide{i}') for i in range(1, 5)] + [pool.submit(read, f'wide{i}', 1000 + i) for i in range(1, 5)]
        for task in tasks:
            task.result()


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
