/*
 * lsm_merge_deduplicate.c
 *
 * The default engine: the newest row of a key stays, whatever its kind. With
 * "ignore-delete" rows that retract (-U, -D) do not count, not even those
 * that are in files already; a key that has no others vanishes.
 * "ignore-update-before" is a filter of writers and means nothing here: a -U
 * that is in a file was written before the option was set, and counts.
 */
#include "lsm_merge.h"

static bool
is_retract(uint8_t kind)
{
	return kind == PMN_UPDATE_BEFORE || kind == PMN_DELETE;
}

static int32_t
deduplicate_select(const PmnLsm *lsm, const uint8_t *kinds, uint32_t count)
{
	for (uint32_t i = count; i > 0; i--)
	{
		if (!lsm->options->ignore_delete || !is_retract(kinds[i - 1]))
			return (int32_t) (i - 1);
	}
	return -1;
}

const PmnMergeOps pmn_merge_deduplicate = {
	.name = "deduplicate",
	.select = deduplicate_select,
};
