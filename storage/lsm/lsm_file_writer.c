/*
 * lsm_file_writer.c
 *
 * Rows in, data files and their manifest metas out. Files end at about
 * target-file-size: the format's own estimate is asked every 1000 rows or so,
 * always after a write, so that no file is empty.
 *
 * The metas are the ones Paimon's writers make. Keyed tables: the first and
 * the last key written are the key range (rows come sorted), key statistics
 * are cut at 128 characters, value statistics by "metadata.stats-mode", and
 * columns without any are left out when "metadata.stats-dense-store" is on.
 * Append tables: empty keys, level 0, sequence numbers counted by row.
 *
 * Nothing is visible before a manifest names the files; an unfinished writer
 * removes what it wrote.
 */
#include "lsm_file_writer.h"

#include "lsm_vector.h"

#define ROLL_CHECK_ROWS 1000
#define KEY_STATS_LENGTH 128

struct PmnDataFileWriter
{
	PmnEnv *env;
	PmnLsm *lsm;
	PmnArena *arena; /* plans, paths and metas of closed files */
	const PmnBucket *bucket;
	int32_t level;
	int32_t source;
	const PmnFormatOps *format;
	PmnFormatColumn *columns; /* of the file */
	uint32_t *column_sources; /* batch column of each file column */
	uint32_t column_count;
	PmnVector *vectors;
	PmnStatsMode *modes; /* of each schema field */
	PmnStatsCollector *collectors;
	char uuid[37];
	uint32_t counter;
	/* The open file. */
	char *name;
	char *path;
	PmnFileWriter *file;
	PmnFormatWriter *writer;
	uint64_t row_count;
	uint64_t unchecked_rows;
	uint64_t delete_count;
	int64_t min_sequence;
	int64_t max_sequence;
	PmnBuffer min_key; /* serialized */
	PmnBuffer max_key;
	int64_t next_sequence; /* append tables */
	PMN_ARRAY(PmnManifestEntry) metas;
	PMN_ARRAY(char *) paths; /* of closed files */
	bool is_finished;
};

/* ---- opening ----------------------------------------------------------- */

static void
plan_column(PmnDataFileWriter *writer, const char *name, int32_t id,
			const PmnType *type, uint32_t source)
{
	PmnFormatColumn *column = &writer->columns[writer->column_count];

	column->name = name;
	column->id = id;
	column->type = *type;
	writer->column_sources[writer->column_count++] = source;
}

static PmnCode
plan_key_columns(PmnDataFileWriter *writer)
{
	PmnLsm *lsm = writer->lsm;

	if (lsm->options->thin_mode)
		return PMN_OK;
	for (uint32_t i = 0; i < lsm->key_count; i++)
	{
		uint32_t position = lsm->key_fields[i];
		const PmnField *field = &lsm->schema->fields[position];
		char *name = pmn_arena_format(writer->arena, "%s%s",
									  PMN_FIELD_NAME_KEY_PREFIX, field->name);

		if (name == NULL)
			return PMN_NO_MEMORY;
		plan_column(writer, name, PMN_FIELD_ID_KEY_BASE + field->id,
					&field->type, PMN_KV_FIELDS + position);
	}
	return PMN_OK;
}

static PmnCode
plan_columns(PmnDataFileWriter *writer)
{
	static const PmnType sequence_type = {.kind = PMN_TYPE_BIGINT};
	static const PmnType kind_type = {.kind = PMN_TYPE_TINYINT};
	PmnLsm *lsm = writer->lsm;
	const PmnSchema *schema = lsm->schema;
	size_t room = (size_t) lsm->key_count + PMN_KV_FIELDS + schema->field_count;
	uint32_t first = lsm->is_keyed ? PMN_KV_FIELDS : 0;

	writer->columns =
		pmn_arena_alloc(writer->arena, room * sizeof(*writer->columns));
	writer->column_sources =
		pmn_arena_alloc(writer->arena, room * sizeof(*writer->column_sources));
	writer->vectors =
		pmn_arena_alloc(writer->arena, room * sizeof(*writer->vectors));
	if (writer->columns == NULL || writer->column_sources == NULL ||
		writer->vectors == NULL)
		return PMN_NO_MEMORY;
	if (lsm->is_keyed)
	{
		PMN_TRY(plan_key_columns(writer));
		plan_column(writer, PMN_FIELD_NAME_SEQUENCE, PMN_FIELD_ID_SEQUENCE,
					&sequence_type, PMN_KV_SEQUENCE);
		plan_column(writer, PMN_FIELD_NAME_KIND, PMN_FIELD_ID_KIND, &kind_type,
					PMN_KV_KIND);
	}
	for (uint32_t i = 0; i < schema->field_count; i++)
		plan_column(writer, schema->fields[i].name, schema->fields[i].id,
					&schema->fields[i].type, first + i);
	return PMN_OK;
}

