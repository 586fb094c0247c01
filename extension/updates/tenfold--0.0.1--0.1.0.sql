-- Modules name the extensions they need.
TRUNCATE tenfold.module_source, tenfold.migration_source;
ALTER TABLE tenfold.module_source ADD COLUMN IF NOT EXISTS extensions text[] NOT NULL;

-- uninstall() wants to be confirmed.
DROP FUNCTION tenfold.uninstall(text);

-- They called what tenfold_owner could replace.
DROP EVENT TRIGGER IF EXISTS tenfold_refuse_drop;
DROP FUNCTION IF EXISTS tenfold._refuse_drop();
DROP FUNCTION tenfold._guard_drop_extension();
DROP FUNCTION tenfold._install_path();
