/*
 * format_bomb_test.c
 *
 * Small files that unpack to gigabytes, or say so: blocks of Avro data and of
 * manifests, streams and dictionaries of ORC, pages and dictionary pages of
 * Parquet. Each must end in a code, or give its rows a batch at a time,
 * within a bound of memory that does not depend on what the file claims.
 * Parquet files are made here by hand, Thrift and all; those tests need the
 * shim and are skipped without PMN_ARROW_PATH.
 */
#include "../codec/codec_avro.h"
#include "format_avro_testing.h"
#include "format_orc_testing.h"

#define MEGA ((size_t) 1 << 20)

static size_t peak; /* of the last read */

static void
limit_memory(PmnTestEnv *env, size_t bytes)
{
	env->limit_bytes = bytes;
	env->peak_bytes = 0;
}

static PmnFormatColumn
text_column(void)
{
	return test_avro_column(PMN_TYPE_VARCHAR, 0, 0);
}

/* Read at most batches of them; *rows are those read. */
static PmnCode
read_batches(const PmnFormatOps *format, PmnFileSystem *fs, const char *path,
			 uint32_t batches, uint64_t *rows)
{
	PmnFormatColumn column = text_column();
	PmnFormatReadRequest request = {.columns = &column, .column_count = 1};
	PmnFileReader *file = NULL;
	PmnFormatReader *reader = NULL;
	PmnBatch *batch = NULL;
	uint64_t first;
	PmnCode code = pmn_fs_open_read(fs, path, &file);

	*rows = 0;
	if (code == PMN_OK)
		code = pmn_format_open_reader(format, file, &request, &reader);
	while (code == PMN_OK && batches-- > 0)
	{
		code = pmn_format_next(reader, &batch, &first);
		if (code != PMN_OK || batch == NULL)
			break;
		*rows += batch->row_count;
	}
	pmn_format_reader_close(reader);
	pmn_file_reader_close(file);
	return code;
}

/* ---- Avro --------------------------------------------------------------- */

/* A block of one text of so many zeros. */
static void
put_zeros_block(TestAvro *avro, size_t size)
{
	uint8_t *zeros = calloc(1, size);

	test_avro_bytes(avro, zeros, size);
	free(zeros);
	avro->count = 1;
	test_avro_end_block(avro);
}

/* Goal: a block that unpacks to more than a block may have is damage, and
 * costs no more than that. */
TEST(avro_blocks_are_bounded)
{
	static const PmnCodec codecs[] = {PMN_CODEC_ZSTD, PMN_CODEC_DEFLATE};
	uint64_t rows;

	for (uint32_t c = 0; c < 2; c++)
	{
		AvroFixture f;

		test_avro_start(&f,
						TEST_AVRO_ROOT "{\"name\":\"c\",\"type\":\"string\"}]}",
						codecs[c]);
		put_zeros_block(&f.avro, 300 * MEGA);
		CHECK(f.avro.file.size < MEGA);
		CHECK_OK(&f.env, pmn_fs_put(f.fs, "/t/f.avro", PMN_PUT_OVERWRITE,
									bytes_of(&f.avro.file)));
		limit_memory(&f.env, 1024 * MEGA);
		CHECK(read_batches(&pmn_format_avro, f.fs, "/t/f.avro", 9, &rows) ==
			  PMN_CORRUPT);
		CHECK(f.env.peak_bytes < 900 * MEGA);
		test_avro_stop(&f);
	}
}

typedef struct NameRow
{
	PmnBytes name;
} NameRow;

/* Goal: a manifest of blocks that are each within bounds does not unpack to
 * gigabytes. */
