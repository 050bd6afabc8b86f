/*
 * format_orc_column.h
 *
 * A column of an ORC file while its stripes are read; private to this
 * folder.
 */
#ifndef FORMAT_ORC_COLUMN_H
#define FORMAT_ORC_COLUMN_H

#include "format_orc.h"

typedef enum OrcDecoding
{
	ORC_DECODE_NOTHING, /* not in the file: null */
	ORC_DECODE_BOOLEAN,
	ORC_DECODE_TINY,  /* byte RLE */
	ORC_DECODE_INT,	  /* integer RLE to I32 */
	ORC_DECODE_LONG,  /* integer RLE to I64 */
	ORC_DECODE_NANOS, /* integer RLE, nanoseconds since 1970 */
	ORC_DECODE_FLOAT,
	ORC_DECODE_DOUBLE,
	ORC_DECODE_FLOAT_TO_DOUBLE,
	ORC_DECODE_DECIMAL,
	ORC_DECODE_TIMESTAMP,
	ORC_DECODE_STRUCT,
	ORC_DECODE_LIST,
	ORC_DECODE_MAP,
	ORC_DECODE_BYTES,	  /* LENGTH and DATA */
	ORC_DECODE_DICTIONARY /* chosen by each stripe in place of BYTES */
} OrcDecoding;

typedef struct OrcColumn OrcColumn;
typedef struct OrcNested OrcNested;

struct OrcColumn
{
	const char *name;
	PmnType type;
	PmnVectorKind kind;
	uint32_t file_type; /* column id; 0 = not in the file */
	uint32_t file_kind;
	OrcDecoding natural; /* of the type, whatever the stripe */
	OrcDecoding decoding;
	bool is_trimmed;   /* CHAR: trailing blanks go */
	int32_t next_same; /* another column with this file_type, or -1 */
	OrcStream streams[ORC_STREAM_KINDS];
	bool has_stream[ORC_STREAM_KINDS];
	OrcBooleans present;
	OrcBytes tiny;
	OrcBooleans booleans;
	OrcInts data;
	OrcInts second; /* SECONDARY, LENGTH */
	/* BYTES: lengths and nulls are read ahead of their data. */
	uint32_t *lengths;
	uint32_t ahead;
	uint8_t *room; /* of the byte strings of one batch */
	size_t room_bytes;
	PmnBytes *dictionary;
	size_t dictionary_count;
	size_t dictionary_capacity;
	bool has_dictionary; /* that of the stripe */
	PmnBuffer dictionary_room;
	void *values;
	uint8_t *nulls;
	/* Nested columns and what is in them (format_orc_nested.c). */
	bool is_inner;
	OrcColumn *children;
	uint32_t child_count;
	uint64_t demand;   /* entries announced and not decoded */
	uint32_t at;	   /* of the decoded ones, the next */
	uint32_t filled;   /* how many there are */
	OrcNested *nested; /* values of a batch; NULL in inner ones */
};

/* TIMESTAMP WITH LOCAL TIME ZONE: option orc.timestamp-ltz.legacy.type. */
typedef enum OrcInstants
{
	ORC_INSTANTS_UNKNOWN, /* the options are not */
	ORC_INSTANTS_PLAIN,	  /* stored as they are */
	ORC_INSTANTS_SHIFTED  /* less the writer's offset; Paimon's default */
} OrcInstants;

/* What decoding needs beside the column. */
typedef struct OrcContext
{
	PmnEnv *env;
	uint32_t capacity; /* rows of a batch */
	int64_t *longs[2]; /* scratch, capacity elements each */
	uint8_t *empty;	   /* of an empty string, with headroom */
	const OrcZone *zone;
	int64_t base_seconds; /* 2015-01-01 in zone */
	OrcInstants instants;
	size_t bytes_budget; /* for the byte strings of a batch */
	uint32_t chunk;		 /* entries of an inner column at a time */
	size_t inner_budget; /* for the byte strings of one */
} OrcContext;

