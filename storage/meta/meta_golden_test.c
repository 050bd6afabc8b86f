/*
 * Goal: every manifest list and manifest of the golden tables is read,
 * written again and read back without a difference, and the directory that we
 * compute for each live file is where Paimon put it.
 */
#include "meta_manifest_internal.h"

#include "meta_snapshot.h"
#include "meta_testing.h"

typedef struct Totals
{
	uint32_t lists;
	uint32_t manifests;
	uint32_t entries;
	uint32_t live_files;
} Totals;

/* One golden table with what is known of its schema. */
typedef struct Golden
{
	const Fixture *fixture;
	Totals *totals;
	PmnSchema *schema;
	PmnTableOptions options;
	PmnTablePath path;
	const PmnType **partition_types;
	const char **partition_names;
	uint32_t partition_count;
	PmnFileSystem *memory;
	uint32_t counter;
} Golden;

static void
compare_again(Golden *golden, const PmnManifestMeta *original,
			  const PmnEntryList *entries)
{
	PmnTestEnv *env = golden->fixture->env;
	PmnManifestWriteOptions options = {PMN_CODEC_ZSTD,
									   1,
									   INT64_MAX,
									   golden->partition_types,
									   golden->partition_count,
									   golden->schema->id};
	PmnManifestList metas = {NULL, 0, 0};
	PmnEntryList again = {NULL, 0, 0};
	const PmnManifestMeta *meta;

	CHECK_OK(env, pmn_manifest_write(golden->memory, golden->fixture->arena,
									 &golden->path, &options, entries->items,
									 entries->count, "golden", &golden->counter,
									 &metas));
	CHECK(metas.count == 1);
	if (metas.count != 1)
		return;
	meta = &metas.items[0];
	CHECK(meta->added_file_count == original->added_file_count);
	CHECK(meta->deleted_file_count == original->deleted_file_count);
	CHECK(meta->schema_id == original->schema_id);
	CHECK(!original->has_min_bucket ||
		  (meta->min_bucket == original->min_bucket &&
		   meta->max_bucket == original->max_bucket));
	CHECK(!original->has_min_level || (meta->min_level == original->min_level &&
									   meta->max_level == original->max_level));
	CHECK(!original->has_min_row_id ||
		  (meta->min_row_id == original->min_row_id &&
		   meta->max_row_id == original->max_row_id));
	CHECK(pmn_bytes_equal(meta->partition_stats.min_values,
						  original->partition_stats.min_values));
	CHECK(pmn_bytes_equal(meta->partition_stats.max_values,
						  original->partition_stats.max_values));
	CHECK(meta->partition_stats.null_counts.count ==
		  original->partition_stats.null_counts.count);
	CHECK_OK(env, pmn_manifest_read(golden->memory, golden->fixture->arena,
									&golden->path, meta, NULL, NULL, &again));
	CHECK(again.count == entries->count);
	for (size_t i = 0; i < again.count && i < entries->count; i++)
	{
		CHECK(pmn_entry_same(&again.items[i], &entries->items[i]));
		CHECK(again.items[i].file.row_count ==
			  entries->items[i].file.row_count);
		CHECK(pmn_bytes_equal(again.items[i].file.value_stats.min_values,
							  entries->items[i].file.value_stats.min_values));
		CHECK(again.items[i].file.creation_time ==
			  entries->items[i].file.creation_time);
	}
	pmn_array_free(&env->base, &again);
	pmn_array_free(&env->base, &metas);
}

/* Read a list and its manifests; append their entries to all. */
static void
check_list(Golden *golden, const char *name, int64_t size, PmnEntryList *all)
{
	const Fixture *fixture = golden->fixture;
	PmnManifestList metas = {NULL, 0, 0};

	CHECK_OK(fixture->env,
			 pmn_manifest_list_read(fixture->fs, fixture->arena, &fixture->path,
									name, size, &metas));
	golden->totals->lists++;
	for (size_t i = 0; i < metas.count; i++)
	{
		PmnEntryList entries = {NULL, 0, 0};

		CHECK_OK(fixture->env,
				 pmn_manifest_read(fixture->fs, fixture->arena, &fixture->path,
								   &metas.items[i], NULL, NULL, &entries));
		golden->totals->manifests++;
		golden->totals->entries += (uint32_t) entries.count;
		compare_again(golden, &metas.items[i], &entries);
		for (size_t e = 0; e < entries.count && all != NULL; e++)
		{
			CHECK_OK(fixture->env,
					 pmn_array_reserve(&fixture->env->base, all, 1));
			all->items[all->count++] = entries.items[e];
		}
		pmn_array_free(&fixture->env->base, &entries);
	}
	pmn_array_free(&fixture->env->base, &metas);
}