TEST(avro_files_in_memory_are_bounded)
{
	static const PmnAvroField fields[] = {{"c", PMN_AVRO_BYTES, 0,
										   PMN_AVRO_REQUIRED, NULL,
										   PMN_AVRO_BYTES, false, NULL}};
	static const PmnAvroRecord record = {fields, 1, sizeof(NameRow)};
	PmnAvroReader *reader = NULL;
	PmnArena *arena = NULL;
	uint32_t rows = 0;
	bool found = true;
	PmnCode code = PMN_OK;
	NameRow row;
	AvroFixture f;

	test_avro_start(&f, TEST_AVRO_ROOT "{\"name\":\"c\",\"type\":\"bytes\"}]}",
					PMN_CODEC_ZSTD);
	for (int i = 0; i < 12; i++)
		put_zeros_block(&f.avro, 64 * MEGA);
	CHECK(f.avro.file.size < MEGA);
	limit_memory(&f.env, 1024 * MEGA);
	CHECK_OK(&f.env, pmn_arena_create(&f.env.base, 0, &arena));
	CHECK_OK(&f.env, pmn_avro_open(&f.env.base, bytes_of(&f.avro.file), "m",
								   &record, &reader));
	while (code == PMN_OK && found)
	{
		code = pmn_avro_next(reader, arena, &row, &found);
		rows += code == PMN_OK && found;
		pmn_arena_reset(arena);
	}
	CHECK(code == PMN_CORRUPT);
	CHECK(rows == 7);
	CHECK(strstr(f.env.base.error.message, "\"m\"") != NULL);
	pmn_avro_close(reader);
	pmn_arena_destroy(arena);
	test_avro_stop(&f);
}

/* ---- ORC ---------------------------------------------------------------- */

static PmnCode
read_orc(const TestFile *file, uint64_t *rows)
{
	PmnTestEnv env;
	PmnFileSystem *fs = NULL;
	PmnBuffer bytes;
	PmnCode code;

	pmn_test_env_init(&env);
	pmn_buffer_init(&bytes, &env.base);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	put_file(&bytes, file);
	CHECK(bytes.size < 2 * MEGA);
	CHECK_OK(&env,
			 pmn_fs_put(fs, "/x.orc", PMN_PUT_OVERWRITE, bytes_of(&bytes)));
	limit_memory(&env, 1024 * MEGA);
	code = read_batches(&pmn_format_orc, fs, "/x.orc", 100000, rows);
	peak = env.peak_bytes;
	pmn_buffer_free(&bytes);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
	return code;
}

/* Runs of version 1: count times the same, at least three. */
static void
put_runs(PmnBuffer *dst, uint64_t count, uint64_t value)
{
	for (; count >= 130; count -= 130)
	{
		CHECK(pmn_buffer_append(dst, "\x7f\0", 2) == PMN_OK);
		put_varint(dst, value);
	}
	if (count >= 3)
	{
		CHECK(pmn_buffer_byte(dst, (uint8_t) (count - 3)) == PMN_OK);
		CHECK(pmn_buffer_byte(dst, 0) == PMN_OK);
		put_varint(dst, value);
	}
}

/* Goal: neither texts nor dictionaries that are said to be huge, or that
 * unpack to it, take more than the largest value may. */
TEST(orc_streams_are_bounded)
{
	static const struct
	{
		uint64_t count; /* values that the stream of lengths has */
		uint64_t length;
		bool is_dictionary;
		PmnCode code;
	} cases[] = {
		{1000, 1000000, false, PMN_CORRUPT},	/* 1 GB in one batch */
		{1000, 2000000000, false, PMN_CORRUPT}, /* more than a value */
		{1000, UINT64_MAX / 4, false, PMN_CORRUPT},
		{300000000, 0, true, PMN_CORRUPT}, /* many entries of nothing */
		{1000, 1000000, true, PMN_CORRUPT},
		{1000, 2000000000, true, PMN_CORRUPT},
	};
	static const uint32_t compressions[] = {1, 2, 4, 5};
	static const int64_t nothing[1000];
	uint8_t *zeros = calloc(1, 40 * MEGA);
	PmnTestEnv env;
	uint64_t rows;

	pmn_test_env_init(&env);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t c = 0; c < 4; c += cases[i].is_dictionary ? 3 : 1)
		{
			PmnBytes texts = pmn_bytes(
				zeros, compressions[c] == 1 || compressions[c] == 5 ? 40 * MEGA
																	: MEGA);
			TestColumn column = {.name = "c", .kind = ORC_STRING};
			TestFile file = {.columns = &column,
							 .column_count = 1,
							 .rows = 1000,
							 .stripes = 1,
							 .compression = compressions[c],
							 .block_bytes = 256 * 1024};
			PmnBuffer lengths;
			PmnBuffer indexes;
			PmnCode code;

			pmn_buffer_init(&lengths, &env.base);
			pmn_buffer_init(&indexes, &env.base);
			put_runs(&lengths, cases[i].count, cases[i].length);
			put_ints(&indexes, nothing, 1000, false);
			column.streams[0].kind = ORC_STREAM_DATA;
			column.streams[0].bytes =
				cases[i].is_dictionary ? bytes_of(&indexes) : texts;
			column.streams[1].kind = ORC_STREAM_LENGTH;
			column.streams[1].bytes = bytes_of(&lengths);
			if (cases[i].is_dictionary)
			{
				column.encoding = ORC_DICTIONARY;
				column.dictionary_size = (uint32_t) cases[i].count;
				column.streams[2].kind = ORC_STREAM_DICTIONARY;
				column.streams[2].bytes = texts;
			}
			code = read_orc(&file, &rows);
			CHECK(code == cases[i].code);
			CHECK(peak < 1000 * MEGA);
			if (code != cases[i].code || peak >= 1000 * MEGA)
				printf("# case %zu codec %u: code %d, %zu bytes\n", i,
					   compressions[c], (int) code, peak);
			pmn_buffer_free(&lengths);
			pmn_buffer_free(&indexes);
		}
	free(zeros);
	CHECK(env.live_bytes == 0);
}

