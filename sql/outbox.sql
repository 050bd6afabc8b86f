-- Goal: data files of a transaction are seen by others when it commits, are in
-- the lake only later, and then exactly once.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/outbox' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER outbox_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
-- nobody moves or publishes by himself for the time of this test
SET paimon_fdw.synchronous_publish = off;
-- A table of sums takes no rows into a delta heap: all are files.
CREATE FOREIGN TABLE k (id int NOT NULL, v bigint) SERVER outbox_lake
  OPTIONS (primary_key 'id', bucket '1', "merge-engine" 'aggregation',
    "fields.v.aggregate-function" 'sum');
CREATE VIEW rows_waiting AS
  SELECT t."table", o.ident IS NOT NULL AS sealed, o.row_count
    FROM paimon_int.outbox o JOIN paimon_int.lake_table t ON t.id = o.lake_table
    WHERE t.location LIKE '%/outbox/%' ORDER BY o.n;
BEGIN;
INSERT INTO k VALUES (1, 1), (2, 2);
SELECT * FROM k ORDER BY id;
SELECT * FROM rows_waiting;
SELECT count(*) FROM paimon.snapshots('k');
COMMIT;
SELECT * FROM k ORDER BY id;
SELECT paimon.flush('k');
SELECT * FROM k ORDER BY id;
SELECT * FROM rows_waiting;
SELECT commit_user = (SELECT commit_user FROM paimon_int.identity) AS ours,
    commit_kind, total_record_count
  FROM paimon.snapshots('k');

-- a rollback leaves neither a row nor a file
BEGIN;
INSERT INTO k VALUES (1, 100);
SAVEPOINT a;
INSERT INTO k VALUES (1, 1000);
ROLLBACK TO a;
SELECT * FROM k ORDER BY id;
ROLLBACK;
SELECT * FROM k ORDER BY id;
SELECT count(*) FROM pg_ls_dir(:'warehouse' || '/public.db/k/bucket-0') f
  WHERE f LIKE 'data-%';

-- several messages of one transaction, and of several, in one snapshot or
-- more, but each once
BEGIN;
INSERT INTO k VALUES (1, 10);
INSERT INTO k VALUES (1, 10);
COMMIT;
INSERT INTO k VALUES (3, 3);
SELECT * FROM k ORDER BY id;
SELECT paimon.flush('k') > 1 AS newer;
SELECT * FROM k ORDER BY id;
SELECT * FROM rows_waiting;
SELECT sum(delta_record_count) FROM paimon.snapshots('k');
SELECT paimon.flush('k') = max(snapshot_id) AS same FROM paimon.snapshots('k');

SET paimon_fdw.fresh = registered;
SELECT sum(v) FROM k;
RESET paimon_fdw.fresh;
SET paimon_fdw.fresh = sometimes;

-- A lake table that is made anew has no past.
DROP FOREIGN TABLE k;
SELECT format('cat >/dev/null; rm -rf %s/public.db', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE FOREIGN TABLE k (id int NOT NULL, v bigint) SERVER outbox_lake
  OPTIONS (primary_key 'id', bucket '1', "merge-engine" 'aggregation',
    "fields.v.aggregate-function" 'sum');
SELECT count(*) FROM k;
INSERT INTO k VALUES (7, 7);
SELECT * FROM k;
SELECT paimon.flush('k');
SELECT * FROM k;

-- a trigger's exception block reads what its statement writes; rolled back,
-- it takes none of the rows with it
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    RAISE EXCEPTION '%', (SELECT count(*) FROM k) USING ERRCODE = 'P0099';
  EXCEPTION WHEN SQLSTATE 'P0099' THEN RAISE NOTICE '% rows', SQLERRM;
  END;
  RETURN NEW;
END $$;
CREATE TRIGGER look BEFORE INSERT ON k FOR EACH ROW EXECUTE FUNCTION look();
INSERT INTO k VALUES (401, 1), (402, 2), (403, 3);
SELECT * FROM k ORDER BY id;
SELECT paimon.flush('k');
SELECT * FROM k ORDER BY id;
DROP TRIGGER look ON k;
DROP FUNCTION look();

-- nobody else gets at the store
CREATE ROLE outbox_role;
SET ROLE outbox_role;
SELECT count(*) FROM paimon_int.outbox;
SELECT count(*) FROM paimon_int.lake_table;
SELECT nextval('paimon_int.outbox_n');
RESET ROLE;
DROP ROLE outbox_role;

-- The server forgot a commit that the lake has, as after a restore to an
-- earlier time: nothing is published, and readers see what the server knows.
SELECT id AS lake_table, snapshot_id, ident, n FROM paimon_int.lake_table
  WHERE relid = 'k'::regclass \gset
UPDATE paimon_int.lake_table SET snapshot_id = snapshot_id - 1, ident = ident - 1
  WHERE id = :lake_table;
SELECT sum(v) FROM k;
INSERT INTO k VALUES (501, 1000);
SELECT sum(v) FROM k;
\set VERBOSITY terse
SELECT paimon.flush('k');
SELECT sum(v) FROM k;
SELECT count(*) FROM paimon.snapshots('k');
UPDATE paimon_int.lake_table SET snapshot_id = :snapshot_id, ident = :ident
  WHERE id = :lake_table;
SELECT paimon.flush('k') > 0 AS published;
SELECT sum(v) FROM k;

-- a copy of a database does not go on under the original's name
UPDATE paimon_int.identity SET database = 1;
\c -
SELECT * FROM k;
INSERT INTO k VALUES (502, 1);
UPDATE paimon_int.identity SET database =
  (SELECT oid FROM pg_database WHERE datname = current_database());
\c -
SELECT count(*) FROM k;
DROP VIEW rows_waiting;
SET client_min_messages = warning;
DROP SERVER outbox_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
