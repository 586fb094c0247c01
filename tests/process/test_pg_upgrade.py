"""pg_upgrade keeps hotels, jobs and events: what was not consumed comes once, in order, and then what is published there."""
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from process import upgrade_across
from process.conftest import connect, new_cluster
from process.test_dump import can_make_trixie, check_events

from services.cluster import ROOT
from services.pg_upgrade import bindir_of, lend_server, pg_upgrade


def test_a_cluster_goes_through_pg_upgrade():
    with new_cluster('upgrade_old') as old, new_cluster('upgrade_new') as new:
        old.install_tenfold()
        before = upgrade_across.fill(old)
        old.stop()
        upgrade_across.empty(new)
        new.stop()
        pg_upgrade(old, new, bindir_of(), bindir_of())
        new.start()
        check(upgrade_across.go_on(new, before), before)
        check_jobs_of_cron(new)


def check(after, before):
    assert after['hotels'] == before['hotels']
    assert after['nearest'] == [['h250'], ['new']]
    assert after['claimed'] == [2]
    assert after['events']['lag'] == before['lag']
    check_events(after['events'], before['relayed'])


def check_jobs_of_cron(cluster):
    with connect(cluster) as db:
        assert upgrade_across.unscheduled(db) == 0


@pytest.mark.chroot
@pytest.mark.skipif(not can_make_trixie(), reason='needs root on Debian 12, for a chroot of Debian 13')
def test_a_cluster_of_15_goes_through_pg_upgrade_to_17():
    """In the chroot, which has the server of 17 and lacks that of 15."""
    subprocess.run([ROOT / 'dev' / 'trixie', 'run', '--', 'true'], check=True)  # makes it, where it is not there
    root = Path(subprocess.check_output([ROOT / 'dev' / 'trixie', 'path'], text=True).strip())
    place = root / 'tenfold' / '.run' / 'server-15'
    shutil.rmtree(place, ignore_errors=True)
    pg_config = lend_server(root, place)
    server = [pg_config.relative_to(root / 'tenfold'), '.run/server-15/libraries']
    made = subprocess.run([ROOT / 'dev' / 'trixie', 'run', '--', 'tests/process/pg_upgrade', *server],
                          capture_output=True, text=True)
    shutil.rmtree(place)
    assert made.returncode == 0, made.stdout + made.stderr
    found = json.loads(made.stdout.splitlines()[-1])
    assert [version // 10000 for version in found['versions']] == [15, 17]
    check(found['after'], found['before'])
    assert found['unscheduled'] == 0
