/*
 * table_write_test.c
 *
 * How rows come to the data files of append tables: large batches straight,
 * small ones through a buffer, in one order.
 */
#include "table_testing.h"

static const TestColumn columns[] = {{"p", "STRING NOT NULL"},
									 {"k", "INT NOT NULL"},
									 {"v", "BIGINT"},
									 {"s", "STRING"},
									 {NULL, NULL}};

static const TestTable unpartitioned = {
	.columns = columns,
	.options = {{"bucket", "-1"}},
};

typedef struct Lake
{
	PmnTestEnv env;
	char directory[64];
	PmnCatalog *catalog;
	PmnTable *table;
} Lake;

static void
lake_open(Lake *lake, const TestTable *table)
{
	pmn_test_env_init(&lake->env);
	pmn_test_directory(lake->directory);
	CHECK_OK(&lake->env, pmn_catalog_open(&lake->env.base, lake->directory,
										  &lake->catalog));
	CHECK_OK(&lake->env, test_create_table(lake->catalog, "t", table));
	CHECK_OK(&lake->env,
			 pmn_table_open(lake->catalog, "db", "t", NULL, &lake->table));
}

static void
lake_close(Lake *lake)
{
	pmn_table_close(lake->table);
	pmn_catalog_close(lake->catalog);
	pmn_test_remove_directory(lake->directory);
	CHECK(lake->env.live_bytes == 0);
}

#define MANY 3000

/* Keys from first on; of a selection only every second row counts. */
static PmnCode
write_many(PmnWrite *write, int32_t first, uint32_t count, bool selected)
{
	int32_t *keys = calloc(count, sizeof(*keys));
	int64_t *values = calloc(count, sizeof(*values));
	PmnBytes *texts = calloc(count, sizeof(*texts));
	uint32_t *selection = calloc(count, sizeof(*selection));
	PmnVector vectors[4] = {{PMN_VECTOR_BYTES, NULL, texts},
							{PMN_VECTOR_I32, NULL, keys},
							{PMN_VECTOR_I64, NULL, values},
							{PMN_VECTOR_BYTES, NULL, texts}};
	PmnBatch batch = {count, 4, vectors, NULL, count};
	PmnCode code;

	for (uint32_t i = 0; i < count; i++)
	{
		keys[i] = selected ? first + (int32_t) i / 2 : first + (int32_t) i;
		values[i] = keys[i];
		texts[i] = pmn_bytes("ab", 2 - (uint32_t) keys[i] % 2);
		selection[i] = 2 * i;
	}
	if (selected)
	{
		batch.selection = selection;
		batch.selected_count = count / 2;
	}
	code = pmn_write_batch(write, &batch, NULL);
	free(keys);
	free(values);
	free(texts);
	free(selection);
	return code;
}

/* Rows read that do not have the key expected at their place. */
static uint32_t
count_misplaced(Lake *lake, uint32_t *rows)
{
	static const int32_t projection[2] = {1, 2};
	PmnScanRequest request = {.snapshot_id = test_latest(lake->table)};
	PmnScan *scan = NULL;
	PmnRead *read = NULL;
	PmnBatch *batch = NULL;
	uint32_t bad = 0;

	*rows = 0;
	CHECK_OK(&lake->env, pmn_scan_plan(lake->table, &request, &scan));
	CHECK_OK(&lake->env, pmn_read_open(scan, projection, 2, &read));
	for (;;)
	{
		CHECK_OK(&lake->env, pmn_read_next(read, &batch));
		if (batch == NULL)
			break;
		for (uint32_t i = 0; i < batch->row_count; i++, (*rows)++)
		{
			bad += ((int32_t *) batch->columns[0].values)[i] != (int32_t) *rows;
			bad += ((int64_t *) batch->columns[1].values)[i] != (int64_t) *rows;
		}
	}
	pmn_read_close(read);
	pmn_scan_close(scan);
	return bad;
}

