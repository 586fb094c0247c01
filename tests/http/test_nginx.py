"""nginx from docker/gateway before PostgREST or its stand-in: what an edge may get wrong, case by case.

conftest's `door` sends every test of the product through nginx, too.
"""
import hashlib
import http.client
import http.server
import json
import os
import re
import shutil
import socket
import threading

import pytest
from account import service_token
from conftest import gateway_of
from gateway import DEADLINE, ROOT, Answer, exchange, wait_until
from nginx import FOLDER, Nginx, Postgrest, free_port

# Functions that show what reaches them, and their routes.
PROBES = """
CREATE FUNCTION tenfold_api.probe_form(id text, text text DEFAULT NULL, number int DEFAULT NULL) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN jsonb_build_object('id', id, 'text', text, 'number', number, 'headers', current_setting('request.headers')::jsonb,
  'claims', current_setting('request.jwt.claims')::jsonb);
CREATE FUNCTION tenfold_api.probe_required(text text) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp RETURN jsonb_build_object('text', text);
CREATE FUNCTION tenfold_api.probe_delete(id text) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
BEGIN PERFORM tenfold.respond(200, '{"ETag": "\\"1\\""}'); RETURN jsonb_build_object('deleted', id, 'headers', current_setting('request.headers')::jsonb); END $$;
CREATE FUNCTION tenfold_api.probe_json(jsonb) RETURNS jsonb LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
RETURN jsonb_build_object('body', $1, 'id', tenfold.path_value('thing_id'), 'headers', current_setting('request.headers')::jsonb);
CREATE FUNCTION tenfold_api.probe_bytes(bytea) RETURNS jsonb LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
RETURN jsonb_build_object('sha256', encode(sha256($1), 'hex'), 'id', tenfold.path_value('id'), 'headers', current_setting('request.headers')::jsonb);
CREATE FUNCTION tenfold_api.probe_answer() RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM tenfold.respond(200, '{"ETag": "\\"7\\"", "Location": "/api/v1/there", "Link": "<?cursor=2>; rel=\\"next\\"", "RateLimit": "\\"x\\";r=1",
    "Cache-Control": "private, no-store"}');
  RETURN '{"answered": true}';
END $$;
CREATE FUNCTION tenfold_api.probe_error(text text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN PERFORM tenfold.raise_http(text, 'probed', hint => 'h'); END $$;
GRANT EXECUTE ON FUNCTION tenfold.path_value(text), tenfold.request_header(text), tenfold.respond(int, jsonb), tenfold.raise_http(text, text, text, text),
  tenfold._http_status(text) TO tenfold_anonymous;
INSERT INTO tenfold.route (module, method, path, shape, function, parameters) VALUES
  ('probe', 'GET', '/probe/:id', 'F', 'tenfold_api.probe_form(text, text, int)', '[{"name": "id", "in": "path", "pattern": "[A-Za-z0-9-]{2,20}"},
    {"name": "text", "in": "query", "pattern": "(?s:.*)"}, {"name": "number", "in": "query", "pattern": "-?[0-9]{1,9}"}]'),
  ('probe', 'DELETE', '/probe/:id', 'F', 'tenfold_api.probe_delete(text)', '[{"name": "id", "in": "path", "pattern": "[A-Za-z0-9-]{2,20}"}]'),
  ('probe', 'GET', '/probe', 'F', 'tenfold_api.probe_required(text)', '[{"name": "text", "in": "query", "required": true, "pattern": ".*"}]'),
  ('probe', 'PATCH', '/probe/:thing_id/json', 'J', 'tenfold_api.probe_json(jsonb)', '[{"name": "thing_id", "in": "path", "pattern": "[0-9]{1,19}"}]'),
  ('probe', 'POST', '/probe/json', 'J', 'tenfold_api.probe_json(jsonb)', '[]'),
  ('probe', 'POST', '/probe/:id/bytes', 'R', 'tenfold_api.probe_bytes(bytea)', '[{"name": "id", "in": "path", "pattern": "[a-z]{2,20}"}]'),
  ('probe', 'GET', '/probe/answer', 'F', 'tenfold_api.probe_answer()', '[]'),
  ('probe', 'GET', '/probe/error', 'F', 'tenfold_api.probe_error(text)', '[{"name": "text", "in": "query", "required": true, "pattern": ".*"}]');
SELECT tenfold._open_routes('probe');
"""
NO_PROBES = """
DELETE FROM tenfold.route WHERE module = 'probe';
DROP FUNCTION tenfold_api.probe_form, tenfold_api.probe_required, tenfold_api.probe_delete, tenfold_api.probe_json, tenfold_api.probe_bytes,
  tenfold_api.probe_answer, tenfold_api.probe_error;
REVOKE EXECUTE ON FUNCTION tenfold.path_value(text), tenfold.request_header(text), tenfold.respond(int, jsonb), tenfold.raise_http(text, text, text, text),
  tenfold._http_status(text) FROM tenfold_anonymous;
"""


