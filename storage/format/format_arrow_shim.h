/*
 * format_arrow_shim.h
 *
 * The C face of paimon_arrow.so, the only C++ in the module. The library is
 * opened on first use and exports one function, which returns a table of
 * functions. Nothing throws across this line: every call returns a PmnCode
 * and fills a PmnArrowError. Memory and bytes come from the host's hooks, on
 * the calling thread only.
 */
#ifndef FORMAT_ARROW_SHIM_H
#define FORMAT_ARROW_SHIM_H

#include "../include/pmn_batch.h"

#ifdef __cplusplus
extern "C"
{
#endif

/* Changes whenever a struct or a meaning below changes. */
#define PMN_ARROW_API_VERSION 2
#define PMN_ARROW_API_SYMBOL "pmn_arrow_api"

	typedef struct PmnArrowReader PmnArrowReader;
	typedef struct PmnArrowWriter PmnArrowWriter;

	/*
 * is_host: a hook of the host failed with code and knows the message.
 * is_limit: the memory limit was met.
 */
	typedef struct PmnArrowError
	{
		PmnCode code;
		bool is_host;
		bool is_limit;
		char message[768];
	} PmnArrowError;

	/* Hooks may not throw or jump. path is copied. */
	typedef struct PmnArrowHost
	{
		void *context;
		const char *path;
		uint64_t size_bytes; /* of the file to read */
		PmnCode (*read_at)(void *context, uint64_t offset, size_t size,
						   uint8_t *dst);
		PmnCode (*write)(void *context, const uint8_t *src, size_t size);
		void *(*allocate)(void *context, size_t size); /* NULL: no memory */
		void (*release)(void *context, void *block, size_t size);
	} PmnArrowHost;

	/* kind is pmn_type_vector_kind(type). name and type are copied. */
	typedef struct PmnArrowColumn
	{
		const char *name;
		int32_t id; /* writers only */
		PmnVectorKind kind;
		const PmnType *type;
		const char *type_name; /* for messages */
	} PmnArrowColumn;

	typedef struct PmnArrowReadOptions
	{
		const PmnArrowColumn *columns;
		uint32_t column_count;
		size_t memory_limit_bytes; /* steers buffer sizes; not 0 */
		bool verify_checksums;
		/* Names one writing of the file, whose footer and index may be kept
		 * for the next opening; NULL: they may not. */
		const char *keep_key;
	} PmnArrowReadOptions;

	/* What is known of a column in a row group or page. Bytes of min and max
 * live until the next call for the same column. */
	typedef struct PmnArrowStats
	{
		PmnValue min;
		PmnValue max;
		int64_t null_count; /* -1 = unknown */
	} PmnArrowStats;

	/* Rows begin .. end - 1 of a row group. */
	typedef struct PmnArrowRange
	{
		int64_t begin;
		int64_t end;
	} PmnArrowRange;

	typedef enum PmnArrowCompression
	{
		PMN_ARROW_NONE,
		PMN_ARROW_SNAPPY,
		PMN_ARROW_GZIP,
		PMN_ARROW_ZSTD,
		PMN_ARROW_LZ4, /* Hadoop's framing: what parquet-java calls LZ4 */
		PMN_ARROW_LZ4_RAW
	} PmnArrowCompression;

	/* Sizes are bytes and positive. Arrays have one element per column. */
	typedef struct PmnArrowWriteOptions
	{
		const PmnArrowColumn *columns;
		uint32_t column_count;
		PmnArrowCompression compression;
		int32_t compression_level; /* 0 = the codec's default */
		int64_t row_group_bytes;
		int64_t page_bytes;
		int64_t dictionary_page_bytes;
		int64_t page_rows;
		const bool *dictionary;
		const bool *bloom_filter;
		double bloom_fpp;
		int64_t bloom_ndv;
		bool is_version_2; /* data pages V2 and the newer encodings */
		const char *created_by;
	} PmnArrowWriteOptions;

	typedef struct PmnArrowApi
	{
		uint32_t version;

		/* Reads the footer and checks that file and request agree. */
		PmnCode (*reader_open)(const PmnArrowHost *host,
							   const PmnArrowReadOptions *options,
							   PmnArrowReader **out, PmnArrowError *error);
		int64_t (*row_count)(const PmnArrowReader *reader);
		int32_t (*group_count)(const PmnArrowReader *reader);
		int64_t (*group_rows)(const PmnArrowReader *reader, int32_t group);
		/* false when nothing is known, also of damaged statistics. */
		bool (*group_stats)(PmnArrowReader *reader, int32_t group,
							uint32_t column, PmnArrowStats *stats);
		/*
	 * Loads the page index of a column: the number of its data pages and the
	 * row each begins with; 0 when there is no (sane) index. Arrays live
	 * until the next load for the column.
	 */
		uint32_t (*load_pages)(PmnArrowReader *reader, int32_t group,
							   uint32_t column, const int64_t **first_rows);
		bool (*page_stats)(PmnArrowReader *reader, uint32_t column,
						   uint32_t page, PmnArrowStats *stats);
		/* Ascending, disjoint, not empty; count 0 means the whole group. */
		PmnCode (*begin_group)(PmnArrowReader *reader, int32_t group,
							   const PmnArrowRange *ranges, uint32_t count,
							   PmnArrowError *error);
		/* *out NULL when the group is read. The batch is valid until the next
	 * call. *first_row counts from the start of the group. */
		PmnCode (*next)(PmnArrowReader *reader, PmnBatch **out,
						int64_t *first_row, PmnArrowError *error);
		void (*reader_close)(PmnArrowReader *reader);

		PmnCode (*writer_open)(const PmnArrowHost *host,
							   const PmnArrowWriteOptions *options,
							   PmnArrowWriter **out, PmnArrowError *error);
		PmnCode (*write)(PmnArrowWriter *writer, const PmnBatch *batch,
						 const uint32_t *rows, uint32_t count,
						 PmnArrowError *error);
		uint64_t (*size_estimate)(PmnArrowWriter *writer);
		PmnCode (*finish)(PmnArrowWriter *writer, PmnArrowError *error);
		void (*writer_close)(PmnArrowWriter *writer);
	} PmnArrowApi;

	typedef const PmnArrowApi *(*PmnArrowApiFunction)(void);

#ifndef __cplusplus
	/*
 * format_arrow_load.c: open the library at the first call. PMN_UNSUPPORTED
 * when it is not there or of another version.
 */
	PMN_CHECKED PmnCode pmn_arrow_load(PmnEnv *env, const PmnArrowApi **out);
#endif

#ifdef __cplusplus
}
#endif
#endif /* FORMAT_ARROW_SHIM_H */
