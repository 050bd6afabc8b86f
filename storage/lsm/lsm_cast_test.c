/*
 * lsm_cast_test.c
 *
 * Casts of schema evolution, value by value.
 */
#include <math.h>

#include "../testing/testing.h"
#include "lsm_cast.h"

typedef struct Bench
{
	PmnTestEnv env;
	PmnArena *arena;
	PmnType from;
	PmnType to;
	PmnCast cast;
	PmnVector src;
	PmnVector dst;
	uint8_t src_nulls[8];
	uint8_t dst_nulls[8];
	PmnInt128 src_values[8];
	PmnInt128 dst_values[8];
} Bench;

static void
start(Bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	pmn_test_env_init(&bench->env);
	CHECK_OK(&bench->env, pmn_arena_create(&bench->env.base, 0, &bench->arena));
}

static void
stop(Bench *bench)
{
	pmn_arena_destroy(bench->arena);
	CHECK(bench->env.live_bytes == 0);
}

static PmnCode
set_types(Bench *bench, const char *from, const char *to)
{
	CHECK_OK(&bench->env,
			 pmn_type_parse_name(&bench->env.base, from, &bench->from));
	CHECK_OK(&bench->env,
			 pmn_type_parse_name(&bench->env.base, to, &bench->to));
	return pmn_cast_make(&bench->env.base, "c", &bench->from, &bench->to,
						 &bench->cast);
}

static PmnCode
run(Bench *bench, uint32_t count)
{
	bench->src.kind = pmn_type_vector_kind(&bench->from);
	bench->src.values = bench->src_values;
	bench->src.nulls = bench->src_nulls;
	bench->dst.kind = pmn_type_vector_kind(&bench->to);
	bench->dst.values = bench->dst_values;
	bench->dst.nulls = bench->dst_nulls;
	return pmn_cast_run(&bench->cast, bench->arena, &bench->src, count,
						&bench->dst);
}

static int64_t
cast_int64(Bench *bench, const char *from, const char *to, int64_t value)
{
	CHECK_OK(&bench->env, set_types(bench, from, to));
	if (pmn_type_vector_kind(&bench->from) == PMN_VECTOR_I32)
		((int32_t *) bench->src_values)[0] = (int32_t) value;
	else if (pmn_type_vector_kind(&bench->from) == PMN_VECTOR_BOOL)
		((uint8_t *) bench->src_values)[0] = (uint8_t) value;
	else
		((int64_t *) bench->src_values)[0] = value;
	CHECK_OK(&bench->env, run(bench, 1));
	if (bench->dst_nulls[0])
		return INT64_MIN;
	if (bench->dst.kind == PMN_VECTOR_I32)
		return ((int32_t *) bench->dst_values)[0];
	if (bench->dst.kind == PMN_VECTOR_BOOL)
		return ((uint8_t *) bench->dst_values)[0];
	if (bench->dst.kind == PMN_VECTOR_DEC128)
		return (int64_t) bench->dst_values[0];
	return ((int64_t *) bench->dst_values)[0];
}

/* Goal: integers widen exactly and wrap when narrowed, as Java's do. */
TEST(integers)
{
	Bench bench;

	start(&bench);
	CHECK_OK(&bench.env, set_types(&bench, "TINYINT", "INT"));
	CHECK(bench.cast.kind == PMN_CAST_NONE);
	CHECK(cast_int64(&bench, "INT", "BIGINT", -7) == -7);
	CHECK(cast_int64(&bench, "TINYINT", "BIGINT", 127) == 127);
	CHECK(cast_int64(&bench, "BIGINT", "INT", INT64_C(4294967301)) == 5);
	CHECK(cast_int64(&bench, "INT", "TINYINT", 300) == 44);
	CHECK(cast_int64(&bench, "INT", "SMALLINT", 40000) == -25536);
	CHECK(cast_int64(&bench, "BOOLEAN", "INT", 1) == 1);
	CHECK(cast_int64(&bench, "INT", "BOOLEAN", -3) == 1);
	CHECK(cast_int64(&bench, "INT", "DECIMAL(15, 2)", -3) == -300);
	CHECK(cast_int64(&bench, "BIGINT", "DECIMAL(25, 1)", 12) == 120);
	CHECK(cast_int64(&bench, "INT", "DECIMAL(4, 2)", 100) == INT64_MIN);
	stop(&bench);
}

