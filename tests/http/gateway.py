"""The daemon `tenfold` with its gateway, as a child of a test; and the tools to talk to it."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DAEMON = Path(os.environ.get('DAEMON_UNDER_TEST', ROOT / 'build' / 'sidecar' / 'tenfold'))
PREFIX = '/api/v1'
os.environ.setdefault('TENFOLD_HTTP_ALLOW', '127.0.0.0/8')  # the servers that our daemons call are here
DEADLINE = 60  # seconds; for conditions that hold within a fraction of one, on a machine that may be busy
LONGEST_LOOK = 0.25


def wait_until(condition, what, patience=DEADLINE):
    """Gives what the condition gives, once that is true. A look that took longer than LONGEST_LOOK counts as that: we may have
    slept, with the whole machine."""
    left = patience
    while left > 0:
        began = time.monotonic()
        if result := condition():
            return result
        time.sleep(0.01)
        left -= min(time.monotonic() - began, LONGEST_LOOK)
    raise AssertionError(f'not within {patience} s: {what}')


class Door:
    """Where the API answers: a port of this machine."""
    port = None
    is_postgrest = False  # whose statuses are others in places: docker/README.md

    def connect(self):
        return http.client.HTTPConnection('127.0.0.1', self.port, timeout=DEADLINE)

    def request(self, method, path, body=None, headers=None):
        """One request on a connection of its own."""
        connection = self.connect()
        try:
            return exchange(connection, method, path, body, headers)
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.request('GET', path, headers=headers)

    def post(self, path, value, headers=None):
        body = value if isinstance(value, (bytes, str)) else json.dumps(value)
        return self.request('POST', path, body, {'Content-Type': 'application/json'} | (headers or {}))

    def raw(self, *pieces):
        """Sends the pieces as they are, and gives everything until the gateway closes."""
        with socket.create_connection(('127.0.0.1', self.port), timeout=DEADLINE) as connection:
            for piece in pieces:
                connection.sendall(piece)
            return read_to_end(connection)


class Gateway(Door):
    """`with Gateway(dsn, **{'gateway.body_size': '10kB'}) as gateway:` — takes free ports."""

    workers = 'gateway'
    before = ()  # words of a program that starts the daemon

    def __init__(self, dsn, wait_until_ready=True, **settings):
        listen = {'gateway.listen': '127.0.0.1:0'} if 'gateway' in self.workers else {}
        self.settings = listen | {'admin.listen': '127.0.0.1:0', 'log.format': 'json', 'database.dsn': dsn} | settings
        self.wait_until_ready = wait_until_ready
        self.log = []

    def __enter__(self):
        flags = [f'--{name}={value}' for name, value in self.settings.items()]
        self.process = subprocess.Popen([*self.before, DAEMON, 'run', f'--workers={self.workers}', *flags],
                                        stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read_log, daemon=True)
        self.reader.start()
        try:
            self.admin_port = wait_until(lambda: self._port('admin'), 'the daemon listens')
            if 'gateway' in self.workers:
                self.port = wait_until(lambda: self._port('gateway'), 'the gateway listens')
            if self.wait_until_ready:
                wait_until(lambda: self.admin('/readyz')[0] == 200, 'the gateway is ready')
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *failure):
        self.process.kill()
        self.process.wait()

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(json.loads(line) if line.startswith('{') else {'message': line})

    def _port(self, server):
        if self.process.poll() is not None:
            self.reader.join(DEADLINE)  # its last words
            raise AssertionError(f'the daemon ended: {self.log}')
        for line in self.log:
            if line.get('server') == server:
                return int(line['address'].rsplit(':', 1)[1])

    def messages(self):
        return [line['message'] for line in self.log]

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self):
        before = self.messages().count('reloaded')
        self.signal(signal.SIGHUP)
        wait_until(lambda: self.messages().count('reloaded') > before, 'reloaded')

    def admin(self, path):
        connection = http.client.HTTPConnection('127.0.0.1', self.admin_port, timeout=DEADLINE)
        connection.request('GET', path)
        response = connection.getresponse()
        result = response.status, response.read().decode()
        connection.close()
        return result

    def wait_for_metric(self, name, value):
        wait_until(lambda: f'\n{name} {value}\n' in self.admin('/metrics')[1], f'{name} is {value}')


class JobsDaemon(Gateway):
    """The daemon with its worker `jobs`, and with no gateway."""

    workers = 'jobs'


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


def exchange(connection, method, path, body=None, headers=None):
    connection.request(method, PREFIX + path, body, headers or {})
    return Answer(connection.getresponse())


def read_to_end(connection):
    received = b''
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass  # the gateway closed while bytes were on their way to it
    return received


# Tokens, made without the code that reads them.

def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def sign(claims, secret, **header):
    """A JWT; header overrides alg and typ, and may add kid."""
    parts = [{'alg': 'HS256', 'typ': 'JWT'} | header, claims]
    text = '.'.join(base64url(json.dumps(part).encode()) for part in parts)
    return text + '.' + base64url(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def write_keys(path, **secrets):
    """A JWKS file that only its owner can read."""
    keys = [{'kty': 'oct', 'alg': 'HS256', 'kid': kid,
        'k': base64url(secret)} for kid, secret in secrets.items()]
    path.write_text(json.dumps({'keys': keys}))
    path.chmod(0o600)
    return path
