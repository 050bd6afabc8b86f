"""Goal: Apache Paimon's own Java reads and checks what we write, and we read
and write on what it writes.

Each scenario makes tables on one side, changes them, and compares rows of
both sides in canonical JSON; `check` of the oracle must find no problem in
any snapshot. Prints "ok - interop x" or "not ok - interop x: why".

usage: run_interop.py WORK_DIR [SCENARIO ...]
"""
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import kind_tables  # noqa: E402
import merge_tables  # noqa: E402
from paimon_rows import (  # noqa: E402
    Psql, cut_nanoseconds, rows_of, schema_types, settled)
import interop_history  # noqa: E402


class Failure(Exception):
    pass


class World:
    """One warehouse, seen by both sides."""

    def __init__(self, work):
        self.work = work
        self.warehouse = os.path.join(work, "warehouse")
        os.makedirs(self.warehouse, exist_ok=True)
        self.target = os.environ.get("ORACLE_TARGET",
                                     os.path.join(HERE, "oracle", "target"))
        self.psql = Psql()

    def build_oracle(self):
        if os.path.exists(os.path.join(self.target, "cp.txt")):
            return
        subprocess.run(["mvn", "-q", "-B", "package",
                        "-Dtarget=" + self.target],
                       cwd=os.path.join(HERE, "oracle"), check=True)

    def share(self):
        """The server's user and ours write below the same folder."""
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "postgres", self.work], check=True)
        subprocess.run(["chmod", "-R", "a+rwX", self.work], check=False)

    def java(self, *args, stdin=None, check=True):
        env = dict(os.environ, ORACLE_TARGET=self.target)
        done = subprocess.run(
            ["sh", os.path.join(HERE, "oracle", "oracle.sh"), args[0],
             *args[1:], "--warehouse", self.warehouse],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", env=env, input=stdin)
        self.share()
        if check and done.returncode != 0:
            raise Failure("oracle %s: %s" % (" ".join(args),
                                             done.stdout[-1500:]))
        return done.stdout

    def java_rows(self, table, *args):
        text = self.java("read", table, *args)
        return sorted((cut_nanoseconds(line) for line in text.split("\n")
                       if line.startswith("{")),
                      key=lambda row: row.encode("utf-8"))

    def sql(self, *statements, error=None):
        """Run statements in one session; error: the SQLSTATE the last must
        fail with."""
        names = [("s%d" % i, s) for i, s in enumerate(statements)]
        results = self.psql.script(names)
        for number, (name, statement) in enumerate(names):
            rows, failure = results.get(name, ([], "no result"))
            if number == len(names) - 1 and error is not None:
                if failure is None or not failure.startswith(error):
                    raise Failure("%s: wanted %s, got %s" %
                                  (statement[:200], error, failure))
            elif failure is not None:
                raise Failure("%s: %s" % (statement[:300], failure))
        return results[names[-1][0]][0]

    def sql_rows(self, table):
        results = self.psql.script([
            ("types", "SELECT * FROM %s \\gdesc" % table),
            ("rows", "COPY (SELECT * FROM %s) TO STDOUT;" % table)])
        for name in ("types", "rows"):
            if results[name][1] is not None:
                raise Failure("%s of %s: %s" % (name, table,
                                                results[name][1]))
        columns = [tuple(x.rsplit("|", 1)) for x in results["types"][0] if x]
        return rows_of([x for x in results["rows"][0] if x != ""], columns,
                       self.types(table))

    def types(self, table):
        return schema_types(os.path.join(self.warehouse, "db.db", table))

    def same(self, table, *args):
        """Both sides read the same rows of db.table, and check is clean."""
        ours, theirs = self.sql_rows(table), self.java_rows("db." + table,
                                                            *args)
        ours, theirs = (
            sorted((settled(row, self.types(table), []) for row in rows),
                   key=lambda row: row.encode("utf-8"))
            for rows in (ours, theirs))
        if ours != theirs:
            extra = [r for r in ours if r not in set(theirs)]
            lost = [r for r in theirs if r not in set(ours)]
            raise Failure("%s: %d rows here, %d in Java; only here %s; only "
                          "in Java %s" % (table, len(ours), len(theirs),
                                          extra[:1], lost[:1]))
        self.java("check", "db." + table, "--all-snapshots", "--quiet")
        problems = self.sql("SELECT object || ': ' || problem FROM "
                            "paimon.verify('%s')" % table)
        if [p for p in problems if p]:
            raise Failure("verify of %s: %s" % (table, problems[:2]))
        return len(ours)


TYPES = """
    c_bool boolean, c_tiny smallint OPTIONS (paimon_type 'TINYINT'),
    c_small smallint, c_int integer, c_big bigint, c_float real,
    c_double double precision, c_dec_1_0 numeric(1,0), c_dec_4_2 numeric(4,2),
    c_dec_9_9 numeric(9,9), c_dec_18_6 numeric(18,6),
    c_dec_19_2 numeric(19,2), c_dec_38_0 numeric(38,0),
    c_dec_38_18 numeric(38,18), c_char10 char(10), c_varchar5 varchar(5),
    c_string text, c_bytes bytea, c_date date, c_time3 time(3),
    c_ts0 timestamp(0), c_ts3 timestamp(3), c_ts6 timestamp(6),
    c_ltz0 timestamptz(0), c_ltz3 timestamptz(3), c_ltz6 timestamptz(6)"""

TYPE_ROWS = [
    "true, 127, 32767, 2147483647, 9223372036854775807, 3.4028235e38, "
    "1.7976931348623157e308, 9, 99.99, 0.999999999, 999999999999.999999, "
    "99999999999999999.99, 99999999999999999999999999999999999999, "
    "99999999999999999999.999999999999999999, 'abcdefghij', 'vwxyz', "
    "'long text with \u00fc\u4e2d\u6587\U0001f600 and more', '\\xff00fe', "
    "'9999-12-31', '23:59:59.999', '9999-12-31 23:59:59', "
    "'9999-12-31 23:59:59.999', '9999-12-31 23:59:59.999999', "
    "'9999-12-31 23:59:59Z', '9999-12-31 23:59:59.999Z', "
    "'9999-12-31 23:59:59.999999Z'",
    "false, -128, -32768, -2147483648, -9223372036854775808, -1.5e-45, "
    "-4.9e-324, -9, -99.99, -0.999999999, -999999999999.999999, "
    "-99999999999999999.99, -99999999999999999999999999999999999999, "
    "-99999999999999999999.999999999999999999, 'a', '', '', '\\x', "
    "'0001-01-01', '00:00:00', '1969-12-31 23:59:59', "
    "'1969-12-31 23:59:59.999', '1969-12-31 23:59:59.999999', "
    "'0001-01-01 00:00:00Z', '1969-12-31 23:59:59.999Z', "
    "'1900-01-01 00:00:00.000001Z'",
    "null, 0, 0, 0, 0, 'NaN', 'Infinity', 0, 0, 0, 0, 0, 0, 0, null, "
    "null, null, null, null, null, null, null, null, null, null, null",
    "true, -1, -1, -1, -1, '-Infinity', '-0.0', -1, -0.01, -0.000000001, "
    "-0.000001, -0.01, -1, -0.000000000000000001, ' lead', 'tab\t', "
    "E'quote\"back\\\\slash\\nline', '\\x00', '1970-01-01', '12:34:56.7', "
    "'1970-01-01', '2024-02-29 12:00:00.5', '2024-02-29 12:00:00.000001', "
    "'2024-02-29Z', '2024-02-29 01:02:03.004Z', "
    "'2024-02-29 01:02:03.000004Z'",
]


def values(first_key=None):
    return ", ".join("(%s%s)" % ("" if first_key is None else
                                 "%d, " % (first_key + n), row)
                     for n, row in enumerate(TYPE_ROWS))


def types_append(world):
    world.sql("CREATE FOREIGN TABLE types_append (%s) SERVER lake OPTIONS "
              "(database 'db')" % TYPES,
              "INSERT INTO types_append VALUES " + values(),
              "INSERT INTO types_append VALUES " + values())
    world.same("types_append")


def types_keyed(world):
    world.sql("CREATE FOREIGN TABLE types_keyed (id int NOT NULL, %s) SERVER "
              "lake OPTIONS (database 'db', primary_key 'id', \"bucket\" '2')"
              % TYPES,
              "INSERT INTO types_keyed VALUES " + values(1),
              "INSERT INTO types_keyed VALUES " + values(3))
    world.same("types_keyed")
    world.sql("UPDATE types_keyed SET c_string = c_string || '!', "
              "c_dec_38_18 = -c_dec_38_18 WHERE id IN (1, 3, 4)",
              "DELETE FROM types_keyed WHERE id = 2")
    world.same("types_keyed")
    world.sql("SELECT paimon.compact('types_keyed', true)")
    world.same("types_keyed")


def key_types(world):
    """A table for each type of key, with keys that order unusually."""
    cases = {
        "k_text": ("text", ["''", "'a'", "'aa'", "'\u00e9'", "'\U0001f600'",
                            "'zzzzzzzzzzzz1'", "'zzzzzzzzzzzz0'"]),
        "k_bytea": ("bytea", [r"'\x'", r"'\x00'", r"'\xff'", r"'\x7f80'"]),
        "k_numeric": ("numeric(30,5)", ["-1.5", "0", "2.00001", "1e20"]),
        # No NaN and no -0.0: Paimon 1.4 compares them as equal to other
        # keys, later releases (and we) order them as Double.compare does.
        "k_double": ("double precision", ["-1.5", "0.0", "'Infinity'",
                                          "'-Infinity'", "1e-300"]),
        "k_bool": ("boolean", ["true", "false"]),
        "k_date": ("date", ["'1969-12-31'", "'1970-01-01'", "'0001-01-01'"]),
        "k_ts": ("timestamp(6)", ["'1969-12-31 23:59:59.999999'",
                                  "'1970-01-01'", "'2038-01-19 03:14:08'"]),
        "k_big": ("bigint", ["'-9223372036854775808'", "'-1'", "0",
                             "9223372036854775807"]),
    }
    for name, (kind, keys) in cases.items():
        world.sql(
            "CREATE FOREIGN TABLE %s (v text, k %s NOT NULL) SERVER lake "
            "OPTIONS (database 'db', primary_key 'k', \"bucket\" '3')" %
            (name, kind),
            "INSERT INTO %s SELECT 'one', k FROM (VALUES %s) AS x(k)" %
            (name, ", ".join("(%s::%s)" % (k, kind) for k in keys)),
            "INSERT INTO %s VALUES ('two', %s::%s)" % (name, keys[0], kind),
            "DELETE FROM %s WHERE k = %s::%s" % (name, keys[1], kind))
        world.same(name)
        world.sql("SELECT paimon.compact('%s', true)" % name)
        if world.same(name) != len(keys) - 1:
            raise Failure("%s: wrong number of rows" % name)


def partitions_composite(world):
    """Partitions, composite key, many commits, updates, compaction."""
    world.sql(
        "CREATE FOREIGN TABLE parts (region text NOT NULL, d date NOT NULL, "
        "a int NOT NULL, b text NOT NULL, n numeric(12,2), note text) SERVER "
        "lake OPTIONS (database 'db', primary_key 'region,d,a,b', "
        "partition_by 'region,d', \"bucket\" '2')")
    for commit in range(7):
        world.sql(
            "INSERT INTO parts SELECT (ARRAY['eu west','a/b=c','\u00fc'])"
            "[1 + i %% 3], date '2024-01-01' + i %% 2, i %% 50, 'k' || i %% 9,"
            " i * 1.25, 'commit %d' FROM generate_series(%d, %d) i" %
            (commit, commit * 40, commit * 40 + 120))
    world.same("parts")
    world.sql("UPDATE parts SET n = n + 1, note = 'up' WHERE a < 10",
              "DELETE FROM parts WHERE b = 'k3'",
              "UPDATE parts SET region = 'moved', a = a + 1000 "
              "WHERE region = 'eu west' AND a BETWEEN 20 AND 22")
    world.same("parts")
    world.sql("SELECT paimon.compact('parts')")
    world.same("parts")
    world.sql("SELECT paimon.compact('parts', true)")
    world.same("parts")
    world.sql("DELETE FROM parts", "SELECT paimon.compact('parts', true)")
    if world.same("parts") != 0:
        raise Failure("rows left after DELETE")


def deletion_vectors(world):
    """Java deletes by vectors of both forms, in keyed and append tables with
    several buckets and partitions; we read what it reads."""
    columns = [{"name": "id", "type": "INT NOT NULL"},
               {"name": "dt", "type": "STRING NOT NULL"},
               {"name": "v", "type": "BIGINT"}]
    for number, (keys, extra) in enumerate([
            (["dt", "id"], {"bucket": "2"}),
            (["dt", "id"], {"bucket": "1", "changelog-producer": "lookup",
                            "deletion-vectors.bitmap64": "true"}),
            ([], {"bucket": "-1"}),
            ([], {"bucket": "2", "bucket-key": "id",
                  "deletion-vectors.bitmap64": "true"})]):
        name = "dv%d" % number
        options = dict({"deletion-vectors.enabled": "true",
                        "file.format": ["parquet", "orc"][number % 2]},
                       **extra)
        world.java("create", "db." + name, "--spec-json", json.dumps({
            "columns": columns, "partition_keys": ["dt"],
            "primary_keys": keys, "options": options}))
        world.sql("CREATE FOREIGN TABLE %s () SERVER lake OPTIONS "
                  "(database 'db', table '%s')" % (name, name))
        for step in range(2):
            rows = os.path.join(world.work, name + ".jsonl")
            with open(rows, "w", encoding="utf-8") as out:
                for i in range(30000 if step == 0 else 4000):
                    out.write(json.dumps({
                        "id": i * (step * 7 + 1) % 30011,
                        "dt": "d%d" % (i % 2), "v": i + step,
                        "_rowkind": "-D" if keys and i % 97 == 50
                        else "+I"}) + "\n")
            world.java("write", "db." + name, rows, "--commit-per", "20000",
                       "--compact", "auto" if keys else "none")
            if not keys:
                world.java("delete-where", "db." + name, "--where", json.dumps(
                    {"id": list(range(step * 50, 20000, 3 + step))}))
            world.same(name)
        if not keys:
            world.java("compact", "db." + name)
            world.same(name)


def append_tables(world):
    world.sql(
        "CREATE FOREIGN TABLE app (id bigint, dt date, v text) SERVER lake "
        "OPTIONS (database 'db', partition_by 'dt')",
        "INSERT INTO app SELECT i, date '2024-03-01' + (i % 4)::int, 'v' || i "
        "FROM generate_series(1, 5000) i",
        "INSERT INTO app VALUES (-1, null, ''), (-2, '2024-03-01', null)",
        "CREATE FOREIGN TABLE app_bucketed (id bigint, v text) SERVER lake "
        "OPTIONS (database 'db', \"bucket\" '3', \"bucket-key\" 'id')",
        *["INSERT INTO app_bucketed SELECT i, 'w' || i FROM "
          "generate_series(%d, %d) i" % (n * 100, n * 100 + 99)
          for n in range(6)])
    world.same("app")
    world.same("app_bucketed")
    world.sql("SELECT paimon.compact('app_bucketed', true), "
              "paimon.compact('app', true)")
    world.same("app")
    world.same("app_bucketed")


def savepoints(world):
    world.sql(
        "CREATE FOREIGN TABLE sp (id int NOT NULL, v int) SERVER lake OPTIONS "
        "(database 'db', primary_key 'id', \"bucket\" '1')",
        "BEGIN; INSERT INTO sp VALUES (1, 1); SAVEPOINT a; INSERT INTO sp "
        "VALUES (2, 2); UPDATE sp SET v = 9 WHERE id = 1; ROLLBACK TO a; "
        "INSERT INTO sp VALUES (3, 3); UPDATE sp SET v = 4 WHERE id = 3; "
        "COMMIT; BEGIN; DELETE FROM sp; ROLLBACK;")
    if world.same("sp") != 2:
        raise Failure("a rolled back row is there")
    if world.sql("SELECT count(*) FROM paimon.snapshots('sp')")[0] != "1":
        raise Failure("a transaction made more than one snapshot")


def java_first(world):
    """Java makes and fills tables; we read, change, and it reads again."""
    spec = {"columns": [{"name": "id", "type": "BIGINT NOT NULL"},
                        {"name": "dt", "type": "STRING NOT NULL"},
                        {"name": "amount", "type": "DECIMAL(20, 3)"},
                        {"name": "at", "type": "TIMESTAMP(3)"},
                        {"name": "note", "type": "VARCHAR(40)"}],
            "partition_keys": ["dt"], "primary_keys": ["dt", "id"],
            "options": {"bucket": "2", "num-sorted-run.compaction-trigger":
                        "3"}}
    world.java("create", "db.jf", "--spec-json", json.dumps(spec))
    rows = os.path.join(world.work, "jf.jsonl")
    with open(rows, "w", encoding="utf-8") as out:
        for i in range(600):
            out.write(json.dumps({
                "id": i % 250, "dt": "d%d" % (i % 2),
                "amount": "%d.125" % i, "at": "2024-05-%02dT10:00:00.500" %
                (1 + i % 28), "note": "n%d" % i,
                "_rowkind": "-D" if i % 41 == 40 else "+I"}) + "\n")
    world.java("write", "db.jf", rows, "--commit-per", "100", "--compact",
               "auto")
    world.sql("CREATE FOREIGN TABLE jf () SERVER lake OPTIONS "
              "(database 'db', table 'jf')")
    world.same("jf")
    world.sql("UPDATE jf SET amount = amount * 2, note = 'doubled' WHERE id % "
              "10 = 3", "DELETE FROM jf WHERE id BETWEEN 100 AND 120",
              "INSERT INTO jf VALUES (1000, 'd9', 1.5, null, null)")
    world.same("jf")
    world.java("write", "db.jf", rows, "--commit-per", "300", "--compact",
               "full")
    world.same("jf")
    world.sql("SELECT paimon.compact('jf')")
    world.same("jf")


def nested_rows(first, count):
    for i in range(first, first + count):
        small = [None if j % 3 == 2 else i * j for j in range(i % 5)]
        yield {"id": i, "a": None if i % 7 == 6 else small,
               "aa": [small, None, []] if i % 3 else [],
               "m": [["k%d" % j, [str(j), None]] for j in range(i % 4)],
               "ms": [["x", 2], ["y%d" % i, 1]] if i % 2 else None,
               "r": None if i % 5 == 4 else
               {"p": "%d.250" % i, "q": [{"t": "2024-05-%02dT01:02:03.%09d" %
                                          (1 + i % 28, i), "f": None}, None],
                "b": i % 2 == 0},
               "v": None if i % 6 == 5 else
               json.dumps({"n": i, "s": ["x", None]})}


def nested_compaction(world):
    """Java fills tables with nested columns, we rewrite their files, and it
    reads what we wrote."""
    columns = [{"name": "id", "type": "INT NOT NULL"},
               {"name": "a", "type": "ARRAY<INT>"},
               {"name": "aa", "type": "ARRAY<ARRAY<INT>>"},
               {"name": "m", "type": "MAP<STRING, ARRAY<STRING>>"},
               {"name": "ms", "type": "MULTISET<STRING>"},
               {"name": "r", "type": "ROW<p DECIMAL(20, 3), q ARRAY<ROW<t "
                                     "TIMESTAMP(9), f DOUBLE>>, b BOOLEAN>"}]
    rows = os.path.join(world.work, "nested.jsonl")
    for table, keys, options in (
            ("nk", ["id"], {"bucket": "1"}), ("na", [], {"bucket": "-1"})):
        world.java("create", "db." + table, "--spec-json", json.dumps(
            {"columns": columns, "partition_keys": [], "primary_keys": keys,
             "options": options}))
        names = [c["name"] for c in columns]
        for first in (0, 150, 400):
            with open(rows, "w", encoding="utf-8") as out:
                for row in nested_rows(first, 300):
                    out.write(json.dumps({n: row[n] for n in names}) + "\n")
            world.java("write", "db." + table, rows, "--compact", "none")
        world.sql("CREATE FOREIGN TABLE %s () SERVER lake OPTIONS (database "
                  "'db', table '%s')" % (table, table))
        before = world.java_rows("db." + table)
        world.sql("SELECT paimon.compact('%s', true)" % table)
        if world.java_rows("db." + table) != before:
            raise Failure("%s: Java reads other rows than it wrote" % table)
        world.java("check", "db." + table, "--all-snapshots", "--quiet")
        files = world.sql("SELECT count(*) FROM paimon.files('%s')" % table)
        if files[0] != "1":
            raise Failure("%s has %s files" % (table, files[0]))
        world.sql("INSERT INTO %s SELECT id + 10000, a, aa, m, ms, r FROM %s "
                  "WHERE id < 200" % (table, table))
        after = world.java_rows("db." + table)
        old = sorted(x.split(",", 1)[1] for x in before
                     if json.loads(x)["id"] < 200)
        new = sorted(x.split(",", 1)[1] for x in after
                     if json.loads(x)["id"] >= 10000)
        if old != new:
            raise Failure("%s: what Java reads of our rows differs" % table)
        world.java("check", "db." + table, "--all-snapshots", "--quiet")


NESTED = """
    id int NOT NULL, a int[], t text[], nu numeric(20,2)[], da date[],
    r jsonb OPTIONS (paimon_type 'ROW<x INT, y STRING, z ROW<p DECIMAL(10, 2), q ARRAY<ROW<k STRING, v DOUBLE>>>>'),
    m jsonb OPTIONS (paimon_type 'MAP<STRING, ARRAY<INT>>'),
    mi jsonb OPTIONS (paimon_type 'MAP<BIGINT, TIMESTAMP(6)>'),
    ms jsonb OPTIONS (paimon_type 'MULTISET<STRING>'),
    va jsonb OPTIONS (paimon_type 'VARIANT'),
    al jsonb OPTIONS (paimon_type 'ARRAY<ROW<f FLOAT, y BYTES, b BOOLEAN, ti TIME(3), tz TIMESTAMP_LTZ(3)>>')
"""
NESTED_ROWS = """
INSERT INTO %(t)s SELECT i, CASE WHEN i %% 7 > 0 THEN ARRAY[i, NULL, -i] END,
  CASE i %% 5 WHEN 0 THEN '{}' WHEN 1 THEN ARRAY['t' || i, NULL, '', 'ä"\\'] END,
  ARRAY[i * 1.25, NULL], ARRAY[date '2024-02-29' + i],
  CASE WHEN i %% 3 > 0 THEN jsonb_build_object('x', i, 'y', repeat('y', i %% 40),
    'z', CASE WHEN i %% 4 > 0 THEN jsonb_build_object('p', i / 4.0,
    'q', jsonb_build_array(jsonb_build_object('k', 'k' || i, 'v', i * 0.5), NULL)) END) END,
  CASE WHEN i %% 6 > 0 THEN jsonb_build_object('k', NULL, 'l', jsonb_build_array(i, NULL), 'm' || i, '[]'::jsonb) END,
  jsonb_build_array(jsonb_build_array(i, '2024-02-29T01:02:03.000001'), jsonb_build_array(-i - 1, NULL)),
  jsonb_build_array(jsonb_build_array('x', 1 + i), jsonb_build_array('y' || i, 2)),
  CASE i %% 8 WHEN 0 THEN NULL WHEN 1 THEN 'null' WHEN 2 THEN to_jsonb(i * 100000) WHEN 3 THEN '1.50'
    WHEN 4 THEN to_jsonb(repeat('long', 40)) WHEN 5 THEN to_jsonb(i * 10000000000) ELSE
    jsonb_build_object('b', jsonb_build_array(1, 2.5, true, NULL, 'x'), 'aa', jsonb_build_object('i', i, 'é', -i)) END,
  jsonb_build_array(jsonb_build_object('f', i / 8.0, 'y', '\\x00ff', 'b', i %% 2 = 0,
    'ti', '12:34:56.789', 'tz', '2024-02-29T01:02:03.004Z'), NULL, '{}'::jsonb)
  FROM generate_series(%(first)d, %(last)d) i
"""


def nested_written(world):
    """We make and fill tables with nested columns, Java reads, adds rows and
    compacts, and both still see the same."""
    for table, options in (("nw", "primary_key 'id', \"bucket\" '2'"),
                           ("nwa", "\"bucket\" '-1'")):
        world.sql("CREATE FOREIGN TABLE %s (%s) SERVER lake OPTIONS (database "
                  "'db', %s)" % (table, NESTED, options),
                  NESTED_ROWS % {"t": table, "first": 0, "last": 499},
                  "INSERT INTO %s (id) VALUES (-1)" % table)
        world.same(table)
    world.sql("UPDATE nw SET a = a || 1, m = m || '{\"u\": []}', va = '[1]' "
              "WHERE id < 50", "DELETE FROM nw WHERE id > 480")
    world.same("nw")
    rows = os.path.join(world.work, "nw.jsonl")
    with open(rows, "w", encoding="utf-8") as out:
        for row in world.java_rows("db.nw")[:100]:
            out.write(row + "\n")
    world.java("write", "db.nw", rows, "--compact", "full")
    world.same("nw")
    world.sql("SELECT paimon.compact('nw', true), paimon.compact('nwa', true)")
    world.same("nw")
    world.same("nwa")


def data_evolution(world):
    """Java writes columns of the same rows one after another, blobs beside
    them; both sides read the same, and partly read columns agree."""
    options = {"bucket": "-1", "row-tracking.enabled": "true",
               "data-evolution.enabled": "true"}
    columns = [("id", "INT NOT NULL"), ("s", "STRING"), ("x", "BIGINT"),
               ("b", "BLOB"), ("p", "BLOB")]
    count = 20000

    def rows(name, make):
        path = os.path.join(world.work, name)
        with open(path, "w", encoding="utf-8") as out:
            for i in range(count):
                out.write(json.dumps(make(i)) + "\n")
        return path

    world.java("create", "db.de", "--spec-json", json.dumps({
        "columns": [{"name": n, "type": t} for n, t in columns],
        "partition_keys": [], "primary_keys": [], "options": options}))
    first = rows("de1.jsonl", lambda i: {
        "id": i, "s": "s%d" % i, "x": i * 3,
        "b": None if i % 7 == 3 else ("%08x" % i) * (i % 40),
        "p": "70%02x" % (i % 256)})
    world.java("write-columns", "db.de", first, "--columns", "id,s,x,b,p",
               "--option", "blob.target-file-size=100 kb", "--option",
               "file.block-size=64 kb")
    world.sql("CREATE FOREIGN TABLE de () SERVER lake OPTIONS "
              "(database 'db', table 'de')")
    world.same("de")
    for name, written, make in (
            ("de2.jsonl", "x", lambda i: {"x": -i if i % 3 else None}),
            ("de3.jsonl", "s,b", lambda i: {
                "s": "new" * (i % 90), "b": "%06x" % i if i % 5 else None})):
        world.java("write-columns", "db.de", rows(name, make), "--columns",
                   written, "--first-row-id", "0", "--option",
                   "blob.target-file-size=70 kb", "--option",
                   "file.block-size=32 kb")
    world.java("write-columns", "db.de", first, "--columns", "id,b",
               "--option", "file.format=orc")
    if world.same("de") != 2 * count:
        raise Failure("rows of one range were counted twice")
    world.java("alter", "db.de", "--ops-json", json.dumps([
        {"op": "add", "name": "late", "type": "STRING"},
        {"op": "rename", "name": "s", "to": "text"}]))
    world.sql("DROP FOREIGN TABLE de", "CREATE FOREIGN TABLE de () SERVER "
              "lake OPTIONS (database 'db', table 'de')")
    world.same("de")
    found = world.sql(
        "SELECT count(*), count(*) FILTER (WHERE b IS NULL), (SELECT count(*) "
        "FROM de WHERE x < -19990), (SELECT count(*) FROM de WHERE x >= "
        "59000), (SELECT count(*) FROM de WHERE b = '\\x000001'), "
        "count(late) FROM de")
    nulls = sum(1 for i in range(count) if i % 5 == 0) + \
        sum(1 for i in range(count) if i % 7 == 3)
    wanted = "%d|%d|6|0|1|0" % (2 * count, nulls)
    if found[0].replace("\t", "|") != wanted:
        raise Failure("counts %s, expected %s" % (found, wanted))


def dynamic_buckets(world):
    """Many sessions, and Java in between, write a table whose buckets grow:
    the check of each state finds every key in one bucket only."""
    world.sql("CREATE FOREIGN TABLE dyn (p text, k int, v int) SERVER lake "
              "OPTIONS (database 'db', primary_key 'p,k', partition_by 'p', "
              "\"dynamic-bucket.target-row-num\" '50')",
              "INSERT INTO dyn SELECT 'p' || i % 2, i, 0 FROM "
              "generate_series(1, 300) i")
    world.same("dyn")
    rows = os.path.join(world.work, "dyn.jsonl")
    with open(rows, "w", encoding="utf-8") as out:
        for i in range(250, 450):
            out.write(json.dumps({"p": "p%d" % (i % 2), "k": i, "v": 1}) +
                      "\n")
    world.java("write", "db.dyn", rows, "--commit-per", "100", "--compact",
               "none")
    world.same("dyn")
    sessions = []
    for n in range(16):
        text = "".join(
            "INSERT INTO dyn SELECT 'p' || i %% 3, i, %d FROM "
            "generate_series(%d, %d) i;\n" % (n, first, first + 40)
            for first in range(20 * n, 600, 150))
        sessions.append(subprocess.Popen(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", text],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8"))
    for session in sessions:
        said = session.communicate()[0]
        if session.returncode != 0:
            raise Failure("a session failed: " + said[-300:])
    world.share()
    world.same("dyn")
    world.sql("UPDATE dyn SET v = -v WHERE k % 7 = 0",
              "DELETE FROM dyn WHERE k % 11 = 0",
              "SELECT paimon.compact('dyn', true)")
    world.same("dyn")
    world.java("write", "db.dyn", rows, "--compact", "full")
    world.same("dyn")


def history(world):
    """Changes and system tables are the same on both sides."""
    interop_history.history_of(world, Failure)


def racing_writers(world):
    """Both sides commit to one table at the same time; nothing that Java
    does not overwrite is lost."""
    world.sql("CREATE FOREIGN TABLE race (w text NOT NULL, id bigint NOT "
              "NULL, v bigint) SERVER lake OPTIONS (database 'db', "
              "primary_key 'w,id', partition_by 'w', \"bucket\" '1')",
              "CREATE FOREIGN TABLE race_append (id bigint, v text) SERVER "
              "lake OPTIONS (database 'db')")
    rows = os.path.join(world.work, "race.jsonl")
    with open(rows, "w", encoding="utf-8") as out:
        for i in range(200):
            out.write(json.dumps({"w": "java", "id": i, "v": i}) + "\n")
    env = dict(os.environ, ORACLE_TARGET=world.target)
    other = subprocess.Popen(
        ["sh", os.path.join(HERE, "oracle", "oracle.sh"), "write", "db.race",
         rows, "--commit-per", "10", "--compact", "none", "--warehouse",
         world.warehouse], env=env, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    count = 0
    while other.poll() is None or count < 20:
        world.sql("INSERT INTO race VALUES ('pg', %d, 0); INSERT INTO "
                  "race_append VALUES (%d, 'x')" % (count, count),
                  "UPDATE race SET v = v + 1 WHERE w = 'pg'")
        count += 1
        if count > 400:
            break
    if other.wait() != 0:
        raise Failure("the Java writer failed")
    world.share()
    total = world.same("race")
    # Java's rename on a local disk replaces a snapshot that appeared between
    # its look and its move; ours never does. Each of our transactions made
    # one snapshot, so those replaced are known, and only they may be missing.
    ours = int(world.sql("SELECT count(*) FROM paimon.snapshots('race') "
                         "WHERE commit_user LIKE 'paimon_fdw-%'")[0])
    replaced = 2 * count - ours
    if replaced > 0:
        print("# Java replaced %d of our %d snapshots" % (replaced, 2 * count))
    if replaced > 3 or not 200 + count - replaced <= total <= 200 + count:
        raise Failure("%d rows, expected %d; %d snapshots replaced" % (
            total, 200 + count, replaced))
    world.same("race_append")


SCENARIOS = [types_append, deletion_vectors, types_keyed, key_types,
             partitions_composite, append_tables, savepoints, java_first,
             nested_compaction, nested_written, data_evolution,
             dynamic_buckets, history, racing_writers,
             merge_tables.merge_engines,
             merge_tables.written_merge_engines, *kind_tables.SCENARIOS]


def main():
    world = World(os.path.abspath(sys.argv[1]))
    world.build_oracle()
    world.share()
    names = sys.argv[2:]
    failed = 0
    for scenario in SCENARIOS:
        if names and scenario.__name__ not in names:
            continue
        try:
            world.sql("DROP SERVER IF EXISTS lake CASCADE",
                      "CREATE SERVER lake FOREIGN DATA WRAPPER paimon_fdw "
                      "OPTIONS (warehouse 'file://%s')" % world.warehouse)
            shutil.rmtree(os.path.join(world.warehouse, "db.db"),
                          ignore_errors=True)
            scenario(world)
            print("ok - interop " + scenario.__name__)
        except (Failure, AssertionError,
                subprocess.CalledProcessError) as failure:
            failed += 1
            print("not ok - interop %s: %s" % (scenario.__name__, failure))
        sys.stdout.flush()
    return 1 if failed else 0


sys.exit(main())
