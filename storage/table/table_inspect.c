/*
 * table_inspect.c
 *
 * The system tables that show metadata (format/metadata.md 10): which there
 * are, their columns, and the frame in which their rows are made. A maker
 * puts the cells of a row in order and emits it; what belongs to one snapshot
 * finds that snapshot, and its schema, already in place.
 *
 * A row is only borrowed by the visitor, so that a table of a million files
 * is listed in the memory of one.
 */
#include "table_inspect.h"

#include <string.h>

typedef struct SystemEntry
{
	PmnSystemTable table;
	PmnInspect make; /* NULL: a global one */
	bool needs_snapshot;
} SystemEntry;

#define N true	/* nullable */
#define R false /* required */
#define TEXT PMN_SYSTEM_TEXT
#define LONG PMN_SYSTEM_LONG
#define INT PMN_SYSTEM_INT
#define BOOL PMN_SYSTEM_BOOL
#define INSTANT PMN_SYSTEM_INSTANT
#define LOCAL PMN_SYSTEM_LOCAL_TIME

static const PmnSystemColumn snapshots_columns[] = {
	{"snapshot_id", LONG, R},
	{"schema_id", LONG, R},
	{"commit_user", TEXT, R},
	{"commit_identifier", LONG, R},
	{"commit_kind", TEXT, R},
	{"commit_time", INSTANT, R},
	{"base_manifest_list", TEXT, R},
	{"delta_manifest_list", TEXT, R},
	{"changelog_manifest_list", TEXT, N},
	{"total_record_count", LONG, N},
	{"delta_record_count", LONG, N},
	{"changelog_record_count", LONG, N},
	{"watermark", LONG, N},
	{"next_row_id", LONG, N},
	{"operation", TEXT, N},
	{"writer_version", TEXT, N},
};

static const PmnSystemColumn schemas_columns[] = {
	{"schema_id", LONG, R},		 {"fields", TEXT, R},
	{"partition_keys", TEXT, R}, {"primary_keys", TEXT, R},
	{"options", TEXT, R},		 {"comment", TEXT, N},
	{"update_time", INSTANT, R},
};

static const PmnSystemColumn options_columns[] = {
	{"key", TEXT, R},
	{"value", TEXT, R},
};

static const PmnSystemColumn files_columns[] = {
	{"partition", TEXT, N},
	{"bucket", INT, R},
	{"file_path", TEXT, R},
	{"file_format", TEXT, R},
	{"schema_id", LONG, R},
	{"level", INT, R},
	{"record_count", LONG, R},
	{"file_size_in_bytes", LONG, R},
	{"min_key", TEXT, N},
	{"max_key", TEXT, N},
	{"null_value_counts", TEXT, R},
	{"min_value_stats", TEXT, R},
	{"max_value_stats", TEXT, R},
	{"min_sequence_number", LONG, N},
	{"max_sequence_number", LONG, N},
	{"creation_time", LOCAL, N},
	{"deleteRowCount", LONG, N},
	{"file_source", TEXT, N},
	{"first_row_id", LONG, N},
	{"write_cols", PMN_SYSTEM_TEXTS, N},
};

static const PmnSystemColumn file_key_ranges_columns[] = {
	{"partition", TEXT, N},	   {"bucket", INT, R},
	{"file_path", TEXT, R},	   {"file_format", TEXT, R},
	{"schema_id", LONG, R},	   {"level", INT, R},
	{"record_count", LONG, R}, {"file_size_in_bytes", LONG, R},
	{"min_key", TEXT, N},	   {"max_key", TEXT, N},
	{"first_row_id", LONG, N},
};

static const PmnSystemColumn manifests_columns[] = {
	{"file_name", TEXT, R},			  {"file_size", LONG, R},
	{"num_added_files", LONG, R},	  {"num_deleted_files", LONG, R},
	{"schema_id", LONG, R},			  {"min_partition_stats", TEXT, N},
	{"max_partition_stats", TEXT, N}, {"min_row_id", LONG, N},
	{"max_row_id", LONG, N},
};

static const PmnSystemColumn partitions_columns[] = {
	{"partition", TEXT, N},
	{"record_count", LONG, R},
	{"file_size_in_bytes", LONG, R},
	{"file_count", LONG, R},
	{"last_update_time", LOCAL, N},
	{"created_at", INSTANT, N},
	{"created_by", TEXT, N},
	{"updated_by", TEXT, N},
	{"options", TEXT, N},
	{"total_buckets", INT, R},
	{"done", BOOL, R},
	{"deleted_record_count", LONG, N},
};

static const PmnSystemColumn buckets_columns[] = {
	{"partition", TEXT, N},	   {"bucket", INT, R},
	{"record_count", LONG, R}, {"file_size_in_bytes", LONG, R},
	{"file_count", LONG, R},   {"last_update_time", LOCAL, N},
};

static const PmnSystemColumn tags_columns[] = {
	{"tag_name", TEXT, R},		{"snapshot_id", LONG, R},
	{"schema_id", LONG, R},		{"commit_time", INSTANT, R},
	{"record_count", LONG, N},	{"create_time", LOCAL, N},
	{"time_retained", TEXT, N},
};

