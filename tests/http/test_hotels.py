"""Hotels over HTTP: found by anybody, written by their merchants."""
import json
import re
import socket
import uuid
from urllib.parse import quote

import pytest
from account import new_account
from gateway import read_to_end

HERE = {'lat': 18.9217, 'lng': 72.8332}
TAJ = {'name': 'Taj Mahal Palace', 'country': 'IN', 'city': 'Mumbai', 'stars': 5, 'amenities': ['wifi', 'pool'],
       'average_price_minor': 2400000, 'currency': 'INR'} | HERE


@pytest.fixture
def merchant(door, db):
    return new_account(door, db, 'tenfold_merchant')


@pytest.fixture
def hotel(door, merchant):
    return door.post('/hotels', TAJ | {'reference': str(uuid.uuid4())}, merchant.headers()).json()


@pytest.fixture(autouse=True)
def no_hotels(db):
    yield
    db.execute('DELETE FROM hotel.hotel')


def put(door, hotel_id, changes, headers):
    return door.request('PUT', f'/hotels/{hotel_id}', json.dumps(changes), {'Content-Type': 'application/json'} | headers)


def test_a_hotel_from_its_making_to_its_end(door, merchant):
    made = door.post('/hotels', TAJ, merchant.headers())
    assert made.status == 201 and made.headers['ETag'] == '"1"' and made.json()['price_range'] == '$$$'
    here = made.headers['Location'].removeprefix('/api/v1')
    assert door.get(here).json() == made.json()
    hotel_id = made.json()['hotel_id']
    found = door.get(f'/hotels/nearby?lat={HERE["lat"]}&lng={HERE["lng"]}&radius=1&amenities=pool,wifi&price=%24%24%24').json()
    assert [(h['hotel_id'], h['name'], h['distance_m']) for h in found['hotels']] == [(hotel_id, TAJ['name'], 0)]
    assert found['next'] is None

    changed = put(door, hotel_id, {'stars': 4}, merchant.headers() | {'If-Match': '"1"'})
    assert changed.status == 200 and changed.json()['stars'] == 4 and changed.headers['ETag'] == '"2"'
    stale = put(door, hotel_id, {'stars': 3}, merchant.headers() | {'If-Match': '"1"'})
    assert stale.status == 412 and stale.json()['code'] == 'TFH05'
    assert door.request('DELETE', f'/hotels/{hotel_id}', headers=merchant.headers() | {'If-Match': '"1"'}).status == 412
    assert door.get(here).json()['stars'] == 4

    assert door.request('DELETE', f'/hotels/{hotel_id}', headers=merchant.headers() | {'If-Match': '"2"'}).status == 204
    assert door.get(here).status == 404
    assert door.request('DELETE', f'/hotels/{hotel_id}', headers=merchant.headers()).status == 404


def test_what_one_has_is_not_sent_again(door, hotel):
    here = f'/hotels/{hotel["hotel_id"]}/details'
    etag = door.get(here).headers['ETag']
    again = door.get(here, {'If-None-Match': etag})
    assert again.status == 304 and again.body == b''
    assert door.request('HEAD', here).headers['ETag'] == etag


@pytest.mark.parametrize('tag, status', [('*', 200), ('"1"', 200), ('"2"', 412), ('W/"1"', 412), ('"1", "2"', 200), ('"99", "1"', 200),
    ('W/"1", "1"', 200), ('"2", "3"', 412), ('1', 412), ('"99999999999"', 412)])
def test_if_match(door, hotel, merchant, tag, status):
    assert put(door, hotel['hotel_id'], {'city': 'Bombay'}, merchant.headers() | {'If-Match': tag}).status == status


def test_adding_again_by_reference_updates(door, merchant):
    first, again = (door.post('/hotels', TAJ | {'reference': 'taj', 'stars': stars}, merchant.headers()).json() for stars in (4, 5))
    assert (again['hotel_id'], again['version'], again['stars']) == (first['hotel_id'], 2, 5)


