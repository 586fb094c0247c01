"""Webhooks of payments, out and in: the worker `webhook` posts what Postgres signed, and a receiver checks it by npm's
standardwebhooks; webhooks of providers are signed by the providers' own libraries, and checked by ours."""
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import pytest
from gateway import ROOT, Gateway, wait_until
from services.cluster import PAYMENT_SECRETS, Cluster
from services.oracles import Oracles
from test_payment_workers import create

STRIPE, RAZORPAY = PAYMENT_SECRETS['stripe'][0], PAYMENT_SECRETS['razorpay'][0]
DELIVERIES = 'SELECT state, tries, last_status FROM payment.webhook_delivery WHERE merchant_id = %s ORDER BY delivery_id'


class Daemon(Gateway):
    workers = 'webhook'


class Receiver(ThreadingHTTPServer):
    """A merchant's endpoint: notes what comes, and answers with `status`; /other is where a redirect would lead."""
    daemon_threads = True

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.status, self.headers, self.calls = 204, {}, []
        self.free = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f'http://127.0.0.1:{self.server_port}/hook'


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.server.calls.append((self.path, dict(self.headers), body.decode()))
        if self.server.status == 'hang':
            self.server.free.wait(60)
        self.send_response(204 if self.server.status == 'hang' else self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope='module')
def bank():
    with Cluster(ROOT / '.run' / 'http' / 'deliveries', preload='pg_cron,tenfold', installed=True,
                 settings={'tenfold.payment_webhook_hosts': '127.0.0.1'}) as made:
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
def receiver():
    with Receiver() as server:
        yield server
        server.free.set()
        server.shutdown()


@pytest.fixture(scope='module')
def oracles():
    with Oracles() as running:
        yield running


def start(bank, **settings):
    return Daemon(bank.dsn(user='tenfold_authenticator'), **{'webhook.deadline': '1s', 'events.lease': '1s'} | settings)


@pytest.fixture
def daemon(bank):
    with start(bank) as running:
        wait_until(lambda: 'consuming' in running.messages(), 'it consumes')
        yield running


def endpoint(db, merchant, url):
    return db.execute("SELECT endpoint_id, secret FROM payment.create_endpoint(%s, %s, '{}')", [merchant, url]).fetchone()


def deliveries(db, merchant):
    return db.execute(DELIVERIES, [merchant]).fetchall()


def test_a_merchant_can_verify_what_comes(db, merchant, receiver, daemon, oracles):
    _, secret = endpoint(db, merchant, receiver.url)
    payment = create(db, merchant)
    wait_until(lambda: deliveries(db, merchant) == [('delivered', 1, 204)], 'delivered')
    path, headers, body = receiver.calls[0]
    signed = {name.lower(): value for name, value in headers.items()}
    assert oracles.ask('verify_standard', body=body, secret=secret, headers=signed)
    with pytest.raises(ValueError):
        oracles.ask('verify_standard', body=body + ' ', secret=secret, headers=signed)
    told = json.loads(body)
    assert told['transaction_id'] == payment and told['status'] == 'pending' and float(told['amount']) == 100


def test_a_secret_that_is_rotated_signs_beside_the_new_one(db, merchant, receiver, daemon, oracles):
    identity, old = endpoint(db, merchant, receiver.url)
    new = db.execute('SELECT payment.rotate_secret(%s, %s)', [merchant, identity]).fetchone()[0]
    create(db, merchant)
    wait_until(lambda: receiver.calls, 'it came')
    _, headers, body = receiver.calls[0]
    for secret in (old, new):
        assert oracles.ask('verify_standard', body=body, secret=secret, headers={name.lower(): value for name, value in headers.items()})


@pytest.mark.parametrize('status', [500, 302, 'hang'])
def test_only_2xx_in_time_counts(db, merchant, receiver, daemon, status):
    receiver.status, receiver.headers = status, {'Location': '/other'}
    endpoint(db, merchant, receiver.url)
    create(db, merchant)
    wait_until(lambda: deliveries(db, merchant) == [('waiting', 1, None if status == 'hang' else status)], 'it waits for its next try')
    receiver.free.set()
    receiver.status = 204
    wait_until(lambda: deliveries(db, merchant)[0][0] == 'delivered', 'the next try, 5 s later')
    assert {path for path, *_ in receiver.calls} == {'/hook'}, 'redirects are not followed'
    assert len({headers['webhook-id'] for _, headers, _ in receiver.calls}) == 1, 'the same message'


