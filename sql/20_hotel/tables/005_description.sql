-- What a visitor reads of a hotel. NULL: its owner has not said.
ALTER TABLE hotel.hotel
  ADD COLUMN description text CONSTRAINT description_is_short CHECK (length(description) <= 4000),
  ADD COLUMN address text CONSTRAINT address_is_short CHECK (length(address) <= 500);
ALTER TABLE hotel.staging ADD COLUMN description text, ADD COLUMN address text;
ALTER TABLE hotel.staging_rejected ADD COLUMN description text, ADD COLUMN address text;

-- What a search looks at while it sorts and counts: without the texts, which would be read from their TOAST.
CREATE TYPE hotel.candidate AS (
  hotel_id bigint, stars smallint, rating_average numeric, average_price_minor bigint, price_range smallint, amenities bigint
);
COMMENT ON TYPE hotel.candidate IS 'a hotel that a search has found';
