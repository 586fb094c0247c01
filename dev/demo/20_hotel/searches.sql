-- The searches that the demo prints.
\set ON_ERROR_STOP on
\pset footer off
\timing on

\echo
\echo The nearest to the middle of Mumbai, within 5 km:
SELECT h.name, h.city, n.stars, n.rating, round(n.distance_m::numeric, 1) AS distance_m
FROM demo.place p, hotel.nearby(p.lat, p.lng, 5000) n JOIN hotel.hotel h USING (hotel_id)
WHERE p.name = 'Mumbai' AND p.country = 'IN'
ORDER BY n.distance_m, n.hotel_id LIMIT 5;

\echo Four stars or more, rated at least 4.5, with pool and spa, within 20 km of the Eiffel Tower:
SELECT h.name, h.city, n.stars, n.rating, round(n.distance_m::numeric, 1) AS distance_m
FROM hotel.nearby(48.8584, 2.2945, 20000, min_stars => 4, min_rating => 4.5,
  amenities => ARRAY['pool', 'spa']) n
JOIN hotel.hotel h USING (hotel_id)
ORDER BY n.distance_m, n.hotel_id LIMIT 5;

\echo The nearest to the South Pole, with no radius:
SELECT h.name, h.city, round(n.distance_m::numeric / 1000, 3) AS distance_km
FROM hotel.nearby(-90, 0) n JOIN hotel.hotel h USING (hotel_id)
ORDER BY n.distance_m, n.hotel_id LIMIT 5;
