/*
 * lsm_merge_reader_collect.c
 *
 * The rows of groups, collected until the output ends. A closed group of an
 * engine that computes becomes one row of the fold's result, which a segment
 * points to before it is computed: fold and output then go column by column.
 *
 * A stream that moves on takes its batch away. Closed groups are folded by
 * then (the output has ended), and the open group's rows are copied. When
 * there is no room for more copies, which takes a key with very many rows in
 * a writer's runs, the rows so far are folded, and the group goes on from
 * that state, the carry. It belongs to the first group of the next fold.
 *
 * In tables that need lookup a row above level 0 stands for all older ones
 * below it: of those rows only the one of the lowest level stays. Which one
 * that is shows when the group is complete. Rows of files only are judged by
 * level; a group of those has no more rows than there are runs, and there is
 * room for that many copies.
 */
#include "lsm_merge_reader_internal.h"

/* Rows waiting to be folded; bounds the memory of a fold. */
#define COLLECTED_MAX 65536

PmnCode
pmn_merge_collect_init(PmnMergeReader *reader, PmnRun **runs,
					   uint32_t run_count)
{
	PmnMergeCollected *collected = &reader->collected;
	PmnArena *arena = reader->arena;

	if (reader->is_alone)
		return PMN_OK;
	collected->by_level = pmn_merge_needs_lookup(reader->lsm->options);
	for (uint32_t i = 0; i < run_count; i++)
		collected->by_level &= runs[i]->has_unique_keys;
	collected->is_used = reader->merge->plan != NULL || collected->by_level;
	if (!collected->is_used)
		return PMN_OK;
	collected->ends =
		pmn_arena_alloc(arena, reader->batch_rows * sizeof(uint32_t));
	collected->batches =
		pmn_arena_alloc(arena, (run_count + 1) * sizeof(PmnBatch *));
	collected->carry.is_initialised =
		pmn_arena_alloc(arena, reader->column_count);
	if (collected->ends == NULL || collected->batches == NULL ||
		collected->carry.is_initialised == NULL)
		return PMN_NO_MEMORY;
	collected->carried[0].capacity = 1;
	collected->carried[1].capacity = 1;
	if (reader->merge->plan == NULL)
		return PMN_OK;
	return pmn_fold_create(reader->lsm, reader->layout, reader->kinds,
						   reader->column_count, reader->batch_rows,
						   &collected->fold);
}

void
pmn_merge_collect_free(PmnMergeReader *reader)
{
	PmnMergeCollected *collected = &reader->collected;
	PmnEnv *env = reader->env;

	pmn_fold_destroy(collected->fold);
	pmn_free(env, collected->sources,
			 collected->sources_capacity * sizeof(uint32_t));
	pmn_free(env, collected->rows, collected->rows_capacity * sizeof(uint32_t));
	pmn_free(env, collected->levels,
			 collected->levels_capacity * sizeof(int32_t));
	for (uint32_t i = 0; i < 2; i++)
	{
		pmn_free(env, collected->carried[i].block,
				 collected->carried[i].block_size);
		pmn_arena_destroy(collected->carried[i].arena);
	}
}

PmnCode
pmn_merge_collect_row(PmnMergeReader *reader, uint32_t number)
{
	PmnMergeCollected *collected = &reader->collected;
	size_t needed = (size_t) collected->count + 1;

	PMN_TRY(pmn_array_grow(reader->env, (void **) &collected->sources,
						   &collected->sources_capacity, needed,
						   sizeof(uint32_t)));
	PMN_TRY(pmn_array_grow(reader->env, (void **) &collected->rows,
						   &collected->rows_capacity, needed,
						   sizeof(uint32_t)));
	PMN_TRY(pmn_array_grow(reader->env, (void **) &collected->levels,
						   &collected->levels_capacity, needed,
						   sizeof(int32_t)));
	collected->sources[collected->count] = number;
	collected->rows[collected->count] = reader->streams[number].row;
	collected->levels[collected->count] = reader->streams[number].run->level;
	collected->count++;
	return PMN_OK;
}

