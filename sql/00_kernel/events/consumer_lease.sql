-- Who may read for which consumer: instances (processes) share them by leases. A heartbeat changes the row of its
-- instance; the row of a consumer changes only when it is given on.

CREATE OR REPLACE FUNCTION tenfold._refuse_unknown_consumers(names text[]) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._consumer(n.name) FROM unnest(names) AS n(name) WHERE NOT EXISTS (SELECT FROM tenfold.consumer c WHERE c.name = n.name);
END
$$;
COMMENT ON FUNCTION tenfold._refuse_unknown_consumers IS 'raises TF052 if one of them does not exist';

CREATE OR REPLACE FUNCTION tenfold._consumer_share(instance text, names text[]) RETURNS int
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT ceil(cardinality(_consumer_share.names)::numeric / count(*))::int FROM tenfold.consumer_instance i
  WHERE i.instance = _consumer_share.instance OR (i.expires_at > clock_timestamp() AND i.names && _consumer_share.names)
$$;
COMMENT ON FUNCTION tenfold._consumer_share IS 'how many of the named consumers an instance may keep, beside the others that live and want some of them';

-- Rows that a batch has locked just now are left for the next time.
CREATE OR REPLACE FUNCTION tenfold._give_up_consumers(instance text, names text[], share int) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE tenfold.consumer c SET owner = NULL WHERE c.consumer_id = ANY (ARRAY(
    SELECT o.consumer_id FROM tenfold.consumer o WHERE o.owner = instance AND (o.name <> ALL (names) OR o.consumer_id NOT IN (
      SELECT k.consumer_id FROM tenfold.consumer k WHERE k.owner = instance AND k.name = ANY (names) ORDER BY k.epoch LIMIT share))
    FOR NO KEY UPDATE SKIP LOCKED))
$$;
COMMENT ON FUNCTION tenfold._give_up_consumers IS 'frees those of an instance that it no longer wants, and the latest above its share';

CREATE OR REPLACE FUNCTION tenfold._take_consumers(instance text, names text[], share int) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE tenfold.consumer c SET owner = instance, epoch = nextval('tenfold.consumer_epoch') WHERE c.consumer_id = ANY (ARRAY(
    SELECT f.consumer_id FROM tenfold.consumer f
    WHERE f.name = ANY (names) AND f.owner IS DISTINCT FROM instance
      AND NOT EXISTS (SELECT FROM tenfold.consumer_instance i WHERE i.instance = f.owner AND i.expires_at > clock_timestamp())
    ORDER BY f.consumer_id LIMIT greatest(0, share - (SELECT count(*) FROM tenfold.consumer k WHERE k.owner = instance AND k.name = ANY (names)))
    FOR NO KEY UPDATE SKIP LOCKED))
$$;
COMMENT ON FUNCTION tenfold._take_consumers IS 'takes those that are free, or whose instance is dead, up to the share';

CREATE OR REPLACE FUNCTION tenfold.acquire_consumers(instance text, names text[], lease interval DEFAULT '30 seconds', OUT consumer text, OUT epoch bigint) RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER  -- workers take leases, and write no table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  share int;
BEGIN
  PERFORM tenfold._refuse_old_snapshot(), tenfold._check_lists('names', names), tenfold._refuse_unknown_consumers(names);
  PERFORM tenfold._in_range('lease', lease, '1 second', interval '1 day');
  INSERT INTO tenfold.consumer_instance AS i VALUES (acquire_consumers.instance, acquire_consumers.names, clock_timestamp() + lease)
    ON CONFLICT ON CONSTRAINT consumer_instance_pkey DO UPDATE SET names = excluded.names, expires_at = excluded.expires_at;
  share := tenfold._consumer_share(instance, names);
  PERFORM tenfold._give_up_consumers(instance, names, share), tenfold._take_consumers(instance, names, share);
  RETURN QUERY SELECT c.name, c.epoch FROM tenfold.consumer c WHERE c.owner = acquire_consumers.instance AND c.name = ANY (names) ORDER BY 1;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.acquire_consumers FROM PUBLIC;
COMMENT ON FUNCTION tenfold.acquire_consumers IS
  'the heartbeat of an instance, and what it may read: of the named consumers it keeps its own, takes free ones and those of instances whose lease is over, and frees what is above ceil(n / living instances that name some of them). Ask each third of the lease; whatever is no longer in the answer is another''s. '
  'An instance''s name must never come again after a restart. Errors: TF052 unknown consumer, 22023 the lease, 23514 an instance''s name, 25001 not READ COMMITTED';

CREATE OR REPLACE FUNCTION tenfold.release_consumers(instance text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER  -- as acquire_consumers
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE tenfold.consumer c SET owner = NULL WHERE c.owner = release_consumers.instance;
  DELETE FROM tenfold.consumer_instance i WHERE i.instance = release_consumers.instance;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold.release_consumers FROM PUBLIC;
COMMENT ON FUNCTION tenfold.release_consumers IS 'frees every consumer of an instance, at its end; waits for its batches under way';
