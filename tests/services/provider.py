"""A payment provider that misbehaves as real ones do: it executes and drops the answer, answers after everybody's patience,
says 500 after executing, 429, no JSON; its events come before the answer, late, twice, permuted, badly signed, too old.

What it does to a call follows from its seed, the call's reference and how often it came: the same in every run. What it
executed stays in `books` (services.provider_shapes): whoever calls without an idempotency key executes twice.

    with Provider('stripe', seed=7, moods={'drop': 1, 'good': 3}, deliver=post) as provider:
        provider.url, provider.books.executed
"""
import asyncio
import hashlib
import hmac
import json
import random
import threading
import time
from contextlib import suppress
from urllib.parse import parse_qsl, unquote, urlsplit

from services.provider_shapes import SHAPES

# Of a call. Executed, but for the last four.
MOODS = ['good', 'drop', 'late', 'error', 'garbage', 'busy', 'unavailable', 'reset', 'slow']
NOT_EXECUTED = {'busy', 'unavailable', 'reset'}
# Of an event.
EVENT_MOODS = ['after', 'before', 'late', 'twice', 'permuted', 'forged', 'old', 'never']
LATE = 0.3  # seconds, for an event


class Provider:
    """deliver(shape, headers, body) takes an event to us, in a thread; what it raises is a reason to try again."""

    def __init__(self, shape, seed=0, moods=None, event_moods=None, deliver=None, secret='whsec_provider', late=5, visible_after=0, delay=0):
        self.books = SHAPES[shape](visible_after)
        self.shape, self.seed, self.secret, self.late, self.delay = shape, seed, secret, late, delay
        self.moods, self.event_moods = moods or {'good': 1}, event_moods or {'after': 1}
        self.deliver = deliver
        self.replies, self.counts, self.calls = {}, {}, []
        self.held, self.events = [], 0
        self.in_flight = self.most_in_flight = 0
        self.lock = threading.Lock()

    def __enter__(self):
        started = threading.Event()
        self.loop = asyncio.new_event_loop()

        async def serve():
            self.server = await asyncio.start_server(self.talk, '127.0.0.1', 0, backlog=4096)
            self.url = f'http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}'
            started.set()
            with suppress(asyncio.CancelledError):
                await self.server.serve_forever()

        def run():
            asyncio.set_event_loop(self.loop)
            self.task = self.loop.create_task(serve())
            with suppress(asyncio.CancelledError):
                self.loop.run_until_complete(self.task)
            for left in asyncio.all_tasks(self.loop):
                left.cancel()
            self.loop.run_until_complete(asyncio.sleep(0))

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        started.wait(10)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.task.cancel)
        self.thread.join(10)

    # HTTP/1.1, no more of it than our callers speak.

    async def talk(self, reader, writer):
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b'\r\n\r\n')).decode('latin-1').split('\r\n')
                method, target, _ = head[0].split(' ')
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(':') for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get('content-length', 0)))
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                try:
                    reply = await self.act_on(method, urlsplit(target), headers, body)
                finally:
                    self.in_flight -= 1
                if reply is None:
                    break
                status, text, extra = reply
                writer.write(f'HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{extra}Content-Length: {len(text)}\r\n\r\n'.encode() + text)
                await writer.drain()
        writer.close()

    async def act_on(self, method, target, headers, raw):
        """Status, body and further header lines; None: no answer."""
        self.calls.append((method, target.path, headers, raw))
        if self.delay:
            await asyncio.sleep(self.delay)
        query = dict(parse_qsl(target.query, keep_blank_values=True))
        if method == 'GET' or target.path.endswith('/token'):
            with self.lock:
                status, answer, _ = self.books.answer(method, unquote(target.path), query, {})
            return status, json.dumps(answer).encode(), ''
        key = headers.get('idempotency-key') or headers.get('paypal-request-id')
        mood = self.mood_of(target.path, key or hashlib.sha256(raw).hexdigest())
        if mood in NOT_EXECUTED:
            return {'busy': (429, b'{"error": {"code": "rate_limit"}}', 'Retry-After: 1\r\n'), 'unavailable': (503, b'{}', ''), 'reset': None}[mood]
        status, answer, events = self.execute(key, target.path, query, headers, raw, mood)
        modes = [self.choose(self.event_moods, 'event', key, target.path, number) for number in range(len(events))]
        for event, mode in zip(events, modes):
            await self.tell(event, mode)
        return await self.answer_by(mood, status, answer)

    async def answer_by(self, mood, status, answer):
        if mood == 'drop':
            return None
        if mood in ('late', 'slow'):
            await asyncio.sleep(self.late if mood == 'late' else self.late / 10)
        if mood == 'garbage':
            return status, b'<html>Bad Gateway', ''
        return status, json.dumps(answer).encode(), ''

    def mood_of(self, path, key):
        count = self.counts[path, key] = self.counts.get((path, key), 0) + 1
        return self.choose(self.moods, path, key, count)

    def choose(self, weights, *names):
        chance = random.Random(':'.join(map(str, (self.seed, *names))))
        return chance.choices(list(weights), weights=list(weights.values()))[0]

    def execute(self, key, path, query, headers, raw, mood):
        """A key's first answer is its last, a 500 too; other parameters under it are refused, where Stripe does."""
        with self.lock:
            if key in self.replies:
                known, status, answer = self.replies[key]
                if known != raw:
                    return 400, {'error': {'type': 'idempotency_error', 'message': 'Keys for idempotent requests can only be used with the same parameters'}}, []
                return status, answer, []
            is_form = headers.get('content-type', '').startswith('application/x-www-form-urlencoded')
            body = dict(parse_qsl(raw.decode(), keep_blank_values=True)) if is_form else json.loads(raw or b'{}')
            status, answer, events = self.books.answer('POST', unquote(path), query, body)
            if mood == 'error':
                status, answer = 500, {'error': {'type': 'api_error', 'message': 'something went wrong on our end'}}
            if key:
                self.replies[key] = raw, status, answer
            return status, answer, events

    # Events.

    def customer_acts(self, record_id, *arguments):
        """On the provider's page: what the record's owner agrees to (or not) is executed, and told."""
        with self.lock:
            events = self.books.act(self.books.payments[record_id], *arguments)
        for event in events:
            asyncio.run_coroutine_threadsafe(self.tell(event, 'after'), self.loop).result(30)

    async def tell(self, event, mode):
        if self.deliver is None or mode == 'never':
            return
        self.events += 1
        event = {'id': f'evt_{self.shape}_{self.seed}_{self.events}'} | event
        if mode == 'before':
            await self.send(event)
        elif mode == 'permuted':
            self.held.append(event)
            if len(self.held) > 1:
                held, self.held = self.held[::-1], []
                self.later(*held)
        elif mode == 'twice':
            self.later(event, event)
        elif mode in ('forged', 'old'):
            self.later(event, how=mode)
            self.later(event, pause=LATE)  # the right one comes all the same
        else:
            self.later(event, pause=LATE if mode == 'late' else 0)

    def later(self, *events, pause=0, how=None):
        async def send_all():
            await asyncio.sleep(pause)
            for event in events:
                await self.send(event, how)

        self.loop.create_task(send_all())

    def flush(self):
        """What is held to be permuted goes out."""
        held, self.held = self.held, []
        self.loop.call_soon_threadsafe(lambda: self.later(*held))

    async def send(self, event, how=None):
        """Again and again until it is taken, as providers do; a bad one once."""
        body = json.dumps(event).encode()
        headers = self.sign(body, event['id'], how)
        for _ in range(1 if how else 100):
            with suppress(Exception):
                await asyncio.get_running_loop().run_in_executor(None, self.deliver, self.shape, headers, body)
                return
            await asyncio.sleep(0.1)

    def sign(self, body, event_id, how=None):
        secret = 'whsec_other' if how == 'forged' else self.secret
        seconds = int(time.time()) - (4000 if how == 'old' else 0)
        if self.shape == 'stripe':
            signature = hmac.new(secret.encode(), f'{seconds}.'.encode() + body, hashlib.sha256).hexdigest()
            return {'stripe-signature': f't={seconds},v1={signature}'}
        if self.shape == 'razorpay':
            signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            return {'x-razorpay-signature': signature, 'x-razorpay-event-id': event_id}
        return {'paypal-transmission-id': event_id}
