"""openapi.json is OpenAPI 3.1 by somebody else's word, and what the routes answer is what it says."""
import copy
import json
import subprocess

import pytest
from account import new_account
from jsonschema import Draft202012Validator, FormatChecker
from services.npm import OPENAPI_VALIDATOR, install
from test_routes import call, with_real_ids

VALIDATE = """
const { Validator } = await import(process.argv[1])
const text = (await import('node:fs')).readFileSync(0, 'utf8')
const validator = new Validator()
const { valid, errors } = await validator.validate(JSON.parse(text))
console.log(JSON.stringify({ valid, errors, version: validator.version }))
"""


@pytest.fixture
def document(door):
    return door.get('/openapi.json').json()


@pytest.fixture(scope='session')
def validate():
    package = install(OPENAPI_VALIDATOR) / '@seriousme' / 'openapi-schema-validator' / 'index.js'

    def run(document):
        result = subprocess.run(['node', '--input-type=module', '-e', VALIDATE, package], input=json.dumps(document), text=True,
                                capture_output=True)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)
    return run


def test_it_is_openapi_3_1(document, validate):
    verdict = validate(document)
    assert verdict['valid'], verdict['errors']
    assert verdict['version'] == '3.1' and document['openapi'].startswith('3.1.')


def test_the_validator_sees_mistakes(document, validate):
    for mistake in (lambda d: d.pop('info'), lambda d: d['paths']['/login']['post']['responses']['200'].pop('description'),
                    lambda d: d['paths']['/hotels/nearby']['get']['parameters'][0].update({'in': 'nowhere'})):
        wrong = copy.deepcopy(document)
        mistake(wrong)
        assert not validate(wrong)['valid']


def test_every_schema_is_one(document):
    for schema in schemas_of(document):
        Draft202012Validator.check_schema(schema)


def schemas_of(part):
    """Every JSON Schema of the document."""
    if isinstance(part, dict):
        yield from part.get('schemas', {}).values()
        for name, inner in part.items():
            yield from [inner] if name == 'schema' else schemas_of(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from schemas_of(inner)


def operation_of(document, route):
    """As the document has it."""
    path = '/'.join('{' + part[1:] + '}' if part.startswith(':') else part for part in route['path'].split('/'))
    return document['paths'][path][route['method'].lower()]


def check(document, route, answer):
    """An answer, by the document: its status is listed, and its body is of that status's schema."""
    described = operation_of(document, route)['responses'].get(str(answer.status))
    assert described, f'{route["method"]} {route["path"]} answers {answer.status}, which is not listed'
    if '$ref' in described:
        described = document['components']['responses'][described['$ref'].rsplit('/', 1)[1]]
    if 'content' not in described:
        assert answer.body == b''
        return
    kind = answer.headers['Content-Type'].split(';')[0]
    schema = described['content'][kind]['schema'] | {'components': document['components']}
    value = answer.json() if kind == 'application/json' else answer.body.decode()
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(value)


@pytest.fixture
def routes(db):
    return [row[0] for row in db.execute('SELECT to_jsonb(r) FROM tenfold.route r ORDER BY path, method')]


def test_answers_are_as_described(door, db, document, routes):
    for route in routes:
        hotel_id = db.execute("SELECT hotel.add_hotel('h', 'IN', 'x', 19.076, 72.8777, 4, '{wifi}', 900000, 'INR')").fetchone()[0]
        account = new_account(door, db, 'tenfold_operator')
        answer = call(door, route, account.headers(), with_real_ids(route, hotel_id, account, db))
        assert answer.status == route['success_status'], answer.body
        check(document, route, answer)
        assert route['path'] != '/hotels/nearby' or answer.json()['hotels']  # an empty list fits any schema
    db.execute('DELETE FROM hotel.hotel')


def test_errors_are_as_described(door, db, document, routes):
    """Without a token, with an id that nothing has, and with a body that nothing takes."""
    operator = new_account(door, db, 'tenfold_operator').headers()
    seen = set()
    for route in routes:
        example = route['example'] | ({'path': {'id': 10**17}} if 'path' in route['example'] else {})
        answers = [call(door, route, {}, example | {'body': []})] if route['body'] else [call(door, route, {}, example)]
        if 'path' in example:
            answers.append(call(door, route, operator, example))
        for answer in answers:
            if answer.status >= 400:
                check(document, route, answer)
                seen.add(answer.status)
    assert {400, 401, 404} <= seen
