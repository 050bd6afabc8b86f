/*
 * lsm_file_reader.h
 *
 * One data file as batches of the table's current fields: columns are mapped
 * by field id between the file's schema and the table's, missing ones are
 * null, partition columns come from the manifest, changed types are cast
 * (widening of integers and floats, longer text; anything else
 * PMN_UNSUPPORTED).
 */
#ifndef LSM_FILE_READER_H
#define LSM_FILE_READER_H

#include "lsm.h"

typedef struct PmnDataFileReader PmnDataFileReader;

typedef struct PmnDataFileRequest
{
	const PmnDataFile *file;
	const PmnBucket *bucket;
	/* Key-value batches as in lsm.h, or plain: column i is fields[i]. */
	bool is_key_value;
	const uint32_t *fields; /* positions in lsm->schema->fields */
	uint32_t field_count;
	/* Prunes row groups only; NULL = none. Rows are not filtered. */
	const PmnPredicate *filter;
	/* As in format.h: a part of the file; end_row 0 = to its end. */
	uint64_t first_row;
	uint64_t end_row;
	bool cut_blocks;
	size_t memory_limit_bytes;
} PmnDataFileRequest;

/* The file is opened, and its row count checked against the manifest's
 * (PMN_CORRUPT); for formats without a footer, when the last row is read. */
PMN_CHECKED PmnCode pmn_data_file_open(PmnLsm *lsm,
									   const PmnDataFileRequest *request,
									   PmnDataFileReader **out);
/*
 * *out NULL at the end; valid until the next call. BYTES have headroom. Rows
 * that file->deletion names are missing: from the selection of plain batches,
 * from key-value batches altogether (these never have a selection, and
 * *first_row then says little).
 */
PMN_CHECKED PmnCode pmn_data_file_next(PmnDataFileReader *reader,
									   PmnBatch **out, uint64_t *first_row);
void pmn_data_file_close(PmnDataFileReader *reader); /* NULL allowed */

/* Whether a file is one of blobs, by its name. */
bool pmn_data_file_is_blob(const PmnDataFile *file);

/* Whether the id is that of a column that row tracking adds. */
bool pmn_field_is_tracked(int32_t id);

/* Whether the file has a column for the field with this id: its schema knows
 * the field, and _WRITE_COLS, if any, names it. One of row tracking is in no
 * schema, and must be named. */
bool pmn_data_file_holds(const PmnDataFile *file, const PmnSchema *file_schema,
						 int32_t id);

#endif /* LSM_FILE_READER_H */
