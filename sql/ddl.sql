-- Goal: CREATE FOREIGN TABLE makes the lake table in its transaction, or meets
-- the one that is there; ALTER refuses what it cannot do; DROP keeps the data.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/ddl' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER ddl_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE FOREIGN TABLE orders (
  id bigint NOT NULL, customer text, amount numeric(12,2),
  placed_at timestamptz, dt date NOT NULL
) SERVER ddl_lake OPTIONS (database 'sales', primary_key 'id, dt',
  partition_by 'dt', bucket '4', comment 'what was ordered');
\d orders
SELECT obj_description('orders'::regclass);
SELECT schema_id, fields, partition_keys, primary_keys, options, comment
  FROM paimon.schemas('orders');
SELECT * FROM paimon.options('orders');

-- the default names are fixed at creation, so a rename changes nothing
CREATE FOREIGN TABLE t1 (a int) SERVER ddl_lake;
INSERT INTO t1 VALUES (1);
ALTER FOREIGN TABLE t1 RENAME TO t2;
SELECT * FROM t2;

-- a table without columns takes them from the lake
CREATE FOREIGN TABLE orders2 () SERVER ddl_lake
  OPTIONS (database 'sales', "table" 'orders');
\d orders2
\set VERBOSITY sqlstate
CREATE FOREIGN TABLE none () SERVER ddl_lake OPTIONS (database 'sales');
CREATE FOREIGN TABLE none () SERVER ddl_lake OPTIONS (database 'nowhere');
\set VERBOSITY default

-- declared columns must agree; a part of them is enough
CREATE FOREIGN TABLE o3 (id bigint, nope int) SERVER ddl_lake
  OPTIONS (database 'sales', "table" 'orders');
CREATE FOREIGN TABLE o3 (id text) SERVER ddl_lake
  OPTIONS (database 'sales', "table" 'orders');
CREATE FOREIGN TABLE o3 (id bigint) SERVER ddl_lake
  OPTIONS (database 'sales', "table" 'orders', primary_key 'id');
CREATE FOREIGN TABLE o3 (id bigint) SERVER ddl_lake
  OPTIONS (database 'sales', "table" 'orders', bucket '8');
CREATE FOREIGN TABLE o3 (nr bigint OPTIONS (column_name 'id'), dt date)
  SERVER ddl_lake OPTIONS (database 'sales', "table" 'orders',
  primary_key 'nr,dt', partition_by 'dt', bucket '4');
INSERT INTO o3 VALUES (7, '2026-01-01');
SELECT * FROM orders;

-- a rollback leaves no lake table
BEGIN;
CREATE FOREIGN TABLE gone (a int) SERVER ddl_lake;
INSERT INTO gone VALUES (1);
SELECT * FROM gone;
ROLLBACK;
BEGIN;
SAVEPOINT s;
CREATE FOREIGN TABLE gone (a int) SERVER ddl_lake;
ROLLBACK TO s;
CREATE FOREIGN TABLE kept (a int) SERVER ddl_lake;
COMMIT;
SELECT pg_ls_dir(:'warehouse' || '/public.db') ORDER BY 1;

-- what a lake table cannot have
CREATE FOREIGN TABLE bad (a int) SERVER ddl_lake OPTIONS (primary_key 'b');
CREATE FOREIGN TABLE bad (a interval) SERVER ddl_lake;
CREATE FOREIGN TABLE bad (a numeric) SERVER ddl_lake;
CREATE FOREIGN TABLE bad (a int) SERVER ddl_lake
  OPTIONS (primary_key 'a', "merge-engine" 'first-row');
CREATE FOREIGN TABLE IF NOT EXISTS kept (b text) SERVER ddl_lake;

-- ALTER
ALTER FOREIGN TABLE kept ADD COLUMN b int;
ALTER TABLE kept DROP COLUMN a;
ALTER FOREIGN TABLE kept RENAME COLUMN a TO b;
ALTER FOREIGN TABLE kept ALTER COLUMN a TYPE bigint;
ALTER FOREIGN TABLE kept OPTIONS (ADD bucket '2');
ALTER FOREIGN TABLE kept OPTIONS (ADD primary_key 'a');
ALTER FOREIGN TABLE kept OPTIONS (ADD updatable 'false');
INSERT INTO kept VALUES (1);
ALTER FOREIGN TABLE kept OPTIONS (SET updatable 'true');
INSERT INTO kept VALUES (1);

-- dropping the foreign table leaves the lake's data
DROP FOREIGN TABLE kept;
CREATE FOREIGN TABLE again () SERVER ddl_lake
  OPTIONS (database 'public', "table" 'kept');
SELECT * FROM again;

SET client_min_messages = warning;
DROP SERVER ddl_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
