"""The worker `provider` from end to end: payments made in a real Postgres, called by the daemon at a provider that misbehaves."""
import json
import socket
import uuid

import psycopg
import pytest
from gateway import ROOT, Gateway, wait_until
from services.cluster import Cluster
from services.provider import Provider

ENDED = "SELECT state FROM payment.payment WHERE payment_id = %s"
LEDGER = '''SELECT coalesce(sum(CASE WHEN credit = 'merchant' THEN amount_minor WHEN debit = 'merchant' THEN -amount_minor END), 0)
  FROM payment.transfer WHERE payment_id = %s AND phase IN ('post', 'direct')'''
SHAPES = {'stripe': ('card', 'INR'), 'razorpay': ('upi', 'INR'), 'paypal': ('wallet', 'USD')}


class Daemon(Gateway):
    workers = 'provider'


@pytest.fixture(scope='module')
def bank():
    with Cluster(ROOT / '.run' / 'http' / 'payments', preload='pg_cron,tenfold', installed=True) as made:
        made.psql('-c', "UPDATE payment.capability SET visible_after = '0', deadline = '2 s'")
        yield made


@pytest.fixture
def db(bank):
    with psycopg.connect(bank.dsn(), autocommit=True) as connection:
        connection.execute('DELETE FROM tenfold.job')
        yield connection


@pytest.fixture
def merchant(db):
    return db.execute("SELECT payment.create_merchant('shop')").fetchone()[0]


@pytest.fixture
def start(bank):
    """Starts a daemon that finds its providers at these addresses."""
    running = []

    def start_daemon(**urls):
        settings = {f'provider.{shape}_url': url for shape, url in urls.items()}
        keys = {f'provider.{shape}_key': f'{shape}_id:secret' for shape in urls} | {'events.lease': '1s'}  # the last one was killed
        running.append(Daemon(bank.dsn(user='tenfold_authenticator'), **settings, **keys).__enter__())
        wait_until(lambda: 'consuming' in running[-1].messages(), 'it consumes: what was published before is for pg_cron')
        return running[-1]

    yield start_daemon
    for daemon in running:
        daemon.__exit__()


def create(db, merchant, amount=100.00, method='card', currency='INR', token='tok_1', **more):
    body = {'amount': amount, 'currency': currency, 'customer_id': 7, 'payment_method': method, 'payment_token': token} | more
    body = {name: value for name, value in body.items() if value is not None}
    answer = db.execute('SELECT answer FROM payment.create(%s, %s, %s)', [merchant, str(uuid.uuid4()), json.dumps(body)]).fetchone()[0]
    return answer['transaction_id']


def hurry(db):
    """What waits for its time is due."""
    db.execute("UPDATE tenfold.job SET due_at = clock_timestamp() + '50 ms' WHERE due_at > clock_timestamp() + '200 ms'")


def state(db, payment):
    return db.execute(ENDED, [payment]).fetchone()[0]


def wait_for(db, payment, *states, hurried=True):
    def look():
        if hurried:
            hurry(db)
        return state(db, payment) in states

    wait_until(look, f'{payment} is {states}')


def classes(db, payment, number=1):
    return [row[0] for row in db.execute('SELECT class FROM payment.observation WHERE payment_id = %s AND number = %s ORDER BY seq', [payment, number])]


def ledger(db, payment):
    return db.execute(LEDGER, [payment]).fetchone()[0]


@pytest.mark.parametrize('shape', ['stripe', 'paypal'])
def test_a_charge(db, merchant, start, shape):
    method, currency = SHAPES[shape]
    with Provider(shape) as provider:
        start(**{shape: provider.url})
        payment = create(db, merchant, method=method, currency=currency)
        wait_for(db, payment, 'success', hurried=False)
        assert [(kind, reference) for kind, reference, _ in provider.books.executed] == [('charge', f'{merchant}/{payment}/1')]
        assert ledger(db, payment) == 10000
        call = next(call for call in provider.calls if call[1] == provider.books.prefix)
        if shape == 'stripe':
            assert call[2]['authorization'] == 'Bearer stripe_id:secret' and len(call[2]['idempotency-key']) == 36
        else:
            assert call[2]['authorization'] == 'Bearer A21AA' and call[2]['paypal-request-id']
        again = create(db, merchant, method=method, currency=currency)
        wait_for(db, again, 'success', hurried=False)
        assert sum(call[1] == '/v1/oauth2/token' for call in provider.calls) == (shape == 'paypal'), 'a token serves many calls'


def test_a_decline_is_the_end(db, merchant, start):
    with Provider('stripe') as provider:
        start(stripe=provider.url)
        payment = create(db, merchant, token='tok_decline')
        wait_for(db, payment, 'failed', hurried=False)
        assert provider.books.executed == [] and ledger(db, payment) == 0 and len(provider.calls) == 1
        assert db.execute('SELECT failure_code FROM payment.payment WHERE payment_id = %s', [payment]).fetchone() == ('insufficient_funds',)