def test_retry_after_and_gone(db, merchant, receiver, daemon):
    receiver.status, receiver.headers = 503, {'Retry-After': '1800'}
    identity, _ = endpoint(db, merchant, receiver.url)
    create(db, merchant)
    wait_until(lambda: deliveries(db, merchant) == [('waiting', 1, 503)], 'it waits')
    wait = db.execute('SELECT next_at - now() FROM payment.webhook_delivery WHERE merchant_id = %s', [merchant]).fetchone()[0]
    assert 1700 < wait.total_seconds() < 1900
    receiver.status = 410
    create(db, merchant)
    wait_until(lambda: ('dead', 1, 410) in deliveries(db, merchant), 'dead')
    assert db.execute('SELECT disabled_because FROM payment.webhook_endpoint WHERE endpoint_id = %s', [identity]).fetchone()[0]


def test_a_private_address_is_refused_when_sending(bank, db, merchant, receiver):
    """Whatever its name was when the endpoint was made."""
    with start(bank, **{'http.allow': '192.0.2.1'}):
        endpoint(db, merchant, receiver.url)
        endpoint(db, merchant, 'https://localhost.example.invalid/')
        create(db, merchant)
        wait_until(lambda: any(error and 'public internet' in error for error, in db.execute(
            'SELECT last_error FROM payment.webhook_delivery WHERE merchant_id = %s', [merchant])), 'refused')
    assert receiver.calls == []


def test_a_dead_endpoint_holds_up_no_other(db, merchant, receiver, daemon):
    with Receiver() as dead:
        dead.status = 'hang'
        endpoint(db, merchant, dead.url)
        endpoint(db, merchant, receiver.url)
        for _ in range(20):
            create(db, merchant)
        wait_until(lambda: len(receiver.calls) == 20, 'all of the healthy one', 20)
        dead.free.set()
        dead.shutdown()


def receive(db, shape, headers, body):
    try:
        return db.execute('SELECT payment.receive_event(%s, %s, %s)', [shape, json.dumps(headers), body.encode()]).fetchone()[0]
    except psycopg.Error as failure:
        return failure.sqlstate


def test_what_stripes_library_signs_is_taken_once(db, oracles):
    body = json.dumps({'id': f'evt_{time.time_ns()}', 'object': 'event', 'type': 'payment_intent.succeeded', 'data': {'object': {}}})
    seconds = int(time.time())
    header = oracles.ask('sign_stripe', body=body, secret=STRIPE, seconds=seconds)
    assert receive(db, 'stripe', {'stripe-signature': header}, body) == 'new'
    assert receive(db, 'stripe', {'stripe-signature': header}, body) == 'known'
    for other in (oracles.ask('sign_stripe', body=body, secret='whsec_other', seconds=seconds),
                  oracles.ask('sign_stripe', body=body, secret=STRIPE, seconds=seconds - 400),
                  oracles.ask('sign_stripe', body=body, secret=STRIPE, seconds=seconds + 400), header + f',t={seconds}'):
        assert receive(db, 'stripe', {'stripe-signature': other}, body) == 'TFP13', other


def test_what_we_sign_as_razorpay_its_library_takes_and_we_do(db, oracles):
    body = json.dumps({'entity': 'event', 'event': 'payment.captured', 'payload': {}, 'created_at': time.time_ns()})
    header = hmac.new(RAZORPAY.encode(), body.encode(), hashlib.sha256).hexdigest()
    assert oracles.ask('verify_razorpay', body=body, secret=RAZORPAY, header=header)
    assert receive(db, 'razorpay', {'x-razorpay-signature': header}, body) == 'new'
    assert receive(db, 'razorpay', {'x-razorpay-signature': header, 'x-razorpay-event-id': 'another'}, body) == 'known', 'the id is not signed'
    assert receive(db, 'razorpay', {'x-razorpay-signature': header[::-1]}, body) == 'TFP13'
