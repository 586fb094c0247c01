-- Hotels over HTTP, as tenfold_owner: who writes is checked here, by the token.
SELECT tenfold._forget_routes('hotel');

INSERT INTO tenfold.api_schema (module, name, schema) VALUES
  ('hotel', 'Hotel', '{"type": "object", "required": ["hotel_id", "name", "country", "city", "lat", "lng", "amenities", "version"], "properties": {
    "hotel_id": {"type": "integer", "format": "int64"}, "name": {"type": "string"}, "country": {"type": "string", "description": "ISO 3166-1 alpha-2"},
    "city": {"type": "string"}, "lat": {"type": "number"}, "lng": {"type": "number"}, "geohash": {"type": "string"},
    "stars": {"type": ["integer", "null"]}, "rating_average": {"type": ["number", "null"]}, "rating_count": {"type": "integer"},
    "average_price_minor": {"type": ["integer", "null"], "description": "of a night, in minor units"}, "currency": {"type": ["string", "null"], "description": "ISO 4217"},
    "average_price": {"type": ["number", "null"], "description": "the same as a decimal of the currency"},
    "description": {"type": ["string", "null"]}, "address": {"type": ["string", "null"]},
    "price_range": {"type": ["string", "null"], "enum": ["$", "$$", "$$$", "$$$$", null]}, "amenities": {"type": "array", "items": {"type": "string"}},
    "version": {"type": "integer", "description": "the ETag"}, "updated_at": {"type": "string", "format": "date-time"}}}'),
  ('hotel', 'NearbyHotel', '{"type": "object", "required": ["hotel_id", "name", "country", "city", "distance_m", "lat", "lng"], "properties": {
    "hotel_id": {"type": "integer", "format": "int64"}, "name": {"type": "string"}, "country": {"type": "string"}, "city": {"type": "string"},
    "distance_m": {"type": "number", "description": "meters on the WGS84 ellipsoid"}, "lat": {"type": "number"}, "lng": {"type": "number"},
    "stars": {"type": ["integer", "null"]}, "rating": {"type": ["number", "null"]}, "price_range": {"type": ["string", "null"]}}}');

-- The cursor is the last row's distance and id: a page never repeats or skips, whatever is written meanwhile.
CREATE OR REPLACE FUNCTION tenfold_api.hotels_nearby(
  lat double precision, lng double precision, radius double precision DEFAULT NULL,
  min_stars int DEFAULT NULL, min_rating double precision DEFAULT NULL, price text DEFAULT NULL, amenities text DEFAULT NULL,
  checkin date DEFAULT NULL, checkout date DEFAULT NULL, guests int DEFAULT NULL,
  "limit" int DEFAULT 20, cursor text DEFAULT NULL) RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  IF coalesce(checkin, checkout) IS NOT NULL OR guests IS NOT NULL THEN
    RAISE EXCEPTION 'nearby search by dates is not available yet'
      USING ERRCODE = '0A000', HINT = 'Leave out checkin, checkout and guests.';
  END IF;
  RETURN tenfold._with_next_link(tenfold._hotel_nearby_page(lat, lng, radius, min_stars, min_rating, price, amenities, "limit", cursor));
END
$$;
COMMENT ON FUNCTION tenfold_api.hotels_nearby IS
  'Hotels near a point, nearest first: every one within the radius, at its exact distance. The header Link leads to the next page.';
