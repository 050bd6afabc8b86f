"""Named cases of run_differential.py: (name, setup, statements).

A string goes to both sides, a pair has the heap's text first.
"""


def table(body, keys, options=""):
    return ("CREATE TABLE t (%s, PRIMARY KEY (%s))" % (body, keys),
            "CREATE FOREIGN TABLE t (%s) SERVER diff_lake OPTIONS (database "
            "'@database@', primary_key '%s'%s)" % (body, keys, options))


CASES = [
    ("keys that shift by one",
     [table("k int, s text", "k", ", \"bucket\" '2'")],
     ["INSERT INTO t SELECT i, 's' || i FROM generate_series(1, 500) i",
      ("UPDATE t SET k = k + 100000; UPDATE t SET k = k - 99999",
       "UPDATE t SET k = k + 100000; UPDATE t SET k = k - 99999"),
      ("SELECT 1; UPDATE t SET k = -k; UPDATE t SET k = -k + 1",
       "SELECT 1; UPDATE t SET k = -k; UPDATE t SET k = -k + 1"),
      "SELECT * FROM t", "SELECT count(*), min(k), max(k) FROM t"]),
]
