"""HTTP itself: keep-alive, limits, deadlines, caches, browsers, TLS."""
import gzip
import http.client
import json
import select
import socket
import ssl
import time

import pytest
from gateway import DEADLINE, PREFIX, Gateway, exchange, read_to_end, wait_until


@pytest.fixture(scope='module')
def strict(dsn):
    """A gateway with small limits."""
    limits = {'gateway.header_size': '2kB', 'gateway.body_size': '10kB', 'gateway.receive_timeout': '300ms',
              'gateway.idle_timeout': '700ms', 'gateway.connections': 20,
              'gateway.cors_origins': 'http://a.test,http://b.test'}
    with Gateway(dsn, **limits) as running:
        yield running


def request_text(path='/ping', *headers, method='GET', body=b''):
    lines = [f'{method} {PREFIX}{path} HTTP/1.1', 'Host: localhost', *headers, '', '']
    return '\r\n'.join(lines).encode() + body


def status_of(received):
    return int(received.split(b' ', 2)[1])


def test_many_requests_on_one_connection(gateway):
    connection = gateway.connect()
    connection.connect()
    before = connection.sock.getsockname()
    for number in range(50):
        assert exchange(connection, 'GET', f'/echo?number={number}').json()['number'] == number
    assert connection.sock.getsockname() == before
    connection.close()


def test_requests_sent_ahead_are_answered_in_order(gateway):
    texts = [request_text(f'/echo?number={number}') for number in range(20)]
    received = gateway.raw(b''.join(texts) + request_text('/ping', 'Connection: close'))
    found = [received.find(b'"number": %d}' % number) for number in range(20)]
    assert found == sorted(found) and -1 not in found


def test_http_1_0_closes(gateway):
    assert status_of(gateway.raw(f'GET {PREFIX}/ping HTTP/1.0\r\n\r\n'.encode())) == 200


def test_chunks(gateway):
    chunks = b'5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n'
    headers = 'Content-Type: application/json', 'Transfer-Encoding: chunked', 'Connection: close'
    received = gateway.raw(request_text('/settings/1', *headers, method='POST', body=chunks))
    assert status_of(received) == 200 and b'"body": {"a": 1}' in received


def test_continue(gateway):
    with socket.create_connection(('127.0.0.1', gateway.port), timeout=DEADLINE) as connection:
        connection.sendall(request_text('/settings/1', 'Content-Type: application/json', 'Content-Length: 7',
                                        'Expect: 100-continue', 'Connection: close', method='POST'))
        assert connection.recv(100).startswith(b'HTTP/1.1 100 ')
        connection.sendall(b'{"a":1}')
        assert status_of(read_to_end(connection)) == 200


@pytest.mark.parametrize('text', [
    b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    b'GET\r\n\r\n',
    request_text('/ping', 'no colon'),
    request_text('/bytes/sum', 'Content-Length: 3', 'Content-Length: 4', method='POST', body=b'abcd'),
    request_text(
    '/bytes/sum',
    'Content-Length: 3',
    'Transfer-Encoding: chunked',
    method='POST',
     body=b'0\r\n\r\n'),
    request_text('/bytes/sum', 'Content-Length: -3', method='POST', body=b'abc'),
    request_text('/bytes/sum', 'Content-Length: 3x', method='POST', body=b'abc'),
    request_text('/bytes/sum', 'Transfer-Encoding: chunked', method='POST', body=b'zz\r\nabc\r\n0\r\n\r\n'),
    request_text('/ping', 'A: b\x00c'),
    request_text('/ping', 'A : b'),
    request_text('/ping').replace(b'HTTP/1.1', b'HTTP/3.7'),
])
def test_what_is_no_http(strict, text):
    received = strict.raw(text)
    assert status_of(received) == 400
    assert b'Connection: close' in received


def test_large_headers(strict):
    assert status_of(strict.raw(request_text('/ping', 'A: ' + 'x' * 3000))) == 431


def test_large_bodies(strict, gateway):
    assert strict.request('POST', '/bytes/sum', b'x' * 10_000).status == 200
    assert status_of(strict.raw(request_text('/bytes/sum', 'Content-Length: 20000', method='POST'))) == 413
    # Ten megabytes are refused before they are sent.
    assert status_of(gateway.raw(request_text('/things', 'Content-Length: 10000000', method='POST'))) == 413


@pytest.mark.parametrize('chunked', [False, True])
def test_a_trickle_wins_nothing(strict, chunked):
    with socket.create_connection(('127.0.0.1', strict.port), timeout=DEADLINE) as connection:
        length = 'Transfer-Encoding: chunked' if chunked else 'Content-Length: 1000'
        connection.sendall(request_text('/bytes/sum', length, method='POST'))
        began = time.monotonic()
        while not select.select([connection], [], [], 0.02)[0] and time.monotonic() < began + DEADLINE:
            connection.sendall(b'1\r\nx\r\n' if chunked else b'x')
        assert 0.25 < time.monotonic() - began < 3
        assert is_timeout(read_to_end(connection))


def is_timeout(received):
    head, _, body = received.partition(b'\r\n\r\n')
    return status_of(head) == 408 and b'Connection: close' in head and json.loads(body)['code'] == 'HTTP408'


@pytest.mark.parametrize('begun', [b'G', b'GET /api/v1/ping HTTP/1.1\r\nHost: ',
                                   request_text('/bytes/sum', 'Content-Length: 5', method='POST', body=b'abc')])
