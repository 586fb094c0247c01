-- First of all: what the C++ writes is UTF-8. (This script is ASCII, so that every database can read it up to here.)
DO $$
BEGIN
  IF current_setting('server_encoding') <> 'UTF8' THEN
    RAISE EXCEPTION 'tenfold needs a database in UTF8, not %', current_setting('server_encoding')
      USING ERRCODE = '0A000', HINT = 'CREATE DATABASE … ENCODING ''UTF8'' TEMPLATE template0;';
  END IF;
END
$$;

-- A schema "tenfold" that holds somebody else's objects is not ours to fill. After a restore, or a
-- DROP EXTENSION … CASCADE, it holds our own tables, tenfold.migration among them.
DO $$
BEGIN
  IF to_regclass('tenfold.migration') IS NULL AND EXISTS (
    SELECT FROM pg_depend o WHERE o.refclassid = 'pg_namespace'::regclass AND o.refobjid = 'tenfold'::regnamespace
      AND o.classid <> 'pg_extension'::regclass AND NOT EXISTS (
        SELECT FROM pg_depend m WHERE m.classid = o.classid AND m.objid = o.objid AND m.deptype = 'e'))
  THEN
    RAISE EXCEPTION 'schema "tenfold" exists and is not tenfold''s'
      USING ERRCODE = 'TF002', HINT = 'Rename it first: ALTER SCHEMA tenfold RENAME TO …';
  END IF;
END
$$;
