-- Search by place. A country or a city narrows a million hotels to those that are then tested one by one.
CREATE INDEX hotel_city ON hotel.hotel (lower(city), country) WHERE removed_at IS NULL;
CREATE INDEX hotel_country ON hotel.hotel (country) WHERE removed_at IS NULL;