/* ---- Parquet ------------------------------------------------------------ */

/* Thrift's compact protocol: fields of a struct in order. */
static void
put_field(PmnBuffer *dst, int *last, int id, int type)
{
	CHECK(pmn_buffer_byte(dst, (uint8_t) ((id - *last) << 4 | type)) == PMN_OK);
	*last = id;
}

static void
put_i32(PmnBuffer *dst, int *last, int id, int64_t value)
{
	put_field(dst, last, id, 5);
	put_signed(dst, value);
}

static void
put_i64(PmnBuffer *dst, int *last, int id, int64_t value)
{
	put_field(dst, last, id, 6);
	put_signed(dst, value);
}

static void
put_name(PmnBuffer *dst, const char *name)
{
	put_varint(dst, strlen(name));
	CHECK(pmn_buffer_string(dst, name) == PMN_OK);
}

static void
put_end(PmnBuffer *dst)
{
	CHECK(pmn_buffer_byte(dst, 0) == PMN_OK);
}

typedef enum PageKind
{
	PAGE_DATA = 0,
	PAGE_DICTIONARY = 2,
	PAGE_DATA_V2 = 3
} PageKind;

/* One page, as its header has it. */
typedef struct Page
{
	PageKind kind;
	PmnBytes packed;
	int64_t plain_size;
	int64_t values;
	int encoding; /* 0 PLAIN, 8 RLE_DICTIONARY */
} Page;

static void
put_page(PmnBuffer *dst, const Page *page)
{
	int last = 0;
	int inner = 0;

	put_i32(dst, &last, 1, page->kind);
	put_i32(dst, &last, 2, page->plain_size);
	put_i32(dst, &last, 3, page->packed.size);
	put_field(dst, &last,
			  page->kind == PAGE_DATA		  ? 5
			  : page->kind == PAGE_DICTIONARY ? 7
											  : 8,
			  12);
	put_i32(dst, &inner, 1, page->values);
	if (page->kind == PAGE_DATA_V2)
	{
		put_i32(dst, &inner, 2, 0);
		put_i32(dst, &inner, 3, page->values);
		put_i32(dst, &inner, 4, page->encoding);
		put_i32(dst, &inner, 5, 0);
		put_i32(dst, &inner, 6, 0);
	}
	else
		put_i32(dst, &inner, 2, page->encoding);
	if (page->kind == PAGE_DATA)
	{
		put_i32(dst, &inner, 3, 3);
		put_i32(dst, &inner, 4, 3);
	}
	put_end(dst);
	put_end(dst);
	CHECK(pmn_buffer_append(dst, page->packed.data, page->packed.size) ==
		  PMN_OK);
}

static void
put_encoding(PmnBuffer *dst, PageKind kind, int encoding)
{
	int last = 0;

	put_i32(dst, &last, 1, kind);
	put_i32(dst, &last, 2, encoding);
	put_i32(dst, &last, 3, 1);
	put_end(dst);
}

