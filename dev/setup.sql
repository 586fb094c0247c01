-- What a database of the demo or the tests has: the extensions, the roles, every module, the jobs of pg_cron.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS pg_cron;
CREATE EXTENSION IF NOT EXISTS tenfold;
SELECT tenfold.create_roles();
CALL tenfold.install_all();
SELECT tenfold.schedule_jobs();
