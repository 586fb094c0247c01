CREATE OR REPLACE FUNCTION tenfold._forget_routes(module text) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  DELETE FROM tenfold.route r WHERE r.module = _forget_routes.module;
  DELETE FROM tenfold.api_schema s WHERE s.module = _forget_routes.module;
END;
COMMENT ON FUNCTION tenfold._forget_routes IS 'the first line of a module''s api.sql, which then writes all its routes anew';

-- The right to call a function is checked where the call is planned away: a plan that was made for one role then answers
-- another, and PostgREST keeps its plans. A function in SQL goes into its caller; of an IMMUTABLE one the value does.
CREATE OR REPLACE FUNCTION tenfold._is_planned_away(function regprocedure) RETURNS boolean
LANGUAGE sql STABLE
RETURN (SELECT p.provolatile = 'i' OR l.lanname = 'sql' AND NOT p.prosecdef AND p.proconfig IS NULL
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang WHERE p.oid = function);
COMMENT ON FUNCTION tenfold._is_planned_away IS
  'whether a call of the function may be gone from a plan, and with it the check that the caller may call it';

CREATE OR REPLACE FUNCTION tenfold._routes_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER  -- who changes a row, by whatever right, calls a private function
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._relation_changed('tenfold.route'::regclass::bigint);
  RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold._routes_changed FROM PUBLIC;
COMMENT ON FUNCTION tenfold._routes_changed IS 'the trigger that makes every backend read the schemas of bodies anew';
CREATE OR REPLACE TRIGGER routes_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tenfold.route
  FOR EACH STATEMENT EXECUTE FUNCTION tenfold._routes_changed();
CREATE OR REPLACE TRIGGER routes_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tenfold.api_schema
  FOR EACH STATEMENT EXECUTE FUNCTION tenfold._routes_changed();
ALTER TABLE tenfold.route ENABLE ALWAYS TRIGGER routes_changed;  -- also where logical replication applies the rows
ALTER TABLE tenfold.api_schema ENABLE ALWAYS TRIGGER routes_changed;

-- A function of a route has what it does, and nothing else: it runs as its owner, under a search_path of its own; the library
-- gives it no body that its route's schema does not take, and its errors the form that HTTP wants
-- (extension/kernel/endpoint_pg.hpp). The language tenfold_cached pins its own settings.
CREATE OR REPLACE FUNCTION tenfold._finish_endpoint(function regprocedure) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE p.oid = function AND n.nspname = 'tenfold_api' AND l.lanname <> 'tenfold_cached') THEN
    EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = pg_catalog, pg_temp', function);
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._finish_endpoint IS
  'makes a function of tenfold_api SECURITY DEFINER with a pinned search_path, whatever its declaration says';

CREATE OR REPLACE FUNCTION tenfold._open_routes(module text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  route record;
  components CONSTANT jsonb := coalesce((SELECT jsonb_object_agg(s.name, s.schema) FROM tenfold.api_schema s), '{}');
BEGIN
  -- all or none: the rights of a module that is being installed
  FOR route IN SELECT r.function, r.roles, r.body FROM tenfold.route r WHERE r.module = _open_routes.module LOOP
    PERFORM tenfold._check_schema(route.body, components);
    PERFORM tenfold._finish_endpoint(route.function::regprocedure);
    IF tenfold._is_planned_away(route.function::regprocedure) THEN
      RAISE EXCEPTION 'function % of a route can be planned away, and its rights with it', route.function
        USING ERRCODE = '0A000', HINT = 'Make it SECURITY DEFINER, or write it in plpgsql or tenfold_cached; not IMMUTABLE.';
    END IF;
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', route.function);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', route.function,
      (SELECT string_agg(quote_ident(name), ', ') FROM unnest(route.roles) name));
  END LOOP;
  NOTIFY pgrst, 'reload schema';  -- it knows the functions of its start
END
$$;
COMMENT ON FUNCTION tenfold._open_routes IS
  'finishes the functions of a module''s routes, and lets the routes'' roles, and nobody else, execute them: part of its rights.sql. '
  'Tells PostgREST to read the schema anew';
