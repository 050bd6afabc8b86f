"""Goal: doc/compatibility.md says what this version does, and nothing else.

The page is made here, by trying: which golden tables are refused (run_golden.py
keeps golden_skip.txt exact), which table options stop reading or writing and
with which words, which column types can be read and written. It must equal
the page in doc/.

usage: run_compatibility.py WORK GOLDEN [--write]   WORK belongs to the server's
user; --write replaces the page.
"""
import glob
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from paimon_rows import Psql  # noqa: E402

PAGE = os.path.join(HERE, "..", "doc", "compatibility.md")

# (kind of table, options) that another engine may have given a table.
KEYED, APPEND, PARTED = "primary key", "append", "primary key, partitioned"
PROBES = [(KEYED, o) for o in (
    {}, {"bucket": "-1"}, {"bucket": "-2"},
    {"merge-engine": "partial-update"},
    {"merge-engine": "partial-update",
     "partial-update.remove-record-on-delete": "true"},
    {"merge-engine": "partial-update", "fields.v.sequence-group": "s"},
    {"merge-engine": "aggregation", "fields.v.aggregate-function": "sum"},
    {"merge-engine": "aggregation", "fields.v.aggregate-function": "max"},
    {"merge-engine": "aggregation", "fields.s.aggregate-function": "listagg"},
    {"merge-engine": "aggregation",
     "fields.b.aggregate-function": "rbm32"},
    {"merge-engine": "aggregation",
     "fields.b.aggregate-function": "rbm64"},
    {"merge-engine": "aggregation",
     "fields.b.aggregate-function": "hll_sketch"},
    {"merge-engine": "aggregation",
     "fields.b.aggregate-function": "theta_sketch"},
    {"merge-engine": "first-row"},
    {"sequence.field": "v"}, {"sequence.field": "v,k"},
    {"sequence.field": "v", "sequence.field.sort-order": "descending"},
    {"ignore-delete": "true"}, {"ignore-update-before": "true"},
    {"rowkind.field": "s"},
    {"changelog-producer": "input"}, {"changelog-producer": "lookup"},
    {"changelog-producer": "full-compaction"},
    {"deletion-vectors.enabled": "true"},
    {"deletion-vectors.enabled": "true",
     "deletion-vectors.bitmap64": "true"},
    {"deletion-vectors.enabled": "true",
     "deletion-vectors.merge-on-read": "true"},
    {"data-file.thin-mode": "true"}, {"force-lookup": "true"},
    {"bucket-function.type": "mod"}, {"bucket-function.type": "hive"},
    {"pk-clustering-override": "true", "clustering.columns": "v"},
    {"sequence.snapshot-ordering": "true"},
    {"record-level.expire-time": "1 d", "record-level.time-field": "v"},
    {"primary-key.nullable": "true"}, {"write-only": "true"},
    {"write.sequence-number-init-mode": "snapshot"},
    {"metadata.stats-mode": "none"}, {"metadata.stats-mode": "full"},
    {"metadata.stats-dense-store": "false"},
    {"index-file-in-data-file-dir": "true"},
    {"batch-scan-mode": "compact"},
)] + [(PARTED, o) for o in (
    {"bucket": "-1"}, {"partition.legacy-name": "false"},
    {"data-file.path-directory": "data"},
)] + [(APPEND, o) for o in (
    {}, {"bucket": "2", "bucket-key": "k"},
    {"deletion-vectors.enabled": "true"},
    {"row-tracking.enabled": "true"},
    {"row-tracking.enabled": "true", "data-evolution.enabled": "true"},
    {"file.format": "orc"}, {"file.format": "avro"}, {"file.format": "csv"},
    {"file.format.per.level": "0:avro"},
    {"file.compression": "zstd"}, {"file.compression": "lz4"},
    {"file.compression": "snappy"}, {"file.compression": "gzip"},
    {"file.compression": "none"}, {"file.compression": "lzo"},
    {"manifest.format": "orc"}, {"manifest.compression": "none"},
    {"file-index.bloom-filter.columns": "k"},
    {"file-index.bitmap.columns": "k"}, {"file-index.bsi.columns": "k"},
    {"file-index.range-bitmap.columns": "k"},
    {"data-file.external-paths": "file:///elsewhere",
     "data-file.external-paths.strategy": "round-robin"},
    {"metadata.iceberg.storage": "table-location"},
    {"type": "format-table"}, {"type": "materialized-table"},
    {"query-auth.enabled": "true"}, {"scan.fallback-branch": "b"},
    {"chain-table.enabled": "true"},
)]

