"""What every stage is made of: its log, its count, and how what the tools print becomes one."""
import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from services.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
CHECK = ROOT / '.run' / 'check'
BUILD = ROOT / 'build'
TAIL_LINES = 40
GRACE = 30  # seconds, for who is asked to end
BACKGROUND = ('nice', '-n', '19')  # what only computes gives way to what others wait for, and to what is measured by clocks


@dataclass
class Count:
    passed: int = 0
    failed: int = 0

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed)

    def __str__(self):
        return f'{self.passed} passed, {self.failed} failed'


class StageDied(Exception):
    """A stage could not do its work; the log says why."""


class StageSkipped(Exception):
    """A stage does not apply to this machine."""


def run_to_its_end(command, **options):
    """Gives the exit code. When we must end, the command is asked first: pytest removes its clusters and daemons then."""
    with subprocess.Popen(command, start_new_session=True, **options) as child:
        try:
            return child.wait()
        except BaseException:
            end_gently(child)
            raise


def end_gently(child):
    """An interrupt for the command itself, so that dev/cluster, say, may end what it began; then for all that it started."""
    for kill, number in ((os.kill, signal.SIGINT), (os.killpg, signal.SIGTERM), (os.killpg, signal.SIGKILL)):
        with contextlib.suppress(ProcessLookupError):
            kill(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE)


class Log:
    """Runs a stage's commands, and keeps what they print."""

    def __init__(self, path, keep=False):
        self.path = path
        if not keep:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('')

    def run(self, *command, env=None):
        """Gives the exit code and what was printed."""
        start = self.write('$ ' + ' '.join(map(str, command)) + '\n')
        with self.path.open('ab') as file:
            code = run_to_its_end(command, cwd=ROOT, env=env, stdout=file, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL)
        return code, self.path.read_bytes()[start:].decode(errors='replace')

    def must_run(self, *command, env=None):
        code, output = self.run(*command, env=env)
        if code:
            raise StageDied(f'{command[0]} failed ({code})')
        return output

    def write(self, text):
        """Gives the size of the log afterwards."""
        with self.path.open('ab') as file:
            file.write(text.encode())
            return file.tell()

    def tail(self):
        return self.path.read_text(errors='replace').splitlines()[-TAIL_LINES:]


@dataclass
class Stage:
    run: Callable[[Log], Count]
    purpose: str
    needs: tuple  # stages that end before it begins, where they are part of the run
    by_default: bool
    computes: bool  # it only does, niced, what fills the time that others wait: one of these at a time


STAGES = {}


def stage(purpose, needs=(), by_default=True, computes=False):
    """Makes a function that takes a Log and gives a Count a stage of its name. Those that others wait for stand first."""
    def register(function):
        STAGES[function.__name__] = Stage(function, purpose, needs, by_default, computes)
        return function
    return register


# What the tools print, as a Count. A tool that fails without naming a test counts as one failure.

def count(code, passed, failed):
    return Count(passed, failed or int(code != 0))


def count_tap(code, text):
    """pg_regress 15 has a form of its own."""
    passed = re.findall(r'^(?:ok\b|test \S+ +\.\.\. ok\b)', text, re.MULTILINE)
    failed = re.findall(r'^(?:not ok\b|test \S+ +\.\.\. FAILED\b)', text, re.MULTILINE)
    return count(code, len(passed), len(failed))


def count_prove(code, text):
    """The summary of each file knows of planned tests that never ran, and which failures are TODO."""
    passed = re.findall(r'^(?:ok\b|not ok\b.*# TODO)', text, re.MULTILINE)
    failed = re.findall(r'^Failed (\d+)/\d+ subtests', text, re.MULTILINE)
    died = re.findall(r'^Dubious.*\n(?:No subtests run|All \d+ subtests passed)', text, re.MULTILINE)
    return count(code, len(passed), sum(map(int, failed)) + len(died))


def count_junit(code, path):
    """GoogleTest's and pytest's report; who crashed has written none."""
    cases = ElementTree.parse(path).iter('testcase') if path.exists() else []
    results = [{child.tag for child in case} | {case.get('status')} for case in cases]
    failed = sum(bool(result & {'failure', 'error'}) for result in results)
    skipped = sum(bool(result & {'skipped', 'notrun'}) for result in results)
    return count(code, len(results) - failed - skipped, failed)


# What several of them do.

def cmake(log, folder, *options, targets=(), urgency=BACKGROUND):
    log.must_run('cmake', '-S', '.', '-B', f'build/{folder}', '-G', 'Ninja', *options)
    log.must_run(*urgency, 'cmake', '--build', f'build/{folder}', *(('--target', *targets) if targets else ()))


def new_cluster(name, **options):
    return Cluster(CHECK / name, preload='pg_cron,tenfold', **options)


def server_bindir():
    return subprocess.check_output([ROOT / 'dev' / 'cluster', 'bindir'], text=True).strip()
