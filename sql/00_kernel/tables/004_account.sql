CREATE TABLE tenfold.account (
  account_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email text CONSTRAINT email_is_address CHECK (email ~ '^[^\s@]+@[^\s@]+$' AND length(email) <= 254),
  password_hash text,
  role text NOT NULL DEFAULT 'tenfold_user'
    CONSTRAINT role_is_known CHECK (role IN ('tenfold_user', 'tenfold_merchant', 'tenfold_operator')),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  deleted_at timestamptz,
  CONSTRAINT deleted_is_erased CHECK (
    CASE WHEN deleted_at IS NULL THEN email IS NOT NULL AND password_hash IS NOT NULL ELSE email IS NULL AND password_hash IS NULL END)
);
COMMENT ON TABLE tenfold.account IS 'who may log in. A deleted account keeps its id, and loses everything personal';
COMMENT ON COLUMN tenfold.account.account_id IS 'sub of its tokens, owner_id of what it makes';
COMMENT ON COLUMN tenfold.account.password_hash IS 'bcrypt, by pgcrypto';
CREATE UNIQUE INDEX account_email ON tenfold.account (lower(email));

CREATE TABLE tenfold.session (
  session_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  account_id uuid NOT NULL REFERENCES tenfold.account,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoked_because text,
  CONSTRAINT revoked_has_reason CHECK ((revoked_at IS NULL) = (revoked_because IS NULL))
);
COMMENT ON TABLE tenfold.session IS
  'one login and all tokens that descend from it (a token''s sid): revoked by logout, a new password, the end of the account, or a refresh token that came twice';
CREATE INDEX session_account ON tenfold.session (account_id);
CREATE INDEX session_expires ON tenfold.session (expires_at);

CREATE TABLE tenfold.refresh_token (
  token_hash bytea PRIMARY KEY CONSTRAINT hash_is_sha256 CHECK (octet_length(token_hash) = 32),
  session_id uuid NOT NULL REFERENCES tenfold.session ON DELETE CASCADE,
  issued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  used_at timestamptz
);
COMMENT ON TABLE tenfold.refresh_token IS 'good for one use, kept as SHA-256: who reads this table cannot log in';
CREATE INDEX refresh_token_session ON tenfold.refresh_token (session_id);

-- The second wall: nobody but their owner reads these, whatever is granted by mistake.
ALTER TABLE tenfold.account ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenfold.session ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenfold.refresh_token ENABLE ROW LEVEL SECURITY;
