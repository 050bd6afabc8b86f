/*
 * table_read_change.c
 *
 * Changes of a keyed table, as key-value batches (format/data.md 7.3).
 *
 * Files of a delta or changelog are passed on row by row, each with the kind
 * that it carries. A difference walks through two merged streams in key
 * order: a key that only the later has, or that has another value or class
 * there, is what changed; a key that only the earlier has was deleted, which
 * is told only to those who want retractions. Selected rows of the batch at
 * hand are collected until one of the two streams needs its next batch; so no
 * row is copied, and changes of the two streams come in no common order.
 */
#include "table_read_change.h"

#include <string.h>

#define RUN_MEMORY_MIN (1u << 20)

/* One of the two streams that are compared. */
typedef struct DiffSide
{
	PmnMergeReader *reader;	  /* NULL: there are no files */
	PmnBatch *batch;		  /* NULL at the end */
	uint32_t at;			  /* place in the batch's selection */
	PMN_ARRAY(uint32_t) rows; /* of the batch, to hand out */
} DiffSide;

struct PmnChangeReader
{
	PmnEnv *env;
	PmnScan *scan;
	PmnArena *arena;
	const PmnSplit *split;
	const PmnKvLayout *layout;
	const PmnPredicate *filter;
	bool keeps_retractions;
	/* Row by row. */
	uint32_t next_file;
	PmnDataFileReader *file_reader;
	PMN_ARRAY(uint32_t) selection;
	/* A difference. */
	DiffSide before;
	DiffSide after;
	bool is_started;
	PmnBatch view; /* what was handed out */
	PmnVector *columns;
	PMN_ARRAY(int32_t) kinds; /* all PMN_DELETE */
};

/* ---- row by row ------------------------------------------------------- */

static PmnCode
open_file(PmnChangeReader *reader)
{
	PmnDataFileRequest request = {
		.file = reader->split->files[reader->next_file++],
		.bucket = reader->split->bucket,
		.is_key_value = true,
		.fields = reader->layout->fields,
		.field_count = reader->layout->field_count,
		.filter = reader->filter,
		.memory_limit_bytes = reader->scan->memory_limit_bytes,
	};

	return pmn_data_file_open(&reader->scan->table->lsm, &request,
							  &reader->file_reader);
}

static bool
is_retraction(int32_t kind)
{
	return kind == PMN_UPDATE_BEFORE || kind == PMN_DELETE;
}

/* Leave out rows that take away; *out NULL when none is left. */
static PmnCode
select_additions(PmnChangeReader *reader, PmnBatch *batch, PmnBatch **out)
{
	const int32_t *kinds = batch->columns[PMN_KV_KIND].values;
	uint32_t count = 0;

	*out = batch;
	if (reader->keeps_retractions)
		return PMN_OK;
	reader->selection.count = 0;
	PMN_TRY(
		pmn_array_reserve(reader->env, &reader->selection, batch->row_count));
	for (uint32_t row = 0; row < batch->row_count; row++)
	{
		reader->selection.items[count] = row;
		count += !is_retraction(kinds[row]);
	}
	if (count == batch->row_count)
		return PMN_OK;
	reader->view = *batch;
	reader->view.selection = reader->selection.items;
	reader->view.selected_count = count;
	*out = count == 0 ? NULL : &reader->view;
	return PMN_OK;
}

static PmnCode
next_from_files(PmnChangeReader *reader, PmnBatch **out)
{
	PmnBatch *batch = NULL;
	uint64_t first_row = 0;

	*out = NULL;
	while (*out == NULL)
	{
		PMN_TRY(pmn_poll(reader->env));
		if (reader->file_reader == NULL)
		{
			if (reader->next_file == reader->split->file_count)
				return PMN_OK;
			PMN_TRY(open_file(reader));
		}
		PMN_TRY(pmn_data_file_next(reader->file_reader, &batch, &first_row));
		if (batch != NULL)
			PMN_TRY(select_additions(reader, batch, out));
		else
		{
			pmn_data_file_close(reader->file_reader);
			reader->file_reader = NULL;
		}
	}
	return PMN_OK;
}

/* ---- difference ------------------------------------------------------- */

static PmnCode
open_runs(PmnChangeReader *reader, const PmnLevelRun *level_runs,
		  uint32_t count, size_t limit, PmnRun **runs, uint32_t *opened)
{
	for (*opened = 0; *opened < count; (*opened)++)
	{
		const PmnLevelRun *run = &level_runs[*opened];
		const PmnDataFile **files =
			pmn_arena_alloc(reader->arena, run->file_count * sizeof(*files));

		if (files == NULL)
			return PMN_NO_MEMORY;
		for (uint32_t i = 0; i < run->file_count; i++)
			files[i] = run->files[i].file;
		PMN_TRY(pmn_run_open_files(&reader->scan->table->lsm,
								   reader->split->bucket, files,
								   run->file_count, reader->layout,
								   reader->filter, limit, &runs[*opened]));
	}
	return PMN_OK;
}

