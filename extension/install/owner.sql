-- A SECURITY DEFINER function would do, if its owner were tenfold_owner; but then tenfold_owner could replace it.
CREATE OR REPLACE FUNCTION tenfold._run_as_owner(statement text) RETURNS text
LANGUAGE c VOLATILE STRICT AS '$libdir/tenfold', 'tf_run_as_owner';
COMMENT ON FUNCTION tenfold._run_as_owner IS
  'runs one statement as tenfold_owner, as CREATE INDEX runs functions of a table''s owner: it cannot become somebody else, nor leave behind what runs later. Gives the first column of its first row';

-- A member, so that nobody but the extension's owner can replace it. Also a member is the trigger: it goes with the extension.
CREATE OR REPLACE FUNCTION tenfold._guard_drop() RETURNS event_trigger
LANGUAGE c VOLATILE AS '$libdir/tenfold', 'tf_guard_drop';
COMMENT ON FUNCTION tenfold._guard_drop IS 'event trigger: refuses DROP EXTENSION tenfold while tables of tenfold exist (TF007)';

DROP EVENT TRIGGER IF EXISTS tenfold_guard_drop;
CREATE EVENT TRIGGER tenfold_guard_drop ON ddl_command_start WHEN TAG IN ('DROP EXTENSION') EXECUTE FUNCTION tenfold._guard_drop();
