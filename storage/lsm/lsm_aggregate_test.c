/*
 * lsm_aggregate_test.c
 *
 * Aggregate functions one by one, through the aggregation engine (and
 * partial-update for rows out of order), on tables written as text; then all
 * functions of numbers against a model that takes one row at a time.
 */
#include "lsm_engine_testing.h"

#include "lsm_aggregate_decimal.h"

static PmnTestEnv env;
static char result[ENGINE_TEXT];

/* Column v of type, by function and more options ("!name=value" each), of
 * rows "+I 1: 1,v". */
static void
check_function(const char *type, const char *function, const char *more,
			   const char *const *runs, uint32_t count, PmnCode code,
			   const char *expected)
{
	EngineTable table;
	char columns[256];
	char options[512];
	PmnCode got;

	pmn_test_env_init(&env);
	snprintf(columns, sizeof(columns), "k INT; v %s", type);
	snprintf(options, sizeof(options),
			 "merge-engine=aggregation;fields.v.aggregate-function=%s;%s",
			 function, more);
	got = engine_init(&table, &env.base, columns, options);
	table.batch_rows = 1;
	if (got == PMN_OK)
		got = engine_merge(&table, runs, count, NULL, false, result);
	engine_free(&table);
	if (got != code || (code == PMN_OK && strcmp(result, expected) != 0))
		fprintf(stderr, "%s(%s) %s\n  got %d %s (%s)\n  not %d %s\n", function,
				type, more, (int) got, result,
				got == PMN_OK ? "" : env.base.error.message, (int) code,
				expected);
	CHECK(got == code);
	CHECK(code != PMN_OK || strcmp(result, expected) == 0);
	CHECK(env.live_bytes == 0);
}

#define COUNT(...) (sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))
#define GIVES(type, function, more, expected, ...)                             \
	check_function(type, function, more, (const char *[]){__VA_ARGS__},        \
				   COUNT(__VA_ARGS__), PMN_OK, expected)
#define FAILS(type, function, more, code, ...)                                 \
	check_function(type, function, more, (const char *[]){__VA_ARGS__},        \
				   COUNT(__VA_ARGS__), code, "")

/* Goal: the worked examples of aggregation. */
TEST(worked_examples)
{
	GIVES("INT", "sum", "", "+I 3: 1,2", "+I 1: 1,1", "+I 2: 1,2", "-D 3: 1,1");
	GIVES("INT", "sum", "", "-D 1: 1,4", "-D 1: 1,4", "");
	GIVES("INT", "last_value", "", "+I 2: 1,null", "+I 1: 1,5", "-D 2: 1,5");
	GIVES("INT", "last_non_null_value", "", "+I 2: 1,5", "+I 1: 1,5",
		  "-D 2: 1,null");
	GIVES("INT", "last_non_null_value", "", "+I 2: 1,null", "+I 1: 1,5",
		  "-U 2: 1,7");
	GIVES("INT", "sum", "aggregation.remove-record-on-delete=true", "-D 2: 1,7",
		  "+I 1: 1,5", "-D 2: 1,7");
	GIVES("INT", "sum", "aggregation.remove-record-on-delete=true", "+I 3: 1,9",
		  "+I 1: 1,5", "-D 2: 1,7", "+I 3: 1,2");
	GIVES("INT", "sum", "fields.v.ignore-retract=true", "+I 2: 1,5",
		  "+I 1: 1,5", "-D 2: 1,7");
	GIVES("INT", "first_value", "", "+I 2: 1,null", "+I 1: 1,null",
		  "+I 2: 1,7");
	GIVES("INT", "first_not_null_value", "", "+I 3: 1,7", "+I 1: 1,null",
		  "+I 2: 1,7", "+I 3: 1,8");
}

