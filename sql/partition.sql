-- Goal: lake tables work as partitions of a partitioned table, and a Paimon
-- table's own partitions are kept.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/partition' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER partition_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE TABLE ev (id int NOT NULL, dt date NOT NULL, v text) PARTITION BY RANGE (dt);
CREATE FOREIGN TABLE ev_1 PARTITION OF ev
  FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')
  SERVER partition_lake OPTIONS (primary_key 'id,dt', bucket '1');
CREATE FOREIGN TABLE ev_2 PARTITION OF ev
  FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')
  SERVER partition_lake OPTIONS (primary_key 'id,dt', bucket '1');
CREATE TABLE ev_3 PARTITION OF ev FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
\d ev_1
INSERT INTO ev SELECT i, date '2026-01-01' + i, 'v' || i FROM generate_series(0, 80) i;
SELECT tableoid::regclass, count(*), min(dt), max(dt) FROM ev GROUP BY 1 ORDER BY 1;
COPY ev FROM stdin (FORMAT csv);
500,2026-01-05,copied
501,2026-02-05,copied
502,2026-03-05,copied
\.
SELECT tableoid::regclass, * FROM ev WHERE id >= 500 ORDER BY id;

INSERT INTO ev_1 VALUES (1, '2026-02-01', 'elsewhere');
INSERT INTO ev VALUES (1, '2027-02-01', 'nowhere');
UPDATE ev SET v = v || '!' WHERE id IN (1, 40, 70) RETURNING tableoid::regclass, *;
DELETE FROM ev WHERE id IN (2, 41, 71) RETURNING *;
-- from a heap partition into the lake, but not back
UPDATE ev SET dt = '2026-01-15' WHERE id = 72 RETURNING *;
UPDATE ev SET dt = '2026-03-15' WHERE id = 3;
SELECT tableoid::regclass, count(*) FROM ev GROUP BY 1 ORDER BY 1;
EXPLAIN (COSTS OFF) SELECT * FROM ev WHERE dt = '2026-02-03';
ALTER TABLE ev ADD COLUMN w int;

-- row-level security on the parent holds for routed rows
CREATE ROLE regress_paimon_rls;
GRANT ALL ON ev TO regress_paimon_rls;
ALTER TABLE ev ENABLE ROW LEVEL SECURITY;
CREATE POLICY small ON ev USING (id < 100) WITH CHECK (id < 100);
SET ROLE regress_paimon_rls;
INSERT INTO ev VALUES (99, '2026-01-20', 'fine');
INSERT INTO ev VALUES (600, '2026-01-20', 'not fine');
UPDATE ev SET id = 700 WHERE id = 99;
SELECT max(id) FROM ev;
RESET ROLE;
DROP TABLE ev;
DROP ROLE regress_paimon_rls;

-- Paimon's own partitions
CREATE FOREIGN TABLE p (id int NOT NULL, dt date NOT NULL, region text NOT NULL, v int)
  SERVER partition_lake OPTIONS (primary_key 'dt,region,id', partition_by 'dt,region', bucket '1');
INSERT INTO p SELECT i, date '2026-01-01' + i % 2, CASE i % 3 WHEN 0 THEN 'a b/c' ELSE 'eu' END, i
  FROM generate_series(1, 12) i;
SELECT DISTINCT partition FROM paimon.files('p') ORDER BY 1;
SELECT dt, region, count(*), sum(v) FROM p GROUP BY 1, 2 ORDER BY 1, 2;
-- a row may move to another partition
UPDATE p SET region = 'moved' WHERE id = 1;
SELECT * FROM p WHERE id = 1;
SELECT count(*) FROM p;

SET client_min_messages = warning;
DROP SERVER partition_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
