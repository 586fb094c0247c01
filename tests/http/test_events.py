"""Events of the log, run by the daemon's worker `subscriber`: functions in Postgres, and webhooks."""
import base64
import hashlib
import hmac
import json
import signal
import subprocess

import psycopg
import pytest
from gateway import DAEMON, Gateway, wait_until
from services.moody_server import MoodyServer

# What handlers do in Postgres: they note each event, and are not unique on purpose. They fail where the payload says so.
EFFECTS = '''
  CREATE SCHEMA app;
  GRANT USAGE ON SCHEMA app TO tenfold_worker;
  CREATE TABLE app.seen (n serial, id text, topic text, key text, payload jsonb, headers jsonb);
  CREATE TABLE app.broken (key text);
  CREATE TABLE app.late (id text UNIQUE DEFERRABLE INITIALLY DEFERRED);
  CREATE FUNCTION app.note(id text, topic text, key text, payload jsonb, headers jsonb) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER AS $$
  BEGIN
    IF EXISTS (SELECT FROM app.broken b WHERE b.key = note.key) THEN
      RAISE EXCEPTION 'key % is broken', key USING ERRCODE = 'ZZ001';
    END IF;
    PERFORM pg_sleep((payload ->> 'sleep')::float);
    IF payload ? 'raise' THEN
      RAISE EXCEPTION 'never' USING ERRCODE = payload ->> 'raise';
    END IF;
    INSERT INTO app.late SELECT payload ->> 'late' WHERE payload ? 'late';
    INSERT INTO app.seen (id, topic, key, payload, headers) VALUES (id, topic, key, payload, headers);
  END
  $$;
'''
CLEAR = 'TRUNCATE app.seen, app.broken, app.late'


class Subscriber(Gateway):
    """The daemon with its worker `subscriber`."""

    workers = 'subscriber'

    def __init__(self, dsn, routes, **settings):
        super().__init__(dsn, **{'subscriber.routes': routes, 'events.lease': '1s', 'events.tick': '10ms'} | settings)

    def wait_until_consuming(self, consumers=1):
        self.wait_for_metric('tenfold_events_consumers', consumers)


@pytest.fixture(scope='module')
def effects(product):
    product.psql('-c', EFFECTS)
    yield
    product.psql('-c', 'DROP SCHEMA app CASCADE')


@pytest.fixture
def dsn(product, db, effects):
    db.execute("SELECT tenfold.create_topic('orders'), tenfold.create_topic('other')")
    db.execute('''SELECT tenfold.create_consumer('notes', '{orders}', max_attempts => 3, backoff_base => '10 ms')''')
    yield product.dsn(user='tenfold_authenticator')
    product.psql('-c', CLEAR, '-c', 'SELECT tenfold.drop_consumer(name) FROM tenfold.consumer')  # a test may have restarted Postgres


@pytest.fixture
def daemon(dsn):
    with Subscriber(dsn, 'notes:orders=app.note') as running:
        running.wait_until_consuming()
        yield running


@pytest.fixture
def server():
    with MoodyServer() as running:
        yield running


def publish(db, key, payload=None, topic='orders', headers='{}'):
    return str(db.execute('SELECT tenfold.publish(%s, %s, %s, %s)',
                          [topic, key, json.dumps(payload or {}), headers]).fetchone()[0])


def seen(db, key=None):
    return [row[0] for row in db.execute('SELECT id FROM app.seen WHERE key = %s OR %s::text IS NULL ORDER BY n', [key, key])]


def wait_for_seen(db, wanted, key=None):
    wait_until(lambda: set(seen(db, key)) >= set(wanted), f'{wanted} are handled')
    assert seen(db, key) == wanted


def lag(db, column, consumer='notes'):
    return db.execute(f'SELECT {column} FROM tenfold.outbox_lag WHERE consumer = %s', [consumer]).fetchone()[0]


def break_key(db, key):
    db.execute('INSERT INTO app.broken VALUES (%s)', [key])


def test_an_event_reaches_its_function(db, daemon):
    event = publish(db, 'k', {'n': 1}, headers='{"a": "b \\" c"}')
    wait_for_seen(db, [event])
    assert db.execute('SELECT topic, key, payload, headers FROM app.seen').fetchone() == ('orders', 'k', {'n': 1}, {'a': 'b " c'})
    publish(db, 'k', topic='other')
    last = publish(db, None)
    wait_for_seen(db, [event, last])
    daemon.wait_for_metric('tenfold_events_handled_total{consumer="notes"}', 2)


