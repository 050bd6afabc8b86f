-- Goal: rows of a keyed table come in the order of its key without a Sort,
-- and are those that a Sort gives.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/ordered' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER ordered_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
SET enable_hashjoin = off;
SET enable_nestloop = off;
SET enable_hashagg = off;
SET enable_incremental_sort = off;
SET max_parallel_workers_per_gather = 0;

-- days: the partition, in the key's midst; four buckets
CREATE FOREIGN TABLE k (a int NOT NULL, day date NOT NULL, t text COLLATE "C" NOT NULL, v text, n int)
  SERVER ordered_lake OPTIONS (primary_key 'a,day,t', partition_by 'day', bucket '4');
INSERT INTO k SELECT i % 100, date '2020-01-01' + i % 3, 't' || i % 7, 'v' || i, i FROM generate_series(1, 3000) i;

EXPLAIN (COSTS OFF) SELECT a, v FROM k ORDER BY a;
EXPLAIN (COSTS OFF) SELECT * FROM k ORDER BY a, t;
EXPLAIN (COSTS OFF) SELECT * FROM k ORDER BY a, day, t;
EXPLAIN (COSTS OFF) SELECT v FROM k WHERE a = 5 AND day = '2020-01-02' ORDER BY t LIMIT 3;
EXPLAIN (COSTS OFF) SELECT a, t, count(*) FROM k GROUP BY a, t;
EXPLAIN (COSTS OFF) SELECT DISTINCT a FROM k WHERE n > 7;
EXPLAIN (COSTS OFF) SELECT * FROM k x JOIN k y USING (a, t);
-- not in the key's order
EXPLAIN (COSTS OFF) SELECT * FROM k ORDER BY a DESC;
EXPLAIN (COSTS OFF) SELECT * FROM k ORDER BY a NULLS FIRST;
EXPLAIN (COSTS OFF) SELECT * FROM k ORDER BY t;
EXPLAIN (COSTS OFF) SELECT * FROM k ORDER BY day, a;
EXPLAIN (COSTS OFF) SELECT * FROM k ORDER BY a, v;
EXPLAIN (COSTS OFF) SELECT a FROM k ORDER BY a, t COLLATE "POSIX", day;
EXPLAIN (COSTS OFF) SELECT a FROM k ORDER BY a + 1;
SET paimon_fdw.enable_sorted_scan = off;
EXPLAIN (COSTS OFF) SELECT a, v FROM k ORDER BY a;
RESET paimon_fdw.enable_sorted_scan;

