/*
 * lsm_merge_reader.c
 *
 * A k-way merge that thinks in stretches, not rows. The loser tree orders the
 * runs by their current rows (key, then age). Between the winner's row and
 * the runner-up's, all rows of the winner are alone with their keys: their
 * end is found by galloping over 64-bit key prefixes, and they become one
 * segment of the output. Only where keys meet are rows looked at one by one,
 * oldest first, as a group that the merge engine folds into one row.
 *
 * Output batches are either a slice of a run's batch, without copying (long
 * stretches), or gathered from segments, column by column.
 *
 * Lifetimes: segments point into the runs' batches, so a run is not asked for
 * its next batch while there are segments; the output ends first, and the
 * run moves on in the next call. A row that is kept for an open group across
 * such a move is copied ("held"); at that time no segment exists, so one
 * held row is enough.
 *
 * Runs of sort buffers may hold several rows of a key, next to each other. A
 * stretch therefore ends before a row that has the key of its successor (a
 * "stop"), and before the last row of a batch, whose successor is unknown.
 */
#include "lsm_merge_reader.h"

#include "lsm_loser_tree.h"
#include "lsm_vector.h"

#define NO_STREAM UINT32_MAX
/* A stretch of so many rows is passed on as it is. */
#define SLICE_ROWS 512

typedef struct Stream
{
	PmnRun *run;
	PmnBatch *batch; /* NULL: at its end */
	uint32_t row;
	uint64_t *prefixes; /* of the batch's rows; not when alone */
	size_t prefix_capacity;
	bool has_retracts; /* some row of the batch is -U or -D */
	/* Rows that may share their key with the next row, ascending. */
	uint32_t *stops;
	size_t stop_capacity;
	uint32_t stop_count;
	uint32_t next_stop;
} Stream;

typedef struct Segment
{
	const PmnBatch *batch;
	uint32_t first;
	uint32_t count;
} Segment;

/* The open group: rows of one key seen so far. */
typedef struct Group
{
	bool is_open;
	bool has_vanished; /* no row stays so far; kept still shows the key */
	uint32_t stream;   /* whose batch kept is in; NO_STREAM = held */
	const PmnBatch *batch;
	uint32_t row;
	uint64_t prefix;
	uint64_t row_count;
} Group;

struct PmnMergeReader
{
	PmnEnv *env;
	PmnLsm *lsm;
	PmnArena *arena;
	const PmnKvLayout *layout;
	const PmnMergeOps *merge;
	bool drop_deletes;
	bool is_exact; /* equal prefixes are equal keys */
	bool is_built;
	bool is_alone; /* one run with unique keys: no comparing at all */
	uint32_t batch_rows;
	uint32_t column_count;
	PmnVectorKind *kinds;
	Stream *streams;
	uint32_t stream_count;
	PmnLoserTree tree;
	uint32_t moved; /* stream whose row moved on, or NO_STREAM */
	Group group;
	PmnBatch held;
	PmnArena *held_arena;
	Segment *segments;
	uint32_t segment_count;
	uint32_t pending_rows;
	bool has_retracts; /* among the pending rows, maybe */
	PmnBatch output;
	uint32_t *selection;
	void *block;
	size_t block_size;
	PmnVector *gathered; /* columns over block */
};

/* ---- opening ----------------------------------------------------------- */

static int compare_streams(void *context, uint32_t a, uint32_t b);

static PmnCode
init_reader(PmnMergeReader *reader, PmnRun **runs, uint32_t run_count)
{
	PmnArena *arena = reader->arena;
	uint32_t columns = PMN_KV_FIELDS + reader->layout->field_count;

	reader->column_count = columns;
	reader->segments =
		pmn_arena_alloc(arena, reader->batch_rows * sizeof(Segment));
	reader->selection =
		pmn_arena_alloc(arena, reader->batch_rows * sizeof(uint32_t));
	reader->output.columns =
		pmn_arena_alloc(arena, columns * sizeof(PmnVector));
	reader->held.columns = pmn_arena_alloc(arena, columns * sizeof(PmnVector));
	reader->gathered = pmn_arena_alloc(arena, columns * sizeof(PmnVector));
	if (reader->segments == NULL || reader->selection == NULL ||
		reader->output.columns == NULL || reader->held.columns == NULL ||
		reader->gathered == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_kv_kinds(reader->lsm, arena, reader->layout, &reader->kinds));
	PMN_TRY(pmn_merge_lookup(reader->env, reader->lsm->options->merge_engine,
							 &reader->merge));
	PMN_TRY(pmn_arena_create(reader->env, 0, &reader->held_arena));
	PMN_TRY(pmn_loser_tree_init(&reader->tree, arena,
								run_count == 0 ? 1 : run_count,
								compare_streams, reader));
	reader->is_exact = pmn_key_prefix_is_exact(reader->layout->key.types,
											   reader->layout->key.count);
	reader->is_alone = run_count == 1 && runs[0]->has_unique_keys;
	return PMN_OK;
}

