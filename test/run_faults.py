"""Goal: damage, bad input, full disks, kills and cancels end in a clear error
and change nothing that was not asked for.

Every scenario has a lake of its own. After each one the server must not have
restarted (unless the scenario itself killed a backend). Nothing may ever
raise XX000.

usage: run_faults.py WORK_DIR [GOLDEN_DIR] [-- SCENARIO ...]
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faults_damage import (damage, damage_golden, damage_hint,  # noqa: E402
                           damage_snapshot)
from faults_world import (Failure, Lake, Mounted, Session, Skip,  # noqa: E402
                          Unchanged, one, server_identity, set_room,
                          together, verdict_text, wait_for_server,
                          write_json)

BAD_NAME = ("HV024", "22023", "42602", "HV00Q", "HV00R")

# ---- bad input --------------------------------------------------------------

def missing(lake):
    """Goal: a missing warehouse, database or table has its own SQLSTATE."""
    make = ("CREATE FOREIGN TABLE gone () SERVER %s OPTIONS (database '%s', "
            "\"table\" '%s')")
    lake.keyed()
    with Unchanged(lake.warehouse):
        lake.fails(make % (lake.name, "nowhere", "t"), "HV00Q")
        lake.fails(make % (lake.name, "db", "nothing"), "HV00R")
        lake.fails("IMPORT FOREIGN SCHEMA nowhere FROM SERVER %s INTO public"
                   % lake.name, "HV00Q")
    # The lake table goes while the foreign table stays.
    lake.sql("INSERT INTO k VALUES (1, 1, 'x')")
    aside = os.path.join(lake.home, "aside")
    for path, state in ((lake.folder("k"), ("HV00R",)),
                        (os.path.join(lake.warehouse, "db.db"),
                         ("HV00Q", "HV00R")),
                        (lake.warehouse, ("HV00Q", "HV00R", "58P01"))):
        os.rename(path, aside)
        with Unchanged(lake.home):
            lake.fails("SELECT * FROM k", *state)
            lake.fails("EXPLAIN SELECT * FROM k", *state)
            lake.fails("INSERT INTO k VALUES (2, 2, 'y')", *state)
            lake.fails("DELETE FROM k", *state)
            lake.fails("SELECT * FROM paimon.verify('k')", *state)
            lake.fails("SELECT * FROM paimon.files('k')", *state)
            lake.fails("SELECT paimon.compact('k')", *state)
        os.rename(aside, path)
    if lake.value("SELECT * FROM k") != "1|1|x":
        raise Failure("row lost")
    # A warehouse that never was: reading fails, and nothing is made there.
    nowhere = os.path.join(lake.home, "nowhere")
    lake.sql("ALTER SERVER %s OPTIONS (SET warehouse 'file://%s')" %
             (lake.name, nowhere))
    lake.fails("SELECT * FROM k", "HV00Q", "HV00R", "58P01")
    lake.fails(make % (lake.name, "db", "k"), "HV00Q", "HV00R", "58P01")
    if os.path.exists(nowhere):
        raise Failure("reading made the warehouse")


def mismatch(lake):
    """Goal: declared columns that the lake table has not are refused."""
    lake.keyed()
    make = ("CREATE FOREIGN TABLE other (%s) SERVER " + lake.name +
            " OPTIONS (database 'db', \"table\" 'k')")
    with Unchanged(lake.warehouse):
        lake.fails(make % "id text, v bigint, s text", "HV004")
        lake.fails(make % "id int, v date, s text", "HV004")
        lake.fails(make % "id int, v bigint, s bytea, n numeric(3,1)",
                   "HV004", "HV005")
        lake.fails(make % "id int, nothing bigint", "HV005")
        lake.fails(make % "\"ID\" int", "HV005")
        lake.fails(make % "id int OPTIONS (paimon_type 'NONSENSE')",
                   "HV004", "HV024")
        lake.fails("CREATE FOREIGN TABLE other (a interval) SERVER %s "
                   "OPTIONS (database 'db')" % lake.name, "HV004")
        lake.fails("CREATE FOREIGN TABLE other (a numeric) SERVER %s "
                   "OPTIONS (database 'db')" % lake.name, "HV004")
    # A column that another engine drops or changes later.
    path = lake.files("k", "schema-0")[0]
    with open(path, encoding="utf-8") as handle:
        schema = json.load(handle)
    lake.sql("INSERT INTO k VALUES (1, 1, 'x')")
    fields = list(schema["fields"])
    schema["id"], schema["fields"] = 1, fields[:2]
    write_json(lake, path[:-1] + "1", schema)
    lake.fails("SELECT * FROM k", "HV005")
    schema["fields"] = fields[:2] + [dict(fields[2], type="BIGINT")]
    write_json(lake, path[:-1] + "1", schema)
    lake.fails("SELECT * FROM k", "HV004", "HV005", "0A000", "XX001")


# Options of a schema that another engine wrote: not to be read, not to be
# written.
NO_READ = (("merge-engine", "nonsense"), ("type", "object-table"),
           ("bucket-function.type", "nonsense"), ("bucket", "0"),
           ("query-auth.enabled", "true"), ("sequence.field", "nothing"),
           ("data-file.path-directory", "../../x"))
NO_WRITE = (("file.compression", "nonsense"), ("manifest.format", "nonsense"),
            ("data-file.external-paths", "file:///x"), ("rowkind.field", "s"))
# An engine or option that this version may learn; then the rows are checked
# by the golden tables, and the refusal here is no longer asked for.
MAYBE = ("aggregation", "aggregation_retract", "partial_update", "first_row",
         "dv_pk_v1", "dv_append_v1", "data_evolution", "row_tracking")


def unsupported(lake):
    """Goal: what is not supported is refused when planned, not half read."""
    lake.keyed()
    lake.sql("INSERT INTO k VALUES (1, 1, 'x')")
    path = lake.files("k", "schema-0")[0]
    with open(path, encoding="utf-8") as handle:
        schema = json.load(handle)
    schema["id"] = 1
    for key, value in NO_READ + NO_WRITE:
        changed = dict(schema, options=dict(schema["options"], **{key: value}))
        write_json(lake, path[:-1] + "1", changed)
        with Unchanged(lake.folder("k")):
            for statement in ("EXPLAIN SELECT * FROM k", "SELECT * FROM k",
                              "EXPLAIN DELETE FROM k",
                              "EXPLAIN INSERT INTO k VALUES (2, 2, 'y')",
                              "INSERT INTO k VALUES (2, 2, 'y')",
                              "SELECT paimon.compact('k')"):
                if "SELECT *" in statement and (key, value) in NO_WRITE:
                    lake.sql(statement)
                    continue
                error = lake.fails(statement, "0A000", "22023", "HV024")
                if value not in error and key not in error:
                    raise Failure("%s is not named: %s" % (key, error))
    os.remove(path[:-1] + "1")
    refused = []
    for case in MAYBE if lake.golden else ():
        folder = os.path.join(lake.golden, case, "warehouse")
        if not os.path.isdir(folder):
            continue
        lake.sql("DROP FOREIGN TABLE IF EXISTS g")
        lake.sql("ALTER SERVER %s OPTIONS (SET warehouse '%s')" %
                 (lake.name, folder))
        _, made = lake.session.run(
            "CREATE FOREIGN TABLE g () SERVER %s OPTIONS (database 'db', "
            "\"table\" 't')" % lake.name)
        _, planned = (None, made) if made else lake.session.run(
            "EXPLAIN SELECT * FROM g")
        if planned is not None and not planned.startswith(("0A000", "HV004")):
            raise Failure("%s: %s" % (case, planned))
        if planned is None:
            lake.sql("SELECT * FROM g")
        refused += [case] if planned else []
    return "refused: %s" % (", ".join(refused) or "none")


def values(lake):
    """Goal: a value that does not fit is refused, never changed."""
    lake.table("a", "y smallint OPTIONS (paimon_type 'TINYINT'), "
               "n numeric(5,2), c varchar(5), s text, d date, "
               "ts timestamp, tz timestamptz, b bytea, t3 timestamp(3)")
    with Unchanged(lake.warehouse):
        for column, value, states in (
                ("y", "200", ["22003"]), ("y", "-129", ["22003"]),
                ("y", "40000", ["22003"]),
                ("n", "'NaN'", ["22003"]), ("n", "1000", ["22003"]),
                ("n", "'infinity'", ["22003"]),
                ("c", "'too long'", ["22001"]),
                ("d", "'infinity'", ["22008"]),
                ("d", "'-infinity'", ["22008"]),
                ("ts", "'infinity'", ["22008"]),
                ("tz", "'-infinity'", ["22008"]),
                ("t3", "'infinity'", ["22008"]),
                ("s", "E'a\\000b'", ["22021"]),
                ("s", "E'\\xff'", ["22021"]), ("b", "'\\xzz'", ["22023"])):
            lake.fails("INSERT INTO a (%s) VALUES (%s)" % (column, value),
                       *states)
        # One bad row among many leaves nothing, whatever came before it.
        lake.fails("INSERT INTO a (y) SELECT i FROM generate_series(1, 200) i",
                   "22003")
    lake.sql("INSERT INTO a (y, n, c, d) VALUES (-128, -999.99, "
             "'\u00e4\u00f6\u00fc\u00df\u20ac', '0001-01-01')")
    if lake.value("SELECT y, n, c, d FROM a") != \
            "-128|-999.99|\u00e4\u00f6\u00fc\u00df\u20ac|0001-01-01":
        raise Failure("changed on the way: %s" % lake.sql("SELECT * FROM a"))
    # Bytes that another engine calls a string.
    lake.table("x", "s bytea")
    lake.sql("INSERT INTO x VALUES ('\\x6100ff62')")
    path = lake.files("x", "schema-0")[0]
    with open(path, encoding="utf-8") as handle:
        schema = json.load(handle)
    schema["fields"][0]["type"] = "STRING"
    write_json(lake, path, schema)
    lake.sql("DROP FOREIGN TABLE x")
    lake.table("x", "")
    lake.fails("SELECT * FROM x", "22021", "XX001")


def names(lake):
    """Goal: no name leads out of the warehouse."""
    make = ("CREATE FOREIGN TABLE n (a int) SERVER " + lake.name +
            " OPTIONS (database %s, \"table\" %s)")
    bad = ["..", ".", "/", "a/b", "../../x", "/etc", "a\\b", "a\nb", "\x01",
           "", "a" * 256]
    with Unchanged(lake.home):
        for name in bad:
            quoted = "'%s'" % name
            lake.fails(make % (quoted, "'t'"), *BAD_NAME)
            lake.fails(make % ("'db'", quoted), *BAD_NAME)
            lake.fails("IMPORT FOREIGN SCHEMA \"%s\" FROM SERVER %s INTO "
                       "public" % (name[:60], lake.name),
                       *BAD_NAME + ("42601",))
    if os.listdir(lake.home) != ["lake"]:
        raise Failure("something was made outside: %s" %
                      os.listdir(lake.home))
    lake.keyed()
    lake.sql("INSERT INTO k VALUES (1, 1, 'x')")
    for option, value in (("branch", "../../k"), ("branch", ".."),
                          ("scan.tag-name", "../snapshot/snapshot-1"),
                          ("scan.tag-name", "a/../b"),
                          ("scan.tag-name", "none"),
                          ("scan.snapshot-id", "99"),
                          ("scan.snapshot-id", "../1")):
        lake.fails("CREATE FOREIGN TABLE n () SERVER %s OPTIONS (database "
                   "'db', \"table\" 'k', \"%s\" '%s'); SELECT * FROM n" %
                   (lake.name, option, value),
                   *BAD_NAME + ("58P01", "72000", "HV000"))
    for value in ("tag:../snapshot/snapshot-1", "snapshot:99", "tag:none"):
        lake.fails("BEGIN; SET LOCAL paimon_fdw.as_of = '%s'; SELECT * FROM k"
                   % value, *BAD_NAME + ("58P01", "72000"))
        lake.sql("ROLLBACK")
    # Partition values may hold anything: they are escaped in paths.
    lake.table("p", "dt text NOT NULL, v int", "partition_by 'dt'")
    wild = ["../../../out", "a/b", "..", "a=b", "%2e", " ", "\u00e4", "x y",
            "a\tb", "a:b", "{}"]
    for value in wild:
        lake.sql("INSERT INTO p VALUES ('%s', 1)" % value)
    found = lake.sql("SELECT count(DISTINCT dt), sum(v) FROM p")
    if found != ["%d|%d" % (len(wild), len(wild))]:
        raise Failure("partition values: %s" % found)
    for value in wild:
        if lake.value("SELECT v FROM p WHERE dt = '%s'" % value) != "1":
            raise Failure("partition %r is not found" % value)
    if sorted(os.listdir(lake.folder("p"))) != sorted(
            d for d in os.listdir(lake.folder("p"))
            if d in ("schema", "snapshot", "manifest") or
            d.startswith("dt=")) or os.listdir(lake.home) != ["lake"]:
        raise Failure("a partition left the table: %s" %
                      os.listdir(lake.folder("p")))
    lake.sound("p")


def rights(lake):
    """Goal: local files only for those who may see the server's files."""
    roles = ("faults_none", "faults_reader")
    lake.keyed()
    lake.sql("INSERT INTO k VALUES (1, 1, 'x')")
    for role in roles:
        lake.session.run("DROP OWNED BY %s" % role)
        lake.session.run("DROP ROLE IF EXISTS %s" % role)
        lake.sql("CREATE ROLE %s; GRANT USAGE ON FOREIGN DATA WRAPPER "
                 "paimon_fdw TO %s; GRANT ALL ON SCHEMA public TO %s; "
                 "GRANT USAGE ON FOREIGN SERVER %s TO %s" %
                 (role, role, role, lake.name, role))
    lake.sql("GRANT pg_read_server_files TO faults_reader")
    attach = ("CREATE FOREIGN TABLE mine () SERVER %s OPTIONS (database 'db', "
              "\"table\" 'k')" % lake.name)
    try:
        with Unchanged(lake.warehouse):
            lake.sql("SET ROLE faults_none")
            lake.fails("CREATE SERVER faults_mine FOREIGN DATA WRAPPER "
                       "paimon_fdw OPTIONS (warehouse 'file:///tmp')", "42501")
            lake.fails(attach, "42501")
            lake.fails("SELECT * FROM k", "42501")
            lake.fails("SELECT * FROM paimon.verify('k')", "42501")
            lake.sql("RESET ROLE; ALTER FOREIGN TABLE k OWNER TO faults_none; "
                     "SET ROLE faults_none")
            for statement in ("SELECT * FROM k", "EXPLAIN SELECT * FROM k",
                              "INSERT INTO k VALUES (2, 2, 'y')",
                              "UPDATE k SET v = 2", "DELETE FROM k",
                              "COPY (SELECT * FROM k) TO STDOUT", "ANALYZE k",
                              "SELECT paimon.compact('k')",
                              "SELECT * FROM paimon.files('k')",
                              "SELECT * FROM paimon.verify('k')"):
                lake.fails(statement, "42501")
            lake.sql("RESET ROLE; ALTER FOREIGN TABLE k OWNER TO "
                     "faults_reader; SET ROLE faults_reader")
            if lake.value("SELECT s FROM k") != "x":
                raise Failure("the right to read does not read")
            for statement in ("INSERT INTO k VALUES (2, 2, 'y')",
                              "UPDATE k SET v = 2", "DELETE FROM k",
                              "SELECT paimon.compact('k')",
                              "CREATE FOREIGN TABLE mine (a int) SERVER %s "
                              "OPTIONS (database 'db')" % lake.name):
                lake.fails(statement, "42501")
    finally:
        lake.session.run("RESET ROLE")
        lake.session.run("ALTER FOREIGN TABLE k OWNER TO CURRENT_USER")
        for role in roles:
            lake.session.run("DROP OWNED BY %s; DROP ROLE %s" % (role, role))


