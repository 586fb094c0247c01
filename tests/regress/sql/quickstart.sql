-- The first steps of the README, on a server that has PostGIS.
\set VERBOSITY terse
CREATE EXTENSION pgcrypto;
CREATE EXTENSION postgis;
CREATE EXTENSION tenfold;
SELECT tenfold.create_roles();
SELECT tenfold.install('hotel');
SELECT hotel.add_hotel('Taj Mahal Palace', 'IN', 'Mumbai', 18.9217, 72.8332, stars => 5, amenities => '{wifi,pool}') AS hotel_id;
SELECT hotel.add_hotel('Station Inn', 'IN', 'Mumbai', 18.9400, 72.8355, stars => 2) AS hotel_id;
SELECT hotel_id, round(distance_m) AS meters, stars FROM hotel.nearby(18.9220, 72.8347, 5000);
SELECT hotel_id FROM hotel.nearby(18.9220, 72.8347, amenities => '{pool}');
SELECT geo.geohash_encode(19.0760, 72.8777), round(geo.geodesic_m(0, 0, 0, 1)) AS degree_m;
DROP EXTENSION tenfold;
SELECT tenfold.uninstall('hotel', confirm => 'hotel');
SELECT tenfold.uninstall('geo', confirm => 'geo');
SELECT tenfold.uninstall('kernel', confirm => 'kernel');
DROP EXTENSION tenfold;
