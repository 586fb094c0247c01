"""The demo's database as an operator meets it."""
import subprocess
import sys
import time
from pathlib import Path

DEV = Path(__file__).resolve().parents[1]
LONGEST = 30  # seconds that anything here may take


class Database:
    """psql as an operator would use it; what is shown is what was asked."""

    def __init__(self, cluster):
        self.cluster = cluster

    def ask(self, sql):
        return self.run('-At', sql).strip()

    def show(self, sql):
        print('\n'.join(f'       {line}' for line in [f'psql: {sql}', *self.run('-Pfooter=off', sql).strip('\n').split('\n')]))

    def run(self, form, sql):
        command = [DEV / 'cluster', 'psql', self.cluster, '-Xq', '-v', 'ON_ERROR_STOP=1', form, '-c', sql]
        return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout

    def tenfold(self, words):
        """What the daemon's program prints, run as the cluster's owner on a copy that he may enter."""
        command = [DEV / 'daemon', 'tool', self.cluster, *words]
        return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout

    def check(self, sql, wanted, what):
        if (found := self.ask(sql)) != wanted:
            sys.exit(f'not so: {what} (found {found}, not {wanted})')

    def wait_for(self, sql, wanted, what):
        end = time.monotonic() + LONGEST
        while (found := self.ask(sql)) != wanted:
            if time.monotonic() > end:
                sys.exit(f'not within {LONGEST} s: {what} (found {found})')
            time.sleep(0.05)


def run(scenario):
    """Calls it with the database that the command line names, and what else that says. Ends with 1 where a command fails."""
    try:
        scenario(Database(sys.argv[1]), *sys.argv[2:])
    except subprocess.CalledProcessError as failure:
        sys.exit(str(failure))
