-- Metrics: functions that give samples, and a row for each name that says what it means. A module adds its own by
-- _forget_metrics() and _declare_metric(), as this one does at the end.

CREATE OR REPLACE FUNCTION tenfold._forget_metrics(module text) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  DELETE FROM tenfold.declared_metric m WHERE m.module = _forget_metrics.module;
END;
COMMENT ON FUNCTION tenfold._forget_metrics IS 'a module calls it before it declares its metrics anew';

CREATE OR REPLACE FUNCTION tenfold._declare_metric(module text, source text, name text, kind text, help text) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  INSERT INTO tenfold.declared_metric (name, module, source, kind, help) VALUES (name, module, source, kind, help);
END;
COMMENT ON FUNCTION tenfold._declare_metric IS 'what a module says of each name that a function of its samples gives';

CREATE OR REPLACE FUNCTION tenfold._samples(numbers jsonb, labels jsonb DEFAULT '{}', OUT name text, OUT labels jsonb, OUT value double precision)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT n.key AS name, $2 AS labels, n.value::double precision AS value FROM jsonb_each_text(numbers) n WHERE n.value IS NOT NULL;
END;
COMMENT ON FUNCTION tenfold._samples IS 'an object of names and numbers as samples with these labels; without those that are null';

-- SECURITY DEFINER: operators see the numbers, and none of the tables behind them. A source that fails is left out, and
-- told of: it must not hide the others.
CREATE OR REPLACE FUNCTION tenfold._collect_metrics(OUT name text, OUT labels jsonb, OUT value double precision) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  source text;
  up int;
BEGIN
  FOR source IN SELECT DISTINCT m.source FROM tenfold.declared_metric m ORDER BY 1 LOOP
    BEGIN
      RETURN QUERY EXECUTE format('SELECT s.name, s.labels, s.value FROM %s s', source::regprocedure);
      up := 1;
    EXCEPTION WHEN OTHERS THEN
      PERFORM tenfold._note_bad_row('metric', source, SQLSTATE, SQLERRM);
      up := 0;
    END;
    RETURN QUERY SELECT 'tenfold_metric_source_up', jsonb_build_object('source', source), up::double precision;
  END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold._collect_metrics FROM PUBLIC;
COMMENT ON FUNCTION tenfold._collect_metrics IS 'what all sources of tenfold.declared_metric give now';

-- Plpgsql, because it reads a view that is made later.
CREATE OR REPLACE FUNCTION tenfold._metrics_text() RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN coalesce((SELECT string_agg(format(E'# HELP %1$s %2$s\n# TYPE %1$s %3$s\n%4$s', f.name, replace(replace(f.help, E'\\', E'\\\\'), E'\n', E'\\n'), f.kind, f.samples), '' ORDER BY f.name)
    FROM (SELECT m.name, m.kind, m.help, string_agg(format(E'%s%s %s\n', m.name, tenfold._metric_labels(m.labels),
            CASE m.value WHEN 'Infinity' THEN '+Inf' WHEN '-Infinity' THEN '-Inf' ELSE m.value::text END), '' ORDER BY m.labels) AS samples
          FROM tenfold.metric m GROUP BY m.name, m.kind, m.help) f), '');
END
$$;
COMMENT ON FUNCTION tenfold._metrics_text IS 'tenfold.metric in Prometheus'' text format, 0.0.4';

