"""The front door beside Postgres itself: wrk through the gateway, pgbench with the very same transaction.

Both have as many connections to Postgres as the gateway does best with, and ask for the same points. Also: an echo
function, the memory of a million requests, and of 5,000 connections that do nothing.
"""
import re
import socket
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import stand

sys.path.insert(0, str(stand.ROOT / 'tests' / 'http'))
from gateway import Gateway  # noqa: E402

CONNECTIONS = 8  # to Postgres
CLIENTS = 64  # of the gateway, keep-alive
SECONDS = 2 * stand.SECONDS
IDLE = 5000
REQUESTS = 1_000_000
POINTS = 20  # pgbench takes at most 128 scripts, one a point

ECHO = """
CREATE OR REPLACE FUNCTION tenfold_api.bench_echo(text text) RETURNS jsonb LANGUAGE plpgsql STABLE
AS $$ BEGIN RETURN jsonb_build_object('text', text); END $$;
INSERT INTO tenfold.route (module, method, path, shape, function, parameters)
  VALUES ('bench', 'GET', '/bench-echo', 'F', 'tenfold_api.bench_echo(text)', '[{"name": "text", "in": "query"}]')
  ON CONFLICT DO NOTHING;
SELECT tenfold._open_routes('bench');
CREATE TABLE bench_rate_class AS SELECT * FROM tenfold.rate_class;
UPDATE tenfold.rate_class SET per_minute = NULL;  -- all clients are one address
"""
NO_ECHO = """
DELETE FROM tenfold.route WHERE module = 'bench';
DROP FUNCTION tenfold_api.bench_echo(text);
UPDATE tenfold.rate_class c SET per_minute = b.per_minute FROM bench_rate_class b WHERE b.name = c.name;
DROP TABLE bench_rate_class;
"""

# What the gateway sends for a request, in one round trip.
TRANSACTION = r"""
\set lat {lat}
\set lng {lng}
\startpipeline
BEGIN;
SELECT set_config('role', 'tenfold_anonymous', true), set_config('request.jwt.claims', '{{"role":"tenfold_anonymous"}}', true),
  set_config('request.method', 'GET', true), set_config('request.path', '/api/v1/hotels/nearby', true),
  set_config('request.headers', '{{"host":"127.0.0.1:8080","x-query":"lat=48.85&lng=2.29&radius=5","x-request-id":"0123456789abcdef"}}', true),
  set_config('request.cookies', '{{}}', true), set_config('statement_timeout', '30000ms', true),
  set_config('transaction_read_only', 'on', true);
SELECT tenfold_api.pre_request();
SELECT tenfold_api.hotels_nearby(lat => :lat, lng => :lng, radius => 5)::text,
  nullif(current_setting('response.status', true), ''), nullif(current_setting('response.headers', true), '');
COMMIT;
\endpipeline
"""

# wrk asks for each path in turn.
SCRIPT = """
local paths = {{ {paths} }}
local n = 0
request = function()
  n = n % #paths + 1
  return wrk.format("GET", paths[n])
end
"""


def paths_of(points):
    return [f'/api/v1/hotels/nearby?lat={lat}&lng={lng}&radius=5' for lat, lng in points]


def wrk(gateway, paths, seconds=SECONDS):
    """Requests a second, and the 99th percentile of their time as wrk prints it."""
    with tempfile.NamedTemporaryFile('w', suffix='.lua') as script:
        script.write(SCRIPT.format(paths=', '.join(f'"{path}"' for path in paths)))
        script.flush()
        output = subprocess.check_output(['wrk', '--latency', '-t1', f'-c{CLIENTS}', f'-d{seconds}s', '-s', script.name,
                                          f'http://127.0.0.1:{gateway.port}'], text=True)
    assert 'Non-2xx' not in output and 'Socket errors' not in output, output
    return float(re.search(r'Requests/sec:\s+([\d.]+)', output)[1]), re.search(r'99%\s+(\S+)', output)[1]


