REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA payment FROM PUBLIC;

-- Nobody but tenfold_owner has a right on a table. Merchants come over HTTP; workers and operators call functions.
GRANT USAGE ON SCHEMA payment TO tenfold_worker, tenfold_operator;
GRANT EXECUTE ON FUNCTION payment.enqueue_calls(jsonb[]), payment.begin_calls(bigint[], uuid[], int[]), payment.observe(jsonb[]),
  payment.apply_events(int), payment.receive_event(text, jsonb, bytea), payment.add_messages(jsonb[]), payment.take_deliveries(bigint[], uuid[]),
  payment.note_deliveries(jsonb[]) TO tenfold_worker;
GRANT EXECUTE ON FUNCTION payment.create_merchant(text), payment.add_member(bigint, uuid), payment.remove_member(uuid),
  payment.issue_token(uuid, interval), payment.revoke_token(uuid), payment.balances(bigint), payment.cancel(bigint, uuid, text),
  payment.resolve(uuid, int, boolean, text), payment.explain(uuid), payment.audit(interval), payment.reconcile(text, jsonb) TO tenfold_operator;
GRANT SELECT ON payment.payment_status, payment.payment_stuck, payment.provider_health, payment.webhook_status, payment.ledger_check TO tenfold_operator;
-- What views call is called as whoever reads them.
GRANT EXECUTE ON FUNCTION payment._next_step(payment.payment) TO tenfold_operator;
-- Providers and routes are operators' to change: rows of theirs, and nobody's money.
GRANT SELECT, INSERT, UPDATE, DELETE ON payment.capability, payment.route, payment.provider_currency TO tenfold_operator;
GRANT SELECT ON payment.failure_class TO tenfold_operator, tenfold_worker;
SELECT tenfold._open_routes('payment');
