"""GET /metrics by somebody else's parsers, and the alerts that are made of it."""
import re
import shutil
import subprocess

import psycopg
import pytest
from account import service_token
from conftest import gateway_of
from gateway import ROOT
from prometheus_client.parser import text_string_to_metric_families

PROMETHEUS = ROOT / 'docker' / 'prometheus'
ODD = 'back\\slash "quoted"\nline é'


def promtool(*arguments, text=None):
    return subprocess.run(['promtool', *map(str, arguments)], input=text, text=True, capture_output=True)


@pytest.fixture
def operator(product):
    return service_token(product, 'tenfold_operator')


@pytest.fixture
def odd_metrics(db):
    """A module of somebody's own, with names and values that are hard to write."""
    db.execute("""CREATE FUNCTION public.odd_metrics(OUT name text, OUT labels jsonb, OUT value double precision) RETURNS SETOF record LANGUAGE plpgsql AS $$
                   BEGIN RETURN QUERY VALUES ('odd_size', '{}'::jsonb, 'Infinity'::double precision), ('odd_total', jsonb_build_object('text', current_setting('odd.text')), 1e-300);
                   END $$""")
    db.execute('GRANT EXECUTE ON FUNCTION public.odd_metrics() TO tenfold_owner')
    db.execute(psycopg.sql.SQL('ALTER FUNCTION public.odd_metrics() SET odd.text = {}').format(ODD))
    for name, kind in ('odd_size', 'gauge'), ('odd_total', 'counter'):
        db.execute("SELECT tenfold._declare_metric('odd', 'public.odd_metrics()', %s, %s, %s)", (name, kind, ODD))
    yield
    db.execute("SELECT tenfold._forget_metrics('odd')")
    db.execute('DROP FUNCTION public.odd_metrics()')


def samples_of(text):
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


def scraped(door, headers):
    answer = door.get('/metrics', headers)
    assert answer.status == 200, answer.body
    return answer.body.decode()


