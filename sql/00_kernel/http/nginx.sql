-- nginx in front of PostgREST: each row of tenfold.route becomes a call of /rpc/NAME. What is around it is in docker/gateway.

-- nginx decodes an id before it stands in a form, so no pattern may let through what ends a value there: it may be made of
-- letters, digits, _ and -, of classes of these, and of what repeats and groups them.
CREATE OR REPLACE FUNCTION tenfold._nginx_pattern(route tenfold.route, name text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  pattern text := (SELECT p.value ->> 'pattern' FROM jsonb_array_elements(route.parameters) p
                   WHERE p.value ->> 'in' = 'path' AND p.value ->> 'name' = _nginx_pattern.name);
BEGIN
  IF pattern ~ E'^([A-Za-z0-9_-]|\\\\\\.|\\[([a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9]|[A-Za-z0-9_.])+-?\\]|\\{[0-9]+(,[0-9]*)?\\}|[|()?+*])+$' THEN
    RETURN pattern;
  END IF;
  RAISE EXCEPTION 'the pattern % of % in % % may match more than ids', coalesce(pattern, 'NULL'), name, route.method, route.path
    USING ERRCODE = '22023', HINT = 'Make it of letters, digits, classes of them such as [A-Za-z0-9_-], and {1,19}.';
END
$$;
COMMENT ON FUNCTION tenfold._nginx_pattern IS
  'the pattern of a parameter of the path. Errors: 22023 it is made of more than letters, digits, _, - and classes of them';

-- \z, because $ also matches before a line feed at the end, which comes as %0A.
CREATE OR REPLACE FUNCTION tenfold._nginx_location(route tenfold.route) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN route.path LIKE '%:%' THEN format(E'~ "^/api/v1%s\\z"', string_agg('/' || CASE WHEN s.segment LIKE ':%'
      THEN format('(?<path_%s>%s)', substr(s.segment, 2), tenfold._nginx_pattern(route, substr(s.segment, 2)))
      ELSE replace(s.segment, '.', E'\\.') END, '' ORDER BY s.ordinality)) ELSE '= /api/v1' || route.path END
  FROM unnest(string_to_array(substr(route.path, 2), '/')) WITH ORDINALITY s(segment, ordinality);
END;
COMMENT ON FUNCTION tenfold._nginx_location IS 'what nginx''s location of a route matches: the whole path, each id by its pattern, as $path_NAME';

-- An if of nginx holds no other if: the form is made before the method is looked at. Every value has a & before it, the
-- first one, too; nginx.conf takes that away. What a page's Link repeats is the form without the ids of the path.
CREATE OR REPLACE FUNCTION tenfold._nginx_form(route tenfold.route) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT E'    set $form "";\n    set $missing "";\n' || coalesce(string_agg(format(E'    if ($arg_%s = "") { set $missing %1$s; }\n', p.value ->> 'name'), '' ORDER BY p.ordinality DESC)
                FILTER (WHERE p.value @> '{"in": "query", "required": true}'), '')
    || coalesce(string_agg(format(E'    if ($arg_%s != "") { set $form "$form&%1$s=$arg_%1$s"; }\n', p.value ->> 'name'), '' ORDER BY p.ordinality)
                FILTER (WHERE p.value ->> 'in' = 'query'), '')
    || E'    set $query $form;\n'
    || coalesce('    set $form "' || string_agg(format('&%s=$path_%1$s', p.value ->> 'name'), '' ORDER BY p.ordinality)
                FILTER (WHERE p.value ->> 'in' = 'path') || E'$form";\n', '')
  FROM jsonb_array_elements(route.parameters) WITH ORDINALITY p;
END;
COMMENT ON FUNCTION tenfold._nginx_form IS 'sets $form to what a function of shape F gets, and nothing else of the request, $query to what of it came in the query, and $missing to a parameter that it lacks';

-- PostgREST gives what Accept asks for: of a text/plain, a client that asks for anything would get a string of JSON; of a
-- table, one that asks for CSV would get that.
CREATE OR REPLACE FUNCTION tenfold._nginx_accept(function text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce((SELECT t.typname::text FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype
  WHERE p.oid = to_regprocedure(function) AND t.typtype = 'd' AND t.typname ~ '^[a-z0-9.+-]+/[a-z0-9.+-]+$'), 'application/json');
COMMENT ON FUNCTION tenfold._nginx_accept IS 'the media type that a function returns: what nginx asks PostgREST for, whatever the client accepts';

CREATE OR REPLACE FUNCTION tenfold._nginx_call(route tenfold.route) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN route.shape = 'F' AND route.parameters <> '[]' THEN tenfold._nginx_form(route) ELSE '' END
  || format(E'    if ($request_method %s) { set $called %s; set $class %s; set $accept %s; rewrite ^ %s last; }\n',
    CASE route.method WHEN 'GET' THEN E'~ "^(GET|HEAD)\\z"' ELSE '= ' || route.method END,
    substring(route.function FROM E'^tenfold_api\\.([a-z0-9_]+)\\('), route.rate_class, tenfold._nginx_accept(route.function),
    CASE WHEN route.shape = 'J' THEN '/.json' WHEN route.shape = 'R' THEN '/.bytes' WHEN route.method = 'GET' THEN '/.get' ELSE '/.form' END);
COMMENT ON FUNCTION tenfold._nginx_call IS 'the lines of a location that hand one method of a path to the function of its route';

-- The header of an id that a path lacks is empty, and so not sent.
CREATE OR REPLACE FUNCTION tenfold._nginx_doors(upstream text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH door(place, name, type, more) AS (VALUES
    (1, 'get', 'application/x-www-form-urlencoded', E'    include form.conf;\n    include not_modified.conf;\n'),
    (2, 'form', 'application/x-www-form-urlencoded', E'    include form.conf;\n'),
    (3, 'json', 'application/json', E'    include json.conf;\n'),
    (4, 'empty', 'application/json', E'    proxy_set_body "{}";\n'),
    (5, 'bytes', 'application/octet-stream', '')),
  id(lines) AS (
    SELECT string_agg(DISTINCT format(E'    proxy_set_header X-Path-%s $path_%s;\n', initcap(replace(p.value ->> 'name', '_', '-') COLLATE "C"), p.value ->> 'name'), '')
    FROM tenfold.route r, jsonb_array_elements(r.parameters) p WHERE p.value ->> 'in' = 'path')
  SELECT string_agg(format(E'location = /.%s {\n    internal;\n    include call.conf;\n%s    proxy_set_header Content-Type %s;\n%s    proxy_pass http://%s/rpc/$called;\n}',
    d.name, d.more, d.type, CASE WHEN d.place > 2 THEN i.lines END, upstream), E'\n\n' ORDER BY d.place)
  FROM door d, id i;
END;
COMMENT ON FUNCTION tenfold._nginx_doors IS 'the locations that call PostgREST, one a shape; GET has one of its own, for If-None-Match, and JSON one for no body at all';

CREATE OR REPLACE FUNCTION tenfold.nginx_routes(upstream text DEFAULT 'postgrest') RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  wrong record;
BEGIN
  SELECT r.method, r.path INTO wrong FROM tenfold.route r WHERE r.shape NOT IN ('F', 'J', 'R')
    OR r.function !~ E'^tenfold_api\\.[a-z0-9_]+\\(' OR r.rate_class !~ '^[a-z0-9_]+$'
    OR EXISTS (SELECT FROM jsonb_array_elements(r.parameters) p WHERE p.value ->> 'name' !~ '^[a-z][a-z0-9_]*$') LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'nginx cannot serve % %', wrong.method, wrong.path USING ERRCODE = '0A000',
      HINT = 'Shapes are F, J and R, functions in tenfold_api; names are of lower case letters, digits and _.';
  END IF;
  RETURN E'# Made from tenfold.route by tenfold.nginx_routes(): docker/gateway/generate writes it anew.\n\n' || (
    SELECT string_agg(format(E'location %s {\n%s    set $allowed "OPTIONS, %s";\n    rewrite ^ /.other last;\n}\n', l.location, l.calls, l.methods), E'\n' ORDER BY l.literal, l.location)
    FROM (SELECT tenfold._nginx_location(r) AS location, string_agg(tenfold._nginx_call(r), '' ORDER BY r.method) AS calls,
            string_agg(CASE r.method WHEN 'GET' THEN 'GET, HEAD' ELSE r.method END, ', ' ORDER BY r.method) AS methods,
            min(regexp_replace(r.path, '[^/:]+', '', 'g')) COLLATE "C" AS literal
          FROM tenfold.route r GROUP BY 1) l)
    || E'\n' || tenfold._nginx_doors(upstream);
END
$$;
COMMENT ON FUNCTION tenfold.nginx_routes IS
  'the file routes.conf for nginx before PostgREST (docker/gateway), from tenfold.route. Errors: 0A000 a row that nginx cannot serve, 22023 a pattern that is not safe in a form';
