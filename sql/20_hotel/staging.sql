CREATE OR REPLACE VIEW hotel.staging_check WITH (security_invoker = true) AS
  SELECT s.line, s.owner_id, s.reference, s.name, s.country, s.city, s.lat, s.lng, s.stars,
    s.rating_average, s.rating_count, s.average_price_minor, s.currency, s.amenities, CASE
    WHEN coalesce(s.reference, '') = '' OR length(s.reference) > 255 THEN 'reference must have 1 to 255 characters'
    WHEN coalesce(s.name, '') = '' OR length(s.name) > 200 THEN 'name must have 1 to 200 characters'
    WHEN s.country IS NULL OR s.country !~ '^[A-Z]{2}$' THEN format('country %L is not ISO 3166-1 alpha-2', s.country)
    WHEN s.city IS NULL OR length(s.city) > 200 THEN 'city must have at most 200 characters'
    WHEN s.lat IS NULL OR s.lat !~ E'^[-+]?[0-9]{1,2}(\\.[0-9]{1,18})?$' OR abs(s.lat::numeric) > 90 THEN format('latitude %L is not in -90 … 90', s.lat)
    WHEN s.lng IS NULL OR s.lng !~ E'^[-+]?[0-9]{1,3}(\\.[0-9]{1,18})?$' OR abs(s.lng::numeric) > 180 THEN format('longitude %L is not in -180 … 180', s.lng)
    WHEN length(s.description) > 4000 THEN 'description must have at most 4000 characters'
    WHEN length(s.address) > 500 THEN 'address must have at most 500 characters'
    WHEN s.stars !~ '^[1-5]$' THEN format('stars %L are not in 1 … 5', s.stars)
    WHEN s.rating_average !~ E'^([0-4](\\.[0-9]{1,9})?|5(\\.0{1,9})?)$' THEN format('rating average %L is not in 0 … 5', s.rating_average)
    WHEN s.rating_count !~ '^[0-9]{1,9}$' THEN format('rating count %L is no count', s.rating_count)
    WHEN s.average_price_minor !~ '^[0-9]{1,15}$' THEN format('average price %L is not in minor units', s.average_price_minor)
    WHEN s.average_price_minor IS NOT NULL AND s.currency IS NULL THEN 'a price needs a currency'
    WHEN s.currency !~ '^[A-Z]{3}$' THEN format('currency %L is not ISO 4217', s.currency)
    WHEN s.amenities !~ E'^\\{([a-z0-9_]+(,[a-z0-9_]+)*)?\\}$' THEN format('amenities %L are not of the form {wifi,pool}', s.amenities)
    WHEN s.amenities ~ '[{,]null[,}]' THEN format('amenities %L name NULL', s.amenities)
    WHEN tenfold._hotel_unknown_amenity(s.amenities::text[]) IS NOT NULL
      THEN format('amenity %L is unknown', tenfold._hotel_unknown_amenity(s.amenities::text[]))
  END AS problem, s.description, s.address
  FROM hotel.staging s;
COMMENT ON VIEW hotel.staging_check IS 'the rows of hotel.staging, each with what is wrong with it (NULL: nothing)';

-- The body is text: pg_dump spells out a comparison of rows in another way each time it goes through.
CREATE OR REPLACE FUNCTION hotel._load_lines(
  lines bigint[], OUT taken bigint, OUT added bigint, OUT updated bigint, OUT unchanged bigint, OUT rejected bigint)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  WITH batch AS MATERIALIZED (
    SELECT c.* FROM hotel.staging_check c WHERE c.line = ANY (lines)
  ), gone AS (
    DELETE FROM hotel.staging s USING batch b WHERE s.line = b.line
  ), refused AS (
    INSERT INTO hotel.staging_rejected (line, owner_id, reference, name, country, city, lat, lng, stars,
        rating_average, rating_count, average_price_minor, currency, amenities, problem, description, address)
    SELECT b.* FROM batch b WHERE b.problem IS NOT NULL RETURNING 1
  ), wanted AS (
    -- The same hotel twice in a batch: the later line is the newer one.
    SELECT DISTINCT ON (b.owner_id, b.reference, b.country) b.owner_id, b.reference, b.country, b.name, b.city,
      b.lat::numeric(9, 7) AS lat, b.lng::numeric(10, 7) AS lng, b.stars::smallint AS stars,
      b.rating_average::numeric(3, 2) AS rating_average, coalesce(b.rating_count::int, 0) AS rating_count,
      b.average_price_minor::bigint AS average_price_minor, b.currency,
      hotel.price_range_of(b.average_price_minor::bigint, b.currency) AS price_range,
      tenfold._hotel_amenity_mask(coalesce(b.amenities, '{}')::text[]) AS amenities, b.description, b.address
    FROM batch b WHERE b.problem IS NULL ORDER BY b.owner_id, b.reference, b.country, b.line DESC
  ), written AS (
    INSERT INTO hotel.hotel AS h (owner_id, reference, country, name, city, lat, lng, stars, rating_average, rating_count,
      average_price_minor, currency, price_range, amenities, description, address)
    -- Neighbours on the map become neighbours in the heap.
    SELECT w.* FROM wanted w ORDER BY tenfold._geo_place_key(w.lat, w.lng)
    ON CONFLICT (owner_id, reference, country) DO UPDATE SET
      (name, city, lat, lng, stars, rating_average, rating_count, average_price_minor, currency, price_range, amenities,
       description, address, version, updated_at, removed_at) =
      (excluded.name, excluded.city, excluded.lat, excluded.lng, excluded.stars, excluded.rating_average, excluded.rating_count,
       excluded.average_price_minor, excluded.currency, excluded.price_range, excluded.amenities,
       excluded.description, excluded.address, h.version + 1, clock_timestamp(), NULL)
    WHERE (h.name, h.city, h.lat, h.lng, h.stars, h.rating_average, h.rating_count, h.average_price_minor, h.currency, h.price_range, h.amenities,
        h.description, h.address, h.removed_at)
      IS DISTINCT FROM (excluded.name, excluded.city, excluded.lat, excluded.lng, excluded.stars, excluded.rating_average,
        excluded.rating_count, excluded.average_price_minor, excluded.currency, excluded.price_range, excluded.amenities,
        excluded.description, excluded.address, NULL)
    RETURNING h.version = 1 AS is_new
  ), touched AS (
    SELECT hotel._touch(VARIADIC array_agg(DISTINCT w.country)) FROM wanted w HAVING count(*) > 0
  )
  SELECT t.n, w.added, w.updated, t.n - r.n - w.added - w.updated, r.n
  FROM (SELECT count(*) FROM batch LEFT JOIN touched ON true) AS t(n), (SELECT count(*) FROM refused) AS r(n),
    (SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM written) AS w(added, updated);
