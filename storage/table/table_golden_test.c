/*
 * table_golden_test.c
 *
 * Tables written by Apache Paimon, below the directory that PMN_FIXTURES
 * names: each one that we support must give as many rows as Paimon does, by
 * reading, in parts too, and by counting, and must verify without a report; each broken one
 * must fail with a code. Values are compared elsewhere, through SQL.
 */
#include <stdio.h>

#include "table_scan.h"
#include "table_testing.h"

/* Lines of expected/<file>; -1 when there is no such file. */
static int64_t
count_lines(PmnTestEnv *env, PmnFileSystem *fs, const char *root,
			const char *name, const char *file)
{
	PmnArena *arena = NULL;
	PmnBuffer text;
	int64_t lines = -1;

	pmn_buffer_init(&text, &env->base);
	CHECK_OK(env, pmn_arena_create(&env->base, 0, &arena));
	if (pmn_fs_read_file(
			fs, pmn_path_join(arena, root, name, "expected", file, NULL),
			1u << 30, &text) == PMN_OK)
	{
		lines = 0;
		for (size_t i = 0; i < text.size; i++)
			lines += text.data[i] == '\n';
	}
	pmn_buffer_free(&text);
	pmn_arena_destroy(arena);
	return lines;
}

/* Rows of a snapshot with all columns that can be read, or with none. */
static PmnCode
count_rows(PmnTable *table, int64_t snapshot_id, bool with_columns,
		   int64_t *rows)
{
	const PmnSchema *schema = pmn_table_schema(table);
	PmnScanRequest request = {.snapshot_id = snapshot_id};
	int32_t projection[256];
	uint32_t count = 0;
	PmnScan *scan = NULL;
	PmnRead *read = NULL;
	PmnBatch *batch = NULL;
	PmnCode code;

	*rows = 0;
	for (uint32_t f = 0; with_columns && f < schema->field_count; f++)
	{
		if (pmn_type_vector_kind(&schema->fields[f].type) != PMN_VECTOR_NONE)
			projection[count++] = (int32_t) f;
	}
	code = pmn_scan_plan(table, &request, &scan);
	if (code == PMN_OK)
		code = pmn_read_open(scan, projection, count, &read);
	while (code == PMN_OK)
	{
		code = pmn_read_next(read, &batch);
		if (code != PMN_OK || batch == NULL)
			break;
		CHECK(batch->selected_count > 0);
		CHECK(batch->column_count == count);
		*rows += batch->selected_count;
	}
	pmn_read_close(read);
	pmn_scan_close(scan);
	return code;
}

/* Which levels a read sees; the read-optimised one is no other in append
 * tables. */
static PmnCode
check_levels(PmnTable *table, int64_t snapshot_id, bool read_optimized,
			 uint32_t *file_count)
{
	PmnScanRequest request = {.snapshot_id = snapshot_id,
							  .read_optimized = read_optimized};
	const PmnTableOptions *options = &table->options;
	bool hides_level_0 = options->deletion_vectors
							 ? !options->deletion_vectors_merge_on_read
							 : options->merge_engine == PMN_MERGE_FIRST_ROW;
	PmnScan *scan = NULL;

	PMN_TRY(pmn_scan_plan(table, &request, &scan));
	*file_count = (uint32_t) scan->entries.count;
	for (size_t i = 0; table->lsm.is_keyed && i < scan->entries.count; i++)
	{
		int32_t level = scan->entries.items[i].file.level;

		CHECK(!hides_level_0 || level > 0);
		CHECK(!read_optimized || level == options->num_levels - 1);
	}
	CHECK(!read_optimized || scan->stats.merged_sections == 0);
	pmn_scan_close(scan);
	return PMN_OK;
}

static PmnCode
check_both_levels(PmnTable *table, int64_t snapshot_id)
{
	uint32_t all = 0;
	uint32_t optimized = 0;

	PMN_TRY(check_levels(table, snapshot_id, false, &all));
	PMN_TRY(check_levels(table, snapshot_id, true, &optimized));
	CHECK(table->lsm.is_keyed ? optimized <= all : optimized == all);
	return PMN_OK;
}

static uint32_t
next_part(void *context)
{
	return (*(uint32_t *) context)++;
}

/* Rows when two plans of the snapshot take turns at tiny parts of it. */
static PmnCode
count_parts(PmnTable *table, int64_t snapshot_id, int32_t field, int64_t *rows)
{
	PmnScanRequest request = {.snapshot_id = snapshot_id};
	PmnScan *scans[2] = {NULL, NULL};
	PmnRead *reads[2] = {NULL, NULL};
	PmnBatch *batch = NULL;
	uint32_t part = 0;
	uint32_t counts[2] = {0, 0};
	uint32_t at_end = 0;
	PmnCode code = PMN_OK;

	*rows = 0;
	for (int i = 0; i < 2 && code == PMN_OK; i++)
	{
		code = pmn_scan_plan(table, &request, &scans[i]);
		if (code == PMN_OK)
			code = pmn_scan_divide(scans[i], 3, &counts[i]);
		if (code == PMN_OK)
			code =
				pmn_read_open(scans[i], &field, field < 0 ? 0 : 1, &reads[i]);
		if (code == PMN_OK)
			pmn_read_by_parts(reads[i], next_part, &part);
	}
	CHECK(code != PMN_OK || counts[0] == counts[1]);
	for (uint32_t turn = 0; code == PMN_OK && at_end != 3; turn = 1 - turn)
	{
		code = pmn_read_next(reads[turn], &batch);
		if (code == PMN_OK && batch != NULL)
			*rows += batch->selected_count;
		else
			at_end |= 1u << turn;
	}
	for (int i = 0; i < 2; i++)
	{
		pmn_read_close(reads[i]);
		pmn_scan_close(scans[i]);
	}
	return code;
}

