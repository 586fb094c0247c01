-- How jobs stay as fast under a held snapshot as without one.
--
-- While any session holds a snapshot, Postgres removes no row that died after it, nor its index entries. A queue that
-- takes "the first waiting row of an index" then walks past every job that was ever done: work for the square of their
-- number. So:
--
-- 1. A waiting job is one row of tenfold.job, inserted once, never updated, deleted by its claim. What changes lives
--    elsewhere: tenfold.job_running has the lease (its indexes are on columns that do not change).
-- 2. Each queue has ten lines, one a priority, in the order of due_at, which is never before the moment of the insert:
--    greatest(run_at, clock_timestamp()). So a line grows at its end, and what is in front of its oldest living
--    row is dead for ever. Delayed jobs stand in the same line, further back; a retry is a new row at its due time.
-- 3. tenfold.job_mark says where each line's living rows begin, and a claim starts there. A mark is a row that is only
--    ever inserted, and found from the newest end of its index, where nothing is dead. It is moved about once in
--    32 jobs, so a claim walks some dozens of dead entries, however many there are.
-- 4. Who inserts has its transaction id before it looks at the clock. So once every transaction is over that had its id
--    when the clock showed limit_at (those below limit_xid), no row can still appear before limit_at: it becomes
--    safe_at, and a mark never goes beyond that. Should the clock of the machine step back, tenfold.check_jobs(), each
--    minute, finds what stands before a mark, and takes the mark back.
--
-- Priority with aging is the same order for all lines: a job of priority p counts as due p × queue.aging earlier than it
-- is. Nothing is computed anew as jobs grow old, and every job's turn comes.
--
-- No row is a counter, and none refers to its queue by a foreign key: each enqueue would lock the queue's row.

