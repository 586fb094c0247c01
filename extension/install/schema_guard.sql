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
