"""Superusers run no code of lesser roles: of a member of tenfold_owner, or of who may create functions in schema public."""
import pytest
from process.conftest import connect, state_of

# Becomes superuser if whoever runs it is one, and hides that it tried.
SEIZE = """BEGIN
    BEGIN RESET ROLE; EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN ALTER ROLE mallory SUPERUSER; EXCEPTION WHEN OTHERS THEN NULL; END;
    {} END"""

# Fit better than what pg_catalog has, where a module calls these with such arguments.
OVERLOADS = {'date_bin(interval, timestamptz, text)': 'timestamptz', 'repeat(text, smallint)': 'text', 'greatest_of(int)': 'int',
             'starts_with(name, text)': 'boolean', 'format(text, name)': 'text', 'sha256(text)': 'bytea',
             'jsonb_build_object(text, text)': 'jsonb', 'concat_ws(text, text, text)': 'text', 'lower(name)': 'text'}

# What views, SQL-standard bodies, constraints, defaults and indexes of ours are bound to, that is neither ours nor an extension's.
FOREIGN = """
    WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname IN (SELECT schema_name FROM tenfold.module_source) OR nspname = 'tenfold_api'),
    uses AS (
      SELECT d.objid::regprocedure::text AS who, d.refclassid, d.refobjid FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
        WHERE p.pronamespace IN (SELECT oid FROM ours)
      UNION ALL SELECT c.oid::regclass::text, d.refclassid, d.refobjid FROM pg_depend d
        JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid JOIN pg_class c ON c.oid = w.ev_class WHERE c.relnamespace IN (SELECT oid FROM ours)
      UNION ALL SELECT c.oid::regclass::text, d.refclassid, d.refobjid FROM pg_depend d
        JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid JOIN pg_class c ON c.oid = a.adrelid WHERE c.relnamespace IN (SELECT oid FROM ours)
      UNION ALL SELECT k.conname, d.refclassid, d.refobjid FROM pg_depend d
        JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid WHERE k.connamespace IN (SELECT oid FROM ours)
      UNION ALL SELECT c.oid::regclass::text, d.refclassid, d.refobjid FROM pg_depend d
        JOIN pg_class c ON d.classid = 'pg_class'::regclass AND d.objid = c.oid WHERE c.relnamespace IN (SELECT oid FROM ours))
    SELECT DISTINCT u.who, pg_describe_object(u.refclassid, u.refobjid, 0)
    FROM uses u JOIN LATERAL (
      SELECT pronamespace AS place FROM pg_proc WHERE u.refclassid = 'pg_proc'::regclass AND oid = u.refobjid
      UNION ALL SELECT oprnamespace FROM pg_operator WHERE u.refclassid = 'pg_operator'::regclass AND oid = u.refobjid
      UNION ALL SELECT typnamespace FROM pg_type WHERE u.refclassid = 'pg_type'::regclass AND oid = u.refobjid
      UNION ALL SELECT relnamespace FROM pg_class WHERE u.refclassid = 'pg_class'::regclass AND oid = u.refobjid) r ON true
    WHERE r.place NOT IN (SELECT oid FROM ours) AND r.place NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = u.refclassid AND e.objid = u.refobjid AND e.deptype = 'e')"""


@pytest.fixture
def mallory(cluster, db):
    """A login of tenfold_owner's; and whether it has become a superuser."""
    db.execute('CREATE ROLE mallory LOGIN IN ROLE tenfold_owner')
    with connect(cluster, 'mallory') as connection:
        yield connection
    db.execute('DROP OWNED BY mallory CASCADE')
    db.execute('DROP ROLE mallory')


def is_superuser(db):
    return db.execute("SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'").fetchone()[0]


def test_what_event_triggers_call_is_nobodys_to_replace(db, mallory):
    called = db.execute("""SELECT p.oid::regprocedure::text, r.rolsuper, EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
        FROM pg_event_trigger e JOIN pg_proc p ON p.oid = e.evtfoid JOIN pg_roles r ON r.oid = p.proowner WHERE evtname LIKE 'tenfold%'""").fetchall()
    assert called and all(row[1:] == (True, True) for row in called)
    for name in [row[0] for row in called] + ['tenfold._refuse_drop()']:
        state_of(mallory, f'CREATE OR REPLACE FUNCTION {name} RETURNS event_trigger LANGUAGE plpgsql AS $$ {SEIZE.format("")} $$')
    db.execute('CREATE TABLE public.dropped (); DROP TABLE public.dropped')
    assert not is_superuser(db)
    state_of(mallory, 'DROP FUNCTION tenfold._refuse_drop()')


