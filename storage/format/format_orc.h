/*
 * format_orc.h
 *
 * What the parts of the ORC format share; private to this folder.
 *
 *   format_orc.c            open, batches, stripes
 *   format_orc_tail.c       postscript, footer and stripe footer
 *   format_orc_message.c    messages of Protocol Buffers
 *   format_orc_prune.c      which stripes and row groups a filter can skip
 *   format_orc_stats.c      statistics, as the filter wants them
 *   format_orc_index.c      row indexes: where row groups begin
 *   format_orc_column.c     a column of a stripe: its streams, its vector
 *   format_orc_bytes.c      strings, direct and by dictionary
 *   format_orc_nested.c     arrays, maps and structs, out of their children
 *   format_orc_timestamp.c  decimals and points in time
 *   format_orc_rle.c        run-length encodings
 *   format_orc_stream.c     bytes of a stream, decompressed
 *   format_orc_zone.c       time zones of writers
 */
#ifndef FORMAT_ORC_H
#define FORMAT_ORC_H

#include "format.h"
#include "format_orc_message.h"
#include "format_orc_rle.h"

/* What a file may make us allocate for one thing; far above real files. */
#define ORC_FOOTER_BYTES_MAX ((size_t) 64 << 20)
#define ORC_VALUE_BYTES_MAX ((size_t) 256 << 20)
/* 2015-01-01 in UTC: timestamps count from there. */
#define ORC_BASE_SECONDS INT64_C(1420070400)

/* Numbers of the format: Type.Kind. */
typedef enum OrcKind
{
	ORC_BOOLEAN,
	ORC_BYTE,
	ORC_SHORT,
	ORC_INT,
	ORC_LONG,
	ORC_FLOAT,
	ORC_DOUBLE,
	ORC_STRING,
	ORC_BINARY,
	ORC_TIMESTAMP,
	ORC_LIST,
	ORC_MAP,
	ORC_STRUCT,
	ORC_UNION,
	ORC_DECIMAL,
	ORC_DATE,
	ORC_VARCHAR,
	ORC_CHAR,
	ORC_TIMESTAMP_INSTANT,
	ORC_KIND_COUNT
} OrcKind;

/* Stream.Kind: what of a column a stream holds; bloom filters are not read. */
typedef enum OrcStreamKind
{
	ORC_STREAM_PRESENT,
	ORC_STREAM_DATA,
	ORC_STREAM_LENGTH,
	ORC_STREAM_DICTIONARY,
	ORC_STREAM_DICTIONARY_COUNT,
	ORC_STREAM_SECONDARY,
	ORC_STREAM_KINDS,
	ORC_STREAM_ROW_INDEX = ORC_STREAM_KINDS
} OrcStreamKind;

typedef struct OrcStripe
{
	uint64_t offset;
	uint64_t index_bytes;
	uint64_t data_bytes;
	uint64_t footer_bytes;
	uint64_t rows;
} OrcStripe;

/* Types are numbered in preorder; their numbers are the column ids. */
typedef struct OrcType
{
	uint32_t kind; /* OrcKind, or a number that is none */
	uint32_t precision;
	uint32_t scale;
	bool has_parent;
	struct OrcField *children;
	uint32_t child_count;
} OrcType;

typedef struct OrcField
{
	const char *name; /* no NUL inside; NULL but in structs */
	uint32_t type;	  /* larger than that of the parent, its only one */
} OrcField;

typedef struct OrcTail
{
	OrcStripe *stripes;
	uint32_t stripe_count;
	OrcType *types;
	uint32_t type_count;
	uint64_t rows;
	uint64_t row_index_stride; /* rows of a row group; 0: no row index */
	uint64_t metadata_offset;  /* statistics of stripes */
	uint64_t metadata_bytes;
	bool has_statistics; /* of a writer whose statistics are right */
} OrcTail;

/* ColumnEncoding. */
typedef enum OrcEncodingKind
{
	ORC_DIRECT,
	ORC_DICTIONARY,
	ORC_DIRECT_V2,
	ORC_DICTIONARY_V2
} OrcEncodingKind;

typedef struct OrcEncoding
{
	uint32_t kind; /* OrcEncodingKind */
	uint32_t dictionary_size;
} OrcEncoding;

typedef struct OrcStreamInfo
{
	uint32_t kind; /* OrcStreamKind, or a larger number */
	uint32_t column;
	uint64_t offset; /* in the file */
	uint64_t size;
} OrcStreamInfo;

typedef struct OrcStripeFooter
{
	OrcStreamInfo *streams;
	uint32_t stream_count;
	OrcEncoding *encodings; /* one per type */
	uint32_t encoding_count;
	const char *time_zone; /* empty: not said */
} OrcStripeFooter;

/*
 * orc_read_tail -- codec, types, stripes. input's codec and block size are
 * set. Errors: PMN_CORRUPT, PMN_UNSUPPORTED (LZO, encryption, ORC 2).
 */
PMN_CHECKED PmnCode orc_read_tail(OrcInput *input, PmnArena *arena,
								  OrcTail *out);
PMN_CHECKED PmnCode orc_read_stripe_footer(OrcInput *input, PmnArena *arena,
										   const OrcStripe *stripe,
										   OrcStripeFooter *out);

/*
 * orc_read_plain -- append the plain form of a range, whose bytes are in
 * memory already or not (NULL). PMN_CORRUPT beyond ORC_FOOTER_BYTES_MAX; what
 * names it.
 */
PMN_CHECKED PmnCode orc_read_plain(OrcInput *input, const uint8_t *memory,
								   uint64_t offset, uint64_t size,
								   const char *what, PmnBuffer *dst);

/* ---- time zones ----------------------------------------------------------- */

typedef struct OrcZone OrcZone;

/*
 * orc_zone_open -- the zone that a Java virtual machine named; "" is UTC.
 * Kept in arena. Errors: PMN_UNSUPPORTED when it is not known here.
 */
PMN_CHECKED PmnCode orc_zone_open(PmnEnv *env, PmnArena *arena,
								  const char *name, const OrcZone **out);
/* Zone rules out of the bytes of a zoneinfo file; false when they are none. */
bool orc_zone_parse(PmnArena *arena, PmnBytes bytes, OrcZone **out);
bool orc_zone_is_utc(const OrcZone *zone);
/* Seconds to add to UTC. */
int32_t orc_zone_offset(const OrcZone *zone, int64_t utc_seconds);

#endif /* FORMAT_ORC_H */
