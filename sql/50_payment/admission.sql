-- Who takes a payment: routes by method, currency and country, and whether there is room.
CREATE OR REPLACE FUNCTION payment._routes_of(method text, currency text, country text) RETURNS SETOF payment.route
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT DISTINCT ON (r.provider) r.* FROM payment.route r
  WHERE r.method = $1 AND r.currency IN ($2, '*') AND r.country IN (coalesce($3, '*'), '*')
  ORDER BY r.provider, r.currency = '*', r.country = '*';
END;
COMMENT ON FUNCTION payment._routes_of IS 'the routes for such a payment, one a provider: the row that names most';

CREATE OR REPLACE FUNCTION payment._check_route(method text, currency text, country text, manual boolean) RETURNS interval
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  longest interval;
  authorizes boolean;
BEGIN
  SELECT max(c.worst_case), bool_or(c.auth_life > interval '0') INTO longest, authorizes
    FROM payment._routes_of(method, currency, country) r JOIN payment.capability c USING (provider, method);
  IF longest IS NULL THEN
    RAISE EXCEPTION 'no provider takes % in %', left(method, 50), currency || coalesce(' from ' || country, '') USING ERRCODE = 'TFP07',
      HINT = coalesce('The methods are: ' || (SELECT string_agg(DISTINCT r.method, ', ') FROM payment.route r) || '.', 'payment.route has no row yet.');
  ELSIF manual AND NOT authorizes THEN
    RAISE EXCEPTION 'with % money moves at once', method USING ERRCODE = 'TFP07', HINT = 'Leave out capture, and refund what is too much.';
  END IF;
  RETURN longest;
END
$$;
COMMENT ON FUNCTION payment._check_route IS 'how long such a payment may take. Errors: TFP07 no provider takes it, or none holds an amount without taking it';

-- A provider's class of the limiter is made of its calls a second and its deadline: what is beyond would fail late.
CREATE OR REPLACE FUNCTION payment._admit(method text, currency text, country text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  wait double precision := 0;
  class text;
BEGIN
  -- all or none: the first that lets pass ends it
  FOR class IN SELECT c.name FROM payment._routes_of(method, currency, country) r
      LEFT JOIN tenfold.rate_class c ON c.name = 'payment_' || replace(r.provider, '-', '_') AND tenfold._preloaded() ORDER BY r.weight DESC LOOP
    wait := CASE WHEN class IS NULL THEN 0 ELSE tenfold._take_permit(class, 'payments', 1) END;
    IF wait = 0 THEN
      RETURN;
    END IF;
  END LOOP;
  RAISE EXCEPTION 'the providers of % have as many payments as they can take', method
    USING ERRCODE = 'TFP12', DETAIL = ceil(wait)::text, HINT = 'Repeat it after as many seconds as the detail says, with the same key.';
END
$$;
COMMENT ON FUNCTION payment._admit IS
  'takes a permit of a provider that has a class payment_PROVIDER in tenfold.rate_class. Errors: TFP12 (429) none has one left; the detail is the seconds to wait';

-- By weight, and by the payment's own id: a caller that asks again gets the same order.
CREATE OR REPLACE FUNCTION payment._providers_for(p payment.payment) RETURNS SETOF text
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT r.provider FROM payment._routes_of((p).method, (p).currency, (p).country) r JOIN payment.capability c USING (provider, method)
  WHERE NOT (p).manual_capture OR c.auth_life > interval '0'
  ORDER BY r.weight = 0,
    -ln((tenfold._bucket_of_key((p).payment_id || r.provider) + 1) / 1025.0) / greatest(r.weight, 1), r.provider;
END;
COMMENT ON FUNCTION payment._providers_for IS 'the providers of a payment in the order in which they are tried: each first as often as its weight says (weighted hashing)';

