"""Installing, by whom and where: what needs databases and roles of its own."""
import os
import subprocess

import pytest
from process.conftest import connect, new_cluster, state_of

from services.cluster import ROOT


@pytest.fixture
def empty(cluster, db, request):
    """A fresh database of the cluster, which has the roles already; a function that connects to it."""
    db.execute('CREATE DATABASE fresh TEMPLATE template0')
    yield lambda user='postgres': connect(cluster, user, 'fresh')
    db.execute('DROP DATABASE fresh WITH (FORCE)')
    db.execute('DROP ROLE IF EXISTS deployer')


def test_each_thing_missing_is_named(empty):
    with empty() as fresh:
        fresh.execute('CREATE EXTENSION tenfold')
        fresh.execute('SELECT tenfold.create_roles()')
        assert state_of(fresh, "SELECT tenfold.install('moat')") == 'TF001'
        assert state_of(fresh, "SELECT tenfold.install('hotel')") == 'TF004'  # pgcrypto
        fresh.execute('CREATE EXTENSION pgcrypto')
        assert state_of(fresh, "SELECT tenfold.install('hotel')") == 'TF004'  # PostGIS
        assert fresh.execute("SELECT to_regnamespace('geo'), to_regclass('tenfold.module')").fetchone() == (None, None)


def test_without_roles_the_hint_is_create_roles():
    with new_cluster('no_roles', preload='') as cluster, connect(cluster) as db:
        db.execute('CREATE EXTENSION pgcrypto; CREATE EXTENSION tenfold')
        assert state_of(db, "SELECT tenfold.install('geo')") == 'TF003'
        rows = {name: mend for name, ok, _, mend in db.execute('SELECT * FROM tenfold.doctor()') if not ok}
        assert 'shared_preload_libraries' in rows['preload']
        assert rows['roles'] == 'SELECT tenfold.create_roles();'
        db.execute('SELECT tenfold.create_roles()')
        assert state_of(db, "SELECT tenfold.install('geo')") is None
        # Without preload everything works that needs no shared memory.
        assert db.execute('SELECT geo.geohash_encode(19.076, 72.8777)').fetchone()[0] == 'te7ud2evv2pu'


def test_a_foreign_schema_is_refused_and_nothing_is_left_behind(empty):
    with empty() as fresh:
        fresh.execute('CREATE EXTENSION tenfold; CREATE EXTENSION pgcrypto; CREATE EXTENSION postgis; CREATE SCHEMA hotel; CREATE TABLE hotel.mine ()')
        fresh.execute('SELECT tenfold.create_roles()')
        assert state_of(fresh, "SELECT tenfold.install('hotel')") == 'TF002'
        assert fresh.execute("SELECT to_regnamespace('geo'), to_regclass('tenfold.module')").fetchone() == (None, None)
        fresh.execute('ALTER SCHEMA hotel RENAME TO inn')
        assert state_of(fresh, "SELECT tenfold.install('hotel')") is None


def test_a_schema_tenfold_of_somebody_else_refuses_the_extension(empty):
    with empty() as fresh:
        fresh.execute('CREATE SCHEMA tenfold')
        for theirs in ('TABLE tenfold.theirs ()', 'TYPE tenfold.theirs AS ENUM ()',
                       'FUNCTION tenfold.theirs() RETURNS int RETURN 1'):
            fresh.execute(f'CREATE {theirs}')
            assert state_of(fresh, 'CREATE EXTENSION tenfold') == 'TF002'
            fresh.execute(f'DROP {theirs.split()[0]} tenfold.theirs')
        assert state_of(fresh, 'CREATE EXTENSION tenfold') is None


def test_a_role_that_is_no_superuser_installs(empty):
    with empty() as admin:
        admin.execute('CREATE EXTENSION tenfold; CREATE EXTENSION pgcrypto; CREATE EXTENSION postgis; CREATE ROLE deployer LOGIN')
        admin.execute('SELECT tenfold.create_roles()')
        with empty('deployer') as deployer:
            assert state_of(deployer, "SELECT tenfold.install('hotel')") == '42501'
            admin.execute('GRANT tenfold_owner TO deployer')
            admin.execute('GRANT USAGE ON SCHEMA tenfold TO deployer')
            deployer.execute('CALL tenfold.install_all()')
            deployer.execute("SELECT hotel.add_hotel('h', 'FR', 'x', 48, 2)")
            assert deployer.execute('SELECT count(*) FROM hotel.nearby(48, 2, 1)').fetchone() == (1,)
            # This database is not pg_cron's, whose settings only administrators may read.
            printed = deployer.execute('SELECT tenfold.schedule_jobs()').fetchall()
            assert len(printed) == deployer.execute('SELECT count(*) FROM tenfold.scheduled_job').fetchone()[0]
            assert state_of(deployer, 'SELECT tenfold.doctor()') is None
        assert state_of(admin, 'DROP EXTENSION tenfold') == 'TF007'
        admin.execute('DROP OWNED BY deployer')


