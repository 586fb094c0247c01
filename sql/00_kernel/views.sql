-- Its use of tenfold.version(), a member, is what stops a plain DROP EXTENSION.
CREATE OR REPLACE VIEW tenfold.installed AS
  SELECT m.module, m.version, m.installed_at, tenfold.version() AS library_version FROM tenfold.module m;
COMMENT ON VIEW tenfold.installed IS 'the installed modules beside the version of the library';

CREATE OR REPLACE VIEW tenfold.error_code AS SELECT * FROM tenfold._error_codes();
COMMENT ON VIEW tenfold.error_code IS 'the errors tenfold raises by itself: SQLSTATE, stable name, HTTP status, meaning';

CREATE OR REPLACE VIEW tenfold.scheduled_job_status AS
  SELECT j.name, j.module, j.schedule, j.keeps_true, coalesce(r.active, false) AS scheduled,
    r.started_at AS last_started_at, r.status AS last_status, r.ended_at - r.started_at AS last_took,
    j.longest_run, CASE WHEN r.status = 'failed' THEN r.message END AS last_error
  FROM tenfold.scheduled_job j LEFT JOIN tenfold._job_runs() r USING (name);
COMMENT ON VIEW tenfold.scheduled_job_status IS 'each job of the database''s clock with its last run and error';

CREATE OR REPLACE VIEW tenfold.account_status AS
  SELECT a.account_id, a.email, a.role, a.created_at, a.deleted_at, count(s.session_id) AS open_sessions, max(s.created_at) AS last_login_at
  FROM tenfold.account a LEFT JOIN tenfold.session s
    ON s.account_id = a.account_id AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
  GROUP BY a.account_id;
COMMENT ON VIEW tenfold.account_status IS 'the accounts, for operators: without anything that could log in';

CREATE OR REPLACE VIEW tenfold.stat_limiter AS SELECT * FROM tenfold._limiter_counts();
COMMENT ON VIEW tenfold.stat_limiter IS
  'the rate limiter since the server started: buckets there are, buckets in use, requests allowed and refused, and buckets that were taken from a client because their set was full (then raise tenfold.limiter_buckets). Error: TF008 not preloaded';

CREATE OR REPLACE VIEW tenfold.stat_cache AS SELECT * FROM tenfold._cache_counts();
COMMENT ON VIEW tenfold.stat_cache IS
  'the cache of answers since the server started: entries and bytes in use, bytes there are; hits, misses; answers that were bypassed (standby, REPEATABLE READ, a transaction that has written), refused (larger than tenfold.cache_max_value), evicted (then raise tenfold.cache_size). Error: TF008 not preloaded';
