"""Events through a real broker and back while what carries them dies: a publisher writes, two daemons relay to Kafka and
apply what comes back; one of daemon, backend, postmaster and broker is killed, or stopped for 0.2 to 3 seconds, under leases
of one. Then a reader that sees committed messages only has each event that was committed once, none twice, each key in order;
so has the table. A daemon that slept until another had taken over says that it was fenced, and by whom.

Each seed has one fault, in turn: any eight seeds in a row have all. (The naive relay of naive_faults.py fails under the same.)
"""
import json
import random
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress

from crash import kill, kill_postmaster, until_crash
from gateway import Gateway, wait_until
from services.cluster import ROOT, Cluster
from services.kafka import Kafka

SEEDS = 300
DAEMONS = 2
PATIENCE = 300  # seconds: of a machine that others use, too
LEASE = 1
SETUP = '''
  CREATE TABLE public.sent (topic text, number int);
  CREATE TABLE public.taken (n bigserial, topic text, event_id bigint, key text, number int);
  GRANT ALL ON public.taken, public.taken_n_seq TO tenfold_owner;
  CREATE FUNCTION public.send(topic text, first int, last int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO public.sent SELECT topic, n FROM generate_series(first, last) n;
    SELECT tenfold.publish_many(topic, array_agg('k' || n % 7 ORDER BY n), array_agg(jsonb_build_object('n', n) ORDER BY n))
      FROM generate_series(first, last) n
  $$;
  CREATE FUNCTION public.take(topic text, keys text[], payloads jsonb[], headers jsonb[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO public.taken (topic, event_id, key, number) SELECT topic, (h ->> 'event_id')::bigint, k, (p ->> 'n')::int
    FROM unnest(keys, payloads, headers) WITH ORDINALITY AS m(k, p, h, place) ORDER BY place
  $$;
  GRANT EXECUTE ON FUNCTION public.take TO tenfold_owner
'''
# Of the workers, whoever asked last.
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE usename = 'tenfold_authenticator' ORDER BY query_start DESC NULLS LAST LIMIT 3"
OWNER = "SELECT split_part(owner, ':', 2)::int FROM tenfold.consumer WHERE name = %s"
DISORDER = '''SELECT count(*) FROM (SELECT number, lag(number) OVER (PARTITION BY key ORDER BY n) AS before FROM public.taken WHERE topic = %s) t
  WHERE number <= before'''
FENCED_BY = {'fenced': 'kafka', 'TF050': 'postgres', 'TF051': 'postgres', 'is over': 'lease'}  # what the log of a zombie says


class KafkaDaemon(Gateway):
    workers = 'relay,sink'


class Publisher(threading.Thread):
    """Small transactions, one after the other; some are rolled back. What was committed is in a table: who gets no answer does
    not know."""

    def __init__(self, cluster, topic, chance):
        super().__init__(daemon=True)
        self.cluster, self.topic, self.chance = cluster, topic, chance
        self.number, self.stopping = 0, False
        self.start()

    def run(self):
        while not self.stopping:
            with until_crash(self.cluster) as db:
                while not self.stopping:
                    self.publish(db)
                    time.sleep(self.chance.uniform(0, 0.01))

    def publish(self, db):
        first, self.number = self.number, self.number + self.chance.randint(1, 20)
        with db.transaction(force_rollback=self.chance.random() < 0.1):
            db.execute('SELECT public.send(%s, %s, %s)', [self.topic, first, self.number - 1])

    def stop(self):
        self.stopping = True
        self.join()


