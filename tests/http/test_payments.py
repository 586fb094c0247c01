"""Payments over HTTP: keys, replays, whose they are, and what is refused."""
import json
import uuid

import pytest
from account import new_account

BODY = {'amount': 100.00, 'currency': 'INR', 'customer_id': 7, 'payment_method': 'card'}


class Merchant:
    """A merchant and the headers of its account."""

    def __init__(self, door, db, role='tenfold_merchant'):
        self.door = door
        self.id = db.execute("SELECT payment.create_merchant('a shop')").fetchone()[0]
        account = new_account(door, db, role)
        db.execute('SELECT payment.add_member(%s, %s::uuid)', (self.id, account.claims()['sub']))
        self.headers = account.headers()

    def post(self, path, body, key=None, **headers):
        if key is None:
            key = str(uuid.uuid4())
        return self.door.post(path, body, self.headers | ({'Idempotency-Key': key} if key else {}) | headers)

    def pay(self, key=None, **changes):
        return self.post('/payments', BODY | changes, key)

    def get(self, path):
        return self.door.get(path, headers=self.headers)


@pytest.fixture
def merchant(door, db):
    return Merchant(door, db)


def test_a_payment_is_made_and_seen(merchant):
    made = merchant.pay()
    assert made.status == 202, made.body
    body = made.json()
    assert {name: body[name] for name in ('status', 'amount', 'amount_minor', 'currency', 'payment_method', 'customer_id')} == {
        'status': 'pending', 'amount': 100, 'amount_minor': 10000, 'currency': 'INR', 'payment_method': 'card', 'customer_id': 7}
    assert made.headers['location'] == f'/api/v1/payments/{body["transaction_id"]}'
    shown = merchant.get(f'/payments/{body["transaction_id"]}')
    assert shown.status == 200
    assert {'status': 'pending', 'captured': 0, 'refunded': 0, 'operations': [], 'failure': None}.items() <= shown.json().items()


def test_the_same_key_again_is_the_same_answer(merchant, db):
    key = str(uuid.uuid4())
    made, again = merchant.pay(key), merchant.pay(key)
    assert (made.status, again.status) == (202, 200)
    assert again.headers['idempotent-replayed'] == 'true' and 'idempotent-replayed' not in made.headers
    assert again.body == made.body[:-1] + b',"cached":true}'
    assert merchant.post('/payments', BODY, '', **{'X-Idempotency-Key': key}).body == again.body
    assert merchant.post('/payments', BODY | {'idempotency_key': key, 'merchant_id': merchant.id}, '').body == again.body
    other = merchant.pay(key, amount=1)
    assert (other.status, other.json()['code']) == (422, 'TFP03')
    assert db.execute('SELECT count(*) FROM payment.payment WHERE merchant_id = %s', (merchant.id,)).fetchone() == (1,)


@pytest.mark.parametrize('changes, status, code', [
    ({'amount': 0}, 422, 'TFP05'), ({'amount': -1}, 422, 'TFP05'), ({'amount': 1.001}, 422, 'TFP05'), ({'currency': 'XXX'}, 422, 'TFP06'),
    ({'payment_method': 'cheque'}, 422, 'TFP07'), ({'metadata': {'note': '4242 4242 4242 4242'}}, 422, 'TFP08'), ({'amount': '1'}, 400, '22023'),
    ({'unknown': 1}, 400, '22023'), ({'merchant_id': 999999999}, 400, 'TFP02'), ({'idempotency_key': 'another'}, 400, 'TFP02')])
def test_what_is_refused_says_why(merchant, db, changes, status, code):
    answer = merchant.pay(**changes)
    assert (answer.status, answer.json()['code']) == (status, code), answer.body
    assert answer.json()['hint']
    assert db.execute('SELECT count(*) FROM payment.request WHERE merchant_id = %s', (merchant.id,)).fetchone() == (0,)


def test_keys_that_are_none(merchant):
    assert [merchant.post('/payments', BODY, key).json()['code'] for key in ('', 'k' * 256)] == ['TFP01', 'TFP01']
    assert merchant.post('/payments', BODY, 'a', **{'X-Idempotency-Key': 'b'}).json()['code'] == 'TFP02'


def test_a_member_that_comes_twice_is_refused(merchant):
    twice = json.dumps(BODY)[:-1] + ', "amount": 1}'
    answer = merchant.door.request('POST', '/payments', twice, merchant.headers | {'Content-Type': 'application/json', 'Idempotency-Key': 'twice'})
    assert (answer.status, answer.json()['code']) == (400, '22023'), answer.body


def test_a_key_in_flight_is_told_to_come_again(merchant, product, db):
    import psycopg
    with psycopg.connect(product.dsn()) as other:  # holds the key until it ends
        other.execute("SELECT payment.create(%s, 'slow', %s)", (merchant.id, json.dumps(BODY)))
        answer = merchant.pay('slow')
        assert (answer.status, answer.json()['code']) == (409, 'TFP04'), answer.body
        assert answer.headers['retry-after'] == '1'
        other.rollback()
    assert merchant.pay('slow').status == 202


def test_whose_a_payment_is(merchant, door, db):
    made = merchant.pay().json()['transaction_id']
    stranger = Merchant(door, db)
    for answer in (stranger.get(f'/payments/{made}'), stranger.post(f'/payments/{made}/refund', {}), stranger.post(f'/payments/{made}/capture', {'amount': 1})):
        assert (answer.status, answer.json()['code']) == (404, 'TFP09'), answer.body
    assert stranger.get('/payments').json() == {'payments': [], 'next': None}
    nobody = new_account(door, db, 'tenfold_merchant')
    answer = door.post('/payments', BODY, nobody.headers() | {'Idempotency-Key': 'x'})
    assert (answer.status, answer.json()['code']) == (403, 'TFP15')
    user = new_account(door)
    assert door.post('/payments', BODY, user.headers() | {'Idempotency-Key': 'x'}).status == 403
    assert door.post('/payments', BODY, {'Idempotency-Key': 'x'}).status == 401


def test_payments_are_listed_from_page_to_page(merchant):
    made = [merchant.pay().json()['transaction_id'] for _ in range(5)]
    page = merchant.get('/payments?limit=2')
    seen = [one['transaction_id'] for one in page.json()['payments']]
    while page.json()['next']:
        assert 'rel="next"' in page.headers['link']
        page = merchant.get(f'/payments?limit=2&cursor={page.json()["next"]}')
        seen += [one['transaction_id'] for one in page.json()['payments']]
    assert seen == made[::-1]
