"""Goal: whatever process is killed at whatever moment, what was acknowledged
is there once, what failed is not there, and the lake gets all of it.

In each round sessions write, processes are killed, and the server recovers;
then everything is checked. Names of the invariants are those of
src/delta/README.md's crash cases:

  acknowledged <= found <= acknowledged + in doubt, transactions whole or not
  at all; an identifier of ours is in one snapshot, and they ascend; the rows
  do not change while they move to the lake; the lake alone holds them after a
  flush; the base never goes back; delta and outbox are empty when all is
  published; the lake never has rows of a transaction that the server forgot
  (some sessions commit asynchronously).

usage: run_crashes.py WORK_DIR [--kills N] [--per-round N] [--seed N]
                      [--tables heap|lake|unlogged]
  WORK_DIR is below a folder of tools/server.sh, whose server is killed.
"""
import argparse
import itertools
import os
import random
import sys
import threading
import time
from collections import defaultdict

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "history"))
from libpq import Connection, Lost, SqlError  # noqa: E402
from world import (DOUBT, FAILED, OK, RC, RR, Crew, Failure,  # noqa: E402
                   Server, Tables, quietly, strike)

KEYS, MONEY = 8, 1000
KINDS = ("worker",) * 4 + ("backend",) * 2 + ("postmaster",) * 2 + (
    "helper",) * 3
IDLE_SECONDS = 20


class Books:
    """What sessions were told, and so what the tables must hold."""

    def __init__(self):
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self.least = defaultdict(int)   # increments of a key
        self.doubt = defaultdict(int)
        self.events = {}                # number of a transaction: (status, n)
        self.weak = set()               # those that committed asynchronously
        self.prepared = {}              # transactions to be decided


