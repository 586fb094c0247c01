"""pg_upgrade from one cluster of services.cluster into another, as its manual says."""
import os
import subprocess

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
