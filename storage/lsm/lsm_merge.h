/*
 * lsm_merge.h
 *
 * Merge engines: what becomes of several rows of one key. One of the
 * module's four interfaces; looked up by "merge-engine". An engine either
 * selects one of the rows, or plans: it says what each row means for the
 * columns, and lsm_merge_fold.c computes them.
 *
 * Which files take part is not the engines' business. In tables that need
 * lookup (pmn_merge_needs_lookup) the merge reader leaves out, before the
 * engine sees them, all rows of a key above level 0 but the one of the lowest
 * level; a key of several rows counts as such even when one is left.
 */
#ifndef LSM_MERGE_H
#define LSM_MERGE_H

#include "lsm_merge_fold.h"

/* What select says instead of an index. */
#define PMN_SELECT_NONE (-1)
#define PMN_SELECT_REFUSED (-2)

typedef struct PmnMergeOps
{
	const char *name;
	/*
	 * Engines whose result is one of their inputs, unchanged: given the kinds
	 * of a key's rows, oldest first, the index of the row that stays,
	 * PMN_SELECT_NONE, or PMN_SELECT_REFUSED for a row that the engine does
	 * not take. Must be a fold: the reader calls it with the kind kept so far
	 * and the next newer one, and a key none of whose rows stayed so far
	 * counts as its newest one. Not called for keys with a single row, which
	 * stays as it is.
	 */
	int32_t (*select)(const PmnLsm *lsm, const uint8_t *kinds, uint32_t count);
	/*
	 * Engines that compute a row: steps, kinds and sequence numbers of
	 * results for the rows in fold->input. NULL when select is given.
	 */
	PmnCode (*plan)(PmnFold *fold);
	/* Actions of one column for each step; see pmn_aggregate_actions. */
	void (*actions)(const PmnMergeColumn *column,
					uint8_t actions[PMN_STEP_COUNT]);
} PmnMergeOps;

const PmnMergeOps *pmn_merge_lookup(PmnMergeEngine engine);
extern const PmnMergeOps pmn_merge_deduplicate;
extern const PmnMergeOps pmn_merge_first_row;
extern const PmnMergeOps pmn_merge_partial_update;
extern const PmnMergeOps pmn_merge_aggregation;

#endif /* LSM_MERGE_H */
