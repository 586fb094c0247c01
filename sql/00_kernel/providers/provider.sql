CREATE OR REPLACE FUNCTION tenfold.create_provider(
  name text, quota_per_day int DEFAULT NULL, time_zone text DEFAULT 'UTC', spacing_per_minute numeric DEFAULT NULL,
  spacing_burst int DEFAULT 1) RETURNS int
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  INSERT INTO tenfold.provider (name, quota_per_day, time_zone, spacing_per_minute, spacing_burst)
  VALUES (create_provider.name, create_provider.quota_per_day, create_provider.time_zone, create_provider.spacing_per_minute, create_provider.spacing_burst)
  RETURNING provider_id;
END;
COMMENT ON FUNCTION tenfold.create_provider IS
  'makes a provider and gives its id; what else may be set are columns of its row. Errors: 23505 the name is taken, 23514 a value out of range, 22023 unknown time zone';

-- Also where logical replication applies the rows.
ALTER TABLE tenfold.provider ENABLE ALWAYS TRIGGER provider_changed;

CREATE OR REPLACE FUNCTION tenfold._find_provider(name text) RETURNS tenfold.provider
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  found tenfold.provider;
BEGIN
  SELECT * INTO found FROM tenfold.provider p WHERE p.name = _find_provider.name;
  IF found.provider_id IS NULL THEN
    RAISE EXCEPTION 'unknown provider "%"', name
      USING ERRCODE = 'TF040', HINT = 'SELECT tenfold.create_provider(…) makes one; tenfold.provider lists them.';
  END IF;
  RETURN found;
END
$$;
COMMENT ON FUNCTION tenfold._find_provider IS 'the row of this name. Error: TF040 unknown provider';

-- SECURITY DEFINER: workers have no right on the tables.
CREATE OR REPLACE FUNCTION tenfold.call_permit(
  provider text, OUT permitted boolean, OUT permit bigint, OUT reason text, OUT retry_after double precision)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  asked tenfold.provider := tenfold._find_provider(provider);
  began timestamptz := clock_timestamp();
  wants_block boolean;
BEGIN
  SELECT c.permitted, c.permit, c.reason, c.retry_after, c.wants_block INTO permitted, permit, reason, retry_after, wants_block
    FROM tenfold._call_permit(provider, tenfold._provider_day(asked.time_zone, began)) c;
  IF wants_block AND NOT tenfold._reserve_block(asked, tenfold._provider_day(asked.time_zone, began), 1) THEN
    PERFORM tenfold._breaker_report(provider, permit, 'neutral', NULL);
    permitted := false;
    permit := NULL;
    reason := 'quota';
    retry_after := tenfold._until_next_day(asked.time_zone, began);
  END IF;
  PERFORM tenfold._write_breaker_events(provider);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.call_permit FROM PUBLIC;
COMMENT ON FUNCTION tenfold.call_permit IS
  'whether this provider may be called now: its breaker lets it pass, its spacing does, and a call of its day is reserved. Commit, then call, then breaker_report() with the permit. Else reason (open, quota, spacing) and the seconds after which it is worth to ask again. Errors: TF040 unknown provider, TF008 not preloaded, 25006 a call must be reserved and the transaction is read-only, 40001 at REPEATABLE READ';
