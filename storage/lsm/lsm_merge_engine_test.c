/*
 * lsm_merge_engine_test.c
 *
 * Merge engines on small tables written as text: the worked examples of
 * format/data.md 13.4, every delete option, sequence groups, rows that outlive
 * their batches, and tables that need lookup.
 */
#include "lsm_engine_testing.h"

static PmnTestEnv env;
static char result[ENGINE_TEXT];

#define RUNS_MAX 16

/* One merge; expected NULL: it must fail with code. */
static void
check_merge(const char *columns, const char *options, const char *const *runs,
			uint32_t count, const char *fields, bool drop_deletes, PmnCode code,
			const char *expected)
{
	/* Batches of one row, of two, and all at once. */
	for (uint32_t batch_rows = 0; batch_rows < 3; batch_rows++)
	{
		EngineTable table;
		PmnCode got;

		pmn_test_env_init(&env);
		got = engine_init(&table, &env.base, columns, options);
		table.batch_rows = batch_rows;
		if (got == PMN_OK)
			got =
				engine_merge(&table, runs, count, fields, drop_deletes, result);
		engine_free(&table);
		if (got != code || (expected != NULL && strcmp(result, expected) != 0))
			fprintf(stderr, "%s\n  got %d %s (%s)\n  not %d %s\n", options,
					(int) got, result,
					got == PMN_OK ? "" : env.base.error.message, (int) code,
					expected == NULL ? "" : expected);
		CHECK(got == code);
		CHECK(expected == NULL || strcmp(result, expected) == 0);
		CHECK(env.live_bytes == 0);
	}
}

#define COUNT(...) (sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))
#define MERGES(columns, options, expected, ...)                                \
	check_merge(columns, options, (const char *[]){__VA_ARGS__},               \
				COUNT(__VA_ARGS__), NULL, false, PMN_OK, expected)
#define READS(columns, options, expected, ...)                                 \
	check_merge(columns, options, (const char *[]){__VA_ARGS__},               \
				COUNT(__VA_ARGS__), NULL, true, PMN_OK, expected)
#define FAILS(columns, options, code, ...)                                     \
	check_merge(columns, options, (const char *[]){__VA_ARGS__},               \
				COUNT(__VA_ARGS__), NULL, false, code, NULL)

static const char kab[] = "k INT; a INT; b STRING";

/* Goal: deduplicate and first-row, by the worked examples. */
TEST(engines_that_select)
{
	MERGES(kab, "", "-D 2: 1,9,9", "+I 1: 1,1,1", "-D 2: 1,9,9");
	MERGES(kab, "ignore-delete=true", "+I 1: 1,1,1", "+I 1: 1,1,1",
		   "-D 2: 1,9,9");
	MERGES(kab, "sequence.field=a; sequence.field.sort-order=descending",
		   "+I 1: 1,5,x", "+I 1: 1,5,x", "+I 2: 1,7,y");
	MERGES(kab, "sequence.field=a; sequence.field.sort-order=descending",
		   "+I 2: 1,7,y", "+I 1: 1,null,x", "+I 2: 1,7,y");
	MERGES(kab, "merge-engine=first-row", "+U 5: 1,1,x|+I 9: 2,3,z",
		   "+U 5: 1,1,x", "+I 6: 1,2,y|+I 9: 2,3,z");
	FAILS(kab, "merge-engine=first-row", PMN_UNSUPPORTED, "+I 5: 1,1,x",
		  "-D 6: 1,1,x");
	FAILS(kab, "merge-engine=first-row", PMN_UNSUPPORTED, "-U 5: 1,1,x",
		  "+I 6: 1,1,x");
	MERGES(kab, "merge-engine=first-row; ignore-delete=true", "+I 6: 1,2,y",
		   "-D 5: 1,1,x", "+I 6: 1,2,y", "+I 7: 1,3,z");
	MERGES(kab, "merge-engine=first-row; ignore-delete=true", "", "-D 5: 1,1,x",
		   "-U 6: 1,2,y");
	/* Alone it passes the engine by. */
	READS(kab, "merge-engine=first-row", "", "-D 5: 1,1,x", "");
}

#define PARTIAL "merge-engine=partial-update;"

