"""Breakers and quotas across restarts, rollbacks and the ends of backends; tests/faults kills them."""
import time

import pytest
from process.conftest import connect, new_cluster, state_of

DEADLINE = 30


@pytest.fixture(scope='module')
def cluster():
    with new_cluster('providers', installed=True, settings={'max_prepared_transactions': 5}) as made:
        yield made


def create(db, name, **columns):
    db.execute('INSERT INTO tenfold.provider (name) VALUES (%s)', (name,))
    for column, value in columns.items():
        db.execute(f'UPDATE tenfold.provider SET {column} = %s WHERE name = %s', (value, name))


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
    with new_cluster('providers_not_preloaded', preload='pg_cron', installed=True) as made:
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
