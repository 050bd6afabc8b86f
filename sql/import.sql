-- Goal: IMPORT FOREIGN SCHEMA brings columns, NOT NULL, names that need
-- quotes, and comments; LIMIT TO and EXCEPT choose; what cannot be read is
-- skipped with a warning.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
RESET client_min_messages;
SELECT '/tmp/paimon_fdw_' || system_identifier || '/import' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
CREATE SERVER import_lake FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'warehouse');
CREATE SCHEMA made;
SET search_path = made;
CREATE FOREIGN TABLE a (id int NOT NULL, "Mixed Case" text, v numeric(10,3),
  b bytea, f real, ts timestamp(3)) SERVER import_lake
  OPTIONS (database 'db', primary_key 'id', bucket '1', comment 'the first');
CREATE FOREIGN TABLE b (x varchar(20), d date) SERVER import_lake
  OPTIONS (database 'db');
CREATE FOREIGN TABLE "c-d" (x int) SERVER import_lake OPTIONS (database 'db');
RESET search_path;

CREATE SCHEMA one;
IMPORT FOREIGN SCHEMA db FROM SERVER import_lake INTO one;
\d one.*
SELECT obj_description('one.a'::regclass);

CREATE SCHEMA two;
IMPORT FOREIGN SCHEMA db LIMIT TO (b, nothing) FROM SERVER import_lake INTO two;
IMPORT FOREIGN SCHEMA db EXCEPT (a, b) FROM SERVER import_lake INTO two;
SELECT relname FROM pg_class WHERE relnamespace = 'two'::regnamespace ORDER BY 1;

\set VERBOSITY sqlstate
IMPORT FOREIGN SCHEMA nowhere FROM SERVER import_lake INTO two;
\set VERBOSITY default
IMPORT FOREIGN SCHEMA db FROM SERVER import_lake INTO two OPTIONS (strict 'true');

-- tables that Paimon wrote
\getenv srcdir PG_ABS_SRCDIR
\set golden :srcdir '/test/golden/nested_append_parquet/warehouse'
CREATE SERVER nested FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'golden');
IMPORT FOREIGN SCHEMA db FROM SERVER nested INTO two;
\d two.t
\set golden :srcdir '/test/golden/broken_schema_type/warehouse'
CREATE SERVER unknown FOREIGN DATA WRAPPER paimon_fdw
  OPTIONS (warehouse :'golden');
\set VERBOSITY sqlstate
CREATE SCHEMA four;
IMPORT FOREIGN SCHEMA db FROM SERVER unknown INTO four;
IMPORT FOREIGN SCHEMA db LIMIT TO (t) FROM SERVER unknown INTO four;
\set VERBOSITY default
\set golden :srcdir '/test/golden/column_names/warehouse'
CREATE SERVER names FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'golden');
CREATE SCHEMA three;
IMPORT FOREIGN SCHEMA db FROM SERVER names INTO three;
\d three.t
SELECT id, "Select", "with space", "quo""te", "日本" FROM three.t ORDER BY id;

SET client_min_messages = warning;
DROP SCHEMA made, one, two, three, four CASCADE;
DROP SERVER nested CASCADE;
DROP SERVER unknown CASCADE;
DROP SERVER names CASCADE;

DROP SERVER import_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
