"""Jobs of queue http_call, run by the daemon, against a server that misbehaves."""
import json
import os
import signal
import socket
import time

import psycopg
import pytest
from gateway import JobsDaemon, wait_until
from services.moody_server import MoodyServer

TRUNCATE = '''TRUNCATE tenfold.job, tenfold.job_parked, tenfold.job_running, tenfold.job_done, tenfold.job_dead,
  tenfold.job_key, tenfold.job_mark'''


@pytest.fixture
def server():
    with MoodyServer() as running:
        yield running


@pytest.fixture
def dsn(product, db):
    db.execute("SELECT tenfold.create_queue('http_call', max_attempts => 3, backoff_base => '10 ms', lease => '1 s')")
    yield product.dsn(user='tenfold_authenticator')
    product.psql('-c', TRUNCATE)  # a test may have restarted Postgres


@pytest.fixture
def daemon(dsn):
    with JobsDaemon(dsn) as running:
        yield running


def call(db, url, body=None, provider='', **options):
    names = ''.join(f', {name} => %s' for name in options)
    payload = json.dumps({'url': url, 'body': body, 'provider': provider})
    return db.execute(f"SELECT tenfold.enqueue('http_call', %s{names})", [payload, *options.values()]).fetchone()[0]


def state(db, job):
    row = db.execute('SELECT state FROM tenfold.job_status WHERE job_id = %s', [job]).fetchone()
    return row and row[0]


def wait_for(db, job, wanted):
    wait_until(lambda: state(db, job) == wanted, f'job {job} is {wanted}')


def test_a_job_is_done(db, daemon, server):
    job = call(db, server.url('/200'), {'n': 1})
    wait_for(db, job, 'done')
    path, body, headers = server.seen('/200')[0]
    assert json.loads(body) == {'n': 1} and headers['Idempotency-Key'] == str(job)
    result = db.execute('SELECT result FROM tenfold.job_status WHERE job_id = %s', [job]).fetchone()[0]
    assert result == {'status': 200, 'body': 'an answer with "quotes", \\ and \ufffd'}
    daemon.wait_for_metric('tenfold_jobs_done_total{queue="http_call"}', 1)


def test_three_failures_dead_and_redriven(db, daemon, server):
    job = call(db, server.url('/mend'))
    wait_for(db, job, 'dead')
    assert len(server.seen('/mend')) == 3
    reason, attempts = db.execute('SELECT reason, attempts FROM tenfold.job_dead WHERE job_id = %s', [job]).fetchone()
    assert reason.startswith('answered 503: an answer') and attempts == 3
    server.status = 200
    assert db.execute("SELECT tenfold.redrive('http_call')").fetchone()[0] == 1
    wait_for(db, job, 'done')
    assert len(server.seen('/mend')) == 4
    daemon.wait_for_metric('tenfold_jobs_failed_total{queue="http_call"}', 3)


@pytest.mark.parametrize('path, reason, calls', [
    ('/404', 'answered 404', 1), ('/302', 'answered 302', 1), ('/429', 'answered 429', 3), ('/cut', '', 3),
])
def test_what_is_tried_again(db, daemon, server, path, reason, calls):
    job = call(db, server.url(path))
    wait_for(db, job, 'dead')
    assert len(server.seen(path)) == calls
    assert reason in db.execute('SELECT reason FROM tenfold.job_dead').fetchone()[0]


def test_a_payload_that_is_no_call(db, daemon):
    job = db.execute("""SELECT tenfold.enqueue('http_call', '{"url": "file:///etc/passwd"}')""").fetchone()[0]
    wait_for(db, job, 'dead')


def test_nobody_there(db, daemon):
    job = call(db, 'http://127.0.0.1:1/')
    wait_for(db, job, 'dead')


