"""Requests of the original's clients, each as it stands: whoever built one is served without a change. Each system adds its own."""
import json

import pytest
from account import new_account

HOTEL = {'name': 'Taj Mahal Palace', 'description': 'By the Gateway of India', 'address': 'Apollo Bunder, Colaba', 'city': 'Mumbai', 'country': 'IN',
         'latitude': 19.0760, 'longitude': 72.8777, 'star_rating': 5, 'average_price': 15000.00, 'amenities': {'wifi': True, 'pool': True, 'spa': False}}
OURS = {'lat': 19.076, 'lng': 72.8777, 'stars': 5, 'average_price_minor': 1500000, 'currency': 'INR', 'amenities': ['wifi', 'pool']}


@pytest.fixture
def merchant(door, db):
    return new_account(door, db, 'tenfold_merchant').headers()


@pytest.fixture(autouse=True)
def no_hotels(db):
    yield
    db.execute('DELETE FROM hotel.hotel')


def put(door, hotel_id, changes, headers):
    return door.request('PUT', f'/hotels/{hotel_id}', json.dumps(changes), {'Content-Type': 'application/json'} | headers)


def add(door, headers, **changes):
    answer = door.post('/hotels', {name: value for name, value in (HOTEL | changes).items() if value is not ...}, headers)
    assert answer.status == 201, answer.body
    return answer.json()


def test_hotels_are_written(door, merchant):
    made = add(door, merchant)
    shown = door.get(f'/hotels/{made["hotel_id"]}/details').json()
    expected = {name: HOTEL[name] for name in ('name', 'description', 'address', 'city', 'country', 'average_price')} | OURS
    assert {name: shown[name] for name in expected} == expected
    changes = {'latitude': 19.08, 'star_rating': 4, 'average_price': 12000.50, 'amenities': {'gym': True}, 'description': None, 'address': 'Colaba'}
    changed = put(door, made['hotel_id'], changes, merchant)
    assert changed.status == 200
    assert {name: changed.json()[name] for name in ('lat', 'lng', 'stars', 'average_price_minor', 'currency', 'amenities', 'description', 'address')} == {
        'lat': 19.08, 'lng': 72.8777, 'stars': 4, 'average_price_minor': 1200050, 'currency': 'INR', 'amenities': ['gym'], 'description': None, 'address': 'Colaba'}
    assert door.request('DELETE', f'/hotels/{made["hotel_id"]}', headers=merchant).status == 204
    assert door.get(f'/hotels/{made["hotel_id"]}/details').status == 404


def test_amenities_are_an_array_or_an_object(door, merchant):
    for amenities, codes in ((['pool', 'wifi'], ['wifi', 'pool']), ({'pool': True, 'gym': False}, ['pool']), ({}, []), ([], [])):
        assert add(door, merchant, amenities=amenities)['amenities'] == codes


def test_hotels_near_a_point(door, db, merchant):
    """`radius=5` is five kilometers. Nearest first, of those that the filters let through."""
    def at(latitude, rating=4.5, **changes):
        hotel = add(door, merchant, latitude=latitude, **{'average_price': 8000.0} | changes)
        db.execute('SELECT hotel.set_rating(%s::bigint, %s::numeric, 10)', (hotel['hotel_id'], rating))
        return hotel['hotel_id']

    far, near, nearest = at(19.1240), at(19.1160), at(19.0761)  # 5.3 km, 4.4 km, 11 m
    for others in ({'amenities': ['wifi']}, {'average_price': 100.0}, {'rating': 3.9}):
        at(19.0770, **others)
    answer = door.get('/hotels/nearby?lat=19.0760&lng=72.8777&radius=5&min_rating=4&amenities=wifi,pool&price=$$')
    assert answer.status == 200, answer.body
    found = answer.json()['hotels']
    assert [hotel['hotel_id'] for hotel in found] == [nearest, near]
    assert found[0]['distance_m'] < 12 and 4000 < found[1]['distance_m'] < 5000
    wider = door.get('/hotels/nearby?lat=19.0760&lng=72.8777&radius=5.5&min_rating=4&amenities=wifi,pool&price=$$').json()['hotels']
    assert wider[-1]['hotel_id'] == far


