"""Scenarios of run_faults.py: damaged files of every kind.

Each mutant of a file is read, checked and written upon: the result is an
error that says so, or the right rows when the bytes are not read. Without
checksums in the files a changed value can't be told from a right one.
FAULTS_FLIPS multiplies the number of bit flips (default 1).
"""
import os
import random
import shutil
import time

from faults_world import Failure, Skip, Unchanged, together, verdict_text

FLIPS = int(os.environ.get("FAULTS_FLIPS", "1"))
# What a damaged file may raise; XX001 names it, the others say what is gone.
DAMAGE = ("XX001", "58P01", "58030", "0A000", "HV00R", "HV00Q", "HV005",
          "HV004", "22021", "22023", "72000")


PROBE = "SELECT count(x.*::text) FROM %s x"


def probe(lake, table, count, what, exact):
    """Read, check and write on a damaged table. -> the read's verdict"""
    session = lake.session
    started = time.time()
    rows, error = session.run(PROBE % table)
    verdict = "same" if error is None and rows == [count] else \
        "other rows" if error is None else error[:5]
    others = [session.run("SELECT count(*) FROM paimon.verify('%s')" % table),
              session.run("BEGIN; INSERT INTO %s SELECT * FROM %s LIMIT 1; "
                          "SAVEPOINT a; UPDATE %s SET v = v + 1; ROLLBACK" %
                          (table, table, table))]
    session.run("ROLLBACK")
    for failure in [error] + [o[1] for o in others]:
        if failure is not None and not failure.startswith(
                DAMAGE + ("53200", "22003", "22008", "42704", "25P02")):
            raise Failure("%s: %s" % (what, failure))
    if verdict == "other rows" and exact:
        raise Failure("%s: read %s rows instead of %s" % (what, rows, count))
    if time.time() - started > 10:
        raise Failure("%s: took %d s" % (what, time.time() - started))
    return verdict


