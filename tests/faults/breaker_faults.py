"""Breaker and quota while those that ask for permits die: a backend that holds their lock, any other, the postmaster, and a
worker that has the one permit of a half-open breaker. Nobody waits for the dead, the cap of a day holds, what was told of a
trip is a row, and a permit comes back when its lease is over.
"""
import random
import signal
import socket
import subprocess
import time
from contextlib import contextmanager

from crash import (Client, Clients, Victim, connect, for_ever, kill_any, kill_inside_lock, kill_postmaster, play_all,
                   survive, until_crash)
from gateway import DAEMON, wait_until

CLIENTS, CAP, BLOCK = 4, 1500, 10
PERMIT_LIFE = 0.5
SETUP = f'''INSERT INTO tenfold.provider (name, failures_in_a_row, open_for, open_at_most) VALUES ('flaky', 3, '5 ms', '20 ms');
INSERT INTO tenfold.provider (name, failures_in_a_row, open_for, permit_life) VALUES ('probed', 1, '5 ms', '{PERMIT_LIFE} s')'''
CAPPED = 'INSERT INTO tenfold.provider (name, quota_per_day, quota_block) VALUES (%s, %s, %s)'


class Caller(Client):
    """Calls two providers: it counts the permits of one that has a quota, and what becomes of the breaker of another."""

    def __init__(self, cluster, capped, chance):
        super().__init__(cluster)
        self.capped, self.chance = capped, chance
        self.permits, self.refused = 0, False
        self.changes = {'open': 0, 'closed': 0}

    def step(self, db):
        permit, reason = db.execute('SELECT permit, reason FROM tenfold.call_permit(%s)', (self.capped,)).fetchone()
        self.refused = self.refused or reason == 'quota'
        if permit:
            self.permits += 1
            report(db, self.capped, permit, 'success')
        permit = acquire(db, 'flaky')
        if permit and (became := report(db, 'flaky', permit, self.chance.choice(['success', 'failure']))):
            self.changes[became] += 1


def acquire(db, name):
    return db.execute('SELECT permit FROM tenfold.breaker_acquire(%s)', (name,)).fetchone()[0]


def report(db, name, permit, outcome):
    return db.execute('SELECT tenfold.breaker_report(%s, %s, %s)', (name, permit, outcome)).fetchone()[0]


def kill_who_holds_the_lock(cluster, clients, chance):
    with until_crash(cluster) as db:
        asks = Victim(cluster, for_ever("tenfold._breaker_acquire('flaky')"))
        kill_inside_lock(db, asks.pid, 'tenfold_providers')


FAULTS = [kill_who_holds_the_lock, kill_any, kill_postmaster]


@contextmanager
def silent_server():
    """Takes connections, and says nothing."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        yield f'http://127.0.0.1:{server.getsockname()[1]}/'


def kill_a_worker_that_tries(cluster):
    """No crash of Postgres: only the lease's end tells that nobody will report."""
    with connect(cluster) as db, silent_server() as url:
        tries = lambda: db.execute("SELECT tries FROM tenfold.breaker_status WHERE provider = 'probed'").fetchone()[0]
        report(db, 'probed', wait_until(lambda: acquire(db, 'probed'), 'a permit'), 'failure')
        time.sleep(0.02)  # its open time
        worker = subprocess.Popen([DAEMON, 'call', '--provider=probed', '--deadline=60', f'--database.dsn={cluster.known_dsn}', url],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: tries() == 1, 'the worker has its permit')
        began = time.monotonic()
        assert acquire(db, 'probed') is None, 'two tries at a time'
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        permit = wait_until(lambda: acquire(db, 'probed'), 'the permit comes back')
        assert time.monotonic() - began < PERMIT_LIFE + 5
        report(db, 'probed', permit, 'success')
        assert report(db, 'probed', acquire(db, 'probed'), 'success') == 'closed'


def check(cluster, capped, callers, crashes):
    permits = sum(caller.permits for caller in callers)
    with connect(cluster) as db:
        status = db.execute('SELECT reserved, not_called, remaining FROM tenfold.quota_status WHERE provider = %s', (capped,)).fetchone()
        events = dict(db.execute("SELECT state, count(*) FROM tenfold.breaker_event WHERE provider = 'flaky' GROUP BY state"))
        left = db.execute("SELECT unwritten_events, lost_events FROM tenfold.breaker_status WHERE provider = 'flaky'").fetchone()
        db.execute("DELETE FROM tenfold.breaker_event")
    assert status == (CAP, 0, 0)
    # A crash loses the rest of a block, the blocks that were about to be added, and answers on their way.
    assert CAP - crashes * (BLOCK + CLIENTS * BLOCK) <= permits <= CAP, permits
    for state in ('open', 'closed'):
        told = sum(caller.changes[state] for caller in callers)
        assert 0 < told <= events[state], (state, told, events)
    assert left == (0, 0)


def play_seed(cluster, seed):
    chance, capped = random.Random(seed), f'capped{seed}'
    with connect(cluster) as db:
        db.execute(CAPPED, (capped, CAP, BLOCK))
    callers = [Caller(cluster, capped, random.Random(f'{seed} {number}')) for number in range(CLIENTS)]
    faults = chance.sample(FAULTS, len(FAULTS))
    with Clients(callers) as clients:
        for fault in faults:
            clients.go_on(20)
            survive(fault, cluster, clients, chance)
        clients.go_on(20)
        wait_until(lambda: all(caller.refused for caller in callers), 'the quota is used up')
    check(cluster, capped, callers, len(faults))
    kill_a_worker_that_tries(cluster)


def run(seeds, passed, failed):
    play_all('breaker', play_seed, seeds, passed, failed, setup=SETUP)
