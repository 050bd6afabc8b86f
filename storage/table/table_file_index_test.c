/*
 * Goal: scans of tables whose files have indexes, written by Paimon, give the
 * rows that the filter gives without them, and skip files. Needs
 * PMN_ARROW_PATH and PMN_FIXTURES.
 */
#include "../index/index_testing.h"
#include "table_scan.h"

typedef struct Lake
{
	PmnTestEnv env;
	PmnArena *arena;
	PmnCatalog *catalog;
	PmnTable *table;
	PmnScanRequest request;
	int32_t fields[INDEX_FIELDS_MAX]; /* that have an order */
	int32_t columns[INDEX_FIELDS_MAX];
	uint32_t field_count;
	uint64_t pruned;
	uint32_t wrong;
} Lake;

static void
lake_open(Lake *lake, const char *name)
{
	PmnTravel travel = {.kind = PMN_TRAVEL_LATEST};
	char warehouse[512];
	const PmnSchema *schema;
	int64_t schema_id = 0;

	memset(lake, 0, sizeof(*lake));
	pmn_test_env_init(&lake->env);
	snprintf(warehouse, sizeof(warehouse), "%s/%s/warehouse",
			 getenv("PMN_FIXTURES"), name);
	CHECK_OK(&lake->env, pmn_arena_create(&lake->env.base, 0, &lake->arena));
	CHECK_OK(&lake->env,
			 pmn_catalog_open(&lake->env.base, warehouse, &lake->catalog));
	CHECK_OK(&lake->env,
			 pmn_table_open(lake->catalog, "db", "t", NULL, &lake->table));
	CHECK_OK(&lake->env,
			 pmn_table_resolve(lake->table, &travel, &lake->request.snapshot_id,
							   &schema_id));
	schema = pmn_table_schema(lake->table);
	for (uint32_t f = 0; f < schema->field_count; f++)
	{
		lake->columns[f] = -1;
		if (!pmn_type_is_comparable(&schema->fields[f].type))
			continue;
		lake->columns[f] = (int32_t) lake->field_count;
		lake->fields[lake->field_count++] = (int32_t) f;
	}
}

static void
lake_close(Lake *lake)
{
	pmn_table_close(lake->table);
	pmn_catalog_close(lake->catalog);
	pmn_arena_destroy(lake->arena);
	CHECK(lake->env.live_bytes == 0);
}

/* Rows of a scan with filter that also match predicate (NULL: all). */
static uint64_t
count_rows(Lake *lake, const PmnPredicate *filter,
		   const PmnPredicate *predicate, uint64_t *pruned)
{
	PmnScan *scan = NULL;
	PmnRead *read = NULL;
	PmnBatch *batch = NULL;
	uint64_t rows = 0;

	lake->request.filter = filter;
	CHECK_OK(&lake->env, pmn_scan_plan(lake->table, &lake->request, &scan));
	CHECK_OK(&lake->env,
			 pmn_read_open(scan, lake->fields, lake->field_count, &read));
	for (;;)
	{
		uint32_t selected[PMN_BATCH_ROWS];
		uint32_t count = 0;

		CHECK_OK(&lake->env, pmn_read_next(read, &batch));
		if (batch == NULL)
			break;
		count = batch->selected_count;
		if (predicate != NULL)
			CHECK_OK(&lake->env,
					 pmn_predicate_select(
						 &lake->env.base, predicate,
						 pmn_table_schema(lake->table), lake->columns, batch,
						 batch->selection, count, selected, &count));
		rows += count;
	}
	*pruned = pmn_scan_stats(scan)->files_pruned_file_index;
	CHECK(pmn_scan_stats(scan)->files_read +
			  pmn_scan_stats(scan)->files_pruned_file_index +
			  pmn_scan_stats(scan)->files_pruned_bucket +
			  pmn_scan_stats(scan)->files_pruned_statistics ==
		  pmn_scan_stats(scan)->files_total);
	pmn_read_close(read);
	pmn_scan_close(scan);
	return rows;
}

static void
try_filter(Lake *lake, const PmnPredicate *filter)
{
	uint64_t pruned = 0;
	uint64_t expected = count_rows(lake, NULL, filter, &pruned);

	CHECK(pruned == 0);
	if (count_rows(lake, filter, NULL, &pruned) != expected)
		lake->wrong++;
	lake->pruned += pruned;
}

/* Filters around the values of the first rows. */
static void
try_values(Lake *lake, const PmnBatch *batch)
{
	static const PmnPredicateOp ops[] = {PMN_PREDICATE_EQ, PMN_PREDICATE_NE,
										 PMN_PREDICATE_LT, PMN_PREDICATE_GE};
	const PmnSchema *schema = pmn_table_schema(lake->table);

	for (uint32_t i = 0; i < lake->field_count * 24; i++)
	{
		uint32_t column = i % lake->field_count;
		uint32_t field = (uint32_t) lake->fields[column];
		PmnValue value =
			pmn_vector_value(&batch->columns[column], i % batch->row_count);
		PmnPredicate leaf = {.op = ops[i / 4 % 4],
							 .field = (int32_t) field,
							 .literals = &value,
							 .literal_count = 1};

		if (value.is_null)
			continue;
		if (i % 3 != 0)
			value = neighbour(&lake->env, lake->arena,
							  &schema->fields[field].type, value);
		try_filter(lake, &leaf);
	}
}

static void
check_table(const char *name)
{
	static Lake lake;
	PmnScan *scan = NULL;
	PmnRead *read = NULL;
	PmnBatch *batch = NULL;

	lake_open(&lake, name);
	CHECK_OK(&lake.env, pmn_scan_plan(lake.table, &lake.request, &scan));
	CHECK_OK(&lake.env,
			 pmn_read_open(scan, lake.fields, lake.field_count, &read));
	CHECK_OK(&lake.env, pmn_read_next(read, &batch));
	if (batch != NULL)
		try_values(&lake, batch);
	pmn_read_close(read);
	pmn_scan_close(scan);
	printf("# %s: %u wrong, %u files skipped\n", name, lake.wrong,
		   (unsigned) lake.pruned);
	CHECK(lake.wrong == 0);
	CHECK(lake.pruned > 0);
	lake_close(&lake);
}

TEST(indexed_tables_read_alike)
{
	static const char *const names[] = {
		"file_index_bitmap", "file_index_bsi", "file_index_range_bitmap",
		"file_index_bloom",	 "v090_index",	   "v101_index"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		check_table(names[i]);
}

int
main(void)
{
	if (getenv("PMN_ARROW_PATH") == NULL || getenv("PMN_FIXTURES") == NULL)
	{
		printf("# skipped: PMN_ARROW_PATH or PMN_FIXTURES is not set\n");
		TEST_END();
	}
	RUN(indexed_tables_read_alike);
	TEST_END();
}
