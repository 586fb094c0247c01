"""The extension, in private clusters."""
import re
import shutil
import subprocess
from pathlib import Path

from services.cluster import Cluster

from .core import CHECK, ROOT, StageDied, count_prove, count_tap, new_cluster, server_bindir, stage


PROVE = ('pg_prove', '--timer', '--ext', '.sql', '--recurse', '--verbose')


@stage('pgTAP: tests/sql', needs=('extension',))
def pgtap(log):
    with new_cluster('pgtap', installed=True) as cluster:
        cluster.psql('-c', 'CREATE EXTENSION pgtap')
        return count_prove(*log.run(*PROVE, 'tests/sql', env=cluster.env()))


ODD_SETTINGS = {'standard_conforming_strings': 'off', 'extra_float_digits': '0'}
ODD_FILES = [f'tests/sql/{name}.sql' for name in (
    'hotel/cursor', 'hotel/hotel', 'hotel/staging', 'kernel/identity', 'kernel/metric', 'kernel/request', 'kernel/route', 'kernel/search_path')]
PARALLEL_FILES = [f'tests/sql/{name}.sql' for name in ('geo/geo', 'hotel/cursor', 'hotel/hotel', 'kernel/request', 'kernel/route')]


@stage('of pgTAP what matters in a Turkish database with settings of old, and with parallel mode forced', needs=('extension',))
def settings(log):
    with Cluster(CHECK / 'settings', preload='pg_cron,tenfold', settings=ODD_SETTINGS) as cluster:
        make_turkish(cluster)
        cluster.install_tenfold()
        cluster.psql('-c', 'SET standard_conforming_strings = on', '-c', 'CREATE EXTENSION pgtap')  # not ours to mend
        odd = prove(log, cluster, ODD_FILES)
        return odd + prove(log, cluster, PARALLEL_FILES, PGOPTIONS=f'-c {name_of_forced_parallel(cluster)}=on')


def make_turkish(cluster):
    """The lower case of I is another there."""
    cluster.psql('-d', 'postgres', '-c', 'DROP DATABASE tenfold WITH (FORCE)',
                 '-c', "CREATE DATABASE tenfold TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR'")


def name_of_forced_parallel(cluster):
    return cluster.psql('-c', "SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')").strip()


def prove(log, cluster, files, **environment):
    return count_prove(*log.run('pg_prove', '--verbose', *files, env=cluster.env() | environment))


@stage('isolationtester: tests/isolation', needs=('extension',))
def isolation(log):
    place = CHECK / 'isolation-files'
    names = lay_out_specs(place)
    with new_cluster('isolation', installed=True) as cluster:
        result = log.run(program_of_pgxs('pg_isolation_regress'), '--use-existing', '--dbname=tenfold',
                         f'--bindir={server_bindir()}', f'--inputdir={place}', f'--outputdir={place}', *names,
                         env=cluster.env())
    return with_differences(log, place, result)


def lay_out_specs(place):
    """pg_isolation_regress wants specs/NAME.spec and expected/NAME.out; gives the names."""
    shutil.rmtree(place, ignore_errors=True)
    for folder, ending in (('specs', 'spec'), ('expected', 'out')):
        (place / folder).mkdir(parents=True)
        for file in (ROOT / 'tests' / 'isolation').rglob(f'*.{ending}'):
            shutil.copy(file, place / folder)
    names = sorted(path.stem for path in place.glob('specs/*.spec'))
    if not names:
        raise StageDied('tests/isolation holds no *.spec')
    return names


def with_differences(log, place, result):
    """pg_regress only names the file that tells what differs."""
    differences = place / 'regression.diffs'
    if result[0] and differences.exists():
        log.write(differences.read_text(errors='replace'))
    return count_tap(*result)


@stage('make installcheck, as a Postgres person runs it', needs=('extension',))
def installcheck(log):
    with new_cluster('installcheck') as cluster:
        result = log.run('make', '-C', 'extension', 'installcheck', f'PG_CONFIG={server_bindir()}/pg_config',
                         env=cluster.env())
    return with_differences(log, ROOT / 'extension', result)


def program_of_pgxs(name):
    pgxs = subprocess.check_output([f'{server_bindir()}/pg_config', '--pgxs'], text=True).strip()
    return next(Path(pgxs).parents[1].rglob(name))
