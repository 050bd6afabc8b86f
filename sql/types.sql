-- Goal: each type that has a place in both worlds is stored and read back
-- unchanged; what does not fit is an error and never another value.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/types' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER types_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
SET timezone = 'UTC';
CREATE FOREIGN TABLE t (
  id int NOT NULL,
  bo boolean, si smallint, i int, bi bigint, re real, dp double precision,
  d18 numeric(18,4), d38 numeric(38,10), vc varchar(10), tx text, by bytea,
  da date, ti time(3), ts0 timestamp(0), ts timestamp, tz timestamptz,
  uu uuid, js jsonb,
  ty smallint OPTIONS (paimon_type 'TINYINT'),
  ts9 timestamp OPTIONS (paimon_type 'TIMESTAMP(9)')
) SERVER types_lake OPTIONS (primary_key 'id', bucket '1');
SELECT f ->> 'name' AS name, f ->> 'type' AS type
  FROM paimon.schemas('t'), jsonb_array_elements(fields::jsonb) f;

INSERT INTO t VALUES (1, true, -32768, -2147483648, -9223372036854775808,
  'NaN', '-Infinity', -99999999999999.9999, 9999999999999999999999999999.9999999999,
  'abc', 'text äöü 日本', '\x00ff10', '0001-01-01', '23:59:59.999',
  '1969-12-31 23:59:59', '1969-12-31 23:59:59.999999',
  '2026-01-01 12:00:00.123456+02', '00112233-4455-6677-8899-aabbccddeeff',
  '{"a": [1, 2]}', -128, '2262-04-11 23:47:16.854775');
INSERT INTO t VALUES (2, false, 32767, 2147483647, 9223372036854775807,
  '-0', 1e308, 0.0001, -0.0000000001, '', '', '', '9999-12-31', '00:00',
  '9999-12-31 23:59:59', '2000-01-01', '1970-01-01 00:00:00+00',
  'ffffffff-ffff-ffff-ffff-ffffffffffff', 'null', 127, '1900-01-01');
INSERT INTO t (id) VALUES (3);
\x on
SELECT * FROM t ORDER BY id;
\x off

-- text of every length around the header's edge
CREATE FOREIGN TABLE lengths (n int NOT NULL, s text) SERVER types_lake
  OPTIONS (primary_key 'n', bucket '1');
INSERT INTO lengths SELECT n, repeat('x', n) FROM generate_series(0, 300) n;
INSERT INTO lengths VALUES (100000, repeat('y', 100000));
SELECT count(*), bool_and(length(s) = n) FROM lengths;

-- out of range
INSERT INTO t (id, ty) VALUES (4, 128);
INSERT INTO t (id, d18) VALUES (4, 'NaN');
INSERT INTO t (id, da) VALUES (4, 'infinity');
INSERT INTO t (id, ts) VALUES (4, '-infinity');
INSERT INTO t (id, vc) VALUES (4, '12345678901');
SELECT count(*) FROM t;

-- types without a place
CREATE FOREIGN TABLE bad (a interval) SERVER types_lake;
CREATE FOREIGN TABLE bad (a numeric) SERVER types_lake;
CREATE FOREIGN TABLE bad (a numeric(50,2)) SERVER types_lake;
CREATE FOREIGN TABLE bad (a point) SERVER types_lake;

-- rows that Paimon wrote
\getenv srcdir PG_ABS_SRCDIR
\set golden :srcdir '/test/golden/types_append_parquet/warehouse'
CREATE SERVER types_golden FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'golden');
CREATE SCHEMA types_golden;
IMPORT FOREIGN SCHEMA db FROM SERVER types_golden INTO types_golden;
\d types_golden.t
SELECT count(*) FROM types_golden.t;
-- statistics of bytes that are no text are shown as Java shows them
CREATE FOREIGN TABLE bytes_only (b bytea) SERVER types_lake;
INSERT INTO bytes_only VALUES ('\x41ff42'), ('\xc3a4');
SELECT min_value_stats, max_value_stats FROM paimon.files('bytes_only');

SET client_min_messages = warning;
DROP SCHEMA types_golden CASCADE;
DROP SERVER types_golden;

DROP SERVER types_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
