/*
 * lsm_merge_reader_stream.c
 *
 * Runs inside a merge: their batches, checked and with prefixes computed, the
 * order of their current rows, and how far the winner can go without meeting
 * another run.
 */
#include "lsm_merge_reader_internal.h"

#include "lsm_vector.h"

/* Key ascending, then oldest first. */
int
pmn_merge_compare_streams(void *context, uint32_t a, uint32_t b)
{
	const PmnMergeReader *reader = context;
	const PmnMergeStream *x = &reader->streams[a];
	const PmnMergeStream *y = &reader->streams[b];
	int order;

	if (x->batch == NULL || y->batch == NULL)
		return (int) (x->batch == NULL) - (int) (y->batch == NULL);
	order =
		pmn_merge_compare_keys(reader, x->prefixes[x->row], x->batch, x->row,
							   y->prefixes[y->row], y->batch, y->row);
	if (order == 0)
		order = pmn_kv_compare_order(reader->lsm, reader->layout, x->batch,
									 x->row, y->batch, y->row);
	return order;
}

static PmnCode
check_kinds(PmnMergeReader *reader, PmnMergeStream *stream)
{
	const PmnBatch *batch = stream->batch;
	const int32_t *kinds = batch->columns[PMN_KV_KIND].values;
	uint32_t bits = 0;
	uint32_t retracts = 0;

	for (uint32_t i = 0; i < batch->row_count; i++)
	{
		bits |= (uint32_t) kinds[i];
		retracts |= (uint32_t) kinds[i] & 1;
	}
	if (bits > PMN_DELETE)
		return pmn_fail(reader->env, PMN_CORRUPT,
						"a row has a kind that does not exist");
	stream->has_retracts = retracts != 0;
	return PMN_OK;
}

/* By prefixes, inside the batch and against the one before: a file whose rows
 * are not in order would give wrong rows silently. */
static PmnCode
check_order(PmnMergeReader *reader, PmnMergeStream *stream)
{
	uint32_t count = stream->batch->row_count;
	uint32_t falls = stream->last_prefix > stream->prefixes[0];

	for (uint32_t i = 1; i < count; i++)
		falls += stream->prefixes[i - 1] > stream->prefixes[i];
	stream->last_prefix = stream->prefixes[count - 1];
	if (falls > 0)
		return pmn_fail(reader->env, PMN_CORRUPT,
						"rows of a sorted run are out of order");
	return PMN_OK;
}

static PmnCode
find_stops(PmnMergeReader *reader, PmnMergeStream *stream)
{
	const PmnBatch *batch = stream->batch;
	const uint64_t *prefixes = stream->prefixes;

	stream->stop_count = 0;
	stream->next_stop = 0;
	if (stream->run->has_unique_keys)
		return PMN_OK;
	PMN_TRY(pmn_array_grow(reader->env, (void **) &stream->stops,
						   &stream->stop_capacity, batch->row_count,
						   sizeof(*stream->stops)));
	for (uint32_t i = 0; i + 1 < batch->row_count; i++)
	{
		if (prefixes[i] == prefixes[i + 1] &&
			pmn_merge_compare_keys(reader, prefixes[i], batch, i,
								   prefixes[i + 1], batch, i + 1) == 0)
			stream->stops[stream->stop_count++] = i;
	}
	stream->stops[stream->stop_count++] = batch->row_count - 1;
	return PMN_OK;
}

