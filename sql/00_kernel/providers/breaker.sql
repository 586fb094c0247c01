-- The breakers live in shared memory: a rollback does not take back what was seen of a provider. SECURITY DEFINER:
-- workers have no right on the tables.
CREATE OR REPLACE FUNCTION tenfold.breaker_acquire(
  provider text, OUT permitted boolean, OUT permit bigint, OUT retry_after double precision)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  SELECT a.permitted, a.permit, a.retry_after INTO permitted, permit, retry_after FROM tenfold._breaker_acquire(provider) a;
  PERFORM tenfold._write_breaker_events(provider);
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.breaker_acquire FROM PUBLIC;
COMMENT ON FUNCTION tenfold.breaker_acquire IS
  'whether the breaker of this provider lets a call pass. Of a half-open one the permit is a lease, good for permit_life: report it, else it is given to another. Errors: TF040 unknown provider, TF008 not preloaded';

CREATE OR REPLACE FUNCTION tenfold.breaker_report(provider text, permit bigint, outcome text, took interval DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  became text := tenfold._breaker_report(provider, permit, outcome, extract(epoch FROM took)::float8);
BEGIN
  PERFORM tenfold._write_breaker_events(provider);
  RETURN became;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.breaker_report FROM PUBLIC;
COMMENT ON FUNCTION tenfold.breaker_report IS
  'how a permitted call went: success (slow if it took slow_after or longer), failure, slow, or neutral where it says nothing of the provider. Gives open or closed if the breaker became that by it, else NULL. A report on a permit from before the last change, or a second one on a try, counts nothing. Errors: TF040 unknown provider, 22023 unknown outcome, 22004 no permit, TF008 not preloaded';

-- Who may not write leaves them to the next.
CREATE OR REPLACE FUNCTION tenfold._write_breaker_events(provider text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF current_setting('transaction_read_only') = 'off' THEN
    INSERT INTO tenfold.breaker_event (provider, at, state, reason, calls, failures, slow, open_for)
      SELECT provider, c.at, c.state, c.reason, c.calls, c.failures, c.slow, make_interval(secs => c.open_for_s)
      FROM tenfold._breaker_claim_changes(provider) c;
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._write_breaker_events IS
  'writes the trips and closes that are not rows yet. If the transaction rolls back, they are so again, and the next caller writes them';

CREATE OR REPLACE FUNCTION tenfold.purge_breaker_events(keep interval DEFAULT '90 days') RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  oldest timestamptz := clock_timestamp() - tenfold._checked_keep(keep);
  purged bigint;
BEGIN
  DELETE FROM tenfold.breaker_event e WHERE e.at < oldest;
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END
$$;
COMMENT ON FUNCTION tenfold.purge_breaker_events IS 'forgets trips and closes older than keep; gives their number. Errors: 22023 keep';
