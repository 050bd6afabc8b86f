-- Goal: INSERT ... ON CONFLICT on the primary key does what it does on a heap
-- table, for rows in the delta heap and in files, and what can't be done says
-- so. Each statement runs on both and must give the same rows.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/on_conflict' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER conflict_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE FOREIGN TABLE l (id int NOT NULL, v int CHECK (v < 1000), w text,
  d int GENERATED ALWAYS AS (v * 2) STORED)
  SERVER conflict_lake OPTIONS (primary_key 'id', bucket '1', insert_mode 'strict');
CREATE TABLE h (id int PRIMARY KEY, v int CHECK (v < 1000), w text,
  d int GENERATED ALWAYS AS (v * 2) STORED);
INSERT INTO h SELECT i, i * 10, 'old' FROM generate_series(1, 4) i;
INSERT INTO l SELECT i, i * 10, 'old' FROM generate_series(1, 4) i;
SELECT paimon.flush('l') > 0 AS flushed;
-- run on both; rows that differ are shown
CREATE FUNCTION both_do(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  counts bigint[2];
  n bigint;
  t text;
  errors text[];
BEGIN
  FOREACH t IN ARRAY ARRAY['h', 'l'] LOOP
    BEGIN
      EXECUTE replace(statement, '@', t);
      GET DIAGNOSTICS n = ROW_COUNT;
      counts := counts || n;
      errors := errors || ''::text;
    EXCEPTION WHEN OTHERS THEN
      counts := counts || -1::bigint;
      errors := errors || SQLSTATE::text;
    END;
  END LOOP;
  IF counts[1] <> counts[2] OR errors[1] <> errors[2] THEN
    RETURN format('differ: %s %s', counts, errors);
  END IF;
  IF EXISTS ((TABLE h EXCEPT TABLE l) UNION ALL (TABLE l EXCEPT TABLE h)) THEN
    RETURN 'rows differ';
  END IF;
  RETURN format('same, %s rows %s', counts[1], errors[1]);
END $$;
SELECT both_do($$INSERT INTO @ VALUES (1, 1, 'new'), (5, 50, 'new') ON CONFLICT DO NOTHING$$);
SELECT both_do($$INSERT INTO @ VALUES (5, 1, 'new'), (6, 60, 'new'), (6, 61, 'x') ON CONFLICT (id) DO NOTHING$$);
SELECT both_do($$INSERT INTO @ AS t VALUES (1, 5, 'set'), (5, 5, 'set'), (7, 7, 'set')
  ON CONFLICT (id) DO UPDATE SET v = t.v + excluded.v, w = excluded.w$$);
SELECT both_do($$INSERT INTO @ AS t VALUES (2, 5, 'where'), (3, 5, 'where')
  ON CONFLICT (id) DO UPDATE SET v = excluded.v WHERE t.v > 20 AND excluded.w <> ''$$);
SELECT both_do($$INSERT INTO @ AS t VALUES (4, NULL, NULL) ON CONFLICT (id) DO UPDATE SET (v, w) = (excluded.v, t.w || t.d || length(t.w))$$);
-- a deleted row is none
SELECT both_do($$DELETE FROM @ WHERE id IN (2, 7)$$);
SELECT both_do($$INSERT INTO @ VALUES (2, 22, 'again'), (7, 77, 'again') ON CONFLICT (id) DO UPDATE SET v = 0$$);
SELECT both_do($$INSERT INTO @ SELECT i, i, 'many' FROM generate_series(1, 300) i ON CONFLICT (id) DO UPDATE SET v = excluded.v + 1, w = DEFAULT$$);
-- inside a CTE, and with others
SELECT both_do($$WITH x AS (INSERT INTO @ AS t VALUES (1, 100, 'cte'), (301, 100, 'cte')
  ON CONFLICT (id) DO UPDATE SET v = t.v + excluded.v RETURNING id, v)
  UPDATE @ SET v = x.v FROM x WHERE @.id = x.id + 1$$);
-- errors
SELECT both_do($$INSERT INTO @ VALUES (1, 1, 'a'), (1, 2, 'b') ON CONFLICT (id) DO UPDATE SET v = 3$$);
SELECT both_do($$INSERT INTO @ AS t VALUES (1, 1, 'a') ON CONFLICT (id) DO UPDATE SET v = 2000$$);
SELECT both_do($$INSERT INTO @ AS t VALUES (1, 1, 'a') ON CONFLICT (v) DO NOTHING$$);
SELECT both_do($$INSERT INTO @ AS t VALUES (1, 1, 'a') ON CONFLICT (id, v) DO NOTHING$$);
SELECT both_do($$INSERT INTO @ AS t VALUES (NULL, 1, 'a') ON CONFLICT (id) DO NOTHING$$);
INSERT INTO l AS t VALUES (1, 9, 'ret'), (400, 9, 'ret') ON CONFLICT (id) DO UPDATE SET w = t.id || excluded.w RETURNING *;
INSERT INTO l AS t VALUES (1, 9, 'ret'), (401, 9, 'ret') ON CONFLICT DO NOTHING RETURNING *;
PREPARE up(int, int) AS INSERT INTO l AS t VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET v = t.v + $2 RETURNING id, v;
EXECUTE up(500, 1); EXECUTE up(500, 1); EXECUTE up(500, 1); EXECUTE up(500, 1); EXECUTE up(500, 1); EXECUTE up(500, 1); EXECUTE up(500, 1);
CREATE VIEW low AS SELECT * FROM l WHERE v < 500 WITH CHECK OPTION;
INSERT INTO low AS t VALUES (500, 3) ON CONFLICT (id) DO UPDATE SET v = excluded.v RETURNING id, v;
INSERT INTO low AS t VALUES (500, 3) ON CONFLICT (id) DO UPDATE SET v = 600;
-- the right to update is needed
CREATE ROLE conflict_role;
GRANT INSERT, SELECT ON l TO conflict_role;
SET ROLE conflict_role;
INSERT INTO l VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = 1;
RESET ROLE;
-- what is not done
INSERT INTO l AS t VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = (SELECT count(*) FROM h);
INSERT INTO l AS t VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET id = 1000;
CREATE FOREIGN TABLE a (id int, v int) SERVER conflict_lake;
INSERT INTO a VALUES (1, 1) ON CONFLICT DO NOTHING RETURNING *;
INSERT INTO a VALUES (1, 1) ON CONFLICT (id) DO NOTHING;
CREATE FOREIGN TABLE s (id int NOT NULL, v int) SERVER conflict_lake OPTIONS (primary_key 'id', bucket '1', "merge-engine" 'aggregation', "fields.v.aggregate-function" 'sum');
INSERT INTO s VALUES (1, 1) ON CONFLICT (id) DO NOTHING;
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER u BEFORE UPDATE ON l FOR EACH ROW EXECUTE FUNCTION f();
INSERT INTO l VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = 1;
INSERT INTO l VALUES (1, 1) ON CONFLICT (id) DO NOTHING;
SELECT paimon.flush('l') > 0 AS flushed;
SELECT * FROM paimon.verify('l');
SELECT count(*), sum(v) FROM l;
SET client_min_messages = warning;
DROP SERVER conflict_lake CASCADE;
DROP TABLE h;
DROP FUNCTION both_do, f CASCADE;
DROP ROLE conflict_role;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
