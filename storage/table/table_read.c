/*
 * table_read.c
 *
 * Splits to batches. Columns that only the filter needs are read as well and
 * left out of the result. A raw file may be pruned by row groups with the
 * whole filter; runs that are merged only with conjuncts on the key, because
 * a row that the filter excludes may be the newest version of its key. The
 * filter is then evaluated exactly on what the merge lets through.
 *
 * Counting rows needs no column: raw files without a filter are not even
 * opened, their row counts stand in the manifest.
 */
#include "table_pack.h"
#include "table_read_change.h"
#include "table_scan.h"

#include <string.h>

#include "../meta/meta_deletion_vector.h"

#define RUN_MEMORY_MIN (1u << 20)

struct PmnRead
{
	PmnEnv *env;
	PmnScan *scan;
	PmnOrderedRead *ordered; /* not NULL: all else is unused */
	PmnReadRange range;
	size_t memory_limit_bytes;
	PmnArena *arena;
	PmnArena *split_arena; /* of the split being read */
	/* Schema fields to read, each once. */
	uint32_t *fields;
	uint32_t field_count;
	uint32_t *output; /* batch column i is fields[output[i]] */
	uint32_t output_count;
	/* Column of a schema field in raw and in merged batches, or -1. */
	int32_t *raw_columns;
	int32_t *merged_columns;
	const PmnPredicate *filter;
	const PmnPredicate *key_filter;
	PmnFileIndexes *indexes; /* NULL: nothing to ask */
	bool is_again;			 /* after a rewind */
	PmnKvLayout *layout;	 /* keyed tables */
	/* Columns that no field has; kind_text is written to by those who put
	 * lengths before values. */
	bool has_special;
	_Alignas(8) uint8_t kind_text[4][8];
	PMN_ARRAY(PmnBytes) kinds;
	PMN_ARRAY(int64_t) snapshots;
	PMN_ARRAY(uint8_t) all_null;
	int64_t snapshot_id; /* of the split being read */
	PmnPacker *packer;	 /* NULL unless rows are packed */
	bool has_pairs;		 /* the split has -U and +U one after the other */
	/* What pmn_read_next hands out. */
	PmnBatch batch;
	PmnVector *columns;
	PMN_ARRAY(uint32_t) selection;
	/* Where we are. */
	size_t split;
	uint32_t file;
	int64_t rows_to_count;
	/* Reading by parts. */
	PmnPartSource next_part;
	void *part_context;
	PmnDataFileReader *file_reader;
	PmnMergeReader *merge_reader;
	PmnChangeReader *change_reader;
	PmnJoinReader *join_reader;
};

/* Rows are to be packed as they come, after nothing was left out of them. */
static PmnCode
make_packer(PmnRead *read)
{
	int32_t *specials =
		pmn_arena_alloc(read->arena, read->output_count * sizeof(*specials));

	if (specials == NULL)
		return PMN_NO_MEMORY;
	if (read->filter != NULL)
		return pmn_fail(read->env, PMN_INVALID,
						"rows of table \"%s\" cannot be filtered before they "
						"are packed",
						read->scan->table->name);
	for (uint32_t i = 0; i < read->output_count; i++)
		specials[i] =
			(int32_t) read->output[i] < 0 ? (int32_t) read->output[i] : 0;
	return pmn_packer_create(read->env, specials, read->output_count,
							 &read->packer);
}

/* Position of field in read->fields, added when it is missing. */
static PmnCode
want_field(PmnRead *read, uint32_t field, uint32_t *position)
{
	const PmnField *column = &read->scan->table->lsm.schema->fields[field];
	char type[128];

	if (pmn_type_vector_kind(&column->type) == PMN_VECTOR_NONE)
	{
		(void) pmn_fail(read->env, PMN_UNSUPPORTED,
						"column \"%s\" of table \"%s\" cannot be read",
						column->name, read->scan->table->name);
		return pmn_detail(read->env, "Its type is %s.",
						  pmn_type_name(&column->type, type, sizeof(type)));
	}
	if (read->raw_columns[field] < 0)
	{
		read->raw_columns[field] = (int32_t) read->field_count;
		read->merged_columns[field] =
			(int32_t) (PMN_KV_FIELDS + read->field_count);
		read->fields[read->field_count++] = field;
	}
	*position = (uint32_t) read->raw_columns[field];
	return PMN_OK;
}

