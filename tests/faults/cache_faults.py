"""The cache while backends die inside it: while one fills it and others wait for that, while one looks into it, and between
the change of a tag's counter and the commit that it is for; and the postmaster. No answer may be older than a commit before
the question, and nobody may wait for the dead.
"""
import random
import time

from crash import (Client, Clients, Victim, connect, for_ever, kill, kill_any, kill_inside_lock, kill_postmaster,
                   play_all, survive, until_crash)
from gateway import wait_until
from services.cache_truth import PLACES, SETUP, Truth, Worker, ask

SLOW = '''CREATE FUNCTION read_slowly() RETURNS text LANGUAGE plpgsql STABLE AS
$$ BEGIN PERFORM pg_advisory_lock_shared(1), pg_advisory_unlock_shared(1); RETURN '1'; END $$;
CREATE FUNCTION ask_slowly() RETURNS text LANGUAGE tenfold_cached STABLE AS $$
-- keep 60 s; tags slow
SELECT public.read_slowly() $$'''
ASK_SLOWLY = "SELECT ask_slowly()"
WAITING = 'SELECT count(*) FROM pg_stat_activity WHERE pid = ANY (%s) AND wait_event = %s'
WAITS_FOR_A_STANDBY = 'SET synchronous_commit = on'  # that nobody is: see SETTINGS
AT_ONCE = 0.8  # seconds: below the one that the cache waits for who fills it


class Asker(Client):
    """The checker, and what is left to do after a crash: its transaction may stand prepared."""

    def __init__(self, cluster, worker):
        super().__init__(cluster)
        self.worker = worker

    def begin(self, db):
        self.worker.commit_prepared(db)

    def step(self, db):
        self.worker.step(db)


def waits(db, victims, event):
    pids = [victim.pid for victim in victims]
    wait_until(lambda: db.execute(WAITING, (pids, event)).fetchone() == (len(pids),), f'{len(pids)} wait: {event}')


def kill_who_fills(cluster, clients, chance):
    with until_crash(cluster) as db:
        db.execute("SELECT tenfold.cache_clear('slow'), pg_advisory_lock(1)")
        leader = Victim(cluster, ASK_SLOWLY)
        waits(db, [leader], 'advisory')
        followers = [Victim(cluster, ASK_SLOWLY) for _ in range(3)]
        waits(db, followers, 'Extension')
        kill(leader.pid)


def kill_who_invalidates(cluster, clients, chance):
    """Its commit is in the WAL, and not yet visible: the counter of its tag says that it is under way."""
    with until_crash(cluster) as db:
        writer = Victim(cluster, f'SELECT change({chance.choice(PLACES)})', WAITS_FOR_A_STANDBY)
        waits(db, [writer], 'SyncRep')
        for place in PLACES:
            clients.clients[0].worker.truth.check(db, place)
        kill(writer.pid)


def kill_who_looks(cluster, clients, chance):
    with until_crash(cluster) as db:
        looks = Victim(cluster, for_ever(f'ask({chance.choice(PLACES)})'))
        kill_inside_lock(db, looks.pid, 'tenfold_cache')


FAULTS = [kill_who_fills, kill_who_invalidates, kill_who_looks, kill_any, kill_postmaster]
SETTINGS = {'max_prepared_transactions': 20, 'tenfold.cache_size': '2MB',
            'synchronous_standby_names': 'nobody', 'synchronous_commit': 'local'}


def check(cluster, truth):
    """Right after a crash: what Postgres has kept is what the cache gives, and at once."""
    with connect(cluster) as db:
        truth.look(db)
        for place in PLACES:
            truth.check(db, place)
        assert min(time_of_asking(db) for _ in range(3)) < AT_ONCE, 'the dead are waited for'


def time_of_asking(db):
    db.execute("SELECT tenfold.cache_clear('slow')")
    began = time.monotonic()
    db.execute(ASK_SLOWLY)
    return time.monotonic() - began


def play_seed(cluster, seed):
    chance = random.Random(seed)
    with connect(cluster) as db:
        truth = Truth(db)
    askers = [Asker(cluster, Worker(truth, random.Random(f'{seed} {number}'), f'of{number}', 0.3 if number < 3 else 0))
              for number in range(6)]
    with Clients(askers) as clients:
        for fault in chance.sample(FAULTS, 3):
            clients.go_on(20)
            survive(fault, cluster, clients, chance)
            check(cluster, truth)
        clients.go_on(20)
    assert not truth.lies, truth.lies
    with connect(cluster) as db:
        assert db.execute('SELECT count(*) FROM pg_prepared_xacts').fetchone() == (0,)
        assert [ask(db, place) for place in PLACES] == [row[0] for row in db.execute('SELECT value FROM shown ORDER BY place')]


def run(seeds, passed, failed):
    play_all('cache', play_seed, seeds, passed, failed, setup=SETUP + SLOW, settings=SETTINGS)
