"""What the outward guard costs a call, in nanoseconds (tests/module)."""
import statistics
import subprocess

import stand

DECLARE = """CREATE OR REPLACE FUNCTION gt_guard_cost(int) RETURNS float8
  LANGUAGE c AS '$libdir/guard_test', 'gt_guard_cost'"""
MEASURE = 'SELECT gt_guard_cost(10000000)'


def main():
    cluster = stand.loaded_cluster()
    subprocess.run(['make', '-s', '-C', stand.ROOT / 'tests' / 'module', 'install'], check=True)
    with stand.connect(cluster) as db:
        db.execute(DECLARE)
        cost = statistics.median(db.execute(MEASURE).fetchone()[0] for _ in range(stand.ROUNDS))
    print(f'the guard costs {cost:.1f} ns a call')
    stand.print_ratio('guard_budget', 10 / max(cost, 0.1), 1, 2)
