"""Kafka to Postgres: batches with their offset in one transaction, beside a consumer that commits each message in both.

Both insert the same row a message, and read the same topic from its beginning. BENCH_EVENTS (200,000) messages
of 200 bytes for ours, BENCH_SINGLE (2,000) for the rival, which would take half an hour for all. BENCH_FSYNC=off: the same without.
"""
import os
import statistics
import sys
import time

import stand
from services.cluster import ROOT, Cluster
from services.kafka import Kafka, build_client

sys.path.insert(0, str(ROOT / 'tests' / 'http'))
from gateway import Gateway  # noqa: E402

EVENTS = int(os.environ.get('BENCH_EVENTS', '200000'))
SINGLE = int(os.environ.get('BENCH_SINGLE', '2000'))
SETUP = '''
CREATE TABLE public.taken (key text, payload jsonb);
GRANT ALL ON public.taken TO tenfold_owner;
CREATE FUNCTION public.take(topic text, keys text[], payloads jsonb[], headers jsonb[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO public.taken SELECT * FROM unnest(keys, payloads) $$;
GRANT EXECUTE ON FUNCTION public.take TO tenfold_owner;
SELECT tenfold.create_kafka_sink('bench', 'bench', 'public.take')'''
EMPTY = 'TRUNCATE public.taken; DELETE FROM tenfold.kafka_offset'
INSERT = 'INSERT INTO public.taken VALUES ($1, $2)'


class Sink(Gateway):
    workers = 'sink'


def ours(cluster, kafka):
    """From the first row that is there to the last."""
    cluster.psql('-c', EMPTY)
    with Sink(cluster.dsn(), **{'kafka.bootstrap': kafka.address, 'sink.source': 'bench', 'database.connections': 2}) as daemon:
        count, first, start = 0, 0, 0.0
        while count < EVENTS:
            time.sleep(0.005)
            count = applied(daemon)
            if count and not first:
                first, start = count, time.monotonic()
    return (EVENTS - first) / (time.monotonic() - start)


def applied(daemon):
    for line in daemon.admin('/metrics')[1].splitlines():
        if line.startswith('tenfold_sink_messages_total '):
            return float(line.split()[1])
    return 0


def rival(cluster, kafka):
    cluster.psql('-c', EMPTY)
    return float(kafka.client('apply', 'bench', SINGLE, cluster.dsn(), INSERT))


def main():
    build_client()
    settings = {'shared_buffers': '1GB', 'jit': 'off', 'fsync': os.environ.get('BENCH_FSYNC', 'on'), 'full_page_writes': 'on'}
    with Cluster(ROOT / '.run' / 'bench-sink', preload='pg_cron,tenfold', settings=settings) as cluster, \
            Kafka(ROOT / '.run' / 'bench-sink-kafka') as kafka:
        cluster.install_tenfold()
        cluster.psql('-c', SETUP)
        kafka.create_topic('bench', 1)
        kafka.client('produce', 'bench', EVENTS, 200, 5000)
        seen = {'sink': [], 'commit per message': []}
        for number in range(stand.ROUNDS):
            for name, measure in {'sink': ours, 'commit per message': rival}.items():
                seen[name].append(measure(cluster, kafka))
                print(f'round {number + 1} of {stand.ROUNDS}: {name} {seen[name][-1]:,.0f} a second', flush=True)
    rate = {name: statistics.median(rates) for name, rates in seen.items()}
    stand.print_rates(rate)
    stand.print_ratio('sink_to_commit_per_message', rate['sink'] / rate['commit per message'], 25, 45)


if __name__ == '__main__':
    main()
