/*
 * lsm_compact_pick_test.c
 *
 * The worked examples of Paimon's universal compaction, and rules that hold
 * for every pick.
 */
#include "../testing/testing.h"
#include "lsm_compact_pick.h"

#define RUNS_MAX 16

typedef struct Vector
{
	PmnPickRun runs[RUNS_MAX];
	uint32_t count;
	uint32_t taken;
	int32_t level;
} Vector;

static PmnPickOptions
defaults(void)
{
	PmnPickOptions options = {5, 6, 200, 1, false};

	return options;
}

static void
check_vectors(const Vector *vectors, size_t count,
			  const PmnPickOptions *options)
{
	for (size_t i = 0; i < count; i++)
	{
		const Vector *v = &vectors[i];
		PmnPick pick = pmn_compact_pick(v->runs, v->count, options);

		if (pick.run_count != v->taken ||
			(v->taken > 0 && pick.output_level != v->level))
			fprintf(stderr, "vector %zu: took %u to level %d\n", i,
					pick.run_count, pick.output_level);
		CHECK(pick.run_count == v->taken);
		CHECK(v->taken == 0 || pick.output_level == v->level);
	}
}

/* Goal: picks with default options are Paimon's. */
TEST(default_vectors)
{
	static const Vector vectors[] = {
		{{{0, 1}, {0, 1}, {0, 1}, {0, 1}}, 4, 0, 0},
		{{{0, 1}, {0, 1}, {0, 1}, {0, 1}, {0, 1}}, 5, 5, 5},
		{{{0, 1}, {0, 1}, {0, 1}, {0, 1}, {5, 100}}, 5, 4, 4},
		{{{0, 1}, {0, 2}, {0, 4}, {0, 8}, {5, 100}}, 5, 0, 0},
		{{{0, 1}, {0, 2}, {0, 4}, {0, 8}, {4, 20}, {5, 100}}, 6, 4, 3},
		{{{0, 10}, {0, 20}, {0, 40}, {0, 80}, {3, 160}, {5, 1000}}, 6, 4, 2},
		{{{0, 10}, {0, 20}, {0, 40}, {0, 80}, {1, 160}, {3, 400}, {5, 1000}},
		 7,
		 5,
		 2},
		{{{0, 60}, {1, 50}, {2, 60}, {3, 70}, {5, 1000}}, 5, 4, 4},
	};
	PmnPickOptions options = defaults();

	check_vectors(vectors, sizeof(vectors) / sizeof(vectors[0]), &options);
}

/* Goal: forced level-0 picks are Paimon's. */
TEST(forced_vectors)
{
	static const Vector vectors[] = {
		{{{0, 3}}, 1, 1, 5},
		{{{0, 1}, {5, 100}}, 2, 1, 4},
		{{{0, 1}, {0, 1}, {4, 50}, {5, 100}}, 4, 2, 3},
		{{{0, 1}, {2, 50}, {5, 500}}, 3, 1, 1},
		{{{0, 1}, {1, 50}, {5, 100}}, 3, 2, 4},
		{{{0, 1}, {1, 50}, {2, 40}, {5, 500}}, 4, 3, 4},
		{{{0, 200}, {5, 100}}, 2, 2, 5},
		{{{5, 100}}, 1, 0, 0},
	};
	PmnPickOptions options = defaults();

	options.force_up_level_0 = true;
	check_vectors(vectors, sizeof(vectors) / sizeof(vectors[0]), &options);
}

/* Goal: a full pick takes everything, but not a lone run that is down. */
TEST(full_picks)
{
	PmnPickRun runs[] = {{0, 1}, {5, 9}};
	PmnPickOptions options = defaults();
	PmnPick pick;

	pick = pmn_compact_pick_full(runs, 2, &options);
	CHECK(pick.run_count == 2 && pick.output_level == 5);
	pick = pmn_compact_pick_full(runs, 1, &options);
	CHECK(pick.run_count == 1 && pick.output_level == 5);
	pick = pmn_compact_pick_full(runs + 1, 1, &options);
	CHECK(pick.run_count == 0);
	pick = pmn_compact_pick_full(runs, 0, &options);
	CHECK(pick.run_count == 0);
}

/* Goal: no pick outputs level 0, overlaps a level left behind, or overflows
 * with absurd sizes. */
TEST(random_picks_keep_the_order)
{
	PmnTestEnv env;
	PmnPickOptions options = defaults();

	pmn_test_env_init(&env);
	for (int round = 0; round < 20000; round++)
	{
		PmnPickRun runs[RUNS_MAX];
		uint32_t count = 0;
		PmnPick pick;

		for (uint32_t n = pmn_test_below(&env, 8); n > 0; n--, count++)
		{
			runs[count].level = 0;
			runs[count].size_bytes =
				pmn_test_random(&env) >> pmn_test_below(&env, 63);
		}
		for (int32_t level = 1; level < 6; level++)
		{
			if (pmn_test_below(&env, 2) == 0)
				continue;
			runs[count].level = level;
			runs[count++].size_bytes =
				pmn_test_random(&env) >> pmn_test_below(&env, 63);
		}
		options.force_up_level_0 = pmn_test_below(&env, 2) == 0;
		pick = pmn_compact_pick(runs, count, &options);
		CHECK(pick.run_count <= count);
		if (pick.run_count == 0)
			continue;
		CHECK(pick.output_level > 0 && pick.output_level < 6);
		CHECK(pick.run_count == count ||
			  runs[pick.run_count].level > pick.output_level);
		CHECK(runs[pick.run_count - 1].level <= pick.output_level);
	}
}

int
main(void)
{
	RUN(default_vectors);
	RUN(forced_vectors);
	RUN(full_picks);
	RUN(random_picks_keep_the_order);
	TEST_END();
}
