"""Publishing beside bare INSERTs of the same bytes: one event a commit, and sets of 1,000.

The bare table has the columns of tenfold.event, and no index.
"""
import subprocess

import stand
from services.cluster import ROOT, Cluster

PAYLOAD = '{"order": 12345, "amount": 12345, "currency": "EUR", "state": "confirmed", "note": "' + 'x' * 60 + '"}'
SETUP = """
CREATE TABLE public.bare AS SELECT event_id, xid, published_at, incarnation, topic_id, bytes, slot, key, payload, headers FROM tenfold.event WITH NO DATA;
CREATE SEQUENCE public.bare_id;
CREATE TABLE public.input AS SELECT array_agg('k' || n) AS keys, array_agg(jsonb_build_object('order', n, 'amount', 12345, 'currency', 'EUR',
  'state', 'confirmed', 'note', repeat('x', 60))) AS payloads FROM generate_series(1, 1000) n;
SELECT tenfold.create_topic('bench');
"""
SCRIPTS = {
    'one, bare': f"""\\set n random(1, 1000000)
INSERT INTO public.bare VALUES (nextval('public.bare_id'), pg_current_xact_id(), clock_timestamp(), 1, 1, 160, 0::smallint, 'k' || :n, '{PAYLOAD}', '{{}}');""",
    'one, publish': f"""\\set n random(1, 1000000)
SELECT tenfold.publish('bench', 'k' || :n, '{PAYLOAD}');""",
    'set, bare': """INSERT INTO public.bare SELECT nextval('public.bare_id'), pg_current_xact_id(), clock_timestamp(), 1, 1, 160, 0::smallint, e.key, e.payload, '{}'
FROM public.input, unnest(keys, payloads) AS e(key, payload);""",
    'set, publish': "SELECT tenfold.publish_many('bench', keys, payloads) FROM public.input;",
}


def measure(cluster, name):
    """Transactions a second of four clients."""
    script = ROOT / '.run' / 'publish.sql'
    script.write_text(SCRIPTS[name].replace('\nFROM', ' FROM') + '\n')
    bindir = subprocess.check_output([ROOT / 'dev' / 'cluster', 'bindir'], text=True).strip()
    output = subprocess.check_output([f'{bindir}/pgbench', '-n', '-M', 'prepared', '-c', str(stand.CLIENTS), '-j', '2', '-T', str(stand.SECONDS),
                                      '-f', script], env=cluster.env(), stderr=subprocess.STDOUT, text=True)
    return float(output.split('tps = ')[1].split()[0])


def main():
    with Cluster(ROOT / '.run' / 'bench-publish', preload='pg_cron,tenfold', settings=stand.SETTINGS) as cluster:
        cluster.install_tenfold()
        cluster.psql('-c', SETUP)
        rate = stand.medians({name: (lambda _, name=name: measure(cluster, name)) for name in SCRIPTS}, [])
    stand.print_rates(rate)
    stand.print_ratio('publish_one', rate['one, publish'] / rate['one, bare'], 0.6, 0.8)
    stand.print_ratio('publish_many', rate['set, publish'] / rate['set, bare'], 0.6, 0.8)


if __name__ == '__main__':
    main()
