"""What histories and the crash loop stand on: tables that are lake tables,
heap tables or wrong on purpose; sessions that come back after a crash; and
what goes on behind their backs.
"""
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import libpq
from libpq import Connection, Lost, SqlError

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.geteuid() == 0
RC, RR, SER = "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"
OK, FAILED, DOUBT = "ok", "failed", "in doubt"
SERIALIZATION, DEADLOCK, CANCELED, LOCKED = "40001", "40P01", "57014", "55P03"
READY_SECONDS = 60


class Failure(Exception):
    """An invariant does not hold."""


class Abandon(Exception):
    """The body of a transaction wants it rolled back."""


class Server:
    """The private server below a folder of tools/server.sh."""

    def __init__(self, home):
        self.home = home
        self.crashes = 0

    def _shell(self, command):
        return subprocess.run(
            ["bash", "-c", ". tools/server.sh; %s '%s'" % (command, self.home)],
            cwd=os.path.join(HERE, "..", ".."), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")

    def postmaster(self):
        try:
            with open(os.path.join(self.home, "data", "postmaster.pid")) as f:
                return int(f.readline())
        except (OSError, ValueError):
            return None

    def start(self):
        """Starts what was killed; its children may hold memory for a while."""
        end = time.time() + READY_SECONDS
        while True:
            done = self._shell("server_start")
            if done.returncode == 0:
                return
            if time.time() > end:
                raise Failure("the server does not start: " +
                              done.stdout[-500:])
            time.sleep(0.2)

    def ready(self):
        end = time.time() + READY_SECONDS
        while time.time() < end:
            try:
                Connection("ready").close()
                return
            except Lost:
                time.sleep(0.05)
        raise Failure("the server did not come back in %d s" % READY_SECONDS)

    def kill(self, pid):
        """-> whether there was such a process"""
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.crashes += 1
        return True

    def kill_postmaster(self):
        pid = self.postmaster()
        if pid and self.kill(pid):
            time.sleep(0.1)
            self.start()

    def log_faults(self):
        """Lines of the server's log that must never be there."""
        bad = ("PANIC", "TRAP:", "XX000", "signal 11", "signal 6")
        with open(os.path.join(self.home, "log"), errors="replace") as log:
            return [line.strip() for line in log
                    if any(word in line for word in bad)]


class Tables:
    """Makes tables (k, v) of a kind and knows its SQL.

    heap    ordinary tables: what the lake must not differ from
    lake    foreign tables of the wrapper
    blind   views whose UPDATE writes what the statement computed from its
            snapshot, whatever happened since: loses updates
    loose   heap tables, but every isolation level is one lower
    torn    heap tables whose transactions commit after each statement
    unlogged  heap tables that a crash empties
    """
    KINDS = ("heap", "lake", "blind", "loose", "torn", "unlogged")

    def __init__(self, kind, warehouse):
        self.kind, self.warehouse = kind, warehouse
        self.lake = kind == "lake"
        # A place in the warehouse that no earlier run has used.
        self.database = "h%d" % (time.time() * 1000)
        libpq.DEFAULTS.update(search_path="history")
        session = Connection("tables")
        session.run("SET client_min_messages = error")
        session.run("DROP SCHEMA IF EXISTS history CASCADE")
        session.run("CREATE SCHEMA history")
        if self.lake:
            os.makedirs(warehouse, exist_ok=True)
            if ROOT:
                shutil.chown(warehouse, "postgres")
            session.run("CREATE EXTENSION IF NOT EXISTS paimon_fdw SCHEMA "
                        "public")
            session.run("DROP SERVER IF EXISTS history CASCADE")
            session.run("CREATE SERVER history FOREIGN DATA WRAPPER paimon_fdw"
                        " OPTIONS (warehouse 'file://%s')" % warehouse)
        session.close()

    def make(self, name, columns="k int, v bigint", key="k", heap=False,
             options="\"bucket\" '2'"):
        session = Connection("tables")
        session.run("SET client_min_messages = error")
        if self.lake and not heap:
            more = ", primary_key '%s'" % key if key else ""
            more += ", " + options if options else ""
            session.run("CREATE FOREIGN TABLE %s (%s) SERVER history OPTIONS "
                        "(database '%s'%s)" % (name, columns, self.database,
                                               more))
        else:
            base = name + "_base" if self.kind == "blind" else name
            session.run("CREATE %sTABLE %s (%s%s)" % (
                "UNLOGGED " if self.kind == "unlogged" else "", base, columns, ", PRIMARY KEY (%s)" % key if key else ""))
            if self.kind == "blind":
                self.blind(session, name)
        session.close()

    @staticmethod
    def blind(session, name):
        session.run("""
            CREATE VIEW {0} AS SELECT * FROM {0}_base;
            CREATE OR REPLACE FUNCTION {0}_write() RETURNS trigger
            LANGUAGE plpgsql AS $$ BEGIN
                IF TG_OP = 'INSERT' THEN
                    INSERT INTO {0}_base VALUES (NEW.k, NEW.v)
                        ON CONFLICT (k) DO UPDATE SET v = EXCLUDED.v;
                    RETURN NEW;
                ELSIF TG_OP = 'DELETE' THEN
                    DELETE FROM {0}_base WHERE k = OLD.k;
                    RETURN OLD;
                END IF;
                UPDATE {0}_base SET v = NEW.v WHERE k = OLD.k;
                RETURN NEW;
            END $$;
            CREATE TRIGGER w INSTEAD OF INSERT OR UPDATE OR DELETE ON {0}
                FOR EACH ROW EXECUTE FUNCTION {0}_write()""".format(name))

    def begin(self, level):
        if self.kind == "torn":
            return "SELECT 1"
        if self.kind == "loose":
            level = {RC: RC, RR: RC, SER: RR}[level]
        return "BEGIN ISOLATION LEVEL " + level

    def upsert(self, name, rows):
        """rows: a VALUES list or a query"""
        if self.kind in ("lake", "blind"):
            return "INSERT INTO %s %s" % (name, rows)
        return ("INSERT INTO %s %s ON CONFLICT (k) DO UPDATE SET v = "
                "EXCLUDED.v" % (name, rows))


class Worker:
    """A session that comes back after a crash, and counts what happened."""

    def __init__(self, crew, number):
        self.crew, self.tables = crew, crew.tables
        self.random = random.Random("%s %d" % (crew.seed, number))
        self.number = number
        self.conn, self.guard = None, threading.Lock()
        self.seen = {}

    def note(self, what):
        self.seen[what] = self.seen.get(what, 0) + 1

    def connect(self):
        end = time.time() + READY_SECONDS
        while self.conn is None:
            try:
                conn = Connection("history", deadlock_timeout="20ms",
                                  **self.crew.settings)
                with self.guard:
                    self.conn = conn
            except Lost:
                if time.time() > end:
                    raise Failure("no connection for %d s" % READY_SECONDS)
                time.sleep(0.05)
        return self.conn

    def drop(self):
        with self.guard:
            conn, self.conn = self.conn, None
        if conn:
            conn.close()

    def cancel(self):
        with self.guard:
            if self.conn:
                self.conn.cancel()

    def pid(self):
        with self.guard:
            return self.conn.pid if self.conn else None

    def transaction(self, body, level=RC, allowed=(), end="COMMIT"):
        """Runs body(conn) in a transaction. -> (OK, FAILED or DOUBT, what
        body returned). Errors other than those that a client has to expect
        are failures."""
        expected = {DEADLOCK, CANCELED} | set(allowed)
        if level != RC:
            expected.add(SERIALIZATION)
        conn, result, asked = self.connect(), None, False
        try:
            conn.run(self.tables.begin(level))
            result = body(conn)
            asked = end == "COMMIT"
            if self.tables.kind != "torn":
                conn.run(end)
            self.note("ok" if asked else "rolled back")
            return (OK if asked else FAILED), result
        except Abandon:
            return self.after_error(conn), result
        except SqlError as error:
            self.note(error.state)
            if error.state not in expected:
                self.crew.fail("%s: %s" % (level, error))
            return self.after_error(conn), result
        except Lost:
            self.note("lost")
            self.drop()
            return (DOUBT if asked else FAILED), result

    def after_error(self, conn):
        try:
            if not conn.idle():
                conn.run("ROLLBACK")
        except (Lost, SqlError):
            self.drop()
        return FAILED

    def statement(self, sql, allowed=()):
        """One statement, a transaction of its own. -> (status, rows)"""
        conn = self.connect()
        try:
            rows = conn.run(sql)
            self.note("ok")
            return OK, rows
        except SqlError as error:
            self.note(error.state)
            if error.state not in {DEADLOCK, CANCELED} | set(allowed):
                self.crew.fail(str(error))
            return FAILED, []
        except Lost:
            self.note("lost")
            self.drop()
            return DOUBT, []

    def limit(self, chance=0.1):
        """Now and then statements run out of time at a random moment."""
        conn = self.connect()
        try:
            if self.random.random() < chance:
                conn.run("SET statement_timeout = %d" %
                         self.random.choice((1, 2, 3, 5, 10)))
                return True
            conn.run("SET statement_timeout = 0")
        except Lost:
            self.drop()
        except SqlError:
            pass
        return False


class Crew:
    """Workers, and what disturbs them, until time is up."""

    def __init__(self, tables, server, seed, seconds, settings=None):
        self.tables, self.server, self.seed = tables, server, seed
        self.seconds, self.settings = seconds, settings or {}
        self.failures, self.workers, self.lock = [], [], threading.Lock()
        self.over = threading.Event()
        self.seen = {}

    def fail(self, text):
        with self.lock:
            self.failures.append(text)
        if self.tables.kind in ("heap", "lake"):
            self.over.set()

    def guarded(self, work, *arguments):
        try:
            work(*arguments)
        except Failure as failure:
            self.fail(str(failure))
        except Exception as problem:  # a thread must not die unheard
            self.fail("%s: %s" % (type(problem).__name__, problem))

    def run(self, works, disturbers=()):
        """works: functions of a Worker, each called again and again in a
        thread of its own; disturbers: functions of (crew, random)."""
        self.workers = [Worker(self, n) for n in range(len(works))]
        end = time.time() + self.seconds

        def loop(worker, work):
            while time.time() < end and not self.over.is_set():
                work(worker)

        def disturb(number, disturber):
            rng = random.Random("%s disturber %d" % (self.seed, number))
            while time.time() < end and not self.over.is_set():
                disturber(self, rng)

        threads = [threading.Thread(target=self.guarded, args=(loop, w, work))
                   for w, work in zip(self.workers, works)]
        threads += [threading.Thread(target=self.guarded,
                                     args=(disturb, n, d))
                    for n, d in enumerate(disturbers)]
        for thread in threads:
            thread.daemon = True
            thread.start()
        for thread in threads:
            thread.join(self.seconds + 2 * READY_SECONDS)
            if thread.is_alive():
                raise Failure("a session hangs; " + self.waiting())
        for worker in self.workers:
            worker.drop()
            for what, count in worker.seen.items():
                self.seen[what] = self.seen.get(what, 0) + count
        if self.server:
            self.server.ready()
        self.failures += libpq.warnings[:3]
        libpq.warnings.clear()
        if self.failures:
            raise Failure("; ".join(self.failures[:3]))

    def waiting(self):
        try:
            rows = Connection("look").run(
                "SELECT pid, state, wait_event_type, wait_event, left(query, "
                "80) FROM pg_stat_activity WHERE state <> 'idle' OR "
                "backend_type LIKE 'paimon%'")
            return "; ".join(" ".join(str(x) for x in row) for row in rows)
        except (Lost, SqlError) as error:
            return str(error)

    def text(self):
        return ", ".join("%s %d" % (k, self.seen[k])
                         for k in sorted(self.seen))


# ---- what goes on behind the sessions' backs --------------------------------

def quietly(crew, name, sql, allowed=()):
    """One statement in a session of its own; crashes and the errors of those
    who are disturbed do not matter here."""
    try:
        session = Connection("disturber", **crew.settings)
    except Lost:
        time.sleep(0.1)
        return
    try:
        session.run(sql)
        with crew.lock:
            crew.seen[name] = crew.seen.get(name, 0) + 1
    except SqlError as error:
        if error.state not in {DEADLOCK, CANCELED, LOCKED} | set(allowed):
            crew.fail("%s: %s" % (name, error))
    except Lost:
        time.sleep(0.1)
    finally:
        session.close()


def flusher(*tables, pause=0.3):
    def disturb(crew, rng):
        time.sleep(rng.uniform(0, pause))
        if crew.tables.lake:
            quietly(crew, "flushes", "SELECT paimon.flush('%s')" %
                    rng.choice(tables))
    return disturb


def compacter(*tables, pause=1.0):
    def disturb(crew, rng):
        time.sleep(rng.uniform(0, pause))
        if crew.tables.lake:
            # Another compaction of the table may have been faster.
            quietly(crew, "compactions", "SELECT paimon.compact('%s', %s)" %
                    (rng.choice(tables), rng.choice(("true", "false"))),
                    {SERIALIZATION})
    return disturb


def bulk_loader(table, keys, value="0", pause=0.5):
    """Loads other keys in bulk, by COPY or INSERT."""
    def disturb(crew, rng):
        time.sleep(rng.uniform(0, pause))
        first, count = rng.choice(keys), rng.choice((30, 300))
        query = crew.tables.upsert(
            table, "SELECT i, %s FROM generate_series(%d, %d) i" %
            (value, first, first + count - 1))
        if not crew.tables.lake or rng.random() < 0.5:
            quietly(crew, "bulk loads", "SET paimon_fdw.bulk_threshold = 20; "
                    + query)
            return
        try:
            session = Connection("disturber", **crew.settings)
        except Lost:
            return
        try:
            session.run("SET paimon_fdw.bulk_threshold = 20")
            session.copy("COPY %s FROM STDIN" % table,
                         ["%d\t%s" % (k, value)
                          for k in range(first, first + count)])
            with crew.lock:
                crew.seen["copies"] = crew.seen.get("copies", 0) + 1
        except SqlError as error:
            if error.state not in (DEADLOCK, CANCELED):
                crew.fail("COPY: %s" % error)
        except Lost:
            pass
        finally:
            session.close()
    return disturb


def canceler(pause=0.2):
    def disturb(crew, rng):
        time.sleep(rng.uniform(0, pause))
        if crew.workers:
            rng.choice(crew.workers).cancel()
    return disturb


WORKERS = "backend_type LIKE 'paimon_fdw%'"
HELPERS = "backend_type IN ('checkpointer', 'walwriter', 'background writer')"


def victim(where, rng):
    """The process id of one of these, or None."""
    try:
        session = Connection("look")
    except Lost:
        return None
    try:
        rows = session.run("SELECT pid FROM pg_stat_activity WHERE " + where)
        return int(rng.choice(rows)[0]) if rows else None
    except (Lost, SqlError):
        return None
    finally:
        session.close()


def strike(crew, rng, kind):
    """SIGKILL a process. -> whether it was there to be killed"""
    server = crew.server
    if kind == "postmaster":
        server.kill_postmaster()
        return True
    if kind == "backend":
        pids = [p for p in (w.pid() for w in crew.workers) if p]
        pid = rng.choice(pids) if pids else None
    else:
        where = WORKERS if kind == "worker" else HELPERS
        pid, end = None, time.time() + 1
        while pid is None and time.time() < end:
            pid = victim(where, rng)
    return bool(pid) and server.kill(pid)


def killer(pause=(1.5, 3.0), kinds=("backend", "worker", "postmaster")):
    def disturb(crew, rng):
        time.sleep(rng.uniform(*pause))
        kind = rng.choice(kinds)
        if crew.server and not crew.over.is_set() and strike(crew, rng, kind):
            with crew.lock:
                name = "kills of a " + kind
                crew.seen[name] = crew.seen.get(name, 0) + 1
            crew.server.ready()
    return disturb


def verdict(name, function):
    """Runs a case and prints its result line. -> whether it failed"""
    started = time.time()
    try:
        message, failed = function() or "", False
    except (Failure, SqlError, Lost, OSError) as failure:
        message, failed = str(failure), True
    print("%s - %s: %s (%.1f s)" % (
        "not ok" if failed else "ok", name, " ".join(message.split())[:1500],
        time.time() - started))
    sys.stdout.flush()
    return failed
