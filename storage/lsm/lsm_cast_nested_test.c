/*
 * lsm_cast_nested_test.c
 *
 * Casts of nested types: fields of ROWs by id, elements and values one by
 * one, and nested types as text.
 */
#include "lsm_cast_testing.h"

typedef struct NestedBench
{
	PmnTestEnv env;
	PmnArena *arena;
	PmnParsedType *from;
	PmnParsedType *to;
	PmnCast cast;
	PmnNestedWriter writer;
	PmnBytes src;
	PmnBytes dst;
	uint8_t dst_null;
} NestedBench;

static void
open_bench(NestedBench *bench)
{
	memset(bench, 0, sizeof(*bench));
	pmn_test_env_init(&bench->env);
	CHECK_OK(&bench->env, pmn_arena_create(&bench->env.base, 0, &bench->arena));
	pmn_nested_writer_init(&bench->writer, &bench->env.base);
}

static void
close_bench(NestedBench *bench)
{
	pmn_parsed_type_free(bench->from);
	pmn_parsed_type_free(bench->to);
	pmn_nested_writer_free(&bench->writer);
	pmn_arena_destroy(bench->arena);
	CHECK(bench->env.live_bytes == 0);
}

/* Fields that are named alike get one id: its first letter. */
static void
ids_by_name(const PmnType *type)
{
	if (type->key != NULL)
		ids_by_name(type->key);
	if (type->element != NULL)
		ids_by_name(type->element);
	for (uint32_t i = 0; i < type->field_count; i++)
	{
		PmnField *field = (PmnField *) (uintptr_t) &type->fields[i];

		field->id = field->name[0];
		ids_by_name(&field->type);
	}
}

static PmnCode
make_types(NestedBench *bench, const char *from, const char *to)
{
	pmn_parsed_type_free(bench->from);
	pmn_parsed_type_free(bench->to);
	CHECK_OK(&bench->env,
			 pmn_type_parse_sql(&bench->env.base, from, &bench->from));
	CHECK_OK(&bench->env, pmn_type_parse_sql(&bench->env.base, to, &bench->to));
	ids_by_name(&bench->from->type);
	ids_by_name(&bench->to->type);
	pmn_nested_reset(&bench->writer);
	return pmn_cast_make(bench->arena, "c", &bench->from->type,
						 &bench->to->type, &bench->cast);
}

static void
put_int(NestedBench *bench, int64_t number)
{
	PmnValue value = {.as.i64 = number};

	CHECK_OK(&bench->env,
			 pmn_nested_write_slot(&bench->writer, PMN_VECTOR_I32, &value));
}

static void
put_text(NestedBench *bench, const char *text)
{
	PmnValue value = {.is_null = text == NULL};

	if (text != NULL)
		value.as.bytes = pmn_bytes_string(text);
	CHECK_OK(&bench->env,
			 pmn_nested_write_slot(&bench->writer, PMN_VECTOR_BYTES, &value));
}

static void
put_count(NestedBench *bench, uint32_t count)
{
	CHECK_OK(&bench->env, pmn_nested_write_count(&bench->writer, count));
}

static PmnCode
cast_one(NestedBench *bench)
{
	PmnVector src = {PMN_VECTOR_BYTES, NULL, &bench->src};
	PmnVector dst = {PMN_VECTOR_BYTES, &bench->dst_null, &bench->dst};

	bench->src = pmn_nested_bytes(&bench->writer);
	return pmn_cast_run(&bench->cast, bench->arena, &src, 1, &dst);
}

static PmnValue
take(PmnNestedReader *reader, PmnVectorKind kind)
{
	PmnValue value;

	CHECK(pmn_nested_read_slot(reader, kind, &value));
	return value;
}

static bool
is_text(NestedBench *bench, const char *text)
{
	return !bench->dst_null &&
		   pmn_bytes_equal(bench->dst, pmn_bytes_string(text));
}

/* Goal: a new field is null, a dropped one is gone, a moved and renamed one
 * stays, a retyped one is cast, at each depth. */
