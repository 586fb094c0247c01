-- What nginx is told of the routes. tests/http/test_nginx.py runs it.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();

CREATE FUNCTION pg_temp.add_route(shape text, path text, parameters jsonb, method text DEFAULT 'GET', called text DEFAULT 'tenfold_api.f()', class text DEFAULT 'default')
RETURNS void LANGUAGE sql AS $$
  INSERT INTO tenfold.route (module, method, path, shape, function, parameters, rate_class) VALUES ('mine', method, path, shape, called, parameters, class) $$;
CREATE FUNCTION pg_temp.location(head text) RETURNS text LANGUAGE sql AS $$
  SELECT substring(tenfold.nginx_routes() FROM position('location ' || head || ' {' IN tenfold.nginx_routes()) FOR 1000) $$;

SELECT is((SELECT count(*) FROM regexp_matches(tenfold.nginx_routes(), '^location (= |~ "\^)/api/v1/', 'gn')), (SELECT count(DISTINCT path) FROM tenfold.route), 'a location for each path');
SELECT is((SELECT count(*) FROM regexp_matches(tenfold.nginx_routes(), 'set \$called ', 'g')), (SELECT count(*) FROM tenfold.route), 'a call for each route');
SELECT matches(tenfold.nginx_routes('api.internal:3000'), 'proxy_pass http://api.internal:3000/rpc/\$called;');

SELECT pg_temp.add_route('F', '/mine/:a_b/x.y', '[{"name": "a_b", "in": "path", "pattern": "[A-Za-z0-9-]{2,20}"}, {"name": "q", "in": "query", "pattern": ".*", "required": true}]', class => 'search');
SELECT pg_temp.add_route('R', '/mine/:a_b/x.y', '[{"name": "a_b", "in": "path", "pattern": "[A-Za-z0-9-]{2,20}"}]', 'POST', 'tenfold_api.g(bytea)');
SELECT is(split_part(pg_temp.location('~ "^/api/v1/mine/(?<path_a_b>[A-Za-z0-9-]{2,20})/x\.y\z"'), E'}\n\n', 1), $$location ~ "^/api/v1/mine/(?<path_a_b>[A-Za-z0-9-]{2,20})/x\.y\z" {
    set $form "";
    set $missing "";
    if ($arg_q = "") { set $missing q; }
    if ($arg_q != "") { set $form "$form&q=$arg_q"; }
    set $query $form;
    set $form "&a_b=$path_a_b$form";
    if ($request_method ~ "^(GET|HEAD)\z") { set $called f; set $class search; set $accept application/json; rewrite ^ /.get last; }
    if ($request_method = POST) { set $called g; set $class default; set $accept application/json; rewrite ^ /.bytes last; }
    set $allowed "OPTIONS, GET, HEAD, POST";
    rewrite ^ /.other last;
$$, 'two methods of a path');
SELECT is((SELECT count(*) FROM regexp_matches(tenfold.nginx_routes(), 'proxy_set_header X-Path-A-B \$path_a_b;', 'g')), 3::bigint, 'J (with a body and without) and R get every id, or its absence');

SELECT is(tenfold._nginx_accept('tenfold_api.metrics()'), 'text/plain', 'a function that returns a media type');
CREATE DOMAIN pg_temp."a/b; evil" AS text;
CREATE FUNCTION pg_temp.odd() RETURNS pg_temp."a/b; evil" LANGUAGE sql AS $$ SELECT '' $$;
SELECT is(tenfold._nginx_accept('pg_temp.odd()'), 'application/json', '… but none that would end a line');
SELECT pg_temp.add_route('F', '/mine/:id', '[{"name": "id", "in": "path", "pattern": "[0-9]{1,19}"}]');
SELECT pg_temp.add_route('F', '/:any/fixed', '[{"name": "any", "in": "path", "pattern": "[a-z]+"}]');
SELECT ok(position('/mine/(?<path_id>' IN tenfold.nginx_routes()) < position('/(?<path_any>' IN tenfold.nginx_routes()), 'what is literal comes first');

-- No pattern of an id may match what ends a value of a form.
SELECT lives_ok(format('SELECT tenfold._nginx_pattern(ROW(''m'', ''GET'', ''/:id'', ''F'', ''f()'', %L, NULL, NULL, 200, ''{}'', ''{x}'', ''default'', ''{}'')::tenfold.route, ''id'')',
  jsonb_build_array(jsonb_build_object('name', 'id', 'in', 'path', 'pattern', pattern))), pattern)
FROM unnest(ARRAY['[0-9]{1,19}', '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', '[A-Za-z0-9-]{2,20}', '[a-z0-9_.]{3,}', 'song|video', '[A-Z]{2}[0-9]+(\.[0-9]+)?']) pattern;
SELECT throws_ok(format('SELECT tenfold._nginx_pattern(ROW(''m'', ''GET'', ''/:id'', ''F'', ''f()'', %L, NULL, NULL, 200, ''{}'', ''{x}'', ''default'', ''{}'')::tenfold.route, ''id'')',
  jsonb_build_array(jsonb_build_object('name', 'id', 'in', 'path', 'pattern', pattern))), '22023', NULL, coalesce(pattern, 'NULL'))
FROM unnest(ARRAY['[^/]+', '.*', 'a.b', '[.-z]', '[!-~]', '[a-z&]', '[%0-9]', '\S+', '\d+', '[[:print:]]', 'a;b', 'a=b', '"', 'a b', E'a\nb', '$', '', NULL]) pattern;

SAVEPOINT good;
SELECT pg_temp.add_route('S', '/mine', '[]');
SELECT throws_ok('SELECT tenfold.nginx_routes()', '0A000', NULL, 'a shape that nginx cannot serve');
ROLLBACK TO good;
SELECT pg_temp.add_route('F', '/mine', '[]', called => 'public.f()');
SELECT throws_ok('SELECT tenfold.nginx_routes()', '0A000', NULL, 'a function elsewhere');
ROLLBACK TO good;
SELECT pg_temp.add_route('F', '/mine', '[{"name": "a;b", "in": "query", "pattern": ".*"}]');
SELECT throws_ok('SELECT tenfold.nginx_routes()', '0A000', NULL, 'a name that would end a line');
SELECT * FROM finish();
ROLLBACK;