@pytest.fixture(scope='module')
def probes(product):
    """nginx's file for the routes, with the probes among them."""
    product.psql('-c', PROBES)
    yield product.psql('-c', 'SELECT tenfold.nginx_routes()')
    product.psql('-c', NO_PROBES)


@pytest.fixture(scope='module', params=['gateway', 'postgrest'])
def upstream(request, product, probes, tmp_path_factory):
    if request.param == 'gateway':
        running = gateway_of(product, **{'gateway.rpc': 'on'})
    elif os.environ.get('POSTGREST'):
        running = Postgrest(os.environ['POSTGREST'], product, tmp_path_factory.mktemp('postgrest'))
    else:
        pytest.skip('no PostgREST here: make check-http POSTGREST=/path/to/postgrest')
    with running:
        yield running


@pytest.fixture(scope='module')
def edge(upstream, probes):
    with Nginx(upstream.port, probes) as running:
        yield running


def problem(answer):
    """The status of an error, once its form is seen to be that of all errors."""
    body = answer.json()
    assert body.keys() == {'code', 'message', 'details', 'hint'} and body['code'] and body['message'], body
    assert answer.headers['Content-Type'].startswith('application/json')
    return answer.status


def raw_answer(edge, *pieces):
    """To a request as it stands: http.client refuses to send some that clients do send."""
    with socket.create_connection(('127.0.0.1', edge.port), timeout=DEADLINE) as connection:
        for piece in pieces:
            connection.sendall(piece)
        response = http.client.HTTPResponse(connection, method=pieces[0].split()[0].decode())
        response.begin()
        return Answer(response)


# The file is the table's.

def test_the_file_of_routes_is_what_the_table_gives(db):
    with db.transaction(force_rollback=True):
        db.execute("DELETE FROM tenfold.route WHERE module = 'probe'")
        made = db.execute('SELECT tenfold.nginx_routes()').fetchone()[0]
    assert made + '\n' == (FOLDER / 'routes.conf').read_text(), 'run docker/gateway/generate'


def test_every_header_that_a_function_reads_is_passed():
    """nginx passes what call.conf names; the gateway passes all: what works there must work here."""
    read = {name.lower() for folder in ('sql', 'extension') for file in (ROOT / folder).rglob('*.[sc]*') if file.suffix in ('.sql', '.cpp')
            for name in re.findall(r'(?:request_header|edge_header|member_text)\((?:headers, )?[\'"]([\w-]+)[\'"]\)', file.read_text())}
    passed = {name.lower() for name in re.findall(r'^proxy_set_header (\S+)', (FOLDER / 'call.conf').read_text(), re.MULTILINE)}
    assert {'if-match', 'x-query', 'x-real-ip', 'x-rate-class'} <= read <= passed


# What goes over the wire to PostgREST: the stand-in forgives more than PostgREST would.

OF_POSTGREST = {'Proxy-Status': 'PostgREST; error=PT404', 'Content-Range': '0-0/*', 'Content-Location': '/rpc/probe_answer', 'Content-Profile': 'tenfold_api'}


