-- Goal: nested columns are arrays, composites and jsonb; what Paimon wrote is
-- read, what is written is read back, and what has no place is an error that
-- names the field.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/nested' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER nested_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
SET timezone = 'UTC';
\getenv srcdir PG_ABS_SRCDIR
\set golden :srcdir '/test/golden/nested_append_parquet/warehouse'
CREATE SERVER nested_golden FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'golden');
\set golden :srcdir '/test/golden/evolution_nested/warehouse'
CREATE SERVER nested_evolved FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'golden');
\set golden :srcdir '/test/golden/variant_parquet/warehouse'
CREATE SERVER nested_variant FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'golden');

-- as Paimon wrote them
CREATE FOREIGN TABLE g () SERVER nested_golden OPTIONS (database 'db', "table" 't');
\x
SELECT * FROM g WHERE id IN (0, 1, 102, 10) ORDER BY id;
\x
SELECT id, a_int[1], r -> 'z' ->> 'p' AS p, m_si ->> 'k0' AS k0
  FROM g WHERE cardinality(a_int) > 2 ORDER BY id LIMIT 3;
SELECT count(*), count(a_int), count(r), count(*) FILTER (WHERE a_int = '{}') AS empty FROM g;

-- composites, with their attributes in any order
CREATE TYPE nested_q AS (v double precision, k text);
CREATE TYPE nested_z AS (p numeric(10,2), q nested_q[]);
CREATE TYPE nested_r AS (x int, y text, z nested_z);
CREATE TYPE nested_a AS (b timestamp);
CREATE DOMAIN nested_positive AS int CHECK (VALUE > 0);
CREATE FOREIGN TABLE c (id int NOT NULL, r nested_r, a_row nested_a[],
  a_int jsonb, a_a jsonb[]) SERVER nested_golden OPTIONS (database 'db', "table" 't');
SELECT * FROM c WHERE id IN (0, 1, 102, 10) ORDER BY id;
SELECT id, (r).z.p, (r).z.q[1].k FROM c WHERE (r).x > 20 ORDER BY id LIMIT 3;
CREATE FOREIGN TABLE d (id int NOT NULL, a_int nested_positive[]) SERVER nested_golden
  OPTIONS (database 'db', "table" 't');
SELECT a_int FROM d WHERE a_int IS NOT NULL ORDER BY id;

-- declarations that don't fit
CREATE FOREIGN TABLE w (a_int text) SERVER nested_golden OPTIONS (database 'db', "table" 't');
CREATE FOREIGN TABLE w (a_int bigint[]) SERVER nested_golden OPTIONS (database 'db', "table" 't');
CREATE FOREIGN TABLE w (a_a bigint[]) SERVER nested_golden OPTIONS (database 'db', "table" 't');
CREATE FOREIGN TABLE w (r nested_q) SERVER nested_golden OPTIONS (database 'db', "table" 't');
CREATE FOREIGN TABLE w (m_si text[]) SERVER nested_golden OPTIONS (database 'db', "table" 't');

-- filters on nested columns stay here
EXPLAIN (COSTS OFF) SELECT id FROM g WHERE a_int = '{1}';
EXPLAIN (COSTS OFF) SELECT id FROM g WHERE r IS NOT NULL AND id = 5;
SELECT count(*) FROM g WHERE r IS NULL;
SELECT count(*) FROM g WHERE a_row IS NOT NULL;
ANALYZE g;
SELECT attname, null_frac > 0 AS has_nulls FROM pg_stats WHERE tablename = 'g'
  ORDER BY attname;
SELECT to_jsonb(g) -> 'a_date' AS a_date FROM g WHERE id = 102;
SET enable_hashagg = off;
SELECT a_bool, count(*) FROM g WHERE id < 20 GROUP BY a_bool ORDER BY a_bool;
RESET enable_hashagg;

