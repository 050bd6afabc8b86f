/*
 * table_inspect_testing.h
 *
 * Tests only: a keyed table in memory with two snapshots that say nothing of
 * files, and whatever else a test puts into its folder.
 */
#ifndef TABLE_INSPECT_TESTING_H
#define TABLE_INSPECT_TESTING_H

#include "../include/pmn_changes.h"
#include "../include/pmn_system.h"
#include "table_testing.h"

typedef struct RefLake
{
	PmnTestEnv env;
	PmnFileSystem *fs; /* the catalog's */
	PmnCatalog *catalog;
	PmnTable *table;
} RefLake;

/* path is below the table's folder. */
static inline PmnCode
ref_lake_put(RefLake *lake, const char *path, PmnBytes bytes)
{
	char full[256];

	snprintf(full, sizeof(full), "/lake/db.db/t/%s", path);
	return pmn_fs_put(lake->fs, full, PMN_PUT_OVERWRITE, bytes);
}

/* A snapshot; more is further members of its JSON, with a comma behind. */
static inline PmnCode
ref_lake_put_snapshot(RefLake *lake, const char *path, int id, const char *more)
{
	char text[1024];

	snprintf(text, sizeof(text),
			 "{\"version\":3,%s\"id\":%d,\"schemaId\":0,"
			 "\"baseManifestList\":\"manifest-list-0\","
			 "\"deltaManifestList\":\"manifest-list-1\","
			 "\"commitUser\":\"u\",\"commitIdentifier\":%d,"
			 "\"commitKind\":\"APPEND\",\"timeMillis\":%d,"
			 "\"totalRecordCount\":5,\"deltaRecordCount\":5}",
			 more, id, id, 1000 * id);
	return ref_lake_put(lake, path, pmn_bytes_string(text));
}

static inline PmnCode
ref_lake_fill(RefLake *lake)
{
	static const TestColumn columns[] = {
		{"k", "INT NOT NULL"}, {"v", "BIGINT"}, {NULL, NULL}};
	static const TestTable table = {.columns = columns,
									.primary_keys = {"k"},
									.options = {{"bucket", "1"}}};

	PMN_TRY(test_create_table(lake->catalog, "t", &table));
	PMN_TRY(ref_lake_put_snapshot(lake, "snapshot/snapshot-1", 1, ""));
	return ref_lake_put_snapshot(lake, "snapshot/snapshot-2", 2,
								 "\"statistics\":\"stat-1\",");
}

/* Whatever fails, ref_lake_close is to follow. */
static inline PmnCode
ref_lake_open(RefLake *lake)
{
	PmnFileSystem *fs = NULL;

	PMN_TRY(pmn_fs_memory_open(&lake->env.base, &fs));
	PMN_TRY(pmn_catalog_filesystem_open(&lake->env.base, fs, "/lake",
										&lake->catalog));
	lake->fs = fs;
	PMN_TRY(ref_lake_fill(lake));
	return pmn_table_open(lake->catalog, "db", "t", NULL, &lake->table);
}

static inline void
ref_lake_close(RefLake *lake)
{
	pmn_table_close(lake->table);
	pmn_catalog_close(lake->catalog);
	lake->table = NULL;
	lake->catalog = NULL;
}

static inline PmnCode
ref_lake_visit(RefLake *lake, const char *system, PmnSystemVisitor visit,
			   void *context)
{
	const PmnTravel travel = {.kind = PMN_TRAVEL_LATEST};

	return pmn_table_visit_system(lake->table, pmn_system_table(system, false),
								  &travel, visit, context);
}

#endif /* TABLE_INSPECT_TESTING_H */
