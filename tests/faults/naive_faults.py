"""The same matrix as relay_faults.py, for a relay that sends and then marks: it must be caught. A seed passes once an event
was lost or came twice, within so many faults; that shows that the matrix bites.
"""
import subprocess
import time

from relay_faults import DAEMONS, KafkaDaemon, Stage, connect, with_cluster_and_broker
from services.kafka import CLIENT

FAULTS = 30


class SinkDaemon(KafkaDaemon):
    workers = 'sink'


class Naive:
    """Two naive relays, and a daemon that applies what comes back."""

    def __init__(self, cluster, kafka, topic):
        self.cluster, self.kafka, self.topic = cluster, kafka, topic
        kafka.create_topic(topic, 3)
        with connect(cluster) as db:
            db.execute("SELECT tenfold.create_consumer('naive', ARRAY[%s], 'beginning')", [topic])
        self.sink = SinkDaemon(cluster.known_dsn, False, **{'kafka.bootstrap': kafka.address, 'sink.source': topic,
                                                            'events.lease': '1s', 'sink.retry_most': '200ms'}).__enter__()
        self.processes = [self.begin() for _ in range(DAEMONS)]

    def begin(self):
        return subprocess.Popen([CLIENT, 'naive', self.kafka.address, self.topic, self.cluster.known_dsn, 'naive', '10000'],
                                stderr=subprocess.DEVNULL)

    def kill(self, victim):
        self.processes[victim].kill()
        self.processes[victim].wait()
        self.processes[victim] = self.begin()

    def pid(self, victim):
        return self.processes[victim].pid

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
        self.sink.__exit__()


def count_wrong(stage):
    """Lost and double ones of what was published; sends may still be under way."""
    time.sleep(1)
    messages = stage.kafka.read(stage.topic)
    ids = [message.headers['event_id'] for message in messages]
    return len(ids) - len(set(ids))


def play_seed(cluster, kafka, seed):
    stage = Stage(cluster, kafka, seed, Naive)
    try:
        stage.wait_for(20)
        for fault in range(1, FAULTS + 1):
            time.sleep(stage.chance.uniform(0, 0.5))
            stage.chance.choice([stage.kill_daemon, stage.stop_daemon, stage.kill_backend, stage.kill_broker])()
            if wrong := count_wrong(stage):
                print(f'# {wrong} double after {fault} faults', flush=True)
                return
        raise AssertionError(f'{FAULTS} faults did not catch a relay that sends and then marks')
    finally:
        stage.close()


def run(seeds, passed, failed):
    def play(cluster, kafka):
        for seed in seeds:
            try:
                play_seed(cluster, kafka, seed)
            except Exception:
                failed(seed)
            else:
                passed(seed)

    with_cluster_and_broker('naive', play)

