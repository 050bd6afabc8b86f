/*
 * codec_avro_fuzz.c
 *
 * Goal: no bytes make the Avro reader crash, hang or take more memory than
 * its limits; rows it gives can be written and read back. The first byte
 * chooses between the whole file as it comes and a valid header of our
 * own in front of a block of hostile records.
 */
#include "../testing/testing.h"

#include <stddef.h>
#include <string.h>

#include "codec_avro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Item
{
	PmnBytes name;
	int64_t number;
	bool has_number;
} Item;

typedef struct Row
{
	int32_t version;
	PmnBytes bytes;
	PmnAvroArray counts;
	bool has_counts;
	PmnAvroArray items;
	bool has_items;
	Item inner;
	double ratio;
	float small_ratio;
	bool flag;
	bool has_flag;
} Row;

static const PmnAvroField item_fields[] = {
	{"_NAME", PMN_AVRO_STRING, offsetof(Item, name), PMN_AVRO_REQUIRED, NULL, 0,
	 false, NULL},
	{"_NUMBER", PMN_AVRO_LONG, offsetof(Item, number),
	 offsetof(Item, has_number), NULL, 0, false, NULL},
};
static const PmnAvroRecord item_record = {item_fields, 2, sizeof(Item)};
static const PmnAvroField row_fields[] = {
	{"_VERSION", PMN_AVRO_INT, offsetof(Row, version), PMN_AVRO_REQUIRED, NULL,
	 0, false, NULL},
	{"_BYTES", PMN_AVRO_BYTES, offsetof(Row, bytes), PMN_AVRO_REQUIRED, NULL, 0,
	 false, NULL},
	{"_COUNTS", PMN_AVRO_ARRAY, offsetof(Row, counts),
	 offsetof(Row, has_counts), NULL, PMN_AVRO_LONG, true, NULL},
	{"_ITEMS", PMN_AVRO_ARRAY, offsetof(Row, items), offsetof(Row, has_items),
	 &item_record, PMN_AVRO_RECORD, true, NULL},
	{"_INNER", PMN_AVRO_RECORD, offsetof(Row, inner), PMN_AVRO_REQUIRED,
	 &item_record, 0, false, NULL},
	{"_RATIO", PMN_AVRO_DOUBLE, offsetof(Row, ratio), PMN_AVRO_REQUIRED, NULL,
	 0, false, NULL},
	{"_SMALL", PMN_AVRO_FLOAT, offsetof(Row, small_ratio), PMN_AVRO_REQUIRED,
	 NULL, 0, false, NULL},
	{"_FLAG", PMN_AVRO_BOOLEAN, offsetof(Row, flag), offsetof(Row, has_flag),
	 NULL, 0, false, NULL},
};
static const PmnAvroRecord row_record = {row_fields, 8, sizeof(Row)};

/* Rows of file into writer; how many there were. */
static uint32_t
copy_rows(PmnTestEnv *env, PmnBytes file, PmnAvroWriter *writer, bool must)
{
	PmnAvroReader *reader;
	PmnArena *arena;
	uint32_t count = 0;
	bool found = true;
	Row row;
	PmnCode code =
		pmn_avro_open(&env->base, file, "fuzz", &row_record, &reader);

	if (pmn_arena_create(&env->base, 0, &arena) != PMN_OK)
		abort();
	while (code == PMN_OK && found)
	{
		code = pmn_avro_next(reader, arena, &row, &found);
		if (code == PMN_OK && found)
			count++;
		if (code == PMN_OK && found && writer != NULL &&
			pmn_avro_append(writer, &row) != PMN_OK)
			abort();
		pmn_arena_reset(arena);
	}
	if (code != PMN_OK && code != PMN_CORRUPT && code != PMN_UNSUPPORTED)
		abort();
	if (must && code != PMN_OK)
		abort();
	pmn_avro_close(reader);
	pmn_arena_destroy(arena);
	return count;
}

static void
add_long(PmnBuffer *out, uint64_t value)
{
	PmnCode code = PMN_OK;

	for (value *= 2; value >= 0x80; value >>= 7)
		code |= pmn_buffer_byte(out, (uint8_t) (value | 0x80));
	code |= pmn_buffer_byte(out, (uint8_t) value);
	if (code != PMN_OK)
		abort();
}

/* Our header, then data as one uncompressed block of count records. */
static void
wrap(PmnTestEnv *env, PmnBytes data, uint8_t count, PmnBuffer *out)
{
	PmnAvroWriter *writer;
	PmnBytes header;
	PmnCode code =
		pmn_avro_create(&env->base, &row_record, PMN_CODEC_NONE, 0, &writer);

	if (code != PMN_OK)
		abort();
	code = pmn_avro_finish(writer, &header);
	code |= pmn_buffer_append(out, header.data, header.size);
	add_long(out, count);
	add_long(out, data.size);
	code |= pmn_buffer_append(out, data.data, data.size);
	code |= pmn_buffer_append(out, header.data + header.size - 16, 16);
	if (code != PMN_OK)
		abort();
	pmn_avro_destroy(writer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const PmnCodec codecs[] = {PMN_CODEC_NONE, PMN_CODEC_ZSTD,
									  PMN_CODEC_SNAPPY, PMN_CODEC_DEFLATE};
	PmnTestEnv env;
	PmnAvroWriter *writer;
	PmnBuffer wrapped;
	PmnBytes file;
	PmnBytes copy;
	uint32_t count;

	if (size < 2)
		return 0;
	pmn_test_env_init(&env);
	pmn_buffer_init(&wrapped, &env.base);
	file = pmn_bytes(data, size);
	if (data[0] != 'O')
	{
		wrap(&env, pmn_bytes(data + 2, size - 2), data[1], &wrapped);
		file = pmn_bytes(wrapped.data, wrapped.size);
	}
	if (pmn_avro_create(&env.base, &row_record, codecs[data[0] % 4], 0,
						&writer) != PMN_OK)
		abort();
	count = copy_rows(&env, file, writer, false);
	if (pmn_avro_finish(writer, &copy) != PMN_OK ||
		copy_rows(&env, copy, NULL, true) != count)
		abort();
	pmn_avro_destroy(writer);
	pmn_buffer_free(&wrapped);
	if (env.live_bytes != 0)
		abort();
	return 0;
}