def test_merchants_change_their_own_hotels_and_operators_all(door, db, hotel):
    other = new_account(door, db, 'tenfold_merchant')
    refused = put(door, hotel['hotel_id'], {'stars': 1}, other.headers())
    assert refused.status == 403 and refused.json()['code'] == '42501' and refused.json()['hint']
    assert door.request('DELETE', f'/hotels/{hotel["hotel_id"]}', headers=other.headers()).status == 403
    operator = new_account(door, db, 'tenfold_operator')
    assert put(door, hotel['hotel_id'], {'stars': 1}, operator.headers()).status == 200


def test_pages_hold_every_hotel_once(door, db):
    db.execute("SELECT hotel.add_hotel('h' || i, 'FR', 'x', 48 + (i / 5) / 1000.0, 2) FROM generate_series(1, 57) i")  # five at a place
    path, seen = '/hotels/nearby?radius=50&lat=48&lng=2&limit=10', []
    while path:
        page = door.get(path)
        seen += [hotel['hotel_id'] for hotel in page.json()['hotels']]
        link = page.headers['Link']
        assert (link is None) == (page.json()['next'] is None)
        path = link and '/hotels/nearby' + link.removeprefix('<').removesuffix('>; rel="next"')
    assert seen == [row[0] for row in db.execute('SELECT hotel_id FROM hotel.nearby(48, 2, 50000, row_limit => 100)')]
    assert len(set(seen)) == 57


# Of two codes the first is the gateway's, which knows patterns; the second the function's own, behind PostgREST.
@pytest.mark.parametrize('query, status, code', [
    ('lat=48', 400, 'PGRST100'), ('lat=x&lng=2', 400, 'PGRST100 22P02'), ('lat=91&lng=2', 400, 'TFG01'), ('lat=48&lng=181', 400, 'TFG01'),
    ('lat=48&lng=2&radius=-1', 400, 'PGRST100 TFG02'), ('lat=48&lng=2&radius=20038.1', 400, 'TFG02'), ('lat=48&lng=2&limit=0', 400, 'TFH01'),
    ('lat=48&lng=2&limit=101', 400, 'TFH01'), ('lat=48&lng=2&amenities=moat', 400, 'TFH02'), ('lat=48&lng=2&price=5', 400, 'PGRST100 TFH03'),
    ('lat=48&lng=2&min_stars=9', 400, 'TFH03'), ('lat=48&lng=2&cursor=x', 400, 'PGRST100 22023'), ('lat=48&lng=2&cursor=e_1', 400, '22P02'),
    ('lat=48&lng=2&cursor=1_9999999999999999999', 400, '22003'), ('lat=48&lng=2&checkin=2026-12-01&checkout=2026-12-02', 501, '0A000'),
    ('lat=48&lng=2&checkin=2026-13-01', 400, '22008'), ('lat=48&lng=2&amenities=%00', 400, 'PGRST100'), ('lat=48&lng=2&amenities=%', 400, 'PGRST100')])
def test_bad_searches(door, query, status, code):
    answer = door.get(f'/hotels/nearby?{query}')
    assert answer.status == status and answer.json()['code'] in code.split()
    assert answer.json()['message']


@pytest.mark.parametrize('change, code', [
    ({'lat': 91}, '22023'), ({'lat': None}, '22023'), ({'country': 'india'}, '22023'), ({'name': ''}, '23514'), ({'name': 'x' * 201}, '22023'),
    ({'stars': 6}, '22023'), ({'stars': 99999}, '22023'), ({'stars': 10**30}, '22023'), ({'stars': '5'}, '22023'), ({'amenities': 'wifi'}, '22023'),
    ({'amenities': ['moat']}, 'TFH02'), ({'amenities': [1]}, '22023'), ({'amenities': [None]}, '22023'), ({'currency': None}, '23514'),
    ({'name': 'a\0b'}, '22P05'), ({'role': 'tenfold_operator'}, '22023')])
def test_bad_hotels(door, merchant, change, code):
    answer = door.post('/hotels', TAJ | change, merchant.headers())
    assert (answer.status, answer.json()['code']) == (400, code)
    assert answer.json()['message']


