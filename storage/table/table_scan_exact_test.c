/*
 * table_scan_exact_test.c
 *
 * What a plan claims to know for certain. Data files are only talked about:
 * planning opens none, so each test says what is in their metadata and what
 * may follow from it.
 */
#include "table_testing.h"

static const TestColumn columns[] = {{"p", "STRING"},
									 {"k", "INT NOT NULL"},
									 {"s", "STRING"},
									 {"t", "TIMESTAMP(3)"},
									 {NULL, NULL}};

static const TestTable append_only = {
	.columns = columns,
	.partition_keys = {"p"},
	.options = {{"bucket", "-1"}},
};

static const TestTable keyed = {
	.columns = columns,
	.primary_keys = {"p", "k"},
	.partition_keys = {"p"},
	.options = {{"bucket", "1"}},
};

/* A lake in memory with one table. */
typedef struct Lake
{
	PmnTestEnv env;
	PmnArena *arena;
	PmnFileSystem *fs;
	PmnCatalog *catalog;
	PmnTable *table;
	PmnMessage *message;
} Lake;

static void
lake_open(Lake *lake, const TestTable *table)
{
	memset(lake, 0, sizeof(*lake));
	pmn_test_env_init(&lake->env);
	CHECK_OK(&lake->env, pmn_arena_create(&lake->env.base, 0, &lake->arena));
	CHECK_OK(&lake->env, pmn_fs_memory_open(&lake->env.base, &lake->fs));
	CHECK_OK(&lake->env, pmn_catalog_filesystem_open(&lake->env.base, lake->fs,
													 "/lake", &lake->catalog));
	CHECK_OK(&lake->env, test_create_table(lake->catalog, "t", table));
	CHECK_OK(&lake->env,
			 pmn_table_open(lake->catalog, "db", "t", NULL, &lake->table));
	CHECK_OK(&lake->env, pmn_message_create(&lake->env.base, &lake->message));
}

static void
lake_close(Lake *lake)
{
	pmn_message_close(lake->message);
	pmn_table_close(lake->table);
	pmn_catalog_close(lake->catalog);
	pmn_arena_destroy(lake->arena);
	CHECK(lake->env.live_bytes == 0);
}

static PmnValue
int_value(int64_t i)
{
	PmnValue value = {.is_null = false, .as = {.i64 = i}};

	return value;
}

static PmnValue
text_value(const char *text)
{
	PmnValue value = {.is_null = false};

	value.as.bytes = pmn_bytes_string(text);
	return value;
}

static const PmnValue null_value = {.is_null = true};

/* Statistics of p, k, s, t, for keys min .. max. */
static void
value_stats(Lake *lake, const char *p, int64_t min, int64_t max,
			PmnDataFile *file)
{
	const PmnSchema *schema = lake->table->lsm.schema;
	const PmnType *types[4];
	PmnColumnStats stats[4];

	memset(stats, 0, sizeof(stats));
	for (uint32_t i = 0; i < 4; i++)
		types[i] = &schema->fields[i].type;
	stats[0].min = stats[0].max = text_value(p);
	stats[1].min = int_value(min);
	stats[1].max = int_value(max);
	stats[2].min = text_value("a");
	stats[2].max = text_value("b");
	stats[3].min = stats[3].max = null_value;
	stats[3].null_count = file->row_count;
	CHECK_OK(&lake->env, pmn_simple_stats_make(lake->arena, stats, types, 4,
											   &file->value_stats));
}

static PmnBytes
partition_row(Lake *lake, const char *p)
{
	PmnValue value = text_value(p);
	PmnBuffer buffer;
	PmnBytes row;

	pmn_buffer_init(&buffer, &lake->env.base);
	CHECK_OK(&lake->env,
			 pmn_row_append_serialized(
				 &buffer, lake->table->lsm.partition_types, &value, 1));
	row = pmn_bytes(pmn_arena_copy(lake->arena, buffer.data, buffer.size),
					buffer.size);
	pmn_buffer_free(&buffer);
	return row;
}

/* Add a file of keys min .. max to the message. */
static void
add_file(Lake *lake, const char *name, const char *p, int32_t level,
		 int64_t min, int64_t max, int64_t delete_row_count)
{
	PmnDataFile file;
	bool is_keyed = lake->table->lsm.is_keyed;

	CHECK_OK(&lake->env,
			 test_data_file(lake->arena, name, level, min, max, &file));
	file.has_delete_row_count = delete_row_count >= 0;
	file.delete_row_count = delete_row_count >= 0 ? delete_row_count : 0;
	value_stats(lake, p, min, max, &file);
	CHECK_OK(&lake->env,
			 pmn_message_add(lake->message, &lake->message->new_files,
							 PMN_ENTRY_ADD, partition_row(lake, p), 0,
							 is_keyed ? 1 : -1, &file));
}

static PmnScan *
plan(Lake *lake, const PmnPredicate *filter)
{
	const PmnMessage *pending = lake->message;
	PmnScanRequest request = {
		.filter = filter, .pending = &pending, .pending_count = 1};
	PmnScan *scan = NULL;

	CHECK_OK(&lake->env, pmn_scan_plan(lake->table, &request, &scan));
	return scan;
}