@pytest.fixture
def wire(probes):
    """nginx before a server that keeps what it is sent, and answers {}."""
    class Recorder(http.server.BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'

        def do_POST(self):
            self.server.seen.append((self.path, self.headers, self.rfile.read(int(self.headers['Content-Length'] or 0))))
            self.send_response(self.server.status)
            for name, value in (OF_POSTGREST | self.server.headers).items():
                self.send_header(name, value)
            self.send_header('Content-Length', '2')
            self.end_headers()
            self.wfile.write(b'{}')

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Recorder) as server:
        server.seen, server.status, server.headers = [], 200, {}
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Nginx(server.server_address[1], probes) as edge:
            edge.seen, edge.server = server.seen, server
            yield edge
        server.shutdown()


FORM, JSON, BYTES = 'application/x-www-form-urlencoded', 'application/json', 'application/octet-stream'


@pytest.mark.parametrize('method, path, body, called, kind, sent', [
    ('GET', '/probe/ab?number=1&text=%26%3b+é&other=2', None, '/rpc/probe_form', FORM, 'id=ab&text=%26%3b+é&number=1'),
    ('GET', '/probe/ab?text=%3D=?/', 'text=y', '/rpc/probe_form', FORM, 'id=ab&text=%3D=?/'),
    ('HEAD', '/probe?text=x', None, '/rpc/probe_required', FORM, 'text=x'),
    ('GET', '/probe/answer?select=id', None, '/rpc/probe_answer', FORM, ''),
    ('DELETE', '/probe/ab?id=zz', 'id=yy', '/rpc/probe_delete', FORM, 'id=ab'),
    ('PATCH', '/probe/12/json?select=id', '{"a": "é"}', '/rpc/probe_json', JSON, '{"a": "é"}'),
    ('POST', '/probe/json', '', '/rpc/probe_json', JSON, '{}'),
    ('POST', '/probe/stripe/bytes', 'id=1', '/rpc/probe_bytes', BYTES, 'id=1'),
])
def test_what_postgrest_is_asked(wire, method, path, body, called, kind, sent):
    data = (body or '').encode()
    request = f'{method} /api/v1{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n'.encode() + data
    assert raw_answer(wire, request).status == 200
    (path, headers, received), = wire.seen
    assert (path, headers.get_all('Content-Type'), received.decode()) == (called, [kind], sent)
    assert headers['Transfer-Encoding'] is None and headers['Content-Length'] == str(len(received))


def test_postgrests_own_headers_stay_inside(wire):
    assert not {name.lower() for name in OF_POSTGREST} & {name.lower() for name in wire.get('/probe/answer').headers}


@pytest.mark.parametrize('path', ['/probe', '/probe?text=', '/probe/ab?text=;a'])
def test_postgrest_is_not_asked_in_vain(wire, path):
    assert wire.get(path).status == 400 and not wire.seen


@pytest.mark.parametrize('sent', [None, '*/*', 'text/csv', 'application/vnd.pgrst.array;nulls=stripped', 'application/vnd.pgrst.object'])
def test_postgrest_is_asked_for_what_the_function_returns(wire, sent):
    for path in ('/probe/answer', '/metrics'):
        wire.get(path, {'Accept': sent} if sent else None)
    assert [headers.get_all('Accept') for _, headers, _ in wire.seen] == [['application/json'], ['text/plain']]


@pytest.mark.parametrize('status, told, seen', [
    (503, '0', ['1']), (503, None, ['1']), (429, '7', ['7']), (429, None, ['1']), (409, '1', ['1']), (409, None, None), (202, '5', ['5']), (200, None, None)])
def test_when_to_come_again(wire, status, told, seen):
    """PostgREST says 0 of a 503, and nothing makes two headers of one."""
    wire.server.status, wire.server.headers = status, {'Retry-After': told} if told else {}
    assert wire.get('/probe/answer').headers.get_all('Retry-After') == seen


NO_UTF8 = [b'\xff', b'\x80', b'\xc3', b'\xc3(', b'\xc0\xaf', b'\xe0\x80\x80', b'\xed\xa0\x80', b'\xf4\x90\x80\x80', b'\xf5\x80\x80\x80', b'\xe2\x82', b'\xf0\x9f\x98']


def percent(data):
    return b''.join(b'%%%02x' % byte for byte in data)