class Loop:
    def __init__(self, server, tables, seed):
        self.server, self.tables, self.seed = server, tables, seed
        self.books, self.random = Books(), random.Random(seed)
        self.kills, self.totals = defaultdict(int), defaultdict(int)
        self.base = {}
        tables.make("counter")
        tables.make("solo", options="")
        tables.make("event", "txn int, n int, note text", key=None,
                    options="")
        session = Connection("setup")
        for name, value in (("counter", 0), ("solo", MONEY)):
            session.run(tables.upsert(name, "SELECT i, %d FROM "
                                      "generate_series(1, %d) i" %
                                      (value, KEYS)))
        self.check_index = False
        try:
            session.run("CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA public")
            self.check_index = True
        except SqlError:
            pass
        session.close()

    # ---- what sessions do ---------------------------------------------------

    def increment_published(self, worker):
        """COMMIT returns when the lake has it."""
        try:
            worker.connect().run("SET paimon_fdw.synchronous_publish = on")
        except Lost:
            worker.drop()
            return
        except SqlError:
            pass  # heap tables
        self.increment(worker)

    def increment(self, worker):
        key = worker.random.randint(1, KEYS)
        status, rows = worker.statement(
            "UPDATE counter SET v = v + 1 WHERE k = %d RETURNING v" % key)
        with self.books.lock:
            if status == OK and len(rows) != 1:
                worker.crew.fail("counter %d: %s" % (key, rows))
            self.books.least[key] += status == OK
            self.books.doubt[key] += status == DOUBT

    def transfer(self, worker):
        one, other = worker.random.sample(range(1, KEYS + 1), 2)

        def body(conn):
            conn.run("UPDATE solo SET v = v - 5 WHERE k = %d" % one)
            conn.run("UPDATE solo SET v = v + 5 WHERE k = %d" % other)

        worker.transaction(body, worker.random.choice((RC, RR)),
                           end=worker.random.choice(("COMMIT", "COMMIT",
                                                     "ROLLBACK")))

    def look(self, worker):
        def body(conn):
            for _ in range(2):
                total = conn.value("SELECT sum(v) FROM solo")
                if total != str(KEYS * MONEY):
                    worker.crew.fail("a reader sees %s" % total)
                time.sleep(worker.random.uniform(0, 0.05))
        worker.transaction(body, RR)

    def event(self, worker, weak=False):
        """A transaction of its own number writes n rows, few or many."""
        rng, number = worker.random, next(self.books.numbers)
        count = rng.choice((1, 1, 2, 5, 40))
        rows = ("SELECT %d, i, 'x' FROM generate_series(1, %d) i" %
                (number, count))

        def body(conn):
            conn.run("SET LOCAL paimon_fdw.bulk_threshold = 20")
            if weak:
                conn.run("SET LOCAL synchronous_commit = off")
            if count == 5:
                conn.run("SAVEPOINT a")
                conn.run("INSERT INTO event SELECT %d, 99, 'undone'" % number)
                conn.run("ROLLBACK TO a")
            conn.run("INSERT INTO event " + rows)

        status, _ = worker.transaction(
            body, end=rng.choice(("COMMIT",) * 4 + ("ROLLBACK",)))
        with self.books.lock:
            self.books.events[number] = (status, count)
            if weak and status == OK:
                self.books.weak.add(number)

    def weak_event(self, worker):
        self.event(worker, True)

    def prepare(self, worker):
        """Prepared transactions are decided by the next round's check."""
        time.sleep(worker.random.uniform(0.05, 0.3))
        with self.books.lock:
            if len(self.books.prepared) >= 4:
                return
            number = next(self.books.numbers)
            self.books.prepared[number] = 3

        def body(conn):
            conn.run("INSERT INTO event SELECT %d, i, 'x' FROM "
                     "generate_series(1, 3) i" % number)
            conn.run(self.tables.upsert("counter", "VALUES (%d, 1)" %
                                        (number + 1000)))

        worker.transaction(body, end="PREPARE TRANSACTION 'p%d'" % number)

    # ---- rounds -------------------------------------------------------------

    def round(self, number, strikes):
        crew = Crew(self.tables, self.server, "%s %d" % (self.seed, number),
                    60)

        def disturb(crew, rng):
            for _ in range(strikes):
                time.sleep(rng.uniform(0.1, 1.0))
                kind = rng.choice(KINDS)
                if not self.tables.lake and kind == "worker":
                    kind = "backend"
                if strike(crew, rng, kind):
                    self.kills[kind] += 1
                self.server.ready()
            time.sleep(rng.uniform(0, 0.3))
            crew.over.set()

        def flush(crew, rng):
            time.sleep(rng.uniform(0, 0.3))
            if self.tables.lake:
                quietly(crew, "flushes", "SELECT paimon.flush('%s')" %
                        rng.choice(("counter", "solo", "event")))

        crew.run([self.increment, self.increment_published, self.transfer,
                  self.look, self.event, self.weak_event, self.prepare],
                 [disturb, flush])
        for what, count in crew.seen.items():
            self.totals[what] += count
        session = Connection("check", statement_timeout="60s")
        try:
            self.check(session)
        except (SqlError, Lost) as error:
            raise Failure(str(error))
        finally:
            session.close()

    def check(self, session):
        self.decide(session)
        self.check_counters(session)
        self.check_events(session)
        total = session.value("SELECT sum(v) FROM solo")
        if total != str(KEYS * MONEY):
            raise Failure("the bank holds %s" % total)
        if self.tables.lake:
            for name in ("counter", "solo", "event"):
                self.check_lake(session, name)
            self.check_idle(session)
        faults = self.server.log_faults()
        if faults:
            raise Failure("in the log: %s" % faults[:3])

    def decide(self, session):
        """Prepared transactions outlive every crash."""
        there = {int(gid[1:]) for gid, in session.run(
            "SELECT gid FROM pg_prepared_xacts")}
        for number, count in list(self.books.prepared.items()):
            status = FAILED
            if number in there:
                status = self.random.choice((OK, FAILED))
                session.run("%s PREPARED 'p%d'" % (
                    "COMMIT" if status == OK else "ROLLBACK", number))
            self.books.events[number] = (status, count)
            found = session.value("SELECT count(*) FROM counter WHERE k = %d" %
                                  (number + 1000))
            if found != ("1" if status == OK else "0"):
                raise Failure("prepared transaction %d was to be %s, counter "
                              "has %s rows" % (number, status, found))
        self.books.prepared.clear()

    def check_counters(self, session):
        found = {int(k): int(v) for k, v in session.run(
            "SELECT k, v FROM counter WHERE k <= %d" % KEYS)}
        for key in range(1, KEYS + 1):
            least = self.books.least[key]
            most = least + self.books.doubt[key]
            if not least <= found.get(key, -1) <= most:
                raise Failure("counter %d: %s, told %d to %d" %
                              (key, found.get(key), least, most))
            self.books.least[key] = found[key]
        self.books.doubt.clear()

    def check_events(self, session):
        found = {int(txn): (int(n), int(different)) for txn, n, different in
                 session.run("SELECT txn, count(*), count(DISTINCT n) FROM "
                             "event GROUP BY txn")}
        for number, (status, count) in list(self.books.events.items()):
            rows, different = found.pop(number, (0, 0))
            if rows != different or rows not in (0, count):
                raise Failure("transaction %d of %d rows has %d, %d of them "
                              "different" % (number, count, rows, different))
            may_go = status == DOUBT or number in self.books.weak
            if (rows == 0 and status == OK and not may_go) or (
                    rows and status == FAILED):
                raise Failure("transaction %d is %s, %d of %d rows are there" %
                              (number, status, rows, count))
            self.books.events[number] = (OK if rows else FAILED, count)
        self.books.weak.clear()
        if found:
            raise Failure("rows of nobody: %s" % list(found.items())[:5])

    # ---- the lake -----------------------------------------------------------

    def check_lake(self, session, name):
        digest = ("SELECT count(*), md5(string_agg(t::text, ',' ORDER BY "
                  "t::text)) FROM %s t" % name)
        newest = ("SELECT max(snapshot_id) FROM paimon.snapshots('%s')" % name)
        wanted = session.run(digest)
        self.nothing_unknown(session, name, session.value(newest))
        other = Connection("flush", statement_timeout="60s")
        try:
            session.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
            self.same(name, "before", session.run(digest), wanted)
            other.run("SELECT paimon.flush('%s')" % name)
            self.same(name, "beside a flush", session.run(digest), wanted)
            session.run("COMMIT")
        finally:
            other.close()
        self.same(name, "after a flush", session.run(digest), wanted)
        session.run("SET paimon_fdw.as_of = 'snapshot:%s'" %
                    session.value(newest))
        self.same(name, "in the lake", session.run(digest), wanted)
        session.run("RESET paimon_fdw.as_of")
        last = {}
        for snapshot, user, ident in session.run(
                "SELECT snapshot_id, commit_user, commit_identifier FROM "
                "paimon.snapshots('%s') WHERE commit_user LIKE 'paimon_fdw-%%'"
                " AND commit_kind = 'APPEND' ORDER BY 1" % name):
            if int(ident) <= last.get(user, -1):
                raise Failure("%s: snapshot %s has identifier %s after %s" %
                              (name, snapshot, ident, last[user]))
            last[user] = int(ident)
        problems = session.run("SELECT object, problem FROM "
                               "paimon.verify('%s')" % name)
        if problems:
            raise Failure("verify of %s: %s" % (name, problems[:3]))

    def same(self, name, when, found, wanted):
        if found != wanted:
            raise Failure("%s %s: %s, was %s" % (name, when, found, wanted))

    def nothing_unknown(self, session, name, newest):
        """What the lake has of an append table, the server knows."""
        if name != "event" or newest is None:
            return
        session.run("SET paimon_fdw.as_of = 'snapshot:%s'" % newest)
        there = session.run("SELECT txn, n FROM event")
        session.run("RESET paimon_fdw.as_of")
        here = set(session.run("SELECT txn, n FROM event"))
        if len(set(there)) != len(there) or not set(there) <= here:
            raise Failure("snapshot %s has rows twice or that the server "
                          "forgot: %s" % (newest,
                                          sorted(set(there) - here)[:5]))

    def check_idle(self, session):
        """Nothing stays behind, and the base went forward only."""
        rows = session.run('SELECT "table", id, delta, snapshot_id, ident FROM'
                           " paimon_int.lake_table WHERE database = '%s'" %
                           self.tables.database)
        end = time.time() + IDLE_SECONDS
        for name, number, delta, snapshot, ident in rows:
            now = (int(snapshot), int(ident))
            if any(a < b for a, b in zip(now, self.base.get(name, (0, 0)))):
                raise Failure("%s: base %s after %s" %
                              (name, now, self.base[name]))
            self.base[name] = now
            left = "SELECT (SELECT count(*) FROM paimon_int.outbox WHERE "\
                "lake_table = %s)" % number
            if delta != "0":
                heap = session.value("SELECT %s::regclass" % delta)
                left += ", (SELECT count(*) FROM %s)" % heap
                if self.check_index:
                    session.run("SELECT public.bt_index_check(indexrelid, true)"
                                " FROM pg_index WHERE indrelid = %s" % delta)
            while set(session.run(left)[0]) != {"0"}:
                if time.time() > end:
                    raise Failure("%s: outbox and delta still hold %s" %
                                  (name, session.run(left)[0]))
                time.sleep(0.1)

    def text(self):
        return "; ".join(
            ", ".join("%s %d" % (k, d[k]) for k in sorted(d))
            for d in (self.kills, self.totals))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=os.path.abspath)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--tables", choices=("heap", "lake", "unlogged"), default="lake")
    parser.add_argument("--per-round", type=int, default=4)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print("# seed %d" % arguments.seed)
    server = Server(os.path.dirname(arguments.work))
    loop, number, started = None, 0, time.time()
    try:
        loop = Loop(server, Tables(arguments.tables,
                                   os.path.join(arguments.work, "lake")),
                    arguments.seed)
        while sum(loop.kills.values()) < arguments.kills:
            loop.round(number, min(arguments.per_round, arguments.kills -
                                   sum(loop.kills.values())))
            number += 1
            if number % 10 == 0:
                print("# %d rounds, %.0f s: %s" % (
                    number, time.time() - started, loop.text()))
                sys.stdout.flush()
        message, verdict = "", "ok"
    except (Failure, SqlError, Lost) as failure:
        message, verdict = "round %d: %s; " % (number, failure), "not ok"
    text = loop.text() if loop else ""
    print("%s - crashes %s: %s%d rounds; %s (%.0f s)" % (
        verdict, arguments.tables, " ".join(message.split())[:1500], number,
        text, time.time() - started))
    return verdict != "ok"


sys.exit(main())