def test_its_type_is_that_of_prometheus(door, operator):
    accept = {'Accept': 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1'}
    answer = door.get('/metrics', operator | accept)
    assert answer.headers.get_all('Content-Type') == ['text/plain; version=0.0.4; charset=utf-8']
    assert answer.headers['Cache-Control'] == 'no-store' and answer.body.endswith(b'\n')
    head = door.request('HEAD', '/metrics', headers=operator)
    assert (head.status, head.body) == (200, b'')


def test_operators_only(door, product):
    assert door.get('/metrics').status == 401
    assert door.get('/metrics', service_token(product, 'tenfold_merchant')).status == 403


def test_promtool_finds_nothing(door, operator, odd_metrics):
    verdict = promtool('check', 'metrics', text=scraped(door, operator))
    assert (verdict.returncode, verdict.stdout, verdict.stderr) == (0, '', '')


def test_promtool_finds_mistakes(door, operator):
    text = scraped(door, operator)
    assert promtool('check', 'metrics', text=text.replace('} 1\n', '} one\n')).returncode != 0


def test_the_daemons_own(product):
    with gateway_of(product) as running:
        running.get('/openapi.json')
        assert promtool('check', 'metrics', text=running.admin('/metrics')[1]).returncode == 0


def test_a_parser_reads_what_the_view_shows(door, db, operator, odd_metrics):
    read = samples_of(scraped(door, operator))
    shown = {(name, tuple(sorted(labels.items()))) for name, labels in db.execute('SELECT name, labels FROM tenfold.metric')}
    assert read.keys() == shown
    assert read['odd_size', ()] == float('inf') and read['odd_total', (('text', ODD),)] == 1e-300
    helps = {family.name: (family.documentation, family.type) for family in text_string_to_metric_families(scraped(door, operator))}
    assert helps['odd_size'] == (ODD, 'gauge') and helps['odd'] == (ODD, 'counter')


def test_a_held_snapshot_is_seen(door, product, db, operator):
    before = samples_of(scraped(door, operator))['tenfold_oldest_snapshot_transactions', ()]
    with psycopg.connect(product.dsn()) as holder:
        holder.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        holder.execute('SELECT 1')
        for _ in range(5):
            db.execute('SELECT pg_current_xact_id()')
        after = samples_of(scraped(door, operator))
    assert after['tenfold_oldest_snapshot_transactions', ()] >= before + 5
    assert after['tenfold_oldest_snapshot_seconds', ()] > 0


# The alerts.

ALERTS = (PROMETHEUS / 'alerts.yaml').read_text()


def test_the_token_of_the_handbook_is_good(door, db):
    statement, = re.findall(r'^SELECT tenfold\._sign_jwt.*$', (ROOT / 'docker' / 'README.md').read_text(), re.MULTILINE)
    token, = db.execute(statement).fetchone()
    assert door.get('/metrics', {'Authorization': f'Bearer {token}'}).status == 200


def test_rules_and_config_are_good(tmp_path):
    rules = promtool('check', 'rules', PROMETHEUS / 'alerts.yaml')
    assert rules.returncode == 0, rules.stderr
    shutil.copytree(PROMETHEUS, tmp_path / 'prometheus')
    (tmp_path / 'token').write_text('x')
    config = tmp_path / 'prometheus' / 'prometheus.yaml'
    config.write_text(config.read_text().replace('/run/secrets/metrics_token', str(tmp_path / 'token')))
    verdict = promtool('check', 'config', config)
    assert verdict.returncode == 0 and f'{ALERTS.count("- alert:")} rules found' in verdict.stdout, verdict


def test_alerts_fire_when_they_should():
    verdict = promtool('test', 'rules', ROOT / 'tests' / 'http' / 'alerts_test.yaml')
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def test_every_alert_says_what_it_is_and_what_to_run():
    for alert in ALERTS.split('- alert: ')[1:]:
        assert re.search(r'^ +summary: .{20}', alert, re.MULTILINE) and re.search(r'^ +runbook: .{20}', alert, re.MULTILINE), alert


SINK = '''CREATE FUNCTION public.apply_watched(topic text, keys text[], payloads jsonb[], headers jsonb[]) RETURNS void LANGUAGE sql AS '';
  SELECT tenfold.create_kafka_sink('watched', 'watched', 'public.apply_watched')'''
NO_SINK = '''DELETE FROM tenfold.kafka_relay WHERE consumer = 'kafka:watched'; SELECT tenfold.drop_kafka_sink('watched', 'watched');
  DROP FUNCTION public.apply_watched'''


def test_what_an_alert_watches_is_there(product, db, operator):
    """A metric that is renamed makes an alert silent for ever."""
    db.execute("SELECT tenfold.create_queue('watched')")
    db.execute("SELECT tenfold.create_consumer('watched', '{*}')")
    db.execute('SELECT tenfold.run_audit()')
    db.execute("INSERT INTO tenfold.kafka_relay (consumer) VALUES ('kafka:watched')")
    db.execute(SINK)
    with gateway_of(product) as running:
        running.get('/openapi.json')
        there = samples_of(scraped(running, operator)).keys() | samples_of(running.admin('/metrics')[1]).keys()
    db.execute(NO_SINK)
    named = set(re.findall(r'\btenfold_\w+', ALERTS))
    assert len(named) > 12 and named <= {name for name, _ in there}, named - {name for name, _ in there}


def test_what_a_runbook_runs_is_there(db):
    there = {row[0] for row in db.execute("""
        SELECT proname FROM pg_proc WHERE pronamespace = 'tenfold'::regnamespace UNION ALL SELECT relname FROM pg_class WHERE relnamespace = 'tenfold'::regnamespace
        UNION ALL SELECT substr(name, 9) FROM pg_settings WHERE name LIKE 'tenfold.%'""")}
    named = set(re.findall(r'\btenfold\.(\w+)', ALERTS))
    assert len(named) > 10 and named <= there, named - there
