-- Goal: filters skip files, and never change the result.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/pushdown' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER pushdown_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE FOREIGN TABLE t (k int NOT NULL, p text NOT NULL, v int, s text)
  SERVER pushdown_lake
  OPTIONS (primary_key 'k,p', partition_by 'p', bucket '2');
INSERT INTO t SELECT i, 'a', i, 's' || i FROM generate_series(1, 100) i;
INSERT INTO t SELECT i, 'b', i, 's' || i FROM generate_series(101, 200) i;
INSERT INTO t SELECT i, 'b', NULL, NULL FROM generate_series(201, 300) i;

EXPLAIN (COSTS OFF) SELECT * FROM t;
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE p = 'a';
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE p <> 'a';
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE k = 250;
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE k BETWEEN 10 AND 20;
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE k IN (1, 2, 3);
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE k = 1 OR k = 300;
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE v IS NULL;
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE k > 1000;
-- not for storage
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE k + 1 = 2;
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE upper(s) = 'S1';
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE k = 1 AND random() < 2;
-- some of a condition
EXPLAIN (COSTS OFF, VERBOSE) SELECT k FROM t WHERE p = 'b' AND length(s) > 2;
-- typed properties
EXPLAIN (COSTS OFF, FORMAT JSON) SELECT k FROM t WHERE p = 'a' AND k = 1;

-- the same rows with and without
CREATE FUNCTION same(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE pushed bigint[]; plain bigint[];
BEGIN
  PERFORM set_config('paimon_fdw.enable_filter_pushdown', 'on', true);
  EXECUTE 'SELECT array_agg(k ORDER BY k) FROM t WHERE ' || condition INTO pushed;
  PERFORM set_config('paimon_fdw.enable_filter_pushdown', 'off', true);
  EXECUTE 'SELECT array_agg(k ORDER BY k) FROM t WHERE ' || condition INTO plain;
  RETURN CASE WHEN pushed IS NOT DISTINCT FROM plain
              THEN coalesce(cardinality(plain), 0)::text ELSE 'DIFFERENT' END;
END $$;
SELECT c, same(c) FROM unnest(ARRAY[
  'k = 7', 'k <> 7', 'k < 7', 'k <= 7', 'k > 290', 'k >= 290', '7 > k',
  'k = 7::bigint', 'k < 7.5', 'k = 7.5', 'v IS NULL', 'v IS NOT NULL', 'NOT (k = 7)',
  'k IN (1, 2, NULL)', 'k NOT IN (1, 2)', 'k = ANY (ARRAY[5, 6])', 'v = NULL',
  $c$p = 'a' AND k > 50$c$, $c$p = 'a' OR k > 250$c$, $c$p > 'a'$c$, $c$s = 's42'$c$,
  $c$s LIKE 's1%'$c$, $c$s LIKE 's_1'$c$, $c$s LIKE 's1%0'$c$, $c$s < 's2'$c$,
  $c$s COLLATE "C" < 's2'$c$, $c$(k, p) = (3, 'a')$c$, 'k = (SELECT 12)',
  'v > 195 OR v IS NULL', 'true', 'false', 'v + 0 = 5', $c$p = 'a'::varchar$c$,
  $c$p || '' = 'a'$c$
]) c;
-- an update moves rows out of what older files say
UPDATE t SET v = 5000 WHERE k = 7;
SELECT * FROM t WHERE v = 7;
SELECT * FROM t WHERE v = 5000;
SELECT same('v = 7'), same('v = 5000'), same('v > 90');
DROP FUNCTION same;

SET client_min_messages = warning;
DROP SERVER pushdown_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
