/*
 * Goal: the system tables of tags, consumers and statistics show what other
 * programs left, tell a damaged file, and leave nothing behind when an
 * allocation fails; so does looking up and planning a range of changes.
 */
#include "table_inspect_testing.h"

#include "table_scan.h"

static const char consumer[] = "{\"nextSnapshot\":7}";
static const char statistics[] =
	"{\"snapshotId\":2,\"schemaId\":0,\"mergedRecordCount\":8,"
	"\"mergedRecordSize\":800,\"colStats\":{\"v\":{\"colId\":1,"
	"\"distinctCount\":3,\"min\":\"1\",\"max\":\"9\",\"nullCount\":0}}}";
static const char tag_members[] = "\"tagCreateTime\":[2026,1,2,3,4,5,678000000]"
								  ",\"tagTimeRetained\":93784.000000000,";

/* The last row that was shown. */
typedef struct Seen
{
	const PmnSystemTable *system;
	uint32_t rows;
	int64_t numbers[8];
	char texts[8][256];
} Seen;

static bool
see(void *context, const PmnSystemCell *cells)
{
	Seen *seen = context;

	for (uint32_t i = 0; i < seen->system->column_count; i++)
	{
		seen->numbers[i] = cells[i].number;
		snprintf(seen->texts[i], sizeof(seen->texts[i]), "%s",
				 cells[i].text == NULL ? "" : cells[i].text);
	}
	seen->rows++;
	return true;
}

static PmnCode
show(RefLake *lake, const char *name, Seen *seen)
{
	memset(seen, 0, sizeof(*seen));
	seen->system = pmn_system_table(name, false);
	return ref_lake_visit(lake, name, see, seen);
}

static void
lake_start(RefLake *lake)
{
	memset(lake, 0, sizeof(*lake));
	pmn_test_env_init(&lake->env);
}

static PmnCode
put_all(RefLake *lake)
{
	PMN_TRY(ref_lake_put_snapshot(lake, "tag/tag-x", 1, tag_members));
	PMN_TRY(
		ref_lake_put(lake, "consumer/consumer-c", pmn_bytes_string(consumer)));
	return ref_lake_put(lake, "statistics/stat-1",
						pmn_bytes_string(statistics));
}

/* Goal: every member is in its column. */
TEST(files_are_shown)
{
	RefLake lake;
	Seen seen;

	lake_start(&lake);
	CHECK_OK(&lake.env, ref_lake_open(&lake));
	CHECK_OK(&lake.env, put_all(&lake));
	CHECK_OK(&lake.env, show(&lake, "tags", &seen));
	CHECK(seen.rows == 1 && strcmp(seen.texts[0], "x") == 0);
	CHECK(seen.numbers[1] == 1 && seen.numbers[4] == 5);
	CHECK(seen.numbers[5] == INT64_C(1767323045678));
	CHECK(strcmp(seen.texts[6], "PT26H3M4S") == 0);
	CHECK_OK(&lake.env, show(&lake, "consumers", &seen));
	CHECK(seen.rows == 1 && strcmp(seen.texts[0], "c") == 0 &&
		  seen.numbers[1] == 7);
	CHECK_OK(&lake.env, show(&lake, "statistics", &seen));
	CHECK(seen.rows == 1 && seen.numbers[0] == 2 && seen.numbers[2] == 8 &&
		  seen.numbers[3] == 800);
	CHECK(strstr(seen.texts[4], "\"distinctCount\"") != NULL);
	ref_lake_close(&lake);
	CHECK(lake.env.live_bytes == 0);
}

