-- What each role may do, and what it may not: every public function and every table, really called and really written.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
SELECT hotel.add_hotel('h', 'FR', 'x', 48, 2, reference => 'h', owner_id => '00000000-0000-0000-0000-000000000001');
SELECT tenfold.create_queue('rights'), tenfold.enqueue('rights', '{}'), tenfold.set_recurring_job('rights', 'rights', '1 hour');

SELECT tenfold.create_provider('p', quota_per_day => 1000);
SELECT tenfold.create_topic('rights'), tenfold.create_consumer('rights', '{rights}');

-- Each deed leaves no trace: it ends in an error of its own, which takes the role back as well.
CREATE FUNCTION pg_temp.state_as(role_name text, sql text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SET LOCAL ROLE %I', role_name);
  EXECUTE sql;
  RAISE EXCEPTION USING ERRCODE = 'ZZZZZ';
EXCEPTION WHEN OTHERS THEN
  RETURN CASE SQLSTATE WHEN 'ZZZZZ' THEN 'ok' ELSE SQLSTATE END;
END $$;

CREATE FUNCTION public.take_rights(topic text, keys text[], payloads jsonb[], headers jsonb[]) RETURNS void LANGUAGE sql AS '';

CREATE SEQUENCE numbers_of_all;
GRANT USAGE ON SEQUENCE numbers_of_all TO PUBLIC;
CREATE TEMP TABLE role (name text, kind text[]);
INSERT INTO role VALUES
  ('tenfold_anonymous', '{all}'), ('tenfold_user', '{all}'), ('tenfold_merchant', '{all}'), ('tenfold_worker', '{all,worker,jobs}'),
  ('tenfold_operator', '{all,operator,jobs}'), ('tenfold_owner', '{all,operator,worker,jobs,owner}');

CREATE TEMP TABLE deed (target text, call text, may text, outcome text DEFAULT 'ok');
INSERT INTO deed VALUES
  ('geo.geohash_encode', $$geo.geohash_encode(1, 2)$$, 'all'),
  ('geo.geohash_decode', $$geo.geohash_decode('te7')$$, 'all'),
  ('geo.geohash_neighbors', $$geo.geohash_neighbors('te7')$$, 'all'),
  ('geo.geohash_cover', $$geo.geohash_cover(1, 2, 10)$$, 'all'),
  ('geo.haversine_m', $$geo.haversine_m(1, 2, 3, 4)$$, 'all'),
  ('geo.geodesic_m', $$geo.geodesic_m(1, 2, 3, 4)$$, 'all'),
  ('hotel.nearby', $$hotel.nearby(48, 2, 10, 1, 1, '{$}', '{wifi}')$$, 'all'),
  ('hotel.nearby_json', $$hotel.nearby_json(48, 2, 10, 1, 1, '{$}', '{wifi}')$$, 'all'),
  ('hotel.within_box', $$hotel.within_box(47, 1, 49, 3, 1, 1, '{$}', '{wifi}')$$, 'all'),
  ('hotel.within_polygon', $$hotel.within_polygon(ST_Buffer('POINT(2 48)'::geography, 10), 1, 1, '{$}', '{wifi}')$$, 'all'),
  ('hotel.amenity_codes', $$hotel.amenity_codes(1)$$, 'all'),
  ('hotel.price_range_of', $$hotel.price_range_of(1, 'EUR')$$, 'all'),
  ('hotel.add_hotel', $$hotel.add_hotel('y', 'FR', 'x', 1, 1, 3, '{wifi}')$$, 'operator'),
  ('hotel.update_hotel', $$hotel.update_hotel((SELECT hotel_id FROM hotel.hotel WHERE reference = 'h'), '{"stars": 3, "amenities": ["wifi"]}')$$, 'operator'),
  ('hotel.remove_hotel', $$hotel.remove_hotel((SELECT hotel_id FROM hotel.hotel WHERE reference = 'h'))$$, 'operator'),
  ('hotel.set_rating', $$hotel.set_rating((SELECT hotel_id FROM hotel.hotel WHERE reference = 'h'), 4.5, 10)$$, 'operator'),
  ('hotel.load_batch', $$hotel.load_batch()$$, 'operator'),
  ('hotel.purge_removed', $$hotel.purge_removed()$$, 'operator'),
  ('hotel.purge_rejected', $$hotel.purge_rejected()$$, 'operator'),
  ('tenfold.currency_digits', $$tenfold.currency_digits('EUR')$$, 'all'),
  ('tenfold.currency_of', $$tenfold.currency_of('FR')$$, 'all'),
  ('tenfold.to_minor', $$tenfold.to_minor(1.5, 'EUR')$$, 'all'),
  ('tenfold.from_minor', $$tenfold.from_minor(150, 'EUR')$$, 'all'),
  ('tenfold.version', $$tenfold.version()$$, 'all'),
  ('tenfold.current_subject', $$tenfold.current_subject()$$, 'all'),
  ('tenfold.bucket_of_key', $$tenfold.bucket_of_key('a')$$, 'all'),
  ('tenfold.bucket_of_key', $$tenfold.bucket_of_key(1)$$, 'all'),
  ('tenfold.bucket_of_key', $$tenfold.bucket_of_key('00000000-0000-0000-0000-000000000001'::uuid)$$, 'all'),
  ('tenfold.bucket_of', $$tenfold.bucket_of(1)$$, 'all'),
  ('tenfold.bucket_of', $$tenfold.bucket_of('017f22e2-79b0-7cc3-98c4-dc0c0c07398f'::uuid)$$, 'all'),
  ('tenfold.uuid_v5', $$tenfold.uuid_v5('00000000-0000-0000-0000-000000000001', 'a')$$, 'all'),
  ('tenfold.uuid_v7', $$tenfold.uuid_v7(1)$$, 'jobs'),
  ('tenfold.next_id', $$tenfold.next_id('numbers_of_all', 1)$$, 'jobs'),
  ('tenfold.cache_clear', $$tenfold.cache_clear('x')$$, 'operator'),
  ('hotel.search_json', $$hotel.search_json('{"country": "FR"}')$$, 'all'),
  ('tenfold.take_permit', $$tenfold.take_permit('default', 'x')$$, 'operator'),
  ('tenfold.create_provider', $$tenfold.create_provider('q')$$, 'operator'),
  ('tenfold.call_permit', $$tenfold.call_permit('p')$$, 'worker'),
  ('tenfold.breaker_acquire', $$tenfold.breaker_acquire('p')$$, 'worker'),
  ('tenfold.breaker_report', $$tenfold.breaker_report('p', 1, 'neutral')$$, 'worker'),
  ('tenfold.quota_reserve', $$tenfold.quota_reserve('p')$$, 'worker'),
  ('tenfold.purge_breaker_events', $$tenfold.purge_breaker_events()$$, 'owner'),
  ('tenfold.purge_quota_days', $$tenfold.purge_quota_days()$$, 'owner'),
  ('tenfold.request_claims', $$tenfold.request_claims()$$, 'all'),
  ('tenfold.caller_role', $$tenfold.caller_role()$$, 'all'),
  ('tenfold.request_header', $$tenfold.request_header('accept')$$, 'owner'),
  ('tenfold.path_value', $$tenfold.path_value('id')$$, 'owner'),
  ('tenfold.respond', $$tenfold.respond(200)$$, 'owner'),
  ('tenfold.openapi', $$tenfold.openapi()$$, 'owner'),
  ('tenfold.nginx_routes', $$tenfold.nginx_routes()$$, 'owner'),
  ('tenfold.register_account', $$tenfold.register_account('a@example.com', 'correct horse')$$, 'owner'),
  ('tenfold.refresh_session', $$tenfold.refresh_session('none')$$, 'owner'),
  ('tenfold.delete_account', $$tenfold.delete_account(NULL)$$, 'owner'),
  ('tenfold.purge_sessions', $$tenfold.purge_sessions()$$, 'owner'),
  ('tenfold.doctor', $$tenfold.doctor()$$, 'operator'),
  ('tenfold.install', $$tenfold.install('hotel')$$, 'owner'),
  ('tenfold.schedule_jobs', $$tenfold.schedule_jobs()$$, 'owner'),
  ('tenfold.note_clock', $$tenfold.note_clock()$$, 'owner'),
  ('tenfold.purge_job_runs', $$tenfold.purge_job_runs()$$, 'owner'),
  ('tenfold.create_queue', $$tenfold.create_queue('other')$$, 'operator'),
  ('tenfold.pause_queue', $$tenfold.pause_queue('rights')$$, 'operator'),
  ('tenfold.enqueue', $$tenfold.enqueue('rights', '{}')$$, 'jobs'),
  ('tenfold.enqueue_many', $$tenfold.enqueue_many('rights', '{"{}"}')$$, 'jobs'),
  ('tenfold.redrive', $$tenfold.redrive('rights')$$, 'operator'),
  ('tenfold.redrive', $$tenfold.redrive('{1}'::bigint[])$$, 'operator'),
  ('tenfold.claim_jobs', $$tenfold.claim_jobs('rights', 'w')$$, 'worker'),
  ('tenfold.heartbeat_jobs', $$tenfold.heartbeat_jobs('{}', '{}')$$, 'worker'),
  ('tenfold.complete_jobs', $$tenfold.complete_jobs('{}', '{}')$$, 'worker'),
  ('tenfold.release_jobs', $$tenfold.release_jobs('{}', '{}')$$, 'worker'),
  ('tenfold.expire_leases', $$tenfold.expire_leases()$$, 'worker'),
  ('tenfold.check_jobs', $$tenfold.check_jobs()$$, 'owner'),
  ('tenfold.purge_jobs', $$tenfold.purge_jobs()$$, 'owner'),
  ('tenfold.audit', $$tenfold.audit('1 hour')$$, 'operator'),
  ('tenfold.audit_events', $$tenfold.audit_events()$$, 'operator'),
  ('tenfold.run_audit', $$tenfold.run_audit()$$, 'owner'),
  ('tenfold.write_off_jobs', $$tenfold.write_off_jobs('{1}')$$, 'operator'),
  ('tenfold.set_recurring_job', $$tenfold.set_recurring_job('r', 'rights', '1 hour')$$, 'operator'),
  ('tenfold.remove_recurring_job', $$tenfold.remove_recurring_job('rights')$$, 'operator'),
  ('tenfold.run_recurring_jobs', $$tenfold.run_recurring_jobs()$$, 'owner'),
  ('tenfold.create_topic', $$tenfold.create_topic('other')$$, 'jobs'),
  ('tenfold.publish', $$tenfold.publish('rights', 'k', '{}')$$, 'worker'),
  ('tenfold.publish_many', $$tenfold.publish_many('rights', '{k}', '{"{}"}')$$, 'worker'),
  ('tenfold.tick', $$tenfold.tick()$$, 'worker'),
  ('tenfold.rotate_events', $$tenfold.rotate_events()$$, 'jobs'),
  ('tenfold.create_consumer', $$tenfold.create_consumer('other', '{rights}')$$, 'jobs'),
  ('tenfold.drop_consumer', $$tenfold.drop_consumer('rights')$$, 'operator'),
  ('tenfold.acquire_consumers', $$tenfold.acquire_consumers('i', '{rights}')$$, 'worker'),
  ('tenfold.release_consumers', $$tenfold.release_consumers('i')$$, 'worker'),
  ('tenfold.next_batch', $$tenfold.next_batch('rights', 0)$$, 'worker'),
  ('tenfold.next_retries', $$tenfold.next_retries('rights', 0)$$, 'worker'),
  ('tenfold.finish_retries', $$tenfold.finish_retries('rights', 0, '{}')$$, 'worker'),
  ('tenfold.redrive_events', $$tenfold.redrive_events('rights')$$, 'operator'),
  ('tenfold.discard_events', $$tenfold.discard_events('rights', '{}')$$, 'operator'),
  ('tenfold.create_kafka_sink', $$tenfold.create_kafka_sink('s', 't', 'public.take_rights')$$, 'owner'),
  ('tenfold.drop_kafka_sink', $$tenfold.drop_kafka_sink('s', 't')$$, 'owner'),
  ('tenfold.claim_kafka_partitions', $$tenfold.claim_kafka_partitions('s', 'i', '{t}', '{0}')$$, 'worker'),
  ('tenfold.refuse_kafka_partition', $$tenfold.refuse_kafka_partition('s', 't', 0, 1, 'made anew')$$, 'worker'),
  ('tenfold.release_kafka_partitions', $$tenfold.release_kafka_partitions('s', 'i')$$, 'worker'),
  ('tenfold.bury_kafka_message', $$tenfold.bury_kafka_message('s', 't', 0, 1, NULL, NULL, '{}', 'x')$$, 'worker'),
  ('tenfold.create_kafka_source', $$tenfold.create_kafka_source('w', '{t}')$$, 'jobs'),
  ('tenfold.redriven_kafka', $$tenfold.redriven_kafka('w', 'i')$$, 'worker'),
  ('tenfold.redrive_kafka', $$tenfold.redrive_kafka('s')$$, 'operator'),
  ('tenfold.relay_state', $$tenfold.relay_state('rights')$$, 'worker'),
  ('tenfold.begin_relay_retries', $$tenfold.begin_relay_retries('rights', 0, 0)$$, 'worker'),
  ('tenfold.note_relay', $$tenfold.note_relay('rights')$$, 'worker'),
  ('tenfold.is_currency', $$tenfold.is_currency('EUR')$$, 'all'),
  ('tenfold.next_state', $$tenfold.next_state('payment', 'pending', 'begin')$$, 'jobs'),
  ('tenfold.print_state_machine', $$tenfold.print_state_machine('payment')$$, 'jobs'),
  ('payment.create_merchant', $$payment.create_merchant('a')$$, 'operator'),
  ('payment.remove_member', $$payment.remove_member('00000000-0000-0000-0000-000000000001')$$, 'operator'),
  ('payment.revoke_token', $$payment.revoke_token('00000000-0000-0000-0000-000000000001')$$, 'operator'),
  ('payment.balances', $$payment.balances(1)$$, 'operator'),
  ('payment.audit', $$payment.audit()$$, 'operator'),
  ('payment.reconcile', $$payment.reconcile('stripe', '[]')$$, 'operator'),
  ('payment.run_audit', $$payment.run_audit()$$, 'owner'),
  ('payment.fold_ledger', $$payment.fold_ledger()$$, 'owner'),
  ('payment.expire_payments', $$payment.expire_payments()$$, 'owner'),
  ('payment.requeue_payments', $$payment.requeue_payments()$$, 'owner'),
  ('payment.look_deep', $$payment.look_deep()$$, 'owner'),
  ('payment.purge', $$payment.purge()$$, 'owner'),
  ('payment.enqueue_calls', $$payment.enqueue_calls('{}')$$, 'worker'),
  ('payment.begin_calls', $$payment.begin_calls('{}', '{}', '{}')$$, 'worker'),
  ('payment.observe', $$payment.observe('{}')$$, 'worker'),
  ('payment.apply_events', $$payment.apply_events()$$, 'worker'),
  ('payment.add_messages', $$payment.add_messages('{}')$$, 'worker'),
  ('payment.take_deliveries', $$payment.take_deliveries('{}', '{}')$$, 'worker'),
  ('payment.note_deliveries', $$payment.note_deliveries('{}')$$, 'worker'),
  ('payment.create', $$payment.create(1, 'rights', '{"amount": 1, "currency": "INR", "customer_id": 7, "payment_method": "card"}')$$, 'owner'),
  ('tenfold.create_roles', $$tenfold.create_roles()$$, 'nobody');
UPDATE deed SET call = 'SELECT * FROM ' || call;
INSERT INTO deed VALUES
  ('hotel.nearby', $$SELECT hotel.nearby(48, 2, 10, current_date, current_date)$$, 'all', '0A000'),
  ('tenfold.raise_http', $$SELECT tenfold.raise_http('23505', 'x')$$, 'owner', '23505'),
  ('tenfold.check_body', $$SELECT tenfold.check_body('[]', 'POST', '/login')$$, 'owner', '22023'),
  ('tenfold.log_in', $$SELECT tenfold.log_in('nobody@example.com', 'x')$$, 'owner', 'TF011'),
  ('tenfold.change_password', $$SELECT tenfold.change_password(NULL, 'x', 'correct horse')$$, 'owner', 'TF011'),
  ('tenfold.grant_role', $$SELECT tenfold.grant_role('nobody@example.com', 'tenfold_merchant')$$, 'operator', 'TF013'),
  ('tenfold.cancel_job', $$SELECT tenfold.cancel_job(-1)$$, 'jobs', 'TF024'),
  ('tenfold.heartbeat_job', $$SELECT tenfold.heartbeat_job(-1, 0)$$, 'worker', 'TF021'),
  ('tenfold.progress_job', $$SELECT tenfold.progress_job(-1, 0, 0.5)$$, 'worker', 'TF021'),
  ('tenfold.fail_job', $$SELECT tenfold.fail_job(-1, 0, 'x')$$, 'worker', 'TF021'),
  ('tenfold.postpone_job', $$SELECT tenfold.postpone_job(-1, 0, '0', 'x')$$, 'worker', 'TF021'),
  ('tenfold.batch_events', $$SELECT tenfold.batch_events('rights', -1, 1)$$, 'worker', 'TF051'),
  ('tenfold.next_relay_batch', $$SELECT tenfold.next_relay_batch('rights', 0, -1, -1)$$, 'worker', 'TF051'),
  ('tenfold.finish_batch', $$SELECT tenfold.finish_batch('rights', -1, 1, 2)$$, 'worker', 'TF050'),
  ('tenfold.fail_event', $$SELECT tenfold.fail_event('rights', 0, -1, 'x')$$, 'worker', 'TF056'),
  ('tenfold.apply_kafka_batch', $$SELECT tenfold.apply_kafka_batch('s', 't', 0, 1, 1, 2)$$, 'worker', 'TF062'),
  ('tenfold.end_kafka_redrive', $$SELECT tenfold.end_kafka_redrive('w', 't', 0, 1, 1)$$, 'worker', 'TF062'),
  ('tenfold.set_kafka_offset', $$SELECT tenfold.set_kafka_offset('s', 't', 0, 1)$$, 'operator', 'TF061'),
  ('tenfold.finish_relay_batch', $$SELECT tenfold.finish_relay_batch('rights', -1, 1, 2, '')$$, 'worker', 'TF050'),
  ('tenfold.finish_relay_retries', $$SELECT tenfold.finish_relay_retries('rights', -1)$$, 'worker', 'TF050'),
  ('tenfold.adopt_kafka_marker', $$SELECT tenfold.adopt_kafka_marker('rights', 'kafka')$$, 'operator', 'TF060'),
  ('payment.add_member', $$SELECT payment.add_member(-1, '00000000-0000-7000-8000-000000000001')$$, 'operator', 'TFP09'),
  ('payment.issue_token', $$SELECT payment.issue_token('00000000-0000-7000-8000-000000000001')$$, 'operator', 'TFP15'),
  ('payment.cancel', $$SELECT payment.cancel(-1, '00000000-0000-7000-8000-000000000001', 'x')$$, 'operator', 'TFP09'),
  ('payment.resolve', $$SELECT payment.resolve('00000000-0000-7000-8000-000000000001', 1, true, 'x')$$, 'operator', 'TFP09'),
  ('payment.explain', $$SELECT payment.explain('00000000-0000-7000-8000-000000000001')$$, 'operator', 'TFP09'),
  ('payment.receive_event', $$SELECT payment.receive_event('nobody', '{}', '')$$, 'worker', 'TF040'),
  ('payment.capture', $$SELECT payment.capture(-1, '00000000-0000-7000-8000-000000000001', 'k')$$, 'owner', 'TFP09'),
  ('payment.void', $$SELECT payment.void(-1, '00000000-0000-7000-8000-000000000001', 'k')$$, 'owner', 'TFP09'),
  ('payment.refund', $$SELECT payment.refund(-1, '00000000-0000-7000-8000-000000000001', 'k')$$, 'owner', 'TFP09'),
  ('payment.create_endpoint', $$SELECT payment.create_endpoint(-1, 'x', '{}')$$, 'owner', 'TFP14'),
  ('payment.rotate_secret', $$SELECT payment.rotate_secret(-1, '00000000-0000-7000-8000-000000000001')$$, 'owner', 'TFP09'),
  ('payment.enable_endpoint', $$SELECT payment.enable_endpoint(-1, '00000000-0000-7000-8000-000000000001')$$, 'owner', 'TFP09'),
  ('payment.delete_endpoint', $$SELECT payment.delete_endpoint(-1, '00000000-0000-7000-8000-000000000001')$$, 'owner', 'TFP09'),
  (NULL, $$DELETE FROM payment.capability WHERE provider = 'nobody'$$, 'operator', 'ok'),
  ('hotel.load_staging', $$CALL hotel.load_staging()$$, 'operator', 'ok'),
  ('tenfold.uninstall', $$SELECT tenfold.uninstall('hotel')$$, 'owner', 'TF005'),
  ('tenfold.install_all', $$CALL tenfold.install_all()$$, 'owner', '2D000');  -- its COMMIT, inside a function

CREATE TEMP TABLE relation (name text, read_by text, written_by text);
INSERT INTO relation VALUES
  ('tenfold.kafka_relay', 'owner', 'owner'), ('tenfold.kafka_sink', 'jobs', 'owner'), ('tenfold.kafka_offset', 'operator', 'owner'),
  ('tenfold.kafka_instance', 'owner', 'owner'), ('tenfold.kafka_dead', 'operator', 'owner'),
  ('tenfold.relay_status', 'operator', NULL), ('tenfold.kafka_sink_status', 'operator', NULL),
  ('payment.merchant', 'owner', 'owner'), ('payment.merchant_member', 'owner', 'owner'), ('payment.request', 'owner',
  'owner'), ('payment.payment', 'owner', 'owner'), ('payment.operation', 'owner', 'owner'), ('payment.attempt',
  'owner', 'owner'), ('payment.observation', 'owner', 'owner'), ('payment.transfer', 'owner', 'owner'),
  ('payment.balance', 'owner', 'owner'), ('payment.fold_mark', 'owner', 'owner'), ('payment.audit_result', 'owner',
  'owner'), ('payment.provider_event', 'owner', 'owner'), ('payment.provider_event_due', 'owner', 'owner'),
  ('payment.provider_object', 'owner', 'owner'), ('payment.webhook_endpoint', 'owner', 'owner'),
  ('payment.webhook_message', 'owner', 'owner'), ('payment.webhook_delivery', 'owner', 'owner'),
  ('payment.failure_class', 'jobs', 'owner'), ('payment.capability', 'operator', NULL), ('payment.route', 'operator', 'operator'), ('payment.provider_currency', 'operator', 'operator'),
  ('payment.payment_status', 'operator', NULL), ('payment.payment_stuck', 'operator', NULL), ('payment.provider_health', 'operator', NULL), ('payment.webhook_status', 'operator', NULL),
  ('payment.ledger_check', 'operator', NULL), ('tenfold.state_machine', 'jobs', 'owner'),
  ('hotel.amenity', 'all', 'operator'), ('hotel.hotel', 'all', 'operator'), ('hotel.price_band', 'all', 'operator'),
  ('hotel.staging', 'operator', 'operator'), ('hotel.staging_rejected', 'operator', 'operator'),
  ('hotel.details', 'all', NULL), ('hotel.staging_check', 'operator', NULL),
  ('tenfold.migration', 'operator', 'owner'), ('tenfold.module', 'operator', 'owner'), ('tenfold.scheduled_job', 'operator', 'owner'),
  ('tenfold.module_source', 'all', 'nobody'), ('tenfold.migration_source', 'all', 'nobody'),
  ('tenfold.route', 'all', 'owner'), ('tenfold.api_schema', 'all', 'owner'),
  ('tenfold.account', 'owner', 'owner'), ('tenfold.account_password', 'owner', 'owner'), ('tenfold.clock', 'operator', 'owner'), ('tenfold.session', 'owner', 'owner'), ('tenfold.refresh_token', 'owner', 'owner'),
  ('tenfold.account_status', 'operator', NULL), ('tenfold.rate_class', 'operator', 'operator'), ('tenfold.stat_limiter', 'operator', NULL), ('tenfold.stat_cache', 'operator', NULL),
  ('tenfold.queue', 'jobs', 'owner'), ('tenfold.job', 'operator', 'owner'), ('tenfold.job_parked', 'operator', 'owner'),
  ('tenfold.job_running', 'operator', 'owner'), ('tenfold.job_done', 'operator', 'owner'), ('tenfold.job_dead', 'operator', 'owner'),
  ('tenfold.job_key', 'operator', 'owner'), ('tenfold.job_mark', 'operator', 'owner'),
  ('tenfold.recurring_job', 'operator', 'owner'), ('tenfold.recurring_run', 'operator', 'owner'),
  ('tenfold.job_entry', 'operator', 'owner'), ('tenfold.audit_result', 'operator', 'owner'), ('tenfold.bad_row', 'operator', 'owner'), ('tenfold.declared_metric', 'operator', 'owner'), ('tenfold.metric', 'operator', NULL),
  ('tenfold.queue_stats', 'jobs', NULL), ('tenfold.job_status', 'jobs', NULL),
  ('tenfold.provider', 'operator', 'operator'), ('tenfold.breaker_event', 'operator', 'owner'), ('tenfold.quota_day', 'operator', 'owner'),
  ('tenfold.breaker_status', 'operator', NULL), ('tenfold.quota_status', 'operator', NULL),
  ('tenfold.topic', 'jobs', 'owner'), ('tenfold.outbox_lag', 'jobs', NULL), ('tenfold.event_failure', 'operator', NULL),
  ('tenfold.event', 'operator', 'owner'), ('tenfold.tick', 'operator', 'owner'), ('tenfold.event_state', 'operator', 'owner'),
  ('tenfold.consumer', 'jobs', 'owner'), ('tenfold.consumer_instance', 'operator', 'owner'),
  ('tenfold.consumer_position', 'operator', 'owner'), ('tenfold.event_retry', 'operator', 'owner'),
  ('tenfold.error_code', 'all', NULL), ('tenfold.installed', 'operator', NULL), ('tenfold.scheduled_job_status', 'operator', NULL);
INSERT INTO deed
  SELECT NULL, 'SELECT * FROM ' || name, read_by FROM relation UNION ALL
  SELECT NULL, 'DELETE FROM ' || name, written_by FROM relation WHERE written_by IS NOT NULL;

SELECT is(pg_temp.state_as(r.name, d.call), CASE WHEN d.may = ANY (r.kind) THEN d.outcome ELSE '42501' END, r.name || ': ' || d.call)
FROM deed d CROSS JOIN role r;

SELECT is_empty($$
  SELECT n.nspname || '.' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname IN (SELECT schema_name FROM tenfold.module_source) AND p.proname !~ '^_'
  EXCEPT ALL SELECT target FROM deed$$, 'every public function is among them');
SELECT is_empty($$
  SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname IN (SELECT schema_name FROM tenfold.module_source) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  EXCEPT SELECT name FROM relation$$, 'every table and view, too');

-- A superuser scheduled the jobs; pg_cron would show them to nobody else.
SET LOCAL ROLE tenfold_operator;
SELECT bag_eq('SELECT name FROM tenfold.scheduled_job_status WHERE scheduled', 'SELECT name FROM tenfold.scheduled_job', 'an operator sees that every job is scheduled');
SELECT throws_ok('SELECT * FROM cron.job', '42501', NULL, 'and nothing else of pg_cron');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
