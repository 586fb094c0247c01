"""A cluster with the fixture's API, and one gateway before it, for a whole run."""
import os
import subprocess

import psycopg
import pytest
from gateway import ROOT, Gateway, write_keys
from nginx import Nginx, Postgrest
from services.cluster import Cluster

SECRET = b'a secret of thirty-two bytes ...'
OLD_SECRET = b'another secret, just as long ....'


@pytest.fixture(scope='session')
def cluster():
    with Cluster(ROOT / '.run' / 'http' / 'cluster') as made:
        made.psql('-f', str(ROOT / 'tests' / 'http' / 'fixture.sql'))
        yield made


@pytest.fixture(scope='session')
def dsn(cluster):
    return cluster.dsn(user='tenfold_authenticator')


@pytest.fixture(scope='session')
def keys(tmp_path_factory):
    return write_keys(tmp_path_factory.mktemp('keys') / 'jwks.json', new=SECRET, old=OLD_SECRET)


@pytest.fixture(scope='session')
def gateway(dsn, keys):
    """For tests that leave it as they found it."""
    with Gateway(dsn, **{'gateway.jwks': keys, 'gateway.jwt_audience': 'tenfold'}) as running:
        yield running


@pytest.fixture(autouse=True)
def no_things(request):
    yield
    if 'cluster' in request.fixturenames:
        request.getfixturevalue('cluster').psql('-c', 'DELETE FROM tenfold_api.thing')


@pytest.fixture(scope='session')
def product():
    """A cluster with everything installed, and passwords that cost little."""
    with Cluster(ROOT / '.run' / 'http' / 'product', preload='pg_cron,tenfold', installed=True,
                 settings={'tenfold.bcrypt_cost': 4}) as made:
        made.psql('-c', 'UPDATE tenfold.rate_class SET per_minute = NULL')  # all tests are one client
        yield made


def gateway_of(product, **settings):
    return Gateway(product.dsn(user='tenfold_authenticator'),
                   **{'gateway.jwks': product.keys(), 'gateway.jwt_audience': 'tenfold'} | settings)


DOORS = ['gateway', 'nginx'] + (['postgrest'] if os.environ.get('POSTGREST') else [])


@pytest.fixture(scope='session', params=DOORS)
def door(request, product, tmp_path_factory):
    """Every front door before it: a test that knows one knows the others. `nginx` is before PostgREST's stand-in."""
    if request.param == 'gateway':
        with gateway_of(product) as running:
            yield running
    elif request.param == 'postgrest':
        with Postgrest(os.environ['POSTGREST'], product, tmp_path_factory.mktemp('postgrest')) as upstream, Nginx(upstream.port) as running:
            running.is_postgrest = True
            yield running
    else:
        with gateway_of(product, **{'gateway.rpc': 'on'}) as upstream, Nginx(upstream.port) as running:
            yield running


@pytest.fixture
def db(product):
    with psycopg.connect(product.dsn(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def certificate(tmp_path):
    """Paths of a self-signed certificate and its key."""
    paths = tmp_path / 'certificate.pem', tmp_path / 'key.pem'
    make_certificate(*paths)
    return paths


def make_certificate(certificate, key):
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
                    '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-out', certificate,
                    '-keyout', key],
                   check=True, capture_output=True)