TEST(rows)
{
	NestedBench bench;
	PmnNestedReader reader;
	PmnNestedReader inner;
	PmnValue value;
	size_t mark;

	open_bench(&bench);
	CHECK_OK(&bench.env,
			 make_types(&bench, "ROW<x INT, y STRING, z ROW<p INT, q INT>>",
						"ROW<`yy` STRING, n BIGINT, z ROW<p BIGINT>, "
						"x STRING>"));
	CHECK(bench.cast.kind == PMN_CAST_NESTED);
	put_int(&bench, 7);
	put_text(&bench, "abc");
	CHECK_OK(&bench.env, pmn_nested_begin(&bench.writer, &mark));
	put_int(&bench, -5);
	put_int(&bench, 6);
	pmn_nested_end(&bench.writer, mark);
	CHECK_OK(&bench.env, cast_one(&bench));
	CHECK(((uintptr_t) bench.dst.data & 3) == 0 && !bench.dst_null);
	reader = pmn_nested_reader(bench.dst);
	value = take(&reader, PMN_VECTOR_BYTES);
	CHECK(pmn_bytes_equal(value.as.bytes, pmn_bytes_string("abc")));
	CHECK(take(&reader, PMN_VECTOR_I64).is_null);
	inner = pmn_nested_reader(take(&reader, PMN_VECTOR_BYTES).as.bytes);
	CHECK(take(&inner, PMN_VECTOR_I64).as.i64 == -5 && inner.at == inner.end);
	value = take(&reader, PMN_VECTOR_BYTES);
	CHECK(pmn_bytes_equal(value.as.bytes, pmn_bytes_string("7")));
	CHECK(reader.at == reader.end);
	close_bench(&bench);
}

/* Goal: elements, values of maps and members of multisets are cast; keys and
 * counts stay. */
TEST(elements)
{
	NestedBench bench;
	PmnNestedReader reader;
	uint32_t count;

	open_bench(&bench);
	CHECK_OK(&bench.env, make_types(&bench, "ARRAY<INT>", "ARRAY<BIGINT>"));
	put_count(&bench, 2);
	put_int(&bench, 1);
	put_text(&bench, NULL);
	CHECK_OK(&bench.env, cast_one(&bench));
	reader = pmn_nested_reader(bench.dst);
	CHECK(pmn_nested_read_count(&reader, &count) && count == 2);
	CHECK(take(&reader, PMN_VECTOR_I64).as.i64 == 1);
	CHECK(take(&reader, PMN_VECTOR_I64).is_null);

	CHECK_OK(&bench.env,
			 make_types(&bench, "MAP<STRING, INT>", "MAP<STRING, DOUBLE>"));
	put_count(&bench, 1);
	put_text(&bench, "k");
	put_int(&bench, 3);
	CHECK_OK(&bench.env, cast_one(&bench));
	reader = pmn_nested_reader(bench.dst);
	CHECK(pmn_nested_read_count(&reader, &count) && count == 1);
	CHECK(take(&reader, PMN_VECTOR_BYTES).as.bytes.size == 1);
	CHECK(take(&reader, PMN_VECTOR_F64).as.f64 == 3);

	CHECK_OK(&bench.env,
			 make_types(&bench, "MULTISET<INT>", "MULTISET<STRING>"));
	put_count(&bench, 1);
	put_int(&bench, 12);
	put_int(&bench, 4);
	CHECK_OK(&bench.env, cast_one(&bench));
	reader = pmn_nested_reader(bench.dst);
	CHECK(pmn_nested_read_count(&reader, &count) && count == 1);
	CHECK(take(&reader, PMN_VECTOR_BYTES).as.bytes.data[1] == '2');
	CHECK(take(&reader, PMN_VECTOR_I32).as.i64 == 4);
	close_bench(&bench);
}

/* Goal: names alone make no cast; a ROW of new fields only is null, and so is
 * what holds it. */
TEST(nothing_to_do)
{
	NestedBench bench;

	open_bench(&bench);
	CHECK_OK(&bench.env, make_types(&bench, "ARRAY<ROW<a INT NOT NULL, b INT>>",
									"ARRAY<ROW<aa INT, bb INT>> NOT NULL"));
	CHECK(bench.cast.kind == PMN_CAST_NONE);
	CHECK_OK(&bench.env, make_types(&bench, "MAP<INT, ARRAY<ROW<a INT>>>",
									"MAP<INT, ARRAY<ROW<b INT>>>"));
	CHECK(bench.cast.kind == PMN_CAST_TO_NULL);
	CHECK_OK(&bench.env, cast_one(&bench));
	CHECK(bench.dst_null);
	CHECK_OK(&bench.env, make_types(&bench, "ROW<a ROW<b INT>, c INT>",
									"ROW<a ROW<d INT>, c INT>"));
	put_text(&bench, "");
	put_int(&bench, 1);
	CHECK_OK(&bench.env, cast_one(&bench));
	CHECK(bench.dst.size == 6 && bench.dst.data[0] == 1);
	close_bench(&bench);
}