CREATE OR REPLACE FUNCTION tenfold._metric_labels(labels jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT coalesce('{' || string_agg(format('%s="%s"', l.key, replace(replace(replace(l.value, E'\\', E'\\\\'), '"', E'\\"'), E'\n', E'\\n')), ',' ORDER BY l.key) || '}', '')
  FROM jsonb_each_text(labels) l;
END;
COMMENT ON FUNCTION tenfold._metric_labels IS 'labels as Prometheus'' text format wants them: backslash, quote and line feed escaped';

-- A count that may be asked for every few seconds.
CREATE OR REPLACE FUNCTION tenfold._row_estimate(relation regclass) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  rows bigint := (SELECT c.reltuples FROM pg_class c WHERE c.oid = relation);
BEGIN
  IF rows < 0 OR pg_relation_size(relation) < 1 << 20 THEN  -- never analyzed, or small
    EXECUTE format('SELECT count(*) FROM %s', relation) INTO rows;
  END IF;
  RETURN rows;
END
$$;
COMMENT ON FUNCTION tenfold._row_estimate IS 'how many rows a table has: counted below a megabyte, else by the last ANALYZE or VACUUM';

-- The sources of the kernel.

CREATE OR REPLACE FUNCTION tenfold._limiter_metrics(OUT name text, OUT labels jsonb, OUT value double precision) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF tenfold._preloaded() THEN
    RETURN QUERY SELECT s.* FROM tenfold._limiter_counts() c CROSS JOIN LATERAL tenfold._samples(jsonb_build_object(
      'tenfold_limiter_allowed_total', c.allowed, 'tenfold_limiter_refused_total', c.refused, 'tenfold_limiter_evicted_total', c.evicted,
      'tenfold_limiter_buckets', c.buckets, 'tenfold_limiter_buckets_in_use', c.in_use)) s;
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._limiter_metrics IS 'the metrics of the rate limiter; none without preload';

CREATE OR REPLACE FUNCTION tenfold._cache_metrics(OUT name text, OUT labels jsonb, OUT value double precision) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF tenfold._preloaded() THEN
    RETURN QUERY SELECT s.* FROM tenfold._cache_counts() c CROSS JOIN LATERAL tenfold._samples(jsonb_build_object(
      'tenfold_cache_hits_total', c.hits, 'tenfold_cache_misses_total', c.misses, 'tenfold_cache_bypassed_total', c.bypassed,
      'tenfold_cache_refused_total', c.refused, 'tenfold_cache_evicted_total', c.evicted,
      'tenfold_cache_entries', c.entries, 'tenfold_cache_used_bytes', c.used_bytes, 'tenfold_cache_size_bytes', c.bytes)) s;
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._cache_metrics IS 'the metrics of the cache; none without preload';

CREATE OR REPLACE FUNCTION tenfold._queue_metrics(OUT name text, OUT labels jsonb, OUT value double precision) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  q record;
  queue jsonb;
BEGIN
  -- all or none: numbers that are there already
  FOR q IN SELECT * FROM tenfold.queue_stats LOOP
    queue := jsonb_build_object('queue', q.queue);
    RETURN QUERY SELECT 'tenfold_queue_jobs', queue || jsonb_build_object('state', s.state), s.jobs::double precision
      FROM (VALUES ('waiting', q.waiting), ('delayed', q.delayed), ('parked', q.parked), ('running', q.running), ('dead', q.dead)) AS s(state, jobs);
    RETURN QUERY SELECT 'tenfold_queue_ended_jobs', queue || jsonb_build_object('outcome', s.outcome), s.jobs::double precision
      FROM (VALUES ('done', q.done), ('cancelled', q.cancelled)) AS s(outcome, jobs);
    RETURN QUERY SELECT * FROM tenfold._samples(jsonb_build_object(
      'tenfold_queue_expired_leases', q.expired, 'tenfold_queue_paused', q.paused::int,
      'tenfold_queue_oldest_wait_seconds', coalesce(extract(epoch FROM q.oldest_wait), 0)), queue);
  END LOOP;
END
$$;
COMMENT ON FUNCTION tenfold._queue_metrics IS 'the metrics of the queues';

CREATE OR REPLACE FUNCTION tenfold._audit_metrics(OUT name text, OUT labels jsonb, OUT value double precision) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY SELECT s.* FROM tenfold.queue q
    CROSS JOIN LATERAL (SELECT * FROM tenfold.audit_result r WHERE r.queue = q.name ORDER BY r.audited_at DESC LIMIT 1) a
    CROSS JOIN LATERAL tenfold._samples(jsonb_build_object(
      'tenfold_audit_difference_jobs', a.difference,
      'tenfold_audit_age_seconds', extract(epoch FROM clock_timestamp() - a.audited_at)), jsonb_build_object('queue', q.name)) s;
END
$$;
COMMENT ON FUNCTION tenfold._audit_metrics IS 'what the last audit of each queue said, and how old it is';

CREATE OR REPLACE FUNCTION tenfold._kafka_metrics(OUT name text, OUT labels jsonb, OUT value double precision) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY SELECT 'tenfold_relay_refused', jsonb_build_object('consumer', r.consumer), (r.problem IS NOT NULL)::int::double precision FROM tenfold.kafka_relay r;
  RETURN QUERY SELECT 'tenfold_kafka_dead_messages', jsonb_build_object('source', s.source, 'topic', s.topic), coalesce(sum(s.dead), 0)::double precision
    FROM tenfold.kafka_sink_status s GROUP BY s.source, s.topic;
  RETURN QUERY SELECT 'tenfold_kafka_refused_partitions', jsonb_build_object('source', s.source, 'topic', s.topic), count(o.problem)::double precision
    FROM tenfold.kafka_sink s LEFT JOIN tenfold.kafka_offset o USING (source, topic) GROUP BY s.source, s.topic;
END
$$;
COMMENT ON FUNCTION tenfold._kafka_metrics IS 'the metrics of what goes to Kafka and comes from it; none where nothing does';

CREATE OR REPLACE FUNCTION tenfold._schedule_metrics(OUT name text, OUT labels jsonb, OUT value double precision) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY SELECT s.* FROM tenfold.scheduled_job_status j CROSS JOIN LATERAL tenfold._samples(jsonb_build_object(
    'tenfold_scheduled_job_scheduled', j.scheduled::int, 'tenfold_scheduled_job_failed', (j.last_status IS NOT DISTINCT FROM 'failed')::int,
    'tenfold_scheduled_job_last_run_age_seconds', extract(epoch FROM clock_timestamp() - j.last_started_at)), jsonb_build_object('scheduled_job', j.name)) s;  -- job is Prometheus' own label
END
$$;
COMMENT ON FUNCTION tenfold._schedule_metrics IS 'the metrics of the jobs that pg_cron runs';

CREATE OR REPLACE FUNCTION tenfold._database_metrics(OUT name text, OUT labels jsonb, OUT value double precision) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY SELECT 'tenfold_info', jsonb_build_object('version', tenfold.version()), 1::double precision;
  RETURN QUERY SELECT * FROM tenfold._samples(jsonb_build_object('tenfold_database_bytes', pg_database_size(current_database()),
    'tenfold_accounts', tenfold._row_estimate('tenfold.account'), 'tenfold_sessions', tenfold._row_estimate('tenfold.session')));
  -- Without this right the sessions of others have no xmin, and all would look well.
  IF pg_has_role('pg_read_all_stats', 'USAGE') THEN
    RETURN QUERY SELECT * FROM tenfold._held_snapshots();
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._database_metrics IS 'the metrics of the database as a whole';

-- A vacuum holds a snapshot that hinders no other.
CREATE OR REPLACE FUNCTION tenfold._held_snapshots(OUT name text, OUT labels jsonb, OUT value double precision) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT s.* FROM (
    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - h.since)), 0) AS seconds, coalesce(max(age(h.xmin)), 0) AS transactions
    FROM (SELECT a.backend_xmin AS xmin, a.xact_start AS since FROM pg_stat_activity a
          WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type <> 'autovacuum worker' AND a.backend_xmin IS NOT NULL
          UNION ALL SELECT r.xmin, NULL FROM pg_replication_slots r WHERE r.xmin IS NOT NULL
          UNION ALL SELECT p.transaction, p.prepared FROM pg_prepared_xacts p WHERE p.database = current_database()) h) oldest
  CROSS JOIN LATERAL tenfold._samples(jsonb_build_object(
    'tenfold_oldest_snapshot_seconds', oldest.seconds, 'tenfold_oldest_snapshot_transactions', oldest.transactions)) s