/* In thin mode the plain columns stand for the key's, with its statistics,
 * unless the column has a mode of its own. */
static PmnCode
is_thin_key(PmnDataFileWriter *writer, uint32_t field, bool *is_key)
{
	PmnLsm *lsm = writer->lsm;
	char *option;

	*is_key = false;
	if (!lsm->is_keyed || !lsm->options->thin_mode)
		return PMN_OK;
	for (uint32_t i = 0; i < lsm->key_count; i++)
		*is_key |= lsm->key_fields[i] == field;
	if (!*is_key)
		return PMN_OK;
	option = pmn_arena_format(writer->arena, "fields.%s.stats-mode",
							  lsm->schema->fields[field].name);
	if (option == NULL)
		return PMN_NO_MEMORY;
	*is_key = pmn_schema_option(lsm->schema, option) == NULL;
	return PMN_OK;
}

static PmnCode
plan_stats(PmnDataFileWriter *writer)
{
	PmnLsm *lsm = writer->lsm;
	uint32_t count = lsm->schema->field_count;

	writer->modes =
		pmn_arena_alloc(writer->arena, count * sizeof(*writer->modes));
	writer->collectors =
		pmn_arena_alloc(writer->arena, count * sizeof(*writer->collectors));
	if (writer->modes == NULL || writer->collectors == NULL)
	{
		writer->collectors = NULL;
		return PMN_NO_MEMORY;
	}
	for (uint32_t i = 0; i < count; i++)
		pmn_stats_collector_init(&writer->collectors[i], writer->env,
								 &lsm->schema->fields[i].type);
	for (uint32_t i = 0; i < count; i++)
	{
		bool is_key;

		PMN_TRY(is_thin_key(writer, i, &is_key));
		PMN_TRY(pmn_options_stats_mode(writer->env, lsm->schema, lsm->options,
									   i, &writer->modes[i]));
		if (is_key)
		{
			writer->modes[i].kind = PMN_STATS_TRUNCATE;
			writer->modes[i].length = KEY_STATS_LENGTH;
		}
	}
	return PMN_OK;
}

PmnCode
pmn_data_writer_open(PmnLsm *lsm, const PmnBucket *bucket, int32_t level,
					 int32_t source, PmnDataFileWriter **out)
{
	PmnDataFileWriter *writer = pmn_alloc(lsm->env, sizeof(*writer));
	PmnCode code;

	*out = NULL;
	if (writer == NULL)
		return PMN_NO_MEMORY;
	writer->env = lsm->env;
	writer->lsm = lsm;
	writer->bucket = bucket;
	writer->level = level;
	writer->source = source;
	pmn_buffer_init(&writer->min_key, lsm->env);
	pmn_buffer_init(&writer->max_key, lsm->env);
	pmn_uuid(lsm->env, writer->uuid);
	code = pmn_arena_create(lsm->env, 0, &writer->arena);
	if (code == PMN_OK)
		code = pmn_format_lookup(lsm->env, lsm->options->file_format,
								 &writer->format);
	if (code == PMN_OK)
		code = plan_columns(writer);
	if (code == PMN_OK)
		code = plan_stats(writer);
	if (code != PMN_OK)
	{
		pmn_data_writer_close(writer);
		return code;
	}
	*out = writer;
	return PMN_OK;
}

static void
discard_files(PmnDataFileWriter *writer)
{
	PmnError saved = writer->env->error;

	for (size_t i = 0; i < writer->paths.count; i++)
	{
		/* What cannot be removed is an orphan that nothing refers to. */
		PmnCode code = pmn_fs_remove(writer->lsm->fs, writer->paths.items[i]);

		if (code != PMN_OK && writer->env->log != NULL)
			writer->env->log(writer->env, 2, writer->env->error.message);
	}
	writer->env->error = saved;
}

