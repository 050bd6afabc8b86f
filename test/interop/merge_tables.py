"""Merge engines: Java writes rows, updates and deletes at random into tables
of every engine and many options; both sides must read the same, before and
after compactions. What we write must merge as the same rows do that Java
writes, and both go on from each other's files."""
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


# ---- written here ---------------------------------------------------------

SQL_STRUCTURE = ("k int NOT NULL, g int, h int, a bigint, b text, c double "
                 "precision, d numeric(20,2), e boolean, f int[]")

OWN_CASES = [
    ("own_partial", PARTIAL),
    ("own_groups", {**PARTIAL, "fields.g.sequence-group": "a,b",
                    "fields.h.sequence-group": "c,d,f",
                    "fields.f.aggregate-function": "collect"}),
    ("own_functions", {**PARTIAL, **FUNCTIONS,
                       "fields.e.aggregate-function": "last_non_null_value",
                       "fields.g,h.sequence-group": "a,b,c,d,e,f"}),
    ("own_totals", {**AGGREGATION, **FUNCTIONS}),
    ("own_ordered", {**AGGREGATION, **FUNCTIONS, "sequence.field": "g,h",
                     "fields.e.aggregate-function": "last_non_null_value",
                     "fields.b.aggregate-function": "first_value"}),
]


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return "'{%s}'" % ",".join(map(str, value))
    if isinstance(value, str):
        return "'%s'" % value
    return str(value)


def random_statement(source):
    """The columns that a statement gives, and its rows."""
    names = [name for name, _ in STRUCTURE[1:]]
    names = ["k"] + [name for name in names if source.random() < 0.8]
    rows = [random_row(source, ["+I"])
            for _ in range(source.randrange(5, 40))]
    return names, [{name: row[name] for name in names} for row in rows]


def insert(table, statement):
    names, rows = statement
    return "INSERT INTO %s (%s) VALUES %s" % (
        table, ", ".join(names),
        ", ".join("(%s)" % ", ".join(literal(row[n]) for n in names)
                  for row in rows))


def write_lines(world, file_name, statements):
    path = os.path.join(world.work, file_name)
    with open(path, "w", encoding="utf-8") as out:
        for _, rows in statements:
            for row in rows:
                out.write(json.dumps(row) + "\n")
            out.write('{"_commit":1}\n')
    return path


class Batch:
    """Commands of the oracle, run in one JVM."""

    def __init__(self, world):
        self.world = world
        self.lines = []
        self.outputs = []

    def add(self, *args):
        self.lines.append([*args, "--warehouse", self.world.warehouse])

    def read(self, table):
        path = os.path.join(self.world.work, "batch%d.jsonl" %
                            len(self.outputs))
        self.add("read", "db." + table, "--out", path)
        self.outputs.append(path)

    def run(self):
        """Rows of each read."""
        path = os.path.join(self.world.work, "batch.txt")
        with open(path, "w", encoding="utf-8") as out:
            for line in self.lines:
                out.write(json.dumps(line) + "\n")
        self.world.java("batch", path)
        results = []
        for name in self.outputs:
            with open(name, encoding="utf-8") as text:
                results.append(sorted(
                    (line.rstrip("\n") for line in text
                     if line.startswith("{")),
                    key=lambda row: row.encode("utf-8")))
        return results


def expect(world, when, theirs):
    for (name, _), rows in zip(OWN_CASES, theirs):
        ours = world.sql_rows(name)
        if ours != rows:
            pair = [p for p in zip(ours, rows) if p[0] != p[1]][:1]
            raise AssertionError("%s: other rows %s: %s" % (name, when, pair))


def all_same(world, when, batch, *how):
    for name, _ in OWN_CASES:
        batch.read(name)
        batch.add("check", "db." + name, "--quiet", *how)
    expect(world, when, batch.run())
    for name, _ in OWN_CASES:
        problems = world.sql("SELECT object || ': ' || problem FROM "
                             "paimon.verify('%s')" % name)
        if [p for p in problems if p]:
            raise AssertionError("verify of %s: %s" % (name, problems[:2]))


def written_merge_engines(world):
    """We fill tables of both engines; Java fills twins of them with the same
    rows in as many files, and they come out the same before and after a
    compaction. Then Java writes and compacts ours, and we what it left."""
    source = random.Random(815)
    twins = Batch(world)
    after = []
    for name, options in OWN_CASES:
        # Not by a worker at some time: it matters which files are merged.
        options = {"bucket": "2", "num-sorted-run.compaction-trigger": "3",
                   "write-only": "true", **options}
        spec = {"columns": [{"name": n, "type": t} for n, t in STRUCTURE],
                "partition_keys": [], "primary_keys": ["k"],
                "options": options}
        rounds = [[random_statement(source) for _ in range(6)]
                  for _ in range(2)]
        twins.add("create", "db.%s_twin" % name, "--spec-json",
                  json.dumps(spec))
        for number, statements in enumerate(rounds):
            path = write_lines(world, "%s%d.jsonl" % (name, number),
                               statements)
            twins.add("write", "db.%s_twin" % name, path, "--compact", "none")
            twins.read(name + "_twin")
            twins.add("compact", "db.%s_twin" % name, "--full", "--option",
                      "write-only=false")
        world.sql("CREATE FOREIGN TABLE %s (%s) SERVER lake OPTIONS (database "
                  "'db', primary_key 'k', %s)" %
                  (name, SQL_STRUCTURE, ", ".join(
                      "\"%s\" '%s'" % o for o in options.items())))
        # One transaction of several statements, a rollback in it, then others.
        first = [insert(name, s) for s in rounds[0]]
        world.sql("BEGIN", first[0], "SAVEPOINT s",
                  insert(name, random_statement(source)), "ROLLBACK TO s",
                  first[1], first[2], "COMMIT", *first[3:])
        after.append(rounds[1])
    theirs = twins.run()
    expect(world, "before a compaction", theirs[0::2])
    for (name, _), statements in zip(OWN_CASES, after):
        world.sql("SELECT paimon.compact('%s', true)" % name,
                  *[insert(name, s) for s in statements])
    expect(world, "after a compaction", theirs[1::2])
    world.share()
    batch = Batch(world)
    all_same(world, "in Java", batch)
    batch = Batch(world)
    for name, _ in OWN_CASES:
        path = write_lines(world, name + "2.jsonl",
                           [random_statement(source) for _ in range(5)])
        batch.add("write", "db." + name, path, "--compact", "auto",
                  "--option", "write-only=false")
    all_same(world, "after Java wrote and compacted", batch)
    for name, _ in OWN_CASES:
        world.sql(*[insert(name, random_statement(source)) for _ in range(3)],
                  "SELECT paimon.compact('%s')" % name,
                  insert(name, random_statement(source)))
    world.share()
    all_same(world, "after our compaction", Batch(world))
    for name, _ in OWN_CASES:
        world.sql("SELECT paimon.compact('%s', true)" % name)
    world.share()
    all_same(world, "after our full compaction", Batch(world),
             "--all-snapshots")
