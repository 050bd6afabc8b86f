/*
 * Goal: schema files of Paimon are read without loss, printed as Paimon
 * prints them, and a new table's schema is one that Paimon accepts.
 */
#include "meta_schema.h"

#include "meta_testing.h"

static PmnTestEnv env;
static PmnArena *arena;

#define FIELD(id, name, type)                                                  \
	"{\"id\":" #id ",\"name\":\"" name "\",\"type\":\"" type "\"}"
#define SCHEMA(fields, partition, key, options)                                \
	"{\"version\":3,\"id\":0,\"fields\":[" fields                              \
	"],\"highestFieldId\":9,\"partitionKeys\":[" partition                     \
	"],\"primaryKeys\":[" key "],\"options\":{" options "},\"timeMillis\":5}"

static void
begin(void)
{
	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
}

static void
end(void)
{
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

static char *
printed(PmnTestEnv *test_env, PmnArena *into, const PmnSchema *schema)
{
	PmnBuffer text;
	char *copy;

	pmn_buffer_init(&text, &test_env->base);
	CHECK_OK(test_env, pmn_schema_print(schema, &text));
	copy = pmn_arena_string_n(into, (const char *) text.data, text.size);
	pmn_buffer_free(&text);
	return copy;
}

TEST(all_fields_survive)
{
	static const char text[] =
		"{\n  \"version\" : 3,\n  \"id\" : 4,\n  \"fields\" : [ {\n"
		"    \"id\" : 0,\n    \"name\" : \"k\",\n    \"type\" : \"INT NOT NULL\","
		"\n    \"description\" : \"key\",\n    \"defaultValue\" : \"7\"\n  } ],\n"
		"  \"highestFieldId\" : 3,\n  \"partitionKeys\" : [ ],\n"
		"  \"primaryKeys\" : [ \"k\" ],\n  \"options\" : {\n"
		"    \"bucket\" : \"1\"\n  },\n  \"comment\" : \"c\",\n"
		"  \"timeMillis\" : 1795348207963\n}";
	PmnSchema *schema;
	PmnBuffer compact;

	begin();
	schema = schema_from(&env, arena, text);
	CHECK(schema->id == 4 && schema->highest_field_id == 3);
	CHECK(strcmp(schema->fields[0].description, "key") == 0);
	CHECK(strcmp(schema->fields[0].default_value, "7") == 0);
	CHECK(!schema->fields[0].type.is_nullable);
	CHECK(strcmp(schema->comment, "c") == 0);
	CHECK(schema->time_millis == INT64_C(1795348207963));
	CHECK(strcmp(printed(&env, arena, schema), text) == 0);
	pmn_buffer_init(&compact, &env.base);
	CHECK_OK(&env, pmn_schema_print_fields(schema, &compact));
	CHECK(memcmp(compact.data, "[{\"id\":0,", 9) == 0);
	pmn_buffer_free(&compact);
	end();
}

static PmnCode
parse_code(const char *text)
{
	PmnSchema *schema;
	PmnCode code = pmn_schema_parse(&env.base, arena, pmn_bytes_string(text),
									"schema-0", &schema);

	CHECK((code == PMN_OK) == (schema != NULL));
	if (code == PMN_CORRUPT)
		CHECK(strstr(env.base.error.message, "schema-0") != NULL);
	return code;
}

TEST(broken_schemas_are_corrupt)
{
	begin();
	CHECK(parse_code(SCHEMA(FIELD(0, "a", "INT"), "", "", "")) == PMN_OK);
	CHECK(parse_code("") == PMN_CORRUPT);
	CHECK(parse_code("[]") == PMN_CORRUPT);
	CHECK(parse_code("{\"id\":0}") == PMN_CORRUPT);
	CHECK(parse_code(SCHEMA(FIELD(0, "a", "INTEGER64"), "", "", "")) ==
		  PMN_CORRUPT);
	CHECK(parse_code(SCHEMA(FIELD(0, "", "INT"), "", "", "")) == PMN_CORRUPT);
	CHECK(parse_code(SCHEMA(FIELD(-1, "a", "INT"), "", "", "")) == PMN_CORRUPT);
	CHECK(parse_code(SCHEMA(FIELD(0, "a", "INT") "," FIELD(1, "a", "INT"), "",
							"", "")) == PMN_CORRUPT);
	CHECK(parse_code(SCHEMA(FIELD(0, "a", "INT") "," FIELD(0, "b", "INT"), "",
							"", "")) == PMN_CORRUPT);
	CHECK(parse_code(SCHEMA(FIELD(0, "a", "INT"), "\"b\"", "", "")) ==
		  PMN_CORRUPT);
	CHECK(parse_code(SCHEMA(FIELD(0, "a", "INT"), "", "\"a\",\"a\"", "")) ==
		  PMN_CORRUPT);
	CHECK(parse_code(SCHEMA(FIELD(0, "a", "INT"), "", "", "\"x\":1")) ==
		  PMN_CORRUPT);
	end();
}

static PmnCode
normalise(const char *text, PmnSchema **out)
{
	return pmn_schema_normalise(&env.base, arena,
								schema_from(&env, arena, text), out);
}

TEST(new_tables_get_ids_and_not_null_keys)
{
	PmnSchema *schema = NULL;

	begin();
	CHECK_OK(&env,
			 normalise(SCHEMA(FIELD(7, "v", "STRING") "," FIELD(3, "k", "INT"),
							  "", "", "\"primary-key\":\"k\",\"bucket\":\"1\""),
					   &schema));
	CHECK(schema->version == 3 && schema->id == 0);
	CHECK(schema->fields[0].id == 0 && schema->fields[1].id == 1);
	CHECK(schema->highest_field_id == 1);
	CHECK(schema->primary_key_count == 1);
	CHECK(schema->option_count == 1);
	CHECK(schema->fields[0].type.is_nullable);
	CHECK(!schema->fields[1].type.is_nullable);
	CHECK(schema->time_millis == 5);
	end();
}

/* Goal: fields of rows, too, and in the order in which Paimon gives ids. */
TEST(fields_within_rows_get_ids)
{
	PmnSchema *schema = NULL;
	const PmnType *row;

	begin();
	CHECK_OK(
		&env,
		normalise(
			SCHEMA(
				"{\"id\":0,\"name\":\"r\",\"type\":{\"type\":\"ROW\","
				"\"fields\":[" FIELD(
					0, "x",
					"INT") ",{\"id\":0,"
						   "\"name\":\"y\",\"type\":{\"type\":\"ARRAY\","
						   "\"element\":{\"type\":\"ROW\",\"fields\":[" FIELD(
							   0, "z", "INT") "]}}}]}}," FIELD(1, "a", "INT"),
				"", "", ""),
			&schema));
	row = &schema->fields[0].type;
	CHECK(schema->fields[0].id == 0 && schema->fields[1].id == 4);
	CHECK(row->fields[0].id == 1 && row->fields[1].id == 3);
	CHECK(row->fields[1].type.element->fields[0].id == 2);
	CHECK(schema->highest_field_id == 4);
	end();
}

static bool
is_refused(const char *text, PmnCode expected)
{
	PmnSchema *schema;
	PmnCode code = normalise(text, &schema);

	if (code != expected)
		fprintf(stderr, "code %d for %s\n", (int) code, text);
	return code == expected && schema == NULL;
}

TEST(impossible_tables_are_refused)
{
#define TWO FIELD(0, "a", "INT") "," FIELD(1, "b", "STRING")
	begin();
	CHECK(is_refused(SCHEMA("", "", "", ""), PMN_INVALID));
	CHECK(
		is_refused(SCHEMA(FIELD(0, "_KEY_a", "INT"), "", "", ""), PMN_INVALID));
	CHECK(is_refused(SCHEMA(FIELD(0, "rowkind", "INT"), "", "", ""),
					 PMN_INVALID));
	CHECK(is_refused(SCHEMA(TWO, "\"a\"", "\"a\"", ""), PMN_INVALID));
	CHECK(is_refused(SCHEMA(TWO, "\"a\"", "\"b\"", "\"bucket\":\"2\""),
					 PMN_INVALID));
	CHECK(is_refused(SCHEMA(TWO, "", "", "\"bucket\":\"2\""), PMN_INVALID));
	CHECK(is_refused(SCHEMA(TWO, "", "", "\"bucket-key\":\"a\""), PMN_INVALID));
	CHECK(is_refused(
		SCHEMA(TWO, "", "\"a\"", "\"bucket\":\"2\",\"bucket-key\":\"b\""),
		PMN_INVALID));
	CHECK(is_refused(
		SCHEMA(TWO, "\"a\"", "", "\"bucket\":\"2\",\"bucket-key\":\"a\""),
		PMN_INVALID));
	CHECK(is_refused(SCHEMA(TWO, "", "", "\"bucket\":\"-2\""), PMN_INVALID));
	CHECK(is_refused(SCHEMA(TWO, "", "\"a\"", "\"primary-key\":\"a\""),
					 PMN_INVALID));
	CHECK(is_refused(SCHEMA(TWO, "", "", "\"changelog-producer\":\"input\""),
					 PMN_INVALID));
	CHECK(is_refused(SCHEMA(TWO, "", "", "\"partition\":\"z\""), PMN_INVALID));
	CHECK(is_refused(SCHEMA(TWO, "", "", "\"path\":\"/x\""), PMN_UNSUPPORTED));
	CHECK(is_refused(SCHEMA(TWO, "", "", "\"snapshot.num-retained.min\":\"0\""),
					 PMN_INVALID));
	CHECK(is_refused(SCHEMA(TWO, "", "", "\"fields.a.stats-mode\":\"x\""),
					 PMN_INVALID));
	CHECK(is_refused(SCHEMA("{\"id\":0,\"name\":\"m\",\"type\":{\"type\":"
							"\"ARRAY\",\"element\":\"BLOB\"}}",
							"", "", ""),
					 PMN_UNSUPPORTED));
	end();
}

TEST(only_the_first_write_wins)
{
	PmnFileSystem *fs = NULL;
	PmnTablePath path = {"/w/d.db/t", NULL, NULL};
	PmnSchema *schema;
	int64_t id;

	begin();
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	schema = schema_from(&env, arena, SCHEMA(FIELD(0, "a", "INT"), "", "", ""));
	CHECK(pmn_schema_latest_id(fs, arena, &path, &id) == PMN_NOT_FOUND);
	CHECK_OK(&env, pmn_schema_write(fs, arena, &path, schema));
	CHECK(pmn_schema_write(fs, arena, &path, schema) == PMN_EXISTS);
	schema->id = 11;
	CHECK_OK(&env, pmn_schema_write(fs, arena, &path, schema));
	CHECK_OK(&env, pmn_schema_latest_id(fs, arena, &path, &id));
	CHECK(id == 11);
	CHECK_OK(&env, pmn_schema_read(fs, arena, &path, 11, &schema));
	CHECK(pmn_schema_read(fs, arena, &path, 5, &schema) == PMN_NOT_FOUND);
	CHECK(schema == NULL);
	/* A file that holds another schema than its name says. */
	CHECK_OK(&env, pmn_fs_put(fs, "/w/d.db/t/schema/schema-12", PMN_PUT_NEW,
							  pmn_bytes_string(
								  SCHEMA(FIELD(0, "a", "INT"), "", "", ""))));
	CHECK(pmn_schema_read(fs, arena, &path, 12, &schema) == PMN_CORRUPT);
	pmn_fs_close(fs);
	end();
}

static PmnCode
parse_and_print(PmnTestEnv *test_env)
{
	static const char text[] =
		SCHEMA(TWO, "\"b\"", "\"a\",\"b\"", "\"bucket\":\"1\",\"x\":\"y\"");
	PmnArena *own = NULL;
	PmnSchema *schema = NULL;
	PmnBuffer buffer;
	PmnCode code;

	pmn_buffer_init(&buffer, &test_env->base);
	code = pmn_arena_create(&test_env->base, 64, &own);
	if (code == PMN_OK)
		code = pmn_schema_parse(&test_env->base, own, pmn_bytes_string(text),
								"x", &schema);
	if (code == PMN_OK)
		code = pmn_schema_normalise(&test_env->base, own, schema, &schema);
	if (code == PMN_OK)
		code = pmn_schema_print(schema, &buffer);
	pmn_buffer_free(&buffer);
	pmn_arena_destroy(own);
	return code;
}

TEST(survives_every_allocation_failure)
{
	PmnCode code = PMN_NO_MEMORY;

	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		PmnTestEnv failing;

		pmn_test_env_fail_at(&failing, step);
		code = parse_and_print(&failing);
		CHECK(failing.live_bytes == 0);
	}
	CHECK(code == PMN_OK);
}

