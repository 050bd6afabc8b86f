-- Goal: every option is validated where it is given, with a hint at the
-- nearest name, and only where it belongs.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/options' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER options_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
SET client_min_messages = warning;

-- servers
CREATE SERVER bad FOREIGN DATA WRAPPER paimon_fdw;
CREATE SERVER bad FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehous '/x');
CREATE SERVER bad FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse 'lake');
CREATE SERVER bad FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse '/a/../b');
CREATE SERVER bad FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse '');
CREATE SERVER bad FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse 's3://b/p', s3_secret_key 'hush');
CREATE SERVER bad FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse 's3://b/p', s3_path_style 'perhaps');
CREATE SERVER bad FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse '/x', catalog 'hive');
CREATE SERVER bad FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse '/x', catalog 'sqlite');
CREATE SERVER remote FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse 's3://b/p', catalog 'filesystem', s3_endpoint 'http://h',
           s3_region 'eu-west-1', s3_path_style 'true');
ALTER SERVER remote OPTIONS (DROP warehouse);
ALTER SERVER remote OPTIONS (SET warehouse 'hdfs://n:9000/w', ADD webhdfs_url 'http://n');

-- user mappings
CREATE USER MAPPING FOR CURRENT_USER SERVER remote OPTIONS (s3_acces_key 'a');
CREATE USER MAPPING FOR CURRENT_USER SERVER remote OPTIONS (warehouse '/x');
CREATE USER MAPPING FOR CURRENT_USER SERVER remote
  OPTIONS (s3_access_key 'a', s3_secret_key 'b', s3_session_token 'c',
           hdfs_user 'd', hdfs_delegation_token 'e');

-- tables
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS (primarykey 'a');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS (bukcet '2');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS (whatever 'x');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS (path '/etc');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS ("primary-key" 'a');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS (primary_key 'a,');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS (primary_key 'a,a');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS (insert_mode 'append');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS (updatable 'maybe');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS (database '../etc');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS ("table" 'a/b');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS ("scan.mode" 'from-creation-timestamp');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS ("scan.snapshot-id" 'x');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS ("scan.timestamp" 'x');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake
  OPTIONS ("scan.snapshot-id" '1', "scan.tag-name" 't');

-- slips in the names and values of Paimon's own
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS ("file.fromat" 'parquet');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS ("partition-by" 'a');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS (buckets '2');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS (bucket 'two');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS ("target-file-size" '64 mega');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS ("merge-engine" 'dedup');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS ("file.compression" 'zst');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS ("write-only" 'yes');
CREATE FOREIGN TABLE bad (a int) SERVER options_lake OPTIONS ("commit.min-retry-wait" 'soon');
CREATE FOREIGN TABLE bad (a int NULL) SERVER options_lake OPTIONS (primary_key 'a', bucket '1');
BEGIN;
CREATE FOREIGN TABLE good (a int) SERVER options_lake
  OPTIONS ("fields.a.aggregate-function" 'sum', "a-later.option" '1');
SELECT * FROM paimon.options('good');
ROLLBACK;

-- columns
CREATE FOREIGN TABLE bad (a int OPTIONS (colum_name 'b')) SERVER options_lake;
CREATE FOREIGN TABLE bad (a int OPTIONS (paimon_type 'INTERVAL')) SERVER options_lake;

-- none of these left a table in the lake
SELECT count(*) FROM pg_ls_dir(:'warehouse') d
  WHERE d NOT LIKE '%.db' OR EXISTS (SELECT FROM pg_ls_dir(:'warehouse' || '/' || d));

-- settings
SET paimon_fdw.as_of = 'yesterday';
SET paimon_fdw.nonsense = 1;

DROP SERVER remote CASCADE;

DROP SERVER options_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