/* Goal: decimals round half away from zero; what does not fit is null. */
TEST(decimals)
{
	Bench bench;

	start(&bench);
	CHECK(cast_int64(&bench, "DECIMAL(10, 4)", "DECIMAL(8, 1)", 123450) == 123);
	CHECK(cast_int64(&bench, "DECIMAL(10, 4)", "DECIMAL(8, 1)", 123500) == 124);
	CHECK(cast_int64(&bench, "DECIMAL(10, 4)", "DECIMAL(8, 1)", -123500) ==
		  -124);
	CHECK(cast_int64(&bench, "DECIMAL(10, 4)", "DECIMAL(3, 1)", 9999999) ==
		  INT64_MIN);
	CHECK(cast_int64(&bench, "DECIMAL(10, 4)", "DECIMAL(20, 6)", -12) == -1200);
	CHECK(cast_int64(&bench, "DECIMAL(8, 3)", "INT", -41999) == -41);
	CHECK_OK(&bench.env, set_types(&bench, "DECIMAL(8, 3)", "DOUBLE"));
	((int64_t *) bench.src_values)[0] = -52929735;
	CHECK_OK(&bench.env, run(&bench, 1));
	CHECK(((double *) bench.dst_values)[0] == -52929.735);
	stop(&bench);
}

/* Goal: floats saturate to integers, NaN is 0. */
TEST(floats)
{
	Bench bench;
	double *src;
	int32_t *dst;

	start(&bench);
	CHECK_OK(&bench.env, set_types(&bench, "DOUBLE", "INT"));
	src = (double *) bench.src_values;
	dst = (int32_t *) bench.dst_values;
	src[0] = 1e300;
	src[1] = -1e300;
	src[2] = NAN;
	src[3] = -1.9;
	CHECK_OK(&bench.env, run(&bench, 4));
	CHECK(dst[0] == INT32_MAX && dst[1] == INT32_MIN);
	CHECK(dst[2] == 0 && dst[3] == -1);
	CHECK_OK(&bench.env, set_types(&bench, "FLOAT", "DOUBLE"));
	((float *) bench.src_values)[0] = 0.1f;
	CHECK_OK(&bench.env, run(&bench, 1));
	CHECK(((double *) bench.dst_values)[0] == (double) 0.1f);
	CHECK_OK(&bench.env, set_types(&bench, "BIGINT", "FLOAT"));
	((int64_t *) bench.src_values)[0] = 16777217;
	CHECK_OK(&bench.env, run(&bench, 1));
	CHECK(((float *) bench.dst_values)[0] == 16777216.0f);
	stop(&bench);
}

static bool
cast_text(Bench *bench, const char *from, const char *to, const char *value,
		  const char *expected)
{
	PmnBytes *src = (PmnBytes *) bench->src_values;
	PmnBytes *dst = (PmnBytes *) bench->dst_values;

	CHECK_OK(&bench->env, set_types(bench, from, to));
	src[0] = pmn_bytes_string(value);
	if (bench->cast.kind == PMN_CAST_NONE)
		return strcmp(value, expected) == 0;
	CHECK_OK(&bench->env, run(bench, 1));
	CHECK(((uintptr_t) dst[0].data & 3) == 0);
	return pmn_bytes_equal(dst[0], pmn_bytes_string(expected));
}

