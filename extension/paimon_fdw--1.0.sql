/* paimon_fdw 1.0 */

-- complain if the script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION paimon_fdw" to load this file. \quit

-- Tables are reached by regclass and guarded by their own privileges, so the
-- schema may be seen by everybody.
GRANT USAGE ON SCHEMA paimon TO PUBLIC;

CREATE FUNCTION paimon.paimon_fdw_handler()
RETURNS fdw_handler
AS 'MODULE_PATHNAME', 'paimon_fdw_handler'
LANGUAGE C STRICT;

CREATE FUNCTION paimon.paimon_fdw_validator(text[], oid)
RETURNS void
AS 'MODULE_PATHNAME', 'paimon_fdw_validator'
LANGUAGE C STRICT;

CREATE FOREIGN DATA WRAPPER paimon_fdw
	HANDLER paimon.paimon_fdw_handler
	VALIDATOR paimon.paimon_fdw_validator;

-- ---------------------------------------------------------------------
-- CREATE FOREIGN TABLE makes or attaches the lake table. Event triggers see
-- the command in every session, whether the library was loaded or not.
-- ---------------------------------------------------------------------

CREATE FUNCTION paimon.ddl_command_start()
RETURNS event_trigger
AS 'MODULE_PATHNAME', 'paimon_ddl_command_start'
LANGUAGE C;

CREATE FUNCTION paimon.ddl_command_end()
RETURNS event_trigger
AS 'MODULE_PATHNAME', 'paimon_ddl_command_end'
LANGUAGE C;

CREATE EVENT TRIGGER paimon_fdw_ddl_command_start ON ddl_command_start
	WHEN TAG IN ('CREATE FOREIGN TABLE', 'IMPORT FOREIGN SCHEMA',
		'ALTER FOREIGN TABLE', 'ALTER TABLE')
	EXECUTE FUNCTION paimon.ddl_command_start();

CREATE EVENT TRIGGER paimon_fdw_ddl_command_end ON ddl_command_end
	WHEN TAG IN ('CREATE FOREIGN TABLE')
	EXECUTE FUNCTION paimon.ddl_command_end();

-- ---------------------------------------------------------------------
-- Upkeep. Both need INSERT on the table.
-- ---------------------------------------------------------------------

CREATE FUNCTION paimon.flush(tbl regclass)
RETURNS bigint
AS 'MODULE_PATHNAME', 'paimon_flush'
LANGUAGE C STRICT VOLATILE;

COMMENT ON FUNCTION paimon.flush(regclass)
	IS 'publish what is committed here; the newest snapshot id';

CREATE FUNCTION paimon.compact(tbl regclass, "full" boolean DEFAULT false,
	partition text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'paimon_compact'
LANGUAGE C VOLATILE;

COMMENT ON FUNCTION paimon.compact(regclass, boolean, text)
	IS 'merge sorted runs and publish the result at once; the newest snapshot id';

-- ---------------------------------------------------------------------
-- Look inside. Columns are those of Paimon's system tables of the same
-- name. All need SELECT on the table.
-- ---------------------------------------------------------------------

CREATE FUNCTION paimon.snapshots(tbl regclass,
	OUT snapshot_id bigint, OUT schema_id bigint, OUT commit_user text,
	OUT commit_identifier bigint, OUT commit_kind text,
	OUT commit_time timestamp(3), OUT base_manifest_list text,
	OUT delta_manifest_list text, OUT changelog_manifest_list text,
	OUT total_record_count bigint, OUT delta_record_count bigint,
	OUT changelog_record_count bigint, OUT watermark bigint,
	OUT next_row_id bigint, OUT operation text, OUT writer_version text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_snapshots'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION paimon.schemas(tbl regclass,
	OUT schema_id bigint, OUT fields text, OUT partition_keys text,
	OUT primary_keys text, OUT options text, OUT comment text,
	OUT update_time timestamp(3))
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_schemas'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION paimon.options(tbl regclass, OUT key text, OUT value text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_options'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION paimon.files(tbl regclass,
	OUT partition text, OUT bucket integer, OUT file_path text,
	OUT file_format text, OUT schema_id bigint, OUT level integer,
	OUT record_count bigint, OUT file_size_in_bytes bigint,
	OUT min_key text, OUT max_key text, OUT null_value_counts text,
	OUT min_value_stats text, OUT max_value_stats text,
	OUT min_sequence_number bigint, OUT max_sequence_number bigint,
	OUT creation_time timestamp(3), OUT "deleteRowCount" bigint,
	OUT file_source text, OUT first_row_id bigint, OUT write_cols text[])
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_files'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION paimon.verify(tbl regclass, OUT object text, OUT problem text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_verify'
LANGUAGE C STRICT VOLATILE;

COMMENT ON FUNCTION paimon.verify(regclass)
	IS 'read everything the newest snapshot refers to; no row means sound';