/* Goal: partial-update without groups and its options for deletes. */
TEST(partial_update)
{
	static const char removes[] =
		PARTIAL "partial-update.remove-record-on-delete=true";

	MERGES(kab, PARTIAL, "+I 2: 1,1,2", "+I 1: 1,1,null", "+I 2: 1,null,2");
	MERGES(kab, PARTIAL, "+I 3: 1,7,z|+U 4: 2,1,null", "+U 1: 1,1,x",
		   "+I 2: 1,7,null|+U 4: 2,1,null", "+I 3: 1,null,z");
	MERGES(kab, removes, "-D 2: 1,5,null", "+I 1: 1,1,1", "-D 2: 1,5,null");
	READS(kab, removes, "", "+I 1: 1,1,1", "-D 2: 1,5,null");
	/* The values of the delete show through. */
	MERGES(kab, removes, "+I 3: 1,5,8", "+I 1: 1,1,1", "-D 2: 1,5,null",
		   "+I 3: 1,null,8");
	MERGES(kab, removes, "+I 2: 1,1,1", "+I 1: 1,1,1", "-U 2: 1,5,null");
	MERGES(kab, removes, "-D 2: 1,1,1", "-U 1: 1,1,1", "-U 2: 1,5,null");
	FAILS(kab, PARTIAL, PMN_UNSUPPORTED, "+I 1: 1,1,1", "-D 2: 1,5,null");
	FAILS(kab, PARTIAL, PMN_UNSUPPORTED, "-U 1: 1,1,1", "+I 2: 1,5,null");
	MERGES(kab, PARTIAL "ignore-delete=true", "+I 1: 1,1,1", "+I 1: 1,1,1",
		   "-D 2: 1,5,null");
	/* An ignored first row gives the fields their values all the same. */
	MERGES(kab, PARTIAL "ignore-delete=true", "+I 2: 1,4,y", "-D 1: 1,4,x",
		   "+I 2: 1,null,y");
	MERGES(kab, PARTIAL "ignore-delete=true", "-D 0: 1,4,x", "-D 1: 1,4,x",
		   "-U 2: 1,7,y");
	/* A null where there may be none is an error, as in Paimon. */
	FAILS("k INT; a INT NOT NULL; b STRING", PARTIAL, PMN_INVALID,
		  "+I 1: 1,1,1", "+I 2: 1,null,2");
}

#define GROUP PARTIAL "fields.a.sequence-group=b;"
#define TWO_GROUPS                                                             \
	PARTIAL "fields.g.sequence-group=a;fields.h,i.sequence-group=b,c;"

/* Goal: sequence groups, in and out of order, with several ordering columns
 * and deletes. */
TEST(sequence_groups)
{
	static const char wide[] =
		"k INT; a INT; g INT; b STRING; h INT; c INT; i INT; z INT";
	static const char removing[] =
		GROUP "partial-update.remove-record-on-sequence-group=a";

	MERGES(kab, GROUP, "+I 2: 1,2,x", "+I 1: 1,2,x", "+I 2: 1,1,y");
	MERGES(kab, GROUP, "+I 2: 1,3,null", "+I 1: 1,2,x", "+I 2: 1,3,null");
	MERGES(kab, GROUP, "+I 2: 1,2,x", "+I 1: 1,2,x", "+I 2: 1,null,y");
	MERGES(kab, GROUP, "+I 2: 1,2,y", "+I 1: 1,2,x", "+I 2: 1,2,y");
	MERGES(kab, GROUP, "+I 2: 1,3,null", "+I 1: 1,2,x", "-D 2: 1,3,z");
	MERGES(kab, GROUP, "+I 2: 1,2,x", "+I 1: 1,2,x", "-D 2: 1,1,z");
	READS(kab, GROUP, "", "-D 2: 1,3,z", "");
	MERGES(kab, GROUP, "-D 2: 1,3,null", "-D 1: 1,2,x", "-D 2: 1,3,z");
	MERGES(kab, GROUP, "+I 2: 1,3,null", "-D 1: 1,3,x", "+I 2: 1,2,z");
	MERGES(kab, GROUP, "+I 2: 1,5,z", "-D 1: 1,3,x", "+I 2: 1,5,z");
	MERGES(kab, removing, "-D 2: 1,3,z", "+I 1: 1,2,x", "-D 2: 1,3,z");
	MERGES(kab, removing, "+I 2: 1,2,x", "+I 1: 1,2,x", "-D 2: 1,1,z");
	MERGES(kab, removing, "+I 2: 1,3,null", "+I 1: 1,2,x", "-U 2: 1,3,z");
	MERGES(kab, removing, "+I 3: 1,4,null", "+I 1: 1,2,x", "-D 2: 1,3,z",
		   "+I 3: 1,4,null");
	/* Each group goes its own way; z is in none. */
	MERGES(wide, TWO_GROUPS, "+I 3: 1,8,5,y,2,7,1,6", "+I 1: 1,8,5,x,1,6,9,4",
		   "+I 2: 1,9,4,y,2,7,1,null", "+I 3: 1,3,null,w,2,3,0,6");
	MERGES(wide, TWO_GROUPS, "+I 2: 1,8,5,x,1,6,9,5", "+I 1: 1,8,5,x,1,6,9,4",
		   "+I 2: 1,0,null,w,null,3,null,5");
}

