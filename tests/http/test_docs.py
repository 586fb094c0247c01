"""The API's pages: Swagger UI from a folder, and nothing else of that folder."""
import gzip
import re
import subprocess

import pytest
from gateway import DAEMON, Gateway

FILES = {'swagger-ui.css': b'.a {}' * 500, 'swagger-ui-bundle.js': b'var b = "\xc3\xa9";' * 5000,
         'favicon-32x32.png': b'\x89PNG' * 500}
TYPES = {'': 'text/html; charset=utf-8', 'start.js': 'text/javascript; charset=utf-8',
         'swagger-ui.css': 'text/css; charset=utf-8', 'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
         'favicon-32x32.png': 'image/png'}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp('swagger-ui-dist')
    for name, content in (FILES | {'index.html': b'theirs', 'package.json': b'{}'}).items():
        (path / name).write_bytes(content)
    return path


@pytest.fixture(scope='module')
def site(dsn, folder):
    with Gateway(dsn, **{'gateway.docs': folder}) as running:
        yield running


def test_off_unless_asked_for(gateway):
    assert [gateway.get(path).status for path in ('/docs', '/docs/', '/docs/start.js')] == [404] * 3


@pytest.mark.parametrize('name', TYPES)
def test_each_file(site, name):
    answer = site.get('/docs/' + name)
    assert answer.status == 200 and answer.headers['Content-Type'] == TYPES[name]
    assert answer.body == FILES.get(name, answer.body)
    assert answer.headers['X-Content-Type-Options'] == 'nosniff'
    assert answer.headers['Content-Security-Policy'] == \
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
    assert 'max-age=' in answer.headers['Cache-Control']
    again = site.get('/docs/' + name, {'If-None-Match': answer.headers['ETag'], 'Accept-Encoding': 'gzip'})
    assert (again.status, again.body, again.headers['ETag']) == (304, b'', answer.headers['ETag'])
    assert 'Content-Encoding' not in again.headers
    asked = site.request('HEAD', '/docs/' + name)
    assert (asked.status, asked.headers['Content-Length']) == (200, str(len(answer.body)))


def test_gzip(site):
    plain = site.get('/docs/swagger-ui-bundle.js')
    packed = site.get('/docs/swagger-ui-bundle.js', {'Accept-Encoding': 'gzip'})
    assert gzip.decompress(packed.body) == plain.body and packed.headers['Content-Encoding'] == 'gzip'
    assert 'Accept-Encoding' in packed.headers['Vary'] and 'Accept-Encoding' in plain.headers['Vary']
    assert 'Content-Encoding' not in site.get('/docs/favicon-32x32.png', {'Accept-Encoding': 'gzip'}).headers


def test_the_page_needs_nothing_from_elsewhere(site):
    """No script within the page, and every link a file that is served."""
    page = site.get('/docs/').body.decode()
    assert '<title>tenfold</title>' in page
    assert re.findall(r'<script(.*?)>(.*?)</script>', page) == [
        (' src="./swagger-ui-bundle.js"', ''), (' src="./start.js"', '')]
    for link in re.findall(r'(?:src|href)="(.*?)"', page):
        assert site.get('/docs/' + link.removeprefix('./')).status == 200
    assert "url: '../openapi.json'" in site.get('/docs/start.js').body.decode()


def test_the_folder_leads_to_its_page(site):
    answer = site.get('/docs')
    assert (answer.status, answer.headers['Location']) == (308, 'docs/')


@pytest.mark.parametrize('path', [
    '/docs/index.html', '/docs/package.json', '/docs//', '/docs/../docs/', '/docs/../../etc/passwd', '/docsx',
    '/docs/%2e%2e/package.json', '/docs/./start.js', '/docs/start.js/', '/docs/swagger-ui%2ecss',
])
def test_nothing_else(site, path):
    assert site.get(path).status == 404


def test_only_get(site):
    answer = site.request('POST', '/docs/', 'x')
    assert (answer.status, answer.headers['Allow']) == (405, 'OPTIONS, GET, HEAD')
    assert site.get('/ping').status == 200


@pytest.mark.parametrize('name', FILES)
def test_a_missing_file_is_named_at_start(dsn, tmp_path, name):
    for other in FILES.keys() - {name}:
        (tmp_path / other).write_bytes(b'x')
    result = subprocess.run([DAEMON, 'run', '--workers=gateway', f'--database.dsn={dsn}', '--admin.listen=',
                             '--gateway.listen=127.0.0.1:0', f'--gateway.docs={tmp_path}'],
                            text=True, capture_output=True, timeout=30)
    assert result.returncode != 0 and f'{tmp_path}/{name}' in result.stderr
