/*
 * catalog.c
 *
 * The public catalog functions: they check names and schemas, and hand over
 * to the implementation behind PmnCatalogOps. A warehouse is a URI; its scheme
 * chooses the file system. So far every catalog is a directory.
 */
#include "catalog.h"

#include <stdlib.h>
#include <string.h>

#include "../meta/meta_options.h"
#include "catalog_filesystem.h"

/* Path of a warehouse URI, without the slashes at its end; in arena. */
static PmnCode
warehouse_path(PmnEnv *env, PmnArena *arena, const char *warehouse, char **out)
{
	const char *path = warehouse;
	size_t size;

	if (strncmp(path, "file://", 7) == 0)
		path += 7;
	else if (strstr(path, "://") != NULL)
	{
		(void) pmn_fail(env, PMN_UNSUPPORTED,
						"warehouse \"%s\" has a scheme that is not supported",
						warehouse);
		return pmn_hint(env, "Use a path or a file:// URI.");
	}
	if (path[0] != '/')
		return pmn_fail(env, PMN_INVALID,
						"warehouse \"%s\" is not an absolute path", warehouse);
	size = strlen(path);
	while (size > 1 && path[size - 1] == '/')
		size--;
	*out = pmn_arena_string_n(arena, path, size);
	return *out == NULL ? PMN_NO_MEMORY : PMN_OK;
}

static PmnCode
open_warehouse(PmnEnv *env, PmnArena *arena, const char *warehouse,
			   PmnCatalog **out)
{
	PmnFileSystem *fs = NULL;
	char *path = NULL;
	bool exists = false;
	PmnCode code;

	PMN_TRY(warehouse_path(env, arena, warehouse, &path));
	PMN_TRY(pmn_fs_local_open(env, &fs));
	code = pmn_fs_exists(fs, path, &exists);
	if (code == PMN_OK && !exists)
		code = pmn_fail(env, PMN_NOT_FOUND,
						"warehouse directory \"%s\" does not exist", path);
	if (code != PMN_OK)
	{
		pmn_fs_close(fs);
		return code;
	}
	return pmn_catalog_filesystem_open(env, fs, path, out);
}

PmnCode
pmn_catalog_open(PmnEnv *env, const char *warehouse, PmnCatalog **out)
{
	PmnArena *arena = NULL;
	PmnCode code;

	*out = NULL;
	PMN_TRY(pmn_arena_create(env, 0, &arena));
	code = open_warehouse(env, arena, warehouse, out);
	pmn_arena_destroy(arena);
	return code;
}

void
pmn_catalog_close(PmnCatalog *catalog)
{
	if (catalog != NULL)
		catalog->ops->close(catalog);
}

void
pmn_catalog_use_cache(PmnCatalog *catalog, PmnCache *cache)
{
	catalog->cache = cache;
}

/* Names become path components; "$" separates system tables from tables. */
static PmnCode
check_names(PmnEnv *env, const char *database, const char *table)
{
	PMN_TRY(pmn_path_check_name(env, "database", database));
	if (table == NULL)
		return PMN_OK;
	PMN_TRY(pmn_path_check_name(env, "table", table));
	if (strchr(table, '$') != NULL)
		return pmn_fail(env, PMN_INVALID,
						"table name \"%s\" must not contain \"$\"", table);
	return PMN_OK;
}

PmnCode
pmn_catalog_load_schema(PmnCatalog *catalog, PmnArena *arena,
						const char *database, const char *table,
						const char *branch, PmnTablePath *path,
						PmnSchema **schema)
{
	PMN_TRY(check_names(catalog->env, database, table));
	if (branch != NULL && strcmp(branch, "main") == 0)
		branch = NULL;
	if (branch != NULL)
		PMN_TRY(pmn_path_check_name(catalog->env, "branch", branch));
	return catalog->ops->load_schema(catalog, arena, database, table, branch,
									 path, schema);
}

