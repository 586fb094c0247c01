-- Payments over HTTP. SECURITY DEFINER throughout: for whom the caller acts is asked here, by the token's account.
SELECT tenfold._forget_routes('payment');

INSERT INTO tenfold.api_schema (module, name, schema) VALUES
  ('payment', 'Payment', '{"type": "object", "required": ["transaction_id", "status", "amount", "amount_minor", "currency", "payment_method", "created_at"], "properties": {
    "transaction_id": {"type": "string", "format": "uuid"},
    "status": {"enum": ["pending", "processing", "unknown", "requires_action", "failed", "authorized", "success", "canceled"]},
    "amount": {"type": "number"}, "amount_minor": {"type": "integer", "format": "int64"}, "currency": {"type": "string"}, "payment_method": {"type": "string"},
    "customer_id": {"type": ["integer", "string"]}, "created_at": {"type": "string", "format": "date-time"}, "updated_at": {"type": "string", "format": "date-time"},
    "provider": {"type": ["string", "null"]}, "held": {"type": "number"}, "captured": {"type": "number"}, "refunded": {"type": "number"},
    "next_action": {"type": ["object", "null"], "description": "what the customer must do"},
    "failure": {"type": ["object", "null"], "properties": {"code": {"type": "string"}, "message": {"type": "string"}}},
    "metadata": {"type": "object"}, "operations": {"type": "array", "items": {"type": "object"}},
    "cached": {"const": true, "description": "the answer of then: this key came before"}}}'),
  ('payment', 'PaymentOperation', '{"type": "object", "required": ["transaction_id", "operation_id", "status", "amount"], "properties": {
    "transaction_id": {"type": "string", "format": "uuid"}, "operation_id": {"type": "string", "format": "uuid"}, "status": {"const": "pending"},
    "amount": {"type": "number"}, "currency": {"type": "string"}, "cached": {"const": true}}}');

CREATE OR REPLACE FUNCTION payment._own_key(body jsonb) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  ours text := tenfold.request_header('idempotency-key');
  theirs text := tenfold.request_header('x-idempotency-key');
  key text := coalesce(ours, theirs, body ->> 'idempotency_key');
BEGIN
  IF key <> coalesce(theirs, key) OR key <> coalesce(body ->> 'idempotency_key', key) THEN
    PERFORM tenfold.raise_http('TFP02', 'the idempotency key is there twice, and differently', hint => 'Idempotency-Key, X-Idempotency-Key and idempotency_key of the body must agree.');
  END IF;
  PERFORM payment._check_key(key);
  RETURN key;
END
$$;
COMMENT ON FUNCTION payment._own_key IS 'the request''s idempotency key. Errors: TFP01 none, TFP02 headers and body differ';

CREATE OR REPLACE FUNCTION payment._check_merchant(body jsonb, own bigint) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF body -> 'merchant_id' <> to_jsonb(own) THEN
    PERFORM tenfold.raise_http('TFP02', format('merchant_id is %s, and the token''s merchant another', left((body -> 'merchant_id')::text, 50)),
      hint => 'Leave it out: the token names the merchant.');
  END IF;
END
$$;
COMMENT ON FUNCTION payment._check_merchant IS 'raises TFP02 where a body names another merchant than the token';

