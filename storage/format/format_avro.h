/*
 * format_avro.h
 *
 * What the parts of the Avro format share; private to this folder. A reader
 * holds a flat list of steps, one for each field of the file that is wanted
 * and one for each stretch of fields that are not; the steps of one record
 * put its values into row r of the vectors.
 */
#ifndef FORMAT_AVRO_H
#define FORMAT_AVRO_H

#include "../codec/codec_avro_container.h"
#include "format.h"

/* How a value is encoded and what becomes of it. */
typedef enum AvroStepKind
{
	AVRO_STEP_SKIP, /* the codec's program from argument on */
	AVRO_STEP_BOOLEAN,
	AVRO_STEP_INT,
	AVRO_STEP_TINYINT,	/* cut as by Java's cast to byte */
	AVRO_STEP_SMALLINT, /* cut as by Java's cast to short */
	AVRO_STEP_INT_TO_BIGINT,
	AVRO_STEP_BIGINT,
	AVRO_STEP_FLOAT,
	AVRO_STEP_FLOAT_TO_DOUBLE,
	AVRO_STEP_DOUBLE,
	AVRO_STEP_MULTIPLY,	   /* long: a finer unit of time */
	AVRO_STEP_DIVIDE,	   /* long: a coarser one, rounded down */
	AVRO_STEP_TIME_OF_DAY, /* long of micros to int of millis */
	AVRO_STEP_TIMESTAMP,   /* long to PmnTimestamp */
	AVRO_STEP_DECIMAL,	   /* bytes; p <= 18 */
	AVRO_STEP_DECIMAL128,
	AVRO_STEP_FIXED_DECIMAL, /* argument bytes */
	AVRO_STEP_FIXED_DECIMAL128,
	AVRO_STEP_BYTES,
	AVRO_STEP_FIXED_BYTES, /* argument bytes */
	AVRO_STEP_NESTED	   /* node */
} AvroStepKind;

typedef struct AvroNode AvroNode;

typedef struct AvroColumnStep
{
	uint8_t kind;
	bool is_optional; /* a byte that tells the branch comes first */
	uint8_t null_byte;
	uint8_t value_byte;
	uint32_t argument; /* SKIP: start; FIXED: size */
	uint32_t column;   /* in the request; not with SKIP */
	int64_t factor;	   /* units of time in one of the other */
	PmnInt128 limit;   /* decimals are below it, and above its negative */
	AvroNode *node;	   /* NESTED */
	uint8_t *nulls;
	void *values;
} AvroColumnStep;

typedef enum AvroShape
{
	AVRO_SHAPE_ARRAY,	/* one child */
	AVRO_SHAPE_MAP,		/* Avro's own: children are text and value */
	AVRO_SHAPE_ENTRIES, /* an array of records of key and value */
	AVRO_SHAPE_ROW
} AvroShape;

/* A field of a record, as the file has them one after the other. */
typedef struct AvroPart
{
	int32_t child; /* or -1: read over */
	uint32_t skip; /* program that does so */
	const uint8_t *start;
} AvroPart;

/* What a value inside of a nested one is decoded by. */
struct AvroNode
{
	AvroColumnStep step; /* the value, the branches of a nullable one */
	AvroShape shape;
	PmnVectorKind kind;
	bool is_missing; /* in the file: null */
	PmnInt128 value; /* one element, when that is not nested */
	AvroNode *children;
	uint32_t child_count;
	uint32_t item_min_size; /* ARRAY, MAP, ENTRIES: fewest bytes of an item */
	/* ROW, ENTRIES: the record. */
	AvroPart *parts;
	uint32_t part_count;
	bool is_ordered; /* children come in the order of parts */
};

typedef struct AvroHeapBlock
{
	uint8_t *data;
	size_t size;
} AvroHeapBlock;

/* The byte strings of one batch; blocks are used again by the next. */
typedef struct AvroHeap
{
	PmnEnv *env;
	PMN_ARRAY(AvroHeapBlock) blocks;
	size_t next_block;
	size_t reserved_bytes; /* of all blocks */
	size_t used_bytes;	   /* of the blocks before the open one, at least */
	uint8_t *at;
	uint8_t *end;
} AvroHeap;

/* The file as a stream: bytes at .. size of window are read and not used. */
typedef struct AvroStream
{
	PmnFileReader *file;
	uint64_t offset; /* in the file, of the byte after the window */
	PmnBuffer window;
	size_t at;
} AvroStream;

typedef struct AvroColumnReader
{
	PmnFormatReader base;
	PmnArena *arena; /* schema, steps, vectors */
	AvroStream stream;
	AvroHeader header;
	AvroProgram program;
	const AvroSchema *schema; /* of the root, a union perhaps */
	const PmnFormatColumn *columns;
	uint32_t column_count;

	bool root_is_optional;
	uint8_t root_value_byte;
	AvroColumnStep *steps;
	uint32_t step_count;

	PmnVector *vectors; /* as allocated, nulls never NULL */
	bool *is_missing;	/* columns that the file lacks */
	PmnBatch batch;
	uint32_t capacity;	/* rows of the vectors */
	size_t heap_budget; /* a batch ends when it has as many bytes */
	AvroHeap heap;
	PmnBytes empty; /* with headroom */
	PmnNestedWriter nested;
	uint64_t next_row;

	PmnBuffer plain;
	const uint8_t *block_at;
	const uint8_t *block_end;
	uint64_t block_records; /* left */
} AvroColumnReader;

/* format_avro_plan.c: match columns with the file's schema; make steps. */
PMN_CHECKED PmnCode avro_plan(AvroColumnReader *reader);
/* Fill a step for a value; PMN_CORRUPT names the column and both types. */
PMN_CHECKED PmnCode avro_plan_step(AvroColumnReader *reader, const char *name,
								   const PmnType *type,
								   const AvroSchema *schema,
								   AvroColumnStep *step);
PmnCode avro_refuse_type(AvroColumnReader *reader, const char *name,
						 const PmnType *type, const AvroSchema *schema);
/* The type beside null in a union of two, or schema itself. */
const AvroSchema *avro_strip_null(const AvroSchema *schema,
								  AvroColumnStep *step);

/* format_avro_nested.c: what decodes a value of a nested type. */
PMN_CHECKED PmnCode avro_plan_nested(AvroColumnReader *reader, const char *name,
									 const PmnType *type,
									 const AvroSchema *schema, AvroNode **out);

/*
 * format_avro_decode.c: records of the open block into rows *row and up,
 * until the block, the vectors or the heap's budget are at their end.
 */
PMN_CHECKED PmnCode avro_decode(AvroColumnReader *reader, uint32_t *row);

/* format_avro_heap.c */
void avro_heap_reset(AvroHeap *heap);
void avro_heap_free(AvroHeap *heap);
/* Open a block with room for size bytes at heap->at. */
PMN_CHECKED PmnCode avro_heap_grow(AvroHeap *heap, size_t size);

/* format_avro_stream.c: at least size bytes from *out on; *is_short when the
 * file has fewer left, which then are all there. */
PMN_CHECKED PmnCode avro_stream_peek(AvroStream *stream, size_t size,
									 PmnBytes *out, bool *is_short);
uint64_t avro_stream_left(const AvroStream *stream);

#endif /* FORMAT_AVRO_H */
