"""People who use the product: accounts, their tokens, and tokens that no account has."""
import base64
import json
import time
import uuid
from dataclasses import dataclass

from gateway import sign

PASSWORD = 'correct horse'


@dataclass
class Account:
    """An account and the tokens of its last login; gives the headers of a request."""
    door: object
    email: str
    tokens: dict

    def headers(self):
        return {'Authorization': f'Bearer {self.tokens["access_token"]}'}

    def claims(self):
        return claims_of(self.tokens['access_token'])

    def refresh(self):
        answer = self.door.post('/token/refresh', {'refresh_token': self.tokens['refresh_token']})
        if answer.status == 200:
            self.tokens = answer.json()
        return answer


def new_account(door, db=None, role=None):
    """Registers, has a role granted where one is named, and logs in."""
    email = f'{uuid.uuid4()}@example.com'
    assert door.post('/register', {'email': email, 'password': PASSWORD}).status == 201
    if role:
        db.execute('SELECT tenfold.grant_role(%s, %s)', (email, role))
    return Account(door, email, log_in(door, email).json())


def log_in(door, email, password=PASSWORD):
    return door.post('/login', {'email': email, 'password': password})


def claims_of(token):
    body = token.split('.')[1]
    return json.loads(base64.urlsafe_b64decode(body + '=' * (-len(body) % 4)))


def key_of(cluster):
    """The bytes of the key that signs, and its kid."""
    key = json.loads(cluster.keys().read_text())['keys'][0]
    return base64.urlsafe_b64decode(key['k'] + '=' * (-len(key['k']) % 4)), key['kid']


def service_token(cluster, role, **claims):
    """The headers of who holds the key itself: a token of any role, without account or session."""
    secret, kid = key_of(cluster)
    claims = {'role': role, 'aud': 'tenfold', 'exp': int(time.time()) + 600} | claims
    return {'Authorization': 'Bearer ' + sign(claims, secret, kid=kid)}