def test_many_of_many_keys_keep_their_order(db, daemon):
    db.execute('''SELECT tenfold.publish_many('orders', array_agg('k' || n % 10), array_agg(jsonb_build_object('n', n)))
      FROM generate_series(1, 5000) n''')
    wait_until(lambda: lag(db, 'behind_events') == 0, 'all are handled')
    assert db.execute('SELECT count(*), count(DISTINCT id) FROM app.seen').fetchone() == (5000, 5000)
    assert db.execute('''SELECT count(*) FROM (SELECT n, lag(n) OVER (PARTITION BY key ORDER BY id::bigint) AS before FROM app.seen) s
      WHERE n < before''').fetchone()[0] == 0


def test_failures_retries_dead_letter_redrive(db, daemon):
    break_key(db, 'bad')
    bad, good = publish(db, 'bad'), publish(db, 'good')
    wait_for_seen(db, [good])
    wait_until(lambda: lag(db, 'dead') == 1, 'it is dead')
    reason, attempts = db.execute('SELECT reason, attempts FROM tenfold.event_failure').fetchone()
    assert reason == 'ZZ001: key bad is broken' and attempts == 3
    daemon.wait_for_metric('tenfold_events_failed_total{consumer="notes"}', 3)
    daemon.wait_for_metric('tenfold_events_dead_total{consumer="notes"}', 1)
    db.execute('DELETE FROM app.broken')
    assert db.execute("SELECT tenfold.redrive_events('notes')").fetchone()[0] == 1
    wait_for_seen(db, [good, bad])


def test_a_key_waits_for_its_failing_head(db, dsn):
    db.execute("SELECT tenfold.create_consumer('notes', '{orders}', max_attempts => 1000, backoff_base => '10 ms', backoff_cap => '10 ms')")
    break_key(db, 'bad')
    with Subscriber(dsn, 'notes:orders=app.note') as daemon:
        daemon.wait_until_consuming()
        with db.transaction():
            bad = [publish(db, 'bad') for _ in range(3)]
            good = [publish(db, 'good') for _ in range(3)]
        wait_for_seen(db, good)
        bad.append(publish(db, 'bad'))
        wait_until(lambda: lag(db, 'parked') == 3, 'the others stand behind it')
        db.execute('DELETE FROM app.broken')
        wait_for_seen(db, good + bad)


def test_a_failing_event_does_not_undo_its_batch(db, daemon):
    """One transaction, and so one batch; its middle fails."""
    break_key(db, 'b')
    with db.transaction():
        events = {key: publish(db, key) for key in 'abc'}
    wait_for_seen(db, [events['a'], events['c']])


def test_a_deferred_constraint_finds_its_event(db, daemon):
    db.execute("INSERT INTO app.late VALUES ('x')")
    with db.transaction():
        good, bad = publish(db, 'good', {'late': 'y'}), publish(db, 'bad', {'late': 'x'})
    wait_for_seen(db, [good])
    wait_until(lambda: lag(db, 'dead') == 1, 'it is dead')
    assert db.execute('SELECT event_id::text, left(reason, 5) FROM tenfold.event_failure').fetchone() == (bad, '23505')


def test_a_batch_is_one_transaction(db, daemon):
    with db.transaction():
        for _ in range(20):
            publish(db, None)
    wait_until(lambda: len(seen(db)) == 20, 'all are handled')
    assert db.execute('SELECT count(DISTINCT xmin::text) FROM app.seen').fetchone()[0] == 1


def test_webhooks(db, dsn, server):
    secret = base64.b64encode(b'twenty-four bytes, or so').decode()
    with Subscriber(dsn, f'hook:orders={server.url("/200")}', **{'subscriber.secret': f'whsec_{secret}'}) as daemon:
        daemon.wait_until_consuming()
        event = publish(db, 'k', {'n': 1}, headers='{"traceparent": "00-1-2-01"}')
        wait_until(lambda: server.seen('/200'), 'it is called')
        wait_until(lambda: lag(db, 'behind_events', 'hook') == 0, 'it is done')
    (_, body, headers), = server.seen('/200')
    assert json.loads(body) == {'n': 1}
    assert headers['Idempotency-Key'] == headers['webhook-id'] == event and headers['traceparent'] == '00-1-2-01'
    signed = f'{event}.{headers["webhook-timestamp"]}.'.encode() + body
    assert headers['webhook-signature'] == 'v1,' + base64.b64encode(
        hmac.digest(base64.b64decode(secret), signed, hashlib.sha256)).decode()