def test_the_heart_beats_beyond_a_lease(db, daemon, server):
    """The lease is a second; the call takes three."""
    job = call(db, server.url('/hang'))
    wait_until(lambda: server.seen('/hang'), 'the call is there')
    first = db.execute('SELECT epoch, expires_at FROM tenfold.job_running').fetchone()
    long_ago = "SELECT clock_timestamp() > leased_at + interval '3 s' FROM tenfold.job_running"
    wait_until(lambda: db.execute(long_ago).fetchone()[0], 'three seconds')
    db.execute('SELECT tenfold.check_jobs()')
    epoch, expires_at = db.execute('SELECT epoch, expires_at FROM tenfold.job_running').fetchone()
    assert epoch == first[0] and expires_at > first[1]
    server.free.set()
    wait_for(db, job, 'done')
    assert len(server.seen('/hang')) == 1


def test_an_open_breaker_is_no_attempt(db, daemon, server):
    db.execute("SELECT tenfold.create_provider('moody')")
    db.execute("UPDATE tenfold.provider SET failures_in_a_row = 2, open_for = '300 ms', open_factor = 1 WHERE name = 'moody'")
    jobs = [call(db, server.url('/mend'), provider='moody', max_attempts=5) for _ in range(2)]
    states = "SELECT array_agg(state ORDER BY at) FROM tenfold.breaker_event WHERE provider = 'moody'"
    wait_until(lambda: (db.execute(states).fetchone()[0] or []).count('open') >= 4, 'it opened, and opened again')
    wait_until(lambda: 'is not asked now: open' in str(db.execute('SELECT last_error FROM tenfold.job').fetchall()), 'one waits')
    server.status = 200
    for job in jobs:
        wait_for(db, job, 'done')
    wait_until(lambda: db.execute(states).fetchone()[0][-1] == 'closed', 'the breaker closed')
    db.execute("DELETE FROM tenfold.provider WHERE name = 'moody'")


def test_an_unknown_provider(db, daemon, server):
    job = call(db, server.url('/200'), provider='nobody')
    wait_for(db, job, 'dead')
    assert not server.seen('/200')


def test_deadline(db, dsn, server):
    with JobsDaemon(dsn, **{'jobs.http_deadline': '200ms'}):
        job = call(db, server.url('/hang'), max_attempts=1)
        wait_for(db, job, 'dead')
        assert 'Timeout' in db.execute('SELECT reason FROM tenfold.job_dead').fetchone()[0]


def test_sigterm_waits_for_what_runs(db, dsn, server):
    with JobsDaemon(dsn) as daemon:
        job = call(db, server.url('/hang'))
        wait_until(lambda: server.seen('/hang'), 'the call is there')
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: 'draining' in daemon.messages(), 'it drains')
        later = call(db, server.url('/200'))
        server.free.set()
        assert daemon.process.wait(timeout=15) == 0
        assert (state(db, job), state(db, later)) == ('done', 'waiting')


def test_sigterm_gives_back_what_does_not_end(db, dsn, server):
    with JobsDaemon(dsn, **{'shutdown.timeout': '100ms'}) as daemon:
        job = call(db, server.url('/hang'))
        wait_until(lambda: server.seen('/hang'), 'the call is there')
        daemon.signal(signal.SIGTERM)
        assert daemon.process.wait(timeout=15) == 0
    assert db.execute('SELECT job_id, attempts FROM tenfold.job').fetchone() == (job, 0)


def test_postgres_goes_and_comes_back(product, dsn, daemon, server):
    with psycopg.connect(product.dsn(), autocommit=True) as db:
        job = call(db, server.url('/hang'))
        wait_until(lambda: server.seen('/hang'), 'the call is there')
        db.execute('UPDATE tenfold.job_running SET expires_at = expires_at + interval $$1 hour$$')
    product.restart()
    server.free.set()
    with psycopg.connect(product.dsn(), autocommit=True) as db:
        wait_for(db, job, 'done')
        wait_for(db, call(db, server.url('/200')), 'done')
    assert len(server.seen('/hang')) == 1


def test_an_unknown_queue_is_told(db, dsn):
    with JobsDaemon(dsn, **{'jobs.noop_queue': 'nowhere'}) as daemon:
        wait_until(lambda: any(line['message'] == 'cannot claim jobs' and 'nowhere' in line['error']
                               for line in daemon.log), 'it says so')


