-- Goal: local files are for those who may see the server's files, tables for
-- those who were granted them.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/privileges' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER privileges_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE ROLE regress_paimon_owner;
CREATE ROLE regress_paimon_user;
CREATE SCHEMA own AUTHORIZATION regress_paimon_owner;
GRANT USAGE ON SCHEMA own TO regress_paimon_user;
CREATE FOREIGN TABLE t (id int NOT NULL, s text) SERVER privileges_lake
  OPTIONS (database 'db', primary_key 'id', bucket '1');
INSERT INTO t VALUES (1, 'one');

-- a server
SET ROLE regress_paimon_owner;
CREATE SERVER mine FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse '/tmp');
RESET ROLE;
GRANT USAGE ON FOREIGN DATA WRAPPER paimon_fdw TO regress_paimon_owner;
SET ROLE regress_paimon_owner;
CREATE SERVER mine FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse '/tmp');
CREATE SERVER mine FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse 's3://a/b');
ALTER SERVER mine OPTIONS (SET warehouse 'file:///tmp');

-- somebody else's server
CREATE FOREIGN TABLE own.t () SERVER privileges_lake OPTIONS (database 'db', "table" 't');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER privileges_lake TO regress_paimon_owner;
SET ROLE regress_paimon_owner;
CREATE FOREIGN TABLE own.t () SERVER privileges_lake OPTIONS (database 'db', "table" 't');
CREATE FOREIGN TABLE own.n (a int) SERVER privileges_lake OPTIONS (database 'db');
IMPORT FOREIGN SCHEMA db FROM SERVER privileges_lake INTO own;
RESET ROLE;

-- the right to read
GRANT pg_read_server_files TO regress_paimon_owner;
SET ROLE regress_paimon_owner;
CREATE FOREIGN TABLE own.t () SERVER privileges_lake OPTIONS (database 'db', "table" 't');
SELECT * FROM own.t;
INSERT INTO own.t VALUES (2, 'two');
UPDATE own.t SET s = 'x';
CREATE FOREIGN TABLE own.n (a int) SERVER privileges_lake OPTIONS (database 'db');
SELECT paimon.compact('own.t');
RESET ROLE;

-- the right to write
GRANT pg_write_server_files TO regress_paimon_owner;
SET ROLE regress_paimon_owner;
INSERT INTO own.t VALUES (2, 'two');
CREATE FOREIGN TABLE own.n (a int) SERVER privileges_lake OPTIONS (database 'db');

-- grants on the table
SET ROLE regress_paimon_user;
SELECT * FROM own.t;
SELECT * FROM paimon.snapshots('own.t');
SET ROLE regress_paimon_owner;
GRANT SELECT ON own.t TO regress_paimon_user;
SET ROLE regress_paimon_user;
SELECT * FROM own.t ORDER BY id;
SELECT count(*) FROM paimon.snapshots('own.t');
SELECT * FROM paimon.verify('own.t');
INSERT INTO own.t VALUES (3, 'three');
DELETE FROM own.t;
SELECT paimon.flush('own.t');
SELECT paimon.compact('own.t');
SET ROLE regress_paimon_owner;
GRANT INSERT ON own.t TO regress_paimon_user;
SET ROLE regress_paimon_user;
INSERT INTO own.t VALUES (3, 'three');
SELECT paimon.flush('own.t');
RESET ROLE;

-- the owner's right is what counts, each time
REVOKE pg_read_server_files FROM regress_paimon_owner;
SET ROLE regress_paimon_user;
SELECT * FROM own.t;
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA own CASCADE;
DROP OWNED BY regress_paimon_owner, regress_paimon_user;
DROP ROLE regress_paimon_owner, regress_paimon_user;

DROP SERVER privileges_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
