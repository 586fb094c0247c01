-- Modules name the extensions they need.
TRUNCATE tenfold.module_source, tenfold.migration_source;
ALTER TABLE tenfold.module_source ADD COLUMN IF NOT EXISTS extensions text[] NOT NULL;

-- uninstall() wants to be confirmed.
DROP FUNCTION tenfold.uninstall(text);
