/*
 * lsm_slice.h
 *
 * Changelog files that Flink has put together: a file that is a part of
 * another one.
 */
#ifndef LSM_SLICE_H
#define LSM_SLICE_H

#include "lsm.h"

/* Where the bytes of such a file are. */
typedef struct PmnSlice
{
	const char *path;	/* of the file that holds them */
	const char *format; /* "parquet" */
	uint64_t offset;
	uint64_t size;
} PmnSlice;

/* Whether the name is that of a part of a file. */
bool pmn_slice_is_one(PmnBytes file_name);

/* What the name, of a file in the bucket's directory, stands for; in arena.
 * PMN_CORRUPT when it makes no sense. */
PMN_CHECKED PmnCode pmn_slice_parse(PmnArena *arena, const char *directory,
									PmnBytes file_name, PmnSlice *out);

/* The part as if it were a file. */
PMN_CHECKED PmnCode pmn_slice_open(PmnFileSystem *fs, const PmnSlice *slice,
								   PmnFileReader **out);

#endif /* LSM_SLICE_H */
