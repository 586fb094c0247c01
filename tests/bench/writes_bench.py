"""What writing costs beside a plain table with one GiST index, and what searches cost while hotels change."""
import threading
import time

import stand

CHANGES_A_SECOND = 200
SNAPSHOT_UPDATES = 60_000
OURS = 'SELECT hotel.nearby_json($1, $2, 5000)'

PLAIN = """
DROP SCHEMA IF EXISTS plain CASCADE;
CREATE SCHEMA plain;
CREATE TABLE plain.hotel (
  hotel_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text, country text, city text, stars smallint, removed_at timestamptz, location geography(Point, 4326)
);
INSERT INTO plain.hotel (name, country, city, stars, location)
  SELECT name, country, city, stars, location FROM hotel.hotel ORDER BY hotel_id;
CREATE INDEX ON plain.hotel USING gist (location);
"""


def some_hotel(table):
    """One that is there; both sides look for it, so that it weighs on both."""
    return f"""(SELECT hotel_id FROM {table} WHERE removed_at IS NULL
        AND hotel_id > (SELECT (random() * {0.9 * stand.HOTELS})::bigint) ORDER BY hotel_id LIMIT 1)"""


OUR_HOTEL, PLAIN_HOTEL = some_hotel('hotel.hotel'), some_hotel('plain.hotel')
WRITES = {
    'add_ours': "SELECT hotel.add_hotel('bench', 'FR', 'x', $1::numeric, $2::numeric, 3, '{wifi}')",
    'add_plain': """INSERT INTO plain.hotel (name, country, city, stars, location)
        VALUES ('bench', 'FR', 'x', 3, ST_Point($2::float8, $1::float8)::geography)""",
    'update_ours': f"""SELECT hotel.update_hotel({OUR_HOTEL}, '{{"stars": 4}}')""",
    'update_plain': f'UPDATE plain.hotel SET stars = 4 WHERE hotel_id = {PLAIN_HOTEL}',
    'remove_ours': f'SELECT hotel.remove_hotel({OUR_HOTEL})',
    'remove_plain': f'UPDATE plain.hotel SET removed_at = now() WHERE hotel_id = {PLAIN_HOTEL}',
}

CHANGE = f"""
SELECT hotel.update_hotel(hotel_id, jsonb_build_object('stars', 1 + %(n)s %% 5, 'lat', lat + 0.0001))
FROM hotel.hotel WHERE hotel_id = %(n)s * 7919 %% {stand.HOTELS} + 1 AND removed_at IS NULL
"""
# On every page, so that nothing is all-visible afterwards.
OLD_VERSIONS = f"""
UPDATE hotel.hotel SET stars = 1 + (hotel_id + stars) % 5, version = version + 1
WHERE hotel_id % {max(1, stand.HOTELS // SNAPSHOT_UPDATES)} = 0
"""


class Changer(threading.Thread):
    """Updates and moves hotels at a fixed rate until stopped."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.cluster, self.stopped, self.done = cluster, threading.Event(), 0

    def run(self):
        with stand.connect(self.cluster) as db:
            start = time.monotonic()
            while not self.stopped.wait(max(0, start + self.done / CHANGES_A_SECOND - time.monotonic())):
                db.execute(CHANGE, {'n': self.done})
                self.done += 1


def while_changing(cluster, driver, points):
    changer = Changer(cluster)
    changer.start()
    rate = driver.sql(OURS, points)
    changer.stopped.set()
    changer.join()
    assert changer.done >= 0.9 * CHANGES_A_SECOND * stand.SECONDS, f'only {changer.done} changes'
    return rate


def under_a_snapshot(cluster, driver, points):
    """The rate after so many updates whose old versions a REPEATABLE READ snapshot keeps alive."""
    with stand.connect(cluster) as holder, stand.connect(cluster) as db:
        holder.execute('BEGIN ISOLATION LEVEL REPEATABLE READ')
        holder.execute('SELECT 1 FROM hotel.hotel LIMIT 1')
        db.execute(OLD_VERSIONS)
        rate = driver.sql(OURS, points)
        holder.execute('COMMIT')
    cluster.psql('-c', 'VACUUM hotel.hotel')
    return rate


def main():
    cluster = stand.loaded_cluster()
    cluster.psql('-c', PLAIN, '-c', 'VACUUM ANALYZE plain.hotel')
    with stand.connect(cluster) as db:
        points = stand.query_points(db)
    driver = stand.Driver(cluster)
    searches = stand.medians({
        'quiet': lambda at: driver.sql(OURS, at),
        'changing': lambda at: while_changing(cluster, driver, at),
        'snapshot': lambda at: under_a_snapshot(cluster, driver, at),
    }, points)
    writes = stand.medians({name: lambda at, sql=sql: driver.sql(sql, at) for name, sql in WRITES.items()},
                           points)
    cluster.remove()  # the hotels changed: the next benchmark wants fresh ones
    stand.print_rates(searches | writes)
    for name in ('add', 'update', 'remove'):
        stand.print_ratio(f'{name}_to_plain_gist', writes[f'{name}_ours'] / writes[f'{name}_plain'], 0, 1)
    stand.print_ratio('search_while_changing', searches['changing'] / searches['quiet'], 0.7, 0.9)
    stand.print_ratio('search_under_snapshot', searches['snapshot'] / searches['quiet'], 0.7, 0.9)
