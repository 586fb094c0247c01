"""Payments while everything dies: two daemons call a provider that misbehaves in every way, clients create payments again and
again under their keys, capture and refund; now a daemon is killed, or sleeps beyond its leases, now a backend, now the
postmaster. Then: at most one charge a payment at the provider, what it captured less what it refunded is what our ledger says,
a key gives the same bytes, ranks never fall but from failed, and all has ended.
"""
import json
import random
import threading
import time
import uuid
from collections import Counter
from contextlib import suppress

import psycopg
from crash import connect, play_all
from gateway import Gateway, wait_until
from services.cluster import PAYMENT_SECRETS
from services.provider import Provider
from stage import Stage

SEEDS = 1000
PAYMENTS = 16  # of one seed
FAULTS = 3
KINDS = ['charge', 'charge', 'hold', 'captured', 'refunded', 'voided', 'declined']
MOODS = {'good': 6, 'drop': 2, 'late': 1, 'error': 2, 'garbage': 1, 'busy': 1, 'unavailable': 1, 'reset': 1, 'slow': 1}
EVENT_MOODS = {'after': 2, 'before': 1, 'late': 1, 'twice': 1, 'permuted': 1, 'forged': 1, 'old': 1, 'never': 2}
SECRET = PAYMENT_SECRETS['stripe'][0]
# A trial has no hour to wait for: what a provider knows is visible at once, and a call may take half a second.
SETUP = '''
  UPDATE payment.capability SET visible_after = '0', deadline = '600 ms';
  UPDATE tenfold.queue SET lease = '1 s', max_attempts = 1000, backoff_base = '10 ms', backoff_cap = '50 ms'
    WHERE name IN ('payment_call', 'payment_query');
'''
HURRY = "UPDATE tenfold.job SET due_at = clock_timestamp() + '50 ms' WHERE due_at > clock_timestamp() + '200 ms'"
OPEN = '''SELECT count(*) FROM payment.payment p WHERE merchant_id = %(merchant)s AND (state IN ('pending', 'processing', 'unknown')
  OR EXISTS (SELECT FROM payment.operation o WHERE o.payment_id = p.payment_id AND o.state NOT IN ('succeeded', 'failed')))'''
BOOKED = '''SELECT payment_id::text, sum(CASE WHEN credit = 'merchant' THEN amount_minor WHEN debit = 'merchant' THEN -amount_minor END)
  FROM payment.transfer WHERE merchant_id = %s AND phase IN ('post', 'direct') GROUP BY 1'''
RANKS = {'pending': 10, 'processing': 20, 'unknown': 30, 'requires_action': 40, 'failed': 50, 'authorized': 60, 'success': 70, 'canceled': 80}


class Daemon(Gateway):
    workers = 'provider'


class Shopper(threading.Thread):
    """Makes payments, each under its key until it has an answer; then captures, voids, refunds what can be."""

    def __init__(self, stage, number):
        super().__init__(daemon=True)
        self.stage, self.kinds = stage, [stage.chance.choice(KINDS) for _ in range(number)]
        self.answers, self.failure = {}, None

    def run(self):
        try:
            for number, kind in enumerate(self.kinds):
                self.buy(f'{self.name}-{number}', kind)
        except Exception as failure:  # for who joins
            self.failure = failure

    def buy(self, key, kind):
        body = {'amount': 100.00, 'currency': 'INR', 'customer_id': 7, 'payment_method': 'card', 'payment_token': 'tok_1'}
        body |= {'payment_token': 'tok_decline'} if kind == 'declined' else {}
        body |= {'capture': 'manual'} if kind in ('hold', 'captured', 'voided') else {}
        create = 'SELECT answer::text FROM payment.create(%s, %s, %s)'
        values = [self.stage.merchant, key, json.dumps(body)]
        self.answers[key] = [self.until_answered(create, values) for _ in range(self.stage.chance.randint(1, 3))], create, values
        payment = json.loads(self.answers[key][0][0])['transaction_id']
        after = {'captured': 'capture', 'voided': 'void', 'refunded': 'refund'}.get(kind)
        if after and self.stage.wait_for_state(payment, {'refund': 'success'}.get(after, 'authorized')):
            amount = {'capture': [6000], 'refund': [4000]}.get(after, [])
            marks = ', '.join(['%s'] * (3 + len(amount)))
            self.until_answered(f'SELECT answer::text FROM payment.{after}({marks})', [self.stage.merchant, payment, f'{key}-{after}', *amount])

    def until_answered(self, statement, values):
        """Who gets no answer does not know, and asks again with the same key."""
        while True:
            with suppress(psycopg.OperationalError):
                return self.stage.ask_once(statement, values)


