-- In its own types, so that what is asked wrongly is refused before it is searched for.
CREATE TYPE hotel.search_query AS (
  country text, city text, "text" text, checkin date, checkout date, guests int, min_price numeric, max_price numeric,
  min_price_minor bigint, max_price_minor bigint, currency text, amenities text[],
  min_stars int, min_rating numeric, sort text, "limit" int, cursor text
);
COMMENT ON TYPE hotel.search_query IS 'what a search asks for, as hotel.search_json() wants it';
