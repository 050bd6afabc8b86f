/*
 * lsm_cast_test.c
 *
 * Casts of schema evolution, value by value: all but those from text.
 */
#include <math.h>

#include "lsm_cast_testing.h"

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
	CHECK(cast_int64(&bench, "BOOLEAN", "DECIMAL(4, 2)", 1) == 100);
	CHECK(cast_int64(&bench, "BOOLEAN", "DECIMAL(1, 1)", 1) == INT64_MIN);
	CHECK(cast_int64(&bench, "TINYINT", "BOOLEAN", 0) == 0);
	CHECK(cast_int64(&bench, "BIGINT", "BOOLEAN", INT64_C(1) << 32) == 1);
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
	/* As doubles divide, which is one bit off the nearest double. */
	CHECK_OK(&bench.env, set_types(&bench, "DECIMAL(18, 7)", "DOUBLE"));
	((int64_t *) bench.src_values)[0] = 999999999999999999;
	CHECK_OK(&bench.env, run(&bench, 1));
	CHECK(((double *) bench.dst_values)[0] == 1e18 / 1e7);
	CHECK_OK(&bench.env, set_types(&bench, "DECIMAL(19, 19)", "FLOAT"));
	bench.src_values[0] = -1234567890123456789;
	CHECK_OK(&bench.env, run(&bench, 1));
	CHECK(((float *) bench.dst_values)[0] == -0.12345679f);
	stop(&bench);
}

static int64_t
cast_double(Bench *bench, const char *to, double value)
{
	CHECK_OK(&bench->env, set_types(bench, "DOUBLE", to));
	((double *) bench->src_values)[0] = value;
	CHECK_OK(&bench->env, run(bench, 1));
	if (bench->dst_nulls[0])
		return INT64_MIN;
	return bench->dst.kind == PMN_VECTOR_I64
			   ? ((int64_t *) bench->dst_values)[0]
			   : (int64_t) bench->dst_values[0];
}

