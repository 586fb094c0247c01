CREATE OR REPLACE VIEW hotel.details WITH (security_invoker = true) AS
  SELECT h.hotel_id, h.name, h.country, h.city, h.lat, h.lng, h.geohash, h.stars, h.rating_average, h.rating_count,
    h.average_price_minor, h.currency, repeat('$', h.price_range) AS price_range, hotel.amenity_codes(h.amenities) AS amenities,
    h.version, h.updated_at, h.description, h.address, tenfold.from_minor(h.average_price_minor, h.currency) AS average_price
  FROM hotel.hotel h WHERE h.removed_at IS NULL;
COMMENT ON VIEW hotel.details IS 'what a visitor sees of a hotel';
