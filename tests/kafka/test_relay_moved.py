"""The database is restored from a dump into a new cluster, or a standby takes over: the relay goes on where both tell one
story, else it says what it found, and what comes again is what an operator was told."""
import collections
import os
import signal
import threading

import psycopg
import pytest
from gateway import wait_until
from process.test_events_dump import restore
from process.test_nearby_concurrent import catch_up, follow
from services.cluster import ROOT, Cluster
from test_relay import adopt, check_once, numbers, publish, refusal, wait_for

RELAYED = "SELECT behind_events = 0 FROM tenfold.outbox_lag WHERE consumer = 'kafka:' || %s"


def new_cluster(name, **options):
    return Cluster(ROOT / '.run' / 'tests' / f'kafka-{name}', preload='pg_cron,tenfold', **options)


def connect(cluster):
    return psycopg.connect(cluster.dsn(), autocommit=True)


def stop(daemon):
    daemon.signal(signal.SIGTERM)
    assert daemon.process.wait(10) == 0


def wait_until_relayed(db, topic):
    wait_until(lambda: db.execute(RELAYED, [topic]).fetchone() == (True,), 'the position is moved')


def how_often(kafka, topic):
    """{times: numbers that came so often}"""
    found = collections.defaultdict(list)
    for n, times in sorted(collections.Counter(numbers(kafka.read(topic))).items()):
        found[times].append(n)
    return dict(found)


def settle(db):
    """Ticks until there is nothing to tick: a relay that goes on now makes none of its own."""
    last = None
    while last is None or db.execute('SELECT tenfold.tick()').fetchone()[0] != last:
        last = db.execute('SELECT tenfold.tick()').fetchone()[0]


def adopt_in_vain(db, topic):
    """Kafka cannot be believed where the database lacks its tick: the relay refuses again."""
    at = "SELECT problem_at FROM tenfold.relay_status WHERE consumer = 'kafka:' || %s"
    before = db.execute(at, [topic]).fetchone()
    adopt(db, topic, 'kafka')
    wait_until(lambda: db.execute(at, [topic]).fetchone() != before, 'it refuses again')
    assert "'kafka'" not in refusal(db, topic)[1]


# Restored from a dump. 1 … 10 are relayed, 11 … 15 are not when the dump is made, and Kafka has them before the copy is up.

@pytest.fixture
def copy(cluster, db, kafka, topic, start):
    """A new cluster with such a dump, in which 21 … 30 are published."""
    daemon = start('relay')
    publish(db, topic, 1, 10)
    wait_for(kafka, topic, 10)
    wait_until_relayed(db, topic)
    stop(daemon)
    publish(db, topic, 11, 15)
    settle(db)
    with new_cluster('copy') as made:
        restore(cluster, made)
        daemon = start('relay')
        wait_for(kafka, topic, 15)
        stop(daemon)
        with connect(made) as restored:
            publish(restored, topic, 21, 30)
        yield made


def refused_by(copy, topic, start):
    daemon = start('relay', **{'database.dsn': copy.dsn(user='tenfold_authenticator')})
    with connect(copy) as db:
        found = wait_until(lambda: refusal(db, topic), 'it refuses')
        wait_until(lambda: 'tenfold_relay_refuses 1' in daemon.admin('/metrics')[1], 'a metric tells')
    assert any('of another database' in error for error in daemon.errors())
    return found


@pytest.mark.parametrize('trust, again', [('kafka', []), ('database', [11, 12, 13, 14, 15])])
def test_restored_where_kafka_is_at_a_tick_of_the_dump(kafka, topic, start, copy, trust, again):
    problem, hint = refused_by(copy, topic, start)
    assert 'as a copy would' in problem and "'kafka'" in hint and "'database'" in hint
    assert how_often(kafka, topic) == {1: list(range(1, 16))}
    with connect(copy) as db:
        adopt(db, topic, trust)
        wait_until_relayed(db, topic)
        publish(db, topic, 31, 40)
        wait_until_relayed(db, topic)
        assert refusal(db, topic) is None
    once = [n for n in [*range(1, 16), *range(21, 41)] if n not in again]
    assert how_often(kafka, topic) == {1: once} | ({2: again} if again else {})


def test_restored_where_kafka_is_beyond_the_dump(db, kafka, topic, start, copy):
    """The old database went on for a while: the copy must not take its own ticks of these ids for done."""
    daemon = start('relay')
    publish(db, topic, 16, 20)
    wait_for(kafka, topic, 20)
    stop(daemon)
    problem, hint = refused_by(copy, topic, start)
    assert 'does not know' in problem and "'kafka'" not in hint
    with connect(copy) as restored:
        adopt_in_vain(restored, topic)
        assert how_often(kafka, topic) == {1: list(range(1, 21))}
        adopt(restored, topic, 'database')
        wait_until_relayed(restored, topic)
    assert how_often(kafka, topic) == {1: [*range(1, 11), *range(16, 31)], 2: list(range(11, 16))}


# A standby takes over, under a daemon that knows both.