static bool
report(void *context, const char *object, const char *problem)
{
	printf("# %s: %s: %s\n", (const char *) context, object, problem);
	return true;
}

typedef struct VisitedSystem
{
	const PmnSystemTable *system;
	int64_t *cells;
} VisitedSystem;

/* Whatever a cell may not be null in has a value. */
static bool
check_cells(void *context, const PmnSystemCell *cells)
{
	VisitedSystem *visited = context;

	for (uint32_t i = 0; i < visited->system->column_count; i++)
	{
		const PmnSystemColumn *column = &visited->system->columns[i];

		CHECK(column->is_nullable || !cells[i].is_null);
		CHECK(cells[i].is_null || column->type != PMN_SYSTEM_TEXT ||
			  cells[i].text != NULL);
		(*visited->cells)++;
	}
	return true;
}

static PmnCode
visit_all_systems(PmnTable *table, int64_t *cells)
{
	const PmnTravel latest = {.kind = PMN_TRAVEL_LATEST};
	const PmnSystemTable *system;

	for (uint32_t i = 0; (system = pmn_system_table_at(i)) != NULL; i++)
	{
		VisitedSystem visited = {system, cells};

		if (!system->is_global)
			PMN_TRY(pmn_table_visit_system(table, system, &latest, check_cells,
										   &visited));
	}
	return PMN_OK;
}

/* Read one table; the code says whether it is supported. */
static PmnCode
read_table(PmnTestEnv *env, PmnFileSystem *fs, const char *root,
		   const char *name)
{
	PmnTravel travel = {.kind = PMN_TRAVEL_LATEST};
	int64_t expected = count_lines(env, fs, root, name, "merge-on-read.jsonl");
	char warehouse[512];
	PmnCatalog *catalog = NULL;
	PmnTable *table = NULL;
	int64_t id = 0;
	int64_t schema_id = 0;
	int64_t rows = 0;
	int64_t counted = 0;
	int64_t shared = 0;
	int64_t cells = 0;
	PmnCode code;

	/* An option that the Paimon which wrote the table does not know yet. */
	if (expected < 0)
		expected = count_lines(env, fs, root, name, "latest.jsonl");
	snprintf(warehouse, sizeof(warehouse), "%s/%s/warehouse", root, name);
	CHECK_OK(env, pmn_catalog_open(&env->base, warehouse, &catalog));
	code = pmn_table_open(catalog, "db", "t", NULL, &table);
	if (code == PMN_OK)
		code = pmn_table_check_read(table);
	if (code == PMN_OK)
		code = pmn_table_resolve(table, &travel, &id, &schema_id);
	if (code == PMN_OK)
		code = count_rows(table, id, true, &rows);
	if (code == PMN_OK)
		code = count_rows(table, id, false, &counted);
	for (int32_t field = -1; code == PMN_OK && field < 1; field++)
	{
		code = count_parts(table, id, field, &shared);
		CHECK(code != PMN_OK || shared == rows);
	}
	if (code == PMN_OK && (rows != expected || counted != expected))
	{
		printf("# %s: %" PRId64 " rows, %" PRId64 " counted, %" PRId64
			   " expected\n",
			   name, rows, counted, expected);
		CHECK(false);
	}
	if (code == PMN_OK)
		code = check_both_levels(table, id);
	if (code == PMN_OK)
		code = visit_all_systems(table, &cells);
	if (code == PMN_OK)
		code = pmn_table_verify(table, id, report, (void *) (uintptr_t) name);
	pmn_table_close(table);
	pmn_catalog_close(catalog);
	return code;
}

TEST(golden_tables_have_their_rows)
{
	const char *root = getenv("PMN_FIXTURES");
	PmnTestEnv env;
	PmnFileSystem *fs = NULL;
	PmnArena *arena = NULL;
	PmnFileList list = {NULL, 0, 0};
	uint32_t read = 0;
	uint32_t refused = 0;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_local_open(&env.base, &fs));
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, pmn_fs_list(fs, root, arena, &list));
	for (size_t i = 0; i < list.count; i++)
	{
		const char *name = list.items[i].name;
		bool is_broken = strncmp(name, "broken_", 7) == 0;
		PmnCode code;

		if (!list.items[i].is_directory)
			continue;
		code = read_table(&env, fs, root, name);
		read += code == PMN_OK;
		refused += code == PMN_UNSUPPORTED;
		if (code != PMN_OK)
			printf("# %s: code %d: %s (%s)\n", name, code,
				   env.base.error.message, env.base.error.detail);
		CHECK(is_broken ? code != PMN_OK
						: code == PMN_OK || code == PMN_UNSUPPORTED);
	}
	printf("# %" PRIu32 " tables read, %" PRIu32 " refused\n", read, refused);
	CHECK(read > 0);
	pmn_arena_destroy(arena);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

int
main(void)
{
	if (getenv("PMN_FIXTURES") == NULL || getenv("PMN_ARROW_PATH") == NULL)
	{
		printf("# skipped: PMN_FIXTURES and PMN_ARROW_PATH are not both "
			   "set\n");
		return 0;
	}
	RUN(golden_tables_have_their_rows);
	TEST_END();
}
