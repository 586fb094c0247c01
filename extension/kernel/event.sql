CREATE OR REPLACE FUNCTION tenfold._system_identifier() RETURNS bigint
LANGUAGE c STABLE PARALLEL SAFE AS '$libdir/tenfold', 'tf_system_identifier';
COMMENT ON FUNCTION tenfold._system_identifier IS 'the number that initdb gave this cluster; its standbys have the same';