static PmnCode
open_side(PmnChangeReader *reader, const PmnLevelRun *level_runs,
		  uint32_t count, DiffSide *side)
{
	const PmnMergeReadOptions options = {.drop_deletes =
											 !reader->keeps_retractions};
	size_t limit = reader->scan->memory_limit_bytes / 2;
	PmnRun **runs;
	uint32_t opened = 0;
	PmnCode code;

	if (count == 0)
		return PMN_OK;
	limit /= count;
	if (limit < RUN_MEMORY_MIN)
		limit = RUN_MEMORY_MIN;
	runs = pmn_arena_alloc(reader->arena, count * sizeof(PmnRun *));
	if (runs == NULL)
		return PMN_NO_MEMORY;
	code = open_runs(reader, level_runs, count, limit, runs, &opened);
	if (code == PMN_OK)
		return pmn_merge_reader_open(&reader->scan->table->lsm, reader->layout,
									 runs, count, &options, &side->reader);
	for (uint32_t i = 0; i < opened; i++)
		pmn_run_close(runs[i]);
	return code;
}

static PmnCode
fetch(DiffSide *side)
{
	side->batch = NULL;
	side->at = 0;
	side->rows.count = 0;
	if (side->reader == NULL)
		return PMN_OK;
	return pmn_merge_reader_next(side->reader, &side->batch);
}

static uint32_t
count_of(const PmnBatch *batch)
{
	return batch->selection == NULL ? batch->row_count : batch->selected_count;
}

static bool
is_exhausted(const DiffSide *side)
{
	return side->batch != NULL && side->at == count_of(side->batch);
}

static uint32_t
row_of(const DiffSide *side)
{
	return side->batch->selection == NULL ? side->at
										  : side->batch->selection[side->at];
}

static bool
same_element(const PmnVector *a, uint32_t a_row, const PmnVector *b,
			 uint32_t b_row)
{
	bool a_null = a->nulls != NULL && a->nulls[a_row] != 0;
	bool b_null = b->nulls != NULL && b->nulls[b_row] != 0;
	const PmnTimestamp *x;
	const PmnTimestamp *y;
	size_t width;

	if (a_null || b_null)
		return a_null == b_null;
	if (a->kind == PMN_VECTOR_BYTES)
		return pmn_bytes_equal(((const PmnBytes *) a->values)[a_row],
							   ((const PmnBytes *) b->values)[b_row]);
	if (a->kind == PMN_VECTOR_TS96)
	{
		x = &((const PmnTimestamp *) a->values)[a_row];
		y = &((const PmnTimestamp *) b->values)[b_row];
		return x->millis == y->millis && x->nano == y->nano;
	}
	width = pmn_vector_width(a->kind);
	return memcmp((const uint8_t *) a->values + a_row * width,
				  (const uint8_t *) b->values + b_row * width, width) == 0;
}

/* Equal values in all columns, and both add or both take away. */
static bool
is_unchanged(const PmnChangeReader *reader)
{
	const PmnBatch *a = reader->before.batch;
	const PmnBatch *b = reader->after.batch;
	uint32_t a_row = row_of(&reader->before);
	uint32_t b_row = row_of(&reader->after);
	const int32_t *a_kinds = a->columns[PMN_KV_KIND].values;
	const int32_t *b_kinds = b->columns[PMN_KV_KIND].values;

	if (is_retraction(a_kinds[a_row]) != is_retraction(b_kinds[b_row]))
		return false;
	for (uint32_t i = 0; i < reader->layout->field_count; i++)
	{
		if (!same_element(&a->columns[PMN_KV_FIELDS + i], a_row,
						  &b->columns[PMN_KV_FIELDS + i], b_row))
			return false;
	}
	return true;
}

static PmnCode
take_row(PmnChangeReader *reader, DiffSide *side)
{
	PMN_TRY(pmn_array_reserve(reader->env, &side->rows, 1));
	side->rows.items[side->rows.count++] = row_of(side);
	return PMN_OK;
}

/* A key of the earlier stream alone: deleted, unless it was a delete. */
static PmnCode
step_before(PmnChangeReader *reader)
{
	DiffSide *side = &reader->before;
	const int32_t *kinds = side->batch->columns[PMN_KV_KIND].values;

	if (reader->keeps_retractions && !is_retraction(kinds[row_of(side)]))
		PMN_TRY(take_row(reader, side));
	side->at++;
	return PMN_OK;
}

/* Compare until a batch is used up. */
static PmnCode
walk(PmnChangeReader *reader)
{
	DiffSide *before = &reader->before;
	DiffSide *after = &reader->after;
	const PmnKeyColumns *key = &reader->layout->key;

	while (!is_exhausted(before) && !is_exhausted(after))
	{
		int order;

		if (before->batch == NULL && after->batch == NULL)
			return PMN_OK;
		if (before->batch == NULL)
			order = 1;
		else if (after->batch == NULL)
			order = -1;
		else
			order = pmn_rows_compare(key, before->batch, row_of(before), key,
									 after->batch, row_of(after));
		if (order < 0)
		{
			PMN_TRY(step_before(reader));
			continue;
		}
		if (order > 0 || !is_unchanged(reader))
			PMN_TRY(take_row(reader, after));
		after->at++;
		if (order == 0)
			before->at++;
	}
	return PMN_OK;
}

