"""The same trials as payments_faults.py for the original design, taken literally: check, insert, send; then charge and commit.
They must catch it: a payment is charged twice, or failed and was charged.
"""
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psycopg
from crash import connect, play_all
from gateway import wait_until
from payments_faults import FAULTS, MOODS, PAYMENTS
from services.provider import Provider
from stage import Stage

SEEDS = 20
SETUP = '''
  DROP SCHEMA IF EXISTS original CASCADE;
  CREATE SCHEMA original;
  CREATE TABLE original.payment (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), idempotency_key text UNIQUE, amount bigint, status text);
  CREATE TABLE original.event (place bigserial, payment_id uuid);
  CREATE TABLE original.consumed (place bigint);
  INSERT INTO original.consumed VALUES (0);
  GRANT USAGE ON SCHEMA original TO tenfold_authenticator;
  GRANT ALL ON ALL TABLES IN SCHEMA original TO tenfold_authenticator;
'''


class Processor:
    """What Stage kills and stops."""

    def __init__(self, dsn, url):
        self.process = subprocess.Popen([sys.executable, Path(__file__).with_name('original_payments.py'), dsn, url], stderr=subprocess.DEVNULL)

    def signal(self, number):
        self.process.send_signal(number)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Original(Stage):
    def __init__(self, cluster, seed):
        self.provider = Provider('stripe', seed, MOODS, late=1.2).__enter__()
        super().__init__(cluster, seed)
        self.dsn = cluster.known_dsn
        self.clients = [threading.Thread(target=self.buy, args=[number], daemon=True) for number in range(4)]

    def start_daemon(self):
        return Processor(self.login(), self.provider.url)

    def close(self):
        super().close()
        self.provider.__exit__()

    def buy(self, client):
        for number in range(PAYMENTS // 4):
            while not self.create(f'{client}-{number}'):
                pass

    def create(self, key):
        """Check, insert, send: three commits. Gives whether the client has an answer."""
        with suppress(psycopg.OperationalError), psycopg.connect(self.dsn, autocommit=True) as db:
            if db.execute('SELECT id FROM original.payment WHERE idempotency_key = %s', [key]).fetchone():
                return True
            row = db.execute("INSERT INTO original.payment (idempotency_key, amount, status) VALUES (%s, 10000, 'pending') RETURNING id", [key]).fetchone()
            db.execute('INSERT INTO original.event (payment_id) VALUES (%s)', row)
            return True
        return False

    def play(self):
        for client in self.clients:
            client.start()
        for fault in self.chance.choices([self.kill_daemon, self.stop_daemon, self.kill_backend, self.kill_postmaster], weights=[4, 2, 2, 1], k=FAULTS):
            time.sleep(self.chance.uniform(0, 0.4))
            fault()
        for client in self.clients:
            client.join(90)
        last = 'SELECT (SELECT coalesce(max(place), 0) FROM original.event) <= (SELECT place FROM original.consumed)'
        wait_until(lambda: self.ask(last) == [(True,)], 'all events are processed')

    def wrong(self):
        charges = Counter(reference.split('/')[1] for kind, reference, _ in self.provider.books.executed if kind == 'charge')
        states = dict(self.ask('SELECT id::text, status FROM original.payment'))
        return {'charged_twice': sum(count > 1 for count in charges.values()),
                'failed_and_charged': sum(state == 'failed' and charges[payment] > 0 for payment, state in states.items()),
                'never_processed': sum(state == 'pending' for state in states.values())}


def play_seed(cluster, seed):
    with connect(cluster) as db:
        db.execute(SETUP)
    stage = Original(cluster, seed)
    try:
        stage.play()
        wrong = stage.wrong()
        return {'trials': 1, 'wrong': int(any(wrong.values()))} | wrong
    finally:
        stage.close()


def run(seeds, passed, failed):
    notes = {}

    def play(cluster, seed):
        notes[seed] = play_seed(cluster, seed)
        caught = any(known['wrong'] for known in notes.values())
        assert caught or seed != seeds[-1], 'the trials do not catch who charges without a key, and forgets'

    play_all('original', play, seeds, lambda seed: passed(seed, **notes[seed]), failed)
