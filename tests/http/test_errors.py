"""Which error gives which status and body: PostgREST's table, and bad input."""
import json
import urllib.parse

import pytest

# https://docs.postgrest.org, "Errors"; but for what may be repeated, and what took too long.
STATUS_OF = {
    '08006': 503, '09000': 500, '0L000': 403, '0P000': 403, '23503': 409, '23505': 409, '25006': 405,
    '25000': 500, '28000': 403, '2D000': 500, '38000': 500, '39000': 500, '3B000': 500, '40001': 409,
    '53400': 500, '53100': 503, '54000': 413, '55000': 500, '57014': 504, '57P01': 503, '58000': 500,
    'F0000': 500, 'HV000': 500, 'P0001': 400, 'P0002': 500, 'XX000': 500, '42883': 404, '42P01': 404,
    '42P17': 500, '42501': 401, '22012': 400, '23514': 400, 'TFH04': 400, 'PT404': 404, 'PT409': 409,
    'PT429': 429, 'PT503': 503, 'PT999': 500, '40P01': 409, '55P03': 409, '23P01': 409, '21000': 500, '57P03': 500,
}
REPEATABLE = {'40001', '40P01', '55P03', '23P01'}


@pytest.mark.parametrize('code', STATUS_OF)
def test_status(gateway, code):
    answer = gateway.get(f'/raise?code={code}&message=why&detail=because')
    assert answer.status == STATUS_OF[code]
    assert answer.json() == {'code': code, 'message': 'why', 'details': None if code.startswith('23') else 'because', 'hint': 'h'}
    assert ('Retry-After' in answer.headers) == (answer.status == 503 or code in REPEATABLE)
    assert ('WWW-Authenticate' in answer.headers) == (answer.status == 401)


def raise_pgrst(gateway, message, detail):
    query = urllib.parse.urlencode({'code': 'PGRST', 'message': message, 'detail': detail})
    return gateway.get('/raise?' + query)


def test_raise_pgrst(gateway):
    body = {'code': '123', 'message': 'Payment Required', 'details': 'Quota', 'hint': 'Upgrade'}
    answer = raise_pgrst(gateway, json.dumps(body), json.dumps(
        {'status': 402, 'headers': {'X-Powered-By': 'Nerd'}}))
    assert (answer.status, answer.json(), answer.headers['X-Powered-By']) == (402, body, 'Nerd')


@pytest.mark.parametrize('message, detail', [
    ('no json', '{"status": 402, "headers": {}}'),
    ('{"code": "1"}', '{"status": 402, "headers": {}}'),
    ('{"code": "1", "message": "m"}', ''),
    ('{"code": "1", "message": "m"}', '{"status": "402", "headers": {}}'),
    ('{"code": "1", "message": "m"}', '{"status": 402}'),
    ('{"code": "1", "message": "m"}', '{"status": 99999, "headers": {}}'),
])
def test_malformed_raise_pgrst(gateway, message, detail):
    answer = raise_pgrst(gateway, message, detail)
    assert (answer.status, answer.json()['code']) == (500, 'PGRST121')


@pytest.mark.parametrize('setting, value, code', [
    ('status', 'x', 'PGRST112'), ('status', '99', 'PGRST112'), ('status', '200x', 'PGRST112'),
    ('headers', '{}', 'PGRST111'), ('headers', '[{"a": 1}]',
     'PGRST111'), ('headers', '[{"a": "b", "c": "d"}]', 'PGRST111'),
    ('headers', 'no json', 'PGRST111'),
])
def test_malformed_response_settings(gateway, setting, value, code):
    answer = gateway.get(f'/respond?{setting}={urllib.parse.quote(value)}')
    assert (answer.status, answer.json()['code']) == (500, code)


def test_pre_request_refuses(gateway):
    answer = gateway.get('/ping', {'X-Refuse': 'yes'})
    assert (answer.status, answer.json()['code'], answer.json()['hint']) == (429, 'PT429', 'wait')


def test_a_stable_function_writes_nothing(gateway, cluster):
    assert gateway.get('/write-in-stable').status in (400, 405)
    assert cluster.psql('-c', 'SELECT count(*) FROM tenfold_api.thing') == '0\n'


def test_all_or_nothing(gateway, cluster):
    """The error of a deferred constraint comes with the commit: after the function has given its answer."""
    assert gateway.post('/things', {'id': 1, 'name': 'a', 'twin': 7}).status == 201
    answer = gateway.post('/things', {'id': 2, 'name': 'b', 'twin': 7})
    assert (answer.status, answer.json()['code'], answer.json()['details']) == (409, '23505', None)
    assert cluster.psql('-c', 'SELECT count(*) FROM tenfold_api.thing') == '1\n'


@pytest.mark.parametrize('body', [
    '', '{', '{"id": 1', '{"id": 1, "name": "\\u0000"}', '{"id": 1, "name": "\\ud800"}',
    '{"id": 1e99, "name": "x"}', '{"id": "x", "name": "x"}', '{"id": 99999999999, "name": "x"}', '[1]', '"x"',
    '1', '[' * 50_000,
])
def test_bad_json(gateway, body):
    answer = gateway.post('/things', body)
    assert 400 <= answer.status < 500
    assert set(answer.json()) == {'code', 'message', 'details', 'hint'}


def test_a_function_of_json_gets_what_was_sent(gateway):
    assert gateway.post('/members', '{"a": 1, "a": 2}').json() == 2


def test_json_that_is_no_utf8(gateway):
    assert gateway.post('/things', b'{"id": 1, "name": "\xff"}').status == 400
    assert gateway.post('/things', b'{"id": 1, "name": "\x00"}').status == 400


@pytest.mark.parametrize('query', [
    'text=%00', 'text=%ff', 'text=%', 'text=%4', 'text=%zz', '%00=1', 'number=1.5', 'number=', 'number=1%0A',
    'number=99999999999', 'number=' + '9' * 5000,
])
def test_bad_query(gateway, query):
    assert gateway.get('/echo?' + query).status == 400


def test_a_missing_parameter_is_named(gateway):
    answer = gateway.get('/large')
    assert answer.status == 400
    assert 'size' in answer.json()['message']


@pytest.mark.parametrize('method, path, status', [
    ('GET', '/nowhere', 404), ('GET', '/things/abc', 404), ('GET', '/things/', 404), ('GET', '//things', 404),
    ('PUT', '/things', 405), ('POST', '/ping', 405), ('PATCH', '/things/1', 405), ('GET', '/broken', 404),
    ('GET', '/things/' + '9' * 20, 404),
])
def test_paths(gateway, method, path, status):
    answer = gateway.request(method, path)
    assert answer.status == status
    assert ('Allow' in answer.headers) == (status == 405)


def test_only_json_where_json_belongs(gateway):
    assert gateway.request('POST', '/things', 'a=b',
                           {'Content-Type': 'application/x-www-form-urlencoded'}).status == 415


def test_without_prefix_there_is_nothing(gateway):
    assert b' 404 ' in gateway.raw(b'GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
