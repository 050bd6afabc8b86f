/*
 * Goal: looking up some live entries through images gives what reading every
 * manifest as a whole gives, less what was not asked for; and writers number
 * their rows behind the live files whichever way buckets are looked up.
 */
#include "table_testing.h"

#define PARTITIONS 6
#define BUCKETS 4
#define ROUNDS 60

static const TestColumn columns[] = {
	{"p", "INT NOT NULL"}, {"k", "INT NOT NULL"}, {"v", "INT"}, {NULL, NULL}};

static const TestTable keyed = {
	.columns = columns,
	.primary_keys = {"p", "k"},
	.partition_keys = {"p"},
	.options = {{"bucket", "4"}},
};

typedef struct Lake
{
	PmnTestEnv env;
	char directory[64];
	PmnCache *cache;
	PmnCatalog *catalog;
	PmnTable *table;
	PmnArena *arena;
} Lake;

static void
lake_open(Lake *lake)
{
	memset(lake, 0, sizeof(*lake));
	pmn_test_env_init(&lake->env);
	pmn_test_directory(lake->directory);
	CHECK_OK(&lake->env,
			 pmn_cache_create(&lake->env.base, 1 << 20, &lake->cache));
	CHECK_OK(&lake->env, pmn_catalog_open(&lake->env.base, lake->directory,
										  &lake->catalog));
	pmn_catalog_use_cache(lake->catalog, lake->cache);
	CHECK_OK(&lake->env, test_create_table(lake->catalog, "t", &keyed));
	CHECK_OK(&lake->env,
			 pmn_table_open(lake->catalog, "db", "t", NULL, &lake->table));
	CHECK_OK(&lake->env, pmn_arena_create(&lake->env.base, 0, &lake->arena));
}

static void
lake_close(Lake *lake)
{
	pmn_arena_destroy(lake->arena);
	pmn_table_close(lake->table);
	pmn_catalog_close(lake->catalog);
	pmn_cache_destroy(lake->cache);
	pmn_test_remove_directory(lake->directory);
	CHECK(lake->env.live_bytes == 0);
}

/* ---- random manifests --------------------------------------------------- */

/* A partition's row; all have the type INT, as test_key makes it. */
static PmnBytes
partition_of(Lake *lake, int64_t partition)
{
	return test_key(lake->arena, partition);
}

static PmnManifestEntry
random_add(Lake *lake, int number)
{
	PmnManifestEntry entry = {.version = 2, .kind = PMN_ENTRY_ADD};
	char name[48];
	int64_t key = pmn_test_below(&lake->env, 1000);

	snprintf(name, sizeof(name), "f%d.parquet", number);
	CHECK_OK(&lake->env,
			 test_data_file(lake->arena, pmn_arena_string(lake->arena, name),
							(int32_t) pmn_test_below(&lake->env, 3), key,
							key + pmn_test_below(&lake->env, 50), &entry.file));
	entry.file.max_sequence_number = pmn_test_below(&lake->env, 100000);
	entry.partition =
		partition_of(lake, pmn_test_below(&lake->env, PARTITIONS));
	entry.bucket = (int32_t) pmn_test_below(&lake->env, BUCKETS + 1) - 1;
	entry.total_buckets = pmn_test_below(&lake->env, 10) == 0 ? 8 : BUCKETS;
	return entry;
}

/* Some entries: new files, and DELETEs of files in all[0..*count). */
static void
random_entries(Lake *lake, PmnEntryList *all, PmnEntryList *out)
{
	uint32_t count = 1 + pmn_test_below(&lake->env, 30);

	CHECK_OK(&lake->env, pmn_array_reserve(&lake->env.base, out, count));
	CHECK_OK(&lake->env, pmn_array_reserve(&lake->env.base, all, count));
	for (uint32_t i = 0; i < count; i++)
	{
		PmnManifestEntry *entry = &out->items[out->count++];

		if (all->count == 0 || pmn_test_below(&lake->env, 3) > 0)
		{
			*entry = random_add(lake, (int) all->count);
			all->items[all->count++] = *entry;
			continue;
		}
		*entry = all->items[pmn_test_below(&lake->env, (uint32_t) all->count)];
		entry->kind = PMN_ENTRY_DELETE;
		/* Not part of what an ADD and its DELETE share. */
		if (pmn_test_below(&lake->env, 5) == 0)
			entry->total_buckets = 16;
	}
}

