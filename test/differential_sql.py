"""Random tables and statements for run_differential.py.

Everything comes from one random.Random, so that a seed names a whole run.
A statement is an Op: the text for the heap side, the text for the lake side
(the same but for INSERT, see upsert_tail) and whether rows have an order.

What is left out on purpose, as a heap table answers differently from run to
run, or sooner than the lake:
  - errors inside WHERE: which row meets them depends on the plan;
  - sums of floats, groups of 0.0 and -0.0: they depend on the row order;
  - joins of UPDATE that offer several different new values for one row;
  - keys given twice in one INSERT: ON CONFLICT refuses them with 21000;
  - key changes that meet another row: 23505 in a heap, a merge in Paimon.
"""
import re
import string

from differential_tables import (FLOATS, NUMBERS, STRINGS, TYPES, WHOLE, DATES,
                                 Op, Values, quote)


class Generator(Values):
    # ---- SELECT ----------------------------------------------------------

    def some_columns(self, table, a=""):
        if self.flip(0.3):
            return a + "*"
        chosen = self.random.sample(table.columns,
                                    self.random.randint(1, len(
                                        table.columns)))
        return ", ".join(a + c.name for c in chosen)

    def select(self, table=None):
        """-> (sql, ordered)"""
        t = table or self.pick(self.tables)
        shape = self.random.randint(0, 13)
        name, w = t.name, self.where(t, "x.")
        if shape <= 2:
            return "SELECT %s FROM %s x%s" % (
                self.some_columns(t, "x."), name, w), False
        if shape == 3:
            if not t.keys:
                return "SELECT x FROM %s x%s" % (name, w), False
            return "SELECT %s FROM %s x%s ORDER BY %s%s LIMIT %s OFFSET %d" % (
                self.some_columns(t, "x."), name, w,
                self.pick(["", "x.n DESC NULLS LAST, ", "x.s COLLATE \"C\", "
                           "x.n, "]),
                t.key_order("x."), self.pick(["1", "5", "ALL"]),
                self.pick([0, 0, 2])), True
        if shape == 4:
            aggregates = ["count(*)", "sum(n)", "avg(n)", "min(s)", "max(n)",
                          "count(DISTINCT n)", "bool_or(n > 4)",
                          "string_agg(s, ',' ORDER BY s COLLATE \"C\")"]
            for c in t.columns:
                aggregates.append("count(%s)" % c.name)
                if TYPES[c.kind][2] and c.kind not in FLOATS + ("bytea",):
                    aggregates.append("max(%s)" % c.name)
            chosen = ", ".join(self.random.sample(aggregates, 3))
            group = self.pick(["", " GROUP BY n", " GROUP BY n, s",
                               " GROUP BY n % 3 HAVING count(*) > 1",
                               " GROUP BY ROLLUP (n % 2, s)"])
            return "SELECT %s FROM %s x%s%s" % (chosen, name, w, group), False
        if shape == 5:
            return "SELECT x.n, x.s, side.* FROM %s x %s JOIN side ON " \
                "side.%s = x.n%s" % (name, self.pick(["", "LEFT", "RIGHT", "FULL"]),
                              self.pick(["id", "n"]), w), False
        if shape == 6:
            u = self.pick(self.tables)
            return "SELECT count(*), sum(x.n), sum(y.n) FROM %s x %s JOIN " \
                "%s y ON x.n = y.n%s%s" % (
                    name, self.pick(["", "LEFT", "FULL"]), u.name,
                    " AND x.s = y.s" if self.flip(0.3) else "", w), False
        if shape == 7:
            order = t.key_order("x.") if t.keys else \
                "x.n, x.s COLLATE \"C\""
            return "SELECT side.id, l.* FROM side %s JOIN LATERAL (SELECT " \
                "x.n, x.s FROM %s x WHERE x.n %s side.%s ORDER BY %s LIMIT " \
                "2) l ON true" % (self.pick(["", "LEFT"]), name,
                                self.pick(["=", "<", ">"]),
                                self.pick(["id", "n"]), order), False
        if shape == 8:
            return "SELECT x.n, (SELECT count(*) FROM side WHERE side.n = " \
                "x.n), (SELECT max(y.n) FROM %s y WHERE y.n < x.n AND y.s " \
                "IS NOT DISTINCT FROM x.s) FROM %s x%s" % (
                    self.pick(self.tables).name, name, w), False
        if shape == 9:
            u = self.pick(self.tables)
            return "SELECT n, s FROM %s x%s %s SELECT n, s FROM %s" % (
                name, w, self.pick(["UNION", "UNION ALL", "EXCEPT",
                                    "INTERSECT", "EXCEPT ALL"]),
                u.name), False
        if shape == 10:
            return "SELECT n, row_number() OVER (PARTITION BY s ORDER BY n) " \
                "IS NOT NULL, sum(n) OVER (ORDER BY n) FROM %s x%s" % (
                    name, w), False
        if shape == 11:
            return "WITH c AS %s(SELECT * FROM %s x%s) SELECT c1.n, " \
                "count(*) FROM c c1 JOIN c c2 USING (n) GROUP BY c1.n" % (
                    self.pick(["", "MATERIALIZED ", "NOT MATERIALIZED "]),
                    name, w), False
        if shape == 12:
            v = self.pick(["v1", "v2", "parent"])
            return "SELECT * FROM %s x WHERE %s" % (
                v, self.pick(["n > 4", "s LIKE 'a%'", "n IS NULL", "true",
                              "n IN (SELECT id FROM side)"])), False
        return self.pick([
            "SELECT count(x), count(*) FROM %s x%s",
            "SELECT DISTINCT n, s FROM %s x%s",
            "SELECT to_jsonb(x) - 'k' FROM %s x%s",
            "SELECT 1 FROM %s x%s",
            "SELECT x IS NULL, x.n FROM %s x%s",
            "SELECT DISTINCT ON (n) n FROM %s x%s ORDER BY n"]) % (
                name, w), False

    # ---- writing ---------------------------------------------------------

    def returning(self, table):
        if not self.flip(0.35):
            return ""
        return " RETURNING " + self.pick(
            ["*", self.some_columns(table), "n + 1, upper(s)",
             table.name, "(SELECT count(*) FROM side), n"])

    def both(self, sql, tail, end):
        return Op(sql + tail + end, sql + end)

    def insert_values(self, t):
        columns = t.settable()
        if self.flip(0.2):
            columns = [c for c in columns
                       if c.is_key or c.not_null or self.flip(0.6)]
        rows, seen = [], set()
        for _ in range(self.pick([1, 1, 2, 5, 20])):
            row = {}
            for c in columns:
                row[c.name] = self.value(c)
            if not t.upsert:
                t.next_key += 1
                row["k"] = str(t.next_key)
            key = tuple(row[k.name] for k in t.keys)
            # Numbers and times have several spellings: normalise roughly.
            key = tuple(normal(v) for v in key)
            if t.keys and key in seen and not (t.strict and self.flip(0.3)):
                continue
            seen.add(key)
            if self.flip(0.05):
                free = [c for c in columns if not c.is_key]
                if free:
                    row[self.pick(free).name] = "DEFAULT"
            rows.append("(%s)" % ", ".join(row[c.name] for c in columns))
        sql = "INSERT INTO %s (%s) VALUES %s" % (
            t.name, ", ".join(c.name for c in columns), ", ".join(rows))
        tail = t.upsert_tail() if t.keys and t.upsert else ""
        return self.both(sql, tail, self.returning(t))

    def bulk(self, t):
        """Many rows, for several files, row groups and batches."""
        count = self.pick([100, 500, 2000] if t.keys else [300, 9000])
        t.fresh += 10000
        exprs = []
        for c in t.settable():
            kind = c.kind
            if c is (t.big_key or (t.keys or [None])[0]):
                if kind not in ("int4", "int8"):
                    return self.insert_values(t)
                exprs.append("%d + i" % (10000000 + t.fresh))
            elif c.is_partition or c.is_key:
                exprs.append(self.literal(kind, True))
            elif kind == "bool":
                exprs.append("i % 3 = 0")
            elif kind in ("int2", "small", "int4", "int8", "num", "bignum"):
                exprs.append("(i * 7) % 89")
            elif kind in FLOATS:
                exprs.append("i / 4")
            elif kind in ("text", "varchar"):
                exprs.append("left(md5(i::text), i % 10)")
            elif kind == "date":
                exprs.append("date '2024-01-01' + i")
            elif kind in ("stamp", "stamp3", "stamptz"):
                exprs.append("timestamp '2024-01-01' + i * interval '1 s'")
            else:
                exprs.append(self.literal_of(c))
        return Op("INSERT INTO %s (%s) SELECT %s FROM generate_series(1, %d) "
                  "i ORDER BY hashint4(i)" % (
                      t.name, ", ".join(c.name for c in t.settable()),
                      ", ".join(exprs), count))

    def insert_select(self, t):
        """Rows of the table itself under new keys, or of a helper table."""
        if not t.keys:
            source = self.pick(self.tables)
            return Op("INSERT INTO %s (n, s) SELECT n, s FROM %s x%s%s" % (
                t.name, source.name, self.where(source, "x."),
                self.returning(t)))
        columns = t.settable()
        names = ", ".join(c.name for c in columns)
        if t.big_key and self.flip(0.5) or not t.upsert:
            t.fresh += 5000
            exprs = ", ".join(
                "%s + %d" % (c.name, t.fresh)
                if c is (t.big_key or t.keys[0]) else c.name for c in columns)
            key = (t.big_key or t.keys[0]).name
            return Op("INSERT INTO %s (%s) SELECT %s FROM %s WHERE %s "
                      "BETWEEN -10 AND 2000 AND (%s)%s" % (
                          t.name, names, exprs, t.name, key,
                          self.condition(t), self.returning(t)))
        exprs = ", ".join("n + 1" if c.name == "n" else c.name
                          for c in columns)
        sql = "INSERT INTO %s (%s) SELECT %s FROM %s%s" % (
            t.name, names, exprs, t.name, self.where(t))
        return self.both(sql, t.upsert_tail(), self.returning(t))

    def copy(self, t):
        """COPY of rows made by the server into psql's stdin form."""
        columns = [c for c in t.settable()
                   if c.is_key or c.kind in ("int4", "text")]
        if any(c.not_null and not c.default and c not in columns
               for c in t.settable()) and self.flip(0.9):
            return self.insert_values(t)
        lines = []
        for _ in range(self.pick([1, 3, 10])):
            row = []
            for c in columns:
                if c.is_key and c.kind in ("int4", "int8"):
                    t.copied += 1
                    row.append(str(t.copied))
                elif c.kind in ("int4", "int8", "int2"):
                    row.append(str(self.random.randint(0, 12)))
                elif c.kind in STRINGS:
                    row.append(self.pick(["a", "ab", "b c", "\\\\", "x\\ty"]))
                elif c.kind in ("date", "stamp", "stamp3", "stamptz"):
                    row.append(self.pick(DATES))
                elif c.kind == "bool":
                    row.append(self.pick("tf"))
                elif c.kind == "bytea":
                    row.append("\\\\x%02x" % self.random.randint(0, 255))
                elif c.kind == "uuid":
                    row.append("%032x" % self.random.randint(0, 1 << 60))
                else:
                    row.append(str(self.random.randint(0, 50)))
            lines.append("\t".join(row))
        if not any(c.is_key and c.kind in ("int4", "int8") for c in columns):
            if t.keys:
                lines = lines[:1]
        text = "\n".join(lines + ["\\."])
        names = ", ".join(c.name for c in columns)
        lake = "COPY %s (%s) FROM STDIN;\n%s" % (t.name, names, text)
        if not t.keys or not t.upsert or t.strict:
            return Op(lake)
        # COPY can't upsert: by way of a helper table.
        return Op("INSERT INTO %s (%s) SELECT * FROM stage%s" % (
            t.name, names, t.upsert_tail()), lake, heap_before=(
                "DROP TABLE IF EXISTS stage",
                "CREATE TEMP TABLE stage AS SELECT %s FROM %s LIMIT 0" % (
                    names, t.name),
                "COPY stage FROM STDIN;\n" + text))

    def new_value(self, c, t, a=""):
        x, kind = a + c.name, c.kind
        choice = self.random.random()
        if choice < 0.45:
            return self.value(c)
        if choice < 0.5 and c.default:
            return "DEFAULT"
        if choice < 0.6:
            return "CASE WHEN %s THEN %s ELSE %s END" % (
                self.condition(t, a, 0), self.literal_of(c), x)
        if choice < 0.65:
            return "coalesce(%s, %s)" % (x, self.literal_of(c))
        if kind in NUMBERS:
            return self.pick(["%s + 1", "%s * 2", "-%s", "%s - n" if
                              kind != "small" else "%s",
                              "%s / (n - n)" if self.flip(0.05) else "%s",
                              "(SELECT max(id) FROM side)"]).replace(
                                  "%s", x).replace("(n - n)", "(%sn - %sn)" %
                                                   (a, a)).replace(
                                      "- n", "- %sn" % a if a else "- n")
        if kind in STRINGS:
            return self.pick(["%s || 'x'", "upper(%s)", "left(%s, 1)",
                              "reverse(%s)"]) % x
        if kind == "bool":
            return "NOT " + x
        if kind == "date":
            return x + " + 1"
        if kind in ("stamp", "stamp3", "stamptz"):
            return x + " - interval '1 day 1 second'"
        if kind in FLOATS:
            return x + " / 2"
        if kind == "bytea":
            return x + " || '\\x00'::bytea"
        return self.value(c)

    def literal_of(self, c):
        text = self.literal(c.kind)
        return "%s::%s" % (text, TYPES[c.kind][0])

    def assignments(self, t, a=""):
        free = [c for c in t.settable() if not c.is_key]
        chosen = self.random.sample(free, self.random.randint(
            1, min(3, len(free))))
        return ", ".join("%s = %s" % (c.name, self.new_value(c, t, a))
                         for c in chosen)

    def update(self, t):
        shape = self.random.randint(0, 9)
        if shape <= 4:
            w = self.key_where(t) if self.flip(0.3) else self.where(t)
            return Op("UPDATE %s SET %s%s%s" % (
                t.name, self.assignments(t), w, self.returning(t)))
        if shape == 5:
            return Op("UPDATE %s x SET s = side.s || x.s, n = side.n FROM "
                      "side WHERE side.id = x.n AND (%s)%s" % (
                          t.name, self.condition(t, "x."),
                          self.pick(["", " RETURNING x.*, side.id"])))
        if shape == 6:
            return Op("UPDATE %s x SET n = 1 FROM side WHERE side.n = x.n "
                      "RETURNING x.*" % t.name)
        if shape == 7 and t.strict and self.flip(0.5):
            key = self.pick(t.keys)
            return Op("UPDATE %s SET %s = %s%s%s" % (
                t.name, key.name, self.literal(key.kind, True),
                self.key_where(t), self.returning(t)))
        if shape == 7 and t.big_key and t.upsert:
            t.fresh += 5000
            k = t.big_key.name
            # From one partition to one: two rows of one k must not meet.
            move, only = "", ""
            for c in t.columns:
                if c.is_partition and self.flip(0.6):
                    move = ", p = " + self.literal(c.kind, True)
                    only = " AND p = " + self.literal(c.kind, True)
            return Op("UPDATE %s SET %s = %s + %d%s, n = n %s WHERE %s BETWEEN"
                      " -10 AND 500%s AND (%s)%s" % (
                          t.name, k, k, t.fresh,
                          move, self.pick(["", "+ 1"]), k, only,
                          self.condition(t), self.returning(t)))
        if shape == 8:
            return Op("UPDATE %s x SET (n, s) = (SELECT max(y.n), min(y.s) "
                      "FROM %s y WHERE y.n >= x.n)%s" % (
                          t.name, self.pick(self.tables).name,
                          self.where(t, "x.")))
        return Op("UPDATE %s x SET n = y.n FROM (SELECT s, max(n) n FROM %s "
                  "GROUP BY s) y WHERE x.s = y.s%s" % (
                      t.name, self.pick(self.tables).name,
                      self.pick(["", " RETURNING x.n"])))

    def delete(self, t):
        shape = self.random.randint(0, 5)
        if shape <= 2:
            w = self.key_where(t) if self.flip(0.4) else \
                " WHERE " + self.condition(t)
            return Op("DELETE FROM %s%s%s" % (t.name, w, self.returning(t)))
        if shape == 3:
            return Op("DELETE FROM %s x USING side WHERE side.n = x.n AND "
                      "side.id > %d AND %s%s" % (
                          t.name, self.random.randint(0, 15),
                          self.condition(t, "x."),
                          self.pick(["", " RETURNING x.*"])))
        if shape == 4:
            return Op("DELETE FROM %s WHERE (%s) IN (SELECT %s FROM %s "
                      "ORDER BY %s LIMIT 2)%s" % (
                          t.name, t.key_order(), t.key_order(), t.name,
                          t.key_order(), self.returning(t)))
        return Op("DELETE FROM %s x WHERE EXISTS (SELECT FROM %s y WHERE "
                  "y.n = x.n AND y.s > x.s)%s" % (
                      t.name, self.pick(self.tables).name,
                      self.pick(["", " RETURNING n"])))

    def cte(self, t):
        w = self.where(t, probability=1)
        return self.pick([
            Op("WITH d AS (DELETE FROM %s%s RETURNING *) SELECT n, s FROM d"
               % (t.name, w)),
            Op("WITH u AS (UPDATE %s SET n = n + 1%s RETURNING n, s) SELECT "
               "u.n, (SELECT sum(n) FROM %s) FROM u" % (t.name, w, t.name)),
            Op("WITH d AS (DELETE FROM %s%s RETURNING n, s) INSERT INTO a1 "
               "(n, s) SELECT n, s FROM d RETURNING n" % (t.name, w)),
            Op("WITH i AS (INSERT INTO audit SELECT 'cte', s, n::text, NULL "
               "FROM %s%s RETURNING *) SELECT count(*) FROM i, %s"
               % (t.name, w, t.name)),
            Op("WITH u AS (UPDATE %s SET s = 'u'%s RETURNING n), d AS "
               "(DELETE FROM %s WHERE NOT coalesce(%s, false) RETURNING n) "
               "SELECT (SELECT count(*) FROM u), (SELECT count(*) FROM d)"
               % (t.name, w, t.name, w[7:]))])

    def parent(self):
        t = self
        w = self.pick(["r < 10", "r = 15", "k % 2 = 0", "r BETWEEN 8 AND 22",
                       "n > 5", "s = 'a'", "k IN (1001, 1003) AND r = 5"])
        self.parent_key = getattr(self, "parent_key", 1000)
        rows = []
        for _ in range(self.pick([1, 4, 12])):
            self.parent_key += 1
            rows.append("(%d, %d, %s, %s)" % (
                self.parent_key, self.random.randint(0, 30),
                self.literal("int4"), quote(self.pick(["a", "b", "c"]))))
        return self.pick([
            "INSERT INTO parent VALUES %s%s" % (
                ", ".join(rows), self.pick(["", " RETURNING *"])),
            "INSERT INTO parent VALUES %s" % ", ".join(rows),
            "UPDATE parent SET n = n + 1, s = 'z' WHERE %s%s" % (
                w, self.pick(["", " RETURNING *"])),
            "UPDATE parent SET r = %d WHERE r BETWEEN 10 AND 19 AND %s%s" % (
                self.random.randint(0, 29), w,
                self.pick(["", " RETURNING *"])),
            "UPDATE parent SET k = k + %d WHERE k < 100000 AND %s%s" % (
                self.parent_key * 100, w, self.pick(["", " RETURNING *"])),
            "DELETE FROM parent WHERE %s AND n < 12%s" % (
                w, self.pick(["", " RETURNING *"])),
            "UPDATE parent p SET n = side.id FROM side WHERE side.id = p.n "
            "AND %s" % w.replace("n >", "p.n >").replace("s =", "p.s ="),
            "SELECT * FROM parent WHERE " + w,
            "SELECT r / 10, count(*), sum(n) FROM parent GROUP BY 1",
            "WITH d AS (DELETE FROM parent WHERE %s AND n < 3 RETURNING *) "
            "SELECT * FROM d" % w])

    def block(self, t):
        """A plpgsql block whose inner part fails now and then."""
        inner = self.pick([self.update(t), self.delete(t)]).lake.split(
            " RETURNING")[0]
        fail = self.pick(["", "PERFORM 1 / 0;", "RAISE EXCEPTION 'x';"])
        again = self.update(t).lake.split(" RETURNING")[0]
        return Op("DO $do$ BEGIN BEGIN %s; %s EXCEPTION WHEN OTHERS THEN "
                  "INSERT INTO audit VALUES ('error', SQLSTATE); END; "
                  "%s; END $do$" % (inner, fail, again))

    def loop(self, t):
        """A cursor over the table that the loop's body changes."""
        key = " AND ".join("%s = r.%s" % (k.name, k.name) for k in t.keys)
        return Op(
            "DO $do$ DECLARE r record; BEGIN FOR r IN SELECT * FROM %s%s "
            "ORDER BY %s LIMIT 7 LOOP UPDATE %s SET n = coalesce(n, 0) %% 99 "
            "+ 1 WHERE %s; IF r.n %% 3 = 0 THEN DELETE FROM %s WHERE %s; "
            "END IF; INSERT INTO audit SELECT 'loop', count(*)::text, "
            "max(n)::text, r.n::text FROM %s; END LOOP; END $do$" % (
                t.name, self.where(t), t.key_order(), t.name, key, t.name,
                key, t.name))

    def nested(self, t):
        """Functions that read the table which their statement writes."""
        seen = self.pick(["seen_%s", "was_%s"]) % t.name
        t.fresh += 100
        if t.name == "a1":
            return Op("INSERT INTO a1 (n, s) SELECT %s(), i::text FROM "
                      "generate_series(1, 4) i RETURNING n" % seen)
        # Each row closes a file and reads the table again: few rows only.
        few = "(SELECT count(*) FROM %s) < 60" % t.name
        where = self.where(t).partition(" WHERE ")[2]
        where = " WHERE %s AND (%s)" % (few, where or "true")
        return Op(self.pick([
            "UPDATE %s SET n = %s()%s" % (t.name, seen, where),
            "UPDATE %s SET n = 1%s RETURNING %s()" % (t.name, where, seen),
            "DELETE FROM %s WHERE n %% 4 = 1 AND %s AND %s() > 0" % (
                t.name, few, "was_" + t.name),
            "SELECT %s(), n FROM %s%s" % (seen, t.name, where)]))

    # ---- the session -----------------------------------------------------

    def transaction(self):
        if not self.in_transaction:
            self.in_transaction = True
            self.savepoints, self.cursors = [], []
            return Op("BEGIN" + self.pick(
                ["", "", " ISOLATION LEVEL REPEATABLE READ",
                 " ISOLATION LEVEL SERIALIZABLE"]))
        choice = self.random.random()
        if self.failed and self.savepoints:
            self.failed = False
            at = self.random.randrange(len(self.savepoints))
            self.savepoints = self.savepoints[:at + 1]
            return Op("ROLLBACK TO " + self.savepoints[-1])
        if self.failed:
            choice = 1
        if choice < 0.4 and len(self.savepoints) < 4:
            self.savepoints.append("p%d" % len(self.savepoints))
            return Op("SAVEPOINT " + self.savepoints[-1])
        if choice < 0.65 and self.savepoints:
            at = self.random.randrange(len(self.savepoints))
            name = self.savepoints[at]
            if self.flip(0.6):
                self.savepoints = self.savepoints[:at + 1]
                return Op("ROLLBACK TO " + name)
            self.savepoints = self.savepoints[:at]
            return Op("RELEASE " + name)
        if choice < 0.75:
            return Op("SELECT 1")
        self.in_transaction = False
        self.cursors = [c for c in self.cursors if c.endswith("h")]
        return Op("ROLLBACK" if self.flip(0.25) else "COMMIT")

    def cursor(self):
        t = self.pick(self.keyed)
        if self.cursors and self.flip(0.85):
            name = self.pick(self.cursors)
            if self.flip(0.1):
                self.cursors.remove(name)
                return Op("CLOSE " + name)
            forward = ["1", "3", "ALL", "FORWARD 2", "NEXT"]
            if name.startswith("s"):
                forward += ["PRIOR", "FIRST", "LAST", "BACKWARD 2",
                            "ABSOLUTE 3", "RELATIVE -1"]
            return Op("%s %s FROM %s" % (self.pick(["FETCH", "FETCH", "MOVE"]),
                                         self.pick(forward), name),
                      ordered=True)
        self.count += 1
        hold = self.flip(0.3) or not self.in_transaction
        scroll = self.flip(0.3)
        name = "%s%d%s" % ("s" if scroll else "c", self.count,
                           "h" if hold else "")
        self.cursors.append(name)
        return Op("DECLARE %s %sCURSOR %sFOR SELECT * FROM %s x%s ORDER BY %s"
                  % (name, "SCROLL " if scroll else "NO SCROLL ",
                     "WITH HOLD " if hold else "", t.name,
                     self.where(t, "x."), t.key_order()))

    def prepare(self):
        if self.prepared and self.flip(0.75):
            name, kinds = self.pick(self.prepared)
            return Op("EXECUTE %s(%s)" % (name, ", ".join(
                "NULL" if self.flip(0.08) else self.literal(k)
                for k in kinds)))
        self.count += 1
        t = self.pick(self.keyed)
        chosen = [c for c in self.random.sample(
            t.columns, min(2, len(t.columns)))
            if c.kind not in ("jsonb",)] or [t.keys[0]]
        kinds = [c.kind for c in chosen]
        w = self.pick([" AND ", " OR "]).join(
            "%s %s $%d" % (c.name, self.pick(
                ["=", "<", ">="] if TYPES[c.kind][2] else ["=", "<>"]), i + 1)
            for i, c in enumerate(chosen))
        body = self.pick([
            "SELECT %s FROM %s WHERE %s" % (self.some_columns(t), t.name, w),
            "SELECT count(*) FROM %s WHERE %s" % (t.name, w),
            "DELETE FROM %s WHERE %s AND n < 5 RETURNING *" % (t.name, w),
            "UPDATE %s SET n = n + 1 WHERE %s RETURNING *" % (t.name, w)])
        name = "q%d" % self.count
        self.prepared.append((name, kinds))
        return Op("PREPARE %s(%s) AS %s" % (
            name, ", ".join(TYPES[k][0].split("(")[0] for k in kinds), body))

    def setting(self):
        return Op(self.pick([
            "SET paimon_fdw.enable_filter_pushdown = off",
            "RESET paimon_fdw.enable_filter_pushdown",
            "SET enable_hashjoin = off", "SET enable_mergejoin = off",
            "SET enable_material = off", "SET enable_memoize = off",
            "SET enable_nestloop = off", "SET enable_sort = off",
            "SET plan_cache_mode = force_generic_plan",
            "SET plan_cache_mode = auto", "SET work_mem = '64kB'",
            "SET enable_hashagg = off", "RESET enable_nestloop",
            "RESET enable_hashjoin", "RESET enable_mergejoin",
            "SET TimeZone = 'America/New_York'", "SET TimeZone = 'UTC'",
            "SET TimeZone = 'Asia/Kolkata'", "SET cursor_tuple_fraction = 1"]))

    def lake_only(self):
        t = self.pick(self.tables)
        explain = self.pick(["", "(ANALYZE, TIMING OFF)", "(VERBOSE)",
                             "(ANALYZE, FORMAT JSON)"])
        ops = ["ANALYZE %s" % t.name,
               "EXPLAIN %s %s" % (explain, self.select(t)[0]),
               "SELECT * FROM paimon.verify('%s')" % t.name]
        if not self.in_transaction:
            ops.append("SELECT paimon.compact('%s', %s) IS NULL" % (
                t.name, self.pick(["true", "false"])))
        return Op(self.pick(ops), lake_only=True)

    def remember(self):
        """A copy of a table now, beside the number of its snapshot."""
        t = self.pick(self.keyed)
        if self.in_transaction:
            return self.transaction()
        self.snapshots += 1
        name = "was%d" % self.snapshots
        self.remembered = getattr(self, "remembered", [])
        self.remembered.append((name, t))
        return Op(
            "CREATE TABLE %s AS SELECT * FROM %s" % (name, t.name),
            "CREATE TABLE %s AS SELECT * FROM %s;\nSELECT 'snapshot:' || max("
            "snapshot_id) AS %s FROM paimon.snapshots('%s') \\gset\n" % (
                name, t.name, name, t.name))

    def as_of(self):
        if not getattr(self, "remembered", None) or self.in_transaction:
            return self.remember()
        name, t = self.pick(self.remembered)
        sql, w = "SELECT * FROM %s x%s", self.where(t, "x.")
        # A table that had no snapshot then has no name for that state.
        sql, w = "SELECT * FROM %s x%s", self.where(t, "x.")
        return Op(sql % (name, w),
                  "\\if :{?%s}\nSET paimon_fdw.as_of = :'%s';\n%s;\n"
                  "RESET paimon_fdw.as_of;\n\\else\n%s;\n\\endif\n" % (
                      name, name, sql % (t.name, w), sql % (name, w)))

    def view(self):
        c = self.condition(self.tables[1])
        return Op(self.pick([
            "UPDATE v1 SET n = n + 1, s = 'v' WHERE n < 9 RETURNING n",
            "DELETE FROM v1 WHERE n = 7",
            "UPDATE v2 SET n = n + 3 WHERE " + c,
            "UPDATE v2 SET n = 25 WHERE n = 4",
            "DELETE FROM v2 WHERE n > 18 RETURNING s",
            "SELECT count(*), max(n) FROM v1 JOIN v2 USING (n)"]))

    def check(self):
        return [Op("SELECT * FROM %s" % t.name) for t in self.tables] + [
            Op("SELECT * FROM parent"), Op("SELECT * FROM audit")]

    def statement(self):
        """The next statement, as a list of Ops."""
        if self.failed and self.in_transaction and self.flip(0.9):
            return [self.transaction()]
        r = self.random.random()
        t = self.pick(self.keyed)
        if self.cursors and self.flip(0.06):
            return [self.cursor()]
        if r < 0.20:
            sql, ordered = self.select()
            return [Op(sql, ordered=ordered)]
        if r < 0.21 and self.is_bulky:
            op = self.bulk(self.pick(self.tables))
        elif r < 0.34:
            op = self.insert_values(self.pick(self.tables))
        elif r < 0.40:
            op = self.insert_select(self.pick(self.tables))
        elif r < 0.54:
            op = self.update(t)
        elif r < 0.62:
            op = self.delete(t)
        elif r < 0.66:
            op = self.cte(t)
        elif r < 0.71:
            op = Op(self.parent())
        elif r < 0.81:
            return [self.transaction()]
        elif r < 0.84:
            op = self.copy(self.pick(self.tables))
        elif r < 0.87:
            return [self.cursor()]
        elif r < 0.91:
            return [self.prepare()]
        elif r < 0.93:
            return [self.setting()]
        elif r < 0.95:
            return [self.lake_only()]
        elif r < 0.955:
            op = self.pick([self.block, self.loop])(t)
        elif r < 0.96:
            op = self.nested(self.pick(self.tables))
        elif r < 0.975:
            return [self.as_of()]
        elif r < 0.985:
            return [Op("INSERT INTO %s DEFAULT VALUES" %
                       self.pick(self.tables).name)]
        elif r < 0.99:
            return [Op("SELECT * FROM %s x%s FOR %s" % (
                t.name, self.where(t, "x."),
                self.pick(["UPDATE", "SHARE", "NO KEY UPDATE"])))]
        else:
            op = self.view()
        if self.flip(0.15):
            op = self.other_name(op)
        if self.flip(0.3):
            return [op] + [Op("SELECT * FROM %s" % t.name)]
        return [op]

    def other_name(self, op):
        """Let x1 stand for t1 here and there."""
        chosen = {}

        def swap(match):
            at = match.start()
            return chosen.setdefault(at, self.pick(["x1", "x1", "t1"]))
        if op.lake.startswith(("COPY", "WITH")) or op.lake_only:
            return op
        lake = re.sub(r"\bt1\b(?!')", swap, op.lake)
        # The heap's text is the lake's with a clause somewhere after.
        heap = re.sub(r"\bt1\b(?!')", lambda m: chosen.get(m.start(), "t1"),
                      op.heap)
        if len(op.heap) != len(op.lake) and "RETURNING" in op.lake:
            return op
        return Op(heap, lake, op.ordered)


def normal(text):
    """Values of one key that are written differently but are the same."""
    if text[:1] in string.digits + "-":
        return float(text)
    if text.startswith(("timestamp '", "timestamptz '")):
        return text[:30]
    return text.replace(" '", "'")
