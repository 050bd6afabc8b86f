/*
 * table_inspect_files.c
 *
 * System tables of data files and manifests. Values are rendered as Paimon's
 * "files" table has them: "{v1, v2}" for partitions, "[v]" for keys, and maps
 * of statistics sorted by column name.
 *
 * Statistics of a column whose type changed are shown with the file's type;
 * Paimon casts them, which shows in the scale of decimals at most.
 */
#include "table_inspect.h"

#include <string.h>

typedef struct FileRenderer
{
	PmnInspector *inspector;
	PmnFileStats stats;
	uint32_t *by_name; /* fields sorted by name */
} FileRenderer;

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
	PmnBuffer *text = &renderer->inspector->text;

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
	const PmnSchema *schema = renderer->inspector->table->lsm.schema;
	PmnBuffer *text = &renderer->inspector->text;

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
	return pmn_inspect_take(renderer->inspector, out);
}

static const char *
source_name(const PmnDataFile *file)
{
	if (!file->has_file_source)
		return NULL;
	return file->file_source == PMN_SOURCE_COMPACT ? "COMPACT" : "APPEND";
}

/* Insertion sort: a table has few columns, and qsort takes no context. */
static PmnCode
sort_fields(FileRenderer *renderer)
{
	const PmnSchema *schema = renderer->inspector->table->lsm.schema;

	renderer->by_name = pmn_arena_alloc(renderer->inspector->arena,
										schema->field_count * sizeof(uint32_t));
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

/* Partition to file size: what "files" and "file_key_ranges" share. */
static PmnCode
put_file_head(PmnInspector *inspector, const PmnManifestEntry *entry)
{
	const PmnLsm *lsm = &inspector->table->lsm;
	const PmnDataFile *file = &entry->file;
	const char *partition = NULL;
	char *path = NULL;
	char *format;

	PMN_TRY(pmn_inspect_row(inspector, entry->partition, lsm->partition_types,
							lsm->partition_count, '{', '}', &partition));
	PMN_TRY(
		pmn_table_file_path(inspector->table, inspector->row, entry, &path));
	format = pmn_path_format(inspector->row, file->file_name);
	if (format == NULL)
		return PMN_NO_MEMORY;
	pmn_inspect_text(inspector, partition);
	pmn_inspect_number(inspector, entry->bucket, true);
	pmn_inspect_text(inspector, path);
	pmn_inspect_text(inspector, format);
	pmn_inspect_number(inspector, file->schema_id, true);
	pmn_inspect_number(inspector, file->level, true);
	pmn_inspect_number(inspector, file->row_count, true);
	pmn_inspect_number(inspector, file->file_size, true);
	return PMN_OK;
}

static PmnCode
put_keys(PmnInspector *inspector, const PmnManifestEntry *entry)
{
	const PmnLsm *lsm = &inspector->table->lsm;
	const char *min_key = NULL;
	const char *max_key = NULL;

	if (lsm->is_keyed)
	{
		PMN_TRY(pmn_inspect_row(inspector, entry->file.min_key, lsm->key_types,
								lsm->key_count, '[', ']', &min_key));
		PMN_TRY(pmn_inspect_row(inspector, entry->file.max_key, lsm->key_types,
								lsm->key_count, '[', ']', &max_key));
	}
	pmn_inspect_text(inspector, min_key);
	pmn_inspect_text(inspector, max_key);
	return PMN_OK;
}

/* The columns that a partial writer wrote, or null. */
static PmnCode
put_write_cols(PmnInspector *inspector, const PmnDataFile *file)
{
	const PmnBytes *names = file->write_cols.items;
	uint32_t count = (uint32_t) file->write_cols.count;
	PmnSystemCell *cell;
	const char **items;

	pmn_inspect_text(inspector, NULL);
	if (!file->has_write_cols)
		return PMN_OK;
	items = pmn_arena_alloc(inspector->row, (count + 1) * sizeof(char *));
	if (items == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
	{
		items[i] = pmn_arena_string_n(
			inspector->row, (const char *) names[i].data, names[i].size);
		if (items[i] == NULL)
			return PMN_NO_MEMORY;
	}
	cell = &inspector->cells[inspector->at - 1];
	cell->is_null = false;
	cell->items = items;
	cell->item_count = count;
	return PMN_OK;
}

static PmnCode
put_file(FileRenderer *renderer, const PmnManifestEntry *entry)
{
	PmnInspector *inspector = renderer->inspector;
	const PmnDataFile *file = &entry->file;
	const char *text = NULL;

	PMN_TRY(put_file_head(inspector, entry));
	PMN_TRY(put_keys(inspector, entry));
	PMN_TRY(pmn_file_stats_values(&renderer->stats, file));
	for (int part = STATS_NULL_COUNT; part <= STATS_MAX; part++)
	{
		PMN_TRY(render_stats(renderer, (StatsPart) part, &text));
		pmn_inspect_text(inspector, text);
	}
	pmn_inspect_number(inspector, file->min_sequence_number, true);
	pmn_inspect_number(inspector, file->max_sequence_number, true);
	pmn_inspect_number(inspector, file->creation_time, file->has_creation_time);
	pmn_inspect_number(inspector, file->delete_row_count,
					   file->has_delete_row_count);
	pmn_inspect_text(inspector, source_name(file));
	pmn_inspect_number(inspector, file->first_row_id, file->has_first_row_id);
	PMN_TRY(put_write_cols(inspector, file));
	return pmn_inspect_emit(inspector);
}

static PmnCode
put_files(FileRenderer *renderer, const PmnEntryList *entries)
{
	PmnInspector *inspector = renderer->inspector;
	PmnCode code;

	PMN_TRY(sort_fields(renderer));
	code = pmn_file_stats_init(&renderer->stats, inspector->table,
							   inspector->arena);
	for (size_t i = 0;
		 code == PMN_OK && i < entries->count && !inspector->is_stopped; i++)
		code = put_file(renderer, &entries->items[i]);
	pmn_file_stats_free(&renderer->stats);
	return code;
}

PmnCode
pmn_inspect_files(PmnInspector *inspector)
{
	FileRenderer renderer = {.inspector = inspector};
	PmnEntryList entries = {NULL, 0, 0};
	PmnCode code;

	code = pmn_snapshot_live_entries(inspector->table, inspector->arena,
									 inspector->snapshot, NULL, NULL, &entries);
	if (code == PMN_OK)
		code = put_files(&renderer, &entries);
	pmn_array_free(inspector->env, &entries);
	return code;
}

static PmnCode
put_file_ranges(PmnInspector *inspector, const PmnEntryList *entries)
{
	for (size_t i = 0; i < entries->count && !inspector->is_stopped; i++)
	{
		const PmnManifestEntry *entry = &entries->items[i];

		PMN_TRY(put_file_head(inspector, entry));
		PMN_TRY(put_keys(inspector, entry));
		pmn_inspect_number(inspector, entry->file.first_row_id,
						   entry->file.has_first_row_id);
		PMN_TRY(pmn_inspect_emit(inspector));
	}
	return PMN_OK;
}

PmnCode
pmn_inspect_file_key_ranges(PmnInspector *inspector)
{
	PmnEntryList entries = {NULL, 0, 0};
	PmnCode code;

	code = pmn_snapshot_live_entries(inspector->table, inspector->arena,
									 inspector->snapshot, NULL, NULL, &entries);
	if (code == PMN_OK)
		code = put_file_ranges(inspector, &entries);
	pmn_array_free(inspector->env, &entries);
	return code;
}

/* ---- manifests -------------------------------------------------------- */

static PmnCode
put_manifest(PmnInspector *inspector, const PmnManifestMeta *meta)
{
	const PmnLsm *lsm = &inspector->table->lsm;
	const char *name =
		pmn_arena_string_n(inspector->row, (const char *) meta->file_name.data,
						   meta->file_name.size);
	const char *min = NULL;
	const char *max = NULL;

	if (name == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_inspect_row(inspector, meta->partition_stats.min_values,
							lsm->partition_types, lsm->partition_count, '{',
							'}', &min));
	PMN_TRY(pmn_inspect_row(inspector, meta->partition_stats.max_values,
							lsm->partition_types, lsm->partition_count, '{',
							'}', &max));
	pmn_inspect_text(inspector, name);
	pmn_inspect_number(inspector, meta->file_size, true);
	pmn_inspect_number(inspector, meta->added_file_count, true);
	pmn_inspect_number(inspector, meta->deleted_file_count, true);
	pmn_inspect_number(inspector, meta->schema_id, true);
	pmn_inspect_text(inspector, min);
	pmn_inspect_text(inspector, max);
	pmn_inspect_number(inspector, meta->min_row_id, meta->has_min_row_id);
	pmn_inspect_number(inspector, meta->max_row_id, meta->has_max_row_id);
	return pmn_inspect_emit(inspector);
}

/* Manifests of data files, then those of changelog files. */
PmnCode
pmn_inspect_manifests(PmnInspector *inspector)
{
	PmnManifestList list = {NULL, 0, 0};
	PmnCode code;

	code = pmn_table_manifests(inspector->table, inspector->arena,
							   inspector->snapshot, &list);
	if (code == PMN_OK)
		code = pmn_table_changelog_manifests(inspector->table, inspector->arena,
											 inspector->snapshot, &list);
	for (size_t i = 0;
		 code == PMN_OK && i < list.count && !inspector->is_stopped; i++)
		code = put_manifest(inspector, &list.items[i]);
	pmn_array_free(inspector->env, &list);
	return code;
}