/* Goal: sums and products of every kind of number, to their limits. */
TEST(sum_and_product)
{
	GIVES("TINYINT", "sum", "", "+I 2: 1,127", "+I 1: 1,100", "+I 2: 1,27");
	FAILS("TINYINT", "sum", "", PMN_OUT_OF_RANGE, "+I 1: 1,100", "+I 2: 1,28");
	FAILS("SMALLINT", "sum", "", PMN_OUT_OF_RANGE, "+I 1: 1,-32768",
		  "-D 2: 1,1");
	FAILS("INT", "sum", "", PMN_OUT_OF_RANGE, "+I 1: 1,2147483647",
		  "+I 2: 1,1");
	FAILS("BIGINT", "sum", "", PMN_OUT_OF_RANGE, "+I 1: 1,9223372036854775807",
		  "+I 2: 1,1");
	GIVES("BIGINT", "sum", "", "+I 3: 1,5", "+I 1: 1,null", "+I 2: 1,5",
		  "+I 3: 1,null");
	GIVES("BIGINT", "sum", "", "+I 2: 1,-8", "-D 1: 1,null", "-U 2: 1,8");
	GIVES("DOUBLE", "sum", "", "+I 2: 1,1.75", "+I 1: 1,1.5", "+I 2: 1,0.25");
	GIVES("FLOAT", "sum", "", "+I 2: 1,1.25", "+I 1: 1,1.5", "-D 2: 1,0.25");
	/* Up to 18 digits only 64 bits count. */
	GIVES("DECIMAL(3,1)", "sum", "", "+I 2: 1,1998", "+I 1: 1,999",
		  "+I 2: 1,999");
	GIVES("DECIMAL(20,1)", "sum", "", "+I 2: 1,null",
		  "+I 1: 1,99999999999999999999", "+I 2: 1,1");
	GIVES("DECIMAL(20,1)", "sum", "", "+I 2: 1,-4", "+I 1: 1,1", "-D 2: 1,5");
	GIVES("INT", "product", "", "+I 3: 1,10", "+I 1: 1,4", "+I 2: 1,5",
		  "-D 3: 1,2");
	GIVES("INT", "product", "", "+I 3: 1,null", "-D 1: 1,4", "-D 3: 1,2");
	FAILS("INT", "product", "", PMN_OUT_OF_RANGE, "+I 1: 1,65536",
		  "+I 2: 1,65536");
	FAILS("INT", "product", "", PMN_OUT_OF_RANGE, "+I 1: 1,6", "-D 2: 1,0");
	FAILS("BIGINT", "product", "", PMN_OUT_OF_RANGE,
		  "+I 1: 1,-9223372036854775808", "-D 2: 1,-1");
	/* 1.5 * 1.5 = 2.25, half up. */
	GIVES("DECIMAL(5,1)", "product", "", "+I 2: 1,23", "+I 1: 1,15",
		  "+I 2: 1,15");
	GIVES("DECIMAL(5,1)", "product", "", "+I 2: 1,-23", "+I 1: 1,-15",
		  "+I 2: 1,15");
	GIVES("DECIMAL(2,1)", "product", "", "+I 2: 1,null", "+I 1: 1,50",
		  "+I 2: 1,50");
	GIVES("DECIMAL(5,1)", "product", "", "+I 2: 1,8", "+I 1: 1,15",
		  "-D 2: 1,20");
	FAILS("DECIMAL(5,1)", "product", "", PMN_OUT_OF_RANGE, "+I 1: 1,10",
		  "-D 2: 1,30");
	GIVES("DOUBLE", "product", "", "+I 2: 1,3", "+I 1: 1,1.5", "+I 2: 1,2");
}

/* Goal: products and quotients of up to 76 digits. */
TEST(wide_decimals)
{
	PmnInt128 big = pmn_decimal_power(38) - 1;
	PmnInt128 out = 7;

	CHECK(pmn_decimal_multiply(big, 10, 38, 1, &out) == PMN_DECIMAL_FINE);
	CHECK(out == big);
	CHECK(pmn_decimal_multiply(big, 11, 38, 1, &out) == PMN_DECIMAL_TOO_LONG);
	CHECK(pmn_decimal_multiply(big, big, 38, 38, &out) == PMN_DECIMAL_FINE);
	CHECK(out == big - 1);
	CHECK(pmn_decimal_multiply(-big, big, 38, 0, &out) == PMN_DECIMAL_TOO_LONG);
	CHECK(pmn_decimal_divide(big, big, 38, 37, &out) == PMN_DECIMAL_FINE);
	CHECK(out == pmn_decimal_power(37));
	CHECK(pmn_decimal_divide(1, (PmnInt128) 1 << 100, 38, 10, &out) ==
		  PMN_DECIMAL_FINE);
	CHECK(out == 0);
	CHECK(pmn_decimal_divide(-1, 2, 38, 0, &out) == PMN_DECIMAL_FINE);
	CHECK(out == -1);
	CHECK(pmn_decimal_divide(5, 0, 38, 0, &out) == PMN_DECIMAL_BY_ZERO);
	CHECK(pmn_decimal_divide(2, 7, 38, 3, &out) == PMN_DECIMAL_ENDLESS);
	for (int64_t a = -40; a <= 40; a++)
	{
		for (int64_t b = -40; b <= 40; b++)
		{
			int64_t twice = (a < 0 ? -a : a) * (b < 0 ? -b : b) * 2 / 100;
			int64_t wanted = (twice + 1) / 2;

			CHECK(pmn_decimal_multiply(a, b, 10, 2, &out) == PMN_DECIMAL_FINE);
			CHECK(out == ((a < 0) != (b < 0) ? -wanted : wanted));
		}
	}
}