/* The text of a file, as it is. */
static char *
file_text(const Fixture *fixture, const char *file)
{
	PmnBuffer text;
	char *copy;

	pmn_buffer_init(&text, &fixture->env->base);
	CHECK_OK(fixture->env, pmn_fs_read_file(fixture->fs, file, 1 << 20, &text));
	copy =
		pmn_arena_string_n(fixture->arena, (const char *) text.data, text.size);
	pmn_buffer_free(&text);
	return copy;
}

static void
check_schema(const Fixture *fixture, int64_t id)
{
	char *file = pmn_path_schema(fixture->arena, &fixture->path, id);
	char *original = file_text(fixture, file);
	PmnSchema *schema = NULL;
	char *text;

	CHECK_OK(fixture->env, pmn_schema_read(fixture->fs, fixture->arena,
										   &fixture->path, id, &schema));
	text = printed(fixture->env, fixture->arena, schema);
	if (strcmp(text, original) != 0)
		fprintf(stderr, "%s differs:\n%s\n%s\n", file, original, text);
	CHECK(strcmp(text, original) == 0);
}

static void
check_fixture(const Fixture *fixture, void *context)
{
	uint32_t *count = context;
	PmnSchema *schema;
	int64_t last = 0;

	CHECK_OK(fixture->env, pmn_schema_latest_id(fixture->fs, fixture->arena,
												&fixture->path, &last));
	if (strcmp(fixture->name, "broken_schema_type") == 0)
	{
		CHECK(pmn_schema_read(fixture->fs, fixture->arena, &fixture->path, last,
							  &schema) == PMN_CORRUPT);
		return;
	}
	for (int64_t id = 0; id <= last; id++)
	{
		check_schema(fixture, id);
		(*count)++;
	}
}

TEST(golden_schemas_are_printed_to_the_byte)
{
	uint32_t count = 0;

	if (visit_fixtures(check_fixture, &count))
		CHECK(count > 100);
	else
		printf("# PMN_FIXTURES is not set\n");
}

int
main(void)
{
	RUN(all_fields_survive);
	RUN(broken_schemas_are_corrupt);
	RUN(new_tables_get_ids_and_not_null_keys);
	RUN(fields_within_rows_get_ids);
	RUN(impossible_tables_are_refused);
	RUN(only_the_first_write_wins);
	RUN(survives_every_allocation_failure);
	RUN(golden_schemas_are_printed_to_the_byte);
	TEST_END();
}
