/*
 * table_inspect.c
 *
 * Snapshots, schemas and files for the system tables (format/metadata.md 10),
 * one at a time to a visitor. Values of files are rendered as Paimon's "files"
 * table has them: "{v1, v2}" for partitions, "[v]" for keys, and maps of
 * statistics sorted by column name.
 *
 * Statistics of a column whose type changed are shown with the file's type;
 * Paimon casts them, which shows in the scale of decimals at most.
 */
#include "table_scan.h"

#include <stdlib.h>
#include <string.h>

/* ---- snapshots and schemas -------------------------------------------- */

static PmnCode
visit_snapshots(PmnTable *table, PmnArena *list_arena, PmnArena *arena,
				PmnSnapshotVisitor visit, void *context)
{
	int64_t *ids = NULL;
	uint32_t count = 0;

	PMN_TRY(pmn_snapshot_list(table->fs, list_arena, &table->lsm.path, &ids,
							  &count));
	for (uint32_t i = 0; i < count; i++)
	{
		PmnSnapshot *snapshot = NULL;
		PmnCode code;

		pmn_arena_reset(arena);
		PMN_TRY(pmn_poll(table->env));
		code = pmn_snapshot_read(table->fs, arena, &table->lsm.path, ids[i],
								 &snapshot);
		/* Expired since the listing. */
		if (code == PMN_NOT_FOUND)
			continue;
		PMN_TRY(code);
		if (!visit(context, &snapshot->info))
			return PMN_OK;
	}
	return PMN_OK;
}

PmnCode
pmn_table_visit_snapshots(PmnTable *table, PmnSnapshotVisitor visit,
						  void *context)
{
	PmnArena *list_arena = NULL;
	PmnArena *arena = NULL;
	PmnCode code;

	code = pmn_arena_create(table->env, 0, &list_arena);
	if (code == PMN_OK)
		code = pmn_arena_create(table->env, 0, &arena);
	if (code == PMN_OK)
		code = visit_snapshots(table, list_arena, arena, visit, context);
	pmn_arena_destroy(arena);
	pmn_arena_destroy(list_arena);
	return code;
}

/* The parts of a schema as JSON, each terminated, in buffers of their own. */
typedef struct SchemaTexts
{
	PmnBuffer fields;
	PmnBuffer partition_keys;
	PmnBuffer primary_keys;
	PmnBuffer options;
} SchemaTexts;

static PmnCode
print_names(PmnBuffer *out, const char *const *names, uint32_t count)
{
	PmnJsonWriter writer;

	pmn_json_writer_init(&writer, out, 0);
	pmn_json_begin_array(&writer, NULL);
	for (uint32_t i = 0; i < count; i++)
		pmn_json_put_string(&writer, NULL, names[i]);
	pmn_json_end(&writer);
	PMN_TRY(pmn_json_writer_finish(&writer));
	return pmn_buffer_byte(out, 0);
}

static PmnCode
print_schema(const PmnSchema *schema, SchemaTexts *texts)
{
	PmnJsonWriter writer;

	pmn_buffer_reset(&texts->fields);
	pmn_buffer_reset(&texts->partition_keys);
	pmn_buffer_reset(&texts->primary_keys);
	pmn_buffer_reset(&texts->options);
	PMN_TRY(pmn_schema_print_fields(schema, &texts->fields));
	PMN_TRY(pmn_buffer_byte(&texts->fields, 0));
	PMN_TRY(print_names(&texts->partition_keys,
						(const char *const *) schema->partition_keys,
						schema->partition_key_count));
	PMN_TRY(print_names(&texts->primary_keys,
						(const char *const *) schema->primary_keys,
						schema->primary_key_count));
	pmn_json_writer_init(&writer, &texts->options, 0);
	pmn_json_begin_object(&writer, NULL);
	for (uint32_t i = 0; i < schema->option_count; i++)
		pmn_json_put_string(&writer, schema->options[i].key,
							schema->options[i].value);
	pmn_json_end(&writer);
	PMN_TRY(pmn_json_writer_finish(&writer));
	return pmn_buffer_byte(&texts->options, 0);
}

