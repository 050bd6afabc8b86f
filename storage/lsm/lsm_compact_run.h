/*
 * lsm_compact_run.h
 *
 * Carry out a compaction of one bucket: pick, rewrite or move up
 * (format/data.md 4.5), for keyed tables; and packing of small files for
 * append tables (4.7).
 */
#ifndef LSM_COMPACT_RUN_H
#define LSM_COMPACT_RUN_H

#include "lsm_compact_pick.h"
#include "lsm_levels.h"
#include "lsm_merge_reader.h"

typedef struct PmnCompaction
{
	PmnFileMetas before; /* entries to DELETE */
	PmnFileMetas after;	 /* entries to ADD; a moved file is in both */
} PmnCompaction;

/*
 * pmn_compact_bucket -- files are all live ones of the bucket. Results in
 * arena; nothing to do leaves both lists empty. On failure the files
 * written are removed.
 */
PMN_CHECKED PmnCode pmn_compact_bucket(PmnLsm *lsm, PmnArena *arena,
									   const PmnBucket *bucket,
									   const PmnDataFile *const *files,
									   uint32_t file_count, bool full,
									   size_t memory_limit_bytes,
									   PmnCompaction *out);

#endif /* LSM_COMPACT_RUN_H */