@pytest.mark.parametrize('mood', ['drop', 'error', 'garbage', 'late', 'reset', 'unavailable'])
def test_who_does_not_know_asks(db, merchant, start, mood):
    """One charge, whether the first call was executed or not."""
    with Provider('stripe', moods={mood: 1}, late=4) as provider:
        start(stripe=provider.url)
        payment = create(db, merchant)
        wait_for(db, payment, 'unknown', 'success')
        provider.moods = {'good': 1}
        wait_for(db, payment, 'success')
        assert 'ambiguous' in classes(db, payment)
        assert [kind for kind, *_ in provider.books.executed] == ['charge'] and ledger(db, payment) == 10000
        keys = {call[2]['idempotency-key'] for call in provider.calls if call[0] == 'POST'}
        assert len(keys) == 1, 'the same key, however often'


def test_what_was_certainly_not_done_is_tried_again(db, merchant, start):
    with Provider('stripe', moods={'busy': 1}) as provider:
        start(stripe=provider.url)
        payment = create(db, merchant)
        wait_until(lambda: 'busy' in classes(db, payment), 'the provider was busy')
        provider.moods = {'good': 1}
        wait_for(db, payment, 'success')
        assert [kind for kind, *_ in provider.books.executed] == ['charge']


def test_nobody_listens(db, merchant, start):
    with socket.socket() as nobody:  # bound, and not listening
        nobody.bind(('127.0.0.1', 0))
        start(stripe=f'http://127.0.0.1:{nobody.getsockname()[1]}')
        payment = create(db, merchant)
        wait_for(db, payment, 'failed')
        assert set(classes(db, payment)) == {'not_sent'} and len(classes(db, payment)) == 4


@pytest.mark.parametrize('shape', ['stripe', 'paypal'])
def test_hold_capture_a_part_and_refund(db, merchant, start, shape):
    method, currency = SHAPES[shape]
    with Provider(shape) as provider:
        start(**{shape: provider.url})
        payment = create(db, merchant, method=method, currency=currency, capture='manual')
        wait_for(db, payment, 'authorized', hurried=False)
        db.execute('SELECT payment.capture(%s, %s, %s, %s)', [merchant, payment, str(uuid.uuid4()), 6000])
        wait_for(db, payment, 'success', hurried=False)
        wait_until(lambda: ledger(db, payment) == 6000, 'the capture is booked')
        db.execute('SELECT payment.refund(%s, %s, %s, %s)', [merchant, payment, str(uuid.uuid4()), 4000])
        wait_until(lambda: ledger(db, payment) == 2000, 'the refund is booked')
        assert [kind for kind, *_ in provider.books.executed] == ['hold', 'charge', 'refund']


def test_hold_and_void(db, merchant, start):
    with Provider('stripe') as provider:
        start(stripe=provider.url)
        payment = create(db, merchant, capture='manual')
        wait_for(db, payment, 'authorized', hurried=False)
        db.execute('SELECT payment.void(%s, %s, %s)', [merchant, payment, str(uuid.uuid4())])
        wait_for(db, payment, 'canceled', hurried=False)
        wait_until(lambda: [kind for kind, *_ in provider.books.executed] == ['hold', 'void'], 'voided there')
        assert ledger(db, payment) == 0


def test_a_razorpay_order_is_paid_by_its_customer(db, merchant, start):
    def deliver(shape, headers, body):
        with psycopg.connect(db.info.dsn, autocommit=True) as other:
            other.execute('SELECT payment.observe(ARRAY(SELECT e || %s FROM jsonb_array_elements(tenfold._payment_event(%s, %s)::jsonb) e))',
                          [json.dumps({'source': 'event', 'provider': shape}), shape, body.decode()])

    with Provider('razorpay', deliver=deliver) as provider:
        start(razorpay=provider.url)
        payment = create(db, merchant, method='upi', token=None)
        wait_for(db, payment, 'requires_action', hurried=False)
        order = db.execute("SELECT next_action ->> 'order_id' FROM payment.payment WHERE payment_id = %s", [payment]).fetchone()[0]
        provider.customer_acts(order, False)
        provider.customer_acts(order)
        wait_for(db, payment, 'success')
        assert ledger(db, payment) == 10000 and [kind for kind, *_ in provider.books.executed] == ['charge']
        db.execute('SELECT payment.refund(%s, %s, %s, %s)', [merchant, payment, str(uuid.uuid4()), 2500])
        wait_until(lambda: ledger(db, payment) == 7500, 'the refund is booked')


def test_a_paypal_order_is_captured_once_its_customer_agreed(db, merchant, start):
    with Provider('paypal') as provider:
        start(paypal=provider.url)
        payment = create(db, merchant, method='wallet', currency='USD', token=None)
        wait_for(db, payment, 'requires_action', hurried=False)
        url = db.execute("SELECT next_action ->> 'url' FROM payment.payment WHERE payment_id = %s", [payment]).fetchone()[0]
        provider.customer_acts(url.rpartition('=')[2])
        reference = json.dumps({'source': 'event', 'class': 'hint', 'provider': 'paypal', 'reference': f'{merchant}/{payment}/1'})
        db.execute('SELECT payment.observe(ARRAY[%s::jsonb])', [reference])
        wait_for(db, payment, 'success')
        assert [kind for kind, *_ in provider.books.executed] == ['charge'] and ledger(db, payment) == 10000
