-- Goal: rows of the lake, of files on their way there and of the delta heap
-- are one table, whichever way it is read. A heap table with the same rows is
-- what everything is compared with. The transaction keeps its rows where they
-- are: nobody moves what has not been committed.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SET datestyle = 'ISO';
SELECT '/tmp/paimon_fdw_' || system_identifier || '/delta_read' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER delta_read_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');

CREATE FOREIGN TABLE l1 (id bigint NOT NULL, v int, n numeric(10,2), s text,
    f float8, at timestamp, d date, b bytea, j jsonb OPTIONS (paimon_type 'ARRAY<INT>'))
  SERVER delta_read_lake OPTIONS (primary_key 'id', bucket '2');
CREATE TABLE h1 (id bigint PRIMARY KEY, v int, n numeric(10,2), s text,
    f float8, at timestamp, d date, b bytea, j jsonb);
CREATE FOREIGN TABLE l2 (s text NOT NULL, d date NOT NULL, n numeric(12,3) NOT NULL,
    v int) SERVER delta_read_lake OPTIONS (primary_key 's,d,n', partition_by 'd', bucket '1');
CREATE TABLE h2 (s text, d date, n numeric(12,3), v int, PRIMARY KEY (s, d, n));
CREATE FOREIGN TABLE l3 (id int, v int, s text) SERVER delta_read_lake;
CREATE TABLE h3 (id int, v int, s text);

