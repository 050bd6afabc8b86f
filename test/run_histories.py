"""Goal: what many sessions do to lake tables at once is what PostgreSQL's
isolation levels promise, whatever goes on behind their backs: flushes, bulk
loads, compactions, cancels, timeouts, and processes that are killed.

Each case lets sessions work for a while, records what they were told, and
looks for contradictions. It must pass on heap tables and on lake tables, and
must fail on tables that are wrong on purpose (the controls): a test that
finds nothing there is worth nothing.

usage: run_histories.py WORK_DIR [options]
  WORK_DIR  the server's user may write there; the server's folder, when
            WORK_DIR/.. is one of tools/server.sh, so that it can be killed
  --tables heap|lake|blind|loose|torn  (default: lake, and the controls)
  --seconds N     how long a case runs (default 5)
  --sessions N    default 8
  --seed N        default: the clock
  --case NAME     only this one (may be repeated)
  --no-kill       processes are left alive
  --oracle        Paimon's Java reads snapshots too
"""
import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import defaultdict

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "history"))
import elle  # noqa: E402
from libpq import Connection, SqlError  # noqa: E402
from world import (DOUBT, FAILED, OK, RC, RR, SER,  # noqa: E402
                   Abandon, Crew, Failure, Server, Tables, bulk_loader, canceler,
                   compacter, flusher, killer, verdict)


# Buckets that are fixed, and that grow with the table.
LAYOUTS = ("\"bucket\" '1'", "\"bucket\" '3'", "")


class Run:
    """What a case needs."""

    def __init__(self, arguments, kind, name, seconds=None):
        self.arguments = arguments
        self.kind = kind
        self.work = arguments.work
        self.seconds = seconds or arguments.seconds
        self.sessions = arguments.sessions
        home = os.path.dirname(self.work)
        self.server = Server(home) if os.path.exists(
            os.path.join(home, "data", "postmaster.pid")) else None
        self.tables = Tables(kind, os.path.join(self.work, "lake"))
        self.control = kind not in ("heap", "lake")
        self.options = random.Random(
            "%s %s" % (arguments.seed, name)).choice(LAYOUTS)

    def crew(self, name, settings=None):
        return Crew(self.tables, self.server,
                    "%s %s" % (self.arguments.seed, name), self.seconds,
                    settings)

    def disturbers(self, *tables, others=None):
        """others: where bulk loads may put keys of their own"""
        if self.control:
            return []
        found = [flusher(*tables), compacter(*tables), canceler()]
        if others:
            found.append(bulk_loader(others, range(100000, 400000)))
        if self.server and not self.arguments.no_kill:
            found.append(killer())
        return found

    def sound(self, *names):
        """After a flush the lake alone holds the table's rows, and is sound."""
        if not self.tables.lake:
            return
        session = Connection("sound", statement_timeout="60s")
        try:
            for name in names:
                session.run("SELECT paimon.flush('%s')" % name)
                digest = ("SELECT count(*), md5(string_agg(t::text, ',' ORDER "
                          "BY t::text)) FROM %s t" % name)
                newest = session.value("SELECT max(snapshot_id) FROM "
                                       "paimon.snapshots('%s')" % name)
                here = session.run(digest)
                session.run("SET paimon_fdw.as_of = 'snapshot:%s'" % newest)
                there = session.run(digest)
                session.run("RESET paimon_fdw.as_of")
                if here != there:
                    raise Failure("%s: %s here, %s in snapshot %s" %
                                  (name, here, there, newest))
                problems = session.run("SELECT object, problem FROM "
                                       "paimon.verify('%s')" % name)
                if problems:
                    raise Failure("verify of %s: %s" % (name, problems[:3]))
                published_once(session, name)
        except SqlError as error:
            raise Failure(str(error))
        finally:
            session.close()


def published_once(session, name):
    """Every identifier of ours is in one snapshot, and they ascend."""
    last = {}
    for snapshot, user, ident in session.run(
            "SELECT snapshot_id, commit_user, commit_identifier FROM "
            "paimon.snapshots('%s') WHERE commit_user LIKE 'paimon_fdw-%%' AND"
            " commit_kind = 'APPEND' ORDER BY 1" % name):
        if int(ident) <= last.get(user, -1):
            raise Failure("%s: snapshot %s has identifier %s after %s" %
                          (name, snapshot, ident, last[user]))
        last[user] = int(ident)


