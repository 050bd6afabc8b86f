-- Goal: COPY FROM loads, keeps constraints, and leaves nothing when it fails.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/copy' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER copy_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE FOREIGN TABLE t (id int NOT NULL, a int CHECK (a > 0), s text DEFAULT 'none')
  SERVER copy_lake OPTIONS (primary_key 'id', bucket '1');
COPY t FROM stdin (FORMAT csv);
1,10,one
2,20,two
\.
COPY t (id, a) FROM stdin;
3	30
4	40
\.
SELECT * FROM t ORDER BY id;
COPY t FROM stdin (FORMAT csv);
5,50,five
6,-1,six
\.
COPY t FROM stdin (FORMAT csv);
7,70,seven
,80,eight
\.
COPY t FROM stdin (FORMAT csv);
8,notanumber,x
\.
SELECT count(*) FROM t;
COPY t FROM stdin (FORMAT csv) WHERE id % 2 = 0;
9,90,no
10,100,yes
\.
-- the same key twice: the last one stays
COPY t FROM stdin (FORMAT csv);
1,11,first
1,12,last
\.
SELECT * FROM t ORDER BY id;
BEGIN;
COPY t FROM stdin (FORMAT csv);
11,110,in transaction
\.
SELECT * FROM t WHERE id = 11;
ROLLBACK;
SELECT * FROM t WHERE id = 11;
COPY (SELECT * FROM t ORDER BY id) TO stdout (FORMAT csv);
COPY t TO stdout;
-- more than a batch
SELECT format('seq 1001 21000 | sed "s/.*/&,1,bulk/"') AS command \gset
COPY t FROM PROGRAM :'command' (FORMAT csv);
SELECT count(*), sum(id), count(DISTINCT s) FROM t WHERE id > 1000;

SET client_min_messages = warning;
DROP SERVER copy_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
