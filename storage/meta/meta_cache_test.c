/*
 * Goal: manifests from the cache are those that a plain read gives, read once,
 * within the limit; failures of either environment leave it usable.
 */
#include "meta_cache.h"

#include "meta_manifest_testing.h"

#define ENTRY_COUNT 60

static PmnTestEnv cache_env;
static PmnCache *cache;
static PmnManifestList metas;

/* Some manifests of ENTRY_COUNT entries each. */
static void
begin_cache(size_t limit_bytes, uint32_t manifest_count)
{
	PmnManifestWriteOptions options = write_options(2);
	uint32_t counter = 0;

	begin();
	pmn_test_env_init(&cache_env);
	CHECK_OK(&cache_env,
			 pmn_cache_create(&cache_env.base, limit_bytes, &cache));
	for (uint32_t m = 0; m < manifest_count; m++)
	{
		PmnManifestEntry entries[ENTRY_COUNT];

		for (uint32_t i = 0; i < ENTRY_COUNT; i++)
			entries[i] = full_entry(i % 4 == 3, (int32_t) (m * 1000 + i), 1);
		CHECK_OK(&env,
				 pmn_manifest_write(fs, arena, &table_path, &options, entries,
									ENTRY_COUNT, "u", &counter, &metas));
	}
	CHECK(metas.count == manifest_count);
}

static void
end_cache(void)
{
	pmn_array_free(&env.base, &metas);
	pmn_cache_destroy(cache);
	CHECK(cache_env.live_bytes == 0);
	end();
}

static bool
stats_are_equal(const PmnSimpleStats *a, const PmnSimpleStats *b)
{
	return pmn_bytes_equal(a->min_values, b->min_values) &&
		   pmn_bytes_equal(a->max_values, b->max_values) &&
		   a->null_counts.count == b->null_counts.count;
}

static void
check_entry(PmnManifestImage *image, uint32_t index,
			const PmnManifestEntry *expected)
{
	PmnManifestEntry entry;
	uint32_t count;
	const PmnManifestHead *head =
		&pmn_manifest_image_heads(image, &count)[index];
	const PmnBytes *partitions = pmn_manifest_image_partitions(image, &count);

	CHECK(head->kind == expected->kind && head->bucket == expected->bucket);
	CHECK(head->total_buckets == expected->total_buckets);
	CHECK(head->level == expected->file.level);
	CHECK(head->schema_id == expected->file.schema_id);
	CHECK(head->partition < count);
	CHECK(pmn_bytes_equal(partitions[head->partition], expected->partition));
	CHECK_OK(&env,
			 pmn_manifest_image_entry(image, &env.base, PMN_ENTRY_IDENTITY,
									  index, arena, &entry));
	CHECK(pmn_entry_same(&entry, expected));
	CHECK(entry.file.key_stats.min_values.size == 0);
	CHECK_OK(&env, pmn_manifest_image_entry(image, &env.base, PMN_ENTRY_KEYS,
											index, arena, &entry));
	CHECK(pmn_entry_same(&entry, expected));
	CHECK(stats_are_equal(&entry.file.key_stats, &expected->file.key_stats));
	CHECK(pmn_bytes_equal(entry.file.max_key, expected->file.max_key));
	CHECK(entry.file.value_stats.min_values.size == 0);
	CHECK_OK(&env, pmn_manifest_image_entry(image, &env.base, PMN_ENTRY_VALUES,
											index, arena, &entry));
	CHECK(entry.file.file_name.size == 0 && entry.file.max_key.size == 0);
	CHECK(
		stats_are_equal(&entry.file.value_stats, &expected->file.value_stats));
	CHECK(entry.file.row_count == expected->file.row_count);
	CHECK(entry.file.schema_id == expected->file.schema_id);
	CHECK_OK(&env, pmn_manifest_image_entry(image, &env.base, PMN_ENTRY_WHOLE,
											index, arena, &entry));
	CHECK(pmn_entry_same(&entry, expected));
	CHECK(
		stats_are_equal(&entry.file.value_stats, &expected->file.value_stats));
	CHECK(entry.file.row_count == expected->file.row_count);
	CHECK(entry.file.has_first_row_id == expected->file.has_first_row_id);
}

/* Goal: heads and all views agree with a plain read. */
TEST(images_say_what_a_plain_read_says)
{
	PmnEntryList expected = {NULL, 0, 0};
	PmnManifestPin pin;
	uint32_t count = 0;

	begin_cache(1 << 20, 1);
	CHECK_OK(&env, pmn_manifest_read(fs, arena, &table_path, &metas.items[0],
									 NULL, NULL, &expected));
	for (int from_cache = 0; from_cache < 2; from_cache++)
	{
		CHECK_OK(&env, pmn_cache_manifest(from_cache ? cache : NULL, fs,
										  &table_path, &metas.items[0], &pin));
		(void) pmn_manifest_image_heads(pin.image, &count);
		CHECK(count == expected.count);
		for (uint32_t i = 0; i < count; i++)
			check_entry(pin.image, i, &expected.items[i]);
		(void) pmn_manifest_image_partitions(pin.image, &count);
		CHECK(count == 7);
		pmn_manifest_pin_release(&pin);
	}
	pmn_array_free(&env.base, &expected);
	end_cache();
}

