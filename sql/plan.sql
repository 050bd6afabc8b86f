-- Goal: what is pushed into a scan shows in its plan, and changes no result.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/plan' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER plan_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');

-- aggregates
CREATE FOREIGN TABLE a (id bigint, p text, k int, small smallint, amt numeric(12,2),
  wide numeric(38,2), f8 double precision, f4 real, b boolean, s text COLLATE "C",
  v varchar(20), ts timestamp(6), nano timestamp(6) OPTIONS (paimon_type 'TIMESTAMP(9)'),
  d date, t time(3))
  SERVER plan_lake OPTIONS (partition_by 'p');
INSERT INTO a SELECT i, CASE WHEN i <= 60 THEN 'x' ELSE 'y' END,
  CASE WHEN i % 7 <> 0 THEN i * 10 END, i - 50, i / 4.0 - 3, i * 1000000000000.0, i / 8.0, i / 8.0,
  i % 2 = 0, 's' || i, CASE WHEN i % 5 = 0 THEN 'v' || i END, timestamp '2020-01-01' + i * interval '1 day',
  timestamp '2020-01-01' + i * interval '1 microsecond', date '1950-01-01' + i * 300,
  time '10:00' + i * interval '1 second' FROM generate_series(1, 100) i;
EXPLAIN (COSTS OFF) SELECT count(*) FROM a;
EXPLAIN (COSTS OFF) SELECT count(*) FROM a WHERE p = 'x';
EXPLAIN (COSTS OFF) SELECT count(*) FROM a WHERE k > 500;
EXPLAIN (COSTS OFF) SELECT count(k), min(k), max(id), min(ts) AS first FROM a;
EXPLAIN (COSTS OFF) SELECT sum(k) + 1, avg(amt) FROM a WHERE p = 'x' AND k % 2 = 0;
EXPLAIN (COSTS OFF, VERBOSE) SELECT max(s), max(v COLLATE "C") FROM a WHERE f8 > 1;
EXPLAIN (COSTS OFF, FORMAT JSON) SELECT count(*) FROM a;
-- left to the executor
EXPLAIN (COSTS OFF) SELECT sum(wide) FROM a;
EXPLAIN (COSTS OFF) SELECT sum(f4) FROM a;
EXPLAIN (COSTS OFF) SELECT count(DISTINCT k) FROM a;
EXPLAIN (COSTS OFF) SELECT count(*) FILTER (WHERE k > 1) FROM a;
EXPLAIN (COSTS OFF) SELECT count(*) FROM a WHERE random() < 2;
EXPLAIN (COSTS OFF) SELECT count(k + 1) FROM a;
EXPLAIN (COSTS OFF) SELECT count(*) FROM a HAVING count(*) > 1;

