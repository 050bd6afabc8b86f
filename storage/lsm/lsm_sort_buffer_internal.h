/*
 * lsm_sort_buffer_internal.h
 *
 * What the three files of the sort buffer share: its chunks, and the sorted
 * order as an array of (prefix, row) entries.
 */
#ifndef LSM_SORT_BUFFER_INTERNAL_H
#define LSM_SORT_BUFFER_INTERNAL_H

#include "lsm_sort_buffer.h"
#include "lsm_spill.h"

/* Row r is row r & CHUNK_MASK of chunk r >> CHUNK_SHIFT. */
#define CHUNK_SHIFT 13
#define CHUNK_ROWS (UINT32_C(1) << CHUNK_SHIFT)
#define CHUNK_MASK (CHUNK_ROWS - 1)

typedef struct SortChunk
{
	PmnBatch batch; /* key-value layout; row_count rows of capacity */
	PmnBatch plain; /* the schema's fields only, over the same columns */
	uint32_t capacity;
	void *block;
	size_t block_size;
	uint8_t **nulls; /* each column's null bytes, used or not */
} SortChunk;

typedef struct SortEntry
{
	uint64_t prefix;
	uint32_t row;
} SortEntry;

typedef struct BytesBlock
{
	uint8_t *data;
	size_t size;
	size_t used;
} BytesBlock;

struct PmnSortBuffer
{
	PmnLsm *lsm;
	PmnEnv *env;
	PmnArena *arena;
	PmnKvLayout *layout;
	PmnVectorKind *kinds;
	uint32_t column_count;
	PMN_ARRAY(SortChunk *) chunks;
	PMN_ARRAY(BytesBlock) blocks;
	uint64_t row_count; /* in memory */
	uint64_t spilled_count;
	size_t bytes;
	SortEntry *entries; /* sorted order of the rows in memory, or NULL */
	size_t entry_count;
	PmnSpill *spill;
	uint32_t open_runs;
};

/* Sort the rows in memory: entries is set. */
PMN_CHECKED PmnCode pmn_sort_buffer_sort(PmnSortBuffer *buffer);
void pmn_sort_buffer_unsort(PmnSortBuffer *buffer); /* free entries */

/* The sorted rows in memory as a run. */
PMN_CHECKED PmnCode pmn_sort_buffer_open_memory(PmnSortBuffer *buffer,
												PmnRun **out);

#endif /* LSM_SORT_BUFFER_INTERNAL_H */
