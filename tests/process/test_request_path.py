"""What every request and every login runs, at size: no statement of it may read a whole table.

auto_explain tells the plan of each statement within the functions, as they were run.
"""
import json

import pytest
from process.conftest import connect

ROWS = 30_000
FEW = 2_000  # a plan may read this much: routes, classes, error codes
PASSWORD = 'correct horse'

# Of ROWS accounts, a session and a refresh token each.
FILL = f"""
    SET session_replication_role = replica;
    INSERT INTO tenfold.account (email) SELECT 'a' || i || '@example.com' FROM generate_series(1, {ROWS}) i;
    INSERT INTO tenfold.account_password (account_id, password_hash) SELECT account_id, '$2a$04$' || repeat('x', 53) FROM tenfold.account
      ON CONFLICT DO NOTHING;
    INSERT INTO tenfold.session (account_id, expires_at) SELECT account_id, clock_timestamp() + interval '1 day' FROM tenfold.account;
    INSERT INTO tenfold.refresh_token (token_hash, session_id) SELECT sha256(session_id::text::bytea), session_id FROM tenfold.session;
    SET session_replication_role = origin;
    ANALYZE tenfold.account, tenfold.account_password, tenfold.session, tenfold.refresh_token, tenfold.route"""


@pytest.fixture(scope='module')
def explained(cluster):
    """A connection that collects the plans of all that it runs."""
    with connect(cluster, autocommit=False) as db:
        db.execute(FILL)
        db.execute("SELECT tenfold.register_account('ada@example.com', %s)", (PASSWORD,))
        db.commit()
        db.execute("LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on")
        db.execute("SET auto_explain.log_level = notice; SET auto_explain.log_format = json; SET auto_explain.log_analyze = on; SET tenfold.bcrypt_cost = 4")
        db.commit()
        db.plans = []
        db.add_notice_handler(lambda notice: db.plans.append(notice.message_primary))
        yield db


def nodes(plan):
    yield plan
    for child in plan.get('Plans', []):
        yield from nodes(child)


def read_whole(db):
    """The plans' scans that read many rows, with their statements."""
    for text in db.plans:
        if 'plan:' not in text:
            continue
        explained = json.loads(text.split('plan:', 1)[1])
        for node in nodes(explained['Plan']):
            read = node.get('Actual Rows', 0) + node.get('Rows Removed by Filter', 0) + node.get('Rows Removed by Index Recheck', 0)
            if 'Scan' in node['Node Type'] and read > FEW:
                yield node['Node Type'], node.get('Relation Name'), explained['Query Text'][:120]


def run(db, statement, parameters=None):
    """As the gateway does: pre-request and call in one transaction. Gives the value; plans are looked at."""
    db.plans.clear()
    value = db.execute(statement, parameters).fetchone()[0]
    assert any('plan:' in text for text in db.plans), 'auto_explain said nothing'
    assert list(read_whole(db)) == []
    return value


def ask_as(db, tokens):
    """The settings of a request with this token."""
    claims = db.execute("SELECT convert_from(decode(rpad(translate(split_part(%s, '.', 2), '-_', '+/'), "
                        "(length(split_part(%s, '.', 2)) + 3) / 4 * 4, '='), 'base64'), 'UTF8')", (tokens['access_token'],) * 2).fetchone()[0]
    db.execute("SELECT set_config('request.jwt.claims', %s, true)", (claims,))
    db.execute("""SELECT set_config('request.headers', '{"x-real-ip": "203.0.113.7", "x-rate-class": "default"}', true)""")


def test_every_statement_of_the_request_path_finds_its_rows(explained):
    db = explained
    body = json.dumps({'email': 'Ada@example.com', 'password': PASSWORD})
    tokens = run(db, 'SELECT tenfold_api.login(%s::jsonb)', (body,))
    ask_as(db, tokens)
    run(db, 'SELECT tenfold_api.pre_request()::text')
    run(db, 'SELECT tenfold._limit_request()')
    run(db, "SELECT tenfold._limit_account('ada@example.com')::text")
    tokens = run(db, 'SELECT tenfold_api.refresh_token(%s::jsonb)', (json.dumps({'refresh_token': tokens['refresh_token']}),))
    change = json.dumps({'old_password': PASSWORD, 'new_password': 'battery staple'})
    tokens = run(db, 'SELECT tenfold_api.change_password(%s::jsonb)', (change,))
    ask_as(db, tokens)
    run(db, "SELECT tenfold_api.logout('{}')::text")
    run(db, "SELECT tenfold.grant_role('ada@example.com', 'tenfold_merchant')::text")
    run(db, 'SELECT tenfold_api.register(%s::jsonb)', (json.dumps({'email': 'bob@example.com', 'password': PASSWORD}),))
    run(db, 'SELECT tenfold_api.delete_account()::text')
    db.rollback()


def test_the_test_would_see_a_scan(explained):
    explained.plans.clear()
    explained.execute("SELECT count(*) FROM tenfold.session s WHERE s.session_id::text = 'x'")
    assert [row[1] for row in read_whole(explained)] == ['session']
    explained.rollback()
