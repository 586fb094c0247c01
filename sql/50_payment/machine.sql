-- Where payments, their operations and deliveries may go. What is no row here is only stored.
SELECT tenfold._forget_state_machines('payment');

SELECT tenfold._declare_moves('payment', 'payment', m.froms, m.event, m.ends_in, m.actor, m.effects) FROM (VALUES
  ('{[*]}'::text[], 'create', 'pending', 'merchant', 'request, pending transfer, payment.initiated'),
  ('{pending}', 'begin', 'processing', 'worker', 'attempt'),
  ('{pending}', 'expire', 'failed', 'pg_cron', 'void transfer'),
  ('{processing,unknown}', 'action', 'requires_action', 'reply, query, event', 'next_action, expires_at'),
  ('{requires_action}', 'absent', 'failed', 'worker', 'void transfer'),
  ('{processing}', 'not_executed', 'processing', 'worker', 'job payment_call, with a new key only for another provider'),
  ('{unknown}', 'not_executed', 'unknown', 'worker', 'job payment_call'),
  ('{processing,unknown}', 'gave_up', 'failed', 'worker', 'void transfer'),
  ('{processing,unknown,requires_action}', 'declined', 'failed', 'reply, query, event', 'void transfer'),
  ('{processing}', 'ambiguous', 'unknown', 'worker', 'exposed, job payment_query'),
  ('{unknown}', 'ambiguous', 'unknown', 'worker', 'job payment_query'),
  ('{processing}', 'not_found', 'processing', 'worker', 'job payment_call or payment_query'),
  ('{unknown}', 'not_found', 'unknown', 'worker', 'the same key again, or job payment_query'),
  ('{processing}', 'working', 'processing', 'reply, query, event', 'job payment_query'),
  ('{unknown}', 'working', 'unknown', 'reply, query, event', 'job payment_query'),
  ('{requires_action}', 'approved', 'requires_action', 'query, event', 'job payment_call'),
  ('{processing}', 'approved', 'processing', 'query, event', 'job payment_call'),
  ('{unknown}', 'approved', 'unknown', 'query, event', 'job payment_call'),
  ('{processing,unknown,requires_action}', 'voided', 'failed', 'reply, query, event', 'void transfer'),
  ('{processing,unknown}', 'absent', 'failed', 'worker', 'void transfer'),
  ('{processing,unknown,requires_action,failed}', 'authorized', 'authorized', 'reply, query, event', 'held_minor; after failed a new pending transfer'),
  ('{processing,unknown,requires_action,failed,authorized}', 'captured', 'success', 'reply, query, event', 'post transfer; after failed a direct one and payment.late_success'),
  ('{authorized}', 'voided', 'canceled', 'worker', 'void transfer'),
  ('{authorized}', 'lapsed', 'canceled', 'pg_cron', 'void transfer'),
  ('{pending,processing,unknown,requires_action}', 'cancel', 'canceled', 'merchant', 'void transfer; exposed if anything was sent'),
  ('{canceled}', 'authorized', 'canceled', 'reply, query, event', 'operation void'),
  ('{canceled}', 'captured', 'canceled', 'reply, query, event', 'direct transfer, operation refund, payment.late_success')
) AS m(froms, event, ends_in, actor, effects);

SELECT tenfold._declare_moves('payment', 'payment_operation', m.froms, m.event, m.ends_in, m.actor, m.effects) FROM (VALUES
  ('{[*]}'::text[], 'create', 'open', 'merchant', 'its reservation, job payment_call'),
  ('{open}', 'begin', 'sent', 'worker', 'attempt'),
  ('{sent}', 'not_executed', 'sent', 'worker', 'job payment_call'),
  ('{unknown}', 'not_executed', 'unknown', 'worker', 'job payment_call'),
  ('{sent,unknown}', 'not_found', 'unknown', 'worker', 'the same key again, or job payment_query'),
  ('{sent,unknown}', 'working', 'unknown', 'reply, query, event', 'job payment_query'),
  ('{sent,unknown}', 'approved', 'unknown', 'reply, query, event', 'job payment_call'),
  ('{sent,unknown}', 'voided', 'failed', 'reply, query, event', 'its reservation goes back'),
  ('{sent,unknown}', 'action', 'unknown', 'reply, query, event', 'job payment_query'),
  ('{sent,unknown}', 'ambiguous', 'unknown', 'worker', 'job payment_query'),
  ('{sent,unknown,failed}', 'done', 'succeeded', 'reply, query, event', 'transfer'),
  ('{sent,unknown}', 'declined', 'failed', 'reply, query, event', 'its reservation goes back'),
  ('{sent,unknown}', 'gave_up', 'failed', 'worker', 'its reservation goes back'),
  ('{sent,unknown}', 'absent', 'failed', 'worker', 'its reservation goes back')
) AS m(froms, event, ends_in, actor, effects);

SELECT tenfold._declare_moves('payment', 'webhook_delivery', m.froms, m.event, m.ends_in, m.actor, m.effects) FROM (VALUES
  ('{[*]}'::text[], 'create', 'due', 'worker', 'job webhook'),
  ('{due,waiting,sending}', 'take', 'sending', 'worker', ''),
  ('{sending}', 'accepted', 'delivered', 'worker', ''),
  ('{sending}', 'refused', 'waiting', 'worker', 'job webhook'),
  ('{sending}', 'gave_up', 'dead', 'worker', ''),
  ('{due,waiting,sending}', 'disabled', 'dead', 'worker', ''),
  ('{dead}', 'redrive', 'due', 'operator, merchant', 'job webhook')
) AS m(froms, event, ends_in, actor, effects);