$$;
COMMENT ON FUNCTION hotel._load_lines IS 'moves these lines of hotel.staging into hotel.hotel, or into hotel.staging_rejected what staging_check finds wrong';

CREATE OR REPLACE FUNCTION hotel._reject_line(wanted bigint, why text) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  WITH gone AS (DELETE FROM hotel.staging s WHERE s.line = wanted RETURNING s.*)
  INSERT INTO hotel.staging_rejected (line, owner_id, reference, name, country, city, lat, lng, stars,
    rating_average, rating_count, average_price_minor, currency, amenities, description, address, problem)
  SELECT g.*, why FROM gone g
$$;
COMMENT ON FUNCTION hotel._reject_line IS 'rejects a line for what the table said of it';

-- What staging_check does not foresee (a constraint or trigger of yours, say) is found by halves, the earlier lines first.
CREATE OR REPLACE FUNCTION hotel._load_isolated(
  lines bigint[], OUT taken bigint, OUT added bigint, OUT updated bigint, OUT unchanged bigint, OUT rejected bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  half int := cardinality(lines) / 2;
  first record;
BEGIN
  SELECT l.* INTO taken, added, updated, unchanged, rejected FROM hotel._load_lines(lines) l;
EXCEPTION WHEN OTHERS THEN
  IF tenfold._is_our_fault(SQLSTATE) THEN
    RAISE;
  ELSIF half > 0 THEN
    SELECT l.* INTO first FROM hotel._load_isolated(lines[:half]) l;
    SELECT first.taken + l.taken, first.added + l.added, first.updated + l.updated, first.unchanged + l.unchanged, first.rejected + l.rejected
      INTO taken, added, updated, unchanged, rejected FROM hotel._load_isolated(lines[half + 1:]) l;
  ELSE
    PERFORM hotel._reject_line(lines[1], format('%s (%s)', SQLERRM, SQLSTATE));
    SELECT 1, 0, 0, 0, 1 INTO taken, added, updated, unchanged, rejected;
  END IF;
END
$$;
COMMENT ON FUNCTION hotel._load_isolated IS '_load_lines(), but a line that the table refuses is rejected, and stops no other';

CREATE OR REPLACE FUNCTION hotel.load_batch(
  max_rows int DEFAULT 50000, OUT taken bigint, OUT added bigint, OUT updated bigint, OUT unchanged bigint, OUT rejected bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._in_range('max_rows', max_rows, 1, 1000000);
  SELECT l.* INTO taken, added, updated, unchanged, rejected FROM hotel._load_isolated(ARRAY(
    SELECT s.line FROM hotel.staging s ORDER BY s.line LIMIT max_rows FOR UPDATE SKIP LOCKED)) l;
END
$$;
COMMENT ON FUNCTION hotel.load_batch IS
  'moves the next rows of hotel.staging into hotel.hotel, by owner, reference and country: adds, updates, leaves unchanged, or rejects into hotel.staging_rejected, each with its problem. Several may run at once. Errors: 22023 max_rows';

CREATE OR REPLACE PROCEDURE hotel.load_staging(batch_rows int DEFAULT 200000)
LANGUAGE plpgsql
AS $$
DECLARE
  batch record;
  total bigint := (SELECT count(*) FROM hotel.staging);
  done bigint := 0;
  refused bigint := 0;
BEGIN
  LOOP
    SELECT * INTO batch FROM hotel.load_batch(batch_rows);
    EXIT WHEN batch.taken = 0;
    COMMIT;
    done := done + batch.taken;
    refused := refused + batch.rejected;
    RAISE NOTICE '% of % hotels loaded (% %%), % rejected', done, total, done * 100 / greatest(total, 1), refused;
  END LOOP;
END
$$;
COMMENT ON PROCEDURE hotel.load_staging IS 'loads all of hotel.staging, batch by batch with a commit and a progress line after each. A larger batch puts more neighbours on the map side by side in the heap';

CREATE OR REPLACE FUNCTION hotel.purge_rejected(keep interval DEFAULT '30 days') RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  oldest timestamptz := clock_timestamp() - tenfold._checked_keep(keep);
  purged bigint;
BEGIN
  DELETE FROM hotel.staging_rejected r WHERE r.rejected_at < oldest;
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END
$$;
COMMENT ON FUNCTION hotel.purge_rejected IS 'forgets rows that were rejected longer ago than keep; gives their number. Errors: 22023 keep';
