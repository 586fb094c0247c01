-- The ledger of what was enqueued, which tenfold.audit() holds against the jobs there are. A job goes through five tables;
-- its entry is written once, beside its first row and in that transaction, and goes with the last trace of the job. Nothing
-- that moves jobs touches it. So an entry without a job is a job that was lost, while an id that was rolled back, or burnt
-- by a dedupe key, never had an entry.
--
-- Only ever inserted and deleted, and read as a whole: it has no index, so an enqueue pays little for it, and nothing more
-- under a held snapshot. A publication of all tables tells its rows by all they hold: that costs where they are deleted, and
-- only with wal_level logical.
CREATE TABLE tenfold.job_entry (
  job_id bigint NOT NULL,
  queue_id int NOT NULL,
  entered_at timestamptz NOT NULL
);
ALTER TABLE tenfold.job_entry REPLICA IDENTITY FULL;
COMMENT ON TABLE tenfold.job_entry IS
  'the ledger: every job that was enqueued, for as long as anything is known of it. Not of queues with a retention of 0, which leave nothing to compare with';

-- What is here already is taken for complete.
INSERT INTO tenfold.job_entry
  SELECT k.job_id, k.queue_id, k.created_at
  FROM (SELECT job_id, queue_id, created_at FROM tenfold.job UNION ALL SELECT job_id, queue_id, created_at FROM tenfold.job_parked
        UNION ALL SELECT job_id, queue_id, created_at FROM tenfold.job_running UNION ALL SELECT job_id, queue_id, created_at FROM tenfold.job_dead
        UNION ALL SELECT job_id, queue_id, created_at FROM tenfold.job_done) k
  JOIN tenfold.queue q USING (queue_id) WHERE q.retention > interval '0';

CREATE TABLE tenfold.audit_result (
  queue text,
  audited_at timestamptz,
  due bigint NOT NULL,
  sent bigint NOT NULL,
  done bigint NOT NULL,
  cancelled bigint NOT NULL,
  waiting bigint NOT NULL,
  parked bigint NOT NULL,
  running bigint NOT NULL,
  dead bigint NOT NULL,
  difference bigint NOT NULL,
  lost_ids bigint[] NOT NULL,
  ok boolean,
  PRIMARY KEY (queue, audited_at)
);
COMMENT ON TABLE tenfold.audit_result IS 'what tenfold.audit() said each hour, for 30 days. ok is NULL where a retention of 0 leaves nothing to prove it with';
