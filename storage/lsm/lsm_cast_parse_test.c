/*
 * lsm_cast_parse_test.c
 *
 * Casts from text: what each type takes, what it makes of it, and that the
 * rest is refused by name. The expected values are Paimon's.
 */
#include <math.h>

#include "lsm_cast_testing.h"

/* What a text became. */
#define REFUSED INT64_MIN
#define IS_NULL (INT64_MIN + 1)

typedef struct TextCase
{
	const char *text;
	int64_t expected;
} TextCase;

static PmnCode
parse(Bench *bench, const char *to, const char *text)
{
	CHECK_OK(&bench->env, set_types(bench, "STRING", to));
	((PmnBytes *) bench->src_values)[0] = pmn_bytes_string(text);
	return run(bench, 1);
}

/* TS96 as nanoseconds. */
static int64_t
parse_int64(Bench *bench, const char *to, const char *text)
{
	const PmnTimestamp *time = (const PmnTimestamp *) bench->dst_values;
	PmnCode code = parse(bench, to, text);

	if (code != PMN_OK)
	{
		CHECK(code == PMN_OUT_OF_RANGE);
		return REFUSED;
	}
	if (bench->dst_nulls[0])
		return IS_NULL;
	if (bench->dst.kind == PMN_VECTOR_BOOL)
		return ((uint8_t *) bench->dst_values)[0];
	if (bench->dst.kind == PMN_VECTOR_I32)
		return ((int32_t *) bench->dst_values)[0];
	if (bench->dst.kind == PMN_VECTOR_DEC128)
		return (int64_t) bench->dst_values[0];
	if (bench->dst.kind == PMN_VECTOR_TS96)
		return time->millis * 1000000 + time->nano;
	return ((int64_t *) bench->dst_values)[0];
}

static void
check_cases(const char *to, const TextCase *cases, size_t count)
{
	Bench bench;

	start(&bench);
	for (size_t i = 0; i < count; i++)
	{
		int64_t value = parse_int64(&bench, to, cases[i].text);

		if (value != cases[i].expected)
			printf("\"%s\" as %s is %" PRId64 ", not %" PRId64 "\n",
				   cases[i].text, to, value, cases[i].expected);
		CHECK(value == cases[i].expected);
	}
	stop(&bench);
}

#define CHECK_CASES(to, cases)                                                 \
	check_cases(to, cases, sizeof(cases) / sizeof((cases)[0]))

/* Goal: the ten words in any case, and nothing else. */
TEST(booleans)
{
	static const TextCase cases[] = {
		{"t", 1},		 {"TRUE", 1},	  {"y", 1},			{"yEs", 1},
		{"1", 1},		 {"F", 0},		  {"false", 0},		{"N", 0},
		{"no", 0},		 {"0", 0},		  {"", REFUSED},	{" true", REFUSED},
		{"11", REFUSED}, {"on", REFUSED}, {"\x14", REFUSED}};

	CHECK_CASES("BOOLEAN", cases);
}

/* Goal: fractions are dropped; blanks and numbers that don't fit refused. */
TEST(integers)
{
	static const TextCase bytes[] = {
		{"127", 127},	  {"-128", -128},	{"+5", 5},
		{"-12.9", -12},	  {"128", REFUSED}, {"-129", REFUSED},
		{".", 0},		  {"-.", 0},		{"7.", 7},
		{"", REFUSED},	  {"-", REFUSED},	{"+", REFUSED},
		{" 1", REFUSED},  {"1.x", REFUSED}, {"1.2.3", REFUSED},
		{"1e2", REFUSED}, {"--1", REFUSED}, {"0x1", REFUSED}};
	static const TextCase shorts[] = {{"32767", 32767}, {"-32769", REFUSED}};
	static const TextCase ints[] = {{"2147483647", INT32_MAX},
									{"-2147483648", INT32_MIN},
									{"2147483648", REFUSED},
									{"00000000000000000000012", 12}};
	static const TextCase longs[] = {{"9223372036854775807", INT64_MAX},
									 {"-9223372036854775807.99", -INT64_MAX},
									 {"9223372036854775808", REFUSED},
									 {"99999999999999999999999", REFUSED}};
	Bench bench;

	CHECK_CASES("TINYINT", bytes);
	CHECK_CASES("SMALLINT", shorts);
	CHECK_CASES("INT", ints);
	CHECK_CASES("BIGINT", longs);
	start(&bench);
	CHECK_OK(&bench.env, parse(&bench, "BIGINT", "-9223372036854775808"));
	CHECK(((int64_t *) bench.dst_values)[0] == INT64_MIN);
	stop(&bench);
}

