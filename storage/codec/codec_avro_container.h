/*
 * codec_avro_container.h
 *
 * The parts of an Avro file that every reader of one needs, whatever it makes
 * of the records: header, blocks, the tree of the schema, and programs that
 * read over fields nobody asked for. codec_avro.h is built on it, and so are
 * data files (format_avro.c).
 */
#ifndef CODEC_AVRO_CONTAINER_H
#define CODEC_AVRO_CONTAINER_H

#include "codec.h"

#define PMN_AVRO_MAGIC "Obj\x01"
#define PMN_AVRO_SYNC_SIZE 16
#define PMN_AVRO_DEPTH_MAX 32
/* Nodes of a schema, and steps of a program: shared types multiply. */
#define PMN_AVRO_NODE_COUNT_MAX 20000
#define PMN_AVRO_BLOCK_SIZE_MAX ((size_t) 256 * 1024 * 1024)
/* Items and records that take no bytes, in one file. */
#define PMN_AVRO_EMPTY_COUNT_MAX 1000000

/* ---- the schema (codec_avro_schema.c) ---------------------------------- */

typedef enum AvroType
{
	AVRO_NULL,
	AVRO_BOOLEAN,
	AVRO_INT,
	AVRO_LONG,
	AVRO_FLOAT,
	AVRO_DOUBLE,
	AVRO_BYTES,
	AVRO_STRING,
	AVRO_RECORD,
	AVRO_ENUM,
	AVRO_ARRAY,
	AVRO_MAP,
	AVRO_UNION,
	AVRO_FIXED
} AvroType;

/* The logical types that change what a value means; others are ignored, as
 * Avro demands. "local-timestamp-..." is told apart by nobody. */
typedef enum AvroLogical
{
	AVRO_LOGICAL_NONE,
	AVRO_LOGICAL_DECIMAL,
	AVRO_LOGICAL_DATE,
	AVRO_LOGICAL_TIME_MILLIS,
	AVRO_LOGICAL_TIME_MICROS,
	AVRO_LOGICAL_TIMESTAMP_MILLIS,
	AVRO_LOGICAL_TIMESTAMP_MICROS,
	AVRO_LOGICAL_TIMESTAMP_NANOS
} AvroLogical;

typedef struct AvroSchema AvroSchema;

typedef struct AvroMember
{
	const char *name; /* of a record's field; NULL in unions */
	const AvroSchema *type;
} AvroMember;

struct AvroSchema
{
	AvroType type;
	const char *name;	 /* RECORD, ENUM, FIXED: the full name */
	AvroMember *members; /* RECORD: fields, UNION: branches */
	uint32_t member_count;
	const AvroSchema *items; /* ARRAY, MAP: of the values */
	uint32_t fixed_size;
	AvroLogical logical; /* primitive types and FIXED */
	int32_t scale;		 /* DECIMAL */
	uint32_t min_size;	 /* fewest bytes a value takes; saturates */
	uint32_t height;	 /* levels below and with this one */
	bool is_complete;	 /* false while its own definition is parsed */
	struct AvroSchema *next_named;
};

PMN_CHECKED PmnCode pmn_avro_parse_schema(PmnArena *arena, PmnBytes json,
										  const char *file_name,
										  const AvroSchema **out);

/* "long (timestamp-millis)" in dst; returns dst. */
const char *pmn_avro_type_name(const AvroSchema *schema, char *dst,
							   size_t size);

/* ---- programs ---------------------------------------------------------- */

typedef struct AvroStep AvroStep;
typedef struct AvroArrayPlan AvroArrayPlan;

typedef struct AvroProgram
{
	PmnEnv *env;
	const char *file_name;
	PMN_ARRAY(AvroStep) steps;
	PMN_ARRAY(AvroArrayPlan) arrays;
	uint32_t visit_count; /* of types; shared ones count each time */
	uint64_t empty_count; /* items and records without bytes so far */
	size_t row_size;	  /* of arrays in this row */
} AvroProgram;

