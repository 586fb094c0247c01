"""A cached answer beside the query that it stands for, and beside a Redis GET of the same bytes; and what it costs to make
one tag of a million entries stale, beside SCAN and UNLINK.
"""
import subprocess
import tempfile
import time
from pathlib import Path

import stand

ENTRIES = 1_000_000
OF_TAG = 1_000
CACHED = "SELECT tenfold_api.hotels_search(country => '{country}', min_stars => 4)"
UNCACHED = "SELECT hotel.search_json('{{\"country\": \"{country}\", \"min_stars\": 4}}')"
COUNTRY = """SELECT country FROM hotel.hotel WHERE removed_at IS NULL AND stars >= 4 GROUP BY 1
  HAVING count(*) BETWEEN 150 AND 400 ORDER BY count(*), 1 LIMIT 1"""
FILLED = """CREATE FUNCTION pg_temp.filled(number int, of int) RETURNS text LANGUAGE tenfold_cached STABLE AS $$
  -- keep 3600 s; tags tag{of}
  SELECT repeat('x', 100) $$"""
FILL = 'SELECT count(pg_temp.filled(i, i / %s)) FROM generate_series(1, %s) i'


def compare(cluster):
    """Calls a second: cached, uncached, and Redis GET of the same text."""
    driver = stand.Driver(cluster)
    with stand.connect(cluster) as db, stand.redis() as path:
        (country,) = db.execute(COUNTRY).fetchone()
        (answer,) = db.execute(f"SELECT tenfold_api.hotels_search(country => '{country}', min_stars => 4)::text").fetchone()
        subprocess.run(['redis-cli', '-s', path, '-x', 'SET', 'answer'], input=answer, text=True, check=True, stdout=subprocess.DEVNULL)
        print(f'an answer of {len(answer):,} bytes: the hotels of {country} with four stars or more, and their facets')
        rate = stand.medians({
            'cached': lambda points: driver.sql(CACHED.format(country=country), points),
            'uncached': lambda points: driver.sql(UNCACHED.format(country=country), points),
            'redis_get': lambda points: driver.redis_get(path, 'answer', points),
        }, stand.query_points(db))
    return rate


def invalidate_ours():
    """Seconds to make a thousand of a million entries stale."""
    cluster = stand.Cluster(stand.ROOT / '.run' / 'bench-cache', preload='pg_cron,tenfold', settings=stand.SETTINGS | {'tenfold.cache_size': '1GB'})
    with cluster:
        cluster.install_tenfold()
        with stand.connect(cluster) as db:
            db.execute(FILLED)
            db.execute(FILL, (OF_TAG, ENTRIES))
            (entries,) = db.execute('SELECT entries FROM tenfold.stat_cache').fetchone()
            assert entries > 0.99 * ENTRIES, f'{entries} entries'
            return min(timed(lambda: db.execute('SELECT tenfold.cache_clear(%s)', (f'tag{number}',))) for number in range(10))


def invalidate_redis():
    """The usual way: find the keys by their pattern, and unlink them."""
    with stand.redis() as path, tempfile.NamedTemporaryFile() as commands:
        with Path(commands.name).open('wb') as file:
            for number in range(1, ENTRIES + 1):
                file.write(stand.command('SET', f'tag{number // OF_TAG}:{number}', 'x' * 100))
        subprocess.run(['redis-cli', '-s', path, '--pipe'], stdin=commands, check=True, stdout=subprocess.DEVNULL)
        script = f"redis-cli -s {path} --scan --pattern 'tag7:*' | xargs redis-cli -s {path} UNLINK"
        return timed(lambda: subprocess.run(script, shell=True, check=True, stdout=subprocess.DEVNULL))


def timed(deed):
    began = time.perf_counter()
    deed()
    return time.perf_counter() - began


def main():
    cluster = stand.loaded_cluster()
    with stand.connect(cluster) as db:
        db.execute('SELECT tenfold.cache_clear()')
    rate = compare(cluster)
    ours, redis = invalidate_ours(), invalidate_redis()
    stand.print_rates(rate)
    print(f'one tag of {ENTRIES:,} entries: ours {ours * 1e6:,.0f} us, SCAN and UNLINK {redis:.2f} s')
    stand.print_ratio('cached_to_uncached', rate['cached'] / rate['uncached'], 5, 10)
    stand.print_ratio('cached_to_redis_get', rate['cached'] / rate['redis_get'], 1, 1)
    stand.print_ratio('invalidation_to_redis', redis / ours, 10000, 10000)


if __name__ == '__main__':
    main()