static double
parse_double(Bench *bench, const char *text)
{
	CHECK_OK(&bench->env, parse(bench, "DOUBLE", text));
	return ((double *) bench->dst_values)[0];
}

/* Goal: what Double.parseDouble takes, correctly rounded in either width. */
TEST(floats)
{
	static const char *const wrong[] = {
		"",	   "  ",	".",   "e5",	  "1e",	   "1e+",  "nan",	  "inf",
		"1_0", "1.2.3", "0x1", "0x",	  "0x.p1", "0x1p", "1ff",	  "NaNf",
		"- 1", "+-1",	"1 2", "Infinit", "1,5",   "1l",   "\xc3\xa9"};
	Bench bench;

	start(&bench);
	CHECK(parse_double(&bench, " -1.5e3 ") == -1500);
	CHECK(parse_double(&bench, "\t+.5d\n") == 0.5);
	CHECK(parse_double(&bench, "5.F") == 5);
	CHECK(parse_double(&bench, "0.1") == 0.1);
	CHECK(parse_double(&bench, "123456789012345678901234567890e-30") ==
		  0.12345678901234568);
	CHECK(parse_double(&bench, "4.9e-324") == 4.9e-324);
	CHECK(parse_double(&bench, "1e400") == INFINITY);
	CHECK(parse_double(&bench, "-1e99999999999999999999") == -INFINITY);
	CHECK(parse_double(&bench, "1e-99999999999999999999") == 0);
	CHECK(parse_double(&bench, "0e99999999999999999999") == 0);
	CHECK(signbit(parse_double(&bench, "-0")) != 0);
	CHECK(parse_double(&bench, "-Infinity") == -INFINITY);
	CHECK(isnan(parse_double(&bench, "-NaN")));
	CHECK(parse_double(&bench, "0x1.8p1") == 3);
	CHECK(parse_double(&bench, "-0X.1P4f") == -1);
	CHECK(parse_double(&bench, "0x1.p-1") == 0.5);
	CHECK_OK(&bench.env, parse(&bench, "FLOAT", "0.1"));
	CHECK(((float *) bench.dst_values)[0] == 0.1f);
	/* Through double it would round to 1. */
	CHECK_OK(&bench.env, parse(&bench, "FLOAT", "1.00000005960464478"));
	CHECK(((float *) bench.dst_values)[0] == 1.00000012f);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		CHECK(parse(&bench, "DOUBLE", wrong[i]) == PMN_OUT_OF_RANGE);
		CHECK(parse(&bench, "FLOAT", wrong[i]) == PMN_OUT_OF_RANGE);
	}
	stop(&bench);
}

/* Goal: rounded half up from all digits; null when too long. */
TEST(decimals)
{
	static const TextCase narrow[] = {{"2.31", 231},
									  {"-1.005", -101},
									  {"1.0049999999", 100},
									  {"+.5", 50},
									  {"5.", 500},
									  {"1e2", 10000},
									  {"12345e-4", 123},
									  {"9999.99", 999999},
									  {"9999.995", IS_NULL},
									  {"10000", IS_NULL},
									  {"0.005", 1},
									  {"0.0049", 0},
									  {"-0", 0},
									  {"0e9999999999", REFUSED},
									  {"0e999", 0},
									  {"1e-999", 0},
									  {"1e999", IS_NULL},
									  {"1e2147483649", REFUSED},
									  {"1e2147483647", REFUSED},
									  {"1e-2147483648", REFUSED},
									  {"1e00000000000001", 1000},
									  {"", REFUSED},
									  {".", REFUSED},
									  {"e1", REFUSED},
									  {"1e", REFUSED},
									  {" 1", REFUSED},
									  {"1 ", REFUSED},
									  {"1f", REFUSED},
									  {"NaN", REFUSED},
									  {"1.2.3", REFUSED},
									  {"--1", REFUSED},
									  {"\xd9\xa1", REFUSED}};
	Bench bench;
	PmnInt128 nines = 0;

	CHECK_CASES("DECIMAL(6, 2)", narrow);
	start(&bench);
	for (int i = 0; i < 38; i++)
		nines = nines * 10 + 9;
	CHECK_OK(&bench.env, parse(&bench, "DECIMAL(38, 38)",
							   "-0.99999999999999999999999999999999999999499"));
	CHECK(bench.dst_values[0] == -nines);
	CHECK(parse_int64(&bench, "DECIMAL(38, 38)",
					  "0.999999999999999999999999999999999999995") == IS_NULL);
	CHECK(parse_int64(&bench, "DECIMAL(38, 0)",
					  "100000000000000000000000000000000000000") == IS_NULL);
	stop(&bench);
}