class Relays:
    """Two daemons that relay to Kafka, and apply what comes back."""

    def __init__(self, cluster, kafka, topic):
        self.cluster, self.kafka, self.topic, self.consumer = cluster, kafka, topic, f'kafka:{topic}'
        ask(cluster, "SELECT tenfold.create_kafka_sink(%s, %s, 'public.take')", topic, topic)
        self.daemons = [self.begin() for _ in range(DAEMONS)]

    def begin(self):
        dsn = self.cluster.known_dsn.replace('user=postgres', 'user=tenfold_authenticator')
        return KafkaDaemon(dsn, wait_until_ready=False, **{
            'kafka.bootstrap': self.kafka.address, 'relay.name': self.topic, 'relay.topics': self.topic, 'sink.source': self.topic,
            'events.lease': f'{LEASE}s', 'relay.retry_most': '200ms', 'sink.retry_most': '200ms', 'database.connections': 3,
            'database.answer_timeout': '5s'}).__enter__()

    def pids(self):
        return [daemon.process.pid for daemon in self.daemons]

    def kill(self, victim):
        self.daemons[victim].__exit__()  # SIGKILL
        self.daemons[victim] = self.begin()

    def seen(self):
        """How many events came back through the broker."""
        return ask(self.cluster, 'SELECT count(DISTINCT event_id) FROM public.taken WHERE topic = %s', self.topic)[0][0]

    def fenced_by(self, zombie):
        """Who told a daemon that it relays no more."""
        errors = lambda: ' '.join(line.get('error', '') for line in self.daemons[zombie].log)
        return wait_until(lambda: next((who for word, who in FENCED_BY.items() if word in errors()), None), 'a zombie is fenced', PATIENCE)

    def sink_was_fenced(self):
        return any('TF062' in line.get('error', '') for daemon in self.daemons for line in daemon.log)

    def close(self):
        for daemon in self.daemons:
            daemon.__exit__()

    def print_logs(self):
        for daemon in self.daemons:
            print(*daemon.log[-8:], sep='\n', file=sys.stderr)


class Stage:
    def __init__(self, cluster, kafka, seed, relays):
        self.cluster, self.kafka, self.chance = cluster, kafka, random.Random(seed)
        self.fault = FAULTS[seed % len(FAULTS)]
        self.notes = {self.fault.__name__: 1}
        self.topic = f'{relays.__name__.lower()}{seed}.{time.time_ns()}'
        self.ask('SELECT tenfold.create_topic(%s, 3)', self.topic)
        wait_until(self.make_topic, 'the broker takes a topic', PATIENCE)
        self.relays = relays(cluster, kafka, self.topic)
        self.publisher = Publisher(cluster, self.topic, random.Random(seed + 1))

    def make_topic(self):
        """After a restart the broker may need more than one try."""
        with suppress(RuntimeError):
            self.kafka.create_topic(self.topic, 3)
            return True

    def close(self):
        self.publisher.stop()
        self.relays.close()
        self.ask('SELECT tenfold.drop_consumer(name) FROM tenfold.consumer')
        self.ask('TRUNCATE public.sent, public.taken, tenfold.kafka_sink, tenfold.kafka_offset')
        with suppress(RuntimeError):  # a broker with many topics is slow to start
            for topic in (self.topic, f'tenfold.relay.{self.topic}'):
                self.kafka.client('drop', topic)

    def ask(self, statement, *values):
        return ask(self.cluster, statement, *values)

    def play(self):
        self.wait_for(20)  # events flow
        time.sleep(self.chance.uniform(0, 0.5))
        self.fault(self)
        time.sleep(self.chance.uniform(0, 0.5))
        self.publisher.stop()

    def wait_for(self, count):
        wait_until(lambda: self.relays.seen() >= count, f'{count} came back', PATIENCE)

    def owner(self):
        """The process that relays, or did so last."""
        return self.ask(OWNER, self.relays.consumer)[0][0]

    def leader(self):
        """Its number, in a list; an empty list when nobody relays."""
        owner = self.owner()
        return [number for number, pid in enumerate(self.relays.pids()) if pid == owner]

    def kill_daemon(self):
        """As a rule the one that relays."""
        self.relays.kill(self.chance.choice([*range(DAEMONS), *2 * self.leader()]))

    def stop_daemon(self):
        """The one that relays: sleeping longer than its lease, it wakes as a zombie once the other has taken over."""
        victim = wait_until(self.leader, 'one relays', PATIENCE)[0]
        pid, seconds = self.relays.pids()[victim], self.chance.uniform(0.2, 3)
        with suspended(pid) as asleep:
            asleep(seconds)
            if is_zombie := seconds > LEASE:
                wait_until(lambda: asleep(0.01) or self.owner() not in (None, pid), 'the other takes over', PATIENCE)
        if is_zombie:
            self.notes |= {'zombie': 1, f'fenced_by_{self.relays.fenced_by(victim)}': 1}

    def backend(self):
        rows = self.ask(BACKENDS)
        return self.chance.choice(rows)[0] if rows else None

    def kill_backend(self):
        """Postgres ends every session then, and recovers."""
        kill(self.backend())

    def stop_backend(self):
        if pid := self.backend():
            self.suspend(pid)

    def kill_postmaster(self):
        kill_postmaster(self.cluster)

    def stop_postmaster(self):
        """Nobody gets in; those who are, go on."""
        self.suspend(int((self.cluster.path / 'data' / 'postmaster.pid').read_text().split()[0]))

    def kill_broker(self):
        self.kafka.kill()
        time.sleep(self.chance.uniform(0, 1))
        self.kafka.start()

    def stop_broker(self):
        self.suspend(self.kafka.pid())

    def suspend(self, pid):
        with suspended(pid) as asleep:
            asleep(self.chance.uniform(0.2, 3))

    def check(self):
        sent = [row[0] for row in self.ask('SELECT number FROM public.sent WHERE topic = %s', self.topic)]
        self.wait_for(len(sent))
        messages = self.kafka.read(self.topic)
        assert not (wrong := {name: found for name, found in differences(sent, messages).items() if found}), wrong
        taken = [row[0] for row in self.ask('SELECT event_id FROM public.taken WHERE topic = %s', self.topic)]
        assert sorted(taken) == sorted(map(event_id, messages)), 'the table differs from what Kafka has'
        assert self.ask(DISORDER, self.topic) == [(0,)], 'a key is out of order in the table'
        self.notes |= {'events': len(sent), 'sink_fenced': int(self.relays.sink_was_fenced())}