def test_webhooks_are_tried_again(db, dsn, server):
    db.execute("SELECT tenfold.create_consumer('hook', '{orders}', max_attempts => 3, backoff_base => '10 ms')")
    with Subscriber(dsn, f'hook:orders={server.url("/mend")}') as daemon:
        daemon.wait_until_consuming()
        publish(db, 'k')
        wait_until(lambda: lag(db, 'dead', 'hook') == 1, 'it is dead')
        assert len(server.seen('/mend')) == 3
        server.status = 200
        db.execute("SELECT tenfold.redrive_events('hook')")
        wait_until(lambda: lag(db, 'dead', 'hook') + lag(db, 'retrying', 'hook') == 0, 'it is done')
    assert len(server.seen('/mend')) == 4


def test_one_handler_feeds_on_jobs_too(db, dsn):
    db.execute("SELECT tenfold.create_queue('note_jobs', max_attempts => 2, backoff_base => '10 ms')")
    with Subscriber(dsn, 'note_jobs=app.note') as daemon:
        job = str(db.execute("""SELECT tenfold.enqueue('note_jobs', '{"n": 1}')""").fetchone()[0])
        wait_for_seen(db, [job])
        wait_until(lambda: db.execute('SELECT state FROM tenfold.job_status WHERE job_id = %s', [job]).fetchone()[0] == 'done', 'done')
        daemon.wait_for_metric('tenfold_jobs_done_total{queue="note_jobs"}', 1)
        bad = db.execute("""SELECT tenfold.enqueue('note_jobs', '{"sleep": "long"}')""").fetchone()[0]
        state = 'SELECT state, left(error, 5) FROM tenfold.job_status WHERE job_id = %s'
        wait_until(lambda: db.execute(state, [bad]).fetchone() == ('dead', '22P02'), 'its effect is refused, and it is dead')


def make_unreadable(db, event):
    db.execute("""UPDATE tenfold.event SET headers = '{"a": 1}' WHERE event_id = %s""", [event])


def failure(db, consumer='notes'):
    return db.execute('SELECT event_id::text, reason FROM tenfold.event_failure WHERE consumer = %s', [consumer]).fetchall()


def test_an_event_that_cannot_be_read_is_a_dead_letter(db, daemon):
    """It ended the process, again after each restart. What stands behind it in its key is not lost."""
    with db.transaction():
        events = [publish(db, key) for key in ('a', 'b', 'a')]
        make_unreadable(db, events[0])
    wait_until(lambda: set(seen(db)) == set(events[1:]), 'the others are handled')
    assert failure(db) == [(events[0], 'header "a" is no text')]
    assert daemon.process.poll() is None


def test_what_stands_behind_a_dead_event_of_its_batch_is_handled(db, dsn):
    db.execute("SELECT tenfold.create_consumer('notes', '{orders}', max_attempts => 1, on_dead => 'skip')")
    with Subscriber(dsn, 'notes:orders=app.note') as daemon:
        daemon.wait_until_consuming()
        with db.transaction():
            bad, good = publish(db, 'k', {'raise': 'ZZ001'}), publish(db, 'k')
        wait_for_seen(db, [good])
        assert [row[0] for row in failure(db)] == [bad]


@pytest.mark.parametrize('code', ['55000', '55P03', '53400'])
def test_an_error_that_should_pass_and_does_not_is_blamed_on_its_event(db, daemon, code):
    """Its consumer stood still, and nobody was told."""
    with db.transaction():
        bad, good = publish(db, 'a', {'raise': code}), publish(db, 'b')
    wait_for_seen(db, [good])
    wait_until(lambda: failure(db), 'it has failed')
    assert failure(db)[0][0] == bad and failure(db)[0][1].startswith(code)