/* The footer of one required text column "c" of one row group. */
static void
put_footer(PmnBuffer *dst, int codec, int64_t values, bool has_dictionary,
		   size_t data_at)
{
	size_t begin = dst->size;
	int last = 0;
	int one = 0;
	int group = 0;
	int chunk = 0;
	int meta = 0;
	uint8_t size[4];

	put_i32(dst, &last, 1, 2);
	put_field(dst, &last, 2, 9);
	put_varint(dst, 2 << 4 | 12);
	put_field(dst, &one, 4, 8);
	put_name(dst, "root");
	put_i32(dst, &one, 5, 1);
	put_end(dst);
	one = 0;
	put_i32(dst, &one, 1, 6); /* BYTE_ARRAY */
	put_i32(dst, &one, 3, 0); /* REQUIRED */
	put_field(dst, &one, 4, 8);
	put_name(dst, "c");
	put_i32(dst, &one, 6, 0); /* UTF8 */
	put_end(dst);
	put_i64(dst, &last, 3, values);
	put_field(dst, &last, 4, 9);
	put_varint(dst, 1 << 4 | 12);
	put_field(dst, &group, 1, 9);
	put_varint(dst, 1 << 4 | 12);
	put_i64(dst, &chunk, 2, 4);
	put_field(dst, &chunk, 3, 12);
	put_i32(dst, &meta, 1, 6);
	put_field(dst, &meta, 2, 9);
	put_varint(dst, 1 << 4 | 5);
	put_signed(dst, has_dictionary ? 8 : 0);
	put_field(dst, &meta, 3, 9);
	put_varint(dst, 1 << 4 | 8);
	put_name(dst, "c");
	put_i32(dst, &meta, 4, codec);
	put_i64(dst, &meta, 5, values);
	put_i64(dst, &meta, 6, (int64_t) begin - 4);
	put_i64(dst, &meta, 7, (int64_t) begin - 4);
	put_i64(dst, &meta, 9, (int64_t) data_at);
	if (has_dictionary)
	{
		put_i64(dst, &meta, 11, 4);
		put_field(dst, &meta, 13, 9); /* all pages are indexes */
		put_varint(dst, 2 << 4 | 12);
		put_encoding(dst, PAGE_DICTIONARY, 0);
		put_encoding(dst, PAGE_DATA, 8);
	}
	put_end(dst);
	put_end(dst);
	put_i64(dst, &group, 2, (int64_t) begin - 4);
	put_i64(dst, &group, 3, values);
	put_end(dst);
	put_end(dst);
	pmn_put_le32(size, (uint32_t) (dst->size - begin));
	CHECK(pmn_buffer_append(dst, size, 4) == PMN_OK);
	CHECK(pmn_buffer_string(dst, "PAR1") == PMN_OK);
}

/* dictionary may be NULL. */
static PmnCode
read_parquet(int codec, const Page *dictionary, const Page *data,
			 uint32_t batches, uint64_t *rows)
{
	PmnTestEnv env;
	PmnFileSystem *fs = NULL;
	PmnBuffer bytes;
	size_t data_at;
	PmnCode code;

	pmn_test_env_init(&env);
	pmn_buffer_init(&bytes, &env.base);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	CHECK_OK(&env, pmn_buffer_string(&bytes, "PAR1"));
	if (dictionary != NULL)
		put_page(&bytes, dictionary);
	data_at = bytes.size;
	put_page(&bytes, data);
	put_footer(&bytes, codec, data->values, dictionary != NULL, data_at);
	CHECK(bytes.size < 4 * MEGA);
	CHECK_OK(&env,
			 pmn_fs_put(fs, "/x.parquet", PMN_PUT_OVERWRITE, bytes_of(&bytes)));
	limit_memory(&env, 4096 * MEGA);
	code = read_batches(&pmn_format_parquet, fs, "/x.parquet", batches, rows);
	peak = env.peak_bytes;
	pmn_buffer_free(&bytes);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
	return code;
}

static const struct
{
	PmnCodec codec;
	int number; /* CompressionCodec */
} parquet_codecs[] = {
	{PMN_CODEC_SNAPPY, 1},
	{PMN_CODEC_GZIP, 2},
	{PMN_CODEC_ZSTD, 6},
	{PMN_CODEC_LZ4, 7},
};

/* Goal: pages that unpack to more than they say, or say more than they have,
 * of each codec and kind, are damage within the reader's bound. */