PmnCode
pmn_merge_reader_open(PmnLsm *lsm, const PmnKvLayout *layout, PmnRun **runs,
					  uint32_t run_count, const PmnMergeReadOptions *options,
					  PmnMergeReader **out)
{
	PmnMergeReader *reader = pmn_alloc(lsm->env, sizeof(*reader));
	PmnCode code = PMN_NO_MEMORY;

	*out = NULL;
	if (reader != NULL)
	{
		reader->env = lsm->env;
		reader->lsm = lsm;
		reader->layout = layout;
		reader->drop_deletes = options->drop_deletes;
		reader->batch_rows =
			options->batch_rows == 0 ? PMN_BATCH_ROWS : options->batch_rows;
		reader->moved = NO_STREAM;
		code = pmn_arena_create(lsm->env, 0, &reader->arena);
		if (code == PMN_OK)
			code = init_reader(reader, runs, run_count);
	}
	if (code == PMN_OK)
	{
		reader->streams =
			pmn_arena_alloc(reader->arena, (run_count + 1) * sizeof(Stream));
		code = reader->streams == NULL ? PMN_NO_MEMORY : PMN_OK;
	}
	if (code != PMN_OK)
	{
		for (uint32_t i = 0; i < run_count; i++)
			pmn_run_close(runs[i]);
		pmn_merge_reader_close(reader);
		return code;
	}
	for (uint32_t i = 0; i < run_count; i++)
		reader->streams[i].run = runs[i];
	reader->stream_count = run_count;
	*out = reader;
	return PMN_OK;
}

void
pmn_merge_reader_close(PmnMergeReader *reader)
{
	PmnEnv *env;

	if (reader == NULL)
		return;
	env = reader->env;
	for (uint32_t i = 0; i < reader->stream_count; i++)
	{
		Stream *stream = &reader->streams[i];

		pmn_run_close(stream->run);
		pmn_free(env, stream->prefixes,
				 stream->prefix_capacity * sizeof(*stream->prefixes));
		pmn_free(env, stream->stops,
				 stream->stop_capacity * sizeof(*stream->stops));
	}
	pmn_free(env, reader->block, reader->block_size);
	pmn_arena_destroy(reader->held_arena);
	pmn_arena_destroy(reader->arena);
	pmn_free(env, reader, sizeof(*reader));
}

/* ---- streams ----------------------------------------------------------- */

/* Keys of two rows whose prefixes are known. */
static inline int
compare_keys(const PmnMergeReader *reader, uint64_t a_prefix,
			 const PmnBatch *a, uint32_t a_row, uint64_t b_prefix,
			 const PmnBatch *b, uint32_t b_row)
{
	if (a_prefix != b_prefix)
		return a_prefix < b_prefix ? -1 : 1;
	if (reader->is_exact)
		return 0;
	return pmn_rows_compare(&reader->layout->key, a, a_row,
							&reader->layout->key, b, b_row);
}

/* Key ascending, then oldest first. */
static int
compare_streams(void *context, uint32_t a, uint32_t b)
{
	const PmnMergeReader *reader = context;
	const Stream *x = &reader->streams[a];
	const Stream *y = &reader->streams[b];
	int order;

	if (x->batch == NULL || y->batch == NULL)
		return (int) (x->batch == NULL) - (int) (y->batch == NULL);
	order = compare_keys(reader, x->prefixes[x->row], x->batch, x->row,
						 y->prefixes[y->row], y->batch, y->row);
	if (order == 0)
		order = pmn_kv_compare_order(reader->lsm, reader->layout, x->batch,
									 x->row, y->batch, y->row);
	return order;
}

static PmnCode
check_kinds(PmnMergeReader *reader, Stream *stream)
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

static PmnCode
check_order(PmnMergeReader *reader, const Stream *stream)
{
	uint32_t falls = 0;

	for (uint32_t i = 1; i < stream->batch->row_count; i++)
		falls += stream->prefixes[i - 1] > stream->prefixes[i];
	if (falls > 0)
		return pmn_fail(reader->env, PMN_CORRUPT,
						"rows of a sorted run are out of order");
	return PMN_OK;
}