def test_search_with_facets_and_pages(door, db):
    db.execute("""SELECT hotel.add_hotel('Hotel ' || i, 'FR', CASE WHEN i % 2 = 0 THEN 'Paris' ELSE 'Lyon' END, 48, 2 + i / 1000.0, 1 + i % 5,
        CASE WHEN i % 3 = 0 THEN '{wifi,pool}'::text[] ELSE '{wifi}' END, 1000 * i, 'EUR') FROM generate_series(1, 30) i""")
    answer = door.get('/hotels/search?city=paris&amenities=pool&sort=price&limit=2').json()
    assert [hotel['name'] for hotel in answer['hotels']] == ['Hotel 6', 'Hotel 12']
    assert answer['total'] == 5 and answer['facets']['amenities'] == {'pool': 5, 'wifi': 5}
    assert sum(answer['facets']['stars'].values()) == 5
    path, seen = '/hotels/search?country=FR&sort=stars&limit=7', []
    while path:
        page = door.get(path)
        seen += [(-hotel['stars'], hotel['hotel_id']) for hotel in page.json()['hotels']]
        link = page.headers['Link']
        path = link and '/hotels/search' + link.removeprefix('<').removesuffix('>; rel="next"')
    assert seen == sorted(seen) and len(set(seen)) == 30
    assert door.get('/hotels/search?country=FR&q=hotel+7').json()['total'] == 1
    assert door.get('/hotels/search?country=FR&min_price_minor=5000&max_price_minor=6000&currency=EUR').json()['total'] == 2


def total(door, query):
    answer = door.get('/hotels/search?' + query)
    assert answer.status == 200, answer.body
    return answer.json()['total']


def test_prices_are_decimals_of_the_hotels_currency(door, db):
    db.execute("""SELECT hotel.add_hotel(c, 'CH', 'x', 47, 8, average_price_minor => m, currency => c)
        FROM (VALUES ('CHF', 9950), ('JPY', 9950), ('KWD', 9950)) v(c, m)""")  # 99.50, 9950 and 9.950
    assert [total(door, 'country=CH&' + query) for query in ('min_price=99.5', 'max_price=99.5', 'min_price=9.951&max_price=99.49', 'min_price=9950',
        'min_price_minor=9950', 'min_price=99.5&currency=CHF', 'max_price=9.950')] == [2, 2, 0, 1, 3, 1, 1]
    found = door.get('/hotels/search?country=CH').json()['hotels']
    assert {hotel['currency']: hotel['average_price'] for hotel in found} == {'CHF': 99.5, 'JPY': 9950, 'KWD': 9.95}


@pytest.mark.parametrize('radius, names', [('0', ['0']), ('0.9', ['0']), ('1.2', ['0', '1']), ('3', ['0', '1', '2']),
    ('20038', ['0', '1', '2', 'far']), ('20004', ['0', '1', '2', 'far'])])
def test_a_radius_is_in_kilometers(door, db, radius, names):
    db.execute("""SELECT hotel.add_hotel(n, 'XX', 'x', lat, lng)
        FROM (VALUES ('0', 0, 0), ('1', 0.01, 0), ('2', 0, 0.02), ('far', 0, 180)) v(n, lat, lng)""")  # a hundredth degree is 1.1 km
    found = door.get(f'/hotels/nearby?lat=0&lng=0&radius={radius}').json()['hotels']
    assert [hotel['name'] for hotel in found] == names


def test_a_cursor_of_a_large_price_is_taken(door, db):
    """Postgres writes 1e+15, whose + is a blank in a query."""
    db.execute("SELECT hotel.add_hotel('Dear ' || i, 'MC', 'Monaco', 43.7, 7.4, average_price_minor => 2000000000000000 + i, currency => 'EUR') FROM generate_series(1, 3) i")
    path, seen = '/hotels/search?country=MC&sort=price&limit=1', []
    while path:
        page = door.get(path)
        assert page.status == 200, page.json()
        seen += [hotel['name'] for hotel in page.json()['hotels']]
        path = page.json()['next'] and f"/hotels/search?country=MC&sort=price&limit=1&cursor={page.json()['next']}"
    assert seen == ['Dear 1', 'Dear 2', 'Dear 3']


