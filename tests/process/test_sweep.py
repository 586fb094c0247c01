"""Every function of ours that a role below the owner may call, with what nobody should send: NULLs, extremes, texts of a
megabyte, hostile arrays and documents in each argument. None crashes the server, takes its memory or fails in a way that
nobody thought of: each answers, or raises an SQLSTATE that tells the caller what to mend.

A failure prints the statement. Its seed is the number of the call: the same calls come again in the next run.
"""
import random
import re
from collections import Counter

import pytest
from process.conftest import connect, new_cluster
from process.hostile import literals_of

CALLS = 20_000
MOST_MEGABYTES = 512
# What a caller can mend: an argument (22, 23, 0A000), a right that he lacks (42501), a race that he lost (40001, 55P03), and our own.
EXPECTED = re.compile('00000|0A000|22003|22004|22023|2202E|22P02|23502|23505|23514|40001|42501|55P03|PGRST|TF...')

FUNCTIONS = """SELECT p.oid::regproc::text, p.prokind = 'p', string_to_array(p.proargtypes::text, ' ')::oid[]::regtype[]::text[] AS types,
    p.provariadic <> 0, array_agg(r.rolname::text ORDER BY r.rolname) AS roles
  FROM pg_proc p JOIN pg_roles r ON r.rolname LIKE 'tenfold\\_%' AND NOT pg_has_role(r.oid, 'tenfold_owner', 'MEMBER')
    AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
  WHERE p.pronamespace IN (SELECT schema_name::regnamespace FROM tenfold.module_source UNION SELECT 'tenfold_api'::regnamespace)
    AND p.proname <> '_doctor_asks'  -- whose text is a query, and fails as the query does
    AND p.prokind IN ('f', 'p') AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  GROUP BY p.oid ORDER BY p.oid::regprocedure::text"""
# What the tame values name: a queue, a topic, and so on, that is there, with something in it.
SETUP = """SELECT tenfold.create_queue('q'), tenfold.create_topic('q'), tenfold.create_consumer('q', '{q}', 'beginning'), tenfold.create_provider('q', 1000);
  SELECT tenfold.create_kafka_source('q', '{q}');
  SELECT tenfold.enqueue('q', '{}'), tenfold.publish('q', 'k', '{}') FROM generate_series(1, 50) i;
  SELECT tenfold.tick(), tenfold.claim_kafka_partitions('q', 'q', '{q}', '{1}', '1 day'), tenfold.claim_jobs('q', 'q', 20);
  SELECT hotel.add_hotel('h' || i, 'FR', 'x', 48, 2 + i / 1000.0, amenities => '{wifi}') FROM generate_series(1, 100) i"""


@pytest.fixture(scope='module')
def cluster():
    with new_cluster('sweep', settings={'shared_buffers': '32MB'}) as made:
        made.install_tenfold()
        yield made


def call_of(chance, function):
    """A statement; mostly one argument is hostile and the others are tame, sometimes all are by chance."""
    name, is_procedure, types, is_variadic, roles = function
    victim = chance.randrange(len(types)) if types and chance.random() < 0.7 else None
    arguments = [pick(chance, literals_of(kind), victim is None or at == victim) for at, kind in enumerate(types)]
    if is_variadic:
        arguments[-1] = 'VARIADIC ' + arguments[-1]
    call = f"{'CALL' if is_procedure else 'SELECT * FROM'} {name}({', '.join(arguments)})"
    end = '' if is_procedure or chance.random() < 0.2 else '; ROLLBACK'
    return f'SET LOCAL ROLE {chance.choice(roles)}; {call}{end}'


def function_of(number, functions):
    """In turn; after the first round those that take arguments."""
    hostile = functions if number < len(functions) else [function for function in functions if function[2]]
    return hostile[number % len(hostile)]


def pick(chance, literals, is_hostile):
    return chance.choice(literals) if is_hostile else literals[0]


def peak_megabytes(pid):
    return int(re.search(r'^VmHWM:\s+(\d+)', open(f'/proc/{pid}/status', encoding='ascii').read(), re.MULTILINE)[1]) // 1024


def sqlstate_of(pgconn, statement):
    """The SQLSTATE, 00000 where it did well; None when the server is gone."""
    result = pgconn.exec_(statement.encode())
    if pgconn.status != 0:
        return None
    return (result.error_field(67) or b'00000').decode()  # 67: PG_DIAG_SQLSTATE


def test_no_call_surprises_the_server(cluster):
    with connect(cluster) as db:
        for statement in SETUP.split(';'):
            db.execute(statement)
        functions = db.execute(FUNCTIONS).fetchall()
        assert len(functions) > 100
        db.execute("SET statement_timeout = '20s'; SET client_min_messages = error; SET jit = off")
        surprises, states, peak = [], Counter(), 0
        for number in range(CALLS):
            statement = call_of(random.Random(number), function_of(number, functions))
            state = sqlstate_of(db.pgconn, statement)
            states[state] += 1
            before, peak = peak, peak_megabytes(db.info.backend_pid) if state else 0
            if state is None or not EXPECTED.fullmatch(state) or (peak > MOST_MEGABYTES and peak > before):
                surprises.append((number, state, f'{peak} MB', statement[:300]))
            assert state is not None, surprises[-1]
        print(states, f'{peak} MB')
        assert not surprises, '\n'.join(map(str, surprises))
