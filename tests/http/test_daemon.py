"""The process: configuration, readiness, reload, drain, and a Postgres that comes and goes."""
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import SECRET
from gateway import DAEMON, Gateway, exchange, sign, wait_until, write_keys
from services.cluster import ROOT, Cluster


def run(*words, env=None):
    return subprocess.run([DAEMON, *words], text=True, capture_output=True,
                          env=os.environ | (env or {}), timeout=30)


def check(*flags, env=None):
    return run('run', '--workers=gateway', '--check-config', *flags, env=env)


def test_help_teaches():
    text = run('--help').stdout
    assert 'tenfold run --workers=gateway' in text and 'TENFOLD_GATEWAY_LISTEN' in text and 'SIGHUP' in text
    assert 'gateway.listen' in run('list').stdout


def test_flags_beat_variables_beat_the_file(tmp_path):
    file = tmp_path / 'tenfold.toml'
    file.write_text(
        '[gateway]\nlisten = "file:1"\nprefix = "/file"\nconnections = 5\n[database]\nprepared = false\n')
    printed = run('run', '--workers=gateway', '--print-config', f'--config={file}', '--gateway.listen=flag:1',
                  env={'TENFOLD_GATEWAY_LISTEN': 'variable:1', 'TENFOLD_GATEWAY_PREFIX': '/variable'}).stdout
    found = dict(re.findall(r"^(\S+) = '(.*)'", printed, re.MULTILINE))
    assert found['gateway.listen'] == 'flag:1'
    assert found['gateway.prefix'] == '/variable'
    assert (found['gateway.connections'], found['database.prepared']) == ('5', 'off')
    assert found['gateway.body_size'] == '1MB'


@pytest.mark.parametrize('dsn', [
    'host=a password=geheim', "password = 'geheim x'", 'postgres://me:geheim@host/db',
])
def test_secrets_are_masked(dsn):
    printed = run('run', '--workers=gateway', '--print-config', f'--database.dsn={dsn}').stdout
    assert 'geheim' not in printed and '***' in printed


@pytest.mark.parametrize('flags, env, named', [
    (['--gateway.lisen=x'], {}, 'gateway.listen'),
    (['--gateway.body_size=much'], {}, 'gateway.body_size'),
    (['--gateway.idle_timeout=10'], {}, '250ms'),
    (['--database.connections=0'], {}, 'between 1 and 1000'),
    (['--log.level=loud'], {}, 'debug or info'),
    ([], {'TENFOLD_GATEWAY_LISEN': 'x'}, 'TENFOLD_GATEWAY_LISTEN'),
    (['--config=/nowhere'], {}, '/nowhere'),
    (['stray'], {}, 'stray'),
])
def test_wrong_configuration(flags, env, named):
    result = check(*flags, env=env)
    assert result.returncode != 0 and named in result.stderr


def test_our_own_tools_set_no_variable_that_the_daemon_refuses():
    """Whoever exported it would wonder why `tenfold run` does not start."""
    known = {'TENFOLD_' + name.upper().replace('.', '_')
             for name in re.findall(r'^  (\w+\.\w+) ', run('list').stdout, re.MULTILINE)}
    named = {name for file in [ROOT / 'Makefile', *filter(Path.is_file, (ROOT / 'dev').rglob('*'))]
             for name in re.findall(r'\bTENFOLD_[A-Z_]+', file.read_text())}
    assert named <= known | {'TENFOLD_CONFIG', 'TENFOLD_WORKERS'}


def test_wrong_file(tmp_path):
    file = tmp_path / 'tenfold.toml'
    cases = ('[gateway]\nlisen = 1', 'gateway.listen'), ('[gateway', 'line 1'), ('a = [1]', 'a ')
    for text, named in cases:
        file.write_text(text)
        result = check(f'--config={file}')
        assert result.returncode != 0 and named in result.stderr


def test_right_configuration():
    assert check().returncode == 0


def test_processes_and_calls_to_others():
    """What needs the loop but no database is checked in C++."""
    result = subprocess.run([DAEMON.parent / 'tenfold_loop_check'], text=True, capture_output=True, timeout=120)
    assert result.returncode == 0, result.stdout


def test_unknown_worker():
    assert 'gateway' in run('run', '--workers=gatway').stderr


def test_keys_that_others_can_read(tmp_path, dsn):
    keys = write_keys(tmp_path / 'jwks.json', a=SECRET)
    keys.chmod(0o644)
    result = run('run', '--workers=gateway', f'--database.dsn={dsn}', f'--gateway.jwks={keys}')
    assert result.returncode != 0 and 'chmod 600' in result.stderr


