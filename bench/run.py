"""Benchmarks of paimon_fdw beside a heap table, DuckDB and Paimon's Java.

Every figure is a ratio of two commands run alternately in one go on one
machine: wall seconds, and CPU seconds of the process that did the work.

usage: run.py WORK_DIR [--rows N] [--keys N] [--repeat N] [--only PART,...]
parts: load scan merge. Needs an installed extension; makes its own server.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
TICK = os.sysconf("SC_CLK_TCK")

EVENTS = ("id bigint, k integer, amt numeric(12,2), cat varchar(32), payload "
          "varchar(24), ts timestamp(6), val double precision, d date")
# Every column is a function of the row number, without any pattern that
# compression would like.
EVENT_ROWS = """
SELECT i, (h %% 1000000)::int, ((h / 7) %% 10000000)::numeric(12,2) / 100,
  'category_' || lpad(((h / 11) %% 1000)::text, 3, '0'),
  substr(md5(i::text), 1, 24), timestamp '2023-11-14 22:13:20' +
  i * interval '1 millisecond', (h %% 1000000007) * 0.001,
  date '2022-01-01' + (i / 100000)::int
FROM (SELECT i, hashint8extended(i, 0) & 9007199254740991 AS h
      FROM generate_series(0, %d - 1) i) x"""
ORDERS = ("o_id bigint NOT NULL, cust integer, status varchar(16), total "
          "numeric(12,2), note varchar(24), ts timestamp(6)")
ORDER_ROWS = """
SELECT i, (h %% 100000)::int, (ARRAY['NEW','PAID','SHIPPED','DONE','VOID'])
  [1 + h %% 5], ((h / 5) %% 1000000)::numeric(12,2) / 100,
  substr(md5((i + %d)::text), 1, 24), timestamp '2024-01-01' +
  i * interval '1 second'
FROM (SELECT i, hashint8extended(i, %d) & 9007199254740991 AS h
      FROM generate_series(%d, %d, %d) i) x"""


class Session:
    """One psql process, so that one backend does all work."""

    def __init__(self):
        self.psql = subprocess.Popen(
            ["psql", "-X", "-q", "-A", "-t"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", bufsize=1)
        self.pid = int(self.run("SELECT pg_backend_pid()")[0])

    def run(self, sql):
        self.psql.stdin.write(sql + ";\n\\echo :::done\n")
        self.psql.stdin.flush()
        lines = []
        for line in self.psql.stdout:
            if line.startswith(":::done"):
                break
            lines.append(line.rstrip("\n"))
        bad = [x for x in lines if x.startswith("ERROR")]
        if bad:
            raise RuntimeError("%s: %s" % (sql[:200], bad[0]))
        return lines

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()

    def cpu(self):
        with open("/proc/%d/stat" % self.pid) as handle:
            fields = handle.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def private_mb(self):
        with open("/proc/%d/status" % self.pid) as handle:
            for line in handle:
                if line.startswith("RssAnon"):
                    return int(line.split()[1]) / 1024
        return 0


def children_cpu(session):
    """CPU seconds of the server's processes that have ended."""
    with open("/proc/%d/status" % session.pid) as handle:
        parent = [x for x in handle if x.startswith("PPid")][0].split()[1]
    with open("/proc/%s/stat" % parent) as handle:
        fields = handle.read().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / TICK


