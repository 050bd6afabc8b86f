/*
 * format_avro_testing.h
 *
 * Avro files for tests, made by hand: a schema as text, values one after the
 * other as the format encodes them, blocks where the test wants them. Tests
 * only.
 */
#ifndef FORMAT_AVRO_TESTING_H
#define FORMAT_AVRO_TESTING_H

#include <string.h>
#include <zlib.h>

#include "../testing/testing.h"
#include "format_avro.h"

typedef struct TestAvro
{
	PmnTestEnv *env;
	PmnCodec codec;
	PmnBuffer file;
	PmnBuffer block;
	int64_t count; /* records in block */
} TestAvro;

static inline void
test_avro_add(TestAvro *avro, PmnBuffer *buffer, const void *src, size_t size)
{
	CHECK_OK(avro->env, pmn_buffer_append(buffer, src, size));
}

static inline void
test_avro_add_long(TestAvro *avro, PmnBuffer *buffer, int64_t value)
{
	uint64_t bits = (uint64_t) value << 1 ^ (uint64_t) (value >> 63);
	uint8_t bytes[10];
	size_t size = 0;

	for (; bits >= 0x80; bits >>= 7)
		bytes[size++] = (uint8_t) (bits | 0x80);
	bytes[size++] = (uint8_t) bits;
	test_avro_add(avro, buffer, bytes, size);
}

static inline void
test_avro_add_bytes(TestAvro *avro, PmnBuffer *buffer, const void *src,
					size_t size)
{
	test_avro_add_long(avro, buffer, (int64_t) size);
	test_avro_add(avro, buffer, src, size);
}

/* ---- values of the open block ------------------------------------------ */

static inline void
test_avro_raw(TestAvro *avro, const void *src, size_t size)
{
	test_avro_add(avro, &avro->block, src, size);
}

static inline void
test_avro_long(TestAvro *avro, int64_t value)
{
	test_avro_add_long(avro, &avro->block, value);
}

static inline void
test_avro_bytes(TestAvro *avro, const void *src, size_t size)
{
	test_avro_add_bytes(avro, &avro->block, src, size);
}

static inline void
test_avro_string(TestAvro *avro, const char *text)
{
	test_avro_bytes(avro, text, strlen(text));
}

/* ---- container --------------------------------------------------------- */

static inline void
test_avro_sync(TestAvro *avro)
{
	test_avro_add(avro, &avro->file, "sixteen bytes...", 16);
}

static inline void
test_avro_begin(TestAvro *avro, PmnTestEnv *env, const char *schema,
				PmnCodec codec)
{
	const char *name = codec == PMN_CODEC_ZSTD		? "zstandard"
					   : codec == PMN_CODEC_SNAPPY	? "snappy"
					   : codec == PMN_CODEC_DEFLATE ? "deflate"
													: "null";

	memset(avro, 0, sizeof(*avro));
	avro->env = env;
	avro->codec = codec;
	pmn_buffer_init(&avro->file, &env->base);
	pmn_buffer_init(&avro->block, &env->base);
	test_avro_add(avro, &avro->file, "Obj\x01", 4);
	test_avro_add_long(avro, &avro->file, 2);
	test_avro_add_bytes(avro, &avro->file, "avro.schema", 11);
	test_avro_add_bytes(avro, &avro->file, schema, strlen(schema));
	test_avro_add_bytes(avro, &avro->file, "avro.codec", 10);
	test_avro_add_bytes(avro, &avro->file, name, strlen(name));
	test_avro_add_long(avro, &avro->file, 0);
	test_avro_sync(avro);
}

/* The block of avro->count records. */
static inline void
test_avro_end_block(TestAvro *avro)
{
	PmnBytes plain = pmn_bytes(avro->block.data, avro->block.size);
	PmnBuffer packed;
	uint8_t crc[4];

	pmn_buffer_init(&packed, &avro->env->base);
	if (avro->codec == PMN_CODEC_NONE)
		test_avro_add(avro, &packed, plain.data, plain.size);
	else
		CHECK_OK(avro->env, pmn_codec_compress(avro->codec, 0, plain, &packed));
	if (avro->codec == PMN_CODEC_SNAPPY)
	{
		pmn_put_be32(crc, (uint32_t) crc32(0, plain.data, plain.size));
		test_avro_add(avro, &packed, crc, 4);
	}
	test_avro_add_long(avro, &avro->file, avro->count);
	test_avro_add_bytes(avro, &avro->file, packed.data, packed.size);
	test_avro_sync(avro);
	pmn_buffer_free(&packed);
	pmn_buffer_reset(&avro->block);
	avro->count = 0;
}

