/*
 * Goal: changes of a keyed table are read as they were made, in every mode,
 * packed or not, and no allocation that fails on the way leaks or crashes.
 */
#include "../catalog/catalog_filesystem.h"
#include "../include/pmn_changes.h"
#include "table_testing.h"

#define ROWS 40

typedef struct ChangeLake
{
	PmnTestEnv env;
	PmnCatalog *catalog;
	PmnTable *table;
} ChangeLake;

/* Keys first .. first + ROWS - 1, all with the same value and kind. */
static PmnCode
write_rows(ChangeLake *lake, int32_t first, int64_t value, uint8_t kind)
{
	PmnWriteRequest request = {.memory_limit_bytes = 1 << 20};
	const PmnTravel travel = {.kind = PMN_TRAVEL_LATEST};
	PmnMessage *message = NULL;
	PmnCommitResult result;
	PmnWrite *write = NULL;
	int64_t schema_id = 0;
	int32_t keys[ROWS];
	int64_t values[ROWS];
	uint8_t kinds[ROWS];
	PmnVector columns[2] = {{PMN_VECTOR_I32, NULL, keys},
							{PMN_VECTOR_I64, NULL, values}};
	PmnBatch batch = {.row_count = ROWS,
					  .column_count = 2,
					  .columns = columns,
					  .selected_count = ROWS};
	PmnCode code;

	for (int32_t i = 0; i < ROWS; i++)
	{
		keys[i] = first + i;
		values[i] = value;
		kinds[i] = kind;
	}
	PMN_TRY(pmn_table_resolve(lake->table, &travel, &request.base_snapshot_id,
							  &schema_id));
	code = pmn_write_open(lake->table, &request, &write);
	if (code == PMN_OK)
		code = pmn_write_batch(write, &batch, kinds);
	if (code == PMN_OK)
		code = pmn_write_finish(write, &message);
	pmn_write_close(write);
	if (code == PMN_OK)
		code = test_commit(lake->table, message, "u",
						   request.base_snapshot_id + 1, 0, false, &result);
	pmn_message_close(message);
	return code;
}

/* 1: keys 0 .. 39; 2: 20 .. 59 anew; 3: 0 .. 39 deleted. */
static void
lake_open(ChangeLake *lake)
{
	static const TestColumn columns[] = {
		{"k", "INT NOT NULL"}, {"v", "BIGINT"}, {NULL, NULL}};
	static const TestTable table = {.columns = columns,
									.primary_keys = {"k"},
									.options = {{"bucket", "1"}}};
	PmnFileSystem *fs = NULL;

	memset(lake, 0, sizeof(*lake));
	pmn_test_env_init(&lake->env);
	CHECK_OK(&lake->env, pmn_fs_memory_open(&lake->env.base, &fs));
	CHECK_OK(&lake->env, pmn_catalog_filesystem_open(&lake->env.base, fs,
													 "/lake", &lake->catalog));
	CHECK_OK(&lake->env, test_create_table(lake->catalog, "t", &table));
	CHECK_OK(&lake->env,
			 pmn_table_open(lake->catalog, "db", "t", NULL, &lake->table));
	CHECK_OK(&lake->env, write_rows(lake, 0, 1, PMN_INSERT));
	CHECK_OK(&lake->env, write_rows(lake, 20, 2, PMN_INSERT));
	CHECK_OK(&lake->env, write_rows(lake, 0, 1, PMN_DELETE));
	pmn_table_close(lake->table);
	lake->table = NULL;
}

static void
lake_close(ChangeLake *lake)
{
	pmn_catalog_close(lake->catalog);
	CHECK(lake->env.live_bytes == 0);
}

typedef struct Ask
{
	PmnChangesMode mode;
	bool keeps;
	bool packs;
	int64_t after;
	int64_t until;
	/* Expected. */
	uint32_t added;
	uint32_t deleted;
} Ask;

