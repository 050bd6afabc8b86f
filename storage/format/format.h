/*
 * format.h
 *
 * Column files: the interface, and its look-up by name. Physical columns are
 * found by name; what is not in the file reads as null. One of the module's
 * four interfaces.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include "../fs/fs.h"
#include "../type/type_predicate.h"

typedef struct PmnFormatReader PmnFormatReader;
typedef struct PmnFormatWriter PmnFormatWriter;

/* A column to read: its name in the file and the type it was written with. */
typedef struct PmnFormatColumn
{
	const char *name;
	int32_t id; /* written as field_id; ignored by readers */
	PmnType type;
} PmnFormatColumn;

typedef struct PmnFormatReadRequest
{
	const PmnFormatColumn *columns;
	uint32_t column_count;
	/*
	 * Row groups whose statistics prove that no row matches are skipped.
	 * Leaves of filter refer to filter_schema's fields; filter_columns[f] is
	 * the position in columns of schema field f, or -1 (then its leaf may
	 * match). NULL filter reads everything.
	 */
	const PmnPredicate *filter;
	const PmnSchema *filter_schema;
	const int32_t *filter_columns;
	/*
	 * Rows first_row .. end_row - 1 only; end_row 0 is the end of the file.
	 * Formats with has_ranges only. A format may move the bounds to where its
	 * blocks begin, such that adjoining ranges still have each row once.
	 */
	uint64_t first_row;
	uint64_t end_row;
	bool cut_blocks; /* rather than move the bounds, where that is possible */
	size_t memory_limit_bytes; /* 0 = 32 MB */
	/* What is parsed of a file may be kept for the next opening of it. */
	bool keeps_metadata;
	const PmnSchema *schema; /* for format options "orc.*"; may be NULL */
} PmnFormatReadRequest;

typedef struct PmnFormatWriteOptions
{
	const char *compression; /* Paimon's spelling; "zstd", "none", ... */
	int32_t compression_level;
	int64_t row_group_bytes; /* 0 = default */
	const PmnSchema *schema; /* for format options "parquet.*"; may be NULL */
} PmnFormatWriteOptions;

typedef struct PmnFormatOps
{
	const char *name; /* also the file name's extension */
	bool has_ranges;  /* parts of a file can be read */
	PmnCode (*open_reader)(PmnFileReader *file,
						   const PmnFormatReadRequest *request,
						   PmnFormatReader **out);
	PmnCode (*open_writer)(PmnFileWriter *file, const PmnFormatColumn *columns,
						   uint32_t count, const PmnFormatWriteOptions *options,
						   PmnFormatWriter **out);
} PmnFormatOps;

#define PMN_ROW_COUNT_UNKNOWN UINT64_MAX

struct PmnFormatReader
{
	/* *out NULL at the end; valid until the next call. At most
	 * PMN_BATCH_ROWS rows; no selection; BYTES with headroom (pmn_batch.h).
	 * *first_row is the row's position in the file. */
	PmnCode (*next)(PmnFormatReader *reader, PmnBatch **out,
					uint64_t *first_row);
	void (*close)(PmnFormatReader *reader);
	PmnEnv *env;
	/* Of the whole file, from its footer. PMN_ROW_COUNT_UNKNOWN when the
	 * format has none: rows must then be read to be counted, which works
	 * without columns too (batches of no columns). */
	uint64_t row_count;
};

struct PmnFormatWriter
{
	/* Columns in the order of open_writer; rows = indices or NULL (all). */
	PmnCode (*write)(PmnFormatWriter *writer, const PmnBatch *batch,
					 const uint32_t *rows, uint32_t count);
	/* Estimated file size if it were finished now. */
	uint64_t (*size_estimate)(PmnFormatWriter *writer);
	/* Footer written to the file; the caller finishes the file itself. */
	PmnCode (*finish)(PmnFormatWriter *writer);
	void (*close)(PmnFormatWriter *writer);
	PmnEnv *env;
};

/* By extension or "file.format", case ignored. PMN_UNSUPPORTED. */
PMN_CHECKED PmnCode pmn_format_lookup(PmnEnv *env, const char *name,
									  const PmnFormatOps **out);

PMN_CHECKED PmnCode pmn_format_open_reader(const PmnFormatOps *format,
										   PmnFileReader *file,
										   const PmnFormatReadRequest *request,
										   PmnFormatReader **out);
PMN_CHECKED PmnCode pmn_format_next(PmnFormatReader *reader, PmnBatch **out,
									uint64_t *first_row);
void pmn_format_reader_close(PmnFormatReader *reader); /* NULL allowed */

PMN_CHECKED PmnCode pmn_format_open_writer(const PmnFormatOps *format,
										   PmnFileWriter *file,
										   const PmnFormatColumn *columns,
										   uint32_t count,
										   const PmnFormatWriteOptions *options,
										   PmnFormatWriter **out);
PMN_CHECKED PmnCode pmn_format_write(PmnFormatWriter *writer,
									 const PmnBatch *batch,
									 const uint32_t *rows, uint32_t count);
uint64_t pmn_format_size_estimate(PmnFormatWriter *writer);
PMN_CHECKED PmnCode pmn_format_finish(PmnFormatWriter *writer);
void pmn_format_writer_close(PmnFormatWriter *writer); /* NULL allowed */

/* Write NULL-safe "parquet" ops; format.c lists them. */
extern const PmnFormatOps pmn_format_parquet;
/* Reads only: open_writer is PMN_UNSUPPORTED. */
extern const PmnFormatOps pmn_format_avro;
/* Reads only. */
extern const PmnFormatOps pmn_format_orc;
/* Reads only; files of one BLOB column beside those of other formats. */
extern const PmnFormatOps pmn_format_blob;

#endif /* FORMAT_H */
