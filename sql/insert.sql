-- Goal: INSERT in all its forms, with upsert and strict keys, and the
-- constraints that core leaves to the wrapper.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/insert' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER insert_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE FOREIGN TABLE t (id int NOT NULL, a int DEFAULT 5 CHECK (a >= 0),
  b int GENERATED ALWAYS AS (a * 2) STORED, s text)
  SERVER insert_lake OPTIONS (primary_key 'id', bucket '1');
INSERT INTO t (id) VALUES (1), (2) RETURNING *;
INSERT INTO t VALUES (3, 30, DEFAULT, 'three') RETURNING id, b, tableoid::regclass;
INSERT INTO t (id, s) SELECT i, 'bulk' FROM generate_series(100, 10099) i;
SELECT count(*), sum(b) FROM t;
-- an existing key is replaced
INSERT INTO t VALUES (1, 11), (1, 12);
SELECT * FROM t WHERE id = 1;
INSERT INTO t (id, a, s) SELECT id + 1, 1, s FROM t WHERE id BETWEEN 100 AND 10099;
SELECT count(*), count(*) FILTER (WHERE a = 1) FROM t;

-- constraints
INSERT INTO t VALUES (NULL, 1);
INSERT INTO t VALUES (4, -1);
INSERT INTO t VALUES (5, 1), (6, -1);
SELECT * FROM t WHERE id IN (4, 5, 6);
-- NOT NULL of the lake, which the foreign table does not declare
CREATE FOREIGN TABLE loose (id int, s text) SERVER insert_lake
  OPTIONS (database 'public', "table" 't');
INSERT INTO loose VALUES (NULL, 'x');
CREATE FOREIGN TABLE keyless (s text) SERVER insert_lake
  OPTIONS (database 'public', "table" 't');
INSERT INTO keyless VALUES ('x');
INSERT INTO loose VALUES (7, 'seven');
SELECT * FROM t WHERE id = 7;

-- there already
INSERT INTO t VALUES (1, 1) ON CONFLICT DO NOTHING;

-- strict keys
CREATE FOREIGN TABLE st (a int NOT NULL, b text NOT NULL, v text) SERVER insert_lake
  OPTIONS (primary_key 'a,b', insert_mode 'strict', bucket '1');
INSERT INTO st VALUES (1, 'x', 'v'), (2, 'x', 'v'), (1, 'y', 'v');
INSERT INTO st VALUES (3, 'x', 'v'), (1, 'y', 'again');
INSERT INTO st VALUES (3, 'x', 'v'), (3, 'x', 'again');
BEGIN;
INSERT INTO st VALUES (3, 'x', 'v');
INSERT INTO st VALUES (3, 'x', 'again');
ROLLBACK;
UPDATE st SET a = a + 1;
UPDATE st SET a = 3 WHERE a = 2 AND b = 'x';
WITH d AS (DELETE FROM st WHERE b = 'y' RETURNING *) INSERT INTO st SELECT a, b, v || '+' FROM d;
SELECT * FROM st ORDER BY 1, 2;

-- triggers; those after the statement's rows see them
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE NOTICE '% % %: old=% new=% st has %', TG_OP, TG_WHEN, TG_LEVEL, OLD, NEW,
    (SELECT count(*) FROM st);
  IF TG_WHEN = 'BEFORE' AND TG_OP = 'INSERT' THEN NEW.v := NEW.v || '(t)'; END IF;
  RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER b BEFORE INSERT ON st FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER a AFTER INSERT OR UPDATE OR DELETE ON st FOR EACH ROW EXECUTE FUNCTION note();
INSERT INTO st VALUES (10, 'x', 'v') RETURNING *;
UPDATE st SET v = 'w' WHERE a = 10;
DELETE FROM st WHERE a = 10;

-- views
CREATE VIEW big AS SELECT id, a, s FROM t WHERE a > 3 WITH CHECK OPTION;
INSERT INTO big VALUES (20000, 9, 'v') RETURNING *;
INSERT INTO big VALUES (20001, 1, 'v');

-- an append table keeps every row
CREATE FOREIGN TABLE log (a int, b text) SERVER insert_lake;
INSERT INTO log VALUES (1, 'x'), (1, 'x'), (NULL, NULL);
SELECT * FROM log ORDER BY a;
INSERT INTO log SELECT * FROM log;
SELECT count(*) FROM log;
PREPARE ins(int, text) AS INSERT INTO log VALUES ($1, $2);
EXECUTE ins(2, 'p');
EXECUTE ins(3, 'p');
SELECT count(*), max(a) FROM log;
DROP VIEW big;

SET client_min_messages = warning;
DROP FUNCTION note() CASCADE;
DROP SERVER insert_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
