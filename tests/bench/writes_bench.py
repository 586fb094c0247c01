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
CREATE TABLE plain.hotel (hotel_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, country text, city text, stars smallint,
  removed_at timestamptz, location geography(Point, 4326));
INSERT INTO plain.hotel (name, country, city, stars, location) SELECT name, country, city, stars, location FROM hotel.hotel ORDER BY hotel_id;
CREATE INDEX ON plain.hotel USING gist (location);
VACUUM ANALYZE plain.hotel;
"""

# Some hotel that is there.
ANY = f'SELECT hotel_id FROM {{table}} WHERE hotel_id > (SELECT (random() * {stand.HOTELS} * 0.9)::bigint) AND removed_at IS NULL ORDER BY hotel_id LIMIT 1'

WRITES = {
    'add': ("SELECT hotel.add_hotel('bench', 'FR', 'x', $1::numeric, $2::numeric, 3, '{wifi}')",
            "INSERT INTO plain.hotel (name, country, city, stars, location) VALUES ('bench', 'FR', 'x', 3, ST_Point($2::float8, $1::float8)::geography)"),
    'update': (f"SELECT hotel.update_hotel(({ANY.format(table='hotel.hotel')}), '{{\"stars\": 4}}')",
               f"UPDATE plain.hotel SET stars = 4 WHERE hotel_id = ({ANY.format(table='plain.hotel')})"),
    'remove': (f"SELECT hotel.remove_hotel(({ANY.format(table='hotel.hotel')}))",
               f"UPDATE plain.hotel SET removed_at = now() WHERE hotel_id = ({ANY.format(table='plain.hotel')})"),
}


class Changer(threading.Thread):
    """Changes hotels at a fixed rate until stopped: updates, moves, ratings."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.cluster, self.stopped, self.done = cluster, threading.Event(), 0

    def run(self):
        with stand.connect(self.cluster) as db:
            start = time.monotonic()
            while not self.stopped.wait(max(0, start + self.done / CHANGES_A_SECOND - time.monotonic())):
                db.execute("SELECT hotel.update_hotel(h.hotel_id, jsonb_build_object('stars', 1 + %s %% 5, 'lat', h.lat + 0.0001)) "
                           'FROM hotel.hotel h WHERE hotel_id = %s AND removed_at IS NULL', (self.done, self.done * 7919 % stand.HOTELS + 1))
                self.done += 1


def while_changing(cluster, driver, points):
    changer = Changer(cluster)
    changer.start()
    rate = driver.sql(OURS, points)
    changer.stopped.set()
    changer.join()
    return rate


def under_a_snapshot(cluster, driver, points):
    """The rate after so many updates whose old versions a REPEATABLE READ snapshot keeps alive."""
    with stand.connect(cluster) as holder, stand.connect(cluster) as db:
        holder.execute('BEGIN ISOLATION LEVEL REPEATABLE READ')
        holder.execute('SELECT 1 FROM hotel.hotel LIMIT 1')
        db.execute(f'UPDATE hotel.hotel SET stars = 1 + (hotel_id + stars) % 5, version = version + 1 WHERE hotel_id <= {SNAPSHOT_UPDATES}')
        rate = driver.sql(OURS, points)
        holder.execute('COMMIT')
    cluster.psql('-c', 'VACUUM hotel.hotel')
    return rate


def main():
    cluster = stand.loaded_cluster()
    cluster.psql('-c', PLAIN.replace('VACUUM ANALYZE plain.hotel;', ''), '-c', 'VACUUM ANALYZE plain.hotel')
    with stand.connect(cluster) as db:
        points = stand.query_points(db)
    driver = stand.Driver(cluster)
    rate = stand.medians({f'{name}_{who}': (lambda at, sql=sql: driver.sql(sql, at))
                          for name, pair in WRITES.items() for who, sql in zip(('ours', 'plain'), pair)}, points)
    cluster.psql('-c', 'VACUUM hotel.hotel')
    search = stand.medians({'quiet': lambda at: driver.sql(OURS, at), 'changing': lambda at: while_changing(cluster, driver, at), 'snapshot': lambda at: under_a_snapshot(cluster, driver, at)}, points, rounds=3)
    for name, value in (rate | search).items():
        print(f'{name:14} {value:12,.0f} a second')
    for name in WRITES:
        stand.print_ratio(f'{name}_to_plain_gist', rate[f'{name}_ours'] / rate[f'{name}_plain'], 0, 1)
    stand.print_ratio('search_while_changing', search['changing'] / search['quiet'], 0.7, 0.9)
    stand.print_ratio('search_under_snapshot', search['snapshot'] / search['quiet'], 0.7, 0.9)
    cluster.remove()  # the hotels changed: the next benchmark wants fresh ones
