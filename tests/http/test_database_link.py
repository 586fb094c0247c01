"""What is between the gateway and Postgres: TLS, and statements whose function has gone."""
import shutil
import socket

import psycopg
import pytest
from gateway import ROOT, Gateway, exchange, wait_until
from services.cluster import Cluster


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


@pytest.fixture
def tls_dsn(certificate):
    """A cluster of its own that takes connections over TLS."""
    with Cluster(ROOT / '.run' / 'http' / 'tls', port=free_port()) as cluster:
        cluster.psql('-f', str(ROOT / 'tests' / 'http' / 'fixture.sql'))
        data = cluster.psql('-c', 'SHOW data_directory').strip()
        for path, name in zip(certificate, ('server.crt', 'server.key'), strict=True):
            copy = shutil.copy(path, f'{data}/{name}')
            shutil.chown(copy, *owner_of(data))
            (ROOT / copy).chmod(0o600)
        cluster.psql('-c', "ALTER ROLE tenfold_authenticator PASSWORD 'of the test'", '-c', 'ALTER SYSTEM SET ssl = on',
                     '-c', 'SELECT pg_reload_conf()')
        port = cluster.psql('-c', 'SHOW port').strip()
        dsn = f"host=127.0.0.1 port={port} dbname=tenfold user=tenfold_authenticator password='of the test' sslmode=require"
        wait_until(lambda: takes_tls(dsn), 'Postgres speaks TLS')
        yield dsn


def owner_of(path):
    found = (ROOT / path).stat()
    return found.st_uid, found.st_gid


def takes_tls(dsn):
    try:
        with psycopg.connect(dsn) as db:
            return db.info.pgconn.ssl_in_use
    except psycopg.OperationalError:
        return False


def test_answers_of_every_length_over_tls(tls_dsn):
    """OpenSSL hands out records of 16 kB: what it still holds, the socket does not announce."""
    with Gateway(tls_dsn) as running:
        connection = running.connect()
        for size in range(60_000, 120_000, 500):
            answer = exchange(connection, 'GET', f'/large?size={size}')
            assert (answer.status, len(answer.json()['text'])) == (200, size)
        connection.close()


def test_a_function_that_was_renamed_is_not_found(cluster, dsn):
    """Its statement cannot be prepared on a new connection: that is no trouble that passes, and the others still can."""
    with Gateway(dsn) as running:
        assert running.get('/ping').status == 200
        cluster.psql('-c', 'ALTER FUNCTION tenfold_api.ping() RENAME TO pong')
        try:
            cluster.psql('-c', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tenfold_authenticator'")
            wait_until(lambda: running.get('/ping').status == 404, 'the function is not found')
            assert running.get('/large?size=1').status == 200
        finally:
            cluster.psql('-c', 'ALTER FUNCTION tenfold_api.pong() RENAME TO ping')
