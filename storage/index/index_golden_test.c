/*
 * Goal: of indexes that Paimon's Java made, none leaves out a row that
 * matches, those that know each value are exact, and bloom filters deny most
 * values that are not there. Needs PMN_ARROW_PATH and PMN_FIXTURES;
 * PMN_INDEX_TABLES names a folder of more cases.
 */
#include "index_testing.h"

#include "../type/type_compare.h"

static IndexedFile file;

static void
open_schema(const char *root)
{
	char *path = pmn_path_join(file.arena, root, "schema", "schema-0", NULL);
	PmnSchema *schema = NULL;
	PmnBuffer text;

	pmn_buffer_init(&text, &file.env.base);
	CHECK_OK(&file.env, pmn_fs_read_file(file.fs, path, 1 << 20, &text));
	CHECK_OK(&file.env,
			 pmn_schema_parse(&file.env.base, file.arena,
							  pmn_bytes(text.data, text.size), path, &schema));
	pmn_buffer_free(&text);
	file.schema = schema;
}

/* All columns that have an order; the file's rows must be one batch. */
static void
open_rows(const char *path)
{
	static PmnFormatColumn columns[INDEX_FIELDS_MAX];
	PmnFormatReadRequest request = {.columns = columns};
	const PmnFormatOps *format = NULL;
	uint64_t first_row;

	CHECK(file.schema->field_count <= INDEX_FIELDS_MAX);
	for (uint32_t f = 0; f < file.schema->field_count; f++)
	{
		const PmnField *field = &file.schema->fields[f];

		file.names[f] = NULL;
		file.field_columns[f] = -1;
		if (!pmn_type_is_comparable(&field->type))
			continue;
		file.names[f] = field->name;
		file.field_columns[f] = (int32_t) request.column_count;
		columns[request.column_count].name = field->name;
		columns[request.column_count].id = field->id;
		columns[request.column_count++].type = field->type;
	}
	CHECK_OK(&file.env, pmn_format_lookup(&file.env.base, "parquet", &format));
	CHECK_OK(&file.env, pmn_fs_open_read(file.fs, path, &file.file));
	CHECK_OK(&file.env,
			 pmn_format_open_reader(format, file.file, &request, &file.reader));
	CHECK_OK(&file.env, pmn_format_next(file.reader, &file.batch, &first_row));
	CHECK(file.batch != NULL &&
		  file.batch->row_count == file.reader->row_count);
}

static void
try_field(uint32_t field)
{
	const PmnVector *column = &file.batch->columns[file.field_columns[field]];
	const PmnType *type = &file.schema->fields[field].type;
	PmnValue literals[6];
	uint32_t count = 0;

	for (uint32_t row = 0; row < file.batch->row_count;
		 row += 1 + file.batch->row_count / 80)
	{
		PmnValue value = pmn_vector_value(column, row);

		if (value.is_null)
			continue;
		literals[0] = neighbour(&file.env, file.arena, type, value);
		for (count = 1; count < 6; count++)
			literals[count] = literals[count - 1];
		literals[1] = value;
		try_literal(&file, (int32_t) field, literals, 6);
		try_literal(&file, (int32_t) field, literals + 1, 1);
	}
}

/* Trees of leaves on two fields. */
static void
try_trees(void)
{
	PmnValue values[2];
	PmnPredicate leaves[2];
	const PmnPredicate *children[] = {&leaves[0], &leaves[1]};
	uint32_t fields[INDEX_FIELDS_MAX];
	uint32_t known = file.known;
	uint32_t exact = file.exact;
	uint32_t count = 0;

	for (uint32_t f = 0; f < file.schema->field_count; f++)
	{
		if (file.names[f] != NULL)
			fields[count++] = f;
	}
	for (uint32_t i = 0; i < 500; i++)
	{
		PmnPredicate tree = {.op = i % 2 == 0 ? PMN_PREDICATE_AND
											  : PMN_PREDICATE_OR,
							 .children = children,
							 .child_count = 2};
		bool is_usable = true;

		for (uint32_t c = 0; c < 2; c++)
		{
			uint32_t field = fields[pmn_test_below(&file.env, count)];

			values[c] = pmn_vector_value(
				&file.batch->columns[file.field_columns[field]],
				pmn_test_below(&file.env, file.batch->row_count));
			is_usable = is_usable && !values[c].is_null;
			leaves[c] = (PmnPredicate){.op = PMN_PREDICATE_EQ +
											 pmn_test_below(&file.env, 6),
									   .field = (int32_t) field,
									   .literals = &values[c],
									   .literal_count = 1};
		}
		if (is_usable)
			compare_answers(&file, &tree);
	}
	/* One side may be unknown: too large is right. */
	file.known = known;
	file.exact = exact;
}

