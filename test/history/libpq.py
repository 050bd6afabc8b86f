"""Sessions of PostgreSQL through libpq, which every psql brings along.

A session belongs to one thread; only cancel() may come from another. A call
into libpq lets other threads run, so a few dozen sessions fit in a process.
"""
import ctypes
import ctypes.util
import os
import subprocess

BAD, EMPTY, COMMAND, TUPLES, COPY_OUT, COPY_IN = 1, 0, 1, 2, 3, 4
SQLSTATE, PRIMARY = ord("C"), ord("M")


def _load():
    names = ["libpq.so.5", ctypes.util.find_library("pq")]
    try:
        folder = subprocess.run(
            [os.environ.get("PG_CONFIG", "pg_config"), "--libdir"],
            stdout=subprocess.PIPE, encoding="utf-8").stdout.strip()
        names.insert(0, os.path.join(folder, "libpq.so.5"))
    except OSError:
        pass
    for name in names:
        try:
            return ctypes.CDLL(name)
        except (OSError, TypeError):
            continue
    raise SystemExit("libpq.so.5 is not to be found")


_pq = _load()
for _name, _result, _arguments in (
        ("PQconnectdb", ctypes.c_void_p, [ctypes.c_char_p]),
        ("PQstatus", ctypes.c_int, [ctypes.c_void_p]),
        ("PQerrorMessage", ctypes.c_char_p, [ctypes.c_void_p]),
        ("PQfinish", None, [ctypes.c_void_p]),
        ("PQbackendPID", ctypes.c_int, [ctypes.c_void_p]),
        ("PQtransactionStatus", ctypes.c_int, [ctypes.c_void_p]),
        ("PQexec", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]),
        ("PQexecParams", ctypes.c_void_p,
         [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int] +
         [ctypes.c_void_p] * 4 + [ctypes.c_int]),
        ("PQgetResult", ctypes.c_void_p, [ctypes.c_void_p]),
        ("PQresultStatus", ctypes.c_int, [ctypes.c_void_p]),
        ("PQresultErrorField", ctypes.c_char_p,
         [ctypes.c_void_p, ctypes.c_int]),
        ("PQresultErrorMessage", ctypes.c_char_p, [ctypes.c_void_p]),
        ("PQcmdTuples", ctypes.c_char_p, [ctypes.c_void_p]),
        ("PQntuples", ctypes.c_int, [ctypes.c_void_p]),
        ("PQnfields", ctypes.c_int, [ctypes.c_void_p]),
        ("PQgetvalue", ctypes.c_char_p,
         [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]),
        ("PQgetisnull", ctypes.c_int,
         [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]),
        ("PQclear", None, [ctypes.c_void_p]),
        ("PQputCopyData", ctypes.c_int,
         [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]),
        ("PQputCopyEnd", ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p]),
        ("PQgetCancel", ctypes.c_void_p, [ctypes.c_void_p]),
        ("PQcancel", ctypes.c_int,
         [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]),
        ("PQfreeCancel", None, [ctypes.c_void_p]),
        ("PQsetNoticeProcessor", ctypes.c_void_p,
         [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p])):
    _function = getattr(_pq, _name)
    _function.restype = _result
    _function.argtypes = _arguments

warnings = []  # what the server warned of, in any session
USUAL = (b"crash of another server process", b"no longer waiting",
         b"there is no transaction in progress")


def _notice(_unused, text):
    if text.startswith(b"WARNING") and not any(u in text for u in USUAL):
        warnings.append(text.decode(errors="replace").strip())


_quiet = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)(_notice)


class SqlError(Exception):
    """The server refused: state is the SQLSTATE."""

    def __init__(self, state, message, sql):
        super().__init__("%s: %s (%s)" % (state, message, sql[:120]))
        self.state = state


class Lost(Exception):
    """The connection is gone; what was asked may have been done."""


DEFAULTS = {}  # settings of every session


class Connection:
    def __init__(self, name="history", **settings):
        settings = dict(DEFAULTS, **settings)
        options = " ".join("-c %s=%s" % pair for pair in settings.items())
        self.conn = _pq.PQconnectdb(
            ("application_name=%s connect_timeout=10 options='%s'" %
             (name, options)).encode())
        if _pq.PQstatus(self.conn) != 0:
            message = _pq.PQerrorMessage(self.conn).decode(errors="replace")
            self.close()
            raise Lost(message.strip())
        _pq.PQsetNoticeProcessor(self.conn, _quiet, None)
        self.pid = _pq.PQbackendPID(self.conn)
        self.count = 0
        # Half of the sessions speak the extended protocol where they can.
        self.extended = self.pid % 2 == 0

    def close(self):
        if self.conn:
            _pq.PQfinish(self.conn)
            self.conn = None

    def idle(self):
        """Whether no transaction is open."""
        return _pq.PQtransactionStatus(self.conn) == 0

    def _check(self, result, sql):
        """Rows of a result, or the error it holds."""
        if not result:
            raise Lost(_pq.PQerrorMessage(self.conn).decode(errors="replace"))
        try:
            status = _pq.PQresultStatus(result)
            if status == TUPLES:
                return [tuple(None if _pq.PQgetisnull(result, r, c) else
                              _pq.PQgetvalue(result, r, c).decode()
                              for c in range(_pq.PQnfields(result)))
                        for r in range(_pq.PQntuples(result))]
            if status in (EMPTY, COMMAND, COPY_IN):
                self.count = int(_pq.PQcmdTuples(result) or 0)
                return []
            state = _pq.PQresultErrorField(result, SQLSTATE)
            text = (_pq.PQresultErrorField(result, PRIMARY) or
                    _pq.PQresultErrorMessage(result))
        finally:
            _pq.PQclear(result)
        text = text.decode(errors="replace").strip()
        # 57P01..57P03: the server ends this session and maybe itself.
        if _pq.PQstatus(self.conn) != 0 or state is None or \
                state.startswith(b"57P"):
            raise Lost(text)
        raise SqlError(state.decode(), text, sql)

    def run(self, sql):
        """Rows of the last statement, as tuples of text."""
        if self.extended and ";" not in sql and not sql.startswith("COPY"):
            result = _pq.PQexecParams(self.conn, sql.encode(), 0, None, None,
                                      None, None, 0)
        else:
            result = _pq.PQexec(self.conn, sql.encode())
        return self._check(result, sql)

    def value(self, sql):
        rows = self.run(sql)
        return rows[0][0] if rows else None

    def copy(self, sql, lines):
        """COPY ... FROM STDIN with these lines."""
        self.run(sql)
        data = "".join(line + "\n" for line in lines).encode()
        _pq.PQputCopyData(self.conn, data, len(data))
        _pq.PQputCopyEnd(self.conn, None)
        problem = None
        while True:
            result = _pq.PQgetResult(self.conn)
            if not result:
                break
            try:
                self._check(result, sql)
            except (SqlError, Lost) as error:
                problem = problem or error
        if problem:
            raise problem
        if _pq.PQstatus(self.conn) != 0:
            raise Lost("during COPY")

    def cancel(self):
        """From any thread: ask the server to stop the running statement."""
        handle = _pq.PQgetCancel(self.conn)
        if handle:
            text = ctypes.create_string_buffer(256)
            _pq.PQcancel(handle, text, 256)
            _pq.PQfreeCancel(handle)
