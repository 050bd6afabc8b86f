/*
 * table_damage_testing.h
 *
 * A golden table in memory with all its files, each of a kind, for the test
 * that damages them. Tests only; each test file includes it once.
 */
#ifndef TABLE_DAMAGE_TESTING_H
#define TABLE_DAMAGE_TESTING_H

#include "table_testing.h"

#define ROOT "/w/db.db/t"
/* No golden table needs a tenth of that. */
#define MEMORY_MAX ((size_t) 256 << 20)

typedef enum FileKind
{
	KIND_SCHEMA,
	KIND_SNAPSHOT,
	KIND_HINT,
	KIND_TAG,
	KIND_BRANCH,
	KIND_CONSUMER,
	KIND_STATISTICS,
	KIND_MANIFEST_LIST,
	KIND_MANIFEST_AVRO,
	KIND_MANIFEST_ORC,
	KIND_INDEX_MANIFEST,
	KIND_DELETION_VECTORS,
	KIND_HASH_INDEX,
	KIND_FILE_INDEX,
	KIND_CHANGELOG,
	KIND_PARQUET,
	KIND_ORC,
	KIND_AVRO,
	KIND_OTHER,
	KIND_COUNT
} FileKind;

static const char *const kind_names[KIND_COUNT] = {
	"schema",		  "snapshot",	   "hint",			 "tag",
	"branch",		  "consumer",	   "statistics",	 "manifest list",
	"manifest, Avro", "manifest, ORC", "index manifest", "deletion vectors",
	"hash index",	  "file index",	   "changelog",		 "data, Parquet",
	"data, ORC",	  "data, Avro",	   "other",
};

typedef struct GoldenFile
{
	char *path; /* in the table's arena */
	FileKind kind;
} GoldenFile;

/* What a read gave: rows in any order. */
typedef struct RowSum
{
	uint64_t count;
	uint64_t sum;
} RowSum;

typedef struct Golden
{
	PmnTestEnv env; /* first: the hooks are given it */
	char name[64];
	PmnFileSystem *fs; /* the catalog's */
	PmnCatalog *catalog;
	PmnArena *arena;
	PMN_ARRAY(GoldenFile) files;
	bool has_deletion_vectors;
	RowSum rows; /* of the newest snapshot, undamaged */
	RowSum filtered[3];
	size_t live_bytes; /* when no handle is open */
	uint32_t number;   /* of the variant */
	FileKind kind;
	const char *path;
} Golden;

/* ---- the undamaged table ---------------------------------------------- */

static bool
starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static bool
ends_with(const char *text, const char *end)
{
	size_t size = strlen(text);
	size_t end_size = strlen(end);

	return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* path is relative to the table. */
static FileKind
kind_of(const Golden *golden, const char *path, PmnBytes bytes)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;

	if (starts_with(path, "branch/"))
		return KIND_BRANCH;
	if (starts_with(path, "tag/"))
		return KIND_TAG;
	if (starts_with(path, "consumer/"))
		return KIND_CONSUMER;
	if (starts_with(path, "statistics/"))
		return KIND_STATISTICS;
	if (starts_with(path, "schema/"))
		return KIND_SCHEMA;
	if (starts_with(path, "snapshot/"))
		return starts_with(name, "snapshot-") ? KIND_SNAPSHOT : KIND_HINT;
	if (starts_with(name, "manifest-list-"))
		return KIND_MANIFEST_LIST;
	if (starts_with(name, "index-manifest-"))
		return KIND_INDEX_MANIFEST;
	if (starts_with(name, "manifest-"))
		return bytes.size > 3 && memcmp(bytes.data, "ORC", 3) == 0
				   ? KIND_MANIFEST_ORC
				   : KIND_MANIFEST_AVRO;
	if (starts_with(path, "index/"))
		return golden->has_deletion_vectors ? KIND_DELETION_VECTORS
											: KIND_HASH_INDEX;
	if (ends_with(name, ".index"))
		return KIND_FILE_INDEX;
	if (starts_with(name, "changelog-"))
		return KIND_CHANGELOG;
	if (ends_with(name, ".parquet"))
		return KIND_PARQUET;
	if (ends_with(name, ".orc"))
		return KIND_ORC;
	return ends_with(name, ".avro") ? KIND_AVRO : KIND_OTHER;
}

