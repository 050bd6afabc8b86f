"""The same SQL on heap tables and on lake tables; the answers must agree.

usage: run_differential.py WORK_DIR [--seeds N] [--statements N]
                           [--first SEED] [--case NAME] [--keep]
WORK_DIR is where the server's user may write. PGHOST and its kin name the
server; the extension is there. Output: "ok - differential SEED-or-NAME" or
"not ok - ..." with the fewest statements that still show the difference.

Two psql sessions get the same text, one with a schema of heap tables on its
search_path, one with a schema of lake tables. Compared are rows (sorted,
unless the statement orders them), RETURNING, command tags and SQLSTATEs.
differential_sql.py makes the statements; ALLOWED says which answers may
differ, and why.
"""
import argparse
import os
import random
import re
import select
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from differential_sql import Generator, Op  # noqa: E402
from differential_cases import CASES  # noqa: E402

# (what the heap says, what the lake says, in which statements) -> reason
ALLOWED = [
    # Core refuses unique constraints on foreign tables, so nothing infers
    # that the key determines the row (functional dependency in GROUP BY).
    (r".*", "!42803", r"GROUP BY"),
    # Which row comes first, and fails first, is the plan's business.
    (r"!2[23]\w+", r"!2[23]\w+", r"SELECT|UPDATE|DELETE|EXECUTE"),
    # insert_mode 'strict' looks at the table when the statement ends, a heap
    # at each row: other faults of later rows come first.
    (r"!23505", r"!2[23]\w+", r"INSERT|COPY"),
    (r"!2[23]\w+", r"!23505", r"INSERT|COPY"),
]

SECONDS_FOR_SHRINKING = 60


class Gone(Exception):
    pass