/* Goal: text is cut by characters, not bytes; CHAR and BINARY are padded. */
TEST(texts)
{
	Bench bench;

	start(&bench);
	CHECK(cast_text(&bench, "VARCHAR(5)", "STRING", "abc", "abc"));
	CHECK(bench.cast.kind == PMN_CAST_NONE);
	CHECK(cast_text(&bench, "STRING", "VARCHAR(3)", "na\xc3\xafve",
					"na\xc3\xaf"));
	CHECK(cast_text(&bench, "STRING", "VARCHAR(3)",
					"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x83\x86",
					"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"));
	CHECK(cast_text(&bench, "STRING", "CHAR(4)", "ab", "ab  "));
	CHECK(cast_text(&bench, "STRING", "BYTES", "ab", "ab"));
	CHECK(cast_text(&bench, "BYTES", "STRING", "ab", "ab"));
	CHECK(cast_text(&bench, "BYTES", "VARBINARY(2)", "abc", "ab"));
	CHECK_OK(&bench.env, set_types(&bench, "INT", "STRING"));
	((int32_t *) bench.src_values)[0] = -15;
	bench.src_nulls[1] = 1;
	CHECK_OK(&bench.env, run(&bench, 2));
	CHECK(pmn_bytes_equal(((PmnBytes *) bench.dst_values)[0],
						  pmn_bytes_string("-15")));
	CHECK(bench.dst_nulls[1] == 1);
	stop(&bench);
}

/* Goal: timestamps are cut towards the past. */
TEST(timestamps)
{
	Bench bench;

	start(&bench);
	CHECK(cast_int64(&bench, "TIMESTAMP(6)", "TIMESTAMP(3)", 1999) == 1);
	CHECK(cast_int64(&bench, "TIMESTAMP(6)", "TIMESTAMP(3)", -1) == -1);
	CHECK(cast_int64(&bench, "TIMESTAMP(3)", "TIMESTAMP(6)", -1) == -1000);
	CHECK(cast_int64(&bench, "TIMESTAMP(6)", "TIMESTAMP(4)", 123456) == 123400);
	CHECK(cast_int64(&bench, "TIMESTAMP(3)", "TIMESTAMP(0)", -1) == -1000);
	CHECK(cast_int64(&bench, "TIMESTAMP(3)", "DATE", -1) == -1);
	CHECK(cast_int64(&bench, "TIMESTAMP(3)", "TIME(3)", -1) == 86399999);
	CHECK(cast_int64(&bench, "DATE", "TIMESTAMP(3)", -1) == -86400000);
	CHECK_OK(&bench.env, set_types(&bench, "TIMESTAMP(6)", "TIMESTAMP(9)"));
	((int64_t *) bench.src_values)[0] = -1;
	CHECK_OK(&bench.env, run(&bench, 1));
	CHECK(((PmnTimestamp *) bench.dst_values)[0].millis == -1);
	CHECK(((PmnTimestamp *) bench.dst_values)[0].nano == 999000);
	CHECK_OK(&bench.env, set_types(&bench, "TIMESTAMP(3)", "TIMESTAMP(6)"));
	((int64_t *) bench.src_values)[0] = INT64_MAX;
	CHECK(run(&bench, 1) == PMN_OUT_OF_RANGE);
	stop(&bench);
}

/* Goal: other casts are refused with both types named. */
TEST(refused_casts)
{
	static const char *const pairs[][2] = {
		{"STRING", "INT"},
		{"TIMESTAMP(3)", "TIMESTAMP(3) WITH LOCAL TIME ZONE"},
		{"TIMESTAMP(3) WITH LOCAL TIME ZONE", "DATE"},
		{"TIMESTAMP(3) WITH LOCAL TIME ZONE", "STRING"},
		{"DATE", "INT"},
		{"DOUBLE", "DECIMAL(10, 2)"}};
	Bench bench;

	start(&bench);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		CHECK(set_types(&bench, pairs[i][0], pairs[i][1]) == PMN_UNSUPPORTED);
	CHECK(strstr(bench.env.base.error.message, "DOUBLE") != NULL);
	CHECK(strstr(bench.env.base.error.message, "DECIMAL(10, 2)") != NULL);
	stop(&bench);
}

int
main(void)
{
	RUN(integers);
	RUN(decimals);
	RUN(floats);
	RUN(texts);
	RUN(timestamps);
	RUN(refused_casts);
	TEST_END();
}
