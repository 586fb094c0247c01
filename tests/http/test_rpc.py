"""The door for nginx: what PostgREST would do with POST /rpc/NAME."""
import hashlib

import pytest
from conftest import SECRET
from gateway import Answer, Gateway, sign

FORM = {'Content-Type': 'application/x-www-form-urlencoded'}
JSON = {'Content-Type': 'application/json'}
BYTES = {'Content-Type': 'application/octet-stream'}


@pytest.fixture(scope='module')
def door(dsn, keys):
    with Gateway(dsn, **{'gateway.rpc': 'on', 'gateway.jwks': keys}) as running:
        yield running


def ask(door, path, body=None, headers=None, method='POST'):
    connection = door.connect()
    connection.request(method, path, body, headers or {})
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


def test_off_unless_asked_for(gateway):
    assert ask(gateway, '/rpc/ping').status == 404


def test_a_form_gives_named_parameters(door):
    assert ask(door, '/rpc/echo').json() == {'text': 'nothing', 'number': 0}
    assert ask(door, '/rpc/echo', 'number=-7&text=a+b%26c', FORM).json() == {'text': 'a b&c', 'number': -7}
    typed = {'Content-Type': 'Application/X-WWW-Form-Urlencoded; charset=utf-8'}
    assert ask(door, '/rpc/echo?number=9', 'text=x', typed).json() == {'text': 'x', 'number': 0}


def test_ids_of_the_path_are_parameters_too(door):
    ask(door, '/rpc/add_thing', '{"id": 5, "name": "five"}', JSON)
    assert ask(door, '/rpc/get_thing', 'id=5', FORM).json()['name'] == 'five'
    assert ask(door, '/rpc/get_thing', 'id=6', FORM).status == 404


@pytest.mark.parametrize('name, body, status, code', [
    ('get_thing', 'id=5%26x', 400, '22P02'), ('get_thing', '', 400, 'PGRST100'), ('echo', 'text=%', 400, 'PGRST100'),
    ('echo', 'text=a&other=b', 404, 'PGRST202'), ('absent', '', 404, 'PGRST202'),
    ('tenfold_api.echo', '', 404, 'PGRST202'), ('', '', 404, 'PGRST202'), ('pre_request', '', 404, 'PGRST202'),
    ('raise', 'code=PT418', 418, 'PT418'),
])
def test_what_is_refused(door, name, body, status, code):
    answer = ask(door, '/rpc/' + name, body, FORM)
    assert (answer.status, answer.json()['code']) == (status, code)


@pytest.mark.parametrize('name, body, headers', [
    ('echo', '{"text": "a"}', JSON), ('add_thing', 'id=5', FORM), ('sum_bytes', 'abc', JSON), ('sum_bytes', 'abc', {}),
])
def test_another_type_than_the_functions(door, name, body, headers):
    answer = ask(door, '/rpc/' + name, body, headers)
    assert (answer.status, answer.json()['code']) == (415, 'PGRST102')


def test_patterns_are_the_functions(door):
    """PostgREST knows none: what a function does not refuse by itself passes there, and so it does here."""
    assert ask(door, '/rpc/raise', 'code=abc', FORM).json()['code'] != 'PGRST100'
    assert ask(door, '/rpc/echo', 'number=%2B7', FORM).json()['number'] == 7


def test_raw_bytes(door):
    data = bytes(range(256))
    assert ask(door, '/rpc/sum_bytes', data, BYTES).json() == hashlib.sha256(data).hexdigest()


def test_headers_are_nginxs(door):
    sent = JSON | {'X-Path-Thing-Id': '99', 'X-Query': 'a=b', 'X-Request-Id': 'me-1', 'Cookie': 'a=b'}
    seen = ask(door, '/rpc/show_settings_json?c=d', '{}', sent).json()['settings']
    headers = seen['headers']
    assert (headers['x-path-thing-id'], headers['x-query'], headers['x-request-id']) == ('99', 'a=b', 'me-1')
    assert (seen['method'], seen['path'], seen['read_only']) == ('POST', '/rpc/show_settings_json', 'off')
    assert 'cookie' not in headers and seen['cookies'] == {'a': 'b'}
    assert ask(door, '/rpc/show_settings').json()['read_only'] == 'on'


def test_public_paths_still_trust_nobody(door):
    seen = door.post('/settings/12', {}, {'X-Path-Thing-Id': '99', 'X-Query': 'a=b'}).json()['settings']['headers']
    assert seen['x-path-thing-id'] == '12' and 'x-query' not in seen


def test_the_status_of_the_route_is_nginxs(door):
    answer = ask(door, '/rpc/add_thing', '{"id": 5, "name": "five"}', JSON)
    assert (answer.status, answer.headers['Location']) == (200, '/api/v1/things/5')
    assert door.post('/things', {'id': 6, 'name': 'six'}).status == 201
    assert ask(door, '/rpc/forget', 'id=5', FORM).status == 204  # void
    assert ask(door, '/rpc/respond', 'status=202', FORM).status == 202


def test_tokens_and_the_pre_request(door):
    token = {'Authorization': 'Bearer ' + sign({'role': 'tenfold_user'}, SECRET)}
    assert ask(door, '/rpc/for_users', headers=token).status == 200
    assert ask(door, '/rpc/for_users').status == 401
    assert ask(door, '/rpc/ping', headers={'X-Refuse': 'yes'}).status == 429


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'PUT', 'DELETE'])
def test_only_post(door, method):
    answer = ask(door, '/rpc/ping', method=method)
    assert (answer.status, answer.headers['Allow']) == (405, 'OPTIONS, POST')
    assert ask(door, '/rpc/ping', method='OPTIONS').headers['Allow'] == 'OPTIONS, POST'


def test_of_several_routes_the_first_decides(cluster, dsn):
    """By path and method, not by how literal a path is."""
    cluster.psql('-c', """INSERT INTO tenfold.route (method, path, shape, function, parameters) VALUES
        ('GET', '/a', 'F', 'tenfold_api.echo(text, int)', '[{"name": "text", "in": "query"}]')""")
    try:
        with Gateway(dsn, **{'gateway.rpc': 'on'}) as running:
            assert ask(running, '/rpc/echo', 'number=5', FORM).status == 404
            assert ask(running, '/rpc/echo', 'text=5', FORM).status == 200
    finally:
        cluster.psql('-c', "DELETE FROM tenfold.route WHERE path = '/a'")