-- rows of a file whose ROW had other fields
CREATE FOREIGN TABLE e () SERVER nested_evolved OPTIONS (database 'db', "table" 't');
SELECT * FROM e WHERE id IN (0, 10, 20) ORDER BY id;

-- VARIANT
CREATE FOREIGN TABLE v () SERVER nested_variant OPTIONS (database 'db', "table" 't');
\d v
SELECT id, v, jsonb_typeof(v) FROM v ORDER BY id;

-- rights
CREATE ROLE regress_paimon_nested;
GRANT SELECT (id, a_int) ON g TO regress_paimon_nested;
SET ROLE regress_paimon_nested;
SELECT a_int FROM g WHERE id = 102;
SELECT r FROM g WHERE id = 102;
RESET ROLE;


-- a new table; ids of fields within ROWs as Paimon gives them
CREATE FOREIGN TABLE n (
  id int NOT NULL, a int[], t text[], nu numeric(10,2)[], r nested_r,
  ra nested_a[], j jsonb,
  va jsonb OPTIONS (paimon_type 'VARIANT'),
  m jsonb OPTIONS (paimon_type 'MAP<STRING, INT>'),
  mi jsonb OPTIONS (paimon_type 'MAP<INT, ARRAY<DATE>>'),
  ms jsonb OPTIONS (paimon_type 'MULTISET<STRING>'),
  ve real[] OPTIONS (paimon_type 'VECTOR<FLOAT, 3>'),
  ro jsonb OPTIONS (paimon_type 'ROW<b BOOLEAN, t TINYINT, f FLOAT, d DOUBLE, c DECIMAL(9, 2), s VARCHAR(3), y BYTES, da DATE, ti TIME(3), ts TIMESTAMP(3), tz TIMESTAMP_LTZ(6), nn INT NOT NULL>')
) SERVER nested_lake OPTIONS (primary_key 'id', bucket '1');
\a
SELECT f ->> 'id' AS id, f ->> 'name' AS name, f ->> 'type' AS type
  FROM paimon.schemas('n'), jsonb_array_elements(fields::jsonb) f;
\a
CREATE FOREIGN TABLE n2 () SERVER nested_lake OPTIONS (database 'public', "table" 'n');
\d n2

-- what is written is read
INSERT INTO n (id) VALUES (0);
INSERT INTO n VALUES (1, '{1,NULL,-3}', '{a,"b c",NULL,ä}', '{1.25,-3.10}',
  ROW(7, 'why', ROW(1.5, ARRAY[ROW(2.5, 'k')::nested_q, NULL])::nested_z),
  ARRAY[ROW('2024-02-29 12:00:00.123456')::nested_a, NULL],
  '{"free": ["form"]}', '{"a": [1, 2.5, "x", null], "b": {"c": true}}',
  '{"k": 1, "l": null}', '[[2, ["2024-02-29", null]], [1, null]]',
  '[["x", 2], ["y", 1]]', '{1.5,NaN,-0}',
  '{"b": true, "t": -128, "f": 1.1, "d": 2.5e-10, "c": 12.30, "s": "xyz",
    "y": "\\x00ff", "da": "0044-03-15 BC", "ti": "12:34:56.789",
    "ts": "2024-02-29T01:02:03.456", "tz": "2024-02-29T01:02:03.456789+02:00", "nn": 5}');
INSERT INTO n VALUES (2, '{}', '{}', '{}', ROW(NULL, NULL, NULL), '{}', '{}', 'null',
  '{}', '[]', '[]', '{0,Infinity,-Infinity}', '{"f": "NaN", "d": "-Infinity", "nn": 0}');
\x
SELECT * FROM n ORDER BY id;
SELECT * FROM n2 WHERE id = 1;
\x
-- updates; JSON's null is null
UPDATE n SET a = a || 4, m = m || '{"z": 26}', va = va || '{"a": 0}' WHERE id = 1;
UPDATE n SET r.x = 8, m = 'null' WHERE id = 2;
SELECT id, a, r, va, m, m IS NULL AS is_null FROM n ORDER BY id;
DELETE FROM n WHERE (r).x = 8;
INSERT INTO n (id, a) SELECT 100 + i, array_agg(g) FROM generate_series(0, 20) i,
  generate_series(0, i * 100) g GROUP BY i;