$$;
COMMENT ON FUNCTION tenfold._held_snapshots IS 'how old the oldest snapshot is that keeps dead rows from being removed: of a session, a replication slot or a prepared transaction';

SELECT tenfold._forget_metrics('kernel');
SELECT tenfold._declare_metric('kernel', 'tenfold._' || source || '_metrics()', 'tenfold_' || name, CASE WHEN name LIKE E'%\\_total' THEN 'counter' ELSE 'gauge' END, help)
FROM (VALUES
  ('limiter', 'limiter_allowed_total', 'requests that the rate limiter let through'),
  ('limiter', 'limiter_refused_total', 'requests that it refused'),
  ('limiter', 'limiter_evicted_total', 'buckets taken from a client because their set was full; then raise tenfold.limiter_buckets'),
  ('limiter', 'limiter_buckets', 'buckets there are'),
  ('limiter', 'limiter_buckets_in_use', 'buckets that some client has'),
  ('cache', 'cache_hits_total', 'answers from the cache'),
  ('cache', 'cache_misses_total', 'answers that were computed'),
  ('cache', 'cache_bypassed_total', 'answers that could not be cached: standby, REPEATABLE READ, a transaction that has written'),
  ('cache', 'cache_refused_total', 'answers larger than tenfold.cache_max_value'),
  ('cache', 'cache_evicted_total', 'answers that had to make room before their time; then raise tenfold.cache_size'),
  ('cache', 'cache_entries', 'answers that are kept'),
  ('cache', 'cache_used_bytes', 'bytes that they take'),
  ('cache', 'cache_size_bytes', 'bytes there are'),
  ('queue', 'queue_jobs', 'jobs of a queue by state: waiting, delayed, parked, running, dead'),
  ('queue', 'queue_ended_jobs', 'jobs that ended in the last five minutes, by outcome: done, cancelled'),
  ('queue', 'queue_expired_leases', 'running jobs whose worker fell silent'),
  ('queue', 'queue_paused', '1: no job of this queue is claimed'),
  ('queue', 'queue_oldest_wait_seconds', 'how long the oldest job that is due has waited'),
  ('audit', 'audit_difference_jobs', 'jobs that the last audit did not find, or found twice'),
  ('audit', 'audit_age_seconds', 'since the last audit of a queue'),
  ('event', 'consumer_behind_events', 'committed events that a consumer has not finished; exact below 10000, else by the ids given out'),
  ('event', 'consumer_behind_seconds', 'age of the oldest of these'),
  ('event', 'consumer_partitions_kept', 'partitions of the log that are kept for a consumer'),
  ('event', 'consumer_failed_events', 'events that a consumer could not handle, by state: retry, parked behind one of their key, dead'),
  ('event', 'consumer_audit_failed', '1: the log has lost what a consumer has not read, or it stands in another log; tenfold.audit_events() says what'),
  ('event', 'event_ids_total', 'event ids given out, those that were rolled back included'),
  ('event', 'event_tick_age_seconds', 'since the newest tick, while events wait for the next one'),
  ('event', 'event_slots_empty', 'empty partitions of the log; with none left, the current one grows'),
  ('event', 'event_log_bytes', 'size of the log: events, ticks, positions, their indexes'),
  ('kafka', 'relay_refused', '1: a relay refuses to go on; tenfold.relay_status says why'),
  ('kafka', 'kafka_dead_messages', 'messages of Kafka that could not be applied, of a topic'),
  ('kafka', 'kafka_refused_partitions', 'partitions of a topic of Kafka that are not read on until tenfold.set_kafka_offset()'),
  ('bad_row', 'bad_rows', 'rows that tasks passed over within the last hour; tenfold.bad_row names them'),
  ('schedule', 'scheduled_job_scheduled', '1: pg_cron knows the job'),
  ('schedule', 'scheduled_job_failed', '1: its last run failed'),
  ('schedule', 'scheduled_job_last_run_age_seconds', 'since its last run began'),
  ('database', 'info', 'always 1; the label says the version of the library'),
  ('database', 'database_bytes', 'size of the database'),
  ('database', 'accounts', 'accounts, deleted ones included; an estimate when they are many'),
  ('database', 'sessions', 'sessions that are kept, a week beyond their end; an estimate when they are many'),
  ('database', 'oldest_snapshot_seconds', 'age of the oldest transaction whose snapshot keeps dead rows from being removed'),
  ('database', 'oldest_snapshot_transactions', 'the same in transactions, replication slots included'),
  ('database', 'metric_source_up', '0: this source of metrics failed; the server''s log says why')) AS declared(source, name, help);
