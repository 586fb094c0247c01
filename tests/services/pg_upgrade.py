"""pg_upgrade from one cluster of services.cluster into another, as its manual says."""
import os
import re
import shutil
import subprocess
from pathlib import Path

from services.cluster import TOOL


def bindir_of(pg_config=None):
    """Of the server that dev/cluster takes, or of another."""
    env = os.environ | ({'PG_CONFIG': pg_config} if pg_config else {})
    return subprocess.check_output([TOOL, 'bindir'], env=env, text=True).strip()


def pg_upgrade(old, new, old_bindir, new_bindir):
    """Both stopped, and the new one with no database of its own. Gives what pg_upgrade says; its logs, when it fails, in the error."""
    homes = [os.path.realpath(cluster.path) for cluster in (old, new)]
    as_owner = ['runuser', '-u', 'postgres', '--'] if os.geteuid() == 0 else []
    made = subprocess.run([*as_owner, f'{new_bindir}/pg_upgrade', '--username=postgres', f'--socketdir={homes[1]}',
                           f'--old-bindir={old_bindir}', f'--new-bindir={new_bindir}',
                           f'--old-datadir={homes[0]}/data', f'--new-datadir={homes[1]}/data'],
                          cwd=homes[1], capture_output=True, text=True)
    if made.returncode:
        raise RuntimeError(made.stdout + made.stderr + log_of(homes[1]))
    return made.stdout


def log_of(home):
    return subprocess.run(f'grep -rh -A5 ERROR {home}/data/pg_upgrade_output.d', shell=True, capture_output=True, text=True).stdout


def lend_server(root, place):
    """Copies this machine's server with its extensions below place, in a chroot at root, with the libraries that it lacks.

    A server finds its files by where its programs are, as long as the last folders are those of its package.
    """
    bindir = Path(bindir_of())
    skipped = shutil.ignore_patterns('bitcode', 'llvmjit*')  # the JIT would need another LLVM
    for folder in (bindir, Path(config_of(bindir, 'pkglibdir')), Path(config_of(bindir, 'sharedir'))):
        shutil.copytree(folder, place / folder.relative_to('/usr'), ignore=skipped, ignore_dangling_symlinks=True)
    (place / 'libraries').mkdir()
    for library in libraries_of(bindir / 'postgres', *Path(config_of(bindir, 'pkglibdir')).glob('*.so')):
        if not (root / library.lstrip('/')).exists():
            shutil.copy(library, place / 'libraries')
    return place / bindir.relative_to('/usr') / 'pg_config'


def config_of(bindir, name):
    return subprocess.check_output([bindir / 'pg_config', f'--{name}'], text=True).strip()


def libraries_of(*files):
    found = subprocess.run(['ldd', *files], capture_output=True, text=True, check=True).stdout
    return sorted(set(re.findall(r'=> (/\S+)', found)))
