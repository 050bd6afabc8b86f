/*
 * codec_avro_internal.h
 *
 * Between the parts of the Avro reader of C structs: the program that
 * resolving a file's schema with a PmnAvroRecord gives
 * (codec_avro_compile.c), and the interpreter of that program
 * (codec_avro_run.c). What a reader of columns shares with it is in
 * codec_avro_container.h.
 */
#ifndef CODEC_AVRO_INTERNAL_H
#define CODEC_AVRO_INTERNAL_H

#include "codec_avro.h"
#include "codec_avro_container.h"

/* Memory of the arrays of one row. */
#define PMN_AVRO_ROW_SIZE_MAX ((size_t) 256 * 1024 * 1024)

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

struct AvroStep
{
	uint8_t op;
	uint8_t null_branch; /* OPTION */
	uint32_t offset;
	uint32_t target;
	uint32_t arg;
};

struct AvroArrayPlan
{
	uint32_t start;		/* first step of an item, to OP_END */
	uint32_t item_size; /* of the C member */
	uint32_t min_size;	/* of an encoded item */
	bool is_map;		/* skipped maps: a key comes first */
};

/* Fill an empty program; the caller frees it in any case. */
PMN_CHECKED PmnCode pmn_avro_compile(AvroProgram *program, PmnArena *arena,
									 const AvroSchema *schema,
									 const PmnAvroRecord *record);

/* UTF-8 without NUL: what may become a C string or a text. */
bool pmn_avro_is_text(PmnBytes bytes);

size_t pmn_avro_item_size(PmnAvroKind kind, const PmnAvroRecord *record);

#endif /* CODEC_AVRO_INTERNAL_H */
