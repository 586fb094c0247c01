"""Jobs from enqueue to done: ours by the daemon and by a plain SQL client, beside graphile-worker and pg-boss.

All enqueue in sets of 1,000 while workers work; every job's end is in Postgres before it counts. Then the same work
with a backlog, without and with a REPEATABLE READ snapshot that somebody holds: BENCH_BACKLOG (300,000) jobs, and at
most 30 seconds for each.
"""
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import psycopg
import stand
from services.cluster import ROOT, Cluster

sys.path.insert(0, str(ROOT / 'tests' / 'http'))
from gateway import JobsDaemon  # noqa: E402

JOBS = int(os.environ.get('BENCH_JOBS', '50000'))
BACKLOG = int(os.environ.get('BENCH_BACKLOG', '300000'))
SET = 1000
BATCH = 200  # of the plain SQL client
LONGEST = 30  # seconds
RIVALS = ROOT / '.run' / 'rivals'

FILL = "SELECT count(*) FROM tenfold.enqueue_many('bench', ARRAY(SELECT jsonb_build_object('n', n) FROM generate_series(1, %s) n))"
CLAIM = "SELECT array_agg(job_id), array_agg(epoch) FROM tenfold.claim_jobs('bench', 'bench', %s)"
COMPLETE = 'SELECT cardinality(tenfold.complete_jobs(%s, %s))'
EMPTY = ['DROP SCHEMA IF EXISTS graphile_worker, pgboss CASCADE',
         '''TRUNCATE tenfold.job, tenfold.job_parked, tenfold.job_running, tenfold.job_done, tenfold.job_dead, tenfold.job_key,
            tenfold.job_mark''',
         "SELECT tenfold.create_queue('bench')"]


