"""The rate limiter over HTTP: who is counted, what he is told, and what does not help him."""
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import psycopg
import pytest
from account import PASSWORD, log_in, new_account
from gateway import Gateway, wait_until

SEARCH = '/hotels/nearby?lat=48&lng=2'


@pytest.fixture
def proxied(product):
    """A gateway that believes its neighbours on this machine: so a test can be many clients."""
    with Gateway(product.dsn(user='tenfold_authenticator'),
                 **{'gateway.jwks': product.keys(), 'gateway.jwt_audience': 'tenfold', 'gateway.trusted_proxies': '127.0.0.1'}) as running:
        yield running


@pytest.fixture
def classes(db):
    """Small ones, for the time of a test."""
    rows = db.execute('SELECT name, burst, per_minute FROM tenfold.rate_class').fetchall()
    db.execute("UPDATE tenfold.rate_class SET (burst, per_minute) = (3, 1)")
    yield db
    for name, burst, per_minute in rows:
        db.execute('UPDATE tenfold.rate_class SET (burst, per_minute) = (%s, %s) WHERE name = %s', (burst, per_minute, name))


def new_address():
    number = uuid.uuid4().int
    return f'10.{number % 256}.{number // 256 % 256}.{number // 65536 % 256}'


def from_address(address):
    return {'X-Forwarded-For': address}


def test_after_the_burst_comes_429(proxied, classes):
    client = from_address(new_address())
    for left in (2, 1, 0):
        answer = proxied.get(SEARCH, client)
        assert answer.status == 200
        assert (answer.headers['RateLimit-Limit'], answer.headers['RateLimit-Remaining']) == ('3', str(left))
    refused = proxied.get(SEARCH, client)
    assert refused.status == 429 and refused.json()['code'] == 'TF030' and refused.json()['hint']
    assert 55 <= int(refused.headers['Retry-After']) <= 60 and refused.headers['RateLimit-Remaining'] == '0'
    assert proxied.get(SEARCH, from_address(new_address())).status == 200


def test_a_refused_or_failed_request_counts(proxied, classes):
    client = from_address(new_address())
    assert [proxied.get('/hotels/0/details', client).status for _ in range(4)] == [404, 404, 404, 429]


def test_ipv6_is_counted_by_its_network(proxied, classes):
    network = f'2001:db8:{uuid.uuid4().hex[:4]}:1'
    assert [proxied.get(SEARCH, from_address(f'{network}::{host}')).status for host in range(1, 5)] == [200, 200, 200, 429]
    assert proxied.get(SEARCH, from_address(network[:-1] + '2::1')).status == 200


def test_headers_of_the_client_do_not_help_him(proxied, classes):
    address = new_address()
    for trick in ({}, {'X-Real-IP': new_address()}, {'X-Rate-Class': 'login'}):
        assert proxied.get(SEARCH, from_address(f'{new_address()}, {address}') | trick).status == 200
    assert proxied.get(SEARCH, from_address(f'{new_address()}, {address}')).status == 429


def test_without_trusted_proxies_nobody_is_believed(door, classes):
    statuses = [door.get(SEARCH, from_address(new_address())).status for _ in range(5)]
    assert 429 in statuses


def test_classes_have_buckets_of_their_own(proxied, classes):
    client = from_address(new_address())
    assert [proxied.get(SEARCH, client).status for _ in range(4)][-1] == 429
    assert proxied.post('/login', {'email': 'nobody@example.com', 'password': 'x'}, client).status == 401


def test_passwords_of_one_account_are_tried_slowly_from_everywhere(proxied, classes, db):
    db.execute("UPDATE tenfold.rate_class SET per_minute = NULL WHERE name = 'login'")
    email = f'{uuid.uuid4()}@example.com'
    tries = [proxied.post('/login', {'email': email.upper() if i % 2 else email, 'password': 'x'}, from_address(new_address()))
             for i in range(5)]
    assert [answer.status for answer in tries] == [401, 401, 401, 429, 429]
    assert int(tries[-1].headers['Retry-After']) > 0 and tries[-1].json()['code'] == 'TF030'