INSERT INTO tenfold.route (module, method, path, shape, function, parameters, response, errors, rate_class, example) VALUES
  ('hotel', 'GET', '/hotels/nearby', 'F',
   'tenfold_api.hotels_nearby(double precision, double precision, double precision, int, double precision, text, text, date, date, int, int, text)',
   E'[{"name": "lat", "in": "query", "required": true, "pattern": "-?[0-9]{1,2}(\\\\.[0-9]{1,15})?", "description": "degrees, WGS84"},
     {"name": "lng", "in": "query", "required": true, "pattern": "-?[0-9]{1,3}(\\\\.[0-9]{1,15})?", "description": "degrees, WGS84"},
     {"name": "radius", "in": "query", "pattern": "[0-9]{1,5}(\\\\.[0-9]{1,9})?", "description": "kilometers, 0 to 20038; without it: the nearest, wherever they are"},
     {"name": "min_stars", "in": "query", "pattern": "[0-9]"},
     {"name": "min_rating", "in": "query", "pattern": "[0-9](\\\\.[0-9]{1,2})?"},
     {"name": "price", "in": "query", "pattern": "\\\\${1,4}(,\\\\${1,4}){0,3}", "description": "any of $ to $$$$, with commas between"},
     {"name": "amenities", "in": "query", "pattern": "[a-z0-9_,]{1,800}", "description": "all of these: wifi,pool"},
     {"name": "checkin", "in": "query", "pattern": "[0-9]{4}-[0-9]{2}-[0-9]{2}", "description": "not available yet (501)"},
     {"name": "checkout", "in": "query", "pattern": "[0-9]{4}-[0-9]{2}-[0-9]{2}", "description": "not available yet (501)"},
     {"name": "guests", "in": "query", "pattern": "[0-9]{1,3}", "description": "not available yet (501)"},
     {"name": "limit", "in": "query", "pattern": "[0-9]{1,3}", "description": "1 to 100; 20 if absent"},
     {"name": "cursor", "in": "query", "pattern": "[0-9.e-]{1,30}_[0-9]{1,19}", "description": "next of the page before"}]',
   '{"type": "object", "required": ["hotels", "next"], "properties": {
     "hotels": {"type": "array", "items": {"$ref": "#/components/schemas/NearbyHotel"}},
     "next": {"type": ["string", "null"], "description": "the cursor of the next page; null: this is the last"}}}',
   '{501}', 'search', '{"query": {"lat": 19.076, "lng": 72.8777, "radius": 5, "limit": 3}}');

-- Cached for five minutes, and never older than the last change of a hotel in its country; cache_clear('hotel') ends them all.
CREATE OR REPLACE FUNCTION tenfold_api.hotels_search(
  country text DEFAULT NULL, city text DEFAULT NULL, q text DEFAULT NULL, checkin date DEFAULT NULL, checkout date DEFAULT NULL, guests int DEFAULT NULL,
  min_price numeric DEFAULT NULL, max_price numeric DEFAULT NULL, min_price_minor bigint DEFAULT NULL, max_price_minor bigint DEFAULT NULL,
  currency text DEFAULT NULL, amenities text DEFAULT NULL,
  min_stars int DEFAULT NULL, min_rating numeric DEFAULT NULL, sort text DEFAULT NULL, "limit" int DEFAULT NULL, cursor text DEFAULT NULL) RETURNS json
LANGUAGE tenfold_cached STABLE
AS $$
  -- keep 300 s; tags hotel, hotel:{country}; link next
  SELECT hotel.search_json(jsonb_strip_nulls(to_jsonb(ROW(country, lower(city), q, checkin, checkout, guests, min_price, max_price,
    min_price_minor, max_price_minor, currency, string_to_array(amenities, ','), min_stars, min_rating, sort, "limit", cursor)::hotel.search_query)))
$$;
COMMENT ON FUNCTION tenfold_api.hotels_search IS
  'Hotels of a country or a city, with how many there are by stars, price range and amenity. The header Link leads to the next page.';
