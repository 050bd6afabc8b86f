/*
 * lsm_loser_tree.h
 *
 * A tournament tree over k streams that keeps, at each inner node, the loser
 * of the match there: replacing the winner costs log2 k comparisons.
 */
#ifndef LSM_LOSER_TREE_H
#define LSM_LOSER_TREE_H

#include "../base/base_arena.h"

/* < 0 when stream a's current row comes before b's; exhausted streams come
 * last. */
typedef int (*PmnLoserCompare)(void *context, uint32_t a, uint32_t b);

typedef struct PmnLoserTree
{
	uint32_t stream_count;
	uint32_t *losers; /* losers[0] is the winner */
	PmnLoserCompare compare;
	void *context;
} PmnLoserTree;

PMN_CHECKED PmnCode pmn_loser_tree_init(PmnLoserTree *tree, PmnArena *arena,
										uint32_t stream_count,
										PmnLoserCompare compare, void *context);
void pmn_loser_tree_build(PmnLoserTree *tree);
uint32_t pmn_loser_tree_winner(const PmnLoserTree *tree);
/* The winner's stream moved on: play its matches again. */
void pmn_loser_tree_replay(PmnLoserTree *tree);
/* The stream that would win without the winner; stream_count when alone. */
uint32_t pmn_loser_tree_second(const PmnLoserTree *tree);

#endif /* LSM_LOSER_TREE_H */