/* Goal: functions inside of groups, also for rows out of order. */
TEST(functions_in_groups)
{
	static const char columns[] = "k INT; g INT; a INT; b STRING";
#define FUNCTION(f)                                                            \
	PARTIAL "fields.g.sequence-group=a,b;fields.a.aggregate-function=sum;"     \
			"fields.b.aggregate-function=" f ";"

	MERGES(columns, FUNCTION("last_value"), "+I 3: 1,5,9,y", "+I 1: 1,2,3,x",
		   "+I 2: 1,5,2,y", "+I 3: 1,1,4,z");
	MERGES(columns, FUNCTION("last_non_null_value"), "+I 3: 1,5,9,z",
		   "+I 1: 1,2,3,null", "+I 2: 1,5,2,null", "+I 3: 1,1,4,z");
	MERGES(columns, FUNCTION("first_value"), "+I 3: 1,5,9,z", "+I 1: 1,2,3,x",
		   "+I 2: 1,5,2,y", "+I 3: 1,1,4,z");
	MERGES(columns, FUNCTION("first_non_null_value"), "+I 3: 1,6,9,x",
		   "+I 1: 1,2,3,null", "+I 2: 1,5,2,x", "+I 3: 1,6,4,z");
	MERGES(columns, FUNCTION("listagg"), "+I 3: 1,5,9,z,x,y", "+I 1: 1,2,3,x",
		   "+I 2: 1,5,2,y", "+I 3: 1,1,4,z");
	/* A first row that retracts is there, and is then taken back. */
	MERGES(columns, FUNCTION("last_value"), "+I 2: 1,2,4,y", "-D 1: 1,2,3,x",
		   "+I 2: 1,2,4,y");
	MERGES(columns, FUNCTION("last_value"), "+I 3: 1,5,1,null", "+I 1: 1,5,3,x",
		   "-D 3: 1,4,2,y");
	FAILS(columns, FUNCTION("max"), PMN_UNSUPPORTED, "+I 1: 1,5,3,x",
		  "-D 3: 1,4,2,y");
	MERGES(columns, FUNCTION("max") "fields.b.ignore-retract=true",
		   "+I 3: 1,5,1,x", "+I 1: 1,5,3,x", "-D 3: 1,4,2,y");
}

/* Goal: a read of some columns merges like a read of all: what orders a group
 * and what removes rows is read too. */
TEST(columns_that_merging_needs)
{
	static const char *const runs[] = {"+I 1: 1,2,x", "+I 2: 1,1,y"};
	static const char *const removed[] = {"+I 1: 1,2,x", "-D 2: 1,3,null"};

	check_merge(kab, GROUP, runs, 2, "b", false, PMN_OK, "+I 2: x");
	check_merge(kab, GROUP, runs, 2, "k", false, PMN_OK, "+I 2: 1");
	check_merge(kab, GROUP "partial-update.remove-record-on-sequence-group=a",
				removed, 2, "k", true, PMN_OK, "");
	check_merge(kab,
				"merge-engine=aggregation; sequence.field=a;"
				"fields.b.aggregate-function=first_value",
				runs, 2, "b", false, PMN_OK, "+I 1: y");
}

