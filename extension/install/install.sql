CREATE OR REPLACE FUNCTION tenfold.install(module text) RETURNS text[]
LANGUAGE plpgsql
AS $$
DECLARE
  part tenfold.module_source;
  done text[] := '{}';
BEGIN
  PERFORM tenfold._check_can_install(module);
  PERFORM tenfold._lock('install', 0);
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

CREATE OR REPLACE FUNCTION tenfold._install_one(part tenfold.module_source) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  caller_role text := current_setting('role');
  caller_path text := current_setting('search_path');
  caller_level text := current_setting('client_min_messages');
BEGIN
  PERFORM tenfold._check_extensions(part);
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

CREATE OR REPLACE FUNCTION tenfold._check_extensions(part tenfold.module_source) RETURNS void
LANGUAGE plpgsql STABLE
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

-- Module SQL names everything with its schema, but for the types and functions of the extensions it needs, which
-- may live anywhere.
CREATE OR REPLACE FUNCTION tenfold._install_path() RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT concat_ws(', ', 'pg_catalog', string_agg(DISTINCT quote_ident(n.nspname), ', '), 'pg_temp')
  FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
  WHERE n.nspname <> 'pg_catalog' AND e.extname IN (SELECT unnest(s.extensions) FROM tenfold.module_source s);
END;
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
