"""Tokens: who is let in, and as whom."""
import time

import pytest
from conftest import OLD_SECRET, SECRET
from gateway import base64url, sign


def claims(**changes):
    now = int(time.time())
    return {'sub': '42', 'role': 'tenfold_user', 'aud': 'tenfold', 'iat': now, 'exp': now + 60} | changes


def ask(gateway, token, path='/settings'):
    return gateway.get(path, {'Authorization': 'Bearer ' + token})


def test_a_good_token(gateway):
    seen = ask(gateway, sign(claims(extra='é"'), SECRET, kid='new')).json()
    assert seen['role'] == 'tenfold_user'
    assert (seen['claims']['sub'], seen['claims']['extra']) == ('42', 'é"')


def test_two_keys_during_a_rotation(gateway):
    assert ask(gateway, sign(claims(), OLD_SECRET, kid='old')).status == 200
    assert ask(gateway, sign(claims(), OLD_SECRET)).status == 200  # without kid, any key may fit
    assert ask(gateway, sign(claims(), OLD_SECRET, kid='new')).status == 401


def test_rights_come_from_the_role(gateway):
    """In this order: Postgres inlines the function, and checks the right to call it only where it plans."""
    assert ask(gateway, sign(claims(), SECRET), '/for-users').status == 200
    assert gateway.get('/for-users').status == 401
    assert ask(gateway, sign(claims(role='tenfold_anonymous'), SECRET), '/for-users').status == 403


def test_no_role_means_the_anonymous_one(gateway):
    token = claims()
    del token['role']
    seen = ask(gateway, sign(token, SECRET)).json()
    assert (
    seen['role'],
    seen['claims']['role'],
    seen['claims']['sub']) == (
        'tenfold_anonymous',
        'tenfold_anonymous',
         '42')


@pytest.mark.parametrize('role', ['postgres', 'nobody', 'none', 'NONE', '', 'x' * 100])
def test_a_role_that_is_not_granted(gateway, role):
    assert ask(gateway, sign(claims(role=role), SECRET)).status in (400, 401, 403)


# Times are seconds from now, added when the test runs.
def signed_with(changes):
    times = {name: time.time() + value for name, value in changes.items()
             if name in ('exp', 'nbf', 'iat') and not isinstance(value, str)}
    return sign(claims(**changes | times), SECRET)


@pytest.mark.parametrize('changes', [
    {'exp': -60}, {'nbf': 600}, {'iat': 600}, {'aud': 'other'}, {'aud': []}, {'aud': ['a', 'b']},
    {'exp': 'x'}, {'role': 5}, {'role': ['tenfold_user']}, {'aud': 5},
])
def test_claims_that_do_not_hold(gateway, changes):
    answer = ask(gateway, signed_with(changes))
    assert (answer.status, answer.json()['code']) == (401, 'PGRST303')
    assert answer.headers['WWW-Authenticate'].startswith('Bearer error="invalid_token"')


@pytest.mark.parametrize('changes', [{'exp': -10}, {'nbf': 10}, {'aud': ['a', 'tenfold']}, {'exp': 9.5}])
def test_claims_that_hold_just_so(gateway, changes):
    assert ask(gateway, signed_with(changes)).status == 200


GOOD = sign(claims(exp=2 ** 40), SECRET)


@pytest.mark.parametrize('token', [
    sign(claims(), b'not the secret, but just as long.'),
    sign(claims(), SECRET, kid='unknown'),
    sign(claims(), SECRET, kid=5),
    sign(claims(), SECRET, alg='none'),
    sign(claims(), SECRET, alg='HS512'),
    sign(claims(), SECRET, alg=None),
    sign(claims(), SECRET, crit=['exp']),
    sign([1], SECRET),
    base64url(b'{"alg":"none"}') + '.' + base64url(b'{"role":"tenfold_user"}') + '.',
    GOOD[:-1], GOOD + 'A', GOOD + '=', GOOD + '.x', GOOD.rsplit('.', 1)[0], GOOD.rsplit('.', 1)[0] + '.',
    GOOD.replace('.', '..', 1), '', '.', '..', 'a.b.c', 'x' * 9000,
])
def test_what_is_no_token_of_ours(gateway, token):
    answer = ask(gateway, token)
    assert (answer.status, answer.json()['code']) == (401, 'PGRST301')


def test_another_scheme(gateway):
    assert gateway.get('/ping', {'Authorization': 'Basic YTpi'}).status == 401
    assert gateway.get('/ping', {'Authorization': 'bearer ' + sign(claims(), SECRET)}).status == 200