TEST(parquet_pages_are_bounded)
{
	static const PageKind kinds[] = {PAGE_DATA, PAGE_DATA_V2, PAGE_DICTIONARY};
	static const int64_t sizes[] = {INT32_MAX, 1000, 0, -1, 900 << 20};
	uint8_t *zeros = calloc(1, 40 * MEGA);
	PmnTestEnv env;
	uint64_t rows;

	pmn_test_env_init(&env);
	for (size_t c = 0; c < 4; c++)
	{
		PmnBuffer packed;

		pmn_buffer_init(&packed, &env.base);
		CHECK_OK(&env,
				 pmn_codec_compress(parquet_codecs[c].codec, 0,
									pmn_bytes(zeros, 40 * MEGA), &packed));
		for (size_t k = 0; k < 3; k++)
			for (size_t s = 0; s < 5; s++)
			{
				Page bomb = {kinds[k], bytes_of(&packed), sizes[s], 5000, 0};
				Page data = {PAGE_DATA, pmn_bytes("\1\x88\x27\0", 4), 4, 5000,
							 8};
				PmnCode code;

				code = kinds[k] == PAGE_DICTIONARY
						   ? read_parquet(parquet_codecs[c].number, &bomb,
										  &data, 2, &rows)
						   : read_parquet(parquet_codecs[c].number, NULL, &bomb,
										  2, &rows);
				CHECK(code == PMN_CORRUPT || code == PMN_NO_MEMORY);
				CHECK(peak < 1100 * MEGA);
			}
		pmn_buffer_free(&packed);
	}
	free(zeros);
	CHECK(env.live_bytes == 0);
}

/* Goal: rows beyond number that share one large value of a dictionary are
 * read a batch at a time, without a copy for each. */
TEST(parquet_dictionaries_are_shared)
{
	uint8_t *value = calloc(1, MEGA + 4);
	PmnTestEnv env;
	PmnBuffer packed;
	PmnBuffer indexes;
	PmnBuffer packed_indexes;
	uint64_t rows;

	pmn_test_env_init(&env);
	pmn_buffer_init(&packed, &env.base);
	pmn_buffer_init(&indexes, &env.base);
	pmn_buffer_init(&packed_indexes, &env.base);
	pmn_put_le32(value, (uint32_t) MEGA);
	CHECK_OK(&env, pmn_codec_compress(PMN_CODEC_ZSTD, 0,
									  pmn_bytes(value, MEGA + 4), &packed));
	/* Width 1, then one run of 2 ^ 30 zeros. */
	CHECK_OK(&env, pmn_buffer_byte(&indexes, 1));
	put_varint(&indexes, (uint64_t) 1 << 31);
	CHECK_OK(&env, pmn_buffer_byte(&indexes, 0));
	CHECK_OK(&env, pmn_codec_compress(PMN_CODEC_ZSTD, 0, bytes_of(&indexes),
									  &packed_indexes));
	{
		Page dictionary = {PAGE_DICTIONARY, bytes_of(&packed),
						   (int64_t) MEGA + 4, 1, 0};
		Page data = {PAGE_DATA, bytes_of(&packed_indexes),
					 (int64_t) indexes.size, 1 << 30, 8};

		CHECK(read_parquet(6, &dictionary, &data, 20, &rows) == PMN_OK);
		CHECK(rows > 0);
		CHECK(peak < 64 * MEGA);
		/* A dictionary of more values than its bytes can hold. */
		dictionary.values = INT32_MAX;
		CHECK(read_parquet(6, &dictionary, &data, 20, &rows) != PMN_OK);
		CHECK(peak < 1100 * MEGA);
		/* Rows that the page does not have. */
		dictionary.values = 1;
		data.values = INT32_MAX;
		data.packed = pmn_bytes("\x28\xb5\x2f\xfd\x20\0\1\0\0", 9);
		data.plain_size = 0;
		CHECK(read_parquet(6, &dictionary, &data, 20, &rows) != PMN_OK);
		CHECK(peak < 1100 * MEGA);
	}
	pmn_buffer_free(&packed);
	pmn_buffer_free(&indexes);
	pmn_buffer_free(&packed_indexes);
	free(value);
	CHECK(env.live_bytes == 0);
}

int
main(void)
{
	RUN(avro_blocks_are_bounded);
	RUN(avro_files_in_memory_are_bounded);
	RUN(orc_streams_are_bounded);
	if (getenv("PMN_ARROW_PATH") == NULL)
		printf("# Parquet skipped: PMN_ARROW_PATH is not set\n");
	else
	{
		RUN(parquet_pages_are_bounded);
		RUN(parquet_dictionaries_are_shared);
	}
	TEST_END();
}
