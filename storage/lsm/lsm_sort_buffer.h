/*
 * lsm_sort_buffer.h
 *
 * Rows of one bucket in memory, column by column, sorted by (key, user
 * sequence, sequence number, retract first) when asked; sorted runs go to
 * temporary files when memory is short. Append tables use it unsorted.
 */
#ifndef LSM_SORT_BUFFER_H
#define LSM_SORT_BUFFER_H

#include "lsm_run.h"

typedef struct PmnSortBuffer PmnSortBuffer;

PMN_CHECKED PmnCode pmn_sort_buffer_create(PmnLsm *lsm, PmnSortBuffer **out);
void pmn_sort_buffer_destroy(PmnSortBuffer *buffer); /* NULL allowed */

/*
 * pmn_sort_buffer_add -- copy rows[0 .. count - 1] of batch (one column for
 * each schema field; rows NULL: the first count). kinds by batch row, NULL =
 * inserts. Row i gets sequence number first_sequence + i.
 */
PMN_CHECKED PmnCode pmn_sort_buffer_add(PmnSortBuffer *buffer,
										const PmnBatch *batch,
										const uint8_t *kinds,
										const uint32_t *rows, uint32_t count,
										int64_t first_sequence);

size_t pmn_sort_buffer_bytes(const PmnSortBuffer *buffer);	/* in memory */
uint64_t pmn_sort_buffer_rows(const PmnSortBuffer *buffer); /* all */

/* Sort what is in memory into a temporary file and free the memory. */
PMN_CHECKED PmnCode pmn_sort_buffer_spill(PmnSortBuffer *buffer);

/*
 * pmn_sort_buffer_runs -- sort, and open every run: spilled ones first, the
 * one in memory last. Batches have all schema fields in order. Runs must be
 * closed before the buffer is destroyed or reset. runs in arena.
 */
PMN_CHECKED PmnCode pmn_sort_buffer_runs(PmnSortBuffer *buffer, PmnArena *arena,
										 PmnRun ***runs, uint32_t *run_count);

/* Unsorted rows in memory as plain batches (append tables). *position starts
 * at 0; *out NULL at the end. */
PMN_CHECKED PmnCode pmn_sort_buffer_next(PmnSortBuffer *buffer,
										 uint64_t *position, PmnBatch **out);
/* Empty again, memory and temporary files freed. */
void pmn_sort_buffer_reset(PmnSortBuffer *buffer);

#endif /* LSM_SORT_BUFFER_H */
