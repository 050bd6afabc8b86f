/*
 * fdw_function.c
 *
 * The functions of schema paimon. Those that look inside collect rows as
 * text and turn them into values afterwards, because storage calls the
 * collector from the middle of its work and nothing in there may throw: the
 * collector allocates without errors and remembers when memory ran out.
 *
 * Rights: SELECT on the table to look inside, INSERT to publish or compact.
 * As for scans, the table's owner needs the right to local files.
 */
#include "fdw.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#define COLUMN_COUNT_MAX 24

/* Rows of text from storage; NULL is null. */
typedef struct Collector
{
	MemoryContext context;
	int column_count;
	int at; /* next column of the row being made */
	char **cells;
	uint64 row_count;
	uint64 row_capacity;
	bool out_of_memory;
} Collector;

PG_FUNCTION_INFO_V1(paimon_flush);
PG_FUNCTION_INFO_V1(paimon_compact);
PG_FUNCTION_INFO_V1(paimon_snapshots);
PG_FUNCTION_INFO_V1(paimon_schemas);
PG_FUNCTION_INFO_V1(paimon_options);
PG_FUNCTION_INFO_V1(paimon_files);
PG_FUNCTION_INFO_V1(paimon_verify);

/* ---- opening ---------------------------------------------------------- */

static PfdwTable *
open_for_function(MemoryContext context, Oid relid, AclMode right,
				  PfdwOptions **options)
{
	PfdwEnv *env;
	AclResult result;
	const char *warehouse;
	const char *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation with OID %u does not exist", relid)));
	if (!pfdw_relation_is_ours(relid))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is not a lake table", name),
						errdetail("It must be a foreign table of a paimon_fdw "
								  "server.")));
	result = pg_class_aclcheck(relid, GetUserId(), right);
	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FOREIGN_TABLE, name);
	*options = pfdw_options_get(relid);
	warehouse = (*options)->ref.warehouse;
	pfdw_warehouse_check(warehouse, pfdw_relation_owner(relid), false);
	if (right == ACL_INSERT)
		pfdw_relation_check_write(relid, *options);
	env = pfdw_env_create(context, "paimon function");
	return pfdw_table_open(env, &(*options)->ref);
}

static int64
newest_snapshot(PfdwTable *table)
{
	PmnTravel latest = {0};
	int64_t id;
	int64_t schema_id;

	pfdw_check(table->env,
			   pmn_table_resolve(table->table, &latest, &id, &schema_id));
	return id;
}

/* ---- collecting ------------------------------------------------------- */

static void
collector_init(Collector *collector, int column_count)
{
	Assert(column_count <= COLUMN_COUNT_MAX);
	memset(collector, 0, sizeof(*collector));
	collector->context = CurrentMemoryContext;
	collector->column_count = column_count;
}

