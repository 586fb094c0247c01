"""The limiter while those that ask it die, and the postmaster: its buckets are words that one instruction changes, so whoever
dies leaves nothing half done. In each life of the shared memory no key gets more than burst + rate x elapsed.
"""
import random
import time
from collections import defaultdict
from dataclasses import dataclass

from crash import LIFE, Client, Clients, connect, kill_any, kill_postmaster, play_all, survive

CLIENTS = 4
BURST, PER_MINUTE = 60, 12000
KEYS = ['a', 'b', 'c']
SETUP = f"INSERT INTO tenfold.rate_class VALUES ('fault', {BURST}, {PER_MINUTE}, 'of a test')"
TAKE = 'SELECT count(*) FILTER (WHERE tenfold.take_permit(%s, %s, %s) = 0) FROM generate_series(1, %s)'


@dataclass
class Taken:
    """What the clients got of one key in one life, and between when and when."""
    first: float = float('inf')
    last: float = 0
    tokens: int = 0

    def add(self, began, ended, tokens):
        self.first, self.last = min(self.first, began), max(self.last, ended)
        self.tokens += tokens

    def most(self):
        return BURST + PER_MINUTE / 60 * (self.last - self.first)


class Taker(Client):
    def __init__(self, cluster, chance):
        super().__init__(cluster)
        self.chance, self.taken = chance, []

    def begin(self, db):
        self.life = db.execute(LIFE).fetchone()

    def step(self, db):
        key, cost, asks = self.chance.choice(KEYS), self.chance.randint(1, 3), self.chance.randint(1, 200)
        began = time.monotonic()
        (got,) = db.execute(TAKE, ('fault', key, cost, asks)).fetchone()
        self.taken.append((self.life, key, began, time.monotonic(), got * cost))


def check(takers):
    """An answer that died on its way counts for nobody, which makes no client's share larger."""
    sums = defaultdict(Taken)
    for taker in takers:
        for life, key, *taken in taker.taken:
            sums[life, key].add(*taken)
    for which, taken in sums.items():
        assert taken.tokens <= taken.most(), (which, taken)
    return len({life for life, _ in sums})


def play_seed(cluster, seed):
    chance = random.Random(seed)
    takers = [Taker(cluster, random.Random(f'{seed} {number}')) for number in range(CLIENTS)]
    with Clients(takers) as clients:
        for fault in chance.sample([kill_any, kill_any, kill_postmaster], 3):
            clients.go_on(20)
            survive(fault, cluster, clients, chance)
        clients.go_on(20)
    lives = check(takers)
    assert lives == 4, f'{lives} lives'
    with connect(cluster) as db:
        assert db.execute("SELECT tenfold.take_permit('fault', 'nobody')").fetchone() == (0,)


def run(seeds, passed, failed):
    play_all('limiter', play_seed, seeds, passed, failed, setup=SETUP)
