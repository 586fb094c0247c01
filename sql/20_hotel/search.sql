-- Hotels by country or city, with facets. The answer is one JSON, so that it can be cached as it is.

CREATE OR REPLACE FUNCTION hotel._search_rank(sort text, h hotel.candidate) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE sort WHEN 'price' THEN coalesce(h.average_price_minor::double precision, 'Infinity') WHEN '-price' THEN -coalesce(h.average_price_minor, 0)
  WHEN 'stars' THEN -coalesce(h.stars, 0) ELSE -coalesce(h.rating_average, 0) END;
COMMENT ON FUNCTION hotel._search_rank IS 'what hotels are sorted by, the least first';

CREATE OR REPLACE FUNCTION hotel._matching(q jsonb) RETURNS SETOF hotel.candidate
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  mask bigint := tenfold._hotel_amenity_mask(tenfold._json_texts(nullif(q -> 'amenities', 'null'), 'amenities', 100));
  words tsquery := websearch_to_tsquery('simple', q ->> 'text');
BEGIN
  RETURN QUERY SELECT h.hotel_id, h.stars, h.rating_average, h.average_price_minor, h.price_range, h.amenities FROM hotel.hotel h
    WHERE h.removed_at IS NULL
      AND (q ->> 'country' IS NULL OR h.country = q ->> 'country') AND (q ->> 'city' IS NULL OR lower(h.city) = lower(q ->> 'city'))
      AND (words IS NULL OR to_tsvector('simple', h.name) @@ words) AND h.amenities & mask = mask
      AND (q ->> 'currency' IS NULL OR h.currency = q ->> 'currency')
      AND (q ->> 'min_price' IS NULL OR tenfold.from_minor(h.average_price_minor, h.currency) >= (q ->> 'min_price')::numeric)
      AND (q ->> 'max_price' IS NULL OR tenfold.from_minor(h.average_price_minor, h.currency) <= (q ->> 'max_price')::numeric)
      AND (q ->> 'min_price_minor' IS NULL OR h.average_price_minor >= (q ->> 'min_price_minor')::bigint)
      AND (q ->> 'max_price_minor' IS NULL OR h.average_price_minor <= (q ->> 'max_price_minor')::bigint)
      AND (q ->> 'min_stars' IS NULL OR h.stars >= (q ->> 'min_stars')::int)
      AND (q ->> 'min_rating' IS NULL OR h.rating_average >= (q ->> 'min_rating')::numeric);
END
$$;
COMMENT ON FUNCTION hotel._matching IS 'the hotels that a search finds, in no order';

-- A text body: the SQL-standard one would name every column of hotel.hotel, a user's own included.
CREATE OR REPLACE FUNCTION hotel._facets(matching hotel.candidate[]) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT json_build_object(
    'stars', (SELECT json_object_agg(stars, n ORDER BY stars) FROM (SELECT h.stars, count(*) AS n FROM unnest(matching) h WHERE h.stars IS NOT NULL GROUP BY 1) s),
    'price_range', (SELECT json_object_agg(repeat('$', price_range), n ORDER BY price_range)
      FROM (SELECT h.price_range, count(*) AS n FROM unnest(matching) h WHERE h.price_range IS NOT NULL GROUP BY 1) p),
    'amenities', (SELECT json_object_agg(code, n ORDER BY n DESC, code)
      FROM (SELECT a.code, count(*) AS n FROM unnest(matching) h JOIN hotel.amenity a ON h.amenities >> a.bit & 1 = 1 GROUP BY 1) a));
$$;
COMMENT ON FUNCTION hotel._facets IS 'how many of these have how many stars, which price range, which amenity';

