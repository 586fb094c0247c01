"""Whatever starts processes: it takes longest, and so begins first."""
import os
import re
import sys
from pathlib import Path

from .core import BACKGROUND, BUILD, CHECK, Count, StageSkipped, count, count_junit, stage



@stage('pytest: whatever starts processes (tests/process)', needs=('extension',))
def process(log):
    return run_pytest(log, 'process', '-m', 'not chroot')


@stage('of these, the tests of dump and restore', needs=('extension',), by_default=False)
def dump(log):
    return run_pytest(log, 'dump', '-k', 'dump', '-m', 'not chroot')


@stage('of these, the tests of the cache; its checker runs for CACHE_SECONDS', needs=('extension',), by_default=False)
def cache(log):
    return run_pytest(log, 'cache', '-k', 'test_cache')


@stage('the sidecar: its loop, and its gateway over real HTTP (tests/http)', needs=('extension', 'daemon', 'packages'))
def http(log):
    report = CHECK / 'loop_check.xml'
    report.unlink(missing_ok=True)
    code, _ = log.run(BUILD / 'sidecar' / 'tenfold_loop_check', f'--gtest_output=xml:{report}')
    return count_junit(code, report) + run_pytest(log, 'http', folder='tests/http')


@stage('the workers relay, sink and subscriber against a real broker (tests/kafka)', needs=('extension', 'daemon', 'packages'))
def kafka(log):
    return run_pytest(log, 'kafka', folder='tests/kafka')


@stage('of these, the outage of the broker, for OUTAGE_SECONDS', needs=('extension', 'daemon'), by_default=False)
def outage(log):
    return run_pytest(log, 'outage', '-k', 'outage', '-rP', folder='tests/kafka')


@stage('of the stage http, the requests that hypothesis makes up, for FUZZ_SECONDS', needs=('extension', 'daemon'), by_default=False)
def fuzz_http(log):
    return run_pytest(log, 'fuzz_http', '-k', 'test_no_request_is_a_500', folder='tests/http')


@stage('workers, backends and the postmaster are killed; three seeds of tests/faults', needs=('extension', 'daemon'))
def faults(log):
    return run_faults(log, 'breaker', 'cache', 'events', 'jobs', 'limiter')


@stage('the same with a Kafka broker: each of eight faults once, and a naive relay, which they must catch', needs=('extension', 'daemon', 'packages'))
def kafka_faults(log):
    return run_faults(log, 'relay', seeds='1-8') + run_faults(log, 'naive')


@stage('payments while everything dies and their provider misbehaves; the original design, which the same trials must catch', needs=('extension', 'daemon'))
def payment_faults(log):
    return run_faults(log, 'payments', 'original')


def run_faults(log, *stories, seeds='1-3'):
    code, output = log.run('tests/faults/run', *stories, '--seeds', seeds, '--again')
    return count_totals(code, output)


def count_totals(code, text):
    """What our own runners print last."""
    totals = re.findall(r'^(\d+) passed, (\d+) failed$', text, re.MULTILINE)
    return count(code, *map(int, totals[-1])) if totals else Count(failed=1)


def run_pytest(log, name, *options, folder='tests/process'):
    report = CHECK / f'{name}.xml'
    report.unlink(missing_ok=True)
    code, _ = log.run(sys.executable, '-m', 'pytest', folder, f'--junitxml={report}', *options)
    return count_junit(code, report)


@stage('build, pgTAP, isolation and dump on Debian 13 with Postgres 17, and from 15 to there', needs=('extension',))
def trixie(log):
    if 'VERSION_ID="12"' not in Path('/etc/os-release').read_text():
        raise StageSkipped('this is not Debian 12')
    if os.geteuid() != 0:
        raise StageSkipped('a chroot needs root')
    inside = log.run(*BACKGROUND, 'dev/trixie', 'run', '--', 'tests/run', 'extension', 'pgtap', 'isolation', 'dump')
    return count_totals(*inside) + run_pytest(log, 'trixie', '-m', 'chroot')