def constraints(lake):
    """Goal: a row that breaks a rule changes nothing."""
    lake.keyed("k", "id int NOT NULL, v bigint CHECK (v >= 0), s text NOT NULL")
    lake.sql("INSERT INTO k VALUES (1, 1, 'x')")
    lake.sql("CREATE FOREIGN TABLE strict () SERVER %s OPTIONS (database 'db',"
             " \"table\" 'k', insert_mode 'strict')" % lake.name)
    lake.sql("DROP VIEW IF EXISTS faults_view; CREATE VIEW faults_view AS "
             "SELECT * FROM k WHERE v < 100 WITH CHECK OPTION")
    many = "SELECT i, %s, %s FROM generate_series(1, 5000) i"
    with Unchanged(lake.warehouse):
        lake.fails("INSERT INTO k VALUES (NULL, 1, 'x')", "23502")
        lake.fails("INSERT INTO k " + many % ("i", "nullif(i, 4900)::text"),
                   "23502")
        lake.fails("UPDATE k SET s = NULL", "23502")
        lake.fails("INSERT INTO k VALUES (2, -1, 'x')", "23514")
        lake.fails("INSERT INTO k " + many % ("4990 - i", "'x'"), "23514")
        lake.fails("UPDATE k SET v = -1", "23514")
        lake.fails("INSERT INTO strict VALUES (1, 2, 'y')", "23505")
        lake.fails("INSERT INTO strict VALUES (2, 2, 'y'), (2, 3, 'z')",
                   "23505")
        lake.fails("INSERT INTO faults_view VALUES (3, 1000, 'y')", "44000")
        lake.fails("UPDATE faults_view SET v = 100", "44000")
    lake.sql("INSERT INTO faults_view VALUES (3, 10, 'y')")
    lake.sql("INSERT INTO strict VALUES (4, 4, 'z')")
    if lake.sql("SELECT id, v, s FROM k ORDER BY id") != \
            ["1|1|x", "3|10|y", "4|4|z"]:
        raise Failure("rows: %s" % lake.sql("SELECT * FROM k"))
    lake.sound("k")
    lake.sql("DROP VIEW faults_view")


