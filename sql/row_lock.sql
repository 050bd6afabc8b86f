-- Goal: SELECT FOR UPDATE and its kin on lake tables lock the rows that come
-- out of the query, and no others; what cannot be locked is refused. (What
-- sessions do to each other: test/isolation.)
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/row_lock' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER row_lock_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE FOREIGN TABLE job (id int NOT NULL, state text, n int) SERVER row_lock_lake
  OPTIONS (primary_key 'id', bucket '2');
INSERT INTO job SELECT i, 'new', i % 10 FROM generate_series(1, 3000) i;
SELECT paimon.flush('job') > 0 AS job;
SELECT delta::regclass::text AS heap FROM paimon_int.lake_table WHERE relid = 'job'::regclass \gset

-- Rows of the lake, of the delta, and both; those that are locked.
BEGIN;
UPDATE job SET state = 'old' WHERE id IN (2, 4);
DELETE FROM job WHERE id = 3;
SELECT * FROM job WHERE id BETWEEN 1 AND 5 ORDER BY id FOR UPDATE;
SELECT id, _kind FROM :heap ORDER BY id;
UPDATE job SET n = n + 100 WHERE id = 1 RETURNING id, n;
SELECT id, _kind FROM :heap ORDER BY id;
ROLLBACK;

-- Above a Sort and a Limit: two rows, not all.
BEGIN;
SELECT id FROM job WHERE n = 7 ORDER BY id DESC LIMIT 2 FOR UPDATE SKIP LOCKED;
SELECT id, _kind FROM :heap ORDER BY id;
SELECT id FROM job WHERE n = 7 ORDER BY id DESC LIMIT 2 FOR NO KEY UPDATE NOWAIT;
SELECT id, state FROM job WHERE id = 9 FOR SHARE;
SELECT id, state FROM job WHERE id = 9 FOR KEY SHARE;
SELECT id, _kind FROM :heap ORDER BY id;
ROLLBACK;

-- Rows that are returned do not fit into memory.
BEGIN;
SET LOCAL work_mem = '64kB';
SELECT id, state, n FROM job ORDER BY n DESC, id DESC LIMIT 3 FOR UPDATE;
SELECT count(*) FROM (SELECT * FROM job WHERE id > 500 FOR UPDATE) x;
SELECT _kind, count(*) FROM :heap GROUP BY 1;
ROLLBACK;

-- A queue; rows of a join, of which one side is locked; a cursor.
BEGIN;
UPDATE job SET state = 'running' FROM
  (SELECT id AS next FROM job WHERE state = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) q
  WHERE id = next RETURNING id, state;
SELECT a.id, b.id FROM job a JOIN job b ON b.id = a.id + 1 WHERE a.id < 3 ORDER BY a.id FOR UPDATE OF a;
SELECT id, _kind FROM :heap ORDER BY id;
DECLARE c CURSOR FOR SELECT id FROM job WHERE id > 2995 ORDER BY id FOR UPDATE;
FETCH 2 FROM c;
SELECT id, _kind FROM :heap ORDER BY id;
CLOSE c;
SAVEPOINT a;
SELECT id FROM job WHERE id = 50 FOR UPDATE;
ROLLBACK TO a;
SELECT count(*) FROM :heap WHERE id = 50;
PREPARE lock_one(int) AS SELECT id, state FROM job WHERE id = $1 FOR UPDATE;
EXECUTE lock_one(1);
EXECUTE lock_one(60);
EXECUTE lock_one(7000);
ROLLBACK;
SELECT count(*), count(*) FILTER (WHERE state = 'new') FROM job;

-- Partitions: one of them in the lake.
CREATE TABLE parent (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE near PARTITION OF parent FOR VALUES FROM (0) TO (10);
CREATE FOREIGN TABLE far PARTITION OF parent FOR VALUES FROM (10) TO (20)
  SERVER row_lock_lake OPTIONS (primary_key 'id', bucket '1');
INSERT INTO parent VALUES (1, 1), (11, 1), (12, 2);
BEGIN;
SELECT tableoid::regclass, * FROM parent ORDER BY id DESC FOR UPDATE;
UPDATE parent SET v = v + 1 WHERE id > 0 RETURNING *;
COMMIT;

-- What can't be locked.
CREATE FOREIGN TABLE log (id int) SERVER row_lock_lake;
SELECT * FROM log FOR UPDATE;
CREATE FOREIGN TABLE total (id int NOT NULL, n int) SERVER row_lock_lake
  OPTIONS (primary_key 'id', "merge-engine" 'aggregation', "fields.n.aggregate-function" 'sum');
SELECT * FROM total FOR UPDATE;
IMPORT FOREIGN SCHEMA public LIMIT TO ("job$snapshots", "job$audit_log") FROM SERVER row_lock_lake INTO public;
SELECT * FROM "job$audit_log" FOR SHARE;
SET paimon_fdw.as_of = 'snapshot:1';
SELECT * FROM job FOR UPDATE;
RESET paimon_fdw.as_of;
BEGIN READ ONLY;
SELECT * FROM job WHERE id = 1 FOR UPDATE;
ROLLBACK;

SET client_min_messages = warning;
DROP TABLE parent;
DROP SERVER row_lock_lake CASCADE;
