-- Goal: Paimon's binlog shows every column as an array of the old and the new
-- value, for changes and for a state, with Paimon's columns and kinds.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/binlog' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER binlog_lake FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'warehouse');
CREATE SCHEMA logs;
SET search_path = logs, public;
SET datestyle = 'ISO';
CREATE FOREIGN TABLE t (id int NOT NULL, s text, m numeric(30,2), at timestamp, raw bytea, tags text[])
  SERVER binlog_lake OPTIONS (primary_key 'id', bucket '1', "table-read.sequence-number.enabled" 'true');
INSERT INTO t VALUES (1, 'one', 1.50, '2026-01-01 12:00:00', '\xab', '{a,NULL}'), (2, 'two', NULL, NULL, NULL, NULL);
DELETE FROM t WHERE id = 1;
INSERT INTO t VALUES (3, 'a "quoted", {one}', -3, NULL, '', '{}');

-- A state, with the keys whose last row is a delete.
IMPORT FOREIGN SCHEMA logs LIMIT TO ("t$binlog") FROM SERVER binlog_lake INTO logs;
\d "t$binlog"
SELECT * FROM "t$binlog" ORDER BY id;
SELECT s, rowkind FROM "t$binlog" WHERE id = '{2}';
-- Of arrays, none is null; conditions are not those of the table's columns.
SELECT count(*) FROM "t$binlog" WHERE m IS NULL;
SELECT id FROM "t$binlog" WHERE m[1] IS NULL ORDER BY id;
SELECT count(*) FROM "t$binlog";
SELECT rowkind, count(*) FROM "t$binlog" GROUP BY 1 ORDER BY 1;
EXPLAIN (COSTS OFF) SELECT s FROM "t$binlog" WHERE id = '{2}' LIMIT 1;
INSERT INTO "t$binlog" (rowkind) VALUES ('+I');
CREATE FOREIGN TABLE x (id int) SERVER binlog_lake OPTIONS (database 'logs', "table" 't$binlog');

-- Tables without keys only grow.
CREATE FOREIGN TABLE plain (a int, b text) SERVER binlog_lake;
INSERT INTO plain SELECT g, 'b' || g FROM generate_series(1, 20000) g;
CREATE FOREIGN TABLE "plain$binlog" () SERVER binlog_lake;
SELECT count(*), min(cardinality(a)), max(cardinality(b)), sum(a[1]), bool_and(b[1] = 'b' || a[1]) FROM "plain$binlog";
SELECT DISTINCT rowkind FROM "plain$binlog";

-- Changes that Paimon wrote: an update is one row. Taken apart again they are
-- what the audit log has.
\getenv srcdir PG_ABS_SRCDIR
\set golden :srcdir '/test/golden/changelog_lookup/warehouse'
CREATE SERVER golden_lake FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'golden');
CREATE FOREIGN TABLE packed () SERVER golden_lake
  OPTIONS (database 'db', "table" 't$binlog', "incremental-between" '2,10');
CREATE FOREIGN TABLE single () SERVER golden_lake
  OPTIONS (database 'db', "table" 't$audit_log', "incremental-between" '2,10');
SELECT rowkind, cardinality(k), count(*) FROM packed GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) FROM packed WHERE rowkind = '+U';
SELECT rowkind, count(*) FROM single GROUP BY 1 ORDER BY 1;
SELECT * FROM packed WHERE rowkind <> '+I' ORDER BY k, v LIMIT 4;
CREATE VIEW apart AS
  SELECT CASE WHEN cardinality(k) = 2 AND i = 1 THEN '-U' ELSE rowkind END AS rowkind, k[i] AS k, v[i] AS v, n[i] AS n, d[i] AS d
    FROM packed, generate_subscripts(k, 1) i;
SELECT count(*) FROM (SELECT * FROM apart EXCEPT ALL SELECT * FROM single) x;
SELECT count(*) FROM (SELECT * FROM single EXCEPT ALL SELECT * FROM apart) x;
-- Of a difference, the later row alone.
ALTER FOREIGN TABLE packed OPTIONS (ADD "incremental-between-scan-mode" 'diff');
SELECT DISTINCT cardinality(k) FROM packed;
SET client_min_messages = warning;
DROP SCHEMA logs CASCADE;
DROP SERVER binlog_lake CASCADE;
DROP SERVER golden_lake CASCADE;
