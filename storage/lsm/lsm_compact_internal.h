/*
 * lsm_compact_internal.h
 *
 * What compaction of keyed tables and packing of append tables share.
 */
#ifndef LSM_COMPACT_INTERNAL_H
#define LSM_COMPACT_INTERNAL_H

#include "lsm_compact_run.h"
#include "lsm_file_writer.h"

PMN_CHECKED PmnCode pmn_compaction_add(PmnLsm *lsm, PmnFileMetas *list,
									   const PmnDataFile *file);

/* Remove the files that were written, and free the lists; keeps the error. */
void pmn_compaction_discard(PmnLsm *lsm, PmnArena *arena,
							const PmnBucket *bucket, PmnCompaction *compaction);

/* Files below this are worth rewriting: small-file-ratio * target. */
static inline int64_t
pmn_small_file_bytes(const PmnTableOptions *options)
{
	return (int64_t) (options->small_file_ratio *
					  (double) options->target_file_size);
}

/* Append tables; out may be filled in part on failure. */
PMN_CHECKED PmnCode pmn_compact_append(PmnLsm *lsm, PmnArena *arena,
									   const PmnBucket *bucket,
									   const PmnDataFile *const *files,
									   uint32_t file_count, bool full,
									   size_t memory_limit_bytes,
									   PmnCompaction *out);

#endif /* LSM_COMPACT_INTERNAL_H */
