-- Goal: tables of every merge engine are read as Paimon reads them: filters
-- see merged rows, any columns may be left out, and what cannot be written
-- is refused by name.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
\getenv srcdir PG_ABS_SRCDIR
\set golden :srcdir '/test/golden/partial_update_seq_groups_agg/warehouse'
CREATE SERVER groups FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'golden');
\set golden :srcdir '/test/golden/aggregation/warehouse'
CREATE SERVER aggregation FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'golden');
\set golden :srcdir '/test/golden/first_row/warehouse'
CREATE SERVER first_row FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'golden');
CREATE FOREIGN TABLE groups () SERVER groups OPTIONS (database 'db', "table" 't');
CREATE FOREIGN TABLE aggregation () SERVER aggregation OPTIONS (database 'db', "table" 't');
CREATE FOREIGN TABLE first_row () SERVER first_row OPTIONS (database 'db', "table" 't');

\echo a column alone is what it is beside the others
SELECT * FROM groups ORDER BY k LIMIT 4;
SELECT a FROM groups ORDER BY k LIMIT 4;
SELECT d, k FROM groups ORDER BY k LIMIT 4;
SELECT count(*), count(a), sum(a), min(c), max(d) FROM groups;
SELECT count(*) FROM groups;

\echo filters see merged rows
SELECT (SELECT count(*) FROM groups WHERE a > 40) =
       (SELECT count(*) FROM (SELECT a FROM groups OFFSET 0) t WHERE a > 40) AS same,
       (SELECT count(*) FROM groups WHERE a > 40) > 0 AS has_some;
SELECT (SELECT sum(f_sum) FROM aggregation WHERE f_sum < 100) IS NOT DISTINCT FROM
       (SELECT sum(f_sum) FROM (SELECT f_sum FROM aggregation OFFSET 0) t
         WHERE f_sum < 100) AS same;
SELECT k, f_sum, f_list FROM aggregation ORDER BY k LIMIT 3;
SELECT count(*), count(DISTINCT k) FROM first_row;

\echo the engine is shown
EXPLAIN (COSTS OFF) SELECT a FROM groups WHERE a > 1;

\echo what cannot be written is refused by name, and what is not replaced
INSERT INTO first_row VALUES (1);
UPDATE aggregation SET f_sum = 1;
DELETE FROM groups;
DELETE FROM first_row;
SELECT paimon.compact('first_row');

SELECT '/tmp/paimon_fdw_' || system_identifier || '/merge' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER merge_lake FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'warehouse');
CREATE FOREIGN TABLE partial (k int NOT NULL, a int, b text, g int, s bigint, t text)
  SERVER merge_lake OPTIONS (primary_key 'k', "bucket" '2', "merge-engine" 'partial-update',
  "fields.g.sequence-group" 's,t', "fields.s.aggregate-function" 'sum');
CREATE FOREIGN TABLE totals (k int NOT NULL, n bigint, most int, words text, list int[], seen text)
  SERVER merge_lake OPTIONS (primary_key 'k', "bucket" '1', "merge-engine" 'aggregation',
  "fields.n.aggregate-function" 'sum', "fields.most.aggregate-function" 'max',
  "fields.words.aggregate-function" 'listagg', "fields.list.aggregate-function" 'collect',
  "fields.seen.aggregate-function" 'last_non_null_value');

\echo a column that is left out is not touched; RETURNING shows the row that came
INSERT INTO partial (k, a, b) VALUES (1, 10, 'x'), (2, 20, 'y') RETURNING *;
INSERT INTO partial (k, b) VALUES (1, 'z') RETURNING k, a, b;
INSERT INTO partial (k, g, s, t) VALUES (1, 5, 1, 'five'), (1, 3, 10, 'three'), (2, NULL, 7, 'none'), (1, 6, 100, NULL);
SELECT * FROM partial ORDER BY k;
SELECT count(*), sum(a), sum(s) FROM partial;
SELECT k, b FROM partial WHERE b = 'x' OR s = 111;

\echo keys that come twice in a statement, and in a transaction, add up in order
INSERT INTO totals VALUES (1, 1, 5, 'a', '{1}', 'first'), (1, 2, 3, 'b', '{2,1}', NULL);
BEGIN;
INSERT INTO totals VALUES (1, 10, 9, 'c', '{3}', 'third'), (2, 1, 1, 'p', NULL, NULL);
SELECT * FROM totals ORDER BY k;
SAVEPOINT s;
INSERT INTO totals VALUES (1, 1000, 99, 'lost', '{9}', 'lost'), (3, 1, 1, 'lost', NULL, NULL);
SELECT k, n, most, words FROM totals ORDER BY k;
ROLLBACK TO s;
COPY totals (k, n, words) FROM STDIN;
1	100	d
2	\N	q
\.
SELECT * FROM totals ORDER BY k;
COMMIT;
SELECT * FROM totals ORDER BY k;
BEGIN;
INSERT INTO totals (k, n) VALUES (1, 5000);
SELECT n FROM totals WHERE k = 1;
ROLLBACK;
SELECT n FROM totals WHERE k = 1;

