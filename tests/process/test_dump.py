"""Dump and restore keep everything; DROP EXTENSION takes no table; installing twice changes nothing."""
import json
import os
import subprocess
from pathlib import Path

import pytest
from process import events_across
from process.conftest import connect, new_cluster, state_of

from services.cluster import ROOT


def run(cluster, *command, stdin=None):
    return subprocess.run(command, env=cluster.env(), input=stdin, capture_output=True, text=True, check=True).stdout


def schema_of(cluster):
    return run(cluster, 'pg_dump', '--schema-only')


# What a user might add to a database of ours.
USERS_OWN = """
ALTER TABLE hotel.hotel ADD COLUMN note text;
CREATE VIEW public.stars AS SELECT hotel_id, stars, note FROM hotel.hotel WHERE removed_at IS NULL;
CREATE ROLE reader;
GRANT SELECT ON hotel.staging_rejected TO reader;
GRANT EXECUTE ON FUNCTION tenfold._preloaded() TO reader;
CREATE POLICY only_noted ON hotel.staging_rejected FOR SELECT TO reader USING (problem <> '');
ALTER TABLE hotel.staging_rejected ENABLE ROW LEVEL SECURITY;
INSERT INTO hotel.amenity VALUES ('moat', 63, 'Moat');
INSERT INTO hotel.staging (reference, name) VALUES ('bad', 'bad');
SELECT hotel.load_batch();
SELECT hotel.add_hotel('h' || i, 'FR', 'Paris', 48 + i / 1000.0, 2, stars => 1 + i % 5, amenities => ARRAY['moat']) FROM generate_series(1, 500) i;
UPDATE hotel.hotel SET note = 'note of ' || name;
"""

CONTENT = {
    'hotels': 'SELECT h.*::text FROM hotel.hotel h ORDER BY hotel_id',
    'amenities': 'SELECT * FROM hotel.amenity ORDER BY bit',
    'rejected': 'SELECT reference, problem FROM hotel.staging_rejected',
    'migrations': 'SELECT module, name, checksum FROM tenfold.migration ORDER BY 1, 2',
    'modules': 'SELECT module, version, installed_at FROM tenfold.module ORDER BY 1',
    'view': 'SELECT * FROM public.stars ORDER BY 1',
    'search': "SELECT * FROM hotel.nearby(48.1, 2, 20000, 3, amenities => '{moat}', row_limit => 500)",
    'rights': """SELECT has_table_privilege('reader', 'hotel.staging_rejected', 'SELECT'),
        has_function_privilege('reader', 'tenfold._preloaded()', 'EXECUTE'),
        has_function_privilege('tenfold_anonymous', 'tenfold._hotel_filter(int, float8, text[], text[], int)', 'EXECUTE'),
        has_function_privilege('public', 'tenfold._preloaded()', 'EXECUTE')""",
    'policies': "SELECT polname FROM pg_policy WHERE polrelid = 'hotel.staging_rejected'::regclass",
    'guard': "SELECT evtname FROM pg_event_trigger WHERE evtname LIKE 'tenfold%'",
}


def content_of(db):
    return {name: db.execute(sql.replace('h.*::text', 'h::text')).fetchall() for name, sql in CONTENT.items()}


@pytest.fixture(scope='module')
def filled(cluster):
    with connect(cluster) as db:
        db.execute(USERS_OWN)
    return cluster


def test_a_dump_restores_into_a_new_cluster(filled, tmp_path):
    with connect(filled) as db:
        before = content_of(db)
    roles = run(filled, 'pg_dumpall', '--globals-only')
    dump = tmp_path / 'tenfold.dump'
    run(filled, 'pg_dump', '-Fc', '-f', str(dump))
    with new_cluster('restored') as restored:
        # The role that runs the restore exists in both.
        restored.psql('-c', 'SELECT 1')
        subprocess.run(['psql', '-Xq', '-d', 'postgres'], env=restored.env(), input=roles, text=True, check=True, capture_output=True)
        run(restored, 'pg_restore', '--exit-on-error', '--single-transaction', '-d', 'tenfold', str(dump))
        with connect(restored) as db:
            assert content_of(db) == before
            schema = schema_of(restored)
            db.execute('CALL tenfold.install_all()')
            assert without_keys(schema_of(restored)) == without_keys(schema)
            assert content_of(db) == before
            declared = db.execute('SELECT count(*) FROM tenfold.scheduled_job').fetchone()
            assert len(db.execute('SELECT tenfold.schedule_jobs()').fetchall()) == declared[0]
            # pg_cron's policies are not in a dump; without ours, operators would not see the jobs.
            db.execute('SET ROLE tenfold_operator')
            assert db.execute('SELECT count(*) FROM tenfold.scheduled_job_status WHERE scheduled').fetchone() == declared