class Pair:
    def __init__(self, primary, standby):
        self.primary, self.standby = primary, standby
        host, other = (cluster.env() for cluster in (primary, standby))
        self.dsn = (f"host={host['PGHOST']},{other['PGHOST']} port={host['PGPORT']},{other['PGPORT']} dbname=tenfold "
                    'user=tenfold_authenticator target_session_attrs=read-write')

    def cut(self):
        """The standby gets nothing any more."""
        with connect(self.standby) as db:
            db.execute("ALTER SYSTEM SET primary_conninfo = ''")
            db.execute('SELECT pg_reload_conf()')
            wait_until(lambda: not db.execute('SELECT FROM pg_stat_wal_receiver').fetchall(), 'it is cut off')

    def fail_over(self):
        pid = int((self.primary.path / 'data' / 'postmaster.pid').read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        with connect(self.standby) as db:
            assert db.execute('SELECT pg_promote()').fetchone() == (True,)


@pytest.fixture
def pair(name):
    with new_cluster('primary', installed=True) as primary, new_cluster('standby') as standby:
        with connect(primary) as db:
            db.execute('SELECT tenfold.create_topic(%s, 3)', [name])
            db.execute('CREATE TABLE public.published (n int)')
        follow(standby, primary)
        yield Pair(primary, standby)


def publish_until_it_ends(cluster, topic, least):
    """One transaction each, noted beside it; sets least when there are some."""
    with connect(cluster) as db:
        for n in range(1, 100_000):
            with db.transaction():
                db.execute('INSERT INTO public.published VALUES (%s)', [n])
                publish(db, topic, n, n)
            if n == 200:
                least.set()


def test_a_standby_that_has_everything_goes_on(pair, kafka, name, start):
    """Synchronous: what a relay could see, the standby has. In the middle of the work, and the daemon stays."""
    with connect(pair.primary) as db:
        db.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        db.execute('SELECT pg_reload_conf()')
        wait_until(lambda: db.execute("SELECT FROM pg_stat_replication WHERE sync_state = 'sync'").fetchall(), 'it is synchronous')
    daemon = start('relay', **{'database.dsn': pair.dsn})
    least = threading.Event()
    publisher = threading.Thread(target=lambda: pytest.raises(psycopg.OperationalError, publish_until_it_ends, pair.primary, name, least))
    publisher.start()
    assert least.wait(30)
    wait_for(kafka, name, 100)
    pair.fail_over()
    publisher.join()
    with connect(pair.standby) as db:
        wait_until_relayed(db, name)
        publish(db, name, 100_001, 100_100)
        published = [n for n, in db.execute('SELECT n FROM public.published ORDER BY 1').fetchall()]
        wait_until_relayed(db, name)
        assert refusal(db, name) is None
    assert len(published) >= 200 and daemon.process.poll() is None
    check_once(kafka, name, [*published, *range(100_001, 100_101)])


@pytest.mark.parametrize('poll', ['5ms', '4s'])
def test_a_standby_that_lacks_something_is_refused(pair, kafka, name, start, poll):
    """11 … 15 it has, but not that Kafka has them; 16 … 20 it never got. With a poll of 4 s, its connections are back before
    the relay asks: nothing fails, and its batches would begin anew."""
    daemon = start('relay', **{'database.dsn': pair.dsn, 'relay.poll': poll, 'events.lease': '1h'})
    with connect(pair.primary) as db, connect(pair.standby) as other:
        publish(db, name, 1, 10)
        wait_for(kafka, name, 10)
        wait_until_relayed(db, name)
        daemon.signal(signal.SIGSTOP)
        publish(db, name, 11, 15)
        settle(db)
        catch_up(other, db)
        pair.cut()
        daemon.signal(signal.SIGCONT)
        publish(db, name, 16, 20)
        wait_for(kafka, name, 20)
        wait_until_relayed(db, name)
    pair.fail_over()
    with connect(pair.standby) as db:
        publish(db, name, 21, 30)
        problem, hint = wait_until(lambda: refusal(db, name), 'it refuses')
        assert 'behind Kafka' in problem or 'has another tick' in problem
        assert "'database'" in hint and "'kafka'" not in hint
        assert how_often(kafka, name) == {1: list(range(1, 21))}
        adopt_in_vain(db, name)
        adopt(db, name, 'database')
        wait_until_relayed(db, name)
    assert how_often(kafka, name) == {1: [*range(1, 11), *range(16, 31)], 2: list(range(11, 16))}


def test_a_standby_that_lacks_what_was_redriven_is_refused(pair, kafka, name, start):
    """Retries belong to no tick: a number tells. The standby has the redrive, and not that Kafka got it."""
    with connect(pair.primary) as db, connect(pair.standby) as other:
        bury_first(db, name)
        daemon = start('relay', **{'database.dsn': pair.dsn})
        publish(db, name, 11, 20)
        wait_for(kafka, name, 19)
        stop(daemon)
        db.execute('SELECT tenfold.redrive_events(%s)', [f'kafka:{name}'])
        catch_up(other, db)
        pair.cut()
        daemon = start('relay', **{'database.dsn': pair.dsn})
        wait_for(kafka, name, 20)
        wait_until(lambda: not db.execute('SELECT FROM tenfold.event_failure').fetchall(), 'it is finished')
        stop(daemon)
    pair.fail_over()
    daemon = start('relay', **{'database.dsn': pair.dsn})
    with connect(pair.standby) as db:
        problem, hint = wait_until(lambda: refusal(db, name), 'it refuses')
        assert 'redriven' in problem and "'kafka'" in hint
        assert how_often(kafka, name) == {1: list(range(1, 21))}
        adopt(db, name, 'kafka')
        wait_for(kafka, name, 21)
        stop(daemon)
        start('relay', **{'database.dsn': pair.dsn})  # which has heard
        publish(db, name, 21, 30)
        wait_until_relayed(db, name)
        assert refusal(db, name) is None
    assert how_often(kafka, name) == {1: list(range(2, 31)), 2: [1]}


def bury_first(db, topic):
    """Of 1 … 10, the first is a dead letter of the relay that begins next."""
    db.execute("SELECT tenfold.create_consumer(%s, ARRAY[%s], 'beginning')", [f'kafka:{topic}', topic])
    publish(db, topic, 1, 10)
    (event_id,) = db.execute('SELECT min(event_id) FROM tenfold.event').fetchone()
    db.execute("SELECT tenfold.fail_event(%s, 0, %s, 'asked for', false)", [f'kafka:{topic}', event_id])
