"""Jobs while what runs them dies: two daemons call a server that notes who calls; now one of them is killed, now a
backend of it, now the postmaster. Then: every job that was enqueued is done, none ran twice at one epoch, no lease and no
lock is left.
"""
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from crash import connect, play_all
from gateway import JobsDaemon, wait_until
from stage import Stage

JOBS = 200  # of one seed
FAULTS = 3
ENQUEUE = '''SELECT tenfold.enqueue('http_call', jsonb_build_object('url', %s::text), %s, concurrency_key => %s)'''
LEFT = '''SELECT (SELECT count(*) FROM tenfold.job) + (SELECT count(*) FROM tenfold.job_parked)
  + (SELECT count(*) FROM tenfold.job_running)'''
EMPTY = '''TRUNCATE tenfold.job, tenfold.job_parked, tenfold.job_running, tenfold.job_done, tenfold.job_dead, tenfold.job_key,
  tenfold.job_mark'''
QUEUE = '''SELECT tenfold.create_queue('http_call', max_attempts => 1000, lease => '1 s', backoff_base => '0', backoff_cap => '0',
  concurrency => 2)'''


class Server(ThreadingHTTPServer):
    """Notes each run as (job, epoch), and takes some milliseconds for it."""
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, chance):
        super().__init__(('127.0.0.1', 0), Handler)
        self.chance, self.runs = chance, []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.runs.append((int(self.headers['Idempotency-Key']), int(self.headers['Job-Epoch'])))
        time.sleep(self.server.chance.uniform(0.005, 0.1))
        try:
            self.send_response(204)
            self.end_headers()
        except OSError:
            pass  # who called is dead

    def log_message(self, *_):
        pass


class Jobs(Stage):
    def __init__(self, cluster, seed):
        super().__init__(cluster, seed)
        self.server = Server(random.Random(seed + 1))
        self.ids = []

    def start_daemon(self):
        return JobsDaemon(self.login(), wait_until_ready=False, **{'jobs.in_flight': 10, 'database.connections': 2}).__enter__()

    def close(self):
        super().close()
        self.server.shutdown()
        self.server.server_close()

    def enqueue(self, jobs):
        """One transaction each. Who gets no answer does not know: such jobs may exist, and are not counted on."""
        for _ in range(jobs):
            values = [f'http://127.0.0.1:{self.server.server_port}/', self.chance.randrange(10),
                      self.chance.choice([None, None, 'a', 'b'])]
            found = self.ask(ENQUEUE, values)
            self.ids += [row[0] for row in found or []]

    def play(self):
        for fault in self.chance.choices([self.kill_daemon, self.kill_backend, self.kill_postmaster], weights=[3, 1, 1], k=FAULTS):
            self.enqueue(JOBS // FAULTS)
            time.sleep(self.chance.uniform(0, 0.2))
            fault()

    def check(self):
        wait_until(lambda: self.ask(LEFT) == [(0,)], 'all jobs have ended')
        with connect(self.cluster) as db:
            done = {row[0] for row in db.execute('SELECT job_id FROM tenfold.job_done')}
            dead = db.execute('SELECT job_id, reason FROM tenfold.job_dead').fetchall()
            locks = db.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()[0]
        assert set(self.ids) <= done, f'lost: {sorted(set(self.ids) - done)}'
        assert not dead and not locks, (dead, locks)
        assert len(set(self.server.runs)) == len(self.server.runs), 'a job ran twice at one epoch'
        assert {job for job, _ in self.server.runs} >= set(self.ids), 'a job is done that never ran'


def play_seed(cluster, seed):
    with connect(cluster) as db:
        db.execute(EMPTY)
        db.execute(QUEUE)
    stage = Jobs(cluster, seed)
    try:
        stage.play()
        stage.check()
    finally:
        stage.close()


def run(seeds, passed, failed):
    play_all('jobs', play_seed, seeds, passed, failed)
