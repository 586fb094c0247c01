"""hotel.nearby beside Redis GEOSEARCH and PostGIS on the same million points (issue: the house, 3)."""
import subprocess

import stand

NEAR, FAR = 5000, 50000
ARRIVE_TOGETHER = 20_000  # hotels come over time; a heap sorted from end to end, as one large load makes it, spares PostGIS its reads
HERE_POINT = 'ST_Point($2::float8, $1::float8)::geography'
KNN = f"""SELECT hotel_id, ST_Distance(location, {HERE_POINT}) FROM hotel.hotel
  WHERE removed_at IS NULL {{more}} ORDER BY location <-> {HERE_POINT} LIMIT 20"""
WITHIN = f'AND ST_DWithin(location, {HERE_POINT}, {{radius}})'
# As one would write it on the columns; bits 2 and 3 are pool and gym.
FILTERED = 'AND stars >= 3 AND rating_average >= 3.5 AND price_range IN (2, 3) AND amenities & 12 = 12'

OURS = 'SELECT hotel.nearby_json($1, $2, {radius})'
OURS_ROWS = 'SELECT hotel_id, distance_m FROM hotel.nearby($1, $2, {radius})'
OURS_FILTERED = "SELECT hotel.nearby_json($1, $2, 5000, 3, 3.5, '{$$,$$$}', '{pool,gym}')"

OURS_IDS = 'SELECT hotel_id FROM hotel.nearby(%(lat)s, %(lng)s, %(radius)s)'
POSTGIS_IDS = """
SELECT hotel_id FROM hotel.hotel, (SELECT ST_Point(%(lng)s, %(lat)s)::geography AS here) AS q
WHERE removed_at IS NULL AND ST_DWithin(location, here, %(radius)s)
ORDER BY ST_Distance(location, here), hotel_id LIMIT 20
"""

IN_NINE_CELLS = """
SELECT count(*), count(*) FILTER (WHERE left(geohash, 6) = ANY (nine.cells)) FROM hotel.hotel,
  (SELECT geo.geohash_encode(%(lat)s, %(lng)s, 6) AS cell) AS middle,
  LATERAL (SELECT geo.geohash_neighbors(cell) || cell AS cells) AS nine
WHERE removed_at IS NULL AND ST_DWithin(location, ST_Point(%(lng)s, %(lat)s)::geography, 5000)
"""


def check_answers(db, path, points):
    """PostGIS must find the very same hotels; Redis, which is spherical, 99 % of them."""
    same = asked = 0
    for lat, lng in points[:50]:
        for radius in (NEAR, FAR):
            where = {'lat': lat, 'lng': lng, 'radius': radius}
            ours = [row[0] for row in db.execute(OURS_IDS, where)]
            assert ours == [row[0] for row in db.execute(POSTGIS_IDS, where)], where
            same += len(redis_ids(path, **where) & set(ours))
            asked += len(ours)
    assert same >= 0.99 * asked, f'Redis agrees on {same} of {asked}'
    print(f'the answers are equal: PostGIS on all, Redis on {same} of {asked}')


def redis_ids(path, lat, lng, radius):
    words = ['GEOSEARCH', 'hotels', 'FROMLONLAT', lng, lat, 'BYRADIUS', radius, 'm', 'ASC', 'COUNT', '20']
    reply = subprocess.check_output(['redis-cli', '-s', path, *map(str, words)], text=True)
    return set(map(int, reply.split()))


def nine_cells(db, points):
    """The share of the hotels within 5 km that the usual nine cells of precision 6 hold."""
    counts = [db.execute(IN_NINE_CELLS, {'lat': lat, 'lng': lng}).fetchone() for lat, lng in points]
    inside, found = map(sum, zip(*counts))
    return found / inside


def measurements(driver, path):
    def sql(statement):
        return lambda points: driver.sql(statement, points)

    def redis(radius):
        return lambda points: driver.redis(path, radius, points)

    return {
        'select_1': sql('SELECT 1'),
        'ours_5km': sql(OURS.format(radius=NEAR)),
        'ours_5km_rows': sql(OURS_ROWS.format(radius=NEAR)),
        'redis_5km': redis(NEAR),
        'knn': sql(KNN.format(more='')),
        'knn_within_5km': sql(KNN.format(more=WITHIN.format(radius=NEAR))),
        'ours_50km': sql(OURS.format(radius=FAR)),
        'redis_50km': redis(FAR),
        'knn_within_50km': sql(KNN.format(more=WITHIN.format(radius=FAR))),
        'ours_filtered': sql(OURS_FILTERED),
        'postgis_filtered': sql(KNN.format(more=WITHIN.format(radius=NEAR) + FILTERED)),
    }


# Name, who is measured, by whom, floor, target.
RATIOS = [
    ('nearby_5km_to_redis', 'ours_5km', 'redis_5km', 15, 30),
    ('nearby_5km_to_knn', 'ours_5km', 'knn', 12, 27),
    ('nearby_5km_to_knn_within', 'ours_5km', 'knn_within_5km', 7, 15),
    ('nearby_50km_to_redis', 'ours_50km', 'redis_50km', 40, 80),
    ('nearby_50km_to_knn_within', 'ours_50km', 'knn_within_50km', 12, 27),
    ('nearby_filtered_to_postgis', 'ours_filtered', 'postgis_filtered', 8, 30),
    ('nearby_share_of_select_1', 'ours_5km', 'select_1', 0.3, 0.5),
    ('nearby_rows_share_of_select_1', 'ours_5km_rows', 'select_1', 0.3, 0.5),
]


def main():
    cluster = stand.loaded_cluster(ARRIVE_TOGETHER)
    driver = stand.Driver(cluster)
    with stand.connect(cluster) as db, stand.redis_with_hotels(db) as path:
        points = stand.query_points(db)
        check_answers(db, path, points)
        share = nine_cells(db, points[:200])
        print(f'nine geohash cells hold {share:.1%} of the hotels within 5 km')
        rate = stand.medians(measurements(driver, path), points)
    stand.print_rates(rate)
    for name, ours, theirs, floor, target in RATIOS:
        stand.print_ratio(name, rate[ours] / rate[theirs], floor, target)
