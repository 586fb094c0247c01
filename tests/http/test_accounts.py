"""Accounts and tokens over HTTP, from registration to the end of the account."""
import hashlib
import hmac
import os
import uuid

import pytest
from account import PASSWORD, claims_of, key_of, log_in, new_account, service_token
from gateway import base64url, sign, wait_until


def whoami(door, headers):
    """How a call ends that any user may make, and that changes nothing."""
    return door.post('/logout', {'unknown': 1}, headers)


def code_of(answer):
    return answer.status, answer.json()['code']


def test_a_registration_makes_a_user_whatever_it_asks_for(door):
    email = f'{uuid.uuid4()}@example.com'
    wish = door.post('/register', {'email': email, 'password': PASSWORD, 'role': 'tenfold_operator'})
    assert code_of(wish) == (400, '22023') and 'role' in wish.json()['message'] and wish.json()['hint']
    made = door.post('/register', {'email': email, 'password': PASSWORD})
    assert made.status == 201 and made.json()['role'] == 'tenfold_user'
    assert code_of(door.post('/register', {'email': email.upper(), 'password': PASSWORD})) == (409, '23505')
    assert claims_of(log_in(door, email).json()['access_token'])['sub'] == made.json()['account_id']


def test_a_token_is_signed_as_others_would_sign_it(door, product):
    token = new_account(door).tokens['access_token']
    secret, kid = key_of(product)
    text, signature = token.rsplit('.', 1)
    assert signature == base64url(hmac.new(secret, text.encode(), hashlib.sha256).digest())
    assert claims_of('.' + token.split('.')[0])['kid'] == kid


def test_tokens_are_not_cached(door):
    account = new_account(door)
    assert log_in(door, account.email).headers['Cache-Control'] == 'no-store'
    assert account.refresh().headers['Cache-Control'] == 'no-store'


def test_wrong_password_and_unknown_email_look_the_same(door):
    account = new_account(door)
    wrong, unknown = log_in(door, account.email, 'x'), log_in(door, 'nobody@example.com', 'x')
    assert code_of(wrong) == code_of(unknown) == (401, 'TF011')
    assert wrong.body == unknown.body and wrong.headers['WWW-Authenticate']


def test_a_refresh_token_that_comes_twice_ends_the_session(door):
    account = new_account(door)
    stolen = dict(account.tokens)
    assert account.refresh().status == 200
    assert whoami(door, account.headers()).status == 400
    assert code_of(door.post('/token/refresh', {'refresh_token': stolen['refresh_token']})) == (401, 'TF012')
    assert code_of(whoami(door, account.headers())) == (401, 'TF012')
    assert code_of(account.refresh()) == (401, 'TF012')


def test_logout_ends_this_session_and_no_other(door):
    account = new_account(door)
    other = {'Authorization': 'Bearer ' + log_in(door, account.email).json()['access_token']}
    assert door.post('/logout', {}, account.headers()).status == 204
    assert code_of(whoami(door, account.headers())) == (401, 'TF012')
    assert code_of(account.refresh()) == (401, 'TF012')
    assert whoami(door, other).status == 400


def test_a_new_password_ends_every_session(door):
    account = new_account(door)
    change = {'old_password': PASSWORD, 'new_password': 'battery staple'}
    assert code_of(door.post('/password', change | {'old_password': 'x'}, account.headers())) == (401, 'TF011')
    assert whoami(door, account.headers()).status == 400  # a slip of the finger ends nothing
    changed = door.post('/password', change, account.headers())
    assert code_of(whoami(door, account.headers())) == (401, 'TF012')
    assert whoami(door, {'Authorization': 'Bearer ' + changed.json()['access_token']}).status == 400
    assert log_in(door, account.email).status == 401
    assert log_in(door, account.email, 'battery staple').status == 200


def test_the_token_of_a_deleted_account_is_good_for_nothing(door):
    account = new_account(door)
    assert door.request('DELETE', '/account', headers=account.headers()).status == 204
    assert code_of(door.request('DELETE', '/account', headers=account.headers())) == (401, 'TF012')
    assert code_of(account.refresh()) == (401, 'TF012')
    assert log_in(door, account.email).status == 401


def test_a_granted_role_comes_with_the_next_token(door, db):
    account = new_account(door)
    db.execute('SELECT tenfold.grant_role(%s, %s)', (account.email, 'tenfold_merchant'))
    assert account.claims()['role'] == 'tenfold_user'
    assert account.refresh().json()['role'] == account.claims()['role'] == 'tenfold_merchant'
    db.execute('SELECT tenfold.grant_role(%s, %s)', (account.email, 'tenfold_user'))
    assert code_of(whoami(door, account.headers())) == (401, 'TF012')  # at once


@pytest.mark.parametrize('claims', [{'aud': 'elsewhere'}, {'aud': None}, {'sub': 'ada'}, {'sub': 7},
                                    {'sid': str(uuid.uuid4())}, {'sid': 'x'}, {'exp': 1}, {'nbf': 2**40}, {'iat': 2**40}])
def test_a_token_of_our_key_that_does_not_hold(door, product, claims):
    assert whoami(door, service_token(product, 'tenfold_user')).status == 400
    assert whoami(door, service_token(product, 'tenfold_user', **claims)).status == 401


def test_roles_that_no_token_can_have(door, product):
    for role in ('postgres', 'tenfold_owner', 'tenfold_authenticator', 'none', 'nobody', ''):
        refused = whoami(door, service_token(product, role))
        assert refused.status in (400, 401, 403) and 'unknown member' not in refused.json()['message'], role


def test_forged_tokens(door, product):
    secret, kid = key_of(product)
    claims = {'role': 'tenfold_operator', 'aud': 'tenfold'}
    none = '.'.join(base64url(part) for part in (b'{"alg":"none"}', b'{"role":"tenfold_operator","aud":"tenfold"}')) + '.'
    for token in (none, sign(claims, os.urandom(32), kid=kid), sign(claims, secret, kid='unknown'), sign(claims, b''), 'x', 'a.b.c'):
        refused = whoami(door, {'Authorization': f'Bearer {token}'})
        assert refused.status == 401 and refused.headers['WWW-Authenticate'], token
        assert refused.json()['message'] and refused.json()['hint']


def test_who_cannot_sign_says_so(door, product):
    product.psql('-c', 'ALTER SYSTEM SET tenfold.jwks_file = \'absent.json\'', '-c', 'SELECT pg_reload_conf()')
    try:
        answer = log_in(door, 'nobody@example.com')
        assert code_of(answer) == (401, 'TF011')
        email = f'{uuid.uuid4()}@example.com'
        assert door.post('/register', {'email': email, 'password': PASSWORD}).status == 201
        wait_until(lambda: log_in(door, email).status == 502, 'the backends have read their settings anew')
        answer = log_in(door, email)
        assert code_of(answer) == (502, 'TF010') and answer.headers['Retry-After']
    finally:
        product.psql('-c', 'ALTER SYSTEM RESET tenfold.jwks_file', '-c', 'SELECT pg_reload_conf()')