static PmnCode
choose_fields(PmnRead *read, const int32_t *projection, uint32_t count)
{
	uint32_t field_count = read->scan->table->lsm.schema->field_count;
	bool *used = pmn_arena_alloc(read->arena, field_count);
	uint32_t position = 0;

	if (used == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
	{
		if (projection[i] < 0 && projection[i] >= PMN_COLUMN_SNAPSHOT)
		{
			read->has_special = true;
			read->output[i] = (uint32_t) projection[i];
			continue;
		}
		if (projection[i] < 0 || (uint32_t) projection[i] >= field_count)
			return pmn_fail(read->env, PMN_INVALID,
							"table \"%s\" has no column number %" PRId32,
							read->scan->table->name, projection[i]);
		PMN_TRY(want_field(read, (uint32_t) projection[i], &read->output[i]));
	}
	if (read->filter != NULL)
		pmn_predicate_fields(read->filter, used);
	for (uint32_t f = 0; f < field_count; f++)
	{
		if (used[f] || read->scan->has_diff)
			PMN_TRY(want_field(read, f, &position));
	}
	return PMN_OK;
}

static PmnCode
key_part(PmnRead *read)
{
	const PmnLsm *lsm = &read->scan->table->lsm;
	bool *allowed;

	if (read->filter == NULL)
		return PMN_OK;
	allowed = pmn_arena_alloc(read->arena, lsm->schema->field_count);
	if (allowed == NULL)
		return PMN_NO_MEMORY;
	pmn_table_mark_fields(allowed, lsm->key_fields, lsm->key_count);
	return pmn_predicate_only(read->arena, read->filter, allowed,
							  &read->key_filter);
}

static PmnCode
prepare(PmnRead *read, const int32_t *projection, uint32_t count)
{
	PmnLsm *lsm = &read->scan->table->lsm;
	uint32_t field_count = lsm->schema->field_count;
	size_t bytes = field_count * sizeof(int32_t);

	PMN_TRY(pmn_arena_create(read->env, 0, &read->arena));
	PMN_TRY(pmn_arena_create(read->env, 0, &read->split_arena));
	read->output_count = count;
	read->filter = read->scan->row_filter;
	read->fields = pmn_arena_alloc(read->arena, bytes);
	read->raw_columns = pmn_arena_alloc(read->arena, bytes);
	read->merged_columns = pmn_arena_alloc(read->arena, bytes);
	read->output = pmn_arena_alloc(read->arena, count * sizeof(uint32_t));
	read->columns = pmn_arena_alloc(read->arena, count * sizeof(PmnVector));
	if (read->fields == NULL || read->raw_columns == NULL ||
		read->merged_columns == NULL || read->output == NULL ||
		read->columns == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t f = 0; f < field_count; f++)
	{
		read->raw_columns[f] = -1;
		read->merged_columns[f] = -1;
	}
	PMN_TRY(choose_fields(read, projection, count));
	if (read->scan->pack_updates)
		PMN_TRY(make_packer(read));
	PMN_TRY(pmn_file_indexes_open(read->scan, read->arena, &read->indexes));
	if (!lsm->is_keyed)
		return PMN_OK;
	PMN_TRY(key_part(read));
	return pmn_kv_layout_make(lsm, read->arena, read->fields, read->field_count,
							  &read->layout);
}

PmnCode
pmn_read_wrap_ordered(PmnScan *scan, PmnOrderedRead *ordered, PmnRead **out)
{
	PmnRead *read = pmn_alloc(scan->env, sizeof(*read));

	*out = read;
	if (read == NULL)
		return PMN_NO_MEMORY;
	read->env = scan->env;
	read->scan = scan;
	read->ordered = ordered;
	return PMN_OK;
}

PmnCode
pmn_read_open(PmnScan *scan, const int32_t *projection, uint32_t count,
			  PmnRead **out)
{
	const PmnReadRange all = {.end_split = scan->splits.count,
							  .end_file = UINT32_MAX};

	return pmn_read_open_range(scan, projection, count, all,
							   scan->memory_limit_bytes, out);
}

PmnCode
pmn_read_open_range(PmnScan *scan, const int32_t *projection, uint32_t count,
					PmnReadRange range, size_t memory_limit_bytes,
					PmnRead **out)
{
	PmnRead *read = pmn_alloc(scan->env, sizeof(*read));
	PmnCode code;

	*out = NULL;
	if (read == NULL)
		return PMN_NO_MEMORY;
	read->env = scan->env;
	read->scan = scan;
	read->range = range;
	read->split = range.first_split;
	read->file = range.first_file;
	read->memory_limit_bytes = memory_limit_bytes;
	code = prepare(read, projection, count);
	if (code == PMN_OK)
		*out = read;
	else
		pmn_read_close(read);
	return code;
}

static void
close_split(PmnRead *read)
{
	pmn_data_file_close(read->file_reader);
	read->file_reader = NULL;
	pmn_merge_reader_close(read->merge_reader);
	read->merge_reader = NULL;
	pmn_change_close(read->change_reader);
	read->change_reader = NULL;
	pmn_join_reader_close(read->join_reader);
	read->join_reader = NULL;
	read->rows_to_count = 0;
}

PmnCode
pmn_read_rewind(PmnRead *read)
{
	if (read->ordered != NULL)
		return pmn_ordered_read_rewind(read->ordered);
	close_split(read);
	if (read->packer != NULL)
		pmn_packer_reset(read->packer);
	read->is_again = true;
	read->split = read->range.first_split;
	read->file = read->range.first_file;
	return PMN_OK;
}

void
pmn_read_close(PmnRead *read)
{
	if (read == NULL)
		return;
	pmn_ordered_read_close(read->ordered);
	close_split(read);
	pmn_packer_free(read->packer);
	pmn_file_indexes_close(read->indexes);
	pmn_array_free(read->env, &read->selection);
	pmn_array_free(read->env, &read->kinds);
	pmn_array_free(read->env, &read->snapshots);
	pmn_array_free(read->env, &read->all_null);
	pmn_arena_destroy(read->split_arena);
	pmn_arena_destroy(read->arena);
	pmn_free(read->env, read, sizeof(*read));
}

void
pmn_read_by_parts(PmnRead *read, PmnPartSource next, void *context)
{
	PMN_ASSERT(read->ordered == NULL);
	read->next_part = next;
	read->part_context = context;
}

/* ---- merged splits ---------------------------------------------------- */

static PmnCode
open_run(PmnRead *read, const PmnSplit *split, const PmnLevelRun *run,
		 size_t memory_limit_bytes, PmnRun **out)
{
	const PmnDataFile **files =
		pmn_arena_alloc(read->split_arena, run->file_count * sizeof(*files));
	bool is_alone = split->section->run_count == 1;

	if (files == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < run->file_count; i++)
		files[i] = run->files[i].file;
	return pmn_run_open_files(&read->scan->table->lsm, split->bucket, files,
							  run->file_count, read->layout,
							  is_alone ? read->filter : read->key_filter,
							  memory_limit_bytes, out);
}

static PmnCode
open_merge(PmnRead *read, const PmnSplit *split)
{
	const PmnMergeReadOptions options = {.drop_deletes =
											 !read->scan->keep_retractions};
	uint32_t count = split->section->run_count;
	size_t limit = read->memory_limit_bytes / count;
	PmnRun **runs;
	uint32_t opened = 0;
	PmnCode code = PMN_OK;

	pmn_arena_reset(read->split_arena);
	runs = pmn_arena_alloc(read->split_arena, count * sizeof(*runs));
	if (runs == NULL)
		return PMN_NO_MEMORY;
	if (limit < RUN_MEMORY_MIN)
		limit = RUN_MEMORY_MIN;
	while (opened < count)
	{
		code = open_run(read, split, &split->section->runs[opened], limit,
						&runs[opened]);
		if (code != PMN_OK)
			break;
		opened++;
	}
	if (code == PMN_OK)
		return pmn_merge_reader_open(&read->scan->table->lsm, read->layout,
									 runs, count, &options,
									 &read->merge_reader);
	for (uint32_t i = 0; i < opened; i++)
		pmn_run_close(runs[i]);
	return code;
}

/* ---- batches ---------------------------------------------------------- */

/* The kinds of a batch's rows as text; those of plain batches were added. */
static PmnCode
show_kinds(PmnRead *read, const int32_t *kinds, uint32_t count, PmnVector *out)
{
	static const char *const names[] = {"+I", "-U", "+U", "-D"};
	PmnBytes texts[4];

	for (int k = 0; k < 4; k++)
	{
		memcpy(&read->kind_text[k][PMN_BYTES_HEADROOM], names[k], 2);
		texts[k] = pmn_bytes(&read->kind_text[k][PMN_BYTES_HEADROOM], 2);
	}
	read->kinds.count = 0;
	PMN_TRY(pmn_array_reserve(read->env, &read->kinds, count));
	for (uint32_t row = 0; row < count; row++)
		read->kinds.items[row] = texts[kinds == NULL ? 0 : kinds[row] & 3];
	*out = (PmnVector){.kind = PMN_VECTOR_BYTES, .values = read->kinds.items};
	return PMN_OK;
}

/* A number that all rows have, or that none has. */
static PmnCode
show_number(PmnRead *read, int64_t number, bool known, uint32_t count,
			PmnVector *out)
{
	read->snapshots.count = 0;
	read->all_null.count = 0;
	PMN_TRY(pmn_array_reserve(read->env, &read->snapshots, count));
	PMN_TRY(pmn_array_reserve(read->env, &read->all_null, count));
	for (uint32_t row = 0; row < count; row++)
		read->snapshots.items[row] = number;
	memset(read->all_null.items, 1, count);
	*out = (PmnVector){.kind = PMN_VECTOR_I64,
					   .nulls = known ? NULL : read->all_null.items,
					   .values = read->snapshots.items};
	return PMN_OK;
}

/* Fill the columns that no field has; batch NULL: rows that are counted. */
static PmnCode
show_special(PmnRead *read, const PmnBatch *batch, bool is_key_value,
			 uint32_t count)
{
	for (uint32_t i = 0; read->has_special && i < read->output_count; i++)
	{
		PmnVector *out = &read->columns[i];

		switch ((int32_t) read->output[i])
		{
			case PMN_COLUMN_KIND:
				PMN_TRY(show_kinds(
					read,
					is_key_value ? batch->columns[PMN_KV_KIND].values : NULL,
					count, out));
				break;
			case PMN_COLUMN_SEQUENCE:
				if (is_key_value)
					*out = batch->columns[PMN_KV_SEQUENCE];
				else
					PMN_TRY(show_number(read, read->snapshot_id, false, count,
										out));
				break;
			case PMN_COLUMN_SNAPSHOT:
				PMN_TRY(show_number(read, read->snapshot_id, true, count, out));
				break;
			default:
				break;
		}
	}
	return PMN_OK;
}

/* Put the columns wanted, and the rows that match, into read->batch. */
static PmnCode
hand_out(PmnRead *read, const PmnBatch *batch, uint32_t first_column,
		 const int32_t *field_columns, PmnBatch **out)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < read->output_count; i++)
	{
		if ((int32_t) read->output[i] >= 0)
			read->columns[i] = batch->columns[first_column + read->output[i]];
	}
	PMN_TRY(show_special(read, batch, first_column == PMN_KV_FIELDS,
						 batch->row_count));
	read->batch.row_count = batch->row_count;
	read->batch.column_count = read->output_count;
	read->batch.columns = read->columns;
	read->batch.selection = batch->selection;
	read->batch.selected_count =
		batch->selection == NULL ? batch->row_count : batch->selected_count;
	if (read->filter != NULL && read->batch.selected_count > 0)
	{
		read->selection.count = 0;
		PMN_TRY(pmn_array_reserve(read->env, &read->selection,
								  read->batch.selected_count));
		PMN_TRY(pmn_predicate_select(
			read->env, read->filter, read->scan->table->lsm.schema,
			field_columns, batch, batch->selection, read->batch.selected_count,
			read->selection.items, &count));
		read->batch.selected_count = count;
		read->batch.selection =
			count == batch->row_count ? NULL : read->selection.items;
	}
	*out = read->batch.selected_count == 0 ? NULL : &read->batch;
	if (*out == NULL || read->packer == NULL)
		return PMN_OK;
	return pmn_packer_add(read->packer, &read->batch,
						  first_column == PMN_KV_FIELDS
							  ? batch->columns[PMN_KV_KIND].values
							  : NULL,
						  read->has_pairs, out);
}

