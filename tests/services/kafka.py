"""A private Kafka broker for tests: dev/kafka, from Python."""
import os
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / 'dev' / 'kafka'


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
        """SIGKILL; start() brings it back."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        while Path(f'/proc/{pid}').exists() and 'Z' not in Path(f'/proc/{pid}/stat').read_text().split()[2]:
            time.sleep(0.01)

    @contextmanager
    def suspended(self):
        """SIGSTOP, and SIGCONT afterwards: its sockets stay open, and it says nothing."""
        os.kill(self.pid(), signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid(), signal.SIGCONT)

    def pid(self):
        return int((self.path / 'pid').read_text())

    @property
    def secure_address(self):
        return (self.path / 'secure').read_text().strip()

    @property
    def certificate(self):
        return self.path / 'certificate.pem'

    def _run(self, command, *arguments):
        """An interrupt waits for the tool to end (run() would kill it and leave half a broker)."""
        with subprocess.Popen([TOOL, command, self.path, *arguments], text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tool:
            output, errors = tool.communicate()
        if tool.returncode:
            raise RuntimeError(f'dev/kafka {command} {self.path}: {errors.strip()}')
        return output
