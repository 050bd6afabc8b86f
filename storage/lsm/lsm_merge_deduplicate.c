/*
 * lsm_merge_deduplicate.c
 *
 * The default engine: the newest row of a key stays, whatever its kind. With
 * "ignore-delete" rows that retract (-U, -D) do not count, not even those
 * that are in files already; a key that has no others vanishes.
 * "ignore-update-before" does the same for -U alone.
 */
#include "lsm_merge.h"

static bool
counts(const PmnTableOptions *options, uint8_t kind)
{
	switch ((PmnRowKind) kind)
	{
		case PMN_INSERT:
		case PMN_UPDATE_AFTER:
			return true;
		case PMN_UPDATE_BEFORE:
			return !options->ignore_delete && !options->ignore_update_before;
		case PMN_DELETE:
			return !options->ignore_delete;
	}
	return true;
}

static int32_t
deduplicate_select(const PmnLsm *lsm, const uint8_t *kinds, uint32_t count)
{
	for (uint32_t i = count; i > 0; i--)
	{
		if (counts(lsm->options, kinds[i - 1]))
			return (int32_t) (i - 1);
	}
	return -1;
}

const PmnMergeOps pmn_merge_deduplicate = {
	.name = "deduplicate",
	.select = deduplicate_select,
};
