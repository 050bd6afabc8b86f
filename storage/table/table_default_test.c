/*
 * table_default_test.c
 *
 * Default values: text of a schema to values, and which nulls they replace.
 */
#include "table_default.h"
#include "table_testing.h"

typedef struct Column
{
	const char *type;
	const char *value; /* its default; NULL: none */
} Column;

typedef struct Bench
{
	PmnTestEnv env;
	PmnArena *arena;
	PmnField fields[8];
	PmnSchema schema;
	PmnDefaults defaults;
} Bench;

static void
start(Bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	pmn_test_env_init(&bench->env);
	CHECK_OK(&bench->env, pmn_arena_create(&bench->env.base, 0, &bench->arena));
	bench->schema.fields = bench->fields;
}

static void
stop(Bench *bench)
{
	pmn_defaults_free(&bench->defaults);
	pmn_arena_destroy(bench->arena);
	CHECK(bench->env.live_bytes == 0);
}

static PmnCode
make(Bench *bench, const Column *columns, uint32_t count)
{
	pmn_defaults_free(&bench->defaults);
	bench->schema.field_count = count;
	for (uint32_t i = 0; i < count; i++)
	{
		bench->fields[i].name = "c";
		bench->fields[i].default_value = columns[i].value;
		PMN_TRY(pmn_type_parse_name(&bench->env.base, columns[i].type,
									&bench->fields[i].type));
	}
	return pmn_defaults_make(bench->arena, &bench->schema, &bench->defaults);
}

/* Goal: quotes around a default are not part of it, and each type's text is
 * cast as Paimon casts it. */
TEST(texts_become_values)
{
	static const Column columns[] = {{"INT", "42"},
									 {"STRING", "'it''s'"},
									 {"DECIMAL(20, 2)", "1.5"},
									 {"STRING", NULL},
									 {"BOOLEAN", "true"},
									 {"DATE", "'1970-01-03'"},
									 {"VARCHAR(3)", "abcdef"},
									 {"STRING", "'"}};
	Bench bench;
	const PmnDefault *items;

	start(&bench);
	CHECK_OK(&bench.env, make(&bench, columns, 8));
	items = bench.defaults.items;
	CHECK(bench.defaults.count == 7);
	CHECK(*(int32_t *) items[0].value.values == 42);
	CHECK(pmn_bytes_equal(*(PmnBytes *) items[1].value.values,
						  pmn_bytes_string("it''s")));
	CHECK(*(PmnInt128 *) items[2].value.values == 150);
	CHECK(items[3].field == 4 && *(uint8_t *) items[3].value.values == 1);
	CHECK(*(int32_t *) items[4].value.values == 2);
	CHECK(pmn_bytes_equal(*(PmnBytes *) items[5].value.values,
						  pmn_bytes_string("abc")));
	CHECK(pmn_bytes_equal(*(PmnBytes *) items[6].value.values,
						  pmn_bytes_string("'")));
	stop(&bench);
}

/* Goal: only nulls of columns with a default change, and the batch that was
 * given stays as it is. */
TEST(nulls_are_replaced)
{
	static const Column columns[] = {{"INT", "7"}, {"INT", NULL}};
	Bench bench;
	int32_t values[2][3] = {{1, 0, 3}, {1, 0, 3}};
	uint8_t nulls[2][3] = {{0, 1, 0}, {0, 1, 0}};
	PmnVector vectors[2] = {{PMN_VECTOR_I32, nulls[0], values[0]},
							{PMN_VECTOR_I32, nulls[1], values[1]}};
	PmnBatch batch = {3, 2, vectors, NULL, 3};
	const PmnBatch *out = NULL;

	start(&bench);
	CHECK_OK(&bench.env, make(&bench, columns, 2));
	CHECK_OK(&bench.env, pmn_defaults_apply(&bench.defaults, &batch, &out));
	CHECK(out != &batch && vectors[0].nulls == nulls[0] && values[0][1] == 0);
	CHECK(out->columns[0].nulls == NULL);
	CHECK(((int32_t *) out->columns[0].values)[0] == 1);
	CHECK(((int32_t *) out->columns[0].values)[1] == 7);
	CHECK(out->columns[1].nulls == nulls[1]);
	nulls[0][1] = 0;
	CHECK_OK(&bench.env, pmn_defaults_apply(&bench.defaults, &batch, &out));
	CHECK(out == &batch);
	stop(&bench);
}

/* Goal: a default that is no value of its type, or of a type that text is not
 * cast to, is an error that names the column. */
TEST(bad_defaults_are_errors)
{
	static const Column wrong[] = {{"INT", "seven"}};
	static const Column nested[] = {{"VARIANT", "[1]"}};
	Bench bench;

	start(&bench);
	CHECK(make(&bench, wrong, 1) == PMN_INVALID);
	CHECK(strstr(bench.env.base.error.message, "\"c\"") != NULL);
	CHECK(make(&bench, nested, 1) == PMN_UNSUPPORTED);
	CHECK(strstr(bench.env.base.error.message, "\"c\"") != NULL);
	stop(&bench);
}

int
main(void)
{
	RUN(texts_become_values);
	RUN(nulls_are_replaced);
	RUN(bad_defaults_are_errors);
	TEST_END();
}
