/*
 * lsm_merge_reader.h
 *
 * k sorted runs to one stream of key-value batches, one row a key, by a
 * loser tree over column batches. Stretches of one run that meet no other
 * are passed on without copying a column.
 */
#ifndef LSM_MERGE_READER_H
#define LSM_MERGE_READER_H

#include "lsm_merge.h"
#include "lsm_run.h"

typedef struct PmnMergeReader PmnMergeReader;

typedef struct PmnMergeReadOptions
{
	bool drop_deletes;	 /* rows whose kind is -U or -D are not returned */
	uint32_t batch_rows; /* at most; 0 = PMN_BATCH_ROWS */
} PmnMergeReadOptions;

/* Takes the runs over: closes them with itself, also when open fails. One
 * run is legal (keys unique in it): rows pass through. */
PMN_CHECKED PmnCode pmn_merge_reader_open(PmnLsm *lsm,
										  const PmnKvLayout *layout,
										  PmnRun **runs, uint32_t run_count,
										  const PmnMergeReadOptions *options,
										  PmnMergeReader **out);
/* *out NULL at the end; valid until the next call; may have a selection,
 * never an empty one. BYTES keep their headroom. */
PMN_CHECKED PmnCode pmn_merge_reader_next(PmnMergeReader *reader,
										  PmnBatch **out);
void pmn_merge_reader_close(PmnMergeReader *reader); /* NULL allowed */

#endif /* LSM_MERGE_READER_H */