TYPES = ["BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE",
         "DECIMAL(10, 2)", "DECIMAL(38, 10)", "CHAR(5)", "VARCHAR(5)",
         "STRING", "BINARY(5)", "VARBINARY(5)", "BYTES", "DATE", "TIME(3)",
         "TIMESTAMP(3)", "TIMESTAMP(6)", "TIMESTAMP(9)",
         "TIMESTAMP(6) WITH LOCAL TIME ZONE",
         {"type": "ARRAY", "element": "INT"},
         {"type": "MAP", "key": "STRING", "value": "INT"},
         {"type": "MULTISET", "element": "STRING"},
         {"type": "ROW", "fields": [{"id": 10, "name": "a", "type": "INT"}]},
         "VARIANT", "BLOB", {"type": "VECTOR", "element": "FLOAT",
                             "length": 2}, "GEOMETRY"]

BASES = {
    KEYED: ("k int, v int, s text, b bytea",
            ", primary_key 'k', \"bucket\" '1'"),
    PARTED: ("k int, p text, v int, s text, b bytea",
             ", primary_key 'k,p', partition_by 'p', \"bucket\" '1'"),
    APPEND: ("k int, v int, s text, b bytea", ", \"bucket\" '-1'"),
}


class World:
    def __init__(self, work):
        self.lake = work
        self.count = 0
        self.sql("DROP SERVER IF EXISTS compatibility CASCADE; CREATE SERVER "
                 "compatibility FOREIGN DATA WRAPPER paimon_fdw OPTIONS "
                 "(warehouse '%s')" % self.lake)

    def sql(self, text):
        """None or "SQLSTATE what"; the detail rather than the message."""
        error = Psql().script([("quiet", "SET client_min_messages = error"),
                               ("x", text)])["x"][1]
        if error is None:
            return None
        state = error.split(":")[0]
        detail = error.partition("DETAIL:  ")[2]
        for end in ("HINT:", "LOCATION:", "CONTEXT:"):
            detail = detail.partition(end)[0]
        if not detail:
            detail = error[len(state) + 2:]
            for end in ("HINT:", "LOCATION:", "CONTEXT:", "LINE 1:"):
                detail = detail.partition(end)[0]
        return "%s: %s" % (state, detail.strip())

    def table(self, columns, options, change):
        """A lake table as another engine would have made it: ours, without
        data, with its schema file changed. -> name of the lake table."""
        self.count += 1
        name = "t%d" % self.count
        problem = self.sql(
            "CREATE FOREIGN TABLE made (%s) SERVER compatibility OPTIONS "
            "(database 'c', \"table\" '%s'%s); DROP FOREIGN TABLE made"
            % (columns, name, options))
        if problem:
            raise RuntimeError(problem)
        path = os.path.join(self.lake, "c.db", name, "schema", "schema-0")
        with open(path, encoding="utf-8") as handle:
            schema = json.load(handle)
        change(schema)
        with open(path, "w", encoding="utf-8") as handle:
            json.dump(schema, handle)
        return name

    def attach(self, name):
        return self.sql("DROP FOREIGN TABLE IF EXISTS c; CREATE FOREIGN TABLE "
                        "c () SERVER compatibility OPTIONS (database 'c', "
                        "\"table\" '%s')" % name)

    def outcomes(self, name, insert):
        """[read, insert, update, delete], each None or what was said."""
        problem = self.attach(name)
        if problem:
            return [problem] * 4
        return [self.sql("SELECT * FROM c"), self.sql(insert),
                self.sql("UPDATE c SET s = 'x' WHERE k = 1"),
                self.sql("DELETE FROM c WHERE k = 1")]


def cell(problem):
    return "yes" if problem is None else problem.replace("|", "\\|")


