/*
 * lsm_run.h
 *
 * A sorted run as a stream of key-value batches in key order: files one
 * after another, rows of a sort buffer, or a spilled file.
 */
#ifndef LSM_RUN_H
#define LSM_RUN_H

#include "lsm_file_reader.h"

typedef struct PmnRun PmnRun;

/* Implementations start with this. */
struct PmnRun
{
	PmnCode (*next)(PmnRun *run, PmnBatch **out);
	void (*close)(PmnRun *run);
	PmnEnv *env;
	/* A key has one row. Else rows of one key follow each other, oldest
	 * first; they may be in two batches. */
	bool has_unique_keys;
	int32_t level; /* of the batch that next gave; 0 when in no level */
};

/* files (borrowed) must be disjoint and in key order; opened one at a
 * time. filter may only prune by key fields unless the run is read alone. */
PMN_CHECKED PmnCode pmn_run_open_files(PmnLsm *lsm, const PmnBucket *bucket,
									   const PmnDataFile *const *files,
									   uint32_t file_count,
									   const PmnKvLayout *layout,
									   const PmnPredicate *filter,
									   size_t memory_limit_bytes, PmnRun **out);
/* *out NULL at the end; valid until the next call; without selection. */
PMN_CHECKED PmnCode pmn_run_next(PmnRun *run, PmnBatch **out);
void pmn_run_close(PmnRun *run); /* NULL allowed */

#endif /* LSM_RUN_H */