/* Goal: floats become decimals by their shortest text, rounded half up. */
TEST(floats_to_decimals)
{
	static const double wrong[] = {NAN, INFINITY, -INFINITY};
	Bench bench;

	start(&bench);
	CHECK(cast_double(&bench, "DECIMAL(6, 2)", 2.675) == 268);
	CHECK(cast_double(&bench, "DECIMAL(6, 2)", -0.005) == -1);
	CHECK(cast_double(&bench, "DECIMAL(6, 2)", -0.0) == 0);
	CHECK(cast_double(&bench, "DECIMAL(6, 2)", 1e-300) == 0);
	CHECK(cast_double(&bench, "DECIMAL(6, 2)", 9999.994) == 999999);
	CHECK(cast_double(&bench, "DECIMAL(6, 2)", 9999.995) == INT64_MIN);
	CHECK(cast_double(&bench, "DECIMAL(6, 2)", 1e300) == INT64_MIN);
	CHECK(cast_double(&bench, "DECIMAL(38, 0)", -1.5e10) == -15000000000);
	CHECK_OK(&bench.env, set_types(&bench, "FLOAT", "DECIMAL(12, 10)"));
	((float *) bench.src_values)[0] = 0.1f;
	((float *) bench.src_values)[1] = NAN;
	bench.src_nulls[1] = 1;
	CHECK_OK(&bench.env, run(&bench, 2));
	CHECK(((int64_t *) bench.dst_values)[0] == 1000000015);
	CHECK(bench.dst_nulls[1] == 1);
	bench.src_nulls[1] = 0;
	CHECK_OK(&bench.env, set_types(&bench, "DOUBLE", "DECIMAL(12, 10)"));
	for (size_t i = 0; i < 3; i++)
	{
		((double *) bench.src_values)[0] = wrong[i];
		CHECK(run(&bench, 1) == PMN_OUT_OF_RANGE);
	}
	CHECK(strstr(bench.env.base.error.message, "\"-Infinity\"") != NULL);
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

static bool
real_text_is(Bench *bench, const char *from, double value, const char *expected)
{
	CHECK_OK(&bench->env, set_types(bench, from, "STRING"));
	if (bench->from.kind == PMN_TYPE_FLOAT)
		((float *) bench->src_values)[0] = (float) value;
	else
		((double *) bench->src_values)[0] = value;
	CHECK_OK(&bench->env, run(bench, 1));
	return pmn_bytes_equal(((PmnBytes *) bench->dst_values)[0],
						   pmn_bytes_string(expected));
}

/* Goal: floats are written as Java up to 18 does, digits too many included. */
TEST(texts_of_floats)
{
	Bench bench;

	start(&bench);
	CHECK(real_text_is(&bench, "FLOAT", 3.25e10, "3.25000008E10"));
	CHECK(real_text_is(&bench, "FLOAT", 1.5e-5, "1.5E-5"));
	CHECK(real_text_is(&bench, "FLOAT", 0.1, "0.1"));
	CHECK(real_text_is(&bench, "FLOAT", 2147483648.0, "2.14748365E9"));
	CHECK(real_text_is(&bench, "FLOAT", 1e10, "1.0E10"));
	CHECK(real_text_is(&bench, "FLOAT", 1.4e-45, "1.4E-45"));
	CHECK(real_text_is(&bench, "FLOAT", 3.4028235e38, "3.4028235E38"));
	CHECK(real_text_is(&bench, "FLOAT", 16777216, "1.6777216E7"));
	CHECK(real_text_is(&bench, "DOUBLE", 123456789.125, "1.23456789125E8"));
	CHECK(real_text_is(&bench, "DOUBLE", 2e23, "1.9999999999999998E23"));
	CHECK(real_text_is(&bench, "DOUBLE", 2.2250738585072014e-308,
					   "2.2250738585072014E-308"));
	CHECK(real_text_is(&bench, "DOUBLE", 4.9e-324, "4.9E-324"));
	CHECK(real_text_is(&bench, "DOUBLE", 1.7976931348623157e308,
					   "1.7976931348623157E308"));
	CHECK(real_text_is(&bench, "DOUBLE", 0.001, "0.001"));
	CHECK(real_text_is(&bench, "DOUBLE", 0.00099, "9.9E-4"));
	CHECK(real_text_is(&bench, "DOUBLE", 9999999, "9999999.0"));
	CHECK(real_text_is(&bench, "DOUBLE", 1e7, "1.0E7"));
	CHECK(real_text_is(&bench, "DOUBLE", -100, "-100.0"));
	CHECK(real_text_is(&bench, "DOUBLE", 12.5, "12.5"));
	CHECK(real_text_is(&bench, "DOUBLE", 0.0625, "0.0625"));
	CHECK(real_text_is(&bench, "DOUBLE", 0x1p63, "9.223372036854776E18"));
	/* Longer than need be, and not the nearest of their length. */
	CHECK(real_text_is(&bench, "DOUBLE", 0x1p-44, "5.6843418860808015E-14"));
	CHECK(real_text_is(&bench, "DOUBLE", 0x1p-24, "5.9604644775390625E-8"));
	CHECK(real_text_is(&bench, "DOUBLE", 1e23, "9.999999999999999E22"));
	CHECK(real_text_is(&bench, "DOUBLE", 8.41e21, "8.409999999999999E21"));
	CHECK(real_text_is(&bench, "DOUBLE", -0.0, "-0.0"));
	CHECK(real_text_is(&bench, "DOUBLE", NAN, "NaN"));
	CHECK(real_text_is(&bench, "DOUBLE", -INFINITY, "-Infinity"));
	stop(&bench);
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
	CHECK(cast_text(&bench, "VARBINARY(1)", "VARBINARY(2)", "abc", "ab"));
	/* Bytes stay as they are, and text longer than its type is cut. */
	CHECK(cast_text(&bench, "BYTES", "VARCHAR(2)", "abc", "abc"));
	CHECK(cast_text(&bench, "VARCHAR(1)", "VARCHAR(2)", "abc", "ab"));
	CHECK_OK(&bench.env, set_types(&bench, "BOOLEAN", "CHAR(6)"));
	((uint8_t *) bench.src_values)[0] = 1;
	CHECK_OK(&bench.env, run(&bench, 1));
	CHECK(pmn_bytes_equal(((PmnBytes *) bench.dst_values)[0],
						  pmn_bytes_string("true  ")));
	CHECK_OK(&bench.env, set_types(&bench, "INT", "STRING"));
	((int32_t *) bench.src_values)[0] = -15;
	bench.src_nulls[1] = 1;
	CHECK_OK(&bench.env, run(&bench, 2));
	CHECK(pmn_bytes_equal(((PmnBytes *) bench.dst_values)[0],
						  pmn_bytes_string("-15")));
	CHECK(bench.dst_nulls[1] == 1);
	stop(&bench);
}

/* Goal: milliseconds are cut towards 1970, what is finer towards the past. */
TEST(timestamps)
{
	Bench bench;

	start(&bench);
	CHECK(cast_int64(&bench, "TIMESTAMP(6)", "TIMESTAMP(3)", 1999) == 1);
	CHECK(cast_int64(&bench, "TIMESTAMP(6)", "TIMESTAMP(3)", -1) == -1);
	CHECK(cast_int64(&bench, "TIMESTAMP(3)", "TIMESTAMP(6)", -1) == -1000);
	CHECK(cast_int64(&bench, "TIMESTAMP(6)", "TIMESTAMP(4)", 123456) == 123400);
	CHECK(cast_int64(&bench, "TIMESTAMP(6)", "TIMESTAMP(4)", -1) == -100);
	CHECK(cast_int64(&bench, "TIMESTAMP(3)", "TIMESTAMP(0)", -1) == 0);
	CHECK(cast_int64(&bench, "TIMESTAMP(3)", "TIMESTAMP(1)", -1999) == -1900);
	CHECK(cast_int64(&bench, "TIMESTAMP(6)", "TIMESTAMP(0)", 1999999) == 1000);
	CHECK_OK(&bench.env, set_types(&bench, "TIMESTAMP(6)", "TIMESTAMP(9)"));
	((int64_t *) bench.src_values)[0] = -1;
	CHECK_OK(&bench.env, run(&bench, 1));
	CHECK(((PmnTimestamp *) bench.dst_values)[0].millis == -1);
	CHECK(((PmnTimestamp *) bench.dst_values)[0].nano == 999000);
	CHECK_OK(&bench.env, set_types(&bench, "TIMESTAMP(9)", "TIMESTAMP(6)"));
	((PmnTimestamp *) bench.src_values)[0].millis = -9223372036854776;
	((PmnTimestamp *) bench.src_values)[0].nano = 192999;
	CHECK_OK(&bench.env, run(&bench, 1));
	CHECK(((int64_t *) bench.dst_values)[0] == INT64_MIN);
	((PmnTimestamp *) bench.src_values)[0].nano = 1000000;
	CHECK(run(&bench, 1) == PMN_OUT_OF_RANGE);
	CHECK_OK(&bench.env, set_types(&bench, "TIMESTAMP(3)", "TIMESTAMP(6)"));
	((int64_t *) bench.src_values)[0] = INT64_MAX;
	CHECK(run(&bench, 1) == PMN_OUT_OF_RANGE);
	CHECK(strstr(bench.env.base.error.message, "9223372036854775807") != NULL);
	stop(&bench);
}

/* Goal: zones are UTC, so with and without one are the same instant. */
TEST(local_time_zone)
{
	Bench bench;

	start(&bench);
	CHECK_OK(&bench.env, set_types(&bench, "TIMESTAMP(3)",
								   "TIMESTAMP(3) WITH LOCAL TIME ZONE"));
	CHECK(bench.cast.kind == PMN_CAST_NONE);
	CHECK(cast_int64(&bench, "TIMESTAMP(6) WITH LOCAL TIME ZONE",
					 "TIMESTAMP(3)", -1) == -1);
	CHECK(cast_int64(&bench, "DATE", "TIMESTAMP(6) WITH LOCAL TIME ZONE", -1) ==
		  -86400000000);
	CHECK(cast_int64(&bench, "TIMESTAMP(3) WITH LOCAL TIME ZONE", "TIME(0)",
					 -1) == 86399999);
	CHECK(cast_int64(&bench, "TIMESTAMP(3) WITH LOCAL TIME ZONE", "DATE", -1) ==
		  -1);
	CHECK(cast_int64(&bench, "TIMESTAMP(3) WITH LOCAL TIME ZONE", "INT", -1) ==
		  0);
	CHECK_OK(&bench.env,
			 set_types(&bench, "TIMESTAMP(3) WITH LOCAL TIME ZONE", "STRING"));
	((int64_t *) bench.src_values)[0] = -1;
	CHECK_OK(&bench.env, run(&bench, 1));
	CHECK(pmn_bytes_equal(((PmnBytes *) bench.dst_values)[0],
						  pmn_bytes_string("1969-12-31 23:59:59.999")));
	stop(&bench);
}

/* Goal: dates, times and timestamps become each other, and seconds. */
TEST(dates_and_times)
{
	Bench bench;

	start(&bench);
	CHECK(cast_int64(&bench, "DATE", "TIMESTAMP(3)", -1) == -86400000);
	CHECK(cast_int64(&bench, "TIME(3)", "TIMESTAMP(0)", 1789) == 1789);
	CHECK(cast_int64(&bench, "TIME(3)", "TIMESTAMP(6)", 1789) == 1789000);
	CHECK(cast_int64(&bench, "TIMESTAMP(3)", "TIME(3)", -1) == 86399999);
	CHECK(cast_int64(&bench, "TIMESTAMP(3)", "TIME(0)", 86401789) == 1789);
	/* Towards 1970, as Paimon divides. */
	CHECK(cast_int64(&bench, "TIMESTAMP(3)", "DATE", -1) == 0);
	CHECK(cast_int64(&bench, "TIMESTAMP(3)", "DATE", -86400000) == -1);
	CHECK(cast_int64(&bench, "TIMESTAMP(6)", "DATE", 86399999999) == 0);
	CHECK(cast_int64(&bench, "TIMESTAMP(3)", "BIGINT", -1999) == -1);
	CHECK(cast_int64(&bench, "TIMESTAMP(6)", "BIGINT", 1999999) == 1);
	CHECK(cast_int64(&bench, "TIMESTAMP(3)", "INT", INT64_C(2147483648000)) ==
		  INT32_MIN);
	CHECK(cast_int64(&bench, "INT", "TIMESTAMP(3)", -1) == -1000);
	CHECK(cast_int64(&bench, "BIGINT", "TIMESTAMP(6)", 1721898748) ==
		  INT64_C(1721898748000000));
	CHECK(cast_int64(&bench, "BIGINT", "TIMESTAMP(0)",
					 INT64_C(9223372036854775)) ==
		  INT64_C(9223372036854775000));
	/* The multiplication wraps. */
	CHECK(cast_int64(&bench, "BIGINT", "TIMESTAMP(0)",
					 INT64_C(9223372036854776)) ==
		  INT64_C(-9223372036854775616));
	stop(&bench);
}

/* Goal: casts that Paimon has not are refused with both types named. */
TEST(refused_casts)
{
	static const char *const pairs[][2] = {
		{"DATE", "INT"},		   {"DATE", "VARCHAR(10)"},
		{"DATE", "TIME(3)"},	   {"TIME(3)", "DATE"},
		{"TIME(3)", "TIME(0)"},	   {"TIME(3)", "INT"},
		{"TIMESTAMP(3)", "FLOAT"}, {"TIMESTAMP(3)", "SMALLINT"},
		{"SMALLINT", "DATE"},	   {"SMALLINT", "TIMESTAMP(3)"},
		{"DOUBLE", "BOOLEAN"},	   {"DECIMAL(4, 2)", "BOOLEAN"},
		{"BYTES", "INT"},		   {"INT", "BYTES"},
		{"BOOLEAN", "DATE"},	   {"DOUBLE", "TIMESTAMP(3)"}};
	Bench bench;

	start(&bench);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		CHECK(set_types(&bench, pairs[i][0], pairs[i][1]) == PMN_UNSUPPORTED);
	CHECK(strstr(bench.env.base.error.message, "DOUBLE") != NULL);
	CHECK(strstr(bench.env.base.error.message, "TIMESTAMP(3)") != NULL);
	stop(&bench);
}

int
main(void)
{
	RUN(integers);
	RUN(decimals);
	RUN(floats);
	RUN(floats_to_decimals);
	RUN(texts_of_floats);
	RUN(texts);
	RUN(timestamps);
	RUN(local_time_zone);
	RUN(dates_and_times);
	RUN(refused_casts);
	TEST_END();
}
