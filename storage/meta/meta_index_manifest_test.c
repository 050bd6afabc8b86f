/*
 * Goal: index manifests read whichever writer made them, and impossible
 * entries are refused.
 */
#include "meta_index_manifest.h"

#include "meta_deletion_testing.h"

static const PmnTablePath table_path = {"/t", NULL, NULL};
/* The row of an unpartitioned table: arity 0 and eight bytes of nothing. */
static const uint8_t no_partition[12];

static PmnIndexEntry
entry_of(const char *type, PmnDeletionRange *ranges, uint32_t count)
{
	PmnIndexEntry entry = {.version = 1, .kind = PMN_ENTRY_ADD};

	entry.partition = pmn_bytes(no_partition, sizeof(no_partition));
	entry.index_type = pmn_bytes_string(type);
	entry.file_name = pmn_bytes_string("index-0");
	entry.file_size = 100;
	entry.row_count = count;
	entry.ranges.items = ranges;
	entry.ranges.count = count;
	entry.has_ranges = count > 0;
	return entry;
}

static PmnDeletionRange
range_of(const char *file)
{
	PmnDeletionRange range = {
		.offset = 1, .length = 24, .cardinality = 2, .has_cardinality = true};

	range.data_file = pmn_bytes_string(file);
	return range;
}

/* Write entries, read them. */
static PmnCode
round_trip(PmnTestEnv *env, const PmnIndexEntry *entries, size_t count,
		   uint32_t columns, const char *type, size_t *found)
{
	PmnIndexEntryList list = {NULL, 0, 0};
	PmnFileSystem *fs = NULL;
	PmnArena *arena = NULL;
	PmnCode code = pmn_fs_memory_open(&env->base, &fs);

	*found = 0;
	if (code == PMN_OK)
		code = pmn_arena_create(&env->base, 0, &arena);
	if (code == PMN_OK)
		code = put_index_manifest(fs, "/t/manifest/i", entries, count, columns);
	if (code == PMN_OK)
		code =
			pmn_index_manifest_read(fs, arena, &table_path, "i", type, &list);
	if (code == PMN_OK && count > 0 && list.count == count && columns > 8)
	{
		const PmnDeletionRange *range = list.items[0].ranges.items;

		CHECK(list.items[0].ranges.count == entries[0].ranges.count);
		CHECK(pmn_bytes_equal(range->data_file, pmn_bytes_string("a")));
		CHECK(range->offset == 1 && range->length == 24 &&
			  range->cardinality == 2 && range->has_cardinality);
	}
	*found = list.count;
	pmn_array_free(&env->base, &list);
	pmn_arena_destroy(arena);
	pmn_fs_close(fs);
	return code;
}

TEST(entries_of_one_type)
{
	PmnDeletionRange ranges[] = {range_of("a"), range_of("b")};
	PmnIndexEntry entries[] = {entry_of("DELETION_VECTORS", ranges, 2),
							   entry_of("HASH", NULL, 0)};
	PmnTestEnv env;
	size_t found;

	pmn_test_env_init(&env);
	CHECK_OK(&env, round_trip(&env, entries, 2, 10, NULL, &found));
	CHECK(found == 2);
	CHECK_OK(&env,
			 round_trip(&env, entries, 2, 10, "DELETION_VECTORS", &found));
	CHECK(found == 1);
	/* Before there were deletion vectors. */
	CHECK_OK(&env, round_trip(&env, entries + 1, 1, 8, "HASH", &found));
	CHECK(found == 1);
	CHECK_OK(&env, round_trip(&env, entries, 0, 10, NULL, &found));
	/* What cannot be right in another type is not our business. */
	entries[1].file_name = pmn_bytes_string("../x");
	CHECK_OK(&env,
			 round_trip(&env, entries, 2, 10, "DELETION_VECTORS", &found));
	CHECK(env.live_bytes == 0);
}

static bool
is_corrupt(const PmnIndexEntry *entry)
{
	PmnTestEnv env;
	size_t found;
	PmnCode code;

	pmn_test_env_init(&env);
	code = round_trip(&env, entry, 1, 10, NULL, &found);
	CHECK(env.live_bytes == 0);
	return code == PMN_CORRUPT;
}

TEST(impossible_entries)
{
	PmnDeletionRange range = range_of("a");
	PmnIndexEntry entry = entry_of("DELETION_VECTORS", &range, 1);
	PmnIndexEntry wrong;

	CHECK(!is_corrupt(&entry));
	wrong = entry;
	wrong.version = 2;
	CHECK(is_corrupt(&wrong));
	wrong = entry;
	wrong.kind = PMN_ENTRY_DELETE;
	CHECK(is_corrupt(&wrong));
	wrong = entry;
	wrong.bucket = -3;
	CHECK(is_corrupt(&wrong));
	wrong = entry;
	wrong.partition = pmn_bytes_string("x");
	CHECK(is_corrupt(&wrong));
	wrong = entry;
	wrong.file_name = pmn_bytes_string("a/b");
	CHECK(is_corrupt(&wrong));
	wrong = entry;
	wrong.file_size = -1;
	CHECK(is_corrupt(&wrong));
	range.data_file = pmn_bytes_string("..");
	CHECK(is_corrupt(&entry));
	range = range_of("a");
	range.offset = 90;
	CHECK(is_corrupt(&entry));
	range = range_of("a");
	range.length = -1;
	CHECK(is_corrupt(&entry));
	range = range_of("a");
	range.cardinality = -1;
	CHECK(is_corrupt(&entry));
}

/* Goal: memory that runs out anywhere is an error, and nothing leaks. */
TEST(memory_may_run_out)
{
	PmnDeletionRange range = range_of("a");
	PmnIndexEntry entry = entry_of("DELETION_VECTORS", &range, 1);
	PmnCode code = PMN_NO_MEMORY;
	PmnTestEnv env;
	size_t found;

	for (uint32_t step = 0; code != PMN_OK && step < 1000; step++)
	{
		pmn_test_env_fail_at(&env, step);
		code = round_trip(&env, &entry, 1, 10, NULL, &found);
		CHECK(code == PMN_OK || code == PMN_NO_MEMORY);
		CHECK(env.live_bytes == 0);
	}
	CHECK(code == PMN_OK);
}

int
main(void)
{
	RUN(entries_of_one_type);
	RUN(impossible_entries);
	RUN(memory_may_run_out);
	TEST_END();
}
