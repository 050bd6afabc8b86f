"""Named cases of run_differential.py: (name, setup, statements).

What the random statements can't say, as a heap table would raise an error or
answer by chance. A string goes to both sides, a pair has the heap's first.
"""


def table(name, body, keys, options=""):
    return ("CREATE TABLE %s (%s, PRIMARY KEY (%s))" % (name, body, keys),
            "CREATE FOREIGN TABLE %s (%s) SERVER diff_lake OPTIONS (database "
            "'@database@', primary_key '%s'%s)" % (name, body, keys, options))


def append(name, body, options=""):
    return ("CREATE TABLE %s (%s)" % (name, body),
            "CREATE FOREIGN TABLE %s (%s) SERVER diff_lake OPTIONS (database "
            "'@database@'%s)" % (name, body, options))


BUCKET = ", \"bucket\" '2'"
CHECK = "SELECT count(*), sum(k), min(k), max(k), sum(hashtext(s)) FROM t"

CASES = [
    # A heap checks its key row by row and would refuse these.
    ("keys that shift by one",
     [table("t", "k int, s text", "k", BUCKET)],
     ["INSERT INTO t SELECT i, 's' || i FROM generate_series(1, 500) i",
      ("DO $$ BEGIN UPDATE t SET k = k + 100000; UPDATE t SET k = k - "
           "99999; END $$", "DO $$ BEGIN UPDATE t SET k = k + 1; END $$"),
      "SELECT * FROM t",
      ("DO $$ BEGIN UPDATE t SET k = k + 100000; UPDATE t SET k = 100600 "
           "- k; END $$", "DO $$ BEGIN UPDATE t SET k = 600 - k; END $$"),
      "SELECT * FROM t", CHECK]),
    ("one INSERT that gives a key twice",
     [table("t", "k int, s text", "k", BUCKET)],
     [("DO $$ BEGIN INSERT INTO t VALUES (1, 'b'), (2, 'c'); END $$",
           "DO $$ BEGIN INSERT INTO t VALUES (1, 'a'), (2, 'c'), (1, 'b'); "
           "END $$"),
      "SELECT * FROM t"]),
    # Two values to Paimon, one to the server.
    ("zeros and not-a-numbers",
     [table("t", "k int, d float8, f real, s text", "k", BUCKET),
      append("a", "d float8, f real")],
     ["INSERT INTO t VALUES (1, 0, 0, 'p'), (2, '-0', '-0', 'n'), (3, 'NaN', "
      "'NaN', 'q'), (4, '-Infinity', 'Infinity', 'i'), (5, 1e-300, 1e-30, "
      "'s'), (6, NULL, NULL, NULL), (7, -1e-300, -1e-30, 't')",
      "INSERT INTO a SELECT d, f FROM t"] +
     ["SELECT s FROM t WHERE %s %s %s" % (c, op, v)
      for c in "df" for op in ("=", "<>", "<", "<=", ">", ">=")
      for v in ("0", "'-0'", "'NaN'", "'Infinity'", "1e-30::real")] +
     ["SELECT count(*) FROM a WHERE d IN (0, 'NaN')",
      "SELECT count(*) FROM a WHERE d NOT IN (0, 'NaN')",
      "SELECT count(*) FROM a WHERE d BETWEEN '-0' AND 0",
      "SELECT count(*) FROM a x JOIN a y USING (d)",
      "DELETE FROM t WHERE d = 0 RETURNING s"]),
    ("many rows, batches and files",
     [table("t", "k int, s text, p int", "p, k", BUCKET +
            ", partition_by 'p', \"target-file-size\" '30 kb', "
            "\"file.block-size\" '4 kb'")],
     ["INSERT INTO t SELECT i, md5(i::text), i % 3 FROM generate_series(1, "
      "20000) i", CHECK,
      "UPDATE t SET s = s || k WHERE k % 7 = 0", CHECK,
      "DELETE FROM t WHERE k BETWEEN 3000 AND 9000 OR p = 2", CHECK,
      "UPDATE t SET k = k + 100000, s = upper(s) WHERE k < 10000", CHECK,
      "SELECT * FROM t WHERE k IN (100003, 100005, 12000, 5) OR k < 0",
      "SELECT * FROM t WHERE s LIKE 'abc%' OR s COLLATE \"C\" > 'fff'",
      "BEGIN", "DELETE FROM t WHERE k % 2 = 1",
      "INSERT INTO t SELECT k + 500000, s, p FROM t", CHECK, "SAVEPOINT a",
      "DELETE FROM t", CHECK, "ROLLBACK TO a", CHECK, "COMMIT", CHECK,
      "DELETE FROM t", "INSERT INTO t VALUES (1, 'reborn', 0)", CHECK]),
    ("savepoints, deep and wide",
     [table("t", "k int, s text", "k", BUCKET)],
     ["BEGIN"] +
     [text for i in range(25) for text in (
         "SAVEPOINT p%d" % i,
         "INSERT INTO t VALUES (%d, 'v%d')" % (i, i),
         "UPDATE t SET s = s || %d WHERE k %% 5 = %d" % (i, i % 5),
         "ROLLBACK TO p%d" % i if i % 3 == 2 else
         "RELEASE p%d" % i if i % 4 == 3 else "SELECT count(*) FROM t")] +
     ["SELECT * FROM t", "ROLLBACK TO p12", "SELECT * FROM t",
      "DELETE FROM t WHERE k % 2 = 0", "RELEASE p0", "SELECT * FROM t",
      "COMMIT", "SELECT * FROM t"]),
    ("cursors over what is being changed",
     [table("t", "k int, s text", "k", BUCKET)],
     ["INSERT INTO t SELECT i, 's' || i FROM generate_series(1, 3000) i",
      "BEGIN", "INSERT INTO t VALUES (0, 'mine')",
      "DECLARE c CURSOR FOR SELECT * FROM t ORDER BY k",
      "DECLARE h CURSOR WITH HOLD FOR SELECT count(*), max(s) FROM t",
      "FETCH 2 FROM c", "SAVEPOINT a", "DELETE FROM t WHERE k % 2 = 0",
      "DECLARE d SCROLL CURSOR FOR SELECT * FROM t ORDER BY k DESC",
      "FETCH 3 FROM d", "FETCH 3 FROM c", "UPDATE t SET s = 'later'",
      "FETCH BACKWARD 2 FROM d", "FETCH LAST FROM d", "ROLLBACK TO a",
      "MOVE 500 FROM c", "FETCH 2 FROM c", "DELETE FROM t",
      "INSERT INTO t VALUES (1, 'new')", "FETCH 1 FROM c", "COMMIT",
      "FETCH ALL FROM h", "CLOSE h", "SELECT * FROM t"]),
    ("COPY and its triggers",
     [table("t", "k int, n int", "k", BUCKET),
      "CREATE TABLE log (what text, rows int)",
      "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "INSERT INTO log SELECT TG_WHEN || TG_LEVEL, count(*) FROM t; RETURN "
      "NEW; END $$",
      "CREATE TRIGGER a AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
      "CREATE TRIGGER b BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
      "CREATE TRIGGER s AFTER INSERT ON t EXECUTE FUNCTION f()"],
     ["COPY t FROM STDIN;\n1\t1\n2\t2\n3\t\\N\n\\.",
      "SELECT * FROM log", "BEGIN",
      "COPY t (k) FROM STDIN;\n4\nx\n\\.", "ROLLBACK",
      "SELECT * FROM log", "SELECT * FROM t"]),
    ("columns of a partition in another order",
     [("CREATE TABLE parent (a int NOT NULL, b text, c int NOT NULL) "
       "PARTITION BY LIST (c)", ) * 2,
      ("CREATE TABLE p1 (c int NOT NULL, x int, a int NOT NULL, b text, "
       "PRIMARY KEY (a, c))",
       "CREATE FOREIGN TABLE p1 (c int NOT NULL, a int NOT NULL, b text) "
       "SERVER diff_lake OPTIONS (database '@database@', primary_key 'a,c', "
       "\"bucket\" '1')"),
      ("ALTER TABLE p1 DROP COLUMN x", "SELECT 1"),
      "ALTER TABLE parent ATTACH PARTITION p1 FOR VALUES IN (1)",
      "CREATE TABLE p2 PARTITION OF parent FOR VALUES IN (2)"],
     ["INSERT INTO parent VALUES (1, 'one', 1), (2, 'two', 2), (3, 'x', 1) "
      "RETURNING tableoid::regclass, *",
      "UPDATE parent SET b = b || a RETURNING *",
      "UPDATE parent SET c = 1 WHERE a = 2 RETURNING tableoid::regclass, *",
      "UPDATE parent p SET b = v.b FROM (VALUES (1, 'v'), (3, 'w')) v(a, b) "
      "WHERE v.a = p.a RETURNING p.*",
      "DELETE FROM parent WHERE a = 3 RETURNING *",
      "COPY parent FROM STDIN;\n7\tcopy\t1\n8\tcopy\t2\n\\.",
      "SELECT tableoid::regclass, parent FROM parent",
      "INSERT INTO p1 VALUES (5, 1, 'no')"]),
    ("a table inherited by a lake table",
     [("CREATE TABLE top (a int, b text)", ) * 2,
      ("CREATE TABLE kid (c int, PRIMARY KEY (a)) INHERITS (top)",
       "CREATE FOREIGN TABLE kid (c int) INHERITS (top) SERVER diff_lake "
       "OPTIONS (database '@database@', primary_key 'a', \"bucket\" '1')")],
     ["INSERT INTO top VALUES (1, 'top')",
      "INSERT INTO kid VALUES (2, 'kid', 3), (4, 'kid', 5)",
      "UPDATE top SET b = b || '!' WHERE a < 4 RETURNING *",
      "DELETE FROM top WHERE a = 4 RETURNING tableoid::regclass, *",
      "UPDATE top SET a = a + 10", "SELECT tableoid::regclass, * FROM top",
      "SELECT * FROM kid", "SELECT * FROM ONLY top"]),
]