static void
random_manifests(Lake *lake, PmnManifestList *out)
{
	const PmnLsm *lsm = &lake->table->lsm;
	PmnManifestWriteOptions options = {.codec = PMN_CODEC_NONE,
									   .target_size = 1 << 20,
									   .partition_types = lsm->partition_types,
									   .partition_count = 1};
	PmnEntryList all = {NULL, 0, 0};
	uint32_t count = 1 + pmn_test_below(&lake->env, 8);
	uint32_t counter = 0;
	char uuid[37];

	pmn_uuid(&lake->env.base, uuid);
	for (uint32_t m = 0; m < count; m++)
	{
		PmnEntryList entries = {NULL, 0, 0};

		random_entries(lake, &all, &entries);
		CHECK_OK(&lake->env,
				 pmn_manifest_write(lake->table->fs, lake->arena, &lsm->path,
									&options, entries.items, entries.count,
									pmn_arena_string(lake->arena, uuid),
									&counter, out));
		pmn_array_free(&lake->env.base, &entries);
	}
	pmn_array_free(&lake->env.base, &all);
}

/* ---- both ways ---------------------------------------------------------- */

static PmnCode
keep_even(void *context, PmnBytes partition, bool *out)
{
	Lake *lake = context;
	PmnValue value;

	PMN_TRY(pmn_row_parse(&lake->env.base, partition,
						  lake->table->lsm.partition_types, 1, &value));
	*out = value.as.i64 % 2 == 0;
	return PMN_OK;
}

static bool
is_asked_for(Lake *lake, const PmnLiveRequest *request,
			 const PmnManifestEntry *entry)
{
	bool keep = true;

	if (request->partitions != NULL &&
		!pmn_partition_set_has(request->partitions, entry->partition))
		return false;
	if (request->keep != NULL)
		CHECK_OK(&lake->env, request->keep(lake, entry->partition, &keep));
	if (!keep || !request->of_bucket || entry->bucket == request->bucket)
		return keep;
	return request->total_buckets > 0 && entry->total_buckets > 0 &&
		   entry->total_buckets != request->total_buckets;
}

static bool
same_entry(const PmnManifestEntry *a, const PmnManifestEntry *b,
		   PmnEntryView view)
{
	bool same = pmn_entry_same(a, b) && a->total_buckets == b->total_buckets &&
				a->file.max_sequence_number == b->file.max_sequence_number &&
				a->file.row_count == b->file.row_count;

	if (view != PMN_ENTRY_IDENTITY)
		same = same && pmn_bytes_equal(a->file.min_key, b->file.min_key) &&
			   pmn_bytes_equal(a->file.max_key, b->file.max_key);
	return same;
}

/* What reading manifests as a whole gives. */
static void
read_whole(Lake *lake, const PmnManifestList *manifests, PmnEntryList *out)
{
	for (size_t i = 0; i < manifests->count; i++)
		CHECK_OK(&lake->env,
				 pmn_manifest_read(lake->table->fs, lake->arena,
								   &lake->table->lsm.path, &manifests->items[i],
								   NULL, NULL, out));
	CHECK_OK(&lake->env, pmn_entries_live(&lake->env.base, out, false));
}

static void
compare(Lake *lake, const PmnManifestList *manifests,
		const PmnLiveRequest *request)
{
	PmnEntryList expected = {NULL, 0, 0};
	PmnEntryList found = {NULL, 0, 0};
	size_t at = 0;

	read_whole(lake, manifests, &expected);
	CHECK_OK(&lake->env, pmn_table_find_live(lake->table, lake->arena,
											 manifests, request, &found));
	for (size_t i = 0; i < expected.count; i++)
	{
		if (!is_asked_for(lake, request, &expected.items[i]))
			continue;
		CHECK(at < found.count &&
			  same_entry(&expected.items[i], &found.items[at], request->view));
		at++;
	}
	CHECK(at == found.count);
	pmn_array_free(&lake->env.base, &expected);
	pmn_array_free(&lake->env.base, &found);
}

