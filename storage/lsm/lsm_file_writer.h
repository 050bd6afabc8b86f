/*
 * lsm_file_writer.h
 *
 * Data files of one bucket, rolled at target-file-size, with the manifest's
 * statistics: for keyed tables _KEY_ columns (unless thin), sequence numbers,
 * kinds; for append tables the plain columns.
 */
#ifndef LSM_FILE_WRITER_H
#define LSM_FILE_WRITER_H

#include "lsm.h"

typedef struct PmnDataFileWriter PmnDataFileWriter;

#define PMN_SOURCE_APPEND 0
#define PMN_SOURCE_COMPACT 1

PMN_CHECKED PmnCode pmn_data_writer_open(PmnLsm *lsm, const PmnBucket *bucket,
										 int32_t level, int32_t source,
										 PmnDataFileWriter **out);

/*
 * pmn_data_writer_add -- rows[0 .. count - 1] of batch (NULL: the first
 * count). Keyed: a key-value batch with all schema fields in order, rows in
 * key order. Append: plain batch, all schema fields in order.
 */
PMN_CHECKED PmnCode pmn_data_writer_add(PmnDataFileWriter *writer,
										const PmnBatch *batch,
										const uint32_t *rows, uint32_t count);

/* Append tables: sequence numbers run on from here for the next file. */
void pmn_data_writer_sequence(PmnDataFileWriter *writer, int64_t next);

/* Close the last file durably and append metas (in arena) to out. A writer
 * without rows appends nothing. */
PMN_CHECKED PmnCode pmn_data_writer_finish(PmnDataFileWriter *writer,
										   PmnArena *arena, PmnFileMetas *out);

/* Without a finish, removes its files. */
void pmn_data_writer_close(PmnDataFileWriter *writer); /* NULL allowed */

#endif /* LSM_FILE_WRITER_H */
