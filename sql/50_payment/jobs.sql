SELECT tenfold._declare_job('payment_expire', 'payment', '* * * * *', 'SELECT payment.expire_payments()',
  'no payment waits for ever to be begun, no authorization is taken for one that still holds', '1 min');
SELECT tenfold._declare_job('payment_requeue', 'payment', '* * * * *', 'SELECT payment.requeue_payments()',
  'each open operation has a job', '1 min');
SELECT tenfold._declare_job('payment_deep_look', 'payment', '13 3 * * *',
  'SELECT payment.look_deep()', 'what an outage left behind ends, too', '30 min');
SELECT tenfold._declare_job('payment_apply_events', 'payment', '* * * * *', 'SELECT payment.apply_events()',
  'webhooks of providers count while no worker runs', '1 min');
SELECT tenfold._declare_job('payment_fold_ledger', 'payment', '*/5 * * * *', 'SELECT payment.fold_ledger()',
  'a balance reads some minutes of transfers', '5 min');
SELECT tenfold._declare_job('payment_audit', 'payment', '47 * * * *', 'SELECT payment.run_audit()',
  'what the ledger and the payments disagree about is known within the hour', '30 min');
SELECT tenfold._declare_job('payment_purge', 'payment', '37 3 * * *', 'SELECT payment.purge()',
  'webhooks are kept for 30 days', '30 min');
