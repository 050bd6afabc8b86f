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


SCENARIOS = [default_values]