bool
pmn_merge_collect_is_full(const PmnMergeReader *reader)
{
	/* Rows that are judged by level cannot be folded in parts. */
	return reader->collected.count >= COLLECTED_MAX &&
		   !reader->collected.by_level;
}

static const PmnBatch *
batch_of_source(const PmnMergeReader *reader, uint32_t source)
{
	return source == reader->stream_count ? &reader->held.batch
										  : reader->streams[source].batch;
}

/* ---- folding ----------------------------------------------------------- */

static PmnCode
run_fold(PmnMergeReader *reader, const uint32_t *ends, uint32_t group_count,
		 bool is_carried)
{
	PmnMergeCollected *collected = &reader->collected;
	PmnFoldInput input = {0};

	for (uint32_t i = 0; i <= reader->stream_count; i++)
		collected->batches[i] = batch_of_source(reader, i);
	/* The held batch has no columns before a row was held. */
	if (reader->held.block == NULL)
		collected->batches[reader->stream_count] = NULL;
	if (!is_carried)
		memset(collected->carry.is_initialised, 0, reader->column_count);
	input.batches = collected->batches;
	input.batch_count = reader->stream_count + 1;
	input.sources = collected->sources;
	input.rows = collected->rows;
	input.row_count = ends[group_count - 1];
	input.ends = ends;
	input.group_count = group_count;
	input.carry = &collected->carry;
	input.is_carried = is_carried;
	return pmn_fold_run(collected->fold, &input);
}

PmnCode
pmn_merge_collect_carry(PmnMergeReader *reader)
{
	PmnMergeCollected *collected = &reader->collected;
	PmnMergeGroup *group = &reader->group;
	PmnHeldRows *next = &collected->carried[1 - collected->carried_number];

	PMN_ASSERT(reader->segment_count == 0 && collected->group_count == 0);
	PMN_ASSERT(!collected->by_level && collected->open_first == 0);
	PMN_TRY(run_fold(reader, &collected->count, 1, group->is_carried));
	pmn_merge_held_reset(next);
	PMN_TRY(pmn_merge_hold_row(reader, next, &collected->fold->results, 0));
	collected->carried_number = 1 - collected->carried_number;
	collected->carry.row = next->batch;
	collected->count = 0;
	pmn_merge_held_reset(&reader->held);
	group->is_carried = true;
	group->batch = &next->batch;
	group->stream = PMN_NO_STREAM;
	group->row = 0;
	return PMN_OK;
}

PmnCode
pmn_merge_collect_fold(PmnMergeReader *reader)
{
	PmnMergeCollected *collected = &reader->collected;
	uint32_t closed = collected->open_first;
	uint32_t open = collected->count - closed;
	const int32_t *kinds;

	if (collected->group_count > 0)
	{
		PMN_TRY(run_fold(reader, collected->ends, collected->group_count,
						 collected->first_is_carried));
		kinds = collected->fold->results.columns[PMN_KV_KIND].values;
		for (uint32_t g = 0; g < collected->group_count; g++)
			reader->has_retracts |= kinds[g] & 1;
	}
	if (closed > 0 && open > 0)
	{
		memmove(collected->sources, collected->sources + closed,
				open * sizeof(uint32_t));
		memmove(collected->rows, collected->rows + closed,
				open * sizeof(uint32_t));
		memmove(collected->levels, collected->levels + closed,
				open * sizeof(int32_t));
	}
	collected->count = open;
	collected->open_first = 0;
	collected->group_count = 0;
	collected->first_is_carried = false;
	return PMN_OK;
}

/* ---- groups ------------------------------------------------------------ */

/* Leave out the open group's rows above level 0 but the lowest one. */
static void
drop_covered_rows(PmnMergeCollected *collected)
{
	uint32_t lowest = UINT32_MAX;
	uint32_t kept = collected->open_first;

	for (uint32_t i = collected->open_first; i < collected->count; i++)
	{
		if (collected->levels[i] > 0 &&
			(lowest == UINT32_MAX ||
			 collected->levels[i] < collected->levels[lowest]))
			lowest = i;
	}
	for (uint32_t i = collected->open_first; i < collected->count; i++)
	{
		if (collected->levels[i] > 0 && i != lowest)
			continue;
		collected->sources[kept] = collected->sources[i];
		collected->rows[kept] = collected->rows[i];
		collected->levels[kept] = collected->levels[i];
		kept++;
	}
	collected->count = kept;
}