@pytest.mark.parametrize('text', NO_UTF8 + [percent(text) for text in NO_UTF8] + [b'%00', b'%', b'%4', b'%zz', b'\xc3%a9', percent(b'\xff').upper()])
def test_a_query_that_is_no_utf8_ends_at_nginx(wire, text):
    for query in (b'text=' + text, b'text=a&other=' + text + b'&x=z'):
        answer = raw_answer(wire, b'GET /api/v1/probe?' + query + b' HTTP/1.1\r\nHost: x\r\n\r\n')
        assert problem(answer) == 400 and not wire.seen, query


def test_utf8_passes_raw_and_encoded(wire):
    """The first and last of each length, and what is beside the surrogates."""
    for code in (1, 0x24, 0x26, 0x7f, 0x80, 0x7ff, 0x800, 0xfff, 0x1000, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x3ffff, 0x40000, 0xfffff, 0x100000, 0x10ffff):
        data = chr(code).encode()
        for sent in (percent(data), percent(data).upper(), data if code > 0x7f else b''):
            answer = raw_answer(wire, b'GET /api/v1/probe?text=a' + sent + b' HTTP/1.1\r\nHost: x\r\n\r\n')
            assert answer.status == 200 and wire.seen[-1][2] == b'text=a' + sent, (code, sent)


def passed_headers():
    """What call.conf passes of a client's headers."""
    found = re.findall(r'\$http_(\w+);', (FOLDER / 'call.conf').read_text())
    return [name.replace('_', '-') for name in found]


def test_a_header_that_is_no_ascii_ends_at_nginx(wire):
    """None is dropped: a change whose If-Match or key were lost would be done."""
    assert {'if-match', 'idempotency-key'} <= set(passed_headers())
    for name in [*passed_headers(), 'host']:
        for value in (b'\xff', b'"1\xe9"', 'é'.encode()):
            line = name.encode() + b': ' + value + b'\r\n' + (b'' if name == 'host' else b'Host: x\r\n')
            answer = raw_answer(wire, b'DELETE /api/v1/probe/ab HTTP/1.1\r\n' + line + b'\r\n')
            assert problem(answer) == 400 and not wire.seen, (name, value)
    assert wire.get('/probe/answer', {'Referer': 'é', 'Cookie': 'é'}).status == 200  # PostgREST sees neither


@pytest.mark.parametrize('sent', ['Basic YTpi', 'Bearer', 'Bearer ', 'Bearer  x', 'x', 'Bearer x y', 'Digest a="b"'])
def test_a_wrong_authorization_is_no_missing_one(wire, sent):
    answer = raw_answer(wire, f'GET /api/v1/probe/answer HTTP/1.1\r\nHost: x\r\nAuthorization: {sent}\r\n\r\n'.encode())
    assert problem(answer) == 401 and answer.headers.get_all('WWW-Authenticate') == ['Bearer'] and not wire.seen
    assert wire.get('/probe/answer', {'Authorization': 'bearer x'}).status == 200


def test_postgrest_is_told_of_new_functions(db):
    told = []
    db.add_notify_handler(told.append)
    db.execute('LISTEN pgrst')
    db.execute("SELECT tenfold._open_routes('hotel')")
    wait_until(lambda: db.execute('SELECT 1') and told, 'PostgREST is told')
    assert told[0].payload == 'reload schema'


# Shape F.

def test_a_query_becomes_parameters(edge):
    seen = edge.get('/probe/ab-1?text=a+b%26c%3Bd%3D%C3%A9%2B&number=-7').json()
    assert (seen['id'], seen['text'], seen['number']) == ('ab-1', 'a b&c;d=é+', -7)
    assert edge.get('/probe/ab?number=1').json()['text'] is None
    assert edge.get('/probe?text=%3Fx').json() == {'text': '?x'}


@pytest.mark.parametrize('query', [
    'text=a%26number=5', 'text=a%26number%3D5', 'text=a%3Bnumber=5', 'text=a&other=1&id=zz', 'text=a&nu%6Dber=5',
    'text=a&number[]=5', 'text=a&&=&number', 'text=a&select=id&limit=0', '%26number=5&text=a', 'text=a%0D%0Anumber=5',
])
def test_nothing_in_a_query_becomes_another_parameter(edge, query):
    seen = edge.get('/probe/ab?' + query).json()
    assert (seen['id'], seen['number']) == ('ab', None)
    assert seen['text'].startswith('a')