# ---- counters ---------------------------------------------------------------

def counters(run, level):
    """No increment is lost and none counts twice."""
    tables, keys = run.tables, 4
    tables.make("counter", options=run.options)
    tables.make("step", heap=True)
    setup = Connection("setup")
    setup.run(tables.upsert("counter", "SELECT i, 0 FROM generate_series(1, "
                            "%d) i" % keys))
    setup.run("INSERT INTO step SELECT i, 1 FROM generate_series(1, %d) i" %
              keys)
    crew = run.crew("counters " + level)
    told, lock = defaultdict(int), threading.Lock()

    def plain(conn, key):
        conn.run("UPDATE counter SET v = v + 1 WHERE k = %d" % key)
        return conn.count

    def joined(conn, key):
        conn.run("UPDATE counter SET v = counter.v + step.v FROM step WHERE "
                 "counter.k = step.k AND step.k = %d" % key)
        return conn.count

    def locked(conn, key):
        value = conn.value("SELECT v FROM counter WHERE k = %d FOR UPDATE" %
                           key)
        conn.run("UPDATE counter SET v = %d WHERE k = %d" %
                 (int(value) + 1, key))
        return conn.count

    def returning(conn, key):
        return len(conn.run("WITH w AS (UPDATE counter SET v = v + 1 WHERE k ="
                            " %d AND v >= 0 RETURNING v) SELECT v FROM w" %
                            key))

    def undone(conn, key):
        conn.run("SAVEPOINT a")
        conn.run("UPDATE counter SET v = v + 1000 WHERE k = %d" % key)
        conn.run("ROLLBACK TO a")
        return plain(conn, key)

    def constant(conn, key):
        """From REPEATABLE READ on a lock is not needed."""
        value = conn.value("SELECT v FROM counter WHERE k = %d" % key)
        conn.run("UPDATE counter SET v = %d WHERE k = %d" %
                 (int(value) + 1, key))
        return conn.count

    forms = [plain, plain, plain, joined, returning]
    if level != RC:
        forms += [constant]
    if not run.control:
        forms += [locked, undone]

    def work(worker):
        key = worker.random.randint(1, keys)
        form = worker.random.choice(forms)
        worker.limit(0 if run.control else 0.1)
        status, count = worker.transaction(lambda conn: form(conn, key), level)
        if status != FAILED and count not in (1, None):
            crew.fail("%s of a key that is there touched %s rows" %
                      (form.__name__, count))
        with lock:
            told[key, status] += 1

    crew.run([work] * run.sessions,
             run.disturbers("counter", others="counter"))
    found = dict(setup_rows("SELECT k, v FROM counter WHERE k <= %d" % keys))
    for key in range(1, keys + 1):
        least = told[key, OK]
        most = least + told[key, DOUBT]
        if not least <= found.get(key, -1) <= most:
            raise Failure("key %d: %d to %d increments, the table has %s" %
                          (key, least, most, found.get(key)))
    run.sound("counter")
    setup.close()
    return "%d increments; %s" % (
        sum(n for (_, s), n in told.items() if s == OK), crew.text())


def setup_rows(sql):
    session = Connection("setup")
    try:
        return [tuple(int(x) for x in row) for row in session.run(sql)]
    except SqlError as error:
        raise Failure(str(error))
    finally:
        session.close()


# ---- bank -------------------------------------------------------------------

ACCOUNTS, MONEY = 16, 1000


