"""Tables with a trait of their own that both sides must treat alike: columns
with default values, system tables of row tracking, functions on bitmaps,
branches that stand in for partitions, rows that expire."""
import json
import os


def create(world, name, columns, keys, options, partition=()):
    world.java("create", "db." + name, "--spec-json", json.dumps({
        "columns": [{"name": n, "type": t} for n, t in columns],
        "partition_keys": list(partition), "primary_keys": keys,
        "options": options}))


def attach(world, name, lake_name=None):
    world.sql("CREATE FOREIGN TABLE \"%s\" () SERVER lake OPTIONS (database "
              "'db', table '%s')" % (name, lake_name or name))


def write(world, name, rows, *how):
    path = os.path.join(world.work, "kind.jsonl")
    with open(path, "w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row) + "\n")
    world.java("write", "db." + name, path, *how)


DEFAULT_COLUMNS = [("k", "INT NOT NULL"), ("a", "INT"), ("b", "STRING"),
                   ("d", "DECIMAL(10, 2)"), ("t", "DATE"), ("e", "BOOLEAN"),
                   ("x", "BIGINT")]
DEFAULTS = {"a": "42", "b": "'it is'", "d": "-1.5", "t": "'2024-02-29'",
            "e": "true"}


def default_values(world):
    """Nulls that we write become the defaults that Java writes, in tables of
    every engine; UPDATE to null as well, and rows of before stay null."""
    for number, (keys, options) in enumerate([
            (["k"], {}), (["k"], {"merge-engine": "partial-update"}),
            (["k"], {"merge-engine": "aggregation",
                     "fields.a.aggregate-function": "sum",
                     "fields.x.aggregate-function": "max"}), ([], {})]):
        name = "def%d" % number
        if keys:
            options = {"bucket": "1", **options}
        for table in (name, name + "_twin"):
            create(world, table, DEFAULT_COLUMNS, keys, options)
            write(world, table, [{"k": 1}, {"k": 2, "a": 1}], "--compact",
                  "none")
            world.java("alter", "db." + table, "--ops-json", json.dumps(
                [{"op": "default", "name": n, "value": v}
                 for n, v in DEFAULTS.items()]))
            attach(world, table)
        rows = [{"k": 2, "b": "set"}, {"k": 3}, {"k": 4, "x": 4, "e": False},
                {"k": 4, "a": 5, "t": "2020-01-01"}]
        write(world, name + "_twin", rows, "--compact", "none")
        world.sql("INSERT INTO %s (k, b) VALUES (2, 'set')" % name,
                  "INSERT INTO %s (k) VALUES (3)" % name,
                  "INSERT INTO %s (k, x, e) VALUES (4, 4, false)" % name,
                  "INSERT INTO %s (k, a, t) VALUES (4, 5, '2020-01-01')" %
                  name)
        if number == 0:
            world.sql("UPDATE %s SET a = NULL, x = NULL WHERE k = 4" % name)
            write(world, name + "_twin",
                  [{"k": 4, "t": "2020-01-01"}], "--compact", "none")
        world.share()
        world.same(name)
        if world.sql_rows(name) != world.java_rows("db.%s_twin" % name):
            raise AssertionError("%s: not what Java writes" % name)
        world.sql("SELECT paimon.compact('%s', true)" % name)
        world.same(name)


def row_tracking(world):
    """Row ids and sequence numbers as Java tells them: of fresh rows, rows
    that a compaction moved, and rows whose columns lie in several files."""
    columns = [("id", "INT NOT NULL"), ("v", "STRING"), ("x", "BIGINT")]
    for name, options in (
            ("rt", {}), ("rt_orc", {"file.format": "orc"}),
            ("rt_evolved", {"data-evolution.enabled": "true"})):
        create(world, name, columns, [], {
            "bucket": "-1", "row-tracking.enabled": "true",
            "compaction.min.file-num": "2", **options})
        for first in (0, 9000, 20000):
            write(world, name, [{"id": i, "v": "v%d" % i, "x": i * 7}
                                for i in range(first, first + 9000)],
                  "--commit-per", "5000", "--compact", "none")
        attach(world, name + "_ids", name + "$row_tracking")
        same_ids(world, name)
        if name == "rt_evolved":
            path = os.path.join(world.work, "kind.jsonl")
            with open(path, "w", encoding="utf-8") as out:
                for i in range(5000):
                    out.write(json.dumps({"x": -i}) + "\n")
            world.java("write-columns", "db." + name, path, "--columns", "x",
                       "--first-row-id", "0")
        else:
            world.java("compact", "db." + name)
            write(world, name, [{"id": -1}], "--compact", "none")
        same_ids(world, name)
        found = world.sql(
            "SELECT count(*), min(id) FROM %s_ids WHERE \"_ROW_ID\" BETWEEN "
            "4990 AND 5009" % name)[0].split("|")
        if found != ["20", "4990"]:
            raise AssertionError("%s: rows by id: %s" % (name, found))


def same_ids(world, name):
    ours = world.sql("SELECT id, v, x, \"_ROW_ID\", \"_SEQUENCE_NUMBER\" FROM "
                     "%s_ids" % name)
    ours = sorted(tuple(line.split("|")) for line in ours if line)
    theirs = sorted(tuple("\\N" if row[c] is None else str(row[c]) for c in (
        "id", "v", "x", "_ROW_ID", "_SEQUENCE_NUMBER")) for row in map(
            json.loads, world.java_rows("db.%s$row_tracking" % name)))
    if ours != theirs:
        raise AssertionError("%s: %s" % (name, [
            p for p in zip(ours, theirs) if p[0] != p[1]][:2]))


SCENARIOS = [default_values, row_tracking]
