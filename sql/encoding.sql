-- Goal: text and names in a database whose encoding is not UTF-8.
SELECT '/tmp/paimon_fdw_' || system_identifier || '/encoding' AS warehouse
  FROM pg_control_system() \gset
SELECT format('cat >/dev/null; rm -rf %1$s; mkdir -p %1$s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
SELECT current_database() AS first_database \gset
SET client_min_messages = warning;
DROP DATABASE IF EXISTS paimon_latin1 WITH (FORCE);
CREATE DATABASE paimon_latin1 TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';

-- what a UTF-8 database makes
SET client_encoding = 'UTF8';
CREATE EXTENSION IF NOT EXISTS paimon_fdw;
CREATE SERVER encoding_lake FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'warehouse');
CREATE FOREIGN TABLE "größe" ("schlüssel" text, n int) SERVER encoding_lake
  OPTIONS (database 'länder', primary_key 'schlüssel', bucket '2', comment 'Wörter');
INSERT INTO "größe" VALUES ('über', 1), ('unter', 2);
CREATE FOREIGN TABLE jp ("日" int) SERVER encoding_lake OPTIONS (database 'länder');

\c paimon_latin1
SET client_min_messages = warning;
SET client_encoding = 'UTF8';
CREATE EXTENSION paimon_fdw;
CREATE SERVER encoding_lake FOREIGN DATA WRAPPER paimon_fdw OPTIONS (warehouse :'warehouse');
IMPORT FOREIGN SCHEMA "länder" FROM SERVER encoding_lake INTO public;
\d "größe"
SELECT obj_description('"größe"'::regclass);
SELECT * FROM "größe" WHERE "schlüssel" = 'über';
SELECT * FROM "größe" WHERE "schlüssel" LIKE 'ü%' OR "schlüssel" > 'ä' ORDER BY n;
UPDATE "größe" SET n = n + 10 WHERE "schlüssel" >= 'unter' RETURNING *;
INSERT INTO "größe" VALUES ('äußerst', 3);
SELECT fields FROM paimon.schemas('"größe"');
CREATE FOREIGN TABLE "für" ("ä" int) SERVER encoding_lake OPTIONS (primary_key 'ä', bucket '1');
INSERT INTO "für" VALUES (1);
CREATE FOREIGN TABLE other ("ö" int) SERVER encoding_lake OPTIONS ("table" 'für');
CREATE FOREIGN TABLE jp () SERVER encoding_lake OPTIONS (database 'länder');

\c :first_database
SET client_min_messages = warning;
SET client_encoding = 'UTF8';
INSERT INTO "größe" VALUES ('日本', 4);
SELECT * FROM "größe" ORDER BY n;
CREATE FOREIGN TABLE "für" () SERVER encoding_lake;
SELECT * FROM "für" WHERE "ä" = 1;
\c paimon_latin1
SET client_encoding = 'UTF8';
SELECT n FROM "größe" ORDER BY n;
SELECT * FROM "größe" ORDER BY n;

\c :first_database
SET client_min_messages = warning;
DROP DATABASE paimon_latin1 WITH (FORCE);
DROP SERVER encoding_lake CASCADE;
SELECT format('cat >/dev/null; rm -rf %s', :'warehouse') AS command \gset
COPY (SELECT 1) TO PROGRAM :'command';
