"""HTTP itself: keep-alive, limits, deadlines, caches, browsers, TLS."""
import gzip
import http.client
import json
import re
import select
import signal
import socket
import ssl
import time
from pathlib import Path

import pytest
from conftest import make_certificate
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
                                        'Expect: 100-Continue', 'Connection: close', method='POST'))
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
    request_text('/bytes/sum', 'Transfer-Encoding: xchunked', 'Content-Length: 3', method='POST', body=b'abc'),
    request_text('/bytes/sum', 'Transfer-Encoding: chunked, identity', method='POST', body=b'0\r\n\r\n'),
    request_text('/bytes/sum', 'Transfer-Encoding: chunked', 'Transfer-Encoding: gzip', method='POST', body=b'0\r\n\r\n'),
    request_text('/bytes/sum', 'Transfer-Encoding: chunked', method='POST', body=b'0\r\n\r\n').replace(b'HTTP/1.1', b'HTTP/1.0'),
    b'GET /api/v1/ping HTTP/1.1\r\n\r\n',
    request_text('/ping', 'Host: elsewhere'),
])
def test_what_is_no_http(strict, text):
    received = strict.raw(text)
    assert status_of(received) == 400
    assert b'Connection: close' in received


def test_large_headers(strict):
    assert status_of(strict.raw(request_text('/ping', 'A: ' + 'x' * 3000))) == 431


def test_many_headers(gateway):
    """Each of them costs more the more there are."""
    few = [f'A{number}: 1' for number in range(98)]
    assert status_of(gateway.raw(request_text('/ping', *few, 'Connection: close'))) == 200
    assert status_of(gateway.raw(request_text('/ping', *few, 'B: 1', 'Connection: close'))) == 431


@pytest.mark.parametrize('start', [b'0\r\nX: ', b'1;', b'0\r\nA: 1\r\n' * 2])
def test_what_surrounds_chunks_is_bounded(gateway, start):
    """Extensions and trailers: no limit of header or body counts them."""
    before = resident_kilobytes(gateway.process.pid)
    sent = 0
    with socket.create_connection(('127.0.0.1', gateway.port), timeout=DEADLINE) as connection:
        connection.sendall(request_text('/bytes/sum', 'Transfer-Encoding: chunked', method='POST', body=start))
        try:
            while not select.select([connection], [], [], 0)[0] and sent < 100_000_000:
                sent += connection.send(b'a' * 10_000)
        except ConnectionError:
            pass  # it was closed meanwhile; the answer came before that
        received = read_to_end(connection)
    assert status_of(received) in (400, 431) and b'Connection: close' in received
    assert sent < 10_000_000  # most of it in the kernel's buffers
    assert resident_kilobytes(gateway.process.pid) < before + 10_000


def test_trailers_are_no_headers(gateway):
    """A proxy that takes X-Path-… away from the head may let it pass here."""
    body = b'2\r\n{}\r\n0\r\nX-Late: 1\r\nAuthorization: Bearer x\r\n\r\n'
    headers = 'Content-Type: application/json', 'Transfer-Encoding: chunked', 'Connection: close', 'X-Early: 1'
    received = gateway.raw(request_text('/settings/1', *headers, method='POST', body=body))
    assert status_of(received) == 200 and b'x-early' in received and b'x-late' not in received


def test_who_is_refused_is_told_though_more_was_sent(gateway):
    head = request_text('/things', 'Content-Length: 10000000', method='POST')
    for _ in range(20):
        assert status_of(gateway.raw(head, b'x' * 200_000)) == 413


def test_lines_of_one_name_are_one_list(gateway):
    lines = 'A: 1', 'a: 2', 'A: 3', 'Cookie: x=1', 'Cookie: y=2', 'Connection: close'
    seen = json.loads(gateway.raw(request_text('/settings', *lines)).partition(b'\r\n\r\n')[2])
    assert seen['headers']['a'] == '1, 2, 3' and seen['cookies'] == {'x': '1', 'y': '2'}
    twice = request_text('/ping', 'Authorization: Bearer x', 'Authorization: Bearer y', 'Connection: close')
    assert status_of(gateway.raw(twice)) == 401


def test_the_last_of_all_forwarded_for_counts(dsn):
    with Gateway(dsn, **{'gateway.trusted_proxies': '127.0.0.1'}) as running:
        def client(*lines):
            named = [f'X-Forwarded-For: {line}' for line in lines]
            received = running.raw(request_text('/settings', *named, 'Connection: close'))
            return json.loads(received.partition(b'\r\n\r\n')[2])['headers']['x-real-ip']
        assert client('6.6.6.6', '203.0.113.9') == '203.0.113.9'
        assert client('6.6.6.6', '203.0.113.9:40001') == '203.0.113.9'
        assert client('[2001:db8::5]:443') == '2001:db8::5'
        assert client('6.6.6.6, unknown') == '127.0.0.1'


def test_a_target_with_scheme_and_host(gateway):
    text = request_text('/echo?number=5', 'Connection: close').replace(b'GET ', b'GET http://localhost', 1)
    assert b'"number": 5' in gateway.raw(text)


def test_slow_readers_fill_no_memory(dsn):
    with Gateway(dsn, **{'gateway.unsent_size': '30MB', 'gateway.send_timeout': '60s'}) as running:
        readers = []
        for _ in range(4):
            reader = socket.socket()
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect(('127.0.0.1', running.port))
            reader.sendall(request_text('/large?size=9000000'))
            readers.append(reader)
        wait_until(lambda: running.get('/large?size=9000000').status == 503, 'no more is taken')
        refused = running.get('/large?size=9000000')
        assert refused.headers['Retry-After'] and refused.json()['code'] == 'HTTP503'
        assert running.get('/ping').status == 200
        for reader in readers:
            reader.close()
        wait_until(lambda: running.get('/large?size=9000000').status == 200, 'there is room again')


def test_an_answer_may_be_too_large(dsn):
    with Gateway(dsn, **{'gateway.answer_size': '10kB'}) as running:
        assert [running.get(f'/large?size={size}').status for size in (9000, 11000)] == [200, 500]


def resident_kilobytes(pid):
    return int(re.search(r'VmRSS:\s+(\d+)', Path(f'/proc/{pid}/status').read_text())[1])


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


def test_a_renewed_certificate_needs_no_restart(dsn, certificate, tmp_path):
    names = dict(zip(('gateway.tls_certificate', 'gateway.tls_key'), certificate))

    def serial():
        return ssl.get_server_certificate(('127.0.0.1', running.port))
    with Gateway(dsn, **names) as running:
        first = serial()
        make_certificate(*certificate)
        running.reload()
        second = serial()
        assert second != first
        certificate[0].write_text('no certificate')
        running.signal(signal.SIGHUP)
        wait_until(lambda: 'cannot reload; going on as before' in running.messages(), 'it is refused')
        assert serial() == second


@pytest.mark.parametrize('only', ['gateway.tls_certificate', 'gateway.tls_key'])
def test_a_half_of_tls_is_refused(dsn, certificate, only):
    path = dict(zip(('gateway.tls_certificate', 'gateway.tls_key'), certificate))[only]
    assert_refused(dsn, **{only: path})


@pytest.mark.parametrize('listen', ['127.0.0.1:http', '127.0.0.1:', '127.0.0.1:80x', '127.0.0.1:65536', '127.0.0.1:-1'])
def test_a_port_is_a_number(dsn, listen):
    assert_refused(dsn, **{'gateway.listen': listen})


def assert_refused(dsn, **settings):
    with pytest.raises(AssertionError, match='the daemon ended'):
        with Gateway(dsn, **settings):
            pass
