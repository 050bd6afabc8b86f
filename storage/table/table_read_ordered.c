/*
 * table_read_ordered.c
 *
 * The rows of a scan in key order. Rows of one bucket come in the order of
 * the trimmed primary key, section after section: a "stream". Where a
 * compaction has decided what replaces what, files of a bucket may overlap,
 * and each is a stream of its own. Partition columns are the same in all rows
 * of a stream, so that a stream is in order also with these put anywhere
 * among the key's columns. Streams are merged by a loser tree.
 *
 * The output ends where a stream's batch is used up, as its rows point into
 * it; the stream moves on in the next call. A batch that comes before all
 * other streams' rows, and that of a stream alone, is passed on as it is.
 *
 * All streams are open at once, so there may not be too many. Their memory is
 * the scan's, shared out. Nothing here depends on what a plan has seen: the
 * streams are those of the scan that is read.
 */
#include "table_scan.h"

#include "../lsm/lsm_loser_tree.h"
#include "../lsm/lsm_vector.h"

#include <string.h>

#define STREAMS_MAX 64
#define STREAM_MEMORY_MIN (1u << 20)
#define NO_STREAM UINT32_MAX

/* Bits of a row's number in what gathering takes. */
#define ROW_BITS 16

typedef struct Stream
{
	PmnRead *read;
	PmnBatch *batch;	/* NULL: at the end */
	uint32_t at;		/* of the batch's selected rows */
	uint32_t row;		/* the batch's, at that place */
	uint64_t *prefixes; /* of the batch's rows */
	size_t prefix_capacity;
	uint64_t last_prefix; /* of the batch before */
} Stream;

struct PmnOrderedRead
{
	PmnEnv *env;
	PmnScan *scan;
	PmnArena *arena;
	Stream *streams;
	uint32_t stream_count;
	uint32_t opened;
	PmnKeyColumns key; /* columns of the batches */
	bool is_exact;	   /* prefixes say all about the key */
	PmnLoserTree tree;
	bool is_built;
	uint32_t moved; /* its batch is used up; or NO_STREAM */
	/* Rows of the output: stream << ROW_BITS | row. */
	uint32_t *rows;
	PmnBatch batch;
	PmnVectorKind *kinds;
	void *block;
	size_t block_size;
	const uint8_t **sources; /* of a column, by stream */
	uint8_t *no_nulls;		 /* zeroes, for a batch's rows */
};

/* ---- what is in order -------------------------------------------------- */

static bool
is_partition_field(const PmnLsm *lsm, int32_t field)
{
	for (uint32_t i = 0; i < lsm->partition_count; i++)
	{
		if ((int32_t) lsm->partition_fields[i] == field)
			return true;
	}
	return false;
}

/* Without partition columns, order must begin the key. */
static bool
begins_key(const PmnLsm *lsm, const int32_t *order, uint32_t count)
{
	uint32_t next = 0;

	if (!lsm->is_keyed || count == 0)
		return false;
	for (uint32_t i = 0; i < count; i++)
	{
		if (next < lsm->key_count &&
			(int32_t) lsm->key_fields[next] == order[i])
			next++;
		else if (!is_partition_field(lsm, order[i]))
			return false;
	}
	return true;
}

static bool
is_sorted(const PmnSplit *split)
{
	return split->section != NULL || split->is_sorted;
}

/*
 * The stream that begins at *split and *file; both are moved behind it. False
 * at the end of the scan.
 */
static bool
next_stream(const PmnScan *scan, size_t *split, uint32_t *file,
			PmnReadRange *out)
{
	const PmnSplit *splits = scan->splits.items;
	size_t end = *split;

	if (end == scan->splits.count)
		return false;
	*out = (PmnReadRange){.first_split = end,
						  .end_split = end + 1,
						  .first_file = *file,
						  .end_file = UINT32_MAX};
	if (!is_sorted(&splits[end]))
	{
		out->end_file = ++*file;
		if (*file >= splits[end].file_count)
		{
			(*split)++;
			*file = 0;
		}
		return true;
	}
	while (end < scan->splits.count &&
		   splits[end].bucket == splits[out->first_split].bucket &&
		   is_sorted(&splits[end]))
		end++;
	out->end_split = end;
	*split = end;
	return true;
}

/* STREAMS_MAX + 1 stands for any greater number. */
static uint32_t
count_streams(const PmnScan *scan)
{
	PmnReadRange range;
	size_t split = 0;
	uint32_t file = 0;
	uint32_t count = 0;

	while (count <= STREAMS_MAX && next_stream(scan, &split, &file, &range))
		count++;
	return count;
}