class Payments(Stage):
    def __init__(self, cluster, seed, provider=Provider):
        self.provider = provider('stripe', seed, MOODS, EVENT_MOODS, deliver=self.deliver, secret=SECRET, late=1.2).__enter__()
        self.dsn = cluster.known_dsn
        super().__init__(cluster, seed)
        self.merchant = self.ask("SELECT payment.create_merchant('faults')")[0][0]
        self.shoppers = [Shopper(self, PAYMENTS // 4) for _ in range(4)]

    def start_daemon(self):
        return Daemon(self.login(), wait_until_ready=False, **{
            'provider.stripe_url': self.provider.url, 'provider.stripe_key': 'sk_test', 'database.connections': 2, 'events.lease': '1s',
            'events.tick': '20ms', 'jobs.poll_most': '50ms'}).__enter__()

    def close(self):
        super().close()
        self.provider.__exit__()

    def ask_once(self, statement, values):
        with psycopg.connect(self.dsn, autocommit=True, connect_timeout=10) as db:
            found = db.execute(statement, values)
            row = found.fetchone() if found.description else None
            return row and row[0]

    def deliver(self, shape, headers, body):
        """A webhook of the provider: as POST /webhooks/stripe hands it over."""
        with psycopg.connect(self.dsn, autocommit=True) as db:
            db.execute('SELECT payment.receive_event(%s, %s, %s)', [shape, json.dumps(headers), body])

    def wait_for_state(self, payment, wanted):
        """False: it ended otherwise."""
        ends = {wanted, 'failed', 'canceled', 'success'}
        return wait_until(lambda: (seen := self.state(payment)) in ends and seen, f'{payment} is {wanted}') == wanted

    def state(self, payment):
        with suppress(psycopg.OperationalError):
            return self.ask_once('SELECT state FROM payment.payment WHERE payment_id = %s', [payment])

    def play(self):
        for shopper in self.shoppers:
            shopper.start()
        hurry = threading.Event()
        threading.Thread(target=self.hurry, args=[hurry], daemon=True).start()
        for fault in self.chance.choices([self.kill_daemon, self.stop_daemon, self.kill_backend, self.kill_postmaster], weights=[4, 2, 2, 1], k=FAULTS):
            time.sleep(self.chance.uniform(0, 0.4))
            fault()
        try:
            for shopper in self.shoppers:
                shopper.join(90)
                assert not shopper.is_alive(), 'a shopper hangs'
                if shopper.failure:
                    raise shopper.failure
            self.provider.flush()
            wait_until(lambda: self.ask(OPEN, {'merchant': self.merchant}) == [(0,)], 'all payments have ended')
            wait_until(lambda: self.ask('SELECT payment.apply_events(1000)') == [(0,)], 'all events are applied')
            wait_until(lambda: self.ask(OPEN, {'merchant': self.merchant}) == [(0,)], 'all payments have ended')
        finally:
            hurry.set()

    def hurry(self, stop):
        while not stop.wait(0.1):
            with suppress(psycopg.OperationalError):
                self.ask_once(HURRY, None)

    def check(self):
        executed = Counter((kind, reference.split('/')[1]) for kind, reference, _ in self.provider.books.executed if kind in ('charge', 'hold'))
        twice = {name: count for name, count in executed.items() if count > 1}
        assert not twice, f'executed twice: {twice}'
        there = Counter()
        for kind, reference, amount in self.provider.books.executed:
            there[reference.split('/')[1]] += {'charge': amount, 'refund': -amount}.get(kind, 0)
        here = dict(self.ask(BOOKED, [self.merchant]))
        different = {payment: (there[payment], here.get(payment, 0)) for payment in there if there[payment] != here.get(payment, 0)}
        assert not different and set(here) <= set(there), f'the provider and our ledger differ: {different}'
        self.check_answers()
        self.check_events()

    def check_answers(self):
        for shopper in self.shoppers:
            for answers, statement, values in shopper.answers.values():
                answers = [*answers, self.ask(statement, values)[0][0]]
                first = {answer.replace(',"cached":true}', '}').replace(', "cached":true}', '}') for answer in answers}
                assert len(first) == 1, f'one key, several answers: {answers}'
                assert answers[-1] != answers[0] or 'cached' in answers[0], 'a replay says so'

    def check_events(self):
        """Those that were committed, in order: a state's rank falls only from failed."""
        seen = {}
        for payment, status, kind in self.ask(EVENTS, [str(self.merchant)]):
            seen.setdefault(payment, []).append((status, kind))
        states = dict(self.ask('SELECT payment_id::text, state FROM payment.payment WHERE merchant_id = %s', [self.merchant]))
        for payment, state in states.items():
            moves = seen[payment]
            assert [kind for _, kind in moves].count('payment.initiated') == 1 and moves[0][1] == 'payment.initiated', moves
            assert moves[-1][0] == state, (moves, state)
            for (before, _), (after, _) in zip(moves, moves[1:]):
                assert RANKS[before] <= RANKS[after] or before == 'failed', moves
            known = Counter(kind for _, kind in moves if kind not in ('payment.refunded', 'payment.unknown'))
            assert not known or max(known.values()) == 1, f'an event came twice: {moves}'


EVENTS = '''SELECT payload ->> 'transaction_id', payload ->> 'status', payload ->> 'event_type' FROM tenfold.event
  WHERE payload ->> 'merchant_id' = %s ORDER BY event_id'''


def play_seed(cluster, seed):
    with connect(cluster) as db:
        db.execute('DELETE FROM tenfold.job')
        db.execute(SETUP)
    stage = Payments(cluster, seed)
    try:
        stage.play()
        stage.check()
    finally:
        stage.close()


def run(seeds, passed, failed):
    play_all('payments', play_seed, seeds, passed, failed)
