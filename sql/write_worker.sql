-- Goal: rows that a process of its own writes are the same rows; it works on
-- every kind of table, sees what the transaction wrote before, and leaves
-- nothing when the statement or the transaction fails.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/write_worker' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER writer_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
SET timezone = 'UTC';
SHOW paimon_fdw.write_workers;
SHOW paimon_fdw.write_worker_rows;
SET paimon_fdw.write_worker_rows = 5000;

-- all kinds of values, by the session and by a worker
CREATE TABLE source AS
SELECT i AS id, i % 3 = 0 AS bo, (i % 1000)::smallint AS si, i * 7 AS i, i * 10000000000 AS bi,
  (i / 7.0)::real AS re, i / 3.0::double precision AS dp,
  (i / 7.0)::numeric(18,4) AS d18, (i * 1e20 / 7)::numeric(38,10) AS d38,
  left('name ' || i, 10)::varchar(10) AS vc, repeat('ä', i % 40) AS tx,
  decode(md5(i::text), 'hex') AS by, date '2000-01-01' + i AS da,
  time '00:00' + i * interval '1 second' AS ti,
  timestamp '2000-01-01' + i * interval '1.000001 second' AS ts,
  timestamptz '2000-01-01' + i * interval '1 hour' AS tz,
  md5(i::text)::uuid AS uu, jsonb_build_object('k', i) AS js,
  timestamp '2000-01-01' - i * interval '1.000001 second' AS ts9,
  ARRAY[i, NULL, i % 5] AS a
FROM generate_series(1, 12000) i;
-- a column with nulls of each kind
UPDATE source SET (bo, si, i, bi, re, dp, d18, d38, vc, tx, by, da, ti, ts, tz, uu, js, ts9, a) =
  (SELECT NULL::boolean, NULL::smallint, NULL::int, NULL::bigint, NULL::real, NULL::double precision,
    NULL::numeric, NULL::numeric, NULL::varchar, NULL::text, NULL::bytea, NULL::date, NULL::time,
    NULL::timestamp, NULL::timestamptz, NULL::uuid, NULL::jsonb, NULL::timestamp, NULL::int[])
  WHERE id % 10 = 0 OR id > 11000;
\set columns '(id int NOT NULL, bo boolean, si smallint, i int, bi bigint, re real, dp double precision, d18 numeric(18,4), d38 numeric(38,10), vc varchar(10), tx text, by bytea, da date, ti time(3), ts timestamp, tz timestamptz, uu uuid, js jsonb, ts9 timestamp OPTIONS (paimon_type ''TIMESTAMP(9)''), a int[])'
CREATE FOREIGN TABLE here :columns SERVER writer_lake;
CREATE FOREIGN TABLE there :columns SERVER writer_lake;
CREATE FOREIGN TABLE keyed :columns SERVER writer_lake OPTIONS (primary_key 'id', bucket '4');
CREATE FOREIGN TABLE parted :columns SERVER writer_lake OPTIONS (partition_by 'si', bucket '-1');
SET paimon_fdw.write_workers = 0;
INSERT INTO here SELECT * FROM source;
RESET paimon_fdw.write_workers;
INSERT INTO there SELECT * FROM source;
INSERT INTO keyed SELECT * FROM source ORDER BY id % 101;
INSERT INTO parted SELECT * FROM source WHERE si < 20 OR si IS NULL;
(TABLE here EXCEPT ALL TABLE there) UNION ALL (TABLE there EXCEPT ALL TABLE here);
(TABLE here EXCEPT ALL TABLE keyed) UNION ALL (TABLE keyed EXCEPT ALL TABLE here);
SELECT count(*), count(DISTINCT si) FROM (SELECT * FROM here WHERE si < 20 OR si IS NULL
  EXCEPT SELECT * FROM parted) x;
SELECT t, (SELECT count(*) FROM paimon.verify(t)) AS problems
  FROM unnest(ARRAY['there', 'keyed', 'parted']::regclass[]) t;
-- the rows in their order
SELECT count(*), bool_and(h.id = t.id) FROM (SELECT id, row_number() OVER () AS n FROM here) h
  JOIN (SELECT id, row_number() OVER () AS n FROM there) t USING (n);

-- updates and deletes are rows, too; later ones of a transaction win
CREATE FOREIGN TABLE t (id int NOT NULL, v int, s text) SERVER writer_lake
  OPTIONS (primary_key 'id', bucket '2');
INSERT INTO t SELECT i, 0, 'first' FROM generate_series(1, 10000) i;
UPDATE t SET v = id, s = NULL WHERE id > 1000;
DELETE FROM t WHERE id % 2 = 0;
SELECT count(*), sum(v), count(s) FROM t;
BEGIN;
INSERT INTO t SELECT i, 1, 'second' FROM generate_series(1, 8000) i;
SAVEPOINT a;
INSERT INTO t SELECT i, 2, 'third' FROM generate_series(1, 7000) i;
DELETE FROM t WHERE id > 500;
SELECT count(*), sum(v), min(s) FROM t;
ROLLBACK TO a;
SELECT count(*), sum(v), min(s) FROM t;
INSERT INTO t SELECT i, 3, 'fourth' FROM generate_series(1, 6000) i;
COMMIT;
SELECT count(*), sum(v), min(s) FROM t;
SELECT count(*) FROM paimon.verify('t');
-- one key many times in one statement: the last one stays
INSERT INTO t SELECT i % 10, i, 'again' FROM generate_series(1, 20000) i;
SELECT id, v FROM t WHERE s = 'again' ORDER BY id;