def test_and_on_its_job(db, dsn):
    db.execute("SELECT tenfold.create_queue('note_jobs', max_attempts => 1)")
    with Subscriber(dsn, 'note_jobs=app.note'):
        job = db.execute("""SELECT tenfold.enqueue('note_jobs', '{"raise": "55000"}')""").fetchone()[0]
        state = 'SELECT state, left(error, 5) FROM tenfold.job_status WHERE job_id = %s'
        wait_until(lambda: db.execute(state, [job]).fetchone() == ('dead', '55000'), 'it is dead')


def test_a_batch_may_take_longer_than_an_answer(db, dsn):
    """It was given up, and done again, for ever."""
    with Subscriber(dsn, 'notes:orders=app.note', **{'database.answer_timeout': '1s'}) as daemon:
        daemon.wait_until_consuming()
        db.execute("""SELECT tenfold.publish_many('orders', array_fill(NULL::text, '{300}'), array_fill('{"sleep": 0.01}'::jsonb, '{300}'))""")
        wait_until(lambda: len(seen(db)) == 300, 'all are handled')
        assert not any('given up' in message for message in daemon.messages())


def test_a_statement_that_takes_longer_is_blamed_on_its_event(db, dsn):
    with Subscriber(dsn, 'notes:orders=app.note', **{'database.answer_timeout': '1s'}) as daemon:
        daemon.wait_until_consuming()
        with db.transaction():
            bad, good = publish(db, 'a', {'sleep': 30}), publish(db, 'b')
        wait_for_seen(db, [good])
        wait_until(lambda: failure(db), 'it has failed')
        assert failure(db)[0][0] == bad and failure(db)[0][1].startswith('57014')


def test_a_dropped_consumer_costs_the_others_nothing(db, dsn):
    """It is made again; the lease of the other goes on."""
    with Subscriber(dsn, 'notes:orders=app.note more:other=app.note') as daemon:
        daemon.wait_until_consuming(2)
        db.execute("SELECT tenfold.drop_consumer('more')")
        wait_until(lambda: db.execute("SELECT owner FROM tenfold.consumer WHERE name = 'more' AND owner IS NOT NULL").fetchone(), 'it is there again')
        wait_for_seen(db, [publish(db, 'k')])
        daemon.wait_for_metric('tenfold_events_leases_lost_total{consumer="notes"}', 0)


def test_without_its_role_no_event_is_to_blame(db, product, daemon):
    db.execute('REVOKE tenfold_worker FROM tenfold_authenticator')
    try:
        event = publish(db, 'k')
        wait_until(lambda: 'cannot work in Postgres' in daemon.messages(), 'it says why')
    finally:
        db.execute('GRANT tenfold_worker TO tenfold_authenticator')
    wait_for_seen(db, [event])
    assert not failure(db)


def test_two_daemons_share_and_one_dies(db, dsn):
    routes = 'notes:orders=app.note more:other=app.note'
    events = []
    with Subscriber(dsn, routes) as first, Subscriber(dsn, routes) as second:
        for daemon in (first, second):
            daemon.wait_until_consuming()
        owners = {row[0] for row in db.execute('SELECT owner FROM tenfold.consumer')}
        assert len(owners) == 2
        for number in range(200):
            events.append(publish(db, 'k', topic=('orders', 'other')[number % 2]))
            if number == 100:
                first.process.kill()
        second.wait_until_consuming(2)
        wait_until(lambda: len(seen(db)) >= 200, 'all are handled')
    assert sorted(seen(db), key=int) == events
    for topic in ('orders', 'other'):
        order = [int(row[0]) for row in db.execute('SELECT id FROM app.seen WHERE topic = %s ORDER BY n', [topic])]
        assert order == sorted(order)


def test_who_slept_is_fenced(db, dsn):
    """It is stopped with a batch in its hands, whose transaction it sends when it wakes: the other has done it by then."""
    with MoodyServer() as server:
        db.execute("SELECT tenfold.create_consumer('hook', '{orders}')")
        route = f'hook:orders={server.url("/hang")}'
        with Subscriber(dsn, route) as sleeper:
            sleeper.wait_until_consuming()
            publish(db, 'k')
            wait_until(lambda: server.seen('/hang'), 'its handler runs')
            sleeper.signal(signal.SIGSTOP)
            with Subscriber(dsn, route) as heir:
                heir.wait_until_consuming()
                wait_until(lambda: len(server.seen('/hang')) == 2, 'the heir calls too: at least once')
                server.free.set()
                wait_until(lambda: lag(db, 'behind_events', 'hook') == 0, 'the heir is done')
                sleeper.signal(signal.SIGCONT)
                sleeper.wait_for_metric('tenfold_events_leases_lost_total{consumer="hook"}', 1)
                sleeper.wait_for_metric('tenfold_events_handled_total{consumer="hook"}', 0)