def test_doctor_names_an_event_trigger_of_a_lesser_role(db, mallory):
    mallory.execute('CREATE FUNCTION tenfold._theirs() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$')
    db.execute('CREATE EVENT TRIGGER theirs ON sql_drop EXECUTE FUNCTION tenfold._theirs()')
    row = db.execute("""SELECT ok, mend FROM tenfold.doctor() WHERE "check" = 'event triggers'""").fetchone()
    assert row == (False, 'DROP EVENT TRIGGER theirs;')
    db.execute(row[1])
    db.execute('DROP FUNCTION tenfold._theirs()')


def test_scheduled_jobs_run_as_no_superuser(cluster, db):
    """And can, as that role."""
    db.execute('SELECT tenfold.schedule_jobs()')
    users = db.execute("SELECT DISTINCT c.username, r.rolsuper FROM cron.job c JOIN pg_roles r ON r.rolname = c.username WHERE c.jobname LIKE 'tenfold:%'").fetchall()
    assert users == [('tenfold_scheduler', False)]
    with connect(cluster, 'tenfold_scheduler') as scheduler:
        assert scheduler.execute('SHOW search_path').fetchone() == ('pg_catalog, pg_temp',)
        for (command,) in db.execute('SELECT command FROM tenfold.scheduled_job').fetchall():
            assert state_of(scheduler, command) is None, command


def test_doctor_tells_of_jobs_that_run_as_a_superuser(db):
    finding = """SELECT ok FROM tenfold.doctor() WHERE "check" = 'jobs run as'"""
    db.execute('SELECT tenfold.schedule_jobs()')
    assert db.execute(finding).fetchone() == (True,)
    db.execute("SELECT cron.schedule('tenfold:tenfold:check_jobs', '* * * * *', 'SELECT tenfold.check_jobs()')")
    assert db.execute(finding).fetchone() == (False,)
    db.execute('SELECT tenfold.schedule_jobs()')
    assert db.execute(finding).fetchone() == (True,)


def test_whoever_installs_lends_nobody_his_rights(db, mallory):
    """Triggers on what the scripts write; a setting that would outlive the call."""
    body = SEIZE.format("PERFORM set_config('search_path', 'mallory, public', false); RETURN NULL;")
    mallory.execute(f'CREATE FUNCTION tenfold._theirs() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$')
    for table in ('route', 'scheduled_job', 'declared_metric', 'module'):
        mallory.execute(f'CREATE TRIGGER theirs AFTER INSERT OR UPDATE OR DELETE ON tenfold.{table} FOR EACH STATEMENT EXECUTE FUNCTION tenfold._theirs()')
    path = db.execute('SHOW search_path').fetchone()
    db.execute("SELECT tenfold.install('hotel')")
    db.execute('SELECT tenfold.schedule_jobs()')
    db.execute('SELECT * FROM tenfold.doctor()')
    assert not is_superuser(db) and db.execute('SHOW search_path').fetchone() == path
    db.execute('DROP FUNCTION tenfold._theirs() CASCADE')


def test_whoever_asks_doctor_lends_nobody_his_rights(db, mallory):
    mallory.execute(f"""CREATE OR REPLACE FUNCTION tenfold._doctor_jobs(OUT "check" text, OUT ok boolean, OUT detail text, OUT mend text) RETURNS SETOF record
        LANGUAGE plpgsql AS $$ {SEIZE.format('RETURN;')} $$""")
    db.execute('SELECT * FROM tenfold.doctor()')
    db.execute('SELECT tenfold.schedule_jobs()')
    assert not is_superuser(db)
    db.execute("SELECT tenfold.install('kernel')")


def test_functions_in_public_are_never_called(cluster, db):
    """Whoever may create there waits for a name without a schema."""
    db.execute('CREATE DATABASE hijacked TEMPLATE template0')
    try:
        with connect(cluster, database='hijacked') as there:
            there.execute('CREATE EXTENSION pgcrypto; CREATE EXTENSION postgis; CREATE EXTENSION tenfold; SELECT tenfold.create_roles()')
            there.execute('CREATE TABLE public.hit (name text); GRANT INSERT ON public.hit TO PUBLIC')
            for signature, result in OVERLOADS.items():
                there.execute(f"""CREATE FUNCTION public.{signature} RETURNS {result} LANGUAGE plpgsql STABLE AS $$
                    BEGIN RAISE EXCEPTION 'hijacked: {signature.replace("'", "")}' USING ERRCODE = 'ZZ001'; END $$""")
            assert state_of(there, 'CALL tenfold.install_all()') is None
            assert there.execute(FOREIGN).fetchall() == []
            there.execute("SELECT hotel.add_hotel('h', 'FR', 'x', 48, 2, average_price_minor => 100, currency => 'EUR')")
            for (command,) in there.execute('SELECT command FROM tenfold.scheduled_job').fetchall():
                assert state_of(there, command) is None, command
            assert state_of(there, 'SELECT * FROM hotel.details') is None
    finally:
        db.execute('DROP DATABASE hijacked WITH (FORCE)')
