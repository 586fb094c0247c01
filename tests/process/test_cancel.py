"""A long loop in C++ ends when its query is cancelled, and its objects are destroyed."""
import threading
import time

import psycopg
import pytest
from process.conftest import connect, state_of
from psycopg.pq import DiagnosticField


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
    spins = "SELECT FROM pg_stat_activity WHERE pid = %s AND query LIKE '%%gt_spin%%' AND state = 'active'"
    deadline = time.monotonic() + 30
    while not db.execute(spins, (pid,)).fetchall():
        assert time.monotonic() < deadline


def state_of_spinning(victim):
    """The SQLSTATE that the server sends; of a connection that it then closes psycopg only says that it is lost."""
    victim.pgconn.send_query(b'SELECT gt_spin()')
    state = victim.pgconn.get_result().error_field(DiagnosticField.SQLSTATE)
    while victim.pgconn.get_result():
        pass
    return state.decode()


@pytest.fixture
def spinning(cluster, db):
    """A connection whose query loops in C++, the thread that waits for it, and what that thread saw."""
    with connect(cluster) as victim:
        seen = []
        thread = threading.Thread(target=lambda: seen.append(state_of_spinning(victim)))
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
    victim, thread, seen = spinning
    db.execute('SELECT pg_terminate_backend(%s)', (victim.info.backend_pid,))
    thread.join(timeout=30)
    assert seen == ['57P01'] and victim.broken


def test_a_cancel_inside_a_subtransaction_is_not_swallowed(db):
    db.execute("SET statement_timeout = '50ms'")
    db.execute("CREATE FUNCTION swallow() RETURNS text LANGUAGE plpgsql AS "
               "$$BEGIN PERFORM gt_spin(); RETURN 'done'; EXCEPTION WHEN OTHERS THEN RETURN 'swallowed'; END$$")
    with pytest.raises(psycopg.errors.QueryCanceled):
        db.execute('SELECT swallow()')
    db.execute('RESET statement_timeout')
