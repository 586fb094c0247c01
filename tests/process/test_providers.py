"""Breakers and quotas when processes die: the cap of a day is never exceeded, no lock stays held, no trip is lost by a rollback."""
import os
import signal
import threading
import time

import psycopg
import pytest
from process.conftest import connect, new_cluster, state_of

CLIENTS = 4
BLOCK = 10
DEADLINE = 30


@pytest.fixture(scope='module')
def cluster():
    with new_cluster('providers', settings={'max_prepared_transactions': 5}) as made:
        made.install_tenfold()
        yield made


def create(db, name, **columns):
    db.execute('INSERT INTO tenfold.provider (name) VALUES (%s)', (name,))
    for column, value in columns.items():
        db.execute(f'UPDATE tenfold.provider SET {column} = %s WHERE name = %s', (value, name))


def connect_in_time(dsn):
    """The server may be recovering."""
    end = time.monotonic() + DEADLINE
    while True:
        try:
            return psycopg.connect(dsn, autocommit=True)
        except psycopg.OperationalError:
            assert time.monotonic() < end
            time.sleep(0.02)


class Caller(threading.Thread):
    """Asks for permits and counts those that arrived, until told to stop or refused; connects again when the server dies."""

    def __init__(self, dsn, stop):
        super().__init__(daemon=True)
        self.dsn, self.stop = dsn, stop
        self.pid = None
        self.permits = 0
        self.refused = False

    def run(self):
        while not self.stop.is_set() and not self.refused:
            try:
                with connect_in_time(self.dsn) as db:
                    self.pid = db.info.backend_pid
                    self.call(db)
            except psycopg.OperationalError:
                self.pid = None

    def call(self, db):
        while not self.stop.is_set() and not self.refused:
            permit, reason = db.execute("SELECT permit, reason FROM tenfold.call_permit('capped')").fetchone()
            if permit is None:
                self.refused = reason == 'quota'
                continue
            self.permits += 1
            db.execute("SELECT tenfold.breaker_report('capped', %s, 'success')", (permit,))


def kill_postmaster(cluster):
    """Where nobody reaps the dead its number stays taken; so its file goes, too, which would keep the next one from starting."""
    file = cluster.path / 'data' / 'postmaster.pid'
    os.kill(int(file.read_text().split()[0]), signal.SIGKILL)
    file.unlink()


def start_again(cluster):
    """The children need a moment to notice that their parent is gone."""
    end = time.monotonic() + DEADLINE
    while True:
        try:
            return cluster.start()
        except RuntimeError as failure:
            assert time.monotonic() < end, str(failure)
            time.sleep(0.1)


def progress(callers, more, what):
    wanted = sum(caller.permits for caller in callers) + more
    end = time.monotonic() + DEADLINE
    while sum(caller.permits for caller in callers) < wanted and not all(caller.refused for caller in callers):
        assert time.monotonic() < end, f'nobody gets a permit {what}: is a lock held?'
        time.sleep(0.005)


def test_kill_9_of_backends_and_of_the_postmaster(cluster):
    cap, kills = 3000, 4
    with connect(cluster) as db:
        create(db, 'capped', quota_per_day=cap, quota_block=BLOCK)
    stop = threading.Event()
    callers = [Caller(cluster.dsn(), stop) for _ in range(CLIENTS)]
    for caller in callers:
        caller.start()
    try:
        for number in range(kills):
            progress(callers, 100, 'after a crash')
            pid = next(caller.pid for caller in callers[number % CLIENTS:] + callers if caller.pid)
            os.kill(pid, signal.SIGKILL)
        progress(callers, 100, 'after the crashes of backends')
        kill_postmaster(cluster)
        start_again(cluster)
        progress(callers, 100, 'after the crash of the postmaster')
        for caller in callers:
            caller.join(DEADLINE)
            assert caller.refused
    finally:
        stop.set()
    permits = sum(caller.permits for caller in callers)
    with connect(cluster) as db:
        status = "SELECT reserved, not_called, remaining FROM tenfold.quota_status WHERE provider = 'capped'"
        assert db.execute(status).fetchone() == (cap, 0, 0)
    # A crash loses the rest of a block, the blocks that were about to be added, and answers on their way.
    assert cap - (kills + 1) * (BLOCK + CLIENTS * BLOCK) <= permits <= cap


