/*
 * type_test.c
 *
 * Types from and to SQL spelling and JSON; copies and equality.
 */
#include "type_name.h"
#include "type_random.h"

/* Spelled as the first, a type prints as the second. */
static const char *const spellings[][2] = {
	{"BOOLEAN", "BOOLEAN"},
	{"tinyint", "TINYINT"},
	{"SMALLINT NULL", "SMALLINT"},
	{"INT NOT NULL", "INT NOT NULL"},
	{" integer  not\tnull ", "INT NOT NULL"},
	{"BIGINT", "BIGINT"},
	{"FLOAT", "FLOAT"},
	{"DOUBLE", "DOUBLE"},
	{"DOUBLE PRECISION NOT NULL", "DOUBLE NOT NULL"},
	{"DECIMAL", "DECIMAL(10, 0)"},
	{"DEC(5)", "DECIMAL(5, 0)"},
	{"numeric(38,38)", "DECIMAL(38, 38)"},
	{"DECIMAL(10, 2) NOT NULL", "DECIMAL(10, 2) NOT NULL"},
	{"CHAR", "CHAR(1)"},
	{"CHAR(10)", "CHAR(10)"},
	{"VARCHAR", "VARCHAR(1)"},
	{"VARCHAR(20)", "VARCHAR(20)"},
	{"VARCHAR(2147483647)", "STRING"},
	{"STRING", "STRING"},
	{"BINARY", "BINARY(1)"},
	{"VARBINARY(8)", "VARBINARY(8)"},
	{"VARBINARY(2147483647)", "BYTES"},
	{"bytes", "BYTES"},
	{"DATE", "DATE"},
	{"TIME", "TIME(0)"},
	{"TIME(3) WITHOUT TIME ZONE", "TIME(3)"},
	{"TIMESTAMP", "TIMESTAMP(6)"},
	{"TIMESTAMP(9)", "TIMESTAMP(9)"},
	{"TIMESTAMP(3) WITHOUT TIME ZONE NOT NULL", "TIMESTAMP(3) NOT NULL"},
	{"TIMESTAMP(3) WITH LOCAL TIME ZONE NOT NULL",
	 "TIMESTAMP(3) WITH LOCAL TIME ZONE NOT NULL"},
	{"TIMESTAMP WITH LOCAL TIME ZONE", "TIMESTAMP(6) WITH LOCAL TIME ZONE"},
	{"TIMESTAMP_LTZ(0)", "TIMESTAMP(0) WITH LOCAL TIME ZONE"},
	{"VARIANT", "VARIANT"},
	{"BLOB", "BLOB"},
	{"GEOMETRY", "GEOMETRY(OGC:CRS84)"},
	{"GEOGRAPHY('OGC:CRS84', spherical)", "GEOGRAPHY(OGC:CRS84, spherical)"},
};

/* Goal: every accepted spelling gives its canonical form. */
TEST(names)
{
	PmnTestEnv env;
	PmnBuffer buffer;
	char name[128];

	pmn_test_env_init(&env);
	pmn_buffer_init(&buffer, &env.base);
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++)
	{
		PmnType type;
		PmnType again;

		CHECK_OK(&env, pmn_type_parse_name(&env.base, spellings[i][0], &type));
		CHECK(strcmp(pmn_type_name(&type, name, sizeof(name)),
					 spellings[i][1]) == 0);
		CHECK_OK(&env, pmn_type_parse_name(&env.base, name, &again));
		CHECK(pmn_type_equal(&type, &again) &&
			  type.is_nullable == again.is_nullable);
		pmn_buffer_reset(&buffer);
		CHECK_OK(&env, pmn_type_append_name(&buffer, &type));
		CHECK(pmn_bytes_equal(pmn_bytes(buffer.data, buffer.size),
							  pmn_bytes_string(name)));
	}
	{
		PmnType type = {.kind = PMN_TYPE_DECIMAL, .precision = 10};

		CHECK(strcmp(pmn_type_name(&type, name, 8), "DECIMAL") == 0);
		CHECK(strcmp(pmn_type_name(&type, name, 1), "") == 0);
	}
	pmn_buffer_free(&buffer);
}