-- Whether a query says the same of the lake table and of its twin.
CREATE FUNCTION same(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  lake text;
  heap text;
BEGIN
  EXECUTE format('SELECT string_agg(r::text, E''\n'' ORDER BY r::text) FROM (%s) r',
                 regexp_replace(query, '\mt([123])\M', 'l\1', 'g')) INTO lake;
  EXECUTE format('SELECT string_agg(r::text, E''\n'' ORDER BY r::text) FROM (%s) r',
                 regexp_replace(query, '\mt([123])\M', 'h\1', 'g')) INTO heap;
  IF lake IS DISTINCT FROM heap THEN
    RETURN format(E'lake:\n%s\nheap:\n%s', lake, heap);
  END IF;
  RETURN 'same, ' || coalesce(array_length(string_to_array(heap, E'\n'), 1), 0) || ' rows';
END $$;
-- Do the same to both.
CREATE PROCEDURE to_both(command text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE regexp_replace(command, '\mt([123])\M', 'l\1', 'g');
  EXECUTE regexp_replace(command, '\mt([123])\M', 'h\1', 'g');
END $$;
-- What a plan says that is ours, and was executed.
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
    IF line ~ 'Delta Rows|Answered|Key Order|Pushed' THEN
      RETURN NEXT trim(line);
    END IF;
  END LOOP;
END $$;
CREATE VIEW source AS
  SELECT i AS id, i % 7 AS v, i / 4.0 AS n, 'text ' || i AS s, i * 0.5 AS f,
         '2026-01-01'::timestamp + i * '1 hour'::interval AS at,
         '2026-01-01'::date + i % 3 AS d, decode(lpad(to_hex(i), 8, '0'), 'hex') AS b,
         jsonb_build_array(i, NULL, i + 1) AS j
    FROM generate_series(1, 1000) i;

-- In the lake.
CALL to_both('INSERT INTO t1 SELECT * FROM source WHERE id <= 200');
CALL to_both('INSERT INTO t2 SELECT s, d, n, v FROM source WHERE id <= 200');
CALL to_both('INSERT INTO t3 SELECT id, v, s FROM source WHERE id <= 200');
SELECT paimon.flush('l1') > 0 AS l1, paimon.flush('l2') > 0 AS l2, paimon.flush('l3') > 0 AS l3;
SELECT same('SELECT * FROM t1'), same('SELECT * FROM t2'), same('SELECT * FROM t3');

BEGIN;
-- In files that are not published.
SET LOCAL paimon_fdw.bulk_threshold = 50;
CALL to_both('INSERT INTO t1 SELECT * FROM source WHERE id BETWEEN 201 AND 300');
CALL to_both('INSERT INTO t2 SELECT s, d, n, v FROM source WHERE id BETWEEN 201 AND 300');
CALL to_both('INSERT INTO t3 SELECT id, v, s FROM source WHERE id BETWEEN 201 AND 300');
SET LOCAL paimon_fdw.bulk_threshold = 10000;
-- In the delta: new rows, changed ones of both kinds, deleted ones.
CALL to_both('INSERT INTO t1 SELECT * FROM source WHERE id BETWEEN 301 AND 320');
CALL to_both('INSERT INTO t1 (id) VALUES (400)');
CALL to_both('UPDATE t1 SET v = -v, s = ''changed'', n = NULL WHERE id % 10 = 3');
CALL to_both('DELETE FROM t1 WHERE id % 20 = 7');
CALL to_both('UPDATE t1 SET id = id + 500 WHERE id IN (4, 204, 304)');
CALL to_both('INSERT INTO t2 SELECT s, d, n, v FROM source WHERE id BETWEEN 301 AND 320');
CALL to_both('UPDATE t2 SET v = 100 WHERE n = 5 OR n = 70.25');
CALL to_both('DELETE FROM t2 WHERE v = 6');
CALL to_both('INSERT INTO t3 SELECT id, v, s FROM source WHERE id BETWEEN 1 AND 20');
CALL to_both('INSERT INTO t3 VALUES (NULL, NULL, NULL)');
SELECT plan('SELECT * FROM l1');
SELECT plan('SELECT * FROM l3');

-- Whole rows, some columns, none.
SELECT same('SELECT * FROM t1');
SELECT same('SELECT * FROM t2');
SELECT same('SELECT * FROM t3');
SELECT same('SELECT s FROM t1'), same('SELECT v FROM t2'), same('SELECT 1 FROM t2');
SELECT same('SELECT t1 FROM t1 WHERE v < 0');

-- Filters, such as storage tests and such as it does not.
SELECT same('SELECT id, v FROM t1 WHERE v = -3'), same('SELECT id FROM t1 WHERE s = ''changed'''),
       same('SELECT id FROM t1 WHERE id BETWEEN 190 AND 310'),
       same('SELECT id FROM t1 WHERE n IS NULL'), same('SELECT id FROM t1 WHERE length(s) = 7'),
       same('SELECT * FROM t2 WHERE d = ''2026-01-02''');

-- Aggregates: from vectors, and what metadata would say.
SELECT same('SELECT count(*) FROM t1'), same('SELECT count(*) FROM t2'), same('SELECT count(*) FROM t3');
SELECT same('SELECT count(*), count(n), min(id), max(id), sum(v), avg(v), sum(n), avg(n), min(n), max(n) FROM t1');
SELECT same('SELECT min(s COLLATE "C"), max(s COLLATE "C"), sum(f), min(f), max(at), min(d), count(j), count(b) FROM t1');
SELECT same('SELECT count(*), sum(v) FROM t1 WHERE v < 0'), same('SELECT count(*), max(id) FROM t1 WHERE id > 300'),
       same('SELECT count(*), sum(v) FROM t1 WHERE length(s) = 7'), same('SELECT count(*) FROM t1 WHERE id = 13'),
       same('SELECT count(v), min(v), max(id) FROM t3'), same('SELECT count(*), min(id) FROM t3 WHERE v > 5'),
       same('SELECT v, count(*) FROM t1 GROUP BY v');
SELECT plan('SELECT count(*), min(id) FROM l3');
SELECT plan('SELECT count(*), min(id) FROM l1');
EXPLAIN (COSTS OFF) SELECT count(*), min(id) FROM l3;

-- By key: in the delta, deleted there, in a file, in the lake, nowhere.
SELECT id, (SELECT s FROM l1 WHERE l1.id = k.id) FROM (VALUES (13), (7), (204), (704), (205), (5), (999)) k (id);
PREPARE by_key(bigint) AS SELECT id, v, s FROM l1 WHERE id = $1;
EXECUTE by_key(13);
EXECUTE by_key(7);
EXECUTE by_key(5);
EXECUTE by_key(NULL);
SET LOCAL plan_cache_mode = force_generic_plan;
EXECUTE by_key(13);
EXECUTE by_key(27);
EXECUTE by_key(6);
RESET plan_cache_mode;
SELECT id, s FROM l1 WHERE id = 13::smallint;
SELECT id, s FROM l1 WHERE id = 13 AND v > 0;
SELECT * FROM l2 WHERE s = 'text 20' AND d = '2026-01-03' AND n = 5.0;
SELECT * FROM l2 WHERE s = 'text 13' AND d = '2026-01-02' AND n = 3.25;
SELECT same('SELECT * FROM t2 WHERE s = ''text 281'' AND d = ''2026-01-03''');
SELECT plan('SELECT * FROM l1 WHERE id = 13');
SELECT plan('SELECT * FROM l1 WHERE id = 5');

-- Look-ups for rows of another relation, by the key and by another column.
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SELECT same('SELECT k.id, t1.s FROM generate_series(1, 30) k (id) JOIN t1 USING (id)'),
       same('SELECT k.id, t1.s FROM generate_series(1, 330, 11) k (id) LEFT JOIN t1 USING (id)'),
       same('SELECT k.v, t3.s FROM (VALUES (1), (6)) k (v) JOIN t3 USING (v) WHERE t3.id < 50'),
       same('SELECT a.id, b.s FROM t1 a JOIN t1 b ON b.id = a.id + 1 WHERE a.id < 20');
SET LOCAL enable_hashjoin = on;
SET LOCAL enable_mergejoin = on;

-- In the key's order, with and without an end.
SELECT id, v FROM l1 ORDER BY id LIMIT 8;
SELECT id, v FROM l1 ORDER BY id OFFSET 297;
SELECT plan('SELECT id, v FROM l1 ORDER BY id');
SELECT id FROM l1 WHERE v < 0 ORDER BY id LIMIT 3;
SELECT same('SELECT * FROM (SELECT id, v FROM t1 ORDER BY id LIMIT 100) x'),
       same('SELECT * FROM (SELECT s, n FROM t2 ORDER BY s COLLATE "C", d, n LIMIT 100) x'),
       same('SELECT count(*) FROM (SELECT 1 FROM t3 LIMIT 310) x'),
       same('SELECT a.id FROM t1 a JOIN t1 b USING (id) ORDER BY id');

-- Cursors see what was there when they were opened, and can go again.
DECLARE c SCROLL CURSOR FOR SELECT id, v FROM l1 WHERE id < 8 ORDER BY id;
DECLARE k CURSOR FOR SELECT id, v FROM l1 WHERE id = 3;
FETCH 2 FROM c;
SAVEPOINT a;
UPDATE l1 SET v = 1000 WHERE id < 10;
FETCH ALL FROM c;
FETCH ALL FROM k;
MOVE ABSOLUTE 0 IN c;
FETCH 3 FROM c;
SELECT id, v FROM l1 WHERE id < 4 ORDER BY id;
ROLLBACK TO a;
SELECT id, v FROM l1 WHERE id < 4 ORDER BY id;
CLOSE c;
CLOSE k;

-- Statements see what commands before them wrote, a statement not its own.
WITH u AS (UPDATE l1 SET v = 77 WHERE id IN (1, 13) RETURNING id, v)
  SELECT u.v, l1.v FROM u JOIN l1 USING (id) ORDER BY id;
INSERT INTO l3 SELECT id + 1000, v, s FROM l3 WHERE id <= 2 RETURNING id;
SELECT count(*) FROM l3 WHERE id > 1000;
ROLLBACK;
SELECT same('SELECT * FROM t1'), same('SELECT * FROM t2'), same('SELECT * FROM t3');

-- Processes that share a scan: one of them returns the delta's rows.
BEGIN;
CALL to_both('INSERT INTO t1 SELECT * FROM source WHERE id BETWEEN 301 AND 320');
CALL to_both('UPDATE t1 SET v = -v WHERE id % 10 = 3');
CALL to_both('DELETE FROM t1 WHERE id % 20 = 7');
CALL to_both('INSERT INTO t3 SELECT id, v, s FROM source WHERE id BETWEEN 1 AND 20');
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL paimon_fdw.enable_aggregate_pushdown = off;
SELECT plan('SELECT count(*), sum(v) FROM l1 WHERE length(s) > 3');
SELECT count(*), sum(v), sum(id) FROM l1 WHERE length(s) > 3;
SELECT count(*), sum(v), sum(id) FROM h1 WHERE length(s) > 3;
SET LOCAL parallel_leader_participation = off;
SELECT count(*), sum(v), sum(id) FROM l3 WHERE length(s) > 3;
SELECT count(*), sum(v), sum(id) FROM h3 WHERE length(s) > 3;
SELECT same('SELECT * FROM t1'), same('SELECT * FROM t3');
ROLLBACK;

-- More keys than fit into memory: the index is asked instead.
BEGIN;
SET LOCAL work_mem = '64kB';
SET LOCAL hash_mem_multiplier = 1;
CALL to_both('UPDATE t1 SET v = v + 1 WHERE id <= 190');
CALL to_both('INSERT INTO t1 SELECT id + 1000, v, n, s, f, at, d, b, j FROM source');
CALL to_both('INSERT INTO t1 SELECT id + 2000, v, n, s, f, at, d, b, j FROM source');
CALL to_both('DELETE FROM t1 WHERE id % 3 = 1');
SELECT same('SELECT id, v FROM t1'), same('SELECT count(*), sum(v), min(id) FROM t1');
SELECT id FROM l1 WHERE id < 9 ORDER BY id;
ROLLBACK;

-- Time travel, system tables and samples.
BEGIN;
INSERT INTO l3 SELECT id, v, s FROM source WHERE id BETWEEN 1 AND 100;
SELECT count(*) FROM l3;
SET LOCAL paimon_fdw.as_of = 'snapshot:1';
SELECT count(*) FROM l3;
RESET paimon_fdw.as_of;
ANALYZE l3;
SELECT reltuples FROM pg_class WHERE relname = 'l3';
ROLLBACK;

-- Another foreign table for the same lake table, with other columns.
CREATE FOREIGN TABLE l4 (label text OPTIONS (column_name 's'), id int) SERVER delta_read_lake
  OPTIONS ("table" 'l3');
CREATE FOREIGN TABLE l5 (id int, s bytea) SERVER delta_read_lake OPTIONS ("table" 'l3');
SELECT count(*) FROM l5;
BEGIN;
INSERT INTO l4 VALUES ('four', 4000);
SELECT * FROM l3 WHERE id = 4000;
SELECT * FROM l4 WHERE label = 'four';
SELECT count(*) FROM l5;
ROLLBACK;

-- Keys that are text in the lake, and a filter on other columns than the key's.
CREATE TYPE delta_mood AS ENUM ('sad', 'ok');
CREATE DOMAIN delta_word AS text;
CREATE FOREIGN TABLE l6 (n int, u uuid NOT NULL, p date NOT NULL, m delta_mood NOT NULL,
  w delta_word NOT NULL, d numeric(30,10) NOT NULL, g bigint)
  SERVER delta_read_lake OPTIONS (primary_key 'w,u,m,p,d', partition_by 'p', bucket '1');
INSERT INTO l6 SELECT i, md5(i::text)::uuid, date '2024-01-01' + i % 2,
  (ARRAY['sad', 'ok']::delta_mood[])[i % 2 + 1], 'w' || i, i, i FROM generate_series(1, 4) i;
BEGIN;
DELETE FROM l6 WHERE n = 1;
UPDATE l6 SET n = -n WHERE n = 2;
SELECT n, m, w FROM l6 ORDER BY n;
SELECT count(*) FROM l6 WHERE p < date '9999-01-01' AND g < 10;
SELECT count(*), sum(n), max(g) FROM l6 WHERE g > 0 AND n > -5;
UPDATE l6 SET n = n * 10;
SELECT n, m, w FROM l6 ORDER BY n;
COMMIT;
SELECT n, m, w FROM l6 WHERE u = md5('2')::uuid;

-- Committed, with workers away: a row at a time and all of them.
SET paimon_fdw.synchronous_publish = off;
CALL to_both('UPDATE t1 SET v = 500 WHERE id BETWEEN 10 AND 20');
CALL to_both('DELETE FROM t1 WHERE id = 15');
CALL to_both('INSERT INTO t3 VALUES (5000, 1, ''last'')');
SELECT same('SELECT * FROM t1'), same('SELECT * FROM t3'), same('SELECT v FROM t1 WHERE id = 15');
SELECT paimon.flush('l1') > 0 AS l1, paimon.flush('l3') > 0 AS l3;
SELECT same('SELECT * FROM t1'), same('SELECT * FROM t3'), same('SELECT v FROM t1 WHERE id = 15');
RESET paimon_fdw.synchronous_publish;

SET client_min_messages = warning;
DROP SERVER delta_read_lake CASCADE;
DROP VIEW source;
DROP TABLE h1, h2, h3;
DROP TYPE delta_mood;
DROP DOMAIN delta_word;
DROP FUNCTION same, plan;
DROP PROCEDURE to_both;