/* Goal: years alone, blanks around parts, and days as a number. */
TEST(dates)
{
	static const TextCase cases[] = {{"1970-01-01", 0},
									 {"2024-02-29", 19782},
									 {"0000-03-01", -719468},
									 {"0000-01-01", -719528},
									 {"9999-12-31", 2932896},
									 {"1900-3-1", -25508},
									 {"1970-02", 31},
									 {" 1971", 365},
									 {"1971 ", 365},
									 {"1970-01-02 23:59:59", 1},
									 {"1970-01-02 rest", 1},
									 {"\t1970\t-\t1-2", 1},
									 {"1971", 1971},
									 {"-5", -5},
									 {"2147483648", REFUSED},
									 {"2023-02-29", REFUSED},
									 {"1900-02-29", REFUSED},
									 {"2024-04-31", REFUSED},
									 {"2024-13-01", REFUSED},
									 {"2024-00-01", REFUSED},
									 {"2024-01-00", REFUSED},
									 {"10000-01-01", REFUSED},
									 {"2024-01-01T00:00", REFUSED},
									 {"2024-01-01-01", REFUSED},
									 {"-1-1-1", REFUSED},
									 {"--", REFUSED},
									 {"", REFUSED},
									 {" ", REFUSED},
									 {"2024/01/01", REFUSED},
									 {"99999999999-01-01", REFUSED}};

	CHECK_CASES("DATE", cases);
}

/* Goal: milliseconds rounded, offsets added; never more than a day. */
TEST(times)
{
	static const TextCase cases[] = {{"12:34:56.789", 45296789},
									 {"9:5", 32700000},
									 {"10 ", 36000000},
									 {" 7 : 8 : 9 ", 25689000},
									 {"00:00:00.1235", 124},
									 {"00:00:00.12x5", 121},
									 {"00:00:00.", 0},
									 {"23:59:59.9995", REFUSED},
									 {"10:00:00+01:30", 41400000},
									 {"10:00:00-1", 32400000},
									 {"10-1", 32400000},
									 {"36000000", 36000000},
									 {"86399999", 86399999},
									 {"86400000", REFUSED},
									 {"-1", REFUSED},
									 {"24:00:00", REFUSED},
									 {"00:00:00-1", REFUSED},
									 {"99:00", REFUSED},
									 {"10+08:00", REFUSED},
									 {"10:05+08:00", REFUSED},
									 {"10:00:00+", REFUSED},
									 {"10:00:00Z", REFUSED},
									 {"1:2:3:4", REFUSED},
									 {":", REFUSED},
									 {"", REFUSED},
									 {"10:00:00+1.5", REFUSED},
									 {"99999999999:00", REFUSED}};

	CHECK_CASES("TIME(3)", cases);
}

/* Goal: each optional part of the pattern, and its oddities. */
TEST(timestamps)
{
	static const TextCase cases[] = {
		{"1970-01-01 00:00:01.5", 1500},
		{"1970-1-2", 86400000},
		{"1969-12-31 23:59:59.999999999", -1},
		{"1970-01-01T01:02", 3720000},
		{"1970-01-01T01:02:03.04", 3723040},
		{"1970-01-01 24:00:00", 86400000},
		{"1970-01- 24:00:00", 0},
		{"1970-02-31 00:00:00", INT64_C(5011200000)},
		{"1970--", 0},
		{"1970-02-", INT64_C(2678400000)},
		{"1970-01-01 10::05", 36005000},
		{"1970-01-01 ::.25", 250},
		{"1970-011-01", 0},
		{"1970-01-01 00:00:01.", 1000},
		{"1970-01-01 00:00:01T00:00:01", 1000},
		{"+10000-01-01", INT64_C(253402300800000)},
		{"1500", 1500},
		{"-1500", -1500},
		{"1970-01-01 10:00", REFUSED},
		{"1970-01-01 24:00:01", REFUSED},
		{"1970-01-01 23:59:60", REFUSED},
		{"1970-01", REFUSED},
		{"1970-13-01", REFUSED},
		{"1970-00-01", REFUSED},
		{"1970-01-32", REFUSED},
		{"1970-012-01", REFUSED},
		{"1970--5", REFUSED},
		{"0000-01-01", REFUSED},
		{"-1970-01-01", REFUSED},
		{"10000-01-01", REFUSED},
		{"+1970-01-01", REFUSED},
		{"+999999999-01-01", REFUSED},
		{"970-01-01", REFUSED},
		{" 1970-01-01", REFUSED},
		{"1970-01-01 ", REFUSED},
		{"1970-01-01 00:00:01Z", REFUSED},
		{"1970-01-01 00:00:00.1234567890", REFUSED},
		{"", REFUSED}};
	Bench bench;

	CHECK_CASES("TIMESTAMP(3)", cases);
	start(&bench);
	CHECK(parse_int64(&bench, "TIMESTAMP(9)",
					  "1970-01-01 00:00:00.123456789") == 123456789);
	CHECK(parse_int64(&bench, "TIMESTAMP(8)",
					  "1970-01-01 00:00:00.123456789") == 123456780);
	CHECK(parse_int64(&bench, "TIMESTAMP(6)", "1969-12-31 23:59:59.9999999") ==
		  -1);
	CHECK(parse_int64(&bench, "TIMESTAMP(0)", "1970-01-01 00:00:01.9") == 1000);
	stop(&bench);
}