/* Goal: what is no type is refused, nested types are another error. */
TEST(wrong_names)
{
	static const char *const wrong[] = {
		"",
		"INTT",
		"INT INT",
		"INT NOT",
		"NOT NULL",
		"DECIMAL(39)",
		"DECIMAL(0)",
		"DECIMAL(5, 6)",
		"DECIMAL(5,",
		"CHAR(0)",
		"CHAR(2147483648)",
		"CHAR(99999999999999999999999999)",
		"CHAR(-1)",
		"CHAR(x)",
		"TIME(10)",
		"TIMESTAMP(10)",
		"TIMESTAMP WITH TIME ZONE",
		"TIMESTAMP(3) WITH LOCAL TIME",
		"DATE(3)",
		"'INT'",
		"GEOMETRY('x)",
		"GEOGRAPHY(a, b)",
		"INT\xff",
	};
	static const char *const nested[] = {
		"ARRAY<INT>",		"MAP<INT, INT>",	   "ROW<a INT>",
		"MULTISET<INT>",	"INT ARRAY",		   "INT MULTISET",
		"VECTOR<FLOAT, 3>", "GEOMETRY(EPSG:4326)",
	};
	PmnTestEnv env;
	PmnType type;

	pmn_test_env_init(&env);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(pmn_type_parse_name(&env.base, wrong[i], &type) == PMN_INVALID);
	for (size_t i = 0; i < sizeof(nested) / sizeof(nested[0]); i++)
		CHECK(pmn_type_parse_name(&env.base, nested[i], &type) ==
			  PMN_UNSUPPORTED);
}

/* Goal: nested types in SQL spelling are read back as they are printed; what
 * is broken, too deep or has a field twice is refused. */
TEST(sql_names)
{
	static const char *const nested[][2] = {
		{"array < int >", "ARRAY<INT>"},
		{"INT NOT NULL ARRAY NOT NULL", "ARRAY<INT NOT NULL> NOT NULL"},
		{"map<string not null,array<decimal(5,2)>>",
		 "MAP<STRING NOT NULL, ARRAY<DECIMAL(5, 2)>>"},
		{"MULTISET<ROW<>>", "MULTISET<ROW<>>"},
		{"ROW<a INT 'what it is', `b``c>` ROW<int STRING>, date DATE> NOT NULL",
		 "ROW<`a` INT, `b``c>` ROW<`int` STRING>, `date` DATE> NOT NULL"},
		{"VECTOR<FLOAT, 3>", "VECTOR<FLOAT, 3>"},
		{"VARIANT", "VARIANT"},
	};
	static const char *const wrong[] = {
		"ARRAY",	   "ARRAY<INT",		 "ARRAY<>",			"MAP<INT>",
		"ROW<a>",	   "ROW<a INT,>",	 "ROW<'a' INT>",	"ROW<a INT, a INT>",
		"ARRAY<INT>>", "ROW<`` INT>",	 "ROW<1 INT>",		"ARRAY<INT> INT",
		"ROW<,a INT>", "MAP<INT, INT,>", "VECTOR<DATE, 3>",
	};
	PmnTestEnv env;
	PmnParsedType *parsed;
	char name[512];
	char deep[8 * PMN_TYPE_DEPTH_MAX + 16] = "";

	pmn_test_env_init(&env);
	for (size_t i = 0; i < sizeof(nested) / sizeof(nested[0]); i++)
	{
		CHECK_OK(&env, pmn_type_parse_sql(&env.base, nested[i][0], &parsed));
		CHECK(strcmp(pmn_type_name(&parsed->type, name, sizeof(name)),
					 nested[i][1]) == 0);
		pmn_parsed_type_free(parsed);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(pmn_type_parse_sql(&env.base, wrong[i], &parsed) == PMN_INVALID &&
			  parsed == NULL);
	for (int i = 0; i <= PMN_TYPE_DEPTH_MAX; i++)
		memcpy(deep + 6 * (size_t) i, "ARRAY<", 7);
	CHECK(pmn_type_parse_sql(&env.base, deep, &parsed) == PMN_INVALID);
	CHECK(env.live_bytes == 0);
}

/* Goal: fields get ids as Paimon gives them: a field's own after those
 * within its type. */
TEST(field_ids)
{
	PmnTestEnv env;
	PmnParsedType *parsed;
	const PmnField *fields;
	int32_t highest = 7;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_type_parse_sql(
					   &env.base,
					   "ROW<x INT, z ROW<p INT, q ARRAY<ROW<k INT, v INT>>>, "
					   "m MAP<ROW<a INT>, ROW<b INT>>>",
					   &parsed));
	pmn_type_give_ids(&parsed->type, &highest);
	fields = parsed->type.fields;
	CHECK(highest == 16 && fields[0].id == 8 && fields[1].id == 13);
	CHECK(fields[1].type.fields[0].id == 9 &&
		  fields[1].type.fields[1].id == 12);
	CHECK(fields[1].type.fields[1].type.element->fields[0].id == 10);
	CHECK(fields[2].id == 16 && fields[2].type.key->fields[0].id == 14);
	pmn_parsed_type_free(parsed);
	CHECK(env.live_bytes == 0);
}

