/*
 * catalog_test.c
 *
 * Warehouses, databases and tables of the directory catalog: what exists, what
 * does not, which names are refused, and who wins a race for a snapshot.
 */
#include <string.h>

#include "../testing/testing.h"
#include "catalog_filesystem.h"

typedef struct Warehouse
{
	PmnTestEnv env;
	PmnCatalog *catalog;
	PmnField fields[2];
	const char *keys[1];
	PmnOption options[1];
	PmnSchema schema;
} Warehouse;

static void
warehouse_open(Warehouse *warehouse)
{
	PmnFileSystem *fs = NULL;

	memset(warehouse, 0, sizeof(*warehouse));
	pmn_test_env_init(&warehouse->env);
	CHECK_OK(&warehouse->env, pmn_fs_memory_open(&warehouse->env.base, &fs));
	CHECK_OK(&warehouse->env,
			 pmn_catalog_filesystem_open(&warehouse->env.base, fs, "/lake",
										 &warehouse->catalog));
	warehouse->fields[0].name = "k";
	warehouse->fields[0].type.kind = PMN_TYPE_INT;
	warehouse->fields[0].type.is_nullable = true;
	warehouse->fields[1].name = "v";
	warehouse->fields[1].type.kind = PMN_TYPE_BIGINT;
	warehouse->fields[1].type.is_nullable = true;
	warehouse->keys[0] = "k";
	warehouse->options[0] = (PmnOption){"bucket", "1"};
	warehouse->schema.fields = warehouse->fields;
	warehouse->schema.field_count = 2;
	warehouse->schema.primary_keys = warehouse->keys;
	warehouse->schema.primary_key_count = 1;
	warehouse->schema.options = warehouse->options;
	warehouse->schema.option_count = 1;
}

static void
warehouse_close(Warehouse *warehouse)
{
	pmn_catalog_close(warehouse->catalog);
	CHECK(warehouse->env.live_bytes == 0);
}

static PmnCode
create(Warehouse *warehouse, const char *database, const char *table)
{
	return pmn_catalog_create_table(warehouse->catalog, database, table,
									&warehouse->schema);
}

/* Goal: a warehouse must be an existing absolute directory. */
TEST(warehouses_are_checked)
{
	PmnTestEnv env;
	PmnCatalog *catalog = NULL;
	char directory[64];
	char uri[96];

	pmn_test_env_init(&env);
	pmn_test_directory(directory);
	CHECK(pmn_catalog_open(&env.base, "s3://bucket/x", &catalog) ==
		  PMN_UNSUPPORTED);
	CHECK(pmn_catalog_open(&env.base, "relative", &catalog) == PMN_INVALID);
	CHECK(pmn_catalog_open(&env.base, "", &catalog) == PMN_INVALID);
	CHECK(pmn_catalog_open(&env.base, "file://host/x", &catalog) ==
		  PMN_INVALID);
	CHECK(pmn_catalog_open(&env.base, "/no/such/place", &catalog) ==
		  PMN_NOT_FOUND);
	CHECK(catalog == NULL);
	snprintf(uri, sizeof(uri), "file://%s//", directory);
	CHECK_OK(&env, pmn_catalog_open(&env.base, uri, &catalog));
	pmn_catalog_close(catalog);
	pmn_test_remove_directory(directory);
	CHECK(env.live_bytes == 0);
}

/* Goal: tables come, are listed in order, and go. */
TEST(tables_come_and_go)
{
	Warehouse warehouse;
	PmnNames names;
	bool exists = true;
	PmnEnv *env;

	warehouse_open(&warehouse);
	env = &warehouse.env.base;
	CHECK_OK(&warehouse.env,
			 pmn_catalog_table_exists(warehouse.catalog, "db", "b", &exists));
	CHECK(!exists);
	CHECK(pmn_catalog_list_tables(warehouse.catalog, "db", &names) ==
		  PMN_NO_DATABASE);
	CHECK_OK(&warehouse.env, create(&warehouse, "db", "b"));
	CHECK_OK(&warehouse.env, create(&warehouse, "db", "a"));
	CHECK(create(&warehouse, "db", "a") == PMN_EXISTS);
	CHECK_OK(&warehouse.env, pmn_fs_make_directory(warehouse.catalog->fs,
												   "/lake/db.db/no_table"));
	CHECK_OK(&warehouse.env,
			 pmn_catalog_list_tables(warehouse.catalog, "db", &names));
	CHECK(names.count == 2 && strcmp(names.items[0], "a") == 0 &&
		  strcmp(names.items[1], "b") == 0);
	pmn_names_free(env, &names);
	CHECK_OK(&warehouse.env,
			 pmn_catalog_drop_table(warehouse.catalog, "db", "a"));
	CHECK(pmn_catalog_drop_table(warehouse.catalog, "db", "a") == PMN_NO_TABLE);
	CHECK(pmn_catalog_drop_table(warehouse.catalog, "db2", "a") ==
		  PMN_NO_DATABASE);
	CHECK_OK(&warehouse.env,
			 pmn_catalog_table_exists(warehouse.catalog, "db", "b", &exists));
	CHECK(exists);
	warehouse_close(&warehouse);
}

