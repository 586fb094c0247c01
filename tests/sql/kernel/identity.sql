-- Accounts, passwords, sessions, tokens.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();

CREATE FUNCTION pg_temp.claims(tokens jsonb) RETURNS jsonb LANGUAGE sql AS $$
  SELECT convert_from(decode(rpad(translate(body, '-_', '+/'), (length(body) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb
  FROM split_part(tokens ->> 'access_token', '.', 2) body $$;
CREATE FUNCTION pg_temp.milliseconds(sql text) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz := clock_timestamp();
BEGIN
  BEGIN
    EXECUTE sql;
  EXCEPTION WHEN SQLSTATE 'TF011' THEN NULL;
  END;
  RETURN extract(epoch FROM clock_timestamp() - began) * 1000;
END $$;

CREATE TEMP TABLE ada AS SELECT tenfold.register_account(' Ada@example.com ', 'correct horse') AS id;
SELECT is(row(email, role, deleted_at)::text, '(Ada@example.com,tenfold_user,)', 'registration makes a user') FROM tenfold.account;
SELECT matches(password_hash, '^[$]2a[$]10[$]', 'the password is bcrypt, of cost 10') FROM tenfold.account_password;
SELECT throws_ok($$SELECT tenfold.register_account('ADA@EXAMPLE.COM', 'correct horse')$$, '23505', NULL, 'an email has one account, however it is written');
SELECT throws_ok(format('SELECT tenfold.register_account(%L, %L)', email, password), state, NULL, email || ' ' || left(password, 10)) FROM (VALUES
  ('no address', 'correct horse', '23514'), ('b@example.com', 'short', '22023'), ('b@example.com', repeat('x', 73), '22023'),
  ('b@example.com', repeat('é', 37), '22023')) AS bad(email, password, state);
SELECT lives_ok(format('SELECT tenfold.register_account(%L, %L)', 'b@example.com', repeat('é', 36)), '72 bytes are not cut');
SELECT throws_ok(format('SELECT tenfold.log_in(%L, %L)', 'b@example.com', repeat('é', 36) || 'x'), 'TF011', NULL, 'nor is what a login sends');
SELECT throws_ok($$SELECT tenfold.register_account('c@example.com', NULL)$$, '22023', NULL, 'no password is none');

-- What looks like another address, or cannot be seen.
SELECT throws_ok(format('SELECT tenfold.register_account(%L, %L)', email, 'correct horse'), '23514', NULL, 'an email with U+' || to_hex(character)) FROM
  unnest('{1,9,10,13,127,133,160,173,847,1564,4447,5760,6158,8203,8205,8206,8232,8238,8288,8294,12288,12644,65024,65279,65440,119155,917505}'::int[]) character,
  format('a%sda@example.com', chr(character)) email;
SELECT throws_ok(format('SELECT tenfold.register_account(%L, %L)', email, 'correct horse'), '23505', NULL, 'É is É, however Unicode writes it') FROM
  (SELECT tenfold.register_account('é@example.com', 'correct horse')) made, (VALUES (normalize('é@example.com', NFD))) AS t(email);

-- No error shows a hash, or the row of a constraint.
CREATE FUNCTION pg_temp.everything_said(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  message text;
  detail text;
  context text;
BEGIN
  EXECUTE sql;
  RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, context = PG_EXCEPTION_CONTEXT;
  RETURN concat_ws(' ', message, detail, context);
END $$;
SELECT unalike(pg_temp.everything_said(sql), '%' || secret || '%', sql || ' does not tell ' || secret) FROM unnest('{$2a$,Failing row}'::text[]) secret, (VALUES
  ($$SELECT tenfold.grant_role('ada@example.com', 'no_such_role')$$), ($$SELECT tenfold.grant_role('ada@example.com', NULL)$$),
  ($$SELECT tenfold.register_account('no address', 'correct horse')$$), ($$SELECT tenfold.register_account(NULL, 'correct horse')$$),
  ($$SELECT tenfold.register_account('ada@example.com', 'correct horse')$$), ($$SELECT tenfold.register_account('d@example.com', NULL)$$)) AS t(sql);
SELECT is_empty($$SELECT conname FROM pg_constraint WHERE conrelid = 'tenfold.account_password'::regclass AND contype = 'c'$$, 'no rule of the table of hashes can fail');

CREATE TEMP TABLE first AS SELECT tenfold.log_in('ada@example.com', 'correct horse') AS tokens;
SELECT is(pg_temp.claims(tokens) - '{sid,iat,exp}'::text[], jsonb_build_object('iss', 'tenfold', 'aud', 'tenfold', 'sub', ada.id, 'role', 'tenfold_user'), 'whom the token names') FROM first, ada;
SELECT is(c ->> 'exp', ((c ->> 'iat')::bigint + 900)::text, 'it is good for a quarter of an hour') FROM first, pg_temp.claims(tokens) c;
SELECT is(token_hash, sha256((tokens ->> 'refresh_token')::bytea), 'of the refresh token only the hash is kept') FROM first, tenfold.refresh_token;
SELECT throws_ok(format('SELECT tenfold.log_in(%L, %L)', email, password), 'TF011', NULL, email || ' ' || password) FROM (VALUES
  ('ada@example.com', 'correct cow'), ('nobody@example.com', 'correct horse'), ('ada@example.com', ''), (NULL, NULL)) AS bad(email, password);

-- The median of three, since the machine may be busy. Without the work for nobody it is a thousand to one.
SELECT ok(nobody / wrong BETWEEN 0.5 AND 2, format('an unknown email takes as long as a wrong password: %s and %s ms', nobody, wrong)) FROM
  (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY pg_temp.milliseconds($$SELECT tenfold.log_in('nobody@example.com', 'x')$$)) AS nobody,
     percentile_cont(0.5) WITHIN GROUP (ORDER BY pg_temp.milliseconds($$SELECT tenfold.log_in('ada@example.com', 'x')$$)) AS wrong
   FROM generate_series(1, 3)) t;

-- The setting was raised: who is known has a hash of less work, and must not be told by it.
SET LOCAL tenfold.bcrypt_cost = 12;
SELECT ok(nobody / wrong BETWEEN 0.5 AND 2, format('after bcrypt_cost was raised, too: %s and %s ms', nobody, wrong)) FROM
  (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY pg_temp.milliseconds($$SELECT tenfold.log_in('nobody@example.com', 'x')$$)) AS nobody,
     percentile_cont(0.5) WITHIN GROUP (ORDER BY pg_temp.milliseconds($$SELECT tenfold.log_in('ada@example.com', 'x')$$)) AS wrong
   FROM generate_series(1, 3)) t;
SET LOCAL tenfold.bcrypt_cost = 11;
SAVEPOINT logged_in;
SELECT isnt(tenfold.log_in('ada@example.com', 'correct horse'), NULL, 'a login');
SELECT is(p.cost, 11, '… brings a hash to the cost of now') FROM tenfold.account_password p JOIN ada ON ada.id = p.account_id;
ROLLBACK TO logged_in;
RESET tenfold.bcrypt_cost;

CREATE TEMP TABLE second AS SELECT tenfold.refresh_session(tokens ->> 'refresh_token') AS tokens FROM first;
SELECT is(pg_temp.claims(second.tokens) ->> 'sid', pg_temp.claims(first.tokens) ->> 'sid', 'a refresh stays in the session') FROM first, second;
SELECT is(tenfold.refresh_session('unknown'), NULL, 'an unknown token is good for nothing');
SELECT is(revoked_at, NULL, '… and does no harm') FROM tenfold.session;
SELECT is(tenfold.refresh_session(tokens ->> 'refresh_token'), NULL, 'a refresh token is good for one use') FROM first;
SELECT is(revoked_because, 'a refresh token came twice', '… and its second use ends the session') FROM tenfold.session;
SELECT is(tenfold.refresh_session(tokens ->> 'refresh_token'), NULL, 'of which no other token is good any more') FROM second;

CREATE TEMP TABLE third AS SELECT tenfold.log_in('ada@example.com', 'correct horse') AS tokens;
UPDATE tenfold.session SET expires_at = clock_timestamp() - interval '1 s' WHERE revoked_at IS NULL;
SELECT is(tenfold.refresh_session(tokens ->> 'refresh_token'), NULL, 'a session expires') FROM third;
SELECT is(tenfold.purge_sessions('0 s'), 1::bigint, 'a purge forgets it');
SELECT is((SELECT count(*) FROM tenfold.refresh_token t JOIN tenfold.session s USING (session_id)), (SELECT count(*) FROM tenfold.refresh_token), '… with its tokens');

CREATE TEMP TABLE fourth AS SELECT tenfold.log_in('ada@example.com', 'correct horse') AS tokens;
SELECT throws_ok(format('SELECT tenfold.change_password(%L, %L, %L)', ada.id, 'correct cow', 'battery staple'), 'TF011', NULL, 'the old password must be right') FROM ada;
SELECT throws_ok(format('SELECT tenfold.change_password(%L, %L, %L)', ada.id, 'correct horse', 'short'), '22023', NULL, 'the new one must be long enough') FROM ada;
SELECT isnt(tenfold.change_password(ada.id, 'correct horse', 'battery staple'), NULL, 'a new password opens a session') FROM ada;
SELECT is(count(*), 1::bigint, 'the only one: the others are closed') FROM tenfold.session WHERE revoked_at IS NULL;
SELECT throws_ok($$SELECT tenfold.log_in('ada@example.com', 'correct horse')$$, 'TF011', NULL, 'the old password is gone');

SELECT lives_ok($$SELECT tenfold.grant_role('ADA@example.com', 'tenfold_merchant')$$);
SELECT is(role || ' ' || open_sessions, 'tenfold_merchant 1', 'a higher role ends no session') FROM tenfold.account_status WHERE email = 'Ada@example.com';
SELECT is(tenfold.log_in('ada@example.com', 'battery staple') ->> 'role', 'tenfold_merchant', 'and stands in the next token');
SELECT lives_ok($$SELECT tenfold.grant_role('ada@example.com', 'tenfold_user')$$);
SELECT is(open_sessions, 0::bigint, 'a lower role ends them all') FROM tenfold.account_status WHERE email = 'Ada@example.com';
SELECT throws_ok($$SELECT tenfold.grant_role('ada@example.com', 'tenfold_owner')$$, '23514', NULL, 'the owner is no role for an account');
SELECT throws_ok($$SELECT tenfold.grant_role('nobody@example.com', 'tenfold_user')$$, 'TF013', NULL, 'nobody has no role');

SELECT is(tenfold.delete_account(ada.id), true, 'an account ends') FROM ada;
SELECT is(tenfold.delete_account(ada.id), false, '… once') FROM ada;
SELECT is(row(a.email, p.password_hash)::text, '(,)', 'nothing personal is left') FROM tenfold.account a JOIN ada ON ada.id = a.account_id LEFT JOIN tenfold.account_password p USING (account_id);
SELECT throws_ok($$SELECT tenfold.log_in('ada@example.com', 'battery staple')$$, 'TF011', NULL, 'nobody logs in to it');
SELECT isnt(tenfold.register_account('ada@example.com', 'correct horse'), ada.id, 'the email is free for another') FROM ada;
SELECT * FROM finish();
ROLLBACK;