static PmnCode
parse_json(PmnTestEnv *env, PmnArena *arena, const char *text, PmnType *out)
{
	PmnJson *json;
	PmnCode code;

	PMN_TRY(pmn_json_parse(&env->base, pmn_bytes_string(text), "test", &json));
	code = pmn_type_parse(&env->base, arena, pmn_json_root(json), out);
	pmn_json_free(json);
	return code;
}

static PmnCode
print_json(PmnBuffer *buffer, const PmnType *type)
{
	PmnJsonWriter writer;

	pmn_buffer_reset(buffer);
	pmn_json_writer_init(&writer, buffer, 0);
	pmn_json_begin_array(&writer, NULL);
	pmn_type_print(&writer, NULL, type);
	pmn_json_end(&writer);
	PMN_TRY(pmn_json_writer_finish(&writer));
	return pmn_buffer_byte(buffer, 0);
}

/* Compact JSON that must print as it was read. */
static const char *const documents[] = {
	"\"DECIMAL(10, 2) NOT NULL\"",
	"\"GEOMETRY(EPSG:4326)\"",
	"\"GEOGRAPHY('4326 it''s', karney) NOT NULL\"",
	"{\"type\":\"ARRAY\",\"element\":\"INT NOT NULL\"}",
	"{\"type\":\"MULTISET NOT NULL\",\"element\":\"STRING\"}",
	"{\"type\":\"MAP\",\"key\":\"STRING NOT NULL\",\"value\":\"BIGINT\"}",
	"{\"type\":\"VECTOR\",\"element\":\"FLOAT\",\"length\":8}",
	"{\"type\":\"ROW NOT NULL\",\"fields\":[{\"id\":3,\"name\":\"a\","
	"\"type\":{\"type\":\"ARRAY\",\"element\":\"INT\"},\"description\":"
	"\"words\"},{\"id\":4,\"name\":\"b\",\"type\":\"DATE\","
	"\"defaultValue\":\"x\"}]}",
	"{\"type\":\"ROW\",\"fields\":[]}",
};

/* Goal: JSON of every shape goes in and comes out the same; copies too. */
TEST(json)
{
	PmnTestEnv env;
	PmnArena *arena;
	PmnArena *other;
	PmnBuffer buffer;

	pmn_test_env_init(&env);
	pmn_buffer_init(&buffer, &env.base);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &other));
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
	{
		PmnType type;
		PmnType copy;
		size_t size = strlen(documents[i]);

		CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
		CHECK_OK(&env, parse_json(&env, arena, documents[i], &type));
		CHECK_OK(&env, pmn_type_copy(other, &type, &copy));
		CHECK(pmn_type_equal(&type, &copy));
		/* The copy must not lean on the first arena. */
		pmn_arena_destroy(arena);
		CHECK_OK(&env, print_json(&buffer, &copy));
		CHECK(buffer.size == size + 3 &&
			  memcmp(buffer.data + 1, documents[i], size) == 0);
	}
	pmn_arena_destroy(other);
	pmn_buffer_free(&buffer);
	CHECK(env.live_bytes == 0);
}