/* A row that passes through. */
static void
pass_row(PmnMergeReader *reader, uint32_t number)
{
	PmnMergeCollected *collected = &reader->collected;
	const PmnBatch *batch = batch_of_source(reader, collected->sources[number]);
	uint32_t row = collected->rows[number];
	const int32_t *kinds = batch->columns[PMN_KV_KIND].values;

	reader->has_retracts |= kinds[row] & 1;
	pmn_merge_add_segment(reader, batch, row, 1);
}

/* Of a selecting engine in a table that needs lookup. */
static PmnCode
select_row(PmnMergeReader *reader)
{
	PmnMergeCollected *collected = &reader->collected;
	uint32_t first = collected->open_first;
	uint32_t count = collected->count - first;
	uint8_t kinds[2] = {0, 0};
	int32_t stays;
	uint32_t kept = first;
	bool has_vanished = false;

	for (uint32_t i = 0; i < count; i++)
	{
		const PmnBatch *batch =
			batch_of_source(reader, collected->sources[first + i]);
		const int32_t *row_kinds = batch->columns[PMN_KV_KIND].values;

		kinds[i == 0 ? 0 : 1] = (uint8_t) row_kinds[collected->rows[first + i]];
		stays = reader->merge->select(reader->lsm, kinds, i == 0 ? 1 : 2);
		if (i == 0)
		{
			has_vanished = stays == PMN_SELECT_NONE;
			continue;
		}
		if (stays != 0)
		{
			kept = first + i;
			kinds[0] = kinds[1];
		}
		has_vanished = stays == PMN_SELECT_NONE || (stays == 0 && has_vanished);
	}
	if (!has_vanished)
		pass_row(reader, kept);
	collected->count = first;
	return PMN_OK;
}

PmnCode
pmn_merge_collect_close(PmnMergeReader *reader)
{
	PmnMergeCollected *collected = &reader->collected;
	PmnMergeGroup *group = &reader->group;
	uint32_t g = collected->group_count;

	if (group->row_count == 1)
	{
		/* Alone with its key after all. */
		pass_row(reader, collected->open_first);
		collected->count = collected->open_first;
		return PMN_OK;
	}
	if (collected->by_level)
		drop_covered_rows(collected);
	if (collected->fold == NULL)
		return select_row(reader);
	collected->first_is_carried |= group->is_carried;
	collected->open_first = collected->count;
	collected->ends[g] = collected->count;
	collected->group_count++;
	pmn_merge_add_segment(reader, &collected->fold->results, g, 1);
	return PMN_OK;
}

PmnCode
pmn_merge_collect_hold(PmnMergeReader *reader, uint32_t number)
{
	PmnMergeCollected *collected = &reader->collected;
	PmnMergeGroup *group = &reader->group;
	uint32_t moving = 0;
	uint32_t held = 0;

	PMN_ASSERT(reader->segment_count == 0 && collected->open_first == 0);
	for (uint32_t i = 0; i < collected->count; i++)
	{
		moving += collected->sources[i] == number;
		held += collected->sources[i] == reader->stream_count;
	}
	if (moving == 0)
		return PMN_OK;
	/* Rows held for earlier groups are not needed any more. */
	if (held == 0)
		pmn_merge_held_reset(&reader->held);
	if (moving > reader->held.capacity - reader->held.batch.row_count)
		return pmn_merge_collect_carry(reader);
	for (uint32_t i = 0; i < collected->count; i++)
	{
		if (collected->sources[i] != number)
			continue;
		PMN_TRY(pmn_merge_hold_row(reader, &reader->held,
								   reader->streams[number].batch,
								   collected->rows[i]));
		collected->sources[i] = reader->stream_count;
		collected->rows[i] = reader->held.batch.row_count - 1;
	}
	if (group->stream != number)
		return PMN_OK;
	group->batch = &reader->held.batch;
	group->stream = PMN_NO_STREAM;
	group->row = reader->held.batch.row_count - 1;
	return PMN_OK;
}