CREATE OR REPLACE FUNCTION payment._respond(status int, replayed boolean, location text DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT tenfold.respond(status, jsonb_strip_nulls(jsonb_build_object('Location', location, 'Idempotent-Replayed', CASE WHEN replayed THEN 'true' END)))
$$;
COMMENT ON FUNCTION payment._respond IS 'status and headers of an answer that was given, or is given again';

CREATE OR REPLACE FUNCTION tenfold_api.create_payment(json) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  body jsonb;
  own bigint;
  made record;
  detail text;
  hint text;
BEGIN
  PERFORM tenfold._canonical_json($1);  -- a member that comes twice: jsonb would keep the last
  body := $1;
  PERFORM tenfold.check_body(body, 'POST', '/payments');
  own := payment._own_merchant();
  PERFORM payment._check_merchant(body, own);
  SELECT * INTO made FROM payment.create(own, payment._own_key(body), body);
  PERFORM payment._respond(made.status, made.replayed, '/api/v1/payments/' || (made.answer ->> 'transaction_id'));
  RETURN made.answer;
EXCEPTION WHEN query_canceled OR OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  PERFORM tenfold.raise_http(SQLSTATE, SQLERRM, detail, hint);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold_api.create_payment FROM PUBLIC;
COMMENT ON FUNCTION tenfold_api.create_payment IS
  'Makes a payment under the key of the header Idempotency-Key (or X-Idempotency-Key). The same key and body again gets the same answer, with "cached": true; the same key with another body is 422.';
INSERT INTO tenfold.route (module, method, path, shape, function, body, response, success_status, errors, roles, example) VALUES
  ('payment', 'POST', '/payments', 'J', 'tenfold_api.create_payment(json)', payment._create_schema(),
   '{"$ref": "#/components/schemas/Payment"}', 202, '{402, 422}', '{tenfold_merchant}',
   '{"body": {"amount": 100.00, "currency": "INR", "customer_id": 7, "payment_method": "card"}}');

CREATE OR REPLACE FUNCTION tenfold_api.payment(id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  own bigint := payment._own_merchant();
  shown jsonb := (SELECT payment._show(p) FROM payment.payment p WHERE (p.merchant_id, p.payment_id) = (own, id));
BEGIN
  IF shown IS NULL THEN
    PERFORM tenfold.raise_http('TFP09', format('payment %s does not exist', id), hint => 'GET /payments lists yours.');
  END IF;
  PERFORM tenfold.respond(200, '{"Cache-Control": "no-store"}');
  RETURN shown;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold_api.payment FROM PUBLIC;
COMMENT ON FUNCTION tenfold_api.payment IS 'One payment of the token''s merchant, as it stands now.';
INSERT INTO tenfold.route (module, method, path, shape, function, parameters, response, errors, roles, example) VALUES
  ('payment', 'GET', '/payments/:id', 'F', 'tenfold_api.payment(uuid)',
   '[{"name": "id", "in": "path", "pattern": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"}]',
   '{"$ref": "#/components/schemas/Payment"}', '{404}', '{tenfold_merchant}', '{"path": {"id": "0198f2b4-5a3c-7c00-9a1b-2c3d4e5f6071"}}');

CREATE OR REPLACE FUNCTION tenfold_api.payments("limit" int DEFAULT 20, cursor text DEFAULT NULL) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  most CONSTANT int := tenfold._in_range('limit', "limit", 1, 100);
BEGIN
  IF tenfold._uuid_of(cursor) IS NULL AND cursor IS NOT NULL THEN
    RAISE EXCEPTION 'the cursor is not "%"', left(cursor, 100) USING ERRCODE = '22023', HINT = 'Send the next of the page before, as it was.';
  END IF;
  RETURN tenfold._with_next_link(payment._list(payment._own_merchant(), most, tenfold._uuid_of(cursor)));
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold_api.payments FROM PUBLIC;
COMMENT ON FUNCTION tenfold_api.payments IS 'The payments of the token''s merchant, the newest first. The header Link leads to the next page.';
INSERT INTO tenfold.route (module, method, path, shape, function, parameters, response, roles, example) VALUES
  ('payment', 'GET', '/payments', 'F', 'tenfold_api.payments(int, text)',
   '[{"name": "limit", "in": "query", "pattern": "[0-9]{1,3}", "description": "1 to 100; 20 if absent"},
     {"name": "cursor", "in": "query", "pattern": "[0-9a-f-]{36}", "description": "next of the page before"}]',
   '{"type": "object", "required": ["payments", "next"], "properties": {
     "payments": {"type": "array", "items": {"$ref": "#/components/schemas/Payment"}}, "next": {"type": ["string", "null"]}}}',
   '{tenfold_merchant}', '{"query": {"limit": 3}}');

-- Capture, void and refund: path, key and amount are read alike.
CREATE OR REPLACE FUNCTION payment._operate_http(kind text, body jsonb) RETURNS json
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  wanted uuid := tenfold.path_value('id');
  own bigint := payment._own_merchant();
  money text := (SELECT p.currency FROM payment.payment p WHERE (p.merchant_id, p.payment_id) = (own, wanted));
  made record;
BEGIN
  PERFORM tenfold.check_body(body, 'POST', '/payments/:id/' || kind);
  PERFORM payment._check_merchant(body, own);
  SELECT * INTO made FROM payment._operate(own, wanted, payment._own_key(body), kind,
    CASE WHEN body -> 'amount' <> 'null' AND money IS NOT NULL THEN payment._check_amount(body -> 'amount', money) END, left(body ->> 'reason', 500));
  PERFORM payment._respond(made.status, made.replayed, '/api/v1/payments/' || wanted);
  RETURN made.answer;
