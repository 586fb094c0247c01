"""A long loop in C++ ends when its query is cancelled, and its objects are destroyed."""
import threading

import psycopg
import pytest
from process.conftest import connect, state_of


@pytest.fixture(scope='module', autouse=True)
def spin(cluster):
    with connect(cluster) as db:
        for name, result in (('gt_spin', 'void'), ('gt_alive', 'int')):
            db.execute(f"CREATE FUNCTION {name}() RETURNS {result} LANGUAGE c AS '$libdir/guard_test', '{name}'")


def test_statement_timeout(db):
    db.execute("SET statement_timeout = '50ms'")
    assert state_of(db, 'SELECT gt_spin()') == '57014'
    db.execute('RESET statement_timeout')
    assert db.execute('SELECT gt_alive()').fetchone() == (0,)


def wait_until_spinning(db, pid):
    while db.execute("SELECT state FROM pg_stat_activity WHERE pid = %s AND query LIKE '%%gt_spin%%'", (pid,)).fetchone() != ('active',):
        pass


@pytest.fixture
def spinning(cluster, db):
    """A connection whose query loops in C++, the thread that waits for it, and what that thread saw."""
    with connect(cluster) as victim:
        seen = []
        thread = threading.Thread(target=lambda: seen.append(state_of(victim, 'SELECT gt_spin()')))
        thread.start()
        wait_until_spinning(db, victim.info.backend_pid)
        yield victim, thread, seen


def test_a_cancel_from_outside(db, spinning):
    victim, thread, seen = spinning
    db.execute('SELECT pg_cancel_backend(%s)', (victim.info.backend_pid,))
    thread.join(timeout=30)
    assert seen == ['57014']
    assert victim.execute('SELECT gt_alive()').fetchone() == (0,)


def test_a_termination_from_outside(db, spinning):
    victim, thread, _ = spinning
    db.execute('SELECT pg_terminate_backend(%s)', (victim.info.backend_pid,))
    thread.join(timeout=30)
    assert not thread.is_alive() and victim.broken


def test_a_cancel_inside_a_subtransaction_is_not_swallowed(db):
    db.execute("SET statement_timeout = '50ms'")
    db.execute("CREATE FUNCTION swallow() RETURNS text LANGUAGE plpgsql AS "
               "$$BEGIN PERFORM gt_spin(); RETURN 'done'; EXCEPTION WHEN OTHERS THEN RETURN 'swallowed'; END$$")
    with pytest.raises(psycopg.errors.QueryCanceled):
        db.execute('SELECT swallow()')
    db.execute('RESET statement_timeout')
