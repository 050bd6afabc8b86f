"""What the scenarios of run_faults.py stand on: a psql that stays connected,
a lake of one's own, comparisons of files before and after.
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from paimon_rows import Psql, split_error  # noqa: E402

STATEMENT_SECONDS = 60
ROOT = os.geteuid() == 0


class Failure(Exception):
    pass


class Skip(Exception):
    pass


class Session:
    """One psql that stays connected. send and receive may be apart."""

    def __init__(self, database="postgres"):
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", "psql", "-X", "-q", "-A", "-t", "-F", "|", "-d",
             database],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8",
            errors="backslashreplace", bufsize=1)
        self.run("\\set VERBOSITY verbose\nSET client_min_messages = error")
        self.pid = None

    def send(self, sql):
        try:
            self.process.stdin.write(sql + "\n;\\echo :::done\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def receive(self):
        """-> (rows, error or None)"""
        watchdog = threading.Timer(STATEMENT_SECONDS, self.process.kill)
        watchdog.start()
        lines = []
        try:
            for line in self.process.stdout:
                if line == ":::done\n":
                    return split_error(lines)
                lines.append(line.rstrip("\n"))
        finally:
            watchdog.cancel()
        return lines, "08006: connection lost: " + " ".join(lines)[-200:]

    def run(self, sql):
        self.send(sql)
        return self.receive()

    def rows(self, sql):
        rows, error = self.run(sql)
        if error is not None:
            raise Failure("%s: %s" % (sql[:200], error))
        return rows

    def value(self, sql):
        rows = self.rows(sql)
        return rows[0] if rows else None

    def fails(self, sql, *states):
        """The statement must fail with one of these; returns its text."""
        rows, error = self.run(sql)
        if error is None:
            raise Failure("%s: no error but %s, wanted %s" %
                          (sql[:200], rows[:3], "/".join(states)))
        if not error.startswith(states):
            raise Failure("%s: %s, wanted %s" % (sql[:200], error,
                                                 "/".join(states)))
        return error

    def backend(self):
        if self.pid is None:
            self.pid = int(self.value("SELECT pg_backend_pid()"))
        return self.pid

    def close(self):
        try:
            self.process.stdin.close()
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def one(sql):
    """The first value of a statement in a session of its own, or None."""
    rows, error = Psql().script([("one", sql)]).get("one", ([], "lost"))
    return rows[0] if error is None and rows else None


def server_identity():
    """Changes when the server restarts, also after the crash of a backend."""
    return one("SELECT pg_postmaster_start_time(), pid FROM pg_stat_activity "
               "WHERE backend_type = 'checkpointer'")


def wait_for_server(seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        if one("SELECT 'up'") == "up":
            return
        time.sleep(0.05)
    raise Failure("the server did not come back in %d s" % seconds)


def hashes(folder):
    """{path: hash} of every file below folder."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as handle:
                found[os.path.relpath(path, folder)] = hashlib.sha1(
                    handle.read()).hexdigest()
    return found


def difference(before, after):
    return "new %s, gone %s, changed %s" % (
        sorted(set(after) - set(before))[:3],
        sorted(set(before) - set(after))[:3],
        sorted(p for p in before if p in after and before[p] != after[p])[:3])


