/*
 * lsm_spill.h
 *
 * Sorted runs in one temporary file: written block by block, read back as
 * runs. The file has no name any more as soon as it is open, so nothing is
 * left behind however the process ends.
 */
#ifndef LSM_SPILL_H
#define LSM_SPILL_H

#include "lsm_run.h"

typedef struct PmnSpill PmnSpill;

/* kinds (borrowed) are those of the batches' columns. Errors PMN_NO_MEMORY:
 * env has no temp_directory; PMN_NO_SPACE; PMN_IO. */
PMN_CHECKED PmnCode pmn_spill_create(PmnEnv *env, const PmnVectorKind *kinds,
									 uint32_t column_count, PmnSpill **out);
void pmn_spill_close(PmnSpill *spill); /* NULL allowed */

/* Start a run; the batches added next belong to it. */
PMN_CHECKED PmnCode pmn_spill_begin(PmnSpill *spill);
PMN_CHECKED PmnCode pmn_spill_add(PmnSpill *spill, const PmnBatch *batch);
uint32_t pmn_spill_run_count(const PmnSpill *spill);

/* Read a run back; close it before the spill. */
PMN_CHECKED PmnCode pmn_spill_open_run(PmnSpill *spill, uint32_t run,
									   PmnRun **out);

#endif /* LSM_SPILL_H */
