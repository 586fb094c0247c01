"""nginx from docker/gateway, on a free port, as a user without rights; and PostgREST where there is one."""
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from gateway import ROOT, Door, wait_until

FOLDER = ROOT / 'docker' / 'gateway'
PROGRAM = shutil.which('nginx', path=os.environ['PATH'] + ':/usr/sbin:/sbin')  # sbin is not in everybody's path
ATTEMPTS = 5  # at a port that is still free when nginx wants it


def replace(text, what, by):
    """Fails where the file does not hold what a test thinks it holds."""
    assert what in text, f'no "{what}" in the file'
    return text.replace(what, by)


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as server:
        return server.getsockname()[1]


def answers(port):
    with socket.socket() as client:
        return client.connect_ex(('127.0.0.1', port)) == 0


class Nginx(Door):
    """`with Nginx(upstream_port) as door:` — routes are those of routes.conf, or another text.

    Rates are those of nginx.conf only where a test asks for them: the others ask faster than any client may.
    """

    def __init__(self, upstream_port, routes=None, limits_rates=False):
        self.upstream_port = upstream_port
        self.routes = routes or (FOLDER / 'routes.conf').read_text()
        self.limits_rates = limits_rates

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix='tenfold-nginx-', dir='/var/tmp'))
        self.process = None
        try:
            self._lay_out()
            for _ in range(ATTEMPTS):
                if self._start():
                    return self
            raise AssertionError(f'nginx does not start: {self.log()}')
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *failure):
        if self.process:
            self.process.terminate()
            self.process.wait()
        shutil.rmtree(self.folder)

    def log(self):
        return (self.folder / 'error.log').read_text()

    def requests(self):
        """The lines of the access log."""
        return (self.folder / 'access.log').read_text().splitlines()

    def _lay_out(self):
        for file in FOLDER.glob('*.conf'):
            shutil.copy(file, self.folder)
        (self.folder / 'routes.conf').write_text(self.routes)
        if os.geteuid() == 0:
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, self._user()['user'])

    def _configuration(self):
        text = (FOLDER / 'nginx.conf').read_text()
        text = replace(text, 'listen 8080;', f'listen 127.0.0.1:{self.port};')
        text = replace(text, '/tmp/nginx', f'{self.folder}/nginx')
        text = replace(text, '/dev/stdout', f'{self.folder}/access.log')
        text = replace(text, 'postgrest:3000', f'127.0.0.1:{self.upstream_port}')
        text = replace(text, 'sidecar:8080', f'127.0.0.1:{self.upstream_port}')
        text = replace(text, 'worker_processes auto', 'worker_processes 1')
        return text if self.limits_rates else re.sub(r'rate=\d+r/s', 'rate=100000r/s', text)

    def _start(self):
        """False if somebody took the port meanwhile."""
        self.port = free_port()
        (self.folder / 'nginx.conf').write_text(self._configuration())
        with (self.folder / 'error.log').open('w') as log:
            self.process = subprocess.Popen([PROGRAM, '-c', self.folder / 'nginx.conf', '-e', 'stderr', '-g', 'daemon off;'],
                                            stderr=log, **self._user())
        wait_until(lambda: self.process.poll() is not None or answers(self.port), 'nginx answers')
        if self.process.poll() is None:
            return True
        assert 'Address already in use' in self.log(), self.log()
        return False

    @staticmethod
    def _user():
        """Who root is while it runs nginx."""
        if os.geteuid() != 0:
            return {}
        nobody = pwd.getpwnam('nobody')
        return {'user': nobody.pw_uid, 'group': nobody.pw_gid, 'extra_groups': []}


class Postgrest:
    """`with Postgrest(program, cluster, folder) as upstream:` — from docker/gateway/postgrest.conf."""

    def __init__(self, program, cluster, folder):
        self.program, self.cluster, self.folder = program, cluster, folder

    def __enter__(self):
        self.port = free_port()
        (self.folder / 'db_uri').write_text(self.cluster.dsn(user='tenfold_authenticator'))
        text = (FOLDER / 'postgrest.conf').read_text()
        text = replace(text, '/run/keys/jwks.json', str(self.cluster.keys()))
        text = replace(text, '/run/secrets/db_uri', str(self.folder / 'db_uri'))
        text = replace(text, 'server-host = "*"', 'server-host = "127.0.0.1"')
        text = replace(text, 'server-port = 3000', f'server-port = {self.port}')
        self.admin_port = free_port()
        text = replace(text, 'admin-server-port = 3001', f'admin-server-port = {self.admin_port}')
        (self.folder / 'postgrest.conf').write_text(text)
        self.process = subprocess.Popen([self.program, self.folder / 'postgrest.conf'])
        try:
            wait_until(lambda: self.process.poll() is not None or self._is_ready(), 'PostgREST is ready')
            assert self.process.poll() is None, 'PostgREST ended'
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *failure):
        self.process.terminate()
        self.process.wait()

    def _is_ready(self):
        """Its schema is read, not only its port open."""
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{self.admin_port}/ready', timeout=1) as answer:
                return answer.status == 200
        except OSError:  # an answer of 503 is one, too
            return False