def test_a_restart_loses_a_block_and_doubles_none(cluster):
    with connect(cluster) as db:
        create(db, 'restarted', quota_per_day=12)
        assert db.execute("SELECT reserved FROM tenfold.quota_reserve('restarted')").fetchone() == (True,)
    cluster.restart()
    with connect(cluster) as db:
        reserve = "SELECT count(*) FILTER (WHERE q.reserved) FROM generate_series(1, 12) i, tenfold.quota_reserve('restarted', sign(i)::int) q"
        assert db.execute(reserve).fetchone() == (2,)


def test_a_trip_outlives_the_rollback_and_the_backend_that_saw_it(cluster):
    tripping = connect(cluster, autocommit=False)
    with connect(cluster) as db:
        create(db, 'tripped', failures_in_a_row=1, open_for='1 min')
        permit = tripping.execute("SELECT permit FROM tenfold.breaker_acquire('tripped')").fetchone()[0]
        assert tripping.execute("SELECT tenfold.breaker_report('tripped', %s, 'failure')", (permit,)).fetchone() == ('open',)
        db.execute('SELECT pg_terminate_backend(%s)', (tripping.info.backend_pid,))
        end = time.monotonic() + DEADLINE
        while not db.execute("SELECT FROM tenfold.breaker_event WHERE provider = 'tripped'").fetchall():
            assert time.monotonic() < end
            assert db.execute("SELECT permitted FROM tenfold.breaker_acquire('tripped')").fetchone() == (False,)
        assert db.execute("SELECT unwritten_events, lost_events FROM tenfold.breaker_status WHERE provider = 'tripped'").fetchone() == (0, 0)


def test_a_read_only_transaction(cluster):
    """It may ask the breaker, and have a call that is reserved already; it can reserve none, nor write rows."""
    with connect(cluster) as db:
        create(db, 'read', quota_per_day=3, quota_block=2, failures_in_a_row=1)
        permit = "SELECT permitted, permit FROM tenfold.call_permit('read')"
        db.execute('SET default_transaction_read_only = on')
        assert state_of(db, permit) == '25006'
        db.execute('SET default_transaction_read_only = off')
        assert db.execute(permit).fetchone()[0]
        db.execute('SET default_transaction_read_only = on')
        permitted, number = db.execute(permit).fetchone()
        assert permitted
        assert db.execute("SELECT tenfold.breaker_report('read', %s, 'failure')", (number,)).fetchone() == ('open',)
        assert db.execute("SELECT unwritten_events FROM tenfold.breaker_status WHERE provider = 'read'").fetchone() == (1,)


def test_a_prepared_transaction_gives_nothing_out(cluster):
    with connect(cluster) as db:
        create(db, 'prepared', quota_per_day=10)
        for end, remaining in (('ROLLBACK', 10), ('COMMIT', 0)):
            db.execute('BEGIN')
            assert db.execute("SELECT reserved FROM tenfold.quota_reserve('prepared')").fetchone() == (True,)
            db.execute("PREPARE TRANSACTION 'p'")
            assert db.execute("SELECT not_called FROM tenfold.quota_status WHERE provider = 'prepared'").fetchone() == (0,)
            db.execute(f"{end} PREPARED 'p'")
            assert db.execute("SELECT remaining FROM tenfold.quota_status WHERE provider = 'prepared'").fetchone() == (remaining,)


def test_without_preload_each_call_is_a_row_of_its_own():
    with new_cluster('providers_not_preloaded', preload='pg_cron') as made:
        made.install_tenfold()
        with connect(made) as db:
            create(db, 'plain', quota_per_day=3)
            reserved = [db.execute("SELECT reserved FROM tenfold.quota_reserve('plain')").fetchone()[0] for _ in range(5)]
            assert reserved == [True, True, True, False, False]
            assert db.execute("SELECT reserved, not_called FROM tenfold.quota_status").fetchone() == (3, 0)
            db.execute("UPDATE tenfold.provider SET quota_per_day = 100")
            for _ in range(2):
                db.execute("SELECT tenfold.quota_reserve('plain')")
            assert db.execute("SELECT reserved FROM tenfold.quota_day").fetchone() == (5,)
            assert state_of(db, "SELECT tenfold.breaker_acquire('plain')") == 'TF008'
            assert state_of(db, "SELECT tenfold.call_permit('plain')") == 'TF008'
            assert state_of(db, 'SELECT * FROM tenfold.breaker_status') == 'TF008'