static const PmnSystemColumn branches_columns[] = {
	{"branch_name", TEXT, R},
	{"create_time", INSTANT, R},
};

static const PmnSystemColumn consumers_columns[] = {
	{"consumer_id", TEXT, R},
	{"next_snapshot_id", LONG, R},
};

static const PmnSystemColumn statistics_columns[] = {
	{"snapshot_id", LONG, R},		{"schema_id", LONG, R},
	{"mergedRecordCount", LONG, N}, {"mergedRecordSize", LONG, N},
	{"colstat", TEXT, N},
};

static const PmnSystemColumn aggregation_fields_columns[] = {
	{"field_name", TEXT, R}, {"field_type", TEXT, R},
	{"function", TEXT, N},	 {"function_options", TEXT, N},
	{"comment", TEXT, N},
};

static const PmnSystemColumn table_indexes_columns[] = {
	{"partition", TEXT, N},
	{"bucket", INT, R},
	{"index_type", TEXT, R},
	{"file_name", TEXT, R},
	{"file_size", LONG, R},
	{"row_count", LONG, R},
	{"dv_ranges", PMN_SYSTEM_JSON, N},
	{"row_range_start", LONG, N},
	{"row_range_end", LONG, N},
	{"index_field_id", INT, N},
	{"index_field_name", TEXT, N},
};

static const PmnSystemColumn all_tables_columns[] = {
	{"database_name", TEXT, N}, {"table_name", TEXT, N},
	{"table_type", TEXT, N},	{"partitioned", BOOL, N},
	{"primary_key", BOOL, N},	{"owner", TEXT, N},
	{"created_at", LONG, N},	{"created_by", TEXT, N},
	{"updated_at", LONG, N},	{"updated_by", TEXT, N},
	{"record_count", LONG, N},	{"file_size_in_bytes", LONG, N},
	{"file_count", LONG, N},	{"last_file_creation_time", LONG, N},
};

static const PmnSystemColumn all_partitions_columns[] = {
	{"database_name", TEXT, N},			  {"table_name", TEXT, N},
	{"partition_name", TEXT, N},		  {"record_count", LONG, N},
	{"file_size_in_bytes", LONG, N},	  {"file_count", LONG, N},
	{"last_file_creation_time", LONG, N}, {"done", BOOL, N},
};

static const PmnSystemColumn all_table_options_columns[] = {
	{"database_name", TEXT, N},
	{"table_name", TEXT, N},
	{"key", TEXT, N},
	{"value", TEXT, N},
};

static const PmnSystemColumn catalog_options_columns[] = {
	{"key", TEXT, R},
	{"value", TEXT, R},
};

