CREATE OR REPLACE FUNCTION tenfold._rows_json(of regclass, columns text[], versions tid[]) RETURNS json
LANGUAGE c STABLE STRICT PARALLEL SAFE AS '$libdir/tenfold', 'tf_rows_json';
COMMENT ON FUNCTION tenfold._rows_json IS
  'these versions of a table''s rows (by ctid, in this order) as json_agg(row_to_json()) writes those columns, without a plan: for functions that have found their rows and answer with them. What the caller''s snapshot does not see is left out. Errors: 42501 no SELECT, 0A000 row-level security, 42809 no table, 42804 no such column';