# ---- full disks -------------------------------------------------------------

def disk_full(lake):
    """Goal: a full disk is 53100 at whatever step, loses nothing, leaves
    nothing; with room again, work goes on."""
    with Mounted(lake.warehouse, "8m"):
        ballast = os.path.join(lake.warehouse, "ballast")
        lake.keyed()
        lake.table("a", "s text")
        lake.sql("INSERT INTO k SELECT i, 0, md5(i::text) FROM "
                 "generate_series(1, 500) i")
        # A statement writes files itself, as large ones do.
        lake.sql("SET paimon_fdw.bulk_threshold = 1")
        lake.fails("INSERT INTO a SELECT md5(i::text) || md5((i * 7)::text) "
                   "FROM generate_series(1, 400000) i", "53100")
        if lake.value("SELECT count(*) FROM a") != "0":
            raise Failure("half an INSERT stayed")
        applied = orphans = 0
        statements = (
            ("a", "INSERT INTO a SELECT md5(random()::text) FROM "
             "generate_series(1, 400)"),
            ("k", "INSERT INTO k SELECT id, v + 1, s FROM k"),
            ("c", "SELECT paimon.compact('k', true)"))
        seen = {}
        for room in list(range(0, 100, 4)) + list(range(100, 300, 20)):
            for table, statement in statements:
                set_room(ballast, lake.warehouse, None)
                lake.quiet_listing("a", "k")
                set_room(ballast, lake.warehouse, room * 1024)
                before = lake.listing()
                _, error = lake.session.run(statement)
                if error is not None and not error.startswith("53100"):
                    raise Failure("%d kB left, %s: %s" %
                                  (room, statement, error))
                if error is not None:
                    orphans += lake.nothing_new(before, "%d kB left, %s" %
                                                (room, statement))
                verdict = table + (" full" if error else " fits")
                seen[verdict] = seen.get(verdict, 0) + 1
                applied += error is None and table == "k"
        os.remove(ballast)
        lake.sql("UPDATE k SET v = v + 1")
        wanted = "500|%d|%d" % (applied + 1, applied + 1)
        if lake.value("SELECT count(*), min(v), max(v) FROM k") != wanted:
            raise Failure("%s, wanted %s" % (lake.sql(
                "SELECT count(*), min(v), max(v) FROM k"), wanted))
        lake.sound("k")
        lake.sound("a")
        for kind in ("a full", "a fits", "k full", "k fits", "c full"):
            if kind not in seen:
                raise Failure("never seen: %s of %s" % (kind, seen))
    return verdict_text(seen) + ", %d orphans" % orphans