void
pmn_data_writer_close(PmnDataFileWriter *writer)
{
	uint32_t count;

	if (writer == NULL)
		return;
	count = writer->collectors == NULL ? 0 : writer->lsm->schema->field_count;
	pmn_format_writer_close(writer->writer);
	pmn_file_writer_close(writer->file);
	if (!writer->is_finished)
		discard_files(writer);
	for (uint32_t i = 0; i < count; i++)
		pmn_stats_collector_free(&writer->collectors[i]);
	pmn_buffer_free(&writer->min_key);
	pmn_buffer_free(&writer->max_key);
	pmn_array_free(writer->env, &writer->metas);
	pmn_array_free(writer->env, &writer->paths);
	pmn_arena_destroy(writer->arena);
	pmn_free(writer->env, writer, sizeof(*writer));
}

/* ---- one file ---------------------------------------------------------- */

static PmnCode
name_file(PmnDataFileWriter *writer)
{
	const PmnTableOptions *options = writer->lsm->options;
	bool has_suffix = options->suffix_includes_compression;

	writer->name = pmn_arena_format(
		writer->arena, "%s%s-%u%s%s.%s", options->data_file_prefix,
		writer->uuid, writer->counter++, has_suffix ? "." : "",
		has_suffix ? options->file_compression : "", writer->format->name);
	if (writer->name == NULL)
		return PMN_NO_MEMORY;
	return pmn_path_data_file(writer->arena, writer->env, &writer->lsm->path,
							  writer->bucket->directory,
							  pmn_bytes_string(writer->name), NULL,
							  &writer->path);
}

static PmnCode
start_file(PmnDataFileWriter *writer)
{
	const PmnTableOptions *options = writer->lsm->options;
	PmnFormatWriteOptions write = {0};

	PMN_TRY(name_file(writer));
	write.compression = options->file_compression;
	write.compression_level = options->zstd_level;
	write.row_group_bytes = options->row_group_size;
	write.schema = writer->lsm->schema;
	PMN_TRY(pmn_fs_open_write(writer->lsm->fs, writer->path, &writer->file));
	PMN_TRY(pmn_format_open_writer(writer->format, writer->file,
								   writer->columns, writer->column_count,
								   &write, &writer->writer));
	writer->row_count = 0;
	writer->unchecked_rows = 0;
	writer->delete_count = 0;
	writer->min_sequence = INT64_MAX;
	writer->max_sequence = INT64_MIN;
	for (uint32_t i = 0; i < writer->lsm->schema->field_count; i++)
		pmn_stats_collector_reset(&writer->collectors[i]);
	return PMN_OK;
}

/* Serialize a row's key; an append table's is the empty row. */
static PmnCode
put_key(PmnDataFileWriter *writer, const PmnBatch *batch, uint32_t row,
		PmnBuffer *dst)
{
	PmnLsm *lsm = writer->lsm;
	uint32_t count = lsm->is_keyed ? lsm->key_count : 0;
	PmnValue *values;
	PmnCode code;

	values = pmn_alloc(writer->env, (count + 1) * sizeof(*values));
	if (values == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
		values[i] = pmn_vector_value(
			&batch->columns[PMN_KV_FIELDS + lsm->key_fields[i]], row);
	pmn_buffer_reset(dst);
	code = pmn_row_append_serialized(dst, lsm->key_types, values, count);
	pmn_free(writer->env, values, (count + 1) * sizeof(*values));
	return code;
}

static void
count_kinds(PmnDataFileWriter *writer, const PmnBatch *batch,
			const uint32_t *rows, uint32_t count)
{
	const int64_t *sequences = batch->columns[PMN_KV_SEQUENCE].values;
	const int32_t *kinds = batch->columns[PMN_KV_KIND].values;

	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t row = rows == NULL ? i : rows[i];

		if (sequences[row] < writer->min_sequence)
			writer->min_sequence = sequences[row];
		if (sequences[row] > writer->max_sequence)
			writer->max_sequence = sequences[row];
		writer->delete_count += (uint32_t) kinds[row] & 1;
	}
}

