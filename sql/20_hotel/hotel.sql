-- In plpgsql, which keeps its plans: a body in SQL is planned anew by every statement that calls it.
CREATE OR REPLACE FUNCTION hotel.price_range_of(average_price_minor bigint, currency text) RETURNS smallint
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN (SELECT width_bucket(average_price_minor, b.upper_minor) + 1 FROM hotel.price_band b WHERE b.currency = price_range_of.currency);
END
$$;
COMMENT ON FUNCTION hotel.price_range_of IS '1 ($) to 4 ($$$$) by hotel.price_band; NULL for a currency without bands';

CREATE OR REPLACE FUNCTION hotel.amenity_codes(mask bigint) RETURNS text[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT coalesce(array_agg(a.code ORDER BY a.bit), '{}') FROM hotel.amenity a WHERE mask >> a.bit & 1 = 1;
END;
COMMENT ON FUNCTION hotel.amenity_codes IS 'the amenities of a mask, in the order of their bits';

-- Made with the table, once.
ALTER FUNCTION hotel._amenity_changed() SET search_path = pg_catalog, pg_temp;

-- Types and CHECKs would refuse these as well, but without naming the value. A numeric may be too large or too small for a double,
-- which is an error that quotes all of its digits: so first to the grid's, and not further out than anyone needs to read.
CREATE OR REPLACE FUNCTION hotel._checked_lat(lat numeric, lng numeric) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN tenfold._geo_place_key(
    (CASE WHEN abs(lat) > 1000 THEN sign(lat) * 1000 ELSE round(lat, 7) END)::double precision,
    (CASE WHEN abs(lng) > 1000 THEN sign(lng) * 1000 ELSE round(lng, 7) END)::double precision) IS NOT NULL THEN lat END;
COMMENT ON FUNCTION hotel._checked_lat IS 'the latitude, once both are known to be in range: TFG01 otherwise';

CREATE OR REPLACE FUNCTION hotel._touch(VARIADIC countries text[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._cache_touch(ARRAY(SELECT 'hotel:' || c FROM unnest(countries) c) || 'hotel:'::text);  -- of every country: searches without one
END
$$;
COMMENT ON FUNCTION hotel._touch IS 'no search of these countries is answered from the cache by what was before this commit. Who writes to hotel.hotel past these functions calls it, or tenfold.cache_clear(''hotel'')';

-- Also where logical replication applies the rows.
ALTER TABLE hotel.amenity ENABLE ALWAYS TRIGGER amenity_changed;

-- In plpgsql for its speed: kept plans more than halve a call. Columns win over parameters, for ON CONFLICT's sake: in
-- VALUES there are none.
DROP FUNCTION IF EXISTS hotel.add_hotel(text, text, text, numeric, numeric, int, text[], bigint, text, uuid, text);  -- until 0.0.1
CREATE OR REPLACE FUNCTION hotel.add_hotel(
  name text, country text, city text, lat numeric, lng numeric, stars int DEFAULT NULL, amenities text[] DEFAULT '{}',
  average_price_minor bigint DEFAULT NULL, currency text DEFAULT NULL,
  owner_id uuid DEFAULT NULL, reference text DEFAULT NULL, description text DEFAULT NULL, address text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  added bigint;
BEGIN
  INSERT INTO hotel.hotel AS h (name, country, city, lat, lng, stars, amenities, average_price_minor, currency, price_range, owner_id,
    reference, description, address)
  VALUES (name, country, city, hotel._checked_lat(lat, lng), lng, stars, tenfold._hotel_amenity_mask(coalesce(amenities, '{}')),
    average_price_minor, currency, hotel.price_range_of(average_price_minor, currency),
    coalesce(owner_id, tenfold.current_subject(), '00000000-0000-0000-0000-000000000000'), coalesce(reference, gen_random_uuid()::text),
    description, address)
  ON CONFLICT (owner_id, reference, country) DO UPDATE SET
    (name, city, lat, lng, stars, amenities, average_price_minor, currency, price_range, description, address, version,
     updated_at, removed_at) =
    (excluded.name, excluded.city, excluded.lat, excluded.lng, excluded.stars, excluded.amenities, excluded.average_price_minor,
     excluded.currency, excluded.price_range, excluded.description, excluded.address, h.version + 1, clock_timestamp(), NULL)
  RETURNING h.hotel_id INTO added;
  PERFORM hotel._touch(add_hotel.country);
  RETURN added;
END
$$;
COMMENT ON FUNCTION hotel.add_hotel IS
  'adds a hotel and gives its id; the same owner, reference and country again updates it, or brings it back. country: ISO 3166-1 alpha-2; price of an average night in minor units with ISO 4217 currency. '
  'Errors: 23502 or 23514 a column''s rule, TFG01 coordinate, TFH02 unknown amenity';

CREATE OR REPLACE FUNCTION hotel.update_hotel(hotel_id bigint, changes jsonb, expected_version int DEFAULT NULL) RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  old hotel.hotel;
  new hotel.hotel;
BEGIN
  PERFORM hotel._check_changes(changes);
  old := hotel._lock_hotel(update_hotel.hotel_id, expected_version);
  new := jsonb_populate_record(old, changes - 'amenities');
  IF changes ? 'amenities' THEN
    new.amenities := tenfold._hotel_amenity_mask(tenfold._json_texts(changes -> 'amenities', 'amenities', 100));
  END IF;
  UPDATE hotel.hotel h SET
    (name, city, lat, lng, stars, amenities, average_price_minor, currency, price_range, description, address, version,
     updated_at) =
    (new.name, new.city, hotel._checked_lat(new.lat, new.lng), new.lng, new.stars, new.amenities, new.average_price_minor,
     new.currency, hotel.price_range_of(new.average_price_minor, new.currency), new.description, new.address, old.version + 1,
     clock_timestamp())
  WHERE h.hotel_id = old.hotel_id AND h.country = old.country;
  PERFORM hotel._touch(old.country);
  RETURN old.version + 1;
END
$$;
COMMENT ON FUNCTION hotel.update_hotel IS
  'changes what the object names (name, city, lat, lng, stars, amenities as array of codes, average_price_minor, currency, description, address) and gives the new version. '
  'Errors: TFH04 no such hotel, TFH05 its version is not the expected one, 22023 unknown key, and those of hotel.add_hotel';

CREATE OR REPLACE FUNCTION hotel._check_changes(changes jsonb) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  allowed CONSTANT text[] := '{name,city,lat,lng,stars,amenities,average_price_minor,currency,description,address}';
  unknown text;
BEGIN
  IF changes IS NULL OR jsonb_typeof(changes) <> 'object' THEN
    RAISE EXCEPTION 'changes must be a JSON object' USING ERRCODE = '22023', HINT = 'For example: {"stars": 4}';
  END IF;
  SELECT key INTO unknown FROM jsonb_object_keys(changes) key WHERE key <> ALL (allowed) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'a hotel''s "%" cannot be changed', unknown
      USING ERRCODE = '22023', HINT = 'What can: ' || array_to_string(allowed, ', ');
  END IF;
  IF changes ? 'amenities' AND jsonb_typeof(changes -> 'amenities') <> 'array' THEN
    RAISE EXCEPTION 'amenities must be an array of codes' USING ERRCODE = '22023', HINT = 'For example: ["wifi", "pool"]';
  END IF;
END
$$;
COMMENT ON FUNCTION hotel._check_changes IS 'raises 22023 unless changes is an object of known keys';

CREATE OR REPLACE FUNCTION hotel._lock_hotel(wanted bigint, expected_version int) RETURNS hotel.hotel
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  found_hotel hotel.hotel;
BEGIN
  SELECT * INTO found_hotel FROM hotel.hotel h WHERE h.hotel_id = wanted AND h.removed_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'hotel % does not exist', coalesce(wanted::text, 'NULL')
      USING ERRCODE = 'TFH04', HINT = 'It may have been removed; its owner can add it again.';
  END IF;
  IF expected_version <> found_hotel.version THEN
    RAISE EXCEPTION 'hotel % has version %, not %', wanted, found_hotel.version, expected_version
      USING ERRCODE = 'TFH05', HINT = 'Read it again, and repeat the change on what you find.';
  END IF;
  RETURN found_hotel;
END
$$;
COMMENT ON FUNCTION hotel._lock_hotel IS 'a hotel''s row, locked; TFH04 if there is none, TFH05 if its version is another';

CREATE OR REPLACE FUNCTION hotel.remove_hotel(hotel_id bigint, expected_version int DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  old hotel.hotel := hotel._lock_hotel(hotel_id, expected_version);
BEGIN
  UPDATE hotel.hotel h SET (removed_at, updated_at, version) = (clock_timestamp(), clock_timestamp(), old.version + 1)
  WHERE h.hotel_id = old.hotel_id AND h.country = old.country;
  PERFORM hotel._touch(old.country);
END
$$;
COMMENT ON FUNCTION hotel.remove_hotel IS
  'takes a hotel out of every search; its row stays until hotel.purge_removed(). Errors: TFH04 no such hotel, TFH05 its version is not the expected one';

CREATE OR REPLACE FUNCTION hotel.set_rating(hotel_id bigint, average numeric, count int) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  old hotel.hotel := hotel._lock_hotel(hotel_id, NULL);
BEGIN
  UPDATE hotel.hotel h SET (rating_average, rating_count, updated_at, version) = (average, count, clock_timestamp(), old.version + 1)
  WHERE h.hotel_id = old.hotel_id AND h.country = old.country;
  PERFORM hotel._touch(old.country);
END
$$;
COMMENT ON FUNCTION hotel.set_rating IS 'writes the guests'' average (0 … 5, two digits; NULL for none) and how many rated. Errors: TFH04 no such hotel, 23514 out of range';

CREATE OR REPLACE FUNCTION hotel.purge_removed(keep interval DEFAULT '30 days') RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  oldest timestamptz := clock_timestamp() - tenfold._checked_keep(keep);
  purged bigint;
BEGIN
  DELETE FROM hotel.hotel h WHERE h.removed_at < oldest;
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END
$$;
COMMENT ON FUNCTION hotel.purge_removed IS 'deletes hotels that were removed longer ago than keep; gives their number. Errors: 22023 keep';
