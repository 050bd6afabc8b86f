/*
 * lsm_sort_buffer_run.c
 *
 * The sorted rows of a buffer as a run: batches gathered, column by column,
 * in the order of the sort's entries. Values of BYTES stay in the buffer;
 * only their descriptors are copied.
 */
#include "lsm_sort_buffer_internal.h"

#include "lsm_vector.h"

typedef struct MemoryRun
{
	PmnRun base;
	PmnSortBuffer *buffer;
	uint64_t position;
	uint32_t capacity;
	PmnBatch batch;
	uint32_t *rows;
	const uint8_t **sources; /* one pointer a chunk, of one column */
	uint8_t **nulls;
	void *block;
	size_t block_size;
	PmnArena *arena;
} MemoryRun;

static void
gather_nulls(MemoryRun *run, uint32_t column, uint32_t count)
{
	PmnSortBuffer *buffer = run->buffer;
	PmnVector *dst = &run->batch.columns[column];
	bool has_nulls = false;

	for (size_t c = 0; c < buffer->chunks.count; c++)
		has_nulls |=
			buffer->chunks.items[c]->batch.columns[column].nulls != NULL;
	dst->nulls = has_nulls ? run->nulls[column] : NULL;
	if (!has_nulls)
		return;
	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t row = run->rows[i];
		const SortChunk *chunk = buffer->chunks.items[row >> CHUNK_SHIFT];
		const uint8_t *nulls = chunk->batch.columns[column].nulls;

		dst->nulls[i] = nulls == NULL ? 0 : nulls[row & CHUNK_MASK];
	}
}

static void
gather_column(MemoryRun *run, uint32_t column, uint32_t count)
{
	PmnSortBuffer *buffer = run->buffer;
	PmnVector *dst = &run->batch.columns[column];

	for (size_t c = 0; c < buffer->chunks.count; c++)
		run->sources[c] = buffer->chunks.items[c]->batch.columns[column].values;
	pmn_elements_gather_chunks(pmn_vector_width(dst->kind), dst->values,
							   run->sources, CHUNK_SHIFT, run->rows, count);
	gather_nulls(run, column, count);
}

static PmnCode
memory_next(PmnRun *base, PmnBatch **out)
{
	MemoryRun *run = (MemoryRun *) base;
	PmnSortBuffer *buffer = run->buffer;
	uint64_t left = buffer->row_count - run->position;
	uint32_t count = left < run->capacity ? (uint32_t) left : run->capacity;

	if (count == 0)
		return PMN_OK;
	PMN_ASSERT(buffer->entries != NULL);
	for (uint32_t i = 0; i < count; i++)
		run->rows[i] = buffer->entries[run->position + i].row;
	for (uint32_t i = 0; i < buffer->column_count; i++)
		gather_column(run, i, count);
	run->batch.row_count = count;
	run->batch.selected_count = count;
	run->position += count;
	*out = &run->batch;
	return PMN_OK;
}

static void
memory_close(PmnRun *base)
{
	MemoryRun *run = (MemoryRun *) base;
	PmnEnv *env = base->env;

	run->buffer->open_runs--;
	pmn_free(env, run->block, run->block_size);
	pmn_arena_destroy(run->arena);
	pmn_free(env, run, sizeof(*run));
}

static PmnCode
init_run(MemoryRun *run)
{
	PmnSortBuffer *buffer = run->buffer;
	uint32_t count = buffer->column_count;
	PmnArena *arena;

	PMN_TRY(pmn_arena_create(buffer->env, 0, &run->arena));
	arena = run->arena;
	run->capacity = buffer->row_count < PMN_BATCH_ROWS
						? (uint32_t) buffer->row_count
						: PMN_BATCH_ROWS;
	run->rows = pmn_arena_alloc(arena, run->capacity * sizeof(*run->rows));
	run->sources =
		pmn_arena_alloc(arena, buffer->chunks.count * sizeof(*run->sources));
	run->nulls = pmn_arena_alloc(arena, count * sizeof(*run->nulls));
	run->batch.columns =
		pmn_arena_alloc(arena, count * sizeof(*run->batch.columns));
	if (run->rows == NULL || run->sources == NULL || run->nulls == NULL ||
		run->batch.columns == NULL)
		return PMN_NO_MEMORY;
	run->block_size = pmn_columns_size(buffer->kinds, count, run->capacity);
	run->block = pmn_alloc_raw(buffer->env, run->block_size);
	if (run->block == NULL)
		return PMN_NO_MEMORY;
	pmn_columns_place(buffer->kinds, count, run->capacity, run->block,
					  run->batch.columns);
	for (uint32_t i = 0; i < count; i++)
		run->nulls[i] = run->batch.columns[i].nulls;
	run->batch.column_count = count;
	return PMN_OK;
}

PmnCode
pmn_sort_buffer_open_memory(PmnSortBuffer *buffer, PmnRun **out)
{
	MemoryRun *run;
	PmnCode code;

	*out = NULL;
	PMN_TRY(pmn_sort_buffer_sort(buffer));
	run = pmn_alloc(buffer->env, sizeof(*run));
	if (run == NULL)
		return PMN_NO_MEMORY;
	run->base.next = memory_next;
	run->base.close = memory_close;
	run->base.env = buffer->env;
	run->buffer = buffer;
	buffer->open_runs++;
	code = init_run(run);
	if (code != PMN_OK)
	{
		memory_close(&run->base);
		return code;
	}
	*out = &run->base;
	return PMN_OK;
}
