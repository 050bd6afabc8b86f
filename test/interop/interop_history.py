"""Scenario: what changed, and Paimon's system tables, as Java shows them.

Java writes keyed tables with every changelog producer; ranges of their
snapshots are then read by both sides in every mode, through the audit log
that keeps what was taken away, and the system tables are compared in the
columns that both know.
"""
import json
import os

from paimon_rows import rows_of

PRODUCERS = ("none", "input", "lookup", "full-compaction")
SYSTEM_TABLES = ("snapshots", "schemas", "options", "files", "manifests",
                 "partitions", "buckets", "tags", "branches", "consumers",
                 "aggregation_fields", "table_indexes")


def differ(what, ours, theirs):
    extra = [r for r in ours if r not in set(theirs)]
    lost = [r for r in theirs if r not in set(ours)]
    return "%s: %d rows here, %d in Java; only here %s; only in Java %s" % (
        what, len(ours), len(theirs), extra[:1], lost[:1])


def view_rows(world, view, failure):
    """Rows of a foreign table that is no table of the lake."""
    results = world.psql.script([
        ("types", "SELECT * FROM %s \\gdesc" % view),
        ("rows", "COPY (SELECT * FROM %s) TO STDOUT;" % view)])
    for step in ("types", "rows"):
        if results[step][1] is not None:
            raise failure("%s of %s: %s" % (step, view, results[step][1]))
    columns = [tuple(x.rsplit("|", 1)) for x in results["types"][0] if x]
    return rows_of([x for x in results["rows"][0] if x != ""], columns)


def write_table(world, name, producer):
    spec = {"columns": [{"name": "id", "type": "INT NOT NULL"},
                        {"name": "dt", "type": "STRING NOT NULL"},
                        {"name": "n", "type": "BIGINT"},
                        {"name": "s", "type": "STRING"}],
            "partition_keys": ["dt"], "primary_keys": ["dt", "id"],
            "options": {"bucket": "2", "changelog-producer": producer,
                        "num-sorted-run.compaction-trigger": "3"}}
    world.java("create", "db." + name, "--spec-json", json.dumps(spec))
    rows = os.path.join(world.work, name + ".jsonl")
    with open(rows, "w", encoding="utf-8") as out:
        for i in range(400):
            out.write(json.dumps({
                "id": i * 7 % 90, "dt": "d%d" % (i % 2), "n": i // 3,
                "s": None if i % 11 == 0 else "s%d" % i,
                "_rowkind": "-D" if i % 23 == 22 else "+I"}) + "\n")
    world.java("write", "db." + name, rows, "--commit-per", "80",
               "--compact", "auto")


def compare_changes(world, name, start, end, mode, failure):
    options = "\"incremental-between\" '%d,%d', " \
        "\"incremental-between-scan-mode\" '%s'" % (start, end, mode)
    world.sql("DROP FOREIGN TABLE IF EXISTS hist_log",
              "CREATE FOREIGN TABLE hist_log () SERVER lake OPTIONS (database "
              "'db', table '%s$audit_log', %s)" % (name, options))
    ours = view_rows(world, "hist_log", failure)
    theirs = sorted(
        (line.replace('"_rowkind":"+I",', "", 1) for line in world.java_rows(
            "db.%s$audit_log" % name, "--incremental",
            "%d,%d" % (start, end), "--incremental-mode", mode)),
        key=lambda row: row.encode("utf-8"))
    if ours != theirs:
        raise failure(differ("%s of %s from %d to %d" % (
            mode, name, start, end), ours, theirs))
    return len(ours)


def compare_binlog(world, name, options, arguments, failure):
    """An update is one row of arrays; a state has arrays of one value."""
    world.sql("DROP FOREIGN TABLE IF EXISTS hist_binlog",
              "CREATE FOREIGN TABLE hist_binlog () SERVER lake OPTIONS "
              "(database 'db', table '%s$binlog'%s)" % (name, options))
    ours = view_rows(world, "hist_binlog", failure)
    theirs = sorted(
        (line.replace('"_rowkind":"+I",', "", 1) for line in world.java_rows(
            "db.%s$binlog" % name, *arguments)),
        key=lambda row: row.encode("utf-8"))
    if ours != theirs:
        raise failure(differ("binlog of %s%s" % (name, options), ours, theirs))
    return sum('"rowkind":"+U"' in row and len(json.loads(row)["id"]) == 2
               for row in ours)


def common_rows(lines, columns):
    out = []
    for line in lines:
        row = json.loads(line)
        out.append(json.dumps(
            {c: row[c].replace("file:", "") if isinstance(row[c], str)
             else row[c] for c in columns}, sort_keys=True))
    return sorted(out)


def compare_system(world, name, system, failure):
    world.sql("DROP FOREIGN TABLE IF EXISTS hist_system",
              "CREATE FOREIGN TABLE hist_system () SERVER lake OPTIONS "
              "(database 'db', table '%s$%s')" % (name, system))
    ours = view_rows(world, "hist_system", failure)
    theirs = world.java_rows("db.%s$%s" % (name, system))
    if ours and theirs:
        columns = [c for c in json.loads(theirs[0]) if c in
                   json.loads(ours[0]) and c != "dv_ranges"]
        if len(columns) < 2:
            raise failure("%s: no columns in common" % system)
        ours, theirs = common_rows(ours, columns), common_rows(theirs, columns)
    if ours != theirs:
        raise failure(differ("%s$%s" % (name, system), ours, theirs))


def history_of(world, failure):
    for producer in PRODUCERS:
        name = "h_" + producer.replace("-", "_")
        write_table(world, name, producer)
        newest = int(json.loads(world.java_rows(
            "db.%s$snapshots" % name)[-1])["snapshot_id"])
        newest = max(newest, len(world.java_rows("db.%s$snapshots" % name)))
        seen = 0
        for mode in ("delta", "changelog", "diff"):
            if mode == "changelog" and producer == "none":
                continue
            for start, end in ((1, newest), (2, newest - 1)):
                seen += compare_changes(world, name, start, end, mode,
                                        failure)
        if seen == 0:
            raise failure("%s: no change was seen" % name)
        compare_binlog(world, name, "", (), failure)
        updates = 0
        for mode in ("delta", "changelog"):
            if mode == "changelog" and producer == "none":
                continue
            updates += compare_binlog(
                world, name, ", \"incremental-between\" '1,%d', "
                "\"incremental-between-scan-mode\" '%s'" % (newest, mode),
                ("--incremental", "1,%d" % newest, "--incremental-mode",
                 mode), failure)
        if updates == 0 and producer in ("lookup", "full-compaction"):
            raise failure("%s: no update was seen" % name)
        world.java("tag", "create", "db." + name, "one", "--snapshot", "1")
        for system in SYSTEM_TABLES:
            compare_system(world, name, system, failure)