def spill_full(lake):
    """Goal: no room for temporary files is 53100 and leaves nothing."""
    lake.keyed()
    folder = os.path.join(lake.value("SHOW data_directory"), "base",
                          "pgsql_tmp")
    if not os.path.isdir(folder):
        raise Skip("the server has no folder for temporary files yet")
    load = ("INSERT INTO k SELECT i %% 500000, i, repeat(md5(i::text), %d) "
            "FROM generate_series(1, %d) i")
    lake.session.run("SET work_mem = '64MB'; SET maintenance_work_mem = '64MB'")
    with Mounted(folder, "2m"):
        with Unchanged(lake.warehouse):
            lake.fails(load % (10, 400000), "53100")
        lake.sql(load % (1, 1000))
        if os.listdir(folder):
            raise Failure("temporary files stay: %s" % os.listdir(folder))
    if lake.value("SELECT count(*) FROM k") != "1000":
        raise Failure("%s rows" % lake.value("SELECT count(*) FROM k"))
    lake.sound("k")


# ---- crashes and cancels ----------------------------------------------------

class Model:
    """What table m must hold: a dict from id to v. An operation is applied
    as a whole or not at all, and an acknowledged one is applied."""

    def __init__(self, lake, seed):
        self.lake, self.rng = lake, random.Random(seed)
        self.state = {}
        lake.keyed("m", "id int NOT NULL, v bigint")

    def operation(self):
        """-> (sql, state after it)"""
        rng, state = self.rng, dict(self.state)
        key = rng.randrange(20)
        kind = rng.choice(("add", "add", "one", "one", "one", "all", "delete",
                           "two", "bulk", "compact"))
        if kind == "add":
            state[key] = 1
            return "INSERT INTO m VALUES (%d, 1)" % key, state
        if kind == "one":
            if key in state:
                state[key] += 1
            return "UPDATE m SET v = v + 1 WHERE id = %d" % key, state
        if kind == "all":
            return "UPDATE m SET v = v + 1", {
                k: v + 1 for k, v in state.items()}
        if kind == "delete":
            state.pop(key, None)
            return "DELETE FROM m WHERE id = %d" % key, state
        if kind == "two":
            # One query string is one transaction.
            state[key] = 5
            state.pop(key + 1, None)
            return ("INSERT INTO m VALUES (%d, 5)\\; DELETE FROM m WHERE "
                    "id = %d;" % (key, key + 1)), state
        if kind == "bulk":
            for number in range(1000, 1500):
                state[number] = key
            return ("INSERT INTO m SELECT i, %d FROM generate_series(1000, "
                    "1499) i" % key), state
        return "SELECT paimon.compact('m', %s)" % rng.choice(
            ("true", "false")), state

    def stored(self):
        for _ in range(20):
            rows, error = self.lake.session.run("SELECT id, v FROM m")
            if error is None:
                return {int(k): int(v)
                        for k, v in (row.split("|") for row in rows)}
            if not error.startswith("57014"):
                raise Failure("reading: " + error)
        raise Failure("reading is cancelled again and again")

    def settle(self, in_doubt, what):
        """The table is in the known state, or in the one in doubt."""
        found = self.stored()
        if found != self.state and (in_doubt is None or found != in_doubt):
            wrong = {k: (self.state.get(k), found.get(k))
                     for k in set(self.state) | set(found)
                     if self.state.get(k) != found.get(k)}
            raise Failure("%s: (acknowledged, found) of %d keys: %s" %
                          (what, len(wrong), dict(list(wrong.items())[:5])))
        self.state = found