static PmnCode
next_merged(PmnRead *read, PmnBatch **out)
{
	PmnBatch *batch = NULL;

	*out = NULL;
	while (*out == NULL)
	{
		PMN_TRY(pmn_merge_reader_next(read->merge_reader, &batch));
		if (batch == NULL)
			return PMN_OK;
		PMN_TRY(
			hand_out(read, batch, PMN_KV_FIELDS, read->merged_columns, out));
	}
	return PMN_OK;
}

static PmnCode
next_change(PmnRead *read, PmnBatch **out)
{
	PmnBatch *batch = NULL;

	*out = NULL;
	while (*out == NULL)
	{
		PMN_TRY(pmn_change_next(read->change_reader, &batch));
		if (batch == NULL)
			return PMN_OK;
		PMN_TRY(
			hand_out(read, batch, PMN_KV_FIELDS, read->merged_columns, out));
	}
	return PMN_OK;
}

static PmnCode
next_raw(PmnRead *read, PmnBatch **out)
{
	PmnBatch *batch = NULL;
	uint64_t first_row = 0;

	*out = NULL;
	while (*out == NULL)
	{
		PMN_TRY(pmn_data_file_next(read->file_reader, &batch, &first_row));
		if (batch == NULL)
			return PMN_OK;
		PMN_TRY(hand_out(read, batch, 0, read->raw_columns, out));
	}
	return PMN_OK;
}

