/*
 * lsm_loser_tree.c
 *
 * The tree is an array: inner nodes 1 .. k - 1, node n's children are 2n and
 * 2n + 1, and stream i is leaf k + i. This shape has exactly two children at
 * every inner node for every k, so no padding streams are needed. Each inner
 * node keeps the stream that lost there; slot 0 keeps the overall winner.
 *
 * The runner-up lost against the winner, hence stands on the winner's way
 * from its leaf to the root: finding it costs log2 k comparisons too.
 */
#include "lsm_loser_tree.h"

#define NO_STREAM UINT32_MAX

/* Ties go to the lower stream, so that results do not depend on the shape. */
static bool
comes_before(const PmnLoserTree *tree, uint32_t a, uint32_t b)
{
	int order = tree->compare(tree->context, a, b);

	return order < 0 || (order == 0 && a < b);
}

/* Let stream climb from its leaf; it (or who beats it) ends on top. */
static void
climb(PmnLoserTree *tree, uint32_t stream)
{
	uint32_t winner = stream;

	for (uint32_t node = (tree->stream_count + stream) / 2; node > 0; node /= 2)
	{
		uint32_t rival = tree->losers[node];

		if (rival == NO_STREAM)
		{
			/* Building: wait here for the winner of the other half. */
			tree->losers[node] = winner;
			return;
		}
		if (comes_before(tree, rival, winner))
		{
			tree->losers[node] = winner;
			winner = rival;
		}
	}
	tree->losers[0] = winner;
}

PmnCode
pmn_loser_tree_init(PmnLoserTree *tree, PmnArena *arena, uint32_t stream_count,
					PmnLoserCompare compare, void *context)
{
	PMN_ASSERT(stream_count > 0);
	tree->stream_count = stream_count;
	tree->compare = compare;
	tree->context = context;
	tree->losers =
		pmn_arena_alloc(arena, (size_t) stream_count * sizeof(uint32_t));
	return tree->losers == NULL ? PMN_NO_MEMORY : PMN_OK;
}

void
pmn_loser_tree_build(PmnLoserTree *tree)
{
	for (uint32_t i = 0; i < tree->stream_count; i++)
		tree->losers[i] = NO_STREAM;
	for (uint32_t i = tree->stream_count; i > 0; i--)
		climb(tree, i - 1);
	PMN_ASSERT(tree->losers[0] < tree->stream_count);
}

uint32_t
pmn_loser_tree_winner(const PmnLoserTree *tree)
{
	return tree->losers[0];
}

void
pmn_loser_tree_replay(PmnLoserTree *tree)
{
	climb(tree, tree->losers[0]);
}

uint32_t
pmn_loser_tree_second(const PmnLoserTree *tree)
{
	uint32_t second = tree->stream_count;
	uint32_t winner = tree->losers[0];

	for (uint32_t node = (tree->stream_count + winner) / 2; node > 0; node /= 2)
	{
		uint32_t rival = tree->losers[node];

		if (second == tree->stream_count || comes_before(tree, rival, second))
			second = rival;
	}
	return second;
}
