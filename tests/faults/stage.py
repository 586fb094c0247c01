"""Two daemons on a cluster, and what may happen to them: what the stories about workers share."""
import random
import signal
import time
from contextlib import suppress

import psycopg
from crash import connect, kill, kill_postmaster

DAEMONS = 2


class Stage:
    """Subclasses give start_daemon(), which returns one that is entered."""

    def __init__(self, cluster, seed):
        self.cluster, self.chance = cluster, random.Random(seed)
        self.daemons = [self.start_daemon() for _ in range(DAEMONS)]

    def close(self):
        for daemon in self.daemons:
            daemon.__exit__()

    def login(self):
        return self.cluster.known_dsn.replace('user=postgres', 'user=tenfold_authenticator')

    def ask(self, statement, values=None):
        """The rows; None where Postgres died meanwhile."""
        with connect(self.cluster) as db, suppress(psycopg.OperationalError):
            return db.execute(statement, values).fetchall()

    def kill_daemon(self):
        victim = self.chance.randrange(DAEMONS)
        self.daemons[victim].__exit__()  # SIGKILL
        self.daemons[victim] = self.start_daemon()

    def stop_daemon(self):
        """For longer than its leases: it wakes as a zombie."""
        victim = self.chance.choice(self.daemons)
        victim.signal(signal.SIGSTOP)
        time.sleep(self.chance.uniform(0.2, 2))
        victim.signal(signal.SIGCONT)

    def kill_backend(self):
        """Postgres ends every session then, and recovers."""
        backends = self.ask("SELECT pid FROM pg_stat_activity WHERE usename = 'tenfold_authenticator'")
        if backends:
            kill(self.chance.choice(backends)[0])

    def kill_postmaster(self):
        kill_postmaster(self.cluster)