bool
pmn_scan_has_order(const PmnScan *scan, const int32_t *order,
				   uint32_t order_count)
{
	return !scan->has_changes && !scan->keep_retractions &&
		   begins_key(&scan->table->lsm, order, order_count) &&
		   count_streams(scan) <= STREAMS_MAX;
}

/* ---- opening ----------------------------------------------------------- */

static int
compare_rows(const PmnOrderedRead *ordered, const Stream *x, const Stream *y)
{
	uint64_t a = x->prefixes[x->row];
	uint64_t b = y->prefixes[y->row];

	if (a != b)
		return a < b ? -1 : 1;
	if (ordered->is_exact)
		return 0;
	return pmn_rows_compare(&ordered->key, x->batch, x->row, &ordered->key,
							y->batch, y->row);
}

static int
compare_streams(void *context, uint32_t a, uint32_t b)
{
	const PmnOrderedRead *ordered = context;
	const Stream *x = &ordered->streams[a];
	const Stream *y = &ordered->streams[b];

	if (x->batch == NULL || y->batch == NULL)
		return (int) (x->batch == NULL) - (int) (y->batch == NULL);
	return compare_rows(ordered, x, y);
}

/* The key in terms of the batches' columns. */
static PmnCode
find_key(PmnOrderedRead *ordered, const int32_t *projection,
		 uint32_t projection_count, const int32_t *order, uint32_t order_count)
{
	const PmnSchema *schema = ordered->scan->table->lsm.schema;
	const PmnType **types =
		pmn_arena_alloc(ordered->arena, order_count * sizeof(*types));
	uint32_t *columns =
		pmn_arena_alloc(ordered->arena, order_count * sizeof(*columns));

	if (types == NULL || columns == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < projection_count; i++)
	{
		if (projection[i] < 0 ||
			(uint32_t) projection[i] >= schema->field_count)
			return pmn_fail(ordered->env, PMN_INVALID,
							"table \"%s\" has no column number %" PRId32,
							ordered->scan->table->name, projection[i]);
	}
	for (uint32_t i = 0; i < order_count; i++)
	{
		types[i] = &schema->fields[order[i]].type;
		columns[i] = 0;
		while (columns[i] < projection_count &&
			   projection[columns[i]] != order[i])
			columns[i]++;
		if (columns[i] == projection_count)
			return pmn_fail(ordered->env, PMN_INVALID,
							"table \"%s\" is read in the order of column "
							"\"%s\", but without it",
							ordered->scan->table->name,
							schema->fields[order[i]].name);
	}
	ordered->key.types = types;
	ordered->key.columns = columns;
	ordered->key.count = order_count;
	ordered->is_exact = pmn_key_prefix_is_exact(types, order_count);
	return PMN_OK;
}

static PmnCode
open_streams(PmnOrderedRead *ordered, const int32_t *projection,
			 uint32_t projection_count)
{
	PmnScan *scan = ordered->scan;
	PmnReadRange range;
	size_t split = 0;
	uint32_t file = 0;
	size_t limit = scan->memory_limit_bytes;

	ordered->stream_count = count_streams(scan);
	if (ordered->stream_count == 0)
		return PMN_OK;
	limit /= ordered->stream_count;
	if (limit < STREAM_MEMORY_MIN)
		limit = STREAM_MEMORY_MIN;
	ordered->streams = pmn_arena_alloc(
		ordered->arena, ordered->stream_count * sizeof(*ordered->streams));
	if (ordered->streams == NULL)
		return PMN_NO_MEMORY;
	while (next_stream(scan, &split, &file, &range))
	{
		PMN_TRY(pmn_read_open_range(scan, projection, projection_count, range,
									limit,
									&ordered->streams[ordered->opened].read));
		ordered->opened++;
	}
	PMN_ASSERT(ordered->opened == ordered->stream_count);
	return pmn_loser_tree_init(&ordered->tree, ordered->arena,
							   ordered->stream_count, compare_streams, ordered);
}

