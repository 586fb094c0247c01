-- EXECUTE by name only. Members of the extension were closed by its script.
REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA tenfold FROM PUBLIC;

GRANT USAGE ON SCHEMA tenfold TO tenfold_anonymous, tenfold_worker;
GRANT EXECUTE ON FUNCTION tenfold.version(), tenfold.current_subject(), tenfold.request_claims(), tenfold.caller_role()
  TO tenfold_anonymous, tenfold_worker;
-- Whoever reads an id may ask where its row lies; who makes rows makes ids.
GRANT EXECUTE ON FUNCTION
  tenfold.bucket_of_key(text), tenfold.bucket_of_key(bigint), tenfold.bucket_of_key(uuid), tenfold._bucket_of_key(text),
  tenfold.bucket_of(bigint), tenfold._bucket_of_id(bigint), tenfold.bucket_of(uuid), tenfold._bucket_of_uuid(uuid),
  tenfold.uuid_v5(uuid, text), tenfold._uuid_v5(uuid, text)
TO tenfold_anonymous, tenfold_worker;
GRANT EXECUTE ON FUNCTION
  tenfold.next_id(regclass, int), tenfold._next_id(regclass, int), tenfold.uuid_v7(int), tenfold._uuid_v7(int)
TO tenfold_worker, tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold.currency_digits(text), tenfold.currency_of(text), tenfold.to_minor(numeric, text),
  tenfold.from_minor(bigint, text), tenfold.is_currency(text) TO tenfold_anonymous, tenfold_worker;
GRANT EXECUTE ON FUNCTION tenfold.next_state(text, text, text) TO tenfold_worker, tenfold_operator;
GRANT SELECT ON tenfold.state_machine TO tenfold_worker, tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold.print_state_machine(text, text) TO tenfold_worker, tenfold_operator;
GRANT SELECT ON tenfold.error_code TO tenfold_anonymous, tenfold_worker;
GRANT EXECUTE ON FUNCTION tenfold._error_codes(), tenfold._with_next_link(json), tenfold._json_texts(jsonb, text, int),
  tenfold._in_range(text, anycompatible, anycompatible, anycompatible), tenfold._checked_keep(interval) TO tenfold_anonymous, tenfold_worker;
GRANT SELECT ON tenfold.bad_row, tenfold.installed, tenfold.module, tenfold.migration, tenfold.scheduled_job, tenfold.clock, tenfold.scheduled_job_status TO tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold._job_runs(), tenfold.doctor(), tenfold._doctor_server(), tenfold._doctor_extensions(),
  tenfold._doctor_versions(), tenfold._doctor_asks(text), tenfold._cron_database(), tenfold._doctor_jobs(), tenfold._wrong_jobs(), tenfold._doctor_rows(), tenfold._recent_bad_rows(), tenfold._preloaded(), tenfold._role_names() TO tenfold_operator;
GRANT SELECT ON tenfold.account_status, tenfold.stat_limiter, tenfold.stat_cache TO tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold._limiter_counts(), tenfold._cache_counts(), tenfold._cache_touch(text[]), tenfold.cache_clear(text), tenfold.take_permit(text, text, int) TO tenfold_operator;
GRANT SELECT, INSERT, UPDATE, DELETE ON tenfold.rate_class TO tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold._relation_changed(bigint) TO tenfold_operator;
GRANT SELECT, INSERT, UPDATE, DELETE ON tenfold.provider TO tenfold_operator;
GRANT SELECT ON tenfold.breaker_status, tenfold.quota_status, tenfold.breaker_event, tenfold.quota_day TO tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold.create_provider(text, int, text, numeric, int), tenfold._breaker_status(text), tenfold._quota_left(text, date),
  tenfold._provider_day(text, timestamptz), tenfold._known_zone(text, text, text), tenfold._until_next_day(text, timestamptz) TO tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold.call_permit(text), tenfold.breaker_acquire(text), tenfold.breaker_report(text, bigint, text, interval),
  tenfold.quota_reserve(text, int) TO tenfold_worker;
GRANT EXECUTE ON FUNCTION tenfold.grant_role(text, text) TO tenfold_operator;

-- Jobs: who works takes leases, who operates sees and mends; neither writes the tables.
GRANT EXECUTE ON FUNCTION
  tenfold.enqueue(text, jsonb, int, timestamptz, text, text, int), tenfold.enqueue_many(text, jsonb[], int, timestamptz, text[], text[], int),
  tenfold.cancel_job(bigint)
TO tenfold_worker, tenfold_operator;
GRANT EXECUTE ON FUNCTION
  tenfold.claim_jobs(text, text, int), tenfold.heartbeat_jobs(bigint[], bigint[], boolean), tenfold.heartbeat_job(bigint, bigint),
  tenfold.progress_job(bigint, bigint, double precision, text), tenfold.complete_jobs(bigint[], bigint[], jsonb[], boolean),
  tenfold.fail_job(bigint, bigint, text, boolean), tenfold.release_jobs(bigint[], bigint[]),
  tenfold.postpone_job(bigint, bigint, interval, text), tenfold.expire_leases(int)
