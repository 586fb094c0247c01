-- Accounts, passwords, tokens. Nobody but tenfold_owner calls these: over HTTP their sisters in api.sql do.

-- Whatever is wrong is told before the write: an error of a constraint shows the whole row, over HTTP and in the log.
CREATE OR REPLACE FUNCTION tenfold._check_password(password text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF (length(password) >= 8 AND octet_length(password) <= 72) IS NOT TRUE THEN
    RAISE EXCEPTION 'a password has 8 characters or more, and at most 72 bytes'
      USING ERRCODE = '22023', HINT = 'bcrypt reads 72 bytes; what is longer would count for nothing.';
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._check_password IS 'raises 22023 for a password that is too short, or that bcrypt would cut';

CREATE OR REPLACE FUNCTION tenfold._email(typed text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN normalize(trim(typed), NFC);
COMMENT ON FUNCTION tenfold._email IS 'an email as it is kept: without spaces around it, in one of the ways Unicode has to write it';

-- In "C", since a Turkish database has another idea of lower('I').
CREATE OR REPLACE FUNCTION tenfold._email_key(typed text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(tenfold._email(typed) COLLATE "C");
COMMENT ON FUNCTION tenfold._email_key IS 'by what an email is found: A to Z have no case';

-- Spaces of all kinds, control characters, and what has no width: with them one address looks like many, or like another's.
CREATE OR REPLACE FUNCTION tenfold._check_email(email text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF (email ~ '^[^@]+@[^@]+$' AND length(email) <= 254 AND email !~ (E'[\u0001-\u0020\u007F-\u00A0\u00AD\u034F\u061C'
      || E'\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\u3164'
      || E'\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0000-\U000E0FFF]')) IS NOT TRUE THEN
    RAISE EXCEPTION 'the email is no address'
      USING ERRCODE = '23514', HINT = 'NAME@DOMAIN of at most 254 characters, without spaces, control characters or characters of no width.';
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._check_email IS 'raises 23514 unless it is an address that can be seen as it is';

-- pgcrypto may live in any schema: these bodies are bound to it when they are declared.
CREATE OR REPLACE FUNCTION tenfold._bcrypt(password text, salt text) RETURNS text
LANGUAGE sql VOLATILE
RETURN @pgcrypto@.crypt(password, salt);
COMMENT ON FUNCTION tenfold._bcrypt IS 'bcrypt; salt may be a hash';

CREATE OR REPLACE FUNCTION tenfold._new_salt(cost int) RETURNS text
LANGUAGE sql VOLATILE
RETURN @pgcrypto@.gen_salt('bf'::text, cost);
COMMENT ON FUNCTION tenfold._new_salt IS 'a salt for bcrypt of 2^cost rounds';

CREATE OR REPLACE FUNCTION tenfold._random_token() RETURNS text
LANGUAGE sql VOLATILE
RETURN encode(@pgcrypto@.gen_random_bytes(32), 'hex');
COMMENT ON FUNCTION tenfold._random_token IS '256 random bits as text';

CREATE OR REPLACE FUNCTION tenfold._hash_password(password text) RETURNS text
LANGUAGE sql VOLATILE
RETURN tenfold._bcrypt(password, tenfold._new_salt(tenfold._setting('bcrypt_cost')::int));
COMMENT ON FUNCTION tenfold._hash_password IS 'bcrypt with 2^tenfold.bcrypt_cost rounds';

CREATE OR REPLACE FUNCTION tenfold._cost_of(hash text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN substring(hash FROM '^[$]2[a-z]?[$]([0-9]{2})[$]')::int;
COMMENT ON FUNCTION tenfold._cost_of IS 'the cost of a bcrypt; NULL: it is none';

-- Time must not tell an unknown email from a wrong password. So each costs as many rounds as the costliest hash has: who is
-- unknown, all at once; a hash of a lower cost (bcrypt_cost was raised), its own and then the rest, 2^c + 2^c + 2^(c+1) + ….
-- What is longer than bcrypt reads is wrong.
CREATE OR REPLACE FUNCTION tenfold._is_password(password text, hash text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  highest int := greatest(tenfold._setting('bcrypt_cost')::int, (SELECT max(p.cost) FROM tenfold.account_password p));
  is_right boolean;
BEGIN
  IF (octet_length(password) <= 72) IS NOT TRUE THEN
    RETURN false;
  END IF;
  is_right := tenfold._bcrypt(password, coalesce(hash, tenfold._new_salt(highest))) = hash;
  FOR cost IN coalesce(tenfold._cost_of(hash), highest) .. highest - 1 LOOP
    PERFORM tenfold._bcrypt(password, tenfold._new_salt(cost));
  END LOOP;
  RETURN coalesce(is_right, false);
END
$$;
COMMENT ON FUNCTION tenfold._is_password IS 'whether bcrypt gives this hash; no password gives none';

CREATE OR REPLACE FUNCTION tenfold.register_account(email text, password text) RETURNS uuid
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  wanted text := tenfold._email(register_account.email);
  hash text;
  registered uuid;
BEGIN
  PERFORM tenfold._check_email(wanted);
  PERFORM tenfold._check_password(password);
  hash := tenfold._hash_password(password);
  INSERT INTO tenfold.account AS a (email) VALUES (wanted)
    ON CONFLICT (lower(a.email COLLATE "C")) DO NOTHING RETURNING a.account_id INTO registered;
  IF registered IS NULL THEN
    RAISE EXCEPTION 'an account with this email exists' USING ERRCODE = '23505', HINT = 'Log in, or choose another email.';
  END IF;
  INSERT INTO tenfold.account_password (account_id, password_hash) VALUES (registered, hash);
  RETURN registered;
END
$$;
COMMENT ON FUNCTION tenfold.register_account IS
  'makes an account of role tenfold_user and gives its id. Errors: 22023 password, 23514 email, 23505 the email has an account';

CREATE OR REPLACE FUNCTION tenfold._password_hash(account_id uuid) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT p.password_hash FROM tenfold.account_password p WHERE p.account_id = _password_hash.account_id;
END;
COMMENT ON FUNCTION tenfold._password_hash IS 'the bcrypt of an account''s password';

-- bcrypt takes its time, and the account may change meanwhile. So what was found is looked at again under a lock that a new
-- password, another role and the end of the account wait for: they end the session that is opened here, or were seen here.
CREATE OR REPLACE FUNCTION tenfold.log_in(email text, password text) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  found_id uuid := (SELECT a.account_id FROM tenfold.account a WHERE lower(a.email COLLATE "C") = tenfold._email_key(log_in.email));
  hash text := tenfold._password_hash(found_id);
  is_right boolean := tenfold._is_password(password, hash);
  account tenfold.account;
BEGIN
  IF is_right THEN
    SELECT * INTO account FROM tenfold.account a WHERE a.account_id = found_id FOR SHARE;
    IF tenfold._password_hash(found_id) IS DISTINCT FROM hash THEN
      hash := tenfold._password_hash(found_id);
      is_right := tenfold._is_password(password, hash);
    END IF;
  END IF;
  IF NOT is_right THEN
    RAISE EXCEPTION 'unknown email or wrong password' USING ERRCODE = 'TF011', HINT = 'POST /register makes an account.';
  END IF;
  IF tenfold._cost_of(hash) <> tenfold._setting('bcrypt_cost')::int THEN
    UPDATE tenfold.account_password p SET password_hash = tenfold._hash_password(password) WHERE p.account_id = found_id;
  END IF;
  RETURN tenfold._open_session(account);
END
$$;
COMMENT ON FUNCTION tenfold.log_in IS
  'opens a session and gives its first tokens {access_token, token_type, expires_in, refresh_token, role}. Errors: TF011 email or password, TF010 no signing key';

CREATE OR REPLACE FUNCTION tenfold._open_session(account tenfold.account) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  session tenfold.session;
BEGIN
  INSERT INTO tenfold.session AS s (account_id, expires_at, client_hash)
    VALUES (account.account_id, clock_timestamp() + tenfold._setting('refresh_token_life')::interval, tenfold._client_hash(account.account_id))
    RETURNING * INTO session;
  RETURN tenfold._issue_tokens(account, session);
END
$$;
COMMENT ON FUNCTION tenfold._open_session IS 'a new session and its first tokens';

CREATE OR REPLACE FUNCTION tenfold._issue_tokens(account tenfold.account, session tenfold.session) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
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
SET search_path = pg_catalog, pg_temp
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
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  account tenfold.account;
BEGIN
  PERFORM tenfold._check_password(new_password);
  SELECT * INTO account FROM tenfold.account a WHERE a.account_id = change_password.account_id FOR NO KEY UPDATE;
  IF NOT tenfold._is_password(old_password, tenfold._password_hash(account.account_id)) THEN
    RAISE EXCEPTION 'the old password is wrong' USING ERRCODE = 'TF011', HINT = 'Nothing was changed.';
  END IF;
  UPDATE tenfold.account_password p SET password_hash = tenfold._hash_password(new_password) WHERE p.account_id = account.account_id;
  PERFORM tenfold._revoke_sessions(account.account_id, 'a new password');
  RETURN tenfold._open_session(account);
END
$$;
COMMENT ON FUNCTION tenfold.change_password IS
  'sets a new password, ends every session of the account, and opens a new one. Errors: TF011 old password, 22023 new password, TF010 no signing key';

CREATE OR REPLACE FUNCTION tenfold.delete_account(account_id uuid) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE tenfold.account a SET (email, deleted_at) = (NULL, clock_timestamp())
    WHERE a.account_id = delete_account.account_id AND a.deleted_at IS NULL;
  IF FOUND THEN
    DELETE FROM tenfold.account_password p WHERE p.account_id = delete_account.account_id;
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
  IF (grant_role.role IN ('tenfold_user', 'tenfold_merchant', 'tenfold_operator')) IS NOT TRUE THEN
    RAISE EXCEPTION 'no account can have the role "%"', coalesce(grant_role.role, 'NULL')
      USING ERRCODE = '23514', HINT = 'One of tenfold_user, tenfold_merchant, tenfold_operator.';
  END IF;
  SELECT * INTO account FROM tenfold.account a WHERE lower(a.email COLLATE "C") = tenfold._email_key(grant_role.email) FOR NO KEY UPDATE;
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
SET search_path = pg_catalog, pg_temp
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