/* Goal: wrong JSON is corrupt, never a crash. */
TEST(wrong_json)
{
	static const char *const wrong[] = {
		"1",
		"null",
		"[]",
		"{}",
		"\"ARRAY<INT>\"",
		"\"\"",
		"{\"type\":\"INT\"}",
		"{\"type\":7}",
		"{\"type\":\"ARRAY\"}",
		"{\"type\":\"ARRAY\",\"element\":null}",
		"{\"type\":\"MAP\",\"key\":\"INT\"}",
		"{\"type\":\"ROW\"}",
		"{\"type\":\"ROW\",\"fields\":{}}",
		"{\"type\":\"ROW\",\"fields\":[1]}",
		"{\"type\":\"ROW\",\"fields\":[{\"id\":1,\"type\":\"INT\"}]}",
		"{\"type\":\"ROW\",\"fields\":[{\"id\":1,\"name\":\"a\"}]}",
		"{\"type\":\"ROW\",\"fields\":[{\"id\":-1,\"name\":\"a\",\"type\":"
		"\"INT\"}]}",
		"{\"type\":\"ROW\",\"fields\":[{\"id\":1,\"name\":\"a\",\"type\":"
		"\"INT\"},{\"name\":\"b\",\"type\":\"INT\"}]}",
		"{\"type\":\"VECTOR\",\"element\":\"STRING\",\"length\":8}",
		"{\"type\":\"VECTOR\",\"element\":\"INT\",\"length\":0}",
		"{\"type\":\"VECTOR\",\"element\":\"INT\"}",
	};
	PmnTestEnv env;
	PmnArena *arena;
	PmnBuffer deep;
	PmnType type;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(parse_json(&env, arena, wrong[i], &type) == PMN_CORRUPT);
	pmn_buffer_init(&deep, &env.base);
	for (int i = 0; i < 40; i++)
		CHECK_OK(&env,
				 pmn_buffer_string(&deep, "{\"type\":\"ARRAY\",\"element\":"));
	CHECK_OK(&env, pmn_buffer_string(&deep, "\"INT\""));
	for (int i = 0; i < 40; i++)
		CHECK_OK(&env, pmn_buffer_string(&deep, "}"));
	CHECK_OK(&env, pmn_buffer_byte(&deep, 0));
	CHECK(parse_json(&env, arena, (const char *) deep.data, &type) ==
		  PMN_CORRUPT);
	pmn_buffer_free(&deep);
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

/* Goal: row fields without ids are numbered from 0 in pre-order; strings may
 * nest a little; keywords of objects ignore case. */
TEST(lenient_json)
{
	PmnTestEnv env;
	PmnArena *arena;
	PmnType type;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, parse_json(&env, arena,
							  "{\"type\":\"row\",\"fields\":[{\"name\":\"a\","
							  "\"type\":{\"type\":\"ROW\",\"fields\":[{"
							  "\"name\":\"b\",\"type\":\"INT\"}]}},{\"name\":"
							  "\"c\",\"type\":\"INT\"}]}",
							  &type));
	CHECK(type.field_count == 2 && type.fields[0].id == 0);
	CHECK(type.fields[0].type.fields[0].id == 1 && type.fields[1].id == 2);
	CHECK_OK(&env,
			 parse_json(&env, arena, "\"VECTOR<float, 3> NOT NULL\"", &type));
	CHECK(type.kind == PMN_TYPE_VECTOR && type.length == 3 &&
		  type.element->kind == PMN_TYPE_FLOAT && !type.is_nullable);
	CHECK_OK(&env, parse_json(&env, arena, "\"INT NOT NULL ARRAY\"", &type));
	CHECK(type.kind == PMN_TYPE_ARRAY && type.is_nullable &&
		  !type.element->is_nullable);
	pmn_arena_destroy(arena);
}

