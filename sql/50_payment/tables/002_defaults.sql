-- What a new installation begins with: the topic, the queues, and the usual routes. Change the rows as you like.
SELECT tenfold.create_topic('payment-events', 100);
SELECT tenfold.create_queue('payment_call', max_attempts => 4, lease => '90 s', backoff_base => '2 s', backoff_cap => '8 s');
SELECT tenfold.create_queue('payment_query', max_attempts => 20, lease => '90 s', backoff_base => '5 s', backoff_cap => '1 hour');
SELECT tenfold.create_queue('webhook', max_attempts => 20, lease => '60 s', backoff_base => '5 s', backoff_cap => '1 hour');

INSERT INTO payment.capability (provider, method, flow, key_life, visible_after, auth_life, deadline, worst_case) VALUES
  ('stripe', 'card', 'authorize', '24 hours', '1 min', '7 days', '30 s', '1 hour'),
  ('razorpay', 'card', 'checkout', '0', '1 min', '5 days', '30 s', '1 hour'),
  ('razorpay', 'upi', 'checkout', '0', '1 min', '0', '30 s', '1 hour'),
  ('razorpay', 'wallet', 'checkout', '0', '1 min', '0', '30 s', '1 hour'),
  ('paypal', 'wallet', 'checkout', '6 hours', '1 min', '29 days', '30 s', '3 hours');
INSERT INTO payment.route (method, currency, country, provider, weight) VALUES
  ('card', '*', '*', 'stripe', 100), ('upi', 'INR', '*', 'razorpay', 100), ('wallet', 'INR', '*', 'razorpay', 100),
  ('wallet', '*', '*', 'paypal', 100);
-- Stripe counts these whole, and three digits end in 0.
INSERT INTO payment.provider_currency (provider, currency, exponent, step) VALUES
  ('stripe', 'MGA', 0, 1), ('stripe', 'UGX', 2, 100), ('stripe', 'ISK', 2, 100), ('stripe', 'BHD', 3, 10), ('stripe', 'JOD', 3, 10),
  ('stripe', 'KWD', 3, 10), ('stripe', 'OMR', 3, 10), ('stripe', 'TND', 3, 10);
-- Providers send from few addresses, and at once what they could not send before.
INSERT INTO tenfold.rate_class VALUES ('webhook', 10000, 60000, 'a client address, over the routes that take webhooks of providers') ON CONFLICT DO NOTHING;
