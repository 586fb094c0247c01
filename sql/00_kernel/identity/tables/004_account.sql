CREATE TABLE tenfold.account (
  account_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email text CONSTRAINT email_is_address CHECK (email ~ '^[^[:space:]@]+@[^[:space:]@]+$' AND length(email) <= 254),
  role text NOT NULL DEFAULT 'tenfold_user'
    CONSTRAINT role_is_known CHECK (role IN ('tenfold_user', 'tenfold_merchant', 'tenfold_operator')),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  deleted_at timestamptz,
  CONSTRAINT deleted_is_erased CHECK ((deleted_at IS NULL) = (email IS NOT NULL))
);
COMMENT ON TABLE tenfold.account IS 'who may log in. A deleted account keeps its id, and loses everything personal';
COMMENT ON COLUMN tenfold.account.account_id IS 'sub of its tokens, owner_id of what it makes';
CREATE UNIQUE INDEX account_email ON tenfold.account (lower(email COLLATE "C"));

-- A table of its own, without a rule that could fail: an error of a constraint shows the row, and the log keeps it.
CREATE TABLE tenfold.account_password (
  account_id uuid PRIMARY KEY REFERENCES tenfold.account,
  password_hash text NOT NULL,
  cost int GENERATED ALWAYS AS (substring(password_hash FROM '^[$]2[a-z]?[$]([0-9]{2})[$]')::int) STORED
);
COMMENT ON TABLE tenfold.account_password IS 'the passwords of accounts, as bcrypt: one for each that was not deleted';
CREATE INDEX account_password_cost ON tenfold.account_password (cost);

CREATE TABLE tenfold.session (
  session_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  account_id uuid NOT NULL REFERENCES tenfold.account,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoked_because text,
  client_hash bytea,
  CONSTRAINT revoked_has_reason CHECK ((revoked_at IS NULL) = (revoked_because IS NULL))
);
COMMENT ON TABLE tenfold.session IS
  'one login and all tokens that descend from it (a token''s sid): revoked by logout, a new password, the end of the account, or a refresh token that came twice';
COMMENT ON COLUMN tenfold.session.client_hash IS
  'SHA-256 of account and the client''s network: who logged in from there before is not shut out while strangers try passwords';
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
ALTER TABLE tenfold.account_password ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenfold.session ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenfold.refresh_token ENABLE ROW LEVEL SECURITY;
