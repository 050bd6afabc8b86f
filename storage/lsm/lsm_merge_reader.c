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
 * such a move is copied ("held"); at that time no segment exists.
 *
 * Engines that compute a row, and tables that need lookup, have the rows of
 * groups collected instead (lsm_merge_reader_collect.c); their results are
 * computed, many keys at once, when the output ends.
 *
 * Runs of sort buffers may hold several rows of a key, next to each other. A
 * stretch therefore ends before a row that has the key of its successor (a
 * "stop"), and before the last row of a batch, whose successor is unknown.
 */
#include "lsm_merge_reader_internal.h"

#include "lsm_vector.h"

/* A stretch of so many rows is passed on as it is. */
#define SLICE_ROWS 512

/* ---- opening ----------------------------------------------------------- */

static PmnCode
init_reader(PmnMergeReader *reader, PmnRun **runs, uint32_t run_count)
{
	PmnArena *arena = reader->arena;
	uint32_t columns = PMN_KV_FIELDS + reader->layout->field_count;

	reader->column_count = columns;
	reader->segments =
		pmn_arena_alloc(arena, reader->batch_rows * sizeof(PmnMergeSegment));
	reader->selection =
		pmn_arena_alloc(arena, reader->batch_rows * sizeof(uint32_t));
	reader->output.columns =
		pmn_arena_alloc(arena, columns * sizeof(PmnVector));
	reader->gathered = pmn_arena_alloc(arena, columns * sizeof(PmnVector));
	if (reader->segments == NULL || reader->selection == NULL ||
		reader->output.columns == NULL || reader->gathered == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_kv_kinds(reader->lsm, arena, reader->layout, &reader->kinds));
	reader->merge = pmn_merge_lookup(reader->lsm->options->merge_engine);
	reader->held.capacity = PMN_HELD_ROWS + run_count;
	PMN_TRY(pmn_loser_tree_init(&reader->tree, arena,
								run_count == 0 ? 1 : run_count,
								pmn_merge_compare_streams, reader));
	reader->is_exact = pmn_key_prefix_is_exact(reader->layout->key.types,
											   reader->layout->key.count);
	reader->is_alone = run_count == 1 && runs[0]->has_unique_keys;
	return pmn_merge_collect_init(reader, runs, run_count);
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
		reader->moved = PMN_NO_STREAM;
		code = pmn_arena_create(lsm->env, 0, &reader->arena);
		if (code == PMN_OK)
			code = init_reader(reader, runs, run_count);
	}
	if (code == PMN_OK)
	{
		reader->streams = pmn_arena_alloc(
			reader->arena, (run_count + 1) * sizeof(PmnMergeStream));
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
		PmnMergeStream *stream = &reader->streams[i];

		pmn_run_close(stream->run);
		pmn_free(env, stream->prefixes,
				 stream->prefix_capacity * sizeof(*stream->prefixes));
		pmn_free(env, stream->stops,
				 stream->stop_capacity * sizeof(*stream->stops));
	}
	pmn_free(env, reader->block, reader->block_size);
	pmn_merge_collect_free(reader);
	pmn_free(env, reader->held.block, reader->held.block_size);
	pmn_arena_destroy(reader->held.arena);
	pmn_arena_destroy(reader->arena);
	pmn_free(env, reader, sizeof(*reader));
}

/* ---- groups ------------------------------------------------------------ */

static uint8_t
kind_of(const PmnBatch *batch, uint32_t row)
{
	return (
		uint8_t) ((const int32_t *) batch->columns[PMN_KV_KIND].values)[row];
}

static void
keep_row(PmnMergeGroup *group, const PmnMergeStream *stream, uint32_t number)
{
	group->stream = number;
	group->batch = stream->batch;
	group->row = stream->row;
	group->has_vanished = false;
}

/* Does the winner's current row belong to the open group? */
static bool
is_in_group(const PmnMergeReader *reader, const PmnMergeStream *stream)
{
	const PmnMergeGroup *group = &reader->group;

	return pmn_merge_compare_keys(reader, stream->prefixes[stream->row],
								  stream->batch, stream->row, group->prefix,
								  group->batch, group->row) == 0;
}

static PmnCode
refuse_row(PmnMergeReader *reader)
{
	(void) pmn_fail(reader->env, PMN_UNSUPPORTED,
					"merge engine \"%s\" does not take rows that retract "
					"(-U, -D)",
					reader->merge->name);
	return pmn_hint(reader->env,
					"Table option \"ignore-delete\" passes over them.");
}

/* The winner's current row joins the open group. */
static PmnCode
fold_row(PmnMergeReader *reader, uint32_t number)
{
	PmnMergeGroup *group = &reader->group;
	PmnMergeStream *stream = &reader->streams[number];
	bool had_vanished = group->has_vanished;
	uint8_t kinds[2];
	int32_t stays;

	group->row_count++;
	if (reader->collected.is_used)
	{
		keep_row(group, stream, number);
		return pmn_merge_collect_row(reader, number);
	}
	kinds[0] = kind_of(group->batch, group->row);
	kinds[1] = kind_of(stream->batch, stream->row);
	stays = reader->merge->select(reader->lsm, kinds, 2);
	if (stays == PMN_SELECT_REFUSED)
		return refuse_row(reader);
	if (stays != 0)
		keep_row(group, stream, number);
	group->has_vanished =
		stays == PMN_SELECT_NONE || (stays == 0 && had_vanished);
	return PMN_OK;
}