static PmnCode
next_joined(PmnRead *read, PmnBatch **out)
{
	PmnBatch *batch = NULL;

	*out = NULL;
	while (*out == NULL)
	{
		PMN_TRY(pmn_join_reader_next(read->join_reader, &batch));
		if (batch == NULL)
			return PMN_OK;
		PMN_TRY(hand_out(read, batch, 0, read->raw_columns, out));
	}
	return PMN_OK;
}

static PmnCode
next_counted(PmnRead *read, PmnBatch **out)
{
	int64_t count = read->rows_to_count < PMN_BATCH_ROWS ? read->rows_to_count
														 : PMN_BATCH_ROWS;

	read->rows_to_count -= count;
	read->batch.row_count = (uint32_t) count;
	read->batch.column_count = read->output_count;
	read->batch.columns = read->columns;
	read->batch.selection = NULL;
	read->batch.selected_count = (uint32_t) count;
	*out = &read->batch;
	return show_special(read, NULL, false, (uint32_t) count);
}

/* Rows of a file, without its being opened. */
static PmnCode
count_file_rows(PmnRead *read, const PmnDataFile *file, int64_t *out)
{
	const PmnDeletionFile *deletion = file->deletion;
	PmnDeletionVector vector;
	int64_t deleted = 0;

	if (deletion != NULL)
		deleted = deletion->cardinality;
	/* Manifests of old writers do not say. */
	if (deletion != NULL && !deletion->has_cardinality)
	{
		pmn_arena_reset(read->split_arena);
		PMN_TRY(pmn_deletion_vector_read(read->scan->table->fs,
										 read->split_arena, deletion, &vector));
		deleted = (int64_t) vector.cardinality;
	}
	if (deleted < 0 || deleted > file->row_count)
		return pmn_fail(read->env, PMN_CORRUPT,
						"file \"%.*s\" of table \"%s\" has %" PRId64
						" rows, but %" PRId64 " of them are deleted",
						(int) file->file_name.size,
						(const char *) file->file_name.data,
						read->scan->table->name, file->row_count, deleted);
	*out = file->row_count - deleted;
	return PMN_OK;
}