def kills(lake):
    """Goal: a backend that is killed at any moment loses nothing that was
    acknowledged and leaves nothing by halves."""
    model = Model(lake, "kills")
    rng = random.Random("when")
    acknowledged = done = 0
    try:
        end = time.time() + 45
        for _ in range(20):
            if time.time() > end:
                break
            pid = lake.session.backend()
            os.kill(pid, 0)
            killer = threading.Timer(rng.uniform(0.01, 0.5), kill, [pid])
            killer.start()
            while True:
                sql, after = model.operation()
                _, error = lake.session.run(sql)
                if error is not None:
                    break
                model.state = after
                acknowledged += 1
            killer.join()
            if not error.startswith(("08006", "57P0")):
                raise Failure("%s: %s" % (sql, error))
            wait_for_server()
            lake.reconnect()
            done += 1
            model.settle(after, "kill %d during %s" % (done, sql))
            lake.sound("m")
    except PermissionError:
        raise Skip("may not kill the server's processes")
    folder = os.path.join(lake.value("SHOW data_directory"), "base",
                          "pgsql_tmp")
    left = os.listdir(folder) if os.path.isdir(folder) else []
    if [name for name in left if name.startswith("paimon")]:
        raise Failure("temporary files survive a crash: %s" % left[:3])
    return "%d kills, %d operations acknowledged" % (done, acknowledged)


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def set_timeout(session, millis):
    """The timeout before may end this, too."""
    for _ in range(100):
        _, error = session.run("SET statement_timeout = %d" % millis)
        if error is None:
            return
    raise Failure("SET is cancelled again and again")


def timeouts(lake):
    """Goal: a statement that runs out of time did nothing."""
    model = Model(lake, "timeouts")
    rng = random.Random("time")
    cancelled = orphans = 0
    for _ in range(250):
        sql, after = model.operation()
        set_timeout(lake.session, 0)
        before = lake.quiet_listing("m")
        set_timeout(lake.session, rng.randint(1, 30))
        _, error = lake.session.run(sql)
        if error is None:
            model.state = after
            continue
        if not error.startswith("57014"):
            raise Failure("%s: %s" % (sql, error))
        orphans += lake.nothing_new(before, sql)
        cancelled += 1
    set_timeout(lake.session, 0)
    model.settle(None, "after %d timeouts" % cancelled)
    lake.sound("m")
    return "%d of 250 ran out of time, %d orphans" % (cancelled, orphans)


