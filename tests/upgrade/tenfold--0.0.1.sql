-- A fixture: what version 0.0.1 of the extension was. Never edit: tests/process/test_upgrade.py starts from it.
\echo Use "CREATE EXTENSION tenfold" to load this file. \quit

-- install/schema_guard.sql
-- First of all: a schema "tenfold" that holds somebody else's objects is not ours to fill. After a restore, or a
-- DROP EXTENSION … CASCADE, it holds our own tables, tenfold.migration among them.
DO $$
BEGIN
  IF to_regclass('tenfold.migration') IS NULL AND EXISTS (
    SELECT FROM pg_class c WHERE c.relnamespace = 'tenfold'::regnamespace AND NOT EXISTS (
      SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'i')))
  THEN
    RAISE EXCEPTION 'schema "tenfold" exists and is not tenfold''s'
      USING ERRCODE = 'TF002', HINT = 'Rename it first: ALTER SCHEMA tenfold RENAME TO …';
  END IF;
END
$$;

-- install/source.sql
-- What tenfold.install() runs travels here, and is filled anew by every extension script. Not config-dumped: a
-- restored database gets the text of the library that it is restored into.
CREATE TABLE IF NOT EXISTS tenfold.module_source (
  module text PRIMARY KEY,
  ordinal int NOT NULL UNIQUE,
  schema_name text NOT NULL,
  needs text[] NOT NULL
);
COMMENT ON TABLE tenfold.module_source IS 'the modules this version can install, in load order: the modules and extensions each one needs';

CREATE TABLE IF NOT EXISTS tenfold.migration_source (
  module text NOT NULL REFERENCES tenfold.module_source,
  position int NOT NULL,
  name text NOT NULL,
  once boolean NOT NULL,
  body text NOT NULL,
  PRIMARY KEY (module, name)
);
COMMENT ON TABLE tenfold.migration_source IS 'the SQL of each module in order: tables once, everything else at every install';

GRANT SELECT ON tenfold.module_source, tenfold.migration_source TO PUBLIC;

-- install/version.sql
CREATE OR REPLACE FUNCTION tenfold.version() RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_version';
COMMENT ON FUNCTION tenfold.version IS 'the version of the loaded library, e.g. 0.1.0';

CREATE OR REPLACE FUNCTION tenfold._preloaded() RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_preloaded';
COMMENT ON FUNCTION tenfold._preloaded IS 'whether the library came by shared_preload_libraries';

CREATE OR REPLACE FUNCTION tenfold._error_codes(
  OUT sqlstate text, OUT name text, OUT http_status int, OUT meaning text) RETURNS SETOF record
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_error_codes';
COMMENT ON FUNCTION tenfold._error_codes IS 'the errors that tenfold raises by itself';

-- install/members.sql
CREATE OR REPLACE FUNCTION tenfold._members() RETURNS SETOF pg_proc
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT p.* FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_catalog.pg_extension e ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid
  WHERE e.extname = 'tenfold';
END;
COMMENT ON FUNCTION tenfold._members IS 'the functions that belong to the extension';

-- Closes the members whose rights nobody has touched: an ACL of NULL means that PUBLIC may execute them. Others keep
-- theirs, since a change inside an extension script would hide the grants of users from pg_dump.
CREATE OR REPLACE FUNCTION tenfold._close_new_members() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  member regprocedure;
BEGIN
  FOR member IN SELECT m.oid FROM tenfold._members() m WHERE m.proacl IS NULL LOOP
    EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', member);
    IF to_regrole('tenfold_owner') IS NOT NULL THEN
      EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO tenfold_owner WITH GRANT OPTION', member);
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION tenfold._close_new_members IS 'takes EXECUTE on new members from PUBLIC, gives it to tenfold_owner';

-- install/roles.sql
CREATE OR REPLACE FUNCTION tenfold.create_roles() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
  role_name text;
  member regprocedure;
BEGIN
  FOREACH role_name IN ARRAY tenfold._role_names() LOOP
    IF to_regrole(role_name) IS NULL THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
    END IF;
  END LOOP;
  -- Each may do what the one before it may; a worker acts for the system and inherits nothing.
  GRANT tenfold_anonymous TO tenfold_user;
  GRANT tenfold_user TO tenfold_merchant;
  GRANT tenfold_merchant TO tenfold_operator;

  EXECUTE format('GRANT CREATE ON DATABASE %I TO tenfold_owner', current_database());
  ALTER SCHEMA tenfold OWNER TO tenfold_owner;
  FOR member IN SELECT m.oid FROM tenfold._members() m LOOP
    EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO tenfold_owner WITH GRANT OPTION', member);
  END LOOP;
END
$$;
COMMENT ON FUNCTION tenfold.create_roles IS
  'creates the roles that are absent (roles belong to the cluster) and hands schema tenfold to tenfold_owner; superuser, idempotent';

CREATE OR REPLACE FUNCTION tenfold._role_names() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY['tenfold_owner', 'tenfold_anonymous', 'tenfold_user', 'tenfold_merchant', 'tenfold_operator', 'tenfold_worker'];
COMMENT ON FUNCTION tenfold._role_names IS 'the roles of tenfold; all NOLOGIN: grant them to your own login roles';

-- install/install.sql
CREATE OR REPLACE FUNCTION tenfold.install(module text) RETURNS text[]
LANGUAGE plpgsql
AS $$
DECLARE
  part tenfold.module_source;
  done text[] := '{}';
BEGIN
  PERFORM tenfold._check_can_install(module);
  PERFORM pg_advisory_xact_lock(hashtextextended('tenfold.install', 0));
  FOR part IN SELECT * FROM tenfold._modules_for(module) LOOP
    PERFORM tenfold._install_one(part);
    done := done || part.module;
  END LOOP;
  PERFORM tenfold._guard_drop_extension();
  RETURN done;
END
$$;
COMMENT ON FUNCTION tenfold.install(text) IS
  'installs or upgrades a module and what it needs, in the caller''s transaction; idempotent. Gives the modules it went through. '
  'Errors: TF001 unknown module, TF002 a schema is somebody else''s, TF003 roles missing, TF004 an extension missing, TF006 an applied migration changed';