FAULTS = [Stage.kill_daemon, Stage.stop_daemon, Stage.kill_backend, Stage.stop_backend, Stage.kill_postmaster, Stage.stop_postmaster,
          Stage.kill_broker, Stage.stop_broker]


def event_id(message):
    return int(message.headers['event_id'])


def differences(sent, messages):
    """What a reader has against what was committed."""
    numbers = [json.loads(message.payload)['n'] for message in messages]
    keys = {}
    for message, number in zip(messages, numbers):
        keys.setdefault(message.key, []).append((message.partition, number))
    return {'lost': len(set(sent) - set(numbers)), 'never_committed': len(set(numbers) - set(sent)),
            'double': len(messages) - len(set(map(event_id, messages))),
            'keys_in_disorder': sum(own != sorted(own) or len({place for place, _ in own}) > 1 for own in keys.values())}


def ask(cluster, statement, *values):
    """Again, should Postgres die meanwhile."""
    return wait_until(lambda: answer(cluster, statement, values), 'Postgres answers', PATIENCE)[0]


def answer(cluster, statement, values):
    with until_crash(cluster) as db:
        result = db.execute(statement, values)
        return [result.fetchall() if result.description else None]


@contextmanager
def suspended(pid):
    """SIGSTOP, and SIGCONT afterwards. asleep(seconds) waits, and stops it again should somebody else have continued it."""
    def asleep(seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            kill(pid, signal.SIGSTOP)
            time.sleep(0.01)

    try:
        yield asleep
    finally:
        kill(pid, signal.SIGCONT)


def play_seed(cluster, kafka, seed):
    stage = Stage(cluster, kafka, seed, Relays)
    try:
        stage.play()
        stage.check()
        return stage.notes
    except Exception:
        stage.relays.print_logs()
        raise
    finally:
        stage.close()


def with_cluster_and_broker(name, play):
    with Cluster(ROOT / '.run' / 'faults' / name, preload='pg_cron,tenfold', installed=True) as cluster, Kafka(ROOT / '.run' / 'faults' / f'{name}-kafka') as kafka:
        cluster.known_dsn = cluster.dsn()  # also while it is down
        cluster.psql('-c', SETUP)
        play(cluster, kafka)


def run(seeds, passed, failed):
    def play(cluster, kafka):
        for seed in seeds:
            try:
                notes = play_seed(cluster, kafka, seed)
            except Exception:  # the next seed may pass
                failed(seed)
            else:
                passed(seed, **notes)

    with_cluster_and_broker('relay', play)
