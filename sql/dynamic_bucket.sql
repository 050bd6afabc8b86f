-- Goal: primary-key tables without a number of buckets.
SELECT '/tmp/paimon_fdw_' || system_identifier || '/dynamic' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
CREATE SERVER dynamic_lake FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'warehouse');

\echo nothing is said about buckets
CREATE FOREIGN TABLE plain (k int, v text) SERVER dynamic_lake OPTIONS (primary_key 'k');
INSERT INTO plain VALUES (1, 'a'), (2, 'b');
INSERT INTO plain VALUES (2, 'B'), (3, 'c');
UPDATE plain SET v = v || '!' WHERE k = 1 RETURNING *;
DELETE FROM plain WHERE k = 3;
SELECT * FROM plain ORDER BY k;
SELECT bucket, level, record_count FROM paimon.files('plain') ORDER BY min_sequence_number;
SELECT * FROM paimon.verify('plain');

\echo buckets fill up, and keys stay where they are
CREATE FOREIGN TABLE full_buckets (k int, v int) SERVER dynamic_lake
  OPTIONS (primary_key 'k', "dynamic-bucket.target-row-num" '100');
INSERT INTO full_buckets SELECT i, 0 FROM generate_series(1, 350) i;
INSERT INTO full_buckets SELECT i, 1 FROM generate_series(300, 700) i;
UPDATE full_buckets SET v = 2 WHERE k <= 100;
SELECT count(*), count(DISTINCT k), sum(v) FROM full_buckets;
SELECT count(DISTINCT bucket) FROM paimon.files('full_buckets');
SELECT paimon.compact('full_buckets', true) IS NOT NULL AS done;
SELECT bucket, record_count FROM paimon.files('full_buckets') ORDER BY bucket;
SELECT * FROM paimon.verify('full_buckets');

\echo each partition has buckets of its own
CREATE FOREIGN TABLE parted (p text, k int, v int) SERVER dynamic_lake
  OPTIONS (primary_key 'p,k', partition_by 'p', "dynamic-bucket.target-row-num" '2');
INSERT INTO parted SELECT CASE WHEN i % 2 = 0 THEN 'even' ELSE 'odd' END, i, i FROM generate_series(1, 10) i;
INSERT INTO parted VALUES ('even', 2, -2), ('odd', 3, -3), ('new', 1, 1);
UPDATE parted SET p = 'new' WHERE k = 5;
SELECT * FROM parted ORDER BY p, k;
SELECT partition, count(DISTINCT bucket) FROM paimon.files('parted') GROUP BY 1 ORDER BY 1;

\echo statements of one transaction, and what a savepoint takes back
CREATE FOREIGN TABLE steps (k int, v text) SERVER dynamic_lake
  OPTIONS (primary_key 'k', "dynamic-bucket.target-row-num" '3');
BEGIN;
INSERT INTO steps SELECT i, 'first' FROM generate_series(1, 4) i;
SAVEPOINT a;
INSERT INTO steps SELECT i, 'undone' FROM generate_series(3, 9) i;
ROLLBACK TO a;
INSERT INTO steps SELECT i, 'second' FROM generate_series(4, 7) i;
DELETE FROM steps WHERE k = 2;
SELECT * FROM steps ORDER BY k;
COMMIT;
INSERT INTO steps SELECT i, 'third' FROM generate_series(1, 8) i WHERE i <> 5;
SELECT * FROM steps ORDER BY k;
SELECT count(DISTINCT bucket) FROM paimon.files('steps');
SELECT * FROM paimon.verify('steps');

\echo the key must tell the partition
CREATE FOREIGN TABLE crossing (p text, k int) SERVER dynamic_lake
  OPTIONS (primary_key 'k', partition_by 'p');
CREATE FOREIGN TABLE postponed (k int) SERVER dynamic_lake
  OPTIONS (primary_key 'k', "bucket" '-2');

SET client_min_messages = warning;
DROP SERVER dynamic_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