def test_addresses_within_are_for_who_lists_them(db, dsn, server):
    """No attempt would change that: such a job is dead at once."""
    with JobsDaemon(dsn, **{'http.allow': '127.0.0.2'}):
        for url in (server.url('/200'), server.url('/200').replace('127.0.0.1', 'localhost'), 'http://169.254.169.254/'):
            job = call(db, url)
            wait_for(db, job, 'dead')
            reason, attempts = db.execute('SELECT reason, attempts FROM tenfold.job_dead WHERE job_id = %s', [job]).fetchone()
            assert 'http.allow' in reason and attempts == 1
    assert not server.calls


def test_a_list_of_addresses_that_is_none(dsn):
    with pytest.raises(AssertionError, match='http.allow holds'), JobsDaemon(dsn, **{'http.allow': 'localhost'}):
        pass


def test_our_own_limit_costs_no_attempt(db, dsn, server):
    """Jobs that find all places taken wait for their turn, and come back later if that is too long."""
    db.execute("SELECT tenfold.create_queue('http_call', max_attempts => 1, lease => '1 s')")
    with JobsDaemon(dsn, **{'http.in_flight': 1, 'jobs.in_flight': 10, 'jobs.http_deadline': '1s'}) as daemon:
        first = call(db, server.url('/hang'))
        wait_until(lambda: server.seen('/hang'), 'the only place is taken')
        others = [call(db, server.url('/200')) for _ in range(9)]
        wait_for(db, first, 'dead')  # its endpoint did not answer in time
        for job in others:
            wait_for(db, job, 'done')
        assert len(server.seen('/200')) == 9
        daemon.wait_for_metric('tenfold_jobs_failed_total{queue="http_call"}', 1)


def test_as_many_calls_as_jobs(db, dsn, server):
    """The limit follows from what the queues take: 300 jobs of one queue are 300 calls."""
    with JobsDaemon(dsn, **{'jobs.in_flight': 300, 'jobs.http_deadline': '2min'}):
        db.execute("SELECT tenfold.enqueue('http_call', %s) FROM generate_series(1, 300)", [json.dumps({'url': server.url('/hang')})])
        wait_until(lambda: len(server.seen('/hang')) == 300, 'all are called at once')
        assert db.execute('SELECT count(*) FROM tenfold.job_done').fetchone()[0] == 0
        server.free.set()
        wait_until(lambda: db.execute('SELECT count(*) FROM tenfold.job_done').fetchone()[0] == 300, 'all are done')


def test_retry_after_is_waited_for(db, daemon, server):
    server.retry_after = '1'
    job = call(db, server.url('/mend'))
    daemon.wait_for_metric('tenfold_jobs_postponed_total{queue="http_call"}', 1)
    assert len(server.seen('/mend')) == 1 and state(db, job) != 'dead'
    server.status = 200
    wait_for(db, job, 'done')
    assert len(server.seen('/mend')) == 2


class DeafResolver(JobsDaemon):
    """A daemon whose name server never answers."""

    before = ('unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"')


@pytest.mark.skipif(os.geteuid() != 0, reason='only root gives a process a name server of its own')
def test_names_that_nobody_looks_up_stop_nothing(db, dsn, tmp_path):
    """libcurl gives up a look-up at its deadline, and would then wait for the thread that still looks."""
    (tmp_path / 'resolv.conf').write_text('nameserver 127.53.0.1\n')
    with socket.socket(type=socket.SOCK_DGRAM) as deaf:
        deaf.bind(('127.53.0.1', 53))
        DeafResolver.before = (*DeafResolver.before[:5], str(tmp_path / 'resolv.conf'))
        with DeafResolver(dsn, **{'jobs.http_deadline': '300ms', 'http.lookups': 2}) as daemon:
            jobs = [call(db, f'http://name{number}.example/') for number in range(4)]
            longest = 0
            end = time.monotonic() + 3
            while time.monotonic() < end:
                began = time.monotonic()
                assert daemon.admin('/healthz')[0] == 200
                longest = max(longest, time.monotonic() - began)
            assert longest < 2, f'the loop stood still for {longest} s'
            assert any(state(db, job) for job in jobs)
