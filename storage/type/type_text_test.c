/*
 * type_text_test.c
 *
 * Values as text: what partition directories are called.
 */
#include <stdlib.h>

#include "type_random.h"

static void
check_text(const PmnType *type, PmnValue value, const char *expected)
{
	PmnTestEnv env;
	PmnBuffer text;

	pmn_test_env_init(&env);
	pmn_buffer_init(&text, &env.base);
	CHECK_OK(&env, pmn_value_append_text(&text, type, &value));
	CHECK_OK(&env, pmn_buffer_byte(&text, 0));
	if (strcmp((const char *) text.data, expected) != 0)
		fprintf(stderr, "\"%s\" is not \"%s\"\n", (const char *) text.data,
				expected);
	CHECK(strcmp((const char *) text.data, expected) == 0);
	pmn_buffer_free(&text);
}

static void
check_int(PmnTypeKind kind, int32_t precision, int32_t scale, int64_t number,
		  const char *expected)
{
	PmnType type = {.kind = kind, .precision = precision, .scale = scale};
	PmnValue value = {.as.i64 = number};

	check_text(&type, value, expected);
}

static void
check_double(double number, const char *expected)
{
	PmnType type = {.kind = PMN_TYPE_DOUBLE};
	PmnValue value = {.as.f64 = number};

	check_text(&type, value, expected);
}

static void
check_float(float number, const char *expected)
{
	PmnType type = {.kind = PMN_TYPE_FLOAT};
	PmnValue value = {.as.f64 = (double) number};

	check_text(&type, value, expected);
}

/* Goal: doubles look as Double.toString of JDK 19 prints them. */
TEST(doubles)
{
	check_double(0.0, "0.0");
	check_double(-0.0, "-0.0");
	check_double(1.0, "1.0");
	check_double(-0.25, "-0.25");
	check_double(100.0, "100.0");
	check_double(0.001, "0.001");
	check_double(0.00099, "9.9E-4");
	check_double(1e-5, "1.0E-5");
	check_double(9999999.0, "9999999.0");
	check_double(1e7, "1.0E7");
	check_double(1e10, "1.0E10");
	check_double(1e20, "1.0E20");
	check_double(12345678.9, "1.23456789E7");
	check_double(1234567.125, "1234567.125");
	check_double(0.1 + 0.2, "0.30000000000000004");
	check_double(2e23, "2.0E23");
	check_double(4.9e-324, "4.9E-324");
	check_double(DBL_MIN, "2.2250738585072014E-308");
	check_double(DBL_MAX, "1.7976931348623157E308");
	check_double(9007199254740992.0, "9.007199254740992E15");
	check_double(1.0 / 3, "0.3333333333333333");
	check_double(5.684341886080802E-14, "5.684341886080802E-14");
	check_double(NAN, "NaN");
	check_double(INFINITY, "Infinity");
	check_double(-INFINITY, "-Infinity");
}

/* Goal: the same for Float.toString. */
TEST(floats)
{
	check_float(1.5f, "1.5");
	check_float(0.1f, "0.1");
	check_float(1e10f, "1.0E10");
	check_float(3.4028235e38f, "3.4028235E38");
	check_float(1.4e-45f, "1.4E-45");
	check_float(16777216.0f, "1.6777216E7");
	check_float(1.17549435e-38f, "1.1754944E-38");
	check_float(33554432.0f, "3.3554432E7");
	check_float(-123.456f, "-123.456");
}

/* Goal: every double reads back as itself. */
TEST(doubles_read_back)
{
	PmnTestEnv env;
	PmnBuffer text;
	PmnType type = {.kind = PMN_TYPE_DOUBLE};

	pmn_test_env_init(&env);
	pmn_buffer_init(&text, &env.base);
	for (int i = 0; i < 20000; i++)
	{
		PmnValue value = {.as.f64 = random_real(&env, false)};

		if (isnan(value.as.f64) || isinf(value.as.f64))
			continue;
		pmn_buffer_reset(&text);
		CHECK_OK(&env, pmn_value_append_text(&text, &type, &value));
		CHECK_OK(&env, pmn_buffer_byte(&text, 0));
		CHECK(strtod((const char *) text.data, NULL) == value.as.f64);
	}
	pmn_buffer_free(&text);
}

/* Goal: decimals are plain, with all of their scale. */
TEST(decimals)
{
	PmnType wide = {.kind = PMN_TYPE_DECIMAL, .precision = 38, .scale = 38};
	PmnValue value = {0};

	check_int(PMN_TYPE_DECIMAL, 10, 2, 12345, "123.45");
	check_int(PMN_TYPE_DECIMAL, 10, 2, -5, "-0.05");
	check_int(PMN_TYPE_DECIMAL, 10, 2, 0, "0.00");
	check_int(PMN_TYPE_DECIMAL, 10, 0, 0, "0");
	check_int(PMN_TYPE_DECIMAL, 10, 0, -100, "-100");
	check_int(PMN_TYPE_DECIMAL, 18, 18, 1, "0.000000000000000001");
	value.as.dec128 = -1;
	check_text(&wide, value, "-0.00000000000000000000000000000000000001");
	value.as.dec128 = (PmnInt128) 9999999999999999999u * 10000000000000000000u +
					  9999999999999999999u;
	wide.scale = 0;
	check_text(&wide, value, "99999999999999999999999999999999999999");
}

