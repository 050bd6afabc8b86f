-- Goal: what a transaction wrote is seen by itself at once and by others at
-- its commit; rollbacks and savepoints leave no trace.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/transaction' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER transaction_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE FOREIGN TABLE t (id int NOT NULL, s text) SERVER transaction_lake
  OPTIONS (primary_key 'id', bucket '1');
INSERT INTO t VALUES (1, 'one');
BEGIN;
INSERT INTO t VALUES (2, 'two');
SELECT * FROM t ORDER BY id;
UPDATE t SET s = s || '!' ;
DELETE FROM t WHERE id = 1;
SELECT * FROM t ORDER BY id;
ROLLBACK;
SELECT * FROM t ORDER BY id;

BEGIN;
INSERT INTO t VALUES (2, 'two');
SAVEPOINT a;
UPDATE t SET s = 'changed';
SAVEPOINT b;
DELETE FROM t;
SELECT count(*) FROM t;
ROLLBACK TO b;
SELECT * FROM t ORDER BY id;
ROLLBACK TO a;
SELECT * FROM t ORDER BY id;
INSERT INTO t VALUES (3, 'three');
RELEASE a;
COMMIT;
SELECT * FROM t ORDER BY id;

-- a statement that fails inside a savepoint
BEGIN;
INSERT INTO t VALUES (4, 'four');
SAVEPOINT a;
INSERT INTO t SELECT i, CASE WHEN i = 6000 THEN (1 / 0)::text ELSE 'x' END
  FROM generate_series(5, 6000) i;
ROLLBACK TO a;
INSERT INTO t VALUES (5, 'five');
COMMIT;
SELECT * FROM t ORDER BY id;

-- exception blocks
DO $$
BEGIN
  FOR i IN 10 .. 20 LOOP
    BEGIN
      INSERT INTO t VALUES (i, 'loop');
      IF i % 2 = 1 THEN RAISE EXCEPTION 'odd' USING ERRCODE = 'P0099'; END IF;
    EXCEPTION WHEN SQLSTATE 'P0099' THEN NULL;
    END;
  END LOOP;
END $$;
SELECT array_agg(id ORDER BY id) FROM t WHERE id >= 10;

-- several tables, with a heap table
CREATE FOREIGN TABLE u (id int) SERVER transaction_lake;
CREATE TABLE h (id int PRIMARY KEY);
BEGIN;
INSERT INTO u VALUES (1);
INSERT INTO t VALUES (100, 'with u');
INSERT INTO h VALUES (1);
COMMIT;
BEGIN;
INSERT INTO u VALUES (2);
INSERT INTO t VALUES (101, 'with u');
INSERT INTO h VALUES (1);
COMMIT;
SELECT (SELECT array_agg(id) FROM u) AS u, (SELECT max(id) FROM t) AS t;

-- no data file is left that no snapshot names
SELECT count(*) FROM pg_ls_dir(:'warehouse' || '/public.db/t/bucket-0') f
  WHERE NOT EXISTS (SELECT 1 FROM paimon.files('t') WHERE file_path LIKE '%' || f);

BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM t;
INSERT INTO t VALUES (200, 'rr');
SELECT count(*) FROM t;
COMMIT;
BEGIN READ ONLY;
INSERT INTO t VALUES (300, 'ro');
ROLLBACK;
-- two-phase commit
BEGIN;
INSERT INTO t VALUES (301, '2pc');
INSERT INTO u VALUES (301);
PREPARE TRANSACTION 'paimon';
SELECT count(*) FROM t WHERE id > 300;
COMMIT PREPARED 'paimon';
SELECT count(*) FROM t WHERE id > 300;
SELECT array_agg(id ORDER BY id) FROM u;
BEGIN;
SAVEPOINT a;
INSERT INTO t VALUES (302, '2pc');
ROLLBACK TO a;
INSERT INTO t VALUES (303, '2pc');
PREPARE TRANSACTION 'paimon';
ROLLBACK PREPARED 'paimon';
SELECT array_agg(id) FROM t WHERE id > 300;
INSERT INTO t VALUES (304, 'the lock is free');
BEGIN;
CREATE FOREIGN TABLE made (id int) SERVER transaction_lake;
PREPARE TRANSACTION 'paimon';
SELECT count(*) FROM pg_class WHERE relname = 'made';

DROP TABLE h;

SET client_min_messages = warning;
DROP SERVER transaction_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