def test_a_request_that_stops_is_told_so(strict, begun):
    assert is_timeout(strict.raw(begun))
    answered, _, rest = strict.raw(request_text(), begun).partition(b'{"pong": true}')  # and after another
    assert status_of(answered) == 200 and is_timeout(rest)


def test_a_request_that_stops_is_told_so_over_tls(dsn, certificate):
    names = dict(zip(('gateway.tls_certificate', 'gateway.tls_key'), certificate))
    with Gateway(dsn, **names, **{'gateway.receive_timeout': '300ms'}) as running:
        context = ssl.create_default_context(cafile=str(certificate[0]))
        with socket.create_connection(('127.0.0.1', running.port), timeout=DEADLINE) as plain, \
                context.wrap_socket(plain, server_hostname='127.0.0.1') as connection:
            connection.sendall(b'GET /api/v1/ping HT')
            assert is_timeout(read_to_end(connection))


def test_a_slow_answer_is_not_a_slow_request(strict):
    assert strict.get('/slow?seconds=0.6').status == 200


def test_an_idle_connection_is_closed(strict):
    began = time.monotonic()
    assert strict.raw() == b''
    assert 0.6 < time.monotonic() - began < 5


def test_the_connection_cap(strict):
    open_ones = [socket.create_connection(('127.0.0.1', strict.port), timeout=DEADLINE) for _ in range(25)]
    assert open_ones[24].recv(1) == b''  # at once: no idle timeout could end it sooner than the first
    for one in open_ones:
        one.close()


def test_gzip(gateway):
    plain = gateway.get('/large?size=5000')
    packed = gateway.get('/large?size=5000', {'Accept-Encoding': 'br, gzip;q=0.5'})
    assert 'Content-Encoding' not in plain.headers and packed.headers['Content-Encoding'] == 'gzip'
    assert gzip.decompress(packed.body) == plain.body
    assert 'Accept-Encoding' in packed.headers['Vary'] and 'Accept-Encoding' in plain.headers['Vary']
    assert 'Content-Encoding' not in gateway.get('/large?size=10', {'Accept-Encoding': 'gzip'}).headers
    assert 'Content-Encoding' not in gateway.get('/large?size=5000', {'Accept-Encoding': 'gzip;q=0'}).headers


def test_etag(gateway):
    gateway.post('/things', {'id': 1, 'name': 'a'})
    first = gateway.get('/things/1')
    tag = first.headers['ETag']
    for names in (tag, f'"x", W/{tag}', '*'):
        again = gateway.get('/things/1', {'If-None-Match': names})
        assert (again.status, again.body, again.headers['ETag']) == (304, b'', tag)
    assert gateway.get('/things/1', {'If-None-Match': '"x"'}).status == 200


def test_cors(gateway, strict):
    assert gateway.get('/ping', {'Origin': 'http://any.test'}).headers['Access-Control-Allow-Origin'] == '*'
    listed = strict.get('/ping', {'Origin': 'http://b.test'})
    assert listed.headers['Access-Control-Allow-Origin'] == 'http://b.test'
    assert 'Access-Control-Allow-Origin' not in strict.get('/ping', {'Origin': 'http://c.test'}).headers
    assert strict.get('/ping').headers['Vary'] == 'Origin'
    assert 'Access-Control-Allow-Origin' in gateway.get('/nowhere', {'Origin': 'http://any.test'}).headers


def test_preflight(gateway):
    answer = gateway.request('OPTIONS', '/things/7', headers={
        'Origin': 'http://a.test', 'Access-Control-Request-Method': 'DELETE',
        'Access-Control-Request-Headers': 'x-a'})
    assert answer.status == 204
    methods = answer.headers['Access-Control-Allow-Methods'].split(', ')
    assert sorted(methods) == ['DELETE', 'GET', 'HEAD', 'OPTIONS']
    assert answer.headers['Access-Control-Allow-Headers'] == 'x-a'
    assert gateway.request('OPTIONS', '/nowhere').status == 404


def test_request_ids(gateway):
    assert gateway.get('/ping', {'X-Request-Id': 'abc-1'}).headers['X-Request-Id'] == 'abc-1'
    for odd in ('a b', 'x' * 65, 'ü', '<script>'):
        given = gateway.get('/ping', {'X-Request-Id': odd.encode()}).headers['X-Request-Id']
        assert len(given) == 32 and given != odd
    assert gateway.get('/ping').headers['X-Request-Id'] != gateway.get('/ping').headers['X-Request-Id']


def test_errors_are_logged_with_their_ids(gateway):
    trace = '0af7651916cd43dd8448eb211c80319c'
    ids = {'X-Request-Id': 'find-me', 'traceparent': f'00-{trace}-b7ad6b7169203331-01'}
    gateway.get('/raise?code=XX000', ids)
    wait_until(lambda: any(line.get('request_id') == 'find-me' for line in gateway.log), 'it is logged')
    line = next(line for line in gateway.log if line.get('request_id') == 'find-me')
    assert (line['trace_id'], line['status']) == (trace, '500')


def test_tls(dsn, certificate):
    names = dict(zip(('gateway.tls_certificate', 'gateway.tls_key'), certificate))
    with Gateway(dsn, **names) as running:
        context = ssl.create_default_context(cafile=str(certificate[0]))
        connection = http.client.HTTPSConnection('127.0.0.1', running.port, timeout=DEADLINE, context=context)
        for number in range(3):
            assert exchange(connection, 'GET', f'/echo?number={number}').json()['number'] == number
        assert len(exchange(connection, 'GET', '/large?size=1000000').body) > 1_000_000
        connection.close()
