/*
 * pmn_predicate.h
 *
 * A filter as a tree. Leaves compare one column with literals by Paimon's
 * order (text by bytes, NaN greatest, -0.0 below +0.0). A comparison with a
 * null row is not true. The tree is a hint as well as a filter: it prunes
 * files and row groups and drops rows of batches, exactly.
 */
#ifndef PMN_PREDICATE_H
#define PMN_PREDICATE_H

#include "pmn_batch.h"

#ifdef __cplusplus
extern "C"
{
#endif

	typedef enum PmnPredicateOp
	{
		PMN_PREDICATE_AND, /* children */
		PMN_PREDICATE_OR,  /* children */
		PMN_PREDICATE_EQ,  /* leaves: one literal, never null */
		PMN_PREDICATE_NE,
		PMN_PREDICATE_LT,
		PMN_PREDICATE_LE,
		PMN_PREDICATE_GT,
		PMN_PREDICATE_GE,
		PMN_PREDICATE_IN,	   /* one or more literals, none null */
		PMN_PREDICATE_IS_NULL, /* no literal */
		PMN_PREDICATE_NOT_NULL,
		PMN_PREDICATE_STARTS_WITH /* BYTES only, one literal */
	} PmnPredicateOp;

	typedef struct PmnPredicate PmnPredicate;

	struct PmnPredicate
	{
		PmnPredicateOp op;
		int32_t field; /* leaves: position in the table schema's fields */
		const PmnValue *literals;
		uint32_t literal_count;
		const PmnPredicate *const *children; /* AND, OR */
		uint32_t child_count;
	};

#ifdef __cplusplus
}
#endif
#endif /* PMN_PREDICATE_H */
