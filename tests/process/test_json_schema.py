"""Bodies against their JSON Schemas: Python's jsonschema says what is right."""
import json

import jsonschema
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

names = st.sampled_from(['a', 'b', 'c/d', 'é', ''])
numbers = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, 1.5, -0.25, 2**53 + 1, 1e20]))
texts = st.text(alphabet='abé1 \n😀"\\', max_size=4)
values = st.recursive(st.one_of(st.none(), st.booleans(), numbers, texts),
                      lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)), max_leaves=8)
kinds = st.sampled_from(['null', 'boolean', 'number', 'integer', 'string', 'array', 'object'])
sizes = st.integers(0, 3)
# As RE2 and Python read them alike.
patterns = st.sampled_from(['a', '^a', '^[ab]*$', '^(a|b1)+', '[^a]', '^.{2}', '1{2,3}'])


def objects(inner):
    members = {
        'type': st.one_of(kinds, st.lists(kinds, min_size=1, max_size=3, unique=True)), 'enum': st.lists(values, min_size=1, max_size=3),
        'const': values, 'minimum': numbers, 'maximum': numbers, 'exclusiveMinimum': numbers, 'exclusiveMaximum': numbers,
        'minLength': sizes, 'maxLength': sizes, 'pattern': patterns, 'minItems': sizes, 'maxItems': sizes, 'uniqueItems': st.booleans(),
        'minProperties': sizes, 'maxProperties': sizes, 'items': inner, 'additionalProperties': inner, 'not': inner,
        'properties': st.dictionaries(names, inner, max_size=3), 'required': st.lists(names, max_size=2, unique=True),
        'allOf': st.lists(inner, min_size=1, max_size=2), 'anyOf': st.lists(inner, min_size=1, max_size=3),
        'oneOf': st.lists(inner, min_size=1, max_size=3), 'description': texts, 'format': st.just('email')}
    return st.lists(st.sampled_from(sorted(members)), max_size=4, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries({name: members[name] for name in chosen}))


schemas = st.recursive(st.booleans(), objects, max_leaves=8)


@pytest.fixture(scope='module')
def ask(cluster):
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        yield lambda sql, *arguments: connection.execute(sql, [json.dumps(a) for a in arguments]).fetchone()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(schema=schemas, value=values)
def test_as_python_says(ask, schema, value):
    problem = ask('SELECT problem, pointer FROM tenfold._json_problem(%s::jsonb, %s::jsonb)', schema, value)
    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(value))
    assert (problem[0] is None) == (not errors), (problem, errors)
    if errors:  # the member that is named is one of which Python complains, or one within
        found = [part.replace('~1', '/').replace('~0', '~') for part in problem[1].split('/')[1:]]
        assert any([str(step) for step in error.absolute_path] == found[:len(error.absolute_path)] for error in errors)
