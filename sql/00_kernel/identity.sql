-- Accounts, passwords, tokens. Nobody but tenfold_owner calls these: over HTTP their sisters in api.sql do.

CREATE OR REPLACE FUNCTION tenfold._check_password(password text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  IF length(password) < 8 OR octet_length(password) > 72 THEN
    RAISE EXCEPTION 'a password has 8 characters or more, and at most 72 bytes'
      USING ERRCODE = '22023', HINT = 'bcrypt reads 72 bytes; what is longer would count for nothing.';
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._check_password IS 'raises 22023 for a password that is too short, or that bcrypt would cut';

-- pgcrypto may live in any schema: these bodies are bound to it when they are declared.
CREATE OR REPLACE FUNCTION tenfold._hash_password(password text) RETURNS text
LANGUAGE sql VOLATILE
RETURN crypt(password, gen_salt('bf', tenfold._setting('bcrypt_cost')::int));
COMMENT ON FUNCTION tenfold._hash_password IS 'bcrypt with 2^tenfold.bcrypt_cost rounds';

-- An unknown email costs the same bcrypt as a wrong password, so time does not tell them apart.
CREATE OR REPLACE FUNCTION tenfold._is_password(password text, hash text) RETURNS boolean
LANGUAGE sql VOLATILE
RETURN coalesce(crypt(password, coalesce(hash, gen_salt('bf', tenfold._setting('bcrypt_cost')::int))) = hash, false);
COMMENT ON FUNCTION tenfold._is_password IS 'whether bcrypt gives this hash; no password gives none';

CREATE OR REPLACE FUNCTION tenfold._random_token() RETURNS text
LANGUAGE sql VOLATILE
RETURN encode(gen_random_bytes(32), 'hex');
COMMENT ON FUNCTION tenfold._random_token IS '256 random bits as text';

CREATE OR REPLACE FUNCTION tenfold.register_account(email text, password text) RETURNS uuid
LANGUAGE plpgsql
AS $$
DECLARE
  registered uuid;
BEGIN
  PERFORM tenfold._check_password(password);
  INSERT INTO tenfold.account AS a (email, password_hash)
    VALUES (trim(register_account.email), tenfold._hash_password(password))
    ON CONFLICT (lower(a.email)) DO NOTHING RETURNING a.account_id INTO registered;
  IF registered IS NULL THEN
    RAISE EXCEPTION 'an account with this email exists' USING ERRCODE = '23505', HINT = 'Log in, or choose another email.';
  END IF;
  RETURN registered;
END
$$;
COMMENT ON FUNCTION tenfold.register_account IS
  'makes an account of role tenfold_user and gives its id. Errors: 22023 password, 23514 email, 23505 the email has an account';

CREATE OR REPLACE FUNCTION tenfold.log_in(email text, password text) RETURNS jsonb
LANGUAGE plpgsql
AS $$
DECLARE
  account tenfold.account;
BEGIN
  SELECT * INTO account FROM tenfold.account a WHERE lower(a.email) = lower(trim(log_in.email));
  IF NOT tenfold._is_password(password, account.password_hash) THEN
    RAISE EXCEPTION 'unknown email or wrong password' USING ERRCODE = 'TF011', HINT = 'POST /register makes an account.';
  END IF;
  RETURN tenfold._open_session(account);
END
$$;
COMMENT ON FUNCTION tenfold.log_in IS
  'opens a session and gives its first tokens {access_token, token_type, expires_in, refresh_token, role}. Errors: TF011 email or password, TF010 no signing key';

CREATE OR REPLACE FUNCTION tenfold._open_session(account tenfold.account) RETURNS jsonb
LANGUAGE plpgsql
AS $$
DECLARE
  session tenfold.session;
BEGIN
  INSERT INTO tenfold.session AS s (account_id, expires_at)
    VALUES (account.account_id, clock_timestamp() + tenfold._setting('refresh_token_life')::interval)
    RETURNING * INTO session;
  RETURN tenfold._issue_tokens(account, session);
END
$$;
COMMENT ON FUNCTION tenfold._open_session IS 'a new session and its first tokens';

CREATE OR REPLACE FUNCTION tenfold._issue_tokens(account tenfold.account, session tenfold.session) RETURNS jsonb
LANGUAGE plpgsql
AS $$
DECLARE
  refresh text := tenfold._random_token();
  life int := extract(epoch FROM tenfold._setting('access_token_life')::interval);
  issued bigint := extract(epoch FROM clock_timestamp());
BEGIN
  INSERT INTO tenfold.refresh_token (token_hash, session_id) VALUES (sha256(refresh::bytea), session.session_id);
  RETURN jsonb_build_object(
    'access_token', tenfold._sign_jwt(jsonb_build_object(
      'iss', tenfold._setting('jwt_issuer'), 'aud', tenfold._setting('jwt_audience'), 'sub', account.account_id,
      'role', account.role, 'sid', session.session_id, 'iat', issued, 'exp', issued + life)::text),
    'token_type', 'Bearer', 'expires_in', life, 'refresh_token', refresh, 'role', account.role);
END
$$;
COMMENT ON FUNCTION tenfold._issue_tokens IS 'the next pair of tokens of a session';

-- Gives NULL rather than an error where the token is not good: a token that came twice revokes its session, and an error
-- would take that back. Two at once: the row lock makes one of them the second.
CREATE OR REPLACE FUNCTION tenfold.refresh_session(refresh_token text) RETURNS jsonb
LANGUAGE plpgsql
AS $$
DECLARE
  session tenfold.session;
  account tenfold.account;
  hash bytea := sha256(refresh_token::bytea);
BEGIN
  UPDATE tenfold.refresh_token t SET used_at = clock_timestamp() WHERE t.token_hash = hash AND t.used_at IS NULL;
  IF NOT FOUND THEN
    PERFORM tenfold._revoke_session(t.session_id, 'a refresh token came twice') FROM tenfold.refresh_token t WHERE t.token_hash = hash;
    RETURN NULL;
  END IF;
  SELECT s.* INTO session FROM tenfold.refresh_token t JOIN tenfold.session s USING (session_id)
    WHERE t.token_hash = hash AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp() FOR NO KEY UPDATE OF s;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  SELECT * INTO account FROM tenfold.account a WHERE a.account_id = session.account_id;
  RETURN tenfold._issue_tokens(account, session);
END
$$;
COMMENT ON FUNCTION tenfold.refresh_session IS
  'new tokens for a refresh token, which is good for one use; with the account''s role of now. NULL: unknown, expired, revoked, or used before, and then the whole session is revoked, since one of its two users is a thief. Errors: TF010 no signing key';

CREATE OR REPLACE FUNCTION tenfold._revoke_session(session_id uuid, reason text) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  UPDATE tenfold.session s SET revoked_at = clock_timestamp(), revoked_because = reason
  WHERE s.session_id = _revoke_session.session_id AND s.revoked_at IS NULL;
END;
COMMENT ON FUNCTION tenfold._revoke_session IS 'ends a session and every token of it, at once';

CREATE OR REPLACE FUNCTION tenfold._revoke_sessions(account_id uuid, reason text) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  UPDATE tenfold.session s SET revoked_at = clock_timestamp(), revoked_because = reason
  WHERE s.account_id = _revoke_sessions.account_id AND s.revoked_at IS NULL;
END;
COMMENT ON FUNCTION tenfold._revoke_sessions IS 'ends all sessions of an account';

CREATE OR REPLACE FUNCTION tenfold.change_password(account_id uuid, old_password text, new_password text) RETURNS jsonb
LANGUAGE plpgsql
AS $$
DECLARE
  account tenfold.account;
BEGIN
  PERFORM tenfold._check_password(new_password);
  SELECT * INTO account FROM tenfold.account a WHERE a.account_id = change_password.account_id FOR NO KEY UPDATE;
  IF NOT tenfold._is_password(old_password, account.password_hash) THEN
    RAISE EXCEPTION 'the old password is wrong' USING ERRCODE = 'TF011', HINT = 'Nothing was changed.';
  END IF;
  UPDATE tenfold.account a SET password_hash = tenfold._hash_password(new_password) WHERE a.account_id = account.account_id;
  PERFORM tenfold._revoke_sessions(account.account_id, 'a new password');
  RETURN tenfold._open_session(account);
END
$$;
COMMENT ON FUNCTION tenfold.change_password IS
  'sets a new password, ends every session of the account, and opens a new one. Errors: TF011 old password, 22023 new password, TF010 no signing key';

CREATE OR REPLACE FUNCTION tenfold.delete_account(account_id uuid) RETURNS boolean
LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE tenfold.account a SET (email, password_hash, deleted_at) = (NULL, NULL, clock_timestamp())
    WHERE a.account_id = delete_account.account_id AND a.deleted_at IS NULL;
  IF FOUND THEN
    PERFORM tenfold._revoke_sessions(delete_account.account_id, 'the account was deleted');
    RETURN true;
  END IF;
  RETURN false;
END
$$;
COMMENT ON FUNCTION tenfold.delete_account IS 'erases what is personal of an account and ends its sessions; the id stays, since others'' rows name it. False: there is none';

CREATE OR REPLACE FUNCTION tenfold.grant_role(email text, role text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- operators grant, and do not read accounts
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  account tenfold.account;
BEGIN
  SELECT * INTO account FROM tenfold.account a WHERE lower(a.email) = lower(trim(grant_role.email)) FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no account has the email "%"', grant_role.email
      USING ERRCODE = 'TF013', HINT = 'SELECT * FROM tenfold.account_status; lists them.';
  END IF;
  UPDATE tenfold.account a SET role = grant_role.role WHERE a.account_id = account.account_id;
  IF pg_has_role(account.role, grant_role.role, 'MEMBER') AND account.role <> grant_role.role THEN
    PERFORM tenfold._revoke_sessions(account.account_id, 'a role was taken away');
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.grant_role FROM PUBLIC;
COMMENT ON FUNCTION tenfold.grant_role IS
  'gives an account the role tenfold_user, tenfold_merchant or tenfold_operator, from its next token on (log in, or refresh); a lower role than before ends its sessions at once. Errors: TF013 no such account, 23514 no such role';

CREATE OR REPLACE FUNCTION tenfold.purge_sessions(keep interval DEFAULT '7 days') RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
  oldest timestamptz := clock_timestamp() - tenfold._checked_keep(keep);
  purged bigint;
BEGIN
  DELETE FROM tenfold.session s WHERE s.expires_at < oldest;
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END
$$;
COMMENT ON FUNCTION tenfold.purge_sessions IS 'forgets sessions, and their tokens, that expired longer ago than keep; gives their number. Errors: 22023 keep';
