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

\echo reading only
INSERT INTO groups (k) VALUES (1);
UPDATE aggregation SET f_sum = 1;
DELETE FROM first_row;
SELECT paimon.compact('groups');
