/*
 * format_pages_test.c
 *
 * Goal: a reader that wants some rows of a row group fetches their pages and
 * little else, and rows are those of their positions, whatever is asked for.
 * An offset index that is damaged ends in PMN_CORRUPT or is not used, never in
 * rows of other positions. Needs PMN_ARROW_PATH.
 */
#include <string.h>

#include "../testing/testing.h"
#include "format_parquet.h"

#define ROWS 100000

static const PmnType sure_int = {.kind = PMN_TYPE_BIGINT};
static const PmnFormatColumn columns[] = {
	{"k", 1, {.kind = PMN_TYPE_BIGINT}},
	{"s",
	 2,
	 {.kind = PMN_TYPE_VARCHAR, .length = PMN_LENGTH_MAX, .is_nullable = true}},
	{"d",
	 3,
	 {.kind = PMN_TYPE_VARCHAR, .length = PMN_LENGTH_MAX, .is_nullable = true}},
	{"a",
	 4,
	 {.kind = PMN_TYPE_ARRAY, .element = &sure_int, .is_nullable = true}},
};

#define COLUMNS 4

static const PmnOption small_pages[] = {
	{"parquet.page.row.count.limit", "500"}};
static const PmnOption newer_pages[] = {
	{"parquet.page.row.count.limit", "500"},
	{"parquet.writer.version", "PARQUET_2_0"}};

/* ---- values of a row, made of its number ------------------------------------ */

static PmnBytes
text_at(uint32_t column, uint64_t row, char *room)
{
	int size =
		column == 1
			? snprintf(room, 64, "%llu is a text of its own %llu",
					   (unsigned long long) row * 7919u,
					   (unsigned long long) (row * row * 31u))
			: snprintf(room, 64, "one of a few: %u", (unsigned) (row % 13));

	return pmn_bytes((uint8_t *) room, (size_t) size);
}

static bool
is_null_at(uint32_t column, uint64_t row)
{
	return column > 0 && (row / column) % 11 == 3;
}

/* Up to three elements. */
static PmnBytes
list_at(uint64_t row, char *room)
{
	uint32_t count = (uint32_t) (row % 4);
	size_t at = 4;

	memcpy(room, &count, 4);
	for (uint32_t i = 0; i < count; i++)
	{
		int64_t value = (int64_t) (row * 10 + i);

		room[at++] = 0;
		memcpy(room + at, &value, 8);
		at += 8;
	}
	return pmn_bytes((uint8_t *) room, at);
}

static PmnBytes
bytes_at(uint32_t column, uint64_t row, char *room)
{
	return column == 3 ? list_at(row, room) : text_at(column, row, room);
}

static PmnBatch
make_batch(PmnArena *arena, uint64_t first, uint32_t count)
{
	PmnBatch batch = {
		.row_count = count, .column_count = COLUMNS, .selected_count = count};
	char room[64];

	batch.columns = pmn_arena_alloc(arena, COLUMNS * sizeof(PmnVector));
	for (uint32_t c = 0; c < COLUMNS; c++)
	{
		PmnVector *vector = &batch.columns[c];

		vector->kind = pmn_type_vector_kind(&columns[c].type);
		vector->nulls = c == 0 ? NULL : pmn_arena_alloc(arena, count);
		vector->values =
			pmn_arena_alloc(arena, count * pmn_vector_width(vector->kind));
		for (uint32_t r = 0; r < count; r++)
		{
			PmnBytes *bytes = (PmnBytes *) vector->values + r;

			if (c == 0)
			{
				((int64_t *) vector->values)[r] = (int64_t) (first + r);
				continue;
			}
			vector->nulls[r] = is_null_at(c, first + r);
			*bytes = bytes_at(c, first + r, room);
			bytes->data = pmn_arena_copy(arena, bytes->data, bytes->size);
		}
	}
	return batch;
}

