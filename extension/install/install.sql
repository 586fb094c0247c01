CREATE OR REPLACE FUNCTION tenfold.install(module text) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  part tenfold.module_source;
  done text[] := '{}';
BEGIN
  PERFORM tenfold._check_can_install(module);
  PERFORM tenfold._lock('install', 0);
  PERFORM tenfold._drop_old_guard();
  FOR part IN SELECT * FROM tenfold._modules_for(module) LOOP
    PERFORM tenfold._install_one(part);
    done := done || part.module;
  END LOOP;
  RETURN done;
END
$$;
COMMENT ON FUNCTION tenfold.install(text) IS
  'installs or upgrades a module and what it needs, in the caller''s transaction; idempotent. Gives the modules it went through. '
  'Errors: TF001 unknown module, TF002 a schema is somebody else''s, TF003 roles missing, TF004 an extension missing, TF006 an applied migration changed';

-- Commits, so it cannot pin its search_path: it names everything.
CREATE OR REPLACE PROCEDURE tenfold.install_all()
LANGUAGE plpgsql
AS $$
DECLARE
  name pg_catalog.text;
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
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  missing text := (SELECT min(name) FROM unnest(tenfold._role_names()) name WHERE to_regrole(name) IS NULL);
BEGIN
  IF wanted IS NULL OR NOT EXISTS (SELECT FROM tenfold.module_source s WHERE s.module = wanted) THEN
    RAISE EXCEPTION 'unknown module %', coalesce(quote_literal(wanted), 'NULL')
      USING ERRCODE = 'TF001', HINT = 'The modules are: ' ||
        (SELECT string_agg(s.module, ', ' ORDER BY s.ordinal) FROM tenfold.module_source s);
  END IF;
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'role % does not exist', missing
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

-- Who installs may be a superuser, and the schema's owner may have replaced what scripts call, or put triggers on what
-- they write: so all of it runs as tenfold_owner, with no way back until it returned.
CREATE OR REPLACE FUNCTION tenfold._install_one(part tenfold.module_source) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
SET standard_conforming_strings = on
SET check_function_bodies = on
AS $$
BEGIN
  PERFORM tenfold._check_extensions(part);
  PERFORM tenfold._run_as_owner(format('SELECT tenfold._claim_schema(%L)', part.schema_name));
  PERFORM tenfold._run_as_owner(format('SELECT tenfold._run_migrations(%L)', part.module));
  PERFORM tenfold._run_as_owner(format(
    'INSERT INTO tenfold.module AS m (module, version) VALUES (%L, tenfold.version())
       ON CONFLICT (module) DO UPDATE SET version = excluded.version, installed_at = clock_timestamp()
       WHERE m.version <> excluded.version', part.module));
END
$$;
COMMENT ON FUNCTION tenfold._install_one IS 'installs one module as tenfold_owner; what it needs is there already';

CREATE OR REPLACE FUNCTION tenfold._check_extensions(part tenfold.module_source) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  missing text;
BEGIN
  SELECT string_agg(name, ', ') INTO missing FROM unnest(part.extensions) name
  WHERE NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = name);
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'module "%" needs extension %', part.module, missing
      USING ERRCODE = 'TF004', HINT = (SELECT string_agg(format('CREATE EXTENSION %I;', trim(name)), ' ')
                                       FROM string_to_table(missing, ',') name);
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._check_extensions IS 'raises TF004 if an extension that the module needs is absent';

-- Scripts resolve names in pg_catalog only: where others may create in the schema of an extension (public, say), a function
-- of theirs whose arguments fit better than pg_catalog's would be bound into a view. What an extension brought is named
-- @EXTENSION@.NAME.
CREATE OR REPLACE FUNCTION tenfold._script_of(step tenfold.migration_source) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  script text := step.body;
  found_in record;
BEGIN
  FOR found_in IN SELECT e.extname, n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace LOOP
    script := replace(script, format('@%s@.', found_in.extname), quote_ident(found_in.nspname) || '.');
  END LOOP;
  RETURN script;
END
$$;
COMMENT ON FUNCTION tenfold._script_of IS 'the text of a script, with the schemas in which this database has its extensions';

-- Without @EXTENSION@., since the first release had none.
CREATE OR REPLACE FUNCTION tenfold._checksum_of(step tenfold.migration_source) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
RETURN md5(regexp_replace(step.body, '@[a-z_]+@[.]', '', 'g'));
COMMENT ON FUNCTION tenfold._checksum_of IS 'the md5 by which a once-only script is known';

CREATE OR REPLACE FUNCTION tenfold._claim_schema(wanted text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
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
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  step tenfold.migration_source;
BEGIN
  FOR step IN SELECT * FROM tenfold.migration_source s WHERE s.module = wanted ORDER BY s.position LOOP
    CONTINUE WHEN step.once AND tenfold._is_applied(step);
    EXECUTE tenfold._script_of(step);
    IF step.once THEN
      INSERT INTO tenfold.migration (module, name, checksum, version)
        VALUES (step.module, step.name, tenfold._checksum_of(step), tenfold.version());
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION tenfold._run_migrations IS 'applies a module''s pending migrations and replays the rest';

CREATE OR REPLACE FUNCTION tenfold._is_applied(step tenfold.migration_source) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  applied text;
BEGIN
  IF to_regclass('tenfold.migration') IS NULL THEN
    RETURN false;  -- the very first script of the kernel makes it
  END IF;
  SELECT m.checksum INTO applied FROM tenfold.migration m WHERE m.module = step.module AND m.name = step.name;
  IF applied <> tenfold._checksum_of(step) THEN
    RAISE EXCEPTION 'migration %/% was changed after it was applied', step.module, step.name
      USING ERRCODE = 'TF006', HINT = 'A migration is frozen once released: undo the edit and add a new one.';
  END IF;
  RETURN applied IS NOT NULL;
END
$$;
COMMENT ON FUNCTION tenfold._is_applied IS 'whether a once-only script ran already; TF006 if it is not the same text';

-- Once, the event trigger called a function that tenfold_owner could replace, and it ran as whoever dropped something.
CREATE OR REPLACE FUNCTION tenfold._drop_old_guard() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
BEGIN
  IF current_setting('is_superuser')::boolean THEN
    DROP EVENT TRIGGER IF EXISTS tenfold_refuse_drop;
    DROP FUNCTION IF EXISTS tenfold._refuse_drop();
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._drop_old_guard IS 'takes away the event trigger of version 0.0.1, which a dump of it brings along; as a superuser';
