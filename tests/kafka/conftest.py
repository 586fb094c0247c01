"""A cluster with everything installed, and a broker, for a whole run. Each test has topics, a relay and a source of its own."""
import itertools
import sys

import psycopg
import pytest
from services.cluster import ROOT, Cluster
from services.kafka import Kafka

sys.path.append(str(ROOT / 'tests' / 'http'))
from gateway import Gateway  # noqa: E402

numbers = itertools.count(1)


class KafkaDaemon(Gateway):
    """The daemon with its workers relay and sink, or one of them."""

    def __init__(self, cluster, kafka, workers, name, wait_until_ready=True, **settings):
        self.workers = workers
        super().__init__(cluster.dsn(user='tenfold_authenticator'), wait_until_ready,
                         **{'kafka.bootstrap': kafka.address, 'relay.name': name, 'sink.source': name, 'relay.topics': name,
                            'relay.retry_most': '200ms', 'sink.retry_most': '200ms', 'database.connections': 3} | settings)

    def errors(self):
        return [line.get('error') or line.get('reason') or '' for line in self.log]


@pytest.fixture(scope='session')
def kafka():
    with Kafka(ROOT / '.run' / 'tests' / 'kafka', secure=True) as made:
        yield made


@pytest.fixture(scope='session')
def cluster():
    with Cluster(ROOT / '.run' / 'tests' / 'kafka-cluster', preload='pg_cron,tenfold', installed=True) as made:
        yield made


@pytest.fixture
def db(cluster):
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def name():
    """Of a topic, a relay and a source that no other test has."""
    return f't{next(numbers)}'


@pytest.fixture
def topic(db, name):
    db.execute('SELECT tenfold.create_topic(%s, 3, max_bytes => 3000000)', [name])
    yield name
    db.execute('SELECT tenfold.drop_consumer(c.name) FROM tenfold.consumer c')  # so that the log may go on


@pytest.fixture
def start(cluster, kafka, name):
    """start('relay', **settings) gives a running daemon, which ends with the test."""
    running = []

    def begin(workers, wait_until_ready=True, **settings):
        daemon = KafkaDaemon(cluster, kafka, workers, name, wait_until_ready, **settings).__enter__()
        running.append(daemon)
        return daemon

    yield begin
    for daemon in running:
        daemon.__exit__()
        print(*daemon.log[-8:], sep='\n')  # of a test that fails, pytest shows it