static void
write_file(PmnTestEnv *env, PmnFileSystem *fs, uint32_t rows,
		   const PmnOption *list, uint32_t count)
{
	PmnSchema schema = {.options = (PmnOption *) (uintptr_t) list,
						.option_count = count};
	PmnFormatWriteOptions options = {.compression = "zstd", .schema = &schema};
	PmnFormatWriter *writer;
	PmnFileWriter *file;
	PmnArena *arena;

	CHECK_OK(env, pmn_arena_create(&env->base, 0, &arena));
	CHECK_OK(env, pmn_fs_open_write(fs, "/t", &file));
	CHECK_OK(env, pmn_format_open_writer(&pmn_format_parquet, file, columns,
										 COLUMNS, &options, &writer));
	for (uint32_t first = 0; first < rows; first += 5000)
	{
		uint32_t size = rows - first < 5000 ? rows - first : 5000;
		PmnBatch batch = make_batch(arena, first, size);

		CHECK_OK(env, pmn_format_write(writer, &batch, NULL, size));
		pmn_arena_reset(arena);
	}
	CHECK_OK(env, pmn_format_finish(writer));
	CHECK_OK(env, pmn_file_finish(file));
	pmn_format_writer_close(writer);
	pmn_file_writer_close(file);
	pmn_arena_destroy(arena);
}

/* ---- reading ------------------------------------------------------------------- */

/* Rows of the batch that are not those of their positions. */
static uint32_t
count_wrong(const PmnBatch *batch, uint64_t first, uint32_t first_column)
{
	uint32_t wrong = 0;
	char room[64];

	for (uint32_t c = 0; c < batch->column_count; c++)
		for (uint32_t r = 0; r < batch->row_count; r++)
		{
			PmnValue value = pmn_vector_value(&batch->columns[c], r);
			uint64_t row = first + r;
			uint32_t column = first_column + c;

			if (column == 0)
				wrong += value.is_null || value.as.i64 != (int64_t) row;
			else if (value.is_null || is_null_at(column, row))
				wrong += value.is_null != is_null_at(column, row);
			else
				wrong += !pmn_bytes_equal(value.as.bytes,
										  bytes_at(column, row, room));
		}
	return wrong;
}

typedef struct Wish
{
	const PmnPredicate *filter;
	uint64_t first;
	uint64_t end;
	size_t memory;
} Wish;

/* All columns of the wanted rows; how many rows came. */
static uint64_t
read_some(PmnTestEnv *env, PmnFileSystem *fs, const Wish *wish)
{
	static const int32_t filter_columns[] = {0};
	PmnField field = {.name = (char *) (uintptr_t) "k",
					  .type = columns[0].type};
	PmnSchema schema = {.fields = &field, .field_count = 1};
	PmnFormatReadRequest request = {
		.columns = columns,
		.column_count = COLUMNS,
		.filter = wish->filter,
		.filter_schema = &schema,
		.filter_columns = filter_columns,
		.first_row = wish->first,
		.end_row = wish->end,
		.cut_blocks = true,
		.memory_limit_bytes = wish->memory,
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
		CHECK(count_wrong(batch, row, 0) == 0);
		rows += batch->row_count;
	}
	pmn_format_reader_close(reader);
	pmn_file_reader_close(file);
	return rows;
}

/* Goal: one row costs a page of each column, dictionaries, index and footer;
 * pages of V1 and V2, at either end of the file and between. */
TEST(one_row_reads_few_bytes)
{
	static const int64_t keys[] = {0, 499, 500, 51234, ROWS - 1};

	for (int newer = 0; newer < 2; newer++)
	{
		PmnFileSystem *fs;
		PmnFileReader *file;
		PmnTestEnv env;
		uint64_t size;

		pmn_test_env_init(&env);
		CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
		write_file(&env, fs, ROWS, newer ? newer_pages : small_pages,
				   newer ? 2 : 1);
		CHECK_OK(&env, pmn_fs_open_read(fs, "/t", &file));
		size = file->size_bytes;
		pmn_file_reader_close(file);
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		{
			PmnValue key = {.as.i64 = keys[i]};
			PmnPredicate one = {PMN_PREDICATE_EQ, 0, &key, 1, NULL, 0};
			Wish wish = {.filter = &one};
			uint64_t before = env.base.counters.read_bytes;
			uint64_t rows = read_some(&env, fs, &wish);
			uint64_t bytes = env.base.counters.read_bytes - before;

			CHECK(rows >= 1 && rows <= 500);
			/* The footer is 64 kB, whatever is in it. */
			CHECK(bytes < 160 * 1024 && bytes < size / 6);
			if (i == 3)
				printf("# %llu of %llu bytes for one row\n",
					   (unsigned long long) bytes, (unsigned long long) size);
		}
		pmn_fs_close(fs);
		CHECK(env.live_bytes == 0);
	}
}

/* Ranges of rows, with little memory too, so that pages are longer than
 * windows, and some rows here and there. */
