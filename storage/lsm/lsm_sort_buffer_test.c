/*
 * lsm_sort_buffer_test.c
 *
 * Order, contents and memory of the sort buffer, in memory and spilled.
 */
#include "lsm_testing.h"

/* Runs of the buffer must be sorted and hold exactly the rows put in, each
 * found by its sequence number. */
static void
check_runs(PmnTestEnv *env, PmnSortBuffer *buffer, PmnArena *arena,
		   const TestRow *rows, uint32_t row_count)
{
	PmnRun **runs;
	uint32_t run_count;
	uint32_t seen = 0;
	uint32_t bad = 0;

	CHECK_OK(env, pmn_sort_buffer_runs(buffer, arena, &runs, &run_count));
	for (uint32_t i = 0; i < run_count; i++)
	{
		PmnBatch *batch;
		const TestRow *last = NULL;

		for (;;)
		{
			CHECK_OK(env, pmn_run_next(runs[i], &batch));
			if (batch == NULL)
				break;
			for (uint32_t r = 0; r < batch->row_count; r++)
			{
				int64_t sequence =
					((const int64_t *) batch->columns[0].values)[r];
				const TestRow *row = &rows[sequence];

				if (sequence < 0 || sequence >= row_count)
				{
					bad++;
					continue;
				}
				bad += !test_row_is(batch, r, row);
				bad += last != NULL &&
					   (last->key > row->key ||
						(last->key == row->key && last->sequence >= sequence));
				last = row;
				seen++;
			}
		}
		pmn_run_close(runs[i]);
	}
	CHECK(seen == row_count);
	CHECK(bad == 0);
}

static void
make_rows(PmnTestEnv *env, TestRow *rows, uint32_t count, uint32_t keys,
		  int order)
{
	for (uint32_t i = 0; i < count; i++)
	{
		rows[i].key = pmn_test_below(env, keys);
		if (order > 0)
			rows[i].key = (uint32_t) ((uint64_t) i * keys / count);
		if (order < 0)
			rows[i].key = keys - 1 - (uint32_t) ((uint64_t) i * keys / count);
		rows[i].sequence = i;
		rows[i].kind = (uint8_t) pmn_test_below(env, 4);
		rows[i].e = (int32_t) pmn_test_below(env, 5) - 1;
		rows[i].payload = pmn_test_below(env, 100000);
	}
}

/* Goal: whatever the order of input, the key and the number of rows, runs
 * are sorted and complete; rows may come in many pieces. */
TEST(sorts_and_keeps_every_row)
{
	static const uint32_t counts[] = {1,   2,	 63,   64,	 65,   255,
									  256, 1000, 8191, 8192, 8193, 20000};
	static const char *const keys[] = {"a", "bc", "cb", "bca"};
	PmnTestEnv env;
	TestRow *rows = calloc(20000, sizeof(*rows));

	pmn_test_env_init(&env);
	for (uint32_t i = 0; i < 12 * 3; i++)
	{
		TestTable table;
		PmnArena *arena;
		PmnSortBuffer *buffer;
		PmnBatch batch;
		uint8_t *kinds;
		uint32_t count = counts[i % 12];
		uint32_t limit;

		test_table_init(&table, &env.base, keys[i % 4]);
		limit = keys[i % 4][0] == 'c' ? 10 : 1 + pmn_test_below(&env, 30000);
		make_rows(&env, rows, count, limit, (int) (i / 12) - 1);
		CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
		CHECK_OK(&env, test_batch(arena, rows, count, &batch, &kinds));
		CHECK_OK(&env, pmn_sort_buffer_create(&table.lsm, &buffer));
		CHECK_OK(&env,
				 pmn_sort_buffer_add(buffer, &batch, kinds, NULL, count, 0));
		check_runs(&env, buffer, arena, rows, count);
		CHECK_OK(&env, pmn_sort_buffer_spill(buffer));
		check_runs(&env, buffer, arena, rows, count);
		CHECK(pmn_sort_buffer_bytes(buffer) == 0);
		pmn_sort_buffer_reset(buffer);
		CHECK(pmn_sort_buffer_rows(buffer) == 0);
		pmn_sort_buffer_destroy(buffer);
		pmn_arena_destroy(arena);
	}
	CHECK(env.live_bytes == 0);
	free(rows);
}

/* Goal: with a tiny limit rows go to a temporary file again and again, memory
 * stays small, and nothing is lost. */
TEST(spills_within_a_tiny_limit)
{
	PmnTestEnv env;
	TestTable table;
	PmnArena *arena;
	PmnSortBuffer *buffer;
	PmnBatch batch;
	uint8_t *kinds;
	uint32_t count = 30000;
	size_t limit = 100000;
	size_t most = 0;
	TestRow *rows = calloc(count, sizeof(*rows));

	pmn_test_env_init(&env);
	test_table_init(&table, &env.base, "bc");
	make_rows(&env, rows, count, 5000, 0);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, test_batch(arena, rows, count, &batch, &kinds));
	CHECK_OK(&env, pmn_sort_buffer_create(&table.lsm, &buffer));
	for (uint32_t i = 0; i < count; i += 100)
	{
		uint32_t part[100];

		for (uint32_t j = 0; j < 100; j++)
			part[j] = i + j;
		CHECK_OK(&env,
				 pmn_sort_buffer_add(buffer, &batch, kinds, part, 100, i));
		if (pmn_sort_buffer_bytes(buffer) > most)
			most = pmn_sort_buffer_bytes(buffer);
		if (pmn_sort_buffer_bytes(buffer) > limit)
			CHECK_OK(&env, pmn_sort_buffer_spill(buffer));
	}
	CHECK(pmn_sort_buffer_rows(buffer) == count);
	CHECK(most < 2 * limit + 200000);
	check_runs(&env, buffer, arena, rows, count);
	pmn_sort_buffer_destroy(buffer);
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
	free(rows);
}

