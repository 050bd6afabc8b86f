"""Goal: compaction runs by itself, disturbs nobody, and ends when it should.

usage: run_workers.py LAKE LOG   LAKE is where the server's user may write, LOG
the server's log. PGHOST and its kin name a server with default settings.
"""
import os
import signal
import subprocess
import sys
import threading
import time

LAKE, LOG = sys.argv[1:3]
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
    """Each row in a transaction of its own."""
    psql("".join("INSERT INTO %s VALUES (%d, 'v%d');\n" % (name, k, k)
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
    time_limit = time.time() + DEADLINE
    while time.time() < time_limit and subprocess.run(
            ["psql", "-X", "-q", "-c", "SELECT 1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL).returncode != 0:
        time.sleep(0.1)
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
        psql("INSERT INTO g VALUES (%d, 'x')" % key, "workers_gone")
    wait_until("SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE "
               "'compacting lake table%public.g%'")
    psql("DROP DATABASE workers_gone")


def case_idle():
    """Without work there is no worker."""
    wait_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE " + WORKER)


def main():
    failed = 0
    psql("CREATE SERVER workers FOREIGN DATA WRAPPER paimon_fdw OPTIONS "
         "(warehouse '%s')" % LAKE)
    for name, case in list(globals().items()):
        if not name.startswith("case_"):
            continue
        try:
            case()
            print("ok - workers " + name[5:])
        except AssertionError as problem:
            failed += 1
            print("not ok - workers %s: %s" % (name[5:], problem))
        sys.stdout.flush()
    return 1 if failed else 0


sys.exit(main())
