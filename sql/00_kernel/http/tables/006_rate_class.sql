CREATE TABLE tenfold.rate_class (
  name text PRIMARY KEY CONSTRAINT name_is_word CHECK (name ~ '^[a-z][a-z0-9_]{0,39}$'),
  burst int NOT NULL CONSTRAINT burst_in_range CHECK (burst BETWEEN 1 AND 1000000),
  per_minute numeric CONSTRAINT rate_in_range CHECK (per_minute BETWEEN 0.001 AND 1000000),
  description text NOT NULL
);
COMMENT ON TABLE tenfold.rate_class IS
  'how many requests a client may send: a bucket of burst tokens, refilled at per_minute. Change the rows as you like: the next request knows';
COMMENT ON COLUMN tenfold.rate_class.per_minute IS 'NULL: unlimited';

INSERT INTO tenfold.rate_class VALUES
  ('default', 100, 100, 'a client address, over all routes of this class'),
  ('search', 100, 100, 'a client address, over the routes that search hotels'),
  ('login', 20, 20, 'a client address, over the routes that check or set passwords'),
  ('login_account', 10, 10, 'an email address, over all clients that try passwords for it');

CREATE FUNCTION tenfold._rate_class_changed() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._relation_changed(TG_RELID::bigint);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION tenfold._rate_class_changed IS 'tells every backend at commit that the classes changed';

CREATE TRIGGER rate_class_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tenfold.rate_class
  FOR EACH STATEMENT EXECUTE FUNCTION tenfold._rate_class_changed();
