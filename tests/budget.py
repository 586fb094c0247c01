"""How many seconds the tests of each system took in the last run, from what its stages have left in .run/check.

A test is of the system that its folder or its file names (tests/sql/hotel/…, test_hotels.py), or one of whose features
it names: the stems of sql/NN_SYSTEM/**/*.sql. All others are of the base.
"""
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
CHECK = ROOT / '.run' / 'check'
BUDGET = 180  # seconds
BASE = 'base'
DUTIES = {'api', 'views', 'rights', 'jobs', 'metric'}  # files that any system may have


def features():
    """System by stem: of their names and of their features'."""
    folders = {path.parent.name.partition('_')[2]: path.parent for path in ROOT.glob('sql/*/module.ini')}
    found = {file.stem: name for name, folder in folders.items() for file in folder.rglob('*.sql') if file.stem not in DUTIES}
    return found | {name: name for name in folders}


def system_of(name, known):
    """Of a dotted or slashed name of a test."""
    words = re.split(r'[^a-z0-9]+', name.lower().replace('_', '.'))
    found = next((known[stem] for word in words for stem in (word, word.removesuffix('s')) if stem in known), BASE)
    return BASE if found == 'kernel' else found


def timed_tests():
    """(name, seconds) of GoogleTest's and pytest's reports, of pg_prove's files and of isolationtester's specs."""
    for report in CHECK.glob('*.xml'):
        for case in ElementTree.parse(report).iter('testcase'):
            yield f'{case.get("file", "")} {case.get("classname", "")}', float(case.get('time', 0))
    for line in lines_of('pgtap'):
        if found := re.match(r'\[[\d:]+\] (\S+) \.+ ok +(\d+) ms', line):
            yield found[1], int(found[2]) / 1000
    for line in lines_of('isolation'):
        if found := re.match(r'(?:test|ok \d+ +-) (\S+) .*?(\d+) ms', line):
            yield found[1], int(found[2]) / 1000


def lines_of(stage):
    path = CHECK / f'{stage}.log'
    return path.read_text(errors='replace').splitlines() if path.exists() else []


def seconds_by_system():
    known = features()
    seconds = Counter()
    for name, taken in timed_tests():
        seconds[system_of(name, known)] += taken
    return seconds
