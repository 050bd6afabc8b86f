/*
 * lsm_merge_reader_output.c
 *
 * Output batches of a merge: a single segment is a slice of its run's batch,
 * without copying; several are gathered column by column, with one tight
 * loop for each width. Deletes are left out by a selection.
 */
#include "lsm_merge_reader_internal.h"

#include "lsm_vector.h"

void
pmn_merge_add_segment(PmnMergeReader *reader, const PmnBatch *batch,
					  uint32_t first, uint32_t count)
{
	PmnMergeSegment *last = &reader->segments[reader->segment_count];

	PMN_ASSERT(count <= reader->batch_rows - reader->pending_rows);
	reader->pending_rows += count;
	if (reader->segment_count > 0 && last[-1].batch == batch &&
		last[-1].first + last[-1].count == first)
	{
		last[-1].count += count;
		return;
	}
	last->batch = batch;
	last->first = first;
	last->count = count;
	reader->segment_count++;
}
#define COPY_LOOP(T)                                                           \
	do                                                                         \
	{                                                                          \
		T *to = dst;                                                           \
		for (uint32_t s = 0; s < reader->segment_count; s++)                   \
		{                                                                      \
			const PmnMergeSegment *segment = &reader->segments[s];             \
			const T *from =                                                    \
				(const T *) segment->batch->columns[column].values +           \
				segment->first;                                                \
			for (uint32_t i = 0; i < segment->count; i++)                      \
				to[i] = from[i];                                               \
			to += segment->count;                                              \
		}                                                                      \
	} while (0)

typedef struct Wide
{
	uint64_t words[2];
} Wide;

static void
gather_values(const PmnMergeReader *reader, uint32_t column, void *dst)
{
	switch (reader->kinds[column])
	{
		case PMN_VECTOR_BOOL:
			COPY_LOOP(uint8_t);
			break;
		case PMN_VECTOR_I32:
		case PMN_VECTOR_F32:
			COPY_LOOP(uint32_t);
			break;
		case PMN_VECTOR_I64:
		case PMN_VECTOR_F64:
			COPY_LOOP(uint64_t);
			break;
		case PMN_VECTOR_DEC128:
		case PMN_VECTOR_TS96:
		case PMN_VECTOR_BYTES:
			COPY_LOOP(Wide);
			break;
		case PMN_VECTOR_NONE:
			PMN_ASSERT(false);
			break;
	}
}

static void
gather_nulls(const PmnMergeReader *reader, uint32_t column, uint8_t *dst,
			 bool *has_nulls)
{
	*has_nulls = false;
	for (uint32_t s = 0; s < reader->segment_count && !*has_nulls; s++)
		*has_nulls = reader->segments[s].batch->columns[column].nulls != NULL;
	if (!*has_nulls)
		return;
	for (uint32_t s = 0; s < reader->segment_count; s++)
	{
		const PmnMergeSegment *segment = &reader->segments[s];
		const uint8_t *nulls = segment->batch->columns[column].nulls;

		if (nulls == NULL)
			memset(dst, 0, segment->count);
		else
			memcpy(dst, nulls + segment->first, segment->count);
		dst += segment->count;
	}
}

static PmnCode
gather_segments(PmnMergeReader *reader)
{
	if (reader->block == NULL)
	{
		reader->block_size = pmn_columns_size(
			reader->kinds, reader->column_count, reader->batch_rows);
		reader->block = pmn_alloc_raw(reader->env, reader->block_size);
		if (reader->block == NULL)
			return PMN_NO_MEMORY;
		pmn_columns_place(reader->kinds, reader->column_count,
						  reader->batch_rows, reader->block, reader->gathered);
	}
	for (uint32_t i = 0; i < reader->column_count; i++)
	{
		bool has_nulls;

		reader->output.columns[i] = reader->gathered[i];
		gather_values(reader, i, reader->gathered[i].values);
		gather_nulls(reader, i, reader->gathered[i].nulls, &has_nulls);
		if (!has_nulls)
			reader->output.columns[i].nulls = NULL;
	}
	reader->output.column_count = reader->column_count;
	reader->output.row_count = reader->pending_rows;
	reader->output.selection = NULL;
	reader->output.selected_count = reader->pending_rows;
	return PMN_OK;
}

/* Select the rows that are not deletes. */
static void
select_rows(PmnMergeReader *reader)
{
	PmnBatch *output = &reader->output;
	const int32_t *kinds = output->columns[PMN_KV_KIND].values;
	uint32_t count = 0;

	for (uint32_t i = 0; i < output->row_count; i++)
	{
		reader->selection[count] = i;
		count += (kinds[i] & 1) == 0;
	}
	output->selection = count == output->row_count ? NULL : reader->selection;
	output->selected_count = count;
}

/* Turn the segments into the output batch. */
PmnCode
pmn_merge_flush(PmnMergeReader *reader)
{
	const PmnMergeSegment *only = &reader->segments[0];

	if (reader->collected.is_used)
		PMN_TRY(pmn_merge_collect_fold(reader));
	if (reader->segment_count == 1)
		pmn_batch_slice(only->batch, only->first, only->count,
						reader->output.columns, &reader->output);
	else
		PMN_TRY(gather_segments(reader));
	if (reader->drop_deletes && reader->has_retracts)
		select_rows(reader);
	reader->segment_count = 0;
	reader->pending_rows = 0;
	reader->has_retracts = false;
	return PMN_OK;
}