INSERT INTO tenfold.route (module, method, path, shape, function, parameters, response, errors, example) VALUES
  ('hotel', 'GET', '/hotels/search', 'F',
   'tenfold_api.hotels_search(text, text, text, date, date, int, numeric, numeric, bigint, bigint, text, text, int, numeric, text, int, text)',
   E'[{"name": "country", "in": "query", "pattern": "[A-Z]{2}", "description": "ISO 3166-1 alpha-2; this or a city is required"},
     {"name": "city", "in": "query", "pattern": ".{1,200}"},
     {"name": "q", "in": "query", "pattern": ".{1,200}", "description": "words of the name"},
     {"name": "checkin", "in": "query", "pattern": "[0-9]{4}-[0-9]{2}-[0-9]{2}", "description": "not available yet (501)"},
     {"name": "checkout", "in": "query", "pattern": "[0-9]{4}-[0-9]{2}-[0-9]{2}", "description": "not available yet (501)"},
     {"name": "guests", "in": "query", "pattern": "[0-9]{1,3}", "description": "not available yet (501)"},
     {"name": "min_price", "in": "query", "pattern": "[0-9]{1,15}(\\\\.[0-9]{1,4})?", "description": "of a night, a decimal of the hotel''s currency"},
     {"name": "max_price", "in": "query", "pattern": "[0-9]{1,15}(\\\\.[0-9]{1,4})?", "description": "of a night, a decimal of the hotel''s currency"},
     {"name": "min_price_minor", "in": "query", "pattern": "[0-9]{1,15}", "description": "of a night, in minor units"},
     {"name": "max_price_minor", "in": "query", "pattern": "[0-9]{1,15}", "description": "of a night, in minor units"},
     {"name": "currency", "in": "query", "pattern": "[A-Z]{3}", "description": "ISO 4217"},
     {"name": "amenities", "in": "query", "pattern": "[a-z0-9_,]{1,800}", "description": "all of these: wifi,pool"},
     {"name": "min_stars", "in": "query", "pattern": "[0-9]"},
     {"name": "min_rating", "in": "query", "pattern": "[0-9](\\\\.[0-9]{1,2})?"},
     {"name": "sort", "in": "query", "pattern": "rating|-?price|stars"},
     {"name": "limit", "in": "query", "pattern": "[0-9]{1,3}", "description": "1 to 100; 20 if absent"},
     {"name": "cursor", "in": "query", "pattern": "(Infinity|[0-9.e-]{1,30})_[0-9]{1,18}", "description": "next of the page before"}]',
   '{"type": "object", "required": ["hotels", "next", "total", "facets"], "properties": {
     "hotels": {"type": "array", "items": {"$ref": "#/components/schemas/Hotel"}},
     "next": {"type": ["string", "null"], "description": "the cursor of the next page; null: this is the last"},
     "total": {"type": "integer"}, "facets": {"type": "object", "description": "counts by stars, price_range and amenities"}}}',
   '{501}', '{"query": {"country": "FR", "min_stars": 4, "sort": "price", "limit": 3}}');

-- What a hotel looks like from outside, with its ETag. NULL: there is none.
CREATE OR REPLACE FUNCTION hotel._answer_hotel(wanted bigint, status int) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  details jsonb := (SELECT to_jsonb(d) FROM hotel.details d WHERE d.hotel_id = wanted);
BEGIN
  IF details IS NULL THEN
    RAISE EXCEPTION 'hotel % does not exist', wanted USING ERRCODE = 'TFH04', HINT = 'It may have been removed.';
  END IF;
  PERFORM tenfold.respond(status, jsonb_build_object('ETag', format('"%s"', details ->> 'version'))
    || CASE WHEN status = 201 THEN jsonb_build_object('Location', format('/api/v1/hotels/%s/details', wanted)) ELSE '{}' END);
  RETURN details;
END
$$;
COMMENT ON FUNCTION hotel._answer_hotel IS 'the answer that shows one hotel: body, status, ETag and, when it was made, Location. Errors: TFH04 (404)';

