/*
 * lsm_file_reader_test.c
 *
 * Data files of a format without a footer: the manifest's number of rows is
 * checked when the file has been read, with columns and without.
 */
#include "../format/format_avro_testing.h"

#include "lsm_file_reader.h"
#include "lsm_testing.h"

#define BLOCKS 3
#define BLOCK_ROWS 5000

static const char schema[] =
	"{\"type\":\"record\",\"name\":\"record\",\"fields\":["
	"{\"name\":\"a\",\"type\":[\"null\",\"int\"]},"
	"{\"name\":\"d\",\"type\":[\"null\",\"string\"]}]}";

#define DIRECTORY "/warehouse/db.db/t/bucket-"

/* A file of blocks with rows 0, 1, ... */
static void
make_file(PmnTestEnv *env, uint32_t blocks, TestAvro *out)
{
	TestAvro avro;

	test_avro_begin(&avro, env, schema, PMN_CODEC_ZSTD);
	for (int64_t i = 0; i < blocks * BLOCK_ROWS; i++)
	{
		test_avro_long(&avro, 1);
		test_avro_long(&avro, i);
		test_avro_long(&avro, 0);
		if (++avro.count == BLOCK_ROWS)
			test_avro_end_block(&avro);
	}
	*out = avro;
}

/* Write BLOCKS blocks as /warehouse/.../f.avro, or less of them. */
static void
write_file(PmnTestEnv *env, PmnFileSystem *fs, uint32_t blocks)
{
	TestAvro avro;

	make_file(env, blocks, &avro);
	CHECK_OK(env, pmn_fs_put(fs, DIRECTORY "0/f.avro", PMN_PUT_OVERWRITE,
							 pmn_bytes(avro.file.data, avro.file.size)));
	test_avro_free(&avro);
}

/* Columns a and b, which the file lacks, or none at all. */
static PmnCode
read_named(TestTable *table, const char *directory, const char *name,
		   int64_t manifest_rows, uint32_t field_count, uint64_t *rows)
{
	static const uint32_t fields[] = {0, 1};
	PmnBucket bucket = {.directory = directory};
	PmnDataFile file = {.file_name = pmn_bytes_string(name),
						.row_count = manifest_rows};
	PmnDataFileRequest request = {.file = &file,
								  .bucket = &bucket,
								  .fields = fields,
								  .field_count = field_count};
	PmnDataFileReader *reader;
	PmnBatch *batch = NULL;
	uint64_t first_row;
	PmnCode code = pmn_data_file_open(&table->lsm, &request, &reader);

	*rows = 0;
	while (code == PMN_OK)
	{
		code = pmn_data_file_next(reader, &batch, &first_row);
		if (code != PMN_OK || batch == NULL)
			break;
		CHECK(first_row == *rows);
		CHECK(batch->column_count == field_count);
		*rows += batch->row_count;
		for (uint32_t r = 0; field_count > 0 && r < batch->row_count; r++)
			CHECK(pmn_vector_value(&batch->columns[0], r).as.i64 ==
					  (int64_t) (first_row + r) &&
				  pmn_vector_value(&batch->columns[1], r).is_null);
	}
	pmn_data_file_close(reader);
	return code;
}

static PmnCode
read_file(TestTable *table, int64_t manifest_rows, uint32_t field_count,
		  uint64_t *rows)
{
	return read_named(table, DIRECTORY "0", "f.avro", manifest_rows,
					  field_count, rows);
}

/* Goal: a file cut between two blocks is damage, and so is one with more
 * rows than the manifest knows. */