class Ours:
    """What both clients of ours share: how jobs come in."""

    def __init__(self, cluster):
        self.cluster = cluster

    def fill(self, jobs):
        with stand.connect(self.cluster) as db:
            for _ in range(jobs // SET):
                db.execute(FILL, [SET])

    def both(self, jobs):
        filling = threading.Thread(target=self.fill, args=[jobs])
        filling.start()
        rate = self.work(jobs)
        filling.join()
        return rate


class Sql(Ours):
    def work(self, jobs):
        """Four connections, each claiming and completing a batch at a time."""
        done, start = [0] * stand.CLIENTS, time.monotonic()

        def loop(number):
            with stand.connect(self.cluster) as db:
                while sum(done) < jobs and time.monotonic() - start < LONGEST:
                    ids, epochs = db.execute(CLAIM, [BATCH]).fetchone()
                    if ids:
                        done[number] += db.execute(COMPLETE, [ids, epochs]).fetchone()[0]
                    else:
                        time.sleep(0.005)

        threads = [threading.Thread(target=loop, args=[number]) for number in range(stand.CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(done) / (time.monotonic() - start)


class Daemon(Ours):
    @contextmanager
    def running(self):
        with JobsDaemon(self.cluster.dsn(), **{'jobs.noop_queue': 'bench', 'jobs.in_flight': 2000,
                                               'jobs.poll_most': '20ms', 'database.connections': 4}) as daemon:
            yield daemon

    def work(self, jobs):
        start = time.monotonic()
        with self.running() as daemon:
            return self.rate(daemon, jobs, start)

    def both(self, jobs):
        with self.running() as daemon:
            start = time.monotonic()
            filling = threading.Thread(target=self.fill, args=[jobs])
            filling.start()
            rate = self.rate(daemon, jobs, start)
            filling.join()
        return rate

    def rate(self, daemon, jobs, start):
        done = 0
        while done < jobs and time.monotonic() - start < LONGEST:
            time.sleep(0.01)
            found = re.search(r'tenfold_jobs_done_total\{queue="bench"\} (\S+)', daemon.admin('/metrics')[1])
            done = float(found[1]) if found else 0
        return done / (time.monotonic() - start)


class Rival:
    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name

    def fill(self, jobs):
        self.node('fill', jobs)

    def work(self, jobs):
        return self.node('work', jobs)

    def both(self, jobs):
        return self.node('both', jobs)

    def node(self, deed, jobs):
        output = subprocess.check_output(['node', 'jobs.mjs', self.name, deed, str(jobs), str(LONGEST)], cwd=RIVALS,
                                         env=self.cluster.env(), text=True)
        result = json.loads(output.splitlines()[-1])
        return result['done'] / result['seconds']


def install_rivals():
    RIVALS.mkdir(parents=True, exist_ok=True)
    for name in ('package.json', 'package-lock.json', 'jobs.mjs'):
        shutil.copy(ROOT / 'tests' / 'bench' / 'rivals' / name, RIVALS)
    if not (RIVALS / 'node_modules' / 'graphile-worker').exists():
        subprocess.run(['npm', 'ci', '--no-audit', '--no-fund', '--silent'], cwd=RIVALS, check=True)


def empty(cluster):
    for statement in EMPTY:
        cluster.psql('-c', statement)


@contextmanager
def held_snapshot(cluster):
    """A transaction that has looked once, and looks no more."""
    with psycopg.connect(cluster.dsn()) as holder:
        holder.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        holder.execute('SELECT count(*) FROM pg_class')
        yield


def backlog_rate(cluster, system, held):
    empty(cluster)
    system.fill(BACKLOG)
    cluster.psql('-c', 'VACUUM (ANALYZE)', '-c', 'CHECKPOINT')
    if not held:
        return system.work(BACKLOG)
    with held_snapshot(cluster):
        return system.work(BACKLOG)


def measure_both(cluster, systems):
    seen = {name: [] for name in systems}
    for number in range(stand.ROUNDS):
        for name, system in systems.items():
            empty(cluster)
            if name in ('graphile-worker', 'pg-boss'):
                system.fill(1)  # its tables
            seen[name].append(system.both(JOBS))
            print(f'round {number + 1} of {stand.ROUNDS}: {name} {seen[name][-1]:,.0f} a second', flush=True)
    return {name: statistics.median(rates) for name, rates in seen.items()}


def measure_backlog(cluster, systems):
    """The medians without and with the snapshot, in turn."""
    kept = {}
    for name, system in systems.items():
        rounds = stand.ROUNDS if isinstance(system, Ours) else 1
        rates = {False: [], True: []}
        for _ in range(rounds):
            for held in rates:
                rates[held].append(backlog_rate(cluster, system, held))
        free, bound = (statistics.median(rates[held]) for held in (False, True))
        kept[name] = bound / free
        print(f'{BACKLOG:,} jobs: {name:16} {free:10,.0f} a second, under a held snapshot {bound:10,.0f}', flush=True)
    return kept


def main():
    install_rivals()
    cluster = Cluster(ROOT / '.run' / 'bench-jobs', preload='pg_cron,tenfold', settings={'shared_buffers': '1GB', 'jit': 'off'})
    with cluster:
        cluster.install_tenfold()
        systems = {'daemon': Daemon(cluster), 'SQL client': Sql(cluster),
                   'graphile-worker': Rival(cluster, 'graphile'), 'pg-boss': Rival(cluster, 'boss')}
        rate = measure_both(cluster, systems)
        kept = measure_backlog(cluster, systems)
    stand.print_rates(rate)
    stand.print_ratio('jobs_to_graphile', rate['daemon'] / rate['graphile-worker'], 0.5, 1)
    stand.print_ratio('jobs_to_pgboss', rate['daemon'] / rate['pg-boss'], 2, 5)
    stand.print_ratio('jobs_sql_client_to_graphile', rate['SQL client'] / rate['graphile-worker'], 0.5, 1)
    stand.print_ratio('jobs_under_snapshot', min(kept['daemon'], kept['SQL client']), 0.95, 1)


if __name__ == '__main__':
    main()
