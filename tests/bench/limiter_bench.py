"""What the limiter adds to a request, beside the round trip of a Redis script that does the same; and that it lets no more pass.

Ours is measured where it runs: pre_request() with a class that limits, less pre_request() with one that does not, in one
session. The rival is GCRA in Lua by EVALSHA, one client over a Unix socket, redis-benchmark asking: its least time.
"""
import re
import statistics
import subprocess
import threading
import time

import stand

CALLS = 20000
SECONDS = 5

TIMED = """
CREATE OR REPLACE FUNCTION pg_temp.nanoseconds(calls int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz := clock_timestamp();
BEGIN
  FOR i IN 1..calls LOOP PERFORM tenfold_api.pre_request(); END LOOP;
  RETURN extract(epoch FROM clock_timestamp() - began) * 1e9 / calls;
END $$;
"""
REQUEST = """SELECT set_config('request.headers', '{"host":"127.0.0.1:8080","user-agent":"wrk","x-query":"lat=48.85&lng=2.29",
  "x-real-ip":"192.0.2.7","x-rate-class":"bench","x-request-id":"0123456789abcdef"}', false)"""

# As the usual libraries do it: theoretical arrival time in a key that expires.
GCRA = """local now = redis.call('TIME')
local t = now[1] * 1000000 + now[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or t), t) + interval
if tat - t > interval * burst then return {0, tat - t - interval * burst} end
redis.call('SET', KEYS[1], tat, 'PX', math.ceil((tat - t) / 1000) + 1)
return {1, 0}"""


def added_nanoseconds(db):
    """Medians of turns, so that what the machine does meanwhile weighs on both."""
    costs = {True: [], False: []}
    for _ in range(4 * stand.ROUNDS):
        for limits in costs:
            db.execute('UPDATE tenfold.rate_class SET per_minute = %s WHERE name = %s', (1000000 if limits else None, 'bench'))
            costs[limits].append(db.execute('SELECT pg_temp.nanoseconds(%s)', (CALLS,)).fetchone()[0])
    return statistics.median(costs[True]) - statistics.median(costs[False])


def redis_nanoseconds():
    """The median of rounds of a script's round trip."""
    with stand.redis() as path:
        sha = subprocess.check_output(['redis-cli', '-s', path, 'SCRIPT', 'LOAD', GCRA], text=True).strip()
        rates = [redis_rate(path, sha) for _ in range(stand.ROUNDS)]
    return 1e9 / statistics.median(rates)


def redis_rate(path, sha):
    output = subprocess.check_output(['redis-benchmark', '-s', path, '-c', '1', '-n', '50000', '--csv', 'EVALSHA', sha, '1',
                                      'client:192.0.2.7', '60', '1000000'], text=True)
    return float(re.findall(r'"([\d.]+)"', output.splitlines()[-1])[0])


def passed_by_four(cluster):
    """How many of four clients' permits one bucket of 100, refilled at 6,000 a minute, lets pass; and how many it may."""
    passed = [0] * 4

    def ask(number, until):
        with stand.connect(cluster) as db:
            while time.monotonic() < until:
                passed[number] += db.execute("SELECT tenfold.take_permit('bench', 'shared')").fetchone()[0] == 0

    with stand.connect(cluster) as db:
        db.execute("UPDATE tenfold.rate_class SET (burst, per_minute) = (100, 6000) WHERE name = 'bench'")
    began = time.monotonic()
    threads = [threading.Thread(target=ask, args=(number, began + SECONDS)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(passed), 100 + (time.monotonic() - began) * 100 + 1


def main():
    cluster = stand.Cluster(stand.ROOT / '.run' / 'bench-limiter', preload='pg_cron,tenfold', settings=stand.SETTINGS | {'shared_buffers': '128MB'})
    with cluster:
        cluster.install_tenfold()
        measure(cluster)


def measure(cluster):
    with stand.connect(cluster) as db:
        db.execute("INSERT INTO tenfold.rate_class VALUES ('bench', 1000000, 1000000, 'of the bench') ON CONFLICT DO NOTHING")
        try:
            db.execute(TIMED)
            db.execute(REQUEST)
            ours, redis = added_nanoseconds(db), redis_nanoseconds()
            passed, may = passed_by_four(cluster)
        finally:
            db.execute("DELETE FROM tenfold.rate_class WHERE name = 'bench'")
    assert 0.8 * may < passed <= may, f'{passed} passed, a reference lets {may:.0f}'
    print(f'ours adds {ours:,.0f} ns to a request, a Redis script takes {redis:,.0f} ns; of four clients {passed} passed, at most {may:.0f} may')
    stand.print_ratio('limiter_to_redis', redis / ours, 30, 100)


if __name__ == '__main__':
    main()