static void
check_file(Golden *golden, const PmnManifestEntry *entry)
{
	const Fixture *fixture = golden->fixture;
	PmnEnv *base = &fixture->env->base;
	PmnPartitionNaming naming = {
		golden->partition_types, golden->partition_names,
		golden->partition_count, golden->options.partition_legacy_name,
		golden->options.partition_default_name};
	PmnValue *values = pmn_arena_alloc(
		fixture->arena, (golden->partition_count + 1) * sizeof(*values));
	const PmnBytes *external =
		entry->file.has_external_path ? &entry->file.external_path : NULL;
	PmnBuffer partition;
	bool exists = false;
	char *file = NULL;

	pmn_buffer_init(&partition, base);
	CHECK_OK(fixture->env,
			 pmn_row_parse(base, entry->partition, golden->partition_types,
						   golden->partition_count, values));
	CHECK_OK(fixture->env, pmn_path_partition(&partition, &naming, values));
	CHECK_OK(fixture->env, pmn_buffer_byte(&partition, 0));
	CHECK_OK(fixture->env,
			 pmn_path_data_file(fixture->arena, base, &golden->path,
								pmn_path_bucket(fixture->arena, &golden->path,
												(const char *) partition.data,
												entry->bucket),
								entry->file.file_name, external, &file));
	CHECK_OK(fixture->env, pmn_fs_exists(fixture->fs, file, &exists));
	if (!exists)
		fprintf(stderr, "not there: %s\n", file);
	CHECK(exists);
	golden->totals->live_files++;
	pmn_buffer_free(&partition);
}

static void
check_snapshot(Golden *golden, int64_t id, bool is_latest)
{
	const Fixture *fixture = golden->fixture;
	PmnSnapshot *snapshot = NULL;
	PmnEntryList all = {NULL, 0, 0};

	CHECK_OK(fixture->env, pmn_snapshot_read(fixture->fs, fixture->arena,
											 &fixture->path, id, &snapshot));
	check_list(golden, snapshot->info.base_manifest_list,
			   snapshot->base_manifest_list_size, &all);
	check_list(golden, snapshot->info.delta_manifest_list,
			   snapshot->delta_manifest_list_size, &all);
	if (snapshot->info.changelog_manifest_list != NULL)
		check_list(golden, snapshot->info.changelog_manifest_list,
				   snapshot->changelog_manifest_list_size, NULL);
	CHECK_OK(fixture->env, pmn_entries_live(&fixture->env->base, &all, false));
	for (size_t i = 0; i < all.count && is_latest; i++)
		check_file(golden, &all.items[i]);
	pmn_array_free(&fixture->env->base, &all);
}

static void
open_golden(Golden *golden)
{
	const Fixture *fixture = golden->fixture;
	PmnTestEnv *env = fixture->env;
	uint32_t *positions;
	int64_t id = 0;

	CHECK_OK(env, pmn_schema_latest_id(fixture->fs, fixture->arena,
									   &fixture->path, &id));
	CHECK_OK(env, pmn_schema_read(fixture->fs, fixture->arena, &fixture->path,
								  id, &golden->schema));
	CHECK_OK(env, pmn_options_parse(fixture->arena, &env->base, golden->schema,
									&golden->options));
	CHECK_OK(env, pmn_schema_partition(fixture->arena, golden->schema,
									   &positions, &golden->partition_count));
	golden->partition_types = pmn_arena_alloc(
		fixture->arena, golden->partition_count * sizeof(PmnType *));
	golden->partition_names = pmn_arena_alloc(
		fixture->arena, golden->partition_count * sizeof(char *));
	for (uint32_t i = 0; i < golden->partition_count; i++)
	{
		PmnField *field = &golden->schema->fields[positions[i]];

		golden->partition_types[i] = &field->type;
		golden->partition_names[i] = field->name;
	}
	golden->path = fixture->path;
	golden->path.data_directory = golden->options.data_file_path_directory;
}

/* What a broken table must say: the list or the manifest. */
static void
check_refused(const Fixture *fixture, PmnCode expected)
{
	PmnSnapshot *snapshot = NULL;
	PmnManifestList metas = {NULL, 0, 0};
	PmnEntryList entries = {NULL, 0, 0};
	int64_t id = 0;
	PmnCode code;

	CHECK_OK(fixture->env, pmn_snapshot_latest_id(fixture->fs, fixture->arena,
												  &fixture->path, &id));
	CHECK_OK(fixture->env, pmn_snapshot_read(fixture->fs, fixture->arena,
											 &fixture->path, id, &snapshot));
	code = pmn_manifest_list_read(fixture->fs, fixture->arena, &fixture->path,
								  snapshot->info.base_manifest_list,
								  snapshot->base_manifest_list_size, &metas);
	if (code == PMN_OK)
		code =
			pmn_manifest_list_read(fixture->fs, fixture->arena, &fixture->path,
								   snapshot->info.delta_manifest_list,
								   snapshot->delta_manifest_list_size, &metas);
	for (size_t i = 0; code == PMN_OK && i < metas.count; i++)
		code = pmn_manifest_read(fixture->fs, fixture->arena, &fixture->path,
								 &metas.items[i], NULL, NULL, &entries);
	if (code != expected)
		fprintf(stderr, "%s: code %d, not %d\n", fixture->name, (int) code,
				(int) expected);
	CHECK(code == expected);
	pmn_array_free(&fixture->env->base, &entries);
	pmn_array_free(&fixture->env->base, &metas);
}

