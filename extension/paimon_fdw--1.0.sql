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

-- Commands that may drop a foreign table, by whatever way: the library must be
-- loaded for them. DROP EXTENSION publishes first.
CREATE FUNCTION paimon.ddl_drop_start()
RETURNS event_trigger
AS 'MODULE_PATHNAME', 'paimon_ddl_drop_start'
LANGUAGE C;

CREATE EVENT TRIGGER paimon_fdw_ddl_drop_start ON ddl_command_start
	WHEN TAG IN ('DROP EXTENSION', 'DROP FOREIGN DATA WRAPPER',
		'DROP FOREIGN TABLE', 'DROP FUNCTION', 'DROP OWNED', 'DROP ROUTINE',
		'DROP SCHEMA', 'DROP SERVER', 'DROP TABLE')
	EXECUTE FUNCTION paimon.ddl_drop_start();

-- ---------------------------------------------------------------------
-- What the server keeps of lake tables until it is in the lake. Only the
-- library reads and writes these tables. They are not dumped: a restored
-- copy that published under the same name would lose rows, or give them
-- twice. paimon.flush() before a dump puts everything into the lake.
-- ---------------------------------------------------------------------

CREATE SCHEMA paimon_int;

-- The commit user of everything that this database publishes, and which
-- database that is: a copy of it must not go on under the same name.
CREATE TABLE paimon_int.identity (
	commit_user text COLLATE "C" NOT NULL,
	database oid NOT NULL
) USING heap;

CREATE SEQUENCE paimon_int.lake_table_id AS integer;

-- A lake table that something was written to here, and up to where the lake
-- is known to have what was published.
CREATE TABLE paimon_int.lake_table (
	id integer NOT NULL,
	location text COLLATE "C" NOT NULL,
	warehouse text COLLATE "C" NOT NULL,
	database text COLLATE "C" NOT NULL,
	"table" text COLLATE "C" NOT NULL,
	branch text COLLATE "C",
	relid oid NOT NULL,           -- the foreign table it came from
	delta oid NOT NULL,           -- its delta heap; 0: none
	snapshot_id bigint NOT NULL,  -- with all that was published; 0: none
	ident bigint NOT NULL,        -- newest published identifier; 0: none
	n bigint NOT NULL,            -- newest published outbox row; 0: none
	origin bigint NOT NULL,       -- newest snapshot when the row was made
	CONSTRAINT lake_table_pkey PRIMARY KEY (id),
	CONSTRAINT lake_table_location_key UNIQUE (location)
) USING heap WITH (fillfactor = 20);

CREATE SEQUENCE paimon_int.outbox_n;

-- Commit identifiers; those of one lake table ascend.
CREATE SEQUENCE paimon_int.outbox_ident;

-- Commit messages of committed transactions that the lake does not have yet.
CREATE TABLE paimon_int.outbox (
	lake_table integer NOT NULL,
	n bigint NOT NULL,
	xid xid8 NOT NULL,
	ident bigint,                 -- NULL: not sealed
	row_count bigint NOT NULL,
	message bytea NOT NULL,
	CONSTRAINT outbox_pkey PRIMARY KEY (lake_table, n)
) USING heap WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0,
	autovacuum_vacuum_threshold = 1000);

INSERT INTO paimon_int.identity
	SELECT 'paimon_fdw-' || pg_catalog.gen_random_uuid(), oid
	FROM pg_catalog.pg_database
	WHERE datname = pg_catalog.current_database();

REVOKE ALL ON SCHEMA paimon_int FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA paimon_int FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA paimon_int FROM PUBLIC;

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