def pgbench(cluster, points):
    """Transactions a second."""
    with tempfile.TemporaryDirectory() as folder:
        scripts = []
        for number, (lat, lng) in enumerate(points):
            path = Path(folder, f'{number}.sql')
            path.write_text(TRANSACTION.format(lat=lat, lng=lng))
            scripts += ['-f', path]
        output = subprocess.check_output(['pgbench', '-n', '-M', 'prepared', '-c', str(CONNECTIONS), '-j', '1', '-T', str(SECONDS),
                                          '-U', 'tenfold_authenticator', *scripts], env=cluster.env(), text=True,
                                         stderr=subprocess.STDOUT)
    return float(re.search(r'tps = ([\d.]+)', output)[1])


def resident_kib(gateway):
    status = Path(f'/proc/{gateway.process.pid}/status').read_text()
    return int(re.search(r'VmRSS:\s+(\d+)', status)[1])


def rates(gateway, cluster, points):
    """The medians of rounds in which gateway and pgbench take turns, and the gateway's 99th percentiles."""
    seen, slow = {'gateway': [], 'pgbench': [], 'echo': []}, []
    for number in range(stand.ROUNDS):
        share = points[number * POINTS:(number + 1) * POINTS]
        rate, percentile = wrk(gateway, paths_of(share))
        slow.append(percentile)
        seen['gateway'].append(rate)
        seen['pgbench'].append(pgbench(cluster, share))
        seen['echo'].append(wrk(gateway, ['/api/v1/bench-echo?text=hello'])[0])
        print(f'round {number + 1} of {stand.ROUNDS}: ' + ', '.join(f'{name} {values[-1]:,.0f}' for name, values in seen.items())
              + f' a second, p99 {percentile}', flush=True)
    print(f'the 99th percentiles of the gateway at full load: {", ".join(slow)}')
    return {name: statistics.median(values) for name, values in seen.items()}


def growth_kib(gateway, rate):
    """How much memory a million requests leave behind, once the first of them have filled what is filled once."""
    wrk(gateway, ['/api/v1/bench-echo?text=hello'], 5)
    before = resident_kib(gateway)
    wrk(gateway, ['/api/v1/bench-echo?text=hello'], int(REQUESTS / rate) + 1)
    return resident_kib(gateway) - before


def idle_kib(gateway):
    """What one connection costs that does nothing."""
    before = resident_kib(gateway)
    with ExitStack() as stack:
        for _ in range(IDLE):
            connection = stack.enter_context(socket.create_connection(('127.0.0.1', gateway.port)))
        connection.sendall(b'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
        connection.recv(100)  # the last was served, so all have been accepted
        return (resident_kib(gateway) - before) / IDLE


def main():
    cluster = stand.loaded_cluster()
    cluster.psql('-c', ECHO)
    settings = {'gateway.jwks': cluster.keys(), 'gateway.jwt_audience': 'tenfold', 'database.connections': CONNECTIONS}
    with stand.connect(cluster) as db:
        points = stand.query_points(db)
    try:
        with Gateway(cluster.dsn(user='tenfold_authenticator'), **settings) as gateway:
            idle = idle_kib(gateway)
            rate = rates(gateway, cluster, points)
            growth = growth_kib(gateway, rate['echo'])
    finally:
        cluster.psql('-c', NO_ECHO)
    stand.print_rates(rate)
    print(f'memory after {REQUESTS:,} requests more: {growth:+,} KiB; an idle connection: {idle:.1f} KiB')
    stand.print_ratio('gateway_to_pgbench', rate['gateway'] / rate['pgbench'], 0.5, 0.75)
    stand.print_ratio('gateway_echo_thousands', rate['echo'] / 1000, 8, 15)
    stand.print_ratio('gateway_idle_connection_kib_left_of_40', 40 / max(idle, 0.1), 1, 1)


if __name__ == '__main__':
    main()
