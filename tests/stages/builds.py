"""What the other stages need."""
from services.npm import OPENAPI_VALIDATOR, SWAGGER_UI, install

from .core import Count, cmake, server_bindir, stage


@stage('builds the extension, and the module that tests its guards, and installs both')
def extension(log):
    log.must_run('make', 'install')
    log.must_run('make', '-C', 'tests/module', 'install', f'PG_CONFIG={server_bindir()}/pg_config')
    return Count(passed=1)


@stage('builds the daemon, and the tests of its loop')
def daemon(log):
    cmake(log, 'sidecar', '-DTENFOLD_SIDECAR=ON', targets=('tenfold', 'tenfold_loop_check'), urgency=())
    return Count(passed=1)


@stage('fetches what tests/http wants from npm and tests/kafka from Maven Central, while others compile', computes=True)
def packages(log):
    log.must_run('dev/kafka', 'lib')
    for folder in (SWAGGER_UI, OPENAPI_VALIDATOR):
        install(folder)
    return Count(passed=1)
