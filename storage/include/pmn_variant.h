/*
 * pmn_variant.h
 *
 * VARIANT values: the binary form that Paimon, Spark and Parquet share, read
 * as a stream of events and written from one. A variant is two byte strings:
 * metadata (a dictionary of key names) and value.
 */
#ifndef PMN_VARIANT_H
#define PMN_VARIANT_H

#include "pmn_batch.h"

#ifdef __cplusplus
extern "C"
{
#endif

/* Arrays and objects inside each other, at most. */
#define PMN_VARIANT_DEPTH_MAX 1000
/* Bytes of a value or of its metadata, at most; as in Paimon. */
#define PMN_VARIANT_SIZE_MAX (128 * 1024 * 1024)

	typedef enum PmnVariantKind
	{
		PMN_VARIANT_NULL,
		PMN_VARIANT_BOOLEAN,	   /* i64 */
		PMN_VARIANT_INTEGER,	   /* i64 */
		PMN_VARIANT_FLOAT,		   /* f64 */
		PMN_VARIANT_DOUBLE,		   /* f64 */
		PMN_VARIANT_DECIMAL,	   /* dec128, scale */
		PMN_VARIANT_DATE,		   /* i64: days */
		PMN_VARIANT_TIME,		   /* i64: microseconds of the day */
		PMN_VARIANT_TIMESTAMP_LTZ, /* ts96, an instant */
		PMN_VARIANT_TIMESTAMP,	   /* ts96, no zone */
		PMN_VARIANT_STRING,		   /* bytes */
		PMN_VARIANT_BINARY,		   /* bytes */
		PMN_VARIANT_UUID,		   /* 16 bytes */
		PMN_VARIANT_OBJECT,		   /* KEY, value, ... OBJECT_END follow */
		PMN_VARIANT_OBJECT_END,
		PMN_VARIANT_ARRAY, /* values and ARRAY_END follow */
		PMN_VARIANT_ARRAY_END,
		PMN_VARIANT_KEY, /* bytes */
		PMN_VARIANT_END	 /* nothing follows */
	} PmnVariantKind;

	typedef struct PmnVariantEvent
	{
		PmnVariantKind kind;
		int32_t scale;
		PmnValue value; /* bytes point into the variant */
	} PmnVariantEvent;

	/*
	 * Reads any number of variants, one after the other; the bytes must live
	 * that long. Errors PMN_CORRUPT. What is read is in all no larger than the
	 * value, however its offsets are laid.
	 */
	typedef struct PmnVariantReader
	{
		PmnEnv *env;
		PmnBytes value;
		PmnBytes metadata;
		uint32_t key_count;
		uint32_t key_width; /* bytes of a number in the metadata */
		size_t budget;		/* bytes of the value that are left to be read */
		bool has_root;		/* the outermost value was read */
		struct PmnVariantFrame *frames;
		size_t capacity;
		uint32_t depth;
	} PmnVariantReader;

	void pmn_variant_reader_init(PmnVariantReader *reader, PmnEnv *env);
	void pmn_variant_reader_free(PmnVariantReader *reader);
	PMN_CHECKED PmnCode pmn_variant_reader_start(PmnVariantReader *reader,
												 PmnBytes value,
												 PmnBytes metadata);
	PMN_CHECKED PmnCode pmn_variant_read(PmnVariantReader *reader,
										 PmnVariantEvent *event);

	/*
	 * Writes a variant from its events, integers in the fewest bytes, keys in
	 * the order in which they first come. Events of DATE, TIME, timestamps,
	 * BINARY and UUID are not written (JSON has none): PMN_UNSUPPORTED. A key
	 * that an object has twice is PMN_INVALID; too deep, too large and a
	 * decimal above 38 digits are PMN_OUT_OF_RANGE.
	 */
	typedef struct PmnVariantWriter
	{
		PmnEnv *env;
		uint8_t *data;
		size_t size;
		size_t capacity;
		struct PmnVariantEntry *entries; /* of all open frames */
		size_t entry_count;
		size_t entry_capacity;
		struct PmnVariantOpen *open;
		size_t open_capacity;
		uint32_t depth;
		uint8_t *names; /* the dictionary's text */
		size_t name_size;
		size_t name_capacity;
		uint32_t *name_ends; /* where each key ends in names */
		size_t key_count;
		size_t key_capacity;
		uint32_t *slots; /* key + 1 by hash, 0 = free */
		size_t slot_count;
		uint8_t *metadata;
		size_t metadata_capacity;
	} PmnVariantWriter;

	void pmn_variant_writer_init(PmnVariantWriter *writer, PmnEnv *env);
	void pmn_variant_writer_free(PmnVariantWriter *writer);
	void pmn_variant_writer_reset(PmnVariantWriter *writer);
	PMN_CHECKED PmnCode pmn_variant_write(PmnVariantWriter *writer,
										  const PmnVariantEvent *event);
	/* The finished variant; its bytes live until the next call. */
	PMN_CHECKED PmnCode pmn_variant_finish(PmnVariantWriter *writer,
										   PmnBytes *value, PmnBytes *metadata);

#ifdef __cplusplus
}
#endif
#endif /* PMN_VARIANT_H */
