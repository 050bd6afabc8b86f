/*
 * format_blob_test.c
 *
 * Blob files: values, nulls, batches that end at the memory limit; files
 * that are cut, changed or lie about themselves; memory that runs out.
 */
#include "format_blob_testing.h"

#define PATH "/f/x.blob"

static const PmnFormatColumn column = {.name = "b",
									   .type = {.kind = PMN_TYPE_BLOB}};

/* Read the bytes as a file; *rows and *sum: rows, and bytes of values. */
static PmnCode
read_bytes(PmnTestEnv *env, PmnBytes bytes, uint32_t columns, size_t limit,
		   uint64_t *rows, uint64_t *sum)
{
	PmnFormatReadRequest request = {.columns = &column,
									.column_count = columns,
									.memory_limit_bytes = limit};
	PmnFormatReader *reader = NULL;
	PmnFileReader *file = NULL;
	PmnFileSystem *fs = NULL;
	PmnBatch *batch = NULL;
	uint64_t first_row = 0;
	PmnCode code;

	*rows = 0;
	*sum = 0;
	PMN_TRY(pmn_fs_memory_open(&env->base, &fs));
	code = pmn_fs_put(fs, PATH, PMN_PUT_NEW, bytes);
	if (code == PMN_OK)
		code = pmn_fs_open_read(fs, PATH, &file);
	if (code == PMN_OK)
		code =
			pmn_format_open_reader(&pmn_format_blob, file, &request, &reader);
	while (code == PMN_OK)
	{
		code = pmn_format_next(reader, &batch, &first_row);
		if (code != PMN_OK || batch == NULL)
			break;
		CHECK(first_row == *rows);
		for (uint32_t r = 0; columns > 0 && r < batch->row_count; r++)
		{
			const PmnBytes *values = batch->columns[0].values;

			CHECK((uintptr_t) values[r].data % 4 == 0);
			*sum += values[r].size;
		}
		*rows += batch->row_count;
	}
	if (code == PMN_OK)
		CHECK(*rows == reader->row_count);
	pmn_format_reader_close(reader);
	pmn_file_reader_close(file);
	pmn_fs_close(fs);
	return code;
}

/* Goal: the example of format/metadata.md 8.7.2 is what we make and read. */
TEST(the_documented_bytes)
{
	static const uint8_t example[] = {
		0xcf, 0x11, 0x4e, 0x58, 'a',  'b',	'c',  0x13, 0,	  0, 0, 0, 0,
		0,	  0,	0x53, 0x31, 0x14, 0x52, 0x26, 0x27, 0x02, 0, 0, 0, 1};
	PmnTestEnv env;
	TestBlob blob;
	uint64_t rows;
	uint64_t sum;

	pmn_test_env_init(&env);
	test_blob_begin(&blob, &env);
	test_blob_add(&blob, pmn_bytes_string("abc"));
	test_blob_size(&blob, PMN_BLOB_NULL);
	test_blob_end(&blob);
	CHECK(blob.file.size == sizeof(example) &&
		  memcmp(blob.file.data, example, sizeof(example)) == 0);
	CHECK_OK(&env, read_bytes(&env, pmn_bytes(example, sizeof(example)), 1, 0,
							  &rows, &sum));
	CHECK(rows == 2 && sum == 3);
	CHECK_OK(&env, read_bytes(&env, pmn_bytes(example, sizeof(example)), 0, 0,
							  &rows, &sum));
	CHECK(rows == 2 && sum == 0);
	test_blob_free(&blob);
	CHECK(env.live_bytes == 0);
}

/* Goal: many rows come in batches, also when each blob is above the limit. */
TEST(batches)
{
	static const size_t limits[] = {0, 4, 400000};
	const uint32_t count = 20000;
	static uint8_t bytes[300];
	PmnTestEnv env;
	TestBlob blob;
	uint64_t wanted = 0;
	uint64_t rows;
	uint64_t sum;

	pmn_test_env_init(&env);
	test_blob_begin(&blob, &env);
	for (uint32_t i = 0; i < count; i++)
	{
		if (i % 7 == 3)
			test_blob_size(&blob,
						   i % 2 == 0 ? PMN_BLOB_NULL : PMN_BLOB_PLACEHOLDER);
		else
		{
			test_blob_add(&blob, pmn_bytes(bytes, i % 300));
			wanted += i % 300;
		}
	}
	test_blob_end(&blob);
	for (uint32_t l = 0; l < 3; l++)
	{
		CHECK_OK(&env,
				 read_bytes(&env, pmn_bytes(blob.file.data, blob.file.size), 1,
							limits[l], &rows, &sum));
		CHECK(rows == count && sum == wanted);
	}
	test_blob_free(&blob);
	CHECK(env.live_bytes == 0);
}

static void
make_small(TestBlob *blob, PmnTestEnv *env)
{
	test_blob_begin(blob, env);
	test_blob_add(blob, pmn_bytes_string("first"));
	test_blob_size(blob, PMN_BLOB_NULL);
	test_blob_add(blob, pmn_bytes(NULL, 0));
	test_blob_add(blob, pmn_bytes_string("a value that is a little longer"));
	test_blob_end(blob);
}

