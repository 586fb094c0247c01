CREATE OR REPLACE FUNCTION payment.create_merchant(name text) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER  -- operators make merchants, and write no table
SET search_path = pg_catalog, pg_temp
AS $$ INSERT INTO payment.merchant (name) VALUES ($1) RETURNING merchant_id $$;
REVOKE EXECUTE ON FUNCTION payment.create_merchant FROM PUBLIC;
COMMENT ON FUNCTION payment.create_merchant IS 'makes a merchant and gives its id. Errors: 23502, 23514 a name of 1 to 200 characters';

CREATE OR REPLACE FUNCTION payment.add_member(merchant_id bigint, account_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- as create_merchant
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM payment.merchant m WHERE m.merchant_id = $1) THEN
    RAISE EXCEPTION 'merchant % does not exist', coalesce($1::text, 'NULL') USING ERRCODE = 'TFP09', HINT = 'SELECT payment.create_merchant(name) makes one.';
  ELSIF NOT EXISTS (SELECT FROM tenfold.account a WHERE a.account_id = $2 AND a.deleted_at IS NULL) THEN
    RAISE EXCEPTION 'account % does not exist', coalesce($2::text, 'NULL') USING ERRCODE = 'TF013', HINT = 'It registers first.';
  END IF;
  INSERT INTO payment.merchant_member AS m (account_id, merchant_id) VALUES ($2, $1)
    ON CONFLICT ON CONSTRAINT merchant_member_pkey DO UPDATE SET merchant_id = excluded.merchant_id, added_at = clock_timestamp();
END
$$;
REVOKE EXECUTE ON FUNCTION payment.add_member FROM PUBLIC;
COMMENT ON FUNCTION payment.add_member IS
  'lets an account act for this merchant, and for no other any more. It needs the role tenfold_merchant, too. Errors: TFP09 no such merchant, TF013 no such account';

CREATE OR REPLACE FUNCTION payment.remove_member(account_id uuid) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER  -- as create_merchant
SET search_path = pg_catalog, pg_temp
AS $$ WITH gone AS (DELETE FROM payment.merchant_member m WHERE m.account_id = $1 RETURNING 1) SELECT EXISTS (SELECT FROM gone) $$;
REVOKE EXECUTE ON FUNCTION payment.remove_member FROM PUBLIC;
COMMENT ON FUNCTION payment.remove_member IS 'the account acts for no merchant any more; gives whether it did';

CREATE OR REPLACE FUNCTION payment._own_merchant() RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  own bigint := (SELECT m.merchant_id FROM payment.merchant_member m WHERE m.account_id = tenfold.current_subject());
BEGIN
  IF own IS NULL THEN
    PERFORM tenfold.raise_http('TFP15', 'this account acts for no merchant', hint => 'An operator adds it: payment.add_member(merchant_id, account_id).');
  END IF;
  RETURN own;
END
$$;
COMMENT ON FUNCTION payment._own_merchant IS 'the merchant for whom the token''s account acts. Errors: TFP15 (403) none';

-- A server's token: a session of its own, so that it can be revoked alone.
CREATE OR REPLACE FUNCTION payment.issue_token(account_id uuid, life interval DEFAULT '1 year', OUT token text, OUT session_id uuid)
LANGUAGE plpgsql SECURITY DEFINER  -- operators sign nothing themselves
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  ends timestamptz := clock_timestamp() + tenfold._in_range('life', life, interval '1 min', interval '3 years');
BEGIN
  IF NOT EXISTS (SELECT FROM payment.merchant_member m JOIN tenfold.account a USING (account_id)
                 WHERE m.account_id = $1 AND a.deleted_at IS NULL AND a.role = 'tenfold_merchant') THEN
    RAISE EXCEPTION 'account % acts for no merchant', coalesce($1::text, 'NULL')
      USING ERRCODE = 'TFP15', HINT = 'It needs payment.add_member() and the role tenfold_merchant: tenfold.grant_role().';
  END IF;
  INSERT INTO tenfold.session AS s (account_id, expires_at) VALUES ($1, ends) RETURNING s.session_id INTO issue_token.session_id;
  token := tenfold._sign_jwt(json_build_object('iss', tenfold._setting('jwt_issuer'), 'aud', tenfold._setting('jwt_audience'), 'sub', $1, 'sid', session_id,
    'role', 'tenfold_merchant', 'iat', floor(extract(epoch FROM clock_timestamp())), 'exp', floor(extract(epoch FROM ends)))::text);
END
$$;
REVOKE EXECUTE ON FUNCTION payment.issue_token FROM PUBLIC;
COMMENT ON FUNCTION payment.issue_token IS
  'a token for a merchant''s own server, shown once. It ends with its session: payment.revoke_token(session_id). Errors: TFP15 no merchant''s account, 22023 life, TF010 no signing key';

CREATE OR REPLACE FUNCTION payment.revoke_token(session_id uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER  -- as issue_token
SET search_path = pg_catalog, pg_temp
AS $$ SELECT tenfold._revoke_session($1, 'revoked by an operator') $$;
REVOKE EXECUTE ON FUNCTION payment.revoke_token FROM PUBLIC;
COMMENT ON FUNCTION payment.revoke_token IS 'the token of this session is good no more';