class Bank:
    """Accounts in two lake tables and a heap table. `solo` only moves money
    within itself: each of its snapshots must hold all of it."""

    def __init__(self, run):
        self.run, self.tables = run, run.tables
        self.keys = itertools.count(1000)
        for name in ("solo", "east", "west"):
            self.tables.make(name, heap=name == "west",
                             options=run.options)
        session = Connection("setup")
        for name in ("solo", "east", "west"):
            session.run(self.tables.upsert(
                name, "SELECT i, %d FROM generate_series(1, %d) i" %
                (MONEY, ACCOUNTS)))
        session.close()
        self.crew = run.crew("bank")
        self.first = None

    def transfer(self, worker):
        rng = worker.random
        one, other = rng.choice((("solo", "solo"), ("solo", "solo"),
                                 ("east", "west"), ("west", "east"),
                                 ("east", "east")))
        source, target = rng.sample(range(1, ACCOUNTS + 1), 2)
        form = rng.choice((self.plain, self.plain, self.locking, self.single,
                           self.moving, self.savepoint))
        if self.run.control:
            form = self.plain
        worker.limit(0 if self.run.control else 0.1)
        worker.transaction(
            lambda conn: form(conn, rng, (one, source), (other, target)),
            rng.choice((RC, RC, RR)),
            end="ROLLBACK" if rng.random() < 0.05 and not self.run.control
            else "COMMIT")

    @staticmethod
    def plain(conn, rng, one, other):
        amount = rng.randint(1, 9)
        conn.run("UPDATE %s SET v = v - %d WHERE k = %d" %
                 (one[0], amount, one[1]))
        if conn.count == 0:
            return
        conn.run("UPDATE %s SET v = v + %d WHERE k = %d" %
                 (other[0], amount, other[1]))
        if conn.count == 0:
            conn.run("UPDATE %s SET v = v + %d WHERE k = %d" %
                     (one[0], amount, one[1]))

    @staticmethod
    def locking(conn, rng, one, other):
        """Reads and locks, then writes constants."""
        rows = [conn.value("SELECT v FROM %s WHERE k = %d FOR UPDATE" % place)
                for place in (one, other)]
        if None in rows:
            return
        amount = rng.randint(1, 9)
        for place, value in zip((one, other), (int(rows[0]) - amount,
                                               int(rows[1]) + amount)):
            conn.run("UPDATE %s SET v = %d WHERE k = %d" %
                     (place[0], value, place[1]))

    @staticmethod
    def single(conn, rng, one, other):
        """Both accounts in one statement."""
        amount = rng.randint(1, 9)
        if one[0] != other[0]:
            return Bank.plain(conn, rng, one, other)
        conn.run("UPDATE %s SET v = v + CASE k WHEN %d THEN %d ELSE %d END "
                 "WHERE k IN (%d, %d)" % (one[0], one[1], -amount, amount,
                                          one[1], other[1]))
        # READ COMMITTED may miss a row that was deleted and made again.
        if conn.count != 2:
            raise Abandon()

    def moving(self, conn, rng, one, other):
        """An account is closed and opened under another number."""
        rows = conn.run("DELETE FROM %s WHERE k = %d RETURNING v" % one)
        if not rows:
            return
        key = next(self.keys)
        conn.run(self.tables.upsert(other[0], "VALUES (%d, %s)" %
                                    (key, rows[0][0])))
        if rng.random() < 0.5:
            conn.run("UPDATE %s SET v = v - 3 WHERE k = %d" % (other[0], key))
            conn.run(self.tables.upsert(one[0], "VALUES (%d, 3)" % one[1]))
        else:
            conn.run("DELETE FROM %s WHERE k = %d" % (other[0], key))
            conn.run(self.tables.upsert(one[0], "VALUES (%d, %s)" %
                                        (one[1], rows[0][0])))

    @staticmethod
    def savepoint(conn, rng, one, other):
        conn.run("SAVEPOINT a")
        conn.run("UPDATE %s SET v = 0 WHERE k = %d" % one)
        conn.run("DELETE FROM %s WHERE k = %d" % other)
        conn.run("ROLLBACK TO a")
        Bank.plain(conn, rng, one, other)

    def same(self, what, found, wanted):
        if found != wanted:
            self.crew.fail("%s: %s, wanted %s" % (what, found, wanted))

    def look(self, worker):
        """Every read of one snapshot sees all the money, in several ways."""
        rng = worker.random
        worker.limit(0)
        form = rng.choice((self.look_twice, self.look_once, self.look_apart))
        worker.transaction(lambda conn: form(conn, rng), RR)

    TOTALS = ("SELECT (SELECT sum(v) FROM solo), (SELECT sum(v) FROM east) + "
              "(SELECT sum(v) FROM west)")
    WANTED = [(str(ACCOUNTS * MONEY), str(2 * ACCOUNTS * MONEY))]

    def look_twice(self, conn, rng):
        digest = ("SELECT md5(string_agg(t::text, ',' ORDER BY k)) FROM %s t "
                  "WHERE k < 100000" % rng.choice(("solo", "east")))
        first = conn.run(digest)
        self.same("totals", conn.run(self.TOTALS), self.WANTED)
        time.sleep(rng.uniform(0, 0.3))
        self.same("totals, later", conn.run(self.TOTALS), self.WANTED)
        self.same("the same rows, later", conn.run(digest), first)

    def look_once(self, conn, rng):
        """By one statement, as READ COMMITTED would."""
        self.same("one statement", conn.run(self.TOTALS), self.WANTED)

    def look_apart(self, conn, rng):
        """By key, by cursor, and as a whole."""
        rows = dict(conn.run("SELECT k, v FROM solo WHERE k < 100000"))
        keys = rng.sample(sorted(rows), min(4, len(rows)))
        for key in keys:
            self.same("key %s" % key, conn.run(
                "SELECT v FROM solo WHERE k = %s" % key), [(rows[key],)])
        if self.run.kind == "torn":
            return
        conn.run("DECLARE c CURSOR FOR SELECT v FROM solo")
        total = sum(int(v) for v, in conn.run("FETCH 5 FROM c"))
        time.sleep(rng.uniform(0, 0.1))
        total += sum(int(v) for v, in conn.run("FETCH ALL FROM c"))
        self.same("cursor", total, ACCOUNTS * MONEY)


