-- Goal: tables with deletion vectors show the rows that are left, however
-- they are asked; what their vectors cannot be is found; they are not written.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
\getenv srcdir PG_ABS_SRCDIR
\set golden :srcdir '/test/golden/dv_append_v1/warehouse'
CREATE SERVER dv_append FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'golden');
\set golden :srcdir '/test/golden/dv_pk_bitmap64/warehouse'
CREATE SERVER dv_keyed FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'golden');
\set golden :srcdir '/test/golden/dv_pk_merge_on_read/warehouse'
CREATE SERVER dv_merged FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'golden');
CREATE FOREIGN TABLE appended () SERVER dv_append OPTIONS (database 'db', "table" 't');
CREATE FOREIGN TABLE keyed () SERVER dv_keyed OPTIONS (database 'db', "table" 't');
CREATE FOREIGN TABLE merged () SERVER dv_merged OPTIONS (database 'db', "table" 't');

-- Rows 0..3, 55..58, 100..103, 149 and 199 are deleted.
SELECT count(*) FROM appended;
SELECT count(id), min(id), max(id), sum(id) FROM appended WHERE id < 200;
SELECT id FROM appended WHERE id BETWEEN 50 AND 60 ORDER BY id;
SELECT id FROM appended WHERE id IN (0, 55, 149, 199);
SELECT count(*) FROM appended WHERE id = 4;
-- Each snapshot has its own vectors.
SELECT count(*) FROM keyed;
CREATE FOREIGN TABLE before () SERVER dv_append
  OPTIONS (database 'db', "table" 't', "scan.snapshot-id" '5');
SELECT count(*), count(*) FILTER (WHERE id IN (3, 57)) AS still_there FROM before;
SELECT count(*), count(DISTINCT k) FROM keyed;
SELECT count(*), count(DISTINCT k) FROM merged;
EXPLAIN (COSTS OFF) SELECT k FROM merged;

SELECT * FROM paimon.verify('appended');
SELECT * FROM paimon.verify('keyed');
SELECT * FROM paimon.verify('merged');

\set VERBOSITY sqlstate
INSERT INTO appended VALUES (1, 'x', 1);
DELETE FROM keyed;
\set VERBOSITY default

-- An index file with a wrong byte: whoever needs a vector of it is told.
SELECT '/tmp/paimon_fdw_' || system_identifier || '/deletion_vector' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s; cp -r %2$s/test/golden/dv_append_v1/warehouse/db.db %1$s/; '
  'for f in %1$s/db.db/t/index/*; do printf XXXX | dd of=$f bs=1 seek=30 conv=notrunc 2>/dev/null; done',
  :'warehouse', :'srcdir') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER dv_broken FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'warehouse');
CREATE FOREIGN TABLE broken () SERVER dv_broken OPTIONS (database 'db', "table" 't');
\set VERBOSITY sqlstate
SELECT sum(id) FROM broken;
\set VERBOSITY default
SELECT count(*) > 0 AS has_problems, bool_or(problem LIKE '%deletion vector%') AS says_so
  FROM paimon.verify('broken');

SET client_min_messages = warning;
DROP SERVER dv_append, dv_keyed, dv_merged, dv_broken CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