/* Goal: no cut and no changed byte goes unnoticed. */
TEST(damage)
{
	PmnTestEnv env;
	TestBlob blob;
	uint64_t rows;
	uint64_t sum;

	pmn_test_env_init(&env);
	make_small(&blob, &env);
	for (size_t size = 0; size < blob.file.size; size++)
	{
		PmnCode code = read_bytes(&env, pmn_bytes(blob.file.data, size), 1, 0,
								  &rows, &sum);

		CHECK(code == PMN_CORRUPT || code == PMN_UNSUPPORTED);
	}
	for (size_t i = 0; i < blob.file.size; i++)
	{
		for (uint32_t bit = 0; bit < 8; bit++)
		{
			PmnCode code;

			blob.file.data[i] ^= (uint8_t) (1 << bit);
			code = read_bytes(&env, pmn_bytes(blob.file.data, blob.file.size),
							  1, 0, &rows, &sum);
			/* A null may turn into a placeholder: both are null here. */
			CHECK(code == PMN_CORRUPT || code == PMN_UNSUPPORTED ||
				  (code == PMN_OK && rows == 4 && sum == 36));
			blob.file.data[i] ^= (uint8_t) (1 << bit);
		}
	}
	test_blob_free(&blob);
	CHECK(env.live_bytes == 0);
}

/* Goal: sizes that are impossible or do not add up are refused at once. */
TEST(index_that_lies)
{
	static const int64_t sizes[] = {-3, 0,	15,		   17,
									21, 23, INT64_MAX, INT64_MIN};
	PmnTestEnv env;
	TestBlob blob;
	uint64_t rows;
	uint64_t sum;

	pmn_test_env_init(&env);
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
	{
		test_blob_begin(&blob, &env);
		test_blob_add(&blob, pmn_bytes_string("123456"));
		pmn_buffer_reset(&blob.index);
		blob.last = 0;
		test_blob_size(&blob, sizes[i]);
		test_blob_end(&blob);
		CHECK(read_bytes(&env, pmn_bytes(blob.file.data, blob.file.size), 1, 0,
						 &rows, &sum) == PMN_CORRUPT);
		test_blob_free(&blob);
	}
	CHECK(env.live_bytes == 0);
}

/* Goal: no rows is a file; other columns than one blob are refused. */
TEST(edges)
{
	static const PmnType blob_type = {.kind = PMN_TYPE_BLOB};
	PmnFormatColumn columns[2] = {column, column};
	PmnFormatReadRequest request = {.columns = columns, .column_count = 2};
	PmnFormatReader *reader = NULL;
	PmnFileReader *file = NULL;
	PmnFileSystem *fs = NULL;
	PmnTestEnv env;
	TestBlob blob;
	uint64_t rows;
	uint64_t sum;

	pmn_test_env_init(&env);
	test_blob_begin(&blob, &env);
	test_blob_end(&blob);
	CHECK_OK(&env, read_bytes(&env, pmn_bytes(blob.file.data, blob.file.size),
							  1, 0, &rows, &sum));
	CHECK(rows == 0);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	CHECK_OK(&env, pmn_fs_put(fs, PATH, PMN_PUT_NEW,
							  pmn_bytes(blob.file.data, blob.file.size)));
	CHECK_OK(&env, pmn_fs_open_read(fs, PATH, &file));
	CHECK(pmn_format_open_reader(&pmn_format_blob, file, &request, &reader) ==
		  PMN_UNSUPPORTED);
	columns[0].type.kind = PMN_TYPE_ARRAY;
	columns[0].type.element = &blob_type;
	request.column_count = 1;
	CHECK(pmn_format_open_reader(&pmn_format_blob, file, &request, &reader) ==
		  PMN_UNSUPPORTED);
	CHECK(strstr(env.base.error.message, "ARRAY") != NULL);
	pmn_file_reader_close(file);
	pmn_fs_close(fs);
	test_blob_free(&blob);
	CHECK(env.live_bytes == 0);
}

TEST(memory_runs_out)
{
	PmnTestEnv good;
	TestBlob blob;
	PmnCode code = PMN_NO_MEMORY;
	uint64_t rows;
	uint64_t sum;

	pmn_test_env_init(&good);
	make_small(&blob, &good);
	for (uint64_t step = 0; code != PMN_OK && step < 1000; step++)
	{
		PmnTestEnv env;

		pmn_test_env_fail_at(&env, step);
		code = read_bytes(&env, pmn_bytes(blob.file.data, blob.file.size), 1, 0,
						  &rows, &sum);
		CHECK(code == PMN_OK || code == PMN_NO_MEMORY);
		CHECK(env.live_bytes == 0);
	}
	CHECK(code == PMN_OK);
	test_blob_free(&blob);
}

int
main(void)
{
	RUN(the_documented_bytes);
	RUN(batches);
	RUN(damage);
	RUN(index_that_lies);
	RUN(edges);
	RUN(memory_runs_out);
	TEST_END();
}