#define COUNT(array) ((uint32_t) (sizeof(array) / sizeof(*(array))))
#define OF_TABLE(name, needs_snapshot)                                         \
	{                                                                          \
		{#name, false, name##_columns, COUNT(name##_columns)},                 \
			pmn_inspect_##name, needs_snapshot                                 \
	}
#define GLOBAL(name, columns)                                                  \
	{                                                                          \
		{name, true, columns, COUNT(columns)}, NULL, false                     \
	}

static const SystemEntry system_tables[] = {
	OF_TABLE(snapshots, false),
	OF_TABLE(schemas, false),
	OF_TABLE(options, false),
	OF_TABLE(files, true),
	OF_TABLE(file_key_ranges, true),
	OF_TABLE(manifests, true),
	OF_TABLE(partitions, true),
	OF_TABLE(buckets, true),
	OF_TABLE(tags, false),
	OF_TABLE(branches, false),
	OF_TABLE(consumers, false),
	OF_TABLE(statistics, true),
	OF_TABLE(aggregation_fields, false),
	OF_TABLE(table_indexes, true),
	GLOBAL("tables", all_tables_columns),
	GLOBAL("partitions", all_partitions_columns),
	GLOBAL("all_table_options", all_table_options_columns),
	GLOBAL("catalog_options", catalog_options_columns),
};

static const SystemEntry *
entry_of(const PmnSystemTable *system)
{
	for (uint32_t i = 0; i < COUNT(system_tables); i++)
	{
		if (system == &system_tables[i].table)
			return &system_tables[i];
	}
	return NULL;
}

const PmnSystemTable *
pmn_system_table_at(uint32_t index)
{
	return index < COUNT(system_tables) ? &system_tables[index].table : NULL;
}

const PmnSystemTable *
pmn_system_table(const char *name, bool is_global)
{
	for (uint32_t i = 0; i < COUNT(system_tables); i++)
	{
		const PmnSystemTable *table = &system_tables[i].table;

		if (table->is_global == is_global && strcmp(table->name, name) == 0)
			return table;
	}
	return NULL;
}

/* ---- rows ------------------------------------------------------------- */

void
pmn_inspect_text(PmnInspector *inspector, const char *text)
{
	PmnSystemCell *cell = &inspector->cells[inspector->at++];

	PMN_ASSERT(inspector->at <= inspector->system->column_count);
	memset(cell, 0, sizeof(*cell));
	cell->is_null = text == NULL;
	cell->text = text;
}

void
pmn_inspect_number(PmnInspector *inspector, int64_t number, bool known)
{
	PmnSystemCell *cell = &inspector->cells[inspector->at++];

	PMN_ASSERT(inspector->at <= inspector->system->column_count);
	memset(cell, 0, sizeof(*cell));
	cell->is_null = !known;
	cell->number = number;
}

PmnCode
pmn_inspect_emit(PmnInspector *inspector)
{
	PMN_ASSERT(inspector->at == inspector->system->column_count);
	inspector->at = 0;
	PMN_TRY(pmn_poll(inspector->env));
	if (!inspector->is_stopped &&
		!inspector->visit(inspector->context, inspector->cells))
		inspector->is_stopped = true;
	pmn_arena_reset(inspector->row);
	return PMN_OK;
}

PmnCode
pmn_inspect_take(PmnInspector *inspector, const char **out)
{
	*out =
		pmn_arena_string_n(inspector->row, (const char *) inspector->text.data,
						   inspector->text.size);
	return *out == NULL ? PMN_NO_MEMORY : PMN_OK;
}

PmnCode
pmn_inspect_row(PmnInspector *inspector, PmnBytes row,
				const PmnType *const *types, uint32_t count, char open,
				char close, const char **out)
{
	PmnBuffer *text = &inspector->text;
	PmnValue *values = pmn_arena_alloc(inspector->row, count * sizeof(*values));

	if (values == NULL)
		return PMN_NO_MEMORY;
	if (count > 0)
		PMN_TRY(pmn_row_parse(inspector->env, row, types, count, values));
	pmn_buffer_reset(text);
	PMN_TRY(pmn_buffer_byte(text, (uint8_t) open));
	for (uint32_t i = 0; i < count; i++)
	{
		if (i > 0)
			PMN_TRY(pmn_buffer_string(text, ", "));
		PMN_TRY(pmn_value_append_text(text, types[i], &values[i]));
	}
	PMN_TRY(pmn_buffer_byte(text, (uint8_t) close));
	return pmn_inspect_take(inspector, out);
}

/* ---- the visit -------------------------------------------------------- */

static PmnCode
inspector_init(PmnInspector *inspector, PmnEnv *env,
			   const PmnSystemTable *system, PmnSystemVisitor visit,
			   void *context)
{
	memset(inspector, 0, sizeof(*inspector));
	inspector->env = env;
	inspector->system = system;
	inspector->visit = visit;
	inspector->context = context;
	pmn_buffer_init(&inspector->text, env);
	PMN_TRY(pmn_arena_create(env, 0, &inspector->arena));
	return pmn_arena_create(env, 0, &inspector->row);
}

static void
inspector_free(PmnInspector *inspector)
{
	pmn_buffer_free(&inspector->text);
	pmn_arena_destroy(inspector->row);
	pmn_arena_destroy(inspector->arena);
}

static PmnCode
find_snapshot(PmnInspector *inspector, const PmnTravel *travel)
{
	PmnTable *table = inspector->table;
	int64_t id = 0;
	int64_t schema_id = 0;

	PMN_TRY(pmn_table_resolve(table, travel, &id, &schema_id));
	if (travel->kind != PMN_TRAVEL_LATEST)
		PMN_TRY(pmn_table_use_schema(table, schema_id));
	if (id == 0)
		return PMN_OK;
	return pmn_table_read_snapshot(table, inspector->arena, id,
								   travel->kind == PMN_TRAVEL_TAG ? travel->name
																  : NULL,
								   &inspector->snapshot);
}

static PmnCode
visit_table(PmnInspector *inspector, const SystemEntry *entry,
			const PmnTravel *travel)
{
	PmnCode code;

	if (!entry->needs_snapshot)
		return entry->make(inspector);
	PMN_TRY(find_snapshot(inspector, travel));
	if (inspector->snapshot == NULL)
		return PMN_OK;
	code = entry->make(inspector);
	return pmn_table_explain_missing(
		inspector->table, inspector->arena,
		travel->kind == PMN_TRAVEL_TAG ? 0 : inspector->snapshot->info.id,
		code);
}

PmnCode
pmn_table_visit_system(PmnTable *table, const PmnSystemTable *system,
					   const PmnTravel *travel, PmnSystemVisitor visit,
					   void *context)
{
	const SystemEntry *entry = entry_of(system);
	PmnInspector inspector;
	PmnCode code;

	PMN_ASSERT(entry != NULL && entry->make != NULL);
	code = inspector_init(&inspector, table->env, system, visit, context);
	inspector.table = table;
	if (code == PMN_OK)
		code = visit_table(&inspector, entry, travel);
	inspector_free(&inspector);
	return code;
}

PmnCode
pmn_catalog_visit_system(PmnCatalog *catalog, const PmnSystemTable *system,
						 PmnSystemVisitor visit, void *context)
{
	PmnInspector inspector;
	PmnCode code;

	PMN_ASSERT(system->is_global);
	code = inspector_init(&inspector, catalog->env, system, visit, context);
	if (code == PMN_OK)
		code = pmn_inspect_global(catalog, &inspector);
	inspector_free(&inspector);
	return code;
}