TEST(rows_are_compared_with_the_manifest)
{
	const int64_t all = BLOCKS * BLOCK_ROWS;
	PmnTestEnv env;
	TestTable table;
	uint64_t rows;

	pmn_test_env_init(&env);
	test_table_init(&table, &env.base, "");
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &table.lsm.fs));
	for (uint32_t field_count = 0; field_count <= 2; field_count += 2)
	{
		write_file(&env, table.lsm.fs, BLOCKS);
		CHECK_OK(&env, read_file(&table, all, field_count, &rows));
		CHECK(rows == (uint64_t) all);
		CHECK(read_file(&table, all + 1, field_count, &rows) == PMN_CORRUPT);
		CHECK(strstr(env.base.error.message,
					 "has 15000 rows, its manifest says 15001") != NULL);
		CHECK(read_file(&table, all - 1, field_count, &rows) == PMN_CORRUPT);
		CHECK(read_file(&table, -1, field_count, &rows) == PMN_CORRUPT);
		write_file(&env, table.lsm.fs, BLOCKS - 1);
		CHECK(read_file(&table, all, field_count, &rows) == PMN_CORRUPT);
		write_file(&env, table.lsm.fs, 0);
		CHECK(read_file(&table, all, field_count, &rows) == PMN_CORRUPT);
		CHECK_OK(&env, read_file(&table, 0, field_count, &rows));
	}
	pmn_fs_close(table.lsm.fs);
	CHECK(env.live_bytes == 0);
}

/* Goal: Flink's compacted changelog: parts of one file are read as files,
 * wherever the manifest has them; what is no such name, or leads out of the
 * file, is damage. */
TEST(parts_of_a_changelog_file)
{
	static const char *const wrong[] = {
		"compacted-changelog-x.cc-avro",
		"compacted-changelog-x$0.cc-avro",
		"compacted-changelog-x$0-1-2.cc-avro",
		"compacted-changelog-x$0-1-2-x.cc-avro",
		"compacted-changelog-x$0-99999999999999999999.cc-avro",
		"compacted-changelog-x$0-1-2-3-4.cc-avro",
		"compacted-changelog-x$0-1-2-3.avro"};
	PmnTestEnv env;
	TestTable table;
	TestAvro first;
	TestAvro second;
	PmnBuffer both;
	char name[200];
	char path[256];
	uint64_t rows;
	PmnFileSystem *fs;

	pmn_test_env_init(&env);
	test_table_init(&table, &env.base, "");
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	table.lsm.fs = fs;
	make_file(&env, 1, &first);
	make_file(&env, 2, &second);
	pmn_buffer_init(&both, &env.base);
	CHECK_OK(&env, pmn_buffer_append(&both, first.file.data, first.file.size));
	CHECK_OK(&env,
			 pmn_buffer_append(&both, second.file.data, second.file.size));
	snprintf(name, sizeof(name), "compacted-changelog-x$3-%zu.cc-avro",
			 first.file.size);
	snprintf(path, sizeof(path), DIRECTORY "3/%s", name);
	CHECK_OK(&env, pmn_fs_put(fs, path, PMN_PUT_OVERWRITE,
							  pmn_bytes(both.data, both.size)));
	CHECK_OK(&env,
			 read_named(&table, DIRECTORY "3", name, BLOCK_ROWS, 2, &rows));
	CHECK(rows == BLOCK_ROWS);
	snprintf(name, sizeof(name), "compacted-changelog-x$3-%zu-%zu-%zu.cc-avro",
			 first.file.size, first.file.size, second.file.size);
	CHECK_OK(&env,
			 read_named(&table, DIRECTORY "1", name, 2 * BLOCK_ROWS, 2, &rows));
	CHECK(rows == 2 * BLOCK_ROWS);
	snprintf(name, sizeof(name), "compacted-changelog-x$3-%zu-%zu-%zu.cc-avro",
			 first.file.size, first.file.size, second.file.size + 1);
	CHECK(read_named(&table, DIRECTORY "1", name, 2 * BLOCK_ROWS, 2, &rows) ==
		  PMN_CORRUPT);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		CHECK(read_named(&table, DIRECTORY "1", wrong[i], 1, 2, &rows) ==
			  PMN_CORRUPT);
	pmn_buffer_free(&both);
	test_avro_free(&first);
	test_avro_free(&second);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

int
main(void)
{
	RUN(rows_are_compared_with_the_manifest);
	RUN(parts_of_a_changelog_file);
	TEST_END();
}
