"""Goal: changes and system tables of golden tables, compared exactly.

Paimon's rows for them lie beside the others: changelog.jsonl (all changes
from the earliest snapshot on), incremental-A-B.jsonl (a batch read with
kinds) and sys-X.jsonl (system table X).
"""
import json
import os
import re

# When a branch was made is the time of its folder, which a copy does not keep.
UNSTABLE = {"sys-branches.jsonl": ("create_time",)}


def first_change(case_dir):
    with open(os.path.join(case_dir, "expected", "changelog.jsonl"),
              encoding="utf-8") as handle:
        return min((json.loads(line)["_snapshot"] for line in handle
                    if line.strip()), default=1)


def views(case_dir):
    """(expected file, statements before, query)"""
    folder = os.path.join(case_dir, "expected")
    for name in sorted(os.listdir(folder) if os.path.isdir(folder) else []):
        table = "CREATE FOREIGN TABLE v (%s) SERVER golden OPTIONS " \
            "(database 'db', table 't%s'%s);"
        match = re.match(r"incremental-(.*)-(.*)\.jsonl$", name)
        if match:
            yield (name, table % ("", "$audit_log",
                                  ", \"incremental-between\" '%s,%s'"
                                  % match.groups()), "SELECT * FROM v")
        match = re.match(r"sys-(.*)\.jsonl$", name)
        if match:
            columns = UNSTABLE.get(name)
            yield (name, table % ("", "$" + match.group(1), ""),
                   "SELECT * FROM v" if columns is None else
                   "SELECT branch_name FROM v")
        if name == "changelog.jsonl":
            first = "least(%d, (SELECT min(snapshot_id) FROM " \
                "paimon.snapshots('v'))) - 1" % first_change(case_dir)
            yield (name, table % ("", "", ""),
                   "SELECT c.snapshot_id AS \"_snapshot\", c.rowkind AS "
                   "\"_rowkind\", r.* FROM paimon.changes('v', %s) c, "
                   "jsonb_populate_record(NULL::v, c.row) r" % first)


def expected_line(name, line):
    """A line of an expected file, in our columns."""
    if name.startswith("incremental-"):
        return line.replace('{"_rowkind":', '{"rowkind":', 1)
    if name in UNSTABLE:
        row = json.loads(line)
        for column in UNSTABLE[name]:
            del row[column]
        return json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return line


def steps(case_dir):
    """(expected file, [(key, SQL)]) of every view."""
    for number, (name, create, query) in enumerate(views(case_dir)):
        yield name, [
            ("drop%d" % number, "DROP FOREIGN TABLE IF EXISTS v;"),
            ("vcreate%d" % number, create),
            ("vtypes%d" % number, query + " \\gdesc"),
            ("vrows%d" % number, "COPY (%s) TO STDOUT;" % query)]
