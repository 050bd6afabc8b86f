-- Goal: UPDATE and DELETE by key, in every shape of plan.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/update_delete' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER update_delete_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE FOREIGN TABLE t (id int NOT NULL, n int, s text CHECK (s <> 'bad'))
  SERVER update_delete_lake OPTIONS (primary_key 'id', bucket '2');
INSERT INTO t SELECT i, i * 10, 's' || i FROM generate_series(1, 10) i;
UPDATE t SET n = n + 1 WHERE id <= 2 RETURNING *;
UPDATE t SET s = 'bad' WHERE id = 1;
UPDATE t SET id = NULL WHERE id = 1;
UPDATE t SET n = 0 WHERE id = 99;
DELETE FROM t WHERE id = 10 RETURNING *, tableoid::regclass;
SELECT * FROM t ORDER BY id;

-- keys change: each row once, whatever the order
UPDATE t SET id = id + 1;
SELECT * FROM t ORDER BY id;
UPDATE t SET id = 12 - id;
SELECT id, s FROM t ORDER BY id;

-- joins; a row that matches twice is changed once
UPDATE t SET s = v.s FROM (VALUES (2, 'twice'), (2, 'twice'), (3, 'once')) v(id, s)
  WHERE t.id = v.id RETURNING t.*;
DELETE FROM t USING generate_series(1, 3) WHERE t.id = 2 RETURNING *;
DELETE FROM t WHERE id IN (SELECT max(id) FROM t) RETURNING id;
UPDATE t a SET n = (SELECT sum(n) FROM t b WHERE b.id <= a.id) WHERE id > 8 RETURNING id, n;

-- several at once
WITH d AS (DELETE FROM t WHERE id = 3 RETURNING *)
  INSERT INTO t SELECT id, n, s || ' back' FROM d;
WITH u AS (UPDATE t SET n = -1 WHERE id = 4 RETURNING id),
     d AS (DELETE FROM t WHERE id = 5 RETURNING id)
  SELECT * FROM u UNION ALL SELECT * FROM d;
SELECT * FROM t ORDER BY id;

-- prepared
PREPARE d(int) AS DELETE FROM t WHERE id = $1;
EXECUTE d(6);
EXECUTE d(6);
SET plan_cache_mode = force_generic_plan;
EXECUTE d(7);
EXECUTE d(7);
RESET plan_cache_mode;
EXPLAIN (COSTS OFF) UPDATE t SET n = 1 WHERE id = 4;
EXPLAIN (COSTS OFF) DELETE FROM t WHERE id = 4;
EXPLAIN (COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF) INSERT INTO t VALUES (50, 1, 'x');
SELECT count(*) FROM t;
DELETE FROM t;
SELECT count(*) FROM t;
INSERT INTO t VALUES (1, 1, 'reborn');
SELECT * FROM t;

-- where the table drops deletes
CREATE FOREIGN TABLE kept (id int, n int) SERVER update_delete_lake
  OPTIONS (primary_key 'id', bucket '1', "ignore-delete" 'true');
INSERT INTO kept VALUES (1, 1);
DELETE FROM kept;
UPDATE kept SET id = 2;
UPDATE kept SET n = 2, id = 1;
SELECT * FROM kept;

-- tables without a key
CREATE FOREIGN TABLE log (a int) SERVER update_delete_lake;
INSERT INTO log VALUES (1);
UPDATE log SET a = 2;
DELETE FROM log;
SELECT table_name, is_insertable_into FROM information_schema.tables
  WHERE table_name IN ('t', 'log') ORDER BY 1;

SET client_min_messages = warning;
DROP SERVER update_delete_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
