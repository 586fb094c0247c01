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
  IF to_regrole('tenfold_owner') IS NOT NULL THEN
    GRANT USAGE ON LANGUAGE tenfold_cached TO tenfold_owner;
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._close_new_members IS 'takes EXECUTE on new members from PUBLIC, gives it to tenfold_owner';