static PmnCode
write_rows(PmnDataFileWriter *writer, const PmnBatch *batch,
		   const uint32_t *rows, uint32_t count)
{
	uint32_t first = writer->lsm->is_keyed ? PMN_KV_FIELDS : 0;
	PmnBatch physical = {0};

	for (uint32_t i = 0; i < writer->column_count; i++)
		writer->vectors[i] = batch->columns[writer->column_sources[i]];
	physical.columns = writer->vectors;
	physical.column_count = writer->column_count;
	physical.row_count = rows == NULL ? count : batch->row_count;
	physical.selected_count = physical.row_count;
	PMN_TRY(pmn_format_write(writer->writer, &physical, rows, count));
	for (uint32_t i = 0; i < writer->lsm->schema->field_count; i++)
	{
		if (writer->modes[i].kind == PMN_STATS_NONE && !writer->lsm->is_keyed)
			continue;
		PMN_TRY(pmn_stats_collect(&writer->collectors[i],
								  &batch->columns[first + i], rows, count));
	}
	return PMN_OK;
}

/* ---- metas ------------------------------------------------------------- */

static PmnCode
key_stats(PmnDataFileWriter *writer, PmnSimpleStats *out)
{
	PmnLsm *lsm = writer->lsm;
	PmnStatsMode mode = {PMN_STATS_TRUNCATE, KEY_STATS_LENGTH};
	uint32_t count = lsm->is_keyed ? lsm->key_count : 0;
	PmnColumnStats *stats =
		pmn_arena_alloc(writer->arena, count * sizeof(*stats));

	if (stats == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
		PMN_TRY(pmn_stats_convert(writer->arena, lsm->key_types[i], mode,
								  &writer->collectors[lsm->key_fields[i]].stats,
								  &stats[i]));
	return pmn_simple_stats_make(writer->arena, stats, lsm->key_types, count,
								 out);
}

static PmnCode
value_stats(PmnDataFileWriter *writer, PmnDataFile *meta)
{
	const PmnSchema *schema = writer->lsm->schema;
	uint32_t all = schema->field_count;
	bool is_dense = writer->lsm->options->stats_dense_store;
	uint32_t count = 0;
	PmnColumnStats *stats =
		pmn_arena_alloc(writer->arena, all * sizeof(*stats));
	const PmnType **types =
		pmn_arena_alloc(writer->arena, all * sizeof(const PmnType *));
	PmnBytes *names = pmn_arena_alloc(writer->arena, all * sizeof(*names));

	if (stats == NULL || types == NULL || names == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < all; i++)
	{
		if (is_dense && writer->modes[i].kind == PMN_STATS_NONE)
			continue;
		types[count] = &schema->fields[i].type;
		names[count] = pmn_bytes_string(schema->fields[i].name);
		PMN_TRY(pmn_stats_convert(writer->arena, types[count], writer->modes[i],
								  &writer->collectors[i].stats, &stats[count]));
		count++;
	}
	if (count < all)
	{
		meta->has_value_stats_cols = true;
		meta->value_stats_cols.items = names;
		meta->value_stats_cols.count = count;
	}
	return pmn_simple_stats_make(writer->arena, stats, types, count,
								 &meta->value_stats);
}

static PmnCode
copy_buffer(PmnArena *arena, const PmnBuffer *src, PmnBytes *out)
{
	uint8_t *copy = pmn_arena_copy(arena, src->data, src->size);

	if (copy == NULL)
		return PMN_NO_MEMORY;
	*out = pmn_bytes(copy, src->size);
	return PMN_OK;
}

/* Append tables count rows; with row tracking the committer gives numbers to
 * files that carry 0. */
static void
set_sequences(PmnDataFileWriter *writer, PmnDataFile *meta)
{
	if (writer->lsm->is_keyed)
	{
		meta->min_sequence_number = writer->min_sequence;
		meta->max_sequence_number = writer->max_sequence;
		return;
	}
	if (writer->lsm->options->row_tracking)
		return;
	meta->min_sequence_number = writer->next_sequence;
	writer->next_sequence += (int64_t) writer->row_count;
	meta->max_sequence_number = writer->next_sequence - 1;
}

static PmnCode
add_meta(PmnDataFileWriter *writer, uint64_t size_bytes)
{
	PmnManifestEntry entry = {0};
	PmnDataFile *meta = &entry.file;

	meta->file_name = pmn_bytes_string(writer->name);
	meta->file_size = (int64_t) size_bytes;
	meta->row_count = (int64_t) writer->row_count;
	PMN_TRY(copy_buffer(writer->arena, &writer->min_key, &meta->min_key));
	PMN_TRY(copy_buffer(writer->arena, &writer->max_key, &meta->max_key));
	PMN_TRY(key_stats(writer, &meta->key_stats));
	PMN_TRY(value_stats(writer, meta));
	set_sequences(writer, meta);
	meta->schema_id = writer->lsm->schema->id;
	meta->level = writer->level;
	meta->creation_time =
		pmn_local_millis(writer->env->now_millis(writer->env));
	meta->has_creation_time = true;
	meta->delete_row_count = (int64_t) writer->delete_count;
	meta->has_delete_row_count = true;
	meta->file_source = writer->source;
	meta->has_file_source = true;
	writer->metas.items[writer->metas.count++] = entry;
	return PMN_OK;
}

static PmnCode
end_file(PmnDataFileWriter *writer)
{
	uint64_t size_bytes;

	/* Room first: once the file is there it must not be forgotten. */
	PMN_TRY(pmn_array_reserve(writer->env, &writer->metas, 1));
	PMN_TRY(pmn_array_reserve(writer->env, &writer->paths, 1));
	PMN_TRY(pmn_format_finish(writer->writer));
	PMN_TRY(pmn_file_finish(writer->file));
	writer->paths.items[writer->paths.count++] = writer->path;
	size_bytes = writer->file->size_bytes;
	pmn_format_writer_close(writer->writer);
	writer->writer = NULL;
	pmn_file_writer_close(writer->file);
	writer->file = NULL;
	return add_meta(writer, size_bytes);
}

/* ---- the interface ----------------------------------------------------- */

PmnCode
pmn_data_writer_add(PmnDataFileWriter *writer, const PmnBatch *batch,
					const uint32_t *rows, uint32_t count)
{
	uint32_t system = writer->lsm->is_keyed ? PMN_KV_FIELDS : 0;
	uint32_t last;

	PMN_ASSERT(batch->column_count ==
			   system + writer->lsm->schema->field_count);
	PMN_ASSERT(!writer->is_finished);
	if (count == 0)
		return PMN_OK;
	last = rows == NULL ? count - 1 : rows[count - 1];
	PMN_ASSERT(last < batch->row_count);
	if (writer->file == NULL)
	{
		PMN_TRY(start_file(writer));
		PMN_TRY(put_key(writer, batch, rows == NULL ? 0 : rows[0],
						&writer->min_key));
	}
	PMN_TRY(put_key(writer, batch, last, &writer->max_key));
	PMN_TRY(write_rows(writer, batch, rows, count));
	if (writer->lsm->is_keyed)
		count_kinds(writer, batch, rows, count);
	writer->row_count += count;
	writer->unchecked_rows += count;
	if (writer->unchecked_rows < ROLL_CHECK_ROWS)
		return PMN_OK;
	writer->unchecked_rows = 0;
	if (pmn_format_size_estimate(writer->writer) <
		(uint64_t) writer->lsm->options->target_file_size)
		return PMN_OK;
	return end_file(writer);
}

void
pmn_data_writer_sequence(PmnDataFileWriter *writer, int64_t next)
{
	writer->next_sequence = next;
}

PmnCode
pmn_data_writer_finish(PmnDataFileWriter *writer, PmnArena *arena,
					   PmnFileMetas *out)
{
	PMN_ASSERT(!writer->is_finished);
	if (writer->file != NULL)
		PMN_TRY(end_file(writer));
	PMN_TRY(pmn_array_reserve(writer->env, out, writer->metas.count));
	for (size_t i = 0; i < writer->metas.count; i++)
	{
		PmnManifestEntry copy;

		PMN_TRY(pmn_manifest_entry_copy(arena, &writer->metas.items[i], &copy));
		out->items[out->count + i] = copy.file;
	}
	out->count += writer->metas.count;
	writer->is_finished = true;
	return PMN_OK;
}
