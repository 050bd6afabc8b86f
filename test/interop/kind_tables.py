"""Tables with a trait of their own that both sides must treat alike: columns
with default values, system tables of row tracking, functions on bitmaps,
branches that stand in for partitions, rows that expire."""
import json
import os
import random
import struct


def create(world, name, columns, keys, options, partition=()):
    world.java("create", "db." + name, "--spec-json", json.dumps({
        "columns": [{"name": n, "type": t} for n, t in columns],
        "partition_keys": list(partition), "primary_keys": keys,
        "options": options}))


def attach(world, name, lake_name=None):
    world.sql("CREATE FOREIGN TABLE \"%s\" () SERVER lake OPTIONS (database "
              "'db', table '%s')" % (name, lake_name or name))


def write(world, name, rows, *how):
    path = os.path.join(world.work, "kind.jsonl")
    with open(path, "w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row) + "\n")
    world.java("write", "db." + name, path, *how)


DEFAULT_COLUMNS = [("k", "INT NOT NULL"), ("a", "INT"), ("b", "STRING"),
                   ("d", "DECIMAL(10, 2)"), ("t", "DATE"), ("e", "BOOLEAN"),
                   ("x", "BIGINT")]
DEFAULTS = {"a": "42", "b": "'it is'", "d": "-1.5", "t": "'2024-02-29'",
            "e": "true"}


def default_values(world):
    """Nulls that we write become the defaults that Java writes, in tables of
    every engine; UPDATE to null as well, and rows of before stay null."""
    for number, (keys, options) in enumerate([
            (["k"], {}), (["k"], {"merge-engine": "partial-update"}),
            (["k"], {"merge-engine": "aggregation",
                     "fields.a.aggregate-function": "sum",
                     "fields.x.aggregate-function": "max"}), ([], {})]):
        name = "def%d" % number
        if keys:
            options = {"bucket": "1", **options}
        for table in (name, name + "_twin"):
            create(world, table, DEFAULT_COLUMNS, keys, options)
            write(world, table, [{"k": 1}, {"k": 2, "a": 1}], "--compact",
                  "none")
            world.java("alter", "db." + table, "--ops-json", json.dumps(
                [{"op": "default", "name": n, "value": v}
                 for n, v in DEFAULTS.items()]))
            attach(world, table)
        rows = [{"k": 2, "b": "set"}, {"k": 3}, {"k": 4, "x": 4, "e": False},
                {"k": 4, "a": 5, "t": "2020-01-01"}]
        write(world, name + "_twin", rows, "--compact", "none")
        world.sql("INSERT INTO %s (k, b) VALUES (2, 'set')" % name,
                  "INSERT INTO %s (k) VALUES (3)" % name,
                  "INSERT INTO %s (k, x, e) VALUES (4, 4, false)" % name,
                  "INSERT INTO %s (k, a, t) VALUES (4, 5, '2020-01-01')" %
                  name)
        if number == 0:
            world.sql("UPDATE %s SET a = NULL, x = NULL WHERE k = 4" % name)
            write(world, name + "_twin",
                  [{"k": 4, "t": "2020-01-01"}], "--compact", "none")
        world.share()
        world.same(name)
        if world.sql_rows(name) != world.java_rows("db.%s_twin" % name):
            raise AssertionError("%s: not what Java writes" % name)
        world.sql("SELECT paimon.compact('%s', true)" % name)
        world.same(name)


def row_tracking(world):
    """Row ids and sequence numbers as Java tells them: of fresh rows, rows
    that a compaction moved, and rows whose columns lie in several files."""
    columns = [("id", "INT NOT NULL"), ("v", "STRING"), ("x", "BIGINT")]
    for name, options in (
            ("rt", {}), ("rt_orc", {"file.format": "orc"}),
            ("rt_evolved", {"data-evolution.enabled": "true"})):
        create(world, name, columns, [], {
            "bucket": "-1", "row-tracking.enabled": "true",
            "compaction.min.file-num": "2", **options})
        for first in (0, 9000, 20000):
            write(world, name, [{"id": i, "v": "v%d" % i, "x": i * 7}
                                for i in range(first, first + 9000)],
                  "--commit-per", "5000", "--compact", "none")
        attach(world, name + "_ids", name + "$row_tracking")
        same_ids(world, name)
        if name == "rt_evolved":
            path = os.path.join(world.work, "kind.jsonl")
            with open(path, "w", encoding="utf-8") as out:
                for i in range(5000):
                    out.write(json.dumps({"x": -i}) + "\n")
            world.java("write-columns", "db." + name, path, "--columns", "x",
                       "--first-row-id", "0")
        else:
            world.java("compact", "db." + name)
            write(world, name, [{"id": -1}], "--compact", "none")
        same_ids(world, name)
        found = world.sql(
            "SELECT count(*), min(id) FROM %s_ids WHERE \"_ROW_ID\" BETWEEN "
            "4990 AND 5009" % name)[0].split("|")
        if found != ["20", "4990"]:
            raise AssertionError("%s: rows by id: %s" % (name, found))


def same_ids(world, name):
    ours = world.sql("SELECT id, v, x, \"_ROW_ID\", \"_SEQUENCE_NUMBER\" FROM "
                     "%s_ids" % name)
    ours = sorted(tuple(line.split("|")) for line in ours if line)
    theirs = sorted(tuple("\\N" if row[c] is None else str(row[c]) for c in (
        "id", "v", "x", "_ROW_ID", "_SEQUENCE_NUMBER")) for row in map(
            json.loads, world.java_rows("db.%s$row_tracking" % name)))
    if ours != theirs:
        raise AssertionError("%s: %s" % (name, [
            p for p in zip(ours, theirs) if p[0] != p[1]][:2]))


def bitmap(parts):
    """A roaring bitmap's portable form; parts: {key: numbers, or runs as
    pairs of start and length}."""
    runs = [isinstance(p[0], tuple) for _, p in sorted(parts.items())]
    head, body = b"", []
    for key, part in sorted(parts.items()):
        count = sum(p[1] for p in part) if isinstance(part[0], tuple) \
            else len(part)
        head += struct.pack("<HH", key, count - 1)
        if isinstance(part[0], tuple):
            body.append(struct.pack("<H", len(part)) + b"".join(
                struct.pack("<HH", s, n - 1) for s, n in part))
        elif count <= 4096:
            body.append(struct.pack("<%dH" % count, *part))
        else:
            bits = bytearray(8192)
            for n in part:
                bits[n // 8] |= 1 << n % 8
            body.append(bytes(bits))
    if any(runs):
        out = struct.pack("<HH", 12347, len(parts) - 1)
        out += sum(1 << i for i, r in enumerate(runs) if r).to_bytes(
            (len(runs) + 7) // 8, "little")
    else:
        out = struct.pack("<II", 12346, len(parts))
    if not any(runs) or len(parts) >= 4:
        at = len(out) + 8 * len(parts)
        for part in body:
            head += struct.pack("<I", at)
            at += len(part)
    return out + head + b"".join(body)


def random_part(source):
    kind = source.randrange(6)
    if kind == 0:
        return sorted(source.sample(range(65536), 6000))
    if kind == 1:
        return sorted(source.sample(range(9000), source.randrange(1, 4000)))
    if kind == 2:
        start = source.randrange(30)
        return list(range(start, start + source.randrange(1, 6)))
    if kind == 3:
        return [(0, 65536)]
    starts = sorted(source.sample(range(0, 65000, 50),
                                  source.randrange(1, 4 if kind == 4 else 900)))
    return [(s, source.randrange(1, 4 if kind == 4 else 40)) for s in starts]


def bitmaps(world):
    """Unions of bitmaps of all kinds are the same bytes in Java and here."""
    source = random.Random(99)
    options = {"bucket": "1", "merge-engine": "aggregation",
               "fields.b.aggregate-function": "rbm32"}
    for name in ("rbm", "rbm_own"):
        create(world, name, [("k", "INT NOT NULL"), ("b", "BYTES")], ["k"],
               options)
        attach(world, name)
    rounds = [[(k, bitmap({source.randrange(5): random_part(source)
                           for _ in range(source.randrange(1, 6))}).hex()
                if source.random() < 0.95 else None)
               for k in range(120)] for _ in range(3)]
    for rows in rounds:
        write(world, "rbm", [{"k": k, "b": b} for k, b in rows], "--compact",
              "none")
        world.sql("INSERT INTO rbm_own VALUES " + ", ".join(
            "(%d, %s)" % (k, "NULL" if b is None else "'\\x%s'" % b)
            for k, b in rows))
    world.share()
    world.same("rbm")
    world.same("rbm_own")
    if world.sql_rows("rbm") != world.sql_rows("rbm_own"):
        raise AssertionError("what we wrote merges otherwise")
    world.sql("SELECT paimon.compact('rbm', true)")
    world.same("rbm")


def expiring_rows(world):
    """Rows that are past their time are there until Java's compaction drops
    them, for both sides; we do not write such tables."""
    create(world, "aged", [("k", "INT NOT NULL"), ("t", "INT"),
                           ("v", "STRING")], ["k"], {
        "bucket": "1", "record-level.expire-time": "1 d",
        "record-level.time-field": "t"})
    attach(world, "aged")
    write(world, "aged", [{"k": k, "t": 1000 if k % 3 == 0 else 2000000000,
                           "v": "v%d" % k} for k in range(90)],
          "--compact", "none")
    if world.same("aged") != 90:
        raise AssertionError("rows expired before a compaction")
    world.java("compact", "db.aged", "--full")
    if world.same("aged") != 60:
        raise AssertionError("rows did not expire")
    world.sql("INSERT INTO aged VALUES (1, 1, 'x')", error="0A000")


SCENARIOS = [default_values, row_tracking, bitmaps, expiring_rows]
