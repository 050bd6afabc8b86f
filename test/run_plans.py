"""Goal: however a query is run, it gives the same rows.

Reads every golden table as run_golden.py does, once under each of the lists
of settings below: shared by several processes, and with what the planner may
use turned off.

usage: run_plans.py GOLDEN_DIR [CASE ...]
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

FORCED = ["parallel_setup_cost=0", "parallel_tuple_cost=0",
          "min_parallel_table_scan_size=0"]
OFF = ["aggregate_pushdown", "filter_pushdown", "limit_pushdown",
       "parallel_scan", "parameterized_scan", "sorted_scan"]
RUNS = [
    ("1 worker", FORCED + ["max_parallel_workers_per_gather=1"]),
    ("4 workers", FORCED + ["max_parallel_workers_per_gather=4"]),
    ("workers without the leader", FORCED + [
        "max_parallel_workers_per_gather=2",
        "parallel_leader_participation=off"]),
    ("a worker for all", ["force_parallel_mode=on"]),
    ("nothing pushed down", ["paimon_fdw.enable_%s=off" % x for x in OFF]),
]


def main():
    failed = 0
    for name, settings in RUNS:
        options = " ".join("-c " + x for x in settings)
        done = subprocess.run(
            [sys.executable, HERE + "/run_golden.py"] + sys.argv[1:],
            env=dict(os.environ, PGOPTIONS=options), stdout=subprocess.PIPE,
            encoding="utf-8", check=False)
        lines = done.stdout.split("\n")
        bad = [x for x in lines if x.startswith("not ok - ")]
        read = sum(x.startswith("ok - ") for x in lines)
        for line in bad:
            print(line.replace("golden", "plans, %s," % name, 1))
        if not bad and (done.returncode != 0 or read == 0):
            print("not ok - plans, %s: exit status %d, %d read" % (
                name, done.returncode, read))
            failed += 1
        elif not bad:
            print("ok - plans, %s: %d tables" % (name, read))
        failed += len(bad)
        sys.stdout.flush()
    return 1 if failed else 0


sys.exit(main())