/* -1: not known. */
static int64_t
exact_count(Lake *lake, const PmnPredicate *filter)
{
	PmnScan *scan = plan(lake, filter);
	uint64_t count = 0;
	bool known = pmn_scan_exact_count(scan, &count);

	pmn_scan_close(scan);
	return known ? (int64_t) count : -1;
}

/* Goal: files of an append table add up; a filter on the partition alone is
 * decided by the plan, any other makes the count unknown. */
TEST(append_rows_are_counted)
{
	Lake lake;
	PmnValue b = text_value("b");
	PmnValue seven = int_value(7);
	PmnPredicate is_b = {
		.op = PMN_PREDICATE_EQ, .field = 0, .literals = &b, .literal_count = 1};
	PmnPredicate below_7 = {.op = PMN_PREDICATE_LT,
							.field = 1,
							.literals = &seven,
							.literal_count = 1};

	lake_open(&lake, &append_only);
	CHECK(exact_count(&lake, NULL) == 0);
	add_file(&lake, "one.parquet", "a", 0, 1, 10, -1);
	add_file(&lake, "two.parquet", "b", 0, 5, 7, 0);
	CHECK(exact_count(&lake, NULL) == 13);
	CHECK(exact_count(&lake, &is_b) == 3);
	CHECK(exact_count(&lake, &below_7) == -1);
	lake_close(&lake);
}

/* Goal: a keyed table's count is known as long as no key can occur twice and
 * no row can be a delete. */
TEST(keyed_rows_are_counted_when_final)
{
	static const struct
	{
		int64_t min;
		int64_t delete_row_count;
		int64_t expected;
	} cases[] = {
		{11, 0, 20},  /* behind the first file */
		{11, 3, -1},  /* with deletes */
		{11, -1, -1}, /* nobody knows of deletes */
		{10, 0, -1},  /* one key may be in both */
	};
	Lake lake;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
	{
		lake_open(&lake, &keyed);
		add_file(&lake, "one.parquet", "a", 5, 1, 10, 0);
		add_file(&lake, "two.parquet", "a", 0, cases[i].min, cases[i].min + 9,
				 cases[i].delete_row_count);
		CHECK(exact_count(&lake, NULL) == cases[i].expected);
		lake_close(&lake);
	}
}

/* Goal: bounds come from statistics that cannot be cut, and from partitions;
 * a column of nulls has no bounds, for certain. */
TEST(bounds_are_exact_or_unknown)
{
	Lake lake;
	PmnScan *scan;
	PmnValue min;
	PmnValue max;

	lake_open(&lake, &append_only);
	add_file(&lake, "one.parquet", "x", 0, 3, 10, 0);
	add_file(&lake, "two.parquet", "longer than any prefix", 0, -4, 7, 0);
	scan = plan(&lake, NULL);
	CHECK(pmn_scan_exact_min_max(scan, 1, &min, &max));
	CHECK(min.as.i64 == -4 && max.as.i64 == 10);
	CHECK(pmn_scan_exact_min_max(scan, 0, &min, &max));
	CHECK(pmn_bytes_equal(min.as.bytes,
						  pmn_bytes_string("longer than any prefix")));
	CHECK(pmn_bytes_equal(max.as.bytes, pmn_bytes_string("x")));
	CHECK(!pmn_scan_exact_min_max(scan, 2, &min, &max));
	CHECK(pmn_scan_exact_min_max(scan, 3, &min, &max));
	CHECK(min.is_null && max.is_null);
	CHECK(!pmn_scan_exact_min_max(scan, 4, &min, &max));
	pmn_scan_close(scan);
	lake_close(&lake);
}

/* Goal: without statistics, and in a scan that must merge, nothing is known. */
TEST(bounds_need_statistics_and_final_rows)
{
	Lake lake;
	PmnScan *scan;
	PmnValue min;
	PmnValue max;
	PmnDataFile file;

	lake_open(&lake, &append_only);
	CHECK_OK(&lake.env,
			 test_data_file(lake.arena, "one.parquet", 0, 1, 9, &file));
	CHECK_OK(&lake.env,
			 pmn_message_add(lake.message, &lake.message->new_files,
							 PMN_ENTRY_ADD, partition_row(&lake, "a"), 0, -1,
							 &file));
	scan = plan(&lake, NULL);
	CHECK(!pmn_scan_exact_min_max(scan, 1, &min, &max));
	pmn_scan_close(scan);
	lake_close(&lake);

	lake_open(&lake, &keyed);
	add_file(&lake, "one.parquet", "a", 5, 1, 10, 0);
	add_file(&lake, "two.parquet", "a", 0, 5, 6, 0);
	scan = plan(&lake, NULL);
	CHECK(!pmn_scan_exact_min_max(scan, 1, &min, &max));
	pmn_scan_close(scan);
	lake_close(&lake);
}

int
main(void)
{
	RUN(append_rows_are_counted);
	RUN(keyed_rows_are_counted_when_final);
	RUN(bounds_are_exact_or_unknown);
	RUN(bounds_need_statistics_and_final_rows);
	TEST_END();
}
