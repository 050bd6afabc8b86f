/*
 * catalog.h
 *
 * Where tables are, and how a snapshot becomes the newest one. One of the
 * module's four interfaces: ops tables are const, callers use the wrappers.
 * Names that reach an ops function have been checked.
 */
#ifndef CATALOG_H
#define CATALOG_H

#include "../fs/fs.h"
#include "../meta/meta_cache.h"
#include "../meta/meta_path.h"
#include "../meta/meta_schema.h"
#include "../meta/meta_snapshot.h"

typedef struct PmnCatalogOps
{
	const char *name; /* the option "metastore" */
	/* Newest schema and place of a table; both in arena. branch NULL is main.
	 * PMN_NO_DATABASE, PMN_NO_TABLE, PMN_INVALID (branch). */
	PmnCode (*load_schema)(PmnCatalog *catalog, PmnArena *arena,
						   const char *database, const char *table,
						   const char *branch, PmnTablePath *path,
						   PmnSchema **schema);
	/* schema is normalised. PMN_EXISTS. */
	PmnCode (*create_table)(PmnCatalog *catalog, PmnArena *arena,
							const char *database, const char *table,
							const PmnSchema *schema);
	PmnCode (*drop_table)(PmnCatalog *catalog, PmnArena *arena,
						  const char *database, const char *table);
	/* Names in arena, in no order. PMN_NO_DATABASE. */
	PmnCode (*list_tables)(PmnCatalog *catalog, PmnArena *arena,
						   const char *database, const char ***names,
						   uint32_t *count);
	/* Names of the databases, likewise, and where the warehouse is. */
	PmnCode (*list_databases)(PmnCatalog *catalog, PmnArena *arena,
							  const char ***names, uint32_t *count);
	const char *(*warehouse)(const PmnCatalog *catalog);
	/*
	 * Make snapshot the one of its id, atomically. *published false: somebody
	 * else's snapshot has that id. After an error the outcome is unknown.
	 */
	PmnCode (*publish_snapshot)(PmnCatalog *catalog, PmnArena *arena,
								const PmnTablePath *path,
								const PmnSnapshot *snapshot, bool *published);
	void (*close)(PmnCatalog *catalog);
} PmnCatalogOps;

struct PmnCatalog
{
	const PmnCatalogOps *ops;
	PmnEnv *env;
	PmnFileSystem *fs; /* where the tables' files are */
	PmnCache *cache;   /* NULL: none */
};

PMN_CHECKED PmnCode pmn_catalog_load_schema(
	PmnCatalog *catalog, PmnArena *arena, const char *database,
	const char *table, const char *branch, PmnTablePath *path,
	PmnSchema **schema);

PMN_CHECKED PmnCode pmn_catalog_publish_snapshot(PmnCatalog *catalog,
												 PmnArena *arena,
												 const PmnTablePath *path,
												 const PmnSnapshot *snapshot,
												 bool *published);

#endif /* CATALOG_H */
