"""The long form of tests/process/test_nearby_recall.py: 10,000 random searches against PostGIS, 300 whole scans."""
import os
import subprocess
import sys

import stand


def main():
    environment = os.environ | {'TENFOLD_RECALL_SEARCHES': '10000', 'TENFOLD_RECALL_SCANS': '300'}
    code = subprocess.run(['/usr/bin/python3', '-m', 'pytest', '-v', 'process/test_nearby_recall.py'], cwd=stand.ROOT / 'tests', env=environment).returncode
    print(f'ratio nearby_recall {int(code == 0)} floor 1 target 1')
    sys.exit(code)