\echo compactions change no row, and rows go on from them
CREATE TEMP TABLE before AS SELECT * FROM totals;
SELECT paimon.compact('totals', true) IS NOT NULL, paimon.compact('partial', true) IS NOT NULL;
SELECT level, record_count FROM paimon.files('totals');
TABLE before EXCEPT TABLE totals;
INSERT INTO totals (k, n, words) VALUES (1, 1, 'e');
INSERT INTO partial (k, g, s) VALUES (1, 5, 1000);
SELECT k, n, words FROM totals ORDER BY k;
DO $$BEGIN FOR i IN 1..8 LOOP
  INSERT INTO totals (k, n, most) SELECT j, i, i FROM generate_series(1, 5) j;
END LOOP; END$$;
SELECT paimon.compact('totals') IS NOT NULL;
SELECT * FROM totals ORDER BY k;
SELECT paimon.compact('totals', true) IS NOT NULL, paimon.compact('partial', true) IS NOT NULL;
SELECT k, n, most, words FROM totals ORDER BY k;
SELECT * FROM partial ORDER BY k;
SELECT * FROM paimon.verify('totals');
SELECT * FROM paimon.verify('partial');

\echo what an engine does not take
UPDATE totals SET n = 0 WHERE k = 1;
DELETE FROM partial WHERE k = 1;
WITH d AS (DELETE FROM totals RETURNING *) SELECT count(*) FROM d;
INSERT INTO totals VALUES (1, 2) ON CONFLICT DO NOTHING;
INSERT INTO partial (a) VALUES (1);
SELECT table_name, is_insertable_into, is_updatable
  FROM information_schema.tables JOIN information_schema.columns USING (table_schema, table_name)
  WHERE table_name IN ('totals', 'partial') AND column_name = 'k' ORDER BY 1;
CREATE FOREIGN TABLE totals_again () SERVER merge_lake OPTIONS ("table" 'totals');
SELECT pg_relation_is_updatable('totals_again'::regclass, false);
CREATE FOREIGN TABLE required (k int NOT NULL, a int NOT NULL, b int) SERVER merge_lake
  OPTIONS (primary_key 'k', "bucket" '1', "merge-engine" 'partial-update', insert_mode 'strict');
INSERT INTO required (k, b) VALUES (1, 1);
INSERT INTO required VALUES (1, 1);
\echo strict: only new keys
INSERT INTO required VALUES (2, 1), (1, 2);
INSERT INTO required VALUES (3, 1), (3, 2);
SELECT * FROM required;

\echo other options of these engines that are not written with
CREATE FOREIGN TABLE refused (k int, a int) SERVER merge_lake OPTIONS (primary_key 'k', "bucket" '1',
  "merge-engine" 'aggregation', "changelog-producer" 'lookup');
CREATE FOREIGN TABLE refused (k int, a int) SERVER merge_lake OPTIONS (primary_key 'k', "bucket" '1',
  "merge-engine" 'partial-update', "force-lookup" 'true');
CREATE FOREIGN TABLE refused (k int, a int) SERVER merge_lake OPTIONS (primary_key 'k', "bucket" '1',
  "merge-engine" 'aggregation', "deletion-vectors.enabled" 'true');
CREATE FOREIGN TABLE refused (k int, a text) SERVER merge_lake OPTIONS (primary_key 'k', "bucket" '1',
  "merge-engine" 'aggregation', "fields.a.aggregate-function" 'sum');
CREATE FOREIGN TABLE refused (k int, a bytea) SERVER merge_lake OPTIONS (primary_key 'k', "bucket" '1',
  "merge-engine" 'aggregation', "fields.a.aggregate-function" 'rbm64');
CREATE FOREIGN TABLE refused (k int, a int) SERVER merge_lake OPTIONS (primary_key 'k', "bucket" '1',
  "merge-engine" 'partial-update', "fields.a.aggregate-function" 'sum');

\echo a group that several columns order
CREATE FOREIGN TABLE ordered (k int, "Größe" int, h int, a int) SERVER merge_lake
  OPTIONS (primary_key 'k', "bucket" '1', "merge-engine" 'partial-update', "fields.Größe,h.sequence-group" 'a');
INSERT INTO ordered VALUES (1, 2, 1, 10), (1, 1, 9, 20), (1, 2, NULL, 30), (1, 2, 1, 40);
SELECT * FROM ordered;

\echo a partition of a table
CREATE TABLE parent (p int, k int NOT NULL, n bigint) PARTITION BY LIST (p);
CREATE FOREIGN TABLE child PARTITION OF parent FOR VALUES IN (1) SERVER merge_lake
  OPTIONS (primary_key 'p,k', "bucket" '1', "merge-engine" 'aggregation', "fields.n.aggregate-function" 'sum');
CREATE TABLE heap_child PARTITION OF parent FOR VALUES IN (2);
INSERT INTO parent VALUES (1, 1, 1), (1, 1, 2), (2, 1, 1);
SELECT * FROM parent ORDER BY p, k;
UPDATE parent SET n = 0;
DROP TABLE parent;
SET client_min_messages = warning;
DROP SERVER merge_lake CASCADE;
