"""Goal: every golden table that Paimon wrote reads here exactly as there.

Walks all cases of test/golden. A case that golden_skip.txt lists must be
refused with 0A000 or HV004 and is reported as skipped; one that is not
listed must read the same, row for row: latest, each snapshot, tag, branch. A
case with expect "error" must fail with a clear SQLSTATE, never XX000.

usage: run_golden.py GOLDEN_DIR [CASE ...]
"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import golden_views  # noqa: E402
from paimon_rows import (  # noqa: E402
    Psql, cut_nanoseconds, rows_of, schema_types, settled)

GOOD_REFUSALS = ("0A000", "HV004")
CLEAR_ERRORS = ("XX001", "58P01", "58030", "HV00R", "0A000", "HV004")


def read_skips(path):
    skips = {}
    with open(path, encoding="utf-8") as handle:
        for line in handle:
            line = line.strip()
            if line and not line.startswith("#"):
                name, _, reason = line.partition(" ")
                skips[name] = reason.strip()
    return skips


def targets(case_dir):
    """(expected file, table options) of what a case wants to be read."""
    names = sorted(os.listdir(os.path.join(case_dir, "expected"))
                   if os.path.isdir(os.path.join(case_dir, "expected"))
                   else [])
    # The Paimon that wrote the table does not know option
    # deletion-vectors.merge-on-read, which we honour.
    newer = "merge-on-read"
    newer_only = newer + ".jsonl" in names
    for name in names:
        text = name
        if newer_only and name.startswith(newer):
            text = name[len(newer):].lstrip("-").replace(".jsonl", "", 1) \
                or "latest"
            text += ".jsonl"
        elif newer_only:
            continue
        match = re.match(r"(latest|snapshot|tag|branch)-?(.*)\.jsonl$", text)
        if not match:
            continue
        kind, what = match.groups()
        option = {"latest": "", "snapshot": ", \"scan.snapshot-id\" '%s'",
                  "tag": ", \"scan.tag-name\" '%s'",
                  "branch": ", branch '%s'"}[kind]
        yield name, option % what if what else option


def lake_types(case_dir, info, name):
    """{column: type} of the schema that an expected file was read with."""
    table = os.path.join(case_dir, info["table_dir"])
    kind, what = re.match(r"([a-z]+)-?(.*)\.jsonl$", name).groups()
    if kind == "branch":
        table = os.path.join(table, "branch", "branch-" + what)
    try:
        number = None
        if kind in ("snapshot", "tag"):
            with open("%s/%s/%s-%s" % (table, kind, kind, what),
                      encoding="utf-8") as handle:
                number = json.load(handle)["schemaId"]
        return schema_types(table, number)
    except (OSError, ValueError):
        return {}


def table_sql(number, option, columns=""):
    return ("CREATE FOREIGN TABLE t%d (%s) SERVER golden OPTIONS "
            "(database 'db', table 't'%s);" % (number, columns, option))


def is_text(kind):
    return kind.startswith(("text", "character")) and not kind.endswith("[]")


def bytes_for_text(described):
    """A column list in which every text column is bytea: text that holds a
    NUL byte has no other exact form in PostgreSQL."""
    columns = [line.rsplit("|", 1) for line in described if line]
    return ", ".join('"%s" %s' % (
        name.replace('"', '""'), "bytea" if is_text(kind) else kind)
        for name, kind in columns)


def read_as_bytes(number, option, described):
    """Rows again, with text columns read as bytes and decoded here."""
    table = "b%d" % number
    results = Psql().script([
        ("create", table_sql(number, option, bytes_for_text(described))
         .replace("TABLE t%d" % number, "TABLE " + table)),
        ("rows", "COPY (SELECT * FROM %s) TO STDOUT;" % table)])
    for step in ("create", "rows"):
        if results[step][1] is not None:
            return results[step]
    kinds = [line.rsplit("|", 1)[1] for line in described if line]
    out = []
    for line in results["rows"][0]:
        fields = line.split("\t")
        if len(fields) != len(kinds):
            continue
        for i, kind in enumerate(kinds):
            if is_text(kind) and fields[i] != "\\N":
                text = bytes.fromhex(fields[i][3:]).decode("utf-8")
                fields[i] = text.replace("\\", "\\\\").replace(
                    "\t", "\\t").replace("\n", "\\n")
        out.append("\t".join(fields))
    return out, None


def check_rows(case_dir, info, name, described, copied):
    columns = [tuple(line.rsplit("|", 1)) for line in described[0] if line]
    lake = lake_types(case_dir, info, name)
    unordered = info.get("unordered_array_columns") or []
    rows = rows_of([line for line in copied[0] if line != ""] if columns
                   else [], columns, lake)
    rows = sorted((settled(row, lake, unordered) for row in rows),
                  key=lambda row: row.encode("utf-8"))
    with open(os.path.join(case_dir, "expected", name),
              encoding="utf-8") as handle:
        wanted = sorted((settled(golden_views.expected_line(
            name, cut_nanoseconds(line)), lake, unordered)
                         for line in handle.read().split("\n") if line),
                        key=lambda row: row.encode("utf-8"))
    if rows == wanted:
        return None
    extra = [r for r in rows if r not in set(wanted)]
    lost = [r for r in wanted if r not in set(rows)]
    return "%s: %d rows, expected %d; first extra %s; first missing %s" % (
        name, len(rows), len(wanted), (extra or ["-"])[0][:300],
        (lost or ["-"])[0][:300])


def check_views(case_dir, info):
    """Changes and system tables -> (how many, problem, refused)"""
    wants = list(golden_views.steps(case_dir))
    if not wants:
        return 0, None, False
    results = Psql().script([("quiet", "SET client_min_messages = warning;")] +
                            [step for _, steps in wants for step in steps])
    for name, steps in wants:
        for key, _ in steps:
            error = results.get(key, ([], "no result"))[1]
            if error is not None:
                return 0, "%s: %s" % (name, error), \
                    error.split(":")[0] in GOOD_REFUSALS
        problem = check_rows(case_dir, info, name, results[steps[2][0]],
                             results[steps[3][0]])
        if problem:
            return 0, problem, False
    return len(wants), None, False


def run_case(golden, case):
    """-> (ok, message, refused)"""
    case_dir = os.path.join(golden, case)
    with open(os.path.join(case_dir, "case.json"), encoding="utf-8") as f:
        info = json.load(f)
    wants = list(targets(case_dir)) or [("latest.jsonl", "")]
    script = [("setup", "DROP SERVER IF EXISTS golden CASCADE; CREATE SERVER "
               "golden FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse "
               "'file://%s/warehouse');" % case_dir)]
    for number, (name, option) in enumerate(wants):
        script += [("create%d" % number, table_sql(number, option)),
                   ("types%d" % number,
                    "SELECT * FROM t%d \\gdesc" % number),
                   ("rows%d" % number,
                    "COPY (SELECT * FROM t%d) TO STDOUT;" % number)]
    results = Psql().script([("quiet", "SET client_min_messages = warning;")]
                            + script)
    for number, (name, option) in enumerate(wants):
        for step in ("create", "types", "rows"):
            key = "%s%d" % (step, number)
            error = results.get(key, ([], "no result"))[1]
            if step == "rows" and error is not None and \
                    error.startswith("22021") and "expect" not in info:
                results[key] = read_as_bytes(
                    number, option, results["types%d" % number][0])
                error = results[key][1]
            if error is None:
                continue
            state = error.split(":")[0]
            if info.get("expect") == "error":
                return state in CLEAR_ERRORS, error, False
            return False, "%s: %s" % (name, error), state in GOOD_REFUSALS
        if info.get("expect") == "error":
            return False, "read without an error", False
        problem = check_rows(case_dir, info, name, results["types%d" % number],
                             results["rows%d" % number])
        if problem:
            return False, problem, False
    seen, problem, refused = check_views(case_dir, info)
    if problem:
        return False, problem, refused
    return True, "%d reads" % (len(wants) + seen), False


def main():
    golden = sys.argv[1]
    here = os.path.dirname(os.path.abspath(__file__))
    skips = read_skips(os.path.join(here, "golden_skip.txt"))
    cases = sys.argv[2:] or sorted(
        d for d in os.listdir(golden)
        if os.path.exists(os.path.join(golden, d, "case.json")))
    failed = 0
    for case in cases:
        ok, message, refused = run_case(golden, case)
        if case in skips and refused:
            print("skip - golden %s: %s" % (case, skips[case]))
        elif case in skips and ok:
            print("not ok - golden %s: reads now, take it off the skip list"
                  % case)
            failed += 1
        elif ok:
            print("ok - golden %s: %s" % (case, message[:150]))
        else:
            print("not ok - golden %s: %s" % (case, message))
            failed += 1
        sys.stdout.flush()
    return 1 if failed else 0


sys.exit(main())
