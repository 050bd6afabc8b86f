/*
 * format_parquet.h
 *
 * What the parts of the Parquet format share; private to this folder.
 */
#ifndef FORMAT_PARQUET_H
#define FORMAT_PARQUET_H

#include "format.h"
#include "format_arrow_shim.h"

typedef struct ParquetReader
{
	PmnFormatReader base;
	PmnFileReader *file;
	const PmnArrowApi *api;
	PmnArrowReader *arrow;
	PmnArena *arena; /* of the filter; NULL without one */
	const PmnPredicate *filter;
	const PmnSchema *filter_schema;
	const int32_t *filter_columns;
	PmnType *types; /* of the columns asked for; with a filter only */
	uint32_t column_count;
	uint64_t first_row; /* the range asked for */
	uint64_t end_row;
	int64_t rows_whole; /* groups up to this size are not cut */
	int32_t group_count;
	int32_t next_group;
	bool in_group;
	uint64_t group_first_row; /* in the file */
	uint64_t next_first_row;  /* of next_group */
} ParquetReader;

typedef PMN_ARRAY(PmnArrowRange) ParquetRanges;

/* Turn a failure of the shim into one of env. */
PmnCode parquet_raise(PmnEnv *env, const PmnArrowError *error);

/* The memory hooks of env for the shim; context is the env. */
void *parquet_allocate(void *context, size_t size);
void parquet_release(void *context, void *block, size_t size);

/* Fill the shim's column array; type names live in arena. */
PMN_CHECKED PmnCode parquet_columns(PmnArena *arena,
									const PmnFormatColumn *columns,
									uint32_t count, PmnArrowColumn **out);

/* format_parquet_prune.c: copy the filter, which the caller may free. */
PMN_CHECKED PmnCode parquet_keep_filter(ParquetReader *reader,
										const PmnFormatReadRequest *request);
/* false when statistics prove that no row of the group matches. */
bool parquet_group_may_match(ParquetReader *reader, int32_t group);
/*
 * Rows of the group that may match, by the page index: ranges stays empty
 * when all may. *none is set when no row does.
 */
PMN_CHECKED PmnCode parquet_find_ranges(ParquetReader *reader, int32_t group,
										ParquetRanges *ranges, bool *none);

/* format_parquet_write.c */
PmnCode parquet_open_writer(PmnFileWriter *file, const PmnFormatColumn *columns,
							uint32_t count,
							const PmnFormatWriteOptions *options,
							PmnFormatWriter **out);

/*
 * format_parquet_options.c: the table's "parquet.*" options and Paimon's own
 * become the shim's. Arrays are made in arena.
 */
PMN_CHECKED PmnCode parquet_write_options(PmnArena *arena,
										  const PmnFormatColumn *columns,
										  uint32_t count,
										  const PmnFormatWriteOptions *options,
										  PmnArrowWriteOptions *out);

#endif /* FORMAT_PARQUET_H */
