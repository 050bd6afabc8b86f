"""Random tables, values and conditions for run_differential.py.

Everything comes from one random.Random, so that a seed names a whole run.
Two tables of a pair have the same columns: the heap's has a PRIMARY KEY, the
lake's the option primary_key, and both the same rest.
"""
class Op:
    def __init__(self, heap, lake=None, ordered=False, lake_only=False,
                 heap_before=()):
        self.heap_before = heap_before
        self.heap = "" if lake_only else heap
        self.lake = heap if lake is None else lake
        self.ordered = ordered
        self.lake_only = lake_only


TEXTS = ["", "a", "A", "ab", "abc", "abd", "b", "a_c", "a%", "\u00fcn\u00ef",
         "\u65e5\u672c", "it's", "\\", " a ", "zz", "NULL", "line\nbreak",
         "\U0001f600", "a\tb", "0"]
DATES = ["2024-01-%02d" % d for d in range(1, 11)] + [
    "1969-12-31", "1970-01-01", "0001-01-01", "9999-12-31"]
STAMPS = ["2024-01-01 00:00:00", "2024-01-01 12:34:56.789",
          "2024-03-10 02:30:00", "1969-12-31 23:59:59.999",
          "1900-01-01 00:00:00",
          "9999-12-31 23:59:59.999", "2024-02-29 10:00:00.5"]
MOODS = ["sad", "ok", "happy"]

# name -> (declaration, can be a key, has an order worth testing)
TYPES = {
    "int2": ("smallint", True, True),
    "int4": ("integer", True, True),
    "int8": ("bigint", True, True),
    "float4": ("real", False, True),
    "float8": ("double precision", True, True),
    "num": ("numeric(10,2)", True, True),
    "bignum": ("numeric(30,10)", True, True),
    "text": ("text", True, True),
    "varchar": ("varchar(10)", True, True),
    "char": ("char(4)", True, False),
    "bool": ("boolean", False, False),
    "date": ("date", True, True),
    "stamp": ("timestamp", True, True),
    "stamp3": ("timestamp(3)", True, True),
    "stamptz": ("timestamptz", True, True),
    "time": ("time(3)", True, True),
    "bytea": ("bytea", True, True),
    "uuid": ("uuid", True, False),
    "mood": ("diff_mood", True, False),
    "small": ("diff_small", True, True),
    "word": ("diff_word", True, True),
    "jsonb": ("jsonb", False, False),
}
KEY_TYPES = [t for t in TYPES if TYPES[t][1]]
PARTITION_TYPES = ["int2", "int4", "int8", "text", "varchar", "date", "bool"]
NUMBERS = ("int2", "int4", "int8", "num", "bignum", "small")
WHOLE = ("int2", "int4", "int8", "small")
FLOATS = ("float4", "float8")
STRINGS = ("text", "varchar", "word")
TIMES = ("date", "stamp", "stamp3", "stamptz")


def quote(text):
    return "E'" + text.replace("\\", "\\\\").replace("'", "''").replace(
        "\n", "\\n").replace("\t", "\\t") + "'"


class Column:
    def __init__(self, name, kind):
        self.name, self.kind = name, kind
        self.not_null = self.is_key = self.is_partition = False
        self.check = self.default = self.generated = None

    def ddl(self):
        text = "%s %s" % (self.name, TYPES[self.kind][0])
        if self.not_null:
            text += " NOT NULL"
        if self.default:
            text += " DEFAULT " + self.default
        if self.generated:
            text += " GENERATED ALWAYS AS (%s) STORED" % self.generated
        if self.check:
            text += " CHECK (%s)" % self.check
        return text


class Table:
    def __init__(self, name, columns, keys, options, upsert=True):
        self.name, self.columns, self.keys = name, columns, keys
        self.options = options
        self.upsert = upsert     # INSERT may meet an existing key
        self.fresh = 1000        # what is added for a key never used yet
        self.next_key = 1000     # for rows of triggers' table
        self.copied = 50000000   # for COPY
        self.big_key = None      # an int8 or int4 key, for key changes
        self.strict = "insert_mode 'strict'" in options

    def settable(self):
        return [c for c in self.columns if not c.generated]

    def key_order(self, alias=""):
        return ", ".join(alias + k.name for k in self.keys)

    def upsert_tail(self, alias=""):
        """What makes INSERT on a heap do as INSERT on a lake table does."""
        if self.strict:
            return ""
        rest = [c for c in self.settable() if not c.is_key]
        sets = ", ".join("%s = EXCLUDED.%s" % (c.name, c.name)
                         for c in rest or self.keys)
        return " ON CONFLICT (%s) DO UPDATE SET %s" % (self.key_order(), sets)


