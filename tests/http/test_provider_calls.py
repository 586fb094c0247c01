"""Calls of the sidecar to a provider that misbehaves: a real server, real processes, one breaker in Postgres for all of them."""
import socket
import subprocess
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from gateway import DAEMON, wait_until


class Provider:
    """A server that does what `mood` says: answer (a status), hang, or drop."""

    def __init__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.came(self)

            def log_message(self, *_):
                pass

        self.mood = 200
        self.calls = self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()
        self.release = threading.Event()
        self.server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.url = f'http://127.0.0.1:{self.server.server_address[1]}/'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def came(self, request):
        with self.lock:
            self.calls += 1
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        if self.mood == 'hang':
            self.release.wait(30)
        with self.lock:
            self.under_way -= 1
        if isinstance(self.mood, int):
            request.send_response(self.mood)
            request.send_header('Content-Length', '2')
            request.end_headers()
            request.wfile.write(b'ok')
        else:
            request.connection.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def provider():
    made = Provider()
    yield made
    made.close()


@pytest.fixture(scope='session')
def worker_dsn(product):
    """Who may do what a worker may, and nothing else."""
    product.psql('-c', 'CREATE ROLE calling_worker LOGIN IN ROLE tenfold_worker')
    return product.dsn(user='calling_worker')


@pytest.fixture
def name(db):
    made = f'p{uuid.uuid4().hex[:12]}'
    db.execute("INSERT INTO tenfold.provider (name, open_for, open_jitter) VALUES (%s, '300 ms', 0)", (made,))
    yield made
    db.execute('DELETE FROM tenfold.provider WHERE name = %s', (made,))


@pytest.fixture
def call(worker_dsn, name):
    """A process that calls these URLs at once; gives its lines without the URLs."""
    def run(*urls, deadline=5):
        done = subprocess.run([DAEMON, 'call', f'--provider={name}', f'--deadline={deadline}', f'--database.dsn={worker_dsn}',
                               '--database.connections=2', *urls], capture_output=True, text=True, timeout=60)
        assert done.returncode in (0, 1), done.stderr
        return [line.split(' ', 1)[1] for line in done.stdout.splitlines()]
    return run


def status(db, name):
    return db.execute('SELECT state FROM tenfold.breaker_status WHERE provider = %s', (name,)).fetchone()[0]


def events(db, name):
    return [row[0] for row in db.execute('SELECT state FROM tenfold.breaker_event WHERE provider = %s ORDER BY event_id', (name,))]


def test_it_opens_stops_asking_and_closes(provider, call, db, name):
    assert call(provider.url) == ['200, 2 bytes']
    provider.mood = 500
    db.execute("UPDATE tenfold.provider SET open_for = '1 min' WHERE name = %s", (name,))
    assert call(*[provider.url] * 5) == ['500, 2 bytes'] * 5
    assert status(db, name) == 'open' and events(db, name) == ['open']
    before = provider.calls
    refused = call(*[provider.url] * 3)
    assert all(line.startswith('refused: open, ask again in ') for line in refused)
    assert provider.calls == before, 'an open breaker lets nothing through'


def test_it_closes_when_the_provider_has_recovered(provider, call, db, name):
    provider.mood = 503
    call(*[provider.url] * 5)
    assert status(db, name) == 'open'
    provider.mood = 200
    wait_until(lambda: call(provider.url) == ['200, 2 bytes'], 'a try passes')
    assert status(db, name) == 'half_open'
    wait_until(lambda: call(provider.url) == ['200, 2 bytes'], 'another')
    assert status(db, name) == 'closed' and events(db, name) == ['open', 'closed']


def test_a_provider_that_is_still_down_opens_it_again(provider, call, db, name):
    provider.mood = 500
    call(*[provider.url] * 5)
    wait_until(lambda: call(provider.url) == ['500, 2 bytes'], 'a try passes')
    assert events(db, name) == ['open', 'open']
    waits = [row[0].total_seconds() for row in db.execute('SELECT open_for FROM tenfold.breaker_event WHERE provider = %s ORDER BY event_id', (name,))]
    assert waits == [0.3, 0.6]


@pytest.mark.parametrize('mood', ['drop', 'hang'])
def test_no_answer_is_a_failure(provider, call, db, name, mood):
    provider.mood = mood
    began = time.monotonic()
    assert all(line.startswith('no answer: ') for line in call(*[provider.url] * 5, deadline=0.5))
    assert time.monotonic() - began < 10
    assert events(db, name) == ['open']


def test_a_refused_connection_is_a_failure(call, db, name):
    with socket.socket() as nobody:  # bound, and not listening
        nobody.bind(('127.0.0.1', 0))
        call(*[f'http://127.0.0.1:{nobody.getsockname()[1]}/'] * 5)
    assert events(db, name) == ['open']


def test_our_own_mistakes_are_not_its_failures(provider, call, db, name):
    provider.mood = 404
    assert call(*[provider.url] * 6) == ['404, 2 bytes'] * 6
    assert all(line.startswith('no answer: ') for line in call(*['gopher://127.0.0.1/'] * 6))
    assert events(db, name) == [] and status(db, name) == 'closed'
    provider.mood = 429
    call(*[provider.url] * 5)
    assert events(db, name) == ['open']


def test_slow_answers_open_it(provider, call, db, name):
    db.execute("UPDATE tenfold.provider SET (slow_after, minimum_calls) = ('1 ms', 5) WHERE name = %s", (name,))
    provider.mood = 'hang'
    threading.Timer(1, lambda: (setattr(provider, 'mood', 200), provider.release.set())).start()
    assert call(*[provider.url] * 5) == ['200, 2 bytes'] * 5
    assert db.execute('SELECT reason FROM tenfold.breaker_event WHERE provider = %s', (name,)).fetchone() == ('slow rate',)


def test_processes_together_keep_to_quota_and_spacing(provider, call, db, name):
    db.execute('UPDATE tenfold.provider SET (quota_per_day, quota_block) = (25, 4) WHERE name = %s', (name,))
    lines = []
    threads = [threading.Thread(target=lambda: lines.extend(call(*[provider.url] * 12))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lines.count('200, 2 bytes') == provider.calls == 25
    assert sum(line.startswith('refused: quota') for line in lines) == 23
    db.execute('UPDATE tenfold.provider SET (quota_per_day, spacing_per_minute, spacing_burst) = (NULL, 1, 3) WHERE name = %s', (name,))
    lines = call(*[provider.url] * 5)
    assert lines.count('200, 2 bytes') == 3 and sum(line.startswith('refused: spacing') for line in lines) == 2


def test_one_process_has_a_bounded_number_under_way(provider, call):
    provider.mood = 'hang'

    def release_all():
        wait_until(lambda: provider.most_under_way == 32, '32 calls under way')
        provider.mood = 200
        provider.release.set()

    threading.Thread(target=release_all).start()
    lines = call(*[provider.url] * 50, deadline=20)
    assert lines.count('refused: busy') == 18 and lines.count('200, 2 bytes') == 32
    assert provider.most_under_way == 32


@pytest.mark.parametrize('target, said', [('', 'unknown provider "absent"'), (' host=/nowhere', 'no connection to Postgres')])
def test_without_a_permit_nothing_is_sent(provider, worker_dsn, target, said):
    done = subprocess.run([DAEMON, 'call', '--provider=absent', '--deadline=1', f'--database.dsn={worker_dsn}{target}', provider.url],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and f'refused: {said}' in done.stdout
    assert provider.calls == 0