/* Goal: a file that is no such file is PMN_CORRUPT and named. */
TEST(damaged_files_are_told)
{
	static const struct
	{
		const char *path;
		const char *system;
		const char *text;
	} cases[] = {
		{"consumer/consumer-c", "consumers", "[7]"},
		{"consumer/consumer-c", "consumers", "{\"nextSnapshot\":\"x\"}"},
		{"consumer/consumer-c", "consumers", "{}"},
		{"consumer/consumer-c", "consumers", ""},
		{"statistics/stat-1", "statistics", "7"},
		{"statistics/stat-1", "statistics", "{\"snapshotId\":1}"},
		{"statistics/stat-1", "statistics",
		 "{\"snapshotId\":1,\"schemaId\":0,\"colStats\":[]}"},
		{"statistics/stat-1", "statistics",
		 "{\"snapshotId\":1,\"schemaId\":0,\"colStats\":{\"v\":1}}"},
		{"statistics/stat-1", "statistics",
		 "{\"snapshotId\":1,\"schemaId\":0,\"colStats\":{\"v\":{\"min\":1}}}"},
		{"tag/tag-x", "tags", "{\"id\":1}"},
		{"tag/tag-x", "tags", "[]"},
	};
	RefLake lake;
	Seen seen;

	lake_start(&lake);
	CHECK_OK(&lake.env, ref_lake_open(&lake));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
	{
		CHECK_OK(&lake.env, put_all(&lake));
		CHECK_OK(&lake.env, ref_lake_put(&lake, cases[i].path,
										 pmn_bytes_string(cases[i].text)));
		CHECK(show(&lake, cases[i].system, &seen) == PMN_CORRUPT);
		CHECK(strstr(lake.env.base.error.message, cases[i].path) != NULL);
		CHECK(seen.rows == 0);
	}
	ref_lake_close(&lake);
	CHECK(lake.env.live_bytes == 0);
}

/* Goal: no end of a range is too far for the arithmetic. */
TEST(ranges_at_the_end_of_numbers)
{
	static const int64_t ends[] = {0,		  1,  2,		3, INT64_MAX - 1,
								   INT64_MAX, -1, INT64_MIN};
	PmnChangesSpec spec = {.kind = PMN_CHANGES_IDS};
	PmnChangeRange range;
	RefLake lake;

	lake_start(&lake);
	CHECK_OK(&lake.env, ref_lake_open(&lake));
	for (int i = 0; i < 8 * 8 * 2; i++)
	{
		PmnCode code;

		spec.kind = i < 64 ? PMN_CHANGES_IDS : PMN_CHANGES_TIMES;
		spec.from_number = ends[i % 8];
		spec.to_number = ends[i / 8 % 8];
		code = pmn_table_resolve_changes(lake.table, &spec, &range);
		CHECK(code == PMN_OK || code == PMN_INVALID || code == PMN_EXPIRED);
		CHECK(code != PMN_OK || range.is_empty ||
			  (range.after_id >= 0 && range.after_id < range.until_id &&
			   range.until_id <= 2));
	}
	ref_lake_close(&lake);
	CHECK(lake.env.live_bytes == 0);
}

static PmnCode
look_at_all(RefLake *lake)
{
	const PmnChangesSpec spec = {
		.kind = PMN_CHANGES_NAMES, .from = "x", .to = "y"};
	PmnChangeRange range;
	Seen seen;

	PMN_TRY(ref_lake_open(lake));
	PMN_TRY(put_all(lake));
	PMN_TRY(ref_lake_put_snapshot(lake, "tag/tag-y", 2, ""));
	PMN_TRY(show(lake, "tags", &seen));
	PMN_TRY(show(lake, "consumers", &seen));
	PMN_TRY(show(lake, "statistics", &seen));
	return pmn_table_resolve_changes(lake->table, &spec, &range);
}

/* Goal: no allocation that fails leaks or crashes. */
TEST(failing_allocations_are_survived)
{
	PmnCode code = PMN_NO_MEMORY;
	uint64_t step = 0;
	RefLake lake;

	for (; code == PMN_NO_MEMORY && step < 5000; step++)
	{
		memset(&lake, 0, sizeof(lake));
		pmn_test_env_fail_at(&lake.env, step);
		code = look_at_all(&lake);
		ref_lake_close(&lake);
		CHECK(lake.env.live_bytes == 0);
	}
	CHECK_OK(&lake.env, code);
	CHECK(step > 100);
}

int
main(void)
{
	RUN(files_are_shown);
	RUN(damaged_files_are_told);
	RUN(ranges_at_the_end_of_numbers);
	RUN(failing_allocations_are_survived);
	TEST_END();
}