def test_hotels_of_a_city(door, merchant):
    """Without dates: those come with the inventory of rooms."""
    add(door, merchant, city='Delhi')
    mine = add(door, merchant)['hotel_id']
    assert [hotel['hotel_id'] for hotel in door.get('/hotels/search?city=Mumbai').json()['hotels']] == [mine]
    assert door.get('/hotels/search?city=Mumbai&min_price=15000&max_price=15000.00').json()['total'] == 1


# Both names at once.

SAME = {'latitude': ('lat', 19.0760, 19.1), 'longitude': ('lng', 72.87770, 72.9), 'star_rating': ('stars', 5, None), 'average_price': ('average_price_minor', 1500000, 1500001)}


@pytest.mark.parametrize('theirs', SAME)
def test_both_names_must_agree(door, merchant, theirs):
    ours, equal, other = SAME[theirs]
    hotel_id = add(door, merchant, **{ours: equal})['hotel_id']
    for answer in (door.post('/hotels', HOTEL | {ours: other}, merchant), put(door, hotel_id, {theirs: HOTEL[theirs], ours: other}, merchant)):
        assert (answer.status, answer.json()['code']) == (400, '22023') and ours in answer.json()['message']
    assert put(door, hotel_id, {theirs: HOTEL[theirs], ours: equal}, merchant).status == 200
    plain = {name: value for name, value in HOTEL.items() if name != theirs} | {ours: equal, 'currency': 'INR'}
    assert door.post('/hotels', plain, merchant).status == 201


# What the money of a price is.

@pytest.mark.parametrize('country, currency, price, minor', [('IN', ..., 99.5, 9950), ('JP', ..., 12000, 12000), ('KW', ..., 10.125, 10125), ('IN', 'USD', 99.99, 9999),
                                                             ('AQ', 'USD', 1, 100), ('IN', None, 1, 100), ('AQ', ..., None, None)])
def test_a_price_is_a_decimal_of_its_currency(door, merchant, country, currency, price, minor):
    hotel = add(door, merchant, country=country, currency=currency, average_price=price)
    assert (hotel['average_price_minor'], hotel['average_price']) == (minor, price)


def test_a_price_stays_in_the_hotels_currency(door, merchant):
    hotel_id = add(door, merchant, currency='USD')['hotel_id']
    changed = put(door, hotel_id, {'average_price': 20.25}, merchant).json()
    assert (changed['average_price_minor'], changed['currency']) == (2025, 'USD')
    assert put(door, hotel_id, {'average_price': None}, merchant).json()['average_price'] is None


@pytest.mark.parametrize('change, code', [
    ({'average_price': 10.001}, '22023'), ({'average_price': 0.5, 'currency': 'JPY'}, '22023'), ({'average_price': 1e300}, '22003'), ({'average_price': -1}, '22023'),
    ({'average_price': '15000'}, '22023'), ({'country': 'AQ'}, '22023'), ({'latitude': 91}, '22023'), ({'latitude': ...}, '22023'), ({'longitude': ...}, '22023'),
    ({'star_rating': 6}, '22023'), ({'amenities': {'wifi': 'yes'}}, '22023'), ({'amenities': {'moat': True}}, 'TFH02'), ({'amenities': 'wifi'}, '22023'),
    ({'description': 'x' * 4001}, '22023'), ({'address': 'x' * 501}, '22023'), ({'currency': 'rupee'}, '22023')])
def test_bad_hotels(door, merchant, change, code):
    body = {name: value for name, value in (HOTEL | change).items() if value is not ...}
    answer = door.post('/hotels', body, merchant)
    assert (answer.status, answer.json()['code']) == (400, code), answer.body
    assert answer.json()['message']


def test_a_payment(door, db):
    """With the key in X-Idempotency-Key, and again: the same transaction, cached."""
    shop = new_account(door, db, 'tenfold_merchant')
    db.execute("SELECT payment.add_member(payment.create_merchant('shop'), %s::uuid)", (shop.claims()['sub'],))
    body = {'amount': 100.00, 'currency': 'INR', 'customer_id': 7, 'payment_method': 'card'}
    headers = shop.headers() | {'X-Idempotency-Key': 'order-7'}
    made = door.post('/payments', body, headers)
    assert made.status == 202 and made.json()['status'] == 'pending', made.body
    again = door.post('/payments', body, headers)
    assert again.json() == made.json() | {'cached': True}
