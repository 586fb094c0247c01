"""pg_upgrade keeps hotels, jobs and events: what was not consumed comes once, in order, and then what is published there."""
from process import upgrade_across
from process.conftest import connect, new_cluster
from process.test_dump import check_events

from services.pg_upgrade import bindir_of, pg_upgrade


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
        assert db.execute('SELECT count(*) FROM tenfold.scheduled_job_status WHERE NOT scheduled').fetchone() == (0,)