def test_a_link_repeats_what_the_route_lists(door, db):
    db.execute("SELECT hotel.add_hotel('h', 'SM', 'San Marino', 43.9, 12.4) FROM generate_series(1, 2)")
    for path, query in (('/hotels/search', 'country=SM&city=San%20Marino'), ('/hotels/nearby', 'lat=43.9&lng=12.4')):
        page = door.get(f'{path}?x=1&{query}&limit=1&access_token=secret&&y&cursors=2')
        link = page.headers['Link'].removeprefix('<?').removesuffix('>; rel="next"')
        assert sorted(link.split('&')) == sorted([*query.split('&'), 'limit=1', f'cursor={page.json()["next"]}'])


@pytest.mark.parametrize('size, status', [(3500, 200), (10_000, 200), (20_000, 414)])
def test_a_long_query(door, db, size, status):
    answer = door.get('/hotels/search?country=SM&x=' + 'x' * size)
    assert answer.status == status, answer.body
    assert status == 200 or answer.json()['message']


def test_a_long_query_has_a_link(door, db):
    letter = '\U00010330'  # four bytes, each three characters of a query
    db.execute("SELECT hotel.add_hotel('h', 'SM', %s, 43.9, 12.4) FROM generate_series(1, 2)", (letter * 200,))
    query = f'city={quote(letter * 200)}&q={quote("h -" + letter * 197)}'
    assert len(query) > 4700
    page = door.get(f'/hotels/search?{query}&limit=1')
    assert page.status == 200 and page.json()['total'] == 2
    link = page.headers['Link'].removeprefix('<?').removesuffix('>; rel="next"')
    second = door.get('/hotels/search?' + link)
    assert second.status == 200 and len(second.json()['hotels']) == 1 and second.json()['hotels'] != page.json()['hotels']


def test_a_link_holds_a_uri(door, db):
    db.execute("SELECT hotel.add_hotel('a<b ' || i, 'SM', 'San Marino', 43.9, 12.4) FROM generate_series(1, 2) i")
    with socket.create_connection(('127.0.0.1', door.port), timeout=60) as connection:
        connection.sendall(b'GET /api/v1/hotels/search?country=SM&limit=1&q=a"<>b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        head = read_to_end(connection).partition(b'\r\n\r\n')[0].decode()
    link = next(line for line in head.split('\r\n') if line.startswith('Link: '))
    assert re.fullmatch(r'Link: <[^<>" ]*>; rel="next"', link), link


@pytest.mark.parametrize('content_type', ['Application/JSON', 'application/json;charset=UTF-8', None])
def test_json_by_whatever_name(door, merchant, content_type):
    body = json.dumps(TAJ | {'reference': f'by {content_type}'})
    headers = merchant.headers() | ({'Content-Type': content_type} if content_type else {})
    assert door.request('POST', '/hotels', body, headers).status == 201


def test_a_search_is_cached_until_a_hotel_of_its_country_changes(door, db, merchant, hotel):
    count = 'SELECT hits, misses FROM tenfold.stat_cache'

    def stars():
        before = db.execute(count).fetchone()
        (found,) = door.get('/hotels/search?country=IN').json()['hotels']
        after = db.execute(count).fetchone()
        return found['stars'], after[0] - before[0]

    stars()
    assert stars() == (5, 1)
    assert put(door, hotel['hotel_id'], {'stars': 4}, merchant.headers()).status == 200
    assert stars() == (4, 0)
    assert stars() == (4, 1)
    db.execute("SELECT hotel.add_hotel('h', 'FR', 'x', 48, 2)")
    assert stars() == (4, 1)


@pytest.mark.parametrize('query, status, code', [
    ('', 400, '22023'), ('q=x', 400, '22023'), ('country=France', 400, 'PGRST100 22023'), ('country=FR&limit=0', 400, 'TFH01'),
    ('country=FR&amenities=moat', 400, 'TFH02'), ('country=FR&sort=name', 400, 'PGRST100 22023'), ('country=FR&cursor=e_1', 400, '22P02'),
    ('country=FR&checkin=2026-12-01', 501, '0A000'), ('city=%00', 400, 'PGRST100')])
def test_bad_searches_by_place(door, query, status, code):
    answer = door.get(f'/hotels/search?{query}')
    assert answer.status == status and answer.json()['code'] in code.split()