END
$$;
COMMENT ON FUNCTION payment._operate_http IS 'what the three paths of operations do';

CREATE OR REPLACE FUNCTION tenfold_api.capture_payment(jsonb) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  detail text;
  hint text;
BEGIN
  RETURN payment._operate_http('capture', $1);
EXCEPTION WHEN query_canceled OR OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  PERFORM tenfold.raise_http(SQLSTATE, SQLERRM, detail, hint);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold_api.capture_payment FROM PUBLIC;
COMMENT ON FUNCTION tenfold_api.capture_payment IS 'Captures an authorized payment, once: all of it, or so much. Under a key of its own.';

CREATE OR REPLACE FUNCTION tenfold_api.void_payment(jsonb) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  detail text;
  hint text;
BEGIN
  RETURN payment._operate_http('void', $1);
EXCEPTION WHEN query_canceled OR OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  PERFORM tenfold.raise_http(SQLSTATE, SQLERRM, detail, hint);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold_api.void_payment FROM PUBLIC;
COMMENT ON FUNCTION tenfold_api.void_payment IS 'Gives back what is held for an authorized payment. Under a key of its own.';

CREATE OR REPLACE FUNCTION tenfold_api.refund_payment(jsonb) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  detail text;
  hint text;
BEGIN
  RETURN payment._operate_http('refund', $1);
EXCEPTION WHEN query_canceled OR OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  PERFORM tenfold.raise_http(SQLSTATE, SQLERRM, detail, hint);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold_api.refund_payment FROM PUBLIC;
COMMENT ON FUNCTION tenfold_api.refund_payment IS 'Pays back what is left of a payment, or so much of it; as often as there is something left. Under a key of its own.';

INSERT INTO tenfold.route (module, method, path, shape, function, parameters, body, response, success_status, errors, roles, example)
  SELECT 'payment', 'POST', '/payments/:id/' || k.kind, 'J', format('tenfold_api.%s_payment(jsonb)', k.kind),
    '[{"name": "id", "in": "path", "pattern": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"}]',
    jsonb_build_object('type', 'object', 'additionalProperties', false, 'properties', k.properties || '{"idempotency_key": {"type": "string"}, "merchant_id": {"type": "integer"}}'),
    '{"$ref": "#/components/schemas/PaymentOperation"}', 202, '{404, 422}', '{tenfold_merchant}',
    jsonb_build_object('path', '{"id": "0198f2b4-5a3c-7c00-9a1b-2c3d4e5f6071"}'::jsonb, 'body', k.example)
  FROM (VALUES ('capture', '{"amount": {"type": ["number", "null"], "description": "a decimal of its currency; without it all"}}'::jsonb, '{"amount": 60.00}'::jsonb),
    ('void', '{}', '{}'),
    ('refund', '{"amount": {"type": ["number", "null"], "description": "a decimal of its currency; without it what is left"}, "reason": {"type": ["string", "null"], "maxLength": 500}}', '{"amount": 40.00}')
  ) AS k(kind, properties, example);

-- Webhooks in: the bytes as they came.
CREATE OR REPLACE FUNCTION tenfold_api.receive_webhook(bytea) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  detail text;
  hint text;
BEGIN
  PERFORM payment.receive_event(tenfold.path_value('provider'), nullif(current_setting('request.headers', true), '')::jsonb, $1);
  PERFORM tenfold.respond(204);
EXCEPTION WHEN query_canceled OR OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  PERFORM tenfold.raise_http(SQLSTATE, SQLERRM, detail, hint);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold_api.receive_webhook FROM PUBLIC;
COMMENT ON FUNCTION tenfold_api.receive_webhook IS
  'What a payment provider tells us, as raw bytes under its signature; 204 also where it was here before. Checked and stored at once, applied after.';
INSERT INTO tenfold.route (module, method, path, shape, function, parameters, success_status, errors, rate_class, example) VALUES
  ('payment', 'POST', '/webhooks/:provider', 'R', 'tenfold_api.receive_webhook(bytea)', '[{"name": "provider", "in": "path", "pattern": "[a-z][a-z0-9-]{0,39}"}]',
   204, '{401, 404}', 'webhook', '{"path": {"provider": "stripe"}}');

