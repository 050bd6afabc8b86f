/*
 * lsm_sort_buffer.c
 *
 * Rows are kept column by column in chunks of 8192 rows, in the layout of
 * key-value batches, so that a chunk is a batch: prefixes and comparisons
 * work on it directly, and append tables write it out as it is. The first
 * chunk starts small and grows, because a statement may touch many buckets
 * with few rows each. Variable-length values are copied into blocks, each
 * value 4-byte aligned behind 4 spare bytes (the headroom of pmn_batch.h).
 *
 * A row counts only once all its columns are in: a failed allocation leaves
 * the buffer as it was, apart from whole chunks already added.
 */
#include "lsm_sort_buffer_internal.h"

#include "lsm_vector.h"

#define FIRST_CAPACITY 64
#define FIRST_BLOCK ((size_t) 4096)
#define LAST_BLOCK ((size_t) 262144)
/* What sorting will need for each row. */
#define SORT_BYTES_PER_ROW (2 * sizeof(SortEntry))

static PmnCode
init_layout(PmnSortBuffer *buffer)
{
	PmnLsm *lsm = buffer->lsm;
	uint32_t count = lsm->schema->field_count;
	uint32_t *fields = pmn_arena_alloc(buffer->arena, count * sizeof(*fields));

	if (fields == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
		fields[i] = i;
	PMN_TRY(
		pmn_kv_layout_make(lsm, buffer->arena, fields, count, &buffer->layout));
	buffer->column_count = PMN_KV_FIELDS + buffer->layout->field_count;
	return pmn_kv_kinds(lsm, buffer->arena, buffer->layout, &buffer->kinds);
}

PmnCode
pmn_sort_buffer_create(PmnLsm *lsm, PmnSortBuffer **out)
{
	PmnSortBuffer *buffer = pmn_alloc(lsm->env, sizeof(*buffer));
	PmnCode code;

	*out = NULL;
	if (buffer == NULL)
		return PMN_NO_MEMORY;
	buffer->lsm = lsm;
	buffer->env = lsm->env;
	code = pmn_arena_create(lsm->env, 0, &buffer->arena);
	if (code == PMN_OK)
		code = init_layout(buffer);
	if (code != PMN_OK)
	{
		pmn_sort_buffer_destroy(buffer);
		return code;
	}
	*out = buffer;
	return PMN_OK;
}

static void
free_chunk(PmnSortBuffer *buffer, SortChunk *chunk)
{
	pmn_free(buffer->env, chunk->block, chunk->block_size);
	pmn_free(buffer->env, chunk->nulls,
			 buffer->column_count * sizeof(*chunk->nulls));
	pmn_free(buffer->env, chunk->batch.columns,
			 buffer->column_count * sizeof(*chunk->batch.columns));
	pmn_free(buffer->env, chunk, sizeof(*chunk));
}

static void
free_rows(PmnSortBuffer *buffer)
{
	pmn_sort_buffer_unsort(buffer);
	for (size_t i = 0; i < buffer->chunks.count; i++)
		free_chunk(buffer, buffer->chunks.items[i]);
	for (size_t i = 0; i < buffer->blocks.count; i++)
		pmn_free(buffer->env, buffer->blocks.items[i].data,
				 buffer->blocks.items[i].size);
	pmn_array_free(buffer->env, &buffer->chunks);
	pmn_array_free(buffer->env, &buffer->blocks);
	buffer->row_count = 0;
	buffer->bytes = 0;
}

void
pmn_sort_buffer_reset(PmnSortBuffer *buffer)
{
	PMN_ASSERT(buffer->open_runs == 0);
	free_rows(buffer);
	pmn_spill_close(buffer->spill);
	buffer->spill = NULL;
	buffer->spilled_count = 0;
}

void
pmn_sort_buffer_destroy(PmnSortBuffer *buffer)
{
	if (buffer == NULL)
		return;
	pmn_sort_buffer_reset(buffer);
	pmn_arena_destroy(buffer->arena);
	pmn_free(buffer->env, buffer, sizeof(*buffer));
}

static PmnCode
new_chunk(PmnSortBuffer *buffer, SortChunk **out)
{
	SortChunk *chunk;
	size_t count = buffer->column_count;

	PMN_TRY(pmn_array_reserve(buffer->env, &buffer->chunks, 1));
	chunk = pmn_alloc(buffer->env, sizeof(*chunk));
	if (chunk == NULL)
		return PMN_NO_MEMORY;
	chunk->nulls = pmn_alloc(buffer->env, count * sizeof(*chunk->nulls));
	if (chunk->nulls != NULL)
		chunk->batch.columns =
			pmn_alloc(buffer->env, count * sizeof(*chunk->batch.columns));
	if (chunk->batch.columns == NULL)
	{
		pmn_free(buffer->env, chunk->nulls, count * sizeof(*chunk->nulls));
		pmn_free(buffer->env, chunk, sizeof(*chunk));
		return PMN_NO_MEMORY;
	}
	chunk->batch.column_count = buffer->column_count;
	chunk->plain.column_count = buffer->lsm->schema->field_count;
	chunk->plain.columns = chunk->batch.columns + PMN_KV_FIELDS;
	buffer->chunks.items[buffer->chunks.count++] = chunk;
	*out = chunk;
	return PMN_OK;
}

/* Move the chunk's rows into a larger block. */
static PmnCode
grow_chunk(PmnSortBuffer *buffer, SortChunk *chunk, uint32_t capacity)
{
	uint32_t count = buffer->column_count;
	uint32_t rows = chunk->batch.row_count;
	size_t size = pmn_columns_size(buffer->kinds, count, capacity);
	PmnVector *columns = chunk->batch.columns;
	PmnVector *placed;
	void *block = pmn_alloc_raw(buffer->env, size);

	if (block == NULL)
		return PMN_NO_MEMORY;
	placed = pmn_alloc(buffer->env, count * sizeof(*placed));
	if (placed == NULL)
	{
		pmn_free(buffer->env, block, size);
		return PMN_NO_MEMORY;
	}
	pmn_columns_place(buffer->kinds, count, capacity, block, placed);
	for (uint32_t i = 0; i < count; i++)
	{
		chunk->nulls[i] = placed[i].nulls;
		pmn_elements_gather(pmn_vector_width(placed[i].kind), placed[i].values,
							columns[i].values, NULL, rows);
		if (columns[i].nulls == NULL)
			placed[i].nulls = NULL;
		else
			memcpy(placed[i].nulls, columns[i].nulls, rows);
		columns[i] = placed[i];
	}
	pmn_free(buffer->env, placed, count * sizeof(*placed));
	pmn_free(buffer->env, chunk->block, chunk->block_size);
	buffer->bytes += size - chunk->block_size;
	chunk->block = block;
	chunk->block_size = size;
	chunk->capacity = capacity;
	return PMN_OK;
}

/* The chunk that takes the next row, with room for up to `more` rows. */
static PmnCode
open_chunk(PmnSortBuffer *buffer, uint32_t more, SortChunk **out)
{
	size_t count = buffer->chunks.count;
	SortChunk *chunk = count == 0 ? NULL : buffer->chunks.items[count - 1];
	uint32_t needed;
	uint32_t capacity;

	if (chunk == NULL || chunk->batch.row_count == CHUNK_ROWS)
		PMN_TRY(new_chunk(buffer, &chunk));
	needed = more < CHUNK_ROWS - chunk->batch.row_count
				 ? chunk->batch.row_count + more
				 : CHUNK_ROWS;
	capacity = buffer->chunks.count > 1 ? CHUNK_ROWS : FIRST_CAPACITY;
	while (capacity < needed)
		capacity *= 2;
	if (chunk->capacity < needed)
		PMN_TRY(grow_chunk(buffer, chunk, capacity));
	*out = chunk;
	return PMN_OK;
}

static PmnCode
store_bytes(PmnSortBuffer *buffer, PmnBytes src, PmnBytes *dst)
{
	size_t size =
		PMN_BYTES_HEADROOM + (((size_t) src.size + PMN_BYTES_HEADROOM - 1) &
							  ~(size_t) (PMN_BYTES_HEADROOM - 1));
	size_t count = buffer->blocks.count;
	BytesBlock *block = count == 0 ? NULL : &buffer->blocks.items[count - 1];
	uint8_t *data;

	if (block == NULL || size > block->size - block->used)
	{
		size_t fresh = block == NULL ? FIRST_BLOCK : block->size * 2;

		if (fresh > LAST_BLOCK)
			fresh = LAST_BLOCK;
		if (fresh < size)
			fresh = size;
		PMN_TRY(pmn_array_reserve(buffer->env, &buffer->blocks, 1));
		data = pmn_alloc_raw(buffer->env, fresh);
		if (data == NULL)
			return PMN_NO_MEMORY;
		block = &buffer->blocks.items[buffer->blocks.count++];
		block->data = data;
		block->size = fresh;
		block->used = 0;
		buffer->bytes += fresh;
	}
	data = block->data + block->used + PMN_BYTES_HEADROOM;
	memset(block->data + block->used, 0, PMN_BYTES_HEADROOM);
	if (src.size > 0)
		memcpy(data, src.data, src.size);
	block->used += size;
	*dst = pmn_bytes(data, src.size);
	return PMN_OK;
}

static PmnCode
add_bytes(PmnSortBuffer *buffer, PmnVector *dst, uint32_t at,
		  const PmnVector *src, const uint32_t *rows, uint32_t count)
{
	const PmnBytes *values = src->values;
	PmnBytes *to = (PmnBytes *) dst->values + at;

	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t row = rows == NULL ? i : rows[i];

		if (src->nulls != NULL && src->nulls[row])
			to[i] = pmn_bytes(NULL, 0);
		else
			PMN_TRY(store_bytes(buffer, values[row], &to[i]));
	}
	return PMN_OK;
}