@pytest.mark.parametrize('query', ['text=a;number=5', 'text=;number=5', 'number=5;text=a', 'text=a&number=5;id=zz'])
def test_a_bare_semicolon_ends_no_value(edge, query):
    """PostgREST would read the rest as a parameter of its own."""
    answer = edge.get('/probe/ab?' + query)
    assert problem(answer) == 400 and 'semicolon' in answer.json()['message']


@pytest.mark.parametrize('path', [
    '/probe/ab%26number=5', '/probe/ab%26number%3D5', '/probe/ab%3Bnumber=5', '/probe/ab%0A', '/probe/ab%20', '/probe/a', '/probe/ab%2Fc',
    '/probe/' + 'a' * 21, '/probe/ab/', '//probe/ab', '/probe//ab', '/PROBE/ab', '/probe/%C3%A9%C3%A9', '/probe/ab%2526',
])
def test_what_is_no_id_is_no_path(edge, path):
    assert problem(edge.get(path)) == 404


def test_a_parameter_that_is_missing_is_named(edge):
    for query in ('', '?', '?text=', '?other=1'):
        answer = edge.get('/probe' + query)
        assert problem(answer) == 400 and answer.json()['message'] == 'parameter text is missing'


def test_a_wrong_type_is_the_clients_fault(edge):
    assert problem(edge.get('/probe/ab?number=x')) == 400


def test_delete_has_no_body_and_no_query(edge):
    answer = edge.request('DELETE', '/probe/ab?id=zz', 'id=yy&text=x', {'Content-Type': 'application/x-www-form-urlencoded'})
    assert answer.status == 200 and answer.json()['deleted'] == 'ab'


def test_a_body_of_get_is_dropped(edge):
    answer = edge.request('GET', '/probe/ab?text=x', '{"text": "y"}', {'Content-Type': 'application/json'})
    assert answer.json()['text'] == 'x'


# Shapes J and R.

def test_a_body_passes_untouched_and_the_id_beside_it(edge):
    body = {'text': 'é&;=' * 100, 'list': [1, None]}
    seen = edge.request('PATCH', '/probe/12/json?a=b', json.dumps(body), {'Content-Type': 'application/json; charset=utf-8'}).json()
    assert (seen['body'], seen['id']) == (body, '12')


@pytest.mark.parametrize('size', [100, 40_000, 900_000])
def test_a_large_body_arrives_whole(edge, size):
    seen = edge.post('/probe/json', {'text': 'x' * size}).json()
    assert len(seen['body']['text']) == size


def test_a_chunked_body_arrives_whole(edge):
    pieces = [b'{"text": "', *[b'x' * 10_000] * 50, b'"}']
    connection = edge.connect()
    connection.request('POST', '/api/v1/probe/json', iter(pieces), {'Content-Type': 'application/json'}, encode_chunked=True)
    assert len(Answer(connection.getresponse()).json()['body']['text']) == 500_000
    connection.close()


@pytest.mark.parametrize('headers', [{}, {'Content-Type': 'application/json'}, {'Content-Length': '0'}, {'Content-Type': 'text/plain'}])
def test_an_empty_body_is_an_empty_object(edge, headers):
    assert edge.request('POST', '/probe/json', None, headers).json()['body'] == {}
    seen = edge.request('PATCH', '/probe/12/json', None, headers).json()
    assert (seen['body'], seen['id']) == ({}, '12')


@pytest.mark.parametrize('kind', ['application/x-www-form-urlencoded', 'text/csv', 'application/octet-stream', 'multipart/form-data'])
def test_json_is_json(edge, kind):
    assert problem(edge.request('POST', '/probe/json', '{}', {'Content-Type': kind})) == 415