static PmnCode
find_stops(PmnMergeReader *reader, Stream *stream)
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
			compare_keys(reader, prefixes[i], batch, i, prefixes[i + 1], batch,
						 i + 1) == 0)
			stream->stops[stream->stop_count++] = i;
	}
	stream->stops[stream->stop_count++] = batch->row_count - 1;
	return PMN_OK;
}

/* Copy the kept row away from a batch that is about to end. */
static PmnCode
hold_kept_row(PmnMergeReader *reader)
{
	Group *group = &reader->group;
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
	group->stream = NO_STREAM;
	group->row = 0;
	return PMN_OK;
}

/* Next batch of a stream that has no current row. */
static PmnCode
load(PmnMergeReader *reader, uint32_t number)
{
	Stream *stream = &reader->streams[number];

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

static PmnCode
build(PmnMergeReader *reader)
{
	for (uint32_t i = 0; i < reader->stream_count; i++)
		PMN_TRY(load(reader, i));
	if (reader->stream_count > 0)
		pmn_loser_tree_build(&reader->tree);
	reader->is_built = true;
	return PMN_OK;
}

/* ---- stretches --------------------------------------------------------- */

/* Whether a row of stream comes before the current row of rival, by key. */
static inline bool
is_below(const PmnMergeReader *reader, const Stream *stream, uint32_t row,
		 const Stream *rival)
{
	return compare_keys(reader, stream->prefixes[row], stream->batch, row,
						rival->prefixes[rival->row], rival->batch,
						rival->row) < 0;
}

/* First row at or behind the current one that is not below rival. */
static uint32_t
gallop(const PmnMergeReader *reader, const Stream *stream,
	   const Stream *rival)
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
static uint32_t
stretch_end(PmnMergeReader *reader, uint32_t winner)
{
	Stream *stream = &reader->streams[winner];
	uint32_t end = stream->batch->row_count;
	uint32_t second = pmn_loser_tree_second(&reader->tree);

	if (second < reader->stream_count &&
		reader->streams[second].batch != NULL)
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

static void
add_segment(PmnMergeReader *reader, const PmnBatch *batch, uint32_t first,
			uint32_t count)
{
	Segment *last = &reader->segments[reader->segment_count];

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

/* ---- groups ------------------------------------------------------------ */

static uint8_t
kind_of(const PmnBatch *batch, uint32_t row)
{
	return (uint8_t) ((const int32_t *) batch->columns[PMN_KV_KIND]
						  .values)[row];
}

static void
keep_row(Group *group, const Stream *stream, uint32_t number)
{
	group->stream = number;
	group->batch = stream->batch;
	group->row = stream->row;
	group->has_vanished = false;
}

/* Does the winner's current row belong to the open group? */
static bool
is_in_group(const PmnMergeReader *reader, const Stream *stream)
{
	const Group *group = &reader->group;

	return compare_keys(reader, stream->prefixes[stream->row], stream->batch,
						stream->row, group->prefix, group->batch,
						group->row) == 0;
}

static void
fold_row(PmnMergeReader *reader, uint32_t number)
{
	Group *group = &reader->group;
	Stream *stream = &reader->streams[number];
	uint8_t kinds[2] = {kind_of(group->batch, group->row),
						kind_of(stream->batch, stream->row)};
	bool had_vanished = group->has_vanished;
	int32_t stays = reader->merge->select(reader->lsm, kinds, 2);

	group->row_count++;
	if (stays != 0)
		keep_row(group, stream, number);
	group->has_vanished = stays < 0 || (stays == 0 && had_vanished);
}

static void
open_group(PmnMergeReader *reader, uint32_t number)
{
	Group *group = &reader->group;
	Stream *stream = &reader->streams[number];

	PMN_ASSERT(!group->is_open);
	keep_row(group, stream, number);
	group->prefix = stream->prefixes[stream->row];
	group->is_open = true;
	group->row_count = 1;
}

static void
close_group(PmnMergeReader *reader)
{
	Group *group = &reader->group;

	group->is_open = false;
	reader->env->counters.rows_merged += group->row_count - 1;
	if (group->has_vanished)
	{
		reader->env->counters.rows_merged++;
		return;
	}
	reader->has_retracts |= kind_of(group->batch, group->row) & 1;
	add_segment(reader, group->batch, group->row, 1);
}

/* ---- output ------------------------------------------------------------ */

#define COPY_LOOP(T)                                                           \
	do                                                                         \
	{                                                                          \
		T *to = dst;                                                           \
		for (uint32_t s = 0; s < reader->segment_count; s++)                   \
		{                                                                      \
			const Segment *segment = &reader->segments[s];                     \
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
		*has_nulls =
			reader->segments[s].batch->columns[column].nulls != NULL;
	if (!*has_nulls)
		return;
	for (uint32_t s = 0; s < reader->segment_count; s++)
	{
		const Segment *segment = &reader->segments[s];
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
static PmnCode
flush(PmnMergeReader *reader)
{
	const Segment *only = &reader->segments[0];

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

/* ---- the merge --------------------------------------------------------- */

/* Take the winner's stretch; *is_full when the output must end now. */
static void
take_stretch(PmnMergeReader *reader, uint32_t winner, bool *is_full)
{
	Stream *stream = &reader->streams[winner];
	uint32_t count = stretch_end(reader, winner) - stream->row;
	uint32_t room = reader->batch_rows - reader->pending_rows;

	if (count == 0)
	{
		open_group(reader, winner);
		stream->row++;
		reader->moved = winner;
		return;
	}
	if (count >= SLICE_ROWS && reader->pending_rows > 0)
	{
		/* What is pending goes out; the stretch follows as a slice. */
		*is_full = true;
		return;
	}
	if (count > room)
		count = room;
	add_segment(reader, stream->batch, stream->row, count);
	reader->has_retracts |= stream->has_retracts;
	stream->row += count;
	reader->moved = winner;
	*is_full = count >= SLICE_ROWS;
}

/* Bring the tree up to date with the stream that moved; *is_blocked when its
 * batch is used up but segments still need it. */
static PmnCode
settle(PmnMergeReader *reader, bool *is_blocked)
{
	Stream *stream;

	if (reader->moved == NO_STREAM)
		return PMN_OK;
	stream = &reader->streams[reader->moved];
	if (stream->row == stream->batch->row_count)
	{
		*is_blocked = reader->segment_count > 0;
		if (*is_blocked)
			return PMN_OK;
		PMN_TRY(load(reader, reader->moved));
	}
	pmn_loser_tree_replay(&reader->tree);
	reader->moved = NO_STREAM;
	return PMN_OK;
}

/* Collect segments until the output is full or the runs end. */
static PmnCode
collect(PmnMergeReader *reader)
{
	bool is_full = false;

	while (!is_full && reader->pending_rows < reader->batch_rows)
	{
		uint32_t winner;
		Stream *stream;

		PMN_TRY(settle(reader, &is_full));
		if (is_full)
			break;
		winner = pmn_loser_tree_winner(&reader->tree);
		stream = &reader->streams[winner];
		if (reader->group.is_open)
		{
			if (stream->batch != NULL && is_in_group(reader, stream))
			{
				fold_row(reader, winner);
				stream->row++;
				reader->moved = winner;
			}
			else
				close_group(reader);
			continue;
		}
		if (stream->batch == NULL)
			break;
		take_stretch(reader, winner, &is_full);
	}
	return PMN_OK;
}

/* One run, nothing to compare: its batches, cut to batch_rows. */
static PmnCode
collect_alone(PmnMergeReader *reader)
{
	Stream *stream = &reader->streams[0];
	uint32_t count;

	if (stream->batch != NULL && stream->row == stream->batch->row_count)
		PMN_TRY(load(reader, 0));
	if (stream->batch == NULL)
		return PMN_OK;
	count = stream->batch->row_count - stream->row;
	if (count > reader->batch_rows)
		count = reader->batch_rows;
	add_segment(reader, stream->batch, stream->row, count);
	reader->has_retracts |= stream->has_retracts;
	stream->row += count;
	return PMN_OK;
}

PmnCode
pmn_merge_reader_next(PmnMergeReader *reader, PmnBatch **out)
{
	*out = NULL;
	if (reader->stream_count == 0)
		return PMN_OK;
	if (!reader->is_built)
		PMN_TRY(build(reader));
	for (;;)
	{
		PMN_TRY(pmn_poll(reader->env));
		if (reader->is_alone)
			PMN_TRY(collect_alone(reader));
		else
			PMN_TRY(collect(reader));
		if (reader->segment_count == 0)
			return PMN_OK;
		PMN_TRY(flush(reader));
		if (reader->output.selected_count > 0)
			break;
	}
	*out = &reader->output;
	return PMN_OK;
}
