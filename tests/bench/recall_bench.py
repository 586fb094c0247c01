"""The long form of tests/process/test_nearby_recall.py: 10,000 searches against PostGIS, 300 whole scans."""
import os
import subprocess
import sys

import stand

LONG_FORM = {'TENFOLD_RECALL_SEARCHES': '10000', 'TENFOLD_RECALL_SCANS': '300'}


def main():
    tests = [sys.executable, '-m', 'pytest', '-v', 'process/test_nearby_recall.py']
    code = subprocess.run(tests, cwd=stand.ROOT / 'tests', env=os.environ | LONG_FORM).returncode
    stand.print_ratio('nearby_recall', int(code == 0), 1, 1)
    sys.exit(code)
