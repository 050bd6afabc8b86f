-- Goal: Paimon's system tables show as functions and as read-only foreign
-- tables, with Paimon's columns.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SET timezone = 'UTC';
SELECT '/tmp/paimon_fdw_' || system_identifier || '/system_tables' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER system_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE SCHEMA shop;
SET search_path = shop, public;
CREATE FOREIGN TABLE orders (id int NOT NULL, s text, dt date NOT NULL)
  SERVER system_lake
  OPTIONS (primary_key 'id,dt', partition_by 'dt', bucket '2',
           "file.compression" 'zstd');
INSERT INTO orders SELECT g, 'v' || g, DATE '2026-01-01' + g % 2 FROM generate_series(1, 8) g;
INSERT INTO orders VALUES (1, 'again', '2026-01-02');

-- Tags, a consumer, a branch and statistics, as other engines leave them.
SELECT format($$cat >/dev/null; cd %s/shop.db/orders; mkdir -p tag consumer branch/branch-b1/snapshot statistics
cp -r schema branch/branch-b1/
cp snapshot/snapshot-1 branch/branch-b1/snapshot/
cp snapshot/snapshot-1 tag/tag-plain
sed '1a "tagCreateTime":[2026,1,2,3,4,5,678000000],"tagTimeRetained":93784.000000000,' snapshot/snapshot-2 > tag/tag-kept
echo '{"nextSnapshot":2}' > consumer/consumer-c1
echo '{"snapshotId":2,"schemaId":0,"mergedRecordCount":8,"mergedRecordSize":800,"colStats":{"s":{"colId":1,"distinctCount":8,"min":"again","max":"v8","nullCount":0,"avgLen":2,"maxLen":5}}}' > statistics/stat-1
sed -i '1a "statistics":"stat-1",' snapshot/snapshot-2$$, :'warehouse') AS command \gset
SELECT replace(:'command', E'\n', '; ') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';

SELECT snapshot_id, schema_id, commit_kind, total_record_count, delta_record_count, operation
  FROM paimon.snapshots('orders');
SELECT schema_id, partition_keys, primary_keys, options, comment FROM paimon.schemas('orders');
SELECT * FROM paimon.options('orders');
SELECT partition, bucket, file_format, level, record_count, min_key, max_key,
       null_value_counts, min_value_stats, max_value_stats, "deleteRowCount",
       file_source, write_cols
  FROM paimon.files('orders') ORDER BY partition, bucket, min_sequence_number, record_count;
SELECT count(*), sum(num_added_files), sum(num_deleted_files), min(min_partition_stats), max(max_partition_stats)
  FROM paimon.manifests('orders');
SELECT partition, record_count, file_count, total_buckets, done, deleted_record_count
  FROM paimon.partitions('orders');
SELECT partition, bucket, record_count, file_count FROM paimon.buckets('orders');
SELECT tag_name, snapshot_id, schema_id, record_count, create_time, time_retained
  FROM paimon.tags('orders');
SELECT branch_name, create_time > '2026-01-01' AS made FROM paimon.branches('orders');
SELECT * FROM paimon.consumers('orders');
SELECT * FROM paimon.statistics('orders');
SELECT * FROM paimon.aggregation_fields('orders');
SELECT min_key, max_key, first_row_id FROM paimon.file_key_ranges('orders') ORDER BY 1, 2;
-- Options of fields, as an aggregation table has them.
CREATE FOREIGN TABLE wide (id int, n bigint) SERVER system_lake
  OPTIONS ("fields.n.aggregate-function" 'sum', "fields.n.ignore-retract" 'true');
SELECT * FROM paimon.aggregation_fields('wide');
SELECT count(*) FROM paimon.files('wide');

-- What belongs to a snapshot follows as_of and scan.*.
SET paimon_fdw.as_of = 'snapshot:1';
SELECT sum(record_count) FROM paimon.files('orders');
SELECT sum(record_count) FROM paimon.partitions('orders');
SELECT count(*) FROM paimon.statistics('orders');
SET paimon_fdw.as_of = 'tag:plain';
SELECT sum(record_count) FROM paimon.buckets('orders');
RESET paimon_fdw.as_of;