/* Convert a copy of a manifest in ORC, with some bits changed. */
static PmnCode
convert_copy(const Fixture *fixture, PmnBytes bytes, uint32_t flips)
{
	PmnBuffer copy;
	PmnCode code;

	pmn_buffer_init(&copy, &fixture->env->base);
	code = pmn_buffer_append(&copy, bytes.data, bytes.size);
	for (uint32_t i = 0; code == PMN_OK && i < flips; i++)
		copy.data[pmn_test_below(fixture->env, bytes.size)] ^=
			(uint8_t) (1u << pmn_test_below(fixture->env, 8));
	if (code == PMN_OK)
		code = pmn_manifest_to_avro(&fixture->env->base,
									&pmn_manifest_entry_record, "m", &copy);
	CHECK(code != PMN_OK || flips > 0 || memcmp(copy.data, "Obj", 3) == 0);
	pmn_buffer_free(&copy);
	return code;
}

/* Damaged manifests in ORC, and a lack of memory, give codes. */
static void
damage_orc(const Fixture *fixture, const char *name)
{
	PmnEnv *env = &fixture->env->base;
	char *path = pmn_path_manifest(fixture->arena, &fixture->path,
								   pmn_bytes_string(name));
	uint64_t step = 0;
	PmnBuffer text;
	PmnBytes bytes;
	PmnCode code;

	pmn_buffer_init(&text, env);
	CHECK_OK(fixture->env, pmn_fs_read_file(fixture->fs, path, 1 << 20, &text));
	bytes = pmn_bytes(text.data, text.size);
	CHECK_OK(fixture->env, convert_copy(fixture, bytes, 0));
	for (uint32_t i = 0; i < 200; i++)
	{
		code = convert_copy(fixture, bytes, 1 + i % 4);
		CHECK(code == PMN_OK || code == PMN_CORRUPT || code == PMN_UNSUPPORTED);
	}
	do
	{
		fixture->env->fail_step = fixture->env->step + step++;
		code = convert_copy(fixture, bytes, 0);
		CHECK(code == PMN_OK || code == PMN_NO_MEMORY);
	} while (code == PMN_NO_MEMORY && step < 1000);
	fixture->env->fail_step = UINT64_MAX;
	CHECK(code == PMN_OK && step > 5);
	pmn_buffer_free(&text);
}

static void
check_fixture(const Fixture *fixture, void *context)
{
	Golden golden;
	int64_t *ids = NULL;
	uint32_t count = 0;

	if (strcmp(fixture->name, "manifest_orc") == 0)
		damage_orc(fixture, "manifest-6905028a-8003-4f0c-9a5f-60898c76808a-0");
	if (strcmp(fixture->name, "broken_manifest_cut") == 0)
		check_refused(fixture, PMN_CORRUPT);
	else if (strcmp(fixture->name, "broken_manifest_missing") == 0)
		check_refused(fixture, PMN_NOT_FOUND);
	if (has_prefix(fixture->name, "broken_"))
		return;
	memset(&golden, 0, sizeof(golden));
	golden.fixture = fixture;
	golden.totals = context;
	open_golden(&golden);
	CHECK_OK(fixture->env,
			 pmn_fs_memory_open(&fixture->env->base, &golden.memory));
	CHECK_OK(fixture->env, pmn_snapshot_list(fixture->fs, fixture->arena,
											 &fixture->path, &ids, &count));
	for (uint32_t i = 0; i < count; i++)
		check_snapshot(&golden, ids[i], i + 1 == count);
	pmn_fs_close(golden.memory);
}

TEST(golden_manifests_survive)
{
	Totals totals = {0, 0, 0, 0};

	if (!visit_fixtures(check_fixture, &totals))
	{
		printf("# PMN_FIXTURES is not set\n");
		return;
	}
	printf("# %" PRIu32 " lists, %" PRIu32 " manifests, %" PRIu32
		   " entries, %" PRIu32 " live files\n",
		   totals.lists, totals.manifests, totals.entries, totals.live_files);
	CHECK(totals.live_files > 500);
}

int
main(void)
{
	RUN(golden_manifests_survive);
	TEST_END();
}