/* Add steps that read over these members; *start is for pmn_avro_run. */
PMN_CHECKED PmnCode pmn_avro_compile_skip(AvroProgram *program, PmnArena *arena,
										  const AvroMember *members,
										  uint32_t count, uint32_t *start);
void pmn_avro_program_free(AvroProgram *program);

/* Decode one record at *at into row. Steps of pmn_avro_compile_skip need
 * neither arena nor row. */
PMN_CHECKED PmnCode pmn_avro_run(AvroProgram *program, uint32_t start,
								 PmnArena *arena, const uint8_t **at,
								 const uint8_t *end, uint8_t *row);

PmnCode pmn_avro_corrupt(AvroProgram *program, const char *what);

/* Count items or records of min_size 0, which nothing else bounds. */
PMN_CHECKED PmnCode pmn_avro_count_empty(AvroProgram *program, uint64_t count);

/* ---- header and blocks (codec_avro_container.c) ------------------------ */

typedef enum AvroCodec
{
	AVRO_CODEC_NULL,
	AVRO_CODEC_DEFLATE,
	AVRO_CODEC_SNAPPY,
	AVRO_CODEC_ZSTANDARD
} AvroCodec;

typedef struct AvroHeader
{
	PmnBytes schema; /* JSON; points into the bytes that were parsed */
	AvroCodec codec;
	uint8_t sync[PMN_AVRO_SYNC_SIZE];
	size_t size;   /* of the header: the first block begins here */
	bool is_short; /* after a failure: more bytes might have helped */
} AvroHeader;

/*
 * pmn_avro_read_header -- parse the header at the beginning of bytes, which
 * may be the beginning of the file only.
 * Errors    PMN_CORRUPT; PMN_UNSUPPORTED (codec; another container: the
 *           message says ORC or Parquet when the magic is theirs)
 */
PMN_CHECKED PmnCode pmn_avro_read_header(AvroProgram *program, PmnBytes bytes,
										 AvroHeader *out);

/* Append the bytes of a block's records to plain. */
PMN_CHECKED PmnCode pmn_avro_append_block(AvroProgram *program, AvroCodec codec,
										  PmnBytes packed, PmnBuffer *plain);
/* The bytes of a block's records: in plain, or packed itself. */
PMN_CHECKED PmnCode pmn_avro_unpack_block(AvroProgram *program, AvroCodec codec,
										  PmnBytes packed, PmnBuffer *plain,
										  PmnBytes *out);

/* Whether so many records can be in so many bytes. */
PMN_CHECKED PmnCode pmn_avro_check_count(AvroProgram *program, int64_t count,
										 const AvroSchema *record, size_t size);

/* false: no whole varint of at most 64 bits before end. */
static inline bool
pmn_avro_read_long(const uint8_t **at, const uint8_t *end, int64_t *out)
{
	const uint8_t *p = *at;
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && p < end; shift += 7)
	{
		uint8_t byte = *p++;

		value |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			/* The tenth byte has room for one bit. */
			if (shift == 63 && byte > 1)
				return false;
			*at = p;
			*out = (int64_t) (value >> 1) ^ -(int64_t) (value & 1);
			return true;
		}
	}
	return false;
}

static inline bool
pmn_avro_read_int(const uint8_t **at, const uint8_t *end, int32_t *out)
{
	int64_t value;

	if (!pmn_avro_read_long(at, end, &value) || value < INT32_MIN ||
		value > INT32_MAX)
		return false;
	*out = (int32_t) value;
	return true;
}

/* A length and so many bytes, which stay where they are. */
static inline bool
pmn_avro_read_bytes(const uint8_t **at, const uint8_t *end, PmnBytes *out)
{
	int64_t size;

	if (!pmn_avro_read_long(at, end, &size) || size < 0 || size > end - *at ||
		size > INT32_MAX)
		return false;
	out->data = *at;
	out->size = (uint32_t) size;
	*at += size;
	return true;
}

#endif /* CODEC_AVRO_CONTAINER_H */
