-- Goal: earlier snapshots and tags are read by option and by setting, and
-- nothing is written to them.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/time_travel' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER time_travel_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE FOREIGN TABLE t (id int NOT NULL, s text) SERVER time_travel_lake
  OPTIONS (primary_key 'id', bucket '1');
INSERT INTO t VALUES (1, 'first');
INSERT INTO t VALUES (2, 'second');
UPDATE t SET s = 'third' WHERE id = 1;
SET paimon_fdw.as_of = 'snapshot:1';
SELECT * FROM t ORDER BY id;
SET paimon_fdw.as_of = 'snapshot:2';
SELECT * FROM t ORDER BY id;
EXPLAIN (COSTS OFF) SELECT * FROM t;
UPDATE t SET s = 'x';
DELETE FROM t;
SELECT * FROM t FOR UPDATE;
SET paimon_fdw.as_of = 'snapshot:99';
SELECT * FROM t;
SET paimon_fdw.as_of = 'tag:none';
SELECT * FROM t;
SET paimon_fdw.as_of = 'timestamp:2999-01-01 00:00:00+00';
SELECT * FROM t ORDER BY id;
RESET paimon_fdw.as_of;
BEGIN;
SET LOCAL paimon_fdw.as_of = 'snapshot:1';
SELECT count(*) FROM t;
COMMIT;
SELECT * FROM t ORDER BY id;

CREATE FOREIGN TABLE t1 () SERVER time_travel_lake
  OPTIONS (database 'public', "table" 't', "scan.snapshot-id" '1');
SELECT * FROM t1;
INSERT INTO t1 VALUES (9, 'x');
UPDATE t1 SET s = 'x';
ALTER FOREIGN TABLE t1 OPTIONS (SET "scan.snapshot-id" '2');
SELECT * FROM t1 ORDER BY id;
ALTER FOREIGN TABLE t1 OPTIONS (DROP "scan.snapshot-id");
SELECT * FROM t1 ORDER BY id;

-- tags, branches and schemas that Paimon made
\getenv srcdir PG_ABS_SRCDIR
\set golden :srcdir '/test/golden/tags_branches/warehouse'
CREATE SERVER tags FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'golden');
CREATE FOREIGN TABLE main () SERVER tags OPTIONS (database 'db', "table" 't');
CREATE FOREIGN TABLE tag () SERVER tags
  OPTIONS (database 'db', "table" 't', "scan.tag-name" 't1');
CREATE FOREIGN TABLE branch () SERVER tags
  OPTIONS (database 'db', "table" 't', branch 'b1');
SELECT (SELECT count(*) FROM main) AS main, (SELECT count(*) FROM tag) AS tag,
  (SELECT count(*) FROM branch) AS branch;
SET paimon_fdw.as_of = 'tag:t1';
SELECT count(*) FROM main;
RESET paimon_fdw.as_of;
\set golden :srcdir '/test/golden/evolution_append_parquet/warehouse'
CREATE SERVER evolved FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'golden');
CREATE FOREIGN TABLE newest () SERVER evolved OPTIONS (database 'db', "table" 't');
CREATE FOREIGN TABLE oldest () SERVER evolved
  OPTIONS (database 'db', "table" 't', "scan.snapshot-id" '1');
\d newest
\d oldest
SELECT (SELECT count(*) FROM newest) AS newest, (SELECT count(*) FROM oldest) AS oldest;
SET paimon_fdw.as_of = 'snapshot:1';
SELECT count(*), count(a), count(g) FROM newest;
RESET paimon_fdw.as_of;
-- Two times of one table in one query; a version is a tag, or a snapshot.
CREATE FOREIGN TABLE version_2 () SERVER time_travel_lake
  OPTIONS (database 'public', "table" 't', "scan.version" '2');
SELECT id, t.s AS now, version_2.s AS before FROM t LEFT JOIN version_2 USING (id) ORDER BY id;
CREATE FOREIGN TABLE version_t1 () SERVER tags
  OPTIONS (database 'db', "table" 't', "scan.version" 't1');
SELECT (SELECT count(*) FROM tag) = (SELECT count(*) FROM version_t1) AS same;
ALTER FOREIGN TABLE version_t1 OPTIONS (SET "scan.version" 'nothing');
SELECT count(*) FROM version_t1;
ALTER FOREIGN TABLE version_t1 OPTIONS (SET "scan.version" 'watermark-7');
SELECT count(*) FROM version_t1;
-- What is not there, and an option of the table that cannot be.
ALTER FOREIGN TABLE version_2 OPTIONS (SET "scan.version" '77');
\set VERBOSITY sqlstate
SELECT * FROM version_2;
CREATE FOREIGN TABLE nowhere () SERVER tags OPTIONS (database 'db', "table" 't', branch 'nowhere');
SELECT format($$cat >/dev/null; sed -i 's/"options" : {/"options" : { "write-only" : "maybe",/' %s/public.db/t/schema/schema-0$$, :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
SELECT * FROM t;
\set VERBOSITY default
SET client_min_messages = warning;
DROP SERVER tags CASCADE;
DROP SERVER evolved CASCADE;

DROP SERVER time_travel_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