def bank(run):
    """Money is neither made nor lost, in any read and in any snapshot."""
    it = Bank(run)
    first = newest_snapshot(run, "solo")
    readers = max(2, run.sessions // 4)
    it.crew.run([it.transfer] * (run.sessions - readers) + [it.look] * readers,
                run.disturbers("solo", "east", others="solo"))
    totals = setup_rows(Bank.TOTALS)
    if [tuple(str(x) for x in totals[0])] != Bank.WANTED:
        raise Failure("in the end: %s" % totals)
    run.sound("solo", "east")
    looked = every_snapshot(run, "solo", first)
    return "%s; %d snapshots%s" % (it.crew.text(), looked,
                                   java_snapshots(run, "solo", first))


def newest_snapshot(run, name):
    if not run.tables.lake:
        return 0
    session = Connection("setup")
    session.run("SELECT paimon.flush('%s')" % name)
    found = session.value("SELECT max(snapshot_id) FROM paimon.snapshots('%s')"
                          % name)
    session.close()
    return int(found)


def every_snapshot(run, name, first, most=200):
    """Each snapshot since the money was there holds all of it."""
    if not run.tables.lake:
        return 0
    session = Connection("snapshots")
    ids = [int(i) for i, in session.run(
        "SELECT snapshot_id FROM paimon.snapshots('%s') WHERE snapshot_id >= "
        "%d ORDER BY 1" % (name, first))]
    step = max(1, len(ids) // most)
    for number in ids[::step]:
        session.run("SET paimon_fdw.as_of = 'snapshot:%d'" % number)
        total = session.value("SELECT sum(v) FROM %s" % name)
        if int(total) != ACCOUNTS * MONEY:
            raise Failure("snapshot %d of %s holds %s" % (number, name, total))
    session.close()
    return len(ids[::step])


def java_snapshots(run, name, first, most=6):
    """The same, read by Paimon's Java."""
    if not (run.tables.lake and run.arguments.oracle):
        return ""
    last = newest_snapshot(run, name)
    ids = sorted({first + (last - first) * i // (most - 1)
                  for i in range(most)})
    out = os.path.join(run.work, "java")
    done = subprocess.run(
        ["sh", os.path.join(HERE, "interop", "oracle", "oracle.sh"), "export",
         run.tables.database + "." + name, "--out-dir", out, "--snapshots",
         ",".join(str(i) for i in ids), "--warehouse",
         os.path.join(run.work, "lake")],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
    if done.returncode != 0:
        raise Failure("oracle: " + done.stdout[-1000:])
    for number in ids:
        with open(os.path.join(out, "snapshot-%d.jsonl" % number)) as rows:
            total = sum(json.loads(row)["v"] for row in rows)
        if total != ACCOUNTS * MONEY:
            raise Failure("Java reads %d in snapshot %d" % (total, number))
    return ", %d of them by Java" % len(ids)


# ---- bulk loads of the same keys --------------------------------------------

EPOCH = 1000000


def bulk(run):
    """A bulk load replaces rows that others update at the same time: each
    update continues from the newest version, and none is lost. Values are
    load * 1000000 + updates since."""
    tables, keys = run.tables, 6
    tables.make("loaded", options=run.options)
    setup = Connection("setup")
    setup.run(tables.upsert("loaded", "SELECT i, 0 FROM generate_series(1, "
                            "%d) i" % keys))
    setup.close()
    crew = run.crew("bulk")
    numbers, lock = itertools.count(1), threading.Lock()
    seen, doubts = defaultdict(list), defaultdict(int)
    loads = [(0, 0.0, OK)]

    def update(worker):
        key = worker.random.randint(1, keys)
        worker.limit(0 if run.control else 0.05)
        begun = time.time()
        status, rows = worker.statement(
            "UPDATE loaded SET v = v + 1 WHERE k = %d RETURNING v" % key)
        with lock:
            if status == OK and len(rows) != 1:
                crew.fail("the update of key %d returned %s" % (key, rows))
            elif status == OK:
                seen[key].append((int(rows[0][0]), begun))
            elif status == DOUBT:
                doubts[key] += 1

    def load(worker):
        time.sleep(worker.random.uniform(0, 0.2))
        number = next(numbers)
        query = tables.upsert("loaded", "SELECT i, %d FROM generate_series(1, "
                              "%d) i ORDER BY i" % (number * EPOCH, keys + 40))

        def body(conn):
            conn.run("SET LOCAL paimon_fdw.bulk_threshold = 20")
            if tables.lake and number % 2:
                conn.copy("COPY loaded FROM STDIN",
                          ["%d\t%d" % (k, number * EPOCH)
                           for k in range(1, keys + 41)])
            else:
                conn.run(query)

        status, _ = worker.transaction(body)
        with lock:
            loads.append((number, time.time(), status))

    crew.run([update] * (run.sessions - 1) + [load],
             run.disturbers("loaded"))
    final = dict(setup_rows("SELECT k, v FROM loaded"))
    for key in range(1, keys + 1):
        check_loaded(key, seen[key], doubts[key], loads, final[key])
    run.sound("loaded")
    return "%d updates, %d loads; %s" % (
        sum(len(s) for s in seen.values()),
        sum(1 for _, _, status in loads if status == OK), crew.text())


def check_loaded(key, seen, doubts, loads, final):
    """One loader: its loads are in order of their numbers."""
    values = [value for value, _ in seen]
    if len(set(values)) != len(values):
        raise Failure("key %d: two updates made the same version" % key)
    status = {number: state for number, _, state in loads}
    counts, missing = defaultdict(int), 0
    for value in values + [final]:
        if status.get(value // EPOCH, FAILED) == FAILED:
            raise Failure("key %d: %d is of a load that failed" % (key, value))
        counts[value // EPOCH] = max(counts[value // EPOCH], value % EPOCH)
    for epoch, most in counts.items():
        missing += most - sum(1 for v in values if v // EPOCH == epoch)
    if missing > doubts:
        raise Failure("key %d: %d versions are nobody's, %d in doubt" %
                      (key, missing, doubts))
    last = max(n for n, s in status.items() if s == OK)
    if final // EPOCH < last:
        raise Failure("key %d: %d at the end, after load %d" %
                      (key, final, last))
    if final != max(values + [final]):
        raise Failure("key %d: %d at the end, an update made %d" %
                      (key, final, max(values)))
    ended = sorted((at, number) for number, at, state in loads if state == OK)
    for value, begun in seen:
        before = [number for at, number in ended if at < begun]
        if before and value // EPOCH < max(before):
            raise Failure("key %d: an update continued from %d after load %d" %
                          (key, value - 1, max(before)))


# ---- list append ------------------------------------------------------------

def appends(run, level):
    """Transactions of reads and appends, checked for anomalies."""
    tables = run.tables
    tables.make("list", "k int, v text", options=run.options)
    window = 12
    keys = 30 * window
    setup = Connection("setup")
    setup.run(tables.upsert("list", "SELECT i, '' FROM generate_series(1, "
                            "%d) i" % keys))
    setup.close()
    crew = run.crew("append " + level)
    elements, lock, history = itertools.count(1), threading.Lock(), []

    def place(rng):
        """Keys that are written go on, so that no list grows long."""
        start = (len(history) // 50) % (keys - window)
        return start + int(rng.betavariate(1, 2) * window) + 1

    def parse(text):
        return [int(e.partition(".")[0]) for e in text.split(",") if e]

    def padding(rng, key):
        """Some lists grow out of their page."""
        if key % 7 or rng.random() < 0.5:
            return ""
        return "." + "".join("%x" % rng.getrandbits(64) for _ in range(60))

    def body(conn, rng, txn):
        for _ in range(rng.randint(1, 4)):
            key = place(rng)
            if rng.random() < 0.5:
                element = next(elements)
                txn.operations.append(("append", key, element))
                conn.run("UPDATE list SET v = v || '%d%s,' WHERE k = %d" %
                         (element, padding(rng, key), key))
                if conn.count != 1:
                    crew.fail("an append touched %d rows" % conn.count)
            elif rng.random() < 0.6:
                asked = time.time()
                rows = conn.run("SELECT v FROM list WHERE k = %d" % key)
                txn.operations.append(("read", key, parse(rows[0][0]), asked))
            else:
                asked = time.time()
                for found, value in conn.run("SELECT k, v FROM list WHERE k "
                                             "BETWEEN %d AND %d" %
                                             (key, key + 3)):
                    txn.operations.append(("read", int(found), parse(value),
                                           asked))

    def work(worker):
        worker.limit(0 if run.control else 0.05)
        worker.connect()
        txn = elle.Transaction(level, time.time())
        txn.status, _ = worker.transaction(
            lambda conn: body(conn, worker.random, txn), level)
        txn.ended = time.time()
        with lock:
            history.append(txn)

    crew.run([work] * run.sessions, run.disturbers("list"))
    session = Connection("setup")
    final = {int(k): parse(v) for k, v in session.run("SELECT k, v FROM list")}
    session.close()
    if len(final) != keys:
        raise Failure("%d keys of %d" % (len(final), keys))
    faults = elle.Checker(history, final).run()
    if faults:
        raise Failure("%d anomalies: %s" % (len(faults), "; ".join(faults[:3])))
    run.sound("list")
    return "%d transactions; %s" % (len(history), crew.text())


# ---- what runs --------------------------------------------------------------

CASES = (
    ("counters_rc", lambda run: counters(run, RC)),
    ("counters_rr", lambda run: counters(run, RR)),
    ("bank", bank),
    ("bulk", bulk),
    ("append_rc", lambda run: appends(run, RC)),
    ("append_rr", lambda run: appends(run, RR)),
    ("append_ser", lambda run: appends(run, SER)),
)
# Case, kind of tables, what the failure must say.
CONTROLS = (
    ("counters_rc", "blind", "increments"),
    ("counters_rr", "loose", "increments"),
    ("bank", "torn", ", wanted"),
    ("bulk", "blind", "key "),
    ("append_rc", "blind", "lost"),
    ("append_rr", "loose", "unrepeatable"),
    ("append_ser", "loose", "G2"),
)


def control(arguments, name, kind, wanted):
    """The case must find what is wrong with these tables."""
    for _ in range(3):
        try:
            dict(CASES)[name](Run(arguments, kind, name, 1.5))
        except Failure as failure:
            if wanted in str(failure):
                return "found: %s" % str(failure)[:150]
            raise
    raise Failure("nothing found in %s tables" % kind)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=os.path.abspath)
    parser.add_argument("--tables", choices=Tables.KINDS)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--case", action="append")
    parser.add_argument("--no-kill", action="store_true")
    parser.add_argument("--oracle", action="store_true")
    arguments = parser.parse_args()
    print("# seed %d" % arguments.seed)
    failed = 0

    def checker():
        problem = elle.selftest()
        if problem:
            raise Failure(problem)

    failed += verdict("histories checker", checker)
    for name, case in CASES:
        if arguments.case and name not in arguments.case:
            continue
        kind = arguments.tables or "lake"
        failed += verdict("histories %s %s" % (kind, name),
                          lambda: case(Run(arguments, kind, name)))
    for name, kind, wanted in CONTROLS:
        if arguments.tables or (
                arguments.case and name not in arguments.case):
            continue
        failed += verdict("histories control %s %s" % (kind, name),
                          lambda: control(arguments, name, kind, wanted))
    return 1 if failed else 0


sys.exit(main())
