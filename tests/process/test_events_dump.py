"""A dump restored elsewhere: what was not consumed is delivered first, once, in order; what is published there, after it. A
standby that takes over, and a restart, go on where the log was."""
import subprocess

import pytest
from process.conftest import connect, new_cluster, state_of
from process.test_nearby_concurrent import catch_up, follow

SETUP = """
SELECT tenfold.create_topic('t');
SELECT tenfold.create_consumer('c', '{t}', backoff_base => '0'), tenfold.create_consumer('slow', '{t}');
"""


def run(cluster, *command, stdin=None):
    return subprocess.run(command, env=cluster.env(), input=stdin, capture_output=True, text=True, check=True).stdout


def publish(db, *numbers):
    for n in numbers:
        db.execute("SELECT tenfold.publish('t', 'k', to_jsonb(%s::int))", [n])


def tick(db):
    while db.execute('SELECT tenfold.tick()').fetchone()[0] is None:
        pass


def batches(db, consumer):
    """What each batch up to now holds."""
    tick(db)
    epoch = db.execute('SELECT epoch FROM tenfold.consumer WHERE name = %s', [consumer]).fetchone()[0]
    found = []
    while ticks := db.execute('SELECT from_tick, to_tick FROM tenfold.next_batch(%s, %s)', [consumer, epoch]).fetchone():
        events = db.execute('SELECT payload FROM tenfold.batch_events(%s, %s, %s)', [consumer, *ticks]).fetchall()
        db.execute('SELECT tenfold.finish_batch(%s, %s, %s, %s)', [consumer, epoch, *ticks])
        found.append([n for n, in events])
    return [numbers for numbers in found if numbers]


def restore(source, target):
    """A whole database, as an operator would."""
    roles = run(source, 'pg_dumpall', '--globals-only')
    dump = run(source, 'pg_dump')
    target.psql('-c', 'SELECT 1')
    subprocess.run(['psql', '-Xq', '-d', 'postgres'], env=target.env(), input=roles, text=True, capture_output=True, check=False)
    subprocess.run(['psql', '-Xq', '-v', 'ON_ERROR_STOP=1'], env=target.env(), input=dump, text=True, capture_output=True, check=True)


@pytest.fixture(scope='module')
def source(cluster):
    """Consumed up to 3; 4 … 6 are ticked, 7 and 8 not yet; one failed."""
    with connect(cluster) as db:
        db.execute(SETUP)
        publish(db, 1, 2, 3)
        assert sum(batches(db, 'c'), []) == [1, 2, 3]
        publish(db, 4, 5, 6)
        tick(db)
        publish(db, 7, 8)
    return cluster


@pytest.mark.parametrize('burnt', [0, 200_000])
def test_a_restored_dump_delivers_the_rest_once_and_goes_on(source, burnt):
    """The new cluster's xids may lie behind those of the old one, or beyond."""
    with new_cluster('events_restored') as target:
        target.psql('-c', f'DO $$BEGIN FOR i IN 1..{burnt} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END$$')
        restore(source, target)
        with connect(target) as db, connect(target, autocommit=False) as long:
            publish(long, 9)  # before the first tick
            publish(db, 10)
            assert batches(db, 'c') == [[4, 5, 6, 7, 8], [10]]  # never both incarnations in one
            publish(db, 11)
            long.commit()
            assert sorted(sum(batches(db, 'c'), [])) == [9, 11]
            assert batches(db, 'c') == []
            assert sorted(sum(batches(db, 'slow'), [])) == list(range(1, 12))
            assert db.execute('SELECT DISTINCT incarnation FROM tenfold.event ORDER BY 1').fetchall() == [(1,), (2,)]
            assert db.execute('SELECT incarnation FROM tenfold.event_state').fetchone() == (2,)
            assert state_of(db, "SELECT tenfold.create_consumer('all', '{t}', 'beginning')") is None
            assert len(sum(batches(db, 'all'), [])) == 11


def test_a_copy_of_a_copy_that_never_ticked(source):
    with new_cluster('events_copied') as first, new_cluster('events_copied_again') as second:
        first.psql('-c', 'DO $$BEGIN FOR i IN 1..100000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END$$')
        restore(source, first)
        with connect(first) as db:
            publish(db, 9)
        restore(first, second)
        with connect(second) as db:
            publish(db, 10)
            assert sum(batches(db, 'c'), []) == [4, 5, 6, 7, 8, 9, 10]
            publish(db, 11)
            assert batches(db, 'c') == [[11]]


def test_it_goes_on_after_a_restart(cluster, source):
    with connect(cluster) as db:
        db.execute("SELECT tenfold.create_consumer('r', '{t}')")
        publish(db, 20)
        tick(db)
        publish(db, 21)
    cluster.restart()
    with connect(cluster) as db:
        publish(db, 22)
        assert sum(batches(db, 'r'), []) == [20, 21, 22]
        assert db.execute('SELECT incarnation FROM tenfold.event_state').fetchone() == (1,)


def test_a_standby_that_takes_over_goes_on(cluster, source):
    with new_cluster('events_standby') as standby:
        follow(standby, cluster)
        with connect(cluster) as primary, connect(standby) as db:
            primary.execute("SELECT tenfold.create_consumer('p', '{t}')")
            publish(primary, 30, 31)
            assert batches(primary, 'p') == [[30, 31]]
            publish(primary, 32)
            tick(primary)
            publish(primary, 33)
            catch_up(db, primary)
            assert state_of(db, 'SELECT tenfold.tick()') == '25006'
            db.execute('SELECT pg_promote()')
            publish(db, 34)
            assert sum(batches(db, 'p'), []) == [32, 33, 34]
            assert db.execute('SELECT incarnation FROM tenfold.event_state').fetchone() == (1,)