/* Goal: a number counts units of the precision, where Paimon has a rule; and
 * nothing with a time zone. */
TEST(timestamps_of_numbers)
{
	Bench bench;

	start(&bench);
	CHECK(parse_int64(&bench, "TIMESTAMP(0)", "-2") == -2000);
	CHECK(parse_int64(&bench, "TIMESTAMP(6)", "-1500") == -1500);
	CHECK(parse_int64(&bench, "TIMESTAMP(9)", "-1") == -1);
	CHECK(parse_int64(&bench, "TIMESTAMP(4)", "1") == REFUSED);
	CHECK(parse_int64(&bench, "TIMESTAMP(6)", "9223372036854775808") ==
		  REFUSED);
	CHECK(parse_int64(&bench, "TIMESTAMP(3) WITH LOCAL TIME ZONE", "1500") ==
		  REFUSED);
	CHECK(parse_int64(&bench, "TIMESTAMP(3) WITH LOCAL TIME ZONE",
					  "1970-01-01 01:00:00") == 3600000);
	stop(&bench);
}

/* Goal: nulls are not parsed, whatever their bytes are. */
TEST(nulls)
{
	static const char *const types[] = {
		"BOOLEAN",		  "INT",		 "BIGINT",	"FLOAT",
		"DOUBLE",		  "DATE",		 "TIME(3)", "DECIMAL(6, 2)",
		"DECIMAL(38, 2)", "TIMESTAMP(9)"};
	Bench bench;

	start(&bench);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		CHECK_OK(&bench.env, set_types(&bench, "CHAR(4)", types[i]));
		bench.src_nulls[0] = 1;
		((PmnBytes *) bench.src_values)[0] = pmn_bytes_string("wrong");
		CHECK_OK(&bench.env, run(&bench, 1));
		CHECK(bench.dst_nulls[0] == 1);
	}
	stop(&bench);
}

/* Goal: the message has the text, made harmless and cut, and the type. */
TEST(messages)
{
	Bench bench;
	const char *message = bench.env.base.error.message;

	start(&bench);
	CHECK(parse(&bench, "INT", "ab\x01\xff") == PMN_OUT_OF_RANGE);
	CHECK(strstr(message, "\"ab\\x01\\xff\" cannot be read as INT") != NULL);
	CHECK(parse(&bench, "DATE",
				"12345678901234567890123456789012345678901234567890") ==
		  PMN_OUT_OF_RANGE);
	CHECK(strstr(message, "1234567890\"... cannot") != NULL);
	stop(&bench);
}

/* The steps of start, set_types and run that allocate. */
static PmnCode
cast_with_failure(Bench *bench, const char *const *pair)
{
	PMN_TRY(pmn_arena_create(&bench->env.base, 0, &bench->arena));
	PMN_TRY(set_types(bench, pair[0], pair[1]));
	if (strcmp(pair[0], "STRING") == 0)
		((PmnBytes *) bench->src_values)[0] = pmn_bytes_string("1.5");
	return run(bench, 1);
}

/* Goal: a failed allocation anywhere leaves nothing behind. */
TEST(survives_every_allocation_failure)
{
	static const char *const pairs[][2] = {
		{"STRING", "DOUBLE"}, {"DOUBLE", "DECIMAL(6, 2)"}, {"INT", "STRING"}};

	for (size_t i = 0; i < 3; i++)
	{
		PmnCode code = PMN_NO_MEMORY;

		for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
		{
			Bench bench;

			memset(&bench, 0, sizeof(bench));
			pmn_test_env_fail_at(&bench.env, step);
			code = cast_with_failure(&bench, pairs[i]);
			CHECK(code == PMN_OK || code == PMN_NO_MEMORY);
			stop(&bench);
		}
		CHECK(code == PMN_OK);
	}
}

int
main(void)
{
	RUN(booleans);
	RUN(integers);
	RUN(floats);
	RUN(decimals);
	RUN(dates);
	RUN(times);
	RUN(timestamps);
	RUN(timestamps_of_numbers);
	RUN(nulls);
	RUN(messages);
	RUN(survives_every_allocation_failure);
	TEST_END();
}