static void
compare_random(Lake *lake, const PmnManifestList *manifests)
{
	static const PmnEntryView views[] = {PMN_ENTRY_IDENTITY, PMN_ENTRY_KEYS,
										 PMN_ENTRY_WHOLE};
	PmnPartitionSet set;
	PmnLiveRequest request = {.view = views[pmn_test_below(&lake->env, 3)],
							  .context = lake};

	pmn_partition_set_init(&set, &lake->env.base);
	for (uint32_t i = pmn_test_below(&lake->env, 4); i > 0; i--)
		CHECK_OK(&lake->env,
				 pmn_partition_set_add(
					 &set, partition_of(lake, pmn_test_below(&lake->env,
															 PARTITIONS + 1))));
	if (pmn_test_below(&lake->env, 4) > 0)
		request.partitions = &set;
	if (pmn_test_below(&lake->env, 3) == 0)
		request.keep = keep_even;
	request.of_bucket = pmn_test_below(&lake->env, 2) == 0;
	request.bucket = (int32_t) pmn_test_below(&lake->env, BUCKETS + 1) - 1;
	request.total_buckets = pmn_test_below(&lake->env, 2) == 0 ? BUCKETS : -1;
	compare(lake, manifests, &request);
	pmn_partition_set_free(&set);
}

/* Goal: the same entries in the same order as before, for any request. */
TEST(images_and_whole_manifests_agree)
{
	Lake lake;
	PmnLiveRequest all = {.view = PMN_ENTRY_WHOLE};

	lake_open(&lake);
	for (int round = 0; round < ROUNDS; round++)
	{
		PmnManifestList manifests = {NULL, 0, 0};

		random_manifests(&lake, &manifests);
		compare(&lake, &manifests, &all);
		for (int i = 0; i < 10; i++)
			compare_random(&lake, &manifests);
		pmn_array_free(&lake.env.base, &manifests);
		pmn_arena_reset(lake.arena);
	}
	CHECK(pmn_cache_stats(lake.cache)->hits > 0);
	lake_close(&lake);
}

/* Goal: a manifest of other partitions is not even opened. */
TEST(manifests_of_other_partitions_are_not_read)
{
	Lake lake;
	PmnManifestList manifests = {NULL, 0, 0};
	PmnPartitionSet set;
	PmnLiveRequest request = {.partitions = &set};
	PmnEntryList found = {NULL, 0, 0};
	uint64_t before;

	lake_open(&lake);
	random_manifests(&lake, &manifests);
	pmn_partition_set_init(&set, &lake.env.base);
	CHECK_OK(&lake.env,
			 pmn_partition_set_add(&set, partition_of(&lake, PARTITIONS + 1)));
	before = lake.env.base.counters.read_requests;
	CHECK_OK(&lake.env, pmn_table_find_live(lake.table, lake.arena, &manifests,
											&request, &found));
	CHECK(found.count == 0);
	CHECK(lake.env.base.counters.read_requests == before);
	pmn_partition_set_free(&set);
	pmn_array_free(&lake.env.base, &found);
	pmn_array_free(&lake.env.base, &manifests);
	lake_close(&lake);
}

/* Goal: no failed allocation leaks. */
TEST(every_allocation_failure_is_survived)
{
	Lake lake;
	PmnManifestList manifests = {NULL, 0, 0};
	PmnLiveRequest request = {.view = PMN_ENTRY_KEYS,
							  .of_bucket = true,
							  .bucket = 1,
							  .total_buckets = BUCKETS};
	PmnCode code = PMN_NO_MEMORY;

	lake_open(&lake);
	random_manifests(&lake, &manifests);
	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		PmnEntryList found = {NULL, 0, 0};

		pmn_cache_set_limit(lake.cache, 0);
		pmn_cache_set_limit(lake.cache, step % 2 == 0 ? 1 << 20 : 0);
		lake.env.fail_step = lake.env.step + step;
		code = pmn_table_find_live(lake.table, lake.arena, &manifests, &request,
								   &found);
		lake.env.fail_step = UINT64_MAX;
		CHECK(code == PMN_OK || code == PMN_NO_MEMORY);
		pmn_array_free(&lake.env.base, &found);
	}
	pmn_array_free(&lake.env.base, &manifests);
	lake_close(&lake);
}

/* ---- writers ------------------------------------------------------------ */