def cancels(lake):
    """Goal: a cancel at any moment, also while a commit publishes, is either
    too late or undoes the statement."""
    model = Model(lake, "cancels")
    other = Session()
    rng = random.Random("cancel")
    pid, cancelled, orphans = lake.session.backend(), 0, 0
    try:
        for number in range(250):
            sql, after = model.operation()
            before = lake.quiet_listing("m")
            lake.session.send(sql)
            time.sleep(rng.uniform(0, 0.03))
            other.rows("SELECT pg_cancel_backend(%d)" % pid)
            _, error = lake.session.receive()
            if error is None:
                model.state = after
            elif error.startswith("57014"):
                orphans += lake.nothing_new(before, sql)
                cancelled += 1
            else:
                raise Failure("%s: %s" % (sql, error))
            if number % 25 == 24:
                model.settle(None, "after " + sql)
    finally:
        other.close()
    model.settle(None, "after %d cancels" % cancelled)
    lake.sound("m")
    return "%d of 250 cancelled, %d orphans" % (cancelled, orphans)


def rollbacks(lake):
    """Goal: what is rolled back leaves no file behind."""
    lake.keyed()
    lake.table("a", "id int, s text")
    load = "INSERT INTO %s (id) SELECT i FROM generate_series(1, 20000) i"
    lake.sql("INSERT INTO k VALUES (1, 1, 'x')")
    with Unchanged(lake.warehouse):
        lake.sql("BEGIN; INSERT INTO k VALUES (2, 2, 'y'); UPDATE k SET v = 7;"
                 " DELETE FROM k WHERE id = 1; %s; ROLLBACK" % load % "a")
        lake.sql("BEGIN; SAVEPOINT x; %s; %s; ROLLBACK TO x; COMMIT" %
                 (load % "a", load % "k"))
        lake.fails("BEGIN; %s; SELECT 1 / 0" % load % "k", "22012")
        lake.sql("ROLLBACK")
        lake.fails("INSERT INTO a SELECT 1 / (20000 - i), 'x' FROM "
                   "generate_series(1, 30000) i", "22012")
        for rows, states in (("20001\tx\tz", "22P04"), ("bad\tx", "22P02")):
            data = "\n".join("%d\tx" % i for i in range(20000))
            for table in ("a (id, s)", "k (id, s)"):
                lake.fails("COPY %s FROM STDIN;\n%s\n%s\n\\.\nSELECT 1" %
                           (table, data, rows), states)
        lake.sql("DO $$ BEGIN INSERT INTO k VALUES (9, 9, 'z'); RAISE "
                 "division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL;"
                 " END $$")
        lake.sql("BEGIN; CREATE FOREIGN TABLE made (a int) SERVER %s OPTIONS "
                 "(database 'db'); INSERT INTO made VALUES (1); ROLLBACK" %
                 lake.name)
        # The session ends with its transaction open, by itself or by force.
        for ending in ("\\q", "SELECT pg_terminate_backend(pg_backend_pid())"):
            session = Session()
            session.rows("BEGIN; %s; UPDATE k SET v = 3" % load % "k")
            session.run(ending)
            session.close()
        for _ in range(100):
            if lake.value("SELECT count(*) FROM pg_stat_activity WHERE "
                          "application_name = 'psql'") == "1":
                break
            time.sleep(0.05)
    lake.sql("BEGIN; INSERT INTO k VALUES (2, 2, 'y'); SAVEPOINT x; UPDATE k "
             "SET v = 7; ROLLBACK TO x; INSERT INTO k VALUES (3, 3, 'z'); "
             "COMMIT")
    if lake.sql("SELECT id, v, s FROM k ORDER BY id") != \
            ["1|1|x", "2|2|y", "3|3|z"]:
        raise Failure("rows: %s" % lake.sql("SELECT * FROM k"))
    lake.sound("k")


# ---- the process that writes for a statement --------------------------------

# Far beyond paimon_fdw.write_worker_rows; the last rows wait for a lock.
LOAD = ("INSERT INTO %%s (id, s) SELECT i, CASE WHEN i = %d THEN "
        "pg_advisory_xact_lock(77)::text ELSE md5(i::text) END FROM "
        "generate_series(1, %d) i")


def writers(pid):
    """Processes that write for a session."""
    title = b"paimon_fdw writer of process %d" % pid
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % entry, "rb") as handle:
                line = handle.read().rstrip(b"\0 ")
        except OSError:
            continue
        if line.endswith(title):
            found.append(int(entry))
    return found


def wait_until(check, what):
    end = time.time() + 20
    while not check():
        if time.time() > end:
            raise Failure("waited in vain until " + what)
        time.sleep(0.02)


def start_held(session, table, rows):
    """A statement that has sent most of its rows and waits. -> its pid"""
    pid = session.backend()
    session.send(LOAD % (rows - 10, rows) % table)
    wait_until(lambda: one("SELECT wait_event FROM pg_stat_activity WHERE "
                           "pid = %d" % pid) == "advisory",
               "%s waits" % table)
    return pid


