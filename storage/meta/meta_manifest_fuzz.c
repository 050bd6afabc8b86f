/*
 * Goal: no manifest or manifest list crashes us, and entries that we accept
 * can be copied, cancelled, written and read back; an image of a manifest has
 * the same entries. The first byte chooses
 * list or manifest, and the number of partition columns.
 */
#include "meta_manifest_image.h"

#include "meta_fuzzing.h"

static const PmnTablePath table_path = {"/t", NULL, NULL};
static PmnType int_type = {.kind = PMN_TYPE_INT, .is_nullable = true};
static const PmnType *const types[] = {&int_type, &int_type};

static bool
keep_some(void *context, const PmnManifestEntry *entry)
{
	(void) context;
	return entry->file.row_count % 2 == 0;
}

static void
write_again(PmnFileSystem *fs, PmnArena *arena, PmnEntryList *entries,
			uint32_t partition_count)
{
	PmnManifestWriteOptions options = {PMN_CODEC_NONE,	0, 4096, types,
									   partition_count, 0};
	PmnManifestList metas = {NULL, 0, 0};
	PmnEntryList again = {NULL, 0, 0};
	PmnColumnStats stats[2];
	uint32_t counter = 0;
	size_t count;
	PmnCode code;

	if (pmn_entries_live(fs->env, entries, true) != PMN_OK)
		return;
	count = entries->count;
	code = pmn_manifest_write(fs, arena, &table_path, &options, entries->items,
							  count, "u", &counter, &metas);
	for (size_t i = 0; code == PMN_OK && i < metas.count; i++)
	{
		code = pmn_manifest_read(fs, arena, &table_path, &metas.items[i], NULL,
								 NULL, &again);
		fuzz_check(code == PMN_OK, "a written manifest reads");
		code = pmn_simple_stats_parse(fs->env, &metas.items[i].partition_stats,
									  types, partition_count, stats);
		fuzz_check(code == PMN_OK, "written statistics parse");
	}
	fuzz_check(code != PMN_OK || again.count == count, "no entry is lost");
	for (size_t i = 0; code == PMN_OK && i < count; i++)
		fuzz_check(pmn_entry_same(&again.items[i], &entries->items[i]),
				   "entries stay the same");
	pmn_array_free(fs->env, &again);
	pmn_array_free(fs->env, &metas);
}

static void
read_list(PmnFileSystem *fs, PmnArena *arena)
{
	PmnManifestWriteOptions options = {PMN_CODEC_NONE, 0, 4096, types, 0, 0};
	PmnManifestList metas = {NULL, 0, 0};
	PmnManifestList again = {NULL, 0, 0};
	const char *name = NULL;
	uint32_t counter = 0;
	int64_t size = 0;
	PmnCode code =
		pmn_manifest_list_read(fs, arena, &table_path, "m", -1, &metas);

	if (code == PMN_OK)
	{
		code = pmn_manifest_list_write(fs, arena, &table_path, &options,
									   metas.items, metas.count, "u", &counter,
									   &name, &size);
		fuzz_check(code == PMN_OK, "a read list writes");
		code =
			pmn_manifest_list_read(fs, arena, &table_path, name, size, &again);
		fuzz_check(code == PMN_OK && again.count == metas.count,
				   "a written list reads");
	}
	pmn_array_free(fs->env, &again);
	pmn_array_free(fs->env, &metas);
}

/* An image checks less until an entry is asked for, never more. */
static void
read_image(PmnEnv *env, PmnArena *arena, PmnBytes file,
		   const PmnEntryList *entries, bool is_good)
{
	PmnManifestImage *image = NULL;
	PmnManifestEntry entry;
	PmnCode code;
	uint32_t count = 0;

	code = pmn_manifest_image_make(env, file, pmn_bytes_string("m"), &image);
	fuzz_check(code == PMN_OK || !is_good, "a good manifest has an image");
	if (code == PMN_OK)
		(void) pmn_manifest_image_heads(image, &count);
	fuzz_check(!is_good || count == entries->count, "an image has them all");
	for (uint32_t i = 0; i < count; i++)
	{
		code = pmn_manifest_image_entry(image, env, PMN_ENTRY_KEYS, i, arena,
										&entry);
		fuzz_check(code == PMN_OK || !is_good, "a good entry has its keys");
		code = pmn_manifest_image_entry(image, env, PMN_ENTRY_VALUES, i, arena,
										&entry);
		fuzz_check(code == PMN_OK || !is_good, "a good entry has statistics");
		code = pmn_manifest_image_entry(image, env, PMN_ENTRY_WHOLE, i, arena,
										&entry);
		fuzz_check(code == PMN_OK || !is_good, "a good entry is decoded");
		fuzz_check(!is_good || pmn_entry_same(&entry, &entries->items[i]),
				   "it is the same entry");
	}
	pmn_manifest_image_free(image);
}

static void
read_manifest(PmnFileSystem *fs, PmnArena *arena, uint8_t choice, PmnBytes file)
{
	PmnManifestMeta meta;
	PmnEntryList entries = {NULL, 0, 0};
	PmnCode code;

	memset(&meta, 0, sizeof(meta));
	meta.file_name = pmn_bytes_string("m");
	meta.file_size = meta.added_file_count = meta.deleted_file_count = -1;
	code =
		pmn_manifest_read(fs, arena, &table_path, &meta,
						  (choice & 8) != 0 ? keep_some : NULL, NULL, &entries);
	/* Images are made of what was loaded, where ORC has become Avro. */
	if ((choice & 8) == 0 &&
		(file.size < 3 || file.data[0] != 'O' || file.data[1] != 'R'))
		read_image(fs->env, arena, file, &entries, code == PMN_OK);
	if (code == PMN_OK)
		write_again(fs, arena, &entries, (choice >> 1) % 3);
	pmn_array_free(fs->env, &entries);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PmnTestEnv env;
	PmnFileSystem *fs = NULL;
	PmnArena *arena = NULL;

	if (size == 0)
		return 0;
	pmn_test_env_init(&env);
	if (pmn_fs_memory_open(&env.base, &fs) == PMN_OK &&
		pmn_arena_create(&env.base, 0, &arena) == PMN_OK &&
		pmn_fs_put(fs, "/t/manifest/m", PMN_PUT_NEW,
				   pmn_bytes(data + 1, size - 1)) == PMN_OK)
	{
		if ((data[0] & 1) != 0)
			read_list(fs, arena);
		else
			read_manifest(fs, arena, data[0], pmn_bytes(data + 1, size - 1));
	}
	pmn_arena_destroy(arena);
	pmn_fs_close(fs);
	fuzz_check(env.live_bytes == 0, "nothing leaks");
	return 0;
}