-- The same as foreign tables.
CREATE FOREIGN TABLE "orders$snapshots" () SERVER system_lake;
SELECT snapshot_id, commit_kind FROM "orders$snapshots" WHERE snapshot_id > 1;
CREATE FOREIGN TABLE files_of_one (record_count bigint, bucket int) SERVER system_lake
  OPTIONS (database 'shop', "table" 'orders$files', "scan.snapshot-id" '1');
SELECT sum(record_count) FROM files_of_one;
IMPORT FOREIGN SCHEMA shop LIMIT TO ("orders$tags", "orders$branch_b1$snapshots", "orders$buckets")
  FROM SERVER system_lake INTO shop;
\d "orders$buckets"
SELECT snapshot_id FROM "orders$branch_b1$snapshots";
SELECT a.tag_name, b.tag_name FROM "orders$tags" a JOIN "orders$tags" b ON a.snapshot_id < b.snapshot_id;
EXPLAIN (COSTS OFF) SELECT * FROM "orders$tags" WHERE tag_name = 'kept';
PREPARE of_tag (text) AS SELECT snapshot_id FROM "orders$tags" WHERE tag_name = $1;
EXECUTE of_tag ('kept');
EXECUTE of_tag ('plain');
IMPORT FOREIGN SCHEMA sys FROM SERVER system_lake INTO shop;
SELECT database_name, table_name, table_type, partitioned, primary_key FROM tables;
SELECT database_name, table_name, partition_name, record_count, file_count, done FROM partitions;
SELECT table_name, key, value FROM all_table_options WHERE key <> 'path';
SELECT key, value = :'warehouse' AS same FROM catalog_options;

-- Deletion vectors, as Paimon wrote them.
\getenv srcdir PG_ABS_SRCDIR
\set golden :srcdir '/test/golden/dv_append_v1/warehouse'
CREATE SERVER dv_lake FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'golden');
CREATE FOREIGN TABLE dv () SERVER dv_lake OPTIONS (database 'db', "table" 't');
SELECT index_type, row_count, jsonb_array_length(dv_ranges) AS vectors, dv_ranges->0->'f1' AS first,
       row_range_start, index_field_name
  FROM paimon.table_indexes('dv');
SELECT p.deleted_record_count, p.record_count - p.deleted_record_count = (SELECT count(*) FROM dv) AS adds_up
  FROM paimon.partitions('dv') p;
SET client_min_messages = warning;
DROP SERVER dv_lake CASCADE;
RESET client_min_messages;

-- Read-only, and named exactly.
INSERT INTO "orders$tags" SELECT * FROM "orders$tags";
UPDATE "orders$tags" SET tag_name = 'x';
DELETE FROM "orders$tags";
COPY "orders$tags" FROM stdin;
\.
SELECT paimon.compact('"orders$tags"');
CREATE FOREIGN TABLE "orders$nothing" () SERVER system_lake;
CREATE FOREIGN TABLE "orders$row_tracking" () SERVER system_lake;
\set VERBOSITY sqlstate
CREATE FOREIGN TABLE "missing$tags" () SERVER system_lake;
\set VERBOSITY default
CREATE FOREIGN TABLE x (nothing text) SERVER system_lake OPTIONS (database 'shop', "table" 'orders$tags');
CREATE FOREIGN TABLE x (tag_name int) SERVER system_lake OPTIONS (database 'shop', "table" 'orders$tags');
CREATE FOREIGN TABLE x () SERVER system_lake OPTIONS (database 'sys', "table" 'nothing');
CREATE FOREIGN TABLE x () SERVER system_lake
  OPTIONS (database 'shop', "table" 'orders$tags', primary_key 'tag_name');
ANALYZE "orders$tags";
-- A damaged one is named.
SELECT format($$cat >/dev/null; echo '{' > %s/shop.db/orders/consumer/consumer-c2$$, :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
\set VERBOSITY sqlstate
SELECT * FROM paimon.consumers('orders');
\set VERBOSITY default
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
DROP SERVER system_lake CASCADE;
