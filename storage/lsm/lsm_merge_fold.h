/*
 * lsm_merge_fold.h
 *
 * Computing the rows of many keys at once, column by column. The merge reader
 * collects the rows of keys that have several; the engine plans (a step for
 * each row and sequence group); then each column is gathered and folded in
 * one go.
 */
#ifndef LSM_MERGE_FOLD_H
#define LSM_MERGE_FOLD_H

#include "lsm_aggregate.h"

typedef struct PmnMergeOps PmnMergeOps;

/* A key that was folded in part: what its later rows go on from. */
typedef struct PmnFoldCarry
{
	PmnBatch row; /* one row */
	int64_t sequence;
	bool is_delete;
	bool is_filled;			 /* partial-update: fields were set at all */
	bool has_insert;		 /* partial-update */
	uint8_t *is_initialised; /* by column: of first_value */
} PmnFoldCarry;

/* Rows of keys, oldest first: row i is row rows[i] of batch sources[i]. */
typedef struct PmnFoldInput
{
	const PmnBatch *const *batches;
	uint32_t batch_count;
	const uint32_t *sources;
	const uint32_t *rows;
	uint32_t row_count;
	const uint32_t *ends; /* of each key's rows */
	uint32_t group_count;
	/* State of the first key, read when is_carried and always updated. Its
	 * row isn't: that is the caller's to copy from the result. */
	PmnFoldCarry *carry;
	bool is_carried;
} PmnFoldInput;

typedef struct PmnFold
{
	PmnEnv *env;
	const PmnLsm *lsm;
	const PmnKvLayout *layout;
	const PmnVectorKind *column_kinds;
	uint32_t column_count;
	const PmnMergeOps *merge;
	PmnArena *arena; /* as long as the fold */
	PmnAggregateScratch *scratch;
	uint8_t *actions; /* PMN_STEP_COUNT for each field column */
	const PmnFoldInput *input;
	/* By row: kinds, and steps of the row itself and of each group. */
	uint8_t *kinds;
	size_t kinds_capacity;
	uint8_t *steps; /* (1 + group count) arrays of row_count */
	size_t steps_capacity;
	/* Results: one row for each key. */
	PmnBatch results;
	PmnArena *result_arena; /* bytes that were made */
	void *block;
	size_t block_size;
	uint32_t result_capacity;
	/* Scratch of one column. */
	uint8_t *column_actions; /* by row */
	size_t column_actions_capacity;
	uint8_t *nulls;
	size_t nulls_capacity;
	uint8_t *values; /* Wide elements, 16-byte aligned by padding */
	size_t values_capacity;
	uint32_t *choices; /* by key, and where they are */
	size_t choices_capacity;
	const void **source_values; /* by batch, and one for the carry */
	const uint8_t **source_nulls;
	size_t source_values_capacity;
	size_t source_nulls_capacity;
} PmnFold;

/* Results have room for result_rows keys. */
PMN_CHECKED PmnCode pmn_fold_create(const PmnLsm *lsm,
									const PmnKvLayout *layout,
									const PmnVectorKind *kinds,
									uint32_t column_count, uint32_t result_rows,
									PmnFold **out);
void pmn_fold_destroy(PmnFold *fold); /* NULL allowed */

/* fold->results, valid until the next run. BYTES have headroom, and may point
 * into the input. */
PMN_CHECKED PmnCode pmn_fold_run(PmnFold *fold, const PmnFoldInput *input);

/* For plans: the steps of group g, or of the rows themselves (-1). */
static inline uint8_t *
pmn_fold_steps(PmnFold *fold, int32_t group)
{
	return fold->steps + (size_t) (group + 1) * fold->input->row_count;
}

/* For plans: kind and sequence number of the result of key g. */
static inline void
pmn_fold_result(PmnFold *fold, uint32_t g, int64_t sequence, bool is_delete)
{
	((int64_t *) fold->results.columns[PMN_KV_SEQUENCE].values)[g] = sequence;
	((int32_t *) fold->results.columns[PMN_KV_KIND].values)[g] =
		is_delete ? PMN_DELETE : PMN_INSERT;
}

#endif /* LSM_MERGE_FOLD_H */
