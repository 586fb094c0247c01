CREATE OR REPLACE FUNCTION tenfold._check_lists(names text, VARIADIC lists "any") RETURNS void
LANGUAGE c STABLE PARALLEL SAFE AS '$libdir/tenfold', 'tf_check_lists';
COMMENT ON FUNCTION tenfold._check_lists IS
  'refuses arrays of several dimensions, or not as long as the first (2202E), and NULLs in those whose name has no ? behind it (22004). An array that is NULL passes. names: of the arrays, parted by blanks';
