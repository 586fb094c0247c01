"""Slow calls and quick ones before one Postgres: who waits for whom, and for how long."""
import subprocess
import threading
import time

from gateway import DAEMON, DEADLINE, Gateway, exchange, wait_until

SLOW = '/slow?seconds=0.3'


class Storm:
    """So many clients at once that ask the same again and again."""

    def __init__(self, gateway, path, clients, headers=None):
        self.gateway, self.path, self.headers = gateway, path, headers
        self.answers, self.running = [], True
        self.threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *failure):
        self.running = False
        for thread in self.threads:
            thread.join()

    def _ask(self):
        connection = self.gateway.connect()
        while self.running:
            self.answers.append(exchange(connection, 'GET', self.path, headers=self.headers))
        connection.close()


def seconds_of(gateway, path, headers=None):
    began = time.monotonic()
    assert gateway.get(path, headers).status == 200
    return time.monotonic() - began


def test_slow_calls_hold_up_no_quick_ones(dsn):
    """Thirty sleep at once: on the eight connections that all share, each ping would wait for one of them."""
    with Gateway(dsn) as running:
        for _ in range(5):
            running.get('/ping')
        with Storm(running, SLOW, 30):
            running.wait_for_metric('tenfold_gateway_slow_calls', 30)
            times = sorted(seconds_of(running, '/ping') for _ in range(100))
        assert times[90] < 0.2, times


def test_a_client_that_asks_seldom_waits_for_one_call(dsn):
    """And not for the twenty that another client has waiting."""
    with Gateway(dsn, **{'gateway.trusted_proxies': '127.0.0.1'}) as running:
        with Storm(running, SLOW, 20, {'X-Forwarded-For': '10.0.0.1'}):
            running.wait_for_metric('tenfold_gateway_slow_calls', 20)
            times = [seconds_of(running, SLOW, {'X-Forwarded-For': '10.0.0.2'}) for _ in range(3)]
        assert sorted(times)[1] < 1.5, times  # behind the twenty it would be three


def test_who_waits_for_long_is_told(dsn):
    with Gateway(dsn, **{'gateway.longest_wait': '500ms', 'gateway.slow_connections': 1}) as running:
        with Storm(running, SLOW, 10) as storm:
            wait_until(lambda: any(answer.status == 503 for answer in storm.answers), 'somebody is told')
    refused = next(answer for answer in storm.answers if answer.status == 503)
    assert refused.headers['Retry-After'] and refused.json()['code'] == 'PGRST003'
    assert {answer.status for answer in storm.answers} == {200, 503}


def test_a_function_has_a_timeout_of_its_own(dsn):
    with Gateway(dsn) as running:
        began = time.monotonic()
        assert running.get('/impatient').json()['code'] == '57014'
        assert time.monotonic() - began < 3


def test_what_a_function_sets_for_its_session_is_its_own(dsn):
    with Gateway(dsn, **{'database.connections': 1, 'gateway.slow_connections': 1}) as running:
        leak = running.get('/leak')
        assert (leak.status, leak.headers['X-Leak'], leak.headers['Content-Length']) == (202, '1', '2')
        assert 'Bad Name' not in leak.headers
        for _ in range(10):
            answer = running.get('/ping')
            assert answer.status == 200 and 'X-Leak' not in answer.headers


def test_another_function_of_its_name_is_not_the_pre_request(dsn, cluster):
    cluster.psql('-c', 'CREATE FUNCTION tenfold_api.pre_request(text) RETURNS void LANGUAGE sql RETURN NULL::void')
    try:
        with Gateway(dsn) as running:
            assert running.get('/ping', {'X-Refuse': 'yes'}).status == 429
    finally:
        cluster.psql('-c', 'DROP FUNCTION tenfold_api.pre_request(text)')


def test_without_its_pre_request_nothing_is_served(dsn):
    ended = subprocess.run([DAEMON, 'run', '--workers=gateway', '--gateway.listen=127.0.0.1:0', '--admin.listen=',
                            f'--database.dsn={dsn}', '--gateway.pre_request=tenfold_api.absent'],
                           capture_output=True, text=True, timeout=DEADLINE)
    assert ended.returncode == 1 and 'there is no function tenfold_api.absent()' in ended.stderr
    with Gateway(dsn, **{'gateway.pre_request': ''}) as running:
        assert running.get('/ping', {'X-Refuse': 'yes'}).status == 200
