-- Goal: each failure has its SQLSTATE.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/errors' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER errors_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
\set VERBOSITY sqlstate
CREATE FOREIGN TABLE t (id int NOT NULL, s text CHECK (s <> 'bad')) SERVER errors_lake
  OPTIONS (primary_key 'id', insert_mode 'strict', bucket '1');
CREATE FOREIGN TABLE log (a smallint OPTIONS (paimon_type 'TINYINT'), d date) SERVER errors_lake;
INSERT INTO t VALUES (1, 'x');

\echo options: unknown, bad, missing
CREATE FOREIGN TABLE bad (a int) SERVER errors_lake OPTIONS (nonsense 'x');
CREATE FOREIGN TABLE bad (a int) SERVER errors_lake OPTIONS (insert_mode 'x');
CREATE FOREIGN TABLE bad (a int) SERVER errors_lake OPTIONS (primary_key 'b');
CREATE SERVER bad FOREIGN DATA WRAPPER paimon_fdw;
\echo not in the lake: database, table, column
IMPORT FOREIGN SCHEMA nowhere FROM SERVER errors_lake INTO public;
CREATE FOREIGN TABLE bad () SERVER errors_lake OPTIONS (database 'nowhere');
CREATE FOREIGN TABLE bad () SERVER errors_lake;
CREATE FOREIGN TABLE bad (x int) SERVER errors_lake OPTIONS (database 'public', "table" 't');
\echo types and values
CREATE FOREIGN TABLE bad (a interval) SERVER errors_lake;
CREATE FOREIGN TABLE bad (id text) SERVER errors_lake OPTIONS (database 'public', "table" 't');
INSERT INTO log VALUES (200, NULL);
INSERT INTO log VALUES (1, 'infinity');
\echo not supported
CREATE FOREIGN TABLE bad (a int) SERVER errors_lake
  OPTIONS (primary_key 'a', "merge-engine" 'first-row');
UPDATE log SET a = 1;
INSERT INTO t VALUES (1, 'x') ON CONFLICT (s) DO NOTHING;
TRUNCATE t;
MERGE INTO t USING log ON t.id = log.a WHEN MATCHED THEN DELETE;
\echo constraints
INSERT INTO t VALUES (NULL, 'x');
INSERT INTO t VALUES (2, 'bad');
INSERT INTO t VALUES (1, 'x');
\echo wrong object, wrong argument
SELECT paimon.flush('pg_class');
SELECT paimon.compact('t', partition => 'a=1');
SELECT * FROM paimon.files(0);
SET paimon_fdw.as_of = 'x';
\echo read-only
SET paimon_fdw.as_of = 'snapshot:1';
DELETE FROM t;
RESET paimon_fdw.as_of;
\echo damaged files
\getenv srcdir PG_ABS_SRCDIR
\set golden :srcdir '/test/golden/broken_parquet_cut/warehouse'
CREATE SERVER cut FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'golden');
CREATE FOREIGN TABLE cut () SERVER cut OPTIONS (database 'db', "table" 't');
SELECT * FROM cut;
SELECT count(*) > 0 AS has_problems FROM paimon.verify('cut');
\set golden :srcdir '/test/golden/broken_manifest_cut/warehouse'
CREATE SERVER manifest_cut FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'golden');
CREATE FOREIGN TABLE manifest_cut () SERVER manifest_cut OPTIONS (database 'db', "table" 't');
SELECT * FROM manifest_cut;
\set golden :srcdir '/test/golden/broken_schema_type/warehouse'
CREATE SERVER schema_type FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'golden');
CREATE FOREIGN TABLE schema_type () SERVER schema_type OPTIONS (database 'db', "table" 't');
\set golden :srcdir '/test/golden/expired/warehouse'
CREATE SERVER expired FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'golden');
CREATE FOREIGN TABLE expired () SERVER expired OPTIONS (database 'db', "table" 't');
SET paimon_fdw.as_of = 'snapshot:1';
SELECT * FROM expired;
RESET paimon_fdw.as_of;
\echo values that are too large
CREATE FOREIGN TABLE large (k int, s text) SERVER errors_lake
  OPTIONS (primary_key 'k', bucket '1');
INSERT INTO large VALUES (1, 'small'), (2, 'small');
INSERT INTO large VALUES (1, repeat('0123456789', 16000000));
SELECT k, length(s) FROM large ORDER BY k;
SELECT paimon.compact('large', true) IS NOT NULL AS done;
SELECT k, length(s) FROM large ORDER BY k;
INSERT INTO large VALUES (3, repeat('0123456789', 27000000));
\echo a warehouse that is not there
CREATE SERVER gone FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse '/nonexistent/lake');
CREATE FOREIGN TABLE gone () SERVER gone;
CREATE SERVER remote FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse 's3://bucket/lake');
CREATE FOREIGN TABLE remote () SERVER remote;
SELECT count(*) FROM t;
SET client_min_messages = warning;
DROP SERVER cut, manifest_cut, schema_type, expired, gone, remote CASCADE;

DROP SERVER errors_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