/* Copy the kept row away from a batch that is about to end. */
static PmnCode
hold_kept_row(PmnMergeReader *reader)
{
	PmnMergeGroup *group = &reader->group;
	const PmnBatch *src = group->batch;

	PMN_ASSERT(reader->segment_count == 0);
	pmn_arena_reset(reader->held_arena);
	for (uint32_t i = 0; i < reader->column_count; i++)
	{
		PmnVector *from = &src->columns[i];
		PmnVector *to = &reader->held.columns[i];
		size_t width = pmn_vector_width(from->kind);
		bool is_null = from->nulls != NULL && from->nulls[group->row];

		to->kind = from->kind;
		to->nulls = pmn_arena_alloc(reader->held_arena, 1);
		to->values = pmn_arena_alloc(reader->held_arena, width);
		if (to->nulls == NULL || to->values == NULL)
			return PMN_NO_MEMORY;
		to->nulls[0] = is_null;
		if (is_null)
			continue;
		memcpy(to->values, (uint8_t *) from->values + width * group->row,
			   width);
		if (from->kind == PMN_VECTOR_BYTES)
		{
			PmnBytes *value = to->values;
			uint8_t *data = pmn_arena_alloc(
				reader->held_arena, PMN_BYTES_HEADROOM + (size_t) value->size);

			if (data == NULL)
				return PMN_NO_MEMORY;
			data += PMN_BYTES_HEADROOM;
			if (value->size > 0)
				memcpy(data, value->data, value->size);
			value->data = data;
		}
	}
	reader->held.column_count = reader->column_count;
	reader->held.row_count = 1;
	reader->held.selected_count = 1;
	group->batch = &reader->held;
	group->stream = PMN_NO_STREAM;
	group->row = 0;
	return PMN_OK;
}

/* Next batch of a stream that has no current row. */
PmnCode
pmn_merge_load(PmnMergeReader *reader, uint32_t number)
{
	PmnMergeStream *stream = &reader->streams[number];

	if (reader->group.is_open && reader->group.stream == number)
		PMN_TRY(hold_kept_row(reader));
	stream->row = 0;
	stream->batch = NULL;
	do
	{
		PMN_TRY(pmn_poll(reader->env));
		PMN_TRY(pmn_run_next(stream->run, &stream->batch));
	} while (stream->batch != NULL && stream->batch->row_count == 0);
	if (stream->batch == NULL)
		return PMN_OK;
	PMN_ASSERT(stream->batch->column_count == reader->column_count);
	PMN_TRY(check_kinds(reader, stream));
	if (reader->is_alone)
		return PMN_OK;
	PMN_TRY(pmn_array_grow(reader->env, (void **) &stream->prefixes,
						   &stream->prefix_capacity, stream->batch->row_count,
						   sizeof(*stream->prefixes)));
	pmn_rows_prefix(&reader->layout->key, stream->batch, 0,
					stream->batch->row_count, stream->prefixes);
	PMN_TRY(check_order(reader, stream));
	return find_stops(reader, stream);
}

/* ---- stretches --------------------------------------------------------- */

/* Whether a row of stream comes before the current row of rival, by key. */
static inline bool
is_below(const PmnMergeReader *reader, const PmnMergeStream *stream,
		 uint32_t row, const PmnMergeStream *rival)
{
	return pmn_merge_compare_keys(reader, stream->prefixes[row], stream->batch,
								  row, rival->prefixes[rival->row],
								  rival->batch, rival->row) < 0;
}

/* First row at or behind the current one that is not below rival. */
static uint32_t
gallop(const PmnMergeReader *reader, const PmnMergeStream *stream,
	   const PmnMergeStream *rival)
{
	uint32_t count = stream->batch->row_count;
	uint32_t low = stream->row; /* rows before low are below */
	uint32_t step = 1;
	uint32_t high;

	while (low < count && step <= count - low &&
		   is_below(reader, stream, low + step - 1, rival))
	{
		low += step;
		step *= 2;
	}
	high = step <= count - low ? low + step - 1 : count;
	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (is_below(reader, stream, middle, rival))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* End of the rows that are alone with their keys. */
uint32_t
pmn_merge_stretch_end(PmnMergeReader *reader, uint32_t winner)
{
	PmnMergeStream *stream = &reader->streams[winner];
	uint32_t end = stream->batch->row_count;
	uint32_t second = pmn_loser_tree_second(&reader->tree);

	if (second < reader->stream_count && reader->streams[second].batch != NULL)
		end = gallop(reader, stream, &reader->streams[second]);
	if (stream->run->has_unique_keys)
		return end;
	while (stream->next_stop < stream->stop_count &&
		   stream->stops[stream->next_stop] < stream->row)
		stream->next_stop++;
	if (stream->next_stop < stream->stop_count &&
		stream->stops[stream->next_stop] < end)
		end = stream->stops[stream->next_stop];
	return end;
}
