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

-- The window is what a person looks at; the BRIN index finds its rows.
CREATE OR REPLACE VIEW tenfold.queue_stats AS
  SELECT q.name AS queue, q.paused, w.waiting, w.delayed, k.parked, r.running, r.expired, d.dead, e.done, e.cancelled,
    make_interval(mins => 5) AS "window", round(e.done / 300.0, 1) AS done_a_second, clock_timestamp() - w.oldest AS oldest_wait
  FROM tenfold.queue q
  CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE j.due_at <= clock_timestamp()) AS waiting, count(*) FILTER (WHERE j.due_at > clock_timestamp()) AS delayed,
      min(j.due_at) FILTER (WHERE j.due_at <= clock_timestamp()) AS oldest
    FROM tenfold.job j WHERE j.queue_id = q.queue_id) w
  CROSS JOIN LATERAL (SELECT count(*) AS parked FROM tenfold.job_parked p WHERE p.queue_id = q.queue_id) k
  CROSS JOIN LATERAL (
    SELECT count(*) AS running, count(*) FILTER (WHERE n.expires_at < clock_timestamp()) AS expired
    FROM tenfold.job_running n WHERE n.queue_id = q.queue_id) r
  CROSS JOIN LATERAL (SELECT count(*) AS dead FROM tenfold.job_dead x WHERE x.queue_id = q.queue_id) d
  CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE f.outcome = 'done') AS done, count(*) FILTER (WHERE f.outcome = 'cancelled') AS cancelled
    FROM tenfold.job_done f WHERE f.queue_id = q.queue_id AND f.finished_at > clock_timestamp() - make_interval(mins => 5)) e;
COMMENT ON VIEW tenfold.queue_stats IS
  'each queue: how many jobs wait, are delayed, are parked behind their concurrency key, run, have an expired lease, are dead; how many ended in the window; the wait of the oldest that is due';

CREATE OR REPLACE VIEW tenfold.job_status AS
  SELECT s.job_id, q.name AS queue, s.state, s.priority, s.attempts, s.progress, s.note, s.worker, s.due_at, s.created_at, s.ended_at, s.error, s.result
  FROM (
    SELECT j.job_id, j.queue_id, CASE WHEN j.due_at > clock_timestamp() THEN 'delayed' ELSE 'waiting' END AS state, j.priority, j.attempts,
      0::real AS progress, NULL AS note, NULL AS worker, j.due_at, j.created_at, NULL::timestamptz AS ended_at, j.last_error AS error, NULL::jsonb AS result
    FROM tenfold.job j
    UNION ALL SELECT p.job_id, p.queue_id, 'parked' AS state, p.priority, p.attempts, 0 AS progress, NULL AS note, NULL AS worker, p.due_at, p.created_at,
      NULL AS ended_at, p.last_error AS error, NULL AS result FROM tenfold.job_parked p
    UNION ALL SELECT r.job_id, r.queue_id, CASE WHEN r.cancel_asked THEN 'cancelling' ELSE 'running' END AS state, r.priority, r.attempts, r.progress, r.note, r.worker,
      r.due_at, r.created_at, NULL AS ended_at, r.last_error AS error, NULL AS result FROM tenfold.job_running r
    UNION ALL SELECT d.job_id, d.queue_id, 'dead' AS state, d.priority, d.attempts, 0 AS progress, NULL AS note, d.worker, d.due_at, d.created_at,
      d.died_at AS ended_at, d.reason AS error, NULL AS result FROM tenfold.job_dead d
    UNION ALL SELECT f.job_id, f.queue_id, f.outcome AS state, NULL AS priority, f.attempts, CASE f.outcome WHEN 'done' THEN 1 END AS progress, NULL AS note, f.worker,
      NULL AS due_at, f.created_at, f.finished_at AS ended_at, NULL AS error, f.result FROM tenfold.job_done f) s  -- named in each: pg_dump spells it so
  JOIN tenfold.queue q USING (queue_id);
COMMENT ON VIEW tenfold.job_status IS
  'every job that is known, in its state: waiting, delayed, parked, running, cancelling, dead, done, cancelled. Ask by job_id';

CREATE OR REPLACE VIEW tenfold.breaker_status AS
  SELECT p.name AS provider, s.state, s.since, s.retry_after, s.failures_in_a_row, s.openings, s.tries, s.calls, s.failures, s.slow,
    s.unwritten_events, s.lost_events
  FROM tenfold.provider p CROSS JOIN LATERAL tenfold._breaker_status(p.name) s;