CREATE OR REPLACE FUNCTION tenfold_api.hotel_details(id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN hotel._answer_hotel(id, 200);
END
$$;
COMMENT ON FUNCTION tenfold_api.hotel_details IS 'One hotel, with its version as ETag.';
INSERT INTO tenfold.route (module, method, path, shape, function, parameters, response, errors, rate_class, example) VALUES
  ('hotel', 'GET', '/hotels/:id/details', 'F', 'tenfold_api.hotel_details(bigint)', '[{"name": "id", "in": "path", "pattern": "[0-9]{1,18}"}]',
   '{"$ref": "#/components/schemas/Hotel"}', '{404}', 'search', '{"path": {"id": 1}}');

-- RFC 9110 §13.1.1: * is any version, a list names several; a weak tag, or one that is not ours, is none of them.
DROP FUNCTION IF EXISTS hotel._expected_version();
CREATE OR REPLACE FUNCTION hotel._expected_version(wanted bigint) RETURNS int
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  tags text := nullif(trim(tenfold.request_header('if-match')), '*');
  versions int[] := ARRAY(SELECT m[1]::int FROM regexp_matches(tags, E'(?:^|,)\\s*"([0-9]{1,9})"\\s*(?=,|$)', 'g') m);
BEGIN
  IF tags IS NOT NULL AND versions = '{}' THEN
    RAISE EXCEPTION 'If-Match % names no version of a hotel', tags
      USING ERRCODE = 'TFH05', HINT = 'Send the ETag of the hotel as it was read, with its quotes.';
  END IF;
  RETURN coalesce((SELECT h.version FROM hotel.hotel h WHERE h.hotel_id = wanted AND h.removed_at IS NULL AND h.version = ANY (versions)), versions[1]);
END
$$;
COMMENT ON FUNCTION hotel._expected_version IS
  'the version that If-Match names: of several the hotel''s own, if it is there; NULL without it. Errors: TFH05 (412) it names none';

-- On the locked row: one that was read before may get another owner, or be added again by one, before it is changed.
CREATE OR REPLACE FUNCTION hotel._lock_own_hotel(wanted bigint) RETURNS hotel.hotel
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  locked hotel.hotel := hotel._lock_hotel(wanted, NULL);
BEGIN
  IF locked.owner_id IS DISTINCT FROM tenfold.current_subject() AND NOT pg_has_role(tenfold.caller_role(), 'tenfold_operator', 'MEMBER') THEN
    RAISE EXCEPTION 'hotel % belongs to another account', wanted
      USING ERRCODE = '42501', HINT = 'Merchants change their own hotels, operators all of them.';
  END IF;
  RETURN locked;
END
$$;
COMMENT ON FUNCTION hotel._lock_own_hotel IS
  'a hotel''s row, locked. Errors: 42501 (403) it is somebody else''s and the caller no operator, TFH04 (404) there is none';

-- The original's names for what is called otherwise here.
CREATE OR REPLACE FUNCTION hotel._original_values(body jsonb, country text, currency text) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  renamed jsonb := coalesce((SELECT jsonb_object_agg(n.ours, body -> n.theirs)
    FROM (VALUES ('latitude', 'lat'), ('longitude', 'lng'), ('star_rating', 'stars')) AS n(theirs, ours) WHERE body ? n.theirs), '{}');
  amount numeric := body ->> 'average_price';
  money text := coalesce(body ->> 'currency', currency, tenfold.currency_of(country));
BEGIN
  IF amount IS NOT NULL AND money IS NULL THEN
    RAISE EXCEPTION 'the price lacks a currency' USING ERRCODE = '22023', HINT = 'Add "currency", as in ISO 4217: "EUR".';
  ELSIF amount IS NOT NULL THEN
    renamed := renamed || jsonb_build_object('average_price_minor', tenfold.to_minor(amount, money), 'currency', money);
  ELSIF body ? 'average_price' THEN
    renamed := renamed || '{"average_price_minor": null}';
  END IF;
  RETURN renamed;
END
$$;
COMMENT ON FUNCTION hotel._original_values IS
  'latitude, longitude, star_rating and average_price of a body, by our names and in our units; a price without a currency is in the hotel''s, else in its country''s. Errors: those of tenfold.to_minor, 22023 no currency';

CREATE OR REPLACE FUNCTION hotel._amenity_array(amenities jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  wrong text;
BEGIN
  IF jsonb_typeof(amenities) <> 'object' THEN
    RETURN amenities;
  END IF;
  SELECT a.key INTO wrong FROM jsonb_each(amenities) a WHERE jsonb_typeof(a.value) <> 'boolean' LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the amenity "%" is neither true nor false', left(wrong, 100) USING ERRCODE = '22023', HINT = 'For example {"wifi": true}.';
  END IF;
  RETURN (SELECT coalesce(jsonb_agg(a.key), '[]') FROM jsonb_each(amenities) a WHERE a.value = 'true');
END
$$;
COMMENT ON FUNCTION hotel._amenity_array IS 'amenities as {"wifi": true, "pool": false}, as the array ["wifi"]; anything else as it is. Errors: 22023 neither true nor false';

CREATE OR REPLACE FUNCTION hotel._in_our_names(body jsonb, country text, currency text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  renamed jsonb := hotel._original_values(body, country, currency);
  wrong text;
BEGIN
  SELECT r.key INTO wrong FROM jsonb_each(renamed) r WHERE r.key <> 'currency' AND body -> r.key <> r.value LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the body says "%" twice, and differently', wrong
      USING ERRCODE = '22023', HINT = 'Leave out one of lat and latitude, lng and longitude, stars and star_rating, average_price_minor and average_price.';
  END IF;
  RETURN body - '{latitude,longitude,star_rating,average_price}'::text[] || renamed
    || CASE WHEN body ? 'amenities' THEN jsonb_build_object('amenities', hotel._amenity_array(body -> 'amenities')) ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION hotel._in_our_names IS
  'a body that may name its members as the original did, as hotel.update_hotel() wants it. Errors: 22023 both names, with values that differ';

CREATE OR REPLACE FUNCTION tenfold_api.add_hotel(jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  body jsonb;
  added bigint;
BEGIN
  body := hotel._in_our_names($1, $1 ->> 'country');
  IF NOT body ?& '{lat,lng}' THEN
    RAISE EXCEPTION 'the body lacks "lat" or "lng"' USING ERRCODE = '22023', HINT = 'Degrees on WGS84; also called latitude and longitude.';
  END IF;
  added := hotel.add_hotel(body ->> 'name', body ->> 'country', body ->> 'city', (body ->> 'lat')::numeric, (body ->> 'lng')::numeric,
    (body ->> 'stars')::int, tenfold._json_texts(body -> 'amenities', 'amenities', 100), (body ->> 'average_price_minor')::bigint,
    body ->> 'currency', reference => body ->> 'reference', description => body ->> 'description', address => body ->> 'address');
  RETURN hotel._answer_hotel(added, 201);
END
$$;
COMMENT ON FUNCTION tenfold_api.add_hotel IS
  'Adds a hotel, which belongs to the account of the token. The same reference and country again updates it: so a request may be repeated.';

-- What may be said of a hotel: what POST and PUT have in common.
CREATE OR REPLACE FUNCTION hotel._changes_schema() RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{"type": "object", "additionalProperties": false, "properties": {
  "name": {"type": "string", "maxLength": 200}, "city": {"type": "string", "maxLength": 200},
  "description": {"type": ["string", "null"], "maxLength": 4000}, "address": {"type": ["string", "null"], "maxLength": 500},
  "lat": {"type": "number", "minimum": -90, "maximum": 90}, "lng": {"type": "number", "minimum": -180, "maximum": 180},
  "latitude": {"type": "number", "minimum": -90, "maximum": 90, "description": "lat"},
  "longitude": {"type": "number", "minimum": -180, "maximum": 180, "description": "lng"},
  "stars": {"type": ["integer", "null"], "minimum": 1, "maximum": 5},
  "star_rating": {"type": ["integer", "null"], "minimum": 1, "maximum": 5, "description": "stars"},
  "amenities": {"type": ["array", "object"], "items": {"type": "string"}, "additionalProperties": {"type": "boolean"},
    "description": "codes, or each with true or false"},
  "average_price_minor": {"type": ["integer", "null"], "minimum": 0, "description": "of a night, in minor units of the currency"},
  "average_price": {"type": ["number", "null"], "minimum": 0, "description": "the same as a decimal; without a currency it is in the country''s"},
  "currency": {"type": ["string", "null"], "pattern": "^[A-Z]{3}$"}}}'::jsonb;
COMMENT ON FUNCTION hotel._changes_schema IS 'the JSON Schema of what PUT may change of a hotel, and POST may say of it';

INSERT INTO tenfold.route (module, method, path, shape, function, body, response, success_status, errors, roles, example) VALUES
  ('hotel', 'POST', '/hotels', 'J', 'tenfold_api.add_hotel(jsonb)',
   jsonb_set(hotel._changes_schema() || '{"required": ["name", "country", "city"],
     "allOf": [{"anyOf": [{"required": ["lat"]}, {"required": ["latitude"]}]}, {"anyOf": [{"required": ["lng"]}, {"required": ["longitude"]}]}]}',
     '{properties}', hotel._changes_schema() -> 'properties' || '{"country": {"type": "string", "pattern": "^[A-Z]{2}$"},
     "reference": {"type": "string", "description": "your own name for it"}}'),
   '{"$ref": "#/components/schemas/Hotel"}', 201, '{}', '{tenfold_merchant}',
   '{"body": {"name": "Taj Mahal Palace", "country": "IN", "city": "Mumbai", "lat": 18.9217, "lng": 72.8332, "stars": 5, "amenities": ["wifi", "pool"],
     "average_price_minor": 2400000, "currency": "INR", "reference": "taj"}}');

CREATE OR REPLACE FUNCTION tenfold_api.update_hotel(jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  wanted bigint := tenfold.path_value('id')::bigint;
  old hotel.hotel;
BEGIN
  old := hotel._lock_own_hotel(wanted);
  PERFORM hotel.update_hotel(wanted, hotel._in_our_names($1, old.country, old.currency), hotel._expected_version(wanted));
  RETURN hotel._answer_hotel(wanted, 200);
END
$$;
COMMENT ON FUNCTION tenfold_api.update_hotel IS
  'Changes what the body names, and leaves the rest. With If-Match only if the hotel is still the one that was read, else 412.';
INSERT INTO tenfold.route (module, method, path, shape, function, parameters, body, response, errors, roles, example) VALUES
  ('hotel', 'PUT', '/hotels/:id', 'J', 'tenfold_api.update_hotel(jsonb)', '[{"name": "id", "in": "path", "pattern": "[0-9]{1,18}"}]',
   hotel._changes_schema(),
   '{"$ref": "#/components/schemas/Hotel"}', '{404, 412}', '{tenfold_merchant}', '{"path": {"id": 1}, "body": {"stars": 4}}');

CREATE OR REPLACE FUNCTION tenfold_api.remove_hotel(id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  PERFORM hotel._lock_own_hotel(id);
  PERFORM hotel.remove_hotel(id, hotel._expected_version(id));
  PERFORM tenfold.respond(204);
END
$$;
COMMENT ON FUNCTION tenfold_api.remove_hotel IS
  'Takes a hotel out of every search; adding it again by its reference brings it back. With If-Match only if it is still the one that was read.';
INSERT INTO tenfold.route (module, method, path, shape, function, parameters, success_status, errors, roles, example) VALUES
  ('hotel', 'DELETE', '/hotels/:id', 'F', 'tenfold_api.remove_hotel(bigint)', '[{"name": "id", "in": "path", "pattern": "[0-9]{1,18}"}]',
   204, '{404, 412}', '{tenfold_merchant}', '{"path": {"id": 1}}');