def test_short_keys(tmp_path, dsn):
    keys = write_keys(tmp_path / 'jwks.json', a=b'short')
    result = run('run', '--workers=gateway', f'--database.dsn={dsn}', f'--gateway.jwks={keys}')
    assert result.returncode != 0 and '32 bytes' in result.stderr


def test_statements_end_before_their_connection_is_given_up(dsn):
    result = run('run', '--workers=gateway', f'--database.dsn={dsn}', '--gateway.statement_timeout=60s', '--database.answer_timeout=60s')
    assert result.returncode != 0 and 'database.answer_timeout' in result.stderr


def test_a_port_that_is_taken(gateway, dsn):
    address = f'--gateway.listen=127.0.0.1:{gateway.port}'
    result = run('run', '--workers=gateway', f'--database.dsn={dsn}', address)
    assert result.returncode != 0 and str(gateway.port) in result.stderr


def test_admin(gateway):
    gateway.get('/ping')
    assert gateway.admin('/healthz')[0] == 200
    assert gateway.admin('/readyz')[0] == 200
    assert gateway.admin('/nowhere')[0] == 404
    status, text = gateway.admin('/metrics')
    assert status == 200
    assert re.search(r'tenfold_gateway_answers_total\{route="GET /ping",status="200"\} [1-9]', text)
    assert re.search(r'^tenfold_database_connections 8$', text, re.MULTILINE)


def test_without_postgres_it_waits(tmp_path):
    with Gateway(f'host={tmp_path} port=1', wait_until_ready=False) as running:
        assert running.admin('/healthz')[0] == 200
        assert running.admin('/readyz')[0] == 503
        answer = running.get('/ping')
        assert (answer.status, answer.headers['Retry-After']) == (503, '1')
        warnings = [line for line in running.log if line['level'] == 'warning']
        assert len(warnings) == 1  # once, not once a try


def test_reload_takes_new_routes_and_keys(cluster, dsn, tmp_path):
    keys = write_keys(tmp_path / 'jwks.json', a=SECRET)
    token = {'Authorization': 'Bearer ' + sign({'role': 'tenfold_user'}, SECRET, kid='a')}
    insert = ("INSERT INTO tenfold.route (method, path, shape, function) "
              "VALUES ('GET', '/new', 'F', 'tenfold_api.ping()')")
    with Gateway(dsn, **{'gateway.jwks': keys}) as running:
        assert running.get('/new').status == 404
        assert running.get('/for-users', token).status == 200
        cluster.psql('-c', insert)
        try:
            write_keys(keys, b=SECRET)
            running.reload()
            assert running.get('/new').status == 200
            assert running.get('/for-users', token).status == 401
        finally:
            cluster.psql('-c', "DELETE FROM tenfold.route WHERE path = '/new'")


def as_user(secret, kid):
    return {'Authorization': 'Bearer ' + sign({'role': 'tenfold_user'}, secret, kid=kid)}


def test_new_keys_need_no_signal(dsn, tmp_path):
    """Written in place, and put in place: neither the inode nor the time may be all that is looked at."""
    keys = write_keys(tmp_path / 'jwks.json', a=SECRET)
    with Gateway(dsn, **{'gateway.jwks': keys}) as running:
        assert running.get('/for-users', as_user(SECRET, 'b')).status == 401
        write_keys(keys, b=SECRET)
        assert running.get('/for-users', as_user(SECRET, 'b')).status == 200
        assert running.get('/for-users', as_user(SECRET, 'a')).status == 401
        newer = write_keys(tmp_path / 'new.json', c=SECRET)
        os.utime(newer, ns=(keys.stat().st_atime_ns, keys.stat().st_mtime_ns))
        newer.replace(keys)
        assert running.get('/for-users', as_user(SECRET, 'c')).status == 200
        assert running.messages().count('keys loaded') == 2  # the others cost a look at the file only


def warned(running, times):
    warnings = [line for line in running.log if line['level'] == 'warning' and 'keys' in line['message']]
    return warnings if len(warnings) >= times else None