CREATE OR REPLACE PROCEDURE tenfold.install_all()
LANGUAGE plpgsql
AS $$
DECLARE
  name text;
BEGIN
  FOR name IN SELECT s.module FROM tenfold.module_source s ORDER BY s.ordinal LOOP
    PERFORM tenfold.install(name);
    COMMIT;  -- a module's partitions take hundreds of locks: not all at once
  END LOOP;
END
$$;
COMMENT ON PROCEDURE tenfold.install_all() IS 'installs or upgrades every module, with a commit after each';

CREATE OR REPLACE FUNCTION tenfold._check_can_install(wanted text) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  IF wanted IS NULL OR NOT EXISTS (SELECT FROM tenfold.module_source s WHERE s.module = wanted) THEN
    RAISE EXCEPTION 'unknown module %', coalesce(quote_literal(wanted), 'NULL')
      USING ERRCODE = 'TF001', HINT = 'The modules are: ' ||
        (SELECT string_agg(s.module, ', ' ORDER BY s.ordinal) FROM tenfold.module_source s);
  END IF;
  IF to_regrole('tenfold_owner') IS NULL THEN
    RAISE EXCEPTION 'role tenfold_owner does not exist'
      USING ERRCODE = 'TF003', HINT = 'A superuser runs once: SELECT tenfold.create_roles();';
  END IF;
  IF NOT pg_has_role(current_user, 'tenfold_owner', 'MEMBER') THEN
    RAISE EXCEPTION 'role "%" may not install tenfold', current_user
      USING ERRCODE = '42501', HINT = format('GRANT tenfold_owner TO %I;', current_user);
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._check_can_install IS 'raises unless the module exists and the caller may act as tenfold_owner';

CREATE OR REPLACE FUNCTION tenfold._modules_for(wanted text) RETURNS SETOF tenfold.module_source
LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH RECURSIVE part AS (
    SELECT s.* FROM tenfold.module_source s WHERE s.module = wanted
    UNION
    SELECT s.* FROM part JOIN tenfold.module_source s ON s.module = ANY (part.needs)
  )
  SELECT * FROM part ORDER BY ordinal;
END;
COMMENT ON FUNCTION tenfold._modules_for IS 'a module and all that it needs, in load order';

CREATE OR REPLACE FUNCTION tenfold._install_one(part tenfold.module_source) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  caller_role text := current_setting('role');
  caller_path text := current_setting('search_path');
  caller_level text := current_setting('client_min_messages');
BEGIN
  PERFORM set_config('role', 'tenfold_owner', true);
  PERFORM set_config('search_path', tenfold._install_path(), true);
  PERFORM set_config('client_min_messages', 'warning', true);
  PERFORM tenfold._claim_schema(part.schema_name);
  PERFORM tenfold._run_migrations(part.module);
  INSERT INTO tenfold.module AS m (module, version) VALUES (part.module, tenfold.version())
    ON CONFLICT (module) DO UPDATE SET version = excluded.version, installed_at = clock_timestamp()
    WHERE m.version <> excluded.version;
  PERFORM set_config('client_min_messages', caller_level, true);
  PERFORM set_config('search_path', caller_path, true);
  PERFORM set_config('role', caller_role, true);
END
$$;
COMMENT ON FUNCTION tenfold._install_one IS 'installs one module as tenfold_owner; what it needs is there already';

-- Module SQL names everything with its schema, but for the types and functions of the extensions it needs, which
-- may live anywhere.
CREATE OR REPLACE FUNCTION tenfold._install_path() RETURNS text
LANGUAGE sql STABLE
RETURN 'pg_catalog, public, pg_temp';
COMMENT ON FUNCTION tenfold._install_path IS 'the search_path under which modules are installed';

CREATE OR REPLACE FUNCTION tenfold._claim_schema(wanted text) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  owner text := (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = wanted);
BEGIN
  IF owner IS NULL THEN
    EXECUTE format('CREATE SCHEMA %I', wanted);
  ELSIF owner <> 'tenfold_owner' THEN
    RAISE EXCEPTION 'schema "%" exists and is not tenfold''s: it belongs to "%"', wanted, owner
      USING ERRCODE = 'TF002', HINT = CASE WHEN wanted = 'tenfold' THEN 'Run: SELECT tenfold.create_roles();' ELSE
        format('Rename it (ALTER SCHEMA %1$I RENAME TO …), or hand it over: ALTER SCHEMA %1$I OWNER TO tenfold_owner;', wanted) END;
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._claim_schema IS 'creates a module''s schema; raises TF002 if it exists and is not tenfold_owner''s';

CREATE OR REPLACE FUNCTION tenfold._run_migrations(wanted text) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  step tenfold.migration_source;
BEGIN
  FOR step IN SELECT * FROM tenfold.migration_source s WHERE s.module = wanted ORDER BY s.position LOOP
    CONTINUE WHEN step.once AND tenfold._is_applied(step);
    EXECUTE step.body;
    IF step.once THEN
      INSERT INTO tenfold.migration (module, name, checksum, version)
        VALUES (step.module, step.name, md5(step.body), tenfold.version());
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION tenfold._run_migrations IS 'applies a module''s pending migrations and replays the rest';

CREATE OR REPLACE FUNCTION tenfold._is_applied(step tenfold.migration_source) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  applied text;
BEGIN
  IF to_regclass('tenfold.migration') IS NULL THEN
    RETURN false;  -- the very first script of the kernel makes it
  END IF;
  SELECT m.checksum INTO applied FROM tenfold.migration m WHERE m.module = step.module AND m.name = step.name;
  IF applied <> md5(step.body) THEN
    RAISE EXCEPTION 'migration %/% was changed after it was applied', step.module, step.name
      USING ERRCODE = 'TF006', HINT = 'A migration is frozen once released: undo the edit and add a new one.';
  END IF;
  RETURN applied IS NOT NULL;
END
$$;
COMMENT ON FUNCTION tenfold._is_applied IS 'whether a once-only script ran already; TF006 if it is not the same text';