PmnCode
pmn_catalog_publish_snapshot(PmnCatalog *catalog, PmnArena *arena,
							 const PmnTablePath *path,
							 const PmnSnapshot *snapshot, bool *published)
{
	PMN_ASSERT(snapshot->info.id > 0);
	*published = false;
	return catalog->ops->publish_snapshot(catalog, arena, path, snapshot,
										  published);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Move names out of the arena into a PmnNames. */
static PmnCode
names_copy(PmnEnv *env, const char **names, uint32_t count, PmnNames *out)
{
	if (count == 0)
		return PMN_OK;
	out->items = pmn_alloc(env, count * sizeof(char *));
	if (out->items == NULL)
		return PMN_NO_MEMORY;
	/* Set at once: pmn_names_free skips the NULLs of a cut copy. */
	out->count = count;
	for (uint32_t i = 0; i < count; i++)
	{
		size_t size = strlen(names[i]) + 1;

		out->items[i] = pmn_alloc_raw(env, size);
		if (out->items[i] == NULL)
			return PMN_NO_MEMORY;
		memcpy(out->items[i], names[i], size);
	}
	return PMN_OK;
}

/* Sort and copy. */
static PmnCode
take_names(PmnEnv *env, const char **names, uint32_t count, PmnNames *out)
{
	PmnCode code;

	if (count > 1)
		qsort(names, count, sizeof(*names), compare_names);
	code = names_copy(env, names, count, out);
	if (code != PMN_OK)
		pmn_names_free(env, out);
	return code;
}

PmnCode
pmn_catalog_list_databases(PmnCatalog *catalog, PmnNames *out)
{
	PmnArena *arena = NULL;
	const char **names = NULL;
	uint32_t count = 0;
	PmnCode code;

	out->items = NULL;
	out->count = 0;
	PMN_TRY(pmn_arena_create(catalog->env, 0, &arena));
	code = catalog->ops->list_databases(catalog, arena, &names, &count);
	if (code == PMN_OK)
		code = take_names(catalog->env, names, count, out);
	pmn_arena_destroy(arena);
	return code;
}

PmnCode
pmn_catalog_list_tables(PmnCatalog *catalog, const char *database,
						PmnNames *out)
{
	PmnArena *arena = NULL;
	const char **names = NULL;
	uint32_t count = 0;
	PmnCode code;

	out->items = NULL;
	out->count = 0;
	PMN_TRY(check_names(catalog->env, database, NULL));
	PMN_TRY(pmn_arena_create(catalog->env, 0, &arena));
	code = catalog->ops->list_tables(catalog, arena, database, &names, &count);
	if (code == PMN_OK)
		code = take_names(catalog->env, names, count, out);
	pmn_arena_destroy(arena);
	return code;
}

void
pmn_names_free(PmnEnv *env, PmnNames *names)
{
	for (uint32_t i = 0; i < names->count; i++)
	{
		if (names->items[i] != NULL)
			pmn_free(env, names->items[i], strlen(names->items[i]) + 1);
	}
	pmn_free(env, names->items, names->count * sizeof(char *));
	names->items = NULL;
	names->count = 0;
}

/* A table that we could not fill is refused before it exists. */
static PmnCode
create_table(PmnCatalog *catalog, PmnArena *arena, const char *database,
			 const char *table, const PmnSchema *schema)
{
	PmnSchema *normal = NULL;
	PmnTableOptions options;

	PMN_TRY(pmn_schema_normalise(catalog->env, arena, schema, &normal));
	PMN_TRY(pmn_options_parse(arena, catalog->env, normal, &options));
	PMN_TRY(pmn_options_check_read(catalog->env, normal, &options));
	PMN_TRY(pmn_options_check_write(catalog->env, normal, &options));
	if (normal->time_millis == 0)
		normal->time_millis = catalog->env->now_millis(catalog->env);
	return catalog->ops->create_table(catalog, arena, database, table, normal);
}

PmnCode
pmn_catalog_create_table(PmnCatalog *catalog, const char *database,
						 const char *table, const PmnSchema *schema)
{
	PmnArena *arena = NULL;
	PmnCode code;

	PMN_TRY(check_names(catalog->env, database, table));
	PMN_TRY(pmn_arena_create(catalog->env, 0, &arena));
	code = create_table(catalog, arena, database, table, schema);
	pmn_arena_destroy(arena);
	return code;
}

PmnCode
pmn_catalog_drop_table(PmnCatalog *catalog, const char *database,
					   const char *table)
{
	PmnArena *arena = NULL;
	PmnCode code;

	PMN_TRY(check_names(catalog->env, database, table));
	PMN_TRY(pmn_arena_create(catalog->env, 0, &arena));
	code = catalog->ops->drop_table(catalog, arena, database, table);
	pmn_arena_destroy(arena);
	return code;
}

PmnCode
pmn_catalog_table_exists(PmnCatalog *catalog, const char *database,
						 const char *table, bool *exists)
{
	PmnArena *arena = NULL;
	PmnTablePath path;
	PmnSchema *schema = NULL;
	PmnCode code;

	*exists = false;
	PMN_TRY(check_names(catalog->env, database, table));
	PMN_TRY(pmn_arena_create(catalog->env, 0, &arena));
	code = catalog->ops->load_schema(catalog, arena, database, table, NULL,
									 &path, &schema);
	pmn_arena_destroy(arena);
	if (code == PMN_NO_TABLE || code == PMN_NO_DATABASE)
		return PMN_OK;
	*exists = code == PMN_OK;
	return code;
}
