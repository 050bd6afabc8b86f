/*
 * lsm_merge_first_row.c
 *
 * first-row: the oldest row of a key stays. The engine takes no rows that
 * retract (-U, -D): they are an error, or with "ignore-delete" do not count;
 * a key that has no others vanishes. Tables of this engine are read from the
 * levels above 0 only, where a key has one row, so that the engine mostly runs
 * in compactions.
 */
#include "lsm_merge.h"

static bool
is_retract(uint8_t kind)
{
	return kind == PMN_UPDATE_BEFORE || kind == PMN_DELETE;
}

static int32_t
first_row_select(const PmnLsm *lsm, const uint8_t *kinds, uint32_t count)
{
	int32_t first = PMN_SELECT_NONE;

	for (uint32_t i = count; i > 0; i--)
	{
		if (!is_retract(kinds[i - 1]))
			first = (int32_t) (i - 1);
		else if (!lsm->options->ignore_delete)
			return PMN_SELECT_REFUSED;
	}
	return first;
}

const PmnMergeOps pmn_merge_first_row = {
	.name = "first-row",
	.select = first_row_select,
};