static inline void
test_avro_free(TestAvro *avro)
{
	pmn_buffer_free(&avro->file);
	pmn_buffer_free(&avro->block);
}

/* ---- a file and its reader ---------------------------------------------- */

#define TEST_AVRO_ROOT "{\"type\":\"record\",\"name\":\"record\",\"fields\":["

typedef struct AvroFixture
{
	PmnTestEnv env;
	PmnFileSystem *fs;
	TestAvro avro;
	PmnFileReader *file;
	PmnFormatReader *reader;
	PmnBatch *batch;
	uint64_t first_row;
	size_t memory_limit_bytes;
} AvroFixture;

static inline void
test_avro_start(AvroFixture *f, const char *schema, PmnCodec codec)
{
	memset(f, 0, sizeof(*f));
	pmn_test_env_init(&f->env);
	CHECK_OK(&f->env, pmn_fs_memory_open(&f->env.base, &f->fs));
	test_avro_begin(&f->avro, &f->env, schema, codec);
}

static inline void
test_avro_close(AvroFixture *f)
{
	pmn_format_reader_close(f->reader);
	pmn_file_reader_close(f->file);
	f->reader = NULL;
	f->file = NULL;
}

static inline void
test_avro_stop(AvroFixture *f)
{
	test_avro_close(f);
	test_avro_free(&f->avro);
	pmn_fs_close(f->fs);
	CHECK(f->env.live_bytes == 0);
}

static inline PmnCode
test_avro_open_bytes(AvroFixture *f, PmnBytes bytes,
					 const PmnFormatColumn *columns, uint32_t count)
{
	PmnFormatReadRequest request = {.columns = columns,
									.column_count = count,
									.memory_limit_bytes =
										f->memory_limit_bytes};

	test_avro_close(f);
	PMN_TRY(pmn_fs_put(f->fs, "/t/f.avro", PMN_PUT_OVERWRITE, bytes));
	PMN_TRY(pmn_fs_open_read(f->fs, "/t/f.avro", &f->file));
	return pmn_format_open_reader(&pmn_format_avro, f->file, &request,
								  &f->reader);
}

static inline PmnCode
test_avro_open(AvroFixture *f, const PmnFormatColumn *columns, uint32_t count)
{
	return test_avro_open_bytes(
		f, pmn_bytes(f->avro.file.data, f->avro.file.size), columns, count);
}

static inline PmnCode
test_avro_next(AvroFixture *f)
{
	return pmn_format_next(f->reader, &f->batch, &f->first_row);
}

static inline PmnCode
test_avro_read_all(AvroFixture *f, uint64_t *rows)
{
	*rows = 0;
	do
	{
		PMN_TRY(test_avro_next(f));
		if (f->batch != NULL)
			*rows += f->batch->row_count;
	} while (f->batch != NULL);
	return PMN_OK;
}

/* A file of one column of this Avro type, without records yet. */
static inline void
test_avro_start_one(AvroFixture *f, const char *type)
{
	char schema[512];

	snprintf(schema, sizeof(schema),
			 TEST_AVRO_ROOT "{\"name\":\"c\",\"type\":%s}]}", type);
	test_avro_start(f, schema, PMN_CODEC_NONE);
}

static inline PmnFormatColumn
test_avro_column(PmnTypeKind kind, int32_t precision, int32_t scale)
{
	PmnFormatColumn column = {.name = "c",
							  .type = {.kind = kind,
									   .is_nullable = true,
									   .length = PMN_LENGTH_MAX,
									   .precision = precision,
									   .scale = scale}};

	return column;
}

#endif /* FORMAT_AVRO_TESTING_H */