@pytest.mark.parametrize('kind', [None, 'application/json', 'application/x-www-form-urlencoded', 'text/plain'])
def test_bytes_arrive_whatever_they_are_called(edge, kind):
    data = bytes(range(256)) * 200
    seen = edge.request('POST', '/probe/stripe/bytes', data, {'Content-Type': kind} if kind else {}).json()
    assert (seen['sha256'], seen['id']) == (hashlib.sha256(data).hexdigest(), 'stripe')


# Headers of requests.

FORGED = {'X-Path-Thing-Id': '99', 'X-Path-Id': 'zz', 'X-Path-Other': '1', 'x-path-a_b': '1', 'X_Path_Thing_Id': '99', 'X-Query': 'cursor=1',
          'X-Forwarded-For': '1.2.3.4', 'X-Forwarded-Proto': 'gopher', 'Forwarded': 'for=1.2.3.4', 'X-Real-IP': '1.2.3.4', 'X-Rate-Class': 'unlimited', 'X-Request-Id': 'mine'}


def seen_headers(edge, method, path, headers, body=None):
    answer = edge.request(method, path, body, headers)
    assert answer.status == 200, answer.body
    return answer.json()['headers']


ALL = pytest.mark.parametrize('method, path, body', [
    ('GET', '/probe/ab', None), ('DELETE', '/probe/ab', None), ('PATCH', '/probe/12/json', '{}'), ('POST', '/probe/json', '{}'), ('POST', '/probe/stripe/bytes', 'x')])


@ALL
def test_what_a_client_forges(edge, method, path, body):
    seen = seen_headers(edge, method, path, FORGED | {'Content-Type': 'application/json'}, body)
    ours = {'/probe/12/json': {'x-path-thing-id': '12'}, '/probe/stripe/bytes': {'x-path-id': 'stripe'}}.get(path, {})
    assert {name: value for name, value in seen.items() if name.startswith('x-path')} == ours
    assert (seen['x-forwarded-for'], seen['x-real-ip'], seen['x-forwarded-proto'], seen['x-rate-class']) == ('127.0.0.1', '127.0.0.1', 'http', 'default')
    assert not {'x-query', 'forwarded'} & seen.keys()
    assert seen['x-request-id'] != 'mine'


