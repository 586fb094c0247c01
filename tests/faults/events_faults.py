"""Events while what consumes them dies: two daemons hand the events of four topics to a function in Postgres that fails now
and then; now one of them is killed, or sleeps beyond its leases, now a backend of it, now the postmaster. Then: each event
that was committed is noted exactly once, those of a key in their order, and no lease, retry or dead letter is left.

Batches are larger than a socket's buffer: a daemon that is stopped has then, as a rule, sent half of a transaction, and sends
the rest when its lease is another's. (Without the checks of epoch, position and end tick one seed in eight fails.)
"""
import threading
import time

from crash import connect, play_all
from gateway import Gateway, wait_until
from stage import Stage

TOPICS = 4
KEYS = 5
FAULTS = 3
BURSTS = 24  # of one seed
EVENTS = 800  # of one burst
SETUP = '''
  CREATE SCHEMA IF NOT EXISTS app;
  GRANT USAGE ON SCHEMA app TO tenfold_worker;
  DROP TABLE IF EXISTS app.sent, app.noted;
  CREATE TABLE app.sent (id bigint, topic text, key text);
  CREATE TABLE app.noted (n bigserial, id bigint, topic text, key text);
  CREATE OR REPLACE FUNCTION app.note(id text, topic text, key text, payload jsonb, headers jsonb) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER AS $$
  BEGIN
    IF random() < 0.001 THEN
      RAISE EXCEPTION 'by chance';
    END IF;
    INSERT INTO app.noted (id, topic, key) VALUES (id::bigint, topic, key);
  END
  $$;
  SELECT tenfold.drop_consumer(name) FROM tenfold.consumer;
'''
CONSUMER = '''SELECT tenfold.create_topic(%(topic)s), tenfold.create_consumer(%(topic)s, ARRAY[%(topic)s], max_attempts => 1000,
  backoff_base => '5 ms', backoff_cap => '20 ms')'''
# The ledger is written in the transaction that publishes: what is in doubt for its client is not for us.
PUBLISH = '''INSERT INTO app.sent SELECT tenfold.publish(t.topic, t.key, t.payload), t.topic, t.key
  FROM (SELECT %s AS topic, 'k' || n %% %s AS key, jsonb_build_object('filler', repeat('x', 400)) AS payload FROM generate_series(1, %s) n) t
  RETURNING id'''
LEFT = '''SELECT (SELECT count(*) FROM app.sent) - (SELECT count(DISTINCT id) FROM app.noted)
  + (SELECT coalesce(sum(behind_events + retrying + parked), 0) FROM tenfold.outbox_lag)'''
DISORDER = '''SELECT count(*) FROM (SELECT id, lag(id) OVER (PARTITION BY topic, key ORDER BY n) AS before FROM app.noted) o WHERE id < before'''


class Daemon(Gateway):
    workers = 'subscriber'


class Events(Stage):
    def __init__(self, cluster, seed):
        super().__init__(cluster, seed)
        self.publisher = threading.Thread(target=self.publish, daemon=True)
        self.publisher.start()

    def start_daemon(self):
        routes = ' '.join(f't{number}:t{number}=app.note' for number in range(TOPICS))
        return Daemon(self.login(), wait_until_ready=False,
                      **{'subscriber.routes': routes, 'events.lease': '1s', 'events.tick': '20ms', 'database.connections': 3}).__enter__()

    def publish(self):
        """One burst at a time, so that the ids of a key grow with its commits."""
        for number in range(BURSTS):
            self.ask(PUBLISH, [f't{number % TOPICS}', KEYS, EVENTS])

    def play(self):
        faults = [self.kill_daemon, self.stop_daemon, self.kill_backend, self.kill_postmaster]
        for fault in self.chance.choices(faults, weights=[3, 2, 1, 1], k=FAULTS):
            time.sleep(self.chance.uniform(0, 0.3))
            fault()
        self.publisher.join()

    def check(self):
        wait_until(lambda: self.ask(LEFT) == [(0,)], 'all events are handled')
        with connect(self.cluster) as db:
            noted, different, sent = db.execute('SELECT count(*), count(DISTINCT id), (SELECT count(*) FROM app.sent) FROM app.noted').fetchone()
            disorder = db.execute(DISORDER).fetchone()[0]
            dead = db.execute('SELECT event_id, reason FROM tenfold.event_failure').fetchall()
        assert noted == different == sent, f'{sent} were sent, {noted} noted, {different} different'
        assert not disorder and not dead, (disorder, dead)


def play_seed(cluster, seed):
    with connect(cluster) as db:
        db.execute(SETUP)
        for number in range(TOPICS):
            db.execute(CONSUMER, {'topic': f't{number}'})
    stage = Events(cluster, seed)
    try:
        stage.play()
        stage.check()
    finally:
        stage.close()


def run(seeds, passed, failed):
    play_all('events', play_seed, seeds, passed, failed)
