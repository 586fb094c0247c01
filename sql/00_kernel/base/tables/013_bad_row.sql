-- What a task of ours passed over. Each loop over rows of users runs each of them in a subtransaction, and notes here, by
-- tenfold._note_bad_row(), the one that fails: the others must not wait for it.
CREATE TABLE tenfold.bad_row (
  task text,
  name text,
  state text NOT NULL,
  problem text NOT NULL,
  times bigint NOT NULL DEFAULT 1,
  first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (task, name)
) WITH (fillfactor = 50);
COMMENT ON TABLE tenfold.bad_row IS
  'rows that a task could not handle and passed over: it tries them again at its next run. Kept for a week after the last failure';
COMMENT ON COLUMN tenfold.bad_row.name IS 'of the row, as its owner knows it';
COMMENT ON COLUMN tenfold.bad_row.state IS 'the SQLSTATE of the last failure; problem: its message';