/* Make room for a row of nulls; false when there is no memory. */
static bool
begin_row(Collector *collector)
{
	size_t width = sizeof(char *) * collector->column_count;

	collector->at = 0;
	if (collector->row_count == collector->row_capacity)
	{
		uint64 capacity = Max(collector->row_capacity * 2, 64);
		char **cells = MemoryContextAllocExtended(
			collector->context, width * capacity,
			MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

		if (cells == NULL)
		{
			collector->out_of_memory = true;
			return false;
		}
		if (collector->cells != NULL)
		{
			memcpy(cells, collector->cells, width * collector->row_count);
			pfree(collector->cells);
		}
		collector->cells = cells;
		collector->row_capacity = capacity;
	}
	collector->row_count++;
	return true;
}

static void
add_text(Collector *collector, const char *text)
{
	uint64 cell =
		(collector->row_count - 1) * collector->column_count + collector->at++;
	size_t size;
	char *copy;

	Assert(collector->at <= collector->column_count);
	if (text == NULL)
		return;
	size = strlen(text) + 1;
	copy = MemoryContextAllocExtended(collector->context, size,
									  MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
	if (copy == NULL)
		collector->out_of_memory = true;
	else
		memcpy(copy, text, size);
	collector->cells[cell] = copy;
}

static void
add_number(Collector *collector, int64 number, bool is_known)
{
	char text[32];

	snprintf(text, sizeof(text), INT64_FORMAT, number);
	add_text(collector, is_known ? text : NULL);
}

/* Milliseconds as a timestamp in the session's zone, as Paimon shows them. */
static Datum
timestamp_of_millis(const char *text)
{
	int64 millis = strtoll(text, NULL, 10);
	TimestampTz time =
		millis * 1000 -
		((int64) POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

	return DirectFunctionCall1(timestamptz_timestamp,
							   TimestampTzGetDatum(time));
}

static void
return_rows(FunctionCallInfo fcinfo, Collector *collector)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	AttInMetadata *input;
	Datum values[COLUMN_COUNT_MAX];
	bool nulls[COLUMN_COUNT_MAX];

	if (collector->out_of_memory)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
#if PG_VERSION_NUM >= 160000
	InitMaterializedSRF(fcinfo, 0);
#else
	SetSingleFuncCall(fcinfo, 0);
#endif
	Assert(result->setDesc->natts == collector->column_count);
	input = TupleDescGetAttInMetadata(result->setDesc);
	for (uint64 row = 0; row < collector->row_count; row++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < collector->column_count; i++)
		{
			char *cell = collector->cells[row * collector->column_count + i];

			nulls[i] = cell == NULL;
			if (nulls[i])
				values[i] = (Datum) 0;
			else if (TupleDescAttr(result->setDesc, i)->atttypid ==
					 TIMESTAMPOID)
				values[i] = timestamp_of_millis(cell);
			else
				values[i] = InputFunctionCall(
					&input->attinfuncs[i], pfdw_name_from_lake(cell),
					input->attioparams[i], input->atttypmods[i]);
		}
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* ---- look inside ------------------------------------------------------ */

static bool
visit_snapshot(void *context, const PmnSnapshotInfo *info)
{
	Collector *rows = context;

	if (!begin_row(rows))
		return false;
	add_number(rows, info->id, true);
	add_number(rows, info->schema_id, true);
	add_text(rows, info->commit_user);
	add_number(rows, info->commit_identifier, true);
	add_text(rows, info->commit_kind);
	add_number(rows, info->time_millis, true);
	add_text(rows, info->base_manifest_list);
	add_text(rows, info->delta_manifest_list);
	add_text(rows, info->changelog_manifest_list);
	add_number(rows, info->total_record_count, true);
	add_number(rows, info->delta_record_count, true);
	add_number(rows, info->changelog_record_count,
			   info->has_changelog_record_count);
	add_number(rows, info->watermark, info->has_watermark);
	add_number(rows, info->next_row_id, info->has_next_row_id);
	add_text(rows, info->operation);
	add_text(rows, info->writer_version);
	return !rows->out_of_memory;
}

Datum
paimon_snapshots(PG_FUNCTION_ARGS)
{
	PfdwOptions *options;
	PfdwTable *table = open_for_function(CurrentMemoryContext, PG_GETARG_OID(0),
										 ACL_SELECT, &options);
	Collector rows;

	collector_init(&rows, 16);
	pfdw_check(table->env,
			   pmn_table_visit_snapshots(table->table, visit_snapshot, &rows));
	return_rows(fcinfo, &rows);
	MemoryContextDelete(table->env->context);
	return (Datum) 0;
}

static bool
visit_schema(void *context, const PmnSchema *schema, const char *fields_json,
			 const char *partition_keys_json, const char *primary_keys_json,
			 const char *options_json)
{
	Collector *rows = context;

	if (!begin_row(rows))
		return false;
	add_number(rows, schema->id, true);
	add_text(rows, fields_json);
	add_text(rows, partition_keys_json);
	add_text(rows, primary_keys_json);
	add_text(rows, options_json);
	add_text(rows, schema->comment);
	add_number(rows, schema->time_millis, true);
	return !rows->out_of_memory;
}

Datum
paimon_schemas(PG_FUNCTION_ARGS)
{
	PfdwOptions *options;
	PfdwTable *table = open_for_function(CurrentMemoryContext, PG_GETARG_OID(0),
										 ACL_SELECT, &options);
	Collector rows;

	collector_init(&rows, 7);
	pfdw_check(table->env,
			   pmn_table_visit_schemas(table->table, visit_schema, &rows));
	return_rows(fcinfo, &rows);
	MemoryContextDelete(table->env->context);
	return (Datum) 0;
}

Datum
paimon_options(PG_FUNCTION_ARGS)
{
	PfdwOptions *options;
	PfdwTable *table = open_for_function(CurrentMemoryContext, PG_GETARG_OID(0),
										 ACL_SELECT, &options);
	Collector rows;

	collector_init(&rows, 2);
	for (uint32 i = 0; i < table->schema->option_count; i++)
	{
		if (!begin_row(&rows))
			break;
		add_text(&rows, table->schema->options[i].key);
		add_text(&rows, table->schema->options[i].value);
	}
	return_rows(fcinfo, &rows);
	MemoryContextDelete(table->env->context);
	return (Datum) 0;
}

static bool
visit_file(void *context, const PmnFileInfo *info)
{
	Collector *rows = context;

	if (!begin_row(rows))
		return false;
	add_text(rows, info->partition);
	add_number(rows, info->bucket, true);
	add_text(rows, info->file_path);
	add_text(rows, info->file_format);
	add_number(rows, info->schema_id, true);
	add_number(rows, info->level, true);
	add_number(rows, info->record_count, true);
	add_number(rows, info->file_size_bytes, true);
	add_text(rows, info->min_key);
	add_text(rows, info->max_key);
	add_text(rows, info->null_value_counts);
	add_text(rows, info->min_value_stats);
	add_text(rows, info->max_value_stats);
	add_number(rows, info->min_sequence_number, true);
	add_number(rows, info->max_sequence_number, true);
	add_number(rows, info->creation_time_millis, info->has_creation_time);
	add_number(rows, info->delete_row_count, info->has_delete_row_count);
	add_text(rows, info->file_source);
	add_number(rows, info->first_row_id, info->has_first_row_id);
	add_text(rows, NULL); /* write_cols: only partial writers set it */
	return !rows->out_of_memory;
}

Datum
paimon_files(PG_FUNCTION_ARGS)
{
	PfdwOptions *options;
	PfdwTable *table = open_for_function(CurrentMemoryContext, PG_GETARG_OID(0),
										 ACL_SELECT, &options);
	Collector rows;
	int64 snapshot_id = newest_snapshot(table);

	collector_init(&rows, 20);
	if (snapshot_id > 0)
		pfdw_check(table->env, pmn_table_visit_files(table->table, snapshot_id,
													 visit_file, &rows));
	return_rows(fcinfo, &rows);
	MemoryContextDelete(table->env->context);
	return (Datum) 0;
}

static bool
visit_problem(void *context, const char *object, const char *problem)
{
	Collector *rows = context;

	if (!begin_row(rows))
		return false;
	add_text(rows, object);
	add_text(rows, problem);
	return !rows->out_of_memory;
}

Datum
paimon_verify(PG_FUNCTION_ARGS)
{
	PfdwOptions *options;
	PfdwTable *table = open_for_function(CurrentMemoryContext, PG_GETARG_OID(0),
										 ACL_SELECT, &options);
	Collector rows;
	int64 snapshot_id = newest_snapshot(table);

	collector_init(&rows, 2);
	if (snapshot_id > 0)
		pfdw_check(table->env, pmn_table_verify(table->table, snapshot_id,
												visit_problem, &rows));
	return_rows(fcinfo, &rows);
	MemoryContextDelete(table->env->context);
	return (Datum) 0;
}

/* ---- upkeep ----------------------------------------------------------- */

/* Every commit publishes its rows itself, so there is nothing left to do. */
Datum
paimon_flush(PG_FUNCTION_ARGS)
{
	PfdwOptions *options;
	PfdwTable *table = open_for_function(CurrentMemoryContext, PG_GETARG_OID(0),
										 ACL_INSERT, &options);
	int64 snapshot_id = newest_snapshot(table);

	MemoryContextDelete(table->env->context);
	if (snapshot_id == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(snapshot_id);
}

/* Publish a compaction, or remove its files when that is known to have
 * failed. */
static int64
commit_compaction(PfdwTable *table, PmnMessage *message, int64 snapshot_id)
{
	const PmnMessage *messages[1];
	PmnCommitRequest request = {0};
	PmnCommitResult result = {0};
	PmnCode code;
	bool may_discard;

	messages[0] = message;
	request.messages = messages;
	request.message_count = 1;
	request.base_snapshot_id = snapshot_id;
	code = pfdw_publish(table, &request, &result, &may_discard);
	if (may_discard)
		pmn_message_discard(table->table, message);
	pmn_message_close(message);
	pfdw_check(table->env, code);
	return result.snapshot_id;
}

/* "dt=2024-01-01/hh=7": the columns must be the partition's, in order. */
static void
check_partition(const PmnSchema *schema, const char *partition)
{
	const char *at = partition;
	StringInfoData wanted;

	if (schema->partition_key_count == 0)
		return; /* storage says that there are no partitions */
	for (uint32 i = 0; at != NULL && i < schema->partition_key_count; i++)
	{
		const char *name = schema->partition_keys[i];
		size_t size = strlen(name);
		bool is_last = i + 1 == schema->partition_key_count;

		/* Other names are escaped in directories; storage compares them. */
		if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
							  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] != '\0')
			return;
		if (strncmp(at, name, size) != 0 || at[size] != '=')
			at = NULL;
		else if ((at = strchr(at, '/')) != NULL)
			at++;
		else if (is_last)
			return;
		if (is_last && at != NULL && *at == '\0')
			return;
	}
	initStringInfo(&wanted);
	for (uint32 i = 0; i < schema->partition_key_count; i++)
		appendStringInfo(&wanted, "%s%s=...", i == 0 ? "" : "/",
						 schema->partition_keys[i]);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("invalid partition \"%s\"", partition),
					errhint("Write \"%s\", with values as in the names of the "
							"partition's directories.",
							wanted.data)));
}

