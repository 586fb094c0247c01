"""The pages of the API in a real browser: Swagger UI from npm, its files and openapi.json from the front doors."""
import html
import os
import re
import subprocess

import pytest
from conftest import gateway_of
from gateway import PREFIX, ROOT
from nginx import Nginx
from services.npm import SWAGGER_UI, install

SECONDS = 120  # a browser starts slowly on a busy machine


@pytest.fixture(scope='module')
def site(product):
    swagger = install(SWAGGER_UI) / 'swagger-ui-dist'
    with gateway_of(product, **{'gateway.docs': swagger, 'gateway.rpc': 'on'}) as running:
        yield running


@pytest.fixture(scope='module', params=['gateway', 'nginx'])
def pages(request, site):
    """Where they are, and a name for what is kept of them."""
    if request.param == 'gateway':
        yield site, request.param
    else:
        with Nginx(site.port) as edge:
            yield edge, request.param


def browse(url, profile, *options):
    """What chromium prints; its clock runs ahead once nothing is under way, so this waits for the page, not the time."""
    result = subprocess.run(
        ['chromium', '--no-sandbox', '--headless=new', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking',
         '--no-first-run', '--hide-scrollbars', f'--user-data-dir={profile}', '--virtual-time-budget=20000', *options, url],
        capture_output=True, text=True, timeout=SECONDS, env=os.environ | {'HOME': str(profile)})
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_swagger_ui_shows_every_path(pages, tmp_path):
    door, _ = pages
    page = browse(f'http://127.0.0.1:{door.port}{PREFIX}/docs/', tmp_path, '--dump-dom')
    shown = {html.unescape(path) for path in re.findall(r'data-path="(.*?)"', page)}
    assert shown == set(door.get('/openapi.json').json()['paths'])
    assert 'Failed to load' not in page and 'Unable to render' not in page


def test_a_picture_of_it(pages, tmp_path):
    door, name = pages
    picture = ROOT / '.run' / 'http' / f'docs-{name}.png'
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.unlink(missing_ok=True)
    browse(f'http://127.0.0.1:{door.port}{PREFIX}/docs/', tmp_path, f'--screenshot={picture}', '--window-size=1200,1800')
    assert picture.read_bytes().startswith(b'\x89PNG') and picture.stat().st_size > 50_000  # an empty page has some 10,000
