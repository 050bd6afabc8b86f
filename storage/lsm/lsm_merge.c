/*
 * lsm_merge.c
 *
 * The merge engines by the value of "merge-engine". The option's parser knows
 * no other names, so there is an engine for each value.
 */
#include "lsm_merge.h"

const PmnMergeOps *
pmn_merge_lookup(PmnMergeEngine engine)
{
	static const PmnMergeOps *const engines[] = {
		[PMN_MERGE_DEDUPLICATE] = &pmn_merge_deduplicate,
		[PMN_MERGE_PARTIAL_UPDATE] = &pmn_merge_partial_update,
		[PMN_MERGE_AGGREGATION] = &pmn_merge_aggregation,
		[PMN_MERGE_FIRST_ROW] = &pmn_merge_first_row,
	};

	return engines[engine];
}
