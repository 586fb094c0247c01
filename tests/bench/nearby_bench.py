"""hotel.nearby beside Redis GEOSEARCH and PostGIS on the same million points (issue: the house, 3)."""
import subprocess

import stand

NEAR, FAR = 5000, 50000
HERE_POINT = 'ST_Point($2::float8, $1::float8)::geography'
KNN = f'SELECT hotel_id, ST_Distance(location, {HERE_POINT}) FROM hotel.hotel WHERE removed_at IS NULL {{more}} ORDER BY location <-> {HERE_POINT} LIMIT 20'
WITHIN = f'AND ST_DWithin(location, {HERE_POINT}, {{radius}})'
# As one would write it on the columns; bits 2 and 3 are pool and gym.
FILTERED = "AND stars >= 3 AND rating_average >= 3.5 AND price_range IN (2, 3) AND amenities & 12 = 12"

OURS = 'SELECT hotel.nearby_json($1, $2, {radius})'
OURS_ROWS = 'SELECT hotel_id, distance_m FROM hotel.nearby($1, $2, {radius})'
OURS_FILTERED = "SELECT hotel.nearby_json($1, $2, 5000, 3, 3.5, '{$$,$$$}', '{pool,gym}')"


def check_answers(db, path, points):
    """PostGIS must find the very same hotels; Redis, which is spherical, 99 % of them."""
    same = asked = 0
    for lat, lng in points[:50]:
        for radius in (NEAR, FAR):
            ours = [row[0] for row in db.execute('SELECT hotel_id FROM hotel.nearby(%s, %s, %s)', (lat, lng, radius))]
            theirs = [row[0] for row in db.execute("""SELECT hotel_id FROM hotel.hotel WHERE removed_at IS NULL
                AND ST_DWithin(location, ST_Point(%s, %s)::geography, %s) ORDER BY ST_Distance(location, ST_Point(%s, %s)::geography), hotel_id LIMIT 20""",
                                                   (lng, lat, radius, lng, lat))]
            assert ours == theirs, (lat, lng, radius)
            reply = subprocess.check_output(['redis-cli', '-s', path, 'GEOSEARCH', 'hotels', 'FROMLONLAT', str(lng), str(lat), 'BYRADIUS', str(radius),
                                             'm', 'ASC', 'COUNT', '20'], text=True).split()
            same += len(set(map(int, reply)) & set(ours))
            asked += len(ours)
    assert same >= 0.99 * asked, f'Redis agrees on {same} of {asked}'
    print(f'the answers are equal: PostGIS on all, Redis on {same} of {asked}')


def nine_cells(db, points):
    """The share of the hotels within 5 km that the usual nine cells of precision 6 hold."""
    found = inside = 0
    for lat, lng in points:
        row = db.execute("""SELECT count(*), count(*) FILTER (WHERE left(geohash, 6) = ANY (geo.geohash_neighbors(geo.geohash_encode(%s, %s, 6)) || geo.geohash_encode(%s, %s, 6)))
            FROM hotel.hotel WHERE removed_at IS NULL AND ST_DWithin(location, ST_Point(%s, %s)::geography, 5000)""", (lat, lng, lat, lng, lng, lat)).fetchone()
        inside, found = inside + row[0], found + row[1]
    return found / inside


def main():
    cluster = stand.loaded_cluster()
    driver = stand.Driver(cluster)
    with stand.connect(cluster) as db, stand.redis_with_hotels(db) as path:
        points = stand.query_points(db)
        check_answers(db, path, points)
        print(f'nine geohash cells hold {nine_cells(db, points[:200]):.1%} of the hotels within 5 km')
        rate = stand.medians({
            'select_1': lambda at: driver.sql('SELECT 1', at),
            'ours_5km': lambda at: driver.sql(OURS.format(radius=NEAR), at),
            'ours_5km_rows': lambda at: driver.sql(OURS_ROWS.format(radius=NEAR), at),
            'redis_5km': lambda at: driver.redis(path, NEAR, at),
            'knn': lambda at: driver.sql(KNN.format(more=''), at),
            'knn_within_5km': lambda at: driver.sql(KNN.format(more=WITHIN.format(radius=NEAR)), at),
            'ours_50km': lambda at: driver.sql(OURS.format(radius=FAR), at),
            'redis_50km': lambda at: driver.redis(path, FAR, at),
            'knn_within_50km': lambda at: driver.sql(KNN.format(more=WITHIN.format(radius=FAR)), at),
            'ours_filtered': lambda at: driver.sql(OURS_FILTERED, at),
            'postgis_filtered': lambda at: driver.sql(KNN.format(more=WITHIN.format(radius=NEAR) + FILTERED), at),
        }, points)
    for name, value in rate.items():
        print(f'{name:18} {value:12,.0f} a second')
    stand.print_ratio('nearby_5km_to_redis', rate['ours_5km'] / rate['redis_5km'], 15, 30)
    stand.print_ratio('nearby_5km_to_knn', rate['ours_5km'] / rate['knn'], 12, 27)
    stand.print_ratio('nearby_5km_to_knn_within', rate['ours_5km'] / rate['knn_within_5km'], 7, 15)
    stand.print_ratio('nearby_50km_to_redis', rate['ours_50km'] / rate['redis_50km'], 40, 80)
    stand.print_ratio('nearby_50km_to_knn_within', rate['ours_50km'] / rate['knn_within_50km'], 12, 27)
    stand.print_ratio('nearby_filtered_to_postgis', rate['ours_filtered'] / rate['postgis_filtered'], 8, 30)
    stand.print_ratio('nearby_share_of_select_1', rate['ours_5km'] / rate['select_1'], 0.3, 0.5)
    stand.print_ratio('nearby_rows_share_of_select_1', rate['ours_5km_rows'] / rate['select_1'], 0.3, 0.5)
