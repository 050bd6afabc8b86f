-- Goal: what changed between two snapshots is told row by row, by function
-- and by foreign tables with incremental-* options, as Paimon tells it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/changes' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER change_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE SCHEMA hist;
SET search_path = hist, public;
CREATE FOREIGN TABLE t (id int NOT NULL, s text, amount numeric(10,2), at timestamp, raw bytea)
  SERVER change_lake OPTIONS (primary_key 'id', bucket '1');
INSERT INTO t VALUES (1, 'one', 1.50, '2026-01-01 12:00:00', '\xab'), (2, 'two', NULL, NULL, NULL);
UPDATE t SET s = 'zwei' WHERE id = 2;
DELETE FROM t WHERE id = 1;
INSERT INTO t VALUES (3, 'three', 3.00, NULL, NULL);
SELECT paimon.compact('t', true);

-- Without a changelog producer: the rows of files that commits added.
SELECT * FROM paimon.changes('t', 0);
SELECT * FROM paimon.changes('t', 1, 2);
SELECT snapshot_id, rowkind, row->>'s' AS s FROM paimon.changes('t', 2, 5, 'delta');
-- The difference between two states.
SELECT snapshot_id, rowkind, row->'id' AS id FROM paimon.changes('t', 1, 4, 'diff') ORDER BY 3;
SELECT snapshot_id, rowkind, row->'id' AS id FROM paimon.changes('t', 1, 5, 'diff') ORDER BY 3;
SELECT rowkind, row->'id' AS id FROM paimon.changes('t', 0, 1, 'diff') ORDER BY 2;
SELECT count(*) FROM paimon.changes('t', 4, 5, 'diff');
-- No producer, no changelog; nothing between a snapshot and itself.
SELECT count(*) FROM paimon.changes('t', 0, NULL, 'changelog');
SELECT count(*) FROM paimon.changes('t', 5);
SELECT count(*) FROM paimon.changes('t', NULL);
SELECT count(*) FROM paimon.changes(NULL, 1);
-- What cannot be.
SELECT * FROM paimon.changes('t', 0, 99);
SELECT * FROM paimon.changes('t', 3, 1);
SELECT * FROM paimon.changes('t', -1);
SELECT * FROM paimon.changes('t', 0, 1, 'sideways');
SELECT * FROM paimon.changes('pg_class', 0);

-- As foreign tables: a plain one leaves out what was taken away.
CREATE FOREIGN TABLE since_1 () SERVER change_lake
  OPTIONS (database 'hist', "table" 't', "incremental-between" '1,5');
SELECT id, s FROM since_1 ORDER BY id, s;
SELECT id, s FROM since_1 WHERE id = 3;
EXPLAIN (COSTS OFF) SELECT id FROM since_1 WHERE id = 3;
SELECT count(*) FROM since_1;
SELECT a.id FROM since_1 a JOIN t USING (id) ORDER BY 1;
CREATE FOREIGN TABLE diff_1 () SERVER change_lake
  OPTIONS (database 'hist', "table" 't', "incremental-between" '1,5',
           "incremental-between-scan-mode" 'diff');
SELECT id, s, amount FROM diff_1 ORDER BY id;
SELECT id FROM diff_1 WHERE s = 'three';
EXPLAIN (COSTS OFF) SELECT id FROM diff_1 WHERE id > 1 AND s = 'three';
CREATE FOREIGN TABLE log_1 () SERVER change_lake
  OPTIONS (database 'hist', "table" 't$audit_log', "incremental-between" '1,5',
           "incremental-between-scan-mode" 'diff');
