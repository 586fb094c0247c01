"""What a function gets, and what becomes of its result."""
import hashlib
import json
import urllib.parse

import pytest


def test_form_gives_named_parameters_and_keeps_defaults(gateway):
    assert gateway.get('/echo').json() == {'text': 'nothing', 'number': 0}
    assert gateway.get('/echo?number=-7').json() == {'text': 'nothing', 'number': -7}
    assert gateway.get('/echo?number=7&text=a+b%26c%3D%C3%A9').json() == {'text': 'a b&c=é', 'number': 7}


def test_form_drops_what_is_not_listed_and_takes_the_first_of_equals(gateway):
    assert gateway.get('/echo?text=1&text=2&unknown=3&&').json() == {'text': '1', 'number': 0}


def test_a_path_id_cannot_add_parameters(gateway):
    assert gateway.get('/things/1%26name=x').status == 404
    assert gateway.get('/things/1%2F2').status == 404


@pytest.mark.parametrize('text', ["'; DROP TABLE tenfold.route; --", '\\', '"$1"', '\u2028', '𐍈', '%'])
def test_odd_text_arrives_as_it_is(gateway, text):
    assert gateway.get('/echo?text=' + urllib.parse.quote(text)).json()['text'] == text


def test_settings_of_a_get(gateway):
    seen = gateway.get('/settings?a=b', {'Cookie': 'a=b; c="d"; odd',
                       'X-Thing': 'q"\\', 'X-Request-Id': 'me-1'}).json()
    assert seen['role'] == 'tenfold_anonymous'
    assert seen['claims'] == {'role': 'tenfold_anonymous'}
    assert (seen['method'], seen['path'], seen['read_only']) == ('GET', '/api/v1/settings', 'on')
    assert seen['cookies'] == {'a': 'b', 'c': '"d"'}
    assert seen['headers']['x-thing'] == 'q"\\'
    assert seen['headers']['x-request-id'] == 'me-1'
    assert 'cookie' not in seen['headers']


def test_json_passes_untouched_and_ids_travel_in_headers(gateway):
    body = {'text': 'é', 'list': [1, {'a': None}]}
    seen = gateway.post('/settings/12', body, {'X-Path-Thing-Id': '99', 'X-Path-Other': '1'}).json()
    assert seen['body'] == body
    headers = seen['settings']['headers']
    assert {name: value for name, value in headers.items() if name.startswith('x-path')
                                                         } == {'x-path-thing-id': '12'}
    assert seen['settings']['read_only'] == 'off'


def test_what_is_listed_of_the_query_travels_in_a_header(gateway):
    def headers_of(path, **headers):
        return gateway.post(path, {}, headers).json()['settings']['headers']
    seen = headers_of('/settings/12?a=b&thing_id=7', **{'X-Query': 'c=d', 'x-query-x': 'stays'})
    assert 'x-query' not in seen and seen['x-query-x'] == 'stays'
    assert gateway.get('/settings?a=%41+b&text=%41+b&te%78t=&&c').json()['headers']['x-query'] == 'text=%41+b&te%78t='


def test_no_body_is_an_empty_object(gateway):
    assert gateway.request('POST', '/settings/1').json()['body'] == {}


def test_raw_bytes_are_untouched(gateway):
    data = bytes(range(256)) * 300
    answer = gateway.request('POST', '/bytes/sum', data)
    assert answer.json() == hashlib.sha256(data).hexdigest()


def test_created_row(gateway):
    answer = gateway.post('/things', {'id': 5, 'name': 'five'})
    assert answer.status == 201
    assert answer.headers['Location'] == '/api/v1/things/5'
    assert gateway.get('/things').json() == [{'id': 5, 'name': 'five', 'twin': None}]
    assert gateway.get('/things/5').json()['name'] == 'five'


def test_an_empty_set_is_an_empty_array(gateway):
    assert gateway.get('/things').json() == []


def test_void_is_no_content(gateway):
    answer = gateway.request('DELETE', '/things/5')
    assert (answer.status, answer.body) == (204, b'')
    assert 'Content-Length' not in answer.headers


def test_media_types(gateway):
    answer = gateway.get('/table.csv')
    assert (answer.headers['Content-Type'], answer.body) == ('text/csv', b'a,b\n1,2\n')
    answer = gateway.get('/bytes')
    assert (answer.headers['Content-Type'], answer.body) == ('application/octet-stream', b'\x00\xff\x10')


def test_head_is_get_without_body(gateway):
    got, asked = gateway.get('/large?size=100'), gateway.request('HEAD', '/large?size=100')
    assert asked.status == 200 and asked.body == b''
    assert asked.headers['Content-Length'] == str(len(got.body))


def test_response_settings(gateway):
    headers = urllib.parse.quote(json.dumps(
        [{'X-A': 'b'}, {'Content-Type': 'text/x'}, {'X-C': 'd\r\nX-Evil: 1'}]))
    answer = gateway.get(f'/respond?status=202&headers={headers}')
    assert answer.status == 202
    assert answer.headers['X-A'] == 'b'
    assert answer.headers.get_all('Content-Type') == ['text/x']
    assert 'X-Evil' not in answer.headers


def test_a_setting_does_not_outlive_its_request(gateway):
    gateway.get('/respond?status=202')
    connection = gateway.connect()
    assert {gateway.get('/ping').status for _ in range(40)} == {200}
    connection.close()