/* Null flags of the added rows; the chunk gets its array with the first. */
static void
add_nulls(SortChunk *chunk, uint32_t column, const PmnVector *src,
		  const uint32_t *rows, uint32_t count)
{
	PmnVector *dst = &chunk->batch.columns[column];
	uint32_t at = chunk->batch.row_count;

	if (src->nulls == NULL && dst->nulls == NULL)
		return;
	if (dst->nulls == NULL)
	{
		dst->nulls = chunk->nulls[column];
		memset(dst->nulls, 0, at);
	}
	if (src->nulls == NULL)
		memset(dst->nulls + at, 0, count);
	else
		pmn_elements_gather(1, dst->nulls + at, src->nulls, rows, count);
}

static void
add_system_columns(SortChunk *chunk, const uint8_t *kinds, const uint32_t *rows,
				   uint32_t count, int64_t sequence)
{
	uint32_t at = chunk->batch.row_count;
	int64_t *sequences =
		(int64_t *) chunk->batch.columns[PMN_KV_SEQUENCE].values + at;
	int32_t *row_kinds =
		(int32_t *) chunk->batch.columns[PMN_KV_KIND].values + at;

	for (uint32_t i = 0; i < count; i++)
	{
		sequences[i] = sequence + i;
		if (kinds == NULL)
			row_kinds[i] = PMN_INSERT;
		else
			row_kinds[i] = kinds[rows == NULL ? i : rows[i]];
	}
}

