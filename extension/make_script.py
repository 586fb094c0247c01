#!/usr/bin/env python3
"""Write one extension script: tenfold--VERSION.sql, or the update tenfold--A--B.sql.

Usage: make_script.py OUTPUT

A script declares the members (the .sql files beside the C++) and carries the text of everything in ../sql, which
tenfold.install() runs later, in the member tables tenfold.module_source and tenfold.migration_source. An update first does what
updates/tenfold--A--B.sql says, then replays the same.
"""
import configparser
import itertools
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SQL = HERE.parent / 'sql'

# CREATE EXTENSION rewrites these even inside dollar quotes.
REWRITTEN = re.compile(r'MODULE_PATHNAME|@extschema|@extowner|^\\echo', re.MULTILINE)

# Every database can read a script in ASCII, whatever its encoding; then it is told what it lacks. Of the members'
# declarations; the modules' text is kept as it is.
ASCII = str.maketrans({'…': '...', '×': 'x', '§': 'section ', '–': '-', '’': "'", '“': '"', '”': '"', '→': '->', '≤': '<=', '≥': '>='})

QUIT = '\\echo Use "CREATE EXTENSION tenfold" to load this file. \\quit\n'

# Schema tenfold is tenfold_owner's, and a superuser runs this: not a name is looked for there unless it says so.
PATH = 'SET LOCAL search_path = pg_catalog, pg_temp;\n'

# A member whose ACL nobody touched yet is new: PUBLIC may not call it. Touching others here would freeze their ACLs
# and hide users' grants from pg_dump. The owner role, once it exists, hands the right on by name (sql/*/rights.sql).
CLOSE = '\nSELECT tenfold._close_new_members();\n'


def quote(text):
    """A dollar-quoted literal whose tag does not occur in the text."""
    tag = '$tf$'
    while tag in text:
        tag = tag[:-1] + 'x$'
    return f'{tag}{text}{tag}'


def quote_ascii(text):
    """The same in ASCII, whatever the text holds."""
    literal = quote(''.join(c if c.isascii() else f'<U+{ord(c):04X}>' for c in text))
    for c in sorted({c for c in text if not c.isascii()}):
        literal = f"replace({literal}, '<U+{ord(c):04X}>', convert_from(decode('{c.encode().hex()}', 'hex'), 'UTF8'))"
    return literal


def array(words):
    return "'{" + ','.join(words.split()) + "}'"


# SQL-standard bodies are bound when they are declared, so the installer's files come in this order.
INSTALLER = ['schema_guard', 'source', 'version', 'members', 'owner', 'roles', 'install', 'uninstall', 'schedule', 'doctor']


def members():
    """The declarations beside the C++: the installer first, then by folder and name."""
    installer = [HERE / 'install' / f'{stem}.sql' for stem in INSTALLER]
    others = sorted(f for f in HERE.glob('*/*.sql') if f.parent.name not in ('install', 'updates'))
    for file in installer + others:
        yield f'\n-- {file.parent.name}/{file.name}\n{file.read_text()}'


def source_rows():
    """The rows of module_source and migration_source, in load order."""
    for ordinal, folder in enumerate(sorted(p for p in SQL.iterdir() if p.is_dir())):
        module = folder.name.split('_', 1)[1]
        ini = configparser.ConfigParser()
        ini.read(folder / 'module.ini')
        head = ini['module']
        yield (f"INSERT INTO tenfold.module_source VALUES ('{module}', {ordinal}, '{head['schema']}', "
               f"{array(head.get('needs', ''))}, {array(head.get('extensions', ''))});\n")
        yield from migration_rows(module, folder)


def migration_rows(module, folder):
    for position, (file, once) in enumerate(steps(folder)):
        body = file.read_text()
        if REWRITTEN.search(body):
            sys.exit(f'{file}: CREATE EXTENSION would rewrite {REWRITTEN.search(body).group()!r}')
        name = f'tables/{file.stem}' if once else file.stem
        yield (f"INSERT INTO tenfold.migration_source VALUES ('{module}', {position}, '{name}', "
               f"{'true' if once else 'false'}, {quote_ascii(body)});\n")


def steps(folder):
    """The files of a module and whether each runs once only: the tables by number, then the rest. Rooms do not count,
    so that a file may move from one to another."""
    files = list(folder.rglob('*.sql'))
    tables = sorted((f for f in files if f.parent.name == 'tables'), key=lambda f: f.stem)
    replayed = sorted((f for f in files if f.parent.name != 'tables'), key=replay_order)
    for one, other in itertools.pairwise([*tables, *replayed]):
        if one.stem == other.stem:
            sys.exit(f'{other}: {one} has the same name')
    return [(f, True) for f in tables] + [(f, False) for f in replayed]


def replay_order(file):
    """Functions, then the views over them, the HTTP functions, and the rights to all of it."""
    last = {'views': 1, 'api': 2, 'rights': 3}
    return last.get(file.stem, 0), file.stem


def script(output):
    update = HERE / 'updates' / output
    yield QUIT + PATH
    if update.exists():
        yield update.read_text()
    yield from members()
    yield '\nTRUNCATE tenfold.module_source, tenfold.migration_source;\n'
    yield from source_rows()
    yield CLOSE
    if not update.exists():
        yield (HERE / 'install' / 'welcome.txt').read_text()


if __name__ == '__main__':
    target = Path(sys.argv[1])
    text = ''.join(script(target.name)).translate(ASCII)
    if not text.isascii():
        sys.exit(f"{target}: a script is ASCII, and {ascii(next(c for c in text if ord(c) > 127))} has no such form")
    target.write_text(text)
