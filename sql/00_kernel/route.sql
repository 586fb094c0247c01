CREATE OR REPLACE FUNCTION tenfold._forget_routes(module text) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  DELETE FROM tenfold.route r WHERE r.module = _forget_routes.module;
  DELETE FROM tenfold.api_schema s WHERE s.module = _forget_routes.module;
END;
COMMENT ON FUNCTION tenfold._forget_routes IS 'the first line of a module''s api.sql, which then writes all its routes anew';

CREATE OR REPLACE FUNCTION tenfold._open_routes(module text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  route record;
BEGIN
  -- all or none: the rights of a module that is being installed
  FOR route IN SELECT r.function, r.roles FROM tenfold.route r WHERE r.module = _open_routes.module LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', route.function);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', route.function,
      (SELECT string_agg(quote_ident(name), ', ') FROM unnest(route.roles) name));
  END LOOP;
  NOTIFY pgrst, 'reload schema';  -- it knows the functions of its start
END
$$;
COMMENT ON FUNCTION tenfold._open_routes IS
  'lets the roles of a module''s routes, and nobody else, execute their functions: part of its rights.sql. Tells PostgREST to read the schema anew';
