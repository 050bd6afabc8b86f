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
DROP TYPE nested_a, nested_q, nested_z, nested_r;
DROP DOMAIN nested_positive;
DROP ROLE regress_paimon_nested;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
