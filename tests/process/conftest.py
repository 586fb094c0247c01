"""What the process tests share: clusters of their own, made for one module of tests and removed after it."""
import psycopg
import pytest

from services.cluster import ROOT, Cluster

PRELOAD = 'pg_cron,tenfold'


def new_cluster(name, **options):
    return Cluster(ROOT / '.run' / 'process' / name, **({'preload': PRELOAD} | options))


def connect(cluster, user='postgres', database='tenfold', autocommit=True):
    return psycopg.connect(cluster.dsn(database, user), autocommit=autocommit)


def state_of(connection, sql, parameters=None):
    """The SQLSTATE a statement fails with, or None."""
    try:
        connection.execute(sql, parameters)
    except psycopg.Error as error:
        return error.sqlstate
    return None


@pytest.fixture(scope='module')
def cluster(request):
    """A cluster with everything installed."""
    with new_cluster(request.module.__name__, installed=True) as made:
        yield made


@pytest.fixture
def db(cluster):
    with connect(cluster) as connection:
        yield connection
