-- The receiver of the scenario's webhooks is on this machine; elsewhere private addresses are refused.
ALTER DATABASE tenfold SET tenfold.payment_webhook_hosts = '127.0.0.1';
