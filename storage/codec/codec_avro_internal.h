/*
 * codec_avro_internal.h
 *
 * Between the parts of the Avro reader: the schema tree parsed from the file
 * (codec_avro_schema.c), the program that resolving it with a PmnAvroRecord
 * gives (codec_avro_compile.c), and the interpreter of that program
 * (codec_avro_run.c).
 */
#ifndef CODEC_AVRO_INTERNAL_H
#define CODEC_AVRO_INTERNAL_H

#include "codec_avro.h"

#define PMN_AVRO_MAGIC "Obj\x01"
#define PMN_AVRO_SYNC_SIZE 16
#define PMN_AVRO_DEPTH_MAX 32
/* Nodes of a schema, and steps of a program: shared types multiply. */
#define PMN_AVRO_NODE_COUNT_MAX 20000
#define PMN_AVRO_BLOCK_SIZE_MAX ((size_t) 256 * 1024 * 1024)
/* Items and records that take no bytes, in one file. */
#define PMN_AVRO_EMPTY_COUNT_MAX 1000000
/* Memory of the arrays of one row. */
#define PMN_AVRO_ROW_SIZE_MAX ((size_t) 256 * 1024 * 1024)

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
	uint32_t min_size; /* fewest bytes a value takes; saturates */
	uint32_t height;   /* levels below and with this one */
	bool is_complete;  /* false while its own definition is parsed */
	struct AvroSchema *next_named;
};

PMN_CHECKED PmnCode pmn_avro_parse_schema(PmnArena *arena, PmnBytes json,
										  const char *file_name,
										  const AvroSchema **out);

/* What a step does; _AS_ converts while it reads. */
typedef enum AvroOp
{
	OP_END,
	OP_BOOLEAN,
	OP_INT,
	OP_LONG,
	OP_BYTES,
	OP_STRING,
	OP_OPTION, /* null: go to target; else set the bool at offset */
	OP_MARK,   /* set the bool at offset */
	OP_ARRAY,  /* arrays[arg] */
	OP_JUMP,   /* target */
	OP_SKIP_VARINT,
	OP_SKIP_BYTES,
	OP_SKIP_FIXED, /* arg bytes */
	OP_SKIP_ARRAY, /* arrays[arg] */
	OP_FLOAT,
	OP_DOUBLE,
	OP_INT_AS_LONG,
	OP_INT_AS_FLOAT,
	OP_INT_AS_DOUBLE,
	OP_LONG_AS_FLOAT,
	OP_LONG_AS_DOUBLE,
	OP_FLOAT_AS_DOUBLE,
	OP_UNION,	  /* arg branches, whose starts are the next arg steps */
	OP_NULL_LONG, /* store PMN_AVRO_NULL_LONG */
	OP_FAIL		  /* null, or a branch that doesn't fit, without a place */
} AvroOp;

#define AVRO_NO_OFFSET UINT32_MAX

typedef struct AvroStep
{
	uint8_t op;
	uint8_t null_branch; /* OPTION */
	uint32_t offset;
	uint32_t target;
	uint32_t arg;
} AvroStep;

typedef struct AvroArrayPlan
{
	uint32_t start;		/* first step of an item, to OP_END */
	uint32_t item_size; /* of the C member */
	uint32_t min_size;	/* of an encoded item */
	bool is_map;		/* skipped maps: a key comes first */
} AvroArrayPlan;

typedef struct AvroProgram
{
	PmnEnv *env;
	const char *file_name;
	PMN_ARRAY(AvroStep) steps;
	PMN_ARRAY(AvroArrayPlan) arrays;
	uint64_t empty_count; /* items and records without bytes so far */
	size_t row_size;	  /* of arrays in this row */
} AvroProgram;

/* Fill an empty program; the caller frees it in any case. */
PMN_CHECKED PmnCode pmn_avro_compile(AvroProgram *program, PmnArena *arena,
									 const AvroSchema *schema,
									 const PmnAvroRecord *record);
void pmn_avro_program_free(AvroProgram *program);

/* Decode one record at *at into row. */
PMN_CHECKED PmnCode pmn_avro_run(AvroProgram *program, uint32_t start,
								 PmnArena *arena, const uint8_t **at,
								 const uint8_t *end, uint8_t *row);

/* UTF-8 without NUL: what may become a C string or a text. */
bool pmn_avro_is_text(PmnBytes bytes);

PmnCode pmn_avro_corrupt(AvroProgram *program, const char *what);

/* Count items or records of min_size 0, which nothing else bounds. */
PMN_CHECKED PmnCode pmn_avro_count_empty(AvroProgram *program, uint64_t count);

size_t pmn_avro_item_size(PmnAvroKind kind, const PmnAvroRecord *record);

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

#endif /* CODEC_AVRO_INTERNAL_H */