@ALL
def test_what_every_function_sees(edge, product, method, path, body):
    """A proxy_set_header in a location cancels those of the server: so each location needs them all."""
    sent = {'Accept': 'application/json', 'Accept-Language': 'de', 'If-Match': '"1"', 'Idempotency-Key': 'k', 'X-Idempotency-Key': 'l',
            'Traceparent': '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'User-Agent': 'test'}
    sent |= service_token(product, 'tenfold_user')
    if method == 'GET':
        del sent['If-Match']  # nginx answers it by itself: there is no ETag, so 412
    seen = seen_headers(edge, method, path + '?a=b&text=%20d', sent | {'Content-Type': 'application/json'}, body)
    assert {name: seen.get(name.lower()) for name in sent} == sent
    assert seen.get('x-query') == ('text=%20d' if method == 'GET' else None)  # no other of these routes lists a parameter


def test_a_token_makes_its_role(edge, product):
    assert edge.get('/probe/ab', service_token(product, 'tenfold_merchant')).json()['claims']['role'] == 'tenfold_merchant'
    assert edge.get('/probe/ab').json()['claims']['role'] == 'tenfold_anonymous'
    assert problem(edge.get('/probe/ab', {'Authorization': 'Bearer x'})) == 401


@pytest.mark.parametrize('headers', [{'Range': 'bytes=0-1'}, {'Range-Unit': 'items', 'Range': '0-0'}, {'Prefer': 'params=single-object, tx=rollback'},
                                     {'Content-Profile': 'tenfold'}, {'Accept-Profile': 'tenfold'}])
def test_what_postgrest_would_obey_does_not_reach_it(edge, headers):
    answer = edge.request('POST', '/probe/json', '{"a": 1}', {'Content-Type': 'application/json'} | headers)
    assert answer.status == 200 and answer.json()['body'] == {'a': 1}
    assert not {name.lower() for name in headers} & answer.json()['headers'].keys()


# Answers.

def test_pages_of_other_origins_see_the_headers_they_need(edge):
    answer = edge.get('/probe/answer', {'Origin': 'https://example.com'})
    assert (answer.headers['Location'], answer.headers['RateLimit']) == ('/api/v1/there', '"x";r=1')
    assert answer.headers['Link'] == '<?cursor=2>; rel="next"' and answer.headers['ETag'] == '"7"'
    exposed = answer.headers['Access-Control-Expose-Headers'].split(', ')
    assert {'Location', 'Retry-After', 'RateLimit', 'RateLimit-Remaining', 'Link', 'ETag', 'X-Request-Id'} <= set(exposed)
    assert answer.headers.get_all('Access-Control-Allow-Origin') == ['*']
    assert 'Access-Control-Allow-Origin' not in edge.get('/probe/answer').headers
    assert edge.get('/nowhere', {'Origin': 'https://example.com'}).headers['Access-Control-Allow-Origin'] == '*'


def test_preflight(edge):
    answer = edge.request('OPTIONS', '/probe/ab', headers={
        'Origin': 'https://example.com', 'Access-Control-Request-Method': 'DELETE', 'Access-Control-Request-Headers': 'authorization, if-match'})
    assert (answer.status, answer.body) == (204, b'')
    assert answer.headers['Access-Control-Allow-Methods'] == 'OPTIONS, DELETE, GET, HEAD'
    assert answer.headers['Access-Control-Allow-Headers'] == 'authorization, if-match'
    assert answer.headers['Access-Control-Max-Age'] == '86400'
    plain = edge.request('OPTIONS', '/probe/ab')
    assert (plain.status, plain.headers['Allow']) == (204, 'OPTIONS, DELETE, GET, HEAD')
    assert 'Access-Control-Allow-Methods' not in plain.headers


@pytest.mark.parametrize('path, allowed', [('/probe/ab', 'OPTIONS, DELETE, GET, HEAD'), ('/probe/json', 'OPTIONS, POST'), ('/openapi.json', 'OPTIONS, GET, HEAD')])
def test_another_method(edge, path, allowed):
    answer = edge.request('PUT', path, '{}')
    assert problem(answer) == 405 and answer.headers['Allow'] == allowed
    assert answer.json()['hint'] == 'it takes ' + allowed


def test_head_is_get_without_its_body(edge):
    connection = edge.connect()
    for path in ('/probe/answer', '/probe/ab?text=x', '/nowhere', '/probe'):
        head, get = (exchange(connection, method, path) for method in ('HEAD', 'GET'))
        assert (head.status, head.body) == (get.status, b'')
        assert head.headers['ETag'] == get.headers['ETag'] and head.headers['Content-Type'] == get.headers['Content-Type']
    connection.close()


@pytest.mark.parametrize('tag, status', [('"7"', 304), ('W/"7"', 304), ('"6", "7"', 304), ('*', 304), ('"6"', 200)])
def test_if_none_match(edge, tag, status):
    for method in ('GET', 'HEAD'):
        answer = edge.request(method, '/probe/answer', headers={'If-None-Match': tag})
        assert (answer.status, answer.headers['ETag']) == (status, '"7"')
        assert answer.headers['Cache-Control'] == 'private, no-store'


def test_if_match(edge):
    """Of what is read nginx decides, of what is changed the function: nginx would come too late."""
    for tag, status in (('"7"', 200), ('"6"', 412)):
        answer = edge.get('/probe/answer', {'If-Match': tag})
        assert answer.status == status and (status == 200 or problem(answer))
    assert edge.request('DELETE', '/probe/ab', headers={'If-Match': '"2"', 'If-None-Match': '"1"'}).status == 200


def test_nothing_is_kept(edge):
    """What makes If-None-Match work is a cache; each request must reach its function nevertheless."""
    first, second = (edge.get('/probe/ab').json()['headers']['x-request-id'] for _ in range(2))
    assert first != second
    assert not [file for file in (edge.folder / 'nginx-cache').rglob('*') if file.is_file()]


def test_errors_of_functions_pass_as_they_are(edge):
    answer = edge.get('/probe/error?text=40001')
    assert problem(answer) == 409 and answer.headers.get_all('Retry-After') == ['1']
    assert (answer.json()['code'], answer.json()['hint']) == ('40001', 'h')
    assert [problem(edge.get('/probe/error?text=' + code)) for code in ('40P01', '55P03', '23P01', '57014', '53200')] == [409, 409, 409, 504, 502]
    assert 'Retry-After' not in edge.get('/probe/error?text=TF021').headers


def test_a_request_has_an_id_in_answer_function_and_log(edge):
    answer = edge.get('/probe/ab?text=secret')
    one, = answer.headers.get_all('X-Request-Id')
    assert answer.json()['headers']['x-request-id'] == one
    logged = wait_until(lambda: [line for line in map(json.loads, edge.requests()) if line['request_id'] == one], 'the request is in the log')
    assert (logged[0]['request'], logged[0]['function'], logged[0]['status']) == ('GET /api/v1/probe/ab', 'probe_form', 200)


# What nginx itself refuses.

@pytest.mark.parametrize('status, request_text', [
    (400, 'GET /api/v1/probe/ab HTTP/1.1\r\n\r\n'), (400, 'nonsense\r\n\r\n'), (400, 'GET /api/v1/probe/ab%00 HTTP/1.1\r\nHost: x\r\n\r\n'),
    (400, 'GET /../etc HTTP/1.1\r\nHost: x\r\n\r\n'), (414, 'GET /api/v1/' + 'a' * 20000 + ' HTTP/1.1\r\nHost: x\r\n\r\n'),
    (431, 'GET /api/v1/probe/ab HTTP/1.1\r\nHost: x\r\nA: ' + 'a' * 20000 + '\r\n\r\n'), (405, 'TRACE / HTTP/1.1\r\nHost: x\r\n\r\n'),
    (413, 'POST /api/v1/probe/json HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n'),
    (413, 'POST /api/v1/probe/json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n' + ('10000\r\n' + 'x' * 65536 + '\r\n') * 17),
    (404, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'), (404, 'GET /rpc/probe_form HTTP/1.1\r\nHost: x\r\n\r\n'), (404, 'GET /.get HTTP/1.1\r\nHost: x\r\n\r\n'),
    (404, 'POST /.json HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'), (404, 'GET /.problem HTTP/1.1\r\nHost: x\r\n\r\n'),
    (404, 'GET /api/v1/../../rpc/probe_form HTTP/1.1\r\nHost: x\r\n\r\n'),
])
def test_a_refusal_of_nginx_is_json(edge, status, request_text):
    pieces = [request_text[at:at + 60000].encode() for at in range(0, len(request_text), 60000)]
    assert problem(raw_answer(edge, *pieces)) == status


def test_an_upstream_that_is_away():
    with Nginx(free_port()) as lonely:
        answer = lonely.get('/openapi.json')
        assert problem(answer) == 502 and answer.headers['Retry-After'] == '1'


def test_an_upstream_that_does_not_answer(monkeypatch, tmp_path):
    with socket.create_server(('127.0.0.1', 0)) as silent:
        for file in FOLDER.glob('*.conf'):
            shutil.copy(file, tmp_path)
        call = (FOLDER / 'call.conf').read_text()
        (tmp_path / 'call.conf').write_text(call.replace('proxy_read_timeout 35s', 'proxy_read_timeout 300ms'))
        monkeypatch.setattr('nginx.FOLDER', tmp_path)
        with Nginx(silent.getsockname()[1]) as waiting:
            answer = waiting.get('/openapi.json')
            assert problem(answer) == 504 and answer.headers['Retry-After'] == '1'


def test_rates(upstream, probes):
    """Each class has a bucket of its own, and 429 the form of all errors."""
    with Nginx(upstream.port, probes, limits_rates=True) as limited:
        connection = limited.connect()
        answers = [exchange(connection, 'POST', '/login', '{}', {'Content-Type': 'application/json'}) for _ in range(40)]
        refused = [answer for answer in answers if answer.status == 429]
        assert 1 <= len(refused) <= 10
        assert all(problem(answer) == 429 and answer.headers['Retry-After'] == '1' for answer in refused)
        assert exchange(connection, 'GET', '/probe/ab').status == 200
        connection.close()