/*
 * Check the column, whose file_type is set, against its type; PMN_CORRUPT names
 * both. Inner columns are taken from *next on.
 */
PMN_CHECKED PmnCode orc_column_bind(PmnEnv *env, const OrcTail *tail,
									OrcColumn *column, OrcColumn **next);
/* capacity rows of a batch, chunk entries of inner columns. */
PMN_CHECKED PmnCode orc_column_allocate(PmnArena *arena, uint32_t capacity,
										uint32_t chunk, OrcColumn *column);
void orc_column_free(PmnEnv *env, OrcColumn *column);
/* The streams are open: begin a stripe. */
PMN_CHECKED PmnCode orc_column_begin(OrcContext *context,
									 const OrcEncoding *encoding, uint64_t rows,
									 OrcColumn *column);
/* Decode the next rows into the column's arrays; *has_nulls tells. */
PMN_CHECKED PmnCode orc_column_read(OrcContext *context, OrcColumn *column,
									uint32_t rows, bool *has_nulls);
/* Nulls of rows at .. at + count - 1; *values = how many are not null. */
PMN_CHECKED PmnCode orc_column_nulls(OrcColumn *column, uint32_t at,
									 uint32_t count, uint32_t *values);

/* format_orc_bytes.c: see how many of the wanted rows fit into a batch. */
PMN_CHECKED PmnCode orc_bytes_look(OrcContext *context, OrcColumn *column,
								   uint32_t rows);
/* How many of these rows have values within budget; at least one. */
uint32_t orc_bytes_fit(const OrcColumn *column, uint32_t rows, size_t budget);
PMN_CHECKED PmnCode orc_bytes_read(OrcContext *context, OrcColumn *column,
								   uint32_t rows);
/* Forget rows that were read and given out. */
void orc_bytes_consume(OrcColumn *column, uint32_t rows);
PMN_CHECKED PmnCode orc_dictionary_load(OrcContext *context, OrcColumn *column,
										uint32_t size);
PMN_CHECKED PmnCode orc_dictionary_read(OrcContext *context, OrcColumn *column,
										uint32_t count);

/* format_orc_nested.c */
/* How many inner columns the type has. */
uint32_t orc_nested_count(const PmnType *type);
PMN_CHECKED PmnCode orc_nested_bind(PmnEnv *env, const OrcTail *tail,
									OrcColumn *column, OrcColumn **next);
PMN_CHECKED PmnCode orc_nested_allocate(PmnArena *arena, uint32_t capacity,
										uint32_t chunk, OrcColumn *column);
void orc_nested_free(OrcNested *nested); /* NULL allowed */
/* Any column: a stripe begins. */
void orc_nested_begin(OrcColumn *column, uint64_t rows);
/* Encode as many rows as fit the budget; at least one, at most *rows. */
PMN_CHECKED PmnCode orc_nested_look(OrcContext *context, OrcColumn *column,
									size_t budget, uint32_t *rows);
void orc_nested_read(OrcContext *context, OrcColumn *column, uint32_t rows,
					 PmnVector *out);
void orc_nested_consume(OrcColumn *column, uint32_t rows);

/* format_orc_timestamp.c: count values, dense, at the front of values. */
PMN_CHECKED PmnCode orc_timestamps_read(OrcContext *context, OrcColumn *column,
										uint32_t count);
PMN_CHECKED PmnCode orc_nanos_read(OrcContext *context, OrcColumn *column,
								   uint32_t count);
PMN_CHECKED PmnCode orc_decimals_read(OrcContext *context, OrcColumn *column,
									  uint32_t count);

/* PMN_CORRUPT: column "x": problem. */
PmnCode orc_column_fail(PmnEnv *env, const OrcColumn *column,
						const char *problem);

#endif /* FORMAT_ORC_COLUMN_H */