/* Goal: spellings of composite types are for people and complete. */
TEST(composite_names)
{
	PmnTestEnv env;
	PmnArena *arena;
	PmnType type;
	char name[256];

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, parse_json(&env, arena, documents[7], &type));
	CHECK(strcmp(pmn_type_name(&type, name, sizeof(name)),
				 "ROW<`a` ARRAY<INT>, `b` DATE> NOT NULL") == 0);
	CHECK_OK(&env, parse_json(&env, arena, documents[5], &type));
	CHECK(strcmp(pmn_type_name(&type, name, sizeof(name)),
				 "MAP<STRING NOT NULL, BIGINT>") == 0);
	CHECK_OK(&env, parse_json(&env, arena, documents[6], &type));
	CHECK(strcmp(pmn_type_name(&type, name, sizeof(name)),
				 "VECTOR<FLOAT, 8>") == 0);
	pmn_arena_destroy(arena);
}

/* Goal: vector kinds follow the table of pmn_batch.h. */
TEST(vector_kinds)
{
	static const struct
	{
		const char *name;
		PmnVectorKind kind;
		bool is_compact;
		bool is_comparable;
	} table[] = {
		{"BOOLEAN", PMN_VECTOR_BOOL, true, true},
		{"TIME(9)", PMN_VECTOR_I32, true, true},
		{"DECIMAL(18, 2)", PMN_VECTOR_I64, true, true},
		{"DECIMAL(19, 2)", PMN_VECTOR_DEC128, false, true},
		{"TIMESTAMP(3)", PMN_VECTOR_I64, true, true},
		{"TIMESTAMP(4)", PMN_VECTOR_I64, false, true},
		{"TIMESTAMP_LTZ(7)", PMN_VECTOR_TS96, false, true},
		{"BYTES", PMN_VECTOR_BYTES, false, true},
		{"BLOB", PMN_VECTOR_BYTES, false, false},
		{"VARIANT", PMN_VECTOR_BYTES, false, false},
		{"GEOMETRY", PMN_VECTOR_NONE, false, false},
	};
	PmnTestEnv env;

	pmn_test_env_init(&env);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
	{
		PmnType type;

		CHECK_OK(&env, pmn_type_parse_name(&env.base, table[i].name, &type));
		CHECK(pmn_type_vector_kind(&type) == table[i].kind);
		CHECK(pmn_type_is_compact(&type) == table[i].is_compact);
		CHECK(pmn_type_is_comparable(&type) == table[i].is_comparable);
	}
	CHECK(pmn_vector_width(PMN_VECTOR_DEC128) == 16);
	CHECK(pmn_vector_width(PMN_VECTOR_NONE) == 0);
}

/* Goal: equality ignores nullability at every level and nothing else. */
TEST(equality)
{
	static const char *const different[] = {
		"{\"type\":\"ARRAY\",\"element\":\"BIGINT\"}",
		"{\"type\":\"MULTISET\",\"element\":\"INT\"}",
		"\"INT\"",
		"\"DECIMAL(10, 2)\"",
		"\"DECIMAL(10, 3)\"",
		"\"GEOMETRY(EPSG:4326)\"",
		"\"GEOMETRY\"",
	};
	PmnTestEnv env;
	PmnArena *arena;
	PmnType a;
	PmnType b;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, parse_json(&env, arena, documents[3], &a));
	CHECK_OK(&env,
			 parse_json(&env, arena,
						"{\"type\":\"ARRAY NOT NULL\",\"element\":\"INT\"}",
						&b));
	CHECK(pmn_type_equal(&a, &b));
	for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++)
	{
		CHECK_OK(&env, parse_json(&env, arena, different[i], &b));
		CHECK(!pmn_type_equal(&a, &b));
		a = b;
	}
	pmn_arena_destroy(arena);
}

