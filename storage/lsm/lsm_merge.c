/*
 * lsm_merge.c
 *
 * Look-up of merge engines. An engine that isn't here is refused before any
 * file is read: merging its tables by another rule would give wrong rows.
 */
#include "lsm_merge.h"

PmnCode
pmn_merge_lookup(PmnEnv *env, PmnMergeEngine engine, const PmnMergeOps **out)
{
	const char *name = "unknown";

	*out = NULL;
	switch (engine)
	{
		case PMN_MERGE_DEDUPLICATE:
			*out = &pmn_merge_deduplicate;
			return PMN_OK;
		case PMN_MERGE_PARTIAL_UPDATE:
			name = "partial-update";
			break;
		case PMN_MERGE_AGGREGATION:
			name = "aggregation";
			break;
		case PMN_MERGE_FIRST_ROW:
			name = "first-row";
			break;
	}
	(void) pmn_fail(env, PMN_UNSUPPORTED,
					"merge engine \"%s\" is not supported", name);
	return pmn_detail(env, "option \"merge-engine\" is \"%s\"", name);
}