/* Goal: nested types as text are spelled as Paimon spells them. */
TEST(texts)
{
	NestedBench bench;
	size_t mark;

	open_bench(&bench);
	CHECK_OK(&bench.env, make_types(&bench, "ARRAY<INT>", "VARCHAR(2)"));
	put_count(&bench, 0);
	CHECK_OK(&bench.env, cast_one(&bench));
	CHECK(is_text(&bench, "[]"));
	CHECK_OK(&bench.env, make_types(&bench, "ARRAY<INT>", "CHAR(2)"));
	put_count(&bench, 3);
	put_int(&bench, 1);
	put_text(&bench, NULL);
	put_int(&bench, -2);
	CHECK_OK(&bench.env, cast_one(&bench));
	CHECK(is_text(&bench, "[1, null, -2]"));
	CHECK_OK(
		&bench.env,
		make_types(&bench, "MAP<STRING, ROW<d DATE, s STRING>>", "STRING"));
	put_count(&bench, 1);
	put_text(&bench, "k");
	CHECK_OK(&bench.env, pmn_nested_begin(&bench.writer, &mark));
	put_int(&bench, 0);
	put_text(&bench, "x");
	pmn_nested_end(&bench.writer, mark);
	CHECK_OK(&bench.env, cast_one(&bench));
	CHECK(is_text(&bench, "{k -> {1970-01-01, x}}"));
	CHECK_OK(&bench.env,
			 make_types(&bench, "ROW<a ARRAY<INT>>", "ROW<a STRING>"));
	CHECK_OK(&bench.env, pmn_nested_begin(&bench.writer, &mark));
	put_count(&bench, 1);
	put_int(&bench, 9);
	pmn_nested_end(&bench.writer, mark);
	CHECK_OK(&bench.env, cast_one(&bench));
	CHECK(bench.dst.size == 8 && memcmp(bench.dst.data + 5, "[9]", 3) == 0);
	close_bench(&bench);
}

/* Goal: what Paimon has no cast for is refused when it is planned. */
TEST(refused)
{
	static const char *const pairs[][2] = {
		{"ARRAY<INT>", "MAP<INT, INT>"},
		{"MAP<INT, INT>", "MAP<BIGINT, INT>"},
		{"ARRAY<INT>", "INT"},
		{"STRING", "ARRAY<INT>"},
		{"MULTISET<INT>", "STRING"},
		{"ARRAY<MULTISET<INT>>", "STRING"},
		{"VARIANT", "STRING"},
		{"VECTOR<FLOAT, 3>", "VECTOR<FLOAT, 4>"},
		{"ROW<a DATE>", "ROW<a INT>"},
	};
	NestedBench bench;

	open_bench(&bench);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		CHECK(make_types(&bench, pairs[i][0], pairs[i][1]) == PMN_UNSUPPORTED);
	close_bench(&bench);
}

/* Goal: cut values and values that don't fit are errors. */
TEST(bad_values)
{
	NestedBench bench;

	open_bench(&bench);
	CHECK_OK(&bench.env, make_types(&bench, "ARRAY<STRING>", "ARRAY<INT>"));
	put_count(&bench, 1);
	put_text(&bench, "x");
	CHECK(cast_one(&bench) == PMN_OUT_OF_RANGE);
	bench.writer.size = 6;
	CHECK(cast_one(&bench) == PMN_CORRUPT);
	close_bench(&bench);
}

/* Goal: each failing allocation is an error, and nothing is left. */
TEST(no_memory)
{
	PmnCode code = PMN_NO_MEMORY;

	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		NestedBench bench;
		PmnTestEnv failing;

		open_bench(&bench);
		CHECK_OK(&bench.env, make_types(&bench, "ROW<a INT, b INT>",
										"ROW<b STRING, c INT>"));
		put_int(&bench, 1);
		put_int(&bench, 2);
		pmn_arena_destroy(bench.arena);
		bench.arena = NULL;
		pmn_test_env_fail_at(&failing, step);
		code = pmn_arena_create(&failing.base, 0, &bench.arena);
		if (code == PMN_OK)
			code = pmn_cast_make(bench.arena, "c", &bench.from->type,
								 &bench.to->type, &bench.cast);
		if (code == PMN_OK)
			code = cast_one(&bench);
		CHECK(code == PMN_OK || code == PMN_NO_MEMORY);
		pmn_arena_destroy(bench.arena);
		bench.arena = NULL;
		CHECK(failing.live_bytes == 0);
		close_bench(&bench);
	}
}

int
main(void)
{
	RUN(rows);
	RUN(elements);
	RUN(nothing_to_do);
	RUN(texts);
	RUN(refused);
	RUN(bad_values);
	RUN(no_memory);
	TEST_END();
}