/* What a merge of several streams gives its rows with. */
static PmnCode
make_output(PmnOrderedRead *ordered, const int32_t *projection, uint32_t count)
{
	const PmnSchema *schema = ordered->scan->table->lsm.schema;
	PmnArena *arena = ordered->arena;
	PmnBatch *batch = &ordered->batch;

	if (ordered->stream_count <= 1)
		return PMN_OK;
	batch->columns = pmn_arena_alloc(arena, count * sizeof(PmnVector));
	ordered->kinds = pmn_arena_alloc(arena, count * sizeof(PmnVectorKind));
	ordered->rows = pmn_arena_alloc(arena, PMN_BATCH_ROWS * sizeof(uint32_t));
	ordered->no_nulls = pmn_arena_alloc(arena, PMN_BATCH_ROWS);
	ordered->sources = pmn_arena_alloc(arena, ordered->stream_count *
												  sizeof(*ordered->sources));
	if (batch->columns == NULL || ordered->kinds == NULL ||
		ordered->rows == NULL || ordered->no_nulls == NULL ||
		ordered->sources == NULL)
		return PMN_NO_MEMORY;
	batch->column_count = count;
	for (uint32_t i = 0; i < count; i++)
		ordered->kinds[i] =
			pmn_type_vector_kind(&schema->fields[projection[i]].type);
	ordered->block_size =
		pmn_columns_size(ordered->kinds, count, PMN_BATCH_ROWS);
	ordered->block = pmn_alloc_raw(ordered->env, ordered->block_size);
	return ordered->block == NULL ? PMN_NO_MEMORY : PMN_OK;
}

PmnCode
pmn_read_open_ordered(PmnScan *scan, const int32_t *projection, uint32_t count,
					  const int32_t *order, uint32_t order_count, PmnRead **out)
{
	PmnOrderedRead *ordered;
	PmnCode code;

	*out = NULL;
	if (!pmn_scan_has_order(scan, order, order_count))
		return PMN_OK;
	ordered = pmn_alloc(scan->env, sizeof(*ordered));
	if (ordered == NULL)
		return PMN_NO_MEMORY;
	ordered->env = scan->env;
	ordered->scan = scan;
	ordered->moved = NO_STREAM;
	code = pmn_arena_create(scan->env, 0, &ordered->arena);
	if (code == PMN_OK)
		code = find_key(ordered, projection, count, order, order_count);
	if (code == PMN_OK)
		code = open_streams(ordered, projection, count);
	if (code == PMN_OK)
		code = make_output(ordered, projection, count);
	if (code == PMN_OK)
		code = pmn_read_wrap_ordered(scan, ordered, out);
	if (code != PMN_OK)
		pmn_ordered_read_close(ordered);
	return code;
}

void
pmn_ordered_read_close(PmnOrderedRead *ordered)
{
	if (ordered == NULL)
		return;
	for (uint32_t i = 0; i < ordered->opened; i++)
	{
		Stream *stream = &ordered->streams[i];

		pmn_read_close(stream->read);
		pmn_free(ordered->env, stream->prefixes,
				 stream->prefix_capacity * sizeof(*stream->prefixes));
	}
	pmn_free(ordered->env, ordered->block, ordered->block_size);
	pmn_arena_destroy(ordered->arena);
	pmn_free(ordered->env, ordered, sizeof(*ordered));
}

PmnCode
pmn_ordered_read_rewind(PmnOrderedRead *ordered)
{
	for (uint32_t i = 0; i < ordered->opened; i++)
	{
		ordered->streams[i].batch = NULL;
		ordered->streams[i].last_prefix = 0;
		PMN_TRY(pmn_read_rewind(ordered->streams[i].read));
	}
	ordered->is_built = false;
	ordered->moved = NO_STREAM;
	return PMN_OK;
}

/* ---- the merge --------------------------------------------------------- */

static uint32_t
row_at(const PmnBatch *batch, uint32_t at)
{
	return batch->selection == NULL ? at : batch->selection[at];
}

/* A file whose rows are not in order would spoil the order of all. */
static PmnCode
check_order(PmnOrderedRead *ordered, Stream *stream)
{
	uint32_t count = stream->batch->row_count;
	uint32_t falls = stream->last_prefix > stream->prefixes[0];

	for (uint32_t i = 1; i < count; i++)
		falls += stream->prefixes[i - 1] > stream->prefixes[i];
	stream->last_prefix = stream->prefixes[count - 1];
	if (falls > 0)
		return pmn_fail(ordered->env, PMN_CORRUPT,
						"rows of table \"%s\" are not in the order of its key",
						ordered->scan->table->name);
	return PMN_OK;
}

static PmnCode
load(PmnOrderedRead *ordered, uint32_t number)
{
	Stream *stream = &ordered->streams[number];
	PmnBatch *batch = NULL;

	PMN_TRY(pmn_read_next(stream->read, &batch));
	stream->batch = batch;
	if (batch == NULL)
		return PMN_OK;
	PMN_ASSERT(batch->row_count <= PMN_BATCH_ROWS && batch->selected_count > 0);
	PMN_TRY(pmn_array_grow(ordered->env, (void **) &stream->prefixes,
						   &stream->prefix_capacity, batch->row_count,
						   sizeof(*stream->prefixes)));
	pmn_rows_prefix(&ordered->key, batch, 0, batch->row_count,
					stream->prefixes);
	stream->at = 0;
	stream->row = row_at(batch, 0);
	return check_order(ordered, stream);
}

