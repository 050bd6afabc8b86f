/*
 * index.h
 *
 * File indexes: what Paimon's writers keep beside a data file so that readers
 * can skip it, or rows of it (format/metadata.md 11). Only reading.
 */
#ifndef INDEX_H
#define INDEX_H

#include "../base/base_arena.h"
#include "../include/pmn_predicate.h"

/* Rows of a file that may match, by position. */
typedef enum PmnRowsKind
{
	PMN_ROWS_UNKNOWN, /* the index says nothing: any row may */
	PMN_ROWS_NONE,
	PMN_ROWS_SOME /* those whose bit is set in words */
} PmnRowsKind;

typedef struct PmnRows
{
	PmnRowsKind kind;
	uint32_t row_count; /* of the file */
	uint64_t *words;	/* SOME; bits behind row_count are 0 */
} PmnRows;

/* The columns of the file that a predicate's fields are. */
typedef struct PmnIndexColumns
{
	const PmnSchema *schema; /* of the predicate's fields */
	/* By field: the column's name in the file, or NULL when the file has none
	 * of the same type. */
	const char *const *names;
} PmnIndexColumns;

/*
 * pmn_index_evaluate -- rows that may match by a container's indexes, never
 * too few. bytes is the container, name is for messages, row_count is the
 * data file's. What cannot be told (an unknown kind or version of index, a
 * column without one, a literal that the index has no form for) is unknown.
 * Errors    PMN_CORRUPT
 */
PMN_CHECKED PmnCode pmn_index_evaluate(PmnEnv *env, PmnArena *arena,
									   PmnBytes bytes, const char *name,
									   const PmnIndexColumns *columns,
									   const PmnPredicate *predicate,
									   int64_t row_count, PmnRows *out);

/* First and one behind the last row; false when there is none. UNKNOWN gives
 * all rows of row_count. */
bool pmn_rows_range(const PmnRows *rows, uint64_t row_count, uint64_t *first,
					uint64_t *end);

#endif /* INDEX_H */