class Lake:
    """A warehouse, its foreign server and a session, of one scenario."""

    def __init__(self, work, name):
        self.name = "faults_" + name
        self.home = os.path.join(work, self.name)
        self.warehouse = os.path.join(self.home, "lake")
        shutil.rmtree(self.home, ignore_errors=True)
        os.makedirs(self.warehouse)
        self.give(self.home)
        self.session = Session()
        # Roles outlive a run that was stopped halfway.
        self.sql("DROP SERVER IF EXISTS %s, %s_alias CASCADE" %
                 (self.name, self.name))
        self.sql("CREATE SERVER %s FOREIGN DATA WRAPPER paimon_fdw OPTIONS "
                 "(warehouse 'file://%s')" % (self.name, self.warehouse))

    def give(self, path):
        """Files that we made belong to the server's user."""
        if ROOT:
            subprocess.run(["chown", "-R", "postgres", path], check=True)

    def sql(self, sql):
        return self.session.rows(sql)

    def value(self, sql):
        return self.session.value(sql)

    def fails(self, sql, *states):
        return self.session.fails(sql, *states)

    def table(self, name, columns, options=""):
        self.sql("DROP FOREIGN TABLE IF EXISTS %s" % name)
        self.sql("CREATE FOREIGN TABLE %s (%s) SERVER %s OPTIONS (database "
                 "'db'%s)" % (name, columns, self.name,
                              ", " + options if options else ""))

    def keyed(self, name="k", columns="id int NOT NULL, v bigint, s text"):
        self.table(name, columns, "primary_key 'id', \"bucket\" '1'")

    def folder(self, table):
        return os.path.join(self.warehouse, "db.db", table)

    def files(self, table, *starts):
        """Files of a table whose names begin so, the newest first."""
        found = []
        for place, _, names in os.walk(self.folder(table)):
            found += [os.path.join(place, n) for n in names
                      if n.startswith(starts)]
        return sorted(found, key=lambda p: (-os.stat(p).st_mtime_ns, p))

    def listing(self):
        return {os.path.join(place, name)
                for place, _, names in os.walk(self.warehouse)
                for name in names}

    def quiet_listing(self, *tables):
        """The files that are there when nothing is left to publish."""
        for table in tables:
            self.sql("SELECT paimon.flush('%s')" % table)
        return self.listing()

    def nothing_new(self, before, what):
        """A failed statement leaves no file and removes none. -> 0, the
        number of orphans that it may leave."""
        left = self.listing() - before
        removed = before - self.listing()
        compacts = "paimon.compact" in what
        # A compaction publishes at once; an interrupt may come after that.
        if compacts and not removed and any("/snapshot-" in p for p in left):
            return 0
        if left or removed:
            raise Failure("%s: left %s, removed %s" % (
                what, sorted(left)[:3], sorted(removed)[:3]))
        return 0

    def sound(self, table):
        problems = self.sql("SELECT object, problem FROM paimon.verify('%s')"
                            % table)
        if problems:
            raise Failure("verify of %s: %s" % (table, problems[:3]))

    def reconnect(self):
        self.session.close()
        self.session = Session()

    def drop(self):
        self.session.close()
        Psql().script([("drop", "SET client_min_messages = error; DROP SERVER "
                        "IF EXISTS %s CASCADE" % self.name)])
        shutil.rmtree(self.home, ignore_errors=True)


class Unchanged:
    """with Unchanged(folder): no file in it is other afterwards."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        self.before = hashes(self.folder)

    def __exit__(self, kind, value, trace):
        if kind is None:
            after = hashes(self.folder)
            if after != self.before:
                raise Failure("lake changed: " +
                              difference(self.before, after))


class Mounted:
    """A small tmpfs over a folder, for root only."""

    def __init__(self, folder, size):
        self.folder, self.size = folder, size

    def __enter__(self):
        if not ROOT:
            raise Skip("only root can mount a small file system")
        stat = os.stat(self.folder)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=%s,mode=700,uid=%d,gid=%d" %
             (self.size, stat.st_uid, stat.st_gid), "tmpfs", self.folder],
            stderr=subprocess.PIPE, encoding="utf-8")
        if done.returncode != 0:
            raise Skip("no mount: " + done.stderr.strip())

    def __exit__(self, kind, value, trace):
        for _ in range(20):
            if subprocess.run(["umount", self.folder],
                              stderr=subprocess.DEVNULL).returncode == 0:
                return
            time.sleep(0.1)
        subprocess.run(["umount", "-l", self.folder], check=False)


def set_room(ballast, folder, room):
    """Fill the disk with one file until so many bytes are left; None: empty
    it."""
    if os.path.exists(ballast):
        os.remove(ballast)
    if room is None:
        return
    info = os.statvfs(folder)
    with open(ballast, "wb") as handle:
        handle.write(b"\0" * max(0, info.f_bavail * info.f_frsize - room))


def together(works):
    """Run functions in threads; the first failure is ours."""
    failures = []

    def guarded(work):
        session = Session()
        try:
            work(session)
        except Exception as failure:
            failures.append(failure)
        finally:
            session.close()

    threads = [threading.Thread(target=guarded, args=[w]) for w in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def write_json(lake, path, value):
    with open(path, "w", encoding="utf-8") as handle:
        json.dump(value, handle)
    lake.give(path)


def verdict_text(verdicts):
    return ", ".join("%s %d" % (n, verdicts[n]) for n in sorted(verdicts))