-- buckets that are found by an index, and merge engines
CREATE FOREIGN TABLE dynamic (id int NOT NULL, v int) SERVER writer_lake
  OPTIONS (primary_key 'id', bucket '-1', "dynamic-bucket.target-row-num" '3000');
INSERT INTO dynamic SELECT i, i FROM generate_series(1, 10000) i;
INSERT INTO dynamic SELECT i, -1 FROM generate_series(1, 20000, 2) i;
SELECT count(*), sum(v), count(DISTINCT id) FROM dynamic;
CREATE FOREIGN TABLE summed (id int NOT NULL, v int) SERVER writer_lake
  OPTIONS (primary_key 'id', bucket '1', "merge-engine" 'aggregation', "fields.v.aggregate-function" 'sum');
INSERT INTO summed SELECT i % 100, 1 FROM generate_series(1, 10000) i;
SELECT count(*), min(v), max(v) FROM summed;

-- little memory: the worker spills
SET maintenance_work_mem = '1MB';
INSERT INTO t SELECT i * 7919 % 30000, i, repeat('x', 100) FROM generate_series(1, 30000) i;
SELECT count(*), count(DISTINCT id), sum(v) FROM t;
RESET maintenance_work_mem;

-- failures late in a statement
CREATE FOREIGN TABLE g (id int NOT NULL CHECK (id < 15000), ti time OPTIONS (paimon_type 'TIME(3)'))
  SERVER writer_lake;
INSERT INTO g SELECT i, '00:00' FROM generate_series(1, 20000) i;
INSERT INTO g SELECT i, CASE i WHEN 12000 THEN time '00:00:00.000001' ELSE '00:00' END
  FROM generate_series(1, 14000) i;
INSERT INTO g SELECT 100 / (12000 - i), '00:00' FROM generate_series(1, 14000) i;
BEGIN;
INSERT INTO g SELECT i, '00:00' FROM generate_series(1, 14000) i;
SELECT count(*) FROM g;
ROLLBACK;
BEGIN;
SAVEPOINT a;
INSERT INTO g SELECT 100 / (12000 - i), '00:00' FROM generate_series(1, 14000) i;
ROLLBACK TO a;
COMMIT;
SELECT count(*) FROM g;
SELECT count(*) FROM pg_ls_dir(:'warehouse' || '/public.db/g/bucket-0') d WHERE d LIKE 'data-%';

-- two lake tables in one statement: one worker is for one of them
CREATE TABLE p (id int, v int) PARTITION BY LIST (v);
CREATE FOREIGN TABLE p0 PARTITION OF p FOR VALUES IN (0) SERVER writer_lake;
CREATE FOREIGN TABLE p1 PARTITION OF p FOR VALUES IN (1) SERVER writer_lake;
INSERT INTO p SELECT i, i % 2 FROM generate_series(1, 40000) i;
SELECT tableoid::regclass, count(*), sum(id) FROM p GROUP BY 1 ORDER BY 1;
SET paimon_fdw.write_workers = 2;
INSERT INTO p SELECT i, i % 2 FROM generate_series(1, 40000) i;
SELECT tableoid::regclass, count(*), sum(id) FROM p GROUP BY 1 ORDER BY 1;
RESET paimon_fdw.write_workers;

-- a function that reads the table while it is written
CREATE FOREIGN TABLE w (id int, n bigint) SERVER writer_lake;
CREATE FUNCTION seen(i int) RETURNS bigint VOLATILE LANGUAGE plpgsql AS $$
BEGIN
  IF i % 10000 = 0 THEN RETURN (SELECT count(*) FROM w); END IF;
  RETURN NULL;
END $$;
INSERT INTO w SELECT i, seen(i) FROM generate_series(1, 30000) i;
SELECT * FROM w WHERE n IS NOT NULL ORDER BY id;
SELECT count(*) FROM w;

-- one that writes it, and one that fails to
CREATE FUNCTION also(i int) RETURNS int VOLATILE LANGUAGE plpgsql AS $$
BEGIN
  IF i % 9000 = 0 THEN INSERT INTO k VALUES (-i, 1); END IF;
  IF i % 7000 = 0 THEN
    BEGIN
      INSERT INTO k VALUES (-i, 2);
      RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN NULL;
    END;
  END IF;
  RETURN i;
END $$;
CREATE FOREIGN TABLE k (id int NOT NULL, v int) SERVER writer_lake
  OPTIONS (primary_key 'id', bucket '1');
INSERT INTO k SELECT also(i), 0 FROM generate_series(1, 30000) i;
INSERT INTO k SELECT also(i), 3 FROM generate_series(1, 30000) i;
SELECT v, count(*), count(DISTINCT id), min(id) FROM k GROUP BY v ORDER BY v;

-- COPY, and a few wide rows
SELECT format('seq 1 20000 | sed "s/.*/&,&/"') AS command \gset
COPY w FROM PROGRAM :'command' (FORMAT csv);
SELECT count(*), sum(n) FROM w;
CREATE FOREIGN TABLE wide (id int, s text) SERVER writer_lake;
INSERT INTO wide SELECT i, repeat(md5(i::text), 30000) FROM generate_series(1, 30) i;
SELECT count(*), bool_and(s = repeat(md5(id::text), 30000)) FROM wide;

SET client_min_messages = warning;
DROP SERVER writer_lake CASCADE;
DROP TABLE source;
DROP TABLE IF EXISTS p;
DROP FUNCTION seen(int), also(int);
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