static int
compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a;
	int64_t y = *(const int64_t *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

/* Ids of all schema files, ascending; in arena. */
static PmnCode
list_schemas(PmnTable *table, PmnArena *arena, int64_t **out, size_t *count)
{
	char *directory =
		pmn_path_branch_directory(arena, &table->lsm.path, "schema");
	PmnFileList list = {NULL, 0, 0};

	if (directory == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_fs_list(table->fs, directory, arena, &list));
	*out = pmn_arena_alloc(arena, list.count * sizeof(**out));
	if (*out == NULL)
		return PMN_NO_MEMORY;
	*count = 0;
	for (size_t i = 0; i < list.count; i++)
	{
		int64_t id = pmn_path_parse_id(list.items[i].name, "schema-");

		if (id >= 0)
			(*out)[(*count)++] = id;
	}
	if (*count > 1)
		qsort(*out, *count, sizeof(**out), compare_ids);
	return PMN_OK;
}

static PmnCode
visit_schemas(PmnTable *table, PmnArena *arena, SchemaTexts *texts,
			  PmnSchemaVisitor visit, void *context)
{
	int64_t *ids = NULL;
	size_t count = 0;

	PMN_TRY(list_schemas(table, arena, &ids, &count));
	for (size_t i = 0; i < count; i++)
	{
		PmnSchema *schema = NULL;

		PMN_TRY(pmn_poll(table->env));
		PMN_TRY(pmn_schema_read(table->fs, arena, &table->lsm.path, ids[i],
								&schema));
		PMN_TRY(print_schema(schema, texts));
		if (!visit(context, schema, (const char *) texts->fields.data,
				   (const char *) texts->partition_keys.data,
				   (const char *) texts->primary_keys.data,
				   (const char *) texts->options.data))
			return PMN_OK;
	}
	return PMN_OK;
}

PmnCode
pmn_table_visit_schemas(PmnTable *table, PmnSchemaVisitor visit, void *context)
{
	PmnArena *arena = NULL;
	SchemaTexts texts;
	PmnCode code;

	PMN_TRY(pmn_arena_create(table->env, 0, &arena));
	pmn_buffer_init(&texts.fields, table->env);
	pmn_buffer_init(&texts.partition_keys, table->env);
	pmn_buffer_init(&texts.primary_keys, table->env);
	pmn_buffer_init(&texts.options, table->env);
	code = visit_schemas(table, arena, &texts, visit, context);
	pmn_buffer_free(&texts.fields);
	pmn_buffer_free(&texts.partition_keys);
	pmn_buffer_free(&texts.primary_keys);
	pmn_buffer_free(&texts.options);
	pmn_arena_destroy(arena);
	return code;
}

/* ---- files ------------------------------------------------------------ */

typedef struct FileRenderer
{
	PmnTable *table;
	PmnArena *arena; /* reset for each file */
	PmnFileStats stats;
	uint32_t *by_name; /* fields sorted by name */
	PmnBuffer text;
} FileRenderer;

/* The buffer's text, moved into the arena. */
static PmnCode
take_text(FileRenderer *renderer, const char **out)
{
	*out =
		pmn_arena_string_n(renderer->arena, (const char *) renderer->text.data,
						   renderer->text.size);
	return *out == NULL ? PMN_NO_MEMORY : PMN_OK;
}

/* "<open>v1, v2<close>" of a serialized row. */
static PmnCode
render_row(FileRenderer *renderer, PmnBytes row, const PmnType *const *types,
		   uint32_t count, char open, char close, const char **out)
{
	PmnBuffer *text = &renderer->text;
	PmnValue *values =
		pmn_arena_alloc(renderer->arena, count * sizeof(*values));

	if (values == NULL)
		return PMN_NO_MEMORY;
	if (count > 0)
		PMN_TRY(pmn_row_parse(renderer->table->env, row, types, count, values));
	pmn_buffer_reset(text);
	PMN_TRY(pmn_buffer_byte(text, (uint8_t) open));
	for (uint32_t i = 0; i < count; i++)
	{
		if (i > 0)
			PMN_TRY(pmn_buffer_string(text, ", "));
		PMN_TRY(pmn_value_append_text(text, types[i], &values[i]));
	}
	PMN_TRY(pmn_buffer_byte(text, (uint8_t) close));
	return take_text(renderer, out);
}

typedef enum StatsPart
{
	STATS_NULL_COUNT,
	STATS_MIN,
	STATS_MAX
} StatsPart;

static PmnCode
render_stat(FileRenderer *renderer, uint32_t field, StatsPart part)
{
	const PmnFileStats *stats = &renderer->stats;
	const PmnColumnStats *column = &stats->columns[field];
	const PmnValue *value = part == STATS_MIN ? &column->min : &column->max;
	PmnBuffer *text = &renderer->text;

	if (!stats->present[field])
		return pmn_buffer_string(text, "null");
	if (part == STATS_NULL_COUNT)
	{
		if (column->null_count < 0)
			return pmn_buffer_string(text, "null");
		return pmn_buffer_format(text, "%" PRId64, column->null_count);
	}
	if (value->is_null || stats->file_fields[field] < 0)
		return pmn_buffer_string(text, "null");
	return pmn_value_append_text(
		text, &stats->file_schema->fields[stats->file_fields[field]].type,
		value);
}

static PmnCode
render_stats(FileRenderer *renderer, StatsPart part, const char **out)
{
	const PmnSchema *schema = renderer->table->lsm.schema;
	PmnBuffer *text = &renderer->text;

	pmn_buffer_reset(text);
	PMN_TRY(pmn_buffer_byte(text, '{'));
	for (uint32_t i = 0; i < schema->field_count; i++)
	{
		uint32_t field = renderer->by_name[i];

		PMN_TRY(pmn_buffer_format(text, "%s%s=", i == 0 ? "" : ", ",
								  schema->fields[field].name));
		PMN_TRY(render_stat(renderer, field, part));
	}
	PMN_TRY(pmn_buffer_byte(text, '}'));
	return take_text(renderer, out);
}

static PmnCode
render_keys(FileRenderer *renderer, const PmnManifestEntry *entry,
			PmnFileInfo *info)
{
	const PmnLsm *lsm = &renderer->table->lsm;

	if (!lsm->is_keyed)
		return PMN_OK;
	PMN_TRY(render_row(renderer, entry->file.min_key, lsm->key_types,
					   lsm->key_count, '[', ']', &info->min_key));
	return render_row(renderer, entry->file.max_key, lsm->key_types,
					  lsm->key_count, '[', ']', &info->max_key);
}

static const char *
source_name(const PmnDataFile *file)
{
	if (!file->has_file_source)
		return NULL;
	return file->file_source == PMN_SOURCE_COMPACT ? "COMPACT" : "APPEND";
}

static PmnCode
render_file(FileRenderer *renderer, const PmnManifestEntry *entry,
			PmnFileInfo *info)
{
	PmnTable *table = renderer->table;
	const PmnLsm *lsm = &table->lsm;
	const PmnDataFile *file = &entry->file;
	char *path = NULL;

	memset(info, 0, sizeof(*info));
	PMN_TRY(render_row(renderer, entry->partition, lsm->partition_types,
					   lsm->partition_count, '{', '}', &info->partition));
	PMN_TRY(pmn_table_file_path(table, renderer->arena, entry, &path));
	info->file_path = path;
	info->file_format = pmn_path_format(renderer->arena, file->file_name);
	if (info->file_format == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(render_keys(renderer, entry, info));
	PMN_TRY(pmn_file_stats_values(&renderer->stats, file));
	PMN_TRY(render_stats(renderer, STATS_NULL_COUNT, &info->null_value_counts));
	PMN_TRY(render_stats(renderer, STATS_MIN, &info->min_value_stats));
	PMN_TRY(render_stats(renderer, STATS_MAX, &info->max_value_stats));
	info->bucket = entry->bucket;
	info->schema_id = file->schema_id;
	info->level = file->level;
	info->record_count = file->row_count;
	info->file_size_bytes = file->file_size;
	info->min_sequence_number = file->min_sequence_number;
	info->max_sequence_number = file->max_sequence_number;
	info->creation_time_millis = file->creation_time;
	info->has_creation_time = file->has_creation_time;
	info->delete_row_count = file->delete_row_count;
	info->has_delete_row_count = file->has_delete_row_count;
	info->file_source = source_name(file);
	info->first_row_id = file->first_row_id;
	info->has_first_row_id = file->has_first_row_id;
	return PMN_OK;
}

/* Insertion sort: a table has few columns, and qsort takes no context. */
static PmnCode
sort_fields(FileRenderer *renderer, PmnArena *arena)
{
	const PmnSchema *schema = renderer->table->lsm.schema;

	renderer->by_name =
		pmn_arena_alloc(arena, schema->field_count * sizeof(uint32_t));
	if (renderer->by_name == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t f = 0; f < schema->field_count; f++)
	{
		uint32_t at = f;

		while (at > 0 && strcmp(schema->fields[renderer->by_name[at - 1]].name,
								schema->fields[f].name) > 0)
		{
			renderer->by_name[at] = renderer->by_name[at - 1];
			at--;
		}
		renderer->by_name[at] = f;
	}
	return PMN_OK;
}

static PmnCode
visit_files(FileRenderer *renderer, PmnArena *arena, int64_t snapshot_id,
			PmnEntryList *entries, PmnFileVisitor visit, void *context)
{
	PmnTable *table = renderer->table;

	PMN_TRY(pmn_arena_create(table->env, 0, &renderer->arena));
	PMN_TRY(sort_fields(renderer, arena));
	PMN_TRY(
		pmn_table_live_entries(table, arena, snapshot_id, NULL, NULL, entries));
	for (size_t i = 0; i < entries->count; i++)
	{
		PmnFileInfo info;

		pmn_arena_reset(renderer->arena);
		PMN_TRY(pmn_poll(table->env));
		PMN_TRY(render_file(renderer, &entries->items[i], &info));
		if (!visit(context, &info))
			return PMN_OK;
	}
	return PMN_OK;
}

PmnCode
pmn_table_visit_files(PmnTable *table, int64_t snapshot_id,
					  PmnFileVisitor visit, void *context)
{
	FileRenderer renderer = {.table = table};
	PmnEntryList entries = {NULL, 0, 0};
	PmnArena *arena = NULL;
	PmnCode code;

	PMN_TRY(pmn_arena_create(table->env, 0, &arena));
	pmn_buffer_init(&renderer.text, table->env);
	code = pmn_file_stats_init(&renderer.stats, table, arena);
	if (code == PMN_OK)
		code = visit_files(&renderer, arena, snapshot_id, &entries, visit,
						   context);
	pmn_file_stats_free(&renderer.stats);
	pmn_buffer_free(&renderer.text);
	pmn_array_free(table->env, &entries);
	pmn_arena_destroy(renderer.arena);
	pmn_arena_destroy(arena);
	return code;
}