/* Files with columns of the same rows. The filter waits for whole rows. */
static PmnCode
open_join(PmnRead *read, const PmnSplit *split)
{
	const PmnJoin *join = split->join;
	const PmnJoinRequest request = {
		.join = join,
		.bucket = split->bucket,
		.fields = read->fields,
		.field_count = read->field_count,
		.memory_limit_bytes = read->scan->memory_limit_bytes,
	};

	/* The deleted rows are bound to the last file. */
	if (read->field_count == 0)
		return count_file_rows(read, join->files[join->file_count - 1],
							   &read->rows_to_count);
	return pmn_join_reader_open(&read->scan->table->lsm, &request,
								&read->join_reader);
}

/* Once for each file: not for its later parts, and not again. */
static void
count_pruned(PmnRead *read, const PmnDataFileRequest *request)
{
	PmnScanStats *stats = &read->scan->stats;

	if (request->first_row > 0 || read->is_again || stats->files_read == 0)
		return;
	stats->files_pruned_file_index++;
	stats->files_read--;
}

/* Open the next file of a raw split, or a part of it. */
static PmnCode
open_file(PmnRead *read, const PmnSplit *split, const PmnPart *part)
{
	PmnDataFileRequest request = {
		.file = split->files[read->file],
		.bucket = split->bucket,
		.fields = read->fields,
		.field_count = read->field_count,
		.filter = read->filter,
		.memory_limit_bytes = read->memory_limit_bytes,
	};
	bool keep = true;

	if (part != NULL)
	{
		request.first_row = part->first_row;
		request.end_row = part->end_row;
		request.cut_blocks = read->scan->cut_blocks;
	}
	read->file++;
	if (read->field_count == 0 && part != NULL &&
		request.file->deletion == NULL)
	{
		read->rows_to_count = (int64_t) part->row_count;
		return PMN_OK;
	}
	/* How many rows of a part are deleted, only reading it tells. */
	if (read->field_count == 0 &&
		(part == NULL || part->row_count == (uint64_t) request.file->row_count))
		return count_file_rows(read, request.file, &read->rows_to_count);
	PMN_TRY(pmn_file_index_keeps(read->indexes, split->bucket, request.file,
								 &keep));
	if (!keep)
	{
		count_pruned(read, &request);
		return PMN_OK;
	}
	return pmn_data_file_open(&read->scan->table->lsm, &request,
							  &read->file_reader);
}