def end_held(ending, keeper, pid):
    """End a held statement in one of four ways. -> the wanted SQLSTATE"""
    if ending == "writer":
        os.kill(writers(pid)[0], signal.SIGTERM)
        wait_until(lambda: not writers(pid), "the writer has ended")
        keeper.rows("SELECT pg_advisory_unlock(77)")
        return "58000"
    if ending == "cancel":
        keeper.rows("SELECT pg_cancel_backend(%d)" % pid)
        return "57014"
    keeper.rows("SELECT pg_terminate_backend(%d)" % pid)
    return ("57P01", "08006")


def writer_ends(lake):
    """Goal: whatever ends a statement or the process that writes for it,
    nothing is published and no file is left."""
    lake.table("a", "id int, s text")
    lake.keyed()
    keeper = Session()
    try:
        for table, ending in [(t, e) for t in ("a", "k")
                              for e in ("writer", "cancel", "session")]:
            what = "%s of %s" % (ending, table)
            keeper.rows("SELECT pg_advisory_lock(77)")
            session = Session()
            before = lake.listing()
            pid = start_held(session, table, 400000)
            if len(writers(pid)) != 1:
                raise Failure("%s: writers %s" % (what, writers(pid)))
            wanted = end_held(ending, keeper, pid)
            _, error = session.receive()
            if error is None or not error.startswith(wanted):
                raise Failure("%s: %s, wanted %s" % (what, error, wanted))
            lake.nothing_new(before, what)
            wait_until(lambda: not writers(pid), "no writer is left")
            if ending != "session":
                session.rows("INSERT INTO %s (id, s) VALUES (0, 'x')" % table)
            session.close()
            keeper.rows("SELECT pg_advisory_unlock_all()")
    finally:
        keeper.close()
    for table, rows in (("a", "2"), ("k", "1")):
        if lake.value("SELECT count(*) FROM %s" % table) != rows:
            raise Failure("rows in %s: %s" % (table, lake.value(
                "SELECT count(*) FROM %s" % table)))
        lake.sound(table)


def no_slot(lake):
    """Goal: without a free slot for one more process, sessions write their
    rows themselves."""
    count = int(lake.value("SHOW max_worker_processes")) + 1
    keeper, sessions, working = Session(), [], 0
    keeper.rows("SELECT pg_advisory_lock(77)")
    try:
        for number in range(count):
            lake.table("a%d" % number, "id int, s text")
            sessions.append(Session())
            pid = start_held(sessions[-1], "a%d" % number, 60000)
            working += len(writers(pid))
        if not 0 < working < count:
            raise Failure("%d of %d have a writer" % (working, count))
        keeper.rows("SELECT pg_advisory_unlock_all()")
        for session in sessions:
            _, error = session.receive()
            if error is not None:
                raise Failure(error)
    finally:
        for session in sessions + [keeper]:
            session.close()
    for number in range(count):
        found = lake.value("SELECT count(*), count(DISTINCT s) FROM a%d" %
                           number)
        if found != "60000|60000":
            raise Failure("rows of a%d: %s" % (number, found))
        lake.sound("a%d" % number)
    return "%d of %d had a writer" % (working, count)


def private_mb(pid):
    with open("/proc/%d/status" % pid) as handle:
        return [int(line.split()[1]) >> 10 for line in handle
                if line.startswith("RssAnon")][0]


def writer_memory(lake):
    """Goal: a writer keeps to maintenance_work_mem and the session to little,
    whatever the statement's size."""
    lake.table("a", "id int, s text")
    lake.keyed()
    seen = []
    keeper, session = Session(), Session()
    try:
        session.rows("SET maintenance_work_mem = '16MB'")
        keeper.rows("SELECT pg_advisory_lock(77)")
        for table in ("a", "k"):
            load = (LOAD % (199990, 200000) % table).replace(
                "md5(i::text)", "repeat(md5(i::text), 50)")
            pid = session.backend()
            start = private_mb(pid)
            session.send(load)
            wait_until(lambda: one(
                "SELECT wait_event FROM pg_stat_activity WHERE pid = %d" %
                pid) == "advisory", "%s waits" % table)
            sizes = private_mb(pid) - start, private_mb(writers(pid)[0])
            seen.append("%s %d and %d MB" % ((table,) + sizes))
            # 320 MB of rows; the libraries' own memory is in it.
            if sizes[0] > 100 or sizes[1] > 150:
                raise Failure("session and writer of %s" % seen[-1])
            keeper.rows("SELECT pg_cancel_backend(%d)" % pid)
            session.receive()
    finally:
        keeper.close()
        session.close()
    return ", ".join(seen)


def by_writers(scenario):
    """The scenario once more, with a writing process for every statement."""
    def run(lake):
        lake.sql("LOAD 'paimon_fdw'; SET paimon_fdw.write_worker_rows = 1")
        return scenario(lake)
    return run


# ---- several sessions -------------------------------------------------------

def counting(lake):
    """Goal: no increment is lost between two sessions."""
    lake.keyed()
    lake.sql("INSERT INTO k VALUES (1, 0, 'x')")

    def count(session):
        for _ in range(50):
            session.rows("UPDATE k SET v = v + 1 WHERE id = 1")

    together([count, count])
    if lake.value("SELECT v FROM k") != "100":
        raise Failure("counted to %s of 100" % lake.value("SELECT v FROM k"))
    lake.sound("k")


