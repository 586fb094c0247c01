"""What checks itself: Postgres with assertions, the extension and the daemon under the sanitizers of the compiler."""
import contextlib
import os
import re
import shutil
import subprocess

from .core import BUILD, CHECK, ROOT, Count, cmake, count_prove, new_cluster, stage
from .postgres import PROVE
from .processes import run_pytest

# What C++ keeps copies of, once more with every cache dropped at each chance.
DISCARDING = ['tests/discard']


@stage('pgTAP on a server with assertions, the extension under the address sanitizer (dev/checked-server)', by_default=False)
def sanitize_server(log):
    log.must_run('dev/checked-server', 'make')
    pg_config = subprocess.check_output(['dev/checked-server', 'pg_config'], cwd=ROOT, text=True).strip()
    install_sanitized(log, pg_config)
    runtime = subprocess.check_output(['gcc', '-print-file-name=libasan.so'], text=True).strip()
    with environment(PG_CONFIG=pg_config, LD_PRELOAD=os.path.realpath(runtime), ASAN_OPTIONS='detect_leaks=0:abort_on_error=1:allocator_may_return_null=1'):
        cluster = new_cluster('sanitize_server')
        cluster.__enter__()
    with contextlib.ExitStack() as stack:
        stack.enter_context(environment(PG_CONFIG=pg_config))
        stack.push(cluster.__exit__)
        cluster.install_tenfold()
        cluster.psql('-c', 'CREATE EXTENSION pgtap')
        whole = log.run(*PROVE, 'tests/sql', env=cluster.env())
        discarding = log.run(*PROVE, *DISCARDING, env=cluster.env() | {'PGOPTIONS': '-c debug_discard_caches=1'})
        return count_prove(*whole) + count_prove(*discarding) + count_reports(log, cluster)


@stage('the daemon under the address, undefined-behaviour and thread sanitizers (tests/http, tests/kafka)', needs=('extension',), by_default=False)
def sanitize_daemon(log):
    """Threads are in what reads Kafka and writes to it: the rest of the daemon has one."""
    return (run_sanitized(log, 'address', 'ON', 'tests/http')
            + run_sanitized(log, 'thread', 'thread', 'tests/kafka', '-k', 'test_sink or test_relay or test_handlers'))


def run_sanitized(log, name, which, folder, *options):
    build = f'sanitize-daemon-{name}'
    cmake(log, build, '-DTENFOLD_SIDECAR=ON', f'-DTENFOLD_SANITIZE={which}', targets=('tenfold',))
    reports = CHECK / build
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir()
    settings = f'log_path={reports}/report:print_stacktrace=1'
    with environment(DAEMON_UNDER_TEST=str(BUILD / build / 'tenfold'), ASAN_OPTIONS=settings, UBSAN_OPTIONS=settings,
                     TSAN_OPTIONS=settings):
        result = run_pytest(log, build, *options, folder=folder)
    found = sorted(reports.iterdir())
    for report in found:
        log.write(report.read_text(errors='replace'))
    return result + Count(int(not found), len(found))


def install_sanitized(log, pg_config):
    """From a copy: the objects of the usual build stay as they are."""
    copy = BUILD / 'sanitize-server'
    shutil.rmtree(copy / 'sql', ignore_errors=True)  # of a file that has moved both would be taken
    names = subprocess.check_output(['git', '-c', 'safe.directory=*', 'ls-files', '-co', '--exclude-standard', 'extension', 'sql', 'tests/module'],
                                    cwd=ROOT, text=True).split()
    for name in (name for name in names if (ROOT / name).exists()):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)
    sanitize = '-fsanitize=address -fno-omit-frame-pointer -O1'
    flags = [f'PG_CONFIG={pg_config}', f'COPT={sanitize}', f'CXXFLAGS=-g -fno-strict-aliasing -fwrapv {sanitize}']  # COPT is C's
    for folder in ('extension', 'tests/module'):
        log.must_run('make', f'-j{os.cpu_count()}', '-C', copy / folder, 'install', *flags)


def count_reports(log, cluster):
    """A test that expects an error is content with any backend's death: so the server's log is read as well."""
    found = re.findall(r'^.*(?:TRAP: |ERROR: AddressSanitizer|terminated by signal).*$', (cluster.path / 'log').read_text(errors='replace'), re.MULTILINE)
    log.write('\n'.join(found))
    return Count(int(not found), len(found))


@contextlib.contextmanager
def environment(**changes):
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
