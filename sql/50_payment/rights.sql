REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA payment FROM PUBLIC;

-- Nobody but tenfold_owner has a right on a table. Merchants come over HTTP; workers and operators call functions.
GRANT USAGE ON SCHEMA payment TO tenfold_worker, tenfold_operator;
GRANT EXECUTE ON FUNCTION payment.enqueue_calls(jsonb[]), payment.begin_calls(bigint[], uuid[], int[]), payment.observe(jsonb[]) TO tenfold_worker;
GRANT EXECUTE ON FUNCTION payment.create_merchant(text), payment.add_member(bigint, uuid), payment.remove_member(uuid),
  payment.issue_token(uuid, interval), payment.revoke_token(uuid), payment.balances(bigint), payment.cancel(bigint, uuid, text),
  payment.resolve(uuid, int, boolean, text) TO tenfold_operator;
SELECT tenfold._open_routes('payment');
