"""A private Postgres cluster for tests: dev/cluster, from Python."""
import base64
import fcntl
import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / 'dev' / 'cluster'
SETUP = ROOT / 'dev' / 'setup.sql'
KEYS = 'jwks.json'  # in the data directory
SECRETS = 'payment.json'  # beside it
# Of webhooks: those of the providers as text, the master key in base64.
PAYMENT_SECRETS = {'master': [base64.b64encode(b'x' * 32).decode()], 'stripe': ['whsec_stripe'], 'razorpay': ['rzp_secret']}
MODELS = ROOT / '.run' / 'model'


class Cluster:
    """`with Cluster(path) as cluster:` makes a new one, and removes it at the end, after a failure too.

    Every keyword is an option of `dev/cluster start`; settings is a dict of postgresql.conf's. One that is installed has
    all that install_tenfold() makes, as a copy of a cluster that is made once: to Postgres all copies are the same.
    pg_config: of another server than dev/cluster takes.
    """

    def __init__(self, path, preload='', port=None, settings=None, installed=False, pg_config=None):
        self.path = Path(path)
        self.server = {'PG_CONFIG': str(pg_config)} if pg_config else {}
        self.options = ['--fast', '--preload', preload, '--set', f'tenfold.jwks_file={KEYS}',
                        '--set', f'tenfold.payment_secrets_file={SECRETS}']
        self.installed = installed
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
        self._run('start', *self.options, *(['--like', model()] if self.installed else []))

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
        """Everything that a database needs to have before tests: extensions, roles, all modules, a key."""
        self.psql('-f', str(SETUP))
        self.write_keys(tests=os.urandom(32))
        self.write_payment_secrets()

    def write_payment_secrets(self):
        self._write(SECRETS, json.dumps(PAYMENT_SECRETS))

    def write_keys(self, **secrets):
        """The keys that sign tokens, by kid; the first signs. A file of the server's user, for nobody else."""
        keys = [{'kty': 'oct', 'alg': 'HS256', 'kid': kid, 'k': base64.urlsafe_b64encode(secret).decode().rstrip('=')}
                for kid, secret in secrets.items()]
        self._write(KEYS, json.dumps({'keys': keys}))

    def _write(self, name, text):
        self.psql('-c', f"COPY (SELECT '{text}') TO PROGRAM 'umask 077; cat >{name}'")

    def keys(self):
        """The path of that file, for the gateway."""
        return self.path / 'data' / KEYS

    def _run(self, command, *arguments):
        """An interrupt waits for the tool to end (run() would kill it and leave half a cluster)."""
        with subprocess.Popen([TOOL, command, self.path, *arguments], text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | self.server) as tool:
            output, errors = tool.communicate()
        if tool.returncode:
            raise RuntimeError(f'dev/cluster {command} {self.path}: {errors.strip()}')
        return output


def model():
    """The path of a stopped cluster with everything installed, made anew when what is installed has changed."""
    MODELS.mkdir(parents=True, exist_ok=True)
    path = MODELS / fingerprint()
    with (MODELS / 'lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # stages run side by side
        if not path.exists():
            remove_models()
            made = Cluster(MODELS / 'new', preload='pg_cron,tenfold')
            with made:
                made.install_tenfold()
                made.stop()
                made.path.rename(path)
    return path


def remove_models():
    for old in MODELS.glob('*'):
        if old.is_symlink():
            Cluster(old).remove()


def fingerprint():
    """Of what an installed cluster is made of."""
    config = subprocess.check_output([TOOL, 'bindir'], text=True).strip() + '/pg_config'
    folders = [Path(subprocess.check_output([config, f'--{kind}'], text=True).strip()) for kind in ('pkglibdir', 'sharedir')]
    digest = hashlib.sha256(folders[0].as_posix().encode())
    for file in [folders[0] / 'tenfold.so', *sorted((folders[1] / 'extension').glob('tenfold*')), SETUP]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
