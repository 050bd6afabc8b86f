-- Goal: whatever the executor does with a scan (rescan, parameters, cursors,
-- joins, subqueries, whole rows) gives the same rows as a heap table.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/scan' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER scan_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE FOREIGN TABLE t (id int NOT NULL, grp int, s text) SERVER scan_lake
  OPTIONS (primary_key 'id', bucket '2');
CREATE TABLE h (id int, grp int, s text);
INSERT INTO h SELECT i, i % 7, 'row ' || i FROM generate_series(1, 1000) i;
INSERT INTO t SELECT * FROM h;
INSERT INTO t SELECT id, grp, s || '!' FROM h WHERE id % 3 = 0;
UPDATE h SET s = s || '!' WHERE id % 3 = 0;

(TABLE t EXCEPT TABLE h) UNION ALL (TABLE h EXCEPT TABLE t);
SELECT count(*) FROM t;
SELECT count(*), count(s), sum(id) FROM t WHERE false;
SELECT t FROM t WHERE id = 3;
SELECT tableoid::regclass, id FROM t ORDER BY id LIMIT 2;
SELECT grp, count(*), min(s) FROM t GROUP BY grp ORDER BY grp;
SELECT id FROM t WHERE s LIKE 'row 99%' ORDER BY id;

-- rescans: the inner side of a nested loop, with and without a parameter
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SET enable_memoize = off;
SELECT a.grp, x.n FROM (SELECT DISTINCT grp FROM h) a,
  LATERAL (SELECT count(*) AS n FROM t WHERE t.grp = a.grp) x ORDER BY 1;
SELECT count(*) FROM (SELECT * FROM h WHERE id < 5) a, t WHERE t.grp > a.grp;
SELECT id, (SELECT s FROM t WHERE t.id = h.id) FROM h WHERE id IN (1, 2, 3) ORDER BY 1;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
RESET enable_memoize;

-- prepared statements, custom and generic
PREPARE p(int) AS SELECT count(*), min(id) FROM t WHERE grp = $1;
EXECUTE p(1);
EXECUTE p(2);
SET plan_cache_mode = force_generic_plan;
EXECUTE p(1);
EXECUTE p(2);
EXECUTE p(NULL);
RESET plan_cache_mode;

-- cursors
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM t ORDER BY id;
FETCH 2 FROM c;
FETCH LAST FROM c;
FETCH PRIOR FROM c;
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM t WHERE id > 998 ORDER BY id;
COMMIT;
FETCH ALL FROM held;
CLOSE held;

-- a cursor keeps its view while others write
BEGIN;
DECLARE c CURSOR FOR SELECT count(*) FROM t;
INSERT INTO t VALUES (2000, 1, 'later');
FETCH ALL FROM c;
SELECT count(*) FROM t;
ROLLBACK;

-- join, self-join, CTE, EXISTS, window
SELECT count(*) FROM t a JOIN t b ON a.id = b.id + 1;
WITH c AS MATERIALIZED (SELECT * FROM t) SELECT count(*) FROM c a, c b WHERE a.id = b.id;
SELECT count(*) FROM h WHERE EXISTS (SELECT 1 FROM t WHERE t.id = h.id AND t.s <> h.s);
SELECT id, row_number() OVER (ORDER BY id DESC) FROM t ORDER BY id DESC LIMIT 2;

-- ANALYZE
ANALYZE t;
SELECT reltuples FROM pg_class WHERE oid = 't'::regclass;
SELECT attname, n_distinct FROM pg_stats WHERE tablename = 't' ORDER BY 1;

-- an empty table
CREATE FOREIGN TABLE e (a int) SERVER scan_lake;
SELECT * FROM e;
SELECT count(*) FROM e;
ANALYZE e;

-- row locks need a key
SELECT id FROM t WHERE id = 1 FOR UPDATE;
SELECT * FROM e FOR UPDATE;
DROP TABLE h;

SET client_min_messages = warning;
DROP SERVER scan_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