def test_strangers_shut_nobody_out_who_logged_in_from_there_before(proxied, classes, db):
    db.execute("UPDATE tenfold.rate_class SET per_minute = NULL WHERE name IN ('login', 'default')")
    email = new_account(proxied).email
    home, body = from_address(new_address()), {'email': email, 'password': PASSWORD}
    db.execute("UPDATE tenfold.rate_class SET burst = 100 WHERE name = 'login_account'")
    assert proxied.post('/login', body, home).status == 200
    db.execute("UPDATE tenfold.rate_class SET burst = 3 WHERE name = 'login_account'")
    wrong = [proxied.post('/login', body | {'password': 'wrong'}, from_address(new_address())).status for _ in range(8)]
    assert wrong[-1] == 429
    assert proxied.post('/login', body, from_address(new_address())).status == 429
    assert proxied.post('/login', body | {'email': email.upper()}, home).status == 200
    # From there, too, not every password can be tried.
    assert [proxied.post('/login', body | {'password': 'wrong'}, home).status for _ in range(3)][-1] == 429


def test_a_thousand_logins_for_one_account_are_only_its_own_trouble(proxied, classes, db):
    """From a thousand addresses. A password of it costs 50 ms to check: all of them would take a minute."""
    db.execute("UPDATE tenfold.rate_class SET (burst, per_minute) = (5, 60) WHERE name = 'login_account'")
    db.execute("UPDATE tenfold.rate_class SET per_minute = NULL WHERE name <> 'login_account'")
    victim, other = new_account(proxied), new_account(proxied)
    db.execute("UPDATE tenfold.account_password SET password_hash = crypt(%s, gen_salt('bf', 10)) WHERE account_id = %s", (PASSWORD, victim.claims()['sub']))

    def attack(number):
        return proxied.post('/login', {'email': victim.email, 'password': f'wrong {number}'}, from_address(new_address()))

    def search():
        began = time.monotonic()
        assert proxied.get(SEARCH).status == 200
        return time.monotonic() - began

    quiet = median(search() for _ in range(50))
    with ThreadPoolExecutor(4) as attackers:
        began = time.monotonic()
        attacks = [attackers.submit(attack, number) for number in range(1000)]
        meanwhile = [search() for _ in range(50)]
        assert log_in(proxied, other.email).status == 200
        answers = [attack.result() for attack in attacks]
        took = time.monotonic() - began
    checked = sum(answer.status == 401 for answer in answers)
    assert {answer.status for answer in answers} == {401, 429}
    assert checked <= 5 + took + 1 and took < 20, (checked, took)
    assert all(int(answer.headers['Retry-After']) > 0 for answer in answers if answer.status == 429)
    assert median(meanwhile) < 10 * quiet + 0.02, (quiet, median(meanwhile))
    wait_until(lambda: log_in(proxied, victim.email).status == 200, 'the right password works again')


def test_the_operator_sees_it(proxied, db, classes):
    before = db.execute('SELECT allowed, refused FROM tenfold.stat_limiter').fetchone()
    client = from_address(new_address())
    for _ in range(4):
        proxied.get(SEARCH, client)
    after = db.execute('SELECT allowed, refused FROM tenfold.stat_limiter').fetchone()
    assert (after[0] - before[0], after[1] - before[1]) == (3, 1)


def test_a_rollback_gives_nothing_back(db, classes):
    key = str(uuid.uuid4())
    for _ in range(3):
        db.execute('BEGIN READ ONLY')
        assert db.execute('SELECT tenfold.take_permit(%s, %s)', ('default', key)).fetchone()[0] == 0
        db.execute('ROLLBACK')
    assert 55 < db.execute('SELECT tenfold.take_permit(%s, %s)', ('default', key)).fetchone()[0] <= 60


def test_bad_permits(db, classes):
    for name, cost in (('absent', 1), ('default', 0), ('default', -1), ('login_account', 1000001)):
        with pytest.raises(psycopg.Error) as failure:
            db.execute('SELECT tenfold.take_permit(%s, %s, %s)', (name, 'x', cost))
        assert failure.value.sqlstate == '22023'