static PmnCode
add_to_chunk(PmnSortBuffer *buffer, SortChunk *chunk, const PmnBatch *batch,
			 const uint8_t *kinds, const uint32_t *rows, uint32_t count,
			 int64_t sequence)
{
	uint32_t at = chunk->batch.row_count;

	for (uint32_t i = 0; i < batch->column_count; i++)
	{
		const PmnVector *src = &batch->columns[i];
		PmnVector *dst = &chunk->batch.columns[PMN_KV_FIELDS + i];
		size_t width = pmn_vector_width(dst->kind);

		PMN_ASSERT(src->kind == dst->kind);
		if (dst->kind == PMN_VECTOR_BYTES)
			PMN_TRY(add_bytes(buffer, dst, at, src, rows, count));
		else
			pmn_elements_gather(width, (uint8_t *) dst->values + width * at,
								src->values, rows, count);
		add_nulls(chunk, PMN_KV_FIELDS + i, src, rows, count);
	}
	add_system_columns(chunk, kinds, rows, count, sequence);
	chunk->batch.row_count += count;
	chunk->batch.selected_count = chunk->batch.row_count;
	chunk->plain.row_count = chunk->batch.row_count;
	chunk->plain.selected_count = chunk->batch.row_count;
	buffer->row_count += count;
	return PMN_OK;
}

