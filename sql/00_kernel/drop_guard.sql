-- Fires after a DROP: objects of the extension are gone from the catalog by then, so this function is no member.
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