-- A merchant's endpoints.
CREATE OR REPLACE FUNCTION payment._show_endpoint(e payment.webhook_endpoint) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN jsonb_build_object('endpoint_id', e.endpoint_id, 'url', e.url, 'events', to_jsonb(e.events), 'created_at', e.created_at,
  'failing_since', e.failing_since, 'disabled_at', e.disabled_at, 'disabled_because', e.disabled_because);
COMMENT ON FUNCTION payment._show_endpoint IS 'what a merchant sees of an endpoint: never its secret';

CREATE OR REPLACE FUNCTION tenfold_api.create_webhook_endpoint(jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  own bigint;
  made record;
  detail text;
  hint text;
BEGIN
  PERFORM tenfold.check_body($1, 'POST', '/webhook-endpoints');
  own := payment._own_merchant();
  SELECT * INTO made FROM payment.create_endpoint(own, $1 ->> 'url', tenfold._json_texts(coalesce($1 -> 'events', '[]'), 'events', 100));
  PERFORM tenfold.respond(201, jsonb_build_object('Location', '/api/v1/webhook-endpoints/' || made.endpoint_id, 'Cache-Control', 'no-store'));
  RETURN (SELECT payment._show_endpoint(e) FROM payment.webhook_endpoint e WHERE (e.merchant_id, e.endpoint_id) = (own, made.endpoint_id)) || jsonb_build_object('secret', made.secret);
EXCEPTION WHEN query_canceled OR OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  PERFORM tenfold.raise_http(SQLSTATE, SQLERRM, detail, hint);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold_api.create_webhook_endpoint FROM PUBLIC;
COMMENT ON FUNCTION tenfold_api.create_webhook_endpoint IS
  'Where the token''s merchant wants to be told, and of what. The answer has the secret that signs it (Standard Webhooks), which is shown once.';

CREATE OR REPLACE FUNCTION tenfold_api.webhook_endpoints() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  own bigint := payment._own_merchant();
BEGIN
  RETURN jsonb_build_object('endpoints', (SELECT coalesce(jsonb_agg(payment._show_endpoint(e) ORDER BY e.endpoint_id), '[]') FROM payment.webhook_endpoint e WHERE e.merchant_id = own));
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold_api.webhook_endpoints FROM PUBLIC;
COMMENT ON FUNCTION tenfold_api.webhook_endpoints IS 'The endpoints of the token''s merchant, and why one is not called any more.';

CREATE OR REPLACE FUNCTION tenfold_api.webhook_endpoint(id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  own bigint := payment._own_merchant();
  shown jsonb := (SELECT payment._show_endpoint(e) FROM payment.webhook_endpoint e WHERE (e.merchant_id, e.endpoint_id) = (own, id));
BEGIN
  IF shown IS NULL THEN
    PERFORM tenfold.raise_http('TFP09', format('endpoint %s does not exist', id), hint => 'GET /webhook-endpoints lists yours.');
  END IF;
  RETURN shown;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold_api.webhook_endpoint FROM PUBLIC;
COMMENT ON FUNCTION tenfold_api.webhook_endpoint IS 'One endpoint of the token''s merchant, without its secret.';

CREATE OR REPLACE FUNCTION tenfold_api.delete_webhook_endpoint(id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  detail text;
  hint text;
BEGIN
  PERFORM payment.delete_endpoint(payment._own_merchant(), id);
  PERFORM tenfold.respond(204);
EXCEPTION WHEN query_canceled OR OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  PERFORM tenfold.raise_http(SQLSTATE, SQLERRM, detail, hint);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold_api.delete_webhook_endpoint FROM PUBLIC;
COMMENT ON FUNCTION tenfold_api.delete_webhook_endpoint IS 'Nothing is sent there any more.';

CREATE OR REPLACE FUNCTION tenfold_api.rotate_webhook_secret(jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  own bigint;
  secret text;
  detail text;
  hint text;
BEGIN
  PERFORM tenfold.check_body($1, 'POST', '/webhook-endpoints/:id/rotate');
  own := payment._own_merchant();
  secret := payment.rotate_secret(own, tenfold.path_value('id')::uuid);
  PERFORM tenfold.respond(200, '{"Cache-Control": "no-store"}');
  RETURN jsonb_build_object('endpoint_id', tenfold.path_value('id'), 'secret', secret);
EXCEPTION WHEN query_canceled OR OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  PERFORM tenfold.raise_http(SQLSTATE, SQLERRM, detail, hint);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold_api.rotate_webhook_secret FROM PUBLIC;
COMMENT ON FUNCTION tenfold_api.rotate_webhook_secret IS 'A new secret for an endpoint, shown once; for 24 hours the old one signs, too.';

CREATE OR REPLACE FUNCTION tenfold_api.enable_webhook_endpoint(jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  redriven bigint;
  detail text;
  hint text;
BEGIN
  PERFORM tenfold.check_body($1, 'POST', '/webhook-endpoints/:id/enable');
  redriven := payment.enable_endpoint(payment._own_merchant(), tenfold.path_value('id')::uuid);
  RETURN jsonb_build_object('endpoint_id', tenfold.path_value('id'), 'redriven', redriven);
EXCEPTION WHEN query_canceled OR OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  PERFORM tenfold.raise_http(SQLSTATE, SQLERRM, detail, hint);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold_api.enable_webhook_endpoint FROM PUBLIC;
COMMENT ON FUNCTION tenfold_api.enable_webhook_endpoint IS 'The endpoint is called again, and what it missed within 30 days goes there once more.';

INSERT INTO tenfold.api_schema (module, name, schema) VALUES
  ('payment', 'WebhookEndpoint', '{"type": "object", "required": ["endpoint_id", "url", "events"], "properties": {
    "endpoint_id": {"type": "string", "format": "uuid"}, "url": {"type": "string", "format": "uri"}, "events": {"type": "array", "items": {"type": "string"}},
    "created_at": {"type": "string", "format": "date-time"}, "failing_since": {"type": ["string", "null"]}, "disabled_at": {"type": ["string", "null"]},
    "disabled_because": {"type": ["string", "null"]}, "secret": {"type": "string", "description": "whsec_ and base64; only where it was just made"}}}');
INSERT INTO tenfold.route (module, method, path, shape, function, parameters, body, response, success_status, errors, roles, example)
  SELECT 'payment', r.method, '/webhook-endpoints' || r.path, r.shape, 'tenfold_api.' || r.function,
    CASE WHEN r.path LIKE '/:id%' THEN '[{"name": "id", "in": "path", "pattern": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"}]' ELSE '[]' END::jsonb,
    r.body, r.response, r.status, r.errors, '{tenfold_merchant}',
    jsonb_strip_nulls(jsonb_build_object('path', CASE WHEN r.path LIKE '/:id%' THEN '{"id": "0198f2b4-5a3c-7c00-9a1b-2c3d4e5f6071"}'::jsonb END, 'body', r.example))
  FROM (VALUES
    ('POST', '', 'J', 'create_webhook_endpoint(jsonb)',
     '{"type": "object", "required": ["url"], "additionalProperties": false, "properties": {"url": {"type": "string", "format": "uri", "maxLength": 2000},
       "events": {"type": "array", "items": {"type": "string"}, "description": "none: all"}}}'::jsonb,
     '{"$ref": "#/components/schemas/WebhookEndpoint"}'::jsonb, 201, '{422}'::int[], '{"url": "https://shop.example.com/hooks", "events": ["payment.success"]}'::jsonb),
    ('GET', '', 'F', 'webhook_endpoints()', NULL, '{"type": "object", "required": ["endpoints"], "properties": {"endpoints": {"type": "array", "items": {"$ref": "#/components/schemas/WebhookEndpoint"}}}}', 200, '{}', NULL),
    ('GET', '/:id', 'F', 'webhook_endpoint(uuid)', NULL, '{"$ref": "#/components/schemas/WebhookEndpoint"}', 200, '{404}', NULL),
    ('DELETE', '/:id', 'F', 'delete_webhook_endpoint(uuid)', NULL, NULL, 204, '{404}', NULL),
    ('POST', '/:id/rotate', 'J', 'rotate_webhook_secret(jsonb)', '{"type": "object", "additionalProperties": false, "properties": {}}',
     '{"type": "object", "required": ["endpoint_id", "secret"], "properties": {"endpoint_id": {"type": "string", "format": "uuid"}, "secret": {"type": "string"}}}', 200, '{404}', '{}'),
    ('POST', '/:id/enable', 'J', 'enable_webhook_endpoint(jsonb)', '{"type": "object", "additionalProperties": false, "properties": {}}',
     '{"type": "object", "required": ["endpoint_id", "redriven"], "properties": {"endpoint_id": {"type": "string", "format": "uuid"}, "redriven": {"type": "integer"}}}', 200, '{404}', '{}')
  ) AS r(method, path, shape, function, body, response, status, errors, example);