def test_broken_new_keys_keep_the_old_ones(dsn, tmp_path):
    keys = write_keys(tmp_path / 'jwks.json', a=SECRET)
    with Gateway(dsn, **{'gateway.jwks': keys}) as running:
        for times, spoil in enumerate((lambda: keys.write_text('{"keys": ['), lambda: write_keys(keys, b=b'x' * 32), keys.unlink), 1):
            spoil()
            for _ in range(3):
                assert running.get('/for-users', as_user(SECRET, 'b')).status == 401
            assert running.get('/for-users', as_user(SECRET, 'a')).status == 200
            warnings = wait_until(lambda: warned(running, times), 'it is logged')
            assert len(warnings) == times and str(keys) in warnings[-1]['error']  # once, not once a token
        write_keys(keys, b=SECRET)
        assert running.get('/for-users', as_user(SECRET, 'b')).status == 200


def test_a_secret_that_everybody_knows(tmp_path, dsn):
    keys = write_keys(tmp_path / 'jwks.json', a=b'reallyreallyreallyreallyverysafe')
    result = run('run', '--workers=gateway', f'--database.dsn={dsn}', f'--gateway.jwks={keys}')
    assert result.returncode != 0 and 'key a is an example' in result.stderr and 'rotate-secret' in result.stderr


def test_a_reload_that_fails_changes_nothing(dsn, tmp_path):
    keys = write_keys(tmp_path / 'jwks.json', a=SECRET)
    with Gateway(dsn, **{'gateway.jwks': keys}) as running:
        keys.write_text('no json')
        running.signal(signal.SIGHUP)
        refused = 'cannot reload; going on as before'
        wait_until(lambda: refused in running.messages(), 'the reload is refused')
        token = sign({'role': 'tenfold_user'}, SECRET, kid='a')
        assert running.get('/for-users', {'Authorization': 'Bearer ' + token}).status == 200


def test_a_reload_loses_no_request(dsn):
    with Gateway(dsn) as running, Load(running) as load:
        for _ in range(5):
            running.reload()
        load.stop()
        assert set(load.statuses) == {200}


def test_sigterm_finishes_what_is_under_way(dsn):
    with Gateway(dsn, **{'shutdown.delay': '300ms'}) as running:
        slow = running.connect()
        slow.request('GET', '/api/v1/slow?seconds=1')
        running.wait_for_metric('tenfold_database_in_flight', 1)
        running.signal(signal.SIGTERM)
        wait_until(lambda: running.admin('/readyz')[0] == 503, 'readiness is gone first')
        assert running.get('/ping').status == 200  # within the delay it still serves
        answer = slow.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"slept": true}')
        assert running.process.wait(5) == 0


def test_a_second_signal_ends_it_at_once(dsn):
    with Gateway(dsn) as running:
        slow = running.connect()
        slow.request('GET', '/api/v1/slow?seconds=9')
        running.wait_for_metric('tenfold_database_in_flight', 1)
        running.signal(signal.SIGTERM)
        wait_until(lambda: 'draining' in running.messages(), 'it drains')
        running.signal(signal.SIGTERM)
        assert running.process.wait(5) == 0  # what was under way is dropped, not stumbled over


class Load:
    """Requests from four connections at once, each answer's status with the time it came."""

    def __init__(self, gateway, path='/ping'):
        self.gateway, self.path = gateway, path
        self.answers, self.failures, self.running = [], [], True
        self.threads = [threading.Thread(target=self._ask) for _ in range(4)]

    @property
    def statuses(self):
        return [status for _, status, _ in self.answers]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *failure):
        self.stop()

    def stop(self):
        self.running = False
        for thread in self.threads:
            thread.join()

    def _ask(self):
        connection = self.gateway.connect()
        while self.running:
            try:
                answer = exchange(connection, 'GET', self.path)
                self.answers.append((time.monotonic(), answer.status, answer.headers))
            except OSError as failure:
                self.failures.append(failure)
                return
        connection.close()


def test_postgres_restarts_under_load():
    with Cluster(ROOT / '.run' / 'http' / 'restarted') as cluster:
        cluster.psql('-f', str(ROOT / 'tests' / 'http' / 'fixture.sql'))
        with Gateway(cluster.dsn(user='tenfold_authenticator')) as running, Load(running) as load:
            wait_until(lambda: len(load.answers) > 100, 'there is load')
            cluster.stop()
            wait_until(lambda: 503 in load.statuses, 'requests are refused')
            assert running.admin('/readyz')[0] == 503
            cluster.start()
            back = time.monotonic()
            wait_until(lambda: load.statuses[-1] == 200, 'it serves again')
            load.stop()
    last_refused = max(at for at, status, _ in load.answers if status == 503)
    assert last_refused < back + 1
    assert not load.failures  # no connection was dropped, and no request hung
    assert set(load.statuses) == {200, 503}
    assert all(headers['Retry-After'] == '1' for _, status, headers in load.answers if status == 503)


