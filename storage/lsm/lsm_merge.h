/*
 * lsm_merge.h
 *
 * Merge engines: what becomes of several rows of one key. One of the
 * module's four interfaces; looked up by "merge-engine".
 */
#ifndef LSM_MERGE_H
#define LSM_MERGE_H

#include "lsm.h"

typedef struct PmnMergeOps
{
	const char *name;
	/*
	 * Engines whose result is one of their inputs, unchanged: given the kinds
	 * of a key's rows, oldest first (at least two), the index of the row
	 * that stays, or -1 for none. Must be a fold: the reader calls it with
	 * the kind kept so far and the next newer one, and a key none of whose
	 * rows stayed so far counts as its newest one. Not called for keys with a
	 * single row, which stays as it is.
	 */
	int32_t (*select)(const PmnLsm *lsm, const uint8_t *kinds, uint32_t count);
} PmnMergeOps;

/* PMN_UNSUPPORTED for engines without an implementation. */
PMN_CHECKED PmnCode pmn_merge_lookup(PmnEnv *env, PmnMergeEngine engine,
									 const PmnMergeOps **out);
extern const PmnMergeOps pmn_merge_deduplicate;

#endif /* LSM_MERGE_H */