def test_uninstall_ends_in_an_empty_database(empty):
    with empty() as fresh:
        fresh.execute('CREATE EXTENSION tenfold; CREATE EXTENSION pgcrypto; CREATE EXTENSION postgis')
        fresh.execute('SELECT tenfold.create_roles()')
        before = fresh.execute('SELECT count(*) FROM pg_class').fetchone()
        fresh.execute('CALL tenfold.install_all()')
        for module in ('payment', 'hotel', 'geo', 'kernel'):
            fresh.execute('SELECT tenfold.uninstall(%s, confirm => %s)', (module, module))
        assert fresh.execute('SELECT count(*) FROM pg_class').fetchone() == before
        fresh.execute('DROP EXTENSION tenfold')
        assert fresh.execute("SELECT count(*) FROM pg_proc WHERE pronamespace = to_regnamespace('tenfold')").fetchone() == (0,)


def test_uninstall_leaves_nothing_in_pg_cron(cluster):
    with connect(cluster, autocommit=False) as db:
        db.execute('SELECT tenfold.schedule_jobs()')
        for module in ('payment', 'hotel', 'geo', 'kernel'):
            db.execute('SELECT tenfold.uninstall(%s, confirm => %s)', (module, module))
        assert db.execute("SELECT count(*) FROM pg_policy WHERE polrelid::regclass::text LIKE 'cron.%' AND polname = 'tenfold'").fetchone() == (0,)
        assert db.execute("SELECT has_schema_privilege('tenfold_owner', 'cron', 'USAGE'), count(*) FROM cron.job").fetchone() == (False, 0)
        db.rollback()


def test_jobs_are_scheduled_once_and_leave_with_their_row(db):
    count = "SELECT count(*) FROM cron.job WHERE jobname LIKE 'tenfold:tenfold:%'"
    db.execute("SELECT tenfold._declare_job('extra', 'kernel', '* * * * *', 'SELECT 1', 'x', '1 s')")
    for _ in range(2):
        db.execute('SELECT tenfold.schedule_jobs()')
        assert db.execute(count).fetchone() == db.execute('SELECT count(*) FROM tenfold.scheduled_job').fetchone()
    db.execute("DELETE FROM tenfold.scheduled_job WHERE name = 'extra'")
    db.execute('SELECT tenfold.schedule_jobs()')
    assert db.execute(count).fetchone() == db.execute('SELECT count(*) FROM tenfold.scheduled_job').fetchone()


def test_jobs_of_two_roles_are_not_kept_twice(cluster, db):
    count = "SELECT array_agg(DISTINCT username)::text[], count(*) FROM cron.job WHERE jobname LIKE 'tenfold:tenfold:%'"
    declared = db.execute('SELECT count(*) FROM tenfold.scheduled_job').fetchone()[0]
    db.execute('SELECT tenfold.schedule_jobs()')
    db.execute('CREATE ROLE scheduler LOGIN IN ROLE tenfold_owner')
    try:
        with connect(cluster, 'scheduler') as other:
            assert len(other.execute('SELECT tenfold.schedule_jobs()').fetchall()) == declared
            assert db.execute(count).fetchone() == (['tenfold_scheduler'], declared)
            db.execute("SELECT cron.alter_job(jobid, schedule => '0 0 * * *') FROM cron.job WHERE jobname LIKE '%:check_jobs'")
            assert state_of(other, 'SELECT tenfold.schedule_jobs()') == '42501'
            db.execute('SELECT cron.unschedule(jobid) FROM cron.job')
            other.execute('SELECT tenfold.schedule_jobs()')
        assert db.execute(count).fetchone() == (['scheduler'], declared)
        db.execute('SELECT tenfold.schedule_jobs()')
        assert db.execute(count).fetchone() == (['tenfold_scheduler'], declared)
    finally:
        db.execute('DROP OWNED BY scheduler; DROP ROLE scheduler')


def test_every_job_runs_by_hand_twice(db):
    for (command,) in db.execute('SELECT command FROM tenfold.scheduled_job').fetchall() * 2:
        assert state_of(db, command) is None


