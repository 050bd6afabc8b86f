/*
 * table_file_index.c
 *
 * Leaving out files by their file indexes (index/). A small index lies in the
 * file's manifest entry, and planning asks it of tables whose files are judged
 * one by one; a large one is a file beside the data file, and is read just
 * before the data file would be. Either only where each row of the file counts
 * as it is: never for runs that are merged, where a row that the filter
 * excludes may hide an older one.
 *
 * Indexes know columns by the names of the schema that the file was written
 * with; a column whose type has changed since is not asked for.
 */
#include "table_scan.h"

#include <string.h>

#include "../index/index.h"

/* A larger one takes longer to read than it can save. */
#define INDEX_SIZE_MAX (64u << 20)

struct PmnFileIndexes
{
	PmnScan *scan;
	PmnFileStats stats; /* for the look at the file's schema */
	const char **names; /* by table field */
	PmnArena *scratch;	/* of one file */
};

PmnCode
pmn_file_indexes_open(PmnScan *scan, PmnArena *arena, PmnFileIndexes **out)
{
	const PmnSchema *schema = scan->table->lsm.schema;
	const char *enabled = pmn_schema_option(scan->table->latest_schema,
											"file-index.read.enabled");
	PmnFileIndexes *indexes;

	*out = NULL;
	if (scan->row_filter == NULL ||
		(enabled != NULL && strcasecmp(enabled, "false") == 0))
		return PMN_OK;
	indexes = pmn_arena_alloc(arena, sizeof(*indexes));
	if (indexes == NULL)
		return PMN_NO_MEMORY;
	indexes->scan = scan;
	indexes->names =
		pmn_arena_alloc(arena, schema->field_count * sizeof(char *));
	if (indexes->names == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_file_stats_init(&indexes->stats, scan->table, arena));
	if (pmn_arena_create(scan->env, 0, &indexes->scratch) != PMN_OK)
	{
		pmn_file_stats_free(&indexes->stats);
		return PMN_NO_MEMORY;
	}
	*out = indexes;
	return PMN_OK;
}

void
pmn_file_indexes_close(PmnFileIndexes *indexes)
{
	if (indexes == NULL)
		return;
	pmn_file_stats_free(&indexes->stats);
	pmn_arena_destroy(indexes->scratch);
}

static PmnCode
find_names(PmnFileIndexes *indexes, const PmnDataFile *file)
{
	const PmnFileStats *stats = &indexes->stats;
	uint32_t count = indexes->scan->table->lsm.schema->field_count;

	PMN_TRY(pmn_file_stats_schema(&indexes->stats, file));
	for (uint32_t f = 0; f < count; f++)
		indexes->names[f] =
			stats->same_type[f]
				? stats->file_schema->fields[stats->file_fields[f]].name
				: NULL;
	return PMN_OK;
}

static PmnCode
evaluate(PmnFileIndexes *indexes, const PmnDataFile *file, PmnBytes bytes,
		 const char *name, bool *keep)
{
	PmnScan *scan = indexes->scan;
	PmnIndexColumns columns = {scan->table->lsm.schema, indexes->names};
	PmnRows rows;

	PMN_TRY(find_names(indexes, file));
	PMN_TRY(pmn_index_evaluate(scan->env, indexes->scratch, bytes, name,
							   &columns, scan->row_filter, file->row_count,
							   &rows));
	*keep = rows.kind != PMN_ROWS_NONE;
	return PMN_OK;
}

PmnCode
pmn_file_index_embedded(PmnFileIndexes *indexes, const PmnDataFile *file,
						bool *keep)
{
	char *name;

	*keep = true;
	if (indexes == NULL || !file->has_embedded_index)
		return PMN_OK;
	pmn_arena_reset(indexes->scratch);
	name = pmn_arena_string_n(indexes->scratch,
							  (const char *) file->file_name.data,
							  file->file_name.size);
	if (name == NULL)
		return PMN_NO_MEMORY;
	return evaluate(indexes, file, file->embedded_index, name, keep);
}

/* The only extra file that is an index; size 0 when there is none. */
static PmnBytes
index_name(const PmnDataFile *file)
{
	const PmnBytes *names = file->extra_files.items;
	const PmnBytes end = pmn_bytes_string(".index");
	PmnBytes found = {NULL, 0};

	for (uint32_t i = 0; i < file->extra_files.count; i++)
	{
		if (names[i].size > end.size &&
			memcmp(names[i].data + names[i].size - end.size, end.data,
				   end.size) == 0)
		{
			if (found.size > 0)
				return pmn_bytes(NULL, 0);
			found = names[i];
		}
	}
	return found;
}

/* The whole file; *bytes NULL when it is not worth it. */
static PmnCode
read_index(PmnFileIndexes *indexes, const char *path, PmnBytes *out)
{
	PmnFileReader *reader = NULL;
	uint8_t *bytes = NULL;
	PmnCode code;

	*out = pmn_bytes(NULL, 0);
	code = pmn_fs_open_read(indexes->scan->table->fs, path, &reader);
	if (code == PMN_OK && reader->size_bytes <= INDEX_SIZE_MAX)
	{
		bytes = pmn_arena_alloc_raw(indexes->scratch,
									(size_t) reader->size_bytes, 8);
		code = bytes == NULL
				   ? PMN_NO_MEMORY
				   : pmn_file_read_at(reader, 0, (size_t) reader->size_bytes,
									  bytes);
		*out = pmn_bytes(bytes, (size_t) reader->size_bytes);
	}
	pmn_file_reader_close(reader);
	return code;
}

PmnCode
pmn_file_index_keeps(PmnFileIndexes *indexes, const PmnBucket *bucket,
					 const PmnDataFile *file, bool *keep)
{
	PmnBytes name = index_name(file);
	PmnTable *table;
	PmnBytes bytes;
	char *path = NULL;
	char *slash;

	*keep = true;
	if (indexes == NULL)
		return PMN_OK;
	if (file->has_embedded_index)
		return pmn_file_index_embedded(indexes, file, keep);
	if (name.size == 0 || !pmn_path_name_is_valid(name))
		return PMN_OK;
	table = indexes->scan->table;
	pmn_arena_reset(indexes->scratch);
	/* Beside the data file, wherever that is. */
	PMN_TRY(pmn_path_data_file(
		indexes->scratch, table->env, &table->lsm.path, bucket->directory,
		file->file_name, file->has_external_path ? &file->external_path : NULL,
		&path));
	slash = strrchr(path, '/');
	if (slash == NULL)
		return PMN_OK;
	path = pmn_arena_format(indexes->scratch, "%.*s/%.*s", (int) (slash - path),
							path, (int) name.size, (const char *) name.data);
	if (path == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(read_index(indexes, path, &bytes));
	return bytes.data == NULL ? PMN_OK
							  : evaluate(indexes, file, bytes, path, keep);
}