CREATE TABLE tenfold.queue (
  queue_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE CONSTRAINT name_is_word CHECK (name ~ '^[a-z][a-z0-9_.-]{0,62}$'),
  max_attempts int NOT NULL CONSTRAINT some_attempts CHECK (max_attempts BETWEEN 1 AND 1000),
  lease interval NOT NULL CONSTRAINT lease_is_time CHECK (lease BETWEEN '1 second' AND '1 day'),
  backoff_base interval NOT NULL CONSTRAINT base_is_time CHECK (backoff_base BETWEEN '0' AND '30 days'),
  backoff_cap interval NOT NULL CONSTRAINT cap_is_above_base CHECK (backoff_cap BETWEEN backoff_base AND '30 days'),
  retention interval NOT NULL CONSTRAINT retention_is_time CHECK (retention BETWEEN '0' AND '10 years'),
  paused boolean NOT NULL,
  max_payload_bytes int NOT NULL CONSTRAINT some_payload CHECK (max_payload_bytes BETWEEN 2 AND 64 << 20),
  concurrency int NOT NULL CONSTRAINT some_run CHECK (concurrency BETWEEN 1 AND 1000000),
  aging interval NOT NULL CONSTRAINT aging_is_time CHECK (aging BETWEEN '0' AND '1 day'),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE tenfold.queue IS 'the queues, made by tenfold.create_queue()';
COMMENT ON COLUMN tenfold.queue.lease IS 'a worker that is silent for so long has lost its job';
COMMENT ON COLUMN tenfold.queue.backoff_base IS 'the wait after the first failure; it doubles up to backoff_cap, and half of it is random';
COMMENT ON COLUMN tenfold.queue.retention IS 'how long finished jobs are kept; 0: not at all';
COMMENT ON COLUMN tenfold.queue.concurrency IS 'how many jobs of one concurrency key run at once';
COMMENT ON COLUMN tenfold.queue.aging IS 'the wait that is worth one step of priority';

CREATE SEQUENCE tenfold.job_id;
CREATE SEQUENCE tenfold.job_epoch;

CREATE TABLE tenfold.job (
  job_id bigint PRIMARY KEY,
  queue_id int NOT NULL,
  priority smallint NOT NULL CONSTRAINT priority_is_line CHECK (priority BETWEEN 0 AND 9),
  due_at timestamptz NOT NULL,
  attempts int NOT NULL,
  max_attempts int NOT NULL,
  created_at timestamptz NOT NULL,
  dedupe_key text,
  concurrency_key text,
  last_error text,
  payload jsonb NOT NULL
);
COMMENT ON TABLE tenfold.job IS 'the jobs that wait, now or until due_at. Rows are inserted and deleted, never updated';
COMMENT ON COLUMN tenfold.job.attempts IS 'how often it ran before';
CREATE INDEX job_line ON tenfold.job (queue_id, priority, due_at);

CREATE TABLE tenfold.job_parked (LIKE tenfold.job, PRIMARY KEY (job_id));
COMMENT ON TABLE tenfold.job_parked IS
  'jobs that were due while as many of their concurrency key ran as may: out of the way of claims. Each end of one of these lets the oldest go on';
CREATE INDEX job_parked_key ON tenfold.job_parked (queue_id, concurrency_key, job_id);

-- Room in each page, so that a heartbeat makes no new index entry.
CREATE TABLE tenfold.job_running (
  LIKE tenfold.job,
  epoch bigint NOT NULL,
  worker text NOT NULL,
  leased_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  cancel_asked boolean NOT NULL DEFAULT false,
  progress real NOT NULL DEFAULT 0 CONSTRAINT progress_is_fraction CHECK (progress BETWEEN 0 AND 1),
  note text,
  PRIMARY KEY (job_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE tenfold.job_running IS 'the jobs that run, each under a lease: one a job, that is what the key guards';
COMMENT ON COLUMN tenfold.job_running.epoch IS 'new with each lease of any job: who comes with another one lost his';
COMMENT ON COLUMN tenfold.job_running.attempts IS 'this run included';
CREATE INDEX job_running_leased ON tenfold.job_running (leased_at);
CREATE INDEX job_running_key ON tenfold.job_running (queue_id, concurrency_key) WHERE concurrency_key IS NOT NULL;

CREATE TABLE tenfold.job_done (
  job_id bigint PRIMARY KEY,
  queue_id int NOT NULL,
  outcome text NOT NULL CONSTRAINT outcome_is_known CHECK (outcome IN ('done', 'cancelled')),
  attempts int NOT NULL,
  created_at timestamptz NOT NULL,
  started_at timestamptz,
  finished_at timestamptz NOT NULL,
  worker text,
  result jsonb
);
COMMENT ON TABLE tenfold.job_done IS 'the jobs that ended, for queue.retention';
CREATE INDEX job_done_finished ON tenfold.job_done USING brin (finished_at) WITH (pages_per_range = 32);

CREATE TABLE tenfold.job_dead (
  LIKE tenfold.job,
  reason text NOT NULL,
  worker text,
  died_at timestamptz NOT NULL,
  PRIMARY KEY (job_id)
);
COMMENT ON TABLE tenfold.job_dead IS 'the dead letters: jobs that failed too often, each with its last reason. tenfold.redrive() brings them back';
CREATE INDEX job_dead_queue ON tenfold.job_dead (queue_id, died_at);

CREATE TABLE tenfold.job_key (
  queue_id int,
  dedupe_key text,
  job_id bigint NOT NULL,
  PRIMARY KEY (queue_id, dedupe_key)
);
COMMENT ON TABLE tenfold.job_key IS 'the dedupe keys of jobs that wait or run: one job a key, that is what the primary key guards';

CREATE TABLE tenfold.job_mark (
  queue_id int,
  priority smallint,
  mark_id bigint GENERATED ALWAYS AS IDENTITY,
  mark timestamptz NOT NULL,
  safe_at timestamptz NOT NULL,
  limit_at timestamptz NOT NULL,
  limit_xid xid8 NOT NULL,
  PRIMARY KEY (queue_id, priority, mark_id)
);
COMMENT ON TABLE tenfold.job_mark IS
  'where the living rows of each line begin (queue 0: of the leases, by leased_at); the newest row of a line counts. A hint: with none, claims only walk further';
COMMENT ON COLUMN tenfold.job_mark.safe_at IS 'no row can still appear before this';
COMMENT ON COLUMN tenfold.job_mark.limit_xid IS 'once every transaction below is over, limit_at is safe too';

CREATE TABLE tenfold.recurring_job (
  name text PRIMARY KEY CONSTRAINT name_is_short CHECK (length(name) BETWEEN 1 AND 255),
  queue text NOT NULL,
  schedule text NOT NULL,
  time_zone text NOT NULL,
  payload jsonb NOT NULL,
  priority int NOT NULL,
  dedupe_key text,
  enabled boolean NOT NULL,
  changed_at timestamptz NOT NULL
);
COMMENT ON TABLE tenfold.recurring_job IS 'jobs that are enqueued again and again: schedule is five fields of cron, or an interval of whole minutes. tenfold.set_recurring_job() writes it';

CREATE TABLE tenfold.recurring_run (
  name text REFERENCES tenfold.recurring_job ON DELETE CASCADE,
  due_at timestamptz,
  job_id bigint,
  problem text,
  PRIMARY KEY (name, due_at)
);
COMMENT ON TABLE tenfold.recurring_run IS 'what was enqueued for which due time: once, that is what the key guards. problem: why it could not be';