static PmnSchema *
make_schema(PmnArena *arena)
{
	static const char *keys[] = {"k"};
	static PmnOption options[] = {{"bucket", "4"}};
	PmnSchema *schema = pmn_arena_alloc(arena, sizeof(*schema));
	PmnField *fields = pmn_arena_alloc(arena, 2 * sizeof(*fields));

	if (schema == NULL || fields == NULL)
		return NULL;
	fields[0].name = "k";
	fields[0].type.kind = PMN_TYPE_INT;
	fields[1].id = 1;
	fields[1].name = "s";
	fields[1].type.kind = PMN_TYPE_VARCHAR;
	fields[1].type.length = 5;
	fields[1].default_value = "d";
	schema->fields = fields;
	schema->field_count = 2;
	schema->primary_keys = keys;
	schema->primary_key_count = 1;
	schema->options = options;
	schema->option_count = 1;
	schema->comment = "words";
	return schema;
}

static PmnCode
copy_all(PmnTestEnv *env, PmnArena *arena)
{
	PmnSchema *schema = make_schema(arena);
	PmnSchema *copy;
	char text[4] = "abc";
	PmnValue literal = {.as.bytes = {(const uint8_t *) text, 3}};
	PmnPredicate leaf = {.op = PMN_PREDICATE_EQ,
						 .field = 1,
						 .literals = &literal,
						 .literal_count = 1};
	const PmnPredicate *children[2] = {&leaf, &leaf};
	PmnPredicate both = {
		.op = PMN_PREDICATE_AND, .children = children, .child_count = 2};
	PmnPredicate *predicate;

	if (schema == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_schema_copy(arena, schema, &copy));
	CHECK(copy->fields != schema->fields && copy->field_count == 2);
	CHECK(pmn_schema_field_index(copy, "s") == 1);
	CHECK(pmn_schema_field_index(copy, "x") == -1);
	CHECK(strcmp(pmn_schema_option(copy, "bucket"), "4") == 0);
	CHECK(pmn_schema_option(copy, "file.format") == NULL);
	CHECK(strcmp(copy->comment, "words") == 0);
	CHECK(strcmp(copy->fields[1].default_value, "d") == 0);
	PMN_TRY(pmn_predicate_copy(arena, &both, &predicate));
	CHECK(predicate->children[1]->literals[0].as.bytes.data ==
		  (const uint8_t *) text);
	PMN_TRY(pmn_predicate_copy_deep(arena, schema, &both, &predicate));
	text[0] = 'x';
	CHECK(predicate->child_count == 2 && predicate->children[0]->field == 1);
	CHECK(predicate->children[0]->literals[0].as.bytes.data[0] == 'a');
	(void) env;
	return PMN_OK;
}

/* Goal: copies are whole and their own, under every allocation failure. */
TEST(copies)
{
	PmnCode code = PMN_NO_MEMORY;

	for (uint64_t step = 0; code == PMN_NO_MEMORY && step < 100; step++)
	{
		PmnTestEnv env;
		PmnArena *arena = NULL;
		PmnType type;

		pmn_test_env_fail_at(&env, step);
		code = pmn_arena_create(&env.base, 64, &arena);
		if (code == PMN_OK)
			code = copy_all(&env, arena);
		if (code == PMN_OK)
			code = parse_json(&env, arena, documents[7], &type);
		if (code == PMN_OK)
			code = parse_json(&env, arena, documents[2], &type);
		pmn_arena_destroy(arena);
		CHECK(env.live_bytes == 0);
	}
	CHECK(code == PMN_OK);
}

int
main(void)
{
	RUN(names);
	RUN(wrong_names);
	RUN(sql_names);
	RUN(field_ids);
	RUN(json);
	RUN(wrong_json);
	RUN(lenient_json);
	RUN(composite_names);
	RUN(vector_kinds);
	RUN(equality);
	RUN(copies);
	TEST_END();
}