def test_sigterm_ends_the_batch_and_gives_the_lease_back(db, dsn, server):
    with Subscriber(dsn, f'hook:orders={server.url("/hang")}', **{'events.lease': '1h'}) as daemon:
        daemon.wait_until_consuming()
        publish(db, 'k')
        wait_until(lambda: server.seen('/hang'), 'the call is there')
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: 'draining' in daemon.messages(), 'it drains')
        server.free.set()
        assert daemon.process.wait(timeout=15) == 0
    assert (lag(db, 'behind_events', 'hook'), lag(db, 'owner', 'hook')) == (0, None)


def test_sigterm_lets_go_what_does_not_end(db, dsn, server):
    with Subscriber(dsn, f'hook:orders={server.url("/hang")}', **{'events.lease': '1h', 'shutdown.timeout': '100ms'}) as daemon:
        daemon.wait_until_consuming()
        publish(db, 'k')
        wait_until(lambda: server.seen('/hang'), 'the call is there')
        daemon.signal(signal.SIGTERM)
        assert daemon.process.wait(timeout=15) == 0
    assert (lag(db, 'behind_events', 'hook'), lag(db, 'owner', 'hook')) == (1, None)


def test_postgres_goes_and_comes_back(product, dsn, daemon):
    with psycopg.connect(product.dsn(), autocommit=True) as db:
        first = publish(db, 'k')
        wait_for_seen(db, [first])
    product.restart()
    with psycopg.connect(product.dsn(), autocommit=True) as db:
        wait_for_seen(db, [first, publish(db, 'k')])


def test_bad_routes_are_told(dsn):
    with pytest.raises(AssertionError, match='has no target'), Subscriber(dsn, 'orders'):
        pass


def test_an_unknown_topic_is_told(dsn):
    with Subscriber(dsn, 'new:nowhere=app.note') as daemon:
        wait_until(lambda: any(line['message'] == 'cannot make a consumer' and 'nowhere' in line['error'] for line in daemon.log),
                   'it says so')


# The command line.

def tenfold(dsn, *words, given=None):
    return subprocess.run([DAEMON, *words, f'--database.dsn={dsn}'], input=given, capture_output=True, text=True, timeout=30)


def printed(dsn, *words, given=None):
    done = tenfold(dsn, *words, given=given)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def operator(dsn):
    """The login of the front door may become an operator, and a worker: commands act as these."""
    return dsn


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_publish_and_consume(db, operator):
    event = printed(operator, 'publish', 'orders', 'k', '{"n": 1.50}', '--header=a=b').strip()
    last, = (found for found in lines(printed(operator, 'consume', 'orders', '--from-beginning')) if found['event_id'] == int(event))
    assert (last['topic'], last['key'], last['headers']) == ('orders', 'k', {'a': 'b'})
    found = lines(printed(operator, 'consume', '--consumer=notes'))
    assert [one['event_id'] for one in found] == [int(event)]
    assert printed(operator, 'consume', '--consumer=notes') == ''
    assert (lag(db, 'behind_events'), lag(db, 'owner')) == (0, None)


def test_publish_lines(db, operator):
    given = '{"key": "a", "payload": {"n": 1}}\n\n{"payload": [1e2], "headers": {"x": "y"}}\n'
    assert printed(operator, 'publish', 'orders', given=given) == '2 published\n'
    found = lines(printed(operator, 'consume', '--consumer=notes'))
    assert [(one['key'], one['payload'], one['headers']) for one in found] == [('a', {'n': 1}, {}), (None, [100], {'x': 'y'})]


def test_publish_all_or_nothing(operator):
    many = '{"payload": 1}\n' * 1500
    done = tenfold(operator, 'publish', 'orders', given=many + 'no JSON\n')
    assert done.returncode == 2 and 'line 1501' in done.stderr
    assert printed(operator, 'consume', '--consumer=notes') == ''


