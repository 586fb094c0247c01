"""The log of events under pressure: 30 consumers, 20 ticks a second, 1,000 events a second, for BENCH_LOG_SECONDS (300)
under a REPEATABLE READ snapshot that somebody holds, beside one consumer that never reads.

What a batch costs is measured by one more consumer, among all the others: the CPU of its backend, the last tenth of the time
beside the first, in each what the cheapest tenth of its batches took at most. Then the dead rows in all tables of the log.
"""
import os
import statistics
import subprocess
import threading
import time
from contextlib import contextmanager

import psycopg
import stand
from services.cluster import ROOT, Cluster

LOG_SECONDS = int(os.environ.get('BENCH_LOG_SECONDS', '300'))
CONSUMERS = 30
TICKS_A_SECOND = 20
SET = 50  # events in each of as many sets a second
TABLES = '^(event|tick|consumer|topic)'

CONSUME = """
CREATE OR REPLACE FUNCTION public.consume(consumer text, epoch bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  batch record;
  events bigint := 0;
BEGIN
  FOR batch IN SELECT * FROM tenfold.next_batch(consumer, epoch) LOOP
    events := count(*) FROM tenfold.batch_events(consumer, batch.from_tick, batch.to_tick);
    PERFORM tenfold.finish_batch(consumer, epoch, batch.from_tick, batch.to_tick);
  END LOOP;
  RETURN events;
END
$$"""
PUBLISH = f"""SELECT tenfold.publish_many('bench', ARRAY(SELECT 'k' || n FROM generate_series(1, {SET}) n),
  ARRAY(SELECT jsonb_build_object('n', n, 'note', repeat('x', 100)) FROM generate_series(1, {SET}) n))"""
DEAD = f"""SELECT coalesce(sum(n_dead_tup), 0)::int, string_agg(relname || ' ' || n_dead_tup, ', ') FILTER (WHERE n_dead_tup > 0)
  FROM pg_stat_user_tables WHERE schemaname = 'tenfold' AND relname ~ '{TABLES}'"""


@contextmanager
def held_snapshot(cluster):
    """A transaction that has looked once, and looks no more."""
    with psycopg.connect(cluster.dsn()) as holder:
        holder.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        holder.execute('SELECT count(*) FROM tenfold.consumer_position')
        yield


def repeat(cluster, statement, a_second, until):
    """A statement so many times a second, on a connection of its own."""
    with stand.connect(cluster) as db:
        due = time.monotonic()
        while due < until:
            db.execute(statement)
            due = max(due + 1 / a_second, time.monotonic() - 1)
            time.sleep(max(0, due - time.monotonic()))


def consumers(cluster):
    """The crowd: pgbench, each client a consumer of its own, as often as there are ticks."""
    script = ROOT / '.run' / 'consume.sql'
    script.write_text("SELECT public.consume('c' || :client_id, :client_id + 1);\n")
    bindir = subprocess.check_output([ROOT / 'dev' / 'cluster', 'bindir'], text=True).strip()
    return subprocess.Popen([f'{bindir}/pgbench', '-n', '-M', 'prepared', '-c', str(CONSUMERS), '-j', '1', '-R', str(CONSUMERS * TICKS_A_SECOND),
                             '-T', str(LOG_SECONDS), '-f', script], env=cluster.env(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def prepare(db):
    db.execute(CONSUME)
    db.execute("SELECT tenfold.create_topic('bench')")
    for name in [f'c{n}' for n in range(CONSUMERS)] + ['probe', 'late']:
        db.execute("SELECT tenfold.create_consumer(%s, '{bench}')", [name])
    db.execute('UPDATE tenfold.consumer SET epoch = consumer_id')
    db.execute('VACUUM tenfold.consumer')  # of these


def cpu_ms(pid):
    """What a process has used so far."""
    with open(f'/proc/{pid}/schedstat', encoding='ascii') as file:
        return int(file.read().split()[0]) / 1e6


def probe(cluster, until):
    """(second, milliseconds of CPU, events) of each batch of the probe."""
    seen, start = [], time.monotonic()
    with stand.connect(cluster) as db:
        epoch = db.execute("SELECT epoch FROM tenfold.consumer WHERE name = 'probe'").fetchone()[0]
        while time.monotonic() < until:
            at, used = time.monotonic() - start, cpu_ms(db.info.backend_pid)
            events = db.execute("SELECT public.consume('probe', %s)", [epoch]).fetchone()[0]
            seen.append((at, cpu_ms(db.info.backend_pid) - used, events))
            time.sleep(1 / TICKS_A_SECOND)
    return seen


def main():
    with Cluster(ROOT / '.run' / 'bench-log', preload='pg_cron,tenfold', settings=stand.SETTINGS) as cluster:
        cluster.install_tenfold()
        with stand.connect(cluster) as db:
            prepare(db)
            with held_snapshot(cluster):
                until = time.monotonic() + LOG_SECONDS
                threads = [threading.Thread(target=repeat, args=(cluster, statement, a_second, until)) for statement, a_second in
                           ((PUBLISH, 1000 / SET), ('SELECT tenfold.tick()', TICKS_A_SECOND), ('SELECT tenfold.rotate_events()', 0.1))]
                for thread in threads:
                    thread.start()
                crowd = consumers(cluster)
                seen = probe(cluster, until)
                print(crowd.communicate()[0])
                for thread in threads:
                    thread.join()
                report(db, seen)


def report(db, seen):
    tenths = [[ms for at, ms, events in seen if events > 0 and n <= at * 10 / LOG_SECONDS < n + 1] for n in range(10)]
    print('median CPU ms of a batch, by tenths of the time:', *(f'{statistics.median(batches):.2f}' for batches in tenths))
    cheap = [statistics.quantiles(batches, n=10)[0] for batches in tenths]
    print('… the cheapest tenth:', *(f'{ms:.2f}' for ms in cheap))
    print(f'{sum(events for _, _, events in seen):,} events in {len(seen):,} batches of the probe')
    dead, where = db.execute(DEAD).fetchone()
    print(f'dead rows: {where}')
    for row in db.execute("SELECT * FROM tenfold.outbox_lag WHERE consumer IN ('probe', 'late')"):
        print('lag:', *row)
    print('kept for the late one:', *db.execute("SELECT relname, pg_size_pretty(pg_total_relation_size(oid)) FROM pg_class WHERE relname ~ '^(event|tick|consumer_position)_[0-9]+$' AND relkind = 'r' AND pg_relation_size(oid) > 0 ORDER BY 1"))
    stand.print_ratio('log_flat', cheap[0] / cheap[-1], 0.8, 1)
    print(f'ratio log_dead_rows {dead} at most 1000')


if __name__ == '__main__':
    main()
