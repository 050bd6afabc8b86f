-- Goal: compaction rewrites runs without changing a row, publishes its own
-- snapshot, and keeps away from unpublished rows.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/compaction' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER compaction_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE FOREIGN TABLE t (id int NOT NULL, p int NOT NULL, v int) SERVER compaction_lake
  OPTIONS (primary_key 'id,p', partition_by 'p', bucket '1');
INSERT INTO t SELECT i, i % 2, i FROM generate_series(1, 100) i;
UPDATE t SET v = v + 1 WHERE id <= 50;
DELETE FROM t WHERE id > 90;
INSERT INTO t SELECT i, i % 2, -i FROM generate_series(1, 10) i;
CREATE TABLE before AS TABLE t;
SELECT partition, bucket, level, record_count FROM paimon.files('t') ORDER BY 1, 2, 3, 4;
SELECT paimon.compact('t', "full" => true, partition => 'p=0') IS NOT NULL AS done;
SELECT partition, bucket, level, record_count FROM paimon.files('t') ORDER BY 1, 2, 3, 4;
SELECT paimon.compact('t', true) IS NOT NULL AS done;
SELECT paimon.compact('t', partition => 'q=1');
SELECT paimon.compact('t', partition => 'p=1/q=1');
SELECT partition, bucket, level, record_count FROM paimon.files('t') ORDER BY 1, 2, 3, 4;
(TABLE t EXCEPT TABLE before) UNION ALL (TABLE before EXCEPT TABLE t);
SELECT snapshot_id, commit_kind, total_record_count, delta_record_count FROM paimon.snapshots('t')
  ORDER BY 1;
EXPLAIN (COSTS OFF) SELECT * FROM t;
SELECT * FROM paimon.verify('t');
SELECT paimon.flush('t') = max(snapshot_id) FROM paimon.snapshots('t');

-- nothing to do
SELECT paimon.compact('t', true) = max(snapshot_id) FROM paimon.snapshots('t');
CREATE FOREIGN TABLE e (a int) SERVER compaction_lake;
SELECT paimon.compact('e'), paimon.flush('e');
SELECT paimon.compact(NULL);
-- a drop loses no committed row
BEGIN;
INSERT INTO e VALUES (1);
DROP FOREIGN TABLE e;
COMMIT;
CREATE FOREIGN TABLE e () SERVER compaction_lake;
SELECT * FROM e;

-- not with files of this transaction
BEGIN;
SET LOCAL paimon_fdw.bulk_threshold = 0;
INSERT INTO t VALUES (1000, 0, 0);
SELECT paimon.compact('t');
ROLLBACK;
SELECT paimon.compact('before');
SELECT paimon.flush('before');
SELECT * FROM paimon.files('before');
DROP TABLE before;

SET client_min_messages = warning;
DROP SERVER compaction_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
