"""Goal: rows get to the lake and are compacted by themselves, each exactly
once whatever dies; workers disturb nobody, and end when they should.

usage: run_workers.py LAKE LOG [preloaded]   LAKE is where the server's user
may write, LOG the server's log. PGHOST and its kin name a server with default
settings; preloaded: with the library in shared_preload_libraries.
"""
import os
import random
import signal
import subprocess
import sys
import threading
import time

LAKE, LOG = sys.argv[1:3]
PREFIX = "preloaded_" if sys.argv[3:] == ["preloaded"] else "case_"
DEADLINE = 30
WORKER = "backend_type = 'paimon_fdw worker'"


def psql(sql, database="postgres", check=True):
    done = subprocess.run(
        ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d",
         database], input=sql, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, encoding="utf-8")
    if check and done.returncode != 0:
        raise AssertionError(sql[:200] + ": " + done.stdout)
    return done.stdout.strip()


def wait_until(sql, wanted="t", database="postgres"):
    end = time.time() + DEADLINE
    while time.time() < end:
        found = psql(sql, database)
        if found == wanted:
            return
        time.sleep(0.05)
    raise AssertionError("%s stayed %s" % (sql, found))


def table(name, options="", keys=", primary_key 'k', \"bucket\" '1'"):
    psql("CREATE FOREIGN TABLE %s (k int, v text) SERVER workers OPTIONS "
         "(database 'w'%s%s)" % (name, keys, options))


def insert(name, first, count):
    """Each row in a transaction of its own, and in a snapshot of its own."""
    psql("SET paimon_fdw.synchronous_publish = on;" + "".join("INSERT INTO %s VALUES (%d, 'v%d');\n" % (name, k, k)
                 for k in range(first, first + count)))


def runs(name):
    return "SELECT count(*) < 6 FROM paimon.files('%s')" % name


def compactions(name):
    return psql("SELECT count(*) FROM paimon.snapshots('%s') WHERE "
                "commit_kind = 'COMPACT'" % name)


def wait_for_compaction(name):
    wait_until("SELECT count(*) > 0 FROM paimon.snapshots('%s') WHERE "
               "commit_kind = 'COMPACT'" % name)


def check_rows(name, count):
    found = psql("SELECT count(*), count(DISTINCT k), min(v), (SELECT count(*) "
                 "FROM paimon.verify('%s')) FROM %s" % (name, name))
    assert found == "%d|%d|v0|0" % (count, count), found


def setting(name, value=None):
    """For all sessions and workers, from now on."""
    psql("LOAD 'paimon_fdw'; ALTER SYSTEM %s; SELECT pg_reload_conf()" % (
        "RESET " + name if value is None else
        "SET %s = '%s'" % (name, value)))
    time.sleep(0.3)


def records(name):
    """Rows of the newest snapshot, whoever wrote them."""
    return ("SELECT coalesce((SELECT total_record_count FROM "
            "paimon.snapshots('%s') ORDER BY snapshot_id DESC LIMIT 1), 0)"
            % name)


