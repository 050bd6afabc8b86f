/*
 * format_blob.h
 *
 * The rows of a .blob file one after another, for readers that put several
 * such files together. pmn_format_blob (format.h) is made of the same.
 */
#ifndef FORMAT_BLOB_H
#define FORMAT_BLOB_H

#include "format.h"

typedef struct PmnBlobRows PmnBlobRows;

/* Sizes of rows that have no bytes of their own. */
#define PMN_BLOB_NULL (-1)
#define PMN_BLOB_PLACEHOLDER (-2) /* an older file has the value */

/* The index is read and checked. file is borrowed. */
PMN_CHECKED PmnCode pmn_blob_open(PmnFileReader *file, PmnBlobRows **out);
void pmn_blob_close(PmnBlobRows *rows); /* NULL allowed */
uint64_t pmn_blob_row_count(const PmnBlobRows *rows);
/* Go to the next row, of which there must be one: the size of its bytes, or
 * one of the above. */
int64_t pmn_blob_next(PmnBlobRows *rows);
/* The bytes of that row, in arena, aligned and with headroom. */
PMN_CHECKED PmnCode pmn_blob_take(PmnBlobRows *rows, PmnArena *arena,
								  PmnBytes *out);

#endif /* FORMAT_BLOB_H */