/* Goal: the order of each kind of value, and boolean functions. */
TEST(max_min_and_booleans)
{
	GIVES("STRING", "max", "", "+I 3: 1,b", "+I 1: 1,aa", "+I 2: 1,b",
		  "+I 3: 1,null");
	GIVES("STRING", "min", "", "+I 3: 1,a", "+I 1: 1,b", "+I 2: 1,a",
		  "+I 3: 1,aa");
	GIVES("DOUBLE", "max", "", "+I 3: 1,nan", "+I 1: 1,nan", "+I 2: 1,inf",
		  "+I 3: 1,null");
	GIVES("DOUBLE", "min", "", "+I 2: 1,-0", "+I 1: 1,0", "+I 2: 1,-0");
	GIVES("FLOAT", "min", "", "+I 2: 1,-2", "+I 1: 1,-2", "+I 2: 1,3");
	GIVES("DECIMAL(30,2)", "max", "", "+I 2: 1,5", "+I 1: 1,-7", "+I 2: 1,5");
	GIVES("TIMESTAMP(9)", "min", "", "+I 2: 1,-7", "+I 1: 1,-7", "+I 2: 1,5");
	GIVES("BOOLEAN", "max", "", "+I 2: 1,1", "+I 1: 1,1", "+I 2: 1,0");
	GIVES("BIGINT", "min", "", "+I 2: 1,-1", "+I 1: 1,-1", "+I 2: 1,0");
	GIVES("INT", "max", "", "+I 2: 1,0", "+I 1: 1,-1", "+I 2: 1,0");
	GIVES("BOOLEAN", "bool_and", "", "+I 2: 1,0", "+I 1: 1,0", "+I 2: 1,1");
	GIVES("BOOLEAN", "bool_or", "", "+I 2: 1,1", "+I 1: 1,0", "+I 2: 1,1");
	GIVES("BOOLEAN", "bool_or", "", "+I 2: 1,0", "+I 1: 1,null", "+I 2: 1,0");
	FAILS("INT", "max", "", PMN_UNSUPPORTED, "+I 1: 1,1", "-D 2: 1,0");
	FAILS("BOOLEAN", "bool_and", "", PMN_UNSUPPORTED, "+I 1: 1,1", "-D 2: 1,0");
}

/* Goal: listagg, its delimiters and blanks. */
TEST(listagg)
{
	static const char distinct[] = "fields.v.distinct=true;"
								   "fields.v.list-agg-delimiter=/";

	check_function(
		"STRING", "listagg", "fields.v.list-agg-delimiter=--",
		(const char *[]){"+I 1: 1,a", "+I 2: 1,b", "+I 3: 1,null", "+I 4: 1,c"},
		4, PMN_OK, "+I 4: 1,a--b--c");
	GIVES("STRING", "listagg", "fields.v.list-agg-delimiter=/", "+I 3: 1,b",
		  "+I 1: 1,\xE2\x80\x89", "+I 2: 1,b", "+I 3: 1,\t");
	GIVES("STRING", "listagg", "fields.v.list-agg-delimiter=/",
		  "+I 2: 1,\xC2\xA0/b", "+I 1: 1,\xC2\xA0", "+I 2: 1,b");
	GIVES("STRING", "listagg", distinct, "+I 3: 1,a/a/b/c/d", "+I 1: 1,a/a/b",
		  "+I 2: 1,b/c//c", "+I 3: 1,a/d/");
	GIVES("STRING", "listagg",
		  "fields.v.distinct=true;"
		  "fields.v.list-agg-delimiter=",
		  "+I 2: 1,a bc", "+I 1: 1,a b", "+I 2: 1,b c");
	FAILS("STRING", "listagg", "", PMN_UNSUPPORTED, "+I 1: 1,a", "-D 2: 1,a");
	FAILS("VARCHAR(9)", "listagg", "", PMN_INVALID, "+I 1: 1,a", "");
}

