/*
 * catalog_filesystem.c
 *
 * A warehouse as Paimon's FileSystemCatalog sees it: <root>/<db>.db/<table>,
 * and a table exists when its schema directory has a schema-<n>. There is no
 * other state, so nothing can disagree with the files.
 *
 * A snapshot is published by a put that fails when the file is there. The
 * answer "it is there" can still mean success: a put whose acknowledgement
 * was lost may have been repeated below us. The file's uuid, which no other
 * committer can have, decides.
 */
#include "catalog_filesystem.h"

#include <string.h>

typedef struct FilesystemCatalog
{
	PmnCatalog base;
	char *root;
	size_t root_size;
} FilesystemCatalog;

static const char *
catalog_root(const PmnCatalog *catalog)
{
	return ((const FilesystemCatalog *) catalog)->root;
}

/* Why there is no schema: no database, or no table in it. */
static PmnCode
no_table(PmnCatalog *catalog, PmnArena *arena, const char *database,
		 const char *table)
{
	char *path = pmn_path_database(arena, catalog_root(catalog), database);
	bool exists = false;

	if (path == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_fs_exists(catalog->fs, path, &exists));
	if (!exists)
		return pmn_fail(catalog->env, PMN_NO_DATABASE,
						"database \"%s\" does not exist in warehouse \"%s\"",
						database, catalog_root(catalog));
	return pmn_fail(catalog->env, PMN_NO_TABLE,
					"table \"%s.%s\" does not exist in warehouse \"%s\"",
					database, table, catalog_root(catalog));
}

/* Find the newest schema of main; *id is its number. */
static PmnCode
find_table(PmnCatalog *catalog, PmnArena *arena, const char *database,
		   const char *table, PmnTablePath *path, int64_t *id)
{
	PmnCode code;

	memset(path, 0, sizeof(*path));
	path->root = pmn_path_table(arena, catalog_root(catalog), database, table);
	if (path->root == NULL)
		return PMN_NO_MEMORY;
	code = pmn_schema_latest_id(catalog->fs, arena, path, id);
	if (code == PMN_NOT_FOUND)
		return no_table(catalog, arena, database, table);
	return code;
}

static PmnCode
filesystem_load_schema(PmnCatalog *catalog, PmnArena *arena,
					   const char *database, const char *table,
					   const char *branch, PmnTablePath *path,
					   PmnSchema **schema)
{
	int64_t id = 0;
	PmnCode code;

	PMN_TRY(find_table(catalog, arena, database, table, path, &id));
	if (branch != NULL)
	{
		path->branch = pmn_arena_string(arena, branch);
		if (path->branch == NULL)
			return PMN_NO_MEMORY;
		code = pmn_schema_latest_id(catalog->fs, arena, path, &id);
		if (code == PMN_NOT_FOUND)
			return pmn_fail(catalog->env, PMN_INVALID,
							"branch \"%s\" of table \"%s.%s\" does not exist",
							branch, database, table);
		PMN_TRY(code);
	}
	return pmn_schema_read(catalog->fs, arena, path, id, schema);
}

static PmnCode
filesystem_create_table(PmnCatalog *catalog, PmnArena *arena,
						const char *database, const char *table,
						const PmnSchema *schema)
{
	PmnTablePath path;
	int64_t id = 0;
	PmnCode code;

	code = find_table(catalog, arena, database, table, &path, &id);
	if (code == PMN_NO_TABLE || code == PMN_NO_DATABASE)
		code = pmn_schema_write(catalog->fs, arena, &path, schema);
	else if (code == PMN_OK)
		code = PMN_EXISTS;
	if (code == PMN_EXISTS)
		return pmn_fail(catalog->env, PMN_EXISTS,
						"table \"%s.%s\" already exists in warehouse \"%s\"",
						database, table, catalog_root(catalog));
	return code;
}

static PmnCode
filesystem_drop_table(PmnCatalog *catalog, PmnArena *arena,
					  const char *database, const char *table)
{
	PmnTablePath path;
	int64_t id = 0;

	PMN_TRY(find_table(catalog, arena, database, table, &path, &id));
	return pmn_fs_remove_tree(catalog->fs, path.root);
}

/* Whether a directory of a database is a table. */
static PmnCode
is_table(PmnCatalog *catalog, PmnArena *arena, const char *database,
		 const PmnFileEntry *entry, bool *out)
{
	PmnTablePath path;
	int64_t id = 0;
	PmnCode code;

	*out = false;
	if (!entry->is_directory || strchr(entry->name, '$') != NULL)
		return PMN_OK;
	memset(&path, 0, sizeof(path));
	path.root =
		pmn_path_table(arena, catalog_root(catalog), database, entry->name);
	if (path.root == NULL)
		return PMN_NO_MEMORY;
	code = pmn_schema_latest_id(catalog->fs, arena, &path, &id);
	*out = code == PMN_OK;
	return code == PMN_NOT_FOUND ? PMN_OK : code;
}