CREATE FUNCTION both_ways(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE pushed text; plain text;
BEGIN
  PERFORM set_config('paimon_fdw.enable_aggregate_pushdown', 'on', true);
  EXECUTE 'SELECT q::text FROM (' || query || ') q' INTO pushed;
  PERFORM set_config('paimon_fdw.enable_aggregate_pushdown', 'off', true);
  EXECUTE 'SELECT q::text FROM (' || query || ') q' INTO plain;
  PERFORM set_config('paimon_fdw.enable_aggregate_pushdown', 'on', true);
  RETURN CASE WHEN pushed IS NOT DISTINCT FROM plain THEN plain
              ELSE 'pushed ' || pushed || ', plain ' || plain END;
END $$;
SELECT list, condition, both_ways('SELECT ' || list || ' FROM a WHERE ' || condition)
FROM unnest(ARRAY[
  'count(*), count(k), count(v), count(b)',
  'min(id), max(id), min(k), max(k), min(small), max(small), sum(small), avg(small)',
  'sum(id), avg(id), sum(k), avg(k)',
  'sum(amt), avg(amt), min(amt), max(amt), min(wide), max(wide)',
  'sum(f8), avg(f8), min(f8), max(f8), avg(f4), min(f4), max(f4)',
  'min(s), max(s), min(v COLLATE "C"), max(v COLLATE "C")',
  'min(ts), max(ts), min(nano), max(nano), min(d), max(d), min(t), max(t)']) list,
 unnest(ARRAY['true', 'id > 40 AND k IS NOT NULL', 'p = ''y''', 'k % 3 = 0 AND id < 90',
  'id < 0']) condition ORDER BY 1, 2;
-- a subquery's parameter, and one that is null
SELECT x, (SELECT count(*) FROM a WHERE k <= x) FROM unnest(ARRAY[50, 500, NULL]) x;
PREPARE counting(int) AS SELECT count(*), max(id) FROM a WHERE k < $1 AND k NOT IN (10, $1 - 10);
SET plan_cache_mode = force_generic_plan;
EXECUTE counting(100);
EXECUTE counting(NULL);
RESET plan_cache_mode;
-- NaN, zeroes of both signs
CREATE FOREIGN TABLE floats (f double precision) SERVER plan_lake;
INSERT INTO floats VALUES (0), ('-0'), ('NaN'), ('Infinity'), (NULL);
SELECT both_ways('SELECT min(f), max(f), sum(f), avg(f), count(f) FROM floats');
SELECT both_ways('SELECT min(f), max(f), sum(f) FROM floats WHERE f = 0');
-- of keys, what later files replace does not count
CREATE FOREIGN TABLE keyed (k int NOT NULL, v int) SERVER plan_lake
  OPTIONS (primary_key 'k', bucket '2');
INSERT INTO keyed SELECT i, i FROM generate_series(1, 100) i;
UPDATE keyed SET v = -v WHERE k <= 10;
DELETE FROM keyed WHERE k > 95;
EXPLAIN (COSTS OFF) SELECT count(*), min(v) FROM keyed;
SELECT both_ways('SELECT count(*), min(v), max(v), sum(v) FROM keyed');
BEGIN;
INSERT INTO keyed VALUES (1000, -1000), (1, 5);
SELECT both_ways('SELECT count(*), min(v), max(v), sum(v) FROM keyed');
ROLLBACK;
SELECT paimon.compact('keyed', true) IS NOT NULL AS compacted;
EXPLAIN (COSTS OFF) SELECT count(*), min(v) FROM keyed;
SELECT both_ways('SELECT count(*), min(v), max(v), sum(v) FROM keyed');

-- several processes share a scan
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET paimon_fdw.enable_aggregate_pushdown = off;
EXPLAIN (COSTS OFF) SELECT p, count(*) FROM a GROUP BY p;
SELECT p, count(*), sum(k) FROM a GROUP BY p ORDER BY p;
-- two scans, each with its own snapshot
CREATE FOREIGN TABLE keyed_then (k int NOT NULL, v int) SERVER plan_lake
  OPTIONS ("table" 'keyed', "scan.snapshot-id" '1');
SELECT count(*), sum(n.v), sum(o.v) FROM keyed n JOIN keyed_then o USING (k);
SELECT count(*), sum(n.v), sum(o.v) FROM keyed n FULL JOIN keyed_then o USING (k);
EXPLAIN (COSTS OFF) SELECT count(*) FROM keyed n JOIN keyed_then o USING (k);
-- a plan for workers, but only the leader knows what was just written
PREPARE shared AS SELECT count(*) FROM keyed;
SET plan_cache_mode = force_generic_plan;
EXECUTE shared;
BEGIN;
INSERT INTO keyed VALUES (1000, 1), (1001, 1);
EXECUTE shared;
SET LOCAL parallel_leader_participation = off;
EXECUTE shared;
ROLLBACK;
RESET plan_cache_mode;
SET paimon_fdw.enable_parallel_scan = off;
EXPLAIN (COSTS OFF) SELECT * FROM keyed;
RESET paimon_fdw.enable_parallel_scan;
RESET paimon_fdw.enable_aggregate_pushdown;
SET max_parallel_workers_per_gather = 0;

-- the inner scan of a nested loop looks up keys
CREATE FOREIGN TABLE many (k int NOT NULL, p text NOT NULL, v int, s text) SERVER plan_lake
  OPTIONS (primary_key 'k,p', partition_by 'p', bucket '2');
INSERT INTO many SELECT i, 'p' || i % 2, i * 3, 's' || i FROM generate_series(1, 40000) i;
ANALYZE many;
SELECT reltuples FROM pg_class WHERE relname = 'many';
CREATE TABLE few (k int, p text);
INSERT INTO few VALUES (17, 'p1'), (20000, 'p0'), (20000, 'p1'), (NULL, 'p0'), (999999, 'p0');
ANALYZE few;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_memoize = off;
SET enable_material = off;
EXPLAIN (COSTS OFF) SELECT * FROM few JOIN many USING (k, p);
SELECT * FROM few JOIN many USING (k, p) ORDER BY 1;
SELECT * FROM few LEFT JOIN many USING (k) ORDER BY 1;
SELECT few.k, m.v FROM few, LATERAL (SELECT v FROM many WHERE many.k = few.k + 1 LIMIT 1) m ORDER BY 1;
-- not one that storage can't look for
EXPLAIN (COSTS OFF) SELECT * FROM few JOIN many ON many.k + 1 = few.k;
SET paimon_fdw.enable_parameterized_scan = off;
EXPLAIN (COSTS OFF) SELECT * FROM few JOIN many USING (k, p);
SELECT * FROM few JOIN many USING (k, p) ORDER BY 1;
RESET paimon_fdw.enable_parameterized_scan;
-- a key that is null finds nothing, and reads nothing
PREPARE look(int) AS SELECT v FROM many WHERE k = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE look(20);
EXECUTE look(NULL);
EXPLAIN (COSTS OFF) EXECUTE look(NULL);
RESET plan_cache_mode;

-- a limit
EXPLAIN (COSTS OFF) SELECT * FROM many LIMIT 3 OFFSET 2;
EXPLAIN (COSTS OFF) SELECT * FROM many WHERE k > 5 LIMIT 3;
EXPLAIN (COSTS OFF) SELECT * FROM many WHERE k % 2 = 0 LIMIT 3;
EXPLAIN (COSTS OFF) SELECT * FROM many ORDER BY v LIMIT 3;
SELECT count(*) FROM (SELECT * FROM many LIMIT 30000) x;
SELECT count(*) FROM (SELECT * FROM many LIMIT 10) x;
SET paimon_fdw.enable_limit_pushdown = off;
EXPLAIN (COSTS OFF) SELECT * FROM many LIMIT 3;
RESET paimon_fdw.enable_limit_pushdown;

-- estimates, before and after ANALYZE, are right within a factor of two
CREATE FUNCTION estimate(query text) RETURNS float LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
  RETURN plan->0->'Plan'->>'Plan Rows';
END $$;
CREATE FOREIGN TABLE fresh (k int NOT NULL, v int) SERVER plan_lake;
INSERT INTO fresh SELECT i, i % 10 FROM generate_series(1, 50000) i;
SELECT estimate('SELECT * FROM fresh') BETWEEN 25000 AND 100000 AS rows,
  estimate('SELECT * FROM many') BETWEEN 20000 AND 80000 AS keyed,
  estimate('SELECT * FROM keyed') BETWEEN 47 AND 190 AS rewritten;
ANALYZE fresh;
SELECT estimate('SELECT * FROM fresh') BETWEEN 25000 AND 100000 AS rows,
  estimate('SELECT * FROM fresh WHERE v = 3') BETWEEN 2500 AND 10000 AS equal,
  estimate('SELECT * FROM fresh WHERE k < 20000') BETWEEN 10000 AND 40000 AS range;
SELECT attname, n_distinct, correlation FROM pg_stats WHERE tablename = 'fresh' AND attname = 'k';

DROP FUNCTION both_ways;
DROP FUNCTION estimate;
DROP TABLE few;
SET client_min_messages = warning;
DROP SERVER plan_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