static void
ask_for_any(PmnTestEnv *env, PmnFileSystem *fs)
{
	for (int i = 0; i < 40; i++)
	{
		uint64_t first = pmn_test_below(env, ROWS);
		uint64_t rows = 1 + pmn_test_below(env, i % 2 == 0 ? 700 : 30000);
		uint64_t end = first + rows < ROWS ? first + rows : ROWS;
		Wish wish = {NULL, first, end, i % 3 == 0 ? 1 << 20 : 0};

		CHECK(read_some(env, fs, &wish) == end - first);
	}
	for (int i = 0; i < 10; i++)
	{
		PmnValue at[3];
		PmnPredicate leaves[3];
		const PmnPredicate *any[3];
		PmnPredicate filter = {PMN_PREDICATE_OR, 0, NULL, 0, any, 3};
		Wish wish = {.filter = &filter};

		for (int j = 0; j < 3; j++)
		{
			at[j] = (PmnValue){.as.i64 = pmn_test_below(env, ROWS)};
			leaves[j] = (PmnPredicate){PMN_PREDICATE_EQ, 0, &at[j], 1, NULL, 0};
			any[j] = &leaves[j];
		}
		CHECK(read_some(env, fs, &wish) >= 1);
	}
}

/* Goal: what comes is what was asked for, wherever it lies. */
TEST(any_rows_can_be_asked_for)
{
	/* Pages of 500 rows, and as long ones as writers make. */
	for (uint32_t options = 0; options < 2; options++)
	{
		PmnFileSystem *fs;
		PmnTestEnv env;

		pmn_test_env_init(&env);
		CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
		write_file(&env, fs, ROWS, small_pages, options);
		ask_for_any(&env, fs);
		pmn_fs_close(fs);
		CHECK(env.live_bytes == 0);
	}
}

/* ---- damage -------------------------------------------------------------------- */

typedef struct Damaged
{
	PmnTestEnv *env;
	PmnBytes bytes;
	uint32_t wrong;
	uint32_t codes[PMN_IO + 1];
} Damaged;

static PmnCode
damaged_read(void *context, uint64_t offset, size_t size, uint8_t *dst)
{
	Damaged *damaged = context;

	if (offset > damaged->bytes.size || size > damaged->bytes.size - offset)
		return pmn_fail(&damaged->env->base, PMN_CORRUPT, "read past the end");
	memcpy(dst, damaged->bytes.data + offset, size);
	return PMN_OK;
}

static void *
damaged_allocate(void *context, size_t size)
{
	return parquet_allocate(&((Damaged *) context)->env->base, size);
}

static void
damaged_release(void *context, void *block, size_t size)
{
	parquet_release(&((Damaged *) context)->env->base, block, size);
}

static PmnCode
read_ranges(Damaged *damaged, const PmnArrowApi *api, PmnArrowReader *reader,
			uint32_t column)
{
	static const PmnArrowRange ranges[] = {
		{100, 130}, {700, 1300}, {2600, 2610}, {2990, 3000}};
	PmnArrowError error;
	PmnBatch *batch;
	int64_t first;
	int64_t rows = 0;

	PMN_TRY(api->begin_group(reader, 0, ranges, 4, &error));
	for (;;)
	{
		PMN_TRY(api->next(reader, &batch, &first, &error));
		if (batch == NULL)
			break;
		damaged->wrong += count_wrong(batch, (uint64_t) first, column);
		rows += batch->row_count;
	}
	damaged->wrong += rows != 650;
	return PMN_OK;
}

/* Each column by itself, without the checksums that hide the rest. */
static void
read_damaged(Damaged *damaged, PmnArena *arena)
{
	PmnArrowHost host = {damaged,		 "damaged", damaged->bytes.size,
						 damaged_read,	 NULL,		damaged_allocate,
						 damaged_release};
	PmnArrowReadOptions options = {.column_count = 1,
								   .memory_limit_bytes = 1 << 20};
	const PmnArrowApi *api;
	PmnArrowColumn *wanted;
	PmnArrowError error;

	CHECK_OK(damaged->env, pmn_arrow_load(&damaged->env->base, &api));
	CHECK_OK(damaged->env, parquet_columns(arena, columns, COLUMNS, &wanted));
	for (uint32_t c = 0; c < COLUMNS; c++)
	{
		PmnArrowReader *reader = NULL;
		PmnCode code;

		options.columns = &wanted[c];
		code = api->reader_open(&host, &options, &reader, &error);
		if (code == PMN_OK)
			code = read_ranges(damaged, api, reader, c);
		damaged->codes[code]++;
		if (reader != NULL)
			api->reader_close(reader);
	}
}

