"""Every row of tenfold.route over HTTP: as its example says, by every role, and with what it should never get."""
import hashlib
import hmac
import json
import os
import re
import time
import uuid
from urllib.parse import quote

import pytest
from account import new_account, service_token
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from services.cluster import PAYMENT_SECRETS

ROLES = ('tenfold_anonymous', 'tenfold_user', 'tenfold_merchant', 'tenfold_operator', 'tenfold_worker')
INHERITED = {'tenfold_worker': ()} | {role: ROLES[:place] for place, role in enumerate(ROLES[:4])}


@pytest.fixture
def routes(db):
    rows = db.execute("SELECT to_jsonb(r) FROM tenfold.route r ORDER BY path, method").fetchall()
    return [row[0] for row in rows]


@pytest.fixture
def hotel_id(db):
    yield db.execute("SELECT hotel.add_hotel('h', 'FR', 'x', 48, 2, owner_id => '00000000-0000-0000-0000-000000000001')").fetchone()[0]
    db.execute('DELETE FROM hotel.hotel')


def call(door, route, headers, example=None):
    """The route's example, or another in its form."""
    example = example or route['example']
    path = route['path']
    for name, value in example.get('path', {}).items():
        path = path.replace(f':{name}', str(value))
    query = '&'.join(f'{name}={value}' for name, value in example.get('query', {}).items())
    body = json.dumps(example['body']) if 'body' in example else None
    headers = headers | example.get('headers', {})
    if body:
        headers = headers | {'Content-Type': 'application/json'}
    return door.request(route['method'], path + ('?' + query if query else ''), body, headers)


def path_of(route, hotel_id=1):
    """With an id that fits the path's pattern."""
    return route['path'].replace(':id', str(hotel_id if route['module'] == 'hotel' else route['example'].get('path', {}).get('id', 1)))


def with_real_ids(route, hotel_id, account, db):
    """The example, with what exists in this database."""
    example = json.loads(json.dumps(route['example']))
    if route['module'] == 'payment':
        return with_payment(route, example, account, db)
    if route['module'] == 'hotel' and 'path' in example:
        example['path']['id'] = hotel_id
    if route['path'] == '/register':
        example['body']['email'] = f'{uuid.uuid4()}@example.com'
    if route['path'] == '/login':
        example['body']['email'] = account.email
    if route['path'] == '/token/refresh':
        example['body']['refresh_token'] = account.tokens['refresh_token']
    return example


STATES = {'capture': ('authorized', 10000, 0), 'void': ('authorized', 10000, 0), 'refund': ('success', 10000, 10000)}  # held, captured


def with_payment(route, example, account, db):
    """The account acts for a merchant; of that are the payment, in a state that the path wants, and the endpoint."""
    merchant = db.execute("SELECT payment.create_merchant('a shop')").fetchone()[0]
    db.execute('SELECT payment.add_member(%s, %s::uuid)', (merchant, account.claims()['sub']))
    example['headers'] = {'Idempotency-Key': str(uuid.uuid4())}
    if route['path'].startswith('/webhook-endpoints/'):
        example['path']['id'] = db.execute("SELECT endpoint_id::text FROM payment.create_endpoint(%s, 'https://shop.example.com/h', '{}')",
                                           (merchant,)).fetchone()[0]
    elif route['path'].startswith('/payments/'):
        state, held, captured = STATES.get(route['path'].rsplit('/', 1)[1], ('pending', 0, 0))
        body = {'amount': 100, 'currency': 'INR', 'customer_id': 7, 'payment_method': 'card', 'payment_token': 'tok_1', 'capture': 'manual'}
        made = db.execute('SELECT answer FROM payment.create(%s, %s, %s)', (merchant, str(uuid.uuid4()), json.dumps(body))).fetchone()[0]
        example['path']['id'] = made['transaction_id']
        db.execute('UPDATE payment.payment SET state = %s, held_minor = %s, captured_minor = %s WHERE payment_id = %s',
                   (state, held, captured, made['transaction_id']))
    elif route['path'] == '/webhooks/:provider':
        example['path'] = {'provider': 'stripe'}
        example['body'] = {'id': str(uuid.uuid4())}
        now, raw = int(time.time()), json.dumps(example['body'])
        signature = hmac.new(PAYMENT_SECRETS['stripe'][0].encode(), f'{now}.{raw}'.encode(), hashlib.sha256).hexdigest()
        example['headers'] = {'Stripe-Signature': f't={now},v1={signature}'}
    return example


def test_every_example_works(door, db, routes):
    for route in routes:
        hotel_id = db.execute("SELECT hotel.add_hotel('h', 'FR', 'x', 48, 2)").fetchone()[0]
        account = new_account(door, db, 'tenfold_operator')
        answer = call(door, route, account.headers(), with_real_ids(route, hotel_id, account, db))
        assert answer.status == route['success_status'], (route['method'], route['path'], answer.body)
    db.execute('DELETE FROM hotel.hotel')


def test_every_route_with_every_role(door, product, routes, hotel_id):
    for route in routes:
        for role in ROLES:
            headers = {} if role == 'tenfold_anonymous' else service_token(product, role, sub=str(uuid.uuid4()))
            answer = call(door, route, headers)
            denied = answer.status in (401, 403) and answer.json()['message'].startswith('permission denied for function')
            may = bool({role, *INHERITED[role]} & set(route['roles']))
            assert denied != may, (route['method'], route['path'], role, answer.status, answer.body)


