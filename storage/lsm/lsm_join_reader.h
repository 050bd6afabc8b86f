/*
 * lsm_join_reader.h
 *
 * Data evolution: files that hold different columns of the same rows, read
 * side by side as if they were one file.
 */
#ifndef LSM_JOIN_READER_H
#define LSM_JOIN_READER_H

#include "../meta/meta_deletion_vector.h"
#include "lsm_file_reader.h"

/* Files of one range of row ids. Arrays live with their maker. */
typedef struct PmnJoin
{
	int64_t first_row_id;
	uint64_t row_count;
	/* Files with all of the rows, the newest first; at least one. */
	const PmnDataFile **files;
	uint32_t file_count;
	/* Blob files: a column each, of some of the rows; the newest first. */
	const PmnDataFile **blobs;
	uint32_t blob_count;
	const PmnDeletionFile *deletion; /* of the rows; NULL: none */
} PmnJoin;

/*
 * pmn_join_make -- what files whose row ids overlap are together; *out in
 * arena, files are borrowed. PMN_CORRUPT when their ranges do not fit
 * together, PMN_UNSUPPORTED for kinds of files we do not read.
 */
PMN_CHECKED PmnCode pmn_join_make(PmnLsm *lsm, PmnArena *arena,
								  const PmnDataFile *const *files,
								  uint32_t count, PmnJoin **out);

typedef struct PmnJoinReader PmnJoinReader;

typedef struct PmnJoinRequest
{
	const PmnJoin *join;
	const PmnBucket *bucket;
	const uint32_t *fields; /* batch column i is fields[i]; at least one */
	uint32_t field_count;
	size_t memory_limit_bytes;
} PmnJoinRequest;

/* Everything in request is borrowed until close. */
PMN_CHECKED PmnCode pmn_join_reader_open(PmnLsm *lsm,
										 const PmnJoinRequest *request,
										 PmnJoinReader **out);
/* As pmn_data_file_next with plain batches. */
PMN_CHECKED PmnCode pmn_join_reader_next(PmnJoinReader *reader, PmnBatch **out);
void pmn_join_reader_close(PmnJoinReader *reader); /* NULL allowed */

#endif /* LSM_JOIN_READER_H */
