"""What the stories share: a cluster that is killed, and who comes back to it."""
import os
import shutil
import signal
import threading
import time
from contextlib import contextmanager, suppress

import psycopg
from gateway import wait_until
from services.cluster import ROOT, Cluster

LIFE = "SELECT pid, backend_start FROM pg_stat_activity WHERE backend_type = 'checkpointer'"  # it dies with the shared memory
STOPS = 100  # how often a victim is stopped to find it inside a lock


def play_all(name, play_seed, seeds, passed, failed, setup='', settings=None):
    """One cluster for all seeds; a seed that fails does not keep the next one from its turn."""
    with Cluster(ROOT / '.run' / 'faults' / name, preload='pg_cron,tenfold', settings=settings, installed=True) as cluster:
        cluster.known_dsn = cluster.dsn()  # also while it is down
        with connect(cluster) as db:
            db.execute(setup)
        for seed in seeds:
            try:
                play_seed(cluster, seed)
            except Exception:
                shutil.copy(cluster.path / 'log', ROOT / '.run' / 'faults' / f'{name}.{seed}.log')
                failed(seed)
            else:
                passed(seed)


def connect(cluster):
    """Waits while Postgres recovers, on a disk that may be busy."""
    return wait_until(lambda: connection(cluster), 'Postgres lets us in', 60)


def connection(cluster):
    with suppress(psycopg.OperationalError):
        return psycopg.connect(cluster.known_dsn, autocommit=True)


@contextmanager
def until_crash(cluster):
    """A connection that a crash, too, may end."""
    db = connect(cluster)
    with suppress(psycopg.OperationalError), db:
        yield db


def life_of(cluster):
    with until_crash(cluster) as db:
        return db.execute(LIFE).fetchone()


def survive(fault, cluster, *arguments):
    """Does what makes Postgres crash, and waits until it has come back."""
    before = life_of(cluster)
    fault(cluster, *arguments)
    wait_until(lambda: life_of(cluster) not in (None, before), f'Postgres has survived {fault.__name__}')


def kill_postmaster(cluster, *_):
    """… and starts it again, which waits for its orphans to notice."""
    file = cluster.path / 'data' / 'postmaster.pid'
    pid = int(file.read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), 'the postmaster is dead')
    wait_until(lambda: starts(cluster), 'Postgres starts again')


def starts(cluster):
    try:
        cluster.start()
        return True
    except RuntimeError:
        return False  # a backend of the dead one is still there


def is_alive(pid):
    """A zombie is, for pg_ctl too."""
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


def kill_inside_lock(db, pid, lock):
    """Stops the backend again and again, until somebody waits for this lightweight lock and goes on waiting: so it is the
    one that holds it. Then kills it there. Gives False where it was never found inside, and then kills it anyway."""
    try:
        return any(is_stopped_inside(db, pid, lock) for _ in range(STOPS))
    finally:
        os.kill(pid, signal.SIGKILL)  # after an interrupt, too: no server stops that has a stopped backend


def is_stopped_inside(db, pid, lock):
    os.kill(pid, signal.SIGSTOP)
    somebody = lambda: db.execute('SELECT FROM pg_stat_activity WHERE wait_event = %s', (lock,)).fetchall()
    if holds_within(0.03, somebody) and not holds_within(0.01, lambda: not somebody()):
        return True
    os.kill(pid, signal.SIGCONT)
    return False


def holds_within(seconds, condition):
    end = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < end:
        time.sleep(0.002)
    return holds


class Victim:
    """A session in a thread of its own, which will not live to see the end of its statement."""

    def __init__(self, cluster, statement, settings=''):
        self.db = connect(cluster)
        self.db.execute(settings)
        self.pid = self.db.info.backend_pid
        threading.Thread(target=self.run, args=[statement], daemon=True).start()

    def run(self, statement):
        with suppress(psycopg.OperationalError):
            self.db.execute(statement)


def for_ever(call):
    return f'DO $$ BEGIN LOOP PERFORM {call}; END LOOP; END $$'


class Client(threading.Thread):
    """Calls step() again and again until it is told to stop, on a connection that it makes anew when Postgres dies."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.cluster, self.stopping = cluster, threading.Event()
        self.pid, self.steps, self.failure = None, 0, None

    def begin(self, db):
        """On each new connection."""

    def run(self):
        try:
            while not self.stopping.is_set():
                with suppress(psycopg.OperationalError):
                    self.work()
                self.pid = None
        except Exception as failure:  # for who joins
            self.failure = failure

    def work(self):
        with connect(self.cluster) as db:
            self.begin(db)
            self.pid = db.info.backend_pid
            while not self.stopping.is_set():
                self.step(db)
                self.steps += 1


class Clients:
    """`with Clients(…) as clients:` runs them; the end of the block stops them, and raises what one of them met."""

    def __init__(self, clients):
        self.clients = list(clients)

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, failure, *_):
        for client in self.clients:
            client.stopping.set()
        for client in self.clients if failure is None else []:
            client.join(15)
            assert not client.is_alive(), 'a client hangs'
            if client.failure:
                raise client.failure

    def go_on(self, steps):
        """Waits until each of them has done so many more."""
        wanted = [client.steps + steps for client in self.clients]
        wait_until(lambda: all(client.steps >= least or client.failure for client, least in zip(self.clients, wanted)),
                   'everybody goes on: is a lock held?')

    def kill_one(self, chance):
        """Postgres ends every session then, and recovers."""
        wait_until(lambda: kill(chance.choice(self.clients).pid), 'one has a connection')


def kill(pid, number=signal.SIGKILL):
    """Gives whether there was such a process."""
    with suppress(ProcessLookupError):
        if pid:
            os.kill(pid, number)
            return True
    return False


def kill_any(cluster, clients, chance):
    clients.kill_one(chance)