def wait_for_server():
    end = time.time() + DEADLINE
    while time.time() < end:
        if subprocess.run(["psql", "-X", "-q", "-c", "SELECT 1"],
                          stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError("the server did not come back")


def kill_backend():
    """A session that dies takes all of shared memory with it."""
    session = subprocess.Popen(
        ["psql", "-X", "-q", "-A", "-t"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8")
    session.stdin.write("SELECT pg_backend_pid();\n")
    session.stdin.flush()
    os.kill(int(session.stdout.readline()), signal.SIGKILL)
    session.communicate()
    time.sleep(0.2)
    wait_for_server()


def case_publishes_by_itself():
    """Nobody asks, and the lake has the rows flush_interval later."""
    for name, keys in (("by_itself", ", primary_key 'k', \"bucket\" '1'"),
                       ("by_itself_append", ", \"bucket\" '-1'")):
        table(name, keys=keys)
        psql("INSERT INTO %s VALUES (1, 'a'), (2, 'b')" % name)
        started = time.time()
        wait_until(records(name), "2")
        taken = time.time() - started
        assert taken < 3, "%s: %.1f s" % (name, taken)
        assert psql("SELECT count(*) FROM " + name) == "2"
        wait_until("SELECT delta_rows = 0 AND outbox_messages = 0 AND "
                   "unpublished_since IS NULL FROM paimon.stat_tables "
                   "WHERE tbl = '%s'::regclass" % name)


def case_flush():
    """paimon.flush() returns when all is in the lake."""
    setting("paimon_fdw.flush_interval", "1h")
    table("flushed")
    assert psql("SELECT paimon.flush('flushed') IS NULL") == "t"
    for turn in range(1, 6):
        psql("INSERT INTO flushed VALUES (%d, 'v')" % turn)
        assert psql(records("flushed")) == str(turn - 1)
        last = psql("SELECT paimon.flush('flushed')")
        assert psql(records("flushed")) == str(turn)
    assert last == psql("SELECT max(snapshot_id) FROM "
                        "paimon.snapshots('flushed')")
    # Inside a transaction: what others have committed.
    psql("INSERT INTO flushed VALUES (6, 'v'); BEGIN; SELECT "
         "paimon.flush('flushed'); COMMIT")
    assert psql(records("flushed")) == "6"
    setting("paimon_fdw.flush_interval")


def case_synchronous():
    """Sixteen sessions wait for their snapshots, more than there are places
    for workers."""
    setting("paimon_fdw.flush_interval", "1h")
    table("waits")
    failures = []

    def write(first):
        for key in range(first, first + 10):
            found = psql("SET paimon_fdw.synchronous_publish = on; INSERT INTO "
                         "waits VALUES (%d, 'v%d'); RESET "
                         "paimon_fdw.synchronous_publish; SELECT count(*) "
                         "FROM paimon.snapshots('waits') s, paimon.stat_tables"
                         " WHERE tbl = 'waits'::regclass" % (key, key),
                         check=False)
            if not found.isdigit() or int(found) == 0:
                failures.append(found)
    threads = [threading.Thread(target=write, args=(n * 10,))
               for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    assert psql(records("waits")) == "160"
    check_rows("waits", 160)
    setting("paimon_fdw.flush_interval")


def case_failure():
    """A lake that can't be written to: rows are kept, who waits is told, and
    all is there when it can be written to again."""
    setting("paimon_fdw.flush_interval", "1h")
    table("stuck")
    insert("stuck", 0, 1)
    manifest = os.path.join(LAKE, "w.db", "stuck", "manifest")
    os.chmod(manifest, 0o500)
    psql("INSERT INTO stuck VALUES (1, 'v1')")
    found = psql("SELECT paimon.flush('stuck')", check=False)
    assert "could not publish the rows of" in found, found
    found = psql("SET paimon_fdw.synchronous_publish = on; INSERT INTO stuck "
                 "VALUES (2, 'v2'); SELECT 'done'")
    assert "WARNING" in found and found.endswith("done"), found
    assert psql("SELECT last_error IS NOT NULL AND unpublished_since IS NOT "
                "NULL FROM paimon.stat_tables WHERE tbl = 'stuck'::regclass"
                ) == "t"
    check = psql("SELECT count(*), count(DISTINCT k) FROM stuck")
    assert check == "3|3", check
    os.chmod(manifest, 0o700)
    setting("paimon_fdw.flush_interval")
    wait_until("SELECT outbox_messages = 0 AND delta_rows = 0 FROM "
               "paimon.stat_tables WHERE tbl = 'stuck'::regclass")
    assert psql(records("stuck")) == "3"
    check_rows("stuck", 3)


def case_cancelled():
    """A cancel ends the wait of a COMMIT and leaves its rows."""
    table("slow")
    first = subprocess.Popen(["psql", "-X", "-q"], stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, encoding="utf-8")
    second = subprocess.Popen(["psql", "-X", "-q", "-A", "-t"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding="utf-8")
    second.stdin.write("SET paimon_fdw.synchronous_publish = on; BEGIN; INSERT"
                       " INTO slow VALUES (0, 'v0');\n")
    second.stdin.flush()
    waiting = "SELECT count(*) > 0 FROM pg_stat_activity WHERE %s"
    wait_until(waiting % "state = 'idle in transaction' AND query LIKE "
               "'INSERT INTO slow%'")
    # Who writes files keeps the mover away from the table.
    first.stdin.write("SET paimon_fdw.bulk_threshold = 0; BEGIN; INSERT INTO "
                      "slow VALUES (1, 'v1'); SELECT 1;\n")
    first.stdin.flush()
    wait_until(waiting % "wait_event_type = 'Lock' AND query LIKE "
               "'INSERT INTO slow%'")
    second.stdin.write("COMMIT; SELECT 'done';\n")
    second.stdin.flush()
    wait_until(waiting % "state = 'active' AND query = 'COMMIT;'")
    psql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = "
         "'COMMIT;'")
    output = second.communicate(timeout=DEADLINE)[0]
    assert "no longer waiting" in output and output.endswith("done\n"), output
    first.communicate("COMMIT;\n", timeout=DEADLINE)
    wait_until(records("slow"), "2")
    check_rows("slow", 2)


def publishers():
    return psql("SELECT pid FROM paimon.stat_workers w JOIN pg_stat_activity a "
                "USING (pid) WHERE a.query LIKE '%lake table%' OR a.state = "
                "'idle' OR w.activity = ''", check=False).split()


def case_publisher_killed():
    """Whenever a worker dies, each committed row is in the lake once."""
    table("often_killed", keys=", \"bucket\" '-1'")
    table("often_killed_keyed")
    names = ("often_killed", "often_killed_keyed")
    acked, doubtful = [], []
    stop = threading.Event()

    def write(first):
        key = first
        while not stop.is_set():
            sql = "".join("INSERT INTO %s VALUES (%d, 'v%d');" % (n, key, key)
                          for n in names)
            try:
                psql("BEGIN; " + sql + " COMMIT")
                acked.append(key)
            except AssertionError:
                doubtful.append(key)
                time.sleep(0.1)
            key += 1
    setting("paimon_fdw.flush_interval", "50ms")
    threads = [threading.Thread(target=write, args=(n * 100000,))
               for n in range(3)]
    for thread in threads:
        thread.start()
    kills = 0
    end = time.time() + 4 * DEADLINE
    while kills < 8 and time.time() < end:
        time.sleep(random.uniform(0.2, 1.2))
        pids = [p for p in publishers() if p.isdigit()]
        if not pids:
            continue
        try:
            os.kill(int(random.choice(pids)), signal.SIGKILL)
            kills += 1
        except ProcessLookupError:
            continue
        time.sleep(0.1)
        wait_for_server()
    stop.set()
    for thread in threads:
        thread.join()
    wait_for_server()
    setting("paimon_fdw.flush_interval")
    assert kills == 8, "only %d workers were killed" % kills
    for name in names:
        psql("SELECT paimon.flush('%s')" % name)
    for name in names:
        keys = [int(k) for k in psql("SELECT k FROM " + name).split()]
        assert len(keys) == len(set(keys)), name + ": rows twice"
        lost = set(acked) - set(keys)
        assert not lost, "%s: %d rows lost" % (name, len(lost))
        assert set(keys) <= set(acked) | set(doubtful), name
    # The lake alone: rows were added once, by snapshots of their own.
    assert psql("SELECT sum(delta_record_count) = (SELECT count(*) FROM "
                "often_killed) FROM paimon.snapshots('often_killed') WHERE "
                "commit_kind = 'APPEND'") == "t"
    assert psql("SELECT count(*) = count(DISTINCT commit_identifier) FROM "
                "paimon.snapshots('often_killed_keyed') WHERE commit_kind = "
                "'APPEND'") == "t"


def case_found_again():
    """Rows that a crash left are published when somebody reads them."""
    setting("paimon_fdw.flush_interval", "1h")
    table("leftover")
    psql("INSERT INTO leftover VALUES (0, 'v0'), (1, 'v1')")
    assert psql(records("leftover")) == "0"
    kill_backend()
    setting("paimon_fdw.flush_interval")
    assert psql("SELECT count(*) FROM leftover") == "2"
    wait_until(records("leftover"), "2")
    check_rows("leftover", 2)


def case_dropped():
    """However a foreign table is dropped, its rows get to the lake."""
    setting("paimon_fdw.flush_interval", "1h")
    psql("CREATE ROLE workers_drop; GRANT pg_read_server_files, "
         "pg_write_server_files TO workers_drop; GRANT USAGE ON FOREIGN SERVER"
         " workers TO workers_drop; GRANT CREATE ON SCHEMA public TO "
         "workers_drop")
    ways = {
        "one": "DROP FOREIGN TABLE one",
        "two": "BEGIN; INSERT INTO two VALUES (3, 'v3'); DROP FOREIGN TABLE "
               "two; COMMIT",
        "three": "CREATE SCHEMA gone; ALTER FOREIGN TABLE three SET SCHEMA "
                 "gone; DROP SCHEMA gone CASCADE",
        "four": "ALTER FOREIGN TABLE four OWNER TO workers_drop; DROP OWNED BY"
                " workers_drop",
    }
    for name, way in ways.items():
        table(name)
        # One value is wide, and so out of line in the delta heap.
        psql("INSERT INTO %s SELECT i, 'v' || i || CASE i WHEN 1 THEN (SELECT "
             "string_agg(md5(n::text), '') FROM generate_series(1, 300) n) ELSE"
             " '' END FROM generate_series(0, 2) i; DELETE FROM %s WHERE k = 2"
             % (name, name))
        psql("BEGIN; DROP FOREIGN TABLE %s; ROLLBACK" % name)
        assert psql("SELECT count(*) FROM " + name) == "2", name
        psql("SET client_min_messages = error; " + way)
        table(name + "_again", ", table '%s'" % name, keys="")
        wanted = "3" if name == "two" else "2"
        assert psql("SELECT count(*) FROM %s_again" % name) == wanted, name
        psql("INSERT INTO %s_again VALUES (7, 'v7')" % name)
        psql("SELECT paimon.flush('%s_again')" % name)
        check_rows(name + "_again", int(wanted) + 1)
    psql("DROP OWNED BY workers_drop; DROP ROLE workers_drop")
    setting("paimon_fdw.flush_interval")


def case_extension_dropped():
    psql("CREATE DATABASE workers_extension")
    make = ("CREATE EXTENSION paimon_fdw; CREATE SERVER s FOREIGN DATA WRAPPER "
            "paimon_fdw OPTIONS (warehouse '%s'); CREATE FOREIGN TABLE e "
            "(k int, v text) SERVER s OPTIONS (database 'e', primary_key 'k', "
            "\"bucket\" '1');" % LAKE)
    psql(make + "INSERT INTO e VALUES (1, 'a'); INSERT INTO e VALUES (2, 'b')",
         "workers_extension")
    psql("SET client_min_messages = error; DROP EXTENSION paimon_fdw CASCADE",
         "workers_extension")
    found = psql(make + "SELECT count(*) FROM e; INSERT INTO e VALUES (3, 'c');"
                 "SELECT paimon.flush('e') > 0; SELECT count(*) FROM e",
                 "workers_extension")
    assert found == "2\nt\n3", found
    found = psql("BEGIN; INSERT INTO e VALUES (4, 'd'); DROP EXTENSION "
                 "paimon_fdw CASCADE", "workers_extension", check=False)
    assert "ERROR" in found, found
    psql("DROP DATABASE workers_extension")


def case_small_again():
    """Delta and outbox give back what they took."""
    wait_until("SELECT bool_and(delta_bytes < 200000) AND sum(delta_rows + "
               "outbox_messages) = 0 AND pg_total_relation_size("
               "'paimon_int.outbox') < 1000000 FROM paimon.stat_tables")


def case_keyed():
    """Many small commits end in few files, and all rows are there."""
    table("keyed")
    insert("keyed", 0, 23)
    wait_for_compaction("keyed")
    wait_until(runs("keyed"))
    check_rows("keyed", 23)


def case_append():
    table("append", keys=", \"bucket\" '-1'")
    insert("append", 0, 23)
    wait_for_compaction("append")
    check_rows("append", 23)


def case_write_only():
    """Tables that others compact are left alone; so are read-only ones."""
    table("write_only", ", \"write-only\" 'true'")
    table("compacted")
    insert("write_only", 0, 8)
    insert("compacted", 0, 8)
    wait_for_compaction("compacted")
    wait_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE " + WORKER)
    assert compactions("write_only") == "0"


def case_writers_go_on():
    """Writers and readers beside a compaction that never rests."""
    table("busy")
    failures = []

    def write(first):
        try:
            insert("busy", first, 60)
        except AssertionError as problem:
            failures.append(problem)
    threads = [threading.Thread(target=write, args=(n * 60,))
               for n in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        found = psql("SELECT count(*) = count(DISTINCT k) FROM busy")
        assert found == "t", found
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    wait_for_compaction("busy")
    check_rows("busy", 180)


def case_killed():
    """A worker that dies takes the server through a restart, no more."""
    table("killed")
    psql("INSERT INTO killed SELECT i, 'v' || i FROM "
         "generate_series(0, 399999) i")
    for first in range(400000, 400006):
        insert("killed", first, 1)
    end = time.time() + DEADLINE
    while time.time() < end:
        pid = psql("SELECT pid FROM pg_stat_activity WHERE query LIKE "
                   "'compacting lake table%killed%' LIMIT 1", check=False)
        if pid.isdigit():
            os.kill(int(pid), signal.SIGKILL)
            break
    assert pid.isdigit(), "no worker was seen"
    time.sleep(0.1)
    wait_for_server()
    check_rows("killed", 400006)
    insert("killed", 400006, 1)
    wait_for_compaction("killed")
    check_rows("killed", 400007)


def case_rights_are_gone():
    """The owner may no longer write there: a line in the log, no rows lost."""
    psql("CREATE ROLE workers_owner LOGIN; GRANT pg_read_server_files, "
         "pg_write_server_files TO workers_owner; GRANT USAGE ON FOREIGN "
         "SERVER workers TO workers_owner; GRANT CREATE ON SCHEMA public TO "
         "workers_owner")
    psql("LOAD 'paimon_fdw'; ALTER SYSTEM SET paimon_fdw.compaction_workers "
         "= 0; SELECT pg_reload_conf()")
    psql("SET ROLE workers_owner; CREATE FOREIGN TABLE rights (k int, v text) "
         "SERVER workers OPTIONS (database 'w', primary_key 'k', \"bucket\" "
         "'1')")
    wait_until("LOAD 'paimon_fdw'; SHOW paimon_fdw.compaction_workers", "0")
    insert("rights", 0, 7)
    psql("REVOKE pg_write_server_files FROM workers_owner")
    psql("LOAD 'paimon_fdw'; ALTER SYSTEM RESET paimon_fdw.compaction_workers"
         "; SELECT pg_reload_conf()")
    # Somebody else's commit wakes the worker.
    table("other")
    wait_until("LOAD 'paimon_fdw'; SHOW paimon_fdw.compaction_workers", "1")
    insert("other", 0, 7)
    wait_for_compaction("other")
    assert compactions("rights") == "0"
    wait_until("SELECT pg_read_file('%s') ~ 'pg_write_server_files|permission "
               "denied'" % LOG)
    psql("GRANT pg_write_server_files TO workers_owner")
    insert("rights", 7, 1)
    wait_for_compaction("rights")
    check_rows("rights", 8)


def case_drop_database():
    """The worker of a database does not keep it from being dropped."""
    psql("CREATE DATABASE workers_gone")
    psql("CREATE EXTENSION paimon_fdw; CREATE SERVER workers FOREIGN DATA "
         "WRAPPER paimon_fdw OPTIONS (warehouse '%s'); CREATE FOREIGN TABLE "
         "g (k int, v text) SERVER workers OPTIONS (database 'gone', "
         "primary_key 'k', \"bucket\" '1')" % LAKE, "workers_gone")
    psql("INSERT INTO g SELECT i, md5(i::text) || md5((-i)::text) FROM "
         "generate_series(1, 1500000) i", "workers_gone")
    for key in range(6):
        psql("SET paimon_fdw.synchronous_publish = on; INSERT INTO g VALUES "
             "(%d, 'x')" % key, "workers_gone")
    wait_until("SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE "
               "'compacting lake table%public.g%'")
    psql("DROP DATABASE workers_gone")


def case_idle():
    """Without work there is no worker."""
    wait_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE " + WORKER)


def preloaded_after_crash():
    """The launcher sees to what a crash has left: no session touches it."""
    setting("paimon_fdw.flush_interval", "1h")
    table("crashed")
    psql("INSERT INTO crashed VALUES (0, 'v0'), (1, 'v1')")
    assert psql(records("crashed")) == "0"
    kill_backend()
    wait_until(records("crashed"), "2")
    check_rows("crashed", 2)


def preloaded_prepared():
    """COMMIT PREPARED is another session's commit."""
    psql("BEGIN; INSERT INTO crashed VALUES (2, 'v2'); PREPARE TRANSACTION "
         "'workers'")
    time.sleep(1)
    assert psql(records("crashed")) == "2"
    kill_backend()
    psql("COMMIT PREPARED 'workers'")
    wait_until(records("crashed"), "3")
    check_rows("crashed", 3)


def preloaded_is_out_of_the_way():
    wait_until("SELECT string_agg(backend_type, ',') FROM paimon.stat_workers",
               "paimon_fdw launcher")
    psql("CREATE DATABASE preloaded_other")
    psql("CREATE EXTENSION paimon_fdw", "preloaded_other")
    psql("DROP DATABASE preloaded_other")


def main():
    failed = 0
    psql("CREATE SERVER workers FOREIGN DATA WRAPPER paimon_fdw OPTIONS "
         "(warehouse '%s')" % LAKE)
    for name, case in list(globals().items()):
        if not name.startswith(PREFIX):
            continue
        name = name.replace("case_", "")
        try:
            case()
            print("ok - workers " + name)
        except AssertionError as problem:
            failed += 1
            print("not ok - workers %s: %s" % (name, problem))
        sys.stdout.flush()
    return 1 if failed else 0


sys.exit(main())
