-- Many hotels at once: COPY into hotel.staging, then load.
BEGIN;
SET search_path = public, pg_temp;
SELECT plan(18);

INSERT INTO hotel.staging (reference, name, country, city, lat, lng, stars, rating_average, average_price_minor, currency, amenities) VALUES
  ('good', 'Good', 'FR', 'Paris', '48.85', '2.35', '4', '4.5', '12000', 'EUR', '{wifi,spa}'),
  ('good', 'Better', 'FR', 'Paris', '48.85', '2.35', '5', '4.7', '12000', 'EUR', '{wifi}'),
  ('bare', 'Bare', 'FR', 'Paris', '-48.85', '+2.35', NULL, NULL, NULL, NULL, NULL);
INSERT INTO hotel.staging (reference, name, country, city, lat, lng, stars, rating_average, average_price_minor, currency, amenities) VALUES
  (NULL, 'x', 'FR', 'Paris', '1', '1', NULL, NULL, NULL, NULL, NULL),
  ('b1', '', 'FR', 'Paris', '1', '1', NULL, NULL, NULL, NULL, NULL),
  ('b2', 'x', 'France', 'Paris', '1', '1', NULL, NULL, NULL, NULL, NULL),
  ('b3', 'x', 'FR', 'Paris', '91', '1', NULL, NULL, NULL, NULL, NULL),
  ('b4', 'x', 'FR', 'Paris', 'north', '1', NULL, NULL, NULL, NULL, NULL),
  ('b5', 'x', 'FR', 'Paris', '1', 'NaN', NULL, NULL, NULL, NULL, NULL),
  ('b6', 'x', 'FR', 'Paris', '1', '1', '6', NULL, NULL, NULL, NULL),
  ('b7', 'x', 'FR', 'Paris', '1', '1', NULL, '5.1', NULL, NULL, NULL),
  ('b8', 'x', 'FR', 'Paris', '1', '1', NULL, NULL, '-5', 'EUR', NULL),
  ('b9', 'x', 'FR', 'Paris', '1', '1', NULL, NULL, '5', NULL, NULL),
  ('b10', 'x', 'FR', 'Paris', '1', '1', NULL, NULL, NULL, NULL, '{moat}'),
  ('b11', 'x', 'FR', 'Paris', '1', '1', NULL, NULL, NULL, NULL, 'wifi');

SELECT is(count(*), 12::bigint, 'twelve problems are seen beforehand') FROM hotel.staging_check WHERE problem IS NOT NULL;
SELECT is(hotel.load_batch(1)::text, '(1,1,0,0,0)', 'a batch of one');
SELECT is(hotel.load_batch()::text, '(14,1,1,0,12)', 'the rest: one added, one updated, twelve rejected');
SELECT is(hotel.load_batch()::text, '(0,0,0,0,0)', 'then nothing');
SELECT is(row(name, stars, version)::text, '(Better,5,2)', 'the later line is the newer one') FROM hotel.details WHERE name = 'Better';
SELECT is(count(*), 12::bigint, 'the rejected are kept') FROM hotel.staging_rejected WHERE problem <> '';
SELECT is(problem, 'amenity ''moat'' is unknown', 'with what is wrong') FROM hotel.staging_rejected WHERE reference = 'b10';
INSERT INTO hotel.staging (reference, name, country, city, lat, lng, stars, rating_average, average_price_minor, currency, amenities) VALUES
  ('good', 'Better', 'FR', 'Paris', '48.85', '2.35', '5', '4.7', '12000', 'EUR', '{wifi}'),
  ('bare', 'Bare', 'FR', 'Paris', '-48.85', '2.35', '1', NULL, NULL, NULL, NULL);
SELECT is(hotel.load_batch()::text, '(2,0,1,1,0)', 'again: what is the same stays as it is');
SELECT is(version, 2, 'its version too') FROM hotel.details WHERE name = 'Better';
INSERT INTO hotel.staging (reference, name, country, city, lat, lng) VALUES ('twin', 'A', 'FR', 'x', '1', '1'), ('twin', 'B', 'FR', 'x', '1', '1');
SELECT is(hotel.load_batch()::text, '(2,1,0,1,0)', 'twice in one batch');
SELECT is(name, 'B', 'the later one wins') FROM hotel.hotel WHERE reference = 'twin';
-- Arrays that the column, which is text, can hold; and one that passes the check and not the table's dictionary.
ALTER TABLE hotel.amenity DROP CONSTRAINT amenity_bit_check;
INSERT INTO hotel.amenity VALUES ('above', 64, 'x');
INSERT INTO hotel.staging (reference, name, country, city, lat, lng, amenities)
  SELECT 'c' || n, 'C', 'FR', 'x', '1', '1', a FROM unnest('{"{{wifi}}","[2:2]={wifi}","{above}","{wifi}"}'::text[]) WITH ORDINALITY AS u(a, n);
SELECT is(hotel.load_batch()::text, '(4,1,0,0,3)', 'of four lists of amenities three are none');
SELECT is(array_agg(reference ORDER BY reference), '{c1,c2,c3}', '… each rejected for itself') FROM hotel.staging_rejected WHERE reference LIKE 'c_';
INSERT INTO hotel.staging (reference, name, country, city, lat, lng, description, address) VALUES
  ('told', 'T', 'FR', 'x', '1', '1', 'quiet', 'rue 1'), ('long', 'L', 'FR', 'x', '1', '1', repeat('x', 4001), NULL), ('far', 'F', 'FR', 'x', '1', '1', NULL, repeat('x', 501));
SELECT is(hotel.load_batch()::text, '(3,1,0,0,2)', 'texts that are too long');
SELECT is(row(description, address)::text, '(quiet,"rue 1")', 'texts of a hotel') FROM hotel.details WHERE name = 'T';
SELECT is(count(*), 1::bigint, 'a rejected row keeps its texts') FROM hotel.staging_rejected WHERE reference = 'long' AND length(description) = 4001 AND rejected_at <= clock_timestamp();
INSERT INTO hotel.staging (reference, name, country, city, lat, lng, description, address) VALUES ('told', 'T', 'FR', 'x', '1', '1', 'quiet', 'rue 2');
SELECT is(hotel.load_batch()::text, '(1,0,1,0,0)', 'another address is a change');
SELECT is(hotel.purge_rejected('0'), 17::bigint, 'a purge forgets the rejected');
SELECT * FROM finish();
ROLLBACK;