def test_a_killed_backend_costs_one_request_at_most(cluster, dsn):
    with Gateway(dsn, **{'database.connections': 4}) as running:
        cluster.psql('-c', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                           "WHERE usename = 'tenfold_authenticator' LIMIT 3")
        running.wait_for_metric('tenfold_database_connections', 4)
        assert running.get('/ping').status == 200


def test_statement_timeout(dsn):
    with Gateway(dsn, **{'gateway.statement_timeout': '100ms'}) as running:
        answer = running.get('/slow?seconds=5')
        assert (answer.status, answer.json()['code']) == (504, '57014')


def test_a_full_queue_says_so(dsn):
    with Gateway(dsn, **{'database.connections': 1, 'database.depth': 1, 'database.queue': 1,
                         'gateway.slow_connections': 1}) as running:
        first, second = running.connect(), running.connect()
        first.request('GET', '/api/v1/slow?seconds=1')
        running.wait_for_metric('tenfold_database_in_flight', 1)
        second.request('GET', '/api/v1/ping')
        running.wait_for_metric('tenfold_database_queued', 1)
        answer = running.get('/ping')
        assert (answer.status, answer.json()['code'], answer.headers['Retry-After']) == (503, 'PGRST003', '1')
        assert [first.getresponse().status, second.getresponse().status] == [200, 200]


def test_a_slow_request_holds_up_few_others(dsn):
    """Three at most: those that were sent behind it before it showed."""
    with Gateway(dsn, **{'database.connections': 2}) as running:
        slow = running.connect()
        slow.request('GET', '/api/v1/slow?seconds=2')
        running.wait_for_metric('tenfold_database_in_flight', 1)
        began = time.monotonic()
        with Load(running) as load:
            wait_until(lambda: len(load.answers) > 200, 'others are answered')
            assert time.monotonic() - began < 1.5
        assert slow.getresponse().status == 200


def resident_kilobytes(pid):
    return int(re.search(r'VmRSS:\s+(\d+)', Path(f'/proc/{pid}/status').read_text())[1])


def test_idle_connections_cost_little(gateway):
    before = resident_kilobytes(gateway.process.pid)
    connections = [gateway.connect() for _ in range(500)]
    for connection in connections:
        assert exchange(connection, 'GET', '/ping').status == 200
    cost = (resident_kilobytes(gateway.process.pid) - before) / len(connections)
    for connection in connections:
        connection.close()
    assert cost < 40


@pytest.fixture
def bouncer(cluster, tmp_path_factory):
    """pgbouncer in transaction mode, before the cluster; gives the folder of its socket."""
    folder = Path(subprocess.run(['mktemp', '-d', '/var/tmp/tenfold-XXXXXX'], text=True, capture_output=True,
                                 check=True).stdout.strip())
    env = cluster.env()
    (folder / 'users').write_text('"tenfold_authenticator" ""\n')
    (folder / 'ini').write_text(f'''
        [databases]
        tenfold = host={env["PGHOST"]} port={env["PGPORT"]} dbname=tenfold
        [pgbouncer]
        pool_mode = transaction
        listen_port = 6432
        unix_socket_dir = {folder}
        auth_type = trust
        auth_file = {folder}/users
        default_pool_size = 2
    '''.replace('        ', ''))
    subprocess.run(['chown', '-R', 'postgres', folder], check=True)
    process = subprocess.Popen(['runuser', '-u', 'postgres', '--', '/usr/sbin/pgbouncer', folder / 'ini'],
                               stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: (folder / '.s.PGSQL.6432').exists(), 'pgbouncer listens')
        yield folder
    finally:
        process.terminate()
        process.wait()
        subprocess.run(['rm', '-r', folder], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason='pgbouncer refuses root, and only root can be somebody else')
def test_behind_pgbouncer(bouncer):
    dsn = f'host={bouncer} port=6432 dbname=tenfold user=tenfold_authenticator'
    with Gateway(dsn, **{'database.prepared': 'off'}) as running, Load(running, '/echo?number=5') as load:
        wait_until(lambda: len(load.answers) > 300, 'there is load')
        load.stop()
        assert set(load.statuses) == {200}
        assert running.get('/settings').json()['role'] == 'tenfold_anonymous'