static PmnCode
open_group(PmnMergeReader *reader, uint32_t number)
{
	PmnMergeGroup *group = &reader->group;
	PmnMergeStream *stream = &reader->streams[number];

	PMN_ASSERT(!group->is_open);
	keep_row(group, stream, number);
	group->prefix = stream->prefixes[stream->row];
	group->is_open = true;
	group->is_carried = false;
	group->row_count = 1;
	if (reader->collected.is_used)
		return pmn_merge_collect_row(reader, number);
	return PMN_OK;
}

static PmnCode
close_group(PmnMergeReader *reader)
{
	PmnMergeGroup *group = &reader->group;

	group->is_open = false;
	reader->env->counters.rows_merged += group->row_count - 1;
	if (reader->collected.is_used)
		return pmn_merge_collect_close(reader);
	if (group->has_vanished)
	{
		reader->env->counters.rows_merged++;
		return PMN_OK;
	}
	reader->has_retracts |= kind_of(group->batch, group->row) & 1;
	pmn_merge_add_segment(reader, group->batch, group->row, 1);
	return PMN_OK;
}

/* ---- the merge --------------------------------------------------------- */

/* Take the winner's stretch; *is_full when the output must end now. */
static PmnCode
take_stretch(PmnMergeReader *reader, uint32_t winner, bool *is_full)
{
	PmnMergeStream *stream = &reader->streams[winner];
	uint32_t count = pmn_merge_stretch_end(reader, winner) - stream->row;
	uint32_t room = reader->batch_rows - reader->pending_rows;

	if (count == 0)
	{
		PMN_TRY(open_group(reader, winner));
		stream->row++;
		reader->moved = winner;
		return PMN_OK;
	}
	if (count >= SLICE_ROWS && reader->pending_rows > 0)
	{
		/* What is pending goes out; the stretch follows as a slice. */
		*is_full = true;
		return PMN_OK;
	}
	if (count > room)
		count = room;
	pmn_merge_add_segment(reader, stream->batch, stream->row, count);
	reader->has_retracts |= stream->has_retracts;
	stream->row += count;
	reader->moved = winner;
	*is_full = count >= SLICE_ROWS;
	return PMN_OK;
}

/* Bring the tree up to date with the stream that moved; *is_blocked when its
 * batch is used up but segments still need it. */
static PmnCode
settle(PmnMergeReader *reader, bool *is_blocked)
{
	PmnMergeStream *stream;

	if (reader->moved == PMN_NO_STREAM)
		return PMN_OK;
	stream = &reader->streams[reader->moved];
	if (stream->row == stream->batch->row_count)
	{
		*is_blocked = reader->segment_count > 0;
		if (*is_blocked)
			return PMN_OK;
		PMN_TRY(pmn_merge_load(reader, reader->moved));
	}
	pmn_loser_tree_replay(&reader->tree);
	reader->moved = PMN_NO_STREAM;
	return PMN_OK;
}

static PmnCode
build(PmnMergeReader *reader)
{
	for (uint32_t i = 0; i < reader->stream_count; i++)
		PMN_TRY(pmn_merge_load(reader, i));
	if (reader->stream_count > 0)
		pmn_loser_tree_build(&reader->tree);
	reader->is_built = true;
	return PMN_OK;
}

/* One row of the open group, or its end; *is_full when the output must end
 * so that there is room for its rows. */
static PmnCode
go_on_with_group(PmnMergeReader *reader, uint32_t winner, bool *is_full)
{
	PmnMergeStream *stream = &reader->streams[winner];

	if (stream->batch == NULL || !is_in_group(reader, stream))
		return close_group(reader);
	if (reader->collected.is_used && pmn_merge_collect_is_full(reader))
	{
		*is_full = reader->segment_count > 0;
		if (*is_full)
			return PMN_OK;
		PMN_TRY(pmn_merge_collect_carry(reader));
	}
	PMN_TRY(fold_row(reader, winner));
	stream->row++;
	reader->moved = winner;
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

		PMN_TRY(settle(reader, &is_full));
		if (is_full)
			break;
		winner = pmn_loser_tree_winner(&reader->tree);
		if (reader->group.is_open)
		{
			PMN_TRY(go_on_with_group(reader, winner, &is_full));
			continue;
		}
		if (reader->streams[winner].batch == NULL)
			break;
		PMN_TRY(take_stretch(reader, winner, &is_full));
	}
	return PMN_OK;
}

/* One run, nothing to compare: its batches, cut to batch_rows. */
static PmnCode
collect_alone(PmnMergeReader *reader)
{
	PmnMergeStream *stream = &reader->streams[0];
	uint32_t count;

	if (stream->batch != NULL && stream->row == stream->batch->row_count)
		PMN_TRY(pmn_merge_load(reader, 0));
	if (stream->batch == NULL)
		return PMN_OK;
	count = stream->batch->row_count - stream->row;
	if (count > reader->batch_rows)
		count = reader->batch_rows;
	pmn_merge_add_segment(reader, stream->batch, stream->row, count);
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
		PMN_TRY(pmn_merge_flush(reader));
		if (reader->output.selected_count > 0)
			break;
	}
	*out = &reader->output;
	return PMN_OK;
}