def test_follow(db, operator):
    command = [DAEMON, 'consume', 'orders', '--follow', f'--database.dsn={operator}']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        wait_until(lambda: db.execute("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COMMIT' AND usename = 'tenfold_authenticator'").fetchone()[0],
                   'it reads')
        event = publish(db, 'k')
        assert json.loads(follower.stdout.readline())['event_id'] == int(event)
        follower.send_signal(signal.SIGINT)
    assert lag(db, 'behind_events') == 1


def test_a_held_consumer_is_not_shared(db, operator, daemon):
    done = tenfold(operator, 'consume', '--consumer=notes')
    assert done.returncode == 2 and 'held by another' in done.stderr
    assert not db.execute("SELECT FROM tenfold.consumer_instance WHERE instance LIKE 'consume:%'").fetchall()


def test_redrive(db, operator, daemon):
    break_key(db, 'bad')
    publish(db, 'bad')
    wait_until(lambda: lag(db, 'dead') == 1, 'it is dead')
    db.execute('DELETE FROM app.broken')
    assert printed(operator, 'redrive', 'notes', '--ids=1') == '0 redriven\n'
    assert printed(operator, 'redrive', 'notes') == '1 redriven\n'
    wait_until(lambda: len(seen(db)) == 1, 'it is handled')
    assert printed(operator, 'redrive', 'http_call') == '0 redriven\n'


@pytest.fixture
def kafka_rows(db):
    db.execute("INSERT INTO tenfold.kafka_relay (consumer, problem) VALUES ('kafka:main', 'two stories')")
    db.execute("INSERT INTO tenfold.kafka_sink VALUES ('main', 'orders', 'app.take', 'end')")
    yield
    db.execute('DELETE FROM tenfold.kafka_relay')
    db.execute('DELETE FROM tenfold.kafka_sink')


def test_status_and_list(db, operator, kafka_rows):
    publish(db, 'k')
    found = json.loads(printed(operator, 'status', '--json'))
    assert {one['consumer']: one['behind_events'] for one in found['consumers']}['notes'] == 1
    assert 'http_call' in {one['queue'] for one in found['queues']} and isinstance(found['breakers'], list)
    assert [(one['consumer'], one['problem']) for one in found['relays']] == [('kafka:main', 'two stories')]
    assert [(one['source'], one['topic']) for one in found['sinks']] == [('main', 'orders')]
    text = printed(operator, 'status')
    assert 'behind_seconds' in text and 'notes' in text and 'http_call' in text and 'two stories' in text
    assert 'notes' in printed(operator, 'list', 'consumers') and 'orders' in printed(operator, 'list', 'topics')
    assert 'worker subscriber' in subprocess.run([DAEMON, 'list'], capture_output=True, text=True).stdout


@pytest.mark.parametrize('words, code, told', [
    (['publish', 'nowhere', 'k', '{}'], 1, 'TF053'),
    (['publish', 'orders', 'k', 'no JSON'], 2, 'no JSON'),
    (['publish', 'orders', 'k'], 2, 'without a payload'),
    (['publish', 'orders', 'k', '{}', '--header=x'], 2, 'has no value'),
    (['consume'], 2, '--consumer'),
    (['consume', 'orders'], 2, '--from-beginning'),
    (['consume', 'order', '--follow'], 2, 'unknown topic'),
    (['consume', '--consumer=nobody'], 1, 'TF052'),
    (['redrive', 'note'], 2, 'did you mean notes'),
    (['status', '--database.dns=x'], 2, 'database.dsn'),
])
def test_errors_are_told(operator, words, code, told):
    done = tenfold(operator, *words)
    assert done.returncode == code and told in done.stderr, done.stderr
    assert done.stdout == ''


def test_postgres_is_away():
    done = subprocess.run([DAEMON, 'status', '--database.dsn=host=127.0.0.1 port=1'], capture_output=True, text=True)
    assert done.returncode == 1 and 'cannot connect' in done.stderr


@pytest.mark.parametrize('word', ['publish', 'consume', 'redrive', 'status', 'list'])
def test_help_teaches(word):
    text = subprocess.run([DAEMON, word, '--help'], capture_output=True, text=True).stdout
    assert f'  tenfold {word} ' in text