class Session:
    """One psql; answers are told apart by markers."""

    def __init__(self, schema):
        self.psql = subprocess.Popen(
            ["psql", "-X", "-A", "-t", "-F", "|", "--no-readline"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8", bufsize=1,
            errors="surrogateescape")
        self.count = 0
        self.run("\\set VERBOSITY verbose\n\\pset null '<null>'\n"
                 "SET client_min_messages = error;\n"
                 "SET statement_timeout = '60s';\n"
                 "SET search_path = %s, public;\nSET TimeZone = 'UTC'"
                 % schema)

    def run(self, sql):
        """-> (lines, SQLSTATEs, messages)"""
        self.count += 1
        marker = ":::%d" % self.count
        try:
            end = "" if sql.endswith("\\.") else ";"  # of COPY's rows
            self.psql.stdin.write("%s%s\n\\echo %s\n" % (sql, end, marker))
            self.psql.stdin.flush()
        except BrokenPipeError:
            raise Gone("psql is gone")
        lines, states, messages = [], [], []
        for line in self.psql.stdout:
            line = line.rstrip("\n")
            if line == marker:
                return lines, states, messages
            match = re.match(r"(ERROR|FATAL|PANIC):  (\w{5}): (.*)", line)
            if match:
                states.append("!" + match.group(2))
                messages.append(match.group(3))
            elif not states:
                lines.append(line)
            elif line.startswith("DETAIL"):
                messages.append(line)
            if "closed the connection unexpectedly" in line:
                raise Gone("the server closed the connection")
        raise Gone("psql ended: " + " ".join(lines[-3:]))

    def close(self):
        try:
            self.psql.stdin.close()
        except BrokenPipeError:
            pass
        self.psql.wait()


class Difference(Exception):
    def __init__(self, text):
        super().__init__(text)
        self.text = text


def is_allowed(op, heap, lake):
    for left, right, statement in ALLOWED:
        if re.search(statement, op.lake) and re.fullmatch(
                right, lake) and re.fullmatch(left, heap):
            return True
    return False


class Pair:
    """A heap session and a lake session with fresh schemas."""

    number = 0

    def __init__(self, setup):
        Pair.number += 1
        self.database = "d%d_%d" % (os.getpid(), Pair.number)
        self.tidy()
        admin("CREATE SCHEMA diff_heap; CREATE SCHEMA diff_lake")
        self.heap, self.lake = Session("diff_heap"), Session("diff_lake")
        for heap, lake in setup:
            lake = lake.replace("@database@", self.database)
            for session, sql in ((self.heap, heap), (self.lake, lake)):
                _, states, messages = session.run(sql)
                if states:
                    raise SystemExit("setup failed: %s\n%s" % (sql, messages))

    def tidy(self):
        admin("DROP SCHEMA IF EXISTS diff_heap CASCADE; "
              "DROP SCHEMA IF EXISTS diff_lake CASCADE")

    def run(self, op):
        """Raises Difference; says whether both sides failed."""
        lake, states, messages = self.lake.run(op.lake)
        if op.lake_only:
            if states and states[0] not in ("!25P02", "!0A000"):
                raise Difference("lake: %s %s" % (states, messages))
            return bool(states)
        for sql in op.heap_before:
            heap, heap_states, heap_messages = self.heap.run(sql)
            if heap_states:
                break
        else:
            heap, heap_states, heap_messages = self.heap.run(op.heap)
        lake = [x for x in lake if x not in ("SET", "RESET")]
        heap = [x for x in heap if x not in ("SET", "RESET")]
        lake = [re.sub(r"^COPY (\d+)$", r"INSERT 0 \1", x) for x in lake]
        heap = [re.sub(r"^COPY (\d+)$", r"INSERT 0 \1", x) for x in heap]
        if not op.ordered:
            lake, heap = sorted(lake), sorted(heap)
        if (lake, states[:1]) == (heap, heap_states[:1]):
            return bool(states)
        first = (heap_states or heap or [""])[0]
        if is_allowed(op, first, (states or lake or [""])[0]):
            if bool(states) == bool(heap_states):
                return bool(states)
            raise Allowed()
        raise Difference("heap: %s\nlake: %s" % (
            shown(heap, lake, heap_states, heap_messages),
            shown(lake, heap, states, messages)))

    def close(self):
        self.heap.close()
        self.lake.close()


class Allowed(Exception):
    """A difference that is allowed, but the tables now differ, too."""


def shown(lines, others, states, messages):
    if states:
        return " ".join(states + messages)
    rest = list(others)
    own = []
    for line in lines:
        if line in rest:
            rest.remove(line)
        else:
            own.append(line[:300])
    return "%d lines, only here: %s" % (len(lines), own[:8])


def admin(sql):
    done = subprocess.run(
        ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"], encoding="utf-8",
        input="SET client_min_messages = error;" + sql,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise SystemExit("%s\n%s" % (sql, done.stdout))
    return done.stdout


def replay(setup, ops):
    """-> text of the first difference and its place, or None."""
    pair = Pair(setup)
    try:
        for number, op in enumerate(ops):
            try:
                pair.run(op)
            except Difference as difference:
                return difference.text, number
            except Gone as gone:
                return str(gone), number
            except Allowed:
                return None
        return None
    finally:
        pair.close()


def shrink(setup, ops):
    """Fewer statements that still end in a difference."""
    end = time.time() + SECONDS_FOR_SHRINKING
    found = replay(setup, ops)
    if found is None:
        return ops, "(it did not come again)"
    text, size = found[0], len(ops) // 2
    ops = ops[:found[1] + 1]
    while size >= 1 and time.time() < end:
        at, smaller = len(ops) - 1, False
        while at > 0 and time.time() < end:
            fewer = ops[:max(0, at - size)] + ops[at:]
            found = replay(setup, fewer) if len(fewer) < len(ops) else None
            if found is not None:
                ops, text, smaller = fewer[:found[1] + 1], found[0], True
            at = min(at - size, len(ops) - 1)
        size = size // 2 if not smaller or size > 1 else size
    return ops, text


def report(name, setup, ops, do_shrink=True):
    text = ""
    if do_shrink:
        ops, text = shrink(setup, ops)
    print("not ok - differential %s:" % name)
    used = " ".join(op.lake for op in ops)
    for heap, lake in setup:
        made = re.search(r"TABLE (\w+)|VIEW (\w+)|ON (\w+) FOR EACH|"
                         r"INTO (side)", lake)
        names = [x for x in made.groups() if x] if made else ["t3"]
        if re.search(r"\b%s\b" % names[0], used):
            print("#   " + lake.replace("\n", "\n#   ") + ";")
    for op in ops:
        print("#   " + op.lake.replace("\n", "\n#   ") + ";")
    print("# " + text.replace("\n", "\n# "))
    sys.stdout.flush()


def run_seed(seed, statements, do_shrink):
    generator = Generator(random.Random(seed))
    setup = generator.setup()
    pair, ops, allowed = Pair(setup), [], 0
    try:
        count = 0
        while count < statements or generator.in_transaction:
            count += 1
            todo = generator.statement()
            if count >= statements and generator.in_transaction:
                generator.in_transaction = False
                todo = [Op("COMMIT")]
            if count % 20 == 0 or count >= statements:
                todo += generator.check()
            for op in todo:
                ops.append(op)
                try:
                    generator.failed = pair.run(op)
                except Allowed:
                    allowed += 1
                    ops.pop()
                    pair.lake.run("ROLLBACK")
                    pair.heap.run("ROLLBACK")
                    return True
        return True
    except Difference as difference:
        print("# seed %d, statement %d: %s" % (
            seed, len(ops), difference.text.replace("\n", "\n# ")))
    except Gone as gone:
        print("# seed %d: %s" % (seed, gone))
    finally:
        pair.close()
    report(seed, setup, ops, do_shrink)
    return False


def run_case(name, setup, statements):
    both = [s if isinstance(s, tuple) else (s, s) for s in setup]
    ops = []
    for s in statements:
        if isinstance(s, Op):
            ops.append(s)
        elif isinstance(s, tuple):
            ops.append(Op(*s))
        else:
            ops.append(Op(s))
    found = replay(both, ops)
    if found is None:
        return True
    print("# " + found[0].replace("\n", "\n# "))
    report(name, both, ops[:found[1] + 1], False)
    return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--statements", type=int, default=250)
    parser.add_argument("--case")
    parser.add_argument("--no-shrink", action="store_true")
    args = parser.parse_args()
    work = os.path.abspath(args.work)
    failed = 0
    admin("DROP SERVER IF EXISTS diff_lake CASCADE; "
          "CREATE SERVER diff_lake FOREIGN DATA WRAPPER paimon_fdw "
          "OPTIONS (warehouse 'file://%s');"
          "DROP SCHEMA IF EXISTS diff_heap CASCADE;"
          "DROP SCHEMA IF EXISTS diff_lake CASCADE;"
          "DROP DOMAIN IF EXISTS diff_small, diff_word;"
          "DROP TYPE IF EXISTS diff_mood;"
          "CREATE TYPE diff_mood AS ENUM ('sad', 'ok', 'happy');"
          "CREATE DOMAIN diff_small AS int CHECK (value BETWEEN 0 AND 99);"
          "CREATE DOMAIN diff_word AS text CHECK (value <> 'forbidden')"
          % work)
    for name, setup, statements in CASES:
        if args.case and args.case != name:
            continue
        if run_case(name, setup, statements):
            print("ok - differential " + name)
        else:
            failed += 1
        sys.stdout.flush()
    for seed in range(args.first, args.first + args.seeds):
        if args.case:
            break
        if run_seed(seed, args.statements, not args.no_shrink):
            print("ok - differential %d" % seed)
        else:
            failed += 1
        sys.stdout.flush()
    admin("DROP SCHEMA IF EXISTS diff_heap CASCADE;"
          "DROP SCHEMA IF EXISTS diff_lake CASCADE;"
          "DROP SERVER diff_lake CASCADE; DROP DOMAIN diff_small, diff_word;"
          "DROP TYPE diff_mood")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
