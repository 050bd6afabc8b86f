/*
 * bench_plan.c
 *
 * How long planning takes, by the number of data files. Files are only talked
 * about: planning opens none, so a table is its manifests.
 *
 *   bench_plan make WAREHOUSE FILES     table db.tFILES, 1000 partitions
 *   bench_plan keyed WAREHOUSE FILES    table db.kFILES, keyed, 100 partitions
 *   bench_plan run WAREHOUSE FILES      ms of a plan, a line each case
 *
 * A plan is what a query pays: open the catalog and the table, resolve the
 * newest snapshot, plan. "cold" has no cache of metadata, "cached" one of
 * 64 MB that earlier plans have filled; each is the least of some runs.
 */
#include <time.h>

#include "../storage/table/table_testing.h"

#define ROWS 1000
#define BUCKETS 4
#define RUNS 9

static const TestColumn columns[] = {{"dt", "STRING"},
									 {"id", "BIGINT"},
									 {"v", "DOUBLE"},
									 {"s", "STRING"},
									 {NULL, NULL}};

static const TestTable table_shape = {
	.columns = columns,
	.partition_keys = {"dt"},
	.options = {{"bucket", "-1"}},
};

static const TestColumn keyed_columns[] = {{"dt", "STRING NOT NULL"},
										   {"id", "BIGINT NOT NULL"},
										   {"v", "DOUBLE"},
										   {"s", "STRING"},
										   {NULL, NULL}};

static const TestTable keyed_shape = {
	.columns = keyed_columns,
	.primary_keys = {"dt", "id"},
	.partition_keys = {"dt"},
	.options = {{"bucket", "4"}},
};

static PmnTestEnv env;
static int64_t partitions = 1000;

static void
must(PmnCode code)
{
	if (code == PMN_OK)
		return;
	fprintf(stderr, "code %d: %s\n", (int) code, env.base.error.message);
	exit(1);
}

static double
now_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

static PmnBytes
partition_row(PmnArena *arena, const PmnTable *table, int64_t file)
{
	PmnValue value = {.is_null = false};
	PmnBuffer row;
	PmnBytes bytes;

	value.as.bytes = pmn_bytes_string(
		pmn_arena_format(arena, "p%04d", (int) (file % partitions)));
	pmn_buffer_init(&row, &env.base);
	must(
		pmn_row_append_serialized(&row, table->lsm.partition_types, &value, 1));
	bytes = pmn_bytes(pmn_arena_copy(arena, row.data, row.size), row.size);
	pmn_buffer_free(&row);
	return bytes;
}

/* An empty row where the table has no key. */
static PmnBytes
key_row(PmnArena *arena, const PmnTable *table, int64_t key)
{
	PmnValue value = {.is_null = false, .as = {.i64 = key}};
	PmnBuffer row;
	PmnBytes bytes;

	pmn_buffer_init(&row, &env.base);
	must(pmn_row_append_serialized(&row, table->lsm.key_types, &value,
								   table->lsm.key_count));
	bytes = pmn_bytes(pmn_arena_copy(arena, row.data, row.size), row.size);
	pmn_buffer_free(&row);
	return bytes;
}

/* File number `file` of files: ids of its own, in order. */
static void
add_file(PmnArena *arena, const PmnTable *table, PmnMessage *message,
		 int64_t file)
{
	const PmnSchema *schema = table->lsm.schema;
	bool is_keyed = table->lsm.is_keyed;
	const PmnType *types[4];
	PmnColumnStats stats[4];
	PmnDataFile data;
	char name[80];

	snprintf(name, sizeof(name), "data-%08x-1c2d-4e3f-8a4b-%012llx-0.parquet",
			 (unsigned) (file * 2654435761u),
			 (unsigned long long) file * 0x9E3779B97Fu);
	must(test_data_file(arena, name, 0, file * ROWS, file * ROWS + ROWS - 1,
						&data));
	data.min_key = key_row(arena, table, file * ROWS);
	data.max_key = key_row(arena, table, file * ROWS + ROWS - 1);
	memset(stats, 0, sizeof(stats));
	for (uint32_t i = 0; i < 4; i++)
		types[i] = &schema->fields[i].type;
	stats[0].min.as.bytes = pmn_bytes_string(
		pmn_arena_format(arena, "p%04d", (int) (file % partitions)));
	stats[0].max = stats[0].min;
	stats[1].min.as.i64 = file * ROWS;
	stats[1].max.as.i64 = file * ROWS + ROWS - 1;
	stats[2].max.as.f64 = 1;
	stats[3].min.as.bytes = pmn_bytes_string("aaaaaaaaaaaaaaaa");
	stats[3].max.as.bytes = pmn_bytes_string("zzzzzzzzzzzzzzzz");
	must(pmn_simple_stats_make(arena, stats, types, 4, &data.value_stats));
	must(pmn_message_add(message, &message->new_files, PMN_ENTRY_ADD,
						 partition_row(arena, table, file),
						 is_keyed ? (int32_t) (file / partitions % BUCKETS) : 0,
						 is_keyed ? BUCKETS : -1, &data));
}