def mutants(data, rng, flips):
    """(name, new content; None: no file) of everything that may happen."""
    size = len(data)
    yield "missing", None
    for cut in sorted({0, 1, 4, size // 3, size // 2, size - 8, size - 1}):
        if 0 <= cut < size:
            yield "cut to %d" % cut, data[:cut]
    yield "garbage", rng.randbytes(size)
    yield "zeros", b"\0" * size
    yield "longer", data + rng.randbytes(100)
    for text in ("{}", "[]", "null", '{"version":3}', "[" * 100000,
                 '{"id":' + "9" * 400 + "}"):
        yield "JSON " + text[:12], text.encode()
    for _ in range(flips):
        place, bit = rng.randrange(size), rng.randrange(8)
        flipped = bytearray(data)
        flipped[place] ^= 1 << bit
        yield "bit %d of byte %d" % (bit, place), bytes(flipped)


def damage_file(lake, table, path, rng, flips, exact, newest):
    """All mutants of one file; afterwards it is as it was. -> verdicts.
    newest: the file is read for certain. Without the newest snapshot the one
    before it is the newest: that alone can't be noticed."""
    with open(path, "rb") as handle:
        data = handle.read()
    stat = os.stat(path)
    count = lake.value(PROBE % table)
    verdicts = {}
    for name, content in mutants(data, rng, flips):
        if content is None:
            os.remove(path)
        else:
            with open(path, "wb") as handle:
                handle.write(content)
            os.chmod(path, 0o644)
        with Unchanged(lake.folder(table)):
            what = "%s %s" % (os.path.basename(path), name)
            verdict = probe(lake, table, count, what,
                            exact and name.startswith("bit"))
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
        if newest and verdict in ("same", "other rows") and name in (
                "cut to 0", "garbage", "zeros"):
            raise Failure("%s: not noticed" % what)
    with open(path, "wb") as handle:
        handle.write(data)
    os.chmod(path, stat.st_mode & 0o777)
    lake.give(path)
    if lake.value(PROBE % table) != count:
        raise Failure("%s does not read after it was restored" % path)
    return verdicts


COLUMNS = ("id int NOT NULL, v bigint, s text, n numeric(12,2), "
           "b bytea, t timestamptz, d date, f float8")


def fill(lake, table):
    lake.sql("INSERT INTO %s SELECT i, i, 'text ' || i, i / 3.0, '\\x00ff', "
             "now(), '2024-02-29', i FROM generate_series(1, 300) i" % table)


def damaged_table(lake, table):
    # Manifests that the session has read already are not read again.
    lake.sql("SET paimon_fdw.metadata_cache_size = 0")
    if table == "k":
        lake.keyed("k", COLUMNS)
    else:
        lake.table("a", COLUMNS)
    fill(lake, table)
    if table == "k":
        lake.sql("SELECT paimon.compact('k', true)")
        lake.sql("UPDATE k SET v = -v, n = NULL WHERE id % 3 = 0")
        lake.sql("DELETE FROM k WHERE id % 7 = 0")
    fill(lake, table)


def damage(kind, exact, flips, *starts):
    """A scenario: each file of this kind, in a keyed and an append table."""
    def scenario(lake):
        rng = random.Random(kind)
        verdicts = {}
        for table in ("k", "a"):
            damaged_table(lake, table)
            paths = lake.files(table, *starts)
            if not paths:
                raise Failure("%s has no %s" % (table, starts))
            for path in paths[:2]:
                if path.endswith(("LATEST", "EARLIEST")):
                    continue
                found = damage_file(lake, table, path, rng, flips * FLIPS,
                                    exact, path == paths[0])
                for name, number in found.items():
                    verdicts[name] = verdicts.get(name, 0) + number
            lake.sound(table)
        return verdict_text(verdicts)
    scenario.__doc__ = "Goal: a damaged %s is an error or not read." % kind
    return scenario


def damage_snapshot(lake):
    """Goal: a damaged snapshot file is an error. What is no JSON is read
    again for two seconds, as it may be half written: so many copies of the
    table wait at once."""
    damaged_table(lake, "k")
    count = lake.value(PROBE % "k")
    path = lake.files("k", "snapshot-")[0]
    with open(path, "rb") as handle:
        data = handle.read()
    todo = list(mutants(data, random.Random("snapshot"), 40 * FLIPS))
    workers, verdicts = 12, {}

    def work(number):
        table = "k%d" % number
        own = path.replace("/k/snapshot/", "/%s/snapshot/" % table)

        def damage_copies(session):
            session.rows("CREATE FOREIGN TABLE %s () SERVER %s OPTIONS "
                         "(database 'db')" % (table, lake.name))
            for name, content in todo[number::workers]:
                if content is None:
                    os.remove(own)
                else:
                    with open(own, "wb") as handle:
                        handle.write(content)
                    os.chmod(own, 0o644)
                rows, error = session.run(PROBE % table)
                verdict = error[:5] if error else \
                    "same" if rows == [count] else "other rows"
                if error and not error.startswith(DAMAGE) or (
                        not error and name in ("cut to 0", "garbage")) or (
                        verdict == "other rows" and name != "missing"):
                    raise Failure("%s: %s" % (name, error or rows))
                if error and lake.warehouse not in error:
                    raise Failure("%s names no file: %s" % (name, error))
                verdicts[verdict] = verdicts.get(verdict, 0) + 1
        return damage_copies

    for number in range(workers):
        shutil.copytree(lake.folder("k"), lake.folder("k%d" % number))
    lake.give(lake.warehouse)
    together([work(number) for number in range(workers)])
    return verdict_text(verdicts)


def damage_hint(lake):
    """Goal: LATEST and EARLIEST are hints: wrong ones change no row."""
    damaged_table(lake, "k")
    count = lake.value(PROBE % "k")
    for name in ("LATEST", "EARLIEST"):
        path = os.path.join(lake.folder("k"), "snapshot", name)
        if not os.path.exists(path):
            continue
        with open(path, "rb") as handle:
            data = handle.read()
        for content in (b"", b"x", b"99", b"1", b"-1", b"9" * 30, b"\xff\0"):
            with open(path, "wb") as handle:
                handle.write(content)
            lake.session.pid = None
            if lake.value(PROBE % "k") != count:
                raise Failure("%s %r: other rows" % (name, content))
        with open(path, "wb") as handle:
            handle.write(data)
    lake.sql("INSERT INTO k (id) VALUES (1000)")
    lake.sound("k")


# All formats, codecs and kinds of values and files; what this version does
# not read yet is counted as refused.
GOLDEN = ("pk_composite", "partition_multi_pk", "timestamps_parquet",
          "decimals_parquet", "parquet_v2", "compress_parquet_lz4",
          "compress_parquet_gzip", "evolution_casts", "decimals_orc",
          "compress_orc_snappy", "compress_orc_lz4", "pk_dedup_l0_orc",
          "timestamps_avro", "compress_avro_deflate", "compress_avro_zstd",
          "pk_dedup_levels_avro", "nested_append_parquet", "variant_parquet",
          "nested_append_orc", "manifest_orc", "file_index_bloom", "dv_pk_v1",
          "dv_append_bitmap64", "partial_update", "aggregation")


def damage_golden(lake):
    """Goal: damage to any file of tables that other engines wrote, too."""
    golden, rng = lake.golden, random.Random("golden")
    if golden is None:
        raise Skip("no golden tables were given")
    verdicts = {}
    for case in GOLDEN:
        source = os.path.join(golden, case, "warehouse", "db.db", "t")
        if not os.path.isdir(source):
            continue
        shutil.rmtree(lake.folder("t"), ignore_errors=True)
        shutil.copytree(source, lake.folder("t"))
        lake.give(lake.warehouse)
        lake.sql("DROP FOREIGN TABLE IF EXISTS t")
        error = lake.session.run("CREATE FOREIGN TABLE t () SERVER %s OPTIONS "
                                 "(database 'db', \"table\" 't')" % lake.name)
        rows, failure = lake.session.run(PROBE % "t")
        if error[1] is not None or failure is not None:
            verdicts["refused"] = verdicts.get("refused", 0) + 1
            continue
        paths = [path for path in lake.files("t", "")
                 if os.sep + "snapshot" + os.sep not in path]
        for path in rng.sample(sorted(paths), min(5 * FLIPS, len(paths))):
            golden_file(lake, path, rows[0], rng, verdicts)
    return verdict_text(verdicts)


def golden_file(lake, path, count, rng, verdicts):
    with open(path, "rb") as handle:
        data = handle.read()
    choices = [m for m in mutants(data, rng, 4 * FLIPS)
               if not m[0].startswith("JSON")]
    for name, content in rng.sample(choices, 2 + 2 * FLIPS):
        if content is None:
            os.remove(path)
        else:
            with open(path, "wb") as handle:
                handle.write(content)
            os.chmod(path, 0o644)
        what = "%s %s" % (os.path.relpath(path, lake.warehouse), name)
        rows, error = lake.session.run(PROBE % "t")
        others = [error, lake.session.run(
            "SELECT count(*) FROM paimon.verify('t')")[1]]
        for failure in others:
            if failure is not None and not failure.startswith(
                    DAMAGE + ("53200", "22003", "22008")):
                raise Failure("%s: %s" % (what, failure))
        verdict = error[:5] if error else \
            "same" if rows == [count] else "other rows"
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
    with open(path, "wb") as handle:
        handle.write(data)
