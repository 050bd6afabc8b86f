/*
 * Goal: planning keeps the live files that can matter, counts the others, and
 * with a cache reads each manifest once. Data files are only talked about.
 */
#include "table_testing.h"

static const TestColumn columns[] = {
	{"k", "INT NOT NULL"}, {"v", "INT"}, {NULL, NULL}};

static const TestTable keyed = {
	.columns = columns,
	.primary_keys = {"k"},
	.options = {{"bucket", "4"}},
};

typedef struct Lake
{
	PmnTestEnv env;
	PmnCache *cache;
	PmnFileSystem *fs;
	PmnCatalog *catalog;
	PmnTable *table;
	int64_t commits;
} Lake;

static void
lake_open(Lake *lake)
{
	memset(lake, 0, sizeof(*lake));
	pmn_test_env_init(&lake->env);
	CHECK_OK(&lake->env,
			 pmn_cache_create(&lake->env.base, 1 << 20, &lake->cache));
	CHECK_OK(&lake->env, pmn_fs_memory_open(&lake->env.base, &lake->fs));
	CHECK_OK(&lake->env, pmn_catalog_filesystem_open(&lake->env.base, lake->fs,
													 "/lake", &lake->catalog));
	pmn_catalog_use_cache(lake->catalog, lake->cache);
	CHECK_OK(&lake->env, test_create_table(lake->catalog, "t", &keyed));
	CHECK_OK(&lake->env,
			 pmn_table_open(lake->catalog, "db", "t", NULL, &lake->table));
}

static void
lake_close(Lake *lake)
{
	pmn_table_close(lake->table);
	pmn_catalog_close(lake->catalog);
	pmn_cache_destroy(lake->cache);
	CHECK(lake->env.live_bytes == 0);
}

static void
commit(Lake *lake, PmnMessage *message)
{
	PmnCommitResult result;

	lake->commits++;
	CHECK_OK(&lake->env, test_commit(lake->table, message, "u", lake->commits,
									 lake->commits, false, &result));
	pmn_message_close(message);
}

/* Two files in each of the four buckets, then one of them rewritten. */
static void
fill(Lake *lake)
{
	PmnMessage *message = NULL;
	char name[48];

	for (int32_t bucket = 0; bucket < 4; bucket++)
	{
		for (int32_t i = 0; i < 2; i++)
		{
			snprintf(name, sizeof(name), "f%d-%d.parquet", bucket, i);
			CHECK_OK(&lake->env,
					 test_message_add(&lake->env.base, &message, TEST_NEW, name,
									  bucket, 4, 0, i * 100, i * 100 + 99));
		}
	}
	commit(lake, message);
	message = NULL;
	CHECK_OK(&lake->env,
			 test_message_add(&lake->env.base, &message, TEST_BEFORE,
							  "f2-1.parquet", 2, 4, 0, 100, 199));
	CHECK_OK(&lake->env, test_message_add(&lake->env.base, &message, TEST_AFTER,
										  "g2-1.parquet", 2, 4, 5, 100, 199));
	commit(lake, message);
}

static PmnScanStats
plan(Lake *lake, const PmnPredicate *filter)
{
	PmnScanRequest request = {.snapshot_id = test_latest(lake->table),
							  .filter = filter};
	PmnScan *scan = NULL;
	PmnScanStats stats = {0};

	CHECK_OK(&lake->env, pmn_scan_plan(lake->table, &request, &scan));
	if (scan != NULL)
		stats = *pmn_scan_stats(scan);
	pmn_scan_close(scan);
	return stats;
}

/* Goal: a deleted file is neither read nor counted, whichever manifest its
 * ADD is in; buckets are left out by the key. */
TEST(live_files_are_kept_and_counted)
{
	Lake lake;
	PmnValue key = {.is_null = false, .as = {.i64 = 150}};
	PmnPredicate one_key = {.op = PMN_PREDICATE_EQ,
							.field = 0,
							.literals = &key,
							.literal_count = 1};
	PmnScanStats stats;

	lake_open(&lake);
	fill(&lake);
	stats = plan(&lake, NULL);
	CHECK(stats.files_total == 8 && stats.files_read == 8);
	CHECK(stats.row_count == 800);
	stats = plan(&lake, &one_key);
	CHECK(stats.files_total == 8);
	CHECK(stats.files_pruned_bucket == 6);
	CHECK(stats.files_read + stats.files_pruned_statistics == 2);
	lake_close(&lake);
}

/* Goal: the second plan finds all manifests in the cache, and says the
 * same. */
TEST(manifests_are_read_once)
{
	Lake lake;
	PmnScanStats first;
	PmnScanStats second;
	uint64_t misses;

	lake_open(&lake);
	fill(&lake);
	first = plan(&lake, NULL);
	misses = pmn_cache_stats(lake.cache)->misses;
	CHECK(misses > 0);
	second = plan(&lake, NULL);
	CHECK(pmn_cache_stats(lake.cache)->misses == misses);
	CHECK(memcmp(&first, &second, sizeof(first)) == 0);
	lake_close(&lake);
}

/* Goal: no failed allocation leaks, or spoils the cache. */
TEST(every_allocation_failure_is_survived)
{
	Lake lake;
	PmnScanRequest request = {0};
	PmnCode code = PMN_NO_MEMORY;

	lake_open(&lake);
	fill(&lake);
	request.snapshot_id = test_latest(lake.table);
	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		PmnScan *scan = NULL;

		if (step % 2 == 0)
		{
			pmn_cache_set_limit(lake.cache, 0);
			pmn_cache_set_limit(lake.cache, 1 << 20);
		}
		lake.env.fail_step = lake.env.step + step;
		code = pmn_scan_plan(lake.table, &request, &scan);
		lake.env.fail_step = UINT64_MAX;
		CHECK(code == PMN_OK || code == PMN_NO_MEMORY);
		pmn_scan_close(scan);
	}
	CHECK(plan(&lake, NULL).files_read == 8);
	lake_close(&lake);
}

int
main(void)
{
	RUN(live_files_are_kept_and_counted);
	RUN(manifests_are_read_once);
	RUN(every_allocation_failure_is_survived);
	TEST_END();
}