COMMENT ON VIEW tenfold.breaker_status IS
  'the breaker of each provider: its state and since when (NULL: not asked for since the server started), the seconds until a try may pass, openings in a row, tries under way, the calls of the window, and the trips and closes that are not rows of breaker_event yet, or never will be. Error: TF008 not preloaded';

CREATE OR REPLACE VIEW tenfold.quota_status AS
  SELECT p.name AS provider, d.day, p.quota_per_day, coalesce(q.reserved, 0) AS reserved, l.not_called,
    greatest(p.quota_per_day - coalesce(q.reserved, 0), 0) + l.not_called AS remaining,
    tenfold._until_next_day(z.known, clock_timestamp()) AS resets_in
  FROM tenfold.provider p CROSS JOIN LATERAL tenfold._known_zone('quota_status', 'provider ' || p.name, p.time_zone) z(known)
  CROSS JOIN LATERAL tenfold._provider_day(z.known, clock_timestamp()) d(day)
  CROSS JOIN LATERAL (SELECT CASE WHEN d.day IS NOT NULL THEN tenfold._quota_left(p.name, d.day) END AS not_called) l
  LEFT JOIN tenfold.quota_day q ON q.provider_id = p.provider_id AND q.day = d.day
  WHERE p.quota_per_day IS NOT NULL;
COMMENT ON VIEW tenfold.quota_status IS
  'today''s calls of each provider that has a quota: reserved, of these not called yet, remaining, and the seconds until the next day. day is NULL where its time zone is unknown';

CREATE OR REPLACE VIEW tenfold.metric AS
  SELECT s.name, s.labels, s.value, coalesce(d.kind, 'untyped') AS kind, coalesce(d.help, 'not declared') AS help
  FROM tenfold._collect_metrics() s LEFT JOIN tenfold.declared_metric d USING (name);
COMMENT ON VIEW tenfold.metric IS
  'what Prometheus is told (GET /api/v1/metrics), as rows: limiter and cache (with preload), queues, audit, scheduled jobs, the database, and what each module declares';

CREATE OR REPLACE VIEW tenfold.outbox_lag AS
  SELECT l.consumer, l.epoch, l.owner, l.tick, l.behind_events, l.behind_seconds, l.retrying, l.parked, l.dead, l.partitions_kept FROM tenfold._consumer_lag() l;
COMMENT ON VIEW tenfold.outbox_lag IS
  'how far each consumer is behind: committed events that it has not finished (exact below 10000, else by the ids given out) and the age in seconds of the oldest; its failed events that wait for a retry, are parked behind one, are dead; how many partitions of the log are kept for it';

CREATE OR REPLACE VIEW tenfold.event_failure AS
  SELECT c.name AS consumer, t.name AS topic, r.event_id, r.key, r.state, r.attempts, r.due_at, r.reason, r.payload, r.headers, r.published_at
  FROM tenfold.event_retry r JOIN tenfold.consumer c USING (consumer_id) JOIN tenfold.topic t USING (topic_id);
COMMENT ON VIEW tenfold.event_failure IS
  'events that failed (retry: they come again at due_at; dead: see redrive_events() and discard_events()), and those that are parked behind one of their key';

CREATE OR REPLACE VIEW tenfold.relay_status AS
  SELECT r.consumer, r.first_at, r.problem, r.hint, r.problem_at, r.trust FROM tenfold.kafka_relay r;
COMMENT ON VIEW tenfold.relay_status IS
  'the relays to Kafka: since when they have relayed; why one refuses to go on, and how an operator lets it; whom it was told to believe. How far each is: tenfold.outbox_lag';

CREATE OR REPLACE VIEW tenfold.kafka_sink_status AS
  SELECT s.source, s.topic, o.partition, s.handler, o.next_offset, o.moved_at, o.owner, o.epoch,
    (SELECT count(*) FROM tenfold.kafka_dead d WHERE d.source = s.source AND d.topic = s.topic AND d.partition = o.partition) AS dead,
    o.problem
  FROM tenfold.kafka_sink s LEFT JOIN tenfold.kafka_offset o USING (source, topic);
COMMENT ON VIEW tenfold.kafka_sink_status IS
  'the topics of Kafka that are read: each partition''s handler (NULL: a worker''s), the offset of the next message, when it moved last, the process that reads it, its dead letters, and why it is not read on until tenfold.set_kafka_offset()';