/* Goal: without a directory for temporary files, spilling is out of memory
 * with a message, and a bad directory is an error. */
TEST(no_place_to_spill)
{
	PmnTestEnv env;
	TestTable table;
	PmnArena *arena;
	PmnSortBuffer *buffer;
	TestRow row = {1, 1, 0, 1, 1};

	pmn_test_env_init(&env);
	env.base.temp_directory = NULL;
	test_table_init(&table, &env.base, "a");
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, pmn_sort_buffer_create(&table.lsm, &buffer));
	CHECK_OK(&env, pmn_sort_buffer_spill(buffer)); /* nothing to spill */
	CHECK_OK(&env, test_fill_buffer(buffer, arena, &row, 1));
	CHECK(pmn_sort_buffer_spill(buffer) == PMN_NO_MEMORY);
	CHECK(env.base.error.message[0] != '\0');
	env.base.temp_directory = "/nowhere/at/all";
	CHECK(pmn_sort_buffer_spill(buffer) == PMN_IO);
	CHECK(pmn_sort_buffer_rows(buffer) == 1);
	pmn_sort_buffer_destroy(buffer);
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

/* Goal: append tables get their rows back unsorted, as plain batches. */
TEST(append_tables_keep_the_order)
{
	PmnTestEnv env;
	TestTable table;
	PmnArena *arena;
	PmnSortBuffer *buffer;
	PmnBatch *batch;
	PmnBatch all;
	uint8_t *kinds;
	uint64_t position = 0;
	uint32_t row = 0;
	uint32_t bad = 0;
	TestRow *rows = calloc(20000, sizeof(*rows));

	pmn_test_env_init(&env);
	test_table_init(&table, &env.base, "");
	make_rows(&env, rows, 20000, 5000, 0);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, test_batch(arena, rows, 20000, &all, &kinds));
	CHECK_OK(&env, pmn_sort_buffer_create(&table.lsm, &buffer));
	CHECK_OK(&env, pmn_sort_buffer_add(buffer, &all, NULL, NULL, 20000, 0));
	for (;;)
	{
		CHECK_OK(&env, pmn_sort_buffer_next(buffer, &position, &batch));
		if (batch == NULL)
			break;
		CHECK(batch->column_count == TEST_FIELDS);
		for (uint32_t i = 0; i < batch->row_count; i++)
			bad += ((const int32_t *) batch->columns[0].values)[i] !=
				   (int32_t) rows[row++].key - 1000;
	}
	CHECK(row == 20000 && bad == 0);
	pmn_sort_buffer_destroy(buffer);
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
	free(rows);
}

/* Goal: one value larger than any block survives, spilled or not. */
TEST(large_values)
{
	PmnTestEnv env;
	TestTable table;
	PmnArena *arena;
	PmnSortBuffer *buffer;
	PmnBatch batch;
	uint8_t *kinds;
	PmnRun **runs;
	PmnBatch *read;
	uint32_t count;
	TestRow rows[2] = {{1, 0, 0, 1, 1}, {2, 1, 0, 1, 1}};
	size_t size = 3000001;
	uint8_t *large = malloc(size);

	pmn_test_env_init(&env);
	for (size_t i = 0; i < size; i++)
		large[i] = (uint8_t) pmn_test_random(&env);
	test_table_init(&table, &env.base, "a");
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, test_batch(arena, rows, 2, &batch, &kinds));
	((PmnBytes *) batch.columns[3].values)[0] = pmn_bytes(large, size);
	((PmnBytes *) batch.columns[3].values)[1] = pmn_bytes(large, 0);
	CHECK_OK(&env, pmn_sort_buffer_create(&table.lsm, &buffer));
	CHECK_OK(&env, pmn_sort_buffer_add(buffer, &batch, kinds, NULL, 2, 0));
	CHECK(pmn_sort_buffer_bytes(buffer) > size);
	for (int round = 0; round < 2; round++)
	{
		const PmnBytes *values;

		CHECK_OK(&env, pmn_sort_buffer_runs(buffer, arena, &runs, &count));
		CHECK(count == 1);
		CHECK_OK(&env, pmn_run_next(runs[0], &read));
		values = read->columns[PMN_KV_FIELDS + 3].values;
		CHECK(values[0].size == size &&
			  memcmp(values[0].data, large, size) == 0);
		if (read->row_count == 1)
		{
			CHECK_OK(&env, pmn_run_next(runs[0], &read));
			values = read->columns[PMN_KV_FIELDS + 3].values;
			CHECK(values[0].size == 0);
		}
		pmn_run_close(runs[0]);
		CHECK_OK(&env, pmn_sort_buffer_spill(buffer));
	}
	pmn_sort_buffer_destroy(buffer);
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
	free(large);
}

int
main(void)
{
	RUN(sorts_and_keeps_every_row);
	RUN(spills_within_a_tiny_limit);
	RUN(no_place_to_spill);
	RUN(append_tables_keep_the_order);
	RUN(large_values);
	TEST_END();
}