static void
touch(size_t manifest)
{
	PmnManifestPin pin;

	CHECK_OK(&env, pmn_cache_manifest(cache, fs, &table_path,
									  &metas.items[manifest], &pin));
	pmn_manifest_pin_release(&pin);
}

/* Goal: a manifest is read once; the least recently used ones go first; the
 * limit holds, also after it is lowered. */
TEST(the_limit_is_kept_by_least_recent_use)
{
	const PmnCacheStats *stats;
	uint64_t requests;
	size_t item_size;

	begin_cache(64 << 20, 4);
	stats = pmn_cache_stats(cache);
	touch(0);
	item_size = stats->size_bytes;
	requests = env.base.counters.read_requests;
	touch(0);
	CHECK(env.base.counters.read_requests == requests);
	CHECK(stats->hits == 1 && stats->misses == 1);
	/* Room for three of the four. */
	pmn_cache_set_limit(cache, item_size * 7 / 2);
	touch(1);
	touch(2);
	touch(0);
	touch(3);
	CHECK(stats->evictions == 1 && stats->item_count == 3);
	CHECK(stats->size_bytes <= item_size * 7 / 2);
	requests = stats->hits;
	touch(0);
	touch(2);
	touch(3);
	CHECK(stats->hits == requests + 3);
	touch(1);
	CHECK(stats->hits == requests + 3);
	pmn_cache_set_limit(cache, 0);
	CHECK(stats->item_count == 0 && stats->size_bytes == 0);
	touch(1);
	CHECK(stats->item_count == 0);
	end_cache();
}

/* Goal: what somebody looks at stays, whatever the limit. */
TEST(pinned_manifests_stay)
{
	PmnManifestPin pin;
	PmnManifestEntry entry;

	begin_cache(1 << 20, 2);
	CHECK_OK(&env,
			 pmn_cache_manifest(cache, fs, &table_path, &metas.items[0], &pin));
	pmn_cache_set_limit(cache, 0);
	CHECK(pmn_cache_stats(cache)->item_count == 1);
	CHECK_OK(&env, pmn_manifest_image_entry(pin.image, &env.base,
											PMN_ENTRY_WHOLE, 1, arena, &entry));
	pmn_manifest_pin_release(&pin);
	CHECK(pmn_cache_stats(cache)->item_count == 0);
	end_cache();
}

/* Goal: damage is reported to the query and not kept. */
TEST(damaged_manifests_are_not_kept)
{
	PmnBuffer text;
	PmnManifestPin pin;
	PmnManifestMeta meta;
	char *path;

	begin_cache(1 << 20, 1);
	path = pmn_path_manifest(arena, &table_path, metas.items[0].file_name);
	pmn_buffer_init(&text, &env.base);
	CHECK_OK(&env, pmn_fs_read_file(fs, path, 1 << 20, &text));
	text.data[text.size - 40] ^= 0xFF;
	CHECK_OK(&env, pmn_fs_put(fs, path, PMN_PUT_OVERWRITE,
							  pmn_bytes(text.data, text.size)));
	CHECK(pmn_cache_manifest(cache, fs, &table_path, &metas.items[0], &pin) ==
		  PMN_CORRUPT);
	CHECK(strstr(env.base.error.message, "manifest-u-0") != NULL);
	CHECK(pmn_cache_stats(cache)->item_count == 0);
	text.data[text.size - 40] ^= 0xFF;
	CHECK_OK(&env, pmn_fs_put(fs, path, PMN_PUT_OVERWRITE,
							  pmn_bytes(text.data, text.size)));
	touch(0);
	/* A list that lies is found out on a hit, too. */
	meta = metas.items[0];
	meta.added_file_count++;
	CHECK(pmn_cache_manifest(cache, fs, &table_path, &meta, &pin) ==
		  PMN_CORRUPT);
	touch(0);
	CHECK(pmn_cache_stats(cache)->item_count == 1);
	pmn_buffer_free(&text);
	end_cache();
}

/* Goal: without memory of its own the cache keeps nothing and the query goes
 * on; afterwards everything works. */