SELECT rowkind, id, s FROM log_1 ORDER BY id;
SELECT id FROM log_1 WHERE rowkind = '-D';
SELECT count(*) FROM log_1;
INSERT INTO since_1 VALUES (9);
UPDATE since_1 SET s = 'x';
SELECT * FROM since_1 FOR UPDATE;
-- By tag, by time, the last commit alone.
SELECT format($$cat >/dev/null; cd %s/hist.db/t; mkdir tag; cp snapshot/snapshot-1 tag/tag-2026-01-01; cp snapshot/snapshot-4 tag/tag-2026-01-02; cp snapshot/snapshot-5 tag/tag-other$$, :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE FOREIGN TABLE x () SERVER change_lake
  OPTIONS (database 'hist', "table" 't$audit_log', "incremental-between" '2026-01-01,2026-01-02');
SELECT rowkind, id FROM x ORDER BY 2;
ALTER FOREIGN TABLE x OPTIONS (ADD "incremental-between-tag-to-snapshot" 'true');
SELECT rowkind, id FROM x ORDER BY 2, 1;
DROP FOREIGN TABLE x;
CREATE FOREIGN TABLE x () SERVER change_lake
  OPTIONS (database 'hist', "table" 't$audit_log', "incremental-to-auto-tag" '2026-01-02');
SELECT rowkind, id FROM x ORDER BY 2;
ALTER FOREIGN TABLE x OPTIONS (SET "incremental-to-auto-tag" '2026-01-01');
SELECT count(*) FROM x;
ALTER FOREIGN TABLE x OPTIONS (SET "incremental-to-auto-tag" 'other');
SELECT count(*) FROM x;
DROP FOREIGN TABLE x;
CREATE FOREIGN TABLE x () SERVER change_lake
  OPTIONS (database 'hist', "table" 't', "incremental-between-timestamp" '2026-01-01 00:00:00,2999-01-01 00:00:00');
SELECT count(*) FROM x;
DROP FOREIGN TABLE x;
CREATE FOREIGN TABLE x () SERVER change_lake
  OPTIONS (database 'hist', "table" 't', "scan.mode" 'latest-delta');
SELECT count(*) FROM x;
INSERT INTO t VALUES (4, 'four', 4, NULL, NULL);
SELECT id FROM x;
DROP FOREIGN TABLE x;
CREATE FOREIGN TABLE x () SERVER change_lake
  OPTIONS (database 'hist', "table" 't', "scan.mode" 'compacted-full');
SELECT id FROM x ORDER BY 1;
DROP FOREIGN TABLE x;
CREATE FOREIGN TABLE x () SERVER change_lake
  OPTIONS (database 'hist', "table" 't', "incremental-between" 'a,b');
SELECT * FROM x;
-- Values that are none.
ALTER FOREIGN TABLE x OPTIONS (SET "incremental-between" '1');
ALTER FOREIGN TABLE x OPTIONS (ADD "incremental-between-scan-mode" 'all');
ALTER FOREIGN TABLE x OPTIONS (ADD "scan.snapshot-id" '1');
ALTER FOREIGN TABLE x OPTIONS (ADD "incremental-between-timestamp" 'soon,later');
ALTER FOREIGN TABLE x OPTIONS (ADD "scan.mode" 'latest-full');
ALTER FOREIGN TABLE x OPTIONS (ADD "scan.mode" 'incremental');

-- The audit log of the newest state keeps keys whose last row is a delete.
CREATE FOREIGN TABLE "t$audit_log" () SERVER change_lake;
DELETE FROM t WHERE id = 4;
SELECT rowkind, id, s FROM "t$audit_log" ORDER BY id;
SELECT rowkind, count(*) FROM "t$audit_log" GROUP BY 1 ORDER BY 1;
SELECT id FROM "t$audit_log" WHERE rowkind = '-D' AND id > 3;
-- what is in the lake, where this transaction's rows are not yet
BEGIN;
UPDATE t SET s = 'drei' WHERE id = 3;
SELECT rowkind, id, s FROM "t$audit_log" WHERE id = 3;
ROLLBACK;
CREATE FOREIGN TABLE numbered ("_SEQUENCE_NUMBER" bigint, id int, rowkind text) SERVER change_lake
  OPTIONS (database 'hist', "table" 't$audit_log');
SELECT * FROM numbered ORDER BY id;
DELETE FROM "t$audit_log";
-- Append tables have no kinds but one.
CREATE FOREIGN TABLE a (n int, s text) SERVER change_lake;
INSERT INTO a VALUES (1, 'x');
INSERT INTO a SELECT g, 'y' FROM generate_series(2, 4) g;
SELECT * FROM paimon.changes('a', 1);
SELECT * FROM paimon.changes('a', 0, NULL, 'diff') ORDER BY row->'n';
CREATE FOREIGN TABLE "a$audit_log" () SERVER change_lake;
SELECT rowkind, n FROM "a$audit_log" WHERE n > 2;
SELECT rowkind, count(*) FROM "a$audit_log" GROUP BY 1;

-- Rights: those of the table, and no way around its policies.
CREATE ROLE regress_change_reader;
GRANT USAGE ON SCHEMA hist TO regress_change_reader;
SET ROLE regress_change_reader;
SELECT count(*) FROM paimon.changes('a', 0);
RESET ROLE;
GRANT SELECT ON a TO regress_change_reader;
SET ROLE regress_change_reader;
SELECT count(*) FROM paimon.changes('a', 0);
RESET ROLE;

-- A lake with a changelog, and one whose first snapshots are gone.
\getenv srcdir PG_ABS_SRCDIR
\set golden :srcdir '/test/golden/changelog_lookup/warehouse'
CREATE SERVER changelog_lake FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'golden');
CREATE FOREIGN TABLE c () SERVER changelog_lake OPTIONS (database 'db', "table" 't');
SELECT snapshot_id, rowkind, count(*) FROM paimon.changes('c', 0, 4) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT snapshot_id, rowkind, count(*) FROM paimon.changes('c', 0, 4, 'delta') GROUP BY 1, 2 ORDER BY 1, 2;
\set golden :srcdir '/test/golden/expired/warehouse'
CREATE SERVER expired_lake FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'golden');
CREATE FOREIGN TABLE e () SERVER expired_lake OPTIONS (database 'db', "table" 't');
\set VERBOSITY sqlstate
SELECT count(*) FROM paimon.changes('e', 0);
SELECT count(*) FROM paimon.changes('e', 1, NULL, 'diff');
\set VERBOSITY default
SET client_min_messages = warning;
DROP SERVER changelog_lake CASCADE;
DROP SERVER expired_lake CASCADE;
SET client_min_messages = warning;
DROP SCHEMA hist CASCADE;
DROP SERVER change_lake CASCADE;
DROP ROLE regress_change_reader;