static void
make(const char *warehouse, const char *name, const TestTable *shape,
	 int64_t files)
{
	PmnCatalog *catalog = NULL;
	PmnTable *table = NULL;
	PmnMessage *message = NULL;
	PmnCommitResult result;
	PmnArena *arena = NULL;

	must(pmn_catalog_open(&env.base, warehouse, &catalog));
	must(test_create_table(catalog, name, shape));
	must(pmn_table_open(catalog, "db", name, NULL, &table));
	must(pmn_message_create(&env.base, &message));
	must(pmn_arena_create(&env.base, 0, &arena));
	/* By partition, as compaction leaves them. */
	for (int64_t p = 0; p < partitions; p++)
	{
		for (int64_t f = p; f < files; f += partitions)
			add_file(arena, table, message, f);
	}
	must(test_commit(table, message, "bench", INT64_MAX, 0, false, &result));
	pmn_message_close(message);
	pmn_arena_destroy(arena);
	pmn_table_close(table);
	pmn_catalog_close(catalog);
}

/* Wall and CPU milliseconds. */
typedef struct Times
{
	double wall;
	double cpu;
} Times;

static Times
plan_once(const char *warehouse, const char *name, PmnCache *cache,
		  const PmnPredicate *filter, uint64_t *left)
{
	PmnTravel travel = {.kind = PMN_TRAVEL_LATEST};
	PmnScanRequest request = {.filter = filter};
	PmnCatalog *catalog = NULL;
	PmnTable *table = NULL;
	PmnScan *scan = NULL;
	int64_t schema_id;
	Times times = {now_ms(CLOCK_MONOTONIC), now_ms(CLOCK_PROCESS_CPUTIME_ID)};

	must(pmn_catalog_open(&env.base, warehouse, &catalog));
	pmn_catalog_use_cache(catalog, cache);
	must(pmn_table_open(catalog, "db", name, NULL, &table));
	must(pmn_table_resolve(table, &travel, &request.snapshot_id, &schema_id));
	must(pmn_scan_plan(table, &request, &scan));
	*left = pmn_scan_stats(scan)->files_read;
	pmn_scan_close(scan);
	pmn_table_close(table);
	pmn_catalog_close(catalog);
	times.wall = now_ms(CLOCK_MONOTONIC) - times.wall;
	times.cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID) - times.cpu;
	return times;
}

static void
run(const char *warehouse, const char *name, int64_t files)
{
	PmnValue partition = {.is_null = false};
	PmnValue id = {.is_null = false};
	PmnPredicate in_partition = {.op = PMN_PREDICATE_EQ,
								 .field = 0,
								 .literals = &partition,
								 .literal_count = 1};
	PmnPredicate one_file = {.op = PMN_PREDICATE_EQ,
							 .field = 1,
							 .literals = &id,
							 .literal_count = 1};
	const PmnPredicate *filters[] = {NULL, &in_partition, &one_file};
	static const char *const names[] = {"all", "partition", "file"};
	PmnCache *cache = NULL;

	partition.as.bytes = pmn_bytes_string("p0500");
	id.as.i64 = files / 2 * ROWS + 7;
	must(pmn_cache_create(&env.base, 64 << 20, &cache));
	for (size_t i = 0; i < 3; i++)
	{
		for (int cached = 0; cached < 2; cached++)
		{
			Times best = {1e9, 1e9};
			uint64_t left = 0;

			for (int r = 0; r < RUNS; r++)
			{
				Times ms = plan_once(warehouse, name, cached ? cache : NULL,
									 filters[i], &left);

				best.wall = ms.wall < best.wall ? ms.wall : best.wall;
				best.cpu = ms.cpu < best.cpu ? ms.cpu : best.cpu;
			}
			printf("%s %s wall %.2f cpu %.2f files %llu\n", names[i],
				   cached ? "cached" : "cold", best.wall, best.cpu,
				   (unsigned long long) left);
		}
	}
	printf("cache bytes %llu\n",
		   (unsigned long long) pmn_cache_stats(cache)->size_bytes);
	pmn_cache_destroy(cache);
}

int
main(int count, char **arguments)
{
	char name[32];
	int64_t files;
	bool is_keyed;

	if (count != 4)
	{
		fprintf(stderr, "usage: bench_plan make|keyed|run WAREHOUSE FILES\n");
		return 2;
	}
	pmn_test_env_init(&env);
	files = strtoll(arguments[3], NULL, 10);
	is_keyed = strcmp(arguments[1], "keyed") == 0;
	snprintf(name, sizeof(name), "%c%s", is_keyed ? 'k' : 't', arguments[3]);
	if (is_keyed)
		partitions = 100;
	if (is_keyed)
		make(arguments[2], name, &keyed_shape, files);
	else if (strcmp(arguments[1], "make") == 0)
		make(arguments[2], name, &table_shape, files);
	else
		run(arguments[2], name, files);
	return 0;
}
