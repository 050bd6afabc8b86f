/*
 * codec_avro.h
 *
 * Avro object container files, read and written against C structs. A
 * PmnAvroRecord says which fields a C struct has; reading resolves it with
 * the schema in the file by field name (a field the file lacks is null, one
 * the struct lacks is skipped), writing makes the schema from it, in
 * Paimon's manner: nullable = union ["null", T], nested record names
 * "parent_field", root "record" in namespace
 * "org.apache.paimon.avro.generated".
 *
 * Kinds and their C members:
 *   BOOLEAN bool · INT int32_t · LONG int64_t · FLOAT float · DOUBLE double
 *   BYTES, STRING  PmnBytes
 *   RECORD         the struct itself, inline
 *   ARRAY          PmnAvroArray of items: RECORD items are structs of
 *                  record->size bytes, others their C member above
 * A nullable member has a bool elsewhere in the struct (present_offset).
 */
#ifndef CODEC_AVRO_H
#define CODEC_AVRO_H

#include "codec.h"

typedef enum PmnAvroKind
{
	PMN_AVRO_BOOLEAN,
	PMN_AVRO_INT,
	PMN_AVRO_LONG,
	PMN_AVRO_FLOAT,
	PMN_AVRO_DOUBLE,
	PMN_AVRO_BYTES,
	PMN_AVRO_STRING,
	PMN_AVRO_RECORD,
	PMN_AVRO_ARRAY
} PmnAvroKind;

typedef struct PmnAvroRecord PmnAvroRecord;

#define PMN_AVRO_REQUIRED SIZE_MAX

typedef struct PmnAvroField
{
	const char *name;
	PmnAvroKind kind;
	size_t offset;
	size_t present_offset;		 /* of a bool, or PMN_AVRO_REQUIRED */
	const PmnAvroRecord *record; /* RECORD, or ARRAY of RECORD */
	PmnAvroKind item_kind;		 /* ARRAY */
	/*
	 * ARRAY whose items are nullable: items are preceded by nothing; null
	 * items of LONG read as PMN_AVRO_NULL_LONG, other kinds as zeroes.
	 */
	bool item_nullable;
	const char *logical_type; /* written with the type; NULL = none */
} PmnAvroField;

#define PMN_AVRO_NULL_LONG INT64_MIN

struct PmnAvroRecord
{
	const PmnAvroField *fields;
	uint32_t field_count;
	size_t size; /* of the C struct */
};

typedef struct PmnAvroArray
{
	void *items;
	uint32_t count;
} PmnAvroArray;

typedef struct PmnAvroReader PmnAvroReader;

/*
 * pmn_avro_open -- parse the header of a whole file in memory (borrowed
 * until close) and resolve its schema with record. A root union
 * ["null", record] is accepted. name is for messages.
 * Errors    PMN_CORRUPT; PMN_UNSUPPORTED (codec; another container: the
 *           message says ORC or Parquet when the magic is theirs)
 */
PMN_CHECKED PmnCode pmn_avro_open(PmnEnv *env, PmnBytes file, const char *name,
								  const PmnAvroRecord *record,
								  PmnAvroReader **out);

/*
 * pmn_avro_next -- decode one record into row (record->size bytes, zeroed
 * first). Bytes, strings and arrays are copied into arena. *found false at
 * the end.
 */
PMN_CHECKED PmnCode pmn_avro_next(PmnAvroReader *reader, PmnArena *arena,
								  void *row, bool *found);
void pmn_avro_close(PmnAvroReader *reader);

typedef struct PmnAvroWriter PmnAvroWriter;

/* level is the zstd level (0 = default). Blocks end at about 64 kB plain. */
PMN_CHECKED PmnCode pmn_avro_create(PmnEnv *env, const PmnAvroRecord *record,
									PmnCodec codec, int level,
									PmnAvroWriter **out);
PMN_CHECKED PmnCode pmn_avro_append(PmnAvroWriter *writer, const void *row);
/* Bytes so far, the open block included as plain bytes. */
size_t pmn_avro_size(const PmnAvroWriter *writer);
/* Close the last block; *file lives until the writer is destroyed. */
PMN_CHECKED PmnCode pmn_avro_finish(PmnAvroWriter *writer, PmnBytes *file);
void pmn_avro_destroy(PmnAvroWriter *writer);

#endif /* CODEC_AVRO_H */
