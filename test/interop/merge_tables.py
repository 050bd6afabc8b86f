"""Merge engines: Java writes rows, updates and deletes at random into tables
of every engine and many options; both sides must read the same, before and
after compactions."""
import json
import os
import random

STRUCTURE = [("k", "INT NOT NULL"), ("g", "INT"), ("h", "INT"), ("a", "BIGINT"),
             ("b", "STRING"), ("c", "DOUBLE"), ("d", "DECIMAL(20, 2)"),
             ("e", "BOOLEAN"), ("f", "ARRAY<INT>")]

FUNCTIONS = {"fields.a.aggregate-function": "sum",
             "fields.b.aggregate-function": "listagg",
             "fields.c.aggregate-function": "max",
             "fields.d.aggregate-function": "sum",
             "fields.e.aggregate-function": "bool_or",
             "fields.f.aggregate-function": "collect"}

LENIENT = {"fields.%s.ignore-retract" % c: "true" for c in "bce"}

PARTIAL = {"merge-engine": "partial-update"}
AGGREGATION = {"merge-engine": "aggregation"}

# name, options, row kinds that occur
CASES = [
    ("partial_plain", PARTIAL, ["+I", "+U"]),
    ("partial_ignore", {**PARTIAL, "ignore-delete": "true"},
     ["+I", "+U", "-D", "-U"]),
    ("partial_remove",
     {**PARTIAL, "partial-update.remove-record-on-delete": "true"},
     ["+I", "+I", "-D"]),
    ("partial_groups",
     {**PARTIAL, "fields.g.sequence-group": "a,b",
      "fields.h.sequence-group": "c,d,f",
      "partial-update.remove-record-on-sequence-group": "h"},
     ["+I", "+I", "+I", "-D"]),
    ("partial_functions",
     {**PARTIAL, **FUNCTIONS, **LENIENT,
      "fields.g,h.sequence-group": "a,b,c,d,e,f"},
     ["+I", "+I", "+U", "-U", "-D"]),
    ("aggregated", {**AGGREGATION, **FUNCTIONS, **LENIENT},
     ["+I", "+I", "+U", "-U", "-D"]),
    ("aggregated_remove",
     {**AGGREGATION, **FUNCTIONS, "sequence.field": "g,h",
      "aggregation.remove-record-on-delete": "true"}, ["+I", "+I", "-D"]),
    ("aggregated_lookup",
     {**AGGREGATION, "changelog-producer": "lookup",
      "fields.default-aggregate-function": "last_value",
      "fields.a.aggregate-function": "sum",
      "fields.b.aggregate-function": "first_value",
      "fields.f.aggregate-function": "first_non_null_value"}, ["+I", "+U"]),
    ("first", {"merge-engine": "first-row", "ignore-delete": "true"},
     ["+I", "+U", "-D"]),
]


def random_row(source, kinds):
    def maybe(value):
        return None if source.random() < 0.3 else value
    return {"k": source.randrange(80), "g": maybe(source.randrange(9)),
            "h": maybe(source.randrange(9)),
            "a": maybe(source.randrange(-500, 500)),
            "b": maybe("t%d" % source.randrange(20)),
            "c": maybe(source.randrange(100) / 4),
            "d": maybe("%d.%02d" % (source.randrange(1000),
                                    source.randrange(100))),
            "e": maybe(source.random() < 0.5),
            "f": maybe([source.randrange(5)
                        for _ in range(source.randrange(4))]),
            "_rowkind": source.choice(kinds)}


def write_rows(world, name, source, kinds, count, *how):
    path = os.path.join(world.work, name + ".jsonl")
    with open(path, "w", encoding="utf-8") as out:
        for _ in range(count):
            out.write(json.dumps(random_row(source, kinds)) + "\n")
    world.java("write", "db." + name, path, "--commit-per", "60", *how)


def merge_engines(world):
    for number, (name, options, kinds) in enumerate(CASES):
        source = random.Random(4711 + number)
        spec = {"columns": [{"name": n, "type": t} for n, t in STRUCTURE],
                "partition_keys": [], "primary_keys": ["k"],
                "options": {"bucket": "2", **options,
                            "num-sorted-run.compaction-trigger": "3"}}
        world.java("create", "db." + name, "--spec-json", json.dumps(spec))
        world.sql("CREATE FOREIGN TABLE %s () SERVER lake OPTIONS "
                  "(database 'db', table '%s')" % (name, name))
        write_rows(world, name, source, kinds, 300, "--compact", "none")
        if world.sql_rows(name) != world.java_rows("db." + name):
            raise AssertionError("%s: other rows before compaction" % name)
        write_rows(world, name, source, kinds, 240, "--compact", "auto")
        world.same(name)