-- the same rows in the same order, both ways
CREATE FUNCTION both_ways(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE ordered text[]; sorted text[]; plan text; plans text = '';
BEGIN
  PERFORM set_config('paimon_fdw.enable_sorted_scan', 'on', true);
  EXECUTE format('SELECT array_agg(q::text) FROM (%s) q', query) INTO ordered;
  FOR plan IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP plans = plans || plan; END LOOP;
  PERFORM set_config('paimon_fdw.enable_sorted_scan', 'off', true);
  EXECUTE format('SELECT array_agg(q::text) FROM (%s) q', query) INTO sorted;
  PERFORM set_config('paimon_fdw.enable_sorted_scan', 'on', true);
  RETURN CASE WHEN ordered IS NOT DISTINCT FROM sorted THEN 'same ' ELSE 'DIFFERENT ' END ||
    coalesce(array_length(sorted, 1), 0) || CASE WHEN plans LIKE '%Sort%' THEN ', with a Sort' ELSE '' END;
END $$;
CREATE FUNCTION all_ways(tbl text) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT condition || ': ' || both_ways(format('SELECT * FROM %s WHERE %s ORDER BY a, day, t', tbl, condition))
    || '; ' || both_ways(format('SELECT a, t, day FROM %s WHERE %s AND day = ''2020-01-02'' ORDER BY a, t', tbl, condition))
    || '; ' || both_ways(format('SELECT a FROM %s WHERE %s ORDER BY a LIMIT 17', tbl, condition))
    || '; ' || both_ways(format('SELECT a, max(v), count(*) FROM %s WHERE %s GROUP BY a', tbl, condition))
    || '; ' || both_ways(format('SELECT x.a, x.day, x.t, y.n FROM %1$s x JOIN %1$s y USING (a, day, t) WHERE x.%2$s ORDER BY 1, 2, 3', tbl, condition))
  FROM unnest(ARRAY['n > 0', 'a < 50', 'n % 3 = 1', 'v IS NULL', 'a = 3']) condition
$$;
SET enable_sort = off;
SELECT all_ways('k');
-- runs that are merged, keys that are gone
UPDATE k SET v = NULL WHERE n % 5 = 0;
DELETE FROM k WHERE a BETWEEN 20 AND 40 AND day = '2020-01-02';
INSERT INTO k SELECT 1000 - i, date '2020-01-01' + i % 4, 'new', 'w' || i, -i FROM generate_series(1, 500) i;
SELECT all_ways('k');
-- what this transaction has written
BEGIN;
INSERT INTO k SELECT i, '2020-01-02', 'mine', NULL, i FROM generate_series(1, 200, 3) i;
DELETE FROM k WHERE a % 10 = 7;
SELECT all_ways('k');
ROLLBACK;
SELECT paimon.compact('k') IS NOT NULL AS compacted;
SELECT all_ways('k');
SELECT paimon.compact('k', true) IS NOT NULL AS compacted;
SELECT all_ways('k');
SELECT a, day, t, v FROM k ORDER BY a, day, t LIMIT 4;

-- a cursor in the middle, and again
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT a, day, t FROM k ORDER BY a, day, t;
FETCH 2 FROM c;
INSERT INTO k VALUES (0, '2020-01-01', 'later', NULL, 0);
MOVE 1000 IN c;
FETCH 1 FROM c;
MOVE ABSOLUTE 0 IN c;
FETCH 2 FROM c;
ROLLBACK;
SELECT x, (SELECT string_agg(t, ' ') FROM (SELECT t FROM k WHERE a = x AND day = '2020-01-01' ORDER BY t LIMIT 3) q)
  FROM unnest(ARRAY[3, 33, NULL, 999, 3]) x;
-- the limit ends the scan early
CREATE FUNCTION rows_read(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
  EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT JSON) ' || query INTO plan;
  RETURN (plan->0->'Plan'->'Plans'->0->>'Rows Read')::bigint;
END $$;
CREATE FOREIGN TABLE large (a int NOT NULL, n int) SERVER ordered_lake OPTIONS (primary_key 'a', bucket '2');
INSERT INTO large SELECT i, -i FROM generate_series(1, 100000) i;
SELECT rows_read('SELECT * FROM large ORDER BY a LIMIT 5') < 50000 AS early;
SELECT * FROM large ORDER BY a LIMIT 3;
SELECT both_ways('SELECT * FROM large ORDER BY a');
SET enable_nestloop = on;
SELECT x, s FROM unnest(ARRAY[3, 0, 4, 1]) x, LATERAL (SELECT string_agg(t || n, ' ') s FROM
  (SELECT t, n FROM k ORDER BY a, day, t LIMIT x) q) r;
RESET enable_sort;

-- other types of keys
CREATE FOREIGN TABLE kinds (ts timestamp(6) NOT NULL, d numeric(30,2) NOT NULL, b bytea NOT NULL,
  s smallint NOT NULL, o boolean NOT NULL, z timestamptz(3) NOT NULL, c time(3) NOT NULL, v varchar(9) COLLATE "C" NOT NULL)
  SERVER ordered_lake OPTIONS (primary_key 'ts,d,b,s,o,z,c,v', bucket '3');
INSERT INTO kinds SELECT timestamp '1969-12-31' + i % 3 * interval '1 day', (i % 4 - 2) * 1e20, decode(to_hex(254 + i % 4 * 4096), 'hex'),
  i % 5 - 2, i % 2 = 0, timestamptz '1970-01-01 00:00+00' - i % 3 * interval '1 hour', time '00:00' + i % 7 * interval '1 ms', 'x' || i % 11
  FROM generate_series(1, 2000) i WHERE length(to_hex(254 + i % 4 * 4096)) % 2 = 0;
SELECT both_ways('SELECT * FROM kinds ORDER BY ts, d, b, s, o, z, c, v'),
  both_ways('SELECT ts, d FROM kinds ORDER BY ts, d'), both_ways('SELECT * FROM kinds WHERE s = 1 ORDER BY 1, 2, 3, 4, 5, 6, 7, v');
SELECT both_ways('SELECT ts, d FROM kinds WHERE o ORDER BY ts, d'),
  both_ways('SELECT * FROM kinds WHERE s = 1 AND NOT o ORDER BY ts, d, b, z, c, v');
EXPLAIN (COSTS OFF) SELECT * FROM kinds WHERE s = 1 AND NOT o ORDER BY ts, d, b, z, c, v;
CREATE FOREIGN TABLE other (nano timestamp(6) OPTIONS (paimon_type 'TIMESTAMP(9)') NOT NULL, v int) SERVER ordered_lake OPTIONS (primary_key 'nano', bucket '1');
CREATE FOREIGN TABLE words (t text COLLATE "und-x-icu" NOT NULL, v int) SERVER ordered_lake OPTIONS (primary_key 't', bucket '1');
CREATE FOREIGN TABLE floats (f float8 NOT NULL, v int) SERVER ordered_lake OPTIONS (primary_key 'f', bucket '1');
CREATE FOREIGN TABLE heap (a int NOT NULL, v int) SERVER ordered_lake;
EXPLAIN (COSTS OFF) SELECT * FROM other ORDER BY nano;
EXPLAIN (COSTS OFF) SELECT * FROM words ORDER BY t;
EXPLAIN (COSTS OFF) SELECT * FROM floats ORDER BY f;
EXPLAIN (COSTS OFF) SELECT * FROM heap ORDER BY a;

-- a plan that counts on an order which the files no longer give
CREATE FOREIGN TABLE grows (p int NOT NULL, a int NOT NULL, v text) SERVER ordered_lake
  OPTIONS (primary_key 'p,a', partition_by 'p', bucket '1');
INSERT INTO grows SELECT i % 60, 1000 - i, 'v' || i FROM generate_series(1, 200) i;
PREPARE in_order AS SELECT a, v FROM grows ORDER BY a LIMIT 4;
PREPARE again AS SELECT x, s FROM unnest(ARRAY[3, 0, 4, 1]) x, LATERAL (SELECT string_agg(v, ' ') s FROM
  (SELECT v FROM grows ORDER BY a LIMIT x) q) r;
PREPARE all_in_order AS SELECT count(*) FILTER (WHERE a < before), count(*) FROM
  (SELECT a, lag(a) OVER () AS before FROM (SELECT a FROM grows ORDER BY a OFFSET 0) q) q;
SET plan_cache_mode = force_generic_plan;
EXECUTE in_order;
EXECUTE all_in_order;
EXECUTE again;
INSERT INTO grows SELECT i, i * 7 % 100, 'later' || i FROM generate_series(60, 99) i;
EXPLAIN (COSTS OFF) EXECUTE in_order;
EXECUTE in_order;
EXECUTE all_in_order;
EXECUTE again;
EXPLAIN (COSTS OFF) SELECT a, v FROM grows ORDER BY a LIMIT 4;
RESET plan_cache_mode;

DROP FUNCTION both_ways, all_ways, rows_read;
SET client_min_messages = warning;
DROP SERVER ordered_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