/* Where the offset indexes end, which is where the footer begins. */
static size_t
find_footer(PmnBytes file)
{
	uint32_t size;

	memcpy(&size, file.data + file.size - 8, 4);
	CHECK(size < file.size - 8);
	return file.size - 8 - size;
}

/* Goal: no bit of the offset indexes of any column can be wrong such that
 * wrong rows come back. */
TEST(damaged_indexes_are_found_or_not_used)
{
	PmnFileSystem *fs;
	PmnBuffer buffer;
	PmnTestEnv env;
	PmnArena *arena;
	Damaged damaged = {.env = &env};
	size_t footer;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	write_file(&env, fs, 3000, small_pages, 1);
	pmn_buffer_init(&buffer, &env.base);
	CHECK_OK(&env, pmn_fs_read_file(fs, "/t", 1 << 20, &buffer));
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	damaged.bytes = pmn_bytes(buffer.data, buffer.size);
	read_damaged(&damaged, arena);
	CHECK(damaged.codes[PMN_OK] == COLUMNS && damaged.wrong == 0);
	footer = find_footer(damaged.bytes);
	/* Four indexes of six pages of seven bytes or so are the last. */
	for (size_t at = footer - 280; at < footer; at++)
		for (int bit = 0; bit < 8; bit++)
		{
			buffer.data[at] ^= (uint8_t) (1u << bit);
			read_damaged(&damaged, arena);
			buffer.data[at] ^= (uint8_t) (1u << bit);
			pmn_arena_reset(arena);
		}
	printf("# %u read, %u corrupt\n", damaged.codes[PMN_OK],
		   damaged.codes[PMN_CORRUPT]);
	CHECK(damaged.wrong == 0);
	CHECK(damaged.codes[PMN_OK] + damaged.codes[PMN_CORRUPT] ==
		  COLUMNS * (1 + 280 * 8));
	CHECK(damaged.codes[PMN_CORRUPT] > 100);
	pmn_arena_destroy(arena);
	pmn_buffer_free(&buffer);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

/* Goal: each failing allocation of a look-up ends it with its code. */
TEST(survives_every_allocation_failure)
{
	PmnArrowHost host;
	PmnArrowReadOptions options = {.column_count = COLUMNS,
								   .memory_limit_bytes = 1 << 20};
	PmnCode code = PMN_NO_MEMORY;
	const PmnArrowApi *api;
	PmnArrowColumn *wanted;
	PmnFileSystem *fs;
	PmnBuffer buffer;
	PmnTestEnv env;
	PmnArena *arena;
	Damaged damaged = {.env = &env};
	uint64_t step;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	write_file(&env, fs, 3000, small_pages, 1);
	pmn_buffer_init(&buffer, &env.base);
	CHECK_OK(&env, pmn_fs_read_file(fs, "/t", 1 << 20, &buffer));
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, pmn_arrow_load(&env.base, &api));
	CHECK_OK(&env, parquet_columns(arena, columns, COLUMNS, &wanted));
	options.columns = wanted;
	damaged.bytes = pmn_bytes(buffer.data, buffer.size);
	host =
		(PmnArrowHost){&damaged, "file",		   buffer.size,	   damaged_read,
					   NULL,	 damaged_allocate, damaged_release};
	for (step = 0; code == PMN_NO_MEMORY && step < 10000; step++)
	{
		uint64_t before = env.live_bytes;
		PmnArrowReader *reader = NULL;
		PmnArrowError error;

		env.fail_step = env.step + step;
		code = api->reader_open(&host, &options, &reader, &error);
		if (code == PMN_OK)
			code = read_ranges(&damaged, api, reader, 0);
		env.fail_step = UINT64_MAX;
		if (reader != NULL)
			api->reader_close(reader);
		CHECK(env.live_bytes == before);
	}
	CHECK(code == PMN_OK && damaged.wrong == 0 && step > 50);
	printf("# %llu allocations failed\n", (unsigned long long) step);
	pmn_arena_destroy(arena);
	pmn_buffer_free(&buffer);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

int
main(void)
{
	if (getenv("PMN_ARROW_PATH") == NULL)
	{
		printf("# skipped: PMN_ARROW_PATH is not set\n");
		TEST_END();
	}
	RUN(one_row_reads_few_bytes);
	RUN(any_rows_can_be_asked_for);
	RUN(damaged_indexes_are_found_or_not_used);
	RUN(survives_every_allocation_failure);
	TEST_END();
}