@pytest.mark.parametrize('body', [
    '', '[]', '[{}]', 'null', '1', '"x"', '{', '{"a":}', '{"a":"\\u0000"}', '{"a":"\\ud800"}', '\ufeff{}', '{"a":1e999999}', '[' * 100000,
    '{"a":' * 10000 + '1' + '}' * 10000, '{"email":["a"],"password":{"b":1}}', '{"name":{"x":1}}', '{"email":null,"password":null}', '{"a":1,"a":2}'])
def test_no_body_breaks_a_route(door, db, routes, hotel_id, body):
    account = new_account(door, db, 'tenfold_operator')
    for route in routes:
        if route['shape'] != 'J':
            continue
        path = path_of(route, hotel_id)
        answer = door.request(route['method'], path, body.encode(), account.headers() | {'Content-Type': 'application/json'})
        if body == '' and answer.status in (200, 204, 403):  # an empty body is {}, which some take
            account = new_account(door, db, 'tenfold_operator')  # this was a logout
            continue
        too_complex = 500 if door.is_postgrest else 413
        assert answer.status == (too_complex if answer.json()['code'] == '54001' else 400), (route['path'], answer.body)
        assert answer.json()['message'] and answer.json()['code']


def test_ten_megabytes_are_too_many(door, db, routes):
    """They are refused by their length: nobody waits until they have come."""
    for route in routes:
        if route['shape'] == 'J':
            head = (f'{route["method"]} /api/v1{path_of(route)} HTTP/1.1\r\nHost: x\r\n'
                    'Content-Type: application/json\r\nContent-Length: 10000000\r\n\r\n{"name": "')
            assert door.raw(head.encode()).startswith(b'HTTP/1.1 413 ')


# Behind PostgREST nobody looks at patterns but the functions themselves.
ODD_VALUES = ['France', 'name', 'x_y', '1_2_3', 'NaN_1', '_', 'NaN', 'é', 'fr', '$$$$$', 'price-', '9' * 18, 'a' * 201, '99']


def test_what_no_pattern_fits_is_refused_at_every_door(door, product, routes):
    headers = service_token(product, 'tenfold_operator', sub=str(uuid.uuid4()))
    asked = 0
    for route in (one for one in routes if one['shape'] == 'F'):
        for parameter in (one for one in route['parameters'] if one['in'] == 'query'):
            for value in ODD_VALUES:
                if re.fullmatch(parameter['pattern'], value):
                    continue
                query = route['example'].get('query', {}) | {parameter['name']: quote(value, safe='')}
                answer = call(door, route, headers, route['example'] | {'query': query})
                assert answer.status in (400, 501) and answer.json()['message'], (route['path'], parameter['name'], value, answer.body)
                asked += 1
    assert asked > 200


# Any text in any place of any route. In check the same ones each time, so that a commit is not refused by chance;
# FUZZ_SECONDS is how long others are made up: `make fuzz` gives it ten minutes.

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4), max_leaves=8)


def is_unicode(text):
    """What from_regex makes up may hold half a surrogate pair, for which UTF-8 has no bytes."""
    return not re.search('[\ud800-\udfff]', text)


@st.composite
def requests(draw, routes):
    """A request to a route: values near what it wants, and far from it."""
    route = draw(st.sampled_from(routes))
    example = {'path': {}, 'query': {}}
    for parameter in route['parameters']:
        if parameter['in'] == 'path' or draw(st.booleans()):
            near = st.from_regex(parameter['pattern'], fullmatch=True).filter(is_unicode)
            value = draw(near | st.text(max_size=30))
            example[parameter['in']][parameter['name']] = quote(value, safe='') or '-'
    if route['shape'] == 'J':
        known = {name: JSON | like(schema) for name, schema in route['body'].get('properties', {}).items()}
        example['body'] = draw(st.fixed_dictionaries({}, optional=known) | JSON)
    return route, example


def like(schema):
    """Values of the type that a JSON Schema names."""
    types = schema.get('type', 'string')
    types = types if isinstance(types, list) else [types]
    codes = st.text(max_size=10) | st.sampled_from(['wifi', 'pool'])
    kinds = {'string': st.text(max_size=20), 'integer': st.integers(), 'number': st.floats(allow_nan=False), 'null': st.none(),
             'array': st.lists(codes, max_size=3), 'object': st.dictionaries(codes, st.booleans(), max_size=3)}
    return st.one_of(*(kinds[kind] for kind in types))


def test_no_request_is_a_500(door, product, routes, hotel_id):
    headers = service_token(product, 'tenfold_operator', sub=str(uuid.uuid4()))
    routes = [route for route in routes if route['shape'] in 'FJ']
    seconds = float(os.environ.get('FUZZ_SECONDS', '0'))
    end = time.monotonic() + seconds
    asked = 0

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=not seconds)
    @given(requests(routes))
    def ask(request):
        nonlocal asked
        route, example = request
        answer = call(door, route, headers, example)
        assert answer.status < 500 or answer.status in (501, 503), (route['method'], route['path'], example, answer.body)
        assert answer.status < 400 or answer.json()['message']
        asked += 1

    ask()
    while time.monotonic() < end:
        ask()
    assert asked >= 100
