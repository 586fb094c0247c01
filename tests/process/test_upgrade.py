"""An upgrade from the fixture of 0.0.1 gives the catalog of a fresh install, and keeps the rows."""
import shutil
import subprocess
from pathlib import Path

import pytest
from process.conftest import connect, new_cluster, state_of

from services.cluster import ROOT

UPGRADE = ROOT / 'tests' / 'upgrade'
BODIES = """SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc') FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname IN (SELECT schema_name FROM tenfold.module_source) OR n.nspname = 'tenfold_api' ORDER BY 1"""
VIEWS = 'SELECT viewname, definition FROM pg_views WHERE schemaname IN (SELECT schema_name FROM tenfold.module_source) ORDER BY 1'


def catalog_of(cluster):
    return cluster.psql('-f', str(UPGRADE / 'catalog.sql')).splitlines()


@pytest.fixture(scope='module')
def server_folder():
    """The fixture's script among the server's extensions, for the time of the test."""
    bindir = subprocess.check_output([ROOT / 'dev' / 'cluster', 'bindir'], text=True).strip()
    share = subprocess.check_output([f'{bindir}/pg_config', '--sharedir'], text=True).strip()
    copy = Path(share) / 'extension' / 'tenfold--0.0.1.sql'
    shutil.copy(UPGRADE / 'tenfold--0.0.1.sql', copy)
    yield copy
    copy.unlink()


def test_a_fresh_install_is_the_golden_dump(cluster):
    """Otherwise: tests/upgrade/golden writes it anew, and you read the difference."""
    assert catalog_of(cluster) == (UPGRADE / 'schema.txt').read_text().splitlines()


def rows_of(db):
    return [row for row, in db.execute('SELECT to_jsonb(h) FROM hotel.hotel h ORDER BY hotel_id')]


def test_an_upgrade_gives_the_same_catalog(cluster, server_folder):
    with new_cluster('upgraded') as old, connect(old) as db, connect(cluster) as fresh:
        db.execute('CREATE EXTENSION pgcrypto; CREATE EXTENSION postgis; CREATE EXTENSION pg_cron')
        db.execute("CREATE EXTENSION tenfold VERSION '0.0.1'")
        db.execute('SELECT tenfold.create_roles()')
        db.execute('CALL tenfold.install_all()')
        assert state_of(db, 'SELECT * FROM hotel.staging') == '42P01'
        db.execute("SELECT hotel.add_hotel('h' || i, 'FR', 'x', 48 + i / 1000.0, 2) FROM generate_series(1, 50) i")
        db.execute('ALTER TABLE hotel.hotel ADD COLUMN note text')
        before = rows_of(db)

        db.execute('ALTER EXTENSION tenfold UPDATE')
        db.execute('SELECT tenfold.create_roles()')
        db.execute('CALL tenfold.install_all()')

        assert [{name: now[name] for name in old_row} for now, old_row in zip(rows_of(db), before, strict=True)] == before
        assert db.execute('SELECT count(*) FROM hotel.nearby(48, 2, row_limit => 100)').fetchone() == (50,)
        db.execute('ALTER TABLE hotel.hotel DROP COLUMN note')
        assert catalog_of(old) == catalog_of(cluster)
        for query in (BODIES, VIEWS):
            assert db.execute(query).fetchall() == fresh.execute(query).fetchall()