static PmnCode
add_file(Golden *golden, const char *path, PmnBytes bytes)
{
	GoldenFile file;

	file.path = pmn_path_join(golden->arena, ROOT, path, NULL);
	file.kind = kind_of(golden, path, bytes);
	PMN_TRY(pmn_fs_put(golden->fs, file.path, PMN_PUT_OVERWRITE, bytes));
	PMN_TRY(pmn_array_reserve(&golden->env.base, &golden->files, 1));
	golden->files.items[golden->files.count++] = file;
	return PMN_OK;
}

/* Copy a directory of the golden table; path is relative to it. */
static PmnCode
copy_tree(Golden *golden, PmnFileSystem *local, const char *root,
		  const char *path)
{
	const char *directory =
		pmn_path_join(golden->arena, root, path[0] == '\0' ? NULL : path, NULL);
	PmnFileList list = {NULL, 0, 0};
	PmnBuffer bytes;
	PmnCode code = PMN_OK;

	PMN_TRY(pmn_fs_list(local, directory, golden->arena, &list));
	pmn_buffer_init(&bytes, &golden->env.base);
	for (size_t i = 0; i < list.count && code == PMN_OK; i++)
	{
		const PmnFileEntry *entry = &list.items[i];
		const char *child = path[0] == '\0' ? entry->name
											: pmn_path_join(golden->arena, path,
															entry->name, NULL);

		if (entry->is_directory)
		{
			code = copy_tree(golden, local, root, child);
			continue;
		}
		bytes.size = 0;
		code = pmn_fs_read_file(local,
								pmn_path_join(golden->arena, root, child, NULL),
								64u << 20, &bytes);
		if (code == PMN_OK)
			code = add_file(golden, child,
							pmn_bytes(bytes.data, (uint32_t) bytes.size));
	}
	pmn_buffer_free(&bytes);
	return code;
}

static int
compare_files(const void *left, const void *right)
{
	return strcmp(((const GoldenFile *) left)->path,
				  ((const GoldenFile *) right)->path);
}

static bool
mentions_deletion_vectors(Golden *golden, PmnFileSystem *local,
						  const char *root)
{
	static const char *const option = "\"deletion-vectors.enabled\"";
	PmnBuffer bytes;
	bool found = false;

	pmn_buffer_init(&bytes, &golden->env.base);
	if (pmn_fs_read_file(
			local, pmn_path_join(golden->arena, root, "schema/schema-0", NULL),
			1u << 20, &bytes) == PMN_OK)
		found = memmem(bytes.data, bytes.size, option, strlen(option)) != NULL;
	pmn_buffer_free(&bytes);
	return found;
}

/* The kinds that no golden table has. */
static PmnCode
add_missing_kinds(Golden *golden)
{
	static const char *const consumer = "{\"nextSnapshot\" : 1}";

	return add_file(golden, "consumer/consumer-c",
					pmn_bytes(consumer, (uint32_t) strlen(consumer)));
}

static PmnCode
load_golden(Golden *golden, const char *fixtures, const char *name)
{
	PmnEnv *env = &golden->env.base;
	PmnFileSystem *local = NULL;
	const char *root;
	PmnCode code;

	memset(golden, 0, sizeof(*golden));
	pmn_test_env_init(&golden->env);
	golden->env.limit_bytes = MEMORY_MAX;
	snprintf(golden->name, sizeof(golden->name), "%s", name);
	PMN_TRY(pmn_arena_create(env, 0, &golden->arena));
	PMN_TRY(pmn_fs_memory_open(env, &golden->fs));
	PMN_TRY(pmn_fs_local_open(env, &local));
	root = pmn_path_join(golden->arena, fixtures, name, "warehouse", "db.db",
						 "t", NULL);
	golden->has_deletion_vectors =
		mentions_deletion_vectors(golden, local, root);
	code = copy_tree(golden, local, root, "");
	if (code == PMN_OK)
		code = add_missing_kinds(golden);
	pmn_fs_close(local);
	PMN_TRY(code);
	qsort(golden->files.items, golden->files.count, sizeof(GoldenFile),
		  compare_files);
	return pmn_catalog_filesystem_open(env, golden->fs, "/w", &golden->catalog);
}

static void
unload_golden(Golden *golden)
{
	pmn_array_free(&golden->env.base, &golden->files);
	pmn_catalog_close(golden->catalog);
	pmn_arena_destroy(golden->arena);
	CHECK(golden->env.live_bytes == 0);
}

#endif /* TABLE_DAMAGE_TESTING_H */
