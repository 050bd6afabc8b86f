/*
 * lsm_loser_tree_test.c
 *
 * The tree against a plain search of the smallest head.
 */
#include "../testing/testing.h"
#include "lsm_loser_tree.h"

#define STREAMS_MAX 33
#define LENGTH_MAX 50

typedef struct Streams
{
	uint32_t values[STREAMS_MAX][LENGTH_MAX];
	uint32_t length[STREAMS_MAX];
	uint32_t position[STREAMS_MAX];
	uint32_t count;
} Streams;

static int
compare_heads(void *context, uint32_t a, uint32_t b)
{
	const Streams *s = context;
	bool a_ends = s->position[a] == s->length[a];
	bool b_ends = s->position[b] == s->length[b];
	uint32_t x;
	uint32_t y;

	if (a_ends || b_ends)
		return (int) a_ends - (int) b_ends;
	x = s->values[a][s->position[a]];
	y = s->values[b][s->position[b]];
	return x < y ? -1 : x > y;
}

/* Smallest head among all streams but skip; count when there is none. */
static uint32_t
naive_first(Streams *s, uint32_t skip)
{
	uint32_t best = s->count;

	for (uint32_t i = 0; i < s->count; i++)
	{
		if (i == skip)
			continue;
		if (best == s->count || compare_heads(s, i, best) < 0)
			best = i;
	}
	return best;
}

static void
fill(PmnTestEnv *env, Streams *s, uint32_t count)
{
	s->count = count;
	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t value = 0;

		s->position[i] = 0;
		s->length[i] = pmn_test_below(env, LENGTH_MAX + 1);
		for (uint32_t j = 0; j < s->length[i]; j++)
		{
			value += pmn_test_below(env, 4);
			s->values[i][j] = value;
		}
	}
}

/* Goal: winner and runner-up are those of a naive search, at every step, for
 * every number of streams. */
TEST(agrees_with_a_naive_merge)
{
	PmnTestEnv env;
	Streams *s = malloc(sizeof(*s));

	pmn_test_env_init(&env);
	for (uint32_t count = 1; count <= STREAMS_MAX; count++)
	{
		PmnArena *arena;
		PmnLoserTree tree;

		CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
		fill(&env, s, count);
		CHECK_OK(&env,
				 pmn_loser_tree_init(&tree, arena, count, compare_heads, s));
		pmn_loser_tree_build(&tree);
		for (;;)
		{
			uint32_t winner = pmn_loser_tree_winner(&tree);

			CHECK(winner == naive_first(s, UINT32_MAX));
			CHECK(pmn_loser_tree_second(&tree) == naive_first(s, winner));
			if (s->position[winner] == s->length[winner])
				break;
			s->position[winner]++;
			pmn_loser_tree_replay(&tree);
		}
		pmn_arena_destroy(arena);
	}
	CHECK(env.live_bytes == 0);
	free(s);
}

int
main(void)
{
	RUN(agrees_with_a_naive_merge);
	TEST_END();
}
