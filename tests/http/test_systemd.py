"""The units of sidecar/systemd, and what the daemon tells systemd."""
import configparser
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest
from gateway import DAEMON, DEADLINE, ROOT, Gateway

UNITS = sorted((ROOT / 'sidecar' / 'systemd').glob('*.service'))
ANALYZE = shutil.which('systemd-analyze')


class Unit(configparser.RawConfigParser):
    """Knows the values of a name that stands several times."""

    def __init__(self, path):
        super().__init__(strict=False, delimiters='=', comment_prefixes='#', inline_comment_prefixes=None)
        self.optionxform = str
        self.read(path)
        self.lines = path.read_text().splitlines()

    def all(self, name):
        return [line.partition('=')[2] for line in self.lines if line.startswith(name + '=')]


def names_of(output):
    return set(re.findall(r'^  (\w+\.\w+) ', output, re.MULTILINE))


@pytest.fixture(scope='module')
def settings():
    return names_of(subprocess.run([DAEMON, 'list'], text=True, capture_output=True, check=True).stdout)


def test_a_unit_for_each_zone():
    assert [path.name for path in UNITS] == ['tenfold-gateway.service', 'tenfold-worker.service']


@pytest.mark.parametrize('path', UNITS, ids=lambda path: path.stem)
def test_every_setting_exists(path, settings):
    unit = Unit(path)
    command = unit['Service']['ExecStart'].split()
    assert command[:2] == ['/usr/bin/tenfold', 'run']
    flags = {word[2:].partition('=')[0] for word in command[2:]} - {'workers'}
    assert flags and flags <= settings
    variables = {assignment.partition('=')[0] for assignment in unit.all('Environment')}
    known = {'TENFOLD_' + name.upper().replace('.', '_') for name in settings}
    named = set(re.findall(r'TENFOLD_[A-Z_]+', path.read_text()))
    assert variables <= known and named <= known | {'TENFOLD_WORKERS'}
    checked = subprocess.run([DAEMON, *command[1:], '--workers=gateway', '--check-config'], capture_output=True)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize('path', UNITS, ids=lambda path: path.stem)
def test_each_zone_is_shut_in(path):
    service = Unit(path)['Service']
    assert (service['Type'], service['User'], service['DynamicUser']) == ('notify', path.stem, 'yes')
    assert service['WatchdogSec'] and service['EnvironmentFile'].removeprefix('-').startswith('/etc/tenfold/')
    assert (service['ProtectSystem'], service['NoNewPrivileges']) == ('strict', 'yes')
    assert service['CapabilityBoundingSet'] == ''
    assert service['RestrictAddressFamilies'] == 'AF_UNIX AF_INET AF_INET6'
    assert ('LoadCredential' in service) == (path.stem == 'tenfold-gateway')  # the keys are the gateway's alone


@pytest.mark.skipif(not ANALYZE, reason='systemd-analyze is not here')
@pytest.mark.parametrize('path', UNITS, ids=lambda path: path.stem)
def test_systemd_takes_the_unit(path, tmp_path):
    """With the program that was built in place of the one that will be installed."""
    copy = tmp_path / path.name
    copy.write_text(path.read_text().replace('/usr/bin/tenfold', str(DAEMON)))
    checked = subprocess.run([ANALYZE, 'verify', '--man=no', copy], text=True, capture_output=True,
                             env=os.environ | {'SYSTEMD_LOG_LEVEL': 'warning'})
    if 'Failed to initialize manager' in checked.stderr:
        pytest.skip('systemd-analyze cannot run here')
    assert checked.returncode == 0 and path.name not in checked.stderr, checked.stderr


@pytest.fixture
def notify_socket(tmp_path, monkeypatch):
    """What the daemon would find in a service of systemd, with a watchdog of 200 ms."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / 's'))
        listening.settimeout(DEADLINE)
        monkeypatch.setenv('NOTIFY_SOCKET', str(tmp_path / 's'))
        monkeypatch.setenv('WATCHDOG_USEC', '200000')
        yield listening


def test_what_systemd_is_told(dsn, notify_socket):
    def wait_for(message):
        while notify_socket.recv(4096).decode() != message:
            pass
    with Gateway(dsn) as running:
        wait_for('READY=1')
        for _ in range(3):
            wait_for('WATCHDOG=1')
        running.signal(signal.SIGSTOP)  # a loop that turns no more is silent
        notify_socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                notify_socket.recv(4096)
        notify_socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            notify_socket.recv(4096)
        notify_socket.settimeout(DEADLINE)
        running.signal(signal.SIGCONT)
        wait_for('WATCHDOG=1')
        running.signal(signal.SIGTERM)
        wait_for('STOPPING=1')