def measure(session, sql):
    """-> (wall, cpu, peak private MB, result)"""
    peak, stop = [0.0], threading.Event()

    def watch():
        while not stop.wait(0.02):
            peak[0] = max(peak[0], session.private_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    cpu, wall = session.cpu(), time.perf_counter()
    result = session.run(sql)
    wall, cpu = time.perf_counter() - wall, session.cpu() - cpu
    stop.set()
    watcher.join()
    return wall, cpu, peak[0], result


class Report:
    def __init__(self):
        self.lines = []

    def add(self, name, peer, ours, theirs, aim=None, note=""):
        """ours, theirs: lists of (wall, cpu); pairs run in turn."""
        wall = statistics.median(a[0] / max(b[0], 1e-9)
                                 for a, b in zip(ours, theirs))
        cpu = statistics.median(a[1] / max(b[1], 0.01)
                                for a, b in zip(ours, theirs))
        line = {"name": name, "peer": peer, "wall_ratio": round(wall, 2),
                "cpu_ratio": round(cpu, 2), "aim": aim, "note": note,
                "ours": round(statistics.median(a[0] for a in ours), 3),
                "theirs": round(statistics.median(b[0] for b in theirs), 3)}
        self.lines.append(line)
        print(json.dumps(line))
        sys.stdout.flush()

    def table(self):
        out = ["| workload | peer | ours s | peer s | wall ratio | CPU ratio |"
               " aim | note |", "|---|---|---|---|---|---|---|---|"]
        for x in self.lines:
            out.append("| %s | %s | %.3f | %.3f | %.2f | %.2f | %s | %s |" % (
                x["name"], x["peer"], x["ours"], x["theirs"], x["wall_ratio"],
                x["cpu_ratio"], x["aim"] or "", x["note"]))
        return "\n".join(out)


class Bench:
    def __init__(self, args):
        self.args = args
        self.work = os.path.abspath(args.work)
        self.lake = self.work + "/lake"
        self.report = Report()
        self.session = Session()
        self.run = self.session.run
        self.run("CREATE EXTENSION IF NOT EXISTS paimon_fdw")
        self.run("DROP SERVER IF EXISTS lake CASCADE")
        self.run("CREATE SERVER lake FOREIGN DATA WRAPPER paimon_fdw OPTIONS "
                 "(warehouse 'file://%s')" % self.lake)
        self.run("SET max_parallel_workers_per_gather = 0; SET jit = off")

    def pairs(self, ours, theirs, warm=1):
        """Two callables in turn -> two lists of (wall, cpu)."""
        a, b = [], []
        for number in range(self.args.repeat + warm):
            x, y = ours(), theirs()
            if number >= warm:
                a.append(x)
                b.append(y)
        return a, b

    def sql(self, statement, before=None):
        def call():
            if before:
                self.run(before)
            return measure(self.session, statement)[:2]
        return call

    def lake_table(self, name, columns, options=""):
        self.run("DROP FOREIGN TABLE IF EXISTS %s" % name)
        subprocess.run(["rm", "-rf", "%s/b.db/%s" % (self.lake, name)],
                       check=True)
        self.run("CREATE FOREIGN TABLE %s (%s) SERVER lake OPTIONS (database "
                 "'b'%s)" % (name, columns, options))

    def prepare_events(self):
        self.run("DROP TABLE IF EXISTS ev_heap")
        self.run("CREATE TABLE ev_heap (%s)" % EVENTS)
        self.run("INSERT INTO ev_heap " + EVENT_ROWS % self.args.rows)
        self.run("VACUUM (ANALYZE, FREEZE) ev_heap")
        self.run("COPY ev_heap TO '%s/events.csv' (FORMAT csv)" % self.work)

    def load(self):
        copy = "COPY %s FROM '" + self.work + "/events.csv' (FORMAT csv)"
        helper = []  # CPU of the process that writes files

        def ours(statement):
            def call():
                self.lake_table("ev_load", EVENTS)
                before = children_cpu(self.session)
                outcome = measure(self.session, statement)
                time.sleep(0.2)
                helper.append(children_cpu(self.session) - before)
                return outcome[:2]
            return call

        def note():
            text = "CPU of the writing process %.1f s" % \
                statistics.median(helper)
            helper.clear()
            return text

        fresh = "DROP TABLE IF EXISTS ev_h2; CREATE TABLE ev_h2 (%s); " \
            "CHECKPOINT" % EVENTS
        a, b = self.pairs(ours(copy % "ev_load"),
                          self.sql(copy % "ev_h2", fresh), 0)
        self.report.add("COPY %d rows" % self.args.rows, "heap", a, b, 0.9,
                        note())
        a, b = self.pairs(ours("INSERT INTO ev_load SELECT * FROM ev_heap"),
                          self.sql("INSERT INTO ev_h2 SELECT * FROM ev_heap",
                                   fresh), 0)
        self.report.add("INSERT … SELECT", "heap", a, b, 0.7, note())
        self.run("DROP TABLE ev_h2; DROP FOREIGN TABLE ev_load")

    def scan(self):
        self.lake_table("ev", EVENTS)
        self.run("INSERT INTO ev SELECT * FROM ev_heap")
        self.run("ANALYZE ev")
        files = [x for x in self.run(
            "SELECT file_path FROM paimon.files('ev')") if x]
        queries = [
            ("full scan, 8 columns", 1.4,
             "SELECT count(*), sum(id), sum(k), sum(amt), max(cat), "
             "max(payload), max(ts), sum(val), max(d) FROM %s"),
            ("two-column sum", 0.9,
             "SELECT count(*), sum(amt), sum(val) FROM %s"),
            ("count(*)", None, "SELECT count(*) FROM %s"),
            ("filter 0.1 %, random column", None,
             "SELECT count(*), sum(amt) FROM %s WHERE k < 1000"),
            ("filter 0.1 %, clustered column", None,
             "SELECT count(*), sum(amt) FROM %s WHERE id >= 5000000 AND id < "
             "5010000"),
            ("count(*) of a filter, random column", None,
             "SELECT count(*) FROM %s WHERE k < 1000"),
            ("one row by a clustered column, all columns", None,
             "SELECT * FROM %s WHERE id = 777777"),
            ("LIMIT 1", None, "SELECT * FROM %s LIMIT 1")]
        duck = self.duckdb(files)
        self.two_processes(queries[0][2] % "ev", "full scan, 8 columns")
        self.two_processes("SELECT cat, count(*), sum(amt) FROM ev GROUP BY "
                           "cat", "GROUP BY of 1000 values")
        for name, aim, query in queries:
            peak = measure(self.session, query % "ev")[2]
            a, b = self.pairs(self.sql(query % "ev"),
                              self.sql(query % "ev_heap"))
            self.report.add(name, "heap", a, b, aim,
                            "peak private %d MB" % peak)
            if duck is not None:
                a, b = self.pairs(self.sql(query % "ev"),
                                  lambda: duck(query % "ev"))
                self.report.add(name, "DuckDB, 1 thread", a, b)

    def two_processes(self, query, name):
        both = "SET max_parallel_workers_per_gather = %d; " \
            "SET paimon_fdw.enable_aggregate_pushdown = off"
        a, b = self.pairs(self.sql(query, both % 1), self.sql(query, both % 0))
        self.run("SET max_parallel_workers_per_gather = 0; "
                 "RESET paimon_fdw.enable_aggregate_pushdown")
        self.report.add(name + ", a leader and a worker", "itself, one process",
                        a, b, 0.65, "CPU: the leader's")

    def look_ups(self):
        """500 keys by a nested loop, after the table was compacted."""
        self.run("DROP TABLE IF EXISTS keys, orders_heap")
        self.run("CREATE TABLE keys AS SELECT (i * 7919) %% %d AS k FROM "
                 "generate_series(1, 500) i" % self.args.keys)
        self.run("CREATE TABLE orders_heap AS SELECT * FROM orders")
        self.run("CREATE UNIQUE INDEX ON orders_heap (o_id)")
        self.run("ANALYZE keys; ANALYZE orders_heap; ANALYZE orders")
        query = "SELECT count(o.total) FROM keys k, LATERAL (SELECT total " \
            "FROM %s o WHERE o.o_id = k.k OFFSET 0) o"
        a, b = self.pairs(self.sql(query % "orders"),
                          self.sql(query % "orders_heap"))
        self.report.add("500 look-ups by key", "heap, btree", a, b)

    def duckdb(self, files):
        try:
            import duckdb
        except ImportError:
            print("# no duckdb module: pip install duckdb")
            return None
        connection = duckdb.connect()
        connection.execute("SET threads = 1")
        paths = ", ".join("'%s'" % f.replace("file://", "") for f in files)
        connection.execute("CREATE VIEW ev AS SELECT * FROM "
                           "read_parquet([%s])" % paths)

        def call(query):
            wall, cpu = time.perf_counter(), time.process_time()
            connection.execute(query).fetchall()
            return time.perf_counter() - wall, time.process_time() - cpu
        return call

    def merge(self):
        keys = self.args.keys
        self.lake_table("orders", ORDERS, ", primary_key 'o_id', \"bucket\" "
                        "'4'")
        self.run("INSERT INTO orders " + ORDER_ROWS % (0, 0, 0, keys - 1, 1))
        self.run("SELECT paimon.compact('orders', true)")
        query = "SELECT count(*), sum(total) FROM orders"
        clean = [measure(self.session, query)[:2] for _ in range(3)]
        for run in range(5):
            self.run("INSERT INTO orders " + ORDER_ROWS %
                     (run + 1, run + 1, run * 10 + 3, keys - 1, 50))
        outcome = measure(self.session, query)
        java = self.java("sum", "b.orders", "3", str(self.args.repeat + 3))
        java = java[3:]
        ours = [measure(self.session, query)[:2] for _ in java]
        self.report.add("merge-on-read sum, 5 runs over %d keys" % keys,
                        "Paimon Java, warm", ours, java, 0.7,
                        "peak private %d MB" % outcome[2])
        self.report.add("merge-on-read sum / compacted sum", "itself",
                        ours[:3], clean)
        self.run("SELECT paimon.compact('orders', true)")
        self.look_ups()

    def java(self, *args):
        classes = self.work + "/classes"
        oracle = os.environ.get("ORACLE_TARGET",
                                ROOT + "/test/interop/oracle/target")
        with open(oracle + "/cp.txt") as handle:
            path = handle.read().strip()
        os.makedirs(classes, exist_ok=True)
        subprocess.run(["javac", "-nowarn", "-cp", path, "-d", classes,
                        HERE + "/java/PaimonBench.java"], check=True)
        done = subprocess.run(
            ["java", "-Xmx8g", "--add-opens", "java.base/java.nio=ALL-UNNAMED",
             "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp",
             classes + ":" + path, "PaimonBench", self.lake, args[1],
             args[0], *args[2:]], stdout=subprocess.PIPE, encoding="utf-8",
            check=True)
        runs = [line.split() for line in done.stdout.split("\n") if line]
        return [(float(x[0]), float(x[1])) for x in runs]

    def java_write(self):
        java = self.java("write", "b.java_write", str(self.args.rows))[-1:]

        def ours():
            self.lake_table("ev_w", EVENTS)
            return measure(self.session,
                           "INSERT INTO ev_w SELECT * FROM ev_heap")[:2]
        self.report.add("INSERT … SELECT", "Paimon Java writer", [ours()],
                        java, None, "Java makes its rows in memory")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work")
    parser.add_argument("--rows", type=int, default=10000000)
    parser.add_argument("--keys", type=int, default=5000000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default="load,scan,merge,java")
    args = parser.parse_args()
    parts = args.only.split(",")
    bench = Bench(args)
    if {"load", "scan", "java"} & set(parts):
        bench.prepare_events()
    for part, work in (("load", bench.load), ("scan", bench.scan),
                       ("merge", bench.merge), ("java", bench.java_write)):
        if part in parts:
            work()
    print(bench.report.table())


main()
