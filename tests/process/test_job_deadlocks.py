"""Claims, ends and failures of jobs with concurrency keys, eight clients at once: none waits for another in a circle."""
import subprocess

import pytest
from process.conftest import connect

# Each claims up to ten of 200 keys, by rounds; then all are completed together, given back, or one fails.
SCRIPT = r"""
SELECT count(*) FROM tenfold.enqueue_many('q', array_fill('{}'::jsonb, '{10}'),
  concurrency_keys => ARRAY(SELECT 'k' || (random() * 199)::int FROM generate_series(1, 10)));
SELECT coalesce(string_agg(job_id::text, ','), '') AS ids, coalesce(string_agg(epoch::text, ','), '') AS epochs
  FROM tenfold.claim_jobs('q', 'w:client_id', 10) \gset
SELECT cardinality(tenfold.complete_jobs(ARRAY[:ids]::bigint[], ARRAY[:epochs]::bigint[]));
"""
DEADLOCKS = 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()'


@pytest.fixture
def pgbench(cluster, tmp_path):
    def run(script, *options):
        file = tmp_path / 'script.sql'
        file.write_text(script)
        done = subprocess.run(['pgbench', '-n', '-c', '8', '-j', '2', '--max-tries', '100', '-f', file, *options], env=cluster.env(),
                              stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, done.stderr
    return run


def test_claims_of_many_keys_do_not_deadlock(db, pgbench):
    db.execute("SELECT tenfold.create_queue('q')")
    pgbench(SCRIPT, '-T', '6')
    assert db.execute(DEADLOCKS).fetchone() == (0,)
    assert db.execute("SELECT done > 100 FROM tenfold.queue_stats WHERE queue = 'q'").fetchone() == (True,)
    assert db.execute("SELECT difference FROM tenfold.audit() WHERE queue = 'q'").fetchone() == (0,)


def test_sets_of_dedupe_keys_do_not_deadlock(db, pgbench):
    db.execute("SELECT tenfold.create_queue('d')")
    pgbench("SELECT count(*) FROM tenfold.enqueue_many('d', array_fill('{}'::jsonb, '{20}'), "
            "dedupe_keys => ARRAY(SELECT 'k' || n FROM generate_series(1, 20) n ORDER BY random()));\n"
            "DELETE FROM tenfold.job_key WHERE dedupe_key = 'k' || :client_id;\n", '-T', '3')
    assert db.execute(DEADLOCKS).fetchone() == (0,)
