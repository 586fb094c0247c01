CREATE TABLE tenfold.scheduled_job (
  name text PRIMARY KEY,
  module text NOT NULL,
  schedule text NOT NULL,
  command text NOT NULL,
  keeps_true text NOT NULL,
  longest_run interval NOT NULL CONSTRAINT run_is_time CHECK (longest_run BETWEEN '1 s' AND '1 day'),
  CONSTRAINT schedule_is_cron CHECK (schedule ~ '^([^ ]+ ){4}[^ ]+$')
);
COMMENT ON TABLE tenfold.scheduled_job IS
  'the clock of the database: what pg_cron runs (minutes at the finest), what each job keeps true, and the longest run allowed. Each command is idempotent and may be run by hand';

CREATE TABLE tenfold.clock (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  ran_at timestamptz NOT NULL
);
COMMENT ON TABLE tenfold.clock IS 'when pg_cron ran a job of this database last';