CREATE OR REPLACE FUNCTION hotel._search_page(matching hotel.candidate[], sort text, cursor text, row_limit int,
  OUT hotels json, OUT next text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  after_rank double precision := split_part(cursor, '_', 1);
  after_id bigint := split_part(cursor, '_', 2);
BEGIN
  WITH ranked AS (
    SELECT h.hotel_id, hotel._search_rank(sort, h) AS rank FROM unnest(matching) h
  ), page AS (
    SELECT * FROM ranked r
    WHERE cursor IS NULL OR (r.rank, r.hotel_id) > (after_rank, after_id)
    ORDER BY r.rank, r.hotel_id LIMIT row_limit
  )
  SELECT coalesce(json_agg(d ORDER BY p.rank, p.hotel_id), '[]'),
    CASE WHEN count(*) = row_limit
      THEN (array_agg(replace(tenfold._exact(p.rank), '+', '') || '_' || p.hotel_id ORDER BY p.rank DESC, p.hotel_id DESC))[1] END
    INTO hotels, next FROM page p JOIN hotel.details d USING (hotel_id);
END
$$;
COMMENT ON FUNCTION hotel._search_page IS 'a page of what was found, and the cursor of the next: without the + of 1e+15, which is a blank in a query';

-- What the route's patterns say: behind PostgREST nobody else looks at them.
CREATE OR REPLACE FUNCTION hotel._check_search(query jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  wrong record;
BEGIN
  SELECT c.name, c.hint INTO wrong FROM (VALUES
    ('country', query ->> 'country' ~ '^[A-Z]{2}$', 'Two capital letters, as in ISO 3166-1: FR.'),
    ('city', length(query ->> 'city') BETWEEN 1 AND 200, 'A name of at most 200 characters.'),
    ('text', length(query ->> 'text') BETWEEN 1 AND 200, 'Words of at most 200 characters.'),
    ('currency', query ->> 'currency' ~ '^[A-Z]{3}$', 'Three capital letters, as in ISO 4217: EUR.'),
    ('min_price', (query ->> 'min_price')::numeric BETWEEN 0 AND 999999999999999, 'A decimal of the currency, at most 15 digits before the point.'),
    ('max_price', (query ->> 'max_price')::numeric BETWEEN 0 AND 999999999999999, 'A decimal of the currency, at most 15 digits before the point.'),
    ('min_price_minor', (query ->> 'min_price_minor')::bigint BETWEEN 0 AND 999999999999999, 'Minor units, at most 15 digits.'),
    ('max_price_minor', (query ->> 'max_price_minor')::bigint BETWEEN 0 AND 999999999999999, 'Minor units, at most 15 digits.'),
    ('min_stars', (query ->> 'min_stars')::int BETWEEN 0 AND 9, '0 to 9.'),
    ('min_rating', (query ->> 'min_rating')::numeric BETWEEN 0 AND 9.99, '0 to 9.99.'),
    ('sort', query ->> 'sort' IN ('rating', 'price', '-price', 'stars'), 'rating, price, -price or stars.'),
    ('cursor', query ->> 'cursor' ~ '^(-?Infinity|[0-9.e+-]{1,30})_[0-9]{1,18}$', 'The next of the page before, as it was.'))
    AS c(name, is_good, hint) WHERE NOT c.is_good LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '% is not "%"', wrong.name, left(query ->> wrong.name, 100) USING ERRCODE = '22023', HINT = wrong.hint;
  END IF;
END
$$;
COMMENT ON FUNCTION hotel._check_search IS 'raises 22023 where a member of a search is not as its route says';

CREATE OR REPLACE FUNCTION hotel.search_json(query jsonb) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  row_limit int := coalesce((query ->> 'limit')::int, 20);
  matching hotel.candidate[];
  page record;
BEGIN
  IF query ?| '{checkin,checkout,guests}' THEN
    RAISE EXCEPTION 'search by dates is not available yet'
      USING ERRCODE = '0A000', HINT = 'Leave out checkin, checkout and guests.';
  END IF;
  IF coalesce(query ->> 'country', query ->> 'city') IS NULL THEN
    RAISE EXCEPTION 'a search needs a country or a city' USING ERRCODE = '22023', HINT = 'Or search near a point: hotel.nearby.';
  END IF;
  PERFORM hotel._check_search(query);
  IF row_limit NOT BETWEEN 1 AND 100 THEN
    RAISE EXCEPTION 'limit % is not between 1 and 100', row_limit USING ERRCODE = 'TFH01', HINT = 'Ask for the next page by its cursor.';
  END IF;
  matching := ARRAY(SELECT h FROM hotel._matching(query) h);
  page := hotel._search_page(matching, query ->> 'sort', query ->> 'cursor', row_limit);
  RETURN json_build_object('next', page.next, 'total', cardinality(matching), 'facets', hotel._facets(matching), 'hotels', page.hotels);
END
$$;
COMMENT ON FUNCTION hotel.search_json IS
  'hotels by {country, city, text, currency, min_price, max_price (of a night, a decimal of the hotel''s currency), min_price_minor, max_price_minor (in minor units), min_stars, min_rating, amenities, sort (rating, price, -price, stars), limit, cursor}, country or city required: {next, total, facets, hotels}. '
  'Errors: 0A000 (501) checkin, checkout or guests, 22023 neither country nor city, or a member out of its range, TFH01 limit, TFH02 amenity';
