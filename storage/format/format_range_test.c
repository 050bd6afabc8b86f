/*
 * format_range_test.c
 *
 * Goal: ranges of rows that adjoin give each row of a Parquet file exactly
 * once, at its own position, whether the file has many small row groups, of
 * which each is in one range, or a large one, which is cut.
 */
#include <string.h>

#include "../fs/fs_fault.h"
#include "../testing/testing.h"
#include "format.h"

static const PmnFormatColumn columns[] = {{"k", 1, {.kind = PMN_TYPE_BIGINT}}};

/* The values 0, 1, 2, ... */
static void
write_file(PmnTestEnv *env, PmnFileSystem *fs, uint32_t rows,
		   int64_t row_group_bytes)
{
	PmnFormatWriteOptions options = {.compression = "none",
									 .row_group_bytes = row_group_bytes};
	PmnFormatWriter *writer;
	PmnFileWriter *file;
	int64_t *keys = malloc((size_t) rows * 8);
	PmnVector vector = {PMN_VECTOR_I64, NULL, keys};
	PmnBatch batch = {rows, 1, &vector, NULL, rows};

	for (int64_t i = 0; i < rows; i++)
		keys[i] = i;
	CHECK_OK(env, pmn_fs_open_write(fs, "/t", &file));
	CHECK_OK(env, pmn_format_open_writer(&pmn_format_parquet, file, columns, 1,
										 &options, &writer));
	CHECK_OK(env, pmn_format_write(writer, &batch, NULL, rows));
	CHECK_OK(env, pmn_format_finish(writer));
	CHECK_OK(env, pmn_file_finish(file));
	pmn_format_writer_close(writer);
	pmn_file_writer_close(file);
	free(keys);
}

/* Count what a range gives in seen[row]. */
static uint64_t
read_range(PmnTestEnv *env, PmnFileSystem *fs, const PmnPredicate *filter,
		   uint64_t first, uint64_t end, bool cut, uint8_t *seen)
{
	static const int32_t filter_columns[] = {0};
	PmnField field = {.name = (char *) (uintptr_t) "k",
					  .type = columns[0].type};
	PmnSchema schema = {.fields = &field, .field_count = 1};
	PmnFormatReadRequest request = {
		.columns = columns,
		.column_count = 1,
		.filter = filter,
		.filter_schema = &schema,
		.filter_columns = filter_columns,
		.first_row = first,
		.end_row = end,
		.cut_blocks = cut,
	};
	PmnFormatReader *reader;
	PmnFileReader *file;
	PmnBatch *batch;
	uint64_t row = 0;
	uint64_t rows = 0;

	CHECK_OK(env, pmn_fs_open_read(fs, "/t", &file));
	CHECK_OK(env, pmn_format_open_reader(&pmn_format_parquet, file, &request,
										 &reader));
	for (;;)
	{
		CHECK_OK(env, pmn_format_next(reader, &batch, &row));
		if (batch == NULL)
			break;
		for (uint32_t i = 0; i < batch->row_count; i++)
		{
			if (((int64_t *) batch->columns[0].values)[i] !=
				(int64_t) (row + i))
				CHECK(!"the row is not the one its position says");
			seen[row + i]++;
		}
		rows += batch->row_count;
	}
	pmn_format_reader_close(reader);
	pmn_file_reader_close(file);
	return rows;
}

static void
check_ranges(uint32_t rows, int64_t row_group_bytes, uint32_t parts, bool cut,
			 bool is_one_group)
{
	PmnFileSystem *fs;
	PmnTestEnv env;
	uint8_t *seen = calloc(rows, 1);
	PmnValue bound = {.as.i64 = rows / 2};
	PmnPredicate above = {PMN_PREDICATE_GE, 0, &bound, 1, NULL, 0};
	uint32_t wrong = 0;
	uint64_t read = 0;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	write_file(&env, fs, rows, row_group_bytes);
	for (uint32_t i = 0; i < parts; i++)
		read += read_range(
			&env, fs, NULL, (uint64_t) rows * i / parts,
			i + 1 == parts ? 0 : (uint64_t) rows * (i + 1) / parts, cut, seen);
	CHECK(read == rows);
	/* A group is entered once, or once for each part of it. */
	CHECK(is_one_group == (env.base.counters.row_groups_read == parts));
	for (uint32_t i = 0; i < rows; i++)
		wrong += seen[i] != 1;
	CHECK(wrong == 0);
	/* With a filter, that what matches comes once. */
	memset(seen, 0, rows);
	for (uint32_t i = 0; i < parts; i++)
		(void) read_range(
			&env, fs, &above, (uint64_t) rows * i / parts,
			i + 1 == parts ? 0 : (uint64_t) rows * (i + 1) / parts, cut, seen);
	for (uint32_t i = rows / 2; i < rows; i++)
		wrong += seen[i] != 1;
	CHECK(wrong == 0);
	pmn_fs_close(fs);
	free(seen);
	CHECK(env.live_bytes == 0);
}

TEST(small_groups_are_of_one_range)
{
	check_ranges(100000, 100000, 4, false, false);
	check_ranges(5, 0, 3, false, false);
	check_ranges(5, 0, 3, true, true);
}

TEST(a_large_group_is_cut)
{
	check_ranges(1200000, (int64_t) 1 << 40, 5, false, true);
	check_ranges(50000, (int64_t) 1 << 40, 7, true, true);
}

int
main(void)
{
	if (getenv("PMN_ARROW_PATH") == NULL)
	{
		printf("# skipped: PMN_ARROW_PATH is not set\n");
		return 0;
	}
	RUN(small_groups_are_of_one_range);
	RUN(a_large_group_is_cut);
	TEST_END();
}
