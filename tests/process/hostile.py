"""Values that nobody should send, as SQL literals by the name of their type. The first of each is tame."""
from functools import cache

LONG = "repeat('x', 1048576)"
TEXTS = ["'q'", 'NULL', "''", "'t'", "'c'", "'p'", "'UTC'", "' '", "'FR'", LONG, "repeat('€', 400)", r"E'\x01\x7f\n'", "'%s%n'", "'1e131071'",
         "'{'", r"""E'\'"\\'""", "'../../etc/passwd'", "'*/1 * * * *'", "'00000000-0000-0000-0000-000000000000'", "'\U0010ffff\u200b'"]
WHOLES = {'smallint': 15, 'integer': 31, 'bigint': 63, 'oid': 31, 'xid8': 63}
NUMBERS = ['1', 'NULL', '0', '-1', '100', "'NaN'", "'Infinity'", "'-Infinity'"]
DEEP = "(repeat('[', 5000) || repeat(']', 5000))"
DOCUMENTS = ["'{}'", 'NULL', "'null'", "'[]'", "'1'", "'\"x\"'", "'[1e131071, -1e-16383, null, true]'", f'{DEEP}', f"('\"' || {LONG} || '\"')",
             """'{"name": null, "country": 1, "city": {}, "lat": 1e400, "lng": [], "stars": -1, "amenities": [1e131071, null, {}]}'""",
             """'{"name": "x", "country": "FR", "city": "y", "lat": 1, "lng": 2, "amenities": [["wifi"]], "email": "a@b.c", "password": "x"}'""",
             """'{"email": 1e131071, "password": [], "refresh_token": null}'""", """'{"country": "FR", "limit": 1e10, "sort": {}, "cursor": "_"}'""",
             "('[' || repeat('1e131071,', 50) || '1]')", """'[{"key": null, "payload": 1, "headers": []}]'""", """'{"": {"": ""}}'""",
             r"""'{"x": "\u0001"}'"""]
TIMES = ["'2026-01-01'", 'NULL', "'infinity'", "'-infinity'", "'epoch'"]
TABLE = {
    'text': TEXTS, 'name': TEXTS, 'character varying': TEXTS, 'json': DOCUMENTS, 'jsonb': DOCUMENTS,
    'boolean': ['true', 'NULL', 'false'],
    'numeric': NUMBERS + ["'1e131071'", "'-1e131071'", "'1e-16383'", '0.5'],
    'double precision': NUMBERS + ["'1e308'", "'-1e308'", "'5e-324'", "'-0'", '90', '180', '1e-9'],
    'date': TIMES + ["'4713-01-01 BC'", "'5874897-12-31'"],
    'timestamp with time zone': TIMES + ["'4714-11-24 00:00+00 BC'", "'294276-12-31 23:59:59+00'"],
    'timestamp without time zone': TIMES + ["'4714-11-24 BC'", "'294276-12-31'"],
    'interval': ["'1 minute'", 'NULL', "'0'", "'-1 day'", "'178000000 years'", "'-178000000 years'", "'1 microsecond'", "'2147483647 days'"],
    'uuid': ["'00000000-0000-0000-0000-000000000001'", 'NULL', "'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
    'bytea': [r"'\x00'", 'NULL', "''", f"convert_to({LONG}, 'UTF8')", r"'\xff'"],
    'geography': ["'POLYGON((0 0, 0 1, 1 1, 0 0))'", 'NULL', "'POINT(0 0)'", "'POLYGON EMPTY'", "'POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))'",
                  "'LINESTRING(0 0, 180 90)'", "'GEOMETRYCOLLECTION EMPTY'"],
    'pg_snapshot': ["'1:1:'", 'NULL', "'1:9223372036854775807:'"],
    'record': ['ROW(1)', 'NULL', "ROW(NULL, 'x', 1::int8)"], 'anyelement': ["'x'::text", 'NULL::text', '1::int8', "'{}'::jsonb"],
}


@cache
def literals_of(kind):
    """With their casts, so that no overload is in doubt. Of a type that is not known: NULL."""
    if kind.endswith('[]'):
        return arrays_of(kind[:-2])
    if kind in WHOLES:
        most = 2 ** WHOLES[kind]
        return [f"'{n}'::{kind}" for n in (1, 0, *(() if kind in ('oid', 'xid8') else (-1, -most)), 2, 7, 1000, most - 1)] + [f'NULL::{kind}']
    if kind in ('record', 'anyelement'):
        return TABLE[kind]
    return [f'{literal}::{kind}' for literal in TABLE.get(kind, ['NULL', 'NULL'])]


def arrays_of(kind):
    items = literals_of(kind)
    some = [f'ARRAY[{item}]::{kind}[]' for item in items]
    return some + [f"'{{}}'::{kind}[]", f'NULL::{kind}[]', f'ARRAY[[{items[0]}, {items[-1]}], [{items[1]}, {items[0]}]]::{kind}[]',
                   f'array_fill({items[0]}, ARRAY[10000])', f'array_fill({items[0]}, ARRAY[2], ARRAY[2147483000])',
                   f'array_fill({items[-1]}, ARRAY[3, 3, 3])']
