"""The same matrix as relay_faults.py, for two relays that send and then mark. They must be caught: an event comes twice, is
lost, or out of order. Seeds are played until one has caught them, at least those asked for.
"""
import subprocess
from itertools import chain

from relay_faults import DAEMONS, Stage, ask, differences, with_cluster_and_broker
from services.kafka import CLIENT

SEEDS = 40
MOST = 100  # more


class Naive:
    consumer = 'naive'

    def __init__(self, cluster, kafka, topic):
        self.cluster, self.kafka, self.topic = cluster, kafka, topic
        ask(cluster, "SELECT tenfold.create_consumer('naive', ARRAY[%s], 'beginning')", topic)
        self.processes = [self.begin() for _ in range(DAEMONS)]

    def begin(self):
        return subprocess.Popen([CLIENT, 'naive', self.kafka.address, self.topic, self.cluster.known_dsn, 'naive', '10000'],
                                stderr=subprocess.DEVNULL)

    def pids(self):
        return [process.pid for process in self.processes]

    def kill(self, victim):
        end(self.processes[victim])
        self.processes[victim] = self.begin()

    def seen(self):
        try:
            return len({message.headers['event_id'] for message in self.kafka.read(self.topic)})
        except RuntimeError:
            return 0  # the broker is away

    def fenced_by(self, zombie):
        return 'nobody'  # it sends what it had when it fell asleep

    def close(self):
        for process in self.processes:
            end(process)


def end(process):
    process.kill()
    process.wait()


def play_seed(cluster, kafka, seed):
    """Gives what a reader has wrong, by kind."""
    stage = Stage(cluster, kafka, seed, Naive)
    try:
        stage.play()
        sent = [row[0] for row in stage.ask('SELECT number FROM public.sent')]
        stage.wait_for(len(sent))
        stage.relays.close()
        wrong = differences(sent, kafka.read(stage.topic))
        return stage.notes | {'trials': 1, 'wrong': int(any(wrong.values()))} | wrong
    finally:
        stage.close()


def run(seeds, passed, failed):
    def play(cluster, kafka):
        was_caught = False
        for seed in chain(seeds, range(seeds[-1] + 1, seeds[-1] + MOST)):
            if was_caught and seed > seeds[-1]:
                return
            try:
                notes = play_seed(cluster, kafka, seed)
                was_caught |= bool(notes['wrong'])
                assert was_caught or seed < seeds[-1] + MOST - 1, 'the matrix does not catch a relay that sends and then marks'
            except Exception:
                failed(seed)
            else:
                passed(seed, **notes)

    with_cluster_and_broker('naive', play)