class Values:
    def __init__(self, random):
        self.random = random
        self.pick, self.chance = random.choice, self.flip
        self.tables, self.count, self.snapshots = [], 0, 0
        self.cursors, self.prepared, self.savepoints = [], [], []
        self.in_transaction = False
        self.is_bulky = self.flip(0.25)
        self.failed = False      # the last statement, told by the runner

    def flip(self, probability):
        return self.random.random() < probability

    # ---- values ----------------------------------------------------------

    def literal(self, kind, key=False):
        r = self.random
        if kind in WHOLE:
            if not key and self.flip(0.06):
                return self.pick({
                    "int2": ["32767", "-32768"], "small": ["0", "99"],
                    "int4": ["2147483647", "-2147483648"],
                    "int8": ["9223372036854775807",
                             "-9223372036854775808"]}[kind])
            low = 0 if kind == "small" else -5
            return str(r.randint(low, 30))
        if kind in FLOATS:
            if self.flip(0.08):
                return "'%s'" % self.pick(["NaN", "Infinity", "-Infinity"])
            return repr(r.randint(-40, 40) / 4 or 0.0)
        if kind == "num":
            return "%d.%02d" % (r.randint(-9, 99), r.randint(0, 3) * 25)
        if kind == "bignum":
            return self.pick(["12345678901234567890.0123456789", "0", "-0.1",
                              "99999999999999999999", str(r.randint(0, 20))])
        if kind in ("text", "varchar", "word", "char"):
            text = self.pick(TEXTS)
            if self.flip(0.3):
                text = "".join(r.choice("abAB01 ") for _ in range(
                    r.randint(1, 4)))
            if kind == "text" and not key and self.flip(0.04):
                return "repeat(%s, %d)" % (quote(text), r.randint(100, 2000))
            return quote(text[:4] if kind == "char" else text)
        if kind == "bool":
            return self.pick(["true", "false"])
        if kind == "date":
            return "date '%s'" % self.pick(DATES)
        if kind in ("stamp", "stamp3"):
            return "timestamp '%s'" % self.pick(STAMPS)
        if kind == "stamptz":
            return "timestamptz '%s%s'" % (self.pick(STAMPS),
                                           self.pick(["+00", "-05", "+05:30"]))
        if kind == "time":
            return "time '%02d:%02d:00.%03d'" % (
                r.randint(0, 23), r.randint(0, 59), r.randint(0, 999))
        if kind == "bytea":
            return "'\\x%s'::bytea" % self.pick(
                ["", "00", "01", "ff", "00ff", "deadbeef", "7f", "80"])
        if kind == "uuid":
            return "'%s'::uuid" % ("%032x" % r.randint(0, 20))
        if kind == "mood":
            return "'%s'" % self.pick(MOODS)
        return self.pick(["'{}'", "'{\"a\": 1}'", "'[1,2]'", "'null'"])

    def value(self, column):
        """A value to store; now and then one that a constraint refuses."""
        kind = column.kind
        if column.is_key:
            return "NULL" if self.flip(0.004) else self.literal(kind, True)
        if self.flip(0.12 if not column.not_null else 0.01):
            return "NULL"
        if self.flip(0.01):
            wrong = {"num": "123456789.99", "varchar": "'much too long'",
                     "int2": "40000", "small": "100", "word": "'forbidden'",
                     "mood": "'angry'", "int4": "5000000000"}.get(kind)
            if wrong:
                return wrong
        return self.literal(kind, column.is_partition)

    # ---- tables ----------------------------------------------------------

    def new_columns(self, prefix, count):
        return [Column("%s%d" % (prefix, i), self.pick(list(TYPES)))
                for i in range(count)]

    def decorate(self, columns):
        for column in columns:
            if self.flip(0.2):
                column.not_null = True
            if column.kind in WHOLE and self.flip(0.2):
                column.check = "%s <> 13" % column.name
            if self.flip(0.25):
                column.default = self.literal(column.kind)

    def keyed_table(self, name, plain=False):
        """plain: an int8 key, never inserted twice (it has triggers)."""
        n = Column("n", "int4")
        s = Column("s", "text")
        columns = [Column("k", "int8")] if plain else []
        if not plain:
            kinds = [self.pick(["int4", "int8", self.pick(KEY_TYPES)])]
            if self.flip(0.4):
                kinds.append(self.pick(KEY_TYPES))
            columns = [Column("k%d" % i, k) for i, k in enumerate(kinds)]
        partition = None
        if self.flip(0.4):
            partition = Column("p", self.pick(PARTITION_TYPES))
            partition.is_partition = True
            columns.append(partition)
        keys = list(columns)
        self.random.shuffle(keys)
        for key in keys:
            key.is_key = True
            key.not_null = self.flip(0.5)
        rest = [n, s] + self.new_columns("c", self.random.randint(2, 6))
        self.decorate(rest)
        if self.flip(0.4):
            made = Column("g", "int8")
            made.generated = self.pick(["n + 1", "n * 2", "length(s)"])
            rest.append(made)
        columns += rest
        self.random.shuffle(columns)
        options = ["primary_key '%s'" % ",".join(k.name for k in keys),
                   "\"bucket\" '%d'" % self.random.randint(1, 3)]
        if partition:
            options.append("partition_by 'p'")
        if not plain and self.flip(0.25):
            options.append("insert_mode 'strict'")
        table = Table(name, columns, keys, options, not plain)
        table.big_key = next((k for k in keys if k.kind in ("int4", "int8")
                              and k is not partition), None)
        inner = [k.name for k in keys if k is not partition]
        if self.flip(0.2) and inner:
            options.append("\"bucket-key\" '%s'" % ",".join(
                self.random.sample(inner, self.random.randint(
                    1, len(inner)))))
        if self.flip(0.5):
            options.append("\"num-sorted-run.compaction-trigger\" '%d'" %
                           self.random.randint(2, 9))
        options += self.file_options() + self.pick([
            [], [], ["\"write-only\" 'true'"],
            ["\"data-file.thin-mode\" 'true'"],
            ["\"num-levels\" '3'"],
            ["\"compaction.force-rewrite-all-files\" 'true'"]])
        return table

    def file_options(self):
        """Options that no answer may depend on."""
        out = []
        for name, values in (
                ("target-file-size", ["2 kb", "20 kb"]),
                ("file.block-size", ["1 kb", "10 kb"]),
                ("file.compression", ["none", "snappy", "lz4", "gzip"]),
                ("metadata.stats-mode", ["none", "counts", "full",
                                         "truncate(2)"]),
                ("metadata.stats-dense-store", ["false"]),
                ("manifest.target-file-size", ["1 kb"]),
                ("manifest.merge-min-count", ["2"]),
                ("partition.legacy-name", ["false"])):
            if self.flip(0.2):
                out.append("\"%s\" '%s'" % (name, self.pick(values)))
        return out

    def append_table(self, name):
        columns = [Column("n", "int4"), Column("s", "text")]
        columns += self.new_columns("c", self.random.randint(2, 7))
        self.decorate(columns)
        options = []
        if self.flip(0.4):
            options = ["\"bucket\" '%d'" % self.random.randint(1, 3),
                       "\"bucket-key\" 'n'"]
        if self.flip(0.4):
            columns.append(Column("p", self.pick(PARTITION_TYPES)))
            columns[-1].is_partition = True
            options.append("partition_by 'p'")
        return Table(name, columns, [], options + self.file_options())

    def setup(self):
        """-> [(heap, lake)] that makes all tables."""
        self.tables = [self.keyed_table("t1"), self.keyed_table("t2"),
                       self.keyed_table("t3", True), self.append_table("a1")]
        self.keyed = self.tables[:3]
        out = []
        for t in self.tables:
            body = ",\n  ".join(c.ddl() for c in t.columns)
            key = ", PRIMARY KEY (%s)" % t.key_order() if t.keys else ""
            out.append(("CREATE TABLE %s (%s%s)" % (t.name, body, key),
                        "CREATE FOREIGN TABLE %s (%s) SERVER diff_lake "
                        "OPTIONS (%s)" % (t.name, body, ", ".join(
                            ["database '@database@'"] + t.options))))
        both = ["CREATE TABLE side (id int PRIMARY KEY, n int, s text)",
                "INSERT INTO side SELECT i, i % 7, chr(97 + i % 5) "
                "FROM generate_series(0, 15) i",
                "CREATE TABLE audit (op text, t text, old text, new text)",
                "CREATE VIEW v1 AS SELECT * FROM t1 WHERE n > 3 OR n IS NULL",
                "CREATE VIEW v2 AS SELECT * FROM t2 WHERE n < 20 "
                "WITH CHECK OPTION"]
        for t in self.tables:
            for name, kind in (("seen", "VOLATILE"), ("was", "STABLE")):
                both.append("CREATE FUNCTION %s_%s() RETURNS int LANGUAGE "
                            "plpgsql %s AS $$ BEGIN RETURN (SELECT count(*) "
                            "FROM %s); END $$" % (name, t.name, kind, t.name))
        both += self.triggers()
        # Another name of t1: a view, and a foreign table of its lake table.
        out.append((
            "CREATE VIEW x1 AS SELECT * FROM t1",
            out[0][1].replace("TABLE t1", "TABLE x1").replace(
                "OPTIONS (", "OPTIONS (\"table\" 't1', ", 1)))
        # Partitions of one parent, two of them lake tables.
        parent = "CREATE TABLE parent (k int8 NOT NULL, r int NOT NULL, " \
            "n int, s text%s) PARTITION BY RANGE (r)"
        out.append((parent % ", PRIMARY KEY (k, r)", parent % ""))
        for i, is_lake in enumerate((True, False, True)):
            bounds = "FOR VALUES FROM (%d) TO (%d)" % (i * 10, i * 10 + 10)
            heap = "CREATE TABLE part%d PARTITION OF parent %s" % (i, bounds)
            lake = heap + "; ALTER TABLE part%d ADD PRIMARY KEY (k, r)" % i
            if is_lake:
                lake = "CREATE FOREIGN TABLE part%d PARTITION OF parent %s " \
                    "SERVER diff_lake OPTIONS (database '@database@', " \
                    "primary_key 'k,r', \"bucket\" '2')" % (i, bounds)
            out.append((heap, lake))
        return out + [(sql, sql) for sql in both]

    def triggers(self):
        mode = self.random.randint(0, 3)
        body = {
            0: "NEW.n := coalesce(NEW.n, 0) + 1;",
            1: "IF NEW.n = 5 THEN RETURN NULL; END IF;",
            2: "NEW.s := coalesce(NEW.s, '') || '!';",
            3: "IF NEW.n % 4 = 1 THEN NEW.k := NEW.k + 100000000; END IF;"
        }[mode]
        delete = self.pick(["", "IF OLD.n = 2 THEN RETURN NULL; END IF;"])
        return [
            "CREATE FUNCTION before_row() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN IF TG_OP = 'DELETE' THEN %s RETURN OLD; END IF; %s "
            "RETURN NEW; END $$" % (delete, body),
            "CREATE FUNCTION after_row() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN INSERT INTO audit VALUES (TG_OP, TG_TABLE_NAME, "
            "CASE WHEN TG_OP <> 'INSERT' THEN OLD::text END, "
            "CASE WHEN TG_OP <> 'DELETE' THEN NEW::text END); "
            "RETURN NULL; END $$",
            "CREATE FUNCTION after_statement() RETURNS trigger LANGUAGE "
            "plpgsql AS $$ BEGIN INSERT INTO audit SELECT TG_OP, 'count', "
            "count(*)::text, max(n)::text FROM t3; RETURN NULL; END $$",
            "CREATE TRIGGER b BEFORE INSERT OR UPDATE OR DELETE ON t3 FOR "
            "EACH ROW EXECUTE FUNCTION before_row()",
            "CREATE TRIGGER a AFTER INSERT OR UPDATE OR DELETE ON t3 FOR "
            "EACH ROW EXECUTE FUNCTION after_row()",
            "CREATE TRIGGER s AFTER INSERT OR UPDATE OR DELETE ON t3 FOR "
            "EACH STATEMENT EXECUTE FUNCTION after_statement()"]

    # ---- conditions ------------------------------------------------------

    def operand(self, column, a):
        return a + column.name

    def condition(self, table, a="", depth=2):
        if depth > 0 and self.flip(0.35):
            parts = [self.condition(table, a, depth - 1)
                     for _ in range(self.random.randint(2, 3))]
            text = "(%s)" % self.pick([" AND ", " OR "]).join(parts)
            return "NOT " + text if self.flip(0.25) else text
        c = self.pick(table.columns)
        x, kind = a + c.name, c.kind
        lit = lambda: self.literal(kind)
        choice = self.random.random()
        if choice < 0.08:
            return "%s IS %sNULL" % (x, self.pick(["", "NOT "]))
        if choice < 0.12:
            return self.pick([
                "EXISTS (SELECT 1 FROM side z WHERE z.id = %sn)" % a,
                "%sn IN (SELECT n FROM side WHERE s < 'c')" % a,
                "%sn NOT IN (SELECT id FROM side WHERE id > 8)" % a,
                "%sn > (SELECT avg(n) FROM side)" % a,
                "%sn = (SELECT max(id) FROM side WHERE id < %d)" % (
                    a, self.random.randint(1, 15)),
                "%sn = ANY (ARRAY(SELECT id FROM side))" % a,
                "(%sn, %ss) > (%s, %s)" % (a, a, self.literal("int4"),
                                         self.literal("text")),
                "row(%sn, %ss) IS NOT NULL" % (a, a),
                "%sn %% 3 = 1" % a, "coalesce(%sn, 4) = 4" % a,
                "nullif(%sn, 4) IS NULL" % a])
        if kind == "bool":
            return self.pick([x, "NOT " + x, x + " IS TRUE", x + " IS FALSE",
                              x + " IS NOT TRUE", x + " IS UNKNOWN",
                              x + " = true", x + " <> true",
                              x + " IS NOT UNKNOWN", "(%s IS NULL) = %s" % (
                                  x, self.pick(["true", "false"]))])
        if kind == "jsonb":
            return self.pick(["%s = '{}'::jsonb", "%s @> '{\"a\": 1}'",
                              "jsonb_typeof(%s) = 'array'"]) % x
        if choice < 0.2:
            items = [lit() for _ in range(self.random.randint(1, 4))]
            if self.flip(0.15):
                items.append("NULL")
            return "%s %sIN (%s)" % (x, self.pick(["", "", "NOT "]),
                                     ", ".join(items))
        if choice < 0.28 and TYPES[kind][2]:
            return "%s %sBETWEEN %s%s AND %s" % (
                x, self.pick(["", "", "NOT "]),
                self.pick(["", "SYMMETRIC "]), lit(), lit())
        if choice < 0.33:
            return "%s IS %sDISTINCT FROM %s" % (
                x, self.pick(["", "NOT "]), self.pick([lit(), "NULL"]))
        if kind in STRINGS and choice < 0.6:
            return self.pick([
                "%s LIKE 'a%%'", "%s LIKE '%%b'", "%s LIKE 'ab_'",
                "%s LIKE 'a\\_c'", "%s NOT LIKE 'a%%'", "%s ILIKE 'A%%'",
                "%s ~ '^a'", "%s ^@ 'ab'", "length(%s) > 2", "%s LIKE 'ab'",
                "%s LIKE '%%'", "%s || 'x' = 'ax'", "upper(%s) = 'A'",
                "%s COLLATE \"C\" > 'b'", "%s < 'b'", "%s LIKE ''",
                "%s SIMILAR TO '(a|b)%%'",
                "convert_to(%s, 'UTF8') > 'a'"]).replace("%s", x).replace("%%", "%")
        if kind in WHOLE + ("num", "bignum") and choice < 0.5:
            return self.pick(["%s > 3.5", "%s = 4::int8", "%s <> 2::int2",
                              "%s < 1e9", "%s::text = '4'", "%s + 1 = 5",
                              "%s = 5000000000", "-%s < 2", "%s > 4::float8",
                              "abs(%s::numeric) < 10",
                              "%s = ANY ('{1,2,3}')",
                              "%s <> ALL ('{1,2,3}')"]) % x
        if kind in FLOATS and choice < 0.5:
            return self.pick(["%s = 'NaN'", "%s < 'Infinity'", "%s >= 0",
                              "%s = 0.1", "%s > 2.5::float4", "%s <> 0",
                              "%s = 1.5",
                              "%s <= 'NaN'", "%s > 'Infinity'"]) % x
        if kind in TIMES and choice < 0.5:
            return self.pick(["%s > '2024-01-05'::date",
                              "%s <= '2024-01-01 12:00'::timestamp",
                              "%s = '2024-01-01 00:00:00+00'::timestamptz",
                              "date_trunc('year', %s) = '2024-01-01'",
                              "extract(dow FROM %s) = 1",
                              "%s::date = '2024-01-01'"]) % x
        if choice < 0.62:
            other = self.pick([o for o in table.columns if o.kind == kind])
            return "%s %s %s" % (x, self.pick(["=", "<>", "<", ">="]),
                                 a + other.name)
        ops = ["=", "=", "<>"] + (["<", "<=", ">", ">="] if TYPES[kind][2]
                                  else [])
        left, right = x, lit()
        if self.flip(0.15):
            left, right = right, left
            if kind in ("char",) + STRINGS:
                left += "::text"
            if kind in ("mood",):
                left += "::diff_mood"
        return "%s %s %s" % (left, self.pick(ops), right)

    def where(self, table, a="", probability=0.85):
        if not self.flip(probability):
            return ""
        return " WHERE " + self.condition(table, a)

    def key_where(self, table):
        """Mostly one row."""
        return " WHERE " + " AND ".join(
            "%s = %s" % (k.name, self.literal(k.kind, True))
            for k in table.keys)

