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

/* ---- rows that outlive their batch ------------------------------------- */

void
pmn_merge_held_reset(PmnHeldRows *held)
{
	held->batch.row_count = 0;
	held->batch.selected_count = 0;
	if (held->arena != NULL)
		pmn_arena_reset(held->arena);
}

static PmnCode
prepare_held(PmnMergeReader *reader, PmnHeldRows *held)
{
	uint32_t columns = reader->column_count;

	if (held->block != NULL)
		return PMN_OK;
	if (held->arena == NULL)
		PMN_TRY(pmn_arena_create(reader->env, 0, &held->arena));
	held->batch.columns =
		pmn_arena_alloc(reader->arena, columns * sizeof(PmnVector));
	held->levels =
		pmn_arena_alloc(reader->arena, held->capacity * sizeof(int32_t));
	if (held->batch.columns == NULL || held->levels == NULL)
		return PMN_NO_MEMORY;
	held->block_size = pmn_columns_size(reader->kinds, columns, held->capacity);
	held->block = pmn_alloc_raw(reader->env, held->block_size);
	if (held->block == NULL)
		return PMN_NO_MEMORY;
	pmn_columns_place(reader->kinds, columns, held->capacity, held->block,
					  held->batch.columns);
	held->batch.column_count = columns;
	return PMN_OK;
}

/* Bytes of their own for a value that was copied; with headroom. */
static PmnCode
own_bytes(PmnArena *arena, PmnBytes *value)
{
	uint8_t *data =
		pmn_arena_alloc(arena, PMN_BYTES_HEADROOM + (size_t) value->size);

	if (data == NULL)
		return PMN_NO_MEMORY;
	data += PMN_BYTES_HEADROOM;
	if (value->size > 0)
		memcpy(data, value->data, value->size);
	value->data = data;
	return PMN_OK;
}

PmnCode
pmn_merge_hold_row(PmnMergeReader *reader, PmnHeldRows *held,
				   const PmnBatch *src, uint32_t row)
{
	uint32_t slot = held->batch.row_count;

	PMN_TRY(prepare_held(reader, held));
	PMN_ASSERT(slot < held->capacity);
	for (uint32_t i = 0; i < reader->column_count; i++)
	{
		const PmnVector *from = &src->columns[i];
		PmnVector *to = &held->batch.columns[i];
		size_t width = pmn_vector_width(from->kind);
		uint8_t *value = (uint8_t *) to->values + width * slot;

		to->nulls[slot] = from->nulls != NULL && from->nulls[row];
		if (to->nulls[slot])
		{
			memset(value, 0, width);
			continue;
		}
		memcpy(value, (const uint8_t *) from->values + width * row, width);
		if (from->kind == PMN_VECTOR_BYTES)
			PMN_TRY(own_bytes(held->arena, &((PmnBytes *) to->values)[slot]));
	}
	held->batch.row_count++;
	held->batch.selected_count++;
	return PMN_OK;
}

/* Copy the kept row away from a batch that is about to end. */
static PmnCode
hold_kept_row(PmnMergeReader *reader)
{
	PmnMergeGroup *group = &reader->group;

	PMN_ASSERT(reader->segment_count == 0);
	pmn_merge_held_reset(&reader->held);
	PMN_TRY(
		pmn_merge_hold_row(reader, &reader->held, group->batch, group->row));
	group->batch = &reader->held.batch;
	group->stream = PMN_NO_STREAM;
	group->row = 0;
	return PMN_OK;
}

/* ---- batches ----------------------------------------------------------- */

/* Next batch of a stream that has no current row. */
PmnCode
pmn_merge_load(PmnMergeReader *reader, uint32_t number)
{
	PmnMergeStream *stream = &reader->streams[number];

	if (reader->group.is_open && reader->collected.is_used)
		PMN_TRY(pmn_merge_collect_hold(reader, number));
	else if (reader->group.is_open && reader->group.stream == number)
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