/* Goal: no name leaves the warehouse, and system tables are not tables. */
TEST(names_are_checked)
{
	static const char *const bad[] = {"",	  ".",	 "..",	"a/b",
									  "../x", "a\n", "a\\b"};
	Warehouse warehouse;
	PmnArena *arena = NULL;
	PmnTablePath path;
	PmnSchema *schema = NULL;

	warehouse_open(&warehouse);
	CHECK_OK(&warehouse.env, pmn_arena_create(&warehouse.env.base, 0, &arena));
	CHECK_OK(&warehouse.env, create(&warehouse, "db", "t"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
	{
		CHECK(create(&warehouse, "db", bad[i]) == PMN_INVALID);
		CHECK(create(&warehouse, bad[i], "t") == PMN_INVALID);
		CHECK(pmn_catalog_load_schema(warehouse.catalog, arena, "db", "t",
									  bad[i], &path, &schema) == PMN_INVALID);
	}
	CHECK(create(&warehouse, "db", "t$files") == PMN_INVALID);
	CHECK(pmn_catalog_load_schema(warehouse.catalog, arena, "db", "t", "x",
								  &path, &schema) == PMN_INVALID);
	CHECK_OK(&warehouse.env,
			 pmn_catalog_load_schema(warehouse.catalog, arena, "db", "t",
									 "main", &path, &schema));
	CHECK(path.branch == NULL && schema->id == 0);
	CHECK(!schema->fields[0].type.is_nullable);
	pmn_arena_destroy(arena);
	warehouse_close(&warehouse);
}

/* Goal: tables that could not be filled are not made. */
TEST(unsupported_tables_are_not_made)
{
	Warehouse warehouse;
	bool exists = true;

	warehouse_open(&warehouse);
	warehouse.options[0] = (PmnOption){"bucket", "-2"};
	CHECK(create(&warehouse, "db", "t") == PMN_UNSUPPORTED);
	warehouse.options[0] = (PmnOption){"bucket", "many"};
	CHECK(create(&warehouse, "db", "t") == PMN_INVALID);
	warehouse.options[0] = (PmnOption){"bucket", "1"};
	warehouse.keys[0] = "missing";
	CHECK(create(&warehouse, "db", "t") == PMN_INVALID);
	CHECK_OK(&warehouse.env,
			 pmn_catalog_table_exists(warehouse.catalog, "db", "t", &exists));
	CHECK(!exists);
	warehouse_close(&warehouse);
}

/* Goal: one snapshot wins an id, and its writer may ask twice. */
TEST(one_snapshot_wins)
{
	Warehouse warehouse;
	PmnArena *arena = NULL;
	PmnTablePath path = {.root = "/lake/db.db/t"};
	PmnSnapshot first;
	PmnSnapshot second;
	bool published = false;

	warehouse_open(&warehouse);
	CHECK_OK(&warehouse.env, pmn_arena_create(&warehouse.env.base, 0, &arena));
	memset(&first, 0, sizeof(first));
	first.version = 3;
	first.uuid = "11111111-1111-1111-1111-111111111111";
	first.base_manifest_list_size = -1;
	first.delta_manifest_list_size = -1;
	first.changelog_manifest_list_size = -1;
	first.info.id = 1;
	first.info.commit_user = "u";
	first.info.commit_kind = "APPEND";
	first.info.base_manifest_list = "b";
	first.info.delta_manifest_list = "d";
	second = first;
	second.uuid = "22222222-2222-2222-2222-222222222222";
	CHECK_OK(&warehouse.env,
			 pmn_catalog_publish_snapshot(warehouse.catalog, arena, &path,
										  &first, &published));
	CHECK(published);
	CHECK_OK(&warehouse.env,
			 pmn_catalog_publish_snapshot(warehouse.catalog, arena, &path,
										  &second, &published));
	CHECK(!published);
	CHECK_OK(&warehouse.env,
			 pmn_catalog_publish_snapshot(warehouse.catalog, arena, &path,
										  &first, &published));
	CHECK(published);
	pmn_arena_destroy(arena);
	warehouse_close(&warehouse);
}

/* Goal: no failed allocation leaks. */
TEST(every_allocation_failure_is_survived)
{
	PmnCode code = PMN_NO_MEMORY;

	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		Warehouse warehouse;
		PmnNames names = {NULL, 0};

		warehouse_open(&warehouse);
		warehouse.env.fail_step = warehouse.env.step + step;
		code = create(&warehouse, "db", "t");
		if (code == PMN_OK)
			code = pmn_catalog_list_tables(warehouse.catalog, "db", &names);
		if (code == PMN_OK)
			CHECK(names.count == 1);
		pmn_names_free(&warehouse.env.base, &names);
		warehouse_close(&warehouse);
		CHECK(step < 10000);
	}
	CHECK(code == PMN_OK);
}

int
main(void)
{
	RUN(warehouses_are_checked);
	RUN(tables_come_and_go);
	RUN(names_are_checked);
	RUN(unsupported_tables_are_not_made);
	RUN(one_snapshot_wins);
	RUN(every_allocation_failure_is_survived);
	TEST_END();
}