/* Files that do not exist, with these highest sequence numbers. */
static void
commit_files(Lake *lake, int32_t total, int64_t sequences[PARTITIONS][BUCKETS])
{
	PmnMessage *message = NULL;
	PmnCommitResult result;
	char name[48];

	CHECK_OK(&lake->env, pmn_message_create(&lake->env.base, &message));
	for (int p = 0; p < PARTITIONS; p++)
	{
		for (int b = 0; b < BUCKETS; b++)
		{
			PmnDataFile file;

			snprintf(name, sizeof(name), "g%d-%d.parquet", p, b);
			CHECK_OK(&lake->env,
					 test_data_file(lake->arena, name, 0, 0, 9, &file));
			file.max_sequence_number = sequences[p][b];
			if (sequences[p][b] >= 0)
				CHECK_OK(&lake->env,
						 pmn_message_add(message, &message->new_files,
										 PMN_ENTRY_ADD, partition_of(lake, p),
										 b, total, &file));
		}
	}
	CHECK_OK(&lake->env,
			 test_commit(lake->table, message, "fill", 1, 0, false, &result));
	pmn_message_close(message);
}

/* 40 keys in each of the first partitions. */
static PmnCode
write_partitions(PmnWrite *write, int32_t partitions)
{
	int32_t values[2][PARTITIONS * 40];
	PmnVector vectors[3] = {{PMN_VECTOR_I32, NULL, values[0]},
							{PMN_VECTOR_I32, NULL, values[1]},
							{PMN_VECTOR_I32, NULL, values[1]}};
	uint32_t rows = (uint32_t) partitions * 40;
	PmnBatch batch = {rows, 3, vectors, NULL, rows};

	for (uint32_t i = 0; i < rows; i++)
	{
		values[0][i] = (int32_t) i % partitions;
		values[1][i] = (int32_t) i;
	}
	return pmn_write_batch(write, &batch, NULL);
}

/* Goal: with few buckets, looked up one by one, and with many, rows are
 * numbered behind what the bucket has; an empty bucket begins at 0. */
TEST(sequence_numbers_go_on)
{
	Lake lake;
	int64_t sequences[PARTITIONS][BUCKETS];

	lake_open(&lake);
	for (int p = 0; p < PARTITIONS; p++)
	{
		for (int b = 0; b < BUCKETS; b++)
			sequences[p][b] = (p + b) % 5 == 0 ? -1 : p * 1000 + b * 10;
	}
	commit_files(&lake, BUCKETS, sequences);
	for (int32_t count = 1; count <= PARTITIONS; count++)
	{
		PmnWriteRequest request = {.base_snapshot_id = 1};
		PmnWrite *write = NULL;
		PmnMessage *message = NULL;

		CHECK_OK(&lake.env, pmn_write_open(lake.table, &request, &write));
		CHECK_OK(&lake.env, write_partitions(write, count));
		CHECK_OK(&lake.env, pmn_write_finish(write, &message));
		pmn_write_close(write);
		CHECK(message->new_files.count == (size_t) count * BUCKETS);
		for (size_t i = 0; i < message->new_files.count; i++)
		{
			const PmnManifestEntry *entry = &message->new_files.items[i];
			PmnValue p;

			CHECK_OK(&lake.env,
					 pmn_row_parse(&lake.env.base, entry->partition,
								   lake.table->lsm.partition_types, 1, &p));
			CHECK(entry->file.min_sequence_number ==
				  sequences[p.as.i64][entry->bucket] + 1);
		}
		pmn_message_discard(lake.table, message);
		pmn_message_close(message);
	}
	lake_close(&lake);
}

/* Goal: another bucket count is noticed, also where only a bucket that is not
 * written to has it, and only in its partition. */
TEST(rescaled_partitions_are_refused)
{
	Lake lake;
	int64_t sequences[PARTITIONS][BUCKETS];
	PmnWriteRequest request = {.base_snapshot_id = 1};
	PmnWrite *write = NULL;

	lake_open(&lake);
	memset(sequences, 0xFF, sizeof(sequences));
	sequences[1][3] = 5;
	commit_files(&lake, 8, sequences);
	CHECK_OK(&lake.env, pmn_write_open(lake.table, &request, &write));
	CHECK_OK(&lake.env, write_partitions(write, 1));
	CHECK(write_partitions(write, 2) == PMN_UNSUPPORTED);
	pmn_write_close(write);
	lake_close(&lake);
}

int
main(void)
{
	RUN(images_and_whole_manifests_agree);
	RUN(manifests_of_other_partitions_are_not_read);
	RUN(every_allocation_failure_is_survived);
	RUN(rescaled_partitions_are_refused);
	if (getenv("PMN_ARROW_PATH") == NULL)
		printf("skip - table_live: PMN_ARROW_PATH is not set\n");
	else
		RUN(sequence_numbers_go_on);
	TEST_END();
}
