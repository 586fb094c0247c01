"""A private Kafka broker for tests: dev/kafka, from Python; and a client that knows nothing of tenfold."""
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / 'dev' / 'kafka'
SOURCE = ROOT / 'tests' / 'services' / 'kafka_client.cpp'
CLIENT = ROOT / '.run' / 'kafka' / 'client'


@dataclass
class Message:
    partition: int
    offset: int
    key: bytes
    payload: bytes
    headers: dict


def build_client():
    if CLIENT.exists() and CLIENT.stat().st_mtime > SOURCE.stat().st_mtime:
        return
    flags = subprocess.check_output(['pkg-config', '--cflags', '--libs', 'libpq', 'rdkafka'], text=True).split()
    new = CLIENT.with_suffix(f'.{os.getpid()}')
    subprocess.run(['g++', '-O2', '-std=c++20', '-o', new, SOURCE, *flags], check=True)
    new.rename(CLIENT)


def to_hex(data):
    return '-' if data is None else data.hex() or "''"


def from_hex(text):
    return None if text == '-' else bytes.fromhex(text.strip("'"))


def is_alive(pid):
    """A zombie, for which nobody waits, is not."""
    try:
        return 'State:\tZ' not in Path(f'/proc/{pid}/status').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


class Kafka:
    """`with Kafka(path) as kafka:` makes a new one, and removes it at the end, after a failure too.

    address is what clients want; it stays the same over restarts. With secure, secure_address wants SASL_SSL.
    """

    def __init__(self, path, secure=False, settings=None):
        self.path = Path(path)
        self.options = ['--secure'] if secure else []
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
        """Makes it, or starts it again on the same data."""
        self.address = self._run('start', *self.options).strip()

    def stop(self):
        self._run('stop')

    def remove(self):
        self._run('remove')

    def kill(self):
        """SIGKILL; start() brings it back. A process whose first thread is dead may still listen."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        while is_alive(pid) or self.listens():
            time.sleep(0.01)

    def listens(self):
        host, port = self.address.split(':')
        with socket.socket() as client:
            return client.connect_ex((host, int(port))) == 0

    def pid(self):
        return int((self.path / 'pid').read_text())

    @property
    def secure_address(self):
        return (self.path / 'secure').read_text().strip()

    @property
    def certificate(self):
        return self.path / 'certificate.pem'

    def create_topic(self, name, partitions=1, **settings):
        self.client('create', name, partitions, *('='.join(pair).replace('_', '.') for pair in settings.items()))

    def client(self, deed, topic, *arguments, **options):
        """Runs tests/services/kafka_client.cpp."""
        build_client()
        result = subprocess.run([CLIENT, deed, self.address, topic, *map(str, arguments)], capture_output=True, text=True, **options)
        if result.returncode:
            raise RuntimeError(result.stderr.strip())
        return result.stdout

    def read(self, topic):
        """What a read_committed reader sees, in the order of each partition."""
        messages = []
        for line in self.client('read', topic).splitlines():
            partition, offset, key, payload, *headers = line.split()
            pairs = (header.split('=') for header in headers)
            messages.append(Message(int(partition), int(offset), from_hex(key), from_hex(payload),
                                    {name: from_hex(value).decode() for name, value in pairs}))
        return messages

    def send(self, topic, messages):
        """Each (key, payload) or (key, payload, headers), of bytes."""
        lines = []
        for key, payload, *headers in messages:
            pairs = [f'{name}={to_hex(value)}' for name, value in (headers[0] if headers else {}).items()]
            lines.append(' '.join([to_hex(key), to_hex(payload), *pairs]))
        self.client('send', topic, input='\n'.join(lines) + '\n')

    def _run(self, command, *arguments):
        """An interrupt waits for the tool to end (run() would kill it and leave half a broker)."""
        with subprocess.Popen([TOOL, command, self.path, *arguments], text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tool:
            output, errors = tool.communicate()
        if tool.returncode:
            raise RuntimeError(f'dev/kafka {command} {self.path}: {errors.strip()}')
        return output
