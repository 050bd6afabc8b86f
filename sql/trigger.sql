-- Goal: what triggers and functions see of the statement that calls them, and
-- what becomes of statements inside statements.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/trigger' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER trigger_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE FOREIGN TABLE t (id int, n int) SERVER trigger_lake
  OPTIONS (primary_key 'id', bucket '1');
CREATE TABLE seen (op text, rows int);

CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO seen SELECT TG_WHEN || ' ' || TG_LEVEL || ' ' || TG_OP, count(*) FROM t;
  RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER b BEFORE INSERT OR UPDATE OR DELETE ON t
  FOR EACH ROW EXECUTE FUNCTION look();
CREATE TRIGGER a AFTER INSERT OR UPDATE OR DELETE ON t
  FOR EACH ROW EXECUTE FUNCTION look();
CREATE TRIGGER s AFTER INSERT OR UPDATE OR DELETE ON t
  FOR EACH STATEMENT EXECUTE FUNCTION look();

-- a BEFORE trigger sees the rows before its own, an AFTER trigger all
INSERT INTO t VALUES (1, 1), (2, 2);
TABLE seen; DELETE FROM seen;
COPY t FROM STDIN;
3	3
4	4
\.
TABLE seen; DELETE FROM seen;
DELETE FROM t WHERE id > 2;
TABLE seen; DELETE FROM seen;
UPDATE t SET n = n + 1 WHERE id = 1;
TABLE seen; DELETE FROM seen;
-- rows whose key changes come at the end
UPDATE t SET id = id + 1;
SELECT * FROM t ORDER BY id;

DELETE FROM seen;
INSERT INTO t VALUES (4, 4);
UPDATE t SET id = id + 1 RETURNING (SELECT count(*) FROM seen);
SELECT * FROM t ORDER BY id;
DELETE FROM t WHERE id = 5;

-- a function sees its own snapshot, or none but its statement's
DROP TRIGGER b ON t; DROP TRIGGER a ON t; DROP TRIGGER s ON t;
CREATE FUNCTION now_there() RETURNS int VOLATILE LANGUAGE plpgsql AS
  $$ BEGIN RETURN (SELECT count(*) FROM t); END $$;
CREATE FUNCTION was_there() RETURNS int STABLE LANGUAGE plpgsql AS
  $$ BEGIN RETURN (SELECT count(*) FROM t); END $$;
INSERT INTO t SELECT i, 10 * now_there() + was_there() FROM generate_series(10, 12) i;
SELECT * FROM t WHERE id >= 10 ORDER BY id;

-- what a trigger writes to the same table comes in between
CREATE FUNCTION also() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.n < 0 THEN
    UPDATE t SET n = n + 100 WHERE id = -NEW.n;
    IF NEW.n = -21 THEN
      BEGIN
        DELETE FROM t;
        INSERT INTO t VALUES (-1, 0);
        PERFORM 1 / (SELECT count(*) - 1 FROM t);
      EXCEPTION WHEN division_by_zero THEN
        NEW.n := -1000;
      END;
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER b BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION also();
BEGIN;
INSERT INTO t VALUES (20, 1), (21, -20), (22, -21), (20, -21), (23, -20);
SELECT * FROM t WHERE id >= 20 ORDER BY id;
COMMIT;
SELECT * FROM t ORDER BY id;
SELECT * FROM paimon.verify('t');

-- insert_mode 'strict' in between
CREATE FOREIGN TABLE u (id int, n int) SERVER trigger_lake
  OPTIONS (primary_key 'id', bucket '1', insert_mode 'strict');
INSERT INTO u SELECT i, (SELECT count(*) FROM u) FROM generate_series(1, 3) i;
CREATE FUNCTION u_there() RETURNS int VOLATILE LANGUAGE plpgsql AS
  $$ BEGIN RETURN (SELECT count(*) FROM u); END $$;
INSERT INTO u SELECT i % 6 + 4, u_there() FROM generate_series(0, 6) i;
INSERT INTO u SELECT i + 4, u_there() FROM generate_series(0, 2) i;
SELECT * FROM u ORDER BY id;

-- two foreign tables of one lake table
CREATE FOREIGN TABLE t2 () SERVER trigger_lake OPTIONS ("table" 't');
BEGIN;
DELETE FROM t WHERE id > 0;
INSERT INTO t2 VALUES (1, 1);
SELECT count(*) FROM t;
UPDATE t SET n = 2;
SELECT * FROM t2 ORDER BY id;
INSERT INTO t2 VALUES (1, 3);
COMMIT;
SELECT * FROM t ORDER BY id;
WITH x AS (INSERT INTO t VALUES (5, 1)) INSERT INTO t2 VALUES (5, 2);

-- one made again after a rollback to a savepoint is a new one
BEGIN;
SAVEPOINT a;
CREATE FOREIGN TABLE w (x int) SERVER trigger_lake;
INSERT INTO w VALUES (1);
ROLLBACK TO a;
CREATE FOREIGN TABLE w (y text) SERVER trigger_lake;
INSERT INTO w VALUES ('one');
COMMIT;
SELECT * FROM w;

SET client_min_messages = warning;
DROP SERVER trigger_lake CASCADE;
DROP TABLE seen;
DROP FUNCTION look, also, now_there, was_there, u_there;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