/* Goal: arrays as bags and sets. */
TEST(collect)
{
	static const char distinct[] = "fields.v.distinct=true";

	GIVES("ARRAY<INT>", "collect", "", "+I 3: 1,[1;2;2;null;1]",
		  "+I 1: 1,[1;2]", "+I 2: 1,null", "+I 3: 1,[2;null;1]");
	GIVES("ARRAY<INT>", "collect", "", "+I 3: 1,[2;3]", "+I 1: 1,[1;2;1]",
		  "+I 2: 1,[3]", "-D 3: 1,[1;1;1;7]");
	GIVES("ARRAY<INT>", "collect", "", "+I 2: 1,null", "-D 1: 1,[1]",
		  "-U 2: 1,[3]");
	GIVES("ARRAY<INT>", "collect", "", "+I 2: 1,[1]", "+I 1: 1,[1]",
		  "-U 2: 1,null");
	GIVES("ARRAY<STRING>", "collect", distinct, "+I 2: 1,[a;b;null;c]",
		  "+I 1: 1,[a;b;a;null]", "+I 2: 1,[b;c;null;c]");
	GIVES("ARRAY<STRING>", "collect", distinct, "+I 2: 1,[a;b]", "+I 1: 1,null",
		  "+I 2: 1,[a;b;a]");
	GIVES("ARRAY<ROW<a INT, b STRING>>", "collect", distinct,
		  "+I 2: 1,[(1;x);(1;null)]", "+I 1: 1,[(1;x);(1;x)]",
		  "+I 2: 1,[(1;null);(1;x)]");
	FAILS("INT", "collect", "", PMN_INVALID, "+I 1: 1,1", "");
}

/* Goal: maps key by key, and with times. */
TEST(maps)
{
	static const char timed[] = "MAP<INT, ROW<x INT, t STRING>>";

	GIVES("MAP<INT, STRING>", "merge_map", "", "+I 3: 1,{1=a;2=null;3=d}",
		  "+I 1: 1,{1=a;2=b}", "+I 2: 1,null", "+I 3: 1,{2=null;3=d}");
	GIVES("MAP<STRING, INT>", "merge_map", "", "+I 2: 1,{a=1}",
		  "+I 1: 1,{a=1;b=2}", "-D 2: 1,{b=7;c=1}");
	GIVES("MAP<STRING, INT>", "merge_map", "", "+I 2: 1,null",
		  "-D 1: 1,{a=1;b=2}", "-D 2: 1,{b=7;c=1}");
	GIVES(timed, "merge_map_with_keytime", "",
		  "+I 2: 1,{1=(1;5);2=(9;6);4=(4;1)}",
		  "+I 1: 1,{1=(1;5);2=(2;5);3=(3;5);4=(4;1)}",
		  "+I 2: 1,{1=(8;5);2=(9;6);3=null;4=(5;null);5=null}");
	GIVES(timed, "merge_map_with_keytime", "fields.v.ts-field=t",
		  "+I 2: 1,{2=(2;7);1=(1;3)}", "+I 1: 1,{2=(1;null)}",
		  "+I 2: 1,{2=(2;7);1=(1;3)}");
	FAILS(timed, "merge_map_with_keytime", "fields.v.ts-field=q", PMN_INVALID,
		  "+I 1: 1,null", "");
	FAILS(timed, "merge_map_with_keytime", "fields.v.ts-field=x",
		  PMN_UNSUPPORTED, "+I 1: 1,null", "");
	FAILS(timed, "merge_map_with_keytime", "", PMN_UNSUPPORTED, "+I 1: 1,null",
		  "-D 2: 1,null");
}

#define NESTED "ARRAY<ROW<a INT, b STRING, s INT>>"
#define KEYED "fields.v.nested-key=a;"