/* Damage never crashes, and never takes much memory. */
static void
damage_index(void)
{
	PmnIndexColumns columns = {file.schema, file.names};
	PmnArena *arena = NULL;
	PmnBuffer copy;
	PmnRows rows;

	pmn_buffer_init(&copy, &file.env.base);
	CHECK_OK(&file.env, pmn_arena_create(&file.env.base, 0, &arena));
	for (uint32_t i = 0; i < 2000; i++)
	{
		uint32_t flips = 1 + pmn_test_below(&file.env, 3);
		uint32_t field = pmn_test_below(&file.env, file.schema->field_count);
		PmnPredicate leaf = {.op = PMN_PREDICATE_IS_NULL,
							 .field = (int32_t) field};
		PmnValue value = {.is_null = true};
		PmnCode code;

		if (file.names[field] == NULL)
			continue;
		value = pmn_vector_value(
			&file.batch->columns[file.field_columns[field]], i % 7);
		if (!value.is_null)
			leaf = (PmnPredicate){.op = PMN_PREDICATE_EQ +
										pmn_test_below(&file.env, 6),
								  .field = (int32_t) field,
								  .literals = &value,
								  .literal_count = 1};
		pmn_buffer_reset(&copy);
		CHECK_OK(&file.env,
				 pmn_buffer_append(&copy, file.index.data, file.index.size));
		for (uint32_t f = 0; f < flips; f++)
			copy.data[pmn_test_below(&file.env, (uint32_t) copy.size)] ^=
				(uint8_t) (1u << pmn_test_below(&file.env, 8));
		pmn_arena_reset(arena);
		code = pmn_index_evaluate(
			&file.env.base, arena, pmn_bytes(copy.data, copy.size), "damaged",
			&columns, &leaf, file.batch->row_count, &rows);
		CHECK(code == PMN_OK || code == PMN_CORRUPT);
		CHECK(pmn_arena_bytes(arena) < 4 << 20);
	}
	pmn_arena_destroy(arena);
	pmn_buffer_free(&copy);
}

static void
check_index(const char *directory, const char *index_name)
{
	size_t size = strlen(index_name) - strlen(".index");
	char *name = pmn_arena_string_n(file.arena, index_name, size);
	char *path = pmn_path_join(file.arena, directory, index_name, NULL);

	snprintf(file.path, sizeof(file.path), "%s", path);
	pmn_buffer_init(&file.index, &file.env.base);
	CHECK_OK(&file.env, pmn_fs_read_file(file.fs, path, 16 << 20, &file.index));
	open_rows(pmn_path_join(file.arena, directory, name, NULL));
	for (uint32_t f = 0; f < file.schema->field_count; f++)
	{
		if (file.names[f] != NULL)
			try_field(f);
	}
	try_trees();
	damage_index();
	pmn_format_reader_close(file.reader);
	pmn_file_reader_close(file.file);
	pmn_buffer_free(&file.index);
}

/* Indexes of a case's only bucket; false when there is none. */
static bool
check_case(const char *root, const char *name)
{
	PmnFileList list = {NULL, 0, 0};
	char *table;
	char *bucket;
	uint32_t found = 0;

	memset(&file, 0, sizeof(file));
	pmn_test_env_init(&file.env);
	CHECK_OK(&file.env, pmn_fs_local_open(&file.env.base, &file.fs));
	CHECK_OK(&file.env, pmn_arena_create(&file.env.base, 0, &file.arena));
	CHECK_OK(&file.env, pmn_arena_create(&file.env.base, 0, &file.scratch));
	table = pmn_path_join(file.arena, root, name, "warehouse/db.db/t", NULL);
	bucket = pmn_path_join(file.arena, table, "bucket-0", NULL);
	if (pmn_fs_list(file.fs, bucket, file.arena, &list) == PMN_OK)
	{
		open_schema(table);
		for (size_t i = 0; i < list.count; i++)
		{
			const char *end = strrchr(list.items[i].name, '.');

			if (end == NULL || strcmp(end, ".index") != 0)
				continue;
			check_index(bucket, list.items[i].name);
			found++;
		}
		printf("# %s: %u files, %u answers, %u exact, %u rows missed\n", name,
			   found, file.known, file.exact, file.missed);
		CHECK(file.missed == 0);
	}
	pmn_arena_destroy(file.scratch);
	pmn_arena_destroy(file.arena);
	pmn_fs_close(file.fs);
	CHECK(file.env.live_bytes == 0);
	return found > 0;
}

TEST(indexes_that_know_values_are_exact)
{
	static const char *const names[] = {"file_index_bitmap", "file_index_bsi",
										"file_index_range_bitmap"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
	{
		CHECK(check_case(getenv("PMN_FIXTURES"), names[i]));
		CHECK(file.known > 1000);
		CHECK(file.known == file.exact);
	}
}

TEST(bloom_filters_deny_what_is_not_there)
{
	CHECK(check_case(getenv("PMN_FIXTURES"), "file_index_bloom"));
	CHECK(file.known > 100);
	CHECK(file.known == file.exact);
}

TEST(more_tables)
{
	const char *root = getenv("PMN_INDEX_TABLES");
	PmnFileList list = {NULL, 0, 0};
	PmnFileSystem *fs = NULL;
	PmnArena *arena = NULL;
	PmnTestEnv env;

	if (root == NULL)
		return;
	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_local_open(&env.base, &fs));
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, pmn_fs_list(fs, root, arena, &list));
	for (size_t i = 0; i < list.count; i++)
		CHECK(check_case(root, list.items[i].name));
	pmn_arena_destroy(arena);
	pmn_fs_close(fs);
}

int
main(void)
{
	if (getenv("PMN_ARROW_PATH") == NULL || getenv("PMN_FIXTURES") == NULL)
	{
		printf("# skipped: PMN_ARROW_PATH or PMN_FIXTURES is not set\n");
		TEST_END();
	}
	RUN(indexes_that_know_values_are_exact);
	RUN(bloom_filters_deny_what_is_not_there);
	RUN(more_tables);
	TEST_END();
}
