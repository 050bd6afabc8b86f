/*
 * meta_deletion_vector.h
 *
 * Which rows of a data file are deleted (format/metadata.md 7): bitmaps of
 * row positions, many to an index file, both of Paimon's forms.
 */
#ifndef META_DELETION_VECTOR_H
#define META_DELETION_VECTOR_H

#include "../codec/codec_roaring.h"
#include "../fs/fs.h"

/* Where a deletion vector is, as an index manifest says. */
typedef struct PmnDeletionFile
{
	const char *path; /* of the index file */
	int64_t offset;
	int64_t length; /* means two things, see the .c */
	int64_t cardinality;
	bool has_cardinality;
} PmnDeletionFile;

/* Positions high << 32 .. of a file. */
typedef struct PmnDeletionPart
{
	uint32_t high;
	PmnRoaring low;
} PmnDeletionPart;

typedef struct PmnDeletionVector
{
	PmnDeletionPart *parts; /* by high, ascending */
	uint32_t part_count;
	uint64_t cardinality;
} PmnDeletionVector;

/*
 * pmn_deletion_vector_parse -- check the blob at the start of src, whose
 * range has this length, and point into it; the rest is made in arena.
 * Errors    PMN_CORRUPT
 */
PMN_CHECKED PmnCode pmn_deletion_vector_parse(PmnArena *arena, PmnEnv *env,
											  const char *name, PmnBytes src,
											  int64_t length,
											  PmnDeletionVector *out);

/* pmn_deletion_vector_read -- the same from its file; all of it in arena. */
PMN_CHECKED PmnCode pmn_deletion_vector_read(PmnFileSystem *fs, PmnArena *arena,
											 const PmnDeletionFile *where,
											 PmnDeletionVector *out);

/* One past the greatest position; 0 when there is none. */
uint64_t pmn_deletion_vector_end(const PmnDeletionVector *vector);

/* Deleted positions among first .. first + count - 1, as bits 0 .. of words,
 * which are cleared first; false when there is none. */
bool pmn_deletion_vector_window(const PmnDeletionVector *vector, uint64_t first,
								uint32_t count, uint64_t *words);

/*
 * pmn_deletion_vector_select -- the rows of a batch of count rows, the first
 * at position first of the file, that are not deleted, into selection (room
 * for count). Returns how many; when all are there, selection is not filled.
 */
uint32_t pmn_deletion_vector_select(const PmnDeletionVector *vector,
									uint64_t first, uint32_t count,
									uint32_t *selection);

#endif /* META_DELETION_VECTOR_H */