SELECT count(*), sum(cardinality(a)), sum(a[cardinality(a)]) FROM n WHERE id >= 100;
SELECT paimon.compact('n', true) IS NOT NULL AS done;
SELECT count(*), sum(cardinality(a)) FROM n;

-- what has no place
INSERT INTO n (id, a) VALUES (3, '{{1,2},{3,4}}');
INSERT INTO n (id, a) VALUES (3, '[0:1]={1,2}');
INSERT INTO n (id, nu) VALUES (3, '{NaN}');
INSERT INTO n (id, ve) VALUES (3, '{1,2}');
INSERT INTO n (id, ve) VALUES (3, '{1,2,NULL}');
INSERT INTO n (id, m) VALUES (3, '{"a": "b"}');
INSERT INTO n (id, m) VALUES (3, '[]');
INSERT INTO n (id, m) VALUES (3, '{"a": 3000000000}');
INSERT INTO n (id, mi) VALUES (3, '[[1, ["2024-02-29"], 3]]');
INSERT INTO n (id, mi) VALUES (3, '[[1, ["never"]]]');
INSERT INTO n (id, mi) VALUES (3, '[[null, null]]');
INSERT INTO n (id, mi) VALUES (3, '[[1, null], [2, null], [1, []]]');
INSERT INTO n (id, ms) VALUES (3, '[["x", 0]]');
INSERT INTO n (id, ro) VALUES (3, '{"nn": null}');
INSERT INTO n (id, ro) VALUES (3, '{"nn": 1, "s": "four"}');
INSERT INTO n (id, ro) VALUES (3, '{"nn": 1, "t": 128}');
INSERT INTO n (id, ro) VALUES (3, '{"nn": 1, "c": 1.234}');
INSERT INTO n (id, ro) VALUES (3, '{"nn": 1, "ti": "12:34:56.7891"}');
INSERT INTO n (id, ro) VALUES (3, '{"nn": 1, "more": 1}');
INSERT INTO n (id, va) VALUES (3, '123456789012345678901234567890123456789.5');
CREATE FOREIGN TABLE n3 (id int NOT NULL, r nested_q) SERVER nested_lake
  OPTIONS (database 'public', "table" 'n');
CREATE TYPE nested_part AS (y text);
CREATE FOREIGN TABLE n3 (id int NOT NULL, r nested_part) SERVER nested_lake
  OPTIONS (database 'public', "table" 'n');
SELECT * FROM n3 WHERE id = 1;
INSERT INTO n3 VALUES (4, ROW('y'));
SELECT count(*) FROM n;

-- types that no new table can have
CREATE FOREIGN TABLE x (id int, a interval[]) SERVER nested_lake;
CREATE FOREIGN TABLE x (id int, a int[] OPTIONS (paimon_type 'ARRAY<BIGINT>')) SERVER nested_lake;
CREATE FOREIGN TABLE x (id int, a jsonb OPTIONS (paimon_type 'ROW<a INT, a INT>')) SERVER nested_lake;
CREATE FOREIGN TABLE x (id int, a jsonb OPTIONS (paimon_type 'ARRAY<GEOMETRY>')) SERVER nested_lake;
CREATE FOREIGN TABLE x (id int, a int[] NOT NULL) SERVER nested_lake OPTIONS (primary_key 'a', bucket '1');

SET client_min_messages = warning;
DROP SERVER nested_lake CASCADE;
DROP SERVER nested_golden CASCADE;
DROP SERVER nested_evolved CASCADE;
DROP SERVER nested_variant CASCADE;
DROP TYPE nested_a, nested_q, nested_z, nested_r, nested_part;
DROP DOMAIN nested_positive;
DROP ROLE regress_paimon_nested;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