static PmnCode
read_all(PmnRead *read, uint32_t *added, uint32_t *deleted)
{
	PmnBatch *batch = NULL;

	for (;;)
	{
		const PmnBytes *kinds;

		PMN_TRY(pmn_read_next(read, &batch));
		if (batch == NULL)
			return PMN_OK;
		kinds = batch->columns[0].values;
		for (uint32_t i = 0; i < batch->selected_count; i++)
		{
			uint32_t row = batch->selection == NULL ? i : batch->selection[i];
			bool is_delete =
				pmn_bytes_equal(kinds[row], pmn_bytes_string("-D"));

			*deleted += is_delete;
			*added += !is_delete;
		}
	}
}

static PmnCode
ask(ChangeLake *lake, const Ask *what, uint32_t *added, uint32_t *deleted)
{
	static const int32_t projection[] = {PMN_COLUMN_KIND, 0, 1,
										 PMN_COLUMN_SEQUENCE};
	const PmnChangesSpec spec = {.kind = PMN_CHANGES_IDS,
								 .mode = what->mode,
								 .from_number = what->after,
								 .to_number = what->until};
	PmnScanRequest request = {.keep_retractions = what->keeps,
							  .pack_updates = what->packs};
	PmnChangeRange range;
	PmnTable *table = NULL;
	PmnScan *scan = NULL;
	PmnRead *read = NULL;
	PmnCode code;

	*added = *deleted = 0;
	code = pmn_table_open(lake->catalog, "db", "t", NULL, &table);
	if (code == PMN_OK)
		code = pmn_table_resolve_changes(table, &spec, &range);
	request.changes = &range;
	if (code == PMN_OK)
		code = pmn_scan_plan(table, &request, &scan);
	if (code == PMN_OK)
		code = pmn_read_open(scan, projection, 4, &read);
	if (code == PMN_OK)
		code = read_all(read, added, deleted);
	pmn_read_close(read);
	pmn_scan_close(scan);
	pmn_table_close(table);
	return code;
}

static const Ask asks[] = {
	{PMN_CHANGES_DELTA, true, false, 0, 3, 80, 40},
	{PMN_CHANGES_DELTA, false, false, 0, 3, 80, 0},
	{PMN_CHANGES_DELTA, true, true, 1, 3, 40, 40},
	{PMN_CHANGES_DIFF, true, false, 1, 3, 20, 40},
	{PMN_CHANGES_DIFF, false, false, 1, 3, 20, 0},
	{PMN_CHANGES_DIFF, true, true, 0, 3, 20, 40},
	{PMN_CHANGES_DIFF, true, false, 1, 2, 40, 0},
};

#define ASKS (sizeof(asks) / sizeof(*asks))

/* Goal: what was written is what changed. */
TEST(changes_are_those_that_were_made)
{
	ChangeLake lake;

	lake_open(&lake);
	for (size_t i = 0; i < ASKS; i++)
	{
		uint32_t added = 0;
		uint32_t deleted = 0;

		CHECK_OK(&lake.env, ask(&lake, &asks[i], &added, &deleted));
		if (added != asks[i].added || deleted != asks[i].deleted)
			fprintf(stderr, "ask %zu: %u added, %u deleted\n", i, added,
					deleted);
		CHECK(added == asks[i].added && deleted == asks[i].deleted);
	}
	lake_close(&lake);
}

/* Goal: every allocation may fail, and everything is given back. */
TEST(failing_allocations_are_survived)
{
	ChangeLake lake;

	lake_open(&lake);
	for (size_t i = 2; i < ASKS; i += 3)
	{
		PmnCode code = PMN_NO_MEMORY;
		uint64_t step = 0;

		for (; code == PMN_NO_MEMORY && step < 20000; step += 1 + step / 100)
		{
			size_t live = lake.env.live_bytes;
			uint32_t added;
			uint32_t deleted;

			lake.env.fail_step = lake.env.step + step;
			code = ask(&lake, &asks[i], &added, &deleted);
			lake.env.fail_step = UINT64_MAX;
			CHECK(lake.env.live_bytes == live);
		}
		CHECK_OK(&lake.env, code);
		CHECK(step > 100);
	}
	lake_close(&lake);
}

int
main(void)
{
	RUN(changes_are_those_that_were_made);
	RUN(failing_allocations_are_survived);
	TEST_END();
}