/* Goal: in tables that need lookup one row above level 0 stands for all. */
TEST(lookup_leaves_covered_rows_out)
{
	static const char sum[] = "merge-engine=aggregation;"
							  "fields.a.aggregate-function=sum;";
	static const char columns[] = "k INT; a INT";

	MERGES(columns, sum, "+I 9: 1,18", "L5|+I 7: 1,7", "L2|+I 8: 1,10",
		   "L0|+I 9: 1,1");
	MERGES(columns,
		   "merge-engine=aggregation;fields.a.aggregate-function=sum;"
		   "changelog-producer=lookup",
		   "+I 9: 1,11", "L5|+I 7: 1,7", "L2|+I 8: 1,10", "L0|+I 9: 1,1");
	MERGES(columns,
		   "merge-engine=aggregation;fields.a.aggregate-function=sum;"
		   "force-lookup=true",
		   "+I 8: 1,10|+I 3: 2,2", "L5|+I 7: 1,7|+I 3: 2,2", "L2|+I 8: 1,10");
	MERGES(columns, "force-lookup=true; sequence.field=a",
		   "+I 9: 1,5|-D 4: 2,2", "L5|+I 7: 1,10", "L2|+I 8: 1,3|+I 3: 2,1",
		   "L0|+I 9: 1,5|-D 4: 2,2");
	MERGES(columns, "force-lookup=true; ignore-delete=true", "+I 3: 2,1",
		   "L5|-D 7: 1,10", "L2|-U 8: 1,3|+I 3: 2,1", "L0|-D 9: 1,5|-D 4: 2,2");
}

/* Goal: a key with more rows than may be held is folded in parts, with the
 * same result. */
TEST(many_rows_of_one_key)
{
	static const char columns[] =
		"k INT; g INT; a BIGINT; b STRING; c INT; d INT";
	static const char options[] =
		PARTIAL "fields.g.sequence-group=a,b,d;fields.a.aggregate-function=sum;"
				"fields.b.aggregate-function=listagg;"
				"fields.d.aggregate-function=first_value";
	char *run = malloc(1 << 20);
	char expected[ENGINE_TEXT] = "+I 1: 1,0,0,a0,0,0|+I 1000: 2,999,499500,0";
	size_t size = 0;

	size += (size_t) snprintf(run, 64, "~+I 1: 1,0,0,a0,0,0");
	for (uint32_t i = 0; i < 1000; i++)
		size += (size_t) snprintf(run + size, 64, "|+I %u: 2,%u,%u,%u,%s,%u",
								  i + 1, i, i, i, i == 4 ? "77" : "null", i);
	size = strlen(expected);
	for (uint32_t i = 1; i < 1000; i++)
		size += (size_t) snprintf(expected + size, 16, ",%u", i);
	snprintf(expected + size, 64, ",77,0|-D 1: 3,1,null,null,1,null");
	snprintf(run + strlen(run), 64, "|-D 1: 3,1,null,null,1,null");
	MERGES(columns, options, expected, run);
	MERGES(columns, options, expected, run, "");
	free(run);
}

/* Goal: a failed allocation anywhere leaves nothing behind. */
TEST(survives_every_allocation_failure)
{
	static const char *const runs[] = {
		"+I 1: 1,2,3,x|+I 2: 2,1,1,y", "+I 3: 1,5,2,y|-D 4: 2,2,1,z",
		"~+I 5: 1,1,4,z|+I 6: 1,7,1,w|+I 7: 3,1,1,w"};
	PmnCode code = PMN_NO_MEMORY;

	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		EngineTable table;

		pmn_test_env_fail_at(&env, step);
		code = engine_init(&table, &env.base, "k INT; g INT; a INT; b STRING",
						   PARTIAL "fields.g.sequence-group=a,b;"
								   "fields.a.aggregate-function=sum;"
								   "fields.b.aggregate-function=listagg;"
								   "fields.b.ignore-retract=true");
		table.batch_rows = 1;
		if (code == PMN_OK)
			code = engine_merge(&table, runs, 3, NULL, false, result);
		engine_free(&table);
		CHECK(env.live_bytes == 0);
	}
	CHECK(code == PMN_OK);
}

int
main(void)
{
	RUN(engines_that_select);
	RUN(partial_update);
	RUN(sequence_groups);
	RUN(functions_in_groups);
	RUN(columns_that_merging_needs);
	RUN(lookup_leaves_covered_rows_out);
	RUN(many_rows_of_one_key);
	RUN(survives_every_allocation_failure);
	TEST_END();
}