Datum
paimon_compact(PG_FUNCTION_ARGS)
{
	Oid relid;
	bool full;
	char *partition;
	PfdwOptions *options;
	PfdwTable *table;
	PmnMessage *message = NULL;
	int64 snapshot_id;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	relid = PG_GETARG_OID(0);
	full = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	partition = PG_ARGISNULL(2)
					? NULL
					: pfdw_name_to_lake(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	PreventCommandIfReadOnly("paimon.compact()");
	table =
		open_for_function(CurrentMemoryContext, relid, ACL_INSERT, &options);
	pfdw_check(table->env, pmn_table_check_write(table->table));
	if (partition != NULL)
		check_partition(table->schema, partition);
	if (pfdw_delta_has_pending(&options->ref))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot compact lake table \"%s\" now",
						get_rel_name(relid)),
				 errdetail("This transaction has rows that are not published "
						   "yet.")));
	if (pmn_table_has_primary_key(table->table))
		pfdw_view_lock(&options->ref, table);
	snapshot_id = newest_snapshot(table);
	if (snapshot_id == 0)
		PG_RETURN_NULL();
	pfdw_check(table->env,
			   pmn_table_compact(
				   table->table, snapshot_id, full, partition,
				   (size_t) Max(maintenance_work_mem, 65536) * 1024, &message));
	if (message != NULL)
		snapshot_id = commit_compaction(table, message, snapshot_id);
	MemoryContextDelete(table->env->context);
	PG_RETURN_INT64(snapshot_id);
}