static PmnCode
filesystem_list_tables(PmnCatalog *catalog, PmnArena *arena,
					   const char *database, const char ***names,
					   uint32_t *count)
{
	char *path = pmn_path_database(arena, catalog_root(catalog), database);
	PmnFileList list = {NULL, 0, 0};
	PmnCode code;

	if (path == NULL)
		return PMN_NO_MEMORY;
	code = pmn_fs_list(catalog->fs, path, arena, &list);
	if (code == PMN_NOT_FOUND)
		return pmn_fail(catalog->env, PMN_NO_DATABASE,
						"database \"%s\" does not exist in warehouse \"%s\"",
						database, catalog_root(catalog));
	PMN_TRY(code);
	*names = pmn_arena_alloc(arena, list.count * sizeof(char *));
	if (*names == NULL)
		return PMN_NO_MEMORY;
	*count = 0;
	for (size_t i = 0; i < list.count; i++)
	{
		bool found = false;

		PMN_TRY(is_table(catalog, arena, database, &list.items[i], &found));
		if (found)
			(*names)[(*count)++] = list.items[i].name;
	}
	return PMN_OK;
}

/* Directories "<name>.db". */
static PmnCode
filesystem_list_databases(PmnCatalog *catalog, PmnArena *arena,
						  const char ***names, uint32_t *count)
{
	const size_t suffix_size = strlen(".db");
	PmnFileList list = {NULL, 0, 0};

	PMN_TRY(pmn_fs_list(catalog->fs, catalog_root(catalog), arena, &list));
	*names = pmn_arena_alloc(arena, list.count * sizeof(char *));
	if (*names == NULL)
		return PMN_NO_MEMORY;
	*count = 0;
	for (size_t i = 0; i < list.count; i++)
	{
		const char *name = list.items[i].name;
		size_t size = strlen(name);

		if (!list.items[i].is_directory || size <= suffix_size ||
			strcmp(name + size - suffix_size, ".db") != 0)
			continue;
		(*names)[*count] = pmn_arena_string_n(arena, name, size - suffix_size);
		if ((*names)[*count] == NULL)
			return PMN_NO_MEMORY;
		(*count)++;
	}
	return PMN_OK;
}

static PmnCode
filesystem_publish_snapshot(PmnCatalog *catalog, PmnArena *arena,
							const PmnTablePath *path,
							const PmnSnapshot *snapshot, bool *published)
{
	PmnSnapshot *there = NULL;
	PmnCode code;

	code = pmn_snapshot_write(catalog->fs, arena, path, snapshot);
	*published = code == PMN_OK;
	if (code != PMN_EXISTS)
		return code;
	code =
		pmn_snapshot_read(catalog->fs, arena, path, snapshot->info.id, &there);
	/* Gone again: it expired, so it cannot have been the one we just made. */
	if (code == PMN_NOT_FOUND)
		return PMN_OK;
	PMN_TRY(code);
	*published = there->uuid != NULL && snapshot->uuid != NULL &&
				 strcmp(there->uuid, snapshot->uuid) == 0;
	return PMN_OK;
}

static void
filesystem_close(PmnCatalog *catalog)
{
	FilesystemCatalog *self = (FilesystemCatalog *) catalog;

	pmn_fs_close(self->base.fs);
	pmn_free(self->base.env, self->root, self->root_size);
	pmn_free(self->base.env, self, sizeof(*self));
}

static const PmnCatalogOps filesystem_ops = {
	.name = "filesystem",
	.load_schema = filesystem_load_schema,
	.create_table = filesystem_create_table,
	.drop_table = filesystem_drop_table,
	.list_tables = filesystem_list_tables,
	.list_databases = filesystem_list_databases,
	.warehouse = catalog_root,
	.publish_snapshot = filesystem_publish_snapshot,
	.close = filesystem_close,
};

PmnCode
pmn_catalog_filesystem_open(PmnEnv *env, PmnFileSystem *fs, const char *root,
							PmnCatalog **out)
{
	FilesystemCatalog *self = pmn_alloc(env, sizeof(*self));

	*out = NULL;
	if (self == NULL)
	{
		pmn_fs_close(fs);
		return PMN_NO_MEMORY;
	}
	self->base.ops = &filesystem_ops;
	self->base.env = env;
	self->base.fs = fs;
	self->root_size = strlen(root) + 1;
	self->root = pmn_alloc_raw(env, self->root_size);
	if (self->root == NULL)
	{
		filesystem_close(&self->base);
		return PMN_NO_MEMORY;
	}
	memcpy(self->root, root, self->root_size);
	*out = &self->base;
	return PMN_OK;
}