def counting_apart(lake):
    """Goal: two sessions that reach the same files by different paths are
    still told of each other: no increment is lost."""
    lake.keyed()
    lake.sql("INSERT INTO k VALUES (1, 0, 'x')")
    alias = os.path.join(lake.home, "alias")
    os.symlink(lake.warehouse, alias)
    lake.sql("CREATE SERVER %s_alias FOREIGN DATA WRAPPER paimon_fdw OPTIONS "
             "(warehouse '%s'); CREATE FOREIGN TABLE twin () SERVER %s_alias "
             "OPTIONS (database 'db', \"table\" 'k')" %
             (lake.name, alias, lake.name))
    retries = []

    def count(table):
        def work(session):
            done = 0
            while done < 30:
                _, error = session.run("UPDATE %s SET v = v + 1 WHERE id = 1"
                                       % table)
                if error is None:
                    done += 1
                elif error.startswith("40001"):
                    retries.append(table)
                else:
                    raise Failure(error)
        return work

    try:
        together([count("k"), count("twin")])
    finally:
        lake.sql("DROP SERVER %s_alias CASCADE" % lake.name)
    if lake.value("SELECT v FROM k") != "60":
        raise Failure("counted to %s of 60" % lake.value("SELECT v FROM k"))
    lake.sound("k")
    return "%d retries" % len(retries)


def appenders(lake):
    """Goal: sessions that append at once lose no row and no snapshot."""
    lake.table("a", "who int, i int")

    def append(who):
        def work(session):
            for number in range(15):
                session.rows("INSERT INTO a VALUES (%d, %d), (%d, %d)" %
                             (who, number, who, number))
        return work

    together([append(who) for who in range(5)])
    found = lake.value("SELECT count(*), count(DISTINCT (who, i)) FROM a")
    if found != "150|75":
        raise Failure("rows: %s" % found)
    ids = [int(x) for x in lake.sql(
        "SELECT snapshot_id FROM paimon.snapshots('a') ORDER BY 1")]
    if ids != list(range(ids[0], ids[0] + len(ids))):
        raise Failure("snapshots: %s" % ids)
    found = lake.value("SELECT sum(delta_record_count), count(*) - count("
                       "DISTINCT commit_identifier) FROM "
                       "paimon.snapshots('a')")
    if found != "150|0":
        raise Failure("rows published, identifiers used twice: %s" % found)
    lake.sound("a")


SCENARIOS = [
    ("missing", missing),
    ("mismatch", mismatch),
    ("unsupported", unsupported),
    ("values", values),
    ("names", names),
    ("rights", rights),
    ("constraints", constraints),
    ("damage_schema", damage("schema", True, 60, "schema-")),
    ("damage_snapshot", damage_snapshot),
    ("damage_manifest_list", damage("manifest list", False, 60,
                                    "manifest-list-")),
    ("damage_manifest", damage("manifest", False, 60, "manifest-")),
    ("damage_data", damage("data file", True, 120, "data-")),
    ("damage_hint", damage_hint),
    ("damage_golden", damage_golden),
    ("disk_full", disk_full),
    ("spill_full", spill_full),
    ("timeouts", timeouts),
    ("cancels", cancels),
    ("rollbacks", rollbacks),
    ("writer_ends", writer_ends),
    ("no_slot", no_slot),
    ("writer_memory", writer_memory),
    ("disk_full_writer", by_writers(disk_full)),
    ("cancels_writer", by_writers(cancels)),
    ("rollbacks_writer", by_writers(rollbacks)),
    ("counting", counting),
    ("counting_apart", counting_apart),
    ("appenders", appenders),
    ("kills", kills),
]
KILLERS = ("kills",)


def run_scenario(work, golden, name, scenario):
    """-> "ok", "not ok" or "skip", and a message"""
    before = server_identity()
    started = time.time()
    lake = None
    try:
        lake = Lake(work, name)
        lake.golden = golden
        message = scenario(lake) or ""
        verdict = "ok"
    except Skip as reason:
        verdict, message = "skip", str(reason)
    except Failure as failure:
        verdict, message = "not ok", str(failure)
    if lake is not None:
        lake.drop()
    wait_for_server()
    if name not in KILLERS and server_identity() != before:
        verdict, message = "not ok", "the server restarted; " + message
    if os.environ.get("FAULTS_TIMES"):
        message += " (%.1f s)" % (time.time() - started)
    return verdict, message


def main():
    arguments, chosen = sys.argv[1:], []
    if "--" in arguments:
        split = arguments.index("--")
        arguments, chosen = arguments[:split], arguments[split + 1:]
    work = os.path.abspath(arguments[0])
    golden = os.path.abspath(arguments[1]) if len(arguments) > 1 else None
    one("CREATE EXTENSION IF NOT EXISTS paimon_fdw")
    failed = 0
    for name, scenario in SCENARIOS:
        if chosen and name not in chosen:
            continue
        verdict, message = run_scenario(work, golden, name, scenario)
        failed += verdict == "not ok"
        message = " ".join(message.split())
        print("%s - faults %s%s" % (verdict, name,
                                    ": " + message if message else ""))
        sys.stdout.flush()
    return 1 if failed else 0


sys.exit(main())