def cells(found):
    """One after the other; what was said already is "the same"."""
    return ["the same" if i and found[i] and found[i] == found[i - 1]
            else cell(found[i]) for i in range(len(found))]


def option_rows(world):
    for kind, options in PROBES:
        columns, base = BASES[kind]

        def change(schema):
            schema["options"].update(options)
            if options.get("bucket") == "-1":
                del schema["options"]["bucket"]
        name = world.table(columns, base, change)
        part = "'x', " if kind == PARTED else ""
        found = world.outcomes(
            name, "INSERT INTO c VALUES (1, %s1, '+I', NULL)" % part)
        shown = "; ".join("%s = %s" % item for item in options.items())
        yield "| %s | %s | %s |" % (kind, shown or "(none)",
                                    " | ".join(cells(found)))


def type_rows(world):
    for kind in TYPES:
        def change(schema):
            schema["fields"].append({"id": 5, "name": "x", "type": kind})
            schema["highestFieldId"] = 11
        columns, base = BASES[APPEND]
        name = world.table(columns, base, change)
        shown = kind if isinstance(kind, str) else kind["type"]
        problem = world.attach(name)
        if problem:
            yield "| %s | | %s |" % (shown,
                                     " | ".join(cells([problem] * 2)))
            continue
        there = Psql().script([(
            "t", "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = 'c'::regclass AND attname = 'x'")])["t"][0]
        yield "| %s | %s | %s |" % (
            shown, there[0] if there else "", " | ".join(cells([
                world.sql("SELECT x FROM c"),
                world.sql("INSERT INTO c (k, x) VALUES (1, NULL)")])))


def golden_rows(golden):
    skips = {}
    with open(os.path.join(HERE, "golden_skip.txt"),
              encoding="utf-8") as handle:
        for line in handle:
            if line.strip() and not line.startswith("#"):
                name, _, reason = line.strip().partition(" ")
                skips[name] = reason
    for path in sorted(glob.glob(os.path.join(golden, "*", "case.json"))):
        with open(path, encoding="utf-8") as handle:
            case = json.load(handle)
        name = case["name"]
        result = "reads the same"
        if name in skips:
            result = "refused: " + skips[name]
        elif case.get("expect") == "error":
            result = "a clear error, as it must"
        yield "| %s | %s | %s | %s |" % (
            name, case.get("covers", "").replace("|", "\\|"),
            case.get("writer", ""), result)


def page(world, golden):
    lines = [
        "# What this version reads and writes", "",
        "Made by `test/run_compatibility.py` from what was tried, and checked "
        "in every test run. \"yes\" is a statement that works; otherwise the "
        "SQLSTATE and the detail that the user sees.", "",
        "## Table options", "",
        "A table that another engine made with the option.", "",
        "| table | option | SELECT | INSERT | UPDATE | DELETE |",
        "|---|---|---|---|---|---|"]
    lines += option_rows(world)
    lines += ["", "## Column types", "", "| Paimon | PostgreSQL | SELECT | "
              "INSERT |", "|---|---|---|---|"]
    lines += type_rows(world)
    lines += ["", "## Tables that Paimon wrote", "",
              "The tables of `test/golden`: the latest state, each snapshot, "
              "tag and branch is compared row for row.", "",
              "| table | covers | written by | here |", "|---|---|---|---|"]
    lines += golden_rows(golden)
    return "\n".join(lines) + "\n"


def main():
    world = World(sys.argv[1])
    text = page(world, sys.argv[2])
    if "--write" in sys.argv:
        with open(PAGE, "w", encoding="utf-8") as handle:
            handle.write(text)
        print("ok - compatibility: written")
        return 0
    with open(PAGE, encoding="utf-8") as handle:
        known = handle.read()
    if known == text:
        print("ok - compatibility: %d lines" % text.count("\n"))
        return 0
    old, new = known.split("\n"), text.split("\n")
    for line in [x for x in new if x not in old][:20]:
        print("# not in doc/compatibility.md: " + line)
    for line in [x for x in old if x not in new][:20]:
        print("# no longer so: " + line)
    print("not ok - compatibility: doc/compatibility.md is not what was found;"
          " see the head of test/run_compatibility.py")
    return 1


sys.exit(main())