/* Goal: nested tables with and without key, limits, sequence and nulls. */
TEST(nested_tables)
{
	GIVES(NESTED, "nested_update", "", "+I 2: 1,[(1;x;1);(1;x;1);(2;y;1)]",
		  "+I 1: 1,[(1;x;1);null]", "+I 2: 1,[(1;x;1);(2;y;1)]");
	GIVES(NESTED, "nested_update", "fields.v.count-limit=2",
		  "+I 2: 1,[(1;x;1);(2;y;1)]", "+I 1: 1,[(1;x;1)]",
		  "+I 2: 1,[(2;y;1);(3;z;1)]");
	GIVES(NESTED, "nested_update", "", "+I 2: 1,[(2;y;1)]",
		  "+I 1: 1,[(1;x;1);(2;y;1);(1;x;1)]", "-D 2: 1,[(1;x;1);(2;z;1)]");
	GIVES(NESTED, "nested_update", KEYED, "+I 2: 1,[(1;z;1);(2;y;1)]",
		  "+I 1: 1,[(1;x;1);(2;y;1)]", "+I 2: 1,[(1;z;1)]");
	GIVES(NESTED, "nested_update", KEYED, "+I 2: 1,[(2;y;1)]",
		  "+I 1: 1,[(1;x;1);(2;y;1)]", "-U 2: 1,[(1;z;1);(7;z;1)]");
	GIVES(NESTED, "nested_update", KEYED "fields.v.count-limit=1",
		  "+I 2: 1,[(1;z;1)]", "+I 1: 1,[(1;x;1)]",
		  "+I 2: 1,[(3;y;1);(1;z;1)]");
	GIVES(NESTED, "nested_update", KEYED "fields.v.nested-sequence-field=s",
		  "+I 2: 1,[(1;x;5);(2;w;null);(3;q;4)]",
		  "+I 1: 1,[(1;x;5);(2;y;null);(3;z;4)]",
		  "+I 2: 1,[(1;z;4);(2;w;null);(3;q;4)]");
	GIVES(NESTED, "nested_update",
		  KEYED "fields.v.nested-key-null-strategy="
				"ignore",
		  "+I 2: 1,[(1;x;5)]", "+I 1: 1,[(1;x;5);(null;y;1)]",
		  "+I 2: 1,[(null;z;4)]");
	GIVES(NESTED, "nested_update", KEYED, "+I 2: 1,[(null;z;4)]",
		  "+I 1: 1,[(null;y;1)]", "+I 2: 1,[(null;z;4)]");
	FAILS(NESTED, "nested_update",
		  KEYED "fields.v.nested-key-null-strategy=error", PMN_INVALID,
		  "+I 1: 1,[(1;y;1)]", "+I 2: 1,[(null;z;4)]");
	FAILS(NESTED, "nested_update", "fields.v.nested-sequence-field=s",
		  PMN_INVALID, "+I 1: 1,null", "");
	FAILS(NESTED, "nested_update", "fields.v.nested-key=q", PMN_INVALID,
		  "+I 1: 1,null", "");
	FAILS(NESTED, "nested_partial_update", "", PMN_INVALID, "+I 1: 1,null", "");
	GIVES(NESTED, "nested_partial_update", "fields.v.nested-key=a, s",
		  "+I 2: 1,[(1;z;1);(2;y;1);(1;q;2)]",
		  "+I 1: 1,[(1;x;1);(2;y;1);(1;q;2)]", "+I 2: 1,[(1;z;1);(2;null;1)]");
}

/* Goal: functions we do not have are refused by name. */
TEST(unknown_functions)
{
	FAILS("BYTES", "hll_sketch", "", PMN_UNSUPPORTED, "+I 1: 1,x", "");
	CHECK(strstr(env.base.error.message, "\"hll_sketch\"") != NULL);
	FAILS("BYTES", "theta_sketch", "", PMN_UNSUPPORTED, "+I 1: 1,x", "");
	FAILS("STRING", "rbm32", "", PMN_INVALID, "+I 1: 1,x", "");
	FAILS("BYTES", "rbm64", "", PMN_UNSUPPORTED, "+I 1: 1,x", "");
	FAILS("INT", "bool_and", "", PMN_INVALID, "+I 1: 1,1", "");
	FAILS("STRING", "sum", "", PMN_INVALID, "+I 1: 1,1", "");
	FAILS("ARRAY<INT>", "max", "", PMN_INVALID, "+I 1: 1,null", "");
}

int
main(void)
{
	RUN(worked_examples);
	RUN(sum_and_product);
	RUN(wide_decimals);
	RUN(max_min_and_booleans);
	RUN(listagg);
	RUN(collect);
	RUN(maps);
	RUN(nested_tables);
	RUN(unknown_functions);
	TEST_END();
}