def test_a_failed_run_shows_in_the_view(db):
    db.execute('SELECT tenfold.schedule_jobs()')
    db.execute("""INSERT INTO cron.job_run_details (jobid, runid, database, username, command, status, return_message, start_time, end_time)
        SELECT jobid, 1000000, database, username, command, 'failed', 'out of luck', now() - interval '2 s', now()
        FROM cron.job WHERE jobname = tenfold._cron_name('purge_job_runs')""")
    row = db.execute("SELECT last_status, last_error FROM tenfold.scheduled_job_status WHERE name = 'purge_job_runs'").fetchone()
    assert row == ('failed', 'out of luck')
    db.execute("SELECT tenfold.purge_job_runs('0')")
    assert db.execute("SELECT count(*) FROM cron.job_run_details WHERE runid = 1000000").fetchone() == (0,)


def test_where_pg_cron_is_elsewhere_the_statements_are_printed(empty):
    with empty() as fresh:
        fresh.execute('CREATE EXTENSION pgcrypto; CREATE EXTENSION tenfold')
        fresh.execute('SELECT tenfold.create_roles()')
        fresh.execute("SELECT tenfold.install('kernel')")
        statements = [row[0] for row in fresh.execute('SELECT tenfold.schedule_jobs()')]
        assert any(one.startswith("SELECT cron.schedule_in_database('tenfold:fresh:purge_job_runs'") for one in statements)


def readme_steps():
    text = (ROOT / 'README.md').read_text()
    return [line for line in text.split('```sql', 1)[1].split('```', 1)[0].splitlines() if line.strip()]


def test_the_steps_of_the_readme_work_in_a_second_database(empty, db):
    with empty() as fresh:
        for step in readme_steps():
            if 'pg_cron;' in step:
                continue  # where pg_cron is, as the line says
            printed = fresh.execute(step).fetchall() if step.startswith('SELECT tenfold.schedule') else fresh.execute(step)
            if 'schedule_jobs' in step:
                for (statement,) in printed:
                    db.execute(statement)  # what an administrator does
        clock = """SELECT ok, mend FROM tenfold.doctor() WHERE "check" = 'scheduled jobs'"""
        assert fresh.execute(clock).fetchone()[0] is False
        assert {name for name, ok, _, _ in fresh.execute('SELECT * FROM tenfold.doctor()') if not ok} == {'scheduled jobs'}
        with empty('tenfold_scheduler') as scheduler:  # as pg_cron would, within the minute
            scheduler.execute(db.execute("SELECT command FROM cron.job WHERE jobname = 'tenfold:fresh:note_clock'").fetchone()[0])
        assert fresh.execute(clock).fetchone() == (True, 'ok')
        assert db.execute("SELECT DISTINCT username, database FROM cron.job WHERE jobname LIKE 'tenfold:fresh:%'").fetchall() == [('tenfold_scheduler', 'fresh')]


def test_the_jobs_of_a_database_that_was_renamed_end(cluster, db):
    gone = """SELECT ok FROM tenfold.doctor() WHERE "check" = 'jobs of other databases'"""
    db.execute('SELECT tenfold.schedule_jobs()')
    db.execute('CREATE DATABASE before TEMPLATE template0')
    db.execute("SELECT cron.schedule_in_database('tenfold:before:check_jobs', '0 0 1 1 *', 'SELECT 1', 'before')")
    assert db.execute(gone).fetchone() == (True,)
    db.execute('ALTER DATABASE before RENAME TO after')
    assert db.execute(gone).fetchone() == (False,)
    db.execute('SELECT tenfold.schedule_jobs()')
    assert db.execute("SELECT count(*) FROM cron.job WHERE database = 'before'").fetchone() == (0,)
    assert db.execute(gone).fetchone() == (True,)
    db.execute('DROP DATABASE after')


@pytest.mark.parametrize('encoding', ['EUC_JP', 'LATIN1', 'SQL_ASCII'])
def test_a_database_in_another_encoding_is_refused_in_one_line(db, cluster, encoding):
    db.execute(f"CREATE DATABASE other TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    try:
        with connect(cluster, database='other') as other:
            assert state_of(other, 'CREATE EXTENSION tenfold') == '0A000'
    finally:
        db.execute('DROP DATABASE other')


def test_postgres_14_is_refused_with_one_line(tmp_path):
    fake = tmp_path / 'pg_config'
    fake.write_text('#!/bin/sh\necho "PostgreSQL 14.12"\n')
    fake.chmod(0o755)
    made = subprocess.run(['make', '-C', ROOT / 'extension', '-n', f'PG_CONFIG={fake}'], capture_output=True, text=True,
                          env=os.environ | {'LC_ALL': 'C'})
    assert made.returncode != 0
    assert 'tenfold needs PostgreSQL 15 or newer' in made.stderr and len(made.stderr.splitlines()) == 1
