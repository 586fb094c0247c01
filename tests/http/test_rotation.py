"""tenfold rotate-secret: keys are made and changed without a moment in which a good token is refused."""
import base64
import json
import os
import re
import subprocess
import time

import pytest
from conftest import SECRET
from gateway import DAEMON, Gateway, base64url, sign, write_keys


def rotate(path):
    return subprocess.run([DAEMON, 'rotate-secret', f'--jwks={path}'], text=True, capture_output=True, timeout=30)


def keys_of(path):
    return json.loads(path.read_text())['keys']


def secret_of(key):
    return base64.urlsafe_b64decode(key['k'] + '==')


def mode_of(path):
    return path.stat().st_mode & 0o7777


def test_the_first_key(tmp_path):
    path = tmp_path / 'jwks.json'
    before = time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())
    result = rotate(path)
    after = time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())
    key, = keys_of(path)
    assert result.returncode == 0 and result.stdout == key['kid'] + '\n'
    assert before <= key['kid'][:16] <= after
    assert (key['kty'], key['alg'], len(secret_of(key))) == ('oct', 'HS256', 32)
    assert key['k'] not in result.stdout + result.stderr
    assert mode_of(path) == 0o600


def test_two_keys_stay(tmp_path):
    path = write_keys(tmp_path / 'jwks.json', a=SECRET, b=b'b' * 31 + b'c')
    path.chmod(0o400)
    first = rotate(path).stdout.strip()
    assert [key['kid'] for key in keys_of(path)] == [first, 'a']
    assert secret_of(keys_of(path)[1]) == SECRET
    second = rotate(path).stdout.strip()
    assert [key['kid'] for key in keys_of(path)] == [second, first]
    assert len({key['k'] for key in keys_of(path)}) == 2
    assert mode_of(path) == 0o400
    assert os.listdir(tmp_path) == ['jwks.json']


def test_a_file_of_one_bare_key(tmp_path):
    path = tmp_path / 'jwks.json'
    path.write_text(json.dumps({'kty': 'oct', 'k': base64url(SECRET)}))
    path.chmod(0o600)
    new = rotate(path).stdout.strip()
    assert keys_of(path)[0]['kid'] == new and secret_of(keys_of(path)[1]) == SECRET


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can give a file away')
def test_the_owner_stays(tmp_path):
    path = write_keys(tmp_path / 'jwks.json', a=SECRET)
    os.chown(path, 12345, 23456)
    assert rotate(path).returncode == 0
    assert (path.stat().st_uid, path.stat().st_gid, mode_of(path)) == (12345, 23456, 0o600)


def test_a_link_stays_a_link(tmp_path):
    path = write_keys(tmp_path / 'jwks.json', a=SECRET)
    link = tmp_path / 'link'
    link.symlink_to(path)
    assert rotate(link).returncode == 0
    assert link.is_symlink() and len(keys_of(path)) == 2


def spoil_mode(path):
    path.chmod(0o640)


def spoil_text(path):
    path.write_text('{"keys": [')


def spoil_secret(path):
    write_keys(path, a=b'reallyreallyreallyreallyverysafe')


def spoil_by_another(path):
    path.with_name('jwks.json.new').write_text('')


@pytest.mark.parametrize('spoil, named', [
    (spoil_mode, 'chmod 600'), (spoil_text, 'JSON'), (spoil_secret, 'example'), (spoil_by_another, 'jwks.json.new'),
])
def test_what_is_refused_stays_as_it_is(tmp_path, spoil, named):
    path = write_keys(tmp_path / 'jwks.json', a=SECRET)
    spoil(path)
    before = path.read_text(), sorted(os.listdir(tmp_path))
    result = rotate(path)
    assert result.returncode != 0 and named in result.stderr
    assert (path.read_text(), sorted(os.listdir(tmp_path))) == before


def test_a_folder_that_is_not_there(tmp_path):
    result = rotate(tmp_path / 'nowhere' / 'jwks.json')
    assert result.returncode != 0 and 'nowhere' in result.stderr


def test_help_explains():
    help_text = subprocess.run([DAEMON, 'rotate-secret', '--help'], text=True, capture_output=True).stdout
    assert re.search(r'--jwks.*REQUIRED', help_text) and '0600' in help_text and 'kid' in help_text
    assert subprocess.run([DAEMON, 'rotate-secret'], capture_output=True).returncode != 0


def test_a_gateway_takes_old_and_new_tokens(dsn, tmp_path):
    path = tmp_path / 'jwks.json'
    rotate(path)
    with Gateway(dsn, **{'gateway.jwks': path}) as running:
        statuses = []
        for _ in range(3):
            old = keys_of(path)[0]
            rotate(path)
            for key in keys_of(path)[0], old:
                token = sign({'role': 'tenfold_user'}, secret_of(key), kid=key['kid'])
                statuses.append(running.get('/for-users', {'Authorization': f'Bearer {token}'}).status)
        assert statuses == [200] * 6