-- An event trigger needs a superuser. Where install() is run by somebody else, the view tenfold.installed still
-- stops a DROP EXTENSION without CASCADE.
CREATE OR REPLACE FUNCTION tenfold._guard_drop_extension() RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
     AND NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'tenfold_refuse_drop') THEN
    CREATE EVENT TRIGGER tenfold_refuse_drop ON sql_drop EXECUTE FUNCTION tenfold._refuse_drop();
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._guard_drop_extension IS 'creates the event trigger that refuses DROP EXTENSION tenfold while its tables exist';

-- install/uninstall.sql
CREATE OR REPLACE FUNCTION tenfold.uninstall(module text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  EXECUTE format('DROP SCHEMA %I CASCADE', uninstall.module);
END
$$;
COMMENT ON FUNCTION tenfold.uninstall IS 'drops a module';

-- install/doctor.sql
CREATE OR REPLACE FUNCTION tenfold.doctor(OUT "check" text, OUT ok boolean, OUT detail text, OUT mend text) RETURNS SETOF record
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  finding record;
BEGIN
  FOR finding IN
    SELECT * FROM tenfold._doctor_server() UNION ALL
    SELECT * FROM tenfold._doctor_versions()
  LOOP
    "check" := finding."check";
    ok := finding.ok;
    detail := finding.detail;
    mend := CASE WHEN finding.ok THEN 'ok' ELSE finding.mend END;
    RETURN NEXT;
  END LOOP;
END
$$;
COMMENT ON FUNCTION tenfold.doctor IS 'what is in order and what is not; mend says ok or the one command that puts it right';

CREATE OR REPLACE FUNCTION tenfold._doctor_server(OUT "check" text, OUT ok boolean, OUT detail text, OUT mend text) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT 'preload', tenfold._preloaded(), CASE WHEN tenfold._preloaded() THEN 'preloaded' ELSE 'loaded on demand' END,
    'ALTER SYSTEM SET shared_preload_libraries = ''pg_cron'', ''tenfold''; -- then restart'
  UNION ALL
  SELECT 'pg_cron database', current_setting('cron.database_name', true) IS NOT DISTINCT FROM current_database()::text,
    coalesce(current_setting('cron.database_name', true), 'pg_cron is not loaded'),
    format('ALTER SYSTEM SET cron.database_name = %L; -- then restart', current_database())
  UNION ALL
  SELECT 'roles', count(r.oid) = count(*), count(r.oid) || ' of ' || count(*), 'SELECT tenfold.create_roles();'
  FROM unnest(tenfold._role_names()) AS wanted(name) LEFT JOIN pg_catalog.pg_roles r ON r.rolname = wanted.name
  UNION ALL
  SELECT 'drop guard', count(*) = 1, CASE count(*) WHEN 1 THEN 'event trigger' ELSE 'absent' END,
    'SELECT tenfold.install(''kernel''); -- as a superuser'
  FROM pg_catalog.pg_event_trigger WHERE evtname = 'tenfold_refuse_drop';
END;
COMMENT ON FUNCTION tenfold._doctor_server IS 'the rows of doctor() on the server and its roles';

-- The library may be newer than the catalog (packages were upgraded), the catalog newer than the schema.
CREATE OR REPLACE FUNCTION tenfold._doctor_versions(OUT "check" text, OUT ok boolean, OUT detail text, OUT mend text) RETURNS SETOF record
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN QUERY SELECT 'catalog version', e.extversion = tenfold.version(),
      format('catalog %s, library %s', e.extversion, tenfold.version()), 'ALTER EXTENSION tenfold UPDATE;'
    FROM pg_extension e WHERE e.extname = 'tenfold';
  IF to_regclass('tenfold.module') IS NULL THEN
    RETURN QUERY SELECT 'schema version', false, 'nothing installed', 'CALL tenfold.install_all();';
  ELSE
    RETURN QUERY SELECT 'module ' || s.module, coalesce(m.version = tenfold.version(), false),
        coalesce(m.version, 'not installed'), format('SELECT tenfold.install(%L);', s.module)
      FROM tenfold.module_source s LEFT JOIN tenfold.module m USING (module) ORDER BY s.ordinal;
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._doctor_versions IS 'the rows of doctor() on versions of library, catalog, modules and jobs';

-- geo/geodesic.sql
CREATE OR REPLACE FUNCTION tenfold._geo_haversine_m(
  lat1 double precision, lng1 double precision, lat2 double precision, lng2 double precision) RETURNS double precision
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_geo_haversine_m';
COMMENT ON FUNCTION tenfold._geo_haversine_m IS 'what geo.haversine_m calls';

CREATE OR REPLACE FUNCTION tenfold._geo_geodesic_m(
  lat1 double precision, lng1 double precision, lat2 double precision, lng2 double precision) RETURNS double precision
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_geo_geodesic_m';
COMMENT ON FUNCTION tenfold._geo_geodesic_m IS 'what geo.geodesic_m calls';

-- geo/geohash.sql
CREATE OR REPLACE FUNCTION tenfold._geo_geohash_encode(lat double precision, lng double precision, "precision" int) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_geo_geohash_encode';
COMMENT ON FUNCTION tenfold._geo_geohash_encode IS 'frozen: what geo.geohash_encode calls';

CREATE OR REPLACE FUNCTION tenfold._geo_geohash_decode(
  geohash text, OUT lat double precision, OUT lng double precision,
  OUT south double precision, OUT west double precision, OUT north double precision, OUT east double precision)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_geo_geohash_decode';
COMMENT ON FUNCTION tenfold._geo_geohash_decode IS 'what geo.geohash_decode calls';

CREATE OR REPLACE FUNCTION tenfold._geo_geohash_neighbors(geohash text) RETURNS text[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_geo_geohash_neighbors';
COMMENT ON FUNCTION tenfold._geo_geohash_neighbors IS 'what geo.geohash_neighbors calls';

CREATE OR REPLACE FUNCTION tenfold._geo_geohash_cover(
  lat double precision, lng double precision, radius_m double precision, "precision" int) RETURNS text[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_geo_geohash_cover';
COMMENT ON FUNCTION tenfold._geo_geohash_cover IS 'what geo.geohash_cover calls';

-- geo/zorder.sql
CREATE OR REPLACE FUNCTION tenfold._geo_place_key(lat double precision, lng double precision) RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_geo_place_key';
COMMENT ON FUNCTION tenfold._geo_place_key IS 'frozen: the Z-order key of a place on the grid of 1e-7 degree';

-- hotel/nearby.sql
CREATE OR REPLACE FUNCTION tenfold._hotel_attributes(stars int, price_range int, rating double precision) RETURNS int
LANGUAGE c IMMUTABLE PARALLEL SAFE AS '$libdir/tenfold', 'tf_hotel_attributes';
COMMENT ON FUNCTION tenfold._hotel_attributes IS 'frozen: stars, price range and rating packed for the index on places';

CREATE OR REPLACE FUNCTION tenfold._hotel_amenity_mask(amenities text[]) RETURNS bigint
LANGUAGE c STABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_hotel_amenity_mask';
COMMENT ON FUNCTION tenfold._hotel_amenity_mask IS 'the bits of hotel.amenity that these codes have; TFH02 for an unknown one';

CREATE OR REPLACE FUNCTION tenfold._hotel_nearby(
  lat double precision, lng double precision, radius_m double precision, min_stars int, min_rating double precision,
  price_ranges text[], amenities text[], row_limit int, after_distance_m double precision, after_hotel_id bigint,
  south double precision, west double precision, north double precision, east double precision,
  OUT hotel_id bigint, OUT distance_m double precision, OUT place_lat double precision, OUT place_lng double precision,
  OUT stars smallint, OUT rating double precision, OUT price_range text)
RETURNS SETOF record
LANGUAGE c STABLE PARALLEL SAFE COST 1000 ROWS 20 AS '$libdir/tenfold', 'tf_hotel_nearby';
COMMENT ON FUNCTION tenfold._hotel_nearby IS 'what hotel.nearby and hotel.within_box call: around a point, or in a box from its center outwards';

-- pg/relation_changed.sql
CREATE OR REPLACE FUNCTION tenfold._relation_changed(relation bigint) RETURNS void
LANGUAGE c VOLATILE STRICT AS '$libdir/tenfold', 'tf_relation_changed';
COMMENT ON FUNCTION tenfold._relation_changed IS
  'makes every backend, a standby''s too, drop what it keeps of a small table, once and if the caller''s transaction commits; for triggers (TG_RELID)';

TRUNCATE tenfold.module_source, tenfold.migration_source;
INSERT INTO tenfold.module_source VALUES ('kernel', 0, 'tenfold', '{}');
INSERT INTO tenfold.migration_source VALUES ('kernel', 0, 'tables/001_migration', true, $tf$CREATE TABLE tenfold.module (
  module text PRIMARY KEY,
  version text NOT NULL,
  installed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE tenfold.module IS 'the modules installed in this database, each with the version that was installed last';

CREATE TABLE tenfold.migration (
  module text NOT NULL,
  name text NOT NULL,
  checksum text NOT NULL,
  version text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (module, name)
);
COMMENT ON TABLE tenfold.migration IS 'the once-only scripts that were applied: md5 of the text, and the version that brought it';
$tf$);
INSERT INTO tenfold.migration_source VALUES ('kernel', 2, 'drop_guard', false, $tf$-- Fires after a DROP: objects of the extension are gone from the catalog by then, so this function is no member.
CREATE OR REPLACE FUNCTION tenfold._refuse_drop() RETURNS event_trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() WHERE object_type = 'extension' AND object_name = 'tenfold')
     AND to_regclass('tenfold.migration') IS NOT NULL THEN
    RAISE EXCEPTION 'extension tenfold cannot be dropped while its tables exist'
      USING ERRCODE = 'TF007', HINT = 'SELECT tenfold.uninstall(…) removes a module with its data, kernel last.';
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._refuse_drop IS 'event trigger: refuses DROP EXTENSION tenfold while tables of tenfold exist';
$tf$);
INSERT INTO tenfold.migration_source VALUES ('kernel', 3, 'identity', false, $tf$-- PostgREST leaves '' in a setting after the transaction that had it.
CREATE OR REPLACE FUNCTION tenfold.current_subject() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid;
COMMENT ON FUNCTION tenfold.current_subject IS 'who is asking: the subject of the request''s JWT, NULL outside a request';
$tf$);
INSERT INTO tenfold.migration_source VALUES ('kernel', 5, 'views', false, $tf$-- Its use of tenfold.version(), a member, is what stops a plain DROP EXTENSION.
CREATE OR REPLACE VIEW tenfold.installed AS
  SELECT m.module, m.version, m.installed_at, tenfold.version() AS library_version FROM tenfold.module m;
COMMENT ON VIEW tenfold.installed IS 'the installed modules beside the version of the library';

CREATE OR REPLACE VIEW tenfold.error_code AS SELECT * FROM tenfold._error_codes();
COMMENT ON VIEW tenfold.error_code IS 'the errors tenfold raises by itself: SQLSTATE, stable name, HTTP status, meaning';
$tf$);
INSERT INTO tenfold.migration_source VALUES ('kernel', 6, 'rights', false, $tf$-- EXECUTE by name only. Members of the extension were closed by its script.
REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA tenfold FROM PUBLIC;

GRANT USAGE ON SCHEMA tenfold TO tenfold_anonymous, tenfold_worker;
GRANT EXECUTE ON FUNCTION tenfold.version(), tenfold.current_subject() TO tenfold_anonymous, tenfold_worker;
GRANT SELECT ON tenfold.error_code TO tenfold_anonymous, tenfold_worker;
GRANT EXECUTE ON FUNCTION tenfold._error_codes() TO tenfold_anonymous, tenfold_worker;
GRANT SELECT ON tenfold.installed, tenfold.module, tenfold.migration TO tenfold_operator;
$tf$);
INSERT INTO tenfold.module_source VALUES ('geo', 1, 'geo', '{kernel}');
INSERT INTO tenfold.migration_source VALUES ('geo', 0, 'geodesic', false, $tf$CREATE OR REPLACE FUNCTION geo.haversine_m(
  lat1 double precision, lng1 double precision, lat2 double precision, lng2 double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN tenfold._geo_haversine_m(lat1, lng1, lat2, lng2);
COMMENT ON FUNCTION geo.haversine_m IS
  'great-circle distance in meters on a sphere of radius 6,371,008.8 m: up to 0.6 % off; for comparison with others. Errors: TFG01 coordinate';

CREATE OR REPLACE FUNCTION geo.geodesic_m(
  lat1 double precision, lng1 double precision, lat2 double precision, lng2 double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN tenfold._geo_geodesic_m(lat1, lng1, lat2, lng2);
COMMENT ON FUNCTION geo.geodesic_m IS
  'shortest path in meters on the WGS84 ellipsoid (Karney 2013), to 15 nm; equals ST_Distance of two geographies. Errors: TFG01 coordinate';
$tf$);
INSERT INTO tenfold.migration_source VALUES ('geo', 1, 'geohash', false, $tf$CREATE OR REPLACE FUNCTION geo.geohash_encode(lat double precision, lng double precision, "precision" int DEFAULT 12) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN tenfold._geo_geohash_encode(lat, lng, "precision");
COMMENT ON FUNCTION geo.geohash_encode IS
  'the geohash of a place, degrees on WGS84; precision 1 … 12 characters (p5: 4.89 × 4.89 km at the equator, p6: 1.22 × 0.61 km, p7: 153 × 153 m). Errors: TFG01 coordinate, TFG04 precision';

CREATE OR REPLACE FUNCTION geo.geohash_decode(
  geohash text, OUT lat double precision, OUT lng double precision,
  OUT south double precision, OUT west double precision, OUT north double precision, OUT east double precision)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT d.lat, d.lng, d.south, d.west, d.north, d.east FROM tenfold._geo_geohash_decode(geohash) d;
END;
COMMENT ON FUNCTION geo.geohash_decode IS 'the centre and the box of a geohash, in degrees. Errors: TFG03 no geohash';

CREATE OR REPLACE FUNCTION geo.geohash_neighbors(geohash text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN tenfold._geo_geohash_neighbors(geohash);
COMMENT ON FUNCTION geo.geohash_neighbors IS
  'the eight cells around, in the order n, ne, e, se, s, sw, w, nw; empty text where a pole leaves no cell. Errors: TFG03 no geohash';

CREATE OR REPLACE FUNCTION geo.geohash_cover(
  lat double precision, lng double precision, radius_m double precision, "precision" int DEFAULT 6) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN tenfold._geo_geohash_cover(lat, lng, radius_m, "precision");
COMMENT ON FUNCTION geo.geohash_cover IS
  'every geohash cell that a disc touches, poles and date line included; at most 10,000. Errors: TFG01 coordinate, TFG02 radius, TFG04 precision (too fine for the radius, too)';
$tf$);
INSERT INTO tenfold.migration_source VALUES ('geo', 2, 'rights', false, $tf$REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA geo FROM PUBLIC;

GRANT USAGE ON SCHEMA geo TO tenfold_anonymous, tenfold_worker;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA geo TO tenfold_anonymous, tenfold_worker;
-- The public functions are inlined, so that callers need the members as well.
GRANT EXECUTE ON FUNCTION
  tenfold._geo_geohash_encode(double precision, double precision, int), tenfold._geo_geohash_decode(text),
  tenfold._geo_geohash_neighbors(text), tenfold._geo_geohash_cover(double precision, double precision, double precision, int),
  tenfold._geo_haversine_m(double precision, double precision, double precision, double precision),
  tenfold._geo_geodesic_m(double precision, double precision, double precision, double precision),
  tenfold._geo_place_key(double precision, double precision)
TO tenfold_anonymous, tenfold_worker;
$tf$);
INSERT INTO tenfold.module_source VALUES ('hotel', 2, 'hotel', '{kernel,geo}');
INSERT INTO tenfold.migration_source VALUES ('hotel', 0, 'tables/001_hotel', true, $tf$CREATE TABLE hotel.amenity (
  code text PRIMARY KEY CHECK (code ~ '^[a-z][a-z0-9_]{0,39}$'),
  bit smallint NOT NULL UNIQUE CHECK (bit BETWEEN 0 AND 63),
  name text NOT NULL
);
COMMENT ON TABLE hotel.amenity IS
  'the dictionary of amenities: at most 64, each a bit of hotel.hotel.amenities. Add your own; never give a used bit a new meaning';

INSERT INTO hotel.amenity (bit, code, name) VALUES
  (0, 'wifi', 'Free Wi-Fi'), (1, 'parking', 'Parking'), (2, 'pool', 'Swimming pool'), (3, 'gym', 'Fitness room'),
  (4, 'spa', 'Spa'), (5, 'restaurant', 'Restaurant'), (6, 'bar', 'Bar'), (7, 'pets', 'Pets allowed'),
  (8, 'airport_shuttle', 'Airport shuttle'), (9, 'breakfast', 'Breakfast'), (10, 'air_conditioning', 'Air conditioning'),
  (11, 'room_service', 'Room service'), (12, 'laundry', 'Laundry'), (13, 'beach', 'On the beach'),
  (14, 'family_rooms', 'Family rooms'), (15, 'ev_charging', 'EV charging'), (16, 'wheelchair', 'Wheelchair access'),
  (17, 'non_smoking', 'Non-smoking rooms'), (18, 'kitchen', 'Kitchen'), (19, 'balcony', 'Balcony'),
  (20, 'sauna', 'Sauna'), (21, 'hot_tub', 'Hot tub'), (22, 'garden', 'Garden'), (23, 'terrace', 'Terrace'),
  (24, 'reception_24h', 'Reception around the clock'), (25, 'elevator', 'Elevator'), (26, 'business_center', 'Business center'),
  (27, 'meeting_rooms', 'Meeting rooms'), (28, 'playground', 'Playground'), (29, 'golf', 'Golf'),
  (30, 'ski', 'Ski to the door'), (31, 'tennis', 'Tennis');

CREATE FUNCTION hotel._amenity_changed() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM tenfold._relation_changed(TG_RELID::bigint);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION hotel._amenity_changed IS 'tells every backend at commit that the dictionary changed';

CREATE TRIGGER amenity_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON hotel.amenity
  FOR EACH STATEMENT EXECUTE FUNCTION hotel._amenity_changed();

CREATE TABLE hotel.price_band (
  currency text PRIMARY KEY CHECK (currency ~ '^[A-Z]{3}$'),
  upper_minor bigint[] NOT NULL,
  CONSTRAINT three_rising_bounds CHECK (
    cardinality(upper_minor) = 3 AND 0 < upper_minor[1] AND upper_minor[1] < upper_minor[2] AND upper_minor[2] < upper_minor[3])
);
COMMENT ON TABLE hotel.price_band IS
  'where $, $$ and $$$ end, as average price of a night in minor units; above the third is $$$$. A currency without a row has no price range';

INSERT INTO hotel.price_band VALUES
  ('USD', '{7500,15000,30000}'), ('EUR', '{7000,14000,28000}'), ('GBP', '{6000,12000,24000}'),
  ('INR', '{400000,1000000,2500000}'), ('JPY', '{10000,20000,45000}'), ('AED', '{27500,55000,110000}');

-- What the generated columns call. Their bodies are text, bound when they run: so the columns do not depend on members of
-- the extension, and DROP EXTENSION … CASCADE cannot take a column with it. Frozen, since rows hold their results.
CREATE FUNCTION hotel._place_key(lat numeric, lng numeric) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS 'SELECT tenfold._geo_place_key(lat::double precision, lng::double precision)';
COMMENT ON FUNCTION hotel._place_key IS 'frozen: the Z-order key of a place';

CREATE FUNCTION hotel._geohash(lat numeric, lng numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS 'SELECT tenfold._geo_geohash_encode(lat::double precision, lng::double precision, 12)';
COMMENT ON FUNCTION hotel._geohash IS 'frozen: the geohash of a place, 12 characters';

CREATE FUNCTION hotel._attributes(stars smallint, price_range smallint, rating_average numeric) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS 'SELECT tenfold._hotel_attributes(stars, price_range, rating_average::double precision)';
COMMENT ON FUNCTION hotel._attributes IS 'frozen: stars, price range and rating as the index on places holds them';

CREATE TABLE hotel.hotel (
  hotel_id bigint GENERATED BY DEFAULT AS IDENTITY,
  country text NOT NULL CONSTRAINT country_is_iso3166 CHECK (country ~ '^[A-Z]{2}$'),
  owner_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  reference text NOT NULL DEFAULT gen_random_uuid()::text,
  name text NOT NULL CHECK (name <> '' AND length(name) <= 200),
  city text NOT NULL CHECK (length(city) <= 200),
  lat numeric(9, 7) NOT NULL CONSTRAINT lat_in_range CHECK (lat BETWEEN -90 AND 90),
  lng numeric(10, 7) NOT NULL CONSTRAINT lng_in_range CHECK (lng BETWEEN -180 AND 180),
  stars smallint CONSTRAINT stars_in_range CHECK (stars BETWEEN 1 AND 5),
  rating_average numeric(3, 2) CONSTRAINT rating_in_range CHECK (rating_average BETWEEN 0 AND 5),
  rating_count int NOT NULL DEFAULT 0 CHECK (rating_count >= 0),
  average_price_minor bigint CHECK (average_price_minor >= 0),
  currency text CONSTRAINT currency_is_iso4217 CHECK (currency ~ '^[A-Z]{3}$'),
  price_range smallint CHECK (price_range BETWEEN 1 AND 4),
  amenities bigint NOT NULL DEFAULT 0,
  version int NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  removed_at timestamptz,
  -- What the index on places holds. A generated column cannot be typed in, so it cannot be wrong.
  place_key bigint NOT NULL GENERATED ALWAYS AS (hotel._place_key(lat, lng)) STORED,
  attributes int NOT NULL GENERATED ALWAYS AS (hotel._attributes(stars, price_range, rating_average)) STORED,
  geohash text NOT NULL GENERATED ALWAYS AS (hotel._geohash(lat, lng)) STORED,
  location geography(Point, 4326) NOT NULL GENERATED ALWAYS AS (ST_SetSRID(ST_MakePoint(lng, lat), 4326)::geography) STORED,
  PRIMARY KEY (hotel_id, country),
  UNIQUE (owner_id, reference, country),
  CONSTRAINT price_has_currency CHECK (average_price_minor IS NULL OR currency IS NOT NULL)
) WITH (fillfactor = 90);
COMMENT ON TABLE hotel.hotel IS
  'hotels, for search and proximity alike. Country is part of every key, so that the table can be partitioned. Write through hotel.add_hotel and its sisters';
COMMENT ON COLUMN hotel.hotel.owner_id IS 'the subject who may change it; the nil UUID is the house itself';
COMMENT ON COLUMN hotel.hotel.reference IS 'the owner''s own name for it: adding it again updates it';
COMMENT ON COLUMN hotel.hotel.lat IS 'degrees on WGS84, kept to 1e-7 (at most 6 mm off)';
COMMENT ON COLUMN hotel.hotel.lng IS 'degrees on WGS84, kept to 1e-7 (at most 6 mm off)';
COMMENT ON COLUMN hotel.hotel.price_range IS 'derived from average price and hotel.price_band: 1 is $, 4 is $$$$';
COMMENT ON COLUMN hotel.hotel.amenities IS 'a bit for each amenity of hotel.amenity';
COMMENT ON COLUMN hotel.hotel.version IS 'rises with each change; the ETag over HTTP';
COMMENT ON COLUMN hotel.hotel.removed_at IS 'since when it is removed: no search finds it, its owner may add it again';

-- Read page by page by tenfold._hotel_nearby: columns, order and NOT NULL are its contract.
CREATE INDEX hotel_place ON hotel.hotel (place_key) INCLUDE (hotel_id, amenities, attributes) WHERE removed_at IS NULL;
CREATE INDEX hotel_location ON hotel.hotel USING gist (location) WHERE removed_at IS NULL;
CREATE INDEX hotel_removed ON hotel.hotel (removed_at) WHERE removed_at IS NOT NULL;
$tf$);
INSERT INTO tenfold.migration_source VALUES ('hotel', 2, 'hotel', false, $tf$CREATE OR REPLACE FUNCTION hotel.price_range_of(average_price_minor bigint, currency text) RETURNS smallint
LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT (width_bucket(average_price_minor, b.upper_minor) + 1 + 0)::smallint FROM hotel.price_band b WHERE b.currency = price_range_of.currency;
END;
COMMENT ON FUNCTION hotel.price_range_of IS '1 ($) to 4 ($$$$) by hotel.price_band; NULL for a currency without bands';

CREATE OR REPLACE FUNCTION hotel.amenity_codes(mask bigint) RETURNS text[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT coalesce(array_agg(a.code ORDER BY a.bit), '{}') FROM hotel.amenity a WHERE mask >> a.bit & 1 = 1;
END;
COMMENT ON FUNCTION hotel.amenity_codes IS 'the amenities of a mask, in the order of their bits';

-- Types and CHECKs would refuse these as well, but without naming the value.
CREATE OR REPLACE FUNCTION hotel._checked_lat(lat numeric, lng numeric) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN tenfold._geo_place_key(lat::double precision, lng::double precision) IS NOT NULL THEN lat END;
COMMENT ON FUNCTION hotel._checked_lat IS 'the latitude, once both are known to be in range: TFG01 otherwise';

CREATE OR REPLACE FUNCTION hotel.add_hotel(
  name text, country text, city text, lat numeric, lng numeric, stars int DEFAULT NULL, amenities text[] DEFAULT '{}',
  average_price_minor bigint DEFAULT NULL, currency text DEFAULT NULL,
  owner_id uuid DEFAULT NULL, reference text DEFAULT NULL) RETURNS bigint
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  INSERT INTO hotel.hotel AS h (name, country, city, lat, lng, stars, amenities, average_price_minor, currency, price_range, owner_id, reference)
  VALUES (name, country, city, hotel._checked_lat(lat, lng), lng, stars, tenfold._hotel_amenity_mask(coalesce(amenities, '{}')),
    average_price_minor, currency, hotel.price_range_of(average_price_minor, currency),
    coalesce(owner_id, tenfold.current_subject(), '00000000-0000-0000-0000-000000000000'), coalesce(reference, gen_random_uuid()::text))
  ON CONFLICT (owner_id, reference, country) DO UPDATE SET
    (name, city, lat, lng, stars, amenities, average_price_minor, currency, price_range, version, updated_at, removed_at) =
    (excluded.name, excluded.city, excluded.lat, excluded.lng, excluded.stars, excluded.amenities, excluded.average_price_minor,
     excluded.currency, excluded.price_range, h.version + 1, clock_timestamp(), NULL)
  RETURNING h.hotel_id;
END;
COMMENT ON FUNCTION hotel.add_hotel IS
  'adds a hotel and gives its id; the same owner, reference and country again updates it, or brings it back. country: ISO 3166-1 alpha-2; price of an average night in minor units with ISO 4217 currency. '
  'Errors: 23502 or 23514 a column''s rule, TFG01 coordinate, TFH02 unknown amenity';

CREATE OR REPLACE FUNCTION hotel.update_hotel(hotel_id bigint, changes jsonb, expected_version int DEFAULT NULL) RETURNS int
LANGUAGE plpgsql
AS $$
DECLARE
  old hotel.hotel;
  new hotel.hotel;
BEGIN
  PERFORM hotel._check_changes(changes);
  old := hotel._lock_hotel(update_hotel.hotel_id, expected_version);
  new := jsonb_populate_record(old, changes - 'amenities');
  IF changes ? 'amenities' THEN
    new.amenities := tenfold._hotel_amenity_mask(ARRAY(SELECT jsonb_array_elements_text(changes -> 'amenities')));
  END IF;
  UPDATE hotel.hotel h SET
    (name, city, lat, lng, stars, amenities, average_price_minor, currency, price_range, version, updated_at) =
    (new.name, new.city, hotel._checked_lat(new.lat, new.lng), new.lng, new.stars, new.amenities, new.average_price_minor,
     new.currency, hotel.price_range_of(new.average_price_minor, new.currency), old.version + 1, clock_timestamp())
  WHERE h.hotel_id = old.hotel_id AND h.country = old.country;
  RETURN old.version + 1;
END
$$;
COMMENT ON FUNCTION hotel.update_hotel IS
  'changes what the object names (name, city, lat, lng, stars, amenities as array of codes, average_price_minor, currency) and gives the new version. '
  'Errors: TFH04 no such hotel, TFH05 its version is not the expected one, 22023 unknown key, and those of hotel.add_hotel';

CREATE OR REPLACE FUNCTION hotel._check_changes(changes jsonb) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  allowed CONSTANT text[] := '{name,city,lat,lng,stars,amenities,average_price_minor,currency}';
  unknown text;
BEGIN
  IF changes IS NULL OR jsonb_typeof(changes) <> 'object' THEN
    RAISE EXCEPTION 'changes must be a JSON object' USING ERRCODE = '22023', HINT = 'For example: {"stars": 4}';
  END IF;
  SELECT key INTO unknown FROM jsonb_object_keys(changes) key WHERE key <> ALL (allowed) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'a hotel''s "%" cannot be changed', unknown
      USING ERRCODE = '22023', HINT = 'What can: ' || array_to_string(allowed, ', ');
  END IF;
  IF changes ? 'amenities' AND jsonb_typeof(changes -> 'amenities') <> 'array' THEN
    RAISE EXCEPTION 'amenities must be an array of codes' USING ERRCODE = '22023', HINT = 'For example: ["wifi", "pool"]';
  END IF;
END
$$;
COMMENT ON FUNCTION hotel._check_changes IS 'raises 22023 unless changes is an object of known keys';

CREATE OR REPLACE FUNCTION hotel._lock_hotel(wanted bigint, expected_version int) RETURNS hotel.hotel
LANGUAGE plpgsql
AS $$
DECLARE
  found_hotel hotel.hotel;
BEGIN
  SELECT * INTO found_hotel FROM hotel.hotel h WHERE h.hotel_id = wanted AND h.removed_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'hotel % does not exist', coalesce(wanted::text, 'NULL')
      USING ERRCODE = 'TFH04', HINT = 'It may have been removed; its owner can add it again.';
  END IF;
  IF expected_version <> found_hotel.version THEN
    RAISE EXCEPTION 'hotel % has version %, not %', wanted, found_hotel.version, expected_version
      USING ERRCODE = 'TFH05', HINT = 'Read it again, and repeat the change on what you find.';
  END IF;
  RETURN found_hotel;
END
$$;
COMMENT ON FUNCTION hotel._lock_hotel IS 'a hotel''s row, locked; TFH04 if there is none, TFH05 if its version is another';

CREATE OR REPLACE FUNCTION hotel.remove_hotel(hotel_id bigint, expected_version int DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  old hotel.hotel := hotel._lock_hotel(hotel_id, expected_version);
BEGIN
  UPDATE hotel.hotel h SET (removed_at, updated_at, version) = (clock_timestamp(), clock_timestamp(), old.version + 1)
  WHERE h.hotel_id = old.hotel_id AND h.country = old.country;
END
$$;
COMMENT ON FUNCTION hotel.remove_hotel IS
  'takes a hotel out of every search; its row stays until hotel.purge_removed(). Errors: TFH04 no such hotel, TFH05 its version is not the expected one';

CREATE OR REPLACE FUNCTION hotel.set_rating(hotel_id bigint, average numeric, count int) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  old hotel.hotel := hotel._lock_hotel(hotel_id, NULL);
BEGIN
  UPDATE hotel.hotel h SET (rating_average, rating_count, updated_at, version) = (average, count, clock_timestamp(), old.version + 1)
  WHERE h.hotel_id = old.hotel_id AND h.country = old.country;
END
$$;
COMMENT ON FUNCTION hotel.set_rating IS 'writes the guests'' average (0 … 5, two digits; NULL for none) and how many rated. Errors: TFH04 no such hotel, 23514 out of range';

$tf$);
INSERT INTO tenfold.migration_source VALUES ('hotel', 4, 'nearby', false, $tf$CREATE OR REPLACE FUNCTION hotel.nearby(
  lat double precision, lng double precision, radius_m double precision DEFAULT NULL,
  min_stars int DEFAULT NULL, min_rating double precision DEFAULT NULL, price_ranges text[] DEFAULT NULL,
  amenities text[] DEFAULT NULL, row_limit int DEFAULT 20,
  after_distance_m double precision DEFAULT NULL, after_hotel_id bigint DEFAULT NULL)
RETURNS TABLE (hotel_id bigint, distance_m double precision, place_lat double precision, place_lng double precision,
  stars smallint, rating double precision, price_range text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  SELECT * FROM tenfold._hotel_nearby(lat, lng, radius_m, min_stars, min_rating, price_ranges, amenities, row_limit,
    after_distance_m, after_hotel_id, NULL, NULL, NULL, NULL);
END;
COMMENT ON FUNCTION hotel.nearby(double precision, double precision, double precision, int, double precision, text[], text[], int, double precision, bigint) IS
  'hotels within radius_m meters of a point (without a radius: the nearest wherever they are), by (distance, hotel_id): every one, at its distance on the WGS84 ellipsoid. '
  'price_ranges: any of $ … $$$$; amenities: all of them; the next page starts after the last row''s distance and id. '
  'Errors: 22004 NULL where a value must be, TFG01 coordinate, TFG02 radius, TFH01 limit, TFH02 amenity, TFH03 stars, rating or price';
$tf$);
INSERT INTO tenfold.migration_source VALUES ('hotel', 6, 'views', false, $tf$CREATE OR REPLACE VIEW hotel.details WITH (security_invoker = true) AS
  SELECT h.hotel_id, h.name, h.country, h.city, h.lat, h.lng, h.geohash, h.stars, h.rating_average, h.rating_count,
    h.average_price_minor, h.currency, repeat('$', h.price_range) AS price_range, hotel.amenity_codes(h.amenities) AS amenities,
    h.version, h.updated_at
  FROM hotel.hotel h WHERE h.removed_at IS NULL;
COMMENT ON VIEW hotel.details IS 'what a visitor sees of a hotel';
$tf$);
INSERT INTO tenfold.migration_source VALUES ('hotel', 7, 'rights', false, $tf$REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA hotel FROM PUBLIC;

-- Anybody may read hotels.
GRANT USAGE ON SCHEMA hotel TO tenfold_anonymous, tenfold_worker;
GRANT SELECT ON hotel.hotel, hotel.amenity, hotel.price_band, hotel.details TO tenfold_anonymous;
GRANT EXECUTE ON FUNCTION hotel.nearby(double precision, double precision, double precision, int, double precision, text[], text[], int, double precision, bigint), hotel.amenity_codes(bigint), tenfold._hotel_amenity_mask(text[]),
  tenfold._hotel_nearby(double precision, double precision, double precision, int, double precision, text[], text[], int, double precision, bigint, double precision, double precision, double precision, double precision) TO tenfold_anonymous;
GRANT INSERT, UPDATE, DELETE ON hotel.hotel TO tenfold_operator;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA hotel TO tenfold_operator;
$tf$);

SELECT tenfold._close_new_members();

DO $$
BEGIN
  RAISE NOTICE 'tenfold is here. Next: SELECT tenfold.create_roles(); CALL tenfold.install_all(); SELECT tenfold.schedule_jobs(); SELECT * FROM tenfold.doctor();';
END
$$;