/* Goal: large batches, which are not buffered, and small ones, which are, keep
 * their order and number their rows one after the other. */
TEST(large_and_small_batches_keep_their_order)
{
	Lake lake;
	PmnMessage *message = NULL;
	PmnWriteRequest request = {0};
	PmnCommitResult result;
	PmnWrite *write = NULL;
	uint32_t rows = 0;
	const PmnDataFile *file;

	lake_open(&lake, &unpartitioned);
	CHECK_OK(&lake.env, pmn_write_open(lake.table, &request, &write));
	CHECK_OK(&lake.env, write_many(write, 0, 100, false));
	CHECK_OK(&lake.env, write_many(write, 100, MANY, false));
	CHECK_OK(&lake.env, write_many(write, 100 + MANY, 10, false));
	CHECK_OK(&lake.env, write_many(write, 110 + MANY, 20, true));
	CHECK_OK(&lake.env, write_many(write, 120 + MANY, 2 * MANY, true));
	CHECK_OK(&lake.env, write_many(write, 120 + 2 * MANY, 80, false));
	CHECK_OK(&lake.env, pmn_write_finish(write, &message));
	pmn_write_close(write);
	CHECK(message->new_files.count == 1);
	file = &message->new_files.items[0].file;
	CHECK(file->row_count == 200 + 2 * MANY);
	CHECK(file->min_sequence_number == 0);
	CHECK(file->max_sequence_number == 199 + 2 * MANY);
	CHECK_OK(&lake.env,
			 test_commit(lake.table, message, "user", 1, 0, false, &result));
	CHECK(count_misplaced(&lake, &rows) == 0);
	CHECK(rows == 200 + 2 * MANY);
	pmn_message_close(message);
	lake_close(&lake);
}

/* Goal: what was parsed of a file is used by the next reader,
 * with the same rows. */
TEST(footers_are_kept)
{
	Lake lake;
	PmnTestEnv cache_env;
	PmnCache *cache = NULL;
	PmnMessage *message = NULL;
	PmnWriteRequest request = {0};
	PmnCommitResult result;
	PmnWrite *write = NULL;
	uint64_t requests[3];
	uint32_t rows = 0;

	pmn_test_env_init(&cache_env);
	CHECK_OK(&cache_env, pmn_cache_create(&cache_env.base, 1 << 20, &cache));
	lake_open(&lake, &unpartitioned);
	pmn_table_close(lake.table);
	pmn_catalog_use_cache(lake.catalog, cache);
	CHECK_OK(&lake.env,
			 pmn_table_open(lake.catalog, "db", "t", NULL, &lake.table));
	CHECK_OK(&lake.env, pmn_write_open(lake.table, &request, &write));
	for (int32_t i = 0; i < 100; i++)
		CHECK_OK(&lake.env, write_many(write, i * MANY, MANY, false));
	CHECK_OK(&lake.env, pmn_write_finish(write, &message));
	pmn_write_close(write);
	CHECK_OK(&lake.env,
			 test_commit(lake.table, message, "user", 1, 0, false, &result));
	/* Smaller files are fetched whole. */
	CHECK(message->new_files.items[0].file.file_size > 256 * 1024);
	for (int i = 0; i < 3; i++)
	{
		uint64_t before = lake.env.base.counters.read_requests;

		CHECK(count_misplaced(&lake, &rows) == 0);
		CHECK(rows == 100 * MANY);
		requests[i] = lake.env.base.counters.read_requests - before;
	}
	CHECK(requests[1] < requests[0] && requests[2] == requests[1]);
	pmn_message_close(message);
	lake_close(&lake);
	pmn_cache_destroy(cache);
	CHECK(cache_env.live_bytes == 0);
}

int
main(void)
{
	if (getenv("PMN_ARROW_PATH") == NULL)
	{
		printf("skip - table_write: PMN_ARROW_PATH is not set\n");
		return 0;
	}
	RUN(large_and_small_batches_keep_their_order);
	RUN(footers_are_kept);
	TEST_END();
}