TO tenfold_worker;
GRANT EXECUTE ON FUNCTION
  tenfold.create_queue(text, int, interval, interval, interval, interval, boolean, int, int, interval), tenfold.pause_queue(text, boolean),
  tenfold.redrive(bigint[]), tenfold.redrive(text, int), tenfold.remove_recurring_job(text),
  tenfold.set_recurring_job(text, text, text, jsonb, int, text, text, boolean)
TO tenfold_operator;
GRANT SELECT ON tenfold.queue, tenfold.queue_stats, tenfold.job_status TO tenfold_worker, tenfold_operator;
GRANT SELECT ON tenfold.job, tenfold.job_parked, tenfold.job_running, tenfold.job_done, tenfold.job_dead, tenfold.job_key, tenfold.job_mark,
  tenfold.recurring_job, tenfold.recurring_run TO tenfold_operator;
GRANT SELECT ON tenfold.job_entry, tenfold.audit_result, tenfold.metric, tenfold.declared_metric TO tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold.audit(interval), tenfold.write_off_jobs(bigint[]), tenfold.audit_events(), tenfold._collect_metrics() TO tenfold_operator;

-- Events: who works publishes and consumes; who operates sees, makes topics and consumers, and mends.
GRANT EXECUTE ON FUNCTION
  tenfold.publish(text, text, jsonb, jsonb), tenfold._publish(text, text, jsonb, jsonb), tenfold._publish_checked(text, text, jsonb, jsonb),
  tenfold.publish_many(text, text[], jsonb[], jsonb[]), tenfold.tick(),
  tenfold.acquire_consumers(text, text[], interval), tenfold.release_consumers(text),
  tenfold.next_batch(text, bigint, int), tenfold.batch_events(text, bigint, bigint, bigint, bigint),
  tenfold.finish_batch(text, bigint, bigint, bigint, bigint, bigint),
  tenfold.fail_event(text, bigint, bigint, text, boolean), tenfold.next_retries(text, bigint, int, bigint), tenfold.finish_retries(text, bigint, bigint[])
TO tenfold_worker;
GRANT EXECUTE ON FUNCTION
  tenfold.create_topic(text, int, jsonb, int), tenfold.create_consumer(text, text[], text, int, text, interval, interval), tenfold.rotate_events()
TO tenfold_worker, tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold.drop_consumer(text), tenfold.redrive_events(text, bigint[]), tenfold.discard_events(text, bigint[]) TO tenfold_operator;
GRANT SELECT ON tenfold.topic, tenfold.consumer, tenfold.outbox_lag TO tenfold_worker, tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold._consumer_lag() TO tenfold_worker, tenfold_operator;
GRANT SELECT ON tenfold.event, tenfold.tick, tenfold.event_state, tenfold.consumer_instance, tenfold.consumer_position, tenfold.event_retry,
  tenfold.event_failure TO tenfold_operator;

-- Kafka: workers move offsets and markers; which function gets a topic's messages is the owner's to say, since it runs as the owner.
GRANT EXECUTE ON FUNCTION
  tenfold.relay_state(text, bigint), tenfold.next_relay_batch(text, bigint, bigint, bigint, int), tenfold.finish_relay_batch(text, bigint, bigint, bigint, text),
  tenfold.begin_relay_retries(text, bigint, bigint, int, bigint), tenfold.finish_relay_retries(text, bigint), tenfold.note_relay(text, text, text, bigint),
  tenfold.claim_kafka_partitions(text, text, text[], int[], interval), tenfold.release_kafka_partitions(text, text),
  tenfold.apply_kafka_batch(text, text, int, bigint, bigint, bigint, bigint[], text[], text[], text[], bigint),
  tenfold.refuse_kafka_partition(text, text, int, bigint, text),
  tenfold.bury_kafka_message(text, text, int, bigint, bytea, bytea, jsonb, text, int),
  tenfold.redriven_kafka(text, text, int), tenfold.end_kafka_redrive(text, text, int, bigint, bigint, text, int)
TO tenfold_worker;
GRANT EXECUTE ON FUNCTION tenfold.create_kafka_source(text, text[], text) TO tenfold_worker, tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold.adopt_kafka_marker(text, text), tenfold.redrive_kafka(text, text, int), tenfold.set_kafka_offset(text, text, int, bigint) TO tenfold_operator;
GRANT SELECT ON tenfold.kafka_sink TO tenfold_worker, tenfold_operator;
GRANT SELECT ON tenfold.relay_status, tenfold.kafka_sink_status, tenfold.kafka_offset, tenfold.kafka_dead TO tenfold_operator;

-- The front door logs in as tenfold_authenticator, reads the routes, and becomes the role of each request's token.
GRANT USAGE ON SCHEMA tenfold TO tenfold_authenticator;
GRANT SELECT ON tenfold.route, tenfold.api_schema TO tenfold_authenticator, tenfold_anonymous, tenfold_worker;
GRANT USAGE ON SCHEMA tenfold_api TO tenfold_authenticator, tenfold_anonymous, tenfold_worker;
GRANT EXECUTE ON FUNCTION tenfold_api.pre_request() TO tenfold_anonymous, tenfold_worker;
SELECT tenfold._open_routes('kernel');