/* Rows of the earlier stream are handed out as deletes. */
static PmnCode
show_deleted(PmnChangeReader *reader, const PmnBatch *batch)
{
	PMN_TRY(pmn_array_reserve(reader->env, &reader->kinds, batch->row_count));
	for (uint32_t i = 0; i < batch->row_count; i++)
		reader->kinds.items[i] = PMN_DELETE;
	memcpy(reader->columns, batch->columns,
		   batch->column_count * sizeof(*reader->columns));
	reader->columns[PMN_KV_KIND].values = reader->kinds.items;
	reader->view.columns = reader->columns;
	return PMN_OK;
}

/* What was collected of a side; *out NULL when that is nothing. */
static PmnCode
hand_out(PmnChangeReader *reader, DiffSide *side, PmnBatch **out)
{
	*out = NULL;
	if (side->rows.count == 0)
		return PMN_OK;
	reader->view = *side->batch;
	reader->view.selection = side->rows.items;
	reader->view.selected_count = (uint32_t) side->rows.count;
	if (side == &reader->before)
		PMN_TRY(show_deleted(reader, side->batch));
	/* Not again: the rows stay until the next call. */
	side->rows.count = 0;
	*out = &reader->view;
	return PMN_OK;
}

static PmnCode
start(PmnChangeReader *reader)
{
	const PmnChangeSplit *change = reader->split->change;

	reader->is_started = true;
	reader->columns = pmn_arena_alloc(
		reader->arena, (PMN_KV_FIELDS + reader->layout->field_count) *
						   sizeof(*reader->columns));
	if (reader->columns == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(open_side(reader, change->before, change->before_count,
					  &reader->before));
	PMN_TRY(
		open_side(reader, change->after, change->after_count, &reader->after));
	PMN_TRY(fetch(&reader->before));
	return fetch(&reader->after);
}

static PmnCode
next_difference(PmnChangeReader *reader, PmnBatch **out)
{
	*out = NULL;
	if (!reader->is_started)
		PMN_TRY(start(reader));
	while (reader->before.batch != NULL || reader->after.batch != NULL)
	{
		PMN_TRY(pmn_poll(reader->env));
		PMN_TRY(walk(reader));
		/* A batch goes only after its rows have been handed out. */
		if (is_exhausted(&reader->after))
		{
			PMN_TRY(hand_out(reader, &reader->after, out));
			if (*out != NULL)
				return PMN_OK;
			PMN_TRY(fetch(&reader->after));
		}
		if (is_exhausted(&reader->before))
		{
			PMN_TRY(hand_out(reader, &reader->before, out));
			if (*out != NULL)
				return PMN_OK;
			PMN_TRY(fetch(&reader->before));
		}
	}
	return PMN_OK;
}

/* ---- all -------------------------------------------------------------- */

PmnCode
pmn_change_open(PmnScan *scan, const PmnSplit *split, const PmnKvLayout *layout,
				const PmnPredicate *file_filter, const PmnPredicate *key_filter,
				PmnChangeReader **out)
{
	PmnChangeReader *reader = pmn_alloc(scan->env, sizeof(*reader));
	PmnCode code;

	*out = NULL;
	if (reader == NULL)
		return PMN_NO_MEMORY;
	PMN_ASSERT(split->change != NULL && scan->table->lsm.is_keyed);
	reader->env = scan->env;
	reader->scan = scan;
	reader->split = split;
	reader->layout = layout;
	reader->filter = split->change->is_diff ? key_filter : file_filter;
	reader->keeps_retractions = scan->keep_retractions;
	code = pmn_arena_create(scan->env, 0, &reader->arena);
	if (code == PMN_OK)
		*out = reader;
	else
		pmn_change_close(reader);
	return code;
}

PmnCode
pmn_change_next(PmnChangeReader *reader, PmnBatch **out)
{
	return reader->split->change->is_diff ? next_difference(reader, out)
										  : next_from_files(reader, out);
}

void
pmn_change_close(PmnChangeReader *reader)
{
	if (reader == NULL)
		return;
	pmn_data_file_close(reader->file_reader);
	pmn_merge_reader_close(reader->before.reader);
	pmn_merge_reader_close(reader->after.reader);
	pmn_array_free(reader->env, &reader->before.rows);
	pmn_array_free(reader->env, &reader->after.rows);
	pmn_array_free(reader->env, &reader->selection);
	pmn_array_free(reader->env, &reader->kinds);
	pmn_arena_destroy(reader->arena);
	pmn_free(reader->env, reader, sizeof(*reader));
}
