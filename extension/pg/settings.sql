-- current_setting() knows a setting only once the library is loaded; calling a function of it does that.
CREATE OR REPLACE FUNCTION tenfold._setting(name text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_setting';
COMMENT ON FUNCTION tenfold._setting IS 'the value of the setting tenfold.NAME, also where the library is not preloaded';
