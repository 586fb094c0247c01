-- Money in minor units, and as decimals.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();

SELECT is(tenfold.to_minor(amount, currency), minor, format('%s %s', amount, currency))
FROM (VALUES (99.5, 'USD', 9950::bigint), (99.500, 'EUR', 9950), (99, 'JPY', 99), (1.234, 'KWD', 1234), (0, 'USD', 0), (-0.01, 'INR', -1),
  (1.2345, 'CLF', 12345), (1, 'XYZ', 100), (92233720368547758.07, 'USD', 9223372036854775807), (NULL, 'USD', NULL), (1, NULL, NULL)) AS v(amount, currency, minor);
SELECT is(tenfold.from_minor(tenfold.to_minor(amount, currency), currency)::text, amount::text, format('%s %s and back', amount, currency))
FROM (VALUES (99.50, 'USD'), (99, 'JPY'), (1.234, 'KWD'), (0.00, 'EUR'), (-0.01, 'INR'), (92233720368547758.07, 'USD'), (9223372036854775807, 'JPY')) AS v(amount, currency);
SELECT throws_ok(format('SELECT tenfold.to_minor(%L, %L)', amount, currency), state, NULL, format('%s %s', left(amount, 30), currency))
FROM (VALUES ('0.001', 'USD', '22023'), ('0.5', 'JPY', '22023'), ('0.0001', 'KWD', '22023'), ('NaN', 'USD', '22023'), ('Infinity', 'USD', '22023'),
  ('-Infinity', 'USD', '22023'), ('1e400', 'USD', '22003'), ('92233720368547758.08', 'USD', '22003'), ('1e-400', 'USD', '22023')) AS v(amount, currency, state);

SELECT is(tenfold.currency_of(country), currency, format('the money of %s', country))
FROM (VALUES ('IN', 'INR'), ('AD', 'EUR'), ('ZW', 'USD'), ('JP', 'JPY'), ('AQ', NULL), ('XX', NULL), ('', NULL), ('I', NULL), ('INR', NULL), (' A', NULL), ('in', NULL), (NULL, NULL))
  AS v(country, currency);
SELECT * FROM finish();
ROLLBACK;