PmnCode
pmn_sort_buffer_add(PmnSortBuffer *buffer, const PmnBatch *batch,
					const uint8_t *kinds, const uint32_t *rows, uint32_t count,
					int64_t first_sequence)
{
	uint32_t done = 0;
	uint32_t consecutive[256];

	PMN_ASSERT(buffer->open_runs == 0);
	PMN_ASSERT(batch->column_count == buffer->lsm->schema->field_count);
	if (buffer->row_count + count > UINT32_MAX)
		return pmn_fail(buffer->env, PMN_NO_MEMORY,
						"more than %u rows in one buffer", UINT32_MAX);
	pmn_sort_buffer_unsort(buffer);
	while (done < count)
	{
		const uint32_t *part = rows == NULL ? NULL : rows + done;
		SortChunk *chunk;
		uint32_t room;

		PMN_TRY(open_chunk(buffer, count - done, &chunk));
		room = chunk->capacity - chunk->batch.row_count;
		if (room > count - done)
			room = count - done;
		if (rows == NULL && done > 0)
		{
			/* Past the first chunk "the first count" needs row numbers. */
			if (room > 256)
				room = 256;
			for (uint32_t i = 0; i < room; i++)
				consecutive[i] = done + i;
			part = consecutive;
		}
		PMN_TRY(add_to_chunk(buffer, chunk, batch, kinds, part, room,
							 first_sequence + done));
		done += room;
	}
	return PMN_OK;
}

size_t
pmn_sort_buffer_bytes(const PmnSortBuffer *buffer)
{
	size_t sorting = buffer->lsm->is_keyed
						 ? (size_t) buffer->row_count * SORT_BYTES_PER_ROW
						 : 0;

	return buffer->bytes + sorting;
}

uint64_t
pmn_sort_buffer_rows(const PmnSortBuffer *buffer)
{
	return buffer->row_count + buffer->spilled_count;
}

static PmnCode
spill_run(PmnSortBuffer *buffer, PmnRun *run)
{
	PmnBatch *batch;

	PMN_TRY(pmn_spill_begin(buffer->spill));
	for (;;)
	{
		PMN_TRY(pmn_run_next(run, &batch));
		if (batch == NULL)
			return PMN_OK;
		PMN_TRY(pmn_spill_add(buffer->spill, batch));
	}
}

PmnCode
pmn_sort_buffer_spill(PmnSortBuffer *buffer)
{
	PmnRun *run;
	PmnCode code;

	PMN_ASSERT(buffer->lsm->is_keyed);
	if (buffer->row_count == 0)
		return PMN_OK;
	if (buffer->spill == NULL)
		PMN_TRY(pmn_spill_create(buffer->env, buffer->kinds,
								 buffer->column_count, &buffer->spill));
	PMN_TRY(pmn_sort_buffer_open_memory(buffer, &run));
	code = spill_run(buffer, run);
	pmn_run_close(run);
	if (code != PMN_OK)
		return code;
	buffer->spilled_count += buffer->row_count;
	free_rows(buffer);
	return PMN_OK;
}

PmnCode
pmn_sort_buffer_runs(PmnSortBuffer *buffer, PmnArena *arena, PmnRun ***runs,
					 uint32_t *run_count)
{
	uint32_t spilled =
		buffer->spill == NULL ? 0 : pmn_spill_run_count(buffer->spill);
	PmnRun **made = pmn_arena_alloc(arena, (spilled + 1) * sizeof(*made));
	PmnCode code = PMN_OK;
	uint32_t count = 0;

	*runs = NULL;
	*run_count = 0;
	if (made == NULL)
		return PMN_NO_MEMORY;
	while (code == PMN_OK && count < spilled)
	{
		code = pmn_spill_open_run(buffer->spill, count, &made[count]);
		count += code == PMN_OK;
	}
	if (code == PMN_OK && buffer->row_count > 0)
	{
		code = pmn_sort_buffer_open_memory(buffer, &made[count]);
		count += code == PMN_OK;
	}
	if (code != PMN_OK)
	{
		while (count > 0)
			pmn_run_close(made[--count]);
		return code;
	}
	*runs = made;
	*run_count = count;
	return PMN_OK;
}

PmnCode
pmn_sort_buffer_next(PmnSortBuffer *buffer, uint64_t *position, PmnBatch **out)
{
	*out = NULL;
	PMN_ASSERT((*position & CHUNK_MASK) == 0 || *position == buffer->row_count);
	if (*position >= buffer->row_count)
		return PMN_OK;
	PMN_TRY(pmn_poll(buffer->env));
	*out = &buffer->chunks.items[*position >> CHUNK_SHIFT]->plain;
	*position += (*out)->row_count;
	return PMN_OK;
}