/* Goal: dates of the proleptic calendar, far and before year 1 too. */
TEST(dates)
{
	check_int(PMN_TYPE_DATE, 0, 0, 0, "1970-01-01");
	check_int(PMN_TYPE_DATE, 0, 0, 19782, "2024-02-29");
	check_int(PMN_TYPE_DATE, 0, 0, -1, "1969-12-31");
	check_int(PMN_TYPE_DATE, 0, 0, -719162, "0001-01-01");
	check_int(PMN_TYPE_DATE, 0, 0, -719528, "0000-01-01");
	check_int(PMN_TYPE_DATE, 0, 0, -719529, "-0001-12-31");
	check_int(PMN_TYPE_DATE, 0, 0, 2932896, "9999-12-31");
	check_int(PMN_TYPE_DATE, 0, 0, 2932897, "10000-01-01");
	check_int(PMN_TYPE_DATE, 0, 0, INT32_MAX, "5881580-07-11");
	check_int(PMN_TYPE_DATE, 0, 0, INT32_MIN, "-5877641-06-23");
}

/* Goal: times end at their last digit, timestamps keep their precision. */
TEST(times)
{
	PmnType nine = {.kind = PMN_TYPE_TIMESTAMP, .precision = 9};
	PmnValue value = {.as.ts96 = {-1, 999999}};

	check_int(PMN_TYPE_TIME, 0, 0, 45296789, "12:34:56");
	check_int(PMN_TYPE_TIME, 3, 0, 45296789, "12:34:56.789");
	check_int(PMN_TYPE_TIME, 2, 0, 45296789, "12:34:56.78");
	check_int(PMN_TYPE_TIME, 3, 0, 45296700, "12:34:56.7");
	check_int(PMN_TYPE_TIME, 3, 0, 0, "00:00:00.0");
	check_int(PMN_TYPE_TIMESTAMP, 0, 0, 0, "1970-01-01 00:00:00");
	check_int(PMN_TYPE_TIMESTAMP, 3, 0, 100, "1970-01-01 00:00:00.100");
	check_int(PMN_TYPE_TIMESTAMP, 3, 0, -1, "1969-12-31 23:59:59.999");
	check_int(PMN_TYPE_TIMESTAMP, 6, 0, -1, "1969-12-31 23:59:59.999999");
	check_int(PMN_TYPE_TIMESTAMP, 4, 0, 1700000000123400,
			  "2023-11-14 22:13:20.1234");
	check_int(PMN_TYPE_TIMESTAMP_LTZ, 6, 0, 1700000000000000,
			  "2023-11-14 22:13:20.000000");
	check_int(PMN_TYPE_TIMESTAMP, 3, 0, INT64_MIN,
			  "-292275055-05-16 16:47:04.192");
	check_int(PMN_TYPE_TIMESTAMP, 6, 0, INT64_MIN,
			  "-290308-12-21 19:59:05.224192");
	check_text(&nine, value, "1969-12-31 23:59:59.999999999");
}

/* Goal: the rest, nulls, and types that have no text. */
TEST(others)
{
	PmnTestEnv env;
	PmnBuffer text;
	PmnType type = {.kind = PMN_TYPE_VARCHAR, .length = 10};
	PmnValue value = {.as.bytes = pmn_bytes_string("a b")};

	pmn_test_env_init(&env);
	pmn_buffer_init(&text, &env.base);
	check_text(&type, value, "a b");
	value.is_null = true;
	check_text(&type, value, "null");
	check_int(PMN_TYPE_BOOLEAN, 0, 0, 1, "true");
	check_int(PMN_TYPE_BOOLEAN, 0, 0, 0, "false");
	check_int(PMN_TYPE_TINYINT, 0, 0, -128, "-128");
	check_int(PMN_TYPE_BIGINT, 0, 0, INT64_MIN, "-9223372036854775808");
	value.is_null = false;
	type.kind = PMN_TYPE_VARIANT;
	CHECK(pmn_value_append_text(&text, &type, &value) == PMN_UNSUPPORTED);
	pmn_buffer_free(&text);
}

int
main(void)
{
	RUN(doubles);
	RUN(floats);
	RUN(doubles_read_back);
	RUN(decimals);
	RUN(dates);
	RUN(times);
	RUN(others);
	TEST_END();
}