TEST(survives_every_allocation_failure)
{
	uint64_t failed = 0;

	begin_cache(1 << 20, 2);
	for (uint64_t step = 0; pmn_cache_stats(cache)->item_count < 2; step++)
	{
		pmn_cache_set_limit(cache, 0);
		pmn_cache_set_limit(cache, 1 << 20);
		cache_env.fail_step = cache_env.step + step;
		touch(0);
		touch(1);
		failed = step;
	}
	cache_env.fail_step = UINT64_MAX;
	CHECK(failed > 10);
	for (uint64_t step = 0;; step++)
	{
		PmnManifestPin pin;
		PmnCode code;

		pmn_cache_set_limit(cache, 0);
		pmn_cache_set_limit(cache, 1 << 20);
		env.fail_step = env.step + step;
		code =
			pmn_cache_manifest(cache, fs, &table_path, &metas.items[0], &pin);
		env.fail_step = UINT64_MAX;
		CHECK(code == PMN_OK || code == PMN_NO_MEMORY);
		if (code != PMN_OK)
			continue;
		pmn_manifest_pin_release(&pin);
		break;
	}
	touch(1);
	CHECK(pmn_cache_stats(cache)->item_count == 2);
	end_cache();
}

static const char *
write_list(size_t count, int64_t *size)
{
	PmnManifestWriteOptions options = write_options(2);
	uint32_t counter = 0;
	const char *name = NULL;

	CHECK_OK(&env, pmn_manifest_list_write(fs, arena, &table_path, &options,
										   metas.items, count, "u", &counter,
										   &name, size));
	return name;
}

static void
check_list(const char *name, int64_t size, size_t count)
{
	PmnManifestList lines = {NULL, 0, 0};

	CHECK_OK(&env, pmn_cache_manifest_list(cache, fs, arena, &table_path, name,
										   size, &lines));
	CHECK(lines.count == count);
	for (size_t i = 0; i < lines.count && i < count; i++)
	{
		CHECK(pmn_bytes_equal(lines.items[i].file_name,
							  metas.items[i].file_name));
		CHECK(lines.items[i].added_file_count ==
			  metas.items[i].added_file_count);
		CHECK(stats_are_equal(&lines.items[i].partition_stats,
							  &metas.items[i].partition_stats));
	}
	pmn_array_free(&env.base, &lines);
}

/* Goal: a manifest list is read once and says the same; it goes like others; a
 * manifest by the name of a list is none. */
TEST(lists_are_kept)
{
	int64_t size = 0;
	const char *name;
	uint64_t requests;
	PmnManifestList lines = {NULL, 0, 0};
	PmnManifestMeta meta;
	PmnManifestPin pin;

	begin_cache(64 << 20, 3);
	name = write_list(3, &size);
	check_list(name, size, 3);
	requests = env.base.counters.read_requests;
	check_list(name, size, 3);
	CHECK(env.base.counters.read_requests == requests);
	meta = metas.items[0];
	meta.file_name = pmn_bytes_string(name);
	meta.file_size = size;
	CHECK(pmn_cache_manifest(cache, fs, &table_path, &meta, &pin) ==
		  PMN_CORRUPT);
	pmn_cache_set_limit(cache, 0);
	CHECK(pmn_cache_stats(cache)->item_count == 0);
	check_list(name, size, 3);
	CHECK(env.base.counters.read_requests > requests);
	CHECK(pmn_cache_manifest_list(cache, fs, arena, &table_path, "gone", -1,
								  &lines) == PMN_NOT_FOUND);
	end_cache();
}

/* Goal: no failed allocation of either environment harms a list. */
TEST(lists_survive_failed_allocations)
{
	int64_t size = 0;
	const char *name;

	begin_cache(64 << 20, 2);
	name = write_list(2, &size);
	for (uint64_t step = 0; step < 8; step++)
	{
		pmn_cache_set_limit(cache, 0);
		pmn_cache_set_limit(cache, 64 << 20);
		cache_env.fail_step = cache_env.step + step;
		check_list(name, size, 2);
		cache_env.fail_step = UINT64_MAX;
		check_list(name, size, 2);
	}
	for (uint64_t step = 0; step < 40; step++)
	{
		PmnManifestList lines = {NULL, 0, 0};
		PmnCode code;

		if (step % 2 == 0)
			pmn_cache_set_limit(cache, 0);
		pmn_cache_set_limit(cache, 64 << 20);
		env.fail_step = env.step + step / 2;
		code = pmn_cache_manifest_list(cache, fs, arena, &table_path, name,
									   size, &lines);
		env.fail_step = UINT64_MAX;
		CHECK(code == PMN_OK || code == PMN_NO_MEMORY);
		CHECK(lines.count == (code == PMN_OK ? 2 : 0));
		pmn_array_free(&env.base, &lines);
	}
	end_cache();
}

int
main(void)
{
	RUN(images_say_what_a_plain_read_says);
	RUN(the_limit_is_kept_by_least_recent_use);
	RUN(pinned_manifests_stay);
	RUN(damaged_manifests_are_not_kept);
	RUN(survives_every_allocation_failure);
	RUN(lists_are_kept);
	RUN(lists_survive_failed_allocations);
	TEST_END();
}