def without_keys(dump):
    """pg_dump of 15.14 and later wraps a dump in a random key."""
    return [line for line in dump.splitlines() if not line.startswith(('\\restrict', '\\unrestrict'))]


def test_installing_again_changes_nothing(filled):
    with connect(filled) as db:
        before, schema = content_of(db), schema_of(filled)
        db.execute('CALL tenfold.install_all()')
        assert content_of(db) == before
        assert without_keys(schema_of(filled)) == without_keys(schema)


def test_drop_extension_takes_no_table_with_it(filled):
    with connect(filled) as db:
        assert state_of(db, 'DROP EXTENSION tenfold') in ('2BP01', 'TF007')
        assert state_of(db, 'DROP EXTENSION tenfold CASCADE') == 'TF007'
        before = content_of(db)
        db.execute('ALTER EVENT TRIGGER tenfold_guard_drop DISABLE')
        assert state_of(db, 'DROP EXTENSION tenfold') == '2BP01'
        db.execute('DROP EXTENSION tenfold CASCADE')
        assert db.execute('SELECT count(*), count(place_key), count(attributes), count(geohash) FROM hotel.hotel').fetchone() == (500,) * 4
        db.execute('CREATE EXTENSION tenfold')
        db.execute('SELECT tenfold.create_roles()')
        db.execute('CALL tenfold.install_all()')
        db.execute('GRANT EXECUTE ON FUNCTION tenfold._preloaded() TO reader')
        assert content_of(db) == before


def can_make_trixie():
    return os.geteuid() == 0 and 'VERSION_CODENAME=bookworm' in open('/etc/os-release', encoding='utf-8').read()


@pytest.mark.chroot
@pytest.mark.skipif(not can_make_trixie(), reason='needs root on Debian 12, for a chroot of Debian 13')
def test_a_dump_from_15_restores_into_17(filled):
    """Whose xids are far behind: what was not consumed comes once, in order, and then what is published there."""
    subprocess.run([ROOT / 'dev' / 'trixie', 'run', '--', 'true'], check=True)  # makes it, where it is not there
    inside = Path(subprocess.check_output([ROOT / 'dev' / 'trixie', 'path'], text=True).strip()) / 'tenfold'
    place = inside / '.run' / 'dump-from-15'
    place.mkdir(parents=True, exist_ok=True)
    with connect(filled) as db, connect(filled, autocommit=False) as other:
        db.execute(events_across.BURN)
        relayed = events_across.fill(db, other)
        hotels = db.execute('SELECT count(*), sum(hotel_id) FROM hotel.hotel').fetchone()
        lag = db.execute(events_across.LAG).fetchall()
        xid = db.execute('SELECT pg_current_xact_id()::text::bigint').fetchone()[0]
    (place / 'relayed.json').write_text(json.dumps(relayed))
    (place / 'dump.sql').write_text(run(filled, 'pg_dump'))
    (place / 'roles.sql').write_text(run(filled, 'pg_dumpall', '--globals-only'))
    made = subprocess.run([ROOT / 'dev' / 'trixie', 'run', '--', 'tests/process/restore_dump', '.run/dump-from-15'],
                          capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    found = json.loads(made.stdout.splitlines()[-1])
    assert found['hotels'] == [*hotels, 500]
    assert found['events']['xid'] < xid - 100_000
    assert found['events']['lag'] == [list(row) for row in lag]
    check_events(found['events'], relayed)


def check_events(found, relayed):
    new = range(17, 26)
    expected = {'plain': [*range(10, 17), *new], 'untouched': [*range(1, 17), *new],
                'kafka:shop': [*range(13, 17), *new],  # from the tick on that Kafka has
                'strict': [1, 2, 4, 5, 7, 8, *range(10, 17), *new]}
    for consumer, numbers in expected.items():
        handled = found['handled'][consumer]
        assert sorted(handled) == numbers, consumer
        for key in 'abc':
            own = [n for n in handled if events_across.key_of(n) == key]
            assert own == sorted(own), consumer
    assert [row[1:] for row in found['lag after']] == [[0, 0, 0, 0]] * 4
    assert 'turned to slot' in found['turns'][0] and 'emptied slot' in found['turns'][1]
    assert found['incarnations'] == [2]
    assert found['log'] == [[consumer, None] for consumer in sorted(expected)]
    assert ['mail', 3, 3, True] in found['audit']
    check_relay_state(*found['relay'], relayed)


def check_relay_state(identity, position, newest, has_relayed, fingerprint, trust, retry, retry_pending, relayed):
    """What the worker `relay` holds Kafka's marker against: it knows the tick, and that this is another database."""
    assert (position, has_relayed, fingerprint) == (relayed[0], True, relayed[2])
    assert newest >= relayed[1]
    assert (trust, retry, retry_pending) == ('', 0, False)