CREATE FUNCTION paimon.file_key_ranges(tbl regclass,
	OUT partition text, OUT bucket integer, OUT file_path text,
	OUT file_format text, OUT schema_id bigint, OUT level integer,
	OUT record_count bigint, OUT file_size_in_bytes bigint,
	OUT min_key text, OUT max_key text, OUT first_row_id bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_file_key_ranges'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION paimon.manifests(tbl regclass,
	OUT file_name text, OUT file_size bigint, OUT num_added_files bigint,
	OUT num_deleted_files bigint, OUT schema_id bigint,
	OUT min_partition_stats text, OUT max_partition_stats text,
	OUT min_row_id bigint, OUT max_row_id bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_manifests'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION paimon.partitions(tbl regclass,
	OUT partition text, OUT record_count bigint,
	OUT file_size_in_bytes bigint, OUT file_count bigint,
	OUT last_update_time timestamp(3), OUT created_at timestamp(3),
	OUT created_by text, OUT updated_by text, OUT options text,
	OUT total_buckets integer, OUT done boolean,
	OUT deleted_record_count bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_partitions'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION paimon.buckets(tbl regclass,
	OUT partition text, OUT bucket integer, OUT record_count bigint,
	OUT file_size_in_bytes bigint, OUT file_count bigint,
	OUT last_update_time timestamp(3))
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_buckets'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION paimon.tags(tbl regclass,
	OUT tag_name text, OUT snapshot_id bigint, OUT schema_id bigint,
	OUT commit_time timestamp(3), OUT record_count bigint,
	OUT create_time timestamp(3), OUT time_retained text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_tags'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION paimon.branches(tbl regclass,
	OUT branch_name text, OUT create_time timestamp(3))
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_branches'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION paimon.consumers(tbl regclass,
	OUT consumer_id text, OUT next_snapshot_id bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_consumers'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION paimon.statistics(tbl regclass,
	OUT snapshot_id bigint, OUT schema_id bigint,
	OUT "mergedRecordCount" bigint, OUT "mergedRecordSize" bigint,
	OUT colstat text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_statistics'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION paimon.aggregation_fields(tbl regclass,
	OUT field_name text, OUT field_type text, OUT function text,
	OUT function_options text, OUT comment text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_aggregation_fields'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION paimon.table_indexes(tbl regclass,
	OUT partition text, OUT bucket integer, OUT index_type text,
	OUT file_name text, OUT file_size bigint, OUT row_count bigint,
	OUT dv_ranges jsonb, OUT row_range_start bigint,
	OUT row_range_end bigint, OUT index_field_id integer,
	OUT index_field_name text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_table_indexes'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION paimon.changes(tbl regclass, from_snapshot bigint,
	to_snapshot bigint DEFAULT NULL, mode text DEFAULT 'auto',
	OUT snapshot_id bigint, OUT rowkind text, OUT "row" jsonb)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_changes'
LANGUAGE C VOLATILE;

COMMENT ON FUNCTION paimon.changes(regclass, bigint, bigint, text)
	IS 'rows that changed after a snapshot, up to and including another';

CREATE FUNCTION paimon.verify(tbl regclass, OUT object text, OUT problem text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_verify'
LANGUAGE C STRICT VOLATILE;

COMMENT ON FUNCTION paimon.verify(regclass)
	IS 'read everything the newest snapshot refers to; no row means sound';

-- ---------------------------------------------------------------------
-- What is under way. Rows of a table are shown to who may read it, or all
-- statistics; what workers do, to everybody, as pg_stat_activity does.
-- ---------------------------------------------------------------------

CREATE FUNCTION paimon_int.stat_tables(
	OUT relid oid, OUT lake_database text, OUT lake_table text,
	OUT lake_branch text, OUT delta_rows bigint, OUT delta_bytes bigint,
	OUT snapshot_id bigint, OUT outbox_messages bigint, OUT outbox_rows bigint,
	OUT unpublished_since timestamptz, OUT last_error text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_stat_tables'
LANGUAGE C STRICT VOLATILE;

CREATE VIEW paimon.stat_tables AS
	SELECT c.oid::regclass AS tbl, s.lake_database, s.lake_table,
		s.lake_branch, s.delta_rows, s.delta_bytes, s.outbox_messages,
		s.outbox_rows, s.unpublished_since,
		clock_timestamp() - s.unpublished_since AS unpublished_age,
		s.snapshot_id, s.last_error
	FROM paimon_int.stat_tables() s LEFT JOIN pg_class c ON c.oid = s.relid
	WHERE pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
		OR has_table_privilege(c.oid, 'SELECT');

COMMENT ON VIEW paimon.stat_tables
	IS 'lake tables that were written to here, and what is not in the lake yet';

CREATE FUNCTION paimon_int.stat_progress(OUT pid integer, OUT datid oid,
	OUT command text, OUT lake_table integer, OUT relid oid,
	OUT rows_done bigint, OUT since timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'paimon_stat_progress'
LANGUAGE C STRICT VOLATILE;

CREATE VIEW paimon.stat_progress AS
	SELECT s.pid, d.datname, s.command, c.oid::regclass AS tbl, s.rows_done,
		s.since
	FROM paimon_int.stat_progress() s JOIN pg_database d ON d.oid = s.datid
	LEFT JOIN pg_class c ON c.oid = s.relid
		AND d.datname = current_database()
	WHERE s.command <> 'idle';

COMMENT ON VIEW paimon.stat_progress IS 'what background workers do now';

CREATE VIEW paimon.stat_workers AS
	SELECT a.pid, a.datname, a.backend_type, a.backend_start, a.state,
		a.wait_event_type, a.wait_event, a.query AS activity, a.query_start
	FROM pg_stat_activity a
	WHERE a.backend_type IN ('paimon_fdw worker', 'paimon_fdw launcher');

COMMENT ON VIEW paimon.stat_workers IS 'background workers of paimon_fdw';

GRANT SELECT ON paimon.stat_tables, paimon.stat_progress, paimon.stat_workers
	TO PUBLIC;