static PmnCode
build(PmnOrderedRead *ordered)
{
	for (uint32_t i = 0; i < ordered->stream_count; i++)
		PMN_TRY(load(ordered, i));
	pmn_loser_tree_build(&ordered->tree);
	ordered->is_built = true;
	return PMN_OK;
}

/* Whether all that is left of the winner's batch comes before the others. */
static bool
is_far_ahead(const PmnOrderedRead *ordered, uint32_t winner)
{
	Stream last = ordered->streams[winner];
	uint32_t second = pmn_loser_tree_second(&ordered->tree);

	if (second == ordered->stream_count ||
		ordered->streams[second].batch == NULL)
		return true;
	last.row = row_at(last.batch, last.batch->selected_count - 1);
	return compare_rows(ordered, &last, &ordered->streams[second]) < 0;
}

/* Rows until the output is full or a batch used up; *whole is a batch that
 * goes out as it is. */
static uint32_t
collect(PmnOrderedRead *ordered, PmnBatch **whole)
{
	uint32_t count = 0;

	while (count < PMN_BATCH_ROWS)
	{
		uint32_t winner = pmn_loser_tree_winner(&ordered->tree);
		Stream *stream = &ordered->streams[winner];
		const PmnBatch *batch = stream->batch;

		if (batch == NULL)
			break;
		if (count == 0 && stream->at == 0 && is_far_ahead(ordered, winner))
		{
			*whole = stream->batch;
			ordered->moved = winner;
			break;
		}
		ordered->rows[count++] = winner << ROW_BITS | stream->row;
		if (++stream->at == batch->selected_count)
		{
			ordered->moved = winner;
			break;
		}
		stream->row = row_at(batch, stream->at);
		pmn_loser_tree_replay(&ordered->tree);
	}
	return count;
}

static void
gather_column(PmnOrderedRead *ordered, uint32_t column, uint32_t count)
{
	PmnVector *out = &ordered->batch.columns[column];
	const uint8_t **sources = ordered->sources;
	bool has_nulls = false;

	for (uint32_t i = 0; i < ordered->stream_count; i++)
	{
		const PmnBatch *batch = ordered->streams[i].batch;

		sources[i] = batch == NULL ? NULL : batch->columns[column].values;
		has_nulls |= batch != NULL && batch->columns[column].nulls != NULL;
	}
	pmn_elements_gather_chunks(pmn_vector_width(out->kind), out->values,
							   sources, ROW_BITS, ordered->rows, count);
	if (!has_nulls)
	{
		out->nulls = NULL;
		return;
	}
	for (uint32_t i = 0; i < ordered->stream_count; i++)
	{
		const PmnBatch *batch = ordered->streams[i].batch;

		sources[i] = batch == NULL || batch->columns[column].nulls == NULL
						 ? ordered->no_nulls
						 : batch->columns[column].nulls;
	}
	pmn_elements_gather_chunks(1, out->nulls, sources, ROW_BITS, ordered->rows,
							   count);
}

PmnCode
pmn_ordered_read_next(PmnOrderedRead *ordered, PmnBatch **out)
{
	PmnBatch *batch = &ordered->batch;
	uint32_t count;

	*out = NULL;
	PMN_TRY(pmn_poll(ordered->env));
	if (ordered->stream_count == 0)
		return PMN_OK;
	if (ordered->stream_count == 1)
		return pmn_read_next(ordered->streams[0].read, out);
	if (!ordered->is_built)
		PMN_TRY(build(ordered));
	if (ordered->moved != NO_STREAM)
	{
		PMN_TRY(load(ordered, ordered->moved));
		pmn_loser_tree_replay(&ordered->tree);
		ordered->moved = NO_STREAM;
	}
	count = collect(ordered, out);
	if (count == 0)
		return PMN_OK;
	pmn_columns_place(ordered->kinds, batch->column_count, PMN_BATCH_ROWS,
					  ordered->block, batch->columns);
	for (uint32_t i = 0; i < batch->column_count; i++)
		gather_column(ordered, i, count);
	batch->row_count = count;
	batch->selected_count = count;
	*out = batch;
	return PMN_OK;
}