static PmnCode
advance_part(PmnRead *read, bool *done)
{
	PmnScan *scan = read->scan;
	uint32_t number = read->next_part(read->part_context);
	const PmnPart *part;
	const PmnSplit *split;

	*done = number >= scan->parts.count;
	if (*done)
		return PMN_OK;
	part = &scan->parts.items[number];
	split = &scan->splits.items[part->split];
	read->file = part->file;
	if (split->join != NULL)
		return open_join(read, split);
	return split->section != NULL ? open_merge(read, split)
								  : open_file(read, split, part);
}

/* Go on to the next file or section; *done at the end of the scan. */
static PmnCode
advance(PmnRead *read, bool *done)
{
	const PmnSplit *split;

	close_split(read);
	if (read->next_part != NULL)
		return advance_part(read, done);
	*done = read->split == read->range.end_split;
	if (*done)
		return PMN_OK;
	split = &read->scan->splits.items[read->split];
	read->snapshot_id = split->change != NULL ? split->change->snapshot_id
											  : read->scan->stats.snapshot_id;
	read->has_pairs = split->change != NULL && !split->change->is_diff;
	if (split->change != NULL && read->scan->table->lsm.is_keyed)
	{
		read->split++;
		return pmn_change_open(read->scan, split, read->layout, read->filter,
							   read->key_filter, &read->change_reader);
	}
	if (split->section != NULL || split->join != NULL)
	{
		read->split++;
		return split->join != NULL ? open_join(read, split)
								   : open_merge(read, split);
	}
	if (read->file < split->file_count && read->file < read->range.end_file)
		return open_file(read, split, NULL);
	read->split++;
	read->file = 0;
	return PMN_OK;
}

static PmnCode
next_batch(PmnRead *read, PmnBatch **out)
{
	bool done = false;

	if (read->ordered != NULL)
		return pmn_ordered_read_next(read->ordered, out);
	while (!done)
	{
		PMN_TRY(pmn_poll(read->env));
		if (read->change_reader != NULL)
			PMN_TRY(next_change(read, out));
		else if (read->merge_reader != NULL)
			PMN_TRY(next_merged(read, out));
		else if (read->file_reader != NULL)
			PMN_TRY(next_raw(read, out));
		else if (read->join_reader != NULL)
			PMN_TRY(next_joined(read, out));
		else if (read->rows_to_count > 0)
			PMN_TRY(next_counted(read, out));
		/* What waits for its pair does not wait for another split. */
		if (*out == NULL && read->packer != NULL)
			PMN_TRY(pmn_packer_flush(read->packer, out));
		if (*out != NULL)
			return PMN_OK;
		PMN_TRY(advance(read, &done));
	}
	return PMN_OK;
}

PmnCode
pmn_read_next(PmnRead *read, PmnBatch **out)
{
	PmnScan *scan = read->scan;
	PmnCode code;

	*out = NULL;
	code = next_batch(read, out);
	if (code == PMN_OK)
		return PMN_OK;
	*out = NULL;
	return pmn_table_explain_missing(
		scan->table, scan->arena, scan->is_tagged ? 0 : scan->stats.snapshot_id,
		code);
}
