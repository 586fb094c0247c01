"""A private Postgres cluster for tests: dev/cluster, from Python."""
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / 'dev' / 'cluster'
SETUP = ROOT / 'dev' / 'setup.sql'


class Cluster:
    """`with Cluster(path) as cluster:` makes a new one, and removes it at the end, after a failure too.

    Every keyword is an option of `dev/cluster start`; settings is a dict of postgresql.conf's.
    """

    def __init__(self, path, preload='', port=None, settings=None):
        self.path = Path(path)
        self.options = ['--fast', '--preload', preload]
        if port:
            self.options += ['--port', str(port)]
        for name, value in (settings or {}).items():
            self.options += ['--set', f'{name}={value}']

    def __enter__(self):
        self.remove()
        try:
            self.start()
        except BaseException:  # an interrupt too
            self.remove()
            raise
        return self

    def __exit__(self, *failure):
        self.remove()

    def start(self):
        self._run('start', *self.options)

    def stop(self):
        self._run('stop')

    def remove(self):
        self._run('remove')

    def restart(self):
        self.stop()
        self.start()

    def env(self):
        """The environment for a client program: the caller's, with this cluster's PGHOST and so on."""
        return os.environ | dict(re.findall(r'^export (\w+)=(.*)$', self._run('env'), re.MULTILINE))

    def dsn(self, database='tenfold', user='postgres'):
        """For psycopg.connect()."""
        env = self.env()
        return f"host={env['PGHOST']} port={env['PGPORT']} dbname={database} user={user}"

    def psql(self, *arguments):
        """Runs psql, stops at the first error, returns what it printed (bare, unaligned)."""
        return self._run('psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', *arguments)

    def install_tenfold(self):
        """Everything that a database needs to have before tests: extensions, roles, all modules."""
        self.psql('-f', str(SETUP))

    def _run(self, command, *arguments):
        """An interrupt waits for the tool to end (run() would kill it and leave half a cluster)."""
        with subprocess.Popen([TOOL, command, self.path, *arguments], text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tool:
            output, errors = tool.communicate()
        if tool.returncode:
            raise RuntimeError(f'dev/cluster {command} {self.path}: {errors.strip()}')
        return output
